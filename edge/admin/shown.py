"""How the command `edge` shows what it knows: tables and plain lines, the same width for every terminal.

Used by the commands (`edge.admin.cli` and those beside it).
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

IN_FORCE, CHANGED, RESTART, BROKEN = "in force", "changed", "restart", "broken"  # how our files stand to what runs


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows under their header, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [header, *rows]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def as_json(answer: Mapping[str, object]) -> list[str]:
    """For programs."""
    return [json.dumps(answer, indent=2, ensure_ascii=False)]


def ago(seconds: float) -> str:
    """A span of time in two units at most: "41 s", "2 h 10 min", "6 d 4 h"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def stamp(when: float) -> str:
    """A moment as people and programs read it, in UTC."""
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def count(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def printable(text: str) -> str:
    """``text`` with nothing in it that a terminal would obey: names come from peers."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
