"""SIP, SIPS, IM and PRES URIs (RFC 3261 §19.1 and §25.1, RFC 3859, RFC 3860).

The user part stays as it came, percent-encoded: it is decoded exactly once, by `unescape`, where an
address is translated. Called for Request-URIs, From, To and Contact.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes

from edge.domains import Domain, domain
from edge.errors import RemoteProtocolError
from edge.sip.grammar import Parameters, parameters_text, value_of

SCHEMES: Final = frozenset({"sip", "sips", "im", "pres"})

CACHE = 4096  # URIs; bounded, because peers choose them
CACHED_LENGTH = 256  # characters; a longer URI is parsed each time, so that the cache stays below 2 MB

_USER_LITERAL: Final = "-_.!~*'()&=+$,;?/"  # RFC 3261 §25.1 mark and user-unreserved

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*")
_ESCAPED: Final = r"%[0-9A-Fa-f]{2}"
_USER: Final = re.compile(rf"(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/]|{_ESCAPED})+")
_MAILBOX: Final = re.compile(rf"(?:[A-Za-z0-9\-_.!~*'()&=+$,;?/#^`{{|}}]|{_ESCAPED})+")  # im:, pres: dot-atom too
_PLAIN: Final = re.compile(r"sip:([A-Za-z0-9\-_.!~*'()&=+$,]+)@([A-Za-z0-9.\-]+)")  # the shape of nearly all
_PASSWORD: Final = re.compile(rf"(?:[A-Za-z0-9\-_.!~*'()&=+$,]|{_ESCAPED})*")
_VISIBLE: Final = re.compile(r"[!#-;=?-~]+")  # printable ASCII without space, `"`, `<`, `>`
_PARAMETER_NAME: Final = re.compile(r"[!$%&'()*+\-./0-9:A-Z\[\]_`a-z~]+")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class SipUri:
    """A URI in its parts. ``user`` and parameter values stay escaped; ``headers`` is the raw text after ``?``."""

    scheme: str
    user: str
    password: str | None
    host: Domain
    port: int | None
    parameters: Parameters
    headers: str
    translated: Any = field(default=None, init=False, repr=False, compare=False)
    """The address in the other world, once `edge.mapping.addresses` has made it of this URI."""

    @classmethod
    def parse(cls, text: str) -> "SipUri":
        """Read a URI. `RemoteProtocolError`: status 416 for another scheme, 400 for everything else."""
        return _cached(text) if len(text) <= CACHED_LENGTH else _parse(text)

    def parameter(self, name: str) -> str | None:
        """The value of a URI parameter; None if it is absent or has none."""
        return value_of(self.parameters, name)

    def has_parameter(self, name: str) -> bool:
        """Whether a URI parameter is there, with or without a value."""
        return any(key == name for key, _ in self.parameters)

    def __str__(self) -> str:
        password = "" if self.password is None else f":{self.password}"
        userinfo = f"{self.user}{password}@" if self.user else ""
        port = "" if self.port is None else f":{self.port}"
        headers = f"?{self.headers}" if self.headers else ""
        return f"{self.scheme}:{userinfo}{self.host}{port}{parameters_text(self.parameters)}{headers}"


def unescape(text: str) -> str:
    """Decode %HH once. `RemoteProtocolError` if the result is not UTF-8 or holds a control character."""
    if "%" in text:
        if _BAD_ESCAPE.search(text):
            raise RemoteProtocolError("a percent sign in a URI does not introduce two hexadecimal digits")
        try:
            text = unquote_to_bytes(text).decode("utf-8")
        except UnicodeError:
            raise RemoteProtocolError("the escaped octets in a URI are not UTF-8") from None
    if not text.isprintable() and _CONTROL.search(text):
        raise RemoteProtocolError("a URI holds an escaped control character")
    return text


def escape_user(text: str) -> str:
    """Encode ``text`` as the user part of a SIP URI, with upper-case hexadecimal digits (RFC 3261 §25.1)."""
    return quote(text, safe=_USER_LITERAL)


def _parse(text: str) -> SipUri:
    plain = _PLAIN.fullmatch(text)
    if plain is not None:
        return SipUri("sip", plain[1], None, domain(plain[2]), None, (), "")
    scheme, colon, rest = text.partition(":")
    if not colon or _SCHEME.fullmatch(scheme) is None:
        raise RemoteProtocolError("a URI has no scheme")
    scheme = scheme.lower()
    if scheme not in SCHEMES:
        raise RemoteProtocolError("the scheme of the URI is not supported", status=416)
    if _VISIBLE.fullmatch(rest) is None:
        raise RemoteProtocolError("a URI is empty or has characters that must be escaped")
    userinfo, at, address = rest.partition("@")
    if not at:
        userinfo, address = "", rest
    elif "@" in address:
        raise RemoteProtocolError("a URI has more than one @")
    user, colon, secret = userinfo.partition(":")
    if at and (_USER if scheme[:3] == "sip" else _MAILBOX).fullmatch(user) is None:
        raise RemoteProtocolError("the user part of a URI is malformed")
    password = secret if colon else None
    if password is not None and _PASSWORD.fullmatch(password) is None:
        raise RemoteProtocolError("the password in a URI is malformed")
    address, _, headers = address.partition("?")
    hostport, *pieces = address.split(";")
    host, port = _hostport(hostport)
    return SipUri(scheme, user, password, host, port, _parameters(pieces), headers)


_cached = lru_cache(CACHE)(_parse)


def _hostport(text: str) -> tuple[Domain, int | None]:
    if text[:1] == "[":
        literal, bracket, rest = text[1:].partition("]")
        try:
            if not bracket or "%" in literal or rest[:1] not in ("", ":"):
                raise AddressValueError
            IPv6Address(literal)
        except AddressValueError:
            raise RemoteProtocolError("the IPv6 address in a URI is malformed") from None
        host = f"[{literal}]"
        colon, number = rest[:1], rest[1:]
    else:
        host, colon, number = text.partition(":")
    if not colon:
        return domain(host), None
    return domain(host), port_number(number)


def port_number(text: str) -> int:
    """Read a port, 1 to 65535."""
    if not (text.isdigit() and text.isascii() and len(text) <= 5 and 0 < int(text) <= 65535):
        raise RemoteProtocolError("a port is no number from 1 to 65535")
    return int(text)


def _parameters(pieces: list[str]) -> Parameters:
    found: dict[str, str | None] = {}
    for piece in pieces:
        name, equals, value = piece.partition("=")
        name = name.lower()
        if _PARAMETER_NAME.fullmatch(name) is None:
            raise RemoteProtocolError("a URI parameter has no name, or a malformed one")
        if name in found:
            raise RemoteProtocolError("a URI parameter is given twice")
        found[name] = value if equals else None
    return tuple(found.items())
