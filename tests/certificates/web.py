"""The network as whoever fetches answers sees it: addresses, and connections that wait for an answer."""

from collections.abc import Sequence

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from edge.certificates.fetching import Revocation
from edge.certificates.handshake import Handshake
from edge.codes import Code
from edge.domains import Domain
from tests.certificates.issuing import ROOT, answering, leaf, listing
from tests.certificates.made import NOW, Made
from tests.certificates.test_revocation import shown

PUBLIC, PRIVATE = "203.0.113.7", "10.0.0.7"
BOTH, ONE = leaf(answering(), listing()), leaf(answering())


class Web:
    """The network as a `Revocation` sees it: addresses, and connections that wait for an answer."""

    def __init__(self) -> None:
        self.reactor = MemoryReactorClock()
        self.addresses: dict[str, Deferred[list[str]]] = {}
        self.problems: list[str] = []
        self.revocation = Revocation(
            self.reactor, self.resolve, lambda: NOW, lambda address: address == PUBLIC, self.failed
        )
        self.protocol: Protocol | None = None

    def resolve(self, host: Domain) -> "Deferred[list[str]]":
        return self.addresses.get(host, succeed([PUBLIC]))

    def failed(self, url: str, problem: str) -> None:
        self.problems.append(f"{url} {problem}")

    def shakes(self, made: Made = BOTH, policy: str = "hard") -> "tuple[Code | None, Deferred[None] | None]":
        """The first verdict, and what to wait for."""
        self.handshake: Handshake = shown(made, ROOT)
        return self.verdict(policy), self.revocation.waiting(self.handshake)

    def verdict(self, policy: str = "hard") -> Code | None:
        return self.revocation.fault(self.handshake, policy)

    @property
    def dialled(self) -> Sequence[str]:
        return [f"{client[0]}:{client[1]}" for client in self.reactor.tcpClients]

    def connect(self, number: int = -1) -> bytes:
        """The connection comes up; returns the request."""
        factory = self.reactor.tcpClients[number][2]
        self.protocol = factory.buildProtocol(None)
        self.transport = StringTransport()
        self.transport.abortConnection = self.transport.loseConnection  # type: ignore[method-assign]
        self.transport.setTcpNoDelay = lambda on: None  # type: ignore[attr-defined]
        self.protocol.makeConnection(self.transport)
        return self.transport.value()

    def answer(self, body: bytes, status: str = "200 OK", length: int | None = None) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n"
        assert self.protocol is not None
        self.protocol.dataReceived(head.encode() + body)

    def refuse(self, number: int = -1) -> None:
        self.reactor.tcpClients[number][2].clientConnectionFailed(None, Failure(Refused()))
