"""`edge subs`, `edge sub refresh | end` and `edge explain`, as people see them. Called by `edge.admin.cli`."""

import argparse
from typing import Any, TextIO

from edge.admin.client import Client
from edge.admin.shown import ago, as_json, count, printable, table

GOOD, FINDING = 0, 1

HEADER = ("WATCHER", "", "WATCHED", "SIP (dialog)", "XMPP", "STATE", "EXPIRES", "LAST PRESENCE")


def subs_command(client: Client, chosen: argparse.Namespace, out: TextIO) -> int:
    """`edge subs [USER] [PARTNER]`: a finding if a half is missing."""
    answer = client.get("subs", user=chosen.user or "", partner=chosen.partner or "")
    halves = [half for pair in answer["pairs"] for half in pair["halves"]]
    lines = as_json(answer) if chosen.json else [printable(line) for line in subs_lines(halves, answer["more"])]
    out.write("\n".join(lines) + "\n")
    return FINDING if any(half["code"] for half in halves) else GOOD


def sub_command(client: Client, chosen: argparse.Namespace, out: TextIO) -> int:
    """`edge sub refresh | end USER [PARTNER]`"""
    answer = client.post(f"subs/{chosen.what}", user=chosen.user, partner=chosen.partner or "")
    done = "asked for anew" if chosen.what == "refresh" else "ended"
    said = f"{answer['user']}: {count(answer['pairs'], 'pair')} {done}. See `edge subs {answer['user']}`."
    out.write("\n".join(as_json(answer) if chosen.json else [printable(said)]) + "\n")
    return GOOD


def explain_command(client: Client, chosen: argparse.Namespace, out: TextIO) -> int:
    """`edge explain A [B]`: a finding if something does not pass."""
    answer = client.get("explain", **{"from": chosen.one, "to": chosen.other or ""})
    alone = "ways" not in answer
    lines = alone_lines(answer) if alone else explain_lines(answer)
    out.write("\n".join(as_json(answer) if chosen.json else map(printable, lines)) + "\n")
    if alone:
        return FINDING if answer["code"] else GOOD
    return FINDING if any(way["messages"] or way["presence"] for way in answer["ways"]) else GOOD


def subs_lines(halves: list[dict[str, Any]], more: int) -> list[str]:
    """Two lines for each pair."""
    if not halves:
        return ["There are no such subscriptions."]
    lines = table(HEADER, [_cells(half) for half in halves])
    return [*lines, f"and {count(more, 'more pair')}: name a user or a partner"] if more else lines


def explain_lines(answer: dict[str, Any]) -> list[str]:
    """Each way rule by rule, then what the users have allowed."""
    lines: list[str] = []
    for way in answer["ways"]:
        lines.append(f"{way['from']} -> {way['to']}")
        for step in way["steps"]:
            refused = f"  {step['code']}" if step["code"] else ""
            lines.append(f"  {step['rule']:9} {step['text']}{refused}")
        for kind in ("messages", "presence"):
            lines.append(f"  {kind:9} {'refused: ' + way[kind] if way[kind] else 'may pass'}")
    pair = answer["pair"]
    if pair is not None:
        lines.append(f"authorization between the two: {pair['authorization'].replace('_', ' ')}")
        if pair["halves"]:
            lines += table(HEADER, [_cells(half) for half in pair["halves"]])
    return lines


def alone_lines(answer: dict[str, Any]) -> list[str]:
    """Whose a domain is."""
    code = f"  {answer['code']}" if answer["code"] else ""
    lines = [f"{answer['domain']} {answer['text']}{code}"]
    if answer["system"]:
        more = f", and {answer['more']} more" if answer["more"] else ""
        lines.append(f"It may talk with: {', '.join(answer['talks_with']) or 'nobody'}{more}")
    return lines


# -- private ---------------------------------------------------------------------------------------------------------


def _cells(half: dict[str, Any]) -> tuple[str, ...]:
    expires = "-" if half["expires_seconds"] is None else f"in {ago(half['expires_seconds'])}"
    age = "" if half["age_seconds"] is None else f", {ago(half['age_seconds'])} ago"
    presence = f"{half['presence']}{age}" if half["presence"] else "-"
    if half["code"]:
        presence = f"{half['code'].removeprefix('EDGE-')} {half['text']}"
    return (
        half["watcher"], "->", half["watched"], half["sip"], half["xmpp"], half["state"], expires, presence,
    )
