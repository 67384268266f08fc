"""Requests and responses as octets (RFC 3261 §7, §8.1.1, §8.2.6).

Called through `edge.sip.message`. What a peer sent is copied as it came; what we add ourselves must not be
able to begin a new line, whatever it was made from.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from edge.errors import LocalProtocolError, RemoteProtocolError
from edge.sip.addresses import Via, first_element
from edge.sip.status import REASONS
from edge.sip.status import reason as phrase

if TYPE_CHECKING:
    from edge.sip.message import Request


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
    parts = [_STATUS_LINES.get(status) or f"SIP/2.0 {status} {phrase(status)}".encode()]
    if reason is not None:
        parts[0] = b"SIP/2.0 %d %b" % (status, _line(reason))
    for key, name in _COPIED:
        row = index.get(key)
        if row is None:
            continue
        first, others = (row, ()) if isinstance(row, bytes) else (row[0], row[1:])
        if received and key == b"via":
            first = _with_received(first, _line(received))
        parts += (name, first)
        if to_tag and key == b"to" and not _has_tag(request, first):
            parts += (b";tag=", _line(to_tag))
        for other in others:
            parts += (name, other)
    if headers:
        parts += (b"\r\n", _header_lines(headers)[:-2])
    if body:
        parts += (b"\r\nContent-Length: %d\r\n\r\n" % len(body), body)
    else:
        parts.append(b"\r\nContent-Length: 0\r\n\r\n")
    return b"".join(parts)


def request_bytes(method: str, uri: str, headers: Sequence[tuple[str, str]], body: bytes = b"") -> bytes:
    """Write a request; Content-Length comes last. `LocalProtocolError` for CR, LF or NUL in what the caller gives."""
    start = _line(f"{method} {uri} SIP/2.0")
    return b"%b\r\n%bContent-Length: %d\r\n\r\n%b" % (start, _header_lines(headers), len(body), body)


_STATUS_LINES: Final = {status: f"SIP/2.0 {status} {words}".encode("ascii") for status, words in REASONS.items()}
_COPIED: Final = (
    (b"via", b"\r\nVia:"),
    (b"from", b"\r\nFrom:"),
    (b"to", b"\r\nTo:"),
    (b"call-id", b"\r\nCall-ID:"),
    (b"cseq", b"\r\nCSeq:"),
)


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


def _has_tag(request: "Request", row: bytes) -> bool:
    if b"tag" not in row and b"tag" not in row.lower():
        return False
    try:
        return request.to.tag != ""
    except RemoteProtocolError:
        return True


def _with_received(row: bytes, received: bytes) -> bytes:
    """A Via row with ``received`` in its first element, in place of what its sender may have put there."""
    if b"," not in row and b"received" not in row.lower():
        return b"%b;received=%b" % (row, received)
    try:
        first = first_element(row)
        via = Via.of_element(first)
    except RemoteProtocolError:
        return row
    others = [item for item in via.parameters if item[0] != "received"]
    top = via._replace(parameters=(*others, ("received", received.decode())))
    return b" %b%b" % (str(top).encode(), row[row.index(first) + len(first) :])
