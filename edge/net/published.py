"""What DNS says about a domain of ours, and whether partners can reach us by it. For `edge dns`.

`look_up` asks as a partner would, `judge` says what is wrong with the answers and what to publish. The rules of
Microsoft's edges are stricter than those of RFC 3263, and nobody but us can keep to them: an edge that finds our record
at fault (its event 1009) tells only its own users.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.defer import Deferred

from edge.codes import Code
from edge.domains import Domain
from edge.net import instant
from edge.net.addresses import is_global
from edge.net.locate import FEDERATION
from edge.net.names import LocateError
from edge.partners import HostPort

XMPP = ("_xmpps-server._tcp.", "_xmpp-server._tcp.")
TTL = 3600  # seconds, in the records we propose

Servers = tuple[HostPort, ...]


class Asker(instant.Asker, Protocol):
    """An `edge.net.locate.Locator`."""

    def addresses(self, host: Domain) -> "Deferred[list[str]]":
        """All addresses of one host; fails with `LocateError`."""


@dataclass(frozen=True, slots=True)
class Published:
    """What was found about ``domain``.

    ``records`` has the targets of each SRV record that is there ("_im._sip." and so on, without the domain), and an
    empty tuple for one that says "not here"; ``addresses`` those of each target.
    """

    domain: Domain
    records: Mapping[str, Servers]
    addresses: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. ``record`` is a line for the zone that mends it, "" if there is none."""

    code: Code
    text: str
    record: str = ""


async def look_up(locator: Asker, domain: Domain) -> Published:
    """Ask for everything by which a partner might look for ``domain``; `LocateError` if DNS does not answer."""
    records: dict[str, Servers] = {}
    for label in (FEDERATION, *XMPP):
        services = await locator.services(label + domain)
        if services is not None:
            records[label] = tuple(services)
    for scheme in instant.SCHEMES:
        for protocol, found in (await instant.servers(locator, scheme, domain)).items():
            records[f"_{scheme}._{protocol}."] = tuple(found)
    addresses: dict[str, tuple[str, ...]] = {}
    for host in sorted({server.host for servers in records.values() for server in servers}):
        try:
            addresses[host] = tuple(await locator.addresses(Domain(host)))
        except LocateError as problem:
            if problem.code is Code.D06:
                raise
            addresses[host] = ()
    return Published(domain, records, addresses)


def judge(
    published: Published, protocol: str, ours: HostPort, certified: Collection[Domain]
) -> tuple[Finding, ...]:
    """What keeps partners that speak ``protocol`` ("sip" or "xmpp") from reaching the domain through us.

    ``ours`` is our name and the port on which we take such connections, ``certified`` the names of our certificate.
    """
    labels = (FEDERATION,) if protocol == "sip" else XMPP
    servers = [server for label in labels for server in published.records.get(label, ())]
    if not servers:
        return (_missing(published, labels, ours),)
    found = [*_servers(published, servers)]
    if protocol == "sip":
        found += _federation(published, servers, ours, certified)
    return (*found, *_instant(published, protocol, servers))


def _missing(published: Published, labels: tuple[str, ...], ours: HostPort) -> Finding:
    label = labels[-1]
    said = "says that the domain has no such service" if label in published.records else "is missing"
    return Finding(Code.D01, f"{label}{published.domain} {said}", _proposal(published.domain, label, ours))


def _servers(published: Published, servers: list[HostPort]) -> list[Finding]:
    found = []
    for host in dict.fromkeys(server.host for server in servers):
        addresses = published.addresses.get(host, ())
        private = [address for address in addresses if not is_global(address)]
        if not addresses:
            found.append(Finding(Code.D02, f"{host} has no address"))
        elif private:
            found.append(Finding(Code.D05, f"{host} has addresses that nobody outside can reach: {', '.join(private)}"))
    return found


def _federation(
    published: Published, servers: list[HostPort], ours: HostPort, certified: Collection[Domain]
) -> list[Finding]:
    """COMPAT(lync): an edge wants a server directly in the domain whose certificate names it; since OCS 2007."""
    domain, found = published.domain, []
    for host in dict.fromkeys(server.host for server in servers):
        if host.partition(".")[2] != domain:
            text = f"{host} does not lie directly in {domain}: Microsoft's edges refuse it"
            found.append(Finding(Code.D04, text, _proposal(domain, FEDERATION, ours)))
        elif host not in certified:
            found.append(Finding(Code.C03, f"our certificate does not carry {host}: Microsoft's edges refuse it"))
    return found


def _instant(published: Published, protocol: str, servers: list[HostPort]) -> list[Finding]:
    """Records for im: and pres: URIs need not be, but must not contradict the others."""
    found = []
    for scheme in instant.SCHEMES:
        label = f"_{scheme}._{protocol}."
        others = published.records.get(label)
        if others is not None and not set(others) <= set(servers):
            listed = ", ".join(map(str, others)) or "nowhere"
            found.append(Finding(Code.D03, f"{label}{published.domain} leads to other servers: {listed}"))
    return found


def _proposal(domain: Domain, label: str, ours: HostPort) -> str:
    host = ours.host
    if label == FEDERATION and host.partition(".")[2] != domain:
        host = f"sip.{domain}"
    return f"{label}{domain}. {TTL} IN SRV 0 0 {ours.port} {host}."
