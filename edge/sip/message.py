"""Requests and responses: parsed when touched, written without intermediate objects (RFC 3261 §7, §8).

`edge.sip.framing` makes them from a stream; the transaction layer and the transaction users read them.
A property raises `RemoteProtocolError` when a mandatory header is missing, given twice or malformed; what
nobody touches is not looked at.
"""

import re
from functools import lru_cache
from typing import Final

from edge.errors import RemoteProtocolError
from edge.sip import grammar
from edge.sip.addresses import NameAddr, Via, first_element
from edge.sip.headers import Headers, spelled, split_lines
from edge.sip.serialise import request_bytes, response_bytes
from edge.sip.uri import SipUri
from edge.sip.values import (
    CSeq,
    Event,
    MediaType,
    SubscriptionState,
    cseq_of,
    event_of,
    media_type_of,
    number,
    number_of,
    subscription_state_of,
)

__all__ = [
    "METHODS", "Message", "Request", "Response", "check_request", "check_response", "parse_message", "request_bytes",
    "response_bytes",
]

STATUS_LINES = 256  # status lines that are remembered; bounded, because peers choose the phrases

# The methods that are recognized, whether or not they are supported (RFC 3261 §8.2.1).
METHODS: Final = frozenset({
    "INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "MESSAGE", "SUBSCRIBE", "NOTIFY", "PUBLISH", "INFO",
    "PRACK", "UPDATE", "REFER", "BENOTIFY", "NEGOTIATE", "SERVICE",
})


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
            row = self.headers.index.get(b"via")
            if row is None:
                raise _fault(b"via", row)
            if not isinstance(row, bytes):
                row = row[0]
            found = self._via = Via.of_element(first_element(row) if b"," in row else row)
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
            row = self.headers.index.get(b"from")
            if not isinstance(row, bytes):
                raise _fault(b"from", row)
            found = self._from = NameAddr.of_row(row)
        return found

    @property
    def to(self) -> NameAddr:
        """The To header."""
        found = self._to
        if found is None:
            row = self.headers.index.get(b"to")
            if not isinstance(row, bytes):
                raise _fault(b"to", row)
            found = self._to = NameAddr.of_row(row)
        return found

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        found = self._call_id
        if found is None:
            row = self.headers.index.get(b"call-id")
            if not isinstance(row, bytes):
                raise _fault(b"call-id", row)
            row = row.strip(b" \t")
            if not row or row.translate(None, _VISIBLE):
                raise RemoteProtocolError("the Call-ID header is malformed")
            found = self._call_id = row.decode("ascii")
        return found

    @property
    def cseq(self) -> CSeq:
        """The CSeq header."""
        found = self._cseq
        if found is None:
            row = self.headers.index.get(b"cseq")
            if not isinstance(row, bytes):
                raise _fault(b"cseq", row)
            found = self._cseq = cseq_of(row)
        return found

    @property
    def max_forwards(self) -> int | None:
        """Max-Forwards, 0 to 255 (RFC 3261 §20.22)."""
        row = self._optional(b"max-forwards")
        if row is None:
            return None
        found = number_of(row)
        if found is None or found > 255:
            raise RemoteProtocolError("the Max-Forwards header is larger than 255")
        return found

    @property
    def expires(self) -> int | None:
        """Expires in seconds; a number beyond 32 bits counts as absent."""
        row = self._optional(b"expires")
        return None if row is None else number_of(row)

    @property
    def content_type(self) -> MediaType | None:
        """The type of the body."""
        row = self._optional(b"content-type")
        return None if row is None else media_type_of(row)

    @property
    def contact(self) -> NameAddr | None:
        """The first Contact."""
        row = self.headers.index.get(b"contact")
        if row is None:
            return None
        if not isinstance(row, bytes):
            row = row[0]
        return NameAddr.of_row(first_element(row) if b"," in row else row)

    @property
    def event(self) -> Event | None:
        """The Event header."""
        row = self._optional(b"event")
        return None if row is None else event_of(row)

    @property
    def subscription_state(self) -> SubscriptionState | None:
        """The Subscription-State header."""
        row = self._optional(b"subscription-state")
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
        return None if match is None else number(match[0].decode("ascii"))

    def _optional(self, name: bytes) -> bytes | None:
        row = self.headers.index.get(name)
        if row is None or isinstance(row, bytes):
            return row
        raise _fault(name, row)


class Request(Message):
    """A request. ``uri`` is the text of the Request-URI."""

    __slots__ = ("_request_uri", "method", "uri")

    def __init__(self, method: str, uri: str, headers: Headers, body: bytes = b"") -> None:
        self.headers = headers
        self.body = body
        self._via = self._from = self._to = self._call_id = self._cseq = None  # as above, without the call
        self.method = method
        self.uri = uri
        self._request_uri: SipUri | None = None

    @property
    def request_uri(self) -> SipUri:
        """The Request-URI in its parts. Headers in it are refused, never obeyed (RFC 3261 §19.1.5)."""
        found = self._request_uri
        if found is None:
            found = SipUri.parse(self.uri)
            if found.headers:
                raise RemoteProtocolError("the Request-URI holds header fields")
            self._request_uri = found
        return found

    @property
    def branch(self) -> str:
        """The branch of the top Via, "" if it has none."""
        return self.via.branch


class Response(Message):
    """A response."""

    __slots__ = ("reason", "status")

    def __init__(self, status: int, reason: str, headers: Headers, body: bytes = b"") -> None:
        self.headers = headers
        self.body = body
        self._via = self._from = self._to = self._call_id = self._cseq = None  # as above, without the call
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
    status = _status_line(start)
    if status is not None:
        return Response(*status, Headers(lines), body)
    version = _VERSION.fullmatch(parts[0] if len(parts) < 3 or parts[0][:4].upper() == b"SIP/" else parts[-1])
    if version is not None and version[0].upper() != b"SIP/2.0":
        raise RemoteProtocolError("the SIP version is not supported", status=505)
    if version is None or len(parts) != 3:
        raise RemoteProtocolError("the start line is malformed")
    return parse_message(b"\r\n".join([b" ".join([*parts[:2], b"SIP/2.0"]), *lines]), body)


def check_request(request: Request) -> None:
    """The checks that come before all others: mandatory headers present, single and well-formed (RFC 3261 §8.1.1),
    Request-URI well-formed, CSeq of this method. An unsupported URI scheme is no fault here."""
    method = request.method
    cseq = request.cseq
    request.call_id  # noqa: B018 - reading is checking
    request.via  # noqa: B018
    request.max_forwards  # noqa: B018
    request.from_  # noqa: B018
    request.to  # noqa: B018
    try:
        request.request_uri  # noqa: B018
    except RemoteProtocolError as error:
        if error.status != 416:
            raise
    if cseq.method != method and method in METHODS:
        raise RemoteProtocolError("the CSeq header names another method")


def check_response(response: Response) -> None:
    """The same for a response, which is dropped if this raises (RFC 3261 §8.1.3); a second Via is for somebody else."""
    response.cseq  # noqa: B018 - reading is checking
    response.call_id  # noqa: B018
    response.from_  # noqa: B018
    response.to  # noqa: B018
    if len(response.vias) != 1:
        raise RemoteProtocolError("a response does not have exactly one Via")


_METHODS: Final = {method.encode("ascii"): method for method in METHODS}
_STATUS_LINE: Final = re.compile(rb"SIP/2\.0 ([1-6][0-9][0-9])(?: (.*))?", re.IGNORECASE | re.DOTALL)
_VERSION: Final = re.compile(rb"SIP/[0-9]{1,9}\.[0-9]{1,9}", re.IGNORECASE)
_TOKEN: Final = re.compile(grammar.TOKEN.pattern.encode("ascii"))
_VISIBLE: Final = bytes(range(33, 127))
_SECONDS: Final = re.compile(rb"[0-9]+")


@lru_cache(STATUS_LINES)
def _status_line(line: bytes) -> tuple[int, str] | None:
    match = _STATUS_LINE.fullmatch(line)
    return None if match is None else (int(match[1]), (match[2] or b"").decode("utf-8", "replace"))


def _fault(name: bytes, row: object) -> RemoteProtocolError:
    return RemoteProtocolError(f"the {spelled(name)} header is {'missing' if row is None else 'given twice'}")


def _method(octets: bytes) -> str:
    if _TOKEN.fullmatch(octets) is None:
        raise RemoteProtocolError("the method is malformed")
    return octets.decode("ascii")
