"""A peer that floods us with requests leaves room for others."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

from edge.sip.crowd import AGAIN, Crowd

ROOM = 100


class Full:
    """A table of requests; a link is a name, and has a ``peer``."""

    def __init__(self) -> None:
        self.crowd = Crowd()
        self.open: list[Any] = []
        self.now = 0.0

    def opens(self, peer: str, times: int = 1) -> int:
        """How many of so many are taken."""
        before = len(self.open)
        for _ in range(times):
            link = SimpleNamespace(peer=peer)
            if self.crowd.admits(link, self.open, ROOM, ROOM - len(self.open), self.now):
                self.open.append(SimpleNamespace(link=link))
        return len(self.open) - before


def test_half_of_the_room_is_for_whoever_comes() -> None:
    assert Full().opens("one", 50) == 50


def test_one_peer_gets_no_more_than_it_leaves_and_others_go_on() -> None:
    full = Full()
    assert full.opens("flood", 1000) == 50
    assert full.opens("partner", 10) == 10
    assert full.opens("flood", 1000) == 0, "also on another link, or when it comes again"


def test_many_peers_that_flood_leave_as_much_as_each_has() -> None:
    full = Full()
    for turn in range(200):
        full.opens(f"flood {turn % 4}")
    shares = Counter(each.link.peer for each in full.open)
    assert set(shares.values()) == {20} and full.opens("partner", 19) > 0


def test_nobody_gets_in_when_there_is_no_room() -> None:
    full = Full()
    full.open = [SimpleNamespace(link=SimpleNamespace(peer=str(number))) for number in range(ROOM)]
    assert full.opens("partner") == 0


def test_who_has_closed_his_gets_in_again_soon() -> None:
    full = Full()
    full.opens("flood", 1000)
    full.opens("partner", 5)
    full.open = full.open[45:]  # answered
    full.open += [SimpleNamespace(link=SimpleNamespace(peer=str(number))) for number in range(45)]
    assert full.opens("flood") == 0
    full.now = AGAIN
    assert full.opens("flood") == 1
