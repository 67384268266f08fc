"""The timer wheel: never early, at most a tick late, nothing lost and nothing twice."""

from hypothesis import given, settings
from hypothesis import strategies as some

from edge.timers import TICK, Wheel

seconds = some.floats(min_value=0, max_value=5000, allow_nan=False)


@settings(max_examples=200)
@given(start=seconds, delays=some.lists(seconds, max_size=20), steps=some.lists(seconds, max_size=20))
def test_wheel_fires_each_item_once_neither_early_nor_a_tick_late(
    start: float, delays: list[float], steps: list[float]
) -> None:
    wheel: Wheel[int] = Wheel(start)
    for item, delay in enumerate(delays):
        wheel.start(delay, item)
    fired: list[int] = []
    now = start
    for step in [*steps, 5000 + 2 * TICK]:
        now += step
        due = list(wheel.advance(now))
        for item in due:
            assert start + delays[item] <= now
        fired += due
        overdue = {item for item, delay in enumerate(delays) if start + delay + 2 * TICK <= now}
        assert overdue <= set(fired)
    assert sorted(fired) == list(range(len(delays))) and len(wheel) == 0


def test_wheel_returns_what_is_due_oldest_first() -> None:
    wheel: Wheel[str] = Wheel()
    for delay, item in ((3.0, "last"), (1.0, "first"), (2.0, "second")):
        wheel.start(delay, item)
    assert list(wheel.advance(10.0)) == ["first", "second", "last"]


def test_wheel_forgets_an_item_when_it_is_stopped() -> None:
    wheel: Wheel[str] = Wheel()
    slot = wheel.start(1.0, "item")
    wheel.stop(slot, "item")
    wheel.stop(slot, "item")
    assert len(wheel) == 0 and list(wheel.advance(5.0)) == []


def test_wheel_holds_an_item_in_several_slots() -> None:
    wheel: Wheel[str] = Wheel()
    wheel.start(1.0, "item")
    later = wheel.start(3.0, "item")
    assert len(wheel) == 2 and list(wheel.advance(2.0)) == ["item"]
    wheel.stop(later, "item")
    assert list(wheel.advance(5.0)) == []


def test_wheel_fires_what_is_started_for_now_at_the_next_tick() -> None:
    wheel: Wheel[str] = Wheel(100.0)
    wheel.start(0.0, "item")
    assert list(wheel.advance(100.0)) == []
    assert list(wheel.advance(100.0 + TICK)) == ["item"]


def test_what_an_item_stops_when_it_fires_does_not_fire_after_it() -> None:
    wheel: Wheel[str] = Wheel()
    wheel.start(1.0, "first")
    same, later = wheel.start(1.0, "same moment"), wheel.start(2.0, "later")
    fired = []
    for item in wheel.advance(5.0):
        fired.append(item)
        wheel.stop(same, "same moment")
        wheel.stop(later, "later")
    assert fired == ["first"]
