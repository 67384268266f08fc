"""One XMPP connection: a stream to or from another server, or to a server of ours as its component.

Which of these is decided by the negotiation it is given (`edge.xmpp.negotiation`); the link is what that knows
nothing of: parser, TLS, time and back-pressure. `edge.net.xmpp_pool` makes links, and is told when they are up or gone.
Stanzas come in through an `Inbox`; what is sent goes through an `Outbox`, which answers for it.
"""

from collections.abc import Iterable
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from edge.certificates.contexts import Handshake
from edge.codes import Code
from edge.net.gate import held
from edge.net.links import NUMBERS, Cause, DialError, cause_of
from edge.net.outbox import Outbox
from edge.net.sink import Sink
from edge.net.sip_owner import Transport
from edge.net.tcp import tune
from edge.net.turn import Turn
from edge.net.xmpp_answers import Answers
from edge.net.xmpp_inbox import Inbox
from edge.net.xmpp_owner import NOBODY, Owner
from edge.net.xmpp_security import Security
from edge.net.xmpp_tls import HANDSHAKE, begin_tls
from edge.xmpp.conditions import StreamError
from edge.xmpp.dialback import Dialback
from edge.xmpp.negotiation import (
    Answered,
    Asked,
    Counted,
    DialBack,
    End,
    Managed,
    Negotiation,
    Output,
    Proved,
    Ready,
    Restart,
    StartTLS,
    Unproved,
    Verify,
    Write,
)
from edge.xmpp.stream import Event, StreamParser

NEGOTIATION = 30.0  # seconds until a stream must be authenticated: TLS and four round trips, on a bad day
DIALLED = 10.0  # the same for one that we dial: messages wait for it, and there may be another address
UNPROVED_BYTES = 10_000  # bytes of XML before that; a whole negotiation has 1,500
CLOSING = 5.0  # seconds the far end has to close its side

CLOSED = Cause(Code.N03, "closed by us")


@implementer(IHandshakeListener, IPushProducer)
class XmppLink(Protocol):
    """An XMPP connection. ``peer`` is what its far end proved to be, ``address`` and ``port`` where it is.

    ``ready`` is given for a link we dial: it fires when the stream is of use, or fails with the reason.
    """

    def __init__(
        self,
        clock: IReactorTime,
        owner: Owner,
        sink: Sink,
        turn: Turn,
        negotiation: Negotiation,
        ready: "Deferred[XmppLink] | None" = None,
    ) -> None:
        self.negotiation = negotiation
        self.peer = NOBODY
        self.security = Security()
        self.answer = ""  # what the authoritative server said
        self.address, self.port = "", 0
        self.since, self.number = clock.seconds(), next(NUMBERS)
        self.alive = False  # the stream is authenticated, and nobody has begun to close it
        self.worked = False  # a stanza came, or the answer to a ping
        self.handshake: Handshake | None = None  # what TLS showed, once there is TLS
        self.idle_seconds = float("inf")  # without a stanza, until the stream is closed
        self.orderly = False  # it was ended in good order, by either side: that is nobody's fault
        self.key: object = None  # the owner's own mark
        self._clock, self._owner, self._sink, self._turn = clock, owner, sink, turn
        self.outbox: Outbox | None = None  # where stanzas may go out
        self.inbox = Inbox(clock, owner, sink, self, self._perform)
        self._judged = NOBODY  # by its certificate
        self._writers: list[Outbox | Answers] = []
        self._outbound = ready is not None
        self._ready = ready
        self._parser = StreamParser()
        self._fresh = True  # nothing has come, or nothing since TLS began
        self._encrypted = self._shaking = False  # TLS has begun; its handshake is still going on
        self._received: list[bytes] = []
        self._unproved_bytes = UNPROVED_BYTES
        self._announced = False  # the log knows that it was up
        self._deadline = clock.seconds() + (DIALLED if self._outbound else NEGOTIATION)  # later: of its closing
        self._cause: Cause | None = None  # why it is over

    # --- for the pool and the driver --------------------------------------------------------------------

    def send(self, data: bytes, token: object) -> None:
        """Send a stanza at the end of this turn; ``token`` is taken or unsent later. (None: nobody waits for it.)"""
        if self.alive and self.outbox is not None:
            if data:
                self.outbox.send(data, token)
        elif token is not None:
            self._sink.unsent(token, Code.N03, Code.N03.sentence)

    def give(self, outbox: Outbox) -> None:
        """Stanzas may go out, as soon as the stream is authenticated."""
        self.outbox = outbox
        self._writers.append(outbox)

    def dialled_back(self, question: Dialback, answer: str) -> None:
        """The answer to `edge.net.xmpp_owner.Owner.dial_back`."""
        if self._cause is None:
            self._turn.begin()
            self._perform(self.negotiation.answered(question, answer))
            self._turn.flush()

    def answered(self, ping: str) -> None:
        """`edge.net.xmpp_pings.Pinger`: an answer for this link has come, on whatever link, and can be believed."""
        assert self.outbox is not None, "only who asks is answered"
        taken = self.outbox.answered(ping)
        self._hold()  # what was counted meanwhile
        if taken:
            self.worked = True
            self._owner.pings.taken(self, taken)

    def knock(self) -> str:
        """`edge.net.xmpp_pings.Pinger`: let the peer open its own stream."""
        assert self.outbox is not None, "only who asks waits for an answer"
        return self.outbox.knock()

    def tick(self, now: float) -> None:
        """Time has come: called every second or so by the pool."""
        if self.alive:
            if self.outbox is None or now >= self.outbox.calm_until:
                self._tick_alive(now)
        elif now >= self._deadline:
            if self._cause is not None:
                self._wire.abortConnection()
            elif self.negotiation.served:  # who only wanted to ask about a key
                self._finish()
            else:
                self.fail(Code.X06 if self._outbound else Code.L04, condition="connection-timeout")

    def close(self) -> None:
        """Send what has gathered, then end the stream in good order (RFC 6120 §4.4)."""
        if self.alive:
            if self.outbox is not None:
                self.outbox.flush()
            self._finish()
        elif self._cause is None:
            self.abort()

    def fail(self, code: Code, text: str = "", condition: str = "") -> None:
        """End the stream with an error."""
        if self._shaking:  # there is no stream to say it on
            self.abort(Cause(code, text or code.sentence))
        else:
            self._perform(self.negotiation.fail(code, text, condition))

    def abort(self, cause: Cause | None = None) -> None:
        """Drop the connection as it is."""
        self._retire(cause or CLOSED)
        self._wire.abortConnection()

    def give_up(self) -> None:
        """The dial has no more time; `ready` is told by its owner."""
        self._ready = None
        self.fail(Code.X06, condition="connection-timeout")

    def facts(self) -> dict[str, object]:
        """What the log should say of this link."""
        return {
            "partner": ",".join(sorted(self.peer.systems)),
            "stream": self.negotiation.role,
            "local": self.negotiation.local,
            "remote": self.negotiation.remote,
            "link_id": self.number,
            **{"peer_ip": self.address, "peer_port": self.port},
            **self.security.facts(),
        }

    # --- for Twisted ------------------------------------------------------------------------------------

    def connectionMade(self) -> None:
        self._wire = cast(Transport, self.transport)
        tune(self._wire)
        peer = self._wire.getPeer()
        self.address, self.port = peer.host, peer.port
        self._perform(self.negotiation.start())

    def handshakeCompleted(self) -> None:
        """`IHandshakeListener`: whose certificate it is can now be asked."""
        self._shaking = False
        if self._cause is None:
            self.handshake = Handshake.of(self._wire.getHandle())
            self.security = Security.of(self.handshake)
            self._perform(self.negotiation.secured())

    def dataReceived(self, data: bytes) -> None:
        if self._encrypted:
            self._received.append(data)
        elif self._fresh and not self._outbound and data[:1] == HANDSHAKE:
            self._perform(self.negotiation.direct())
            cast(Protocol, self._wire).dataReceived(data)
        else:
            self._fresh = False
            self._take(data)

    def chunk_ended(self) -> None:
        """Everything that one read from the socket brought has been given to `dataReceived`."""
        if self._received:
            received, self._received, self._fresh = self._received, [], False
            self._take(b"".join(received))

    def pauseProducing(self) -> None:
        """The peer reads more slowly than we write."""
        for writer in self._writers:
            writer.pause()

    def resumeProducing(self) -> None:
        """The peer has read again."""
        for writer in self._writers:
            writer.resume()

    def stopProducing(self) -> None:
        """The connection is going away; `connectionLost` follows."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        cause = self._retire(cause_of(reason, self._wire if self._fresh else None))
        self._parser.reset()
        name = "link.down" if self._announced else "link.refused"
        if self._announced or not self.orderly:
            self._sink.link_event(name, code=None if self.orderly else cause.code, text=cause.text, **self.facts())
        self._owner.link_lost(self, cause)
        self._give_up_tokens(cause)

    # --- what comes in ----------------------------------------------------------------------------------

    def _take(self, data: bytes) -> None:
        """Parse one chunk and act on all of it; what that causes is written at the end."""
        if self.negotiation.ended:
            return
        self._unproved_bytes -= 0 if self.negotiation.ready else len(data)
        if self._unproved_bytes < 0:
            self.fail(Code.L04)
            return
        self._turn.begin()
        try:
            self._parse(data)
        finally:
            self._turn.flush()

    def _parse(self, data: bytes) -> None:
        try:
            try:
                self.inbox.follow(self._parser.feed(data))
            except StreamError as error:
                self.inbox.follow(cast("Iterable[Event]", error.events))
                raise
        except StreamError as error:
            too_much = error.code is Code.X03 and not self.negotiation.ready
            self.fail(Code.L04 if too_much else error.code, str(error), error.condition)

    # --- what the negotiation wants ---------------------------------------------------------------------

    def _perform(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Write):
                self._wire.write(output.data)
            elif isinstance(output, Restart):
                self._parser.reset()
            elif isinstance(output, StartTLS):
                self._shaking = self._encrypted = self._fresh = True
                self._wire = begin_tls(self._wire, self, self._owner.creator(self), self._outbound, self._clock)
            elif isinstance(output, Verify):
                self._judge(output)
            elif isinstance(output, DialBack):
                self._owner.dial_back(self, output.question)
            elif isinstance(output, Answered):
                self.answer = output.answer
                self._tell_ready()
            elif isinstance(output, Unproved):
                self._sink.link_event("auth.failed", code=output.code, text=output.text, **self.facts())
            elif isinstance(output, Proved):
                self.security.proofs[output.remote, output.local] = output.how
                self.peer = self._owner.proved(self, self._judged, output)
            elif isinstance(output, Ready):
                self._be_ready()
            elif isinstance(output, Managed):
                answers = self.inbox.answers = Answers(self._clock, self._turn, self._wire, self.negotiation)
                self._writers.append(answers)
            elif isinstance(output, Asked) and self.inbox.answers is not None:
                self.inbox.answers.asked()
            elif isinstance(output, Counted):
                self._count(output.h)
            elif isinstance(output, End):
                self._be_ended(output)

    def _judge(self, claim: Verify) -> None:
        assert self.handshake is not None, "names are judged behind TLS only"
        held(self._wire, self._owner.waiting(self, claim, self.handshake), lambda: self._judge_now(claim))

    def _judge_now(self, claim: Verify) -> None:
        if self._cause is not None or self.handshake is None:
            return
        verdict = self._owner.judge(self, claim, self.handshake)
        self._judged = verdict.peer
        self.security.fault, self.security.proof = verdict.peer.fault, verdict.proof
        self.peer = self.peer if verdict.peer.fault is None else verdict.peer
        self._perform(self.negotiation.verified(verdict.peer.fault, verdict.allowed))

    def _be_ready(self) -> None:
        self._parser.raise_limit(self._owner.link_ready(self))
        self._wire.registerProducer(self, True)
        if self.outbox is not None:
            managed = self._outbound and self.inbox.answers is not None
            self.outbox.open(self._wire, self.negotiation.local, self.negotiation.remote, managed)
        self.alive = self._announced = True
        self.inbox.heard = self._clock.seconds()
        self._sink.link_event("link.up", **self.facts())
        self._tell_ready()
        self._owner.link_opened(self)

    def _tell_ready(self) -> None:
        ready, self._ready = self._ready, None
        if ready is not None:
            ready.callback(self)

    def _count(self, h: int) -> None:
        """The peer has counted stanzas of ours."""
        if not self._outbound and (self.outbox is not None or not h):
            return  # what goes back on a stream that came in is asked about by pings, and counted in vain
        if self.outbox is None:
            self._perform(self.negotiation.overclaimed(h, 0))
        elif not self.outbox.counted(h):
            self._perform(self.negotiation.overclaimed(h, self.outbox.count))
        self._hold()

    def _hold(self) -> None:
        if self.outbox is not None and self.outbox.proved and self._owner.pings.counted(self):
            self.outbox.hold()

    def _finish(self) -> None:
        self.orderly = True
        self._deadline = self._clock.seconds() + CLOSING
        self._perform(self.negotiation.finish())
        self._retire(CLOSED)

    def _be_ended(self, end: End) -> None:
        self.orderly = self.orderly or (end.code is None and self._cause is None)
        cause = self._retire(Cause(end.code or Code.N03, end.text or "the peer closed the stream"))
        if self._announced:
            self._wire.unregisterProducer()
        self._wire.loseConnection()
        self._deadline = self._clock.seconds() + CLOSING
        if not self.orderly:  # else what is out may still be answered, until the connection is gone
            self._give_up_tokens(cause)

    def _give_up_tokens(self, cause: Cause) -> None:
        if self.outbox is not None:
            code = Code.M02 if cause.code is Code.M02 else Code.N03
            for token in self.outbox.drain():
                self._sink.unsent(token, code, cause.text)

    def _retire(self, cause: Cause) -> Cause:
        """Nothing more goes out on this link, or ever will. Returns why: the first reason counts."""
        if self._cause is None:
            self._cause = cause
        if self.alive:
            self.alive = False
            for writer in self._writers:
                writer.close()
            self._owner.link_closing(self, self._cause)
        ready, self._ready = self._ready, None
        if ready is not None and not ready.called:
            ready.errback(DialError(self._cause.code, self._cause.text))
        return self._cause

    def _tick_alive(self, now: float) -> None:
        outbox = self.outbox
        if outbox is None:
            if now - self.inbox.heard >= self.idle_seconds:
                self.close()
        elif outbox.stalled(now):
            self.abort(Cause(Code.N03, "the peer does not read what it is sent"))
        elif outbox.overdue(now):
            self.fail(Code.M02)
        elif now - max(self.inbox.heard, outbox.used) >= self.idle_seconds:
            self.close()
        else:
            outbox.rest(now, max(self.inbox.heard, outbox.used) + self.idle_seconds)
