"""Requests and responses as octets (RFC 3261 §7, §8.1.1, §8.2.6).

Called through `edge.sip.message`. What a peer sent is copied as it came; what we add ourselves must not be
able to begin a new line, whatever it was made from.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from edge.errors import LocalProtocolError, RemoteProtocolError
from edge.sip.addresses import Via, first_element
from edge.sip.grammar import COMMA
from edge.sip.status import REASONS
from edge.sip.status import reason as phrase

if TYPE_CHECKING:
    from edge.sip.message import Request

ADDRESSES = 1024  # peers' addresses whose parameter is remembered; each has at least one link


def response_bytes(
    request: "Request",
    status: int,
    *,
    reason: str | None = None,
    to_tag: str = "",
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
    received: str = "",
) -> bytes:
    """Write the response to ``request``: its Via rows, From, To, Call-ID and CSeq as they came.

    ``to_tag`` is added if the To header has none; ``received`` is what the top Via gets (RFC 3261 §18.2.1).
    Rows that the request lacks, or has twice, are left out or written twice: who garbles gets garbled back.
    `LocalProtocolError` for CR, LF or NUL in what the caller gives.
    """
    index = request.headers.index
    start = _STATUS_LINES.get(status) or _line(f"SIP/2.0 {status} {phrase(status)}")
    if reason is not None:
        start = b"SIP/2.0 %d %b" % (status, _line(reason))
    vias = index.get(b"via", b"")
    if isinstance(vias, bytes):
        via = _with_received(request, vias, received) if received and vias else vias
    else:
        top = _with_received(request, vias[0], received) if received else vias[0]
        via = _VIA.join((top, *vias[1:]))
    from_, to, call_id, cseq = index.get(b"from"), index.get(b"to"), index.get(b"call-id"), index.get(b"cseq")
    tag = b";tag=" + _line(to_tag) if to_tag and not _has_tag(request, to) else b""
    copied: Sequence[bytes]
    if (
        via
        and isinstance(from_, bytes)
        and isinstance(to, bytes)
        and isinstance(call_id, bytes)
        and isinstance(cseq, bytes)
    ):
        copied = (_VIA, via, _FROM, from_, _TO, to, tag, _CALL_ID, call_id, _CSEQ, cseq)
    else:
        copied = _copied(((_VIA, via or None), (_FROM, from_), (_TO, to), (_CALL_ID, call_id), (_CSEQ, cseq)), tag)
    ours = b"\r\n" + _header_lines(headers) if headers else b"\r\n"
    if body:
        return b"".join((start, *copied, ours, b"Content-Length: %d\r\n\r\n" % len(body), body))
    return b"".join((start, *copied, ours, b"Content-Length: 0\r\n\r\n"))


def request_bytes(method: str, uri: str, headers: Sequence[tuple[str, str]], body: bytes = b"") -> bytes:
    """Write a request; Content-Length comes last. `LocalProtocolError` for CR, LF or NUL in what the caller gives."""
    start = _line(f"{method} {uri} SIP/2.0")
    return b"%b\r\n%bContent-Length: %d\r\n\r\n%b" % (start, _header_lines(headers), len(body), body)


_STATUS_LINES: Final = {status: f"SIP/2.0 {status} {words}".encode("ascii") for status, words in REASONS.items()}
_VIA: Final = b"\r\nVia:"
_FROM: Final = b"\r\nFrom:"
_TO: Final = b"\r\nTo:"
_CALL_ID: Final = b"\r\nCall-ID:"
_CSEQ: Final = b"\r\nCSeq:"

Rows = bytes | list[bytes] | None


def _copied(fields: Sequence[tuple[bytes, Rows]], tag: bytes) -> Sequence[bytes]:
    """The rows of a request that lacks some, or has some twice."""
    parts: list[bytes] = []
    for name, found in fields:
        for row in [found] if isinstance(found, bytes) else found or ():
            parts += (name, row, tag if name == _TO else b"")
    return parts


def head_bytes(text: str, lines: int) -> bytes:
    """A head that the caller has written, of so many lines with the empty one. `LocalProtocolError` as above."""
    if text.count("\n") != lines or text.count("\r") != lines or "\0" in text:
        raise LocalProtocolError("a CR, LF or NUL in a message of ours")
    return _octets(text)


def _header_lines(headers: Sequence[tuple[str, str]]) -> bytes:
    text = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if text.count("\n") != len(headers) or text.count("\r") != len(headers) or "\0" in text:
        raise LocalProtocolError("a CR, LF or NUL in a header of ours")
    return _octets(text)


def _line(text: str) -> bytes:
    if "\n" in text or "\r" in text or "\0" in text:
        raise LocalProtocolError("a CR, LF or NUL in a message of ours")
    return _octets(text)


def _octets(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise LocalProtocolError("a message of ours cannot be written as UTF-8") from None


def _has_tag(request: "Request", row: Rows) -> bool:
    if not isinstance(row, bytes):
        return True  # nobody knows to which To it should be added
    try:
        return request.to.tag != ""
    except RemoteProtocolError:
        return b"tag" in row.lower()


@lru_cache(ADDRESSES)
def _received(address: str) -> bytes:
    return b";received=" + _line(address)


def _with_received(request: "Request", row: bytes, received: str) -> bytes:
    """The top Via row with ``received`` in its first element, in place of what its sender may have put there."""
    if COMMA not in row and row.lower().find(b"received") < 0:
        return row + _received(received)
    try:
        via = request.via
    except RemoteProtocolError:
        return row
    others = [item for item in via.parameters if item[0] != "received"]
    if len(others) == len(via.parameters) and COMMA not in row:
        return row + _received(received)
    first = first_element(row) if COMMA in row else row
    top = str(Via(via.transport, via.host, via.port, tuple(others))).encode()
    return b" " + top + _received(received) + row[row.index(first) + len(first) :]
