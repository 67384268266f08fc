"""Via and the name-addr headers (RFC 3261 §20.10, §20.20, §20.39, §20.42): From, To, Contact, Record-Route.

The scanner is written by hand: a display name ends where its quote ends, an address at the first ``>``,
and what follows must be parameters. Called through `edge.sip.headers` and `edge.sip.message`.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from edge.errors import RemoteProtocolError
from edge.sip import grammar
from edge.sip.grammar import LWS, Parameters, parameters, parameters_text
from edge.sip.uri import SipUri, port_number

CACHE = 4096  # addresses and sent-by values; bounded, because peers choose them
CACHED_LENGTH = 256  # octets; longer ones are parsed each time


class NameAddr(NamedTuple):
    """``"display" <uri>;parameters``. ``uri`` is the text of an absolute URI of any scheme."""

    display: str
    uri: str
    parameters: Parameters

    @classmethod
    def parse(cls, text: str) -> "NameAddr":
        """Read a name-addr or addr-spec with header parameters; `RemoteProtocolError` if it is anything else."""
        return _name_addr(text.strip(LWS))

    @classmethod
    def of_row(cls, row: bytes) -> "NameAddr":
        """The same from a raw row of a header that holds one address."""
        address, bracket, rest = row.partition(b">")
        if bracket and len(address) <= CACHED_LENGTH:
            known = _address(address)
            if known is not None:
                if not rest:
                    return known
                found = parameters(rest.decode("utf-8", "replace"))
                return _new(NameAddr, (known.display, known.uri, found))
        return _name_addr(row.decode("utf-8", "replace").strip(LWS))

    @property
    def tag(self) -> str:
        """The tag, "" if there is none (RFC 3261 §19.3)."""
        for name, value in self.parameters:
            if name == "tag":
                if value and (value.isalnum() or grammar.TOKEN.fullmatch(value)):
                    return value
                raise RemoteProtocolError("a tag is empty or malformed")
        return ""

    @property
    def sip_uri(self) -> SipUri:
        """The URI in its parts; `RemoteProtocolError` if it is malformed or of another scheme."""
        return SipUri.parse(self.uri)

    def parameter(self, name: str) -> str | None:
        """The value of a header parameter; None if it is absent or has none."""
        return grammar.value_of(self.parameters, name)

    def __str__(self) -> str:
        display = grammar.quote(self.display) + " " if self.display else ""
        return f"{display}<{self.uri}>{parameters_text(self.parameters)}"


class Via(NamedTuple):
    """One hop. ``host`` is in lower case; parameter values stand as they came, quotes included."""

    transport: str
    host: str
    port: int | None
    parameters: Parameters

    @classmethod
    def parse(cls, text: str) -> "Via":
        """Read one via-parm; `RemoteProtocolError` if it is anything else."""
        sent, semicolon, rest = text.partition(";")
        transport, host, port = _sent(sent) if len(sent) <= CACHED_LENGTH else _sent.__wrapped__(sent)
        return _new_via(Via, (transport, host, port, parameters(semicolon + rest) if semicolon else ()))

    @property
    def branch(self) -> str:
        """The branch, "" if there is none."""
        for name, value in self.parameters:
            if name == "branch":
                if value and grammar.TOKEN.fullmatch(value):
                    return value
                raise RemoteProtocolError("a branch is empty or malformed")
        return ""

    @property
    def sent_by(self) -> str:
        """Host and port as the sender wrote them, the host in lower case."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    def parameter(self, name: str) -> str | None:
        """The value of a Via parameter; None if it is absent or has none."""
        return grammar.value_of(self.parameters, name)

    def __str__(self) -> str:
        return f"SIP/2.0/{self.transport} {self.sent_by}{parameters_text(self.parameters)}"


# A display name without quotes is words of token characters; letters beyond ASCII are let through, because
# nothing else can be meant by them.
_DISPLAY: Final = re.compile(rf"(?:[{grammar.token_characters}\x80-\U0010ffff]+[ \t]*)*")
_ADDR_SPEC: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[!#-;=?-~]+")
_SENT: Final = re.compile(
    rf"SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*([{grammar.token_characters}]+)[ \t]+"
    r"([A-Za-z0-9_.\-]+|\[[0-9A-Fa-f:.]+\])[ \t]*(?::[ \t]*([0-9]{1,5}))?[ \t]*",
    re.IGNORECASE,
)
_new = tuple.__new__
_new_via = tuple.__new__


def _name_addr(text: str) -> NameAddr:
    if text[:1] == '"':
        quoted = grammar.QUOTED_STRING.match(text)
        if quoted is None:
            raise RemoteProtocolError("the display name of an address is not closed")
        display = grammar.CONTROL.sub("\ufffd", grammar.unquote(quoted[0]))
        rest = text[quoted.end() :].lstrip(LWS)
        if rest[:1] != "<":
            raise RemoteProtocolError("a display name is not followed by an address in angle brackets")
        rest = rest[1:]
    else:
        display, bracket, rest = text.partition("<")
        if not bracket:
            return _addr_spec(text)
        display = display.rstrip(LWS)
        if _DISPLAY.fullmatch(display) is None:
            raise RemoteProtocolError("the display name of an address must be quoted")
    uri, bracket, rest = rest.partition(">")
    if not bracket:
        raise RemoteProtocolError("the angle bracket of an address is not closed")
    if _ADDR_SPEC.fullmatch(uri) is None:
        raise RemoteProtocolError("the URI of an address is malformed")
    return NameAddr(display, uri, parameters(rest) if rest else ())


def _addr_spec(text: str) -> NameAddr:
    """An address without angle brackets: every parameter belongs to the header (RFC 3261 §20.10)."""
    uri, semicolon, rest = text.partition(";")
    uri = uri.rstrip(LWS)
    if _ADDR_SPEC.fullmatch(uri) is None or "?" in uri or "," in uri:
        raise RemoteProtocolError("an address is malformed, or lacks its angle brackets")
    return NameAddr("", uri, parameters(semicolon + rest) if semicolon else ())


@lru_cache(CACHE)
def _address(before: bytes) -> NameAddr | None:
    """The address that ends at the first ``>`` of a row; None if that bracket stands in a quoted display name."""
    text = before.decode("utf-8", "replace").strip(LWS) + ">"
    if text[:1] == '"' and grammar.QUOTED_STRING.match(text) is None:
        return None
    return _name_addr(text)


@lru_cache(CACHE)
def _sent(text: str) -> tuple[str, str, int | None]:
    match = _SENT.fullmatch(text.strip(LWS))
    if match is None:
        raise RemoteProtocolError("a Via header is malformed")
    transport, host, port = match.groups()
    return transport, host.lower(), None if port is None else port_number(port)
