"""Memory goes back to the kernel."""

import ctypes
import gc
from pathlib import Path

import pytest

from edge.net.memory import GARBAGE, give_back, settle

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


def test_what_the_start_has_made_is_not_looked_at_again() -> None:
    before = gc.get_threshold()
    try:
        settle()
        assert gc.get_freeze_count() > 1000 and gc.get_threshold() == GARBAGE
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
