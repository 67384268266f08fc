"""`edge partners [seen]`, `edge allow` and `edge block`, as people see them. Called by `edge.admin.cli`."""

import argparse
from typing import Any, TextIO

from edge.admin.client import Client
from edge.admin.shown import as_json, count, printable, table

GOOD, FINDING = 0, 1

DOMAINS_SHOWN = 2  # in a table; the others are a number
NAMES_SHOWN = 40  # characters of the names of a certificate


def partners_command(client: Client, chosen: argparse.Namespace, out: TextIO) -> int:
    """`edge partners [seen]`: a finding if a light is not green (or off), or if somebody came who is not listed."""
    if chosen.what == "seen":
        answer = client.get("seen")
        _write(out, chosen, answer, seen_lines(answer))
        return FINDING if answer["seen"] or answer["discovered"] else GOOD
    answer = client.get("partners")
    _write(out, chosen, answer, partners_lines(answer))
    return FINDING if any(each["light"] in ("red", "yellow") for each in answer["partners"]) else GOOD


def allow_command(client: Client, chosen: argparse.Namespace, out: TextIO) -> int:
    """`edge allow DOMAIN [--via sip|xmpp] [--name NAME]`"""
    answer = client.post("allow", domain=chosen.domain, via=chosen.via or "", name=chosen.name or "")
    _write(out, chosen, answer, changed_lines(answer))
    return GOOD


def block_command(client: Client, chosen: argparse.Namespace, out: TextIO) -> int:
    """`edge block DOMAIN [--reason REASON]`"""
    answer = client.post("block", domain=chosen.domain, reason=chosen.reason or "")
    _write(out, chosen, answer, changed_lines(answer))
    return GOOD


def partners_lines(answer: dict[str, Any]) -> list[str]:
    """The list, and below it what is blocked and how many came who are not on it."""
    rows = [
        (each["light"], _called(each), each["protocol"], _some(each["domains"]), each["said"])
        for each in answer["partners"]
    ]
    lines = table(("LIGHT", "PARTNER", "PROTO", "DOMAINS", "HOW IT IS"), rows)
    for each in answer["blocked"]:
        reason = f": {each['reason']}" if each["reason"] else ""
        lines.append(f"blocked  {_some(each['domains'])}{reason} ({each['place']})")
    if answer["seen"]:
        lines.append(f"{count(answer['seen'], 'stranger')} came: `edge partners seen`")
    return lines


def seen_lines(answer: dict[str, Any]) -> list[str]:
    """Who came and was turned away, the last one first; and who was let in although nobody has listed it."""
    if not answer["seen"] and not answer["discovered"]:
        return ["Nobody came who is not listed."]
    lines = _table_of_strangers(answer["seen"]) if answer["seen"] else []
    if answer["discovered"]:
        rows = [(each["name"], each["protocol"], each["said"]) for each in answer["discovered"]]
        lines += [*([""] if lines else []), *table(("DISCOVERED", "PROTO", "HOW IT IS"), rows)]
    return [*lines, "To let one in: edge allow DOMAIN. To keep one out: edge block DOMAIN."]


def changed_lines(answer: dict[str, Any]) -> list[str]:
    """What was written, where, and what it changed."""
    lines = [f"  {each}" for each in answer["changes"]]
    lines += [f"  warn   {each}" for each in answer["warnings"]]
    return [*lines, f"Written to {answer['file']}, and in force."]


# -- private ---------------------------------------------------------------------------------------------------------


def _write(out: TextIO, chosen: argparse.Namespace, answer: dict[str, Any], lines: list[str]) -> None:
    out.write("\n".join(as_json(answer) if chosen.json else map(printable, lines)) + "\n")


def _table_of_strangers(strangers: list[dict[str, Any]]) -> list[str]:
    rows = [
        (each["domain"] or "-", each["protocol"], each["first_seen"], each["last_seen"], str(each["links"]),
         str(each["requests"]), each["through"] or each["address"], _short(each["names"]), each["fingerprint"][:16],
         _short(each["issuer"]))
        for each in strangers
    ]
    header = (
        "DOMAIN", "PROTO", "FIRST SEEN", "LAST SEEN", "LINKS", "REQUESTS", "FROM", "CERTIFICATE", "SHA-256", "ISSUER",
    )
    return table(header, rows)


def _called(partner: dict[str, Any]) -> str:
    kind = " (inside)" if partner["inside"] else " (discovered)" if partner["discovered"] else ""
    return f"{partner['name']}{kind}"


def _some(names: list[str]) -> str:
    more = f", +{len(names) - DOMAINS_SHOWN}" if len(names) > DOMAINS_SHOWN else ""
    return ", ".join(names[:DOMAINS_SHOWN]) + more


def _short(text: str) -> str:
    return text if len(text) <= NAMES_SHOWN else text[: NAMES_SHOWN - 3] + "..."
