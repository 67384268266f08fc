"""A route whose dials and links are in the hands of the test, and where all that it says is kept."""

import random
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from edge.codes import Code
from edge.domains import Domain
from edge.net.links import DialError, Route
from edge.net.paths import Path
from edge.partners import System

LYNC = System(name="lync", inside=False, protocol="sip", domains=(Domain("lync.example"),))


class Link:
    """Takes what it is given; may be lost while it is given something."""

    def __init__(self) -> None:
        self.sent: list[object] = []
        self.breaks_after: int | None = None
        self.route: Route[Link] | None = None

    def send(self, data: bytes, token: object) -> None:
        self.sent.append(token)
        if self.route is not None and self.breaks_after == len(self.sent):
            self.route.link_lost(self)


class Setting:
    """A route, the dials it makes, and where its tokens went."""

    def __init__(self, limit: int = 5, seconds: float = 30.0) -> None:
        self.clock = Clock()
        self.dials: list[Deferred[Link]] = []
        self.dialled_at: list[float] = []
        self.cancelled = 0
        self.unsent: list[tuple[object, Code]] = []
        self.links: list[Link] = []
        self.paths: list[tuple[object, ...]] = []
        self.answer: Callable[[str], None] = lambda event: None  # what the sink does when it is told of a path
        path = Path(self, LYNC)
        self.route = Route(self.clock, self.dial, self.note, path, limit=limit, seconds=seconds, rng=random.Random(7))

    def dial(self) -> Deferred[Link]:
        self.dialled_at.append(self.clock.seconds())
        self.dials.append(Deferred(self.cancel))
        return self.dials[-1]

    def cancel(self, dial: Deferred[Link]) -> None:
        self.cancelled += 1

    def note(self, token: object, code: Code, text: str) -> None:
        assert text
        self.unsent.append((token, code))

    def connect(self) -> Link:
        link = Link()
        self.links.append(link)
        self.dials[-1].callback(link)
        return link

    def fail(self, code: Code = Code.N01) -> None:
        self.dials[-1].errback(DialError(code))

    def run_until_dialled(self, times: int) -> None:
        for _ in range(1000):
            if len(self.dials) >= times:
                return
            self.clock.advance(0.25)
        raise AssertionError(f"{len(self.dials)} dials in all this time, not {times}")

    # --- the part of `edge.net.sink.Sink` that a path knows

    def path_lost(self, system: System, local: Domain | None, remote: Domain | None, orderly: bool) -> None:
        self.paths.append(("lost", orderly))
        self.answer("lost")

    def path_failed(self, system: System, local: Domain | None, remote: Domain | None, code: Code, text: str) -> None:
        assert text
        self.paths.append(("failed", code))
        self.answer("failed")

    def path_up(self, system: System, local: Domain | None, remote: Domain | None) -> None:
        self.paths.append(("up",))
        self.answer("up")
