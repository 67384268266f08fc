"""Between the end of a TLS handshake and the verdict: the link hears of neither until what the verdict needs is known.

`edge.net.tls` puts a `Gate` before a link whose connection may have to wait (`Recorded.waiting`: it is asked whether a
certificate was revoked), and the gate takes itself away when it opens. Nothing is read from the socket meanwhile.
"""

from collections.abc import Callable
from typing import Protocol, cast

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IHandshakeListener, IProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from edge.certificates.handshake import Handshake, Recorded


class Chunkwise(Protocol):
    """A link that wants to know where a chunk ends."""

    def chunk_ended(self) -> None:
        """Everything that one read from the socket brought has been handed over."""


class Wire(Protocol):
    """What a gate needs of the TLS transport: Twisted's `TLSMemoryBIOProtocol` has it."""

    wrappedProtocol: object
    transport: "Pausable"

    def getHandle(self) -> SSL.Connection: ...


class Pausable(Protocol):
    """A TCP connection that can be left unread."""

    def pauseProducing(self) -> None: ...
    def resumeProducing(self) -> None: ...


@implementer(IHandshakeListener)
class Gate:
    """Stands in the place of ``link`` until the handshake is done and its verdict can be given."""

    def __init__(self, wire: Wire, link: IProtocol) -> None:
        self._wire, self._link = wire, link
        self._received: list[bytes] = []  # what came in one read with the end of the handshake
        self._gone = False

    def handshakeCompleted(self) -> None:
        """`IHandshakeListener`"""
        connection = self._wire.getHandle()
        waiting = None
        if isinstance(connection, Recorded) and connection.waiting is not None:
            waiting = connection.waiting(Handshake.of(connection))
        if waiting is None:
            self._open()
        else:
            self._wire.transport.pauseProducing()
            waiting.addCallback(self._known)

    def dataReceived(self, data: bytes) -> None:
        self._received.append(data)

    def chunk_ended(self) -> None:
        """The link will hear of it later."""

    def connectionLost(self, reason: Failure) -> None:
        self._gone = True
        self._link.connectionLost(reason)

    def _known(self, nothing: None) -> None:
        if not self._gone:
            self._open()
            self._wire.transport.resumeProducing()

    def _open(self) -> None:
        self._wire.wrappedProtocol = self._link
        if IHandshakeListener.providedBy(self._link):
            cast(IHandshakeListener, self._link).handshakeCompleted()
        if self._received:
            for data in self._received:
                self._link.dataReceived(data)
            cast(Chunkwise, self._link).chunk_ended()


def held(wire: object, waiting: "Deferred[None] | None", go_on: Callable[[], None]) -> None:
    """Do it when ``waiting`` fires, with nothing read from ``wire`` meanwhile; at once if there is nothing to wait for.

    The link has to see that it is not over by then.
    """
    if waiting is None:
        go_on()
        return
    tcp = cast(Wire, wire).transport
    tcp.pauseProducing()

    def fired(nothing: None) -> None:
        go_on()
        tcp.resumeProducing()

    waiting.addCallback(fired)


def stands_before(wire: Wire, link: IProtocol) -> bool:
    """Put a gate before ``link`` if the verdict on this connection may have to wait."""
    connection = wire.getHandle()
    if not isinstance(connection, Recorded) or connection.waiting is None:
        return False
    wire.wrappedProtocol = Gate(wire, link)
    return True
