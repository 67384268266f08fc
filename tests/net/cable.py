"""What the tests of the XMPP links share: connections in memory, time that stands still, TLS that is real."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionRefusedError
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure

from demo.authority import Authority, Issued, self_signed
from edge.certificates.contexts import Contexts
from edge.codes import Code
from edge.domains import Domain
from edge.identifiers import Identifiers
from edge.net.locate import Candidate
from edge.net.names import LocateError
from edge.net.turn import Turn
from edge.net.xmpp_link import XmppLink
from edge.net.xmpp_pool import XmppPool
from edge.partners import Directory, HostPort, System
from edge.xmpp.dialback import Keys
from edge.xmpp.stanzas import Stanza
from tests.net.loopback import EDGE, PUBLIC, Creator, identity

NAME = Domain("edge.example")
US, THEM = Domain("sip.example"), Domain("xmpp.example")
THEIRS = PUBLIC.issue(dns=["xmpp.example"])

# Certificates of them that prove nothing, and why; and others that are good.
NOW = datetime.now(UTC)
BAD: list[tuple[Issued | None, Code]] = [
    (None, Code.T04),
    (PUBLIC.issue(dns=["xmpp.example"], not_after=NOW - timedelta(days=9)), Code.C02),
    (PUBLIC.issue(dns=["xmpp.example"], not_before=NOW + timedelta(days=9)), Code.C09),
    (Authority("Nobody").issue(dns=["xmpp.example"]), Code.C01),
    (self_signed("xmpp.example", dns=["xmpp.example"]), Code.C01),
    (PUBLIC.issue(dns=["xmpp.example"], eku=["client"]), Code.C05),
    (PUBLIC.issue(dns=["other.example"]), Code.C03),
    (PUBLIC.issue("xmpp.example", dns=["other.example"]), Code.C03),
    (PUBLIC.issue(dns=["*.xmpp.example"]), Code.C03),
    (PUBLIC.issue(srv=["_xmpp-client.xmpp.example"]), Code.C03),
    (PUBLIC.issue(uris=["xmpp:xmpp.example"]), Code.C03),
]
GOOD = [
    THEIRS,
    PUBLIC.issue(dns=["xmpp.example"], eku=["server"]),
    PUBLIC.issue(dns=["xmpp.example"], eku=None),
    PUBLIC.issue(srv=["_xmpp-server.xmpp.example"]),
    PUBLIC.issue(xmpp_addrs=["xmpp.example"]),
]

SIP = System(name="office", inside=True, protocol="sip", domains=(US, Domain("second.example")))


def s2s(**keys: object) -> System:
    settings: dict[str, object] = {"name": "montague", "inside": False, "protocol": "xmpp", "domains": (THEM,)}
    return System(**{**settings, "link": "s2s", **keys})


def component(**keys: object) -> System:
    hosts = (HostPort("127.0.0.1", 5347), HostPort("127.0.0.2", 5347))
    return s2s(**{"link": "component", "hosts": hosts, "secret": "s3cret", **keys})


def message(id: str = "m1", from_: str = f"romeo@{THEM}/orchard", to: str = f"juliet@{US}", body: str = "hi") -> str:
    return f"<message from='{from_}' to='{to}' id='{id}'><body>{body}</body></message>"


def refused(world: "World") -> Code:
    """The code of the one refusal; it was the end of the connection, and no stanza came through."""
    (code,) = world.sink.codes("link.refused")
    assert world.sink.stanzas == [] and not world.sink.codes("link.up")
    assert isinstance(code, Code)
    return code


class End:
    """One end of a connection in memory, as a transport."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.other = self
        self.protocol: Protocol
        self.writes: list[bytes] = []  # all there ever were
        self.waiting: list[bytes] = []
        self.closing = self.aborted = self.gone = self.paused = False
        self.producer: object = None

    def write(self, data: bytes) -> None:
        if data and not self.closing and not self.aborted:
            self.writes.append(data)
            self.waiting.append(data)

    def loseConnection(self) -> None:
        self.closing = True

    def abortConnection(self) -> None:
        self.aborted = True

    def registerProducer(self, producer: object, streaming: bool) -> None:
        assert self.producer is None and streaming
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False

    def getPeer(self) -> IPv4Address:
        return IPv4Address("TCP", self.other.host, 40000)

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", self.host, 5269)

    def lost(self, reason: Exception) -> None:
        if not self.gone:
            self.gone = True
            self.protocol.connectionLost(Failure(reason))


class Far(Protocol):
    """The other side of a connection, by hand: it says what it is told to, and remembers what it heard."""

    def __init__(self) -> None:
        self.data = b""
        self.all = b""
        self.reason: Failure | None = None
        self.cable: Cable

    def dataReceived(self, data: bytes) -> None:
        self.data += data
        self.all += data

    def connectionLost(self, reason: Failure) -> None:
        self.reason = reason

    def says(self, text: str | bytes) -> bytes:
        """Send this, let everything happen that follows, and return what came back."""
        self.transport.write(text.encode() if isinstance(text, str) else text)
        return self.hears()

    def hears(self) -> bytes:
        self.cable.pump()
        heard, self.data = self.data, b""
        return heard

    def secure(self, creator: Creator, *, client: bool) -> None:
        """Begin TLS."""
        tcp = self.transport
        tls = TLSMemoryBIOProtocol(TLSMemoryBIOFactory(creator, client, None, MemoryReactorClock()), self, False)
        self.transport = tls
        tcp.protocol = tls
        tls.makeConnection(tcp)
        self.cable.pump()

    def proceed(self, creator: Creator, more: str = "") -> None:
        """Answer <starttls/>, say ``more`` in clear behind it, and begin TLS as the server."""
        self.transport.write((PROCEED + more).encode())
        self.secure(creator, client=False)


def ping_of(far: Far) -> str:
    """The id of the last ping that came to this far end."""
    return far.all.decode(errors="replace").rpartition("<iq ")[2].partition(" id='")[2].partition("'")[0]


def pong(far: Far, from_: str = THEM, kind: str = "result") -> str:
    return f"<iq from='{from_}' to='{US}' id='{ping_of(far)}' type='{kind}'/>"


class Cable:
    """Connects two protocols."""

    def __init__(self, near: Protocol, far: Protocol, *, far_host: str = "192.0.2.2") -> None:
        self.near, self.far = End("192.0.2.1"), End(far_host)
        self.near.other, self.far.other = self.far, self.near
        for end, protocol in ((self.near, near), (self.far, far)):
            end.protocol = protocol
            if isinstance(protocol, Far):
                protocol.cable = self
            protocol.makeConnection(end)
        self.pump()

    def pump(self) -> None:
        """Let everything arrive, and everything that this causes."""
        ends = (self.near, self.far)
        busy = True
        while busy:
            busy = False
            for end in ends:
                data, end.waiting = (b"", end.waiting) if end.other.paused else (b"".join(end.waiting), [])
                if data and not end.other.gone and not end.aborted:
                    busy = True
                    end.other.protocol.dataReceived(data)
            for end in ends:
                if not end.gone and (end.aborted or (end.closing and not end.waiting)):
                    busy = True
                    end.lost(ConnectionAborted() if end.aborted else ConnectionDone())
                    end.other.lost(ConnectionDone())

    @staticmethod
    def address(host: str) -> IPv4Address:
        """Where somebody connects from."""
        return IPv4Address("TCP", host, 40000)

    def cut(self) -> None:
        """The network fails."""
        for end in (self.near, self.far):
            end.lost(ConnectionAborted())


class Memory:
    """A `Sink` that remembers."""

    def __init__(self) -> None:
        self.chunks: list[tuple[XmppLink, list[Stanza]]] = []
        self.done: list[object] = []
        self.back: list[tuple[object, Code, str]] = []
        self.events: list[tuple[str, dict[str, object]]] = []
        self.order: list[object] = []
        self.paths: list[tuple[object, ...]] = []

    def stanzas_received(self, link: XmppLink, stanzas: Sequence[Stanza]) -> None:
        self.chunks.append((link, list(stanzas)))
        self.order.extend(stanza.id for stanza in stanzas)

    def taken(self, tokens: Sequence[object]) -> None:
        self.done.extend(tokens)
        self.order.extend(tokens)

    def unsent(self, token: object, code: Code, text: str) -> None:
        self.back.append((token, code, text))

    def link_event(self, name: str, **fields: object) -> None:
        self.events.append((name, fields))

    def path_lost(self, system: System, local: Domain | None, remote: Domain | None, orderly: bool) -> None:
        self.paths.append(("lost", system.name, local, remote, orderly))

    def path_failed(self, system: System, local: Domain | None, remote: Domain | None, code: Code, text: str) -> None:
        assert text
        self.paths.append(("failed", system.name, local, remote, code))

    def path_up(self, system: System, local: Domain | None, remote: Domain | None) -> None:
        self.paths.append(("up", system.name, local, remote))

    @property
    def stanzas(self) -> list[Stanza]:
        return [stanza for _, stanzas in self.chunks for stanza in stanzas]

    def codes(self, name: str) -> list[object]:
        return [fields["code"] for seen, fields in self.events if seen == name]


class Places:
    """A `Locator` that knows."""

    def __init__(self, answer: "Sequence[str] | Code | None" = ("192.0.2.2",)) -> None:
        self.answer = answer
        self.direct = False
        self.asked: list[Domain] = []
        self.public: list[bool] = []

    def xmpp(self, system: System, domain: Domain, *, public: bool = False) -> "Deferred[list[Candidate]]":
        self.asked.append(domain)
        self.public.append(public)
        if self.answer is None:
            return Deferred()
        if isinstance(self.answer, Code):
            return fail(LocateError(self.answer))
        return succeed([Candidate(domain, address, 5269, direct=self.direct) for address in self.answer])


HEADER = (
    "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'"
    f" from='{THEM}' to='{US}' version='1.0'>"
)
STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
PROCEED = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
AUTH = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>"
SUCCESS = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
OFFER_TLS = f"<stream:features>{STARTTLS.replace('/>', '><required/></starttls>')}</stream:features>"
OFFER_EXTERNAL = (
    "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism>"
    "</mechanisms></stream:features>"
)
OFFER_MANAGEMENT = "<stream:features><sm xmlns='urn:xmpp:sm:3'/></stream:features>"


class World:
    """A pool in which nothing happens by itself."""

    def __init__(
        self, folder: Path, *systems: System, issued: Issued = EDGE, template: System | None = None
    ) -> None:
        bundle = folder / "ca.pem"
        bundle.write_bytes(PUBLIC.pem)
        listed = [_trusting(system, bundle) for system in systems or (SIP, s2s())]
        self.reactor = MemoryReactorClock()
        self.sink = Memory()
        self.turn = Turn(self.reactor)
        self.places = Places()
        self.directory = Directory(listed, (), template and _trusting(template, bundle))
        tokens = count(1)
        self.pool = XmppPool(
            self.reactor,
            self.sink,
            self.turn,
            self.directory,
            Contexts(identity(issued), bundle, self.directory.trusting),
            self.places,
            NAME,
            Identifiers(lambda: f"id{next(tokens)}", "node"),
            random.Random(1),
            Keys(b"ours"),
        )

    def accept(self, far: Far | None = None, host: str = "192.0.2.2") -> Far:
        """Somebody connects to us."""
        far = far or Far()
        if not self.reactor.adoptedPorts:
            self.pool.listen("127.0.0.1", 0)
        factory = self.reactor.adoptedPorts[-1][2]
        link = factory.buildProtocol(Cable.address(host))
        if link is None:
            far.reason = Failure(ConnectionDone())
        else:
            Cable(link, far, far_host=host)
        return far

    @property
    def dials(self) -> list[tuple[str, int]]:
        """Where we have dialled, ever."""
        return [(client[0], client[1]) for client in self.reactor.tcpClients]

    def answer(self, far: Far | None = None, dial: int = -1) -> Far:
        """A dial of ours gets through."""
        far = far or Far()
        host, _, factory = self.reactor.tcpClients[dial][:3]
        Cable(factory.buildProtocol(None), far, far_host=host)
        return far

    def come_in(self, issued: Issued | None = THEIRS, header: str = HEADER, version: int | None = None) -> Far:
        """A server opens a stream to us and does everything right."""
        far = self.accept()
        assert far.says(header).endswith(b"</stream:features>")
        assert far.says(STARTTLS) == PROCEED.encode()
        far.secure(Creator(issued, version), client=True)
        if b"<mechanism>EXTERNAL</mechanism>" in far.says(header):
            assert far.says(AUTH) == SUCCESS.encode()
            assert far.says(header).endswith(OFFER_MANAGEMENT.encode())
        return far

    def go_out(self, issued: Issued | None = THEIRS, *, managed: bool = False) -> Far:
        """A stream that we have opened to a server which does everything right, with stream management or without."""
        far = self.answer()
        far.says(HEADER)
        assert far.says(OFFER_TLS).endswith(STARTTLS.encode())
        far.proceed(Creator(issued))
        if b"<auth" in far.says(HEADER + OFFER_EXTERNAL):
            far.says(SUCCESS)
            if managed:
                assert far.says(HEADER + OFFER_MANAGEMENT).endswith(b"<enable xmlns='urn:xmpp:sm:3'/>")
            far.says("<enabled xmlns='urn:xmpp:sm:3'/>" if managed else HEADER + "<stream:features/>")
        return far

    def refuse(self, dial: int = -1) -> None:
        """A dial of ours does not get through."""
        factory = self.reactor.tcpClients[dial][2]
        factory.clientConnectionFailed(self.reactor.connectors[dial], Failure(ConnectionRefusedError()))

    def send(self, token: object | None, data: bytes = b"<message/>", sender: Domain = US) -> None:
        """Send, as the driver does: at the end of it everything is flushed."""
        self.pool.send(sender, THEM, data, token)
        self.turn.flush()

    def wait(self, seconds: float, *cables: Cable) -> None:
        """Let that much time pass, second by second."""
        while seconds > 0:
            self.reactor.advance(min(seconds, 1.0))
            seconds -= 1.0
            for cable in cables:
                cable.pump()


def _trusting(system: System, bundle: Path) -> System:
    fields = {name: getattr(system, name) for name in System.__dataclass_fields__}
    return System(**{**fields, "ca": system.ca or bundle})
