"""Domain names in one canonical form (IDNA2008, RFC 5890).

Everything inside the edge compares `Domain`s: lower-case A-labels without a trailing dot, as DNS,
certificates and SIP write them. XMPP addresses show U-labels (RFC 7622 §3.2.1); `unicode` gives those.
"""

import ipaddress
from functools import lru_cache
from typing import NewType

import idna

from edge.errors import RemoteProtocolError

Domain = NewType("Domain", str)

CACHE = 4096  # names; bounded, because peers choose them


@lru_cache(CACHE)
def domain(text: str) -> Domain:
    """Return the canonical form of a host or domain name, or of an IP literal (IPv6 in brackets).

    Raises `RemoteProtocolError` when ``text`` is no name that DNS could hold. Underscores are let
    through in ASCII names, because internal pool names of Microsoft servers have them.
    """
    name = text[:-1] if text.endswith(".") else text
    if name.startswith("[") and name.endswith("]"):
        try:
            return Domain(f"[{ipaddress.IPv6Address(name[1:-1])}]")
        except ValueError:
            raise RemoteProtocolError("an IPv6 literal is malformed") from None
    lowered = name.lower()
    if lowered.isascii() and "xn--" not in lowered:
        labels = lowered.split(".")
        if len(lowered) <= 253 and all(
            0 < len(label) <= 63 and label.replace("-", "").replace("_", "").isalnum()
            and label[0] != "-" and label[-1] != "-"
            for label in labels
        ):
            return Domain(lowered)
        raise RemoteProtocolError("a domain name is malformed")
    try:
        encoded = idna.encode(text, uts46=True, transitional=False)  # which knows other full stops than the ASCII one
        return Domain(encoded.decode("ascii").lower().removesuffix("."))
    except (idna.IDNAError, UnicodeError):
        raise RemoteProtocolError("a domain name is malformed") from None


@lru_cache(CACHE)
def unicode(name: Domain) -> str:
    """Return the U-label form of a canonical domain, for JIDs and for people."""
    if "xn--" not in name:
        return name
    try:
        return idna.decode(name)
    except (idna.IDNAError, UnicodeError):
        raise RemoteProtocolError("a domain name is malformed") from None
