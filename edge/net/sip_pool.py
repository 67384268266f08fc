"""All SIP links: those we accept, and a route with one link to each place we send to.

The driver sends and answers through this, `edge.service` starts and stops it. Where a partner is comes from
`edge.net.locate`, who it is from `edge.certificates`; when one address fails the next is tried (RFC 3263 §4.3).
"""

import random
from collections import Counter
from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred, DeferredList, maybeDeferred
from twisted.internet.interfaces import IAddress, IConnector, IListeningPort
from twisted.internet.protocol import ClientFactory, ServerFactory
from twisted.python.failure import Failure

from edge.certificates.contexts import Contexts, Handshake
from edge.codes import Code
from edge.domains import Domain
from edge.gateway.effects import SipLink as OpaqueLink
from edge.net.entrance import Entrance
from edge.net.links import Cause, DialError, Route, cause_of, first_link
from edge.net.locate import Candidate, Locator, identities
from edge.net.paths import Path
from edge.net.sink import Sink
from edge.net.sip_link import SipLink
from edge.net.tcp import Reactor, listen
from edge.net.tls import ChunkwiseTLSFactory
from edge.net.turn import Turn
from edge.partners import Directory, Peer, System
from edge.sip.framing import Framer

CONNECT = 5.0  # seconds for one TCP connection: three tries of the kernel, and time left for the next address
DIAL = 25.0  # seconds for all addresses of a partner together, below the time a message may wait
ACCEPTED_UNPROVED = 200  # connections that have proved nothing (yet); each costs about 60 kB while in its handshake
ACCEPTED_PROVED = 20  # connections from one partner; Microsoft edges open 4, and the limit of their own is 20 as well
CLOSING = 2.0  # seconds that peers have to close their side when we stop


class SipPool:
    """``name`` is this gateway's own, for Warning headers; ``rng`` scatters the pauses between dials."""

    def __init__(
        self,
        reactor: Reactor,
        sink: Sink,
        turn: Turn,
        directory: Directory,
        contexts: Contexts,
        locator: Locator,
        name: str,
        rng: random.Random,
        keep_alive: float = 30.0,
    ) -> None:
        self._reactor = reactor
        self._sink = sink
        self._turn = turn
        self._directory = directory
        self._contexts = contexts
        self._locator = locator
        self._name = name
        self._rng = rng
        self._ports: list[IListeningPort] = []
        self._routes: dict[tuple[str, Domain | None], Route[SipLink]] = {}
        self._links: set[SipLink] = set()
        self._paths: dict[str, Path] = {}
        self._entrance = Entrance(reactor, sink, ACCEPTED_UNPROVED, ACCEPTED_UNPROVED, direction="in")
        self._accepted: Counter[str] = Counter()
        self._stopped = False
        self._empty: Deferred[None] | None = None

    @property
    def links(self) -> frozenset[SipLink]:
        """Every open connection."""
        return frozenset(self._links)

    def listen(self, host: str, port: int) -> IListeningPort:
        """Accept connections on one address; raises `CannotListenError` when it is taken."""
        factory = ChunkwiseTLSFactory(self._contexts.accepting(), False, _Accepting(self), self._reactor)
        listening = listen(self._reactor, host, port, factory)
        self._ports.append(listening)
        return listening

    def send(self, system: System, domain: Domain, data: bytes, token: object) -> None:
        """Send a request to ``domain`` of ``system``. Exactly one of `Sink.sip_sent` and `Sink.unsent` follows."""
        self._route(system, domain).send(data, token)

    def reach(self, system: System, domain: Domain) -> None:
        """Make a link for requests to ``domain`` if there is none, and go on dialling until there is one."""
        self._route(system, domain).reach()

    def respond(self, link: OpaqueLink, data: bytes) -> None:
        """Send a response on the link of its request, or if that is gone on our own to the same partner.

        (RFC 3261 §18.2.2; we never follow a Via to somewhere else.)
        """
        if isinstance(link, SipLink) and link.alive:
            link.write(data)
            return
        for name in sorted(link.peer.systems):
            system = self._directory.named(name)
            if system is not None:
                self.send(system, system.domains[0], data, None)
                return

    def stop(self) -> "Deferred[None]":
        """Accept nothing more, give back what waits, close all links; fires when they are closed."""
        ports = [Deferred.fromCoroutine(_stopped(port)) for port in self._ports]
        self._ports.clear()
        self._stopped = True
        for path in self._paths.values():
            path.stop()
        for route in list(self._routes.values()):
            route.stop()
        done: Deferred[None] = Deferred()
        if self._links:
            self._empty = Deferred()
            late = self._reactor.callLater(CLOSING, self._abort_all)
            self._empty.addCallback(lambda _: late.cancel() if late.active() else None)
            ports.append(self._empty)
            for link in list(self._links):
                link.close()
        DeferredList(ports, consumeErrors=True).addCallback(lambda _: done.callback(None))
        return done

    # --- Owner of the links -------------------------------------------------------------------------------

    def prove(self, link: SipLink, handshake: Handshake) -> Peer:
        """`edge.net.sip_link.Owner`: who the far end is."""
        if isinstance(link.key, _Dial):
            return self._contexts.sip_peer(self._directory, handshake, link.key.system, link.key.expected)
        peer = self._contexts.sip_peer(self._directory, handshake)
        if any(self._accepted[system] >= ACCEPTED_PROVED for system in peer.systems):
            return Peer("sip", peer.names, frozenset(), Code.L03)
        if peer.systems:
            self._entrance.leave(link)
            self._accepted.update(peer.systems)
            for (system, _), route in self._routes.items():
                if system in peer.systems:
                    route.wake()  # who comes to us can be reached again
        return peer

    def framer(self, link: SipLink) -> Framer:
        """`edge.net.sip_link.Owner`: a framer with the limits of this peer."""
        systems = [system for name in link.peer.systems if (system := self._directory.named(name)) is not None]
        if not systems:
            return Framer(name=self._name)
        return Framer(max_body=max(system.stanza_bytes for system in systems), name=self._name)

    def link_leaves(self, link: SipLink, cause: Cause) -> None:
        """`edge.net.sip_link.Owner`: the link takes nothing more, so what comes next waits for another."""
        if isinstance(link.key, _Dial):
            route = self._routes.get(link.key.route)
            if route is not None:
                route.link_lost(link, cause.code, cause.text, worked=link.worked, orderly=link.orderly)

    def link_lost(self, link: SipLink) -> None:
        """`edge.net.sip_link.Owner`: the connection is gone."""
        self._links.discard(link)
        self._entrance.leave(link)
        if not link.outbound:
            self._accepted.subtract(link.peer.systems)
        if self._empty is not None and not self._links and not self._empty.called:
            self._empty.callback(None)

    # --- dialling -------------------------------------------------------------------------------------------

    def _route(self, system: System, domain: Domain) -> "Route[SipLink]":
        """The one way to a system whose hosts are known; for others each of their domains is another place."""
        key = (system.name, domain if system.hosts is None else None)
        route = self._routes.get(key)
        return self._new_route(key, system, domain if key[1] else system.domains[0]) if route is None else route

    def _new_route(self, key: tuple[str, Domain | None], system: System, domain: Domain) -> "Route[SipLink]":
        path = self._paths.get(system.name)
        if path is None:
            path = self._paths[system.name] = Path(self._sink, system)
        route = self._routes[key] = Route(
            self._reactor,
            lambda: Deferred.fromCoroutine(self._dial(system, domain)).addTimeout(DIAL, self._reactor),
            self._unsent,
            path,
            limit=system.pending_messages,
            seconds=system.pending_seconds,
            rng=self._rng,
        )
        if self._stopped:
            path.stop()
            route.stop()
        return route

    def _unsent(self, token: object, code: Code, text: str) -> None:
        if token is not None:
            self._sink.unsent(token, code, text)

    async def _dial(self, system: System, domain: Domain) -> SipLink:
        """A link to whichever address of ``domain`` answers first."""
        try:
            candidates = await self._locator.sip(system, domain)
        except DialError as problem:
            self._complain(system, Cause(problem.code, str(problem)))
            raise
        return await first_link(candidates, lambda candidate: self._connect(system, domain, candidate))

    def _connect(self, system: System, domain: Domain, candidate: Candidate) -> "Deferred[SipLink]":
        """One connection to one address; its Deferred fires once the far end has proved to be ``domain``."""

        def cancelled(waiting: Deferred[SipLink]) -> None:
            waiting.errback(CancelledError())  # first, or the dial would go on with the next address
            connector.disconnect()

        ready: Deferred[SipLink] = Deferred(cancelled)
        link = SipLink(self._reactor, self, self._sink, self._turn, ready)
        key = (system.name, domain if system.hosts is None else None)
        link.key = _Dial(key, system, identities(system, domain, candidate))

        def failed(reason: Failure) -> None:
            if not ready.called:
                cause = cause_of(reason)
                self._complain(system, cause, peer_ip=candidate.address, peer_port=candidate.port)
                ready.errback(DialError(cause.code, cause.text))

        creator = self._contexts.dialling(domain, system)
        factory = ChunkwiseTLSFactory(creator, True, _Dialling(self, link, failed), self._reactor)
        connector = self._reactor.connectTCP(candidate.address, candidate.port, factory, CONNECT)
        return ready

    def _complain(self, system: System, cause: Cause, **where: object) -> None:
        fields = {"partner": system.name, "direction": "out", "text": cause.text, **where}
        self._sink.link_event("link.refused", code=cause.code, **fields)

    # --- accepting ------------------------------------------------------------------------------------------

    def _accept(self, address: IAddress | None) -> SipLink | None:
        host = getattr(address, "host", "")
        if not self._entrance.admits(host):
            return None
        link = SipLink(self._reactor, self, self._sink, self._turn)
        self._links.add(link)
        self._entrance.enter(link, host)
        return link

    def _abort_all(self) -> None:
        for link in list(self._links):
            link.abort()


class _Dial:
    """What we wanted from a link that we dialled."""

    __slots__ = ("expected", "route", "system")

    def __init__(self, route: tuple[str, Domain | None], system: System, expected: frozenset[Domain]) -> None:
        self.route = route
        self.system = system
        self.expected = expected


class _Accepting(ServerFactory):
    """A link for each connection that comes in, or None for "too many"."""

    noisy = False

    def __init__(self, pool: SipPool) -> None:
        self._pool = pool

    def buildProtocol(self, addr: IAddress | None) -> SipLink | None:
        return self._pool._accept(addr)


class _Dialling(ClientFactory):
    """The one link of one dial."""

    noisy = False

    def __init__(self, pool: SipPool, link: SipLink, failed: Callable[[Failure], None]) -> None:
        self._pool = pool
        self._link = link
        self._failed = failed

    def buildProtocol(self, addr: IAddress | None) -> SipLink:
        self._pool._links.add(self._link)
        return self._link

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        self._failed(reason)


async def _stopped(port: IListeningPort) -> None:
    await maybeDeferred(port.stopListening)
