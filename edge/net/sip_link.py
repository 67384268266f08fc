"""One SIP connection over mutual TLS: whole chunks of messages in, one write a turn out.

`edge.net.sip_pool` makes links, says what the peer's certificate proves, and is told when they are up or gone; messages
go to the `Sink`. Framing is RFC 3261 §18.3, keep-alive RFC 5626 §4.4.1.

The certificate is judged after the handshake. A link we dialled is closed at once when it is not whom we wanted, before
anything is sent (RFC 5922 §7.3). A link we accepted from somebody who proves nothing stays open for a few requests,
so that each can be answered 403 with the reason (RFC 5922 §7.4), and for nothing else.
"""

from collections.abc import Callable
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IDelayedCall, IHandshakeListener, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from edge.certificates.contexts import Handshake
from edge.codes import Code
from edge.net.links import NUMBERS, Cause, DialError, cause_of
from edge.net.offer import offering
from edge.net.pending import SLOW, Pending
from edge.net.sink import Sink
from edge.net.sip_owner import Owner, Transport, shown_by
from edge.net.turn import Turn
from edge.partners import Peer
from edge.sip.framing import Garbled, Ping
from edge.sip.message import Request, Response
from edge.sip.transaction import TIMER_F

HANDSHAKE = 15.0  # seconds until the TLS handshake is done; a sane peer needs three round trips
DIALLED = 8.0  # the same on a link we dialled: two such targets must leave time for a third within `sip_dialling.DIAL`
SOON = 5.0  # seconds after which a peer that goes without a word is not taken to have minded our certificate
UNPROVED = 30.0  # seconds a link may stay open whose peer proves nothing: time to read why in its own log
REFUSALS = 5  # requests such a link gets answers to
UNPROVED_BYTES = 1 << 16  # bytes it may send: a few large requests, and no memory worth an attack
WAITING_BYTES = 8 << 20  # bytes held for a peer that does not read, then it is disconnected; 7,000 NOTIFYs
STALLED = 30.0  # seconds such a peer may take to read what the kernel and we hold for it

PING = b"\r\n\r\n"
PONG = b"\r\n"
CLOSED = Cause(Code.N03, "closed by us")
NOBODY = Peer("sip", frozenset(), frozenset(), Code.T07)  # who the peer is before the handshake is done


@implementer(IHandshakeListener, IPushProducer)
class SipLink(Protocol):
    """A SIP connection. ``peer`` is what its far end proved to be, ``address`` and ``port`` where it is.

    ``ready`` is given for a link we dial: it fires when the peer is proved, or fails with the reason.
    """

    def __init__(
        self,
        clock: IReactorTime,
        owner: Owner,
        sink: Sink,
        turn: Turn,
        ready: "Deferred[SipLink] | None" = None,
    ) -> None:
        self.peer = NOBODY
        self.address, self.port = "", 0
        self.since, self.number = clock.seconds(), next(NUMBERS)
        self.outbound = ready is not None
        self.lent = False  # the peer opened it, and our requests go on it
        self.offers = False  # we say that the peer's may come on it, and have proved that they are for us
        self.alive = False  # the handshake is done, and the link not yet closed
        self.worked = False  # the peer has sent something
        self.orderly = False  # it was closed in good order: by the peer with no request unanswered, or by us at leisure
        self.key: object = None  # the owner's own mark
        self._clock, self._owner = clock, owner
        self._sink, self._turn = sink, turn
        self._ready = ready
        self._received: list[bytes] = []
        self._out: list[bytes] = []
        self._out_bytes = 0
        self.pending = Pending(clock.seconds)  # requests of ours
        self.paused = False
        self._cause: Cause | None = None  # why we closed it
        self._deadline: IDelayedCall | None = None  # of the handshake, then of a peer that proves nothing
        self._stall: IDelayedCall | None = None
        self._refusals, self._unproved_bytes = REFUSALS, UNPROVED_BYTES
        self._heard = self._pinged = self._answers = False
        self._learnt = False  # whether it was asked once, to learn whether it answers
        self._unanswered = 0  # requests that were given up since the peer has said something
        self._first = not self.outbound  # the next request is the first one of a peer that came to us
        self.progress, self.written, self._stuck_at = 0, 0, -1  # messages in and out; in, when one was last unfinished
        self._handshake: Handshake | None = None
        self._left = self._retiring = False  # left: the owner knows that it takes nothing more
        self._announced = ""  # "up" | "refused": what the log knows of this link

    # --- for the pool and the driver --------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send ``data`` (a whole message) at the end of this turn. Written on a link that is gone, it is gone."""
        if not self.alive:
            return
        if not self._out:
            self._turn.add(self)
        self._out.append(data)
        self._out_bytes += len(data)
        if self._out_bytes > WAITING_BYTES and self.paused:
            self._abort(Cause(Code.N03, "the peer does not read what it is sent"))

    def send(self, data: bytes, token: object) -> None:
        """Send a request; its ``token`` is reported as sent. (None: nobody waits for it.)"""
        if token is not None and self.offers:
            data = offering(data)
        self.write(data)
        if token is not None:
            self.pending.asked(data)
            self._sink.sip_sent(token, self)

    def flush(self) -> None:
        """Write what has gathered, at once. Called by the `Turn`."""
        if self.paused and self._stall is not None:
            if self._stall.getTime() - self._clock.seconds() <= STALLED - SLOW:
                self._owner.link_busy(self)
        elif self._out and self.alive:
            data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
            self.written, self._out_bytes = self.written + len(self._out), 0
            self._out.clear()
            self._wire.write(data)
            if self.pending.is_crowd:
                self._owner.link_busy(self)

    def close(self, cause: Cause | None = None) -> None:
        """Send what has gathered, then close in good order."""
        if self.alive:
            self.flush()
            self.orderly = cause is None and not self.pending
            self._cause = cause or CLOSED
            self._leave(self._cause)
            self._wire.unregisterProducer()
            self._wire.loseConnection()
            self._arm(HANDSHAKE, self._abort_now)  # a peer may leave our close_notify unanswered
        elif self._handshake is None:
            self._abort(cause or CLOSED)

    def leave(self) -> None:
        """Ask nothing more on it."""
        if self.alive and not self._left:
            self._left = self.orderly = True
            self._owner.link_leaves(self, Cause(Code.N03, "retired"))

    def retire(self) -> None:
        """Ask nothing more on it, and close it when what was asked is answered, or has been given up."""
        if not self.alive or not self.pending:
            self.close()
        elif not self._retiring:
            self.leave()
            self._retiring = True
            self._arm(TIMER_F, self.close)

    def abort(self) -> None:
        """Drop the connection as it is."""
        self._abort(Cause(Code.N03, "closed by us"))

    def probe(self) -> None:
        """Give up on a message that does not come to its end; ask a silent peer for a sign of life (RFC 5626 §4.4.1).

        Who never answers such a ping may still be alive. If his machine is gone the kernel finds out (`tune`), because
        the ping itself has to be acknowledged; if he alone stands still, requests of ours stay without an answer.
        """
        if self._framer.buffered and self.progress == self._stuck_at:
            self._abort(Cause(Code.S01, "a message was begun and not finished"))
            return
        self._stuck_at = self.progress if self._framer.buffered else -1
        self._unanswered += self.pending.forget()
        heard, self._heard = self._heard, False
        if not self.outbound and not self.lent:
            return
        if not heard and self._pinged and (self._answers or self._unanswered):
            self._abort(Cause(Code.N03, "the peer gives no sign of life"))
        elif not heard or not self._learnt:
            self._pinged = self._learnt = True
            self.write(PING)

    @property
    def handshake(self) -> Handshake | None:
        """What the TLS handshake showed, once it is completed."""
        return self._handshake

    def facts(self) -> dict[str, object]:
        """What the log should say of this link."""
        return {
            "partner": ",".join(sorted(self.peer.systems)),
            "direction": "out" if self.outbound else "in",
            "link_id": self.number,
            **{"peer_ip": self.address, "peer_port": self.port},
            "names": ",".join(sorted(self.peer.names)[:10]),
            **shown_by(self._handshake),
        }

    # --- for Twisted ------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        self._wire = cast(Transport, self.transport)
        peer = self._wire.getPeer()
        self.address, self.port = peer.host, peer.port
        self._wire.registerProducer(self, True)
        self._arm(DIALLED if self.outbound else HANDSHAKE, self._too_slow)

    def handshakeCompleted(self) -> None:
        """`IHandshakeListener`: now is the time to look at the certificate."""
        self._disarm()
        if self._cause is not None:
            return
        self._handshake = Handshake.of(self._wire.getHandle())
        self.peer = self._owner.prove(self, self._handshake)
        self._framer = self._owner.framer(self)
        self.alive = True
        if not self.peer.systems:
            cause = Cause(self.peer.fault or Code.A01, "")
            if not self.peer.open:
                self._refused(cause)
            if self.outbound:
                self.close(cause)
                self._failed(cause)
            else:
                self._arm(UNPROVED, self._unproved)
            return
        self._up()

    def dataReceived(self, data: bytes) -> None:
        self._received.append(data)

    def chunk_ended(self) -> None:
        """Everything that one read from the socket brought has been given to `dataReceived`."""
        if self._received:
            data = self._received[0] if len(self._received) == 1 else b"".join(self._received)
            self._received.clear()
            if self.alive:
                self._take(data)

    def pauseProducing(self) -> None:
        """The peer reads more slowly than we write."""
        self.paused = True
        if self._stall is None:
            self._stall = self._clock.callLater(STALLED, self._stalled)

    def resumeProducing(self) -> None:
        """The peer has read again."""
        self.paused = False
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        self.flush()

    def stopProducing(self) -> None:
        """The connection is going away; `connectionLost` follows."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._disarm()
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        self._out.clear()
        young = not self.worked and self._clock.seconds() - self.since < SOON
        cause = self._cause or cause_of(reason, self._wire if young else None)
        done = (self._cause is None and isinstance(reason.value, ConnectionDone)) or self._cause is CLOSED
        if not self._left:
            self.orderly = done and not self.pending
        self._leave(cause)
        if self._announced == "up":
            self._sink.link_event("link.down", code=None if done else cause.code, text=cause.text, **self.facts())
        else:
            self._refused(cause)
        self._owner.link_lost(self)
        if self._handshake is not None:
            self._sink.sip_lost(self)
        self._failed(cause)

    # --- private ----------------------------------------------------------------------------------------

    def _take(self, data: bytes) -> None:
        """Frame one chunk, answer what concerns the connection alone, and pass the rest on in one call."""
        self._heard = self.worked = True
        if self._pinged and data.startswith(PONG):
            self._answers = True
        self._pinged = False
        self._unanswered = 0
        trusted = bool(self.peer.systems)
        if not trusted:
            self._unproved_bytes -= len(data)
            if self._unproved_bytes < 0:
                self._abort(Cause(Code.L04, Code.L04.sentence))
                return
        self._turn.begin()
        try:
            messages: list[Request | Response] = []
            ending: Cause | None = None
            for message in self._framer.feed(data):
                if type(message) is Ping:
                    self.write(PONG)
                    continue
                self.progress += 1
                if type(message) is Garbled:
                    ending = self._garbled(message) or ending
                elif trusted or (trusted := self.peer.open and self._is_discovered(message)):
                    if isinstance(message, Response):
                        self.pending.answered(message)
                    messages.append(message)
                elif isinstance(message, Request) and self._refusals > 0:
                    self._refusals -= 1
                    messages.append(message)
            if messages:
                if self._first and trusted:
                    self._first_of(messages)
                self._sink.sip_received(self, messages)
            if not trusted and self._refusals <= 0:
                ending = Cause(self.peer.fault or Code.A01, "the peer proves nothing that would let it in")
            if ending is not None or (self._retiring and not self.pending):
                self.close(ending)
        finally:
            self._turn.flush()

    def _is_discovered(self, message: Request | Response) -> bool:
        """Whether a stranger is one no more by this request: to be refused is the other thing."""
        if isinstance(message, Request):
            self.peer = self._owner.link_discovered(self, message)
        if self.peer.systems:
            self._disarm()
            self._up()
        return bool(self.peer.systems)

    def _up(self) -> None:
        self._announced = "up"
        self._sink.link_event("link.up", **self.facts())
        self._owner.link_up(self)
        if self._ready is not None:
            ready, self._ready = self._ready, None
            ready.callback(self)

    def _first_of(self, messages: list[Request | Response]) -> None:
        request = next((message for message in messages if isinstance(message, Request)), None)
        if request is not None:
            self._first = False
            self._owner.link_asked(self, request)

    def _refused(self, cause: Cause) -> None:
        if not self._announced:
            self._announced = "refused"
            self._sink.link_event("link.refused", code=cause.code, text=cause.text, **self.facts())

    def _failed(self, cause: Cause) -> None:
        ready, self._ready = self._ready, None
        if ready is not None and not ready.called:
            ready.errback(DialError(cause.code, cause.text))

    def _garbled(self, message: Garbled) -> Cause | None:
        self._sink.link_event("sip.garbled", code=message.code, text=message.text, **self.facts())
        if message.answer is not None:
            self.write(message.answer)
        return Cause(message.code, message.text) if message.close else None

    def _too_slow(self) -> None:
        self._abort(Cause(Code.L04 if not self.outbound else Code.N02, "the TLS handshake took too long"))

    def _unproved(self) -> None:
        self._deadline = None
        self.close(Cause(self.peer.fault or Code.A01, "the peer proves nothing that would let it in"))

    def _stalled(self) -> None:
        self._stall = None
        self._abort(Cause(Code.N03, "the peer does not read what it is sent"))

    def _leave(self, cause: Cause) -> None:
        self.alive = False
        if not self._left:
            self._left = True
            self._owner.link_leaves(self, cause)

    def _abort(self, cause: Cause) -> None:
        self._cause = self._cause or cause
        self._leave(cause)
        self._abort_now()

    def _abort_now(self) -> None:
        self._disarm()
        self._wire.abortConnection()

    def _arm(self, seconds: float, call: Callable[[], None]) -> None:
        self._disarm()
        self._deadline = self._clock.callLater(seconds, call)

    def _disarm(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None
