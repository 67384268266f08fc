"""Requests and responses: parsed when touched, written without intermediate objects (RFC 3261 §7, §8).

`edge.sip.framing` makes them from a stream; the transaction layer and the transaction users read them.
A property raises `RemoteProtocolError` when a mandatory header is missing, given twice or malformed; what
nobody touches is not looked at.
"""

import re
from collections.abc import Sequence
from typing import Final

from edge.errors import LocalProtocolError, RemoteProtocolError
from edge.sip import grammar
from edge.sip.addresses import NameAddr, Via
from edge.sip.headers import Headers, split_lines
from edge.sip.status import REASONS
from edge.sip.status import reason as phrase
from edge.sip.uri import SipUri
from edge.sip.values import (
    CSeq,
    Event,
    MediaType,
    SubscriptionState,
    cseq_of,
    delta,
    event_of,
    media_type_of,
    subscription_state_of,
)

# The methods that are recognized, whether or not they are supported (RFC 3261 §8.2.1).
METHODS: Final = frozenset(
    ("INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "MESSAGE", "SUBSCRIBE", "NOTIFY", "PUBLISH", "INFO")
    + ("PRACK", "UPDATE", "REFER", "BENOTIFY", "NEGOTIATE", "SERVICE")
)


class Message:
    """What requests and responses have in common. Mandatory headers are kept once they have been read."""

    __slots__ = ("_call_id", "_cseq", "_from", "_to", "_via", "body", "headers")

    def __init__(self, headers: Headers, body: bytes) -> None:
        self.headers = headers
        self.body = body
        self._via: Via | None = None
        self._from: NameAddr | None = None
        self._to: NameAddr | None = None
        self._call_id: str | None = None
        self._cseq: CSeq | None = None

    @property
    def via(self) -> Via:
        """The top Via."""
        found = self._via
        if found is None:
            rows = self.headers.raw(b"via")
            if not rows:
                raise RemoteProtocolError("the Via header is missing")
            row = rows[0].decode("utf-8", "replace")
            found = self._via = Via.parse(row if "," not in row else grammar.elements(row)[0])
        return found

    @property
    def vias(self) -> list[Via]:
        """All Vias, top first."""
        rows = self.headers.raw(b"via")
        return [Via.parse(element) for row in rows for element in grammar.elements(row.decode("utf-8", "replace"))]

    @property
    def from_(self) -> NameAddr:
        """The From header."""
        found = self._from
        if found is None:
            found = self._from = NameAddr.of_row(self._mandatory(b"from"))
        return found

    @property
    def to(self) -> NameAddr:
        """The To header."""
        found = self._to
        if found is None:
            found = self._to = NameAddr.of_row(self._mandatory(b"to"))
        return found

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        found = self._call_id
        if found is None:
            row = self._mandatory(b"call-id")
            if _CALL_ID.fullmatch(row) is None:
                raise RemoteProtocolError("the Call-ID header is malformed")
            found = self._call_id = row.decode("ascii")
        return found

    @property
    def cseq(self) -> CSeq:
        """The CSeq header."""
        found = self._cseq
        if found is None:
            found = self._cseq = cseq_of(self._mandatory(b"cseq"))
        return found

    @property
    def max_forwards(self) -> int | None:
        """Max-Forwards, 0 to 255 (RFC 3261 §20.22)."""
        row = self.headers.one(b"max-forwards")
        if row is None:
            return None
        found = _HOPS.get(row)
        if found is None:
            found = delta(row.decode("ascii")) if row.isdigit() else None
            if found is None or found > 255:
                raise RemoteProtocolError("the Max-Forwards header is no number from 0 to 255")
        return found

    @property
    def expires(self) -> int | None:
        """Expires in seconds; a number beyond 32 bits counts as absent."""
        row = self.headers.one(b"expires")
        if row is None:
            return None
        if not row.isdigit():
            raise RemoteProtocolError("the Expires header is no number")
        return delta(row.decode("ascii"))

    @property
    def content_type(self) -> MediaType | None:
        """The type of the body."""
        row = self.headers.one(b"content-type")
        return None if row is None else media_type_of(row)

    @property
    def contact(self) -> NameAddr | None:
        """The first Contact."""
        rows = self.headers.raw(b"contact")
        if not rows:
            return None
        row = rows[0]
        return NameAddr.of_row(row if b"," not in row else grammar.elements(row.decode("utf-8", "replace"))[0].encode())

    @property
    def event(self) -> Event | None:
        """The Event header."""
        row = self.headers.one(b"event")
        return None if row is None else event_of(row)

    @property
    def subscription_state(self) -> SubscriptionState | None:
        """The Subscription-State header."""
        row = self.headers.one(b"subscription-state")
        return None if row is None else subscription_state_of(row)

    @property
    def record_route(self) -> list[str]:
        """The Record-Route elements, top first, to be copied as they are."""
        return self.headers.elements("record-route")

    @property
    def retry_after(self) -> int | None:
        """Seconds of Retry-After; None also if it is malformed, because nothing depends on it."""
        rows = self.headers.raw(b"retry-after")
        match = _SECONDS.match(rows[0]) if rows else None
        return None if match is None else delta(match[0].decode("ascii"))

    def _mandatory(self, name: bytes) -> bytes:
        row = self.headers.one(name)
        if not row:
            raise RemoteProtocolError(f"the {name.decode('ascii').title()} header is missing")
        return row


class Request(Message):
    """A request. ``uri`` is the text of the Request-URI."""

    __slots__ = ("method", "uri")

    def __init__(self, method: str, uri: str, headers: Headers, body: bytes = b"") -> None:
        super().__init__(headers, body)
        self.method = method
        self.uri = uri

    @property
    def request_uri(self) -> SipUri:
        """The Request-URI in its parts. Headers in it are refused, never obeyed (RFC 3261 §19.1.5)."""
        found = SipUri.parse(self.uri)
        if found.headers:
            raise RemoteProtocolError("the Request-URI holds header fields")
        return found

    @property
    def branch(self) -> str:
        """The branch of the top Via, "" if it has none."""
        return self.via.branch


class Response(Message):
    """A response."""

    __slots__ = ("reason", "status")

    def __init__(self, status: int, reason: str, headers: Headers, body: bytes = b"") -> None:
        super().__init__(headers, body)
        self.status = status
        self.reason = reason


def parse_message(head: bytes, body: bytes) -> Request | Response:
    """Read a message from its head, without the empty line. `RemoteProtocolError` with status 400, 505 or 513."""
    lines = split_lines(head)
    if not lines:
        raise RemoteProtocolError("the message is empty")
    start = lines.pop(0)
    parts = start.split(b" ")
    if len(parts) == 3 and parts[2] == b"SIP/2.0":
        method, uri = _METHODS.get(parts[0]) or _method(parts[0]), parts[1]
        if not uri.isascii():
            raise RemoteProtocolError("the Request-URI is not ASCII")
        return Request(method, uri.decode("ascii"), Headers(lines), body)
    match = _STATUS_LINE.fullmatch(start)
    if match is not None:
        return Response(int(match[1]), match[2].decode("utf-8", "replace"), Headers(lines), body)
    version = _VERSION.fullmatch(parts[0] if len(parts) < 3 or parts[0][:4].upper() == b"SIP/" else parts[-1])
    if version is not None and version[0].upper() != b"SIP/2.0":
        raise RemoteProtocolError("the SIP version is not supported", status=505)
    if version is None or len(parts) != 3:
        raise RemoteProtocolError("the start line is malformed")
    return parse_message(b"\r\n".join([b" ".join([*parts[:2], b"SIP/2.0"]), *lines]), body)


def check_request(request: Request) -> None:
    """The checks that come before all others (RFC 3261 §8.1.1, §16.3): mandatory headers present, single and
    well-formed, Request-URI well-formed, CSeq of this method. An unsupported URI scheme is no fault here."""
    method = request.method
    cseq = request.cseq
    request.call_id  # noqa: B018 - reading is checking
    via = request.via
    via.branch  # noqa: B018
    request.max_forwards  # noqa: B018
    _check_uri(request.uri, whole=True)
    from_ = request.from_
    from_.tag  # noqa: B018
    _check_uri(from_.uri)
    to = request.to
    to.tag  # noqa: B018
    _check_uri(to.uri)
    if cseq.method != method and method in METHODS:
        raise RemoteProtocolError("the CSeq header names another method")


def check_response(response: Response) -> None:
    """The same for a response, which is dropped if this raises (RFC 3261 §8.1.3)."""
    response.cseq  # noqa: B018 - reading is checking
    response.call_id  # noqa: B018
    response.via.branch  # noqa: B018
    response.from_.tag  # noqa: B018
    response.to.tag  # noqa: B018


def response_bytes(
    request: Request,
    status: int,
    *,
    reason: str | None = None,
    to_tag: str = "",
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
    received: str = "",
) -> bytes:
    """Write the response to ``request`` (RFC 3261 §8.2.6): its Via rows, From, To, Call-ID and CSeq as they came.

    ``to_tag`` is added if the To header has none; ``received`` is what the top Via gets (RFC 3261 §18.2.1).
    """
    raw = request.headers.raw
    lines = [_STATUS_LINES.get(status) or b"SIP/2.0 %d %b" % (status, phrase(status).encode())]
    if reason is not None:
        lines[0] = b"SIP/2.0 %d %b" % (status, reason.encode())
    vias = raw(b"via")
    if received and vias:
        vias = [_with_received(vias[0], received), *vias[1:]]
    lines += [b"Via: " + row for row in vias]
    lines += [b"From: " + row for row in raw(b"from")]
    to = raw(b"to")
    if to_tag and to and not _has_tag(request, to[0]):
        to = [b"%b;tag=%b" % (to[0], to_tag.encode())]
    lines += [b"To: " + row for row in to]
    lines += [b"Call-ID: " + row for row in raw(b"call-id")]
    lines += [b"CSeq: " + row for row in raw(b"cseq")]
    return _written(lines, headers, body)


def request_bytes(method: str, uri: str, headers: Sequence[tuple[str, str]], body: bytes = b"") -> bytes:
    """Write a request; Content-Length comes last. `LocalProtocolError` for CR, LF or NUL anywhere in its head."""
    return _written([f"{method} {uri} SIP/2.0".encode("utf-8", "surrogateescape")], headers, body)


_METHODS: Final = {method.encode("ascii"): method for method in METHODS}
_HOPS: Final = {str(hops).encode("ascii"): hops for hops in range(256)}
_STATUS_LINES: Final = {status: f"SIP/2.0 {status} {words}".encode("ascii") for status, words in REASONS.items()}
_STATUS_LINE: Final = re.compile(rb"SIP/2\.0 ([1-6][0-9][0-9])(?: (.*))?", re.IGNORECASE | re.DOTALL)
_VERSION: Final = re.compile(rb"SIP/[0-9]{1,9}\.[0-9]{1,9}", re.IGNORECASE)
_TOKEN: Final = re.compile(grammar.TOKEN.pattern.encode("ascii"))
_CALL_ID: Final = re.compile(rb"[!-~]+")
_SECONDS: Final = re.compile(rb"[0-9]+")
_RECEIVED: Final = re.compile(rb";[ \t]*received[ \t]*=[^;,]*", re.IGNORECASE)


def _method(octets: bytes) -> str:
    if _TOKEN.fullmatch(octets) is None:
        raise RemoteProtocolError("the method is malformed")
    return octets.decode("ascii")


def _check_uri(text: str, whole: bool = False) -> None:
    try:
        uri = SipUri.parse(text)
    except RemoteProtocolError as error:
        if error.status != 416:
            raise
    else:
        if whole and uri.headers:
            raise RemoteProtocolError("the Request-URI holds header fields")


def _has_tag(request: Request, row: bytes) -> bool:
    if b"tag" not in row.lower():
        return False
    try:
        return request.to.tag != ""
    except RemoteProtocolError:
        return True


def _with_received(row: bytes, received: str) -> bytes:
    """The row with ``received`` in its first element, in place of what the sender may have put there."""
    first, comma, others = row.partition(b",")
    if comma and b'"' in row:
        element = grammar.elements(row.decode("utf-8", "surrogateescape"))[0].encode("utf-8", "surrogateescape")
        others = row[len(element) :].lstrip(b" \t")[1:]
        first = element
    if b"received" in first.lower():
        first = _RECEIVED.sub(b"", first)
    return b"%b;received=%b%b%b" % (first.rstrip(b" \t"), received.encode("ascii"), comma, others)


def _written(lines: list[bytes], headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    lines += [f"{name}: {value}".encode("utf-8", "surrogateescape") for name, value in headers]
    lines.append(b"Content-Length: %d\r\n\r\n" % len(body))
    head = b"\r\n".join(lines)
    if head.count(b"\n") != len(lines) + 1 or head.count(b"\r") != len(lines) + 1:
        raise LocalProtocolError("a CR or LF in a header of ours")
    return head + body
