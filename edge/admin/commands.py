"""`edge reload` and `edge status`, as people see them."""

import argparse
from typing import TextIO

from edge.admin.client import Client
from edge.admin.shown import ago, as_json, count, printable

GOOD, FINDING = 0, 1


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
    """`edge status`"""
    answer = client.get("status")
    lines = as_json(answer) if chosen.json else _status(answer)
    out.write("\n".join(lines) + "\n")
    return GOOD


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


def _status(answer: dict[str, object]) -> list[str]:
    links, subscriptions, messages = answer["links"], answer["subscriptions"], answer["messages"]
    assert isinstance(links, dict) and isinstance(subscriptions, dict) and isinstance(messages, dict)
    facts = {
        "gateway": f"{answer['name']}, version {answer['version']}, up for {ago(float(str(answer['uptime_seconds'])))}",
        "configuration": f"{answer['config']}, generation {answer['generation']}",
        "systems": f"{answer['inside']} inside, {count(int(str(answer['partners'])), 'partner')}, "
        f"{answer['blocked']} blocked",
        "links": ", ".join(f"{number} {protocol}" for protocol, number in links.items()),
        "subscriptions": ", ".join(f"{number} {kind}" for kind, number in subscriptions.items()) or "none",
        "messages": ", ".join(f"{number} {result}" for result, number in messages.items()) or "none",
        "certificate": f"ends on {str(answer['certificate_ends'])[:10]}, in {answer['certificate_days']} days",
    }
    warnings = answer["warnings"]
    assert isinstance(warnings, list)
    return [f"{name:14} {said}" for name, said in facts.items()] + [f"{'warning':14} {each}" for each in warnings]
