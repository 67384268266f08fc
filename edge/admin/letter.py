"""`edge test PARTNER --html`: the report as one page that can be sent to the other side.

It has no script and loads nothing, so a mail program or a browser without a network shows it whole. Nothing of our own
files stands on it: no name that we have given the partner, no place in a file, no key to change here. Texts of peers
are escaped like all others.
"""

from html import escape
from typing import Any

from edge.admin.shown import printable

STYLE = """
body { font: 15px/1.45 sans-serif; color: #222; max-width: 60em; margin: 2em auto; padding: 0 1em }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .45em .7em; border-bottom: 1px solid #ccc }
.FAIL { color: #a00; font-weight: bold } .warn { color: #850; font-weight: bold } .ok { color: #060 }
.skip, .note { color: #666 }
dl { display: grid; grid-template-columns: 6em 1fr; margin: .4em 0 0 } dt { color: #666 } dd { margin: 0 }
dd, td { overflow-wrap: anywhere }
@media print { body { margin: 0; max-width: none } tr { break-inside: avoid } }
"""

NAMES = {
    "policy": "Partner list", "dns": "DNS", "tcp": "TCP", "tls": "TLS", "cert": "Your certificate",
    "options": "SIP OPTIONS", "stream": "XMPP stream", "auth": "Authentication", "ping": "Ping",
    "handshake": "Component", "inbound": "Your links to us",
}  # fmt: skip
WORDS = {"ok": "good", "note": "note", "warn": "warning", "FAIL": "failed", "skip": "not tried"}


def page(tests: list[dict[str, Any]]) -> str:
    """One page for one partner; for several it says that it is not for any of them."""
    title = f"Federation test of {tests[0]['domain']}" if len(tests) == 1 else "Federation tests"
    warning = "<p><strong>More than one partner stands here: this page is not for any of them.</strong></p>\n"
    body = "".join(map(_section, tests))
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n<title>{_text(title)}</title>\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n{warning if len(tests) != 1 else ''}{body}</body>\n</html>"
    )


# -- private ---------------------------------------------------------------------------------------------------------


def _section(test: dict[str, Any]) -> str:
    rows = "".join(_row(number, step) for number, step in enumerate(test["steps"], 1))
    failed = next((step for step in test["steps"] if step["status"] == "FAIL"), None)
    said = "Everything that was tried is good."
    if failed is not None:
        said = f"The way ends at {NAMES.get(failed['step'], failed['step'])}: {failed['code']} {failed['outside']}."
    elif test["outcome"] != "ok":
        said = "The way is open, but for what is marked as a warning."
    local = f" for {test['local']}" if test["local"] else ""
    return (
        f"<h1>{_text(test['domain'])}</h1>\n"
        f"<p>Tried by {_text(test['ours'] + local)}, {_text(test['when'])}. <strong>{_text(said)}</strong></p>\n"
        "<table>\n<thead><tr><th>#</th><th>Step</th><th>Result</th><th>What was found</th></tr></thead>\n"
        f"<tbody>\n{rows}</tbody>\n</table>\n"
    )


def _row(number: int, step: dict[str, Any]) -> str:
    text = step["outside"]
    if step["code"] and step["code"] not in text:
        text = f"{step['code']} {text}"
    found = [("wanted", step["wanted"]), ("found", step["found"]), ("to do", step["there"])]
    told = "".join(f"<dt>{name}</dt><dd>{_text(value)}</dd>" for name, value in found if value)
    told += "".join(f"<dt></dt><dd>{_text(detail)}</dd>" for detail in step["details"])
    status = step["status"]
    return (
        f'<tr><td>{number}</td><td>{_text(NAMES.get(step["step"], step["step"]))}</td>'
        f'<td class="{_text(status)}">{_text(WORDS.get(status, status))}</td>'
        f"<td>{_text(text)}{f'<dl>{told}</dl>' if told else ''}</td></tr>\n"
    )


def _text(text: str) -> str:
    return escape(printable(str(text)))
