"""Handshakes at a pace: a few at once, then so many a second, and partners before strangers."""

from collections.abc import Callable

import pytest
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock

from edge.net import pace
from edge.net.pace import Pace


class Steps:
    """Asks for steps, and knows which were done."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.pace = Pace(self.clock)
        self.done: list[object] = []

    def ask(self, name: object, known: bool = False, worth: bool = True) -> None:
        def step() -> bool:
            self.done.append(name)
            return worth

        self.pace.do(step, known)


def filled() -> Steps:
    steps = Steps()
    for number in range(pace.AT_ONCE):
        steps.ask(number)
    assert steps.done == [*range(pace.AT_ONCE)], "after a quiet time nobody waits"
    steps.done.clear()
    return steps


def test_so_many_go_on_in_a_second() -> None:
    steps = filled()
    for number in range(1000):
        steps.ask(number)
    assert steps.done == []
    for _ in range(1000):
        steps.clock.advance(0.001)
    assert len(steps.done) in range(int(pace.STEPS_PER_SECOND) - 2, int(pace.STEPS_PER_SECOND) + 1)
    assert steps.done == [*range(len(steps.done))], "in the order in which they came"


def test_links_have_their_turn_when_the_gateway_was_late() -> None:
    steps = filled()
    for number in range(10):
        steps.ask(number)
    turns: list[int] = []
    later = steps.clock.callLater

    def turn(seconds: float, call: Callable[[], None]) -> IDelayedCall:
        turns.append(len(steps.done))
        return later(seconds, call)

    steps.clock.callLater = turn  # type: ignore[assignment, method-assign]
    steps.clock.advance(1.0)
    assert turns == [2, 4, 6, 8] and len(steps.done) == 10, "although there is time for all"
    assert not steps.clock.getDelayedCalls()


def test_partners_come_before_all_strangers() -> None:
    steps = filled()
    steps.ask("stranger")
    steps.ask("another")
    steps.ask("partner", known=True)
    advance(steps.clock, lambda: len(steps.done) == 3)
    assert steps.done == ["partner", "stranger", "another"]


def test_step_of_a_connection_that_is_gone_takes_nobodys_turn() -> None:
    steps = filled()
    for number in range(50):
        steps.ask(number, worth=False)
    steps.ask("there")
    steps.clock.advance(1 / pace.STEPS_PER_SECOND)
    assert steps.done[-1] == "there"


def test_step_that_fails_does_not_hold_up_the_next() -> None:
    steps = filled()

    def fails() -> bool:
        raise ZeroDivisionError

    steps.pace.do(fails, False)
    steps.ask("next")
    with pytest.raises(ZeroDivisionError):
        steps.clock.advance(1 / pace.STEPS_PER_SECOND)
    advance(steps.clock, lambda: steps.done == ["next"])


def advance(clock: Clock, happened: Callable[[], bool]) -> None:
    for _ in range(100):
        if happened():
            return
        clock.advance(1 / pace.STEPS_PER_SECOND)
    raise AssertionError("it did not happen")
