"""All SIP links: those we accept, and the lanes to each place we send to.

The driver sends and answers through this, `edge.service` starts and stops it. Where a partner is comes from
`edge.net.locate`, who it is from `edge.certificates`; `edge.net.sip_dialling` makes the links to him. A link that a
partner has opened and offered for that carries our requests as well (RFC 5923).
"""

import random
from collections import Counter

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IAddress, IListeningPort

from edge.certificates.contexts import Contexts, Handshake
from edge.codes import Code
from edge.domains import Domain
from edge.errors import RemoteProtocolError
from edge.gateway.effects import SipLink as OpaqueLink
from edge.net.entrance import Entrance
from edge.net.lanes import Lanes
from edge.net.links import Cause, Route, Watcher
from edge.net.locate import Locator
from edge.net.offer import has_seen_ours
from edge.net.pace import Pace
from edge.net.paths import Path
from edge.net.places import FULL, made_room
from edge.net.relisting import Relisting
from edge.net.retiring import Retiring
from edge.net.sink import Sink
from edge.net.sip_dialling import Accepting, Dialler, Use
from edge.net.sip_link import SipLink
from edge.net.sip_rounds import KEEP_ALIVE, Rounds
from edge.net.tcp import Reactor, listen, stopped
from edge.net.tls import ChunkwiseTLSFactory
from edge.net.turn import Turn
from edge.net.unlisted import Lookups, discovered
from edge.partners import Changes, Directory, Peer, System
from edge.sip.framing import Framer
from edge.sip.message import Request
from edge.sip.transaction import TIMER_F

ACCEPTED_UNPROVED = 200  # connections that have proved nothing (yet); each costs about 60 kB while in its handshake
SIP_TLS_PORT = 5061  # RFC 3261 §19.1.2
ANSWERED = TIMER_F  # seconds without a message, before a link is closed that goes elsewhere than the next: as long may
# an answer take to what the peer has asked on it
CLOSING = 2.0  # seconds that peers have to close their side when we stop


class SipPool:
    """``name`` is this gateway's own, for Warning headers; ``rng`` scatters the pauses between dials.

    ``keep_alive`` is how many seconds a link may be silent before it is asked for a sign of life.
    """

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
        keep_alive: float = KEEP_ALIVE,
    ) -> None:
        self._reactor = reactor
        self._sink, self._turn = sink, turn
        self._directory = directory
        self._contexts = contexts
        self._name = name
        self._rng = rng
        self._ports: list[IListeningPort] = []
        self._places: dict[str, dict[Domain | None, Lanes]] = {}  # by system, and where DNS says where he is by domain
        self._links: set[SipLink] = set()
        self._rounds = Rounds(reactor, turn, keep_alive)
        self._retiring = Retiring(reactor, ANSWERED)
        lookups, opened, retire = Lookups(reactor, locator), self._links.add, self._retiring.retire
        self._dialler = Dialler(reactor, sink, contexts, lookups, self._new, opened, retire)
        self._paths: dict[str, Path] = {}
        self._entrance = Entrance(reactor, sink, ACCEPTED_UNPROVED, direction="in")
        self._pace = Pace(reactor)
        self._accepted: Counter[str] = Counter()
        self._stopped = False
        self._empty: Deferred[None] | None = None

    @property
    def links(self) -> frozenset[SipLink]:
        """Every open connection."""
        return frozenset(self._links)

    @property
    def routes(self) -> list[tuple[str, Domain | None, Route[SipLink]]]:
        """Every way to a partner, by his name and, where DNS says where he is, one of his domains."""
        return [(name, domain, route) for name, domain, lanes in self._all() for route in lanes.routes]

    def listen(self, host: str, port: int) -> IListeningPort:
        """Accept connections on one address; raises `CannotListenError` when it is taken."""
        factory = ChunkwiseTLSFactory(self._contexts.accepting(), False, Accepting(self._accept), self._reactor)
        factory.pace, factory.knows = self._pace, self._entrance.knows
        listening = listen(self._reactor, host, port, factory)
        self._ports.append(listening)
        return listening

    def send(self, system: System, domain: Domain, data: bytes, token: object) -> None:
        """Send a request to ``domain`` of ``system``. Exactly one of `Sink.sip_sent` and `Sink.unsent` follows."""
        lanes = self._place(system, domain)
        if lanes is None:
            self._unsent(token, *FULL)
        else:
            lanes.send(data, token)

    def reach(self, system: System, domain: Domain) -> None:
        """Make a link for requests to ``domain`` if there is none, and go on dialling until there is one."""
        if (lanes := self._place(system, domain)) is not None:
            lanes.reach()

    def respond(self, link: OpaqueLink, data: bytes) -> None:
        """Send a response on the link of its request, or if that is gone on our own to the same partner.

        (RFC 3261 §18.2.2; we never follow a Via to somewhere else.)
        """
        if isinstance(link, SipLink) and link.alive:
            link.write(data)
            return
        for name in sorted(link.peer.systems):
            system = self._directory.named(name)
            if system is not None and not (self._directory.blocks and self._directory.is_blocked(system)):
                for domain in system.reached[:1]:
                    self.send(system, domain, data, None)
                return

    def relisted(self, changes: Changes) -> int:
        """Another partner list. Links to who is gone are closed, those of whom more is asked are judged anew.

        Returns how many will close. What waits for somebody who is gone goes back to its senders, what waits for one
        who is said to be elsewhere is dialled there at once.
        """
        new = Relisting(self._directory, changes)
        for name, domain, lanes in self._all():
            if not self._is_place(name, domain, new):
                self._forget(name, domain).stop(new.cause(self._paths[name].system))
            elif domain is None and name in new.regrouped:
                self._regroup(name, lanes, new)
        for name in new.gone & self._paths.keys():
            self._paths.pop(name).stop()
        places = {id(lanes) for _, _, lanes in self._all()}
        for link in self._links:
            if isinstance(link.key, Use):
                link.key.places = [lanes for lanes in link.key.places if id(lanes) in places]
                link.offers = self._may_offer(link)
        closing = [link for link in self._links if self._is_over(link, new)]
        for link in closing:
            if link.peer.systems:
                link.retire()
            else:
                link.close(Cause(link.peer.fault or Code.A01, "it proves nothing any more"))
        for name, _, lanes in self._all():
            system = self._paths[name].system
            lanes.bound(system.pending_messages, system.pending_seconds)
            if name in new.moved | new.judged:
                lanes.redial()
        return len(closing)

    def holds(self, system: System) -> bool:
        """`edge.partners.discovery.Holder`"""
        places = self._places.get(system.name, {})
        return self._accepted[system.name] > 0 or not all(lanes.is_idle for lanes in places.values())

    def forget(self, system: System) -> None:
        """`edge.partners.discovery.Holder`"""
        for lanes in self._places.pop(system.name, {}).values():
            lanes.stop()
        self._paths.pop(system.name, None)
        del self._accepted[system.name]

    def stop(self) -> "Deferred[None]":
        """Accept nothing more, give back what waits, close all links; fires when they are closed."""
        ports = [stopped(port) for port in self._ports]
        self._ports.clear()
        self._stopped = True
        self._entrance.stop()
        self._retiring.stop()
        self._rounds.stop()
        for path in self._paths.values():
            path.stop()
        for _, _, lanes in self._all():
            lanes.stop()
        if self._links:
            self._empty = Deferred()
            late = self._reactor.callLater(CLOSING, self._abort_all)
            self._empty.addCallback(lambda _: late.cancel() if late.active() else None)
            ports.append(self._empty)
            for link in list(self._links):
                link.close()
        return DeferredList(ports, consumeErrors=True).addCallback(lambda _: None)

    # --- Owner of the links -------------------------------------------------------------------------------

    def prove(self, link: SipLink, handshake: Handshake) -> Peer:
        """`edge.net.sip_owner.Owner`: who the far end is."""
        use = link.key
        if isinstance(use, Use) and use.system is not None:
            peer = self._contexts.sip_peer(self._directory, handshake, use.system, use.expected)
            if peer.systems:
                self._entrance.proved(link, link.address, not use.system.discovered)
                link.offers = self._may_offer(link)
            return peer
        return self._let_in(link, self._contexts.sip_peer(self._directory, handshake))

    def link_discovered(self, link: SipLink, request: Request) -> Peer:
        """`edge.net.sip_owner.Owner`: who a stranger is because of a request."""
        return self._let_in(link, discovered(self._directory, link.peer, request))

    def _let_in(self, link: SipLink, peer: Peer) -> Peer:
        systems = self._systems_of(peer)
        above = [system for system in systems if self._accepted[system.name] >= system.connections_in]
        for system in above:
            self._entrance.above(system)
        if above:
            return Peer("sip", peer.names, frozenset(), Code.L03)
        if peer.systems:
            self._entrance.proved(link, link.address, not all(system.discovered for system in systems))
            self._accepted.update(peer.systems)
            self._wake(peer)
        return peer

    def framer(self, link: SipLink) -> Framer:
        """`edge.net.sip_owner.Owner`: a framer with the limits of this peer."""
        systems = self._systems_of(link.peer)
        if not systems:
            return Framer(name=self._name)
        return Framer(max_body=max(system.stanza_bytes for system in systems), name=self._name)

    def link_up(self, link: SipLink) -> None:
        """`edge.net.sip_owner.Owner`: the link is in use."""
        self._rounds.add(link)

    def link_leaves(self, link: SipLink, cause: Cause) -> None:
        """`edge.net.sip_owner.Owner`: the link takes nothing more, so what comes next waits for another."""
        use = link.key
        if isinstance(use, Use):
            self._dialler.left(link, use)
            for lanes in use.places:
                lanes.link_lost(link, cause.code, cause.text)

    def link_asked(self, link: SipLink, request: Request) -> None:
        """`edge.net.sip_owner.Owner`: with ``alias`` in its Via the peer offers its link for requests of ours.

        Whoever came without a certificate that proves a partner has not come so far (RFC 5923 §9.2).
        """
        try:
            via = request.via
            if any(name == "alias" for name, _ in via.parameters):
                self._dialler.offered(link, (link.address, via.port or SIP_TLS_PORT))
                self._wake(link.peer)
        except RemoteProtocolError:
            return  # a Via that cannot be read offers nothing

    def link_busy(self, link: SipLink) -> None:
        """`edge.net.sip_owner.Owner`: a second link may help."""
        if isinstance(link.key, Use):
            for lanes in link.key.places:
                lanes.widen()

    def link_lost(self, link: SipLink) -> None:
        """`edge.net.sip_owner.Owner`: the connection is gone."""
        self._links.discard(link)
        self._rounds.discard(link)
        self._entrance.leave(link)
        if not link.outbound:
            self._accepted.subtract(link.peer.systems)
        if self._empty is not None and not self._links and not self._empty.called:
            self._empty.callback(None)

    def _is_place(self, name: str, domain: Domain | None, new: Relisting) -> bool:
        """Whether requests for this place can still come."""
        system = self._paths[name].system
        if not new.has(system) or (domain is None) is (system.hosts is None):
            return False
        return domain is None or self._directory.system_of(domain) is system

    def _regroup(self, name: str, lanes: Lanes, new: Relisting) -> None:
        """Other domains go to the hosts of a partner: what waits may be for one that is his no more, and comes back."""
        if sum(map(len, lanes.routes)):
            system = self._paths[name].system
            self._forget(name, None).stop(new.cause(system))
            self.reach(system, system.reached[0])

    def _all(self) -> list[tuple[str, Domain | None, Lanes]]:
        return [(name, domain, lanes) for name, places in self._places.items() for domain, lanes in places.items()]

    def _forget(self, name: str, domain: Domain | None) -> Lanes:
        places = self._places[name]
        lanes = places.pop(domain)
        if not places:
            del self._places[name]
        return lanes

    def _is_over(self, link: SipLink, new: Relisting) -> bool:
        """Whether a link is of no use any more. One that is, and has to prove more, has done so."""
        use, handshake, before = link.key, link.handshake, link.peer
        if handshake is None or not before.systems:
            return False  # it will be judged by the list as it is now, or was refused already
        system, expected = (use.system, use.expected) if isinstance(use, Use) else (None, frozenset[Domain]())
        if system is not None and isinstance(use, Use) and (not use.places or system.name in new.moved):
            return True
        if not new.concerns(before):
            return False
        peer = self._contexts.sip_peer(self._directory, handshake, system, expected)
        if not peer.systems and before.systems <= new.gone:
            return True  # who is not listed is refused in any case, and may answer our last words
        link.peer = peer
        if not link.outbound:
            self._accepted.subtract(before.systems)
            self._accepted.update(peer.systems)
        return not peer.systems

    def _may_offer(self, link: SipLink) -> bool:
        """Whether the peer is told that requests of its own may come on this link."""
        system = link.key.system if isinstance(link.key, Use) else None
        if system is None or link.handshake is None:
            return False
        return system.offer_alias and has_seen_ours(link.transport)

    def _systems_of(self, peer: Peer) -> list[System]:
        return [system for name in peer.systems if (system := self._directory.named(name)) is not None]

    def _wake(self, peer: Peer) -> None:
        """Who comes to us can be reached again."""
        for name in peer.systems:
            for lanes in list(self._places.get(name, {}).values()):
                lanes.wake()

    # --- dialling -------------------------------------------------------------------------------------------

    def _place(self, system: System, domain: Domain) -> Lanes | None:
        """The one way to a system whose hosts are known; for others each of their domains is another place.

        None if it has too many.
        """
        place = domain if system.hosts is None else None
        places = self._places.get(system.name)
        lanes = None if places is None else places.get(place)
        return self._new_place(system, place) if lanes is None else lanes

    def _new_place(self, system: System, place: Domain | None) -> Lanes | None:
        places = self._places.setdefault(system.name, {})
        if place not in (None, *system.domains) and not made_room(places, lambda lanes: lanes.is_idle, Lanes.stop):
            return None
        domain = place or system.reached[0]
        path = self._paths.get(system.name)
        if path is None:
            path = self._paths[system.name] = Path(self._sink, system)

        def make(watcher: Watcher) -> Route[SipLink]:
            return Route(
                self._reactor,
                lambda: self._dialler.dial(lanes, system, domain),
                self._unsent,
                watcher,
                limit=system.pending_messages,
                seconds=system.pending_seconds,
                rng=self._rng,
            )

        lanes = places[place] = Lanes(
            self._reactor,
            path,
            make,
            lambda: system.connections_out,
            self._retiring.retire,
            lambda: self._dialler.look(lanes, system, domain),
        )
        if self._stopped:
            path.stop()
            lanes.stop()
        return lanes

    def _unsent(self, token: object, code: Code, text: str) -> None:
        if token is not None:
            self._sink.unsent(token, code, text)

    # --- accepting ------------------------------------------------------------------------------------------

    def _accept(self, address: IAddress | None) -> SipLink | None:
        host = getattr(address, "host", "")
        if not self._entrance.admits(host):
            return None
        link = self._new()
        self._links.add(link)
        self._entrance.enter(link, host)
        return link

    def _new(self, ready: "Deferred[SipLink] | None" = None) -> SipLink:
        return SipLink(self._reactor, self, self._sink, self._turn, ready)

    def _abort_all(self) -> None:
        for link in list(self._links):
            link.abort()
