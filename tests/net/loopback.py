"""What the tests of the links share: certificates, a sink that remembers, and a far end with a TLS of its own."""

import contextlib
import random
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from OpenSSL import SSL, crypto
from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
)
from twisted.internet.protocol import ClientFactory, Factory, Protocol
from twisted.internet.task import deferLater
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from demo.authority import Authority, Issued
from edge.certificates.contexts import Contexts
from edge.certificates.identity import Identity, parse
from edge.codes import Code
from edge.domains import Domain
from edge.net.locate import Candidate, Locator
from edge.net.names import LocateError
from edge.net.sip_link import SipLink
from edge.net.sip_pool import SipPool
from edge.net.turn import Turn
from edge.partners import Directory, HostPort, System
from edge.sip.message import Request, Response

PUBLIC = Authority("CA of everybody")
EDGE = PUBLIC.issue(dns=["edge.example"])
LYNC = PUBLIC.issue(dns=["lync.example"])
OTHER = PUBLIC.issue(dns=["other.example"])
BAD = [
    (PUBLIC.issue(dns=["lync.example"], not_after=datetime.now(UTC) - timedelta(days=30)), Code.C02),
    (Authority("Nobody").issue(dns=["lync.example"]), Code.C01),
    (PUBLIC.issue(dns=["lync.example"], eku=["client"]), Code.C05),
]


def identity(issued: Issued) -> Identity:
    return parse(issued.chain, issued.key)


def partner(port: int = 1, name: str = "lync", **keys: object) -> System:
    """A SIP partner whose host is on this machine."""
    settings: dict[str, object] = {"hosts": (HostPort("127.0.0.1", port),), "domains": (Domain(f"{name}.example"),)}
    return System(name=name, inside=False, protocol="sip", **{**settings, **keys})


def request(number: int = 1, method: str = "OPTIONS", body: bytes = b"") -> bytes:
    return (
        f"{method} sip:romeo@montague.example SIP/2.0\r\n"
        f"Via: SIP/2.0/TLS lync.example;branch=z9hG4bK{number}\r\n"
        f"From: <sip:alice@lync.example>;tag=1\r\nTo: <sip:romeo@montague.example>\r\n"
        f"Call-ID: {number}\r\nCSeq: {number} {method}\r\nMax-Forwards: 70\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def response(number: int = 1) -> bytes:
    return (
        f"SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS edge.example;branch=z9hG4bK{number}\r\n"
        f"From: <sip:a@b.example>;tag=1\r\nTo: <sip:c@d.example>;tag=2\r\nCall-ID: {number}\r\nCSeq: 1 OPTIONS\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()


class Waiter:
    """Lets tests wait until something they can see has happened."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Callable[[], object], Deferred[None]]] = []

    def until(self, happened: Callable[[], object]) -> "Deferred[None]":
        waiting: Deferred[None] = Deferred()
        self._waiting.append((happened, waiting))
        self.look()
        return waiting.addTimeout(60, reactor)

    def look(self) -> None:
        for happened, waiting in list(self._waiting):
            if not waiting.called and happened():
                self._waiting.remove((happened, waiting))
                reactor.callLater(0, _fire, waiting)  # the test goes on when what happens now is over


def _fire(waiting: "Deferred[None]") -> None:
    if not waiting.called:
        waiting.callback(None)


class Recorder(Waiter):
    """A `Sink` that remembers, and answers as it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.received: list[tuple[SipLink, list[Request | Response]]] = []
        self.sent: list[tuple[object, SipLink]] = []
        self.lost: list[SipLink] = []
        self.back: list[tuple[object, Code, str]] = []
        self.events: list[tuple[str, dict[str, object]]] = []
        self.paths: list[tuple[object, ...]] = []
        self.answer: Callable[[SipLink, Request | Response], None] = lambda link, message: None

    def sip_received(self, link: SipLink, messages: Sequence[Request | Response]) -> None:
        self.received.append((link, list(messages)))
        for message in messages:
            self.answer(link, message)
        self.look()

    def sip_sent(self, token: object, link: SipLink) -> None:
        self.sent.append((token, link))
        self.look()

    def sip_lost(self, link: SipLink) -> None:
        self.lost.append(link)
        self.look()

    def unsent(self, token: object, code: Code, text: str) -> None:
        self.back.append((token, code, text))
        self.look()

    def link_event(self, name: str, **fields: object) -> None:
        self.events.append((name, fields))
        self.look()

    def path_lost(self, system: System, local: Domain | None, remote: Domain | None, orderly: bool) -> None:
        assert local is None and remote is None
        self.paths.append(("lost", system.name, orderly))
        self.look()

    def path_failed(self, system: System, local: Domain | None, remote: Domain | None, code: Code, text: str) -> None:
        assert text
        assert local is None and remote is None
        self.paths.append(("failed", system.name, code))
        self.look()

    def path_up(self, system: System, local: Domain | None, remote: Domain | None) -> None:
        assert local is None and remote is None
        self.paths.append(("up", system.name))
        self.look()

    def event(self, name: str) -> dict[str, object] | None:
        """The newest event of that name."""
        return next((fields for seen, fields in reversed(self.events) if seen == name), None)

    def codes(self, name: str) -> list[object]:
        return [fields["code"] for seen, fields in self.events if seen == name]


class Far(Protocol, Waiter):
    """The other end of a connection, with its plaintext."""

    def __init__(self) -> None:
        Waiter.__init__(self)
        self.data = b""
        self.reason: Failure | None = None

    def connectionMade(self) -> None:
        self.look()

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        self.look()

    def connectionLost(self, reason: Failure) -> None:
        self.reason = reason
        self.look()

    def gone(self) -> "Deferred[None]":
        return self.until(lambda: self.reason is not None)

    def close(self) -> "Deferred[None]":
        if self.reason is None:
            self.transport.loseConnection()
        return self.gone()


@implementer(IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator)
class Creator:
    """A TLS that takes any certificate (or, with ``strict``, none but those of the public authority)."""

    def __init__(self, issued: Issued | None, version: int | None = None, strict: bool = False) -> None:
        self.context = SSL.Context(SSL.TLS_METHOD)
        if version is not None:
            self.context.set_min_proto_version(version)
            self.context.set_max_proto_version(version)
        if issued is not None:
            mine = identity(issued)
            self.context.use_certificate(mine.leaf)
            for other in mine.chain[1:]:
                self.context.add_extra_chain_cert(other)
            self.context.use_privatekey(mine.key)
        if strict:
            store = self.context.get_cert_store()
            assert store is not None
            store.add_cert(crypto.X509.from_cryptography(x509.load_pem_x509_certificate(PUBLIC.pem)))
            self.context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *seen: bool(seen[-1]))
        else:
            self.context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
        self.made: list[SSL.Connection] = []

    def clientConnectionForTLS(self, protocol: object) -> SSL.Connection:
        self.made.append(SSL.Connection(self.context, None))
        return self.made[-1]

    serverConnectionForTLS = clientConnectionForTLS


class Setting:
    """A pool, its sink, and far ends; `close` ends everything."""

    def __init__(
        self,
        folder: Path,
        *systems: System,
        identity_of: Issued = EDGE,
        found: dict[str, list[Candidate]] | None = None,
        template: System | None = None,
    ) -> None:
        bundle = folder / "ca.pem"
        folder.mkdir(parents=True, exist_ok=True)
        bundle.write_bytes(PUBLIC.pem)
        listed = [system if system.ca else _with_ca(system, bundle) for system in systems]
        self.systems = {system.name: system for system in listed}
        self.directory = Directory(listed, (), template and _with_ca(template, bundle))
        self.sink = Recorder()
        self.turn = Turn(reactor)
        self.locator = Locator(reactor, (), random.Random(1)) if found is None else Found(found)
        self.pool = SipPool(
            reactor,
            self.sink,
            self.turn,
            self.directory,
            Contexts(identity(identity_of), bundle, self.directory.trusting),
            self.locator,
            "edge.example",
            random.Random(1),
        )
        self.fars: list[Far] = []

    def listen(self) -> int:
        """Let the pool listen; the port."""
        return int(self.pool.listen("127.0.0.1", 0).getHost().port)

    def send(self, token: object, data: bytes = b"", name: str = "lync") -> None:
        system = self.systems[name]
        self.pool.send(system, system.domains[0], data or request(), token)

    async def connect(self, port: int, creator: Creator | None) -> Far:
        """A far end that connects to us (without TLS if there is no creator)."""
        far = Far()
        self.fars.append(far)
        factory: ClientFactory = Single(far)
        if creator is not None:
            factory = TLSMemoryBIOFactory(creator, True, factory)
        reactor.connectTCP("127.0.0.1", port, factory)
        await far.until(lambda: far.connected or far.reason)
        return far

    async def close(self) -> None:
        await self.pool.stop()
        self.locator.stop()
        await part(self.fars)


class Found(Locator):
    """Look-ups with answers that are there already."""

    def __init__(self, found: dict[str, list[Candidate]]) -> None:
        super().__init__(reactor, (), random.Random(1))
        self._found = found

    def sip(self, system: System, domain: Domain, *, public: bool = False) -> "Deferred[list[Candidate]]":
        if domain not in self._found:
            return fail(LocateError(Code.D01))
        return succeed(self._found[domain])


class Server:
    """A far end that we connect to (without TLS if there is no creator); `close` ends it."""

    def __init__(self, creator: Creator | None, port: int = 0, address: str = "127.0.0.1") -> None:
        self.creator = creator
        self.fars: list[Far] = []
        self.waiter = Waiter()
        factory: Factory = Many(self.fars, self.waiter)
        if creator is not None:
            factory = TLSMemoryBIOFactory(creator, False, factory)
        self._listening = reactor.listenTCP(port, factory, interface=address)
        self.port = int(self._listening.getHost().port)

    async def met(self, count: int = 1) -> Far:
        """The newest connection, once there are so many."""
        await self.waiter.until(lambda: len(self.fars) >= count)
        return self.fars[-1]

    async def close(self) -> None:
        await self._listening.stopListening()
        await part(self.fars)


async def part(fars: list[Far]) -> None:
    """Drop all these connections."""
    for far in fars:
        if far.connected and far.reason is None:
            far.transport.abortConnection()
            await far.gone()
    await deferLater(reactor, 0, lambda: None)


class Single(ClientFactory):
    """One protocol that is there already."""

    noisy = False

    def __init__(self, far: Far) -> None:
        self.far = far

    def buildProtocol(self, address: object) -> Far:
        return self.far

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        self.far.connectionLost(reason)


class Many(Factory):
    """A protocol for each connection."""

    noisy = False

    def __init__(self, fars: list[Far], waiter: Waiter) -> None:
        self.fars = fars
        self.waiter = waiter

    def buildProtocol(self, address: object) -> Far:
        self.fars.append(Far())
        reactor.callLater(0, self.waiter.look)
        return self.fars[-1]


def free_port() -> int:
    """A port where nobody listens, and none of those that the kernel gives to whoever asks for any."""
    while True:
        with socket.socket() as opened, contextlib.suppress(OSError):
            opened.bind(("127.0.0.1", random.randrange(10_000, 32_000)))
            return int(opened.getsockname()[1])


def _with_ca(system: System, bundle: Path) -> System:
    fields = {name: getattr(system, name) for name in System.__dataclass_fields__}
    return System(**{**fields, "ca": bundle})


def folder_of(case: TestCase) -> Path:
    """A folder that goes with the test; trial's own `mktemp` leaves one in the working directory."""
    made = TemporaryDirectory(prefix="edge-test-")
    case.addCleanup(made.cleanup)
    return Path(made.name)


class Base(TestCase):
    """Makes settings and closes them."""

    timeout = 120

    def setting(self, *systems: System, **keys: object) -> Setting:
        made = Setting(folder_of(self), *systems, **keys)
        self.addCleanup(made.close)
        return made

    async def later(self, seconds: float) -> None:
        await deferLater(reactor, seconds, lambda: None)

    def served(self, issued: Issued | None = LYNC, **keys: object) -> Server:
        server = Server(Creator(issued, **keys))
        self.addCleanup(server.close)
        return server
