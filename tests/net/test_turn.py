"""One write for each link and turn."""

import pytest
from twisted.internet.task import Clock

from edge.net.turn import Turn


class Link:
    """Writes what it has; may give others something to write, or fail."""

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.out: list[bytes] = []
        self.written: list[bytes] = []
        self.then: Link | None = None

    def write(self, data: bytes) -> None:
        if not self.out:
            self.turn.add(self)
        self.out.append(data)

    def flush(self) -> None:
        self.written.append(b"".join(self.out))
        self.out.clear()
        if self.then is not None:
            self.then.write(b"echo")
            self.then = None


class Broken(Link):
    def flush(self) -> None:
        raise RuntimeError("broken")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def turn(clock: Clock) -> Turn:
    return Turn(clock)


def test_link_writes_once_when_much_has_gathered(turn: Turn) -> None:
    one, other = Link(turn), Link(turn)
    turn.begin()
    for _ in range(3):
        one.write(b"a")
        other.write(b"b")
    assert (one.written, other.written) == ([], [])
    turn.flush()
    assert (one.written, other.written) == ([b"aaa"], [b"bbb"])


def test_flush_writes_nothing_when_nothing_has_gathered(turn: Turn) -> None:
    link = Link(turn)
    link.write(b"a")
    turn.flush()
    turn.flush()
    assert link.written == [b"a"]


def test_link_that_registers_during_the_flush_writes_as_well(turn: Turn) -> None:
    one, other = Link(turn), Link(turn)
    one.then = other
    turn.begin()
    one.write(b"a")
    turn.flush()
    assert other.written == [b"echo"]


def test_bytes_outside_a_turn_leave_with_the_next_iteration(turn: Turn, clock: Clock) -> None:
    link = Link(turn)
    link.write(b"a")
    link.write(b"b")
    assert link.written == []
    clock.advance(0)
    assert link.written == [b"ab"]
    link.write(b"c")
    clock.advance(0)
    assert link.written == [b"ab", b"c"]


def test_turn_costs_no_timer(turn: Turn, clock: Clock) -> None:
    turn.begin()
    Link(turn).write(b"a")
    turn.flush()
    assert clock.getDelayedCalls() == []


def test_turn_works_again_after_a_link_has_failed(turn: Turn, clock: Clock) -> None:
    link = Link(turn)
    turn.begin()
    Broken(turn).write(b"a")
    with pytest.raises(RuntimeError):
        turn.flush()
    link.write(b"b")
    clock.advance(0)
    assert link.written == [b"b"]
