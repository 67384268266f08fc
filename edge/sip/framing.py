"""A byte stream cut into SIP messages (RFC 3261 §7.5, §18.3; keep-alives of RFC 5626 §4.4.1).

One `Framer` per link. A chunk is worked through by offsets, so many messages in one chunk cost no copying
of what follows, and a message in many chunks is looked at once. What cannot be read comes out as `Garbled`,
with the answer to send; where the end of a message cannot be found, the stream is given up.
"""

from dataclasses import dataclass
from typing import Final, final
from zlib import crc32

from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.sip.headers import MAX_LINE, Headers, split_lines
from edge.sip.message import Request, Response, UnreadRequest, parse_message, response_bytes
from edge.sip.microsoft import diagnostics, quotable
from edge.sip.values import number_of

MAX_HEAD = 65536  # octets; Microsoft edges send 6 kB and more, every hop adds a signed Record-Route
MAX_BODY = 262144  # octets; far above any presence document or page-mode message


@final
@dataclass(frozen=True, slots=True)
class Garbled:
    """What could not be read. ``answer`` is a complete response, ``close`` says that nothing can follow."""

    answer: bytes | None
    close: bool
    text: str
    code: Code = Code.S01


@final
@dataclass(frozen=True, slots=True)
class Ping:
    """CRLF CRLF between messages: the owner answers one CRLF."""


PING: Final = Ping()

Framed = Request | Response | Garbled | Ping


class Framer:
    """Cuts one direction of one link. After a `Garbled` with ``close`` it returns nothing any more."""

    __slots__ = (
        "_blank", "_buffer", "_max_body", "_max_head", "_message", "_name", "_need", "_searched", "_skip", "closed",
    )

    def __init__(self, max_head: int = MAX_HEAD, max_body: int = MAX_BODY, name: str = "edge") -> None:
        """``name`` is the host part of the Warning headers in our answers."""
        self._max_head = max_head
        self._max_body = max_body
        self._name = name
        self._buffer = bytearray()
        self._searched = 0  # octets of the buffer in which no end of a head begins
        self._message: Request | Response | None = None  # its head is read, its body is not yet there
        self._need = 0  # octets of that body
        self._skip = 0  # octets of a body that belongs to a garbled head
        self._blank = 0  # CRLFs since the last message
        self.closed = False
        """Whether the stream has been given up."""

    @property
    def buffered(self) -> int:
        """Octets that wait for the rest of their message."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Framed]:
        """Take a chunk and return the messages that it completes, in order."""
        if self.closed or not data:
            return []
        buffer = self._buffer
        if buffer:
            buffer += data
            if self._waits():
                return []
            data = bytes(buffer)
            buffer.clear()
        found: list[Framed] = []
        done = self._take(data, found)
        if done < len(data) and not self.closed:
            buffer += data[done:]
        return found

    def _waits(self) -> bool:
        """Whether the buffer still lacks what the next step needs. Looks at new octets only."""
        buffer = self._buffer
        if self._message is not None:
            return len(buffer) < self._need
        if buffer[0] == 13:
            return False
        if buffer.find(b"\r\n\r\n", self._searched) >= 0:
            return False
        self._searched = max(0, len(buffer) - 3)
        return not self._too_long(buffer, 0)

    def _take(self, data: bytes, found: list[Framed]) -> int:
        """Work through ``data``; return how many octets are done with."""
        offset = 0
        size = len(data)
        while offset < size:
            message = self._message
            if message is not None:
                self._message = None
                need = self._need
            elif self._skip:
                step = min(self._skip, size - offset)
                self._skip -= step
                offset += step
                continue
            elif data[offset] == 13:
                if offset + 1 == size:
                    break
                offset += 2
                self._empty_line(data[offset - 1] == 10, found)
                if self.closed:
                    break
                continue
            else:
                self._blank = 0
                end = data.find(b"\r\n\r\n", offset)
                if end < 0 or end - offset > self._max_head:
                    if end >= 0 or self._too_long(data, offset):
                        error = RemoteProtocolError("the header fields are too large", Code.S09)
                        self._give_up(data[offset : offset + self._max_head].rpartition(b"\r\n")[0], error, found)
                    self._searched = max(0, size - offset - 3)
                    break
                head = data[offset:end]
                offset = end + 4
                try:
                    message = parse_message(head, b"")
                    need = _content_length(message.headers, self._max_body)
                except RemoteProtocolError as error:
                    self._garbled(head, error, found)
                    if self.closed:
                        break
                    continue
            if offset + need > size:
                self._message = message
                self._need = need
                break
            if need:
                message.body = data[offset : offset + need]
                offset += need
            found.append(message)
        return offset

    def _too_long(self, head: bytes | bytearray, start: int) -> bool:
        length = len(head) - start
        return length > self._max_head or (length > MAX_LINE and head.find(b"\r\n", start, start + MAX_LINE) < 0)

    def _empty_line(self, complete: bool, found: list[Framed]) -> None:
        if not complete:
            self._give_up(b"", RemoteProtocolError("a CR stands alone between two messages"), found)
            return
        self._blank += 1
        if self._blank == 2:
            self._blank = 0
            found.append(PING)

    def _garbled(self, head: bytes, error: RemoteProtocolError, found: list[Framed]) -> None:
        """Go on behind a message with an unreadable start line; give up if its header lines are no better, because
        then somebody else may find its end in another place."""
        try:
            self._skip = _content_length(Headers(split_lines(head)[1:]), self._max_body)
        except RemoteProtocolError:
            self._give_up(head, error, found)
        else:
            found.append(Garbled(_answer(head, error, self._name), False, str(error), error.code))

    def _give_up(self, head: bytes, error: RemoteProtocolError, found: list[Framed]) -> None:
        self.closed = True
        found.append(Garbled(_answer(head, error, self._name), True, str(error), error.code))


def _content_length(headers: Headers, limit: int) -> int:
    """Octets of the body. On a stream the header is mandatory (RFC 3261 §18.3, §20.14)."""
    row = headers.index.get(b"content-length")
    if row is None:
        raise RemoteProtocolError("the Content-Length header is missing")
    if not isinstance(row, bytes):
        raise RemoteProtocolError("the Content-Length header is given twice")
    try:
        length = number_of(row)
    except RemoteProtocolError:
        raise RemoteProtocolError("the Content-Length header is no number") from None
    if length is None or length > limit:
        raise RemoteProtocolError("the body is too large", Code.S09)
    return length


def _answer(head: bytes, error: RemoteProtocolError, name: str) -> bytes | None:
    """The response to a garbled request; None for a response, an ACK or BENOTIFY, and what has no readable Via.

    There is no transaction and nothing to be remembered, so the tag comes from the request (RFC 3261 §8.2.7).
    """
    if head[:9].upper().startswith((b"SIP/", b"ACK ", b"BENOTIFY ")):
        return None
    request = UnreadRequest("", "", Headers.salvage(head, _COPIED))
    if b"via" not in request.headers:
        return None
    said = [("Warning", f'399 {name} "{error.code} {quotable(str(error))}"'), diagnostics(error.code, str(error))]
    return response_bytes(request, error.status, to_tag=f"{crc32(head):08x}", headers=said)


_COPIED: Final = frozenset({b"via", b"from", b"to", b"call-id", b"cseq"})  # RFC 3261 §8.2.6
