"""All XMPP links: those we accept, one stream out for each pair of domains, and the component connections.

The driver sends through this, `edge.service` starts and stops it. Where a server is comes from `edge.net.locate`, who
it is and whether we know it from `edge.net.xmpp_trust`. A stream that a server has opened carries what is for it as
well, where both want that (XEP-0288) and there is no stream out.
"""

import random

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.internet.task import LoopingCall

from edge.certificates import contexts
from edge.certificates.contexts import Contexts, Dialling, Handshake
from edge.codes import Code
from edge.domains import Domain
from edge.identifiers import Identifiers
from edge.net.entrance import Entrance
from edge.net.links import Cause, DialError, first_link
from edge.net.locate import Candidate, Locator
from edge.net.outbox import Outbox
from edge.net.pace import Pace, Paced
from edge.net.paths import Path
from edge.net.places import FULL
from edge.net.relisting import Relisting
from edge.net.retiring import Retiring
from edge.net.sink import Sink
from edge.net.tcp import Reactor, listen, stopped
from edge.net.turn import Turn
from edge.net.unlisted import Lookups, Strangers
from edge.net.xmpp_components import Components
from edge.net.xmpp_dialling import ALPN, Accepting, Dial, Make, Served, connect, reached
from edge.net.xmpp_link import XmppLink
from edge.net.xmpp_pings import Pings
from edge.net.xmpp_relisting import end, is_over
from edge.net.xmpp_route import StreamRoute
from edge.net.xmpp_security import Certificates
from edge.net.xmpp_streams import Streams
from edge.net.xmpp_trust import Trust, Verdict
from edge.net.xmpp_verifier import Verifier
from edge.net.xmpp_ways import Place, Way, Ways
from edge.partners import Changes, Directory, Peer, System
from edge.xmpp.component import Component
from edge.xmpp.dialback import Dialback, Keys
from edge.xmpp.initiating import Initiating
from edge.xmpp.negotiation import Negotiation, Proved, Verify
from edge.xmpp.receiving import Receiving

DIAL = 25.0  # seconds for all addresses together, DNS to SASL; below the time a message may wait
UNPROVED = 200  # accepted connections that have not authenticated (yet); each costs about 60 kB while in its handshake
CONNECTIONS = 1000  # accepted connections in all, as Microsoft's gateway has it; most are streams of one partner each
CLOSING = 2.0  # seconds that the peers have to close their side when we stop
TICK = 1.0  # seconds between two looks at the deadlines of the links, which are all longer than 5 s


class XmppPool:
    """``name`` is this gateway's own; ``rng`` scatters the pauses between dials; ``keys`` are those of our dialback."""

    def __init__(
        self,
        reactor: Reactor,
        sink: Sink,
        turn: Turn,
        directory: Directory,
        contexts: Contexts,
        locator: Locator,
        name: Domain,
        ids: Identifiers,
        rng: random.Random,
        keys: Keys,
    ) -> None:
        self._reactor = reactor
        self._sink = sink
        self._turn = turn
        self._directory = directory
        self._contexts = contexts
        self._lookups = Lookups(reactor, locator)
        self._name = name
        self._ids = ids
        self._rng = rng
        self._keys = keys
        self._trust = Trust(directory, contexts, lambda system: self._entrance.above(system))
        self._certificates = Certificates()
        self._verifier = Verifier(reactor, locator, self._connect, self._link)
        self._ports: list[IListeningPort] = []
        self._ways = Ways()
        self._to = self._ways.to
        self._components = Components(directory)
        self._links = Streams()
        self.strangers = Strangers(self._links, self._ways)
        self._entrance = Entrance(reactor, sink, UNPROVED, connections=CONNECTIONS)
        self._pace = Pace(reactor)
        self.pings = Pings(reactor, sink)
        self._retiring = Retiring(reactor)
        self._ticker = LoopingCall(self._tick)
        self._ticker.clock = reactor
        self._stopped = False
        self._empty: Deferred[None] | None = None

    @property
    def links(self) -> frozenset[XmppLink]:
        """Every open connection."""
        return frozenset(self._links)

    @property
    def routes(self) -> list[tuple[Place, StreamRoute]]:
        """Every way to a server."""
        return [(way.place, way.route) for way in self._ways.all()]

    def listen(self, host: str, port: int) -> IListeningPort:
        """Accept streams on one address; raises `OSError` when it is taken."""
        listening = listen(self._reactor, host, port, Accepting(self._accept))
        self._ports.append(listening)
        return listening

    def start(self) -> None:
        """Let time flow, and connect to the servers whose component we are."""
        self._connect_components()
        self._ticker.start(TICK)

    def send(self, sender: Domain, recipient: Domain, data: bytes, token: object | None) -> None:
        """Send a stanza. A ``token`` comes back by `Sink.taken` or `Sink.unsent`, exactly one of them."""
        routes = self._to.get(recipient)
        route: StreamRoute | Cause | None = None if routes is None else routes.get(sender)
        if route is None:
            route = self._route(sender, recipient)
        if isinstance(route, Cause):
            self._unsent(token, *route)
        else:
            route.send(data, token)

    def reach(self, local: Domain, remote: Domain) -> None:
        """Open the stream for stanzas from ``local`` to ``remote`` if there is none; go on dialling until it is up."""
        route = self._route(local, remote)
        if not isinstance(route, Cause):
            route.reach()

    def relisted(self, changes: Changes) -> int:
        """Another partner list. Streams of who is gone are closed, those of whom more is asked are judged anew.

        Returns how many will close. What waits for somebody who is gone goes back to its senders; the connections of
        our components follow the domains that there are now.
        """
        new = Relisting(self._directory, changes)
        self._components.count()
        self._to.clear()
        for way in self._ways.all():
            if not self._is_place(way, new):
                self._components.remove(*way.place)
                self._ways.remove(way, new.cause(way.path.system))
        self._ways.find_again()
        ours = self._components.ours
        closing = [link for link in self._links if is_over(link, new, self._trust, ours, changes.moved)]
        for link in closing:
            end(link, new, self._retiring)
        for link in self._links:
            self._met(link)
        for _, route, path in self._ways.all():
            system = path.system
            route.bound(system.pending_messages, system.pending_seconds)
            if system.name in new.moved | new.judged:
                route.redial()
        if not self._stopped:
            self._connect_components()
        return len(closing)

    def _is_place(self, way: Way, new: Relisting) -> bool:
        (local, there), system = way.place, way.path.system
        if not new.has(system) or self._components.has(local, there):
            return new.has(system) and local in self._components.ours.get(there, ())
        return self._directory.system_of(Domain(there)) is system and self._trust.may_talk(local, Domain(there))

    def _connect_components(self) -> None:
        for local, system in self._components.wanted():
            route = self._way(local, system.domains[0], system)
            assert not isinstance(route, Cause), "there is always room for components"
            self._components.add(local, system, route)

    def stop(self) -> "Deferred[None]":
        """Accept nothing more, give back what waits, close all streams; fires when they are closed."""
        self._retiring.stop()
        if self._ticker.running:
            self._ticker.stop()
        waited = [stopped(port) for port in self._ports]
        self._ports.clear()
        self._stopped = True
        self._entrance.stop()
        self._ways.stop()
        if self._links:
            self._empty = Deferred()
            late = self._reactor.callLater(CLOSING, self._abort_all)
            self._empty.addCallback(lambda _: late.cancel() if late.active() else None)
            waited.append(self._empty)
            for link in list(self._links):
                link.close()
        return DeferredList(waited, consumeErrors=True).addCallback(lambda _: None)

    # --- Owner of the links -------------------------------------------------------------------------------

    def creator(self, link: XmppLink) -> contexts.Accepting | Dialling | Paced:
        """`edge.net.xmpp_owner.Owner`: TLS, with the trust of whom we dialled."""
        if isinstance(link.key, Dial):
            dial = link.key
            return self._contexts.dialling(dial.remote, dial.system, dial.local, [ALPN] if dial.direct else [])
        accepting = self._contexts.accepting(link.negotiation.local, [ALPN])
        return Paced(accepting, self._pace, self._entrance.knows(link.address))

    def waiting(self, link: XmppLink, claim: Verify, handshake: Handshake) -> "Deferred[None] | None":
        """`edge.net.xmpp_owner.Owner`: what the verdict has to wait for."""
        return self._trust.waiting(claim.remote, claim.local, handshake)

    def judge(self, link: XmppLink, claim: Verify, handshake: Handshake) -> Verdict:
        """`edge.net.xmpp_owner.Owner`: who the far end is, and what it may do."""
        self._links.meet(link, (claim.remote,))
        verdict = self._trust.judge(claim.remote, claim.local, handshake, None if link.key else self._links)
        if verdict.peer.fault is None:
            self._certificates.seen(claim.remote, link.security)
        return verdict

    def dial_back(self, link: XmppLink, question: Dialback) -> None:
        """`edge.net.xmpp_owner.Owner`: whose key that is, if we want to know."""
        self._verifier.settle(self._trust, link, question)

    def proved(self, link: XmppLink, verdict: Peer, proof: Proved) -> Peer:
        """`edge.net.xmpp_owner.Owner`: who the far end is now."""
        link.peer = self._trust.proved(link.peer, verdict, proof)
        self._met(link)
        return link.peer

    def link_ready(self, link: XmppLink) -> int:
        """`edge.net.xmpp_owner.Owner`: the stream is authenticated."""
        if isinstance(link.negotiation, Component):
            self.pings.component_up(link)
            system = self._trust.system_of(link.negotiation.remote)
        else:
            system = self._trust.system_of(next(iter(link.security.proofs))[0])
            if link.negotiation.sends and system is not None:
                link.give(self._outbox(link, system))
        assert system is not None, "only listed domains authenticate"
        self._entrance.proved(link, link.address, not system.discovered)
        if system.link == "s2s":
            link.idle_seconds = system.streams.idle_seconds
        return system.stanza_bytes

    def link_opened(self, link: XmppLink) -> None:
        """`edge.net.xmpp_owner.Owner`: stanzas may be given to it."""
        negotiation = link.negotiation
        system = self._trust.system_of(negotiation.remote)
        if negotiation.sends and system is not None and not self._stopped:
            route = self._way(negotiation.local, negotiation.remote, system)
            if not isinstance(route, Cause):
                link.key = Dial(negotiation.local, negotiation.remote, system, route)
                if not route.adopt(link):
                    link.key = None
        self._ways.wake(link.peer.names)  # who comes to us can be reached again

    def link_closing(self, link: XmppLink, cause: Cause) -> None:
        """`edge.net.xmpp_link.Owner`: nothing more can be sent on it."""
        self.pings.settle(link)
        if isinstance(link.key, Dial) and link.key.route is not None:
            link.key.route.link_lost(link, cause.code, cause.text, worked=link.worked, orderly=link.orderly)

    def link_lost(self, link: XmppLink, cause: Cause) -> None:
        """`edge.net.xmpp_link.Owner`: the connection is gone."""
        self._links.discard(link)
        self._entrance.leave(link)
        self.pings.lost(link)
        if self._empty is not None and not self._links and not self._empty.called:
            self._empty.callback(None)

    # --- dialling -----------------------------------------------------------------------------------------

    def _met(self, link: XmppLink) -> None:
        """It is known whose ``link`` is."""
        self._links.meet(link, link.peer.systems)
        if isinstance(link.negotiation, Receiving):
            self._links.note(link, self._trust.is_discovered(link.peer))

    def _route(self, local: Domain, remote: Domain) -> StreamRoute | Cause:
        """The route from ``local`` to ``remote``, or why there is none."""
        system = self._directory.system_of(remote)
        if system is None:
            return self._components.of(local)  # not remembered: strangers have no end
        code = None
        if system.protocol != "xmpp":
            code = Code.A01
        elif not self._trust.may_talk(local, remote):
            code = Code.A08
        elif system.link == "component" and local not in self._components.ours.get(system.name, ()):
            code = Code.N04  # its server knows us only by the names that are listed one by one
        return self._way(local, remote, system) if code is None else Cause(code, code.sentence)

    def _way(self, local: Domain, remote: Domain, system: System) -> StreamRoute | Cause:
        """The route from ``local`` to ``remote``: its own, or that of the component connection for ``local``."""
        place: Place = (local, system.name if system.link == "component" else remote)
        route = self._ways.get(system, place)
        if route is None:
            if not (self._is_named(local, remote) or self._ways.has_room(system)):
                return FULL
            name = system.domains[0] if system.link == "component" else remote

            def dial() -> "Deferred[XmppLink]":
                work = Deferred.fromCoroutine(self._dial(place, local, name, system))
                return work.addTimeout(DIAL, self._reactor)

            path = Path(self._sink, system, local, None if system.link == "component" else remote)
            route = StreamRoute(
                self._reactor,
                dial,
                self._unsent,
                path,
                limit=system.pending_messages,
                seconds=system.pending_seconds,
                rng=self._rng,
            )
            self._ways.add(system, Way(place, route, path))
            if self._stopped:
                path.stop()
                route.stop()
        self._ways.find(local, remote, route)
        return route

    def _is_named(self, *domains: Domain) -> bool:
        """Whether none of them is there because of a wildcard alone."""
        systems = [self._directory.system_of(domain) for domain in domains]
        return all(each is not None and name in each.domains for each, name in zip(systems, domains, strict=True))

    def _unsent(self, token: object, code: Code, text: str) -> None:
        if token is not None:
            self._sink.unsent(token, code, text)

    async def _dial(self, place: Place, local: Domain, remote: Domain, system: System) -> XmppLink:
        """A stream to whichever address answers first."""
        try:
            candidates = await self._lookups.find(system, remote)
        except DialError as problem:
            self._complain(system, Cause(problem.code, str(problem)))
            raise
        dial = Dial(local, remote, system, self._ways.get(system, place))
        return await first_link(candidates, lambda each: reached(self._connect, dial, each, self._dialled))

    def _connect(self, dial: Dial, candidate: Candidate, make: Make) -> "Deferred[XmppLink]":
        """One connection to one address; its Deferred fires once the stream is of use."""
        return connect(self._reactor, dial, candidate, make, self._complain)

    def _dialled(self, dial: Dial, ready: "Deferred[XmppLink]") -> XmppLink:
        system, negotiation = dial.system, self._negotiation(dial)
        link = self._link(dial, negotiation, ready)
        link.give(self._outbox(link, system))
        if system.link == "component":
            link.peer = self._directory.identify("xmpp", frozenset(system.domains))
            self._met(link)
        return link

    def _negotiation(self, dial: Dial) -> Negotiation:
        local, remote, system = dial.local, dial.remote, dial.system
        if system.link == "component":
            return Component(local, remote, system.secret, self._components.had(system))
        return Initiating(local, remote, system.confirm == "ack", self._keys, dial.direct, dial.external)

    def _link(self, dial: Dial, negotiation: Negotiation, ready: "Deferred[XmppLink]") -> XmppLink:
        link = XmppLink(self._reactor, self, self._sink, self._turn, negotiation, ready)
        link.key = dial
        self._links.add(link)
        self._links.meet(link, (dial.remote,))
        return link

    def _outbox(self, link: XmppLink, system: System) -> Outbox:
        trusting = self._sink.taken if system.confirm == "write" else None
        return Outbox(self._reactor, self._turn, self._ids, lambda ping: self.pings.sent(link, ping), trusting)

    def _complain(self, system: System, cause: Cause, **where: object) -> None:
        self._sink.link_event("link.refused", code=cause.code, text=cause.text, partner=system.name, **where)

    # --- accepting ----------------------------------------------------------------------------------------

    def _accept(self, address: IAddress | None) -> XmppLink | None:
        host = getattr(address, "host", "")
        if not self._entrance.admits(host):
            return None
        link = XmppLink(self._reactor, self, self._sink, self._turn, self._receiving())
        self._entrance.enter(link, host)
        self._links.add(link)
        return link

    def _receiving(self) -> Receiving:
        return Receiving(self._name, Served(self._directory), self._ids, self._keys)

    # --- time ---------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        now = self._reactor.seconds()
        for link in list(self._links):
            link.tick(now)
        self._components.connect()

    def _abort_all(self) -> None:
        for link in list(self._links):
            link.abort()
