"""Memory goes back to the kernel."""

import ctypes
import gc
from collections.abc import Iterator
from pathlib import Path
from weakref import ref

import pytest

from edge.net import memory
from edge.net.memory import GARBAGE, LEAST, MOST, SHARE, give_back, loading, settle, unsettle

MIB = 1 << 20


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library is not glibc")
def test_what_was_freed_between_what_is_kept_goes_back() -> None:
    blocks = [bytes(20_000) for _ in range(4000)]  # below the size that has pages of its own
    kept = blocks[::50]
    full = resident()
    del blocks
    give_back()
    assert resident() < full - 40 * MIB and len(kept) == 80


def test_nothing_happens_where_the_c_library_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert give_back() is False


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The collector as it is while a gateway runs; the time can be changed."""
    now = [1000.0]
    monkeypatch.setattr(memory, "monotonic", lambda: now[0])
    settle()
    yield now
    unsettle()
    gc.unfreeze()


class Circle:
    """Something that only the collector can free."""

    def __init__(self) -> None:
        self.itself = self


def test_what_has_been_looked_at_is_not_looked_at_again_before_it_is_time(settled: list[float]) -> None:
    circle = Circle()
    seen = ref(circle)
    gc.collect()
    before = gc.get_freeze_count()
    del circle
    gc.collect()
    assert seen() is not None and before > 1000
    settled[0] += LEAST
    gc.collect()
    assert seen() is None and gc.get_freeze_count() > 1000


@pytest.mark.parametrize(("took", "every"), [(0.5, 0.5 * SHARE), (1000.0, MOST)])
def test_looking_at_everything_is_the_rarer_the_longer_it_takes(
    settled: list[float], took: float, every: float
) -> None:
    def long(phase: str, about: dict[str, int]) -> None:
        settled[0] += took if phase == "start" else 0

    settled[0] += LEAST
    gc.callbacks.append(long)  # behind ours, which has begun to count
    gc.collect()
    gc.callbacks.remove(long)
    seen = ref(circle := Circle())
    gc.collect()
    del circle
    settled[0] += every - took - 1
    gc.collect()
    assert seen() is not None
    settled[0] += 1
    gc.collect()
    assert seen() is None


def test_garbage_is_found_before_it_has_been_looked_at(settled: list[float]) -> None:
    seen = ref(Circle())
    gc.collect()
    assert seen() is None


def test_collector_is_as_it_was_when_the_gateway_has_ended() -> None:
    before = gc.get_threshold(), len(gc.callbacks)
    settle()
    settle()
    assert gc.get_threshold() == GARBAGE and len(gc.callbacks) == before[1] + 1
    unsettle()
    unsettle()
    gc.unfreeze()
    assert (gc.get_threshold(), len(gc.callbacks)) == before


def test_nobody_looks_for_garbage_among_what_is_loaded() -> None:
    before = gc.get_freeze_count()
    with pytest.raises(ValueError), loading():
        assert not gc.isenabled()
        circle = Circle()
        raise ValueError
    assert gc.isenabled() and gc.get_freeze_count() > before and circle.itself is circle
    gc.unfreeze()
