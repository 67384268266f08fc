"""Where the user of an im: or pres: URI is to be found: by SIP, by XMPP, or both (RFC 3861 §3).

A request with such a URI goes by our list of partners, like any other. So this matters only where nobody is listed yet,
and to see what we have published ourselves: `edge.net.published` asks it. ``_im._sip`` is RFC 5509's; ``_im._xmpp`` is
in no XMPP standard any more, so what ``_xmpp-server._tcp`` says goes before it.
"""

from collections.abc import Mapping
from typing import Protocol

from twisted.internet.defer import Deferred

from edge.domains import Domain
from edge.partners import HostPort

SCHEMES = ("im", "pres")
PROTOCOLS = ("sip", "xmpp")


class Asker(Protocol):
    """Who looks SRV records up: an `edge.net.locate.Locator`."""

    def services(self, name: str) -> "Deferred[list[HostPort] | None]":
        """The targets in the order to try them; None without any record, [] for "not here"."""


async def servers(locator: Asker, scheme: str, domain: Domain) -> Mapping[str, list[HostPort]]:
    """For each protocol that the records name, "sip" or "xmpp": its servers, [] if the domain says it has none.

    Without any record it is up to the caller; a bare address never counts.
    """
    found = {}
    for protocol in PROTOCOLS:
        services = await locator.services(f"_{scheme}._{protocol}.{domain}")
        if services is not None:
            found[protocol] = services
    return found
