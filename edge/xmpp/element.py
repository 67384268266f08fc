"""XML elements as XMPP has them (RFC 6120 §11): a small tree, its escaping and its bytes.

Made by `edge.xmpp.stream` from what peers send and by us from code; always serialised from the tree, so
that no byte of one peer's XML is ever copied to another peer.
"""

import re
from collections.abc import Iterator

NS_XML = "http://www.w3.org/XML/1998/namespace"
NS_STREAMS = "http://etherx.jabber.org/streams"
NS_CLIENT = "jabber:client"
NS_SERVER = "jabber:server"
NS_COMPONENT = "jabber:component:accept"
LANG = f"{{{NS_XML}}}lang"  # the key of xml:lang in `Element.attributes`

# The content namespaces of the streams we speak, and "" for "as the stream has it": one and the same to us,
# so that a stanza read from one kind of stream is valid on every other (RFC 6120 §4.8.2).
CONTENT_NAMESPACES = frozenset((NS_SERVER, NS_CLIENT, NS_COMPONENT, ""))


def escape(text: str) -> str:
    """Return ``text`` as character data. Its characters must be `legal`."""
    if "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text:
        text = text.replace("<", "&lt;")
    if ">" in text:
        text = text.replace(">", "&gt;")
    if "\r" in text:
        text = text.replace("\r", "&#13;")
    return text


def escape_attribute(text: str) -> str:
    """Return ``text`` as an attribute's value, for either kind of quotes. Its characters must be `legal`."""
    if text.isalnum():
        return text
    text = escape(text)
    if "'" in text:
        text = text.replace("'", "&apos;")
    if '"' in text:
        text = text.replace('"', "&quot;")
    if "\n" in text or "\t" in text:
        text = text.replace("\n", "&#10;").replace("\t", "&#9;")
    return text


def legal(text: str) -> str:
    """Return ``text`` with each character that XML 1.0 cannot hold replaced by U+FFFD."""
    return text if text.isprintable() else _ILLEGAL.sub("\ufffd", text)


class Element:
    """One element. ``attributes`` with a namespace have the key ``{namespace}local``; declarations are no attributes.

    ``children`` holds elements and runs of text, in order.
    """

    __slots__ = ("attributes", "children", "name", "namespace")

    def __init__(
        self,
        name: str,
        namespace: str = "",
        attributes: "dict[str, str] | None" = None,
        children: "list[Element | str] | None" = None,
    ) -> None:
        self.name = name
        self.namespace = namespace
        self.attributes = {} if attributes is None else attributes
        self.children = [] if children is None else children

    @property
    def text(self) -> str:
        """The element's own text, without that of its children."""
        children = self.children
        if len(children) == 1:
            only = children[0]
            return only if isinstance(only, str) else ""
        return "".join([child for child in children if isinstance(child, str)])

    def elements(self) -> "Iterator[Element]":
        """The child elements, in order."""
        return (child for child in self.children if isinstance(child, Element))

    def child(self, name: str, namespace: str) -> "Element | None":
        """The first child element of that name."""
        for child in self.children:
            if isinstance(child, Element) and child.name == name and child.namespace == namespace:
                return child
        return None

    def to_bytes(self, default_namespace: str = "") -> bytes:
        """Serialise; ``default_namespace`` is the one in scope where the bytes will stand.

        The `CONTENT_NAMESPACES` count as the same one, that of the stream.
        """
        out: list[str] = []
        _write(self, default_namespace, out)
        return "".join(out).encode()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Element):
            return NotImplemented
        return (
            self.name == other.name
            and self.namespace == other.namespace
            and self.attributes == other.attributes
            and self.children == other.children
        )

    __hash__ = None  # type: ignore[assignment]  # a mutable tree

    def __repr__(self) -> str:
        return f"<{self.name} xmlns={self.namespace!r} {len(self.attributes)} attributes {len(self.children)} children>"


_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _write(element: Element, scope: str, out: list[str]) -> None:
    """Append the serialised element. Recursive: the depth is that of the stream's limit."""
    name, namespace = element.name, element.namespace
    out.append(f"<{name}")
    if namespace != scope and not (namespace in CONTENT_NAMESPACES and scope in CONTENT_NAMESPACES):
        out.append(f" xmlns='{escape_attribute(legal(namespace))}'")
        scope = namespace
    for number, (key, value) in enumerate(element.attributes.items()):
        if key[0] == "{":
            uri, _, local = key[1:].rpartition("}")
            if uri == NS_XML:
                key = f"xml:{local}"
            else:
                out.append(f" xmlns:a{number}='{escape_attribute(legal(uri))}'")
                key = f"a{number}:{local}"
        out.append(f" {key}='{escape_attribute(legal(value))}'")
    if not element.children:
        out.append("/>")
        return
    out.append(">")
    for child in element.children:
        if isinstance(child, str):
            out.append(escape(legal(child)))
        else:
            _write(child, scope, out)
    out.append(f"</{name}>")
