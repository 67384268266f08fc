"""Addresses across the two worlds: SIP, im: and pres: URIs <-> JIDs (RFC 7247 §5, §6; XEP-0106; RFC 7622).

Pure and cached, because every message translates the same few addresses. Called by the rest of `edge.mapping` and by
the gateway. The published rules stand in docs/mapping.md.
"""

import re
from functools import lru_cache
from urllib.parse import quote, unquote

from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.sip.uri import SipUri, escape_user, unescape
from edge.xmpp.jid import JID, profile

CACHE = 4096  # translations in each direction; bounded, because peers choose the addresses
CACHED_LENGTH = 256  # characters; longer addresses are rare, and would make the cache's memory the peer's choice


class SipsNotAllowed(RemoteProtocolError):
    """A `sips:` address: XMPP cannot promise TLS on every hop (RFC 7247 §8, RFC 5630 §5.3)."""

    headers: tuple[tuple[str, str], ...] = (("Warning", '380 edge "SIPS Not Allowed"'),)

    def __init__(self) -> None:
        super().__init__("a sips: address cannot be reached over XMPP", Code.S08, status=480)


def jid_of(uri: SipUri) -> JID:
    """Return the JID that stands for a SIP user (RFC 7247 §6.4).

    Port, parameters but `gr`, and headers are dropped. Raises `RemoteProtocolError`: 404 for an address that no JID
    can express, 400 for one with a password, `SipsNotAllowed` for `sips:`.
    """
    found: JID | None = uri.translated
    if found is None:
        found = _jid_of(uri)
        object.__setattr__(uri, "translated", found)
    return found


def uri_of(jid: JID, scheme: str = "sip") -> str:
    """Return the URI (the addr-spec, without angle brackets) that stands for an XMPP user (RFC 7247 §6.5).

    A resource becomes the URI parameter `gr`; im: and pres: URIs have no parameters and always name the bare address.
    """
    return _uri_of_cached(jid, scheme) if len(jid.local) + len(jid.resource) <= CACHED_LENGTH else _uri_of(jid, scheme)


def bare_uri_of(jid: JID, scheme: str = "sip") -> str:
    """Return the URI of the user behind ``jid``, whatever its resource."""
    return uri_of(jid.bare(), scheme)


def xmpp_uri_of(jid: JID) -> str:
    """Return the xmpp: URI of ``jid`` (RFC 5122 §2.2), for the character data of `gone` and `redirect`."""
    local = f"{quote(jid.local, safe=_NODE_LITERALS)}@" if jid.local else ""
    resource = f"/{quote(jid.resource, safe=_RESOURCE_LITERALS)}" if jid.resource else ""
    return f"xmpp:{local}{jid.host}{resource}"


def jid_of_xmpp_uri(text: str) -> JID:
    """Return the JID that an xmpp: URI or IRI names (RFC 5122 §2.2); `RemoteProtocolError` if it names none."""
    scheme, colon, path = text.partition(":")
    if not colon or scheme.lower() != "xmpp":
        raise _unmappable("the address is no xmpp: URI")
    if path.startswith("//"):  # an authority only says with whose account to connect
        path = path[2:].partition("/")[2]
    path = path.partition("#")[0].partition("?")[0]
    head, _, resource = path.partition("/")
    local, at, host = head.rpartition("@")
    try:
        parts = [unquote(part, errors="strict") for part in (local, host, resource)]
    except UnicodeError:
        raise _unmappable("the address is not in UTF-8") from None
    if at and not parts[0]:
        raise _unmappable("the address has no user")
    return JID.build(*parts)


def escape_local(text: str) -> str:
    """Return ``text`` as a JID localpart with the ten sequences of XEP-0106. Its letters must be lower-case."""
    return _TO_ESCAPE.sub(_escaped, text) if _TO_ESCAPE.search(text) else text


def unescape_local(text: str) -> str:
    """Return a JID localpart with exactly the ten sequences of XEP-0106 undone, once."""
    return _ESCAPED.sub(_unescaped, text) if "\\" in text else text


# --- private ----------------------------------------------------------------------------------------------------------

_PLAIN = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")  # users who are called the same in both worlds, as most are
_SEQUENCES = "20|22|26|27|2f|3a|3c|3e|40|5c"
_TO_ESCAPE = re.compile(rf"""[ "&'/:<>@]|\\(?={_SEQUENCES})""")
_ESCAPED = re.compile(rf"\\({_SEQUENCES})")

# RFC 3261 §25.1 paramchar without the escapes: param-unreserved and unreserved. `quote` keeps alphanumerics, _ . - ~
_PARAMETER_LITERALS = "[]/:&+$" + "!*'()"
_NODE_LITERALS = "!$()*+,;="  # RFC 5122 §2.2 nodeallow
_RESOURCE_LITERALS = "!$&'()*+,:;="  # RFC 5122 §2.2 resallow

# RFC 3860 takes the user from the dot-atom of mail addresses: these stand in a SIP user but not there. `?` and `/`
# could stand there, but are escaped too: readers that split a URI at them are common.
_NO_DOT_ATOM = str.maketrans({character: f"%{ord(character):02X}" for character in "(),;?/"})
_OUTER_DOTS = re.compile(r"^\.|\.$|(?<=\.)\.")  # a dot-atom has dots inside, one at a time


def _unmappable(text: str) -> RemoteProtocolError:
    return RemoteProtocolError(text, Code.S08)


def _jid_of(uri: SipUri) -> JID:
    if uri.scheme == "sips":
        raise SipsNotAllowed
    if uri.password is not None:
        raise RemoteProtocolError("an address has a password", Code.S01, status=400)
    if not uri.parameters and _PLAIN.fullmatch(uri.user):
        return JID.build(uri.user, uri.host)
    local = _local_of(uri.user) if uri.user else ""
    jid = JID.build(local, uri.host, _resource_of(uri.parameter("gr")))
    if jid.local != local:  # as when a combining character meets the last letter of an escape sequence
        raise _unmappable("the address does not survive the preparation of XMPP addresses")
    return jid


def _local_of(user: str) -> str:
    # The mappings of PRECIS go first: a full-width reverse solidus or an upper-case \2F would otherwise become a live
    # escape sequence afterwards (RFC 8265 §3.3.2; XEP-0106 "Address Transformation Algorithm").
    local = escape_local(_canonical(_decoded(user)))
    if local.startswith("\\20") or local.endswith("\\20"):
        raise _unmappable("the address begins or ends with a space")
    return local


def _resource_of(value: str | None) -> str:
    # `gr` without a value marks a temporary GRUU, which must not be kept (RFC 7247 §6.3, RFC 5627 §3.1.2)
    return _decoded(value) if value else ""


def _decoded(text: str) -> str:
    if "%" not in text and text.isascii():
        return text
    try:
        return unescape(text)
    except RemoteProtocolError:
        raise _unmappable("the address has octets that are no text") from None


def _canonical(text: str) -> str:
    if text.isascii():
        return text.lower()
    rules = profile("UsernameCaseMapped")
    mapped = rules.case_mapping_rule(rules.width_mapping_rule(text))
    return str(rules.normalization_rule(mapped))


def _uri_of(jid: JID, scheme: str) -> str:
    local = jid.local
    if not jid.resource and _PLAIN.fullmatch(local):
        return f"{scheme}:{local}@{jid.host}"
    if local.startswith("\\20") or local.endswith("\\20"):
        raise _unmappable("the address begins or ends with an escaped space")
    user = escape_user(unescape_local(local))
    if scheme in ("im", "pres"):
        user = _OUTER_DOTS.sub("%2E", user.translate(_NO_DOT_ATOM))
        return f"{scheme}:{user}@{jid.host}" if user else f"{scheme}:{jid.host}"
    resource = f";gr={quote(jid.resource, safe=_PARAMETER_LITERALS)}" if jid.resource else ""
    return f"{scheme}:{user}@{jid.host}{resource}" if user else f"{scheme}:{jid.host}{resource}"


_uri_of_cached = lru_cache(CACHE)(_uri_of)


def _escaped(match: re.Match[str]) -> str:
    return f"\\{ord(match[0]):02x}"


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))
