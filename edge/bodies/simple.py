"""Small XML documents read whole, without anything that XML can do to its reader.

For is-composing documents, disposition notifications and the like: a few elements, one after another. Expat reads them,
because it is loaded anyway for the streams of XMPP, and lxml is not. No document types, no entities, no processing
instructions; size, depth and number of elements are bounded. Called by the formats beside it.
"""

from typing import NamedTuple
from xml.parsers import expat

from edge.codes import Code
from edge.errors import RemoteProtocolError

MAX_BYTES = 8192  # of a document; the longest that anybody writes has a kilobyte
MAX_ELEMENTS = 100
MAX_DEPTH = 8

SEPARATOR = " "  # between namespace and name in ``Node.name``


class Node(NamedTuple):
    """An element: ``name`` is namespace, space, local name; ``text`` its own text without white space around it."""

    name: str
    attributes: dict[str, str]
    children: "list[Node]"
    pieces: list[str]

    @property
    def text(self) -> str:
        return "".join(self.pieces).strip()

    @property
    def local(self) -> str:
        """The name without its namespace."""
        return self.name.rpartition(SEPARATOR)[2]

    def child(self, name: str) -> "Node | None":
        """The first child of that full name."""
        return next((child for child in self.children if child.name == name), None)


def read(body: bytes, what: str, *, max_bytes: int = MAX_BYTES, max_elements: int = MAX_ELEMENTS) -> Node:
    """Return the root of a document. `RemoteProtocolError` (400) if it is no well-formed or no simple XML.

    ``what`` names it in the text of the error; a format whose documents are larger says how large.
    """
    if len(body) > max_bytes:
        raise _malformed(f"the {what} is longer than {max_bytes} bytes")
    parser = expat.ParserCreate("UTF-8", SEPARATOR)
    parser.buffer_text = True
    top = Node("", {}, [], [])
    stack = [top]
    count = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > max_elements or len(stack) > MAX_DEPTH:
            raise _Refused
        node = Node(name, attributes, [], [])
        stack[-1].children.append(node)
        stack.append(node)

    def end(name: str) -> None:
        stack.pop()

    def text(data: str) -> None:
        stack[-1].pieces.append(data)

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = parser.ProcessingInstructionHandler = _refuse
    parser.SkippedEntityHandler = _refuse
    try:
        parser.Parse(body, True)
    except _Refused:
        raise _malformed(f"the {what} has what no such document needs") from None
    except expat.ExpatError:
        raise _malformed(f"the {what} is not well-formed XML") from None
    finally:
        parser.StartElementHandler = parser.EndElementHandler = parser.CharacterDataHandler = None
    return top.children[0]


class _Refused(Exception):
    """Raised inside a callback to make expat stop."""


def _refuse(*_: object) -> None:
    raise _Refused


def _malformed(text: str) -> RemoteProtocolError:
    return RemoteProtocolError(text, Code.S01, status=400)
