"""`edge reload`, `edge status`, `edge audit` and `edge code`, as people see them."""

import argparse
import re
from datetime import UTC, datetime
from time import time
from typing import Any, TextIO

from edge.admin import cures
from edge.admin.client import Client
from edge.admin.shown import BROKEN, CHANGED, RESTART, ago, as_json, count, printable, table
from edge.codes import Code

GOOD, FINDING, UNUSABLE = 0, 1, 2
SPAN = re.compile(r"([0-9]{1,6})([smhd])")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def reload_command(client: Client, chosen: argparse.Namespace, out: TextIO) -> int:
    """`edge reload [--dry-run]`: what changes, or why nothing does."""
    answer = client.post("reload", dry_run=chosen.dry_run)
    lines = as_json(answer) if chosen.json else []
    if not chosen.json:
        lines += [f"  warn   {each}" for each in answer["warnings"]]
        lines += [f"  error  {each}" for each in answer["errors"]]
        lines += [f"  {each}" for each in answer["changes"]]
        lines.append(_said(answer))
    out.write("\n".join(map(printable, lines) if not chosen.json else lines) + "\n")
    return GOOD if answer["accepted"] else FINDING


def status_command(client: Client, chosen: argparse.Namespace, out: TextIO) -> int:
    """`edge status`: a finding if the files could not be put into force, or a certificate of ours is not in use."""
    answer = client.get("status")
    lines = as_json(answer) if chosen.json else [printable(line) for line in _status(answer)]
    out.write("\n".join(lines) + "\n")
    return FINDING if answer["files"]["state"] == BROKEN or answer["certificate_files"] else GOOD


def audit_command(client: Client, chosen: argparse.Namespace, out: TextIO) -> int:
    """`edge audit [--since 2h]`: who has changed what."""
    answer = client.get("audit", since=str(chosen.since or 0))
    lines = as_json(answer) if chosen.json else [printable(line) for line in audit_lines(answer)]
    out.write("\n".join(lines) + "\n")
    return GOOD


def code_command(chosen: argparse.Namespace, out: TextIO) -> int:
    """`edge code [EDGE-C05]`: what one means, or all of them. No gateway is asked."""
    if chosen.page:
        out.write(cures.page())
        return GOOD
    wanted = (chosen.code or "").upper().removeprefix("EDGE-")
    wanted = f"{wanted[:1]}0{wanted[1:]}" if len(wanted) == 2 else wanted
    if wanted and wanted not in Code.__members__:
        out.write(f"There is no code EDGE-{printable(wanted[:20])}: `edge code` lists them all.\n")
        return UNUSABLE
    codes = [cures.told(code) for code in Code if wanted in ("", code.name)]
    if chosen.json:
        lines = as_json(codes[0] if wanted else {"codes": codes})
    elif wanted:
        (code,) = codes
        lines = [f"{code['code']}  {code['meaning']}", f"  who must act  {code['who']}"]
        lines.append(f"  what to do    {code['cure']}")
        if code["sip"]:
            lines.append(f"  peers hear    SIP {code['sip']}, XMPP {code['xmpp']}")
    else:
        lines = table(("CODE", "WHO", "MEANING"), [(code.name, code.who, code.sentence) for code in Code])
    out.write("\n".join(lines) + "\n")
    return GOOD


def moment(text: str) -> float:
    """A moment as somebody writes it: "90m", "2h", "3d" before now, or a day or time in UTC."""
    span = SPAN.fullmatch(text)
    if span:
        return time() - int(span[1]) * UNITS[span[2]]
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        wanted = "neither a span (90m, 2h, 3d) nor a day or time (2026-11-20, 2026-11-20T15:00)"
        raise argparse.ArgumentTypeError(f'"{text}" is {wanted}') from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def audit_lines(answer: dict[str, Any]) -> list[str]:
    """One line for each change, and its diff below it."""
    lines = [f"{answer['more']} older ones are in {answer['file']}"] if answer["more"] else []
    for entry in answer["entries"]:
        facts = [f"{name}={value}" for name, value in entry.items() if name not in ("when", "by", "verb", "changes")]
        lines.append("  ".join([entry["when"], str(entry.get("by")), str(entry.get("verb")), *facts]))
        lines += [f"    {change}" for change in entry.get("changes", ())]
    return lines or ["Nothing was changed."]


def _said(answer: dict[str, object]) -> str:
    if not answer["accepted"]:
        return "Nothing was changed."
    if not answer["changes"]:
        return "There is nothing to change."
    if answer["dry_run"]:
        return "Nothing was changed: this was a dry run."
    closed, kept, ended = (int(str(answer[key])) for key in ("links_closed", "links_untouched", "subscriptions_ended"))
    return (
        f"Applied: {count(closed, 'link')} closed, {count(ended, 'subscription')} ended; "
        f"{count(kept, 'link')} untouched."
    )


def _status(answer: dict[str, Any]) -> list[str]:
    links, subscriptions, messages = answer["links"], answer["subscriptions"], answer["messages"]
    facts = {
        "gateway": f"{answer['name']}, version {answer['version']}, up for {ago(float(str(answer['uptime_seconds'])))}",
        "configuration": f"{answer['config']}, generation {answer['generation']}, {_files(answer['files'])}",
        "systems": f"{answer['inside']} inside, {count(int(str(answer['partners'])), 'partner')}, "
        f"{answer['blocked']} blocked",
        "links": ", ".join(f"{number} {protocol}" for protocol, number in links.items()),
        "subscriptions": ", ".join(f"{number} {kind}" for kind, number in subscriptions.items()) or "none",
        "messages": ", ".join(f"{number} {result}" for result, number in messages.items()) or "none",
        "certificate": f"ends on {str(answer['certificate_ends'])[:10]}, in {answer['certificate_days']} days",
    }
    warnings = answer["warnings"]
    lines = [f"{name:14} {said}" for name, said in facts.items()] + [f"{'warning':14} {each}" for each in warnings]
    lines[2:2] = _differences(answer["files"])
    return [*lines, *(f"{'certificate':14} {each}" for each in answer["certificate_files"])]


def _files(files: dict[str, Any]) -> str:
    if files["state"] == BROKEN:
        return "but the files have faults: a reload would be refused; do not restart"
    if files["state"] == RESTART:
        return "but the files have been changed, and it takes a restart"
    if files["state"] == CHANGED:
        return "but the files have been changed: `edge reload` puts them into force"
    return "as the files say"


def _differences(files: dict[str, Any]) -> list[str]:
    said = [f"error  {each}" for each in files["errors"]] + files["changes"]
    return [f"{'':14}   {each}" for each in said] + ([f"{'':14}   and {files['more']} more"] if files["more"] else [])
