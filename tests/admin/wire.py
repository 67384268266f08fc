"""A probe on a connection that is not, with judges who say what they are told: what the tests of probes share."""

from dataclasses import replace
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from edge.admin.evidence import Reach
from edge.admin.probes import Aim, Kit, Probe
from edge.certificates.handshake import Handshake
from edge.codes import Code
from edge.domains import Domain
from edge.identifiers import Identifiers
from edge.net.xmpp_pings import Pings
from edge.partners import Directory, Peer, System
from edge.xmpp.dialback import Keys

US, THEM = Domain("inside.example"), Domain("contoso.com")
TLS = Handshake(None, (), (), (), True, "TLSv1.3", "TLS_AES_256_GCM_SHA384")


class Wire(StringTransport):
    """Remembers how it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False

    def getHandle(self) -> None:
        return None

    def abortConnection(self) -> None:
        self.aborted = True

    def taken(self) -> str:
        """What was written since the last time."""
        text = str(self.value().decode())
        self.clear()
        return text


class Judge:
    """In the place of `Contexts`: ``fault`` is what is wrong with every certificate."""

    further = None

    def __init__(self) -> None:
        self.fault: Code | None = None

    def sip_peer(self, directory: Directory, handshake: Handshake, *_: object) -> Peer:
        return replace(directory.identify("sip", frozenset((THEM,))), fault=self.fault)

    def xmpp_peer(self, directory: Directory, handshake: Handshake, remote: Domain, proof: str = "") -> Peer:
        return replace(directory.identify("xmpp", frozenset((remote,))), fault=self.fault)

    def bears(self, *_: object) -> bool:
        return True

    def revoked(self, *_: object) -> None:
        return None

    def dialling(self, *_: object) -> None:
        return None


class Bench:
    """One probe, made by ``make``, that is about to be connected."""

    def __init__(self, make: type[Probe], system: System, *more: Any, **said: Any) -> None:
        self.clock = MemoryReactorClock()
        self.judge = Judge()
        ours = System("ours", True, "xmpp" if system.protocol == "sip" else "sip", (US,))
        directory = Directory((ours, system))
        pings = Pings(self.clock, None)  # type: ignore[arg-type]  # nothing is told of
        ids = Identifiers(iter(f"token{number}" for number in range(99)).__next__, "edge.example")
        kit = Kit(
            self.clock, directory, self.judge, ids, Keys(b"secret"), pings, Domain("edge.example"), 5061  # type: ignore[arg-type]
        )
        self.kit = kit
        self.reach = Reach("sip.contoso.com", "203.0.113.17", 5061)
        self.probe: Any = make(kit, Aim(system, THEM, US), self.reach, *more, **said)
        self.outcome: list[Reach] = []
        self.probe.done.addCallback(self.outcome.append)
        self.wire = Wire()

    def connect(self) -> "Bench":
        self.probe.makeConnection(self.wire)
        return self

    def secure(self, fault: Code | None = None) -> "Bench":
        """TLS is done, and whoever is there has shown a certificate with this fault."""
        self.judge.fault = fault
        self.probe.enter("cert")
        self.probe.secured(TLS)
        return self

    def hear(self, text: str) -> "Bench":
        self.probe.dataReceived(text.encode())
        return self

    def lose(self, problem: Exception | None = None) -> "Bench":
        self.probe.connectionLost(Failure(problem or ConnectionDone()))
        return self

    @property
    def ended(self) -> tuple[str, Code | None]:
        """Where it is over, and why."""
        (reach,) = self.outcome
        return reach.stage, reach.fault.code if reach.fault else None
