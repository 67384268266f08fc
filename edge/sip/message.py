"""Requests and responses: parsed when touched, written without intermediate objects (RFC 3261 §7, §8).

`edge.sip.framing` makes them from a stream; the transaction layer and the transaction users read them.
A property raises `RemoteProtocolError` when a mandatory header is missing, given twice or malformed; what
nobody touches is not looked at.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from edge.errors import RemoteProtocolError
from edge.sip import grammar
from edge.sip.addresses import NameAddr, Via, first_element
from edge.sip.grammar import COMMA, TOKEN_OCTETS
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
    "METHODS", "Message", "Request", "Response", "UnreadRequest", "UnreadResponse", "check_request", "check_response",
    "parse_message", "read_matched", "request_bytes", "response_bytes",
]

STATUS_LINES = 256  # status lines that are remembered; bounded, because peers choose the phrases

# The methods that are recognized, whether or not they are supported (RFC 3261 §8.2.1).
METHODS: Final = frozenset({
    "INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "MESSAGE", "SUBSCRIBE", "NOTIFY", "PUBLISH", "INFO",
    "PRACK", "UPDATE", "REFER", "BENOTIFY", "NEGOTIATE", "SERVICE",
})


class Message:
    """What requests and responses have in common.

    Mandatory headers are read when they are asked for, and kept: ``via`` (the top one), ``from_``, ``to``, ``call_id``,
    ``cseq``; and so is ``max_forwards``, 0 to 255 (RFC 3261 §20.22), None if there is none. What comes from the network
    is therefore an `Unread` request or response, until all of it has been read.
    """

    __slots__ = ("body", "call_id", "cseq", "from_", "headers", "max_forwards", "to", "via")

    via: Via
    from_: NameAddr
    to: NameAddr
    call_id: str
    cseq: CSeq
    max_forwards: int | None

    def __init__(self, headers: Headers, body: bytes) -> None:
        self.headers = headers
        self.body = body

    @property
    def vias(self) -> list[Via]:
        """All Vias, top first."""
        rows = self.headers.raw(b"via")
        return [Via.parse(element) for row in rows for element in grammar.elements(row.decode("utf-8", "replace"))]

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
        return NameAddr.of_row(first_element(row) if COMMA in row else row)

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
    """A request. ``uri`` is the text of the Request-URI, ``request_uri`` its parts, read as the headers are.

    Header fields in a Request-URI are refused, never obeyed (RFC 3261 §19.1.5).
    """

    __slots__ = ("method", "request_uri", "uri")

    request_uri: SipUri

    def __init__(self, method: str, uri: str, headers: Headers, body: bytes = b"") -> None:
        self.headers = headers
        self.body = body
        self.method = method
        self.uri = uri

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
        self.status = status
        self.reason = reason


class Unread:
    """Reads what is asked for, and keeps it. What has been read is a plain attribute, and `check_request` reads it all:
    from then on a request is no more than a `Request`, whose attributes Python finds without asking."""

    __slots__ = ()

    if not TYPE_CHECKING:  # who asks for an attribute that does not exist is found by the type checker

        def __getattr__(self, name: str) -> object:
            read = _READERS.get(name)
            if read is None:
                raise AttributeError(name)
            found = read(self)
            setattr(self, name, found)
            return found


class UnreadRequest(Unread, Request):
    """A request as it has come."""

    __slots__ = ()


class UnreadResponse(Unread, Response):
    """A response as it has come."""

    __slots__ = ()


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
        return UnreadRequest(method, uri.decode("ascii"), Headers(lines), body)
    status = _status_line(start)
    if status is not None:
        return UnreadResponse(*status, Headers(lines), body)
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
    index = request.headers.index
    request.cseq = cseq = _cseq(request)  # to check it is to read it
    request.call_id = _call_id(request)
    via, max_forwards = index.get(b"via"), index.get(b"max-forwards")
    request.via = _via_of(via) if type(via) is bytes and COMMA not in via else _via(request)
    request.max_forwards = None if max_forwards is None else _max_forwards(request)
    from_, to = index.get(b"from"), index.get(b"to")
    request.from_ = _address_of(from_) if type(from_) is bytes else _from(request)
    request.to = _address_of(to) if type(to) is bytes else _to(request)
    try:
        request.request_uri = _request_uri(request)
        request.__class__ = Request
    except RemoteProtocolError as error:
        if error.status != 416:
            raise
    if cseq.method != method and method in METHODS:
        raise RemoteProtocolError("the CSeq header names another method")


def read_matched(response: Response) -> None:
    """Read at once what an answer is matched by (RFC 3261 §17.1.3): top Via, CSeq and Call-ID. Raises as they would."""
    response.via = _via(response)
    response.cseq = _cseq(response)
    response.call_id = _call_id(response)


def check_response(response: Response) -> None:
    """The same for a response, which is dropped if this raises (RFC 3261 §8.1.3); a second Via is for somebody else."""
    response.cseq  # noqa: B018 - reading is checking
    response.call_id  # noqa: B018
    response.from_  # noqa: B018
    response.to  # noqa: B018
    if len(response.vias) != 1:
        raise RemoteProtocolError("a response does not have exactly one Via")


def _via(message: Message) -> Via:
    row = message.headers.index.get(b"via")
    if row is None:
        raise _fault(b"via", row)
    if not isinstance(row, bytes):
        row = row[0]
    return _via_of(first_element(row) if COMMA in row else row)


def _from(message: Message) -> NameAddr:
    row = message.headers.index.get(b"from")
    if not isinstance(row, bytes):
        raise _fault(b"from", row)
    return _address_of(row)


def _to(message: Message) -> NameAddr:
    row = message.headers.index.get(b"to")
    if not isinstance(row, bytes):
        raise _fault(b"to", row)
    return _address_of(row)


def _call_id(message: Message) -> str:
    row = message.headers.index.get(b"call-id")
    if not isinstance(row, bytes):
        raise _fault(b"call-id", row)
    row = row.strip(b" \t")
    if _VISIBLE.fullmatch(row) is None:
        raise RemoteProtocolError("the Call-ID header is malformed")
    return row.decode("ascii")


def _cseq(message: Message) -> CSeq:
    row = message.headers.index.get(b"cseq")
    if not isinstance(row, bytes):
        raise _fault(b"cseq", row)
    return cseq_of(row)


def _max_forwards(message: Message) -> int | None:
    row = message.headers.index.get(b"max-forwards")
    if row is None:
        return None
    if not isinstance(row, bytes):
        raise _fault(b"max-forwards", row)
    found = number_of(row)
    if found is None or found > 255:
        raise RemoteProtocolError("the Max-Forwards header is larger than 255")
    return found


def _request_uri(request: Request) -> SipUri:
    found = _uri_of(request.uri)
    if found.headers:
        raise RemoteProtocolError("the Request-URI holds header fields")
    return found


_via_of: Final = Via.of_element  # bound once: Python binds a method of a class anew for each call
_address_of: Final = NameAddr.of_row
_uri_of: Final = SipUri.parse
_READERS: Final[dict[str, Callable[[Any], object]]] = {
    "via": _via, "from_": _from, "to": _to, "call_id": _call_id, "cseq": _cseq, "max_forwards": _max_forwards,
    "request_uri": _request_uri,
}
_METHODS: Final = {method.encode("ascii"): method for method in METHODS}
_STATUS_LINE: Final = re.compile(rb"SIP/2\.0 ([1-6][0-9][0-9])(?: (.*))?", re.IGNORECASE | re.DOTALL)
_VERSION: Final = re.compile(rb"SIP/[0-9]{1,9}\.[0-9]{1,9}", re.IGNORECASE)
_VISIBLE: Final = re.compile(rb"[!-~]+")
_SECONDS: Final = re.compile(rb"[0-9]+")


@lru_cache(STATUS_LINES)
def _status_line(line: bytes) -> tuple[int, str] | None:
    match = _STATUS_LINE.fullmatch(line)
    return None if match is None else (int(match[1]), (match[2] or b"").decode("utf-8", "replace"))


def _fault(name: bytes, row: object) -> RemoteProtocolError:
    return RemoteProtocolError(f"the {spelled(name)} header is {'missing' if row is None else 'given twice'}")


def _method(octets: bytes) -> str:
    if TOKEN_OCTETS.fullmatch(octets) is None:
        raise RemoteProtocolError("the method is malformed")
    return octets.decode("ascii")
