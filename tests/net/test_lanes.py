"""Several links to one place, with a clock and dials that are moved by hand."""

import random
from collections import Counter

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from edge.codes import Code
from edge.net.lanes import AGAIN, IDLE, SLOTS, Lanes
from edge.net.links import DialError, Route, Watcher
from edge.net.paths import Path
from edge.net.sip_link import SipLink
from tests.net.dials import LYNC
from tests.net.loopback import Recorder


class Wire:
    """A link that remembers what it was sent."""

    worked = True
    orderly = False

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.outbound = True
        self.pending = False
        self.progress = 0

    def send(self, data: bytes, token: object) -> None:
        self.sent.append(data)


class Place:
    """Lanes, the dials they make, and what came back."""

    def __init__(self, most: int = 4) -> None:
        self.clock = Clock()
        self.sink = Recorder()
        self.dials: list[Deferred[SipLink]] = []
        self.back: list[object] = []
        self.lanes = Lanes(self.clock, Path(self.sink, LYNC), self._make, lambda: most, self._retire, Deferred)

    def _make(self, watcher: Watcher) -> Route[SipLink]:
        def dial() -> Deferred[SipLink]:
            self.dials.append(Deferred())
            return self.dials[-1]

        def unsent(token: object, code: Code, text: str) -> None:
            self.back.append(token)

        return Route(self.clock, dial, unsent, watcher, limit=50, seconds=25.0, rng=random.Random(1))

    def _retire(self, link: SipLink) -> None:
        self.lanes.link_lost(link, Code.N03, "retired")

    def up(self) -> Wire:
        """The newest dial succeeds."""
        wire = Wire()
        self.dials[-1].callback(wire)  # type: ignore[arg-type]  # as much of a link as is needed here
        return wire

    def widened(self, count: int) -> list[Wire]:
        """So many links that are up."""
        self.lanes.reach()
        wires = [self.up()]
        while len(wires) < count:
            self.lanes.widen()
            wires.append(self.up())
        return wires

    def lose(self, wire: Wire) -> None:
        self.lanes.link_lost(wire, Code.N03, "gone")  # type: ignore[arg-type]  # as above

    def send(self, user: int, method: str = "MESSAGE") -> None:
        self.lanes.send(f"{method} sip:user{user}@lync.example SIP/2.0\r\n\r\n".encode(), user)


@pytest.fixture
def place() -> Place:
    return Place()


def test_with_one_link_to_send_is_to_call_its_route(place: Place) -> None:
    place.widened(1)
    assert place.lanes.send.__func__ is Route.send  # type: ignore[attr-defined]


def test_recipients_are_spread_and_each_keeps_its_link(place: Place) -> None:
    wires = place.widened(4)
    for user in range(400):
        for method in ("MESSAGE", "ACK", "BYE"):
            place.send(user, method)
    counts = [len(wire.sent) for wire in wires]
    assert sum(counts) == 1200 and min(counts) > 150
    homes = [{line.split()[1] for line in wire.sent} for wire in wires]
    assert sum(len(home) for home in homes) == 400


def test_one_more_link_moves_only_what_it_takes_over(place: Place) -> None:
    place.widened(2)
    before = list(place.lanes._slots)
    place.lanes.widen()
    place.up()
    after = place.lanes._slots
    moved = [number for number in range(SLOTS) if before[number] is not after[number]]
    assert len({after[number] for number in moved}) == 1
    assert sorted(Counter(after).values()) == [21, 21, 22]


def test_lost_link_leaves_its_recipients_to_the_others(place: Place) -> None:
    one, two, three = place.widened(3)
    place.lose(two)
    for user in range(100):
        place.send(user)
    assert len(one.sent) + len(three.sent) == 100 and two.sent == [] and place.back == []
    place.lose(one)
    place.send(1)
    assert three.sent[-1].startswith(b"MESSAGE sip:user1@")
    assert place.sink.paths == [("up", "lync")]
    place.lose(three)
    assert place.sink.paths == [("up", "lync"), ("lost", "lync", False)]
    place.send(2)
    assert len(place.dials) == 4 and place.back == []


def test_there_are_no_more_links_than_allowed() -> None:
    place = Place(most=2)
    place.widened(2)
    place.lanes.widen()
    assert len(place.dials) == 2


def test_one_link_is_made_at_a_time(place: Place) -> None:
    place.widened(1)
    place.lanes.widen()
    place.lanes.widen()
    assert len(place.dials) == 2


def test_further_link_that_cannot_be_made_is_not_tried_for_a_while(place: Place) -> None:
    (one,) = place.widened(1)
    place.lanes.widen()
    place.dials[-1].errback(DialError(Code.N01))
    assert place.sink.paths == [("up", "lync")], "the way is there"
    place.lanes.widen()
    assert len(place.dials) == 2
    place.clock.advance(AGAIN)
    place.lanes.widen()
    assert len(place.dials) == 3
    place.send(1)
    assert len(one.sent) == 1


def test_further_link_takes_over_when_the_first_is_lost_meanwhile(place: Place) -> None:
    (one,) = place.widened(1)
    place.lanes.widen()
    further = place.dials[-1]
    place.lose(one)
    place.send(1)
    assert len(place.dials) == 3, "it waits for its own link"
    two = Wire()
    further.callback(two)  # type: ignore[arg-type]  # as above
    place.send(2)
    assert len(two.sent) == 1
    three = place.up()
    assert len(three.sent) == 1 and place.back == []
    for user in range(100):
        place.send(user)
    assert len(two.sent) > 20 and len(three.sent) > 20


def test_place_is_idle_without_link_work_and_failure(place: Place) -> None:
    assert place.lanes.is_idle
    place.send(1)
    assert not place.lanes.is_idle
    wire = place.up()
    assert not place.lanes.is_idle
    place.clock.advance(AGAIN)
    place.lose(wire)
    assert place.lanes.is_idle


def test_stop_gives_back_what_waits(place: Place) -> None:
    place.lanes.reach()
    place.send(1)
    place.lanes.stop()
    place.send(2)
    assert place.back == [1, 2]
    assert place.clock.getDelayedCalls() == []


def test_every_lane_has_its_route() -> None:
    place = Place()
    place.widened(2)
    assert [route.state for route in place.lanes.routes] == ["up", "up"]


def pass_(place: Place, *busy: Wire) -> None:
    """The time between two looks; something comes in on some links meanwhile."""
    for wire in busy:
        wire.progress += 1
    place.clock.advance(IDLE)


def ups(place: Place) -> list[object]:
    return [route.link for route in place.lanes.routes]


def test_further_link_that_carries_nothing_is_closed_and_the_first_one_never(place: Place) -> None:
    one, two, three = place.widened(3)
    pass_(place)
    assert ups(place) == [one, two, three], "it is looked at for the first time"
    pass_(place, three)
    assert ups(place) == [one, three]
    pass_(place)
    assert ups(place) == [one]
    place.send(1)
    assert len(one.sent) == 1 and place.sink.paths == [("up", "lync")]
    assert place.clock.getDelayedCalls() == [], "nobody looks at the first"


def test_further_link_stays_as_long_as_an_answer_is_awaited(place: Place) -> None:
    one, two = place.widened(2)
    two.pending = True
    pass_(place)
    pass_(place)
    assert ups(place) == [one, two]
    two.pending = False
    pass_(place)
    assert ups(place) == [one]


def test_link_that_the_peer_has_opened_is_not_closed_for_want_of_use(place: Place) -> None:
    one, two = place.widened(2)
    two.outbound = False
    pass_(place)
    pass_(place)
    assert ups(place) == [one, two]


def test_first_link_is_whichever_is_left(place: Place) -> None:
    one, two = place.widened(2)
    place.lose(one)
    pass_(place)
    pass_(place)
    assert ups(place) == [two]
