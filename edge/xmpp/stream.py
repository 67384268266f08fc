"""Bytes of an XML stream -> stream header, first-level elements, end (RFC 6120 §4, §11).

Called by the XMPP links of `edge.net` with whatever came from the network. Restricted XML is enforced and
every limit is kept *while* parsing: nothing is built first and judged later. After the first offence the
parser is gone and parses nothing more.

Expat (`edge.xmpp.document`) is shown complete tags only: an unfinished one is held back and searched for its
end once, byte by byte as it comes. So the work is linear in the bytes received, however small their pieces
are, and with or without the reparse deferral of newer versions of expat.
"""

from collections.abc import Iterable, Iterator

from edge.xmpp.conditions import StreamError
from edge.xmpp.document import MAX_TAG, Document, Event, Limits, StreamClosed, StreamOpened
from edge.xmpp.markup import Head, Tag

__all__ = ["Event", "StreamClosed", "StreamOpened", "StreamParser"]

MAX_STANZA = 10_000  # octets; the least that RFC 6120 §13.12 allows, right for a peer not yet authenticated
MAX_DEPTH = 64  # nested elements of a stanza; real ones stay below 20
MAX_ATTRIBUTES = 64  # of one element
MAX_ELEMENTS = 5000  # of one stanza
MAX_NEGOTIATED = 100  # first-level elements before authentication; each costs a new parser, a negotiation has about 10
MAX_REFERENCE = 16  # octets; the longest legal one is &#x10FFFF; with some leading zeros
LONGEST_PART = 3  # octets; of a character, or of what may yet become ]]>: all that expat may be shown in part
RENEW = 256 * 1024  # octets; expat's memory of names is some 50 times what it was shown, and a stream lasts for months


class StreamParser:
    """The receiving half of one XML stream.

    Until `raise_limit` the stream is being negotiated: `feed` then returns an *iterator* which parses one
    first-level element each time it is asked for the next event. If its user calls `reset` in between, the
    iterator ends, and the bytes behind that element are never looked at (RFC 6120 §5.4.3.3: what a peer
    sent behind ``<starttls/>`` must not count as protected). The iterator is to be exhausted, or `reset`.

    After `raise_limit` a `feed` parses everything at once and returns a list.

    A `StreamError` is raised by `feed`, or by its iterator; its ``events`` are those that were complete
    before the offence in the same chunk.
    """

    def __init__(
        self,
        max_stanza: int = MAX_STANZA,
        max_depth: int = MAX_DEPTH,
        max_attributes: int = MAX_ATTRIBUTES,
        max_elements: int = MAX_ELEMENTS,
    ) -> None:
        self._limits = Limits(max_stanza, max_depth, max_attributes, max_elements)
        self._negotiating = True
        self._dead = False
        self._resets = 0
        self._negotiated = 0  # first-level elements while negotiating
        self._events: list[Event] = []
        self._document: Document | None = None
        self._begin()

    def feed(self, data: bytes) -> Iterable[Event]:
        """Parse a chunk; see the class for what is returned."""
        if self._negotiating:
            return self._one_by_one(data)
        try:
            for begin in range(0, len(data), MAX_TAG):
                piece = data[begin : begin + MAX_TAG]
                while piece and not self._dead:
                    piece = self._step(piece)
        except StreamError as error:
            error.events = self._take()
            raise
        return self._take()

    def raise_limit(self, max_stanza: int) -> None:
        """The peer is authenticated: allow stanzas of ``max_stanza`` octets, and return lists from now on."""
        self._limits.max_stanza = max_stanza
        self._negotiating = False

    def reset(self) -> None:
        """A new document begins (RFC 6120 §4.3.3); all bytes fed so far and not yet returned are forgotten."""
        self._events.clear()
        self._resets += 1
        self._begin()

    def _begin(self) -> None:
        if self._document is not None:
            self._document.drop()
            self._document = None
        self._header = b""  # the stream header's bytes, once complete
        self._head: Head | None = Head()
        self._held = bytearray()  # an unfinished tag or reference that expat has not been shown
        self._tag = Tag()  # how far `_held` has been searched for its end

    def _one_by_one(self, data: bytes) -> Iterator[Event]:
        resets = self._resets
        for begin in range(0, len(data), MAX_TAG):
            piece = data[begin : begin + MAX_TAG]
            while piece and not self._dead and resets == self._resets:
                try:
                    piece = self._step(piece)
                except StreamError as error:
                    error.events = self._take()
                    raise
                for event in self._take():
                    yield event
                    if resets != self._resets:
                        return

    def _take(self) -> list[Event]:
        events = self._events[:]
        self._events.clear()
        return events

    def _die(self) -> None:
        self._dead = True
        self._begin()

    def _step(self, data: bytes) -> bytes:
        """Parse ``data`` up to a pause; return what stands behind that, nothing if no pause was due."""
        try:
            rest = self._content(data) if self._head is None else self._open(data)
        except StreamError:
            self._die()
            raise
        if self._document is not None and self._document.closed:
            self._die()
            return b""
        return rest

    def _open(self, data: bytes) -> bytes:
        """Collect the stream header; when it is complete, parse it and return what followed it."""
        head = self._head
        assert head is not None
        end = head.feed(data)
        if (end if end >= 0 else len(head.data)) > self._limits.max_stanza:
            raise StreamError("policy-violation", "the stream header is too large")
        if end < 0:
            return b""
        self._header = bytes(head.data[:end])
        rest = bytes(head.data[end:])
        self._head = None
        self._document = Document(self._header, self._limits, self._events, announce=True)
        return rest

    def _content(self, data: bytes) -> bytes:
        """Parse what is inside the stream; return what stands behind a pause."""
        held = self._held
        if held:
            if len(held) > len(_CDATA) and held[0] == 0x3C:  # so it is a tag, and has been searched
                end = self._tag.end(data, 0)
                if len(held) + (end if end >= 0 else len(data)) > MAX_TAG:
                    raise StreamError("policy-violation", "a tag is too large")
                if end < 0:
                    held += data
                    self._measure()
                    return b""
            data = bytes(held) + data
            held.clear()
        document = self._document
        if document is None or document.spent or (document.fed > RENEW and not document.pending):
            document = self._renew()
        pausing = self._negotiating or document.fed > RENEW
        cut = self._unfinished(data)
        if cut == len(data):
            rest = document.parse(data, pausing)
            if document.pending:
                self._measure()
            return rest
        rest = document.parse(data[:cut], pausing)
        data = data[cut:]
        if document.spent:
            return rest + data
        if document.in_cdata:  # where neither < nor & begins anything
            document.parse(data, pausing)
        elif document.unfinished > LONGEST_PART:
            raise StreamError("not-well-formed")  # this < or & stands inside a tag
        else:
            self._hold(data)
        self._measure()
        return b""

    def _renew(self) -> Document:
        if self._negotiating:
            self._negotiated += 1
            if self._negotiated > MAX_NEGOTIATED:
                raise StreamError("policy-violation", "there are too many elements before authentication")
        if self._document is not None:
            self._document.drop()
        self._document = Document(self._header, self._limits, self._events, announce=False)
        return self._document

    def _unfinished(self, data: bytes) -> int:
        """Where the tag or reference begins with which ``data`` ends unfinished; its length if with none.

        No attribute's value holds a ``<`` (XML 1.0 §2.3), so the last one is where the last tag begins.
        """
        end = 0
        begin = data.rfind(b"<")
        if begin >= 0:
            if data[begin + 1 : begin + 2] == b"/":  # an end tag, as most often; it has no quotes
                end = data.find(b">", begin) + 1
                if end == len(data):
                    return end
            self._tag = Tag()
            end = self._tag.end(data, begin)
            if end == len(data):
                return end
            if end < 0:
                if not data.startswith(_CDATA, begin):
                    return begin
                end = begin
        reference = data.rfind(b"&", end)
        return reference if reference >= 0 and data.find(b";", reference) < 0 else len(data)

    def _hold(self, data: bytes) -> None:
        """Keep an unfinished tag or reference, unless it is already seen to be none that we allow."""
        if data[:1] == b"&":
            if len(data) > MAX_REFERENCE:
                raise StreamError("restricted-xml")
        elif data[1:2] == b"?" or (data[1:2] == b"!" and not _CDATA.startswith(data)):
            raise StreamError("restricted-xml")
        self._held += data

    def _measure(self) -> None:
        """Hold the stanza that is being received against the limit."""
        assert self._document is not None
        if self._document.pending + len(self._held) > self._limits.max_stanza:
            raise StreamError("policy-violation", "a stanza is too large")


_CDATA = b"<![CDATA["
