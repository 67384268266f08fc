"""SIP as a Microsoft edge reads and writes it, in its own few lines, so that it cannot share a misreading with the
gateway: lines folded, lines of a kind apart, names in any case, Content-Length in the middle."""

import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Rows = Sequence[tuple[str, str]]

MOST_OCTETS = 1 << 20  # of one message; more is a fault of who sends it
ODD_NAMES = {
    "Content-Type": "CONTENT-TYPE",
    "Subscription-State": "subscription-state",
    "Accept-Language": "accept-language",
    "User-Agent": "USER-AGENT",
    "Event": "EVENT",
}
FOLDED = ("From", "To", "Accept", "EndPoints")  # where a fold at a blank changes nothing


@dataclass(frozen=True)
class Message:
    """A request or a response as it came, unfolded."""

    start: str
    rows: list[tuple[str, str]]
    body: str = ""

    @property
    def status(self) -> int:
        return int(self.start.split(" ")[1]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def method(self) -> str:
        return "" if self.status else self.start.split(" ")[0]

    @property
    def uri(self) -> str:
        return self.start.split(" ")[1]

    @property
    def cseq(self) -> tuple[int, str]:
        number, _, method = self.get("CSeq").partition(" ")
        return int(number), method.strip()

    def lines(self, name: str) -> list[str]:
        return [value for key, value in self.rows if key.lower() == name.lower()]

    def get(self, name: str) -> str:
        return next(iter(self.lines(name)), "")

    def values(self, name: str) -> list[str]:
        """The values of a header that is a list, however they are spread over lines."""
        return [value for line in self.lines(name) for value in split(line)]

    def __str__(self) -> str:
        return "\n".join([self.start, *(f"{name}: {value}" for name, value in self.rows), "", self.body])


class Framer:
    """Cuts a stream into messages. What cannot be read raises ValueError: a peer that sends it is broken."""

    def __init__(self) -> None:
        self._data = b""
        self.pings = 0  # CRLF CRLF between messages

    def feed(self, data: bytes) -> Iterator[Message]:
        self._data += data
        while True:
            rest = self._data.lstrip(b"\r\n")
            self.pings += (len(self._data) - len(rest)) // 4
            self._data = rest
            head, blank, rest = self._data.partition(b"\r\n\r\n")
            if not blank:
                return
            message = parsed(head.decode())
            length = int(message.get("Content-Length") or message.get("l"))
            if length > MOST_OCTETS:
                raise ValueError(f"a body of {length} octets")
            if len(rest) < length:
                return
            self._data = rest[length:]
            yield Message(message.start, message.rows, rest[:length].decode())


def parsed(head: str) -> Message:
    start, *lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
    rows = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not re.fullmatch(r"[\w.!%*+`'~-]+[ \t]*", name):
            raise ValueError(f"not a header: {line!r}")
        rows.append((name.strip(), value.strip()))
    return Message(start, rows)


def written(start: str, rows: Rows, body: str = "", *, folded: bool = False) -> bytes:
    octets = body.encode()
    lines = [f"{ODD_NAMES.get(name, name)}: {fold(name, value) if folded else value}" for name, value in rows]
    lines.insert(min(3, len(lines)), f"Content-Length: {len(octets)}")
    return "\r\n".join([start, *lines, "", ""]).encode() + octets


def fold(name: str, value: str) -> str:
    """Break at the first blank outside quotes."""
    if name in FOLDED:
        return re.sub(r'^((?:"[^"]*"|[^" ])+) ', "\\1\r\n ", value, count=1)
    return value


def split(value: str) -> list[str]:
    """At commas outside quotes and angle brackets."""
    found = re.findall(r'(?:"(?:\\.|[^"\\])*"|<[^>]*>|[^",<])+', value)
    return [each.strip() for each in found if each.strip()]


def uri_in(value: str) -> str:
    """The URI of a From, To, Contact or Route."""
    inside = re.search(r"<([^>]*)>", value)
    return inside[1] if inside else value.partition(";")[0].strip()


def parameter(value: str, name: str) -> str:
    """A parameter outside the angle brackets; "" if there is none."""
    outside = value.rpartition(">")[2]
    found = re.search(rf"(?i);\s*{re.escape(name)}\s*=\s*([^;\s]+)", outside)
    return found[1] if found else ""


def plain(uri: str) -> str:
    """"sip:alice@contoso.example" of whatever stands before and behind it."""
    found = re.search(r"sips?:([^@;>]+@[^:;>?]+)", uri)
    return "sip:" + found[1].lower() if found else ""


def token(octets: int = 8) -> str:
    return secrets.token_hex(octets)
