"""TLS between a TCP connection and a link, a whole chunk at a time.

`edge.net.sip_pool` wraps its factories in `ChunkwiseTLSFactory`, `edge.net.xmpp_link` puts a `ChunkwiseTLS` under
itself at STARTTLS.
"""

from typing import cast

from twisted.internet.interfaces import IAddress, IProtocol
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol

from edge.net.gate import Chunkwise, Wire, stands_before
from edge.net.tcp import tune


class ChunkwiseTLS(TLSMemoryBIOProtocol):
    """TLS that tells the link where one read from the socket ends, and writes at once.

    A read brings many TLS records, and Twisted hands each of them over on its own; and its usual TLS transport gathers
    writes by a timer, which `Turn` has done already.
    """

    def makeConnection(self, transport: object) -> None:
        tune(transport)
        super().makeConnection(transport)  # type: ignore[no-untyped-call]  # so Twisted has it
        if self.wrappedProtocol is not None:
            stands_before(cast(Wire, self), self.wrappedProtocol)

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)  # type: ignore[no-untyped-call]  # so Twisted has it
        link = self.wrappedProtocol
        if link is not None:
            cast(Chunkwise, link).chunk_ended()


class ChunkwiseTLSFactory(TLSMemoryBIOFactory):
    """Puts `ChunkwiseTLS` around the links of a factory; one that declines a connection closes it."""

    protocol = ChunkwiseTLS

    def buildProtocol(self, addr: IAddress | None) -> TLSMemoryBIOProtocol | None:  # type: ignore[override]
        # WrappingFactory narrows what IProtocolFactory allows: None for "no, thank you"
        link: IProtocol | None = self.wrappedFactory.buildProtocol(addr)
        return None if link is None else ChunkwiseTLS(self, link)  # type: ignore[no-untyped-call]  # as above
