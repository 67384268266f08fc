"""TLS between a TCP connection and a link, a whole chunk at a time.

`edge.net.sip_pool` wraps its factories in `ChunkwiseTLSFactory`, `edge.net.xmpp_link` puts a `ChunkwiseTLS` under
itself at STARTTLS.
"""

from collections.abc import Callable
from typing import cast

from twisted.internet.interfaces import IAddress, IProtocol, ITCPTransport
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure

from edge.net.gate import Chunkwise, Pausable, Wire, stands_before
from edge.net.pace import Pace
from edge.net.tcp import tune
from edge.net.tls_hello import LONGEST


class ChunkwiseTLS(TLSMemoryBIOProtocol):
    """TLS that tells the link where one read from the socket ends, and writes at once.

    A read brings many TLS records, and Twisted hands each of them over on its own; and its usual TLS transport gathers
    writes by a timer, which `Turn` has done already.
    """

    _pace: Pace | None = None  # while there is a handshake that has to keep to it
    _known = False
    _waiting: list[bytes] | None = None  # what was read, while it is not this one's turn
    _unread = False  # and nothing more is read meanwhile
    hello: bytes | None = b""  # what the far end said first, while the handshake goes on (`edge.net.tls_hello`)

    def keep_to(self, pace: Pace, known: bool) -> None:
        """Shake hands at this pace; ``known``: before all strangers."""
        self._pace, self._known = pace, known

    def makeConnection(self, transport: object) -> None:
        tune(transport)
        super().makeConnection(transport)  # type: ignore[no-untyped-call]  # so Twisted has it
        if self.wrappedProtocol is not None:
            stands_before(cast(Wire, self), self.wrappedProtocol)

    def dataReceived(self, data: bytes) -> None:
        if self._pace is None:
            self._take(data)
        elif self._waiting is not None:
            self._waiting.append(data)
        else:
            self._waiting = [data]
            self._pace.do(self._step, self._known)
            if self._waiting is not None:
                self._unread = True
                cast(Pausable, self.transport).pauseProducing()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]  # Twisted always gives one
        self._waiting = None
        super().connectionLost(reason)  # type: ignore[no-untyped-call]  # so Twisted has it

    def _tlsShutdownFinished(self, reason: Failure | None) -> None:
        """Twisted's own, with a failure that holds no frames: these hold it, and with it 60 kB until they are found."""
        if reason is not None:
            reason.cleanFailure()  # type: ignore[no-untyped-call]  # so Twisted has it
        super()._tlsShutdownFinished(reason)  # type: ignore[no-untyped-call]  # so Twisted has it

    def _step(self) -> bool:
        """Its turn has come: go on with the handshake."""
        waiting, self._waiting = self._waiting, None
        if waiting is None or self._aborted:
            return False
        if self._unread:
            self._unread = False
            cast(Pausable, self.transport).resumeProducing()
        try:
            self._take(b"".join(waiting))
        except BaseException:  # Twisted sees only what fails while it reads
            cast(ITCPTransport, self.transport).abortConnection()
            raise
        if self._handshakeDone:
            self._pace = None
        return True

    def _take(self, data: bytes) -> None:
        if self.hello is not None:
            self.hello = None if self._handshakeDone else (self.hello + data)[:LONGEST]
        super().dataReceived(data)  # type: ignore[no-untyped-call]  # so Twisted has it
        link = self.wrappedProtocol
        if link is not None:
            cast(Chunkwise, link).chunk_ended()


class ChunkwiseTLSFactory(TLSMemoryBIOFactory):
    """Puts `ChunkwiseTLS` around the links of a factory; one that declines a connection closes it."""

    protocol = ChunkwiseTLS
    pace: Pace | None = None  # of the handshakes of those who come to us
    knows: Callable[[str], bool] = staticmethod(bool)  # whether an address is that of a partner

    def buildProtocol(self, addr: IAddress | None) -> TLSMemoryBIOProtocol | None:  # type: ignore[override]
        # WrappingFactory narrows what IProtocolFactory allows: None for "no, thank you"
        link: IProtocol | None = self.wrappedFactory.buildProtocol(addr)
        if link is None:
            return None
        tls = ChunkwiseTLS(self, link)  # type: ignore[no-untyped-call]  # so Twisted has it
        if self.pace is not None:
            tls.keep_to(self.pace, self.knows(getattr(addr, "host", "")))
        return tls
