"""What a peer is told of the stanzas that it has sent us on a stream with stream management (XEP-0198 §4).

A stanza counts as handled as soon as the gateway has returned from it; but a message that the gateway holds, because a
next hop has to answer first, counts when the gateway releases it, and what came behind it not before. The gateway gets
a `Ticket` with each message, which `edge.driver` holds and releases for it. `edge.net.xmpp_link` owns this.

Each request is answered, all those of one chunk with one answer. An answer that was less than all is followed by
another when there is more to say.
"""

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from edge.net.outbox import Wire
from edge.net.turn import Turn
from edge.xmpp.acknowledgement import MIN_INTERVAL
from edge.xmpp.management import answer_bytes
from edge.xmpp.negotiation import Negotiation
from edge.xmpp.screening import Misaddressed
from edge.xmpp.stanzas import Message, Stanza


class Ticket:
    """One message of one stream, for whoever holds it."""

    __slots__ = ("_number", "_answers")

    def __init__(self, answers: "Answers", number: int) -> None:
        self._answers = answers
        self._number = number

    def hold(self) -> None:
        """The message is not handled yet. To be said before the gateway returns from it."""
        self._answers.hold(self._number)

    def release(self) -> None:
        """Somebody has the message, or its sender has been told that nobody does."""
        self._answers.release(self._number)


class Answers:
    """Of one stream, from the moment that its management begins. ``overfull``: more is held than may be."""

    def __init__(self, clock: IReactorTime, turn: Turn, wire: Wire, negotiation: Negotiation) -> None:
        assert negotiation.received is not None, "it has begun"
        self.overfull = False
        self._clock = clock
        self._turn = turn
        self._wire = wire
        self._received = negotiation.received
        self._owed = False  # a request is not answered yet
        self._asked_for = 0  # the count when the peer last asked
        self._told = 0  # the number in our last answer
        self._told_at = float("-inf")
        self._registered = False
        self._paused = self._closed = False
        self._later: IDelayedCall | None = None

    def arrived(self, stanza: Stanza | Misaddressed) -> None:
        """The next stanza, before the gateway sees it."""
        number = self._received.arrived()
        if type(stanza) is Message:
            stanza.ticket = Ticket(self, number)

    def asked(self) -> None:
        """``<r/>`` has come, behind what has arrived."""
        self._owed = True
        self._asked_for = self._received.count
        self._register()

    def hold(self, number: int) -> None:
        """`Ticket.hold`."""
        if not self._received.keep(number):
            self.overfull = True

    def release(self, number: int) -> None:
        """`Ticket.release`."""
        self._received.settle(number)
        if self._closed or self._told >= self._asked_for or self._received.handled <= self._told:
            return
        pause = self._told_at + MIN_INTERVAL - self._clock.seconds()
        if pause <= 0:
            self._register()
        elif self._later is None:
            self._later = self._clock.callLater(pause, self._ripe)

    def flush(self) -> None:
        """Answer. Called by the `Turn`."""
        self._registered = False
        if self._closed or self._paused:
            return
        handled = self._received.handled
        if self._owed or (self._told < self._asked_for and handled > self._told):
            self._owed = False
            self._told = handled
            self._told_at = self._clock.seconds()
            self._wire.write(answer_bytes(handled))

    def pause(self) -> None:
        """The peer does not read what it is sent: it gets one answer to all that it asks meanwhile."""
        self._paused = True

    def resume(self) -> None:
        """The peer has read again."""
        self._paused = False
        self.flush()

    def close(self) -> None:
        """The stream is over, and its last answer given."""
        self._closed = True
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def _ripe(self) -> None:
        self._later = None
        self.flush()

    def _register(self) -> None:
        if not self._registered:
            self._registered = True
            self._turn.add(self)
