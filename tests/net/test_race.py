"""Many addresses, one link, with a clock that is moved by hand."""

from collections.abc import Callable

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from edge.codes import Code
from edge.domains import Domain
from edge.net.links import DialError
from edge.net.locate import Candidate
from edge.net.race import REST, STAGGER, Race, Resting

ONE, TWO = Domain("one.example"), Domain("two.example")
SIX, FOUR, LAST = (Candidate(ONE, address, 5061) for address in ("2001:db8::1", "192.0.2.1", "192.0.2.2"))
OTHER = Candidate(TWO, "192.0.2.9", 5061)


class Course:
    """A race, its dials in the order in which they began, and how it ended."""

    def __init__(self, *candidates: Candidate) -> None:
        self.clock = Clock()
        self.begun: list[Candidate] = []
        self.given_up: list[Candidate] = []
        self.outcome: list[object] = []
        self._dials: dict[Candidate, tuple[Deferred[str], Callable[[], None]]] = {}
        self.race: Race[str] = Race(self.clock, candidates, self._connect)
        self.result = self.race.run()
        self.result.addCallbacks(self.outcome.append, lambda failure: self.outcome.append(failure.value))

    def _connect(self, candidate: Candidate, connected: Callable[[], None]) -> Deferred[str]:
        self.begun.append(candidate)
        dial: Deferred[str] = Deferred(lambda _: self.given_up.append(candidate))
        self._dials[candidate] = dial, connected
        return dial

    def connected(self, candidate: Candidate) -> None:
        self._dials[candidate][1]()

    def ready(self, candidate: Candidate) -> None:
        self._dials[candidate][0].callback(candidate.address)

    def fail(self, candidate: Candidate, code: Code = Code.N01) -> None:
        self._dials[candidate][0].errback(DialError(code))

    def code(self) -> Code:
        (problem,) = self.outcome
        assert isinstance(problem, DialError)
        assert self.clock.getDelayedCalls() == []
        return problem.code


def test_first_address_that_answers_is_the_only_one_that_is_tried() -> None:
    course = Course(SIX, FOUR, OTHER)
    course.connected(SIX)
    course.clock.advance(10)
    course.ready(SIX)
    assert (course.begun, course.outcome) == ([SIX], [SIX.address])
    assert course.clock.getDelayedCalls() == []


def test_second_address_of_a_host_is_tried_when_the_first_is_slow() -> None:
    course = Course(SIX, FOUR)
    course.clock.advance(STAGGER)
    assert course.begun == [SIX, FOUR]
    course.connected(FOUR)
    assert course.given_up == [SIX]
    course.ready(FOUR)
    assert course.outcome == [FOUR.address]


def test_failure_brings_the_next_address_at_once() -> None:
    course = Course(SIX, FOUR)
    course.fail(SIX)
    assert course.begun == [SIX, FOUR]


def test_other_host_is_tried_only_when_all_addresses_of_the_first_have_failed() -> None:
    """The order of hosts is what their owner wants: the second may be there for an emergency."""
    course = Course(SIX, FOUR, OTHER)
    course.clock.advance(STAGGER)
    course.clock.advance(4)
    course.fail(SIX)
    assert course.begun == [SIX, FOUR]
    course.fail(FOUR)
    assert course.begun == [SIX, FOUR, OTHER]


def test_address_that_was_overtaken_is_tried_again_if_the_winner_proves_nothing() -> None:
    course = Course(SIX, FOUR, OTHER)
    course.clock.advance(STAGGER)
    course.connected(FOUR)
    course.fail(FOUR, Code.C03)
    assert course.begun == [SIX, FOUR, SIX]
    course.ready(SIX)
    assert course.outcome == [SIX.address]


def test_address_with_a_connection_is_not_overtaken() -> None:
    course = Course(SIX, FOUR, LAST)
    course.clock.advance(STAGGER)
    course.connected(SIX)
    course.clock.advance(10)
    assert (course.begun, course.given_up) == ([SIX, FOUR], [FOUR])


@pytest.mark.parametrize(("codes", "code"), [
    ((Code.N01, Code.C03), Code.N01),
    ((Code.C03, Code.N02), Code.N02),
    ((Code.C03, Code.C02), Code.C02),
])
def test_reason_is_the_failure_that_may_pass(codes: tuple[Code, Code], code: Code) -> None:
    course = Course(SIX, OTHER)
    course.fail(SIX, codes[0])
    course.fail(OTHER, codes[1])
    assert course.code() is code


def test_race_that_is_called_off_leaves_nothing_behind() -> None:
    course = Course(SIX, FOUR, OTHER)
    course.clock.advance(STAGGER)
    course.result.cancel()
    assert sorted(course.given_up) == sorted([SIX, FOUR])
    assert course.clock.getDelayedCalls() == []
    course.clock.advance(10)
    assert len(course.begun) == 2


def test_address_that_is_listed_twice_is_tried_once() -> None:
    course = Course(SIX, SIX)
    course.fail(SIX)
    assert course.begun == [SIX] and course.code() is Code.N01


def test_fault_of_ours_is_not_hidden() -> None:
    course = Course(SIX, FOUR)
    course._dials[SIX][0].errback(ZeroDivisionError())
    assert isinstance(course.outcome[0], ZeroDivisionError)
    assert course.begun == [SIX]


def test_address_that_failed_is_behind_the_others_until_it_has_rested() -> None:
    clock = Clock()
    resting = Resting(clock)
    assert resting.last([SIX, FOUR, OTHER]) == [SIX, FOUR, OTHER]
    resting.failed(SIX)
    assert resting.last([SIX, FOUR, OTHER]) == [FOUR, OTHER, SIX]
    clock.advance(REST)
    assert resting.last([SIX, FOUR, OTHER]) == [SIX, FOUR, OTHER]


def test_of_those_that_failed_the_one_that_has_rested_longest_is_first() -> None:
    clock = Clock()
    resting = Resting(clock)
    resting.failed(OTHER)
    clock.advance(1)
    resting.failed(SIX)
    assert resting.last([SIX, FOUR, OTHER]) == [FOUR, OTHER, SIX]


def test_nothing_is_remembered_of_those_that_have_rested() -> None:
    clock = Clock()
    resting = Resting(clock)
    for number in range(100):
        resting.failed(Candidate(ONE, "192.0.2.1", number))
        clock.advance(1)
    assert len(resting._until) <= REST
