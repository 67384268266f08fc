"""XMPP addresses in canonical form (RFC 7622).

Whoever reads an address from the wire calls `JID.parse`; whoever composes one from parts calls
`JID.build`. Both enforce the profiles of PRECIS, so that two addresses are the same exactly when their
texts are. Domains are IDNA2008 (`edge.domains`): ``faß.de`` is not ``fass.de``.
"""

import re
from functools import cache, lru_cache
from ipaddress import IPv6Address
from typing import TYPE_CHECKING

from edge import domains
from edge.codes import Code
from edge.domains import Domain
from edge.errors import RemoteProtocolError
from edge.xmpp.element import escape_attribute

if TYPE_CHECKING:
    from precis_i18n.profile import Profile

MAX_PART = 1023  # octets of each part, RFC 7622 §3.1
MAX_JID = 3 * MAX_PART + 2  # octets of the whole
CACHE = 4096  # addresses; bounded, because peers choose them
CACHED_LENGTH = 256  # characters; longer ones are rare, and would make the cache's memory the peer's choice


class JID(str):
    """A canonical address, which never changes. Made by `parse` and `build` alone.

    It is its own text: most of what happens here is that something is looked up by an address, and Python looks a text
    up without a call (docs/decisions/0019-addresses-are-texts.md).

    The parts are what PRECIS and IDNA made of them. ``domain`` is in U-labels, as RFC 7622 §3.2.1 demands; `host` gives
    the same name in A-labels. ``quoted`` is the whole address ready to stand in an XML attribute.
    """

    __slots__ = ("_bare", "domain", "host", "local", "quoted", "resource")

    local: str
    domain: str
    resource: str
    host: Domain
    """The domain in the form that everything but XMPP uses."""
    quoted: str
    _bare: "JID | None"

    def __new__(cls, local: str, domain: str, resource: str = "") -> "JID":
        text = f"{local}@{domain}" if local else domain
        if resource:
            text = f"{text}/{resource}"
        self = str.__new__(cls, text)
        self.local = local
        self.domain = domain
        self.resource = resource
        self.host = domains.domain(domain)
        self._bare = None
        self.quoted = escape_attribute(text) if resource else text  # nothing else may hold what must be escaped
        return self

    @classmethod
    def parse(cls, text: str) -> "JID":
        """Return the address that ``text`` means; `RemoteProtocolError` (jid-malformed) if it means none."""
        return _parse_cached(text) if len(text) <= CACHED_LENGTH else _parse(text)

    @classmethod
    def build(cls, local: str, host: str, resource: str = "") -> "JID":
        """Return the address of these parts, each still to be prepared; the same errors as `parse`."""
        if len(local) + len(host) + len(resource) <= CACHED_LENGTH:
            return _build_cached(local, host, resource)
        return _build(local, host, resource)

    def bare(self) -> "JID":
        """The address without its resource."""
        if not self.resource:
            return self
        bare = self._bare
        if bare is None:
            bare = self._bare = _build_bare(self.local, self.domain)
        return bare

    def with_resource(self, resource: str) -> "JID":
        """The address of the same user with another resource; the same errors as `build`."""
        jid = JID(self.local, self.domain, _resource(resource) if resource else "")
        if resource:
            jid._bare = self.bare()
        return jid

    def __repr__(self) -> str:
        return f"JID({str(self)!r})"


@cache
def profile(name: str) -> "Profile":
    """A profile of PRECIS, such as UsernameCaseMapped. Asked for with the first text that is not plain ASCII."""
    from precis_i18n import get_profile  # here, because it takes 0.2 MB that ASCII addresses never need

    return get_profile(name)


# Printable ASCII without what RFC 7622 §3.3.1 excludes: " & ' / : < > @ and space.
_ASCII_LOCAL = re.compile(r"[!#$%()*+,\-.0-9;=?A-Z\[\\\]^_`a-z{|}~]+")
_EXCLUDED = frozenset("\"&'/:<>@")


def _malformed(text: str) -> RemoteProtocolError:
    return RemoteProtocolError(text, Code.S08)


def _parse(text: str) -> JID:
    # RFC 7622 §3.2: cut before any preparation, so that no prepared character becomes a separator.
    head, slash, resource = text.partition("/")
    if slash and not resource:
        raise _malformed("an address has an empty resource")
    local, at, host = head.partition("@")
    if not at:
        local, host = "", head
    elif not local:
        raise _malformed("an address has an empty localpart")
    return _build(local, host, resource)


def _build(local: str, host: str, resource: str) -> JID:
    if len(local) + len(host) + len(resource) > MAX_JID:
        raise _malformed("an address is too long")
    return JID(_local(local) if local else "", _domain(host), _resource(resource) if resource else "")


_parse_cached = lru_cache(CACHE)(_parse)
_build_cached = lru_cache(CACHE)(_build)


@lru_cache(CACHE)
def _build_bare(local: str, domain: str) -> JID:
    return JID(local, domain)


def _local(text: str) -> str:
    """RFC 7622 §3.3."""
    if len(text) <= MAX_PART and _ASCII_LOCAL.fullmatch(text):
        return text.lower()
    prepared = _enforce("UsernameCaseMapped", text, "localpart")
    if not _EXCLUDED.isdisjoint(prepared):
        raise _malformed("an address has a character in its localpart that is not allowed")
    return prepared


def _resource(text: str) -> str:
    """RFC 7622 §3.4."""
    if text.isascii() and text.isprintable() and len(text) <= MAX_PART:
        return text
    return _enforce("OpaqueString", text, "resource")


def _domain(text: str) -> str:
    """RFC 7622 §3.2: a host name in U-labels, or an IP literal."""
    if text.startswith("["):
        try:
            return f"[{IPv6Address(text[1:-1])}]" if text.endswith("]") and "%" not in text else _no_literal()
        except ValueError:
            return _no_literal()
    try:
        prepared = domains.unicode(domains.domain(text))
    except RemoteProtocolError:
        raise _malformed("an address has a malformed domain") from None
    return _bounded(prepared, "domain")


def _no_literal() -> str:
    raise _malformed("an address has a malformed IP literal") from None


def _enforce(name: str, text: str, part: str) -> str:
    try:
        return _bounded(profile(name).enforce(text), part)
    except UnicodeError:
        raise _malformed(f"an address has a character in its {part} that is not allowed") from None


def _bounded(text: str, part: str) -> str:
    if len(text.encode()) > MAX_PART:
        raise _malformed(f"an address has a {part} of more than {MAX_PART} octets")
    return text
