"""One XMPP connection: a stream to or from another server, or to a server of ours as its component.

Which of the three is decided by the negotiation it is given (`edge.xmpp.negotiation`); the link is what that knows
nothing of: parser, TLS, time and back-pressure. `edge.net.xmpp_pool` makes links, judges who the far end is, and is
told when they are up or gone. Stanzas go to the `Sink`, those of one chunk together, and only from an authenticated
stream; what is sent goes through an `Outbox`, which answers for it.
"""

from collections.abc import Iterable
from typing import Protocol as Interface
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener, IProtocolFactory, IPushProducer, IReactorTime
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from edge.certificates.contexts import Accepting, Dialling, Handshake
from edge.codes import Code
from edge.domains import Domain
from edge.net.links import Cause, DialError, cause_of
from edge.net.outbox import Outbox
from edge.net.sink import Sink
from edge.net.sip_link import Transport
from edge.net.tcp import tune
from edge.net.tls import ChunkwiseTLS
from edge.net.turn import Turn
from edge.net.xmpp_pings import Pings
from edge.partners import Peer
from edge.xmpp.conditions import StreamError
from edge.xmpp.element import Element
from edge.xmpp.negotiation import SERVER, End, Negotiation, Output, Ready, Restart, StartTLS, Verify, Write
from edge.xmpp.screening import Misaddressed, screen
from edge.xmpp.stanzas import Iq, Stanza
from edge.xmpp.stream import Event, StreamParser

NEGOTIATION = 30.0  # seconds until a stream must be authenticated: TLS and four round trips, on a bad day
DIALLED = 10.0  # the same for one that we dial: messages wait for it, and there may be another address
UNPROVED_BYTES = 10_000  # bytes of XML before that; a whole negotiation has 1,500
CLOSING = 5.0  # seconds the far end has to close its side
IDLE = 600.0  # seconds without a stanza after which a stream between servers is closed; the next one opens another
KEEP_ALIVE = 60.0  # seconds of our silence; less than what firewalls commonly remember a connection

STANZAS = frozenset(("message", "presence", "iq"))
ANSWERS = frozenset(("result", "error"))
CLOSED = Cause(Code.N03, "closed by us")
NOBODY = Peer("xmpp", frozenset(), frozenset(), Code.X04)  # who the far end is before it has proved anything


class Switchable(Transport, Interface):
    """A connection under which the protocol can be exchanged, as TCP has it."""

    protocol: object


class Owner(Interface):
    """Who keeps the links, and knows our partners."""

    pings: Pings

    def creator(self, link: "XmppLink") -> Accepting | Dialling:
        """What makes the TLS connection."""

    def judge(self, link: "XmppLink", claim: Verify, handshake: Handshake) -> Peer:
        """Say who the far end is; its fault, if any, is why it is refused."""

    def link_ready(self, link: "XmppLink") -> int:
        """The stream is authenticated. Returns how many octets a stanza may have."""

    def link_closing(self, link: "XmppLink", cause: Cause) -> None:
        """Nothing more can be sent on this link."""

    def link_lost(self, link: "XmppLink", cause: Cause) -> None:
        """The connection is gone, or never came up."""

    def send(self, sender: Domain, recipient: Domain, data: bytes, token: object | None) -> None:
        """Send a stanza on whatever link is right."""


@implementer(IHandshakeListener, IPushProducer)
class XmppLink(Protocol):
    """An XMPP connection. ``peer`` is what its far end proved to be, ``address`` and ``port`` where it is.

    ``ready`` is given for a link we dial: it fires when the stream is authenticated, or fails with the reason.
    """

    def __init__(
        self,
        clock: IReactorTime,
        owner: Owner,
        sink: Sink,
        turn: Turn,
        negotiation: Negotiation,
        outbox: Outbox | None = None,
        ready: "Deferred[XmppLink] | None" = None,
    ) -> None:
        self.negotiation = negotiation
        self.peer = NOBODY
        self.address = ""
        self.port = 0
        self.alive = False  # the stream is authenticated, and nobody has begun to close it
        self.worked = False  # a stanza came, or the answer to a ping
        self.handshake: Handshake | None = None  # what TLS showed, once there is TLS
        self.orderly = False  # it was ended in good order, by either side: that is nobody's fault
        self.key: object = None  # the owner's own mark
        self._clock = clock
        self._owner = owner
        self._sink = sink
        self._turn = turn
        self._outbox = outbox
        self._outbound = ready is not None
        self._ready = ready
        self._parser = StreamParser()
        self._encrypted = False
        self._shaking = False  # a TLS handshake is going on
        self._received: list[bytes] = []
        self._unproved_bytes = UNPROVED_BYTES
        self._announced = False  # the log knows that it was up
        self._heard = clock.seconds()  # when a stanza came
        self._deadline = clock.seconds() + (DIALLED if self._outbound else NEGOTIATION)  # later: of its closing
        self._cause: Cause | None = None  # why it is over

    # --- for the pool and the driver --------------------------------------------------------------------

    def send(self, data: bytes, token: object) -> None:
        """Send a stanza at the end of this turn; ``token`` is taken or unsent later. (None: nobody waits for it.)"""
        if self.alive and self._outbox is not None:
            if data:
                self._outbox.send(data, token)
        elif token is not None:
            self._sink.unsent(token, Code.N03, Code.N03.sentence)

    def answered(self, ping: str) -> None:
        """`edge.net.xmpp_pings.Pinger`: the answer to a ping of this link has come, on whatever link."""
        taken = self._outbox.answered(ping) if self._outbox is not None else None
        if taken:
            self.worked = True
            self._sink.taken(taken)

    def tick(self, now: float) -> None:
        """Time has come: called every second or so by the pool."""
        if self.alive:
            self._tick_alive(now)
        elif now >= self._deadline:
            if self._cause is None:
                self.fail(Code.X06 if self._outbound else Code.L04, condition="connection-timeout")
            else:
                self._wire.abortConnection()

    def close(self) -> None:
        """Send what has gathered, then end the stream in good order (RFC 6120 §4.4)."""
        if self.alive:
            if self._outbox is not None:
                self._outbox.flush()
            self.orderly = True
            self._deadline = self._clock.seconds() + CLOSING
            self._perform(self.negotiation.finish())
            self._retire(CLOSED)
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
            "peer_ip": self.address,
            "peer_port": self.port,
            "tls_version": self.handshake.tls_version if self.handshake else "",
            "cipher": self.handshake.cipher if self.handshake else "",
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
            self._perform(self.negotiation.secured())

    def dataReceived(self, data: bytes) -> None:
        if self._encrypted:
            self._received.append(data)
        else:
            self._take(data)

    def chunk_ended(self) -> None:
        """Everything that one read from the socket brought has been given to `dataReceived`."""
        if self._received:
            data = self._received[0] if len(self._received) == 1 else b"".join(self._received)
            self._received.clear()
            self._take(data)

    def pauseProducing(self) -> None:
        """The peer reads more slowly than we write."""
        if self._outbox is not None:
            self._outbox.pause()

    def resumeProducing(self) -> None:
        """The peer has read again."""
        if self._outbox is not None:
            self._outbox.resume()

    def stopProducing(self) -> None:
        """The connection is going away; `connectionLost` follows."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        cause = self._retire(cause_of(reason))
        self._parser.reset()
        name = "link.down" if self._announced else "link.refused"
        self._sink.link_event(name, code=None if self.orderly else cause.code, text=cause.text, **self.facts())
        self._owner.link_lost(self, cause)
        self._give_up_tokens(cause)

    # --- what comes in ----------------------------------------------------------------------------------

    def _take(self, data: bytes) -> None:
        """Parse one chunk and act on all of it; what that causes is written at the end."""
        if self.negotiation.ended:
            return
        if not self.negotiation.ready:
            self._unproved_bytes -= len(data)
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
                self._follow(self._parser.feed(data))
            except StreamError as error:
                self._follow(cast("Iterable[Event]", error.events))
                raise
        except StreamError as error:
            too_much = error.code is Code.X03 and not self.negotiation.ready
            self.fail(Code.L04 if too_much else error.code, str(error), error.condition)

    def _follow(self, events: Iterable[Event]) -> None:
        """Events in their order: stanzas are gathered, everything else is a matter of the stream itself."""
        negotiation = self.negotiation
        stanzas: list[Stanza] = []
        try:
            for event in events:
                if type(event) is Element and negotiation.ready and negotiation.receives and event.name in STANZAS:
                    stanza = screen(negotiation, event)
                    if isinstance(stanza, Misaddressed):
                        self._give_back(stanza)
                        continue
                    if negotiation.namespace != SERVER:
                        self._owner.pings.heard(self, stanza)
                    if type(stanza) is Iq and stanza.type in ANSWERS:
                        settle = self._owner.pings.answer(self, stanza)
                        if settle is not None:
                            # what came before may be the failure of a stanza that the ping stands behind
                            self._deliver(stanzas)
                            settle()
                            continue
                    stanzas.append(stanza)
                else:
                    self._deliver(stanzas)
                    self._perform(negotiation.receive(event))
                    if negotiation.ended:
                        return
        finally:
            self._deliver(stanzas)

    def _deliver(self, stanzas: list[Stanza]) -> None:
        if stanzas:
            self.worked = True
            self._heard = self._clock.seconds()
            self._sink.stanzas_received(self, stanzas[:])
            stanzas.clear()

    def _give_back(self, stanza: Misaddressed) -> None:
        self._sink.link_event("stanza.refused", code=Code.S08, **self.facts())
        if stanza.answer:
            self._owner.send(stanza.recipient, stanza.sender, stanza.answer, None)

    # --- what the negotiation wants ---------------------------------------------------------------------

    def _perform(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Write):
                self._wire.write(output.data)
            elif isinstance(output, Restart):
                self._parser.reset()
            elif isinstance(output, StartTLS):
                self._start_tls()
            elif isinstance(output, Verify):
                assert self.handshake is not None, "names are judged behind TLS only"
                self.peer = self._owner.judge(self, output, self.handshake)
                self._perform(self.negotiation.verified(self.peer.fault))
            elif isinstance(output, Ready):
                self._be_ready()
            elif isinstance(output, End):
                self._be_ended(output)

    def _start_tls(self) -> None:
        """Put TLS between TCP and this protocol (RFC 6120 §5.4.3); from now on it is our transport."""
        tcp = cast(Switchable, self._wire)
        nobody = cast(IProtocolFactory, Factory())  # the protocol under it is there already
        factory = TLSMemoryBIOFactory(self._owner.creator(self), self._outbound, nobody, self._clock)
        tls = ChunkwiseTLS(factory, self, False)  # type: ignore[no-untyped-call]  # so Twisted has it
        self._shaking = self._encrypted = True
        self._wire = cast(Transport, tls)
        tcp.protocol = tls
        tls.makeConnection(tcp)

    def _be_ready(self) -> None:
        self._parser.raise_limit(self._owner.link_ready(self))
        self._wire.registerProducer(self, True)
        if self._outbox is not None:
            self._outbox.open(self._wire, self.negotiation.local, self.negotiation.remote)
        self.alive = self._announced = True
        self._heard = self._clock.seconds()
        self._sink.link_event("link.up", **self.facts())
        ready, self._ready = self._ready, None
        if ready is not None:
            ready.callback(self)

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
        if self._outbox is not None:
            code = Code.M02 if cause.code is Code.M02 else Code.N03
            for token in self._outbox.drain():
                self._sink.unsent(token, code, cause.text)

    def _retire(self, cause: Cause) -> Cause:
        """Nothing more goes out on this link, or ever will. Returns why: the first reason counts."""
        if self._cause is None:
            self._cause = cause
        if self.alive:
            self.alive = False
            if self._outbox is not None:
                self._outbox.close()
            self._owner.link_closing(self, self._cause)
        ready, self._ready = self._ready, None
        if ready is not None and not ready.called:
            ready.errback(DialError(self._cause.code, self._cause.text))
        return self._cause

    def _tick_alive(self, now: float) -> None:
        outbox = self._outbox
        if outbox is None:
            if now - self._heard >= IDLE:
                self.close()
        elif outbox.stalled(now):
            self.abort(Cause(Code.N03, "the peer does not read what it is sent"))
        elif outbox.overdue(now):
            self.fail(Code.M02)
        elif self.negotiation.namespace == SERVER and now - max(self._heard, outbox.used) >= IDLE:
            self.close()
        elif now - outbox.wrote >= KEEP_ALIVE:
            outbox.keep_alive(now)
