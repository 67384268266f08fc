"""The messages that `edge.sip.layer` writes by itself: refusals that need no transaction, ACK and CANCEL.

A refusal of whomever looks alike: its reason code is in Warning and in Microsoft's header. `edge.gateway.node` writes
that of the gateway by `reasons`, too.
"""

from collections.abc import Sequence

from edge.codes import Code
from edge.sip.message import Request, Response, request_bytes, response_bytes
from edge.sip.microsoft import diagnostics, quotable


def warning(code: Code, text: str = "") -> tuple[str, str]:
    """The Warning header of a refusal: the code and its sentence, never a name of ours (RFC 3261 §20.43)."""
    return "Warning", f'399 edge "{code} {quotable(text or code.sentence)}"'


def reasons(code: Code, text: str = "") -> list[tuple[str, str]]:
    """The headers that say why a request is refused."""
    return [warning(code, text), diagnostics(code, text)]


def refusal_bytes(
    request: Request, status: int, code: Code, text: str = "", *, to_tag: str = "",
    headers: Sequence[tuple[str, str]] = (), received: str = "",
) -> bytes:
    """A failure with its reason code."""
    rows = [*headers, *reasons(code, text)]
    return response_bytes(request, status, to_tag=to_tag, headers=rows, received=received)


def ack_of(invite: bytes, response: Response) -> bytes:
    """The ACK for a failed INVITE: mostly its own headers, but the To of the response (RFC 3261 §17.1.1.3)."""
    uri, rows = _copied(invite, ("Via", "Max-Forwards", "Route", "From", "Call-ID"))
    to = response.headers.get("to") or ""
    return request_bytes("ACK", uri, [*_marks(invite), *rows, ("To", to), ("CSeq", f"{response.cseq.number} ACK")])


def cancel_of(invite: bytes) -> bytes:
    """The CANCEL of an INVITE: its own headers, and nothing about the session (RFC 3261 §9.1)."""
    uri, rows = _copied(invite, ("Via", "Max-Forwards", "Route", "From", "To", "Call-ID"))
    number = next(value for name, value in _copied(invite, ("CSeq",))[1]).partition(" ")[0]
    return request_bytes("CANCEL", uri, [*_marks(invite), *rows, ("CSeq", f"{number} CANCEL")])


# -- private ---------------------------------------------------------------------------------------------------------


def _copied(invite: bytes, names: Sequence[str]) -> tuple[str, list[tuple[str, str]]]:
    """The Request-URI and some of the headers of an INVITE of ours, which writes each in a line of its own."""
    lines = invite.partition(b"\r\n\r\n")[0].decode("utf-8", "surrogateescape").split("\r\n")
    rows = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])]
    return lines[0].split(" ")[1], [row for row in rows if row[0] in names]


def _marks(invite: bytes) -> list[tuple[str, str]]:
    """What stands before Via: a header that its partner wants in every request of ours, whatever it is about."""
    rows = (line.decode("ascii").partition(":") for line in invite.partition(b"\r\nVia:")[0].split(b"\r\n")[1:])
    return [(name, value.strip()) for name, _, value in rows]
