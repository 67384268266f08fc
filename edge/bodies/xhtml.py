"""XHTML-IM: formatted text that is safe to pass on (XEP-0071). Called by `edge.mapping.payloads`.

Whatever comes in, what goes out is written anew from a list of elements, style properties and link schemes: nothing of
the sender's markup is copied. The result is well-formed, not deep, and of bounded size.
"""

import re

from edge.bodies.html import Tag, attributes, link, tokens
from edge.bodies.text import legal

MAX_DEPTH = 20  # elements inside each other; what is deeper keeps its text and loses its tags
MAX_ELEMENTS = 1000  # of a text; what comes behind them keeps its text too

NS_XHTML_IM = "http://jabber.org/protocol/xhtml-im"
NS_XHTML = "http://www.w3.org/1999/xhtml"


def sanitised(markup: str) -> str:
    """Return what stands inside the `body` of XHTML-IM for an HTML text: well-formed, in no namespace of its own.

    Empty if nothing of it is formatted: then the plain text says all. Images are replaced by their alternative text,
    because fetching one would tell the sender who reads when.
    """
    writer = _Writer()
    for token in tokens(markup):
        if isinstance(token, str):
            writer.text(token)
        elif token.closing:
            writer.close(token.name)
        else:
            writer.open(token)
    return writer.finish()


def element(content: str) -> str:
    """The XHTML-IM element around ``content``, which `sanitised` returned."""
    return f"<html xmlns='{NS_XHTML_IM}'><body xmlns='{NS_XHTML}'>{content}</body></html>"


# --- private ----------------------------------------------------------------------------------------------------------

# HTML name -> XHTML-IM name and what is meant by the name alone (XEP-0071 §7)
_ELEMENTS = {
    **{name: (name, "") for name in ("a", "blockquote", "cite", "em", "li", "ol", "p", "span", "strong", "ul")},
    "b": ("strong", ""),
    "i": ("em", ""),
    "u": ("span", "text-decoration: underline"),
    "ins": ("span", "text-decoration: underline"),
    "s": ("span", "text-decoration: line-through"),
    "strike": ("span", "text-decoration: line-through"),
    "del": ("span", "text-decoration: line-through"),
    "font": ("span", ""),
    "code": ("span", "font-family: monospace"),
    "tt": ("span", "font-family: monospace"),
    "div": ("p", ""),
    "pre": ("p", "font-family: monospace"),
    **{f"h{level}": ("p", "font-weight: bold") for level in range(1, 7)},
}
_CONTAINERS = frozenset(("ul", "ol", "li", "blockquote"))  # of paragraphs
_BREAKING = frozenset(("dd", "dt", "tr"))  # of which only the line end is kept
_PROPERTIES = frozenset(
    {
        "background-color", "color", "font-family", "font-size", "font-style", "font-weight", "margin-left",
        "margin-right", "text-align", "text-decoration",
    }
)
# No function but a colour, no address, no escape.
_VALUE = re.compile(r"(?:[A-Za-z0-9#.,% +'-]|rgba?\([0-9., %]{1,40}\)){1,100}")
_COLOUR = re.compile("#?[A-Za-z0-9]{1,30}")
_FORMATTED = re.compile("<(?!/|p>|br/)")


class _Writer:
    __slots__ = ("_begun", "_count", "_due", "_open", "_out")

    def __init__(self) -> None:
        self._out: list[str] = []
        self._open: list[tuple[str, str]] = []  # name as it came, name as it was written ("" for not at all)
        self._count = 0
        self._begun = False  # something stands on the present line
        self._due = False  # a line end is due before what comes

    def text(self, text: str) -> None:
        if not text.isspace():
            self._line()
            self._begun = True
        text = legal(text.replace("\r\n", "\n").replace("\r", "\n"))
        self._out.append(text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))

    def open(self, tag: Tag) -> None:
        if tag.name == "br":
            self._break()
        elif tag.name in _BREAKING:
            self._due = self._begun
        elif tag.name == "img":
            self.text(attributes(tag).get("alt", "") or " ")
        elif tag.name in _ELEMENTS:
            self._element(tag, *_ELEMENTS[tag.name])

    def _element(self, tag: Tag, name: str, style: str) -> None:
        if name == "li":
            self._close_item()
            self._end_paragraph()
        elif name in ("ul", "ol", "blockquote") or tag.name == "p":
            self.close("p")  # its end tag may be left out
            if name != "p":
                self._end_paragraph()
        if len(self._open) >= MAX_DEPTH or self._count >= MAX_ELEMENTS:
            self._due = self._begun and name in ("p", "li")
            return
        written = name
        more = self._attributes(tag, style)
        if name in ("a", "span") and not more:
            written = ""
        elif (name == "p" and any(open_ == "p" for _, open_ in self._open)) or (name == "li" and not self._in_list()):
            # a block inside a paragraph is a line of it, and so is an item of no list
            self._due = self._begun
            written = ""
        if written:
            if name in ("p", "li", "ul", "ol", "blockquote"):
                self._begun = self._due = False
            self._line()
            self._count += 1
            self._out.append(f"<{written}{more}>")
        self._open.append((tag.name, written))

    def close(self, name: str) -> None:
        """End the innermost element of that name, and all inside it; nothing if there is none."""
        if not any(came == name for came, _ in self._open):
            return
        while True:
            came, written = self._open.pop()
            if written:
                self._out.append(f"</{written}>")
            if written in ("p", "li", "ul", "ol", "blockquote"):
                self._begun = self._due = False
            elif _ELEMENTS[came][0] == "p":
                self._due = self._begun
            if came == name:
                return

    def finish(self) -> str:
        while self._open:
            self.close(self._open[-1][0])
        content = "".join(self._out).strip()
        return content if _FORMATTED.search(content) else ""

    def _end_paragraph(self) -> None:
        """A list stands in no paragraph: the one that is open ends, and what follows in its place has no form."""
        for begin in range(len(self._open) - 1, -1, -1):
            name = self._open[begin][1]
            if name in _CONTAINERS:
                return
            if name == "p":
                for index in range(len(self._open) - 1, begin - 1, -1):
                    came, written = self._open[index]
                    self._out.append(f"</{written}>" if written else "")
                    self._open[index] = came, ""
                self._begun = self._due = False
                return

    def _close_item(self) -> None:
        """The end tag of a list item may be left out too."""
        for came, _ in reversed(self._open):
            if came in ("ul", "ol"):
                return
            if came == "li":
                self.close("li")
                return

    def _in_list(self) -> bool:
        """Whether what is open directly around, but for words, is a list."""
        around = [written for _, written in self._open if written in _CONTAINERS]
        return bool(around) and around[-1] in ("ul", "ol")

    def _line(self) -> None:
        if self._due:
            self._break()

    def _break(self) -> None:
        self._begun = self._due = False
        if self._count < MAX_ELEMENTS:
            self._count += 1
            self._out.append("<br/>")
        else:
            self._out.append("\n")

    def _attributes(self, tag: Tag, style: str) -> str:
        if not tag.rest.strip():
            return f" style='{style}'" if style else ""
        given = attributes(tag)
        styles = [style] if style else []
        if tag.name == "font" and _COLOUR.fullmatch(given.get("color", "")):
            styles.append(f"color: {given['color']}")
        for declaration in given.get("style", "").split(";")[:20]:
            name, _, value = declaration.partition(":")
            name, value = name.strip().lower(), value.strip().replace('"', "'")
            if name in _PROPERTIES and _VALUE.fullmatch(value):
                styles.append(f"{name}: {value}")
        text = ""
        if tag.name == "a":
            address = link(given.get("href", ""))
            if address:
                text = f" href='{_quoted(address)}'"
        return f"{text} style='{_quoted('; '.join(styles))}'" if styles else text


def _quoted(value: str) -> str:
    return legal(value).replace("&", "&amp;").replace("<", "&lt;").replace("'", "&apos;")
