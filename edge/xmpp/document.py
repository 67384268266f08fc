"""One XML document of a stream, inside expat: complete markup -> events (RFC 6120 §11).

Used by `edge.xmpp.stream` alone, which sees to it that no tag is shown in pieces. Restricted XML and the
limits are enforced in the callbacks. Expat remembers every name that it has seen, so a `Document` is made
anew now and then in the middle of a stream, from the bytes of the stream header.
"""

from dataclasses import dataclass
from xml.parsers import expat

from edge.xmpp.conditions import StreamError
from edge.xmpp.element import LANG, NS_STREAMS, NS_XML, Element
from edge.xmpp.markup import Tag

MAX_TAG = 16_384  # octets of one tag: two addresses of 3071 octets, escaped, find room

NS_DIALBACK = "jabber:server:dialback"


@dataclass(slots=True)
class Limits:
    """What a peer may make us build. Octets, but for the counts."""

    max_stanza: int
    max_depth: int
    max_attributes: int
    max_elements: int


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


class Document:
    """An expat parser that has seen ``header``, and appends to ``events`` what follows.

    ``announce`` tells whether the header is news. After a pause or an error a document is spent.
    """

    __slots__ = (
        "_careful",
        "_events",
        "_limits",
        "_parser",
        "_paused",
        "_pausing",
        "_stack",
        "_stanza_start",
        "_text",
        "closed",
        "fed",
        "in_cdata",
        "spent",
    )

    def __init__(self, header: bytes, limits: Limits, events: list[Event], announce: bool) -> None:
        self.fed = len(header)  # octets shown to expat
        self.closed = False  # the root element has ended
        self.spent = False
        self.in_cdata = False
        self._limits = limits
        self._events = events
        self._stack: list[Element] = []
        self._text: list[str] = []  # runs of text not yet given to an element
        self._stanza_start = 0  # where in the octets fed the present stanza began
        self._pausing = self._careful = False
        self._paused = 0  # where in them the tag begins at whose end expat was stopped
        self._parser = parser = expat.ParserCreate("UTF-8", _SEPARATOR)
        parser.buffer_size = MAX_TAG
        parser.buffer_text = True
        if hasattr(parser, "SetReparseDeferralEnabled"):  # it delays the ends of small tags, and we need it not
            parser.SetReparseDeferralEnabled(False)
        parser.XmlDeclHandler = _declaration
        parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = parser.ProcessingInstructionHandler = _restricted
        parser.CommentHandler = parser.SkippedEntityHandler = _restricted
        parser.StartCdataSectionHandler = self._cdata_begins
        parser.EndCdataSectionHandler = self._cdata_ends
        self._await_root(announce)
        try:
            self._show(header)
        except _Pause:  # the header is the end as well
            self.drop()

    def parse(self, data: bytes, pausing: bool) -> bytes:
        """Parse ``data``, which ends with no unfinished tag. Return what was not looked at.

        With ``pausing`` that is everything behind the first stanza that ends; else nothing.
        """
        before = self.fed
        self._pausing = pausing
        # A stanza can be too large only if it has begun before, or if there is room for one in the data.
        self._careful = pausing or bool(self._stack) or len(data) > self._limits.max_stanza
        try:
            self._show(data)
        except _Pause:
            self.drop()
            return b"" if self.closed else data[self._pause_end(data, before) :]
        self.fed = before + len(data)
        if self._text and not self._stack:
            self._between()
        return b""

    def drop(self) -> None:
        """Let go of expat; without its callbacks it is no part of a reference cycle."""
        parser = self._parser
        parser.StartElementHandler = parser.EndElementHandler = parser.CharacterDataHandler = None
        parser.StartCdataSectionHandler = parser.EndCdataSectionHandler = parser.StartNamespaceDeclHandler = None
        self._stack.clear()
        self.spent = True

    @property
    def pending(self) -> int:
        """The octets of the stanza that has begun and not ended; 0 between stanzas."""
        return self.fed - self._stanza_start if self._stack else 0

    @property
    def unfinished(self) -> int:
        """The octets at the end of what expat was shown that it cannot make anything of yet."""
        return self.fed - self._parser.CurrentByteIndex

    def _show(self, data: bytes) -> None:
        try:
            self._parser.Parse(data, False)
        except expat.ExpatError as error:
            raise StreamError(_CONDITIONS.get(error.code, "not-well-formed")) from None

    def _pause_end(self, data: bytes, before: int) -> int:
        """Where in ``data`` the element ends at whose end expat was stopped."""
        begin = self._stanza_start - before
        if begin >= 0:
            end = Tag().end(data, begin)
            if data[end - 2 : end] == b"/>":  # an element of one tag, for which expat tells another position
                return end
        return Tag().end(data, self._paused - before)

    def _between(self) -> None:
        """Between stanzas there may be white space only, which keeps the connection alive (RFC 6120 §4.6.1)."""
        if not "".join(self._text).isspace():
            raise StreamError("bad-format", "there is text between stanzas")
        self._text.clear()

    def _cdata_begins(self) -> None:
        self.in_cdata = True

    def _cdata_ends(self) -> None:
        self.in_cdata = False

    def _await_root(self, announce: bool) -> None:
        """Install the callbacks for the stream header."""
        parser = self._parser
        declared: dict[str | None, str] = {}

        def declare(prefix: str | None, uri: str | None) -> None:
            declared[prefix] = uri or ""

        def root(name: str, attributes: dict[str, str]) -> None:
            namespace, local = _Names()[name]
            if namespace != NS_STREAMS:
                raise StreamError("invalid-namespace")
            if local != "stream":
                raise StreamError("bad-format", "the root element is no stream")
            if len(attributes) > self._limits.max_attributes:
                raise StreamError("policy-violation", "an element has too many attributes")
            parser.StartNamespaceDeclHandler = None
            self._await_stanzas()
            if announce:
                self._events.append(_opened(_qualified(attributes), declared))

        parser.StartNamespaceDeclHandler = declare
        parser.StartElementHandler = root

    def _await_stanzas(self) -> None:
        """Install the callbacks that build stanzas. Closures: this is the hottest code of the XMPP side."""
        stack, text, events, names = self._stack, self._text, self._events, _Names()
        parser, limits, separator, lang = self._parser, self._limits, _SEPARATOR, _LANG
        max_depth, max_attributes, max_elements = limits.max_depth, limits.max_attributes, limits.max_elements
        elements = 0

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal elements
            namespace, local = names[name]
            if attributes:
                if len(attributes) > max_attributes:
                    raise StreamError("policy-violation", "an element has too many attributes")
                if lang in attributes:
                    attributes[LANG] = attributes.pop(lang)
                if separator in "".join(attributes):
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
                self.closed = True
                raise _Pause
            element = stack.pop()
            if text:
                element.children.append("".join(text))
                text.clear()
            if not stack:
                if self._careful and parser.CurrentByteIndex - self._stanza_start > limits.max_stanza:
                    raise StreamError("policy-violation", "a stanza is too large")
                events.append(element)
                if self._pausing:
                    self._paused = parser.CurrentByteIndex
                    raise _Pause

        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = text.append


_LANG = f"{NS_XML}\x1flang"  # the one attribute with a namespace that every client writes
_SEPARATOR = "\x1f"  # between namespace and local name; no XML document can hold it, so nobody can forge a name

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


def _opened(attributes: dict[str, str], declared: dict[str | None, str]) -> StreamOpened:
    return StreamOpened(
        from_=attributes.get("from", ""),
        to=attributes.get("to", ""),
        id=attributes.get("id", ""),
        version=attributes.get("version", ""),
        lang=attributes.get(LANG, ""),
        default_namespace=declared.get(None, ""),
        declares_dialback=NS_DIALBACK in declared.values(),
    )


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
