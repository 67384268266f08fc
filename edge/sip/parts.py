"""Bodies of several parts, cut at their boundaries (RFC 2046 §5.1), as far as SIP itself has to look into them.

That is to find a session description among them; texts are for `edge.bodies`, which this room does not know. Called by
`edge.sip.sdp`.
"""

import re
from typing import Final, NamedTuple

from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.sip.headers import Headers
from edge.sip.values import MediaType

MAX_PARTS = 20  # of one body; Microsoft's clients send two
MAX_HEAD = 8192  # octets of the header of a part; they have some hundred


class Part(NamedTuple):
    """One part. ``disposition`` is in lower case, without parameters; ``is_plain``: its body is as it stands there."""

    media: MediaType
    body: bytes
    disposition: str = ""
    is_optional: bool = False
    is_plain: bool = True


def split(body: bytes, media: MediaType) -> list[Part]:
    """The parts, in their order. `RemoteProtocolError`: there are none (400), or too many (413)."""
    boundary = media.parameter("boundary") or ""
    if _BOUNDARY.fullmatch(boundary) is None:
        raise RemoteProtocolError("a body of several parts names no boundary")
    line = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary.encode("ascii")) + rb"(--)?[ \t]*+(?=\r?\n|\Z)")
    found: list[Part] = []
    begin = -1
    for each in line.finditer(body):
        if begin >= 0:
            found.append(_part(body[begin : each.start()]))
        begin = -1 if each[1] else each.end()
        if each[1]:
            break
        if len(found) >= MAX_PARTS:
            raise RemoteProtocolError("a body has too many parts", Code.S09, status=413)
    if begin >= 0:  # the last boundary is missing
        found.append(_part(body[begin:]))
    if not found:
        raise RemoteProtocolError("a body of several parts has none")
    return found


_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
_EMPTY_LINE: Final = re.compile(rb"\r?\n\r?\n")
_AS_IT_STANDS: Final = frozenset(("", "7bit", "8bit", "binary"))


def _part(octets: bytes) -> Part:
    """``octets`` begin with the line end behind the boundary; without a header there is a second one."""
    end = _EMPTY_LINE.search(octets, 0, MAX_HEAD)
    head = octets if end is None else octets[: end.start()]
    if len(head) > MAX_HEAD:
        raise RemoteProtocolError("the header of a part is too long", Code.S09, status=413)
    lines = head.replace(b"\r\n", b"\n").strip(b"\n").replace(b"\n", b"\r\n")
    headers = Headers.parse(lines) if lines else Headers(())
    media = MediaType.parse(headers.get("content-type") or "text/plain")
    disposition, _, parameters = (headers.get("content-disposition") or "").lower().partition(";")
    is_optional = "handling=optional" in parameters.replace(" ", "").replace('"', "").split(";")
    transfer = (headers.get("content-transfer-encoding") or "").strip().lower()
    body = b"" if end is None else octets[end.end() :]
    return Part(media, body, disposition.strip(), is_optional, transfer in _AS_IT_STANDS)
