"""A coarse timer wheel: pure data, time is an argument.

Every protocol timer of the gateway lives in one `Wheel`, because a reactor timer for each message costs
more than the message. Resolution is `TICK`: a timer fires at the first `advance` after its tick, never early.
"""

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

TICK = 0.25  # seconds; the shortest protocol timer in use is RFC 3261's T1 (0.5 s)

T = TypeVar("T", bound=Hashable)
Slot = dict[T, None]


class Wheel(Generic[T]):
    """Items by the tick at which they are due. An item may be in the wheel several times, in several slots."""

    __slots__ = ("_slots", "_reached", "now")

    def __init__(self, now: float = 0.0) -> None:
        self._slots: dict[int, Slot[T]] = {}
        self._reached = int(now / TICK)
        self.now = now

    def start(self, seconds: float, item: T) -> "Slot[T]":
        """Arm ``item``, to be due ``seconds`` from `now`; returns the slot, which `stop` takes back."""
        tick = int((self.now + seconds) / TICK) + 1
        slot = self._slots.get(tick)
        if slot is None:
            slot = self._slots[tick] = {}
        slot[item] = None
        return slot

    @staticmethod
    def stop(slot: "Slot[T]", item: T) -> None:
        """Disarm ``item``; harmless when it has fired already."""
        slot.pop(item, None)

    def advance(self, now: float) -> Iterator[T]:
        """Move to ``now`` (seconds, never backwards) and give what has become due, oldest first.

        What one of the items stops does not fire after it, nor does an item that fires start others too soon.
        """
        self.now = now
        reached = int(now / TICK)
        if reached <= self._reached:
            return iter(())
        if reached - self._reached > len(self._slots):
            ticks = sorted(tick for tick in self._slots if tick <= reached)
        else:
            ticks = [tick for tick in range(self._reached + 1, reached + 1) if tick in self._slots]
        self._reached = reached
        return _due([self._slots.pop(tick) for tick in ticks])

    def __len__(self) -> int:
        return sum(map(len, self._slots.values()))


def _due(slots: list[Slot[T]]) -> Iterator[T]:
    for slot in slots:
        for item in list(slot):
            if item in slot:
                del slot[item]
                yield item
