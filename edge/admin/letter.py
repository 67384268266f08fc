"""`edge test PARTNER --html`: the report as one page that can be sent to the other side.

It has no script and loads nothing, so a mail program or a browser without a network shows it whole, on paper and on a
telephone too. Nothing of our own files stands on it: no name that we have given the partner, no place in a file, no key
to change here. A page about several is for ourselves: it begins with all of them, and says what to do at our side too.
Texts of peers are escaped like all others.
"""

import re
from collections import Counter
from html import escape
from typing import Any

from edge.admin.shown import printable
from edge.admin.steps import OUTSIDE

STYLE = """
:root { color-scheme: light dark; --text: #222; --page: #fff; --line: #ccc; --dim: #666;
  --bad: #a00; --warn: #850; --good: #060 }
@media (prefers-color-scheme: dark) { :root { --text: #ddd; --page: #1b1b1b; --line: #444; --dim: #999;
  --bad: #f88; --warn: #db5; --good: #8c8 } }
body { font: 15px/1.45 sans-serif; color: var(--text); background: var(--page); max-width: 60em; margin: 2em auto;
  padding: 0 1em; overflow-wrap: break-word }
h1 { font-size: 1.6em } h2 { font-size: 1.3em; margin-top: 2.5em }
a { color: inherit }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .45em .7em; border-bottom: 1px solid var(--line) }
td:nth-child(2) { min-width: 9em } td:last-child, dd { overflow-wrap: anywhere }
.FAIL { color: var(--bad); font-weight: bold } .warn { color: var(--warn); font-weight: bold }
.ok { color: var(--good) } .skip, .note { color: var(--dim) }
.FAIL, .warn, .ok, .skip, .note, .code { white-space: nowrap }
dl { display: grid; grid-template-columns: 7em 1fr; margin: .4em 0 0 } dt { color: var(--dim) } dd { margin: 0 }
@media (max-width: 40em) {
  thead { display: none } tr { display: block; padding: .6em 0; border-bottom: 1px solid var(--line) }
  td { display: inline; padding: 0 .5em 0 0; border: 0 } td:nth-child(2) { font-weight: bold }
  td:last-child { display: block; padding: .2em 0 0 }
  dl { display: block } dt { margin-top: .4em } dd { padding-left: 1em }
}
@media print { :root { color-scheme: light; --text: #000; --page: #fff; --line: #ccc; --dim: #555;
  --bad: #a00; --warn: #850; --good: #060 }
  body { margin: 0; max-width: none } tr { break-inside: avoid } }
"""

WORDS = {"ok": "good", "note": "note", "warn": "warning", "FAIL": "failed", "skip": "not tried"}
OURS = {**OUTSIDE, "cert": "Their certificate", "inbound": "Their links to us"}  # on a page for ourselves
CODE = re.compile(r"EDGE-[A-Z]\d\d")


def page(tests: list[dict[str, Any]]) -> str:
    """One page for one partner; for several it says that it is not for any of them."""
    if len(tests) == 1:
        title = f"Federation test of {tests[0]['domain']}"
        body = f"<h1>{_text(title)}</h1>\n{_section(tests[0])}"
    else:
        title = "Federation tests"
        sections = (
            f'<h2 id="t{number}">{_text(_whose(test))}</h2>\n{_section(test, ours=True)}'
            for number, test in enumerate(tests, 1)
        )
        body = f"<h1>{title}</h1>\n{_overview(tests)}{''.join(sections)}"
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        f"<title>{_text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>"
    )


# -- private ---------------------------------------------------------------------------------------------------------


def _overview(tests: list[dict[str, Any]]) -> str:
    found = Counter(test["outcome"] for test in tests)
    parts = [f"{found[each]} {word}" for each, word in (("ok", "good"), ("warn", "with warnings"), ("FAIL", "failed"))]
    rows = "".join(
        f'<tr><td>{number}</td><td><a href="#t{number}">{_text(_whose(test))}</a></td>'
        f'<td class="{_text(test["outcome"])}">{_text(WORDS[test["outcome"]])}</td>'
        f"<td>{_text(_sentence(test, ours=True))}</td></tr>\n"
        for number, test in enumerate(tests, 1)
    )
    return (
        "<p><strong>More than one test stands here: this page is for ourselves, and not for any of the partners."
        f"</strong></p>\n<p>{_text(', '.join(parts))}</p>\n"
        "<table>\n<thead><tr><th>#</th><th>Partner</th><th>Result</th><th>How it is</th></tr></thead>\n"
        f"<tbody>\n{rows}</tbody>\n</table>\n"
    )


def _whose(test: dict[str, Any]) -> str:
    return f"{test['partner']}: {test['domain']}"


def _sentence(test: dict[str, Any], ours: bool) -> str:
    worst = next((step for step in test["steps"] if step["status"] == test["outcome"] != "ok"), None)
    if worst is None:
        return "Everything that was tried is good."
    where = (OURS if ours else OUTSIDE).get(worst["step"], worst["step"])
    if worst["status"] == "FAIL":
        return f"The way ends at {where}: {_found(worst, ours)}."
    return f"The way is open, but for a warning at {where}: {_found(worst, ours)}."


def _section(test: dict[str, Any], ours: bool = False) -> str:
    rows = "".join(_row(number, step, ours) for number, step in enumerate(test["steps"], 1))
    local = f" for {test['local']}" if test["local"] else ""
    when = str(test["when"]).replace("T", " ").replace("Z", " UTC")
    return (
        f"<p>Tried by {_text(test['ours'] + local)}, {_text(when)}. "
        f"<strong>{_text(_sentence(test, ours))}</strong></p>\n"
        "<table>\n<thead><tr><th>#</th><th>Step</th><th>Result</th><th>What was found</th></tr></thead>\n"
        f"<tbody>\n{rows}</tbody>\n</table>\n"
    )


def _row(number: int, step: dict[str, Any], ours: bool) -> str:
    found = [("wanted", step["wanted"]), ("found", step["found"])]
    found += [("to do here", step["here"]), ("to do there", step["there"])] if ours else [("to do", step["there"])]
    told = "".join(f"<dt>{name}</dt><dd>{_text(value)}</dd>" for name, value in found if value)
    label, details = "details", list(step["details"])
    if details and details[0].endswith(":"):
        label = details.pop(0).removesuffix(":")
    for detail in details:
        told += f"<dt>{_text(label)}</dt><dd>{_text(detail.strip())}</dd>"
        label = ""
    status, name = step["status"], (OURS if ours else OUTSIDE).get(step["step"], step["step"])
    return (
        f'<tr><td>{number}</td><td>{_text(name)}</td>'
        f'<td class="{_text(status)}">{_text(WORDS.get(status, status))}</td>'
        f"<td>{_text(_found(step, ours))}{f'<dl>{told}</dl>' if told else ''}</td></tr>\n"
    )


def _found(step: dict[str, Any], ours: bool) -> str:
    text = str(step["text"] if ours else step["outside"])
    return f"{step['code']} {text}" if step["code"] and step["code"] not in text else text


def _text(text: str) -> str:
    return CODE.sub(r'<span class="code">\g<0></span>', escape(printable(str(text))))
