"""TLS under a link: a read from the socket is one chunk, and what is written leaves at once."""

import contextlib
from collections.abc import Callable

import pytest
from OpenSSL import SSL
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from edge.certificates.contexts import Contexts
from edge.net.pace import AT_ONCE, Pace
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


def busy() -> tuple[Clock, Pace]:
    """A pace at which others wait already."""
    clock = Clock()
    pace = Pace(clock)
    for _ in range(AT_ONCE):
        pace.do(lambda: True, False)
    return clock, pace


def test_handshake_waits_for_its_turn_and_nothing_is_read_meanwhile() -> None:
    link = Link()
    factory = tls_factory(lambda: link)
    clock, factory.pace = busy()
    far = Far(factory)
    assert far.transport.producerState == "paused" and far.transport.value() == b""
    for _ in range(10):
        clock.advance(0.01)
        far.deliver()
        with contextlib.suppress(SSL.WantReadError):
            far.tls.do_handshake()
    assert far.transport.producerState == "producing"
    far.tls.send(b"at last")
    far.deliver()
    assert link.chunks[-2] == [b"at last"]


def test_link_that_is_established_does_not_wait() -> None:
    link = Link()
    factory = tls_factory(lambda: link)
    clock = Clock()
    factory.pace = Pace(clock)
    far = Far(factory)
    for _ in range(2 * AT_ONCE):
        factory.pace.do(lambda: True, False)
    far.tls.send(b"at once")
    far.deliver()
    assert link.chunks[-2] == [b"at once"]


def test_handshake_of_a_connection_that_is_gone_is_forgotten() -> None:
    factory = tls_factory(Link)
    clock, factory.pace = busy()
    far = Far(factory)
    far.near.connectionLost(Failure(ConnectionDone()))
    clock.advance(1)
    assert not clock.getDelayedCalls()


def test_connection_whose_handshake_fails_for_a_bug_is_dropped() -> None:
    factory = tls_factory(Link)
    clock, factory.pace = busy()
    far = Far(factory)

    def fails() -> None:
        raise ZeroDivisionError

    far.near._checkHandshakeStatus = fails  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        clock.advance(1)
    assert far.transport.disconnecting or far.transport.disconnected


def test_partners_are_known_by_their_address() -> None:
    factory = tls_factory(Link)
    asked: list[str] = []
    factory.pace = Pace(Clock())
    factory.knows = lambda host: bool(asked.append(host))
    factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 40000))
    assert asked == ["192.0.2.1"]
