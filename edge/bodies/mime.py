"""MIME entities inside a body: header fields, Content-Type, transfer encodings (RFC 2045, RFC 2183).

For parts of a multipart body and for what a CPIM message holds. Only what chooses and decodes a text is read. Called by
`edge.bodies.cpim` and `edge.mapping.payloads`.
"""

import binascii
import re
from collections.abc import Mapping
from typing import NamedTuple

from edge.bodies.text import UnsupportedBody
from edge.codes import Code
from edge.errors import RemoteProtocolError

MAX_HEAD = 8192  # octets of the header fields of an entity; those of Microsoft's clients have some hundred
MAX_PARAMETERS = 20  # of one field; nobody writes more than five

DEFAULT_TYPE = "text/plain"  # of an entity that names none (RFC 2045 §5.2)


class Entity(NamedTuple):
    """A body with what is said of it. Names and types are in lower case; ``transfer`` is its encoding, "" for none."""

    type: str
    parameters: Mapping[str, str]
    body: bytes
    transfer: str = ""
    disposition: str = ""
    id: str = ""
    lang: str = ""

    @property
    def optional(self) -> bool:
        """Who does not understand it may leave it out (RFC 3261 §20.11, RFC 2183 §2)."""
        parameters = self.disposition.lower().replace(" ", "").replace('"', "").split(";")
        return "handling=optional" in parameters[1:]

    @property
    def media(self) -> str:
        """Type and parameters as a Content-Type. Only for what we have written: a value is a token."""
        return self.type + "".join([f";{name}={value}" for name, value in self.parameters.items()])

    @property
    def octets(self) -> bytes:
        """The body without its transfer encoding."""
        return decoded(self.body, self.transfer) if self.transfer else self.body


def parse(octets: bytes) -> Entity:
    """Read header fields, an empty line and a body. `RemoteProtocolError` (400) for anything else."""
    if octets[:1] == b"\n" or octets[:2] == b"\r\n":
        head, body = b"", octets[octets.index(b"\n") + 1 :]
    else:
        found = _EMPTY_LINE.search(octets, 0, MAX_HEAD)
        if found is None and len(octets) > MAX_HEAD:
            raise _malformed("the header fields of a body part are too long")
        head, body = (octets, b"") if found is None else (octets[: found.start()], octets[found.end() :])
    fields: dict[str, str] = {}
    for line in _FOLD.sub(b" ", head).split(b"\n"):
        if not line.strip():
            continue
        name, colon, value = line.partition(b":")
        if not colon or _NAME.fullmatch(name) is None:
            raise _malformed("the header fields of a body part are malformed")
        fields.setdefault(name.decode("ascii").lower(), value.strip(b" \t\r").decode("utf-8", "replace"))
    media, parameters = content_type(fields.get("content-type") or DEFAULT_TYPE)
    transfer = fields.get("content-transfer-encoding", "").lower()
    return Entity(
        media,
        parameters,
        body,
        transfer,
        fields.get("content-disposition", ""),
        fields.get("content-id", "").strip("<>"),
        fields.get("content-language", ""),
    )


def content_type(value: str) -> tuple[str, dict[str, str]]:
    """Return type and parameters of a Content-Type (RFC 2045 §5.1). `RemoteProtocolError` (400) if it is none."""
    media, semicolon, rest = value.partition(";")
    media = media.strip()
    if _MEDIA.fullmatch(media) is None:
        raise _malformed("a content type is malformed")
    parameters: dict[str, str] = {}
    for found in _PARAMETER.finditer(semicolon + rest):
        if len(parameters) == MAX_PARAMETERS:
            raise _malformed("a content type has too many parameters")
        name, quoted, plain = found.groups()
        parameters.setdefault(name.lower(), plain if quoted is None else _PAIR.sub(r"\1", quoted))
    return media.lower(), parameters


def decoded(body: bytes, transfer: str) -> bytes:
    """Undo a Content-Transfer-Encoding (RFC 2045 §6). 415 for an unknown one, 400 for octets that are not in it."""
    transfer = transfer.strip().lower()
    if transfer in _AS_IS:
        return body
    if transfer == "base64":
        digits = body.translate(None, b" \t\r\n")
        try:
            if len(digits) % 4:
                raise binascii.Error
            return binascii.a2b_base64(digits, strict_mode=True)
        except binascii.Error:
            raise _malformed("the body is not in base64 as it claims") from None
    if transfer == "quoted-printable":
        if _NOT_QUOTED_PRINTABLE.search(body) is not None:
            raise _malformed("the body is not in quoted-printable as it claims")
        return binascii.a2b_qp(_PADDING.sub(b"", body))
    raise UnsupportedBody("the transfer encoding of the body is not supported", ())


# --- private ----------------------------------------------------------------------------------------------------------

# 7bit with octets beyond ASCII is a lie without a consequence: the charset decides what is read.
_AS_IS = frozenset(("", "7bit", "8bit", "binary"))

_TOKEN = r"[!#-'*+\-.0-9A-Z^_`a-z{|}~]+"  # RFC 2045 §5.1
_MEDIA = re.compile(rf"{_TOKEN}/{_TOKEN}")
_PARAMETER = re.compile(rf';[ \t]*+({_TOKEN})[ \t]*+=[ \t]*+(?:"((?:[^"\\]|\\.)*+)"|({_TOKEN}))')
_PAIR = re.compile(r"\\(.)")
_NAME = re.compile(rb"[!-9;-~]+")
_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(rb"\r?\n[ \t]+")
_PADDING = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n|\Z)")  # RFC 2045 §6.7: added on the way
_NOT_QUOTED_PRINTABLE = re.compile(rb"=(?![0-9A-Fa-f]{2}|[ \t]{0,76}\r?\n|[ \t]{0,76}\Z)|[^\t\n\r -~]")


def _malformed(text: str) -> RemoteProtocolError:
    return RemoteProtocolError(text, Code.S01, status=400)
