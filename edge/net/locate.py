"""Where a partner's servers are: configured hosts, or DNS SRV (RFC 2782) -> addresses to try, in order.

SIP partners are looked up by ``_sipfederationtls._tcp``, the record of the Microsoft federation world; XMPP domains
by ``_xmpp-server._tcp`` (RFC 6120 §3.2.1), without which their own addresses count (RFC 6120 §3.2.2). The pools ask
once for each dial, and nothing is remembered here: dials are rare, because `edge.net.links` makes them so.
"""

import ipaddress
import random
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.defer import TimeoutError as NoAnswerInTime
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.interfaces import IReactorTime
from twisted.names import dns
from twisted.names.client import Resolver
from twisted.names.error import DNSNameError, DomainError, ResolverError
from twisted.names.hosts import searchFileForAll
from twisted.python.failure import Failure
from twisted.python.filepath import FilePath

from edge.codes import Code
from edge.domains import Domain
from edge.domains import domain as canonical
from edge.errors import RemoteProtocolError
from edge.net.links import DialError
from edge.partners import HostPort, System

TRIES = (1, 2)  # seconds the resolver waits for each server, in two rounds; Twisted's own rounds add up to a minute
LONGEST = 10.0  # seconds for everything, so that a message in the queue still hears of it
TARGETS = 8  # SRV targets we look at; the records are written by others, and each costs two queries
ADDRESSES = 4  # of each kind for one host, for the same reason
XMPP_PORT = 5269  # RFC 6120 §14.7
RESOLV_CONF = Path("/etc/resolv.conf")

# Twisted's DNS functions carry no types, hence the ignored no-untyped-call
_HOSTS = FilePath("/etc/hosts")
_NO_ANSWER = (DomainError, ResolverError, NoAnswerInTime, ConnectError, ConnectionClosed, OSError)

Answers = tuple[list[dns.RRHeader], list[dns.RRHeader], list[dns.RRHeader]]


class Candidate(NamedTuple):
    """One address to try. ``host`` is the name it was found under: a configured host, an SRV target or the domain."""

    host: Domain
    address: str
    port: int


class LocateError(DialError):
    """There is nowhere to connect to: D01, D02 or D06."""


class Locator:
    """Asks the name servers ``servers`` ("127.0.0.1:5353"), or without any those of the operating system."""

    def __init__(self, reactor: IReactorTime, servers: Sequence[HostPort], rng: random.Random) -> None:
        self._reactor = reactor
        self._servers = [(server.host, server.port) for server in servers]
        self._rng = rng
        nowhere = [("127.0.0.1", dns.PORT)]  # `_ask` names the servers; Resolver insists on having some
        self._resolver = Resolver(servers=nowhere, timeout=TRIES, reactor=reactor)  # type: ignore[no-untyped-call]

    def sip(self, system: System, domain: Domain) -> "Deferred[list[Candidate]]":
        """Where to reach the SIP domain ``domain`` of ``system``; fails with `LocateError`."""
        return self._within(self._sip(system, domain))

    def xmpp(self, system: System, domain: Domain) -> "Deferred[list[Candidate]]":
        """Where to reach the XMPP domain ``domain`` of ``system``; fails with `LocateError`."""
        return self._within(self._xmpp(system, domain))

    def stop(self) -> None:
        """Close what is open to name servers."""
        for connection in self._resolver.connections:
            connection.transport.loseConnection()

    async def _sip(self, system: System, domain: Domain) -> list[Candidate]:
        if system.hosts is not None:
            return await self._addresses(system.hosts)
        services = await self._services(f"_sipfederationtls._tcp.{domain}")
        if not services:
            raise LocateError(Code.D01)
        return await self._addresses(services)

    async def _xmpp(self, system: System, domain: Domain) -> list[Candidate]:
        if system.hosts is not None:
            return await self._addresses(system.hosts)
        services = await self._services(f"_xmpp-server._tcp.{domain}")
        if services is not None:
            if not services:
                raise LocateError(Code.D01, "DNS says that the domain has no XMPP service")
            return await self._addresses(services)
        try:
            return await self._addresses([HostPort(domain, XMPP_PORT)])
        except LocateError as problem:
            raise LocateError(Code.D01 if problem.code is Code.D02 else problem.code) from None

    async def _services(self, name: str) -> list[HostPort] | None:
        """The SRV targets of ``name`` in the order to try them; None without any record, [] for "not here"."""
        records = await self._ask(name, dns.SRV)
        if not records:
            return None
        found = []
        services = [cast("dns.Record_SRV", each.payload) for each in records]
        for record in ordered(services, self._rng):
            try:
                found.append(HostPort(canonical(record.target.name.decode("ascii")), record.port))
            except (RemoteProtocolError, UnicodeError):
                continue  # "." or a name that cannot exist
        return found[:TARGETS]

    async def _addresses(self, hosts: Sequence[HostPort]) -> list[Candidate]:
        """All addresses of ``hosts``, host by host. A host without any is left out, unless all are."""
        outcomes = await gatherResults([Deferred.fromCoroutine(self._host(each)) for each in hosts])
        found: list[Candidate] = []
        silent = False
        for host, outcome in zip(hosts, outcomes, strict=True):
            if outcome is None:
                silent = True
            else:
                found += [Candidate(Domain(host.host), address, host.port) for address in outcome]
        if not found:
            raise LocateError(Code.D06 if silent else Code.D02)
        return found

    async def _host(self, host: HostPort) -> list[str] | None:
        """The addresses of one host, IPv4 first; None if the name servers did not say."""
        if host.is_address:
            return [host.host]
        listed: list[str] = searchFileForAll(_HOSTS, host.host.encode("ascii"))  # type: ignore[no-untyped-call]
        if listed:
            return listed[:ADDRESSES]
        both = [Deferred.fromCoroutine(self._known(host.host, kind)) for kind in (dns.A, dns.AAAA)]
        four, six = await gatherResults(both)
        return None if four is None and six is None else (four or []) + (six or [])

    async def _known(self, name: str, kind: int) -> list[str] | None:
        try:
            records = await self._ask(name, kind)
        except LocateError:
            return None
        found = [cast("dns.Record_A | dns.Record_AAAA", each.payload).address for each in records[:ADDRESSES]]
        return [str(ipaddress.ip_address(address)) for address in found if address]

    async def _ask(self, name: str, kind: int) -> list[dns.RRHeader]:
        """The records of one kind; none if the name or the kind does not exist, `LocateError` if nobody answers."""
        self._resolver.servers = self._servers or _system_servers()
        try:
            query = dns.Query(name.encode("ascii"), kind, dns.IN)
            answers: Answers = await self._resolver.query(query)  # type: ignore[no-untyped-call]
        except DNSNameError:
            return []
        except _NO_ANSWER as problem:
            raise LocateError(Code.D06, f"{Code.D06.sentence}: {type(problem).__name__}") from None
        return [record for record in answers[0] if record.type == kind]

    def _within(self, work: Coroutine[Deferred[Any], Any, list[Candidate]]) -> "Deferred[list[Candidate]]":
        return Deferred.fromCoroutine(work).addTimeout(LONGEST, self._reactor, _too_late)


def identities(system: System, domain: Domain, candidate: Candidate) -> frozenset[Domain]:
    """Of which names a SIP peer's certificate must carry one, when we dialled ``candidate`` for ``domain``.

    RFC 5922 §4 wants the domain and never the SRV target. What the configuration pins goes before that.
    COMPAT(lync): an Access Edge found by DNS names only itself in its certificate; its name is taken if it lies
    directly in the domain, which is the condition that Microsoft sets as well; since OCS 2007.
    """
    if system.hosts is not None or system.peer_names != frozenset(system.domains):
        return system.peer_names
    if candidate.host.partition(".")[2] == domain:
        return frozenset((domain, candidate.host))
    return frozenset((domain,))


def ordered(records: Sequence[dns.Record_SRV], rng: random.Random) -> list[dns.Record_SRV]:
    """SRV records in the order to try them: by priority, among equals a draw by weight (RFC 2782)."""
    result = []
    for priority in sorted({record.priority for record in records}):
        left = sorted((record for record in records if record.priority == priority), key=lambda record: record.weight)
        while left:
            drawn = rng.randint(0, sum(record.weight for record in left))
            for record in left:
                drawn -= record.weight
                if drawn <= 0:
                    break
            result.append(record)
            left.remove(record)
    return result


def _too_late(outcome: object, seconds: float) -> Failure:
    return Failure(LocateError(Code.D06))  # type: ignore[no-untyped-call]


def _system_servers() -> list[tuple[str, int]]:
    """The name servers of resolv.conf as it is now, since Twisted's own reader would poll it for ever."""
    try:
        lines = RESOLV_CONF.read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    words = [line.split() for line in lines]
    named = [(row[1].partition("%")[0], dns.PORT) for row in words if len(row) > 1 and row[0] == "nameserver"]
    return named or [("127.0.0.1", dns.PORT)]
