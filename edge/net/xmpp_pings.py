"""Which answer belongs to which ping, across all streams, and when an answer or an acknowledgement is believed.

Between servers an answer comes on the peer's own stream (RFC 6120 §4.5). A component server answers where it was asked.

An acknowledgement of XEP-0198 comes on the stream that it is about, while the failure of a stanza comes on the peer's
own stream. So a ping follows it, whose answer comes on that stream, behind the failures.

COMPAT(ejabberd): with several `hosts` at one listener it chooses any of our connections by chance, for each stanza.
There the failure of a stanza may still be on its way on one connection when the answer to the ping that was sent
behind it has come on another. So such an answer is believed a little later; since 23.01 or before.

`edge.net.xmpp_pool` owns this, `edge.net.xmpp_link` asks it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from edge.net.sink import Sink
from edge.partners import Peer
from edge.xmpp.negotiation import Negotiation
from edge.xmpp.stanzas import Iq, Stanza

GRACE = 0.1  # seconds that a failure may come behind an answer on another connection, and behind the failure before it
LONGEST = 2.0  # seconds of that in all, also while failures do not cease; far below the 32 s of a SIP client. And as
# many for a peer that has counted a stanza to open the stream on which it would say that it failed
AT_HOME = 16  # answers, each where it was asked, that ejabberd gives by chance once in 65,000 times
SHARED = "the server sends what is for one domain on the connection of another: stanzas may overtake each other"


class Pinger(Protocol):
    """A stream that pings go out on, or one that answers come in on."""

    peer: Peer
    negotiation: Negotiation
    alive: bool
    orderly: bool

    def answered(self, ping: str) -> None:
        """The ping is answered, and everything that was sent before it is processed."""

    def knock(self) -> str:
        """Send a ping, so that the peer opens its own stream; return its id."""

    def facts(self) -> dict[str, object]:
        """What the log should say of it."""


@dataclass(slots=True)
class _Server:
    """The component connections to one server. ``at_home``: so many answers came where they were asked."""

    links: set[Pinger] = field(default_factory=set)
    spreads: bool = False  # it has been seen to take another connection than that of the domain
    at_home: int = 0
    failed: float = float("-inf")  # when an error stanza last came


class Pings:
    """All pings that are out."""

    def __init__(self, clock: IReactorTime, sink: Sink) -> None:
        self._clock = clock
        self._sink = sink
        self._out: dict[str, Pinger] = {}
        self._held: dict[Pinger, tuple[str, IDelayedCall]] = {}
        self._servers: dict[frozenset[str], _Server] = {}

    def sent(self, link: Pinger, ping: str) -> None:
        """``link`` has sent a ping with this id."""
        self._out[ping] = link

    def component_up(self, link: Pinger) -> None:
        """One more connection to a component server, which may have another configuration than it had before."""
        server = self._servers.setdefault(link.peer.systems, _Server())
        server.links.add(link)
        server.at_home = 0

    def counted(self, link: Pinger) -> bool:
        """The peer has counted stanzas of ``link``, which is told by `answered` when to believe that they got through.

        False if that has begun already, for others.
        """
        if link in self._held:
            return False
        # A failure comes on the stream that the peer has opened, so the count may overtake it. The answer to a ping
        # comes on that stream too, and behind it.
        self._hold(link, link.knock(), _never, LONGEST)
        return True

    def heard(self, link: Pinger, stanza: Stanza) -> None:
        """A stanza came on a component connection."""
        server = self._servers.get(link.peer.systems)
        if server is not None:
            if stanza.to is not None and stanza.to.host != link.negotiation.local:
                self._spread(server, link)
            if stanza.type == "error" and type(stanza) is not Iq:
                server.failed = self._clock.seconds()

    def answer(self, link: Pinger, answer: Iq) -> Callable[[], None] | None:
        """A result or error came on ``link``. If it answers a ping: what to call when all before it is delivered.

        Only the domain that was asked can answer, and that is proved by the stream, or, as a component connection
        carries every sender, by the server at its other end.
        """
        pinger = self._out.get(answer.id)
        if pinger is None or answer.from_ is None or answer.from_.local:
            return None
        if answer.from_.host != pinger.negotiation.remote or not pinger.peer.systems <= link.peer.systems:
            return None
        del self._out[answer.id]
        stream = pinger.negotiation
        if stream.received is not None and not stream.sends:  # the peer had to answer there, behind what failed
            return partial(self.settle, pinger)
        server = self._servers.get(pinger.peer.systems)
        if server is not None:
            server.at_home += 1
            if link is not pinger:
                self._spread(server, link)
            if len(server.links) > 1 and (server.spreads or server.at_home <= AT_HOME):
                return partial(self._hold, pinger, answer.id, lambda: server.failed)
        return partial(pinger.answered, answer.id)

    def settle(self, link: Pinger) -> None:
        """Believe now what is held for ``link``, if anything is: it is time, or it is about to be closed."""
        ping, later = self._held.pop(link, ("", None))
        if later is not None:
            self._out.pop(ping, None)  # an answer that is late proves nothing about what is held then
            if later.active():
                later.cancel()
            link.answered(ping)

    def taken(self, link: Pinger, tokens: list[object]) -> None:
        """``link`` believes that the stanzas of these tokens got through.

        When a server goes down, both its streams end at once, and what it says of failures on one may be read after
        the end of the other: it has `GRACE` to go first.
        """
        if link.alive or link.orderly:
            self._sink.taken(tokens)
        else:
            self._clock.callLater(GRACE, self._sink.taken, tokens)

    def lost(self, link: Pinger) -> None:
        """``link`` is gone."""
        self.settle(link)
        for ping in [ping for ping, sender in self._out.items() if sender is link]:
            del self._out[ping]
        server = self._servers.get(link.peer.systems)
        if server is not None:
            server.links.discard(link)
            if not server.links:
                del self._servers[link.peer.systems]

    def _spread(self, server: _Server, link: Pinger) -> None:
        if not server.spreads:
            server.spreads = True
            self._sink.link_event("link.shared", text=SHARED, **link.facts())

    def _hold(self, pinger: Pinger, ping: str, failed: Callable[[], float], seconds: float = GRACE) -> None:
        since = self._clock.seconds()

        def ripe() -> None:
            now = self._clock.seconds()
            if now - since < LONGEST and now - failed() < GRACE:
                more = max(failed() + GRACE - now, 0.0)
                self._held[pinger] = ping, self._clock.callLater(more, ripe)
            else:
                self.settle(pinger)

        self._held[pinger] = ping, self._clock.callLater(seconds, ripe)


def _never() -> float:
    return float("-inf")
