"""Where a partner's servers are: configured hosts, or DNS -> addresses to try, in order.

SIP partners are looked up by ``_sipfederationtls._tcp``, the record of the Microsoft federation world, and without
one by RFC 3263 §4.1 for TLS; XMPP domains by ``_xmpps-server._tcp`` and ``_xmpp-server._tcp`` (XEP-0368 §3,
RFC 6120 §3.2.1), without which their own addresses count (RFC 6120 §3.2.2). The pools ask once for each dial, and
nothing is remembered here: dials are rare, because `edge.net.links` makes them so. `edge.net.published` asks what we
have published ourselves.
"""

import random
from collections import Counter
from collections.abc import Coroutine, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from edge.codes import Code
from edge.domains import Domain
from edge.domains import domain as canonical
from edge.errors import RemoteProtocolError
from edge.net.addresses import interleaved, is_public
from edge.net.names import NAPTR, SRV, LocateError, Names
from edge.partners import HostPort, System

if TYPE_CHECKING:
    from twisted.names import dns

LONGEST = 10.0  # seconds for everything, so that a message in the queue still hears of it
TARGETS = 8  # SRV targets we look at; the records are written by others, and each costs two queries
RECORDS = 50  # SRV records we draw from, the best priorities first: an answer can hold 3,000, and a service has a few;
# each draw looks at all that are left
REPLACEMENTS = 2  # NAPTR records we follow, for the same reason
XMPP_PORT = 5269  # RFC 6120 §14.7

FEDERATION = "_sipfederationtls._tcp."

T = TypeVar("T")
_Ranked = list[tuple[HostPort, int]]


class Candidate(NamedTuple):
    """One address to try. ``host`` is the name it was found under: a configured host, an SRV target or the domain.

    ``federated``: it was found by the record of the Microsoft federation world. ``direct``: TLS begins there at once
    (XEP-0368 §3). ``rank``: for SIP, how many better places there are, by priority or the order of configured hosts.
    """

    host: Domain
    address: str
    port: int
    federated: bool = False
    direct: bool = False
    rank: int = 0


class Locator:
    """Asks the name servers ``servers`` ("127.0.0.1:5353"), or without any those of the operating system."""

    def __init__(self, reactor: IReactorTime, servers: Sequence[HostPort], rng: random.Random) -> None:
        self._reactor = reactor
        self._rng = rng
        self._names = Names(reactor, servers)

    def sip(self, system: System, domain: Domain, *, public: bool = False) -> "Deferred[list[Candidate]]":
        """Where to reach the SIP domain ``domain`` of ``system``; fails with `LocateError`.

        ``public`` is for those whom nobody has configured: no address counts that is private or our own, or a record
        of theirs could lead us to whatever listens inside our network.
        """
        return self._within(self._sip(system, domain, public))

    def xmpp(self, system: System, domain: Domain, *, public: bool = False) -> "Deferred[list[Candidate]]":
        """Where to reach the XMPP domain ``domain`` of ``system``; fails with `LocateError`."""
        return self._within(self._xmpp(system, domain, public))

    def services(self, name: str) -> "Deferred[list[HostPort] | None]":
        """The SRV targets of ``name`` in the order to try them; None without any record, [] for "not here"."""
        return self._within(self._services(name))

    def addresses(self, host: Domain) -> "Deferred[list[str]]":
        """All addresses of one host; fails with `LocateError`."""
        return self._within(self._addresses_of(host))

    @property
    def lookups(self) -> Counter[tuple[str, str]]:
        """How many questions DNS was asked, by type of record and "ok", "none" or "failed"."""
        return self._names.lookups

    def stop(self) -> None:
        """Close what is open to name servers."""
        self._names.stop()

    async def _sip(self, system: System, domain: Domain, public: bool) -> list[Candidate]:
        if system.hosts is not None:
            return await self._addresses(system.hosts, public, ranks=range(len(system.hosts)))
        services = await self._ranked(FEDERATION + domain)
        federated = services is not None
        if services is None:
            services = await self._secure(domain)
        elif services and not system.srv_targets_outside_domain:
            listed, services = services, [each for each in services if directly_in(Domain(each[0].host), domain)]
            if not services:
                raise LocateError(Code.D04, f"{listed[0][0].host} does not lie directly in {domain}")
        if not services:
            raise LocateError(Code.D01)
        ranks = [rank for _, rank in services]
        return await self._addresses([place for place, _ in services], public, federated, ranks)

    async def _secure(self, domain: Domain) -> _Ranked | None:
        """SIP over TLS as RFC 3263 §4.1 finds it: NAPTR, and without one the SRV record that it would name.

        A domain that has neither is not reached by its own address, unlike in RFC 3263 §4.2: nothing would say that
        it federates.
        """
        try:
            records = await self._names.ask(domain, NAPTR)
        except LocateError:
            records = []  # there are name servers that do not know the type, and say nothing
        if not records:
            return await self._ranked(f"_sips._tcp.{domain}")
        chosen = [record for each in records if _means_tls(record := cast("dns.Record_NAPTR", each.payload))]
        chosen.sort(key=lambda record: (record.order, record.preference))
        for record in chosen[:REPLACEMENTS]:
            try:
                services = await self._ranked(record.replacement.name.decode("ascii"))
            except UnicodeError:
                continue
            if services:
                return services
        return None

    async def _xmpp(self, system: System, domain: Domain, public: bool) -> list[Candidate]:
        """Both records are one set (XEP-0368 §3); the domain's own address counts if there is neither (XEP-0368 §5)."""
        only_direct = system.streams.direct
        if system.hosts is not None:
            found = await self._addresses(system.hosts, public)
            return [each._replace(direct=only_direct) for each in found]
        secure = Deferred.fromCoroutine(self._names.ask(f"_xmpps-server._tcp.{domain}", SRV))
        plain: list[dns.RRHeader] = []
        if not only_direct:
            secure.addErrback(_nothing)  # the other record is enough
            plain = await self._names.ask(f"_xmpp-server._tcp.{domain}", SRV)
        records = await secure + plain
        if not records and not only_direct:
            try:
                return await self._addresses([HostPort(domain, XMPP_PORT)], public)
            except LocateError as problem:
                raise LocateError(Code.D01 if problem.code is Code.D02 else problem.code) from None
        payloads = [cast("dns.Record_SRV", each.payload) for each in records]  # of equals the direct ones come first
        direct = {id(each) for each in payloads[: len(payloads) - len(plain)]}
        services = [(place, id(each) in direct) for each in ordered(payloads, self._rng) if (place := _place(each))]
        if not services:
            raise LocateError(Code.D01, "DNS says that the domain has no XMPP service")
        services = services[:TARGETS]
        hosts = list(dict.fromkeys(place for place, _ in services))
        addresses = await self._addresses(hosts, public)
        return [
            each._replace(direct=is_direct)
            for place, is_direct in services
            for each in addresses
            if (each.host, each.port) == place
        ]

    async def _services(self, name: str) -> list[HostPort] | None:
        found = await self._ranked(name)
        return None if found is None else [place for place, _ in found]

    async def _ranked(self, name: str) -> _Ranked | None:
        records = await self._names.ask(name, SRV)
        if not records:
            return None
        drawn = ordered([cast("dns.Record_SRV", each.payload) for each in records], self._rng)
        ranks = sorted({record.priority for record in drawn})
        return [(place, ranks.index(each.priority)) for each in drawn if (place := _place(each))][:TARGETS]

    async def _addresses(
        self, hosts: Sequence[HostPort], public: bool, federated: bool = False, ranks: Sequence[int] = ()
    ) -> list[Candidate]:
        """All addresses of ``hosts``, host by host. A host without any is left out, unless all are."""
        outcomes = await gatherResults([Deferred.fromCoroutine(self._names.addresses(each)) for each in hosts])
        found: list[Candidate] = []
        silent = private = False
        for number, (host, outcome) in enumerate(zip(hosts, outcomes, strict=True)):
            rank = ranks[number] if ranks else 0
            if outcome is None:
                silent = True
                continue
            usable = [address for address in outcome if not public or is_public(address)]
            private = private or len(usable) < len(outcome)
            for address in interleaved(usable):
                found.append(Candidate(Domain(host.host), address, host.port, federated, rank=rank))
        if not found:
            raise LocateError(Code.D05 if private else Code.D06 if silent else Code.D02)
        return found

    async def _addresses_of(self, host: Domain) -> list[str]:
        return [each.address for each in await self._addresses([HostPort(host, 0)], False)]

    def _within(self, work: Coroutine[Deferred[Any], Any, T]) -> "Deferred[T]":
        return Deferred.fromCoroutine(work).addTimeout(LONGEST, self._reactor, _too_late)


def directly_in(host: Domain, domain: Domain) -> bool:
    """Whether a host may serve the SIP domain by the rule of Microsoft's edges.

    Its name is that of the domain with one label before it; the domain itself is one more of ours, because there the
    certificate has to carry the domain.
    """
    return host == domain or host.partition(".")[2] == domain


def identities(system: System, domain: Domain, candidate: Candidate) -> frozenset[Domain]:
    """Of which names a SIP peer's certificate must carry one, when we dialled ``candidate`` for ``domain``.

    RFC 5922 §4 wants the domain and never the SRV target. What the configuration pins goes before that.
    COMPAT(lync): an Access Edge found by its own record names only itself in its certificate; its name is taken if
    it lies directly in the domain, which is the condition that Microsoft sets as well; since OCS 2007.
    """
    if system.hosts is not None or system.peer_names != frozenset(system.domains):
        return system.peer_names
    if candidate.federated and not system.discovered and directly_in(candidate.host, domain):
        return frozenset((domain, candidate.host))
    return frozenset((domain,))


def ordered(records: "Sequence[dns.Record_SRV]", rng: random.Random) -> "list[dns.Record_SRV]":
    """SRV records in the order to try them: by priority, among equals a draw by weight (RFC 2782)."""
    result = []
    best = sorted(records, key=lambda record: record.priority)[:RECORDS]
    for _, equals in groupby(best, key=lambda record: record.priority):
        left = sorted(equals, key=lambda record: record.weight)
        while left:
            drawn = rng.randint(0, sum(record.weight for record in left))
            for record in left:
                drawn -= record.weight
                if drawn <= 0:
                    break
            result.append(record)
            left.remove(record)
    return result


def _means_tls(record: "dns.Record_NAPTR") -> bool:
    return (record.service.string.upper(), record.flags.string.upper()) == (b"SIPS+D2T", b"S")


def _place(record: "dns.Record_SRV") -> HostPort | None:
    """The target of a record; None for "." or a name that cannot exist."""
    try:
        return HostPort(canonical(record.target.name.decode("ascii")), record.port)
    except (RemoteProtocolError, UnicodeError):
        return None


def _nothing(failure: Failure) -> "list[dns.RRHeader]":
    failure.trap(LocateError)  # type: ignore[no-untyped-call]  # so Twisted has it
    return []


def _too_late(outcome: object, seconds: float) -> Failure:
    return Failure(LocateError(Code.D06))  # type: ignore[no-untyped-call]
