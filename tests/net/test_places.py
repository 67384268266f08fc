"""How many places a pool sends to for one system."""

import pytest

from edge.net import places
from edge.net.places import made_room

MOST = 10


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "PLACES", MOST)
    monkeypatch.setattr(places, "LOOKED_AT", 3)


class Table:
    """Places by number; those in ``busy`` are in use."""

    def __init__(self, busy: range) -> None:
        self.places = {number: number for number in range(MOST)}
        self.busy = busy
        self.looked_at: list[int] = []
        self.forgotten: list[int] = []

    def made_room(self) -> bool:
        return made_room(self.places, self.is_idle, self.forgotten.append)

    def is_idle(self, number: int) -> bool:
        self.looked_at.append(number)
        return number not in self.busy


def test_nothing_is_forgotten_as_long_as_there_is_room() -> None:
    table = Table(range(0))
    del table.places[5]
    assert table.made_room() and table.looked_at == table.forgotten == []


def test_idle_place_makes_room_for_another() -> None:
    table = Table(range(2))
    assert table.made_room()
    assert table.forgotten == [2] and len(table.places) == MOST - 1


def test_there_is_no_room_where_all_are_in_use() -> None:
    table = Table(range(MOST))
    assert not table.made_room()
    assert sorted(table.places) == list(range(MOST)) and table.forgotten == []


def test_only_so_many_are_looked_at_and_others_the_next_time() -> None:
    table = Table(range(7))
    assert [table.made_room() for _ in range(3)] == [False, False, True]
    assert table.looked_at == [0, 1, 2, 3, 4, 5, 6, 7] and table.forgotten == [7]
