"""A driver above a gateway that is real, with shells that are not: what its tests and those of its log share."""

from collections.abc import Iterator

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher

from edge.domains import Domain
from edge.driver import Driver
from edge.partners import System
from edge.sip.message import Request, Response
from edge.store.memory import MemoryStore
from edge.xmpp.stanzas import Stanza
from tests.gateway.bench import Bench, Link


class Shells:
    """Both pools, the turn and a recorder in one, so that the order of everything is one list."""

    def __init__(self) -> None:
        self.done: list[tuple[object, ...]] = []

    @property
    def names(self) -> list[str]:
        return [str(name) for name, *_ in self.done]

    def begin(self) -> None:
        self.done.append(("begin",))

    def flush(self) -> None:
        self.done.append(("flush",))

    def respond(self, link: Link, data: bytes) -> None:
        self.done.append(("respond", link, data))

    def send(self, system: System, domain: Domain, data: bytes, token: object) -> None:
        self.done.append(("send", system, domain, data, token))

    def reach(self, system: System, domain: Domain) -> None:
        self.done.append(("reach", system.name, domain))


class Xmpp:
    """The XMPP pool, whose `send` has other arguments."""

    def __init__(self, shells: Shells) -> None:
        self._shells = shells

    def send(self, sender: Domain, recipient: Domain, data: bytes, token: object | None) -> None:
        self._shells.done.append(("stanza", sender, recipient, data, token))

    def reach(self, local: Domain, remote: Domain) -> None:
        self._shells.done.append(("reach", local, remote))


class Written(MemoryStore):
    """A store whose commits are seen among all that is done, and which can fail."""

    def __init__(self, shells: Shells) -> None:
        super().__init__()
        self._shells = shells
        self.fault: Exception | None = None

    def commit(self) -> None:
        self._shells.done.append(("commit",))
        if self.fault is not None:
            raise self.fault
        super().commit()


class Recorder:
    """What passes."""

    def __init__(self) -> None:
        self.seen: list[tuple[object, ...]] = []

    def sip_in(self, link: Link, message: Request | Response) -> None:
        self.seen.append(("sip_in", link, message))

    def sip_out(self, peer: str, data: bytes) -> None:
        self.seen.append(("sip_out", peer, data))

    def xmpp_in(self, link: Link, stanza: Stanza) -> None:
        self.seen.append(("xmpp_in", link, stanza))

    def xmpp_out(self, sender: Domain, recipient: Domain, data: bytes) -> None:
        self.seen.append(("xmpp_out", sender, recipient, data))


class Scene:
    """A driver above a gateway that is real, with shells that are not."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.clock = Clock()
        self.clock.advance(1000.0)
        self.wall = 1_700_000_000.0
        self.shells = Shells()
        self.recorder = Recorder()
        self.store = Written(self.shells)
        self.driver = Driver(self.clock, self.bench.gateway, wall=lambda: self.wall)
        self.driver.attach(self.shells, Xmpp(self.shells), self.shells, self.recorder)

    def start(self) -> None:
        self.driver.start(self.store)
        del self.shells.done[:]

    def page(self) -> tuple[object, ...]:
        """A MESSAGE comes in; returns what became of it."""
        self.driver.sip_received(self.bench.link, [self.bench.page()])
        return self.shells.done[-2]


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def logged() -> Iterator[list[LogEvent]]:
    """The events of our log."""
    events: list[LogEvent] = []

    def observe(event: LogEvent) -> None:
        if str(event.get("log_namespace", "")).startswith("edge"):
            events.append(event)

    globalLogPublisher.addObserver(observe)
    yield events
    globalLogPublisher.removeObserver(observe)
