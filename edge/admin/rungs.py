"""What a trace has kept as people see it: a ladder of three columns, SIP partner, edge and XMPP.

    15:05:09.120  |--- MESSAGE 42 B ------------------>|                                    |  Call-ID 91c@10.1.2.3
    15:05:09.123  |                                    |--- message 42 B ------------------>|  id=91c-2, type=chat

Used by `edge.admin.trace_commands`.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from edge.admin.ladder import arrow
from edge.admin.shown import printable

LANE = 36  # columns between two bars: with the time and both lanes 89 columns, before the facts
TIME = 12  # columns of a moment


def heading(sides: Mapping[str, str]) -> str:
    """The names over the columns; where it is not known yet who it will be, the protocol."""
    sip, xmpp = (printable(sides.get(side) or side.upper()) for side in ("sip", "xmpp"))
    return f"{'':{TIME}}  {sip:<{LANE - 1}}{'edge':^5}{xmpp:>{LANE - 1}}"


def rung(event: Mapping[str, Any], sides: Mapping[str, str]) -> Iterator[str]:
    """The lines of one event. Nothing in them is obeyed by a terminal."""
    when = moment(event["at"])
    facts = printable(", ".join(event["facts"]))
    if event["side"] == "edge":
        yield f"{when}  * {printable(event['what'])}" + (f": {facts}" if facts else "")
        return
    what = event["what"].replace("application/", "")
    if event["system"] != sides.get(event["side"]):
        what = f"{event['system'] or 'stranger'}: {what}"
    drawn = arrow(what, rightwards=(event["way"] == "in") == (event["side"] == "sip"), lane=LANE)
    empty = " " * LANE
    left, right = (drawn, empty) if event["side"] == "sip" else (empty, drawn)
    yield f"{when}  |{left}|{right}|  {facts}".rstrip()
    for line in event["body"].splitlines():
        yield f"{'':{TIME}}  |   > {printable(line)}"


def moment(when: float) -> str:
    """A time of day, UTC, to the thousandth of a second."""
    found = datetime.fromtimestamp(when, UTC)
    return f"{found:%H:%M:%S}.{found.microsecond // 1000:03}"
