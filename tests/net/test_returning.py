"""The pace at which we look whether a better server is back."""

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from edge.codes import Code
from edge.net.links import DialError
from edge.net.returning import CALM, FIRST, LONGEST, Returning


class Place:
    """Looks that end as they are told, and when they were."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.times: list[float] = []
        self.outcome: bool | Exception | None = DialError(Code.N01)  # None: it does not end
        self.looking: Deferred[bool] = Deferred()
        self.returning = Returning(self.clock, self._look)

    def _look(self) -> Deferred[bool]:
        self.times.append(self.clock.seconds())
        self.looking = Deferred()
        if isinstance(self.outcome, Exception):
            self.looking.errback(self.outcome)
        elif self.outcome is not None:
            self.looking.callback(self.outcome)
        return self.looking

    @property
    def pauses(self) -> list[float]:
        return [later - earlier for earlier, later in zip([0.0, *self.times], self.times, strict=False)]

    def waits(self, seconds: float) -> None:
        self.clock.pump([1.0] * int(seconds))


@pytest.fixture
def place() -> Place:
    return Place()


def test_nothing_is_looked_at_where_nothing_is_expected(place: Place) -> None:
    place.waits(2 * FIRST)
    assert place.times == []


def test_looks_become_rarer_and_never_end_while_they_fail(place: Place) -> None:
    place.returning.expect()
    place.waits(15 * FIRST + 2 * LONGEST)
    assert place.pauses == [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST, LONGEST, LONGEST]


def test_look_that_finds_all_well_is_the_last(place: Place) -> None:
    place.outcome = True
    place.returning.expect()
    place.waits(3000)
    assert place.times == [FIRST]


def test_look_that_leaves_something_to_do_is_not(place: Place) -> None:
    place.outcome = False
    place.returning.expect()
    place.waits(FIRST)
    place.outcome = True
    place.waits(3000)
    assert len(place.times) == 2


def test_there_is_one_look_at_a_time(place: Place) -> None:
    place.outcome = None
    place.returning.expect()
    place.returning.expect()
    place.waits(FIRST)
    place.returning.expect()
    place.waits(3000)
    assert place.times == [FIRST]


def test_server_that_falls_again_and_again_is_returned_to_ever_more_rarely(place: Place) -> None:
    place.outcome = True
    for _ in range(4):
        place.returning.expect()
        place.waits(LONGEST)
    assert [at % LONGEST for at in place.times] == [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST]
    place.waits(CALM)
    place.returning.expect()
    place.waits(FIRST)
    assert len(place.times) == 5, "what happens after a calm time is another matter"


def test_stop_ends_a_look_and_the_next_one(place: Place) -> None:
    place.returning.expect()
    place.returning.stop()
    assert place.clock.getDelayedCalls() == []
    other = Place()
    other.outcome = None
    other.returning.expect()
    other.waits(FIRST)
    other.returning.stop()
    assert other.looking.called and other.clock.getDelayedCalls() == []


def test_fault_of_ours_is_not_hidden(place: Place) -> None:
    place.outcome = KeyError("x")
    place.returning.expect()
    place.waits(FIRST)
    seen: list[object] = []
    place.looking.addErrback(seen.append)
    assert seen, "it is left for the log"
    assert place.clock.getDelayedCalls() != []


def test_look_for_what_is_not_wanted_any_more_begins_anew(place: Place) -> None:
    place.outcome = None
    place.returning.expect()
    place.waits(FIRST)
    place.returning.call_off()
    assert place.looking.called
    place.outcome = True
    place.waits(2 * FIRST)
    assert len(place.times) == 2
    place.returning.expect()
    place.returning.call_off()
    assert place.clock.getDelayedCalls() == []
