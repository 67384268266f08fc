"""How SIP links are made: where a partner is dialled, and what a link is for. Used by `edge.net.sip_pool`.

When one address fails the next is tried (RFC 3263 §4.3), and what has failed rests. A link that stands for a lesser
server is exchanged when a better one can be reached again (`edge.net.returning`).
"""

from collections.abc import Callable, Sequence

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IAddress, IConnector
from twisted.internet.protocol import ClientFactory, ServerFactory
from twisted.python.failure import Failure

from edge.certificates.contexts import Contexts
from edge.domains import Domain
from edge.net.lanes import Lanes, Retire
from edge.net.links import Cause, DialError, cause_of
from edge.net.locate import Candidate, identities
from edge.net.race import Race, Resting
from edge.net.sink import Sink
from edge.net.sip_link import SipLink
from edge.net.tcp import Reactor
from edge.net.tls import ChunkwiseTLSFactory
from edge.net.unlisted import Lookups
from edge.partners import System

CONNECT = 5.0  # seconds for one TCP connection: three tries of the kernel, and time left for the next address
DIAL = 25.0  # seconds for all addresses of a partner together, below the time a message may wait

Make = Callable[["Deferred[SipLink]"], SipLink]


class Use:
    """What a link is for: the places whose requests it carries.

    For one that we dialled also whom we wanted and where, for one that was lent to us where its peer says it listens.
    """

    __slots__ = ("advertised", "candidate", "domain", "places", "system")

    def __init__(
        self,
        lanes: Lanes | None = None,
        system: System | None = None,
        domain: Domain | None = None,
        candidate: Candidate | None = None,
        *,
        advertised: tuple[str, int] | None = None,
    ) -> None:
        self.places = [] if lanes is None else [lanes]
        self.system = system
        self.domain = domain
        self.candidate = candidate
        self.advertised = advertised

    @property
    def expected(self) -> frozenset[Domain]:
        """Of which names whom we dialled must prove one, by what is said of it now."""
        if self.system is None or self.domain is None or self.candidate is None:
            return frozenset()
        return identities(self.system, self.domain, self.candidate)


class Dialler:
    """``make`` makes a link that is not connected yet, ``opened`` hears of it when it is, ``retire`` closes one."""

    def __init__(
        self,
        reactor: Reactor,
        sink: Sink,
        contexts: Contexts,
        lookups: Lookups,
        make: Make,
        opened: Callable[[SipLink], None],
        retire: Retire,
    ) -> None:
        self._reactor = reactor
        self._sink = sink
        self._contexts = contexts
        self._lookups = lookups
        self._make = make
        self._opened = opened
        self._retire = retire
        self._resting = Resting(reactor)
        self._aliases: dict[tuple[str, int], SipLink] = {}  # by the address at which its peer says that it listens

    def dial(self, lanes: Lanes, system: System, domain: Domain) -> "Deferred[SipLink]":
        """A link to whichever address of ``domain`` answers first."""
        return Deferred.fromCoroutine(self._dial(lanes, system, domain)).addTimeout(DIAL, self._reactor)

    def look(self, lanes: Lanes, system: System, domain: Domain) -> "Deferred[bool]":
        """Go to a better server than those that the links of ``lanes`` lead to, if there is one that can be reached.

        True if nothing better is known then.
        """
        return Deferred.fromCoroutine(self._look(lanes, system, domain)).addTimeout(DIAL, self._reactor)

    def offered(self, link: SipLink, where: tuple[str, int]) -> None:
        """``link``, which its peer has opened, is as good as one to ``where`` (RFC 5923)."""
        self._aliases[where] = link
        link.key = Use(advertised=where)

    def left(self, link: SipLink, use: Use) -> None:
        """``link`` takes nothing more."""
        if use.candidate is not None and not link.orderly:
            self._resting.failed(use.candidate)
        elif use.advertised is not None and self._aliases.get(use.advertised) is link:
            del self._aliases[use.advertised]

    async def _dial(self, lanes: Lanes, system: System, domain: Domain) -> SipLink:
        try:
            candidates = await self._lookups.find(system, domain)
        except DialError as problem:
            self._complain(system, Cause(problem.code, str(problem)))
            raise
        link = await self._first(candidates, lanes, system, domain)
        if _better(link, candidates):
            lanes.returning.expect()
        return link

    async def _look(self, lanes: Lanes, system: System, domain: Domain) -> bool:
        candidates = await self._lookups.find(system, domain)
        lesser = [(route, link) for route in lanes.routes if (link := route.link) and _better(link, candidates)]
        if not lesser:
            return True
        route, old = lesser[0]
        found = await self._first(_better(old, candidates), lanes, system, domain)
        if not route.adopt(found, instead_of=old):
            self._part(found, lanes)
            return False
        for each, link in lesser:  # the others of ours are made anew where this one leads, if they are needed
            if each is route or link.outbound:
                self._part(link, lanes)
        return not any(_better(each.link, candidates) for each in lanes.routes if each.link)

    def _part(self, link: SipLink, lanes: Lanes) -> None:
        """``lanes`` need this link no more. One that the peer has opened is not ours to close."""
        if link.outbound:
            self._retire(link)
        elif isinstance(link.key, Use) and lanes in link.key.places:
            link.key.places.remove(lanes)

    def _first(
        self, candidates: Sequence[Candidate], lanes: Lanes, system: System, domain: Domain
    ) -> "Deferred[SipLink]":
        def connect(candidate: Candidate, connected: Callable[[], None]) -> "Deferred[SipLink]":
            use = Use(lanes, system, domain, candidate)
            lent = self._lent(use)
            return self._connect(use, domain, connected) if lent is None else succeed(lent)

        return Race(self._reactor, self._resting.last(candidates), connect).run()

    def _lent(self, use: Use) -> SipLink | None:
        """A link from that very address, by a peer that has proved as much as if we had dialled it (RFC 5923 §8.2)."""
        assert use.candidate is not None and use.system is not None
        link = self._aliases.get((use.candidate.address, use.candidate.port))
        if link is None or not link.alive or any(lanes.has(link) for lanes in use.places):
            return None
        if use.system.name not in link.peer.systems or use.expected.isdisjoint(link.peer.names):
            return None
        assert isinstance(link.key, Use)
        link.key.places += use.places
        link.lent = True
        return link

    def _connect(self, use: Use, domain: Domain, connected: Callable[[], None]) -> "Deferred[SipLink]":
        """One connection to one address; its Deferred fires once the far end has proved to be ``domain``."""

        def cancelled(waiting: Deferred[SipLink]) -> None:
            waiting.errback(CancelledError())  # first, or the dial would go on with the next address
            connector.disconnect()

        system, candidate = use.system, use.candidate
        assert candidate is not None and system is not None
        ready: Deferred[SipLink] = Deferred(cancelled)
        link = self._make(ready)
        link.key = use

        def failed(reason: Failure) -> None:
            if not ready.called:
                cause = cause_of(reason)
                self._complain(system, cause, peer_ip=candidate.address, peer_port=candidate.port)
                self._resting.failed(candidate)
                ready.errback(DialError(cause.code, cause.text))

        creator = self._contexts.dialling(domain, system)
        factory = ChunkwiseTLSFactory(creator, True, Dialling(self._opened, link, connected, failed), self._reactor)
        connector = self._reactor.connectTCP(candidate.address, candidate.port, factory, CONNECT)
        return ready

    def _complain(self, system: System, cause: Cause, **where: object) -> None:
        fields = {"partner": system.name, "direction": "out", "text": cause.text, **where}
        self._sink.link_event("link.refused", code=cause.code, **fields)


def _better(link: SipLink, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The servers that go before the one that ``link`` leads to; none if that is not known any more."""
    use = link.key
    if not isinstance(use, Use):
        return []
    at = use.candidate
    ranks = [
        each.rank
        for each in candidates
        if (each.address, each.port) == use.advertised or (at and (each.host, each.port) == (at.host, at.port))
    ]
    return [each for each in candidates if ranks and each.rank < min(ranks)]


class Accepting(ServerFactory):
    """A link for each connection that comes in, or None for "too many"."""

    noisy = False

    def __init__(self, accept: Callable[[IAddress | None], SipLink | None]) -> None:
        self._accept = accept

    def buildProtocol(self, addr: IAddress | None) -> SipLink | None:
        return self._accept(addr)


class Dialling(ClientFactory):
    """The one link of one dial."""

    noisy = False

    def __init__(
        self,
        opened: Callable[[SipLink], None],
        link: SipLink,
        connected: Callable[[], None],
        failed: Callable[[Failure], None],
    ) -> None:
        self._opened = opened
        self._link = link
        self._connected = connected
        self._failed = failed

    def buildProtocol(self, addr: IAddress | None) -> SipLink:
        self._opened(self._link)
        self._connected()
        return self._link

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        self._failed(reason)
