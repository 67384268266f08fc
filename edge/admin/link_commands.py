"""`edge links` and `edge link close | retry`, as people see them. Called by `edge.admin.cli`."""

import argparse
from typing import Any, TextIO

from edge.admin.client import Client
from edge.admin.shown import ago, as_json, count, printable, table

GOOD, FINDING = 0, 1

HEADER = ("PARTNER", "PROTO", "DIR", "FOR", "PEER", "TLS", "AUTH", "SINCE", "MSG/S", "QUEUE", "LAST")


def links_command(client: Client, chosen: argparse.Namespace, out: TextIO) -> int:
    """`edge links [PARTNER]`: a finding if a way is down for a reason."""
    answer = client.get("links", partner=chosen.partner or "")
    rows = answer["links"]
    lines = as_json(answer) if chosen.json else [printable(line) for line in links_lines(rows, answer["more"])]
    out.write("\n".join(lines) + "\n")
    return FINDING if any(row["code"] for row in rows) else GOOD


def link_command(client: Client, chosen: argparse.Namespace, out: TextIO) -> int:
    """`edge link close | retry PARTNER`: a finding if there was nothing to do it to."""
    answer = client.post(f"links/{chosen.what}", partner=chosen.partner)
    good = bool(answer["closed"] if chosen.what == "close" else answer["dialled"] or answer["up"])
    said = _closed(answer) if chosen.what == "close" else _retried(answer)
    out.write("\n".join(as_json(answer) if chosen.json else [printable(said)]) + "\n")
    return GOOD if good else FINDING


def links_lines(rows: list[dict[str, Any]], more: int) -> list[str]:
    """The table, or a sentence where there is nothing to show."""
    if not rows:
        return ["There are no links."]
    lines = table(HEADER, [_cells(row) for row in rows])
    return [*lines, f"and {more} more: name a partner"] if more else lines


def last(row: dict[str, Any]) -> str:
    """How it is: what is wrong, and when it is tried again."""
    if row["state"] == "half-open":
        return "waiting for auth"
    if not row["code"]:
        return "ok" if row["state"] == "up" else str(row["state"])
    pause = row["next_dial_seconds"]
    if row["state"] == "connecting":
        then = "trying now"
    elif pause is None:
        then = "next try when it is needed"
    else:
        then = f"next try in {ago(pause)}"
    return f"{row['code'].removeprefix('EDGE-')} {row['text']}, {then}"


# -- private ---------------------------------------------------------------------------------------------------------


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    tls = " ".join(filter(None, (row["tls_version"].removeprefix("TLSv"), row["cipher"].removeprefix("TLS_"))))
    since = "-" if row["seconds"] is None else ago(row["seconds"])
    if row["failing_seconds"] is not None:
        since = f"down {ago(row['failing_seconds'])}"
    queue = str(row["queue"]) if not row["queue"] else f"{row['queue']}/{row['limit']}"
    pace = "" if row["in_per_second"] is None else f"{_rate(row['in_per_second'])}/{_rate(row['out_per_second'])}"
    partner = row["partner"] or ("(half-open)" if row["state"] == "half-open" else "-")
    cells = (
        partner, row["protocol"], row["direction"], row["for"], row["peer"], tls, row["auth"], since, pace, queue,
        last(row),
    )
    return tuple(cell or "-" for cell in cells)


def _rate(number: float) -> str:
    return f"{number:.0f}" if number >= 10 or not number else f"{max(number, 0.1):.1f}"


def _closed(answer: dict[str, Any]) -> str:
    if not answer["closed"]:
        return f"{answer['partner']}: there is no link to close."
    return f"{answer['partner']}: {count(answer['closed'], 'link')} closed. Another is made when it is needed."


def _retried(answer: dict[str, Any]) -> str:
    name = answer["partner"]
    if answer["dialled"]:
        return f"{name}: dialling {count(answer['dialled'], 'link')} now. See `edge links {name}`."
    if answer["up"]:
        return f"{name}: {count(answer['up'], 'link')} up, so there is nothing to dial."
    return f"{name}: nothing was dialled. See `edge links {name}`."
