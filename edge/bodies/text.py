"""Plain text bodies: charsets, line ends, and the characters that XML cannot carry.

`text/plain` as RFC 3428 and RFC 7572 §7 want it, both ways. Called by `edge.mapping.messages`, and by the other
body formats for the text inside them.
"""

import re
from functools import lru_cache

from edge.codes import Code
from edge.errors import RemoteProtocolError

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# XML 1.0 §2.2 Char, turned round. One of these in a stanza makes the receiving server close the whole stream.
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# IANA charset names (and their common aliases) to Python's text codecs. A literal table, because `codecs.lookup`
# imports modules by the name it is given, remembers every name it was asked for, and knows codecs that are no charsets.
_CHARSETS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",  # which it is a part of, and what many send under its name
    "ascii": "utf-8",
    "ansi_x3.4-1968": "utf-8",
    "utf-16": "utf-16",
    "utf-16be": "utf-16-be",
    "utf-16le": "utf-16-le",
    "utf-32": "utf-32",
    "iso-8859-1": "iso8859-1",
    "iso_8859-1": "iso8859-1",
    "latin1": "iso8859-1",
    **{f"iso-8859-{part}": f"iso8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16)},
    **{f"{name}{page}": f"cp{page}" for page in range(1250, 1259) for name in ("windows-", "cp")},
    "windows-874": "cp874",
    "ibm437": "cp437",
    "ibm850": "cp850",
    "koi8-r": "koi8-r",
    "koi8-u": "koi8-u",
    "macintosh": "mac-roman",
    "tis-620": "tis-620",
    "shift_jis": "shift_jis",
    "x-sjis": "shift_jis",
    "windows-31j": "cp932",
    "euc-jp": "euc_jp",
    "iso-2022-jp": "iso2022_jp",
    "gb2312": "gb2312",
    "gbk": "gbk",
    "gb18030": "gb18030",
    "big5": "big5",
    "big5-hkscs": "big5hkscs",
    "euc-kr": "euc_kr",
    "ks_c_5601-1987": "euc_kr",
    "iso-2022-kr": "iso2022_kr",
}


_LANGUAGE = re.compile("[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,7}")  # RFC 3261 §25.1 language-tag, bounded


class UnsupportedBody(RemoteProtocolError):
    """A body that we do not take: 415, with the ``headers`` that say what we would take (RFC 3261 §21.4.13)."""

    def __init__(self, text: str, headers: tuple[tuple[str, str], ...]) -> None:
        super().__init__(text, Code.S04, status=415)
        self.headers = headers


def decode(body: bytes, charset: str = "") -> str:
    """Return the text of a `text/plain` body: line ends are LF, no character is illegal in XML.

    ``charset`` is the parameter of the Content-Type; without it a body is UTF-8 (RFC 3261 §7.4.1). Raises
    `UnsupportedBody` for a charset we do not know, `RemoteProtocolError` (400) for octets that are not in it.
    """
    codec = _CHARSETS.get(charset.lower()) if charset else "utf-8"
    if codec is None:
        raise UnsupportedBody("the charset of the text is not supported", (("Accept", "text/plain;charset=UTF-8"),))
    if codec in _EITHER_ORDER:
        codec = _ordered(body, codec)
    try:
        text = body.decode(codec)
    except UnicodeError:
        raise RemoteProtocolError("the text is not in the charset it claims", Code.S01, status=400) from None
    if body.translate(_WITHOUT_CONTROLS) == body if text.isascii() else text.isprintable():
        return text  # nearly all; for ASCII the octets are the quicker way to see it
    if codec == "iso8859-1" and _CONTROLS.search(text) is not None:
        text = _of_windows(body, text)
    return legal(lines(text.removeprefix("\ufeff")))


def encode(text: str) -> bytes:
    """Return ``text`` as the octets of a `text/plain` body in UTF-8, with CRLF line ends (RFC 2046 §4.1.1)."""
    if "\n" in text or "\r" in text:
        text = lines(text).replace("\n", "\r\n")
    return text.encode("utf-8", "replace")


def lines(text: str) -> str:
    """Return ``text`` with every line end (CRLF, CR, LF) written as LF."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def legal(text: str) -> str:
    """Return ``text`` with U+FFFD in the place of every character that XML 1.0 cannot carry (RFC 6120 §11.3)."""
    return _ILLEGAL.sub(REPLACEMENT, text)


def language_tag(value: str) -> str:
    """Return the first tag of ``value``, a Content-Language or an xml:lang; empty if that is no language tag."""
    return _language_tag_cached(value) if len(value) <= CACHED_LENGTH else _language_tag(value)


# --- private ----------------------------------------------------------------------------------------------------------

CACHE = 256  # values that are remembered: there are few languages
CACHED_LENGTH = 64  # characters; longer ones are read each time, because peers choose them


def _language_tag(value: str) -> str:
    tag = value.partition(",")[0].strip()
    return tag if _LANGUAGE.fullmatch(tag) else ""


_language_tag_cached = lru_cache(CACHE)(_language_tag)

_EITHER_ORDER = {"utf-16": 2, "utf-32": 4}  # octets of a unit
_CONTROLS = re.compile("[\x80-\x9f]")
_WITHOUT_CONTROLS = bytes.maketrans(bytes([*range(0x20), 0x7F]), b"?" * 0x21)


def _ordered(body: bytes, codec: str) -> str:
    """The codec for octets that may lack the mark of their order: then the first is the greater (RFC 2781 §4.3).

    Unless most of the zeros, of which every Latin letter has some, stand where they would stand in the other order.
    """
    unit = _EITHER_ORDER[codec]
    if body[:unit] in ("\ufeff".encode(f"{codec}-be"), "\ufeff".encode(f"{codec}-le")):
        return codec
    return f"{codec}-le" if body[unit - 1 :: unit].count(0) > body[::unit].count(0) else f"{codec}-be"


def _of_windows(body: bytes, text: str) -> str:
    """Where Latin-1 has control characters that nobody writes, Windows has quotes, dashes and the euro."""
    try:
        return body.decode("cp1252")
    except UnicodeError:
        return text
