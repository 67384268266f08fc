"""Via and the name-addr headers (RFC 3261 §20.10, §20.20, §20.39, §20.42): From, To, Contact, Record-Route.

The scanner is written by hand: a display name ends where its quote ends, an address at the first ``>``,
and what follows must be parameters. Called through `edge.sip.headers` and `edge.sip.message`.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from edge.errors import RemoteProtocolError
from edge.sip import grammar
from edge.sip.grammar import LWS, SEMICOLON, TOKEN_OCTETS, Parameters, other_parameters, parameters, parameters_text
from edge.sip.uri import SCHEMES, SipUri, port_number

CACHE = 4096  # addresses and sent-by values; bounded, because peers choose them
CACHED_LENGTH = 256  # octets; longer ones are parsed each time


class _NameAddr(NamedTuple):
    display: str
    uri: str
    parameters: Parameters
    tag: str


class _Via(NamedTuple):
    transport: str
    host: str
    port: int | None
    parameters: Parameters
    branch: str


class NameAddr(_NameAddr):
    """``"display" <uri>;parameters``. ``uri`` is the text of an absolute URI of any scheme.

    ``tag`` is the parameter of that name, "" if there is none (RFC 3261 §19.3).
    """

    __slots__ = ()

    def __new__(cls, display: str, uri: str, parameters: Parameters) -> "NameAddr":
        return _new(cls, (display, uri, parameters, grammar.value_of(parameters, "tag") or ""))

    @classmethod
    def parse(cls, text: str) -> "NameAddr":
        """Read a name-addr or addr-spec with header parameters; `RemoteProtocolError` if it is anything else."""
        return _name_addr(text.strip(LWS))

    @classmethod
    def of_row(cls, row: bytes) -> "NameAddr":
        """The same from a raw row of a header that holds one address. Quick if it ends with the address or a tag
        follows: addresses and what stands behind the tag repeat from message to message, tags do not."""
        if len(row) <= CACHED_LENGTH:
            address, found, rest = row.partition(b">;tag=")
            if found:
                tag, more, others = rest.partition(b";") if SEMICOLON in rest else (rest, b"", b"")
                if TOKEN_OCTETS.fullmatch(tag) and (known := _address(address)) is not None:
                    text = tag.decode("ascii")
                    if not more:
                        return _new(NameAddr, (known[0], known[1], (("tag", text),), text))
                    behind = other_parameters(others)
                    if behind is not None:
                        return _new(NameAddr, (known[0], known[1], (("tag", text), *behind), text))
            elif row.endswith(b">"):
                known = _address(row[:-1])
                if known is not None:
                    return known
        return _name_addr(row.decode("utf-8", "replace").strip(LWS))

    @property
    def sip_uri(self) -> SipUri:
        """The URI in its parts; `RemoteProtocolError` if it is malformed or of another scheme."""
        return _sip_uri_of(self.uri)

    def parameter(self, name: str) -> str | None:
        """The value of a header parameter; None if it is absent or has none."""
        return grammar.value_of(self.parameters, name)

    def __str__(self) -> str:
        display = grammar.quote(self.display) + " " if self.display else ""
        return f"{display}<{self.uri}>{parameters_text(self.parameters)}"


class Via(_Via):
    """One hop. ``host`` is in lower case; parameter values stand as they came, quotes included.

    ``branch`` is the parameter of that name, "" if there is none.
    """

    __slots__ = ()

    def __new__(cls, transport: str, host: str, port: int | None, parameters: Parameters) -> "Via":
        branch = grammar.value_of(parameters, "branch") or ""
        return _new(cls, (transport, host, port, parameters, branch))

    @classmethod
    def parse(cls, text: str) -> "Via":
        """Read one via-parm; `RemoteProtocolError` if it is anything else."""
        return cls.of_element(text.encode("utf-8", "replace"))

    @classmethod
    def of_element(cls, octets: bytes) -> "Via":
        """The same from a raw element. Quick if the branch comes first, because everything else repeats."""
        if len(octets) <= CACHED_LENGTH:
            sent, found, rest = octets.partition(b";branch=")
            if found:
                branch, more, others = rest.partition(b";") if SEMICOLON in rest else (rest, b"", b"")
                if TOKEN_OCTETS.fullmatch(branch) and (known := _sent(sent)) is not None:
                    text = branch.decode("ascii")
                    if not more:
                        return _new(Via, (*known, (("branch", text),), text))
                    behind = other_parameters(others)
                    if behind is not None:
                        return _new(Via, (*known, (("branch", text), *behind), text))
        return _via(octets.decode("utf-8", "replace"))

    @property
    def sent_by(self) -> str:
        """Host and port as the sender wrote them, the host in lower case."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    def parameter(self, name: str) -> str | None:
        """The value of a Via parameter; None if it is absent or has none."""
        return grammar.value_of(self.parameters, name)

    def __str__(self) -> str:
        return f"SIP/2.0/{self.transport} {self.sent_by}{parameters_text(self.parameters)}"


def first_element(row: bytes) -> bytes:
    """The first element of a row that is a list."""
    text = row.decode("utf-8", "surrogateescape")
    return grammar.elements(text)[0].encode("utf-8", "surrogateescape")


# A display name without quotes is words of token characters; letters beyond ASCII are let through, because
# nothing else can be meant by them.
_DISPLAY: Final = re.compile(rf"[{grammar.token_characters}\x80-\U0010ffff \t]*")
_ADDR_SPEC: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[!#-;=?-~]+")
_SENT: Final = re.compile(
    rf"SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*([{grammar.token_characters}]+)[ \t]+"
    r"([A-Za-z0-9_.\-]+|\[[0-9A-Fa-f:.]+\])[ \t]*(?::[ \t]*([0-9]{1,5})[ \t]*)?",
    re.IGNORECASE,
)
_sip_uri_of: Final = SipUri.parse  # bound once
_new: Final = tuple.__new__  # half the time of calling the class


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
    return NameAddr(display, _uri(uri), parameters(rest) if rest else ())


def _addr_spec(text: str) -> NameAddr:
    """An address without angle brackets: every parameter belongs to the header (RFC 3261 §20.10)."""
    uri, semicolon, rest = text.partition(";")
    uri = uri.rstrip(LWS)
    if "?" in uri or "," in uri:
        raise RemoteProtocolError("an address with ? or , lacks its angle brackets")
    return NameAddr("", _uri(uri), parameters(semicolon + rest) if semicolon else ())


def _uri(text: str) -> str:
    """A URI of any scheme; one of ours must be well-formed."""
    if text[:4] == "sip:":
        SipUri.parse(text)
        return text
    if _ADDR_SPEC.fullmatch(text) is None:
        raise RemoteProtocolError("the URI of an address is malformed")
    if text.partition(":")[0].lower() in SCHEMES:
        SipUri.parse(text)
    return text


@lru_cache(CACHE)
def _address(octets: bytes) -> NameAddr | None:
    """The address that ``octets`` and a ``>`` are, without parameters; None if they are something else."""
    try:
        found = _name_addr(octets.decode("utf-8", "replace").lstrip(LWS) + ">")
    except RemoteProtocolError:
        return None
    return None if found.parameters else found


def _via(text: str) -> Via:
    sent, semicolon, rest = text.partition(";")
    known = _SENT.fullmatch(sent.strip(LWS))
    if known is None:
        raise RemoteProtocolError("a Via header is malformed")
    transport, host, port = known.groups()
    number = None if port is None else port_number(port)
    return Via(transport, host.lower(), number, parameters(semicolon + rest) if semicolon else ())


@lru_cache(CACHE)
def _sent(octets: bytes) -> tuple[str, str, int | None] | None:
    """Transport, host and port of a sent-by without parameters; None if ``octets`` are something else."""
    try:
        found = _via(octets.decode("utf-8", "replace"))
    except RemoteProtocolError:
        return None
    return None if found.parameters else found[:3]
