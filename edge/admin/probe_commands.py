"""`edge test PARTNER | --all [--html]`, as people see it. Called by `edge.admin.cli`."""

import argparse
import sys
from collections import Counter
from typing import Any, TextIO

from edge.admin.client import Client
from edge.admin.letter import page
from edge.admin.shown import as_json, count, printable

GOOD, FINDING = 0, 1
PATIENCE = 1200.0  # seconds for all partners: two hundred domains, eight at a time, that are all silent
NAMED = 10  # partners of which domains are left out
INDENT = " " * 17


def test_command(client: Client, chosen: argparse.Namespace, out: TextIO) -> int:
    """`edge test`: a finding if anything failed, or is about to."""
    said = {"resolver": chosen.resolver} if chosen.resolver else {}
    if chosen.all:
        answer = client.patient(PATIENCE).post("test", **said)
    else:
        answer = client.post("test", partner=chosen.partner, **said)
    if chosen.json:
        lines = as_json(answer)
    elif chosen.html:
        lines = [page(answer["tests"])]
        for line in left_out(answer):
            print(printable(line), file=sys.stderr)
    else:
        lines = [printable(line) for line in report(answer["tests"])]
        lines += [printable(line) for line in left_out(answer)]
    out.write("\n".join(lines) + "\n")
    return FINDING if any(each["outcome"] != "ok" for each in answer["tests"]) else GOOD


def report(tests: list[dict[str, Any]]) -> list[str]:
    """The steps of each partner, with what to do below those that need it."""
    lines: list[str] = []
    domains = Counter(test["partner"] for test in tests)
    for test in tests:
        lines += [""] if lines else []
        lines.append(f"{test['partner']}  {test['domain']}  ({test['how']})  {test['when']}")
        for number, step in enumerate(test["steps"], 1):
            lines += _step(number, step)
        if test["late"]:
            lines.append(f"{INDENT}the test was ended before its time")
        if test["outcome"] != "ok":
            name = test["partner"] if domains[test["partner"]] == 1 else test["domain"]
            lines.append(f"mail this: edge test {name} --html > {name}.html")
    return lines


def left_out(answer: dict[str, Any]) -> list[str]:
    """What there was no room for: below the report, or where the page goes elsewhere on the standard error."""
    lines = []
    if answer["more"]:
        named = [f"{name} {number}" for name, number in answer["left_out"].items()]
        others = [f"and {len(named) - NAMED} more"] if len(named) > NAMED else []
        lines.append(
            f"{count(answer['more'], 'domain')} not tested ({', '.join(named[:NAMED] + others)}): name them one by one"
        )
    if answer["wildcards"]:
        names = ", ".join(answer["wildcards"][:NAMED])
        lines.append(f"listed by wildcards alone, and so not tested: {names}; name a domain of theirs")
    return lines


# -- private ---------------------------------------------------------------------------------------------------------


def _step(number: int, step: dict[str, Any]) -> list[str]:
    code = f"{step['code']} " if step["code"] and step["code"] not in step["text"] else ""
    lines = [f"{number:2} {step['step']:<9} {step['status']:<4} {code}{step['text']}"]
    for name in ("wanted", "found"):
        if step[name]:
            lines.append(f"{INDENT}{name:<10} {step[name]}")
    lines += [f"{INDENT}{detail}" for detail in step["details"]]
    for name, label in (("here", "fix here"), ("there", "fix there")):
        if step[name]:
            lines.append(f"{INDENT}{label:<10} {step[name]}")
    return lines
