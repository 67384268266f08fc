"""TLS under a link: a read from the socket is one chunk, and what is written leaves at once."""

import contextlib
from collections.abc import Callable

from OpenSSL import SSL
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from edge.certificates.contexts import Contexts
from edge.net.tls import ChunkwiseTLSFactory
from tests.net.loopback import EDGE, identity


class Link(Protocol):
    """Remembers what it received between two ends of chunks."""

    def __init__(self) -> None:
        self.chunks: list[list[bytes]] = [[]]

    def dataReceived(self, data: bytes) -> None:
        self.chunks[-1].append(data)

    def chunk_ended(self) -> None:
        self.chunks.append([])


class Links(Factory[Link]):
    def __init__(self, build: Callable[[], Link | None]) -> None:
        self._build = build

    def buildProtocol(self, addr: IAddress | None) -> Link | None:
        return self._build()


def tls_factory(build: Callable[[], Link | None]) -> ChunkwiseTLSFactory:
    return ChunkwiseTLSFactory(Contexts(identity(EDGE), None, []).accepting(), False, Links(build), Clock())


class Far:
    """The other end of the TLS connection, a step at a time."""

    def __init__(self, factory: ChunkwiseTLSFactory) -> None:
        near = factory.buildProtocol(None)
        assert near is not None
        self.near, self.transport = near, StringTransport()
        near.makeConnection(self.transport)
        self.tls = SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)
        self.tls.set_connect_state()
        for _ in range(4):
            with contextlib.suppress(SSL.WantReadError):
                self.tls.do_handshake()
            self.deliver()

    def deliver(self) -> None:
        """Carry what lies in the buffers, each way in one read."""
        with contextlib.suppress(SSL.WantReadError):
            self.near.dataReceived(self.tls.bio_read(1 << 16))
        if waiting := self.transport.value():
            self.transport.clear()
            self.tls.bio_write(waiting)


def test_link_is_told_the_end_of_a_read_once_however_many_records_it_brings() -> None:
    link = Link()
    far = Far(tls_factory(lambda: link))
    link.chunks[:] = [[]]
    for text in (b"one", b"two", b"three"):
        far.tls.send(text)
    far.deliver()
    assert link.chunks == [[b"one", b"two", b"three"], []]


def test_write_leaves_at_once_without_a_timer() -> None:
    link = Link()
    far = Far(tls_factory(lambda: link))
    assert link.transport is not None
    link.transport.write(b"now")
    assert far.transport.value() != b""
    far.deliver()
    assert far.tls.recv(100) == b"now"


def test_factory_that_declines_a_connection_makes_none() -> None:
    assert tls_factory(lambda: None).buildProtocol(None) is None
