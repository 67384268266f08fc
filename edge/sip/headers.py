"""The header fields of one message: a multimap of raw rows, indexed in one pass (RFC 3261 §7.3).

Rows stay the bytes they came as until somebody asks for them. The typed values are in `edge.sip.addresses`
and `edge.sip.values`; they are exported here too, so that users of the codec need one import.
Called by `edge.sip.message`.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.sip import grammar
from edge.sip.addresses import NameAddr, Via
from edge.sip.values import CSeq, Event, MediaType, SubscriptionState

__all__ = ["CSeq", "Event", "Headers", "MediaType", "NameAddr", "SubscriptionState", "Via"]

MAX_HEADERS = 256  # lines, continuations included; RFC 4475's longest message has 50, a Microsoft edge sends about 40
MAX_LINE = 32_768  # octets of one row; an INVITE of Microsoft's has its first message in RTF and base64 in one
SPELLINGS = 2048  # spellings of header names that are remembered; bounded, because peers choose them
SPELLING_LENGTH = 64  # octets; a longer header name is read anew each time
REPEATED = 4096  # lines that are remembered; bounded, because peers choose them
REPEATED_LENGTH = 256  # octets; longer lines are split each time, so that these lines stay below 2 MB

REPEATING: Final = frozenset({
    b"accept", b"allow", b"allow-events", b"contact", b"content-length", b"content-type", b"cseq", b"event",
    b"expires", b"max-forwards", b"mime-version", b"ms-keep-alive", b"ms-text-format", b"proxy-require",
    b"record-route", b"require", b"server", b"subscription-state", b"supported", b"user-agent",
})
"""Headers whose lines are mostly the same from message to message: each such line is split once."""

COMPACT: Final = {
    b"a": b"accept-contact",
    b"b": b"referred-by",
    b"c": b"content-type",
    b"d": b"request-disposition",
    b"e": b"content-encoding",
    b"f": b"from",
    b"i": b"call-id",
    b"j": b"reject-contact",
    b"k": b"supported",
    b"l": b"content-length",
    b"m": b"contact",
    b"o": b"event",
    b"r": b"refer-to",
    b"s": b"subject",
    b"t": b"to",
    b"u": b"allow-events",
    b"v": b"via",
    b"x": b"session-expires",
    b"y": b"identity",
}


class Headers:
    """The header fields of a message. Names are canonical: lower case, long form."""

    __slots__ = ("index",)

    def __init__(self, lines: Sequence[bytes]) -> None:
        """Index header lines. `parse` is the usual door; `edge.sip.message` comes here with lines already split.

        ``index`` is for the hot paths: a name that occurs once has its row, any other a list; not stripped.
        """
        if len(lines) > MAX_HEADERS:
            raise RemoteProtocolError("the message has too many header lines", Code.S09)
        index: dict[bytes, bytes | list[bytes]] = {}
        spellings = _SPELLINGS
        repeated = _REPEATED
        try:
            for line in lines:
                known = repeated.get(line)
                if known is None:
                    spelling, row = line.split(b":", 1)
                    name = spellings[spelling]
                    if name in REPEATING:
                        _repeat(line, name, row)
                else:
                    name, row = known
                index[name] = row
            if len(index) != len(lines):  # a header stands in several rows
                index = _index_slowly(lines)
        except (KeyError, ValueError):
            index = _index_slowly(lines)
        self.index = index

    @classmethod
    def parse(cls, block: bytes) -> "Headers":
        """Index a header block without start line and empty line: folding, compact forms, space before colons."""
        return cls(split_lines(block))

    @classmethod
    def salvage(cls, head: bytes, names: frozenset[bytes]) -> "Headers":
        """What can be read of some headers in a garbled head, its start line included: for an answer."""
        pieces: list[list[bytes]] = [[]]
        for line in head.split(b"\r\n")[1 : MAX_HEADERS + 1]:
            if line[:1] in (b" ", b"\t"):
                pieces[-1].append(line.strip(b" \t"))
            else:
                pieces.append([line])
        kept = []
        for piece in pieces[1:]:
            line = b" ".join(piece)
            spelling, colon, _ = line.partition(b":")
            name = spelling.rstrip(b" \t").lower()
            if colon and COMPACT.get(name, name) in names and _CONTROL.search(line) is None and len(line) <= MAX_LINE:
                kept.append(line)
        return cls(kept)

    def raw(self, name: bytes) -> Sequence[bytes]:
        """The rows of a header, unfolded and stripped, in order. ``name`` is canonical."""
        found = self.index.get(name)
        if found is None:
            return ()
        if isinstance(found, bytes):
            return (found.strip(b" \t"),)
        return [row.strip(b" \t") for row in found]

    def one(self, name: bytes) -> bytes | None:
        """The row of a header that may occur once, None if there is none. `RemoteProtocolError` if there are two."""
        found = self.index.get(name)
        if found is None:
            return None
        if isinstance(found, bytes):
            return found.strip(b" \t")
        raise RemoteProtocolError(f"the {spelled(name)} header is given twice")

    def get(self, name: str) -> str | None:
        """The first row of a header as text; octets that are not UTF-8 are replaced."""
        rows = self.raw(_canonical(name))
        return rows[0].decode("utf-8", "replace") if rows else None

    def rows(self, name: str) -> list[str]:
        """All rows of a header as text; octets that are not UTF-8 are replaced."""
        return [row.decode("utf-8", "replace") for row in self.raw(_canonical(name))]

    def elements(self, name: str) -> list[str]:
        """The elements of a list header over all its rows; empty ones are left out (RFC 3261 §7.3.1).

        Octets that are not UTF-8 survive as surrogates, so that a route can be copied octet for octet.
        `RemoteProtocolError` where a quote is open or a control character stands.
        """
        found = []
        for row in self.raw(_canonical(name)):
            text = row.decode("utf-8", "surrogateescape")
            if not text.isprintable() and grammar.CONTROL.search(text) is not None:
                raise RemoteProtocolError(f"the {name} header holds a control character")
            found += [element for element in grammar.elements(text) if element]
        return found

    def names(self) -> Iterable[bytes]:
        """The canonical names that occur."""
        return self.index.keys()

    def __contains__(self, name: bytes) -> bool:
        return name in self.index


def split_lines(block: bytes) -> list[bytes]:
    """Cut at CRLF. `RemoteProtocolError` for a CR or LF alone, which other parsers take as the end of a line."""
    lines = block.splitlines()
    if b"\r\n".join(lines) != block:
        raise RemoteProtocolError("a CR or LF stands alone in the header fields")
    if len(block) > MAX_LINE and max(map(len, lines)) > MAX_LINE:
        raise RemoteProtocolError("a header line is too long", Code.S09)
    return lines


def spelled(name: bytes) -> str:
    """A canonical name the way the standards spell it."""
    return _SPELLED.get(name, name).decode("ascii")


_CONTROL: Final = re.compile(grammar.CONTROL.pattern.encode("ascii"))
_STANDARD: Final = (
    b"Accept Accept-Encoding Accept-Language Alert-Info Allow Allow-Events Authorization Call-ID Call-Info "
    b"Contact Content-Disposition Content-Encoding Content-Language Content-Length Content-Type CSeq Date "
    b"Error-Info Event Expires From History-Info In-Reply-To Max-Forwards MIME-Version Min-Expires ms- "
    b"diagnostics ms-diagnostics-public ms-keep-alive Organization P-Asserted-Identity Path Priority Proxy- "
    b"Authenticate Proxy-Authorization Proxy-Require RAck Reason Record-Route Refer-To Referred-By Reply-To "
    b"Require Retry-After Route RSeq Server Session-Expires SIP-ETag SIP-If-Match Subject Subscription-State "
    b"Supported Timestamp To Unsupported User-Agent Via Warning WWW-Authenticate "
)
_SPELLINGS: Final[dict[bytes, bytes]] = {name: name.lower() for name in _STANDARD.split()}
_SPELLED: Final = {name: spelling for spelling, name in _SPELLINGS.items()}
_SPELLINGS.update(COMPACT)
_SPELLINGS.update({short.upper(): name for short, name in COMPACT.items()})
_REPEATED: Final[dict[bytes, tuple[bytes, bytes]]] = {}


def _repeat(line: bytes, name: bytes, row: bytes) -> None:
    if len(line) <= REPEATED_LENGTH:
        if len(_REPEATED) >= REPEATED:
            _REPEATED.clear()
        _REPEATED[line] = (name, row)


def _append(index: dict[bytes, bytes | list[bytes]], name: bytes, row: bytes) -> None:
    found = index[name]
    if isinstance(found, bytes):
        index[name] = [found, row]
    else:
        found.append(row)


def _index_slowly(lines: Sequence[bytes]) -> dict[bytes, bytes | list[bytes]]:
    """The way of a message with folded lines, spellings not met before, or several rows of one header; refuses what is
    no header line."""
    index: dict[bytes, bytes | list[bytes]] = {}
    for line in _unfold(lines):
        spelling, colon, row = line.partition(b":")
        if not colon:
            raise RemoteProtocolError("a header line has no colon")
        name = _SPELLINGS.get(spelling) or _learn(spelling)
        if name in index:
            _append(index, name, row)
        else:
            index[name] = row
    return index


def _unfold(lines: Sequence[bytes]) -> list[bytes]:
    """Join continuation lines with one space each (RFC 3261 §7.3.1)."""
    if not lines or lines[0][:1] in (b" ", b"\t"):
        raise RemoteProtocolError("the header fields begin with a continuation line")
    pieces: list[list[bytes]] = []
    for line in lines:
        if line[:1] in (b" ", b"\t"):
            pieces[-1].append(line.strip(b" \t"))
        else:
            pieces.append([line])
    rows = [b" ".join(piece) if len(piece) > 1 else piece[0] for piece in pieces]
    if max(map(len, rows)) > MAX_LINE:
        raise RemoteProtocolError("a folded header line is too long", Code.S09)
    return rows


def _learn(spelling: bytes) -> bytes:
    name = spelling.rstrip(b" \t").lower()
    if grammar.TOKEN_OCTETS.fullmatch(name) is None:
        raise RemoteProtocolError("the name of a header is malformed")
    name = COMPACT.get(name, name)
    if len(_SPELLINGS) < SPELLINGS and len(spelling) <= SPELLING_LENGTH:
        _SPELLINGS[spelling] = name
    return name


def _canonical(name: str) -> bytes:
    spelling = name.encode("ascii")
    lowered = spelling.lower()
    return _SPELLINGS.get(spelling) or COMPACT.get(lowered, lowered)
