"""What people say, taken out of a message, and the rest left as it was: what a trace keeps (`edge.admin.tracing`).

Each text becomes "text 1", "text 2" and so on, the same text the same number, so that it can still be seen what became
of it. What only a program reads (SDP, the states of presence) stays. With ``bodies`` nothing is hidden but credentials.
"""

import re
from hashlib import blake2b

from lxml import etree

from edge.bodies.document import ACTIVITIES
from edge.mapping.profile import TOLD_AS
from edge.sip.headers import spelled
from edge.sip.message import Request, Response

DEEPEST = 4  # bodies inside each other
MOST_PARTS = 20  # of a body
DIGEST_BYTES = 8  # by which a text is known again; nothing of it is kept
LONG = 1000  # octets; of a text that is longer the placeholder says how long, because that may be what matters

SECRET = frozenset((b"authorization", b"proxy-authorization", b"identity", b"www-authenticate", b"proxy-authenticate"))
SPOKEN = frozenset((b"subject", b"ms-body"))  # headers in which somebody writes
PLAIN_DATA = ("application/sdp",)  # what no person has written

# Elements whose text a program has written: presence (RFC 3863), typing (RFC 3994), Microsoft's states, XMPP.
TOLD = frozenset((
    "basic", "show", "priority", "timestamp", "contact", "state", "contenttype", "lastactive", "refresh", "thread",
    "availability", "machineName", "endpointLocation", "message-id", "datetime", "recipient-uri", "device",
))
WORDS = frozenset(TOLD_AS) | ACTIVITIES  # what an activity can be without anybody having made it up
WRITTEN = frozenset(("href", "alt", "src", "title", "label", "description"))  # attributes in which somebody may write


def is_told(name: str, text: str) -> bool:
    """Whether a program has written the text of an element of that name."""
    return name in TOLD or text.startswith("EDGE-") or (name == "activity" and text.strip().lower() in WORDS)


class Hiding:
    """One for each trace: it numbers the texts."""

    def __init__(self, bodies: bool = False) -> None:
        self._bodies = bodies
        self._numbers: dict[bytes, int] = {}

    def text(self, said: str) -> str:
        """What stands in the place of a text; white space remains what it is."""
        if self._bodies or not said.strip():
            return said
        octets = said.strip().encode("utf-8", "replace")
        key = blake2b(octets, digest_size=DIGEST_BYTES).digest()
        number = self._numbers.setdefault(key, len(self._numbers) + 1)
        if (address := _ADDRESS.fullmatch(said.strip())) is not None:  # what becomes of it depends on what it is
            return f"{address[1]}example.com/{number}"
        return f"text {number}" + (f" ({len(octets)} B)" if len(octets) > LONG else "")

    def sip(self, message: Request | Response) -> str:
        """A SIP message with lines that end in LF."""
        if isinstance(message, Request):
            lines = [f"{message.method} {message.uri} SIP/2.0"]
        else:
            lines = [f"SIP/2.0 {message.status} {message.reason}"]
        for name in message.headers.names():
            for row in message.headers.raw(name):
                said = row.decode("utf-8", "replace")
                if name in SECRET:
                    said = "hidden"
                elif name in SPOKEN:
                    said = self.text(said)
                elif name == b"ms-text-format" and not self._bodies:
                    said = _FIRST_MESSAGE.sub("", said)
                lines.append(f"{spelled(name)}: {said}")
        body = message.body.decode("utf-8", "replace").replace("\r\n", "\n")
        return "\n".join([*lines, "", self.body(message.headers.get("content-type") or "", body)])

    def body(self, said: str, body: str, depth: int = 0) -> str:
        """The body of a SIP message, or a part of one; ``said`` is its Content-Type."""
        kind = said.partition(";")[0].strip().lower()
        if self._bodies or not body or kind in PLAIN_DATA:
            return body
        boundary = _BOUNDARY.search(said)
        if kind.startswith("multipart/") and boundary is not None and depth < DEEPEST:
            _, *parts = body.split(f"--{boundary[1]}")
            return f"--{boundary[1]}".join(["", *(self._part(part, depth + 1) for part in parts[:MOST_PARTS])])
        if kind == "message/cpim" and depth < DEEPEST:
            head, gap, content = body.partition("\n\n")
            return head + gap + self._part(content, depth + 1)
        if kind.endswith("xml") and (root := _parsed(body.encode())) is not None:
            return self.stanza(root)
        if kind == "text/html":
            between = _BETWEEN.sub(lambda found: found[1] + self.text(found[2]), body)
            return _WRITTEN_IN_TAG.sub(lambda found: found[1] + self.text(found[3]) + found[2], between)
        return self.text(body)

    def stanza(self, root: etree._Element) -> str:
        """A stanza, or a document."""
        if not self._bodies:
            for element in root.iter(etree.Element):
                self._element(element)
        return str(etree.tostring(root, encoding="unicode"))

    # --- private --------------------------------------------------------------------------------------

    def _part(self, part: str, depth: int) -> str:
        """A part with its headers."""
        head, gap, content = part.partition("\n\n")
        if not gap:  # the end, or no headers
            return part if part.strip() in ("", "--") else self.text(part)
        found = re.search(r"^Content-Type:(.*)$", head, re.M | re.I)
        hidden = self.body(found[1].strip() if found else "", content.rstrip("\n"), depth)
        return head + gap + hidden + "\n" * content.endswith("\n")

    def _element(self, element: etree._Element) -> None:
        text = element.text or ""
        if text.strip() and not is_told(etree.QName(element).localname, text):
            element.text = self.text(text)
        if (element.tail or "").strip():
            element.tail = self.text(element.tail or "")
        for name, value in element.attrib.items():
            if etree.QName(str(name)).localname in WRITTEN:
                element.set(name, self.text(str(value)))


# -- private ---------------------------------------------------------------------------------------------------------

_BETWEEN = re.compile(r"(\A|>)([^<>]+)")
_WRITTEN_IN_TAG = re.compile(r"""(\b(?:href|src|alt|title)=(["']))([^"'>]+)\2""", re.IGNORECASE)
_BOUNDARY = re.compile(r';\s*boundary="?([^";]+)"?', re.IGNORECASE)
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:(?://)?)\S+")
_FIRST_MESSAGE = re.compile(r";\s*ms-body=[^;]*", re.IGNORECASE)


def _parsed(body: bytes) -> etree._Element | None:
    """An XML document of a peer's, unless it is more than such documents are."""
    if b"<!" in body:
        return None
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True,
                             remove_pis=True)
    try:
        return etree.fromstring(body, parser)
    except etree.XMLSyntaxError:
        return None
