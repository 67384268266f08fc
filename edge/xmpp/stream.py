"""Bytes of an XML stream -> stream header, first-level elements, end (RFC 6120 §4, §11).

Called by the XMPP links of `edge.net` with whatever came from the network. Restricted XML is enforced and
every limit is kept *while* parsing: nothing is built first and judged later. After the first offence the
parser is gone and parses nothing more.

Expat sees complete tags only: an unfinished one is held back and searched for its end once, byte by byte as
it comes. So the work is linear in the bytes received, however small their pieces are, and with or without
the reparse deferral of newer versions of expat.

Expat remembers every name it has ever seen in a document, and a stream may last for months; so after
`RENEW` bytes, between two stanzas, a new parser takes over, which is first shown the stream header.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.parsers import expat

from edge.xmpp.conditions import StreamError
from edge.xmpp.element import LANG, NS_STREAMS, Element
from edge.xmpp.markup import Head, Tag

MAX_STANZA = 10_000  # octets; the least that RFC 6120 §13.12 allows, right for a peer not yet authenticated
MAX_DEPTH = 64  # nested elements of a stanza; real ones stay below 20
MAX_ATTRIBUTES = 64  # of one element
MAX_ELEMENTS = 5000  # of one stanza
MAX_TAG = 16_384  # octets of one tag: two addresses of 3071 octets, escaped, find room
MAX_REFERENCE = 16  # octets; the longest legal one is &#x10FFFF; with some leading zeros
RENEW = 256 * 1024  # octets after which expat's memory of names is thrown away

NS_DIALBACK = "jabber:server:dialback"


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """The peer's stream header (RFC 6120 §4.7); what it does not say is ``""``."""

    from_: str
    to: str
    id: str
    version: str
    lang: str
    default_namespace: str
    declares_dialback: bool


@dataclass(frozen=True, slots=True)
class StreamClosed:
    """The peer's ``</stream:stream>``; whatever follows it is thrown away."""


Event = StreamOpened | Element | StreamClosed


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
        self._max_stanza = max_stanza
        self._max_depth = max_depth
        self._max_attributes = max_attributes
        self._max_elements = max_elements
        self._negotiating = True
        self._dead = False
        self._documents = 0
        self._events: list[Event] = []
        self._parser: expat.XMLParserType | None = None
        self._stack: list[Element] = []
        self._begin()

    def feed(self, data: bytes) -> Iterable[Event]:
        """Parse a chunk; see the class for what is returned."""
        if self._negotiating:
            return self._one_by_one(data)
        if self._dead:
            return []
        events = self._events
        try:
            while data:
                data = self._step(data)
        except StreamError as error:
            error.events = self._take()
            raise
        if not events:
            return []
        return self._take()

    def raise_limit(self, max_stanza: int) -> None:
        """The peer is authenticated: allow stanzas of ``max_stanza`` octets, and return lists from now on."""
        self._max_stanza = max_stanza
        self._negotiating = False

    def reset(self) -> None:
        """A new document begins (RFC 6120 §4.3.3); all bytes fed so far and not yet returned are forgotten."""
        self._drop()
        self._events.clear()
        self._begin()

    def _begin(self) -> None:
        self._documents += 1
        self._header = b""  # the stream header's bytes, once complete
        self._head: Head | None = Head()
        self._held = bytearray()  # an unfinished tag or reference that expat has not been shown
        self._tag = Tag()  # how far `_held` has been searched for its end
        self._fed = 0  # octets that the present expat parser has been shown
        self._stanza_start = 0  # where in them the present stanza began
        self._paused = 0  # where in them the tag began at whose end expat was stopped
        self._in_cdata = False
        self._text: list[str] = []

    def _one_by_one(self, data: bytes) -> Iterator[Event]:
        document = self._documents
        while data and not self._dead and document == self._documents:
            try:
                data = self._step(data)
            except StreamError as error:
                error.events = self._take()
                raise
            for event in self._take():
                yield event
                if document != self._documents:
                    return

    def _take(self) -> list[Event]:
        events = self._events[:]
        self._events.clear()
        return events

    def _drop(self) -> None:
        """Let go of the expat parser; without its callbacks it is no part of a reference cycle."""
        parser = self._parser
        if parser is not None:
            parser.StartElementHandler = parser.EndElementHandler = parser.CharacterDataHandler = None
            self._parser = None
        self._stack.clear()

    def _die(self) -> None:
        self._dead = True
        self._drop()
        self._begin()

    def _step(self, data: bytes) -> bytes:
        """Parse the beginning of ``data``, return the rest: nothing, if it was short and no pause was due."""
        rest = b""
        if len(data) > MAX_TAG:
            data, rest = data[:MAX_TAG], data[MAX_TAG:]
        try:
            rest = self._content(data) + rest if self._head is None else self._open(data) + rest
        except StreamError:
            self._die()
            raise
        except expat.ExpatError as error:
            self._die()
            raise StreamError(_CONDITIONS.get(error.code, "not-well-formed")) from None
        return b"" if self._dead else rest

    def _open(self, data: bytes) -> bytes:
        """Collect the stream header; when it is complete, parse it and return what followed it."""
        head = self._head
        assert head is not None
        end = head.feed(data)
        if (end if end >= 0 else len(head.data)) > self._max_stanza:
            raise StreamError("policy-violation", "the stream header is too large")
        if end < 0:
            return b""
        self._header = bytes(head.data[:end])
        rest = bytes(head.data[end:])
        self._head = None
        self._create(announce=True)
        return rest

    def _content(self, data: bytes) -> bytes:
        """Parse what is inside the stream; return what stands behind a pause."""
        held = self._held
        if held:
            if len(held) > len(_CDATA):  # so it is a tag, and has been searched
                end = self._tag.end(data, 0)
                if len(held) + (end if end >= 0 else len(data)) > MAX_TAG:
                    raise StreamError("policy-violation", "a tag is too large")
                if end < 0:
                    held += data
                    self._measure()
                    return b""
            data = bytes(held) + data
            held.clear()
        if self._parser is None or (self._fed > RENEW and not self._stack):
            self._create(announce=False)
        cut = self._unfinished(data)
        if cut == len(data):
            return self._parse(data)
        if cut > 0:
            rest = self._parse(data[:cut])
            data = data[cut:]
            if rest or self._parser is None:
                return rest + data
        if self._in_cdata:  # where neither < nor & begins anything
            return self._parse(data)
        self._hold(data)
        self._measure()
        return b""

    def _unfinished(self, data: bytes) -> int:
        """Where the tag or reference begins with which ``data`` ends unfinished; its length if with none.

        No attribute's value holds a ``<`` (XML 1.0 §2.3), so the last one is where the last tag begins.
        """
        begin = data.rfind(b"<")
        if begin >= 0:
            self._tag.quote = b""
            end = self._tag.end(data, begin)
            if end < 0 and not data.startswith(_CDATA, begin):
                return begin
            begin = max(end, begin)
        reference = data.rfind(b"&", max(begin, 0))
        return reference if reference >= 0 and data.find(b";", reference) < 0 else len(data)

    def _hold(self, data: bytes) -> None:
        """Keep an unfinished tag or reference, unless it is already seen to be none that we allow."""
        if data[:1] == b"&":
            if len(data) > MAX_REFERENCE:
                raise StreamError("restricted-xml")
        elif data[1:2] == b"?" or (data[1:2] == b"!" and not _CDATA.startswith(data)):
            raise StreamError("restricted-xml")
        self._held += data

    def _parse(self, data: bytes) -> bytes:
        """Show ``data`` to expat; return what stands behind a pause."""
        parser = self._parser
        assert parser is not None
        before = self._fed
        try:
            parser.Parse(data, False)
        except _Pause:
            self._drop()
            return data[self._pause_end(data, before) :]
        self._fed = before + len(data)
        if self._stack:
            self._measure()
        elif self._text:
            self._between()
        return b""

    def _pause_end(self, data: bytes, before: int) -> int:
        """Where in ``data`` the element ends at whose end tag expat was stopped."""
        begin = self._stanza_start - before
        if begin >= 0:
            end = Tag().end(data, begin)
            if data[end - 2 : end] == b"/>":  # an element of one tag, for which expat tells another position
                return end
        return Tag().end(data, self._paused - before)

    def _measure(self) -> None:
        """Hold the stanza that is being received against the limit."""
        pending = len(self._held)
        if (self._fed - self._stanza_start + pending if self._stack else pending) > self._max_stanza:
            raise StreamError("policy-violation", "a stanza is too large")

    def _between(self) -> None:
        """Between stanzas there may be white space only, which keeps the connection alive (RFC 6120 §4.6.1)."""
        if not "".join(self._text).isspace():
            raise StreamError("bad-format", "there is text between stanzas")
        self._text.clear()

    def _create(self, announce: bool) -> None:
        """Make an expat parser that has seen the stream header."""
        self._drop()
        self._fed = len(self._header)
        parser = self._parser = expat.ParserCreate("UTF-8", _SEPARATOR)
        parser.buffer_size = MAX_TAG
        parser.buffer_text = True
        if hasattr(parser, "SetReparseDeferralEnabled"):
            parser.SetReparseDeferralEnabled(False)
        parser.XmlDeclHandler = _declaration
        parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = parser.ProcessingInstructionHandler = _restricted
        parser.CommentHandler = parser.SkippedEntityHandler = _restricted
        parser.StartCdataSectionHandler = self._cdata_begins
        parser.EndCdataSectionHandler = self._cdata_ends
        self._await_root(parser, announce)
        parser.Parse(self._header, False)

    def _cdata_begins(self) -> None:
        self._in_cdata = True

    def _cdata_ends(self) -> None:
        self._in_cdata = False

    def _await_root(self, parser: expat.XMLParserType, announce: bool) -> None:
        """Install the callbacks for the stream header."""
        declared: dict[str | None, str] = {}

        def declare(prefix: str | None, uri: str | None) -> None:
            declared[prefix] = uri or ""

        def root(name: str, attributes: dict[str, str]) -> None:
            namespace, local = _Names()[name]
            if namespace != NS_STREAMS:
                raise StreamError("invalid-namespace")
            if local != "stream":
                raise StreamError("bad-format", "this is no stream")
            if len(attributes) > self._max_attributes:
                raise StreamError("policy-violation", "an element has too many attributes")
            parser.StartNamespaceDeclHandler = None
            self._build(parser)
            if announce:
                attributes = _qualified(attributes)
                self._events.append(
                    StreamOpened(
                        from_=attributes.get("from", ""),
                        to=attributes.get("to", ""),
                        id=attributes.get("id", ""),
                        version=attributes.get("version", ""),
                        lang=attributes.get(LANG, ""),
                        default_namespace=declared.get(None, ""),
                        declares_dialback=NS_DIALBACK in declared.values(),
                    )
                )

        parser.StartNamespaceDeclHandler = declare
        parser.StartElementHandler = root

    def _build(self, parser: expat.XMLParserType) -> None:
        """Install the callbacks that build stanzas. Closures: this is the hottest code of the XMPP side."""
        stack, text, events, names = self._stack, self._text, self._events, _Names()
        max_depth, max_attributes, max_elements = self._max_depth, self._max_attributes, self._max_elements
        elements = 0

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal elements
            namespace, local = names[name]
            if attributes:
                if len(attributes) > max_attributes:
                    raise StreamError("policy-violation", "an element has too many attributes")
                if _SEPARATOR in "".join(attributes):
                    attributes = _qualified(attributes)
            element = Element(local, namespace, attributes)
            if stack:
                siblings = stack[-1].children
                if text:
                    siblings.append("".join(text))
                    text.clear()
                siblings.append(element)
                elements += 1
                if elements > max_elements or len(stack) >= max_depth:
                    raise StreamError("policy-violation", "a stanza has too many elements or is nested too deeply")
            else:
                if text:
                    self._between()
                elements = 1
                self._stanza_start = parser.CurrentByteIndex
            stack.append(element)

        def end(name: str) -> None:
            if not stack:
                if text:
                    self._between()
                events.append(StreamClosed())
                self._die()
                raise _Pause
            element = stack.pop()
            if text:
                element.children.append("".join(text))
                text.clear()
            if not stack:
                if parser.CurrentByteIndex - self._stanza_start > self._max_stanza:
                    raise StreamError("policy-violation", "a stanza is too large")
                events.append(element)
                if self._negotiating or self._fed > RENEW:
                    self._paused = parser.CurrentByteIndex
                    raise _Pause

        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = text.append


_SEPARATOR = "\x1f"  # between namespace and local name; no XML document can hold it, so nobody can forge a name
_CDATA = b"<![CDATA["

# By the numbers of expat's errors; all others are not-well-formed.
_CONDITIONS = {
    expat.errors.codes[expat.errors.XML_ERROR_UNDEFINED_ENTITY]: "restricted-xml",
    expat.errors.codes[expat.errors.XML_ERROR_MISPLACED_XML_PI]: "restricted-xml",
    expat.errors.codes[expat.errors.XML_ERROR_UNKNOWN_ENCODING]: "unsupported-encoding",
    expat.errors.codes[expat.errors.XML_ERROR_INCORRECT_ENCODING]: "unsupported-encoding",
}


class _Pause(Exception):
    """Raised inside a callback to make expat stop."""


class _Names(dict[str, tuple[str, str]]):
    """Expat's names -> (namespace, local name), each split once. Lives no longer than its parser."""

    def __missing__(self, name: str) -> tuple[str, str]:
        namespace, _, local = name.rpartition(_SEPARATOR)
        self[name] = namespace, local
        return namespace, local


def _qualified(attributes: dict[str, str]) -> dict[str, str]:
    """Write the names of namespaced attributes as ``{namespace}local``."""
    return {
        f"{{{name.replace(_SEPARATOR, '}')}" if _SEPARATOR in name else name: value
        for name, value in attributes.items()
    }


def _declaration(version: str, encoding: str | None, standalone: int) -> None:
    if encoding is not None and encoding.upper() != "UTF-8":
        raise StreamError("unsupported-encoding")


def _restricted(*_: object) -> None:
    raise StreamError("restricted-xml")

