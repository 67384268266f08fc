"""HTML taken apart, and reduced to plain text. `edge.bodies.xhtml` makes XHTML-IM of the same pieces.

The tokens are found by patterns of our own, in linear time whatever the input: html.parser of Python 3.11 takes minutes
for some inputs of 256 kB, and libxml2 seconds for a tag with many attributes. No tree is built, so nesting is free.
What is cut off in the middle of a tag or a comment ends there, as in browsers. Called by `edge.mapping.payloads`.
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

from edge.bodies.text import UnsupportedBody, legal
from edge.codes import Code
from edge.errors import RemoteProtocolError

MEDIA_TYPE = "text/html"

MAX_LENGTH = 262_144  # characters of a document; what a stanza may hold at most by default
MAX_TOKENS = 10_000  # tags and texts of a document; a long one then takes less than 0.05 s, and no message has so many
MAX_ATTRIBUTES = 30  # of a tag that are looked at
MAX_TAG = 8192  # characters of a tag that are looked at; data: URIs are longer, and of no use to us
MAX_LINK = 2048  # characters of an address

# Elements that begin on a line of their own.
BLOCKS = frozenset(
    {
        "address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt", "fieldset", "figure",
        "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "html", "li", "main", "nav", "ol", "p", "pre",
        "section", "table", "tbody", "tfoot", "thead", "tr", "ul",
    }
)
LINKS = frozenset(("http", "https", "mailto", "xmpp", "sip"))  # schemes of links that are kept


class Tag(NamedTuple):
    """A start or an end tag. ``name`` is in lower case; the attributes are read by `attributes`."""

    name: str
    closing: bool
    rest: str


def tokens(markup: str) -> Iterator[Tag | str]:
    """The tags of a document and the text between them, its references resolved. 413 for too long a one.

    Comments, declarations, scripts, styles and titles are left out with what they hold.
    """
    if len(markup) > MAX_LENGTH:
        raise RemoteProtocolError(f"the HTML is longer than {MAX_LENGTH} characters", Code.S09, status=413)
    position = 0
    for _ in range(MAX_TOKENS):
        begin = markup.find("<", position)
        if begin < 0:
            if position < len(markup):
                yield _text(markup[position:])
            return
        if begin > position:
            yield _text(markup[position:begin])
        after = markup[begin + 1 : begin + 2]
        if after == "!" or after == "?":
            end = _BOGUS_END[markup.startswith("<!--", begin)].search(markup, begin + 2)
        elif after == "/" and not markup[begin + 2 : begin + 3].isalpha():
            end = _BOGUS_END[False].search(markup, begin + 2)
        elif after == "/" or (after.isascii() and after.isalpha()):
            end = _TAG.match(markup, begin)
            if end is not None:
                tag = Tag(end[2].lower(), end[1] == "/", end[3][:MAX_TAG])
                if not tag.closing and tag.name in _RAW:
                    end = _RAW[tag.name].search(markup, end.end())
                elif tag.name not in _RAW:
                    yield tag
        else:  # a mere less-than sign
            yield "<"
            position = begin + 1
            continue
        if end is None:  # cut off: what follows was never meant to be read
            return
        position = end.end()
    raise RemoteProtocolError(f"the HTML has more than {MAX_TOKENS} tags", Code.S09, status=413)


def attributes(tag: Tag) -> dict[str, str]:
    """The attributes of a start tag; of two with one name the first counts."""
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(tag.rest):
        name, *values = match.groups()
        value = next((value for value in values if value is not None), "")
        found.setdefault(name.lower(), _text(value) if "&" in value else value)
        if len(found) == MAX_ATTRIBUTES:
            break
    return found


def link(value: str) -> str:
    """``value`` as an address that may be shown and followed, or empty: it must be absolute, of one of `LINKS`."""
    value = value.strip()
    scheme, colon, rest = value.partition(":")
    if not colon or scheme.lower() not in LINKS or not rest or len(value) > MAX_LINK:
        return ""
    return "" if _NOT_LINK.search(value) is not None else value


def text_of(markup: str) -> str:
    """Reduce HTML to plain text: lines for blocks, one space for white space, addresses of links in brackets.

    `UnsupportedBody` (415) for what shows or plays something and says nothing.
    """
    writer = _Lines()
    is_pictured = False
    links: list[tuple[str, int]] = []  # the address of each open link, and where its text begins
    for token in tokens(markup):
        if isinstance(token, str):
            writer.text(token)
        elif token.name == "br":
            writer.line_end()
        elif token.name in BLOCKS:
            writer.block()
            if token.name == "pre":
                writer.preformatted = not token.closing
        elif token.name in ("td", "th", "hr"):
            writer.text(" ")
        elif token.name in _PICTURES:
            is_pictured = True
            writer.text(attributes(token).get("alt", ""))
        elif token.name == "a":
            if token.closing and links:
                address, begin = links.pop()
                if address and address.rpartition("mailto:")[2] not in "".join(writer.pieces[begin:]):
                    writer.text(f" <{address}>")
            elif not token.closing:
                links = [(link(attributes(token).get("href", "")), len(writer.pieces))]  # links do not nest
    text = legal("".join(writer.pieces).strip("\n "))
    if is_pictured and not text:
        raise UnsupportedBody("the HTML holds a picture and no text", (("Accept", "text/plain"),))
    return text


# --- private ----------------------------------------------------------------------------------------------------------

_PICTURES = frozenset(("img", "object", "embed", "video", "audio", "svg", "canvas"))
_SPACE = " \t\n\r\f\xa0"
_SPACES = re.compile(f"[{_SPACE}]+")

# An attribute's value in quotes may hold a greater-than sign. Possessive, so that nothing is tried twice.
_TAG = re.compile(
    r"""<(/?)([A-Za-z][^\s/>]*+)((?:[^>=]|=\s*+(?:"[^"]*+"|'[^']*+'|(?!["'])))*+)>"""
)
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s<>]++)))?+""")
_BOGUS_END = {True: re.compile(r"--!?>"), False: re.compile(">")}
_RAW = {
    name: re.compile(f"</{name}[^>]*+>", re.IGNORECASE)
    for name in ("script", "style", "title", "xmp", "iframe", "noembed", "noframes", "textarea")
}
_LONG_REFERENCE = re.compile("&#[xX]?[0-9A-Fa-f]{9,}+;?")
_NOT_LINK = re.compile(r"""[\s"'<>\\^`{|}\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]""")


def _text(markup: str) -> str:
    if "&" not in markup:
        return markup
    return unescape(_LONG_REFERENCE.sub("\ufffd", markup))


class _Lines:
    """Collects text as a reader sees it."""

    __slots__ = ("_begun", "_spaced", "pieces", "preformatted")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.preformatted = False
        self._begun = False  # something stands on the present line
        self._spaced = False  # a space is due before what comes

    def text(self, text: str) -> None:
        if self.preformatted:
            self.pieces.append(text.replace("\r\n", "\n").replace("\r", "\n"))
            self._begun = self._begun or bool(text)
            return
        plain = _SPACES.sub(" ", text)
        content = plain.strip(" ")
        if not content:
            self._spaced = self._spaced or bool(plain)
            return
        if self._begun and (self._spaced or plain[0] == " "):
            self.pieces.append(" ")
        self.pieces.append(content)
        self._begun = True
        self._spaced = plain[-1] == " "

    def line_end(self) -> None:
        self.pieces.append("\n")
        self._begun = self._spaced = False

    def block(self) -> None:
        """A block begins or ends: on a new line, and two of them share one line end."""
        if self._begun:
            self.line_end()
        self._spaced = False
