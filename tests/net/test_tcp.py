"""TCP: both families of a port, dead peers found, and bytes that leave at once and in order."""

import socket

import pytest
from twisted.internet import error
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorSocket
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.tcp import Port
from twisted.trial.unittest import TestCase

from edge.net import tcp


class Gathering(Protocol):
    """Keeps what it receives, and says when that is enough."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.enough = 0
        self.done: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        if self.enough and len(self.received) >= self.enough and not self.done.called:
            self.done.callback(None)


class Sockets(TestCase):
    """Listening and tuning, on loopback."""

    async def test_listen_takes_both_families_of_one_port(self) -> None:
        from twisted.internet import reactor

        assert IReactorSocket.providedBy(reactor)
        factory = Factory.forProtocol(Protocol)
        four = tcp.listen(reactor, "127.0.0.1", 0, factory)
        self.addCleanup(four.stopListening)
        port = four.getHost().port
        six = tcp.listen(reactor, "::", port, factory)
        self.addCleanup(six.stopListening)
        with pytest.raises(error.CannotListenError, match="in use"):
            tcp.listen(reactor, "127.0.0.1", port, factory)

    async def test_listen_accepts_a_few_at_a_time(self) -> None:
        from twisted.internet import reactor

        accepted: list[int] = []
        factory = Factory.forProtocol(Protocol)
        listening = tcp.listen(reactor, "127.0.0.1", 0, factory)
        assert isinstance(listening, Port)
        waiting = [socket.create_connection(("127.0.0.1", listening.getHost().port)) for _ in range(3 * tcp.ACCEPTED)]
        before = listening.sessionno
        while sum(accepted) < len(waiting):
            listening.doRead()
            accepted.append(listening.sessionno - before)
            before = listening.sessionno
        assert max(accepted) <= tcp.ACCEPTED
        for each in waiting:
            each.close()
        await tcp.stopped(listening)

    async def test_tune_sets_what_finds_dead_peers(self) -> None:
        from twisted.internet import reactor
        from twisted.internet.endpoints import TCP4ClientEndpoint

        listening = tcp.listen(reactor, "127.0.0.1", 0, Factory.forProtocol(Protocol))
        self.addCleanup(listening.stopListening)
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", listening.getHost().port)
        made = await endpoint.connect(Factory.forProtocol(Protocol))
        tcp.tune(made.transport)
        opened = made.transport.getHandle()
        assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == tcp.UNACKNOWLEDGED
        probes = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        assert tuple(opened.getsockopt(socket.IPPROTO_TCP, each) for each in probes) == tcp.QUIET
        made.transport.loseConnection()

    def test_peer_that_vanishes_is_noticed_within_two_minutes(self) -> None:
        """Also when we write nothing: who shows as online must be there."""
        idle, interval, count = tcp.QUIET
        assert idle + interval * count <= 120 and tcp.UNACKNOWLEDGED <= 60_000

    def test_tune_leaves_alone_what_is_no_socket(self) -> None:
        tcp.tune(object())

    async def test_write_keeps_the_order_when_the_kernel_takes_only_a_part(self) -> None:
        from twisted.internet import reactor
        from twisted.internet.endpoints import TCP4ClientEndpoint

        there = Gathering()
        listening = tcp.listen(reactor, "127.0.0.1", 0, Factory.forProtocol(lambda: there))
        self.addCleanup(listening.stopListening)
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", listening.getHost().port)
        made = await endpoint.connect(Factory.forProtocol(Protocol))
        tcp.tune(made.transport)
        made.transport.getHandle().setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        pieces = [bytes([number % 251]) * 50_000 for number in range(100)]
        there.enough = sum(map(len, pieces))
        for piece in pieces:
            made.transport.write(piece)
        assert made.transport.dataBuffer or made.transport._tempDataBuffer, "the kernel took everything"
        await there.done
        assert bytes(there.received) == b"".join(pieces)
        made.transport.loseConnection()

    async def test_write_to_a_connection_that_the_peer_has_reset_raises_nothing(self) -> None:
        from twisted.internet import reactor
        from twisted.internet.endpoints import TCP4ClientEndpoint
        from twisted.internet.task import deferLater

        class Lost(Protocol):
            lost = False

            def connectionLost(self, reason: object = None) -> None:
                self.lost = True

        listening = tcp.listen(reactor, "127.0.0.1", 0, Factory.forProtocol(Protocol))
        self.addCleanup(listening.stopListening)
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", listening.getHost().port)
        made = await endpoint.connect(Factory.forProtocol(Lost))
        tcp.tune(made.transport)
        made.transport.getHandle().shutdown(socket.SHUT_WR)
        made.transport.write(b"too late")
        for _ in range(3000):
            if made.lost:
                break
            await deferLater(reactor, 0.02)
        assert made.lost
