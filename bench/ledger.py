"""What was sent and has not arrived: every measurement of messages keeps one."""

from collections.abc import Hashable

Said = tuple[bytes, ...]
"""Sender, recipient and whole text of a message, as the receiving end must see them."""


class Ledger:
    """Each message arrives once, unchanged, and on its way behind those that were sent before it.

    Everything raises `AssertionError` with what is wrong.
    """

    def __init__(self) -> None:
        self._open: dict[int, Said] = {}
        self._last: dict[Hashable, int] = {}  # by the way on which it arrived
        self.arrived = 0

    def sent(self, number: int, *said: bytes) -> None:
        """Numbers grow."""
        self._open[number] = said

    def arrives(self, number: int, said: Said, *ways: Hashable) -> None:
        """A message says it is the one with ``number``; on each of ``ways`` numbers must grow."""
        expected = self._open.pop(number, None)
        assert expected is not None, f"{number} was not sent, or arrives twice: {said}"
        assert said == expected, f"{number} was changed: {said} instead of {expected}"
        for way in ways:
            assert self._last.get(way, -1) < number, f"{number} arrives behind {self._last[way]} on {way!r}"
            self._last[way] = number
        self.arrived += 1

    def close(self) -> None:
        """Everything was sent that will be, and has had its time."""
        assert not self._open, f"lost: {sorted(self._open)[:10]}"
