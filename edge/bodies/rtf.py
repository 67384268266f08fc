"""Rich text reduced to plain text: `text/rtf` of Microsoft's older clients. Called by `edge.mapping.payloads`.

Follows Microsoft's Rich Text Format Specification 1.9.1 as far as text goes: groups, destinations, paragraphs, code
pages, those of fonts too, and Unicode. Formats, tables, pictures and fields are left out. One pass, with a bounded
stack.
"""

import re

from edge.bodies.text import UnsupportedBody, legal
from edge.codes import Code
from edge.errors import RemoteProtocolError

MEDIA_TYPES = ("text/rtf", "application/rtf")

MAX_BYTES = 262_144  # of a document; what a stanza may hold at most by default
MAX_DEPTH = 100  # groups inside each other; Word writes ten
MAX_TOKENS = 50_000  # of a document; one then takes less than 0.1 s
MAX_FONTS = 200  # of a document
MAX_FALLBACK = 32  # octets that may stand for one character, for those who do not know \\u


def text_of(body: bytes) -> str:
    """Return the text. `UnsupportedBody` (415) if it is no RTF, 400 if its groups do not fit, 413 if it is too long."""
    if not body.lstrip(b" \t\r\n")[:5] == b"{\\rtf":
        raise UnsupportedBody("the body is not the rich text that it claims to be", (("Accept", "text/plain"),))
    if len(body) > MAX_BYTES:
        raise RemoteProtocolError(f"the rich text is longer than {MAX_BYTES} bytes", Code.S09, status=413)
    text = _Reader().read(body)
    if not text and _PICTURE.search(body) is not None:
        raise UnsupportedBody("the rich text holds a picture and no text", (("Accept", "text/plain"),))
    return text


# --- private ----------------------------------------------------------------------------------------------------------

_TOKEN = re.compile(
    rb"""\\(?:([A-Za-z]{1,32})(-?[0-9]{1,10})?\ ?|'([0-9A-Fa-f]{2})|([^A-Za-z]))|([{}])|[\r\n\0]+|([^\\{}\r\n\0]+)""",
    re.DOTALL | re.VERBOSE,
)

# Groups that hold no text of the document.
_DESTINATIONS = frozenset(
    {
        b"fonttbl", b"colortbl", b"stylesheet", b"info", b"pict", b"object", b"header", b"headerl", b"headerr",
        b"headerf", b"footer", b"footerl", b"footerr", b"footerf", b"footnote", b"annotation", b"generator",
        b"listtable", b"listoverridetable", b"revtbl", b"rsidtbl", b"themedata", b"colorschememapping", b"datastore",
        b"latentstyles", b"filetbl", b"xmlnstbl", b"fldinst", b"nonshppict", b"listtext", b"pntext", b"bkmkstart",
        b"bkmkend", b"template", b"private",
    }
)
_WORDS = {
    b"par": "\n", b"line": "\n", b"sect": "\n", b"page": "\n", b"row": "\n", b"tab": "\t", b"cell": "\t",
    b"emdash": "\u2014", b"endash": "\u2013", b"bullet": "\u2022", b"lquote": "\u2018", b"rquote": "\u2019",
    b"ldblquote": "\u201c", b"rdblquote": "\u201d", b"emspace": " ", b"enspace": " ", b"qmspace": " ",
}
_SYMBOLS = {b"~": "\xa0", b"_": "\u2011", b"\n": "\n", b"\r": "\n", b"\\": "\\", b"{": "{", b"}": "}", b"\t": "\t"}

# \ansicpg -> codec: the code pages that documents name. A literal table, as that of the charsets of texts.
_PAGES = {
    **{page: f"cp{page}" for page in (437, 850, 852, 866, 874, 932, 949, 950, *range(1250, 1259))},
    708: "iso8859-6", 819: "iso8859-1", 936: "gbk", 1361: "johab", 10000: "mac-roman", 65001: "utf-8",
}

# \fcharset -> codec: the character set of a font. The others are that of the document.
_CHARSETS = {
    0: "cp1252", 77: "mac-roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gbk", 136: "cp950", 161: "cp1253",
    162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874",
    238: "cp1250", 254: "cp437", 255: "cp850",
}
_PICTURE = re.compile(rb"\\(?:pict|object|shppict)\b")


class _Reader:
    def __init__(self) -> None:
        self._out: list[str] = []
        self._octets = bytearray()  # of the code page, not decoded yet: a character may take two
        self._codec = "cp1252"  # of the text that comes
        self._page = "cp1252"  # of the document
        self._fonts: dict[int, str] = {}  # the codecs of fonts, by their numbers
        self._font = -1  # which the table of fonts is about
        self._in_fonts = False  # inside that table
        self._skipped = False  # inside a group without text of the document
        self._fallback = 1  # characters that stand for a Unicode one
        self._due = 0  # of them, how many are still to be passed over
        self._high = 0  # the first half of a surrogate pair

    def read(self, body: bytes) -> str:
        stack: list[tuple[bool, int, str, bool]] = []
        position, end, starred = body.index(b"{"), len(body), False
        for _ in range(MAX_TOKENS):
            if position >= end:
                raise _malformed("the rich text does not end")
            found = _TOKEN.match(body, position)
            if found is None:  # a backslash at the very end
                raise _malformed("the rich text does not end")
            position = found.end()
            word, number, octet, symbol, brace, octets = found.groups()
            if brace == b"{":
                if len(stack) == MAX_DEPTH:
                    raise _malformed("the rich text has too many groups inside each other")
                stack.append((self._skipped, self._fallback, self._codec, self._in_fonts))
                self._due = 0
            elif brace == b"}":
                self._skipped, self._fallback, codec, self._in_fonts = stack.pop()
                self._speak(codec)
                self._due = 0
                if not stack:
                    self._flush()
                    return legal("".join(self._out)).strip("\n\t ")
            elif symbol == b"*":
                starred = True
                continue
            elif word == b"bin" and number is not None:
                position += max(int(number), 0)
            elif starred and word is not None:
                self._skipped = True
            elif self._in_fonts:
                self._note(word, int(number or 0))
            elif not self._skipped:
                self._take(word, number, octet, symbol, octets)
            starred = False
        raise RemoteProtocolError("the rich text is too long", Code.S09, status=413)

    def _take(
        self, word: bytes | None, number: bytes | None, octet: bytes | None, symbol: bytes | None, octets: bytes | None
    ) -> None:
        if octets is not None:
            passed = min(self._due, len(octets))
            self._due -= passed
            self._octets += octets[passed:]
        elif octet is not None:
            if self._due:
                self._due -= 1
            else:
                self._octets.append(int(octet, 16))
        elif word == b"u" and number is not None:
            self._unicode(int(number))
        elif word == b"uc":
            self._fallback = min(max(int(number or 1), 0), MAX_FALLBACK)
        elif word in _DESTINATIONS:
            self._skipped = True
            self._in_fonts = word == b"fonttbl"
        elif word == b"f":
            self._speak(self._fonts.get(int(number or 0), self._page))
        elif word in (b"ansicpg", b"mac"):
            self._page = "mac-roman" if word == b"mac" else _PAGES.get(int(number or 0), "cp1252")
            self._speak(self._page)
        else:
            said = _WORDS.get(word, "") if word is not None else _SYMBOLS.get(symbol or b"", "")
            if said and self._due:
                self._due -= 1
            elif said:
                self._flush()
                self._out.append(said)

    def _note(self, word: bytes | None, number: int) -> None:
        """What the table of fonts says about one."""
        if word == b"f":
            self._font = number
        elif len(self._fonts) < MAX_FONTS and word == b"fcharset" and number in _CHARSETS:
            self._fonts[self._font] = _CHARSETS[number]
        elif len(self._fonts) < MAX_FONTS and word == b"cpg" and number in _PAGES:
            self._fonts[self._font] = _PAGES[number]

    def _speak(self, codec: str) -> None:
        """The octets that come are of this code page."""
        if codec != self._codec:
            self._flush()
            self._codec = codec

    def _unicode(self, number: int) -> None:
        """A UTF-16 unit as a signed number; two of them may be one character."""
        self._flush(keep_high=True)
        unit = number & 0xFFFF
        self._due = self._fallback
        if 0xD800 <= unit < 0xDC00:
            self._high = unit
        elif 0xDC00 <= unit < 0xE000 and self._high:
            self._out.append(chr(0x10000 + ((self._high - 0xD800) << 10) + unit - 0xDC00))
            self._high = 0
        else:
            self._high = 0
            self._out.append(chr(unit))

    def _flush(self, keep_high: bool = False) -> None:
        if self._octets:
            self._out.append(self._octets.decode(self._codec, "replace"))
            self._octets.clear()
            self._high = 0
        elif not keep_high:
            self._high = 0


def _malformed(text: str) -> RemoteProtocolError:
    return RemoteProtocolError(text, Code.S01, status=400)
