"""The entrance: so many in all, so many from one address, one line for all who are turned away."""

import pytest
from twisted.internet.task import Clock

from edge.codes import Code
from edge.net import entrance
from edge.net.entrance import Entrance
from tests.net.cable import Memory, s2s


def made(places: int = 3, from_one: int = 2, connections: int = 99) -> tuple[Clock, Memory, Entrance]:
    clock, sink = Clock(), Memory()
    return clock, sink, Entrance(clock, sink, places, from_one, connections, direction="in")


def test_entrance_has_so_many_places_in_all() -> None:
    _, sink, door = made()
    for number in range(3):
        assert door.admits(f"192.0.2.{number}")
        door.enter(number, f"192.0.2.{number}")
    assert not door.admits("192.0.2.9")
    assert sink.events == [
        ("link.refused", {"code": Code.L03, "direction": "in", "peer_ip": "192.0.2.9", "count": 1})
    ]
    door.leave(1)
    assert door.admits("192.0.2.9")


def test_entrance_has_so_many_places_for_one_address() -> None:
    _, _, door = made()
    door.enter("a", "192.0.2.1")
    door.enter("b", "192.0.2.1")
    assert not door.admits("192.0.2.1") and door.admits("192.0.2.2")
    door.leave("a")
    assert door.admits("192.0.2.1")


def test_entrance_gives_a_place_back_once() -> None:
    _, _, door = made(places=9)
    door.enter("a", "192.0.2.1")
    door.enter("b", "192.0.2.1")
    for _ in range(3):
        door.leave("a")
    door.enter("c", "192.0.2.1")
    assert not door.admits("192.0.2.1")
    door.leave("a stranger")


def test_entrance_complains_once_in_a_while_with_a_number() -> None:
    clock, sink, door = made(places=0)
    for _ in range(5):
        assert not door.admits("192.0.2.1")
    clock.advance(entrance.COMPLAIN)
    assert not door.admits("192.0.2.1")
    assert [fields["count"] for _, fields in sink.events] == [1, 5]


def test_partner_above_its_limit_is_told_of_once_a_minute_with_a_cure() -> None:
    clock, sink, door = made()
    for _ in range(5):
        door.above(s2s(connections_in=7))
    door.above(s2s(name="found.example", discovered=True))
    clock.advance(entrance.COMPLAIN)
    door.above(s2s(connections_in=7))
    assert {name for name, _ in sink.events} == {"limit.hit"}
    assert [(fields["partner"], fields["count"]) for _, fields in sink.events] == [
        ("montague", 1), ("found.example", 1), ("montague", 5),
    ]
    listed, found, _ = [str(fields["cure"]) for _, fields in sink.events]
    assert listed.startswith("raise connections_in (7)")
    assert found.startswith("name found.example in the partner file")


def test_only_so_many_partners_above_their_limits_are_kept_in_mind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entrance, "REMEMBERED", 2)
    _, sink, door = made()
    for name in ("one", "two", "three", "three", "one"):
        door.above(s2s(name=name))
    assert [fields["partner"] for _, fields in sink.events] == ["one", "two", "three", "one"]


def test_entrance_has_so_many_connections_in_all() -> None:
    _, _, door = made(connections=3)
    for number in range(3):
        host = f"192.0.2.{number}"
        assert door.admits(host)
        door.enter(number, host)
        door.proved(number, host)
    assert not door.admits("192.0.2.1") and not door.admits("192.0.2.9")
    door.leave(0)
    assert door.admits("192.0.2.1")


def test_entrance_has_places_for_partners_however_many_strangers_come() -> None:
    _, _, door = made(places=2)
    door.enter("partner", "192.0.2.1")
    door.proved("partner", "192.0.2.1")
    door.leave("partner")
    for number in range(2):
        door.enter(number, f"203.0.113.{number}")
    assert not door.admits("203.0.113.9") and door.admits("192.0.2.1")
    for number in range(2):
        door.enter(f"again {number}", "192.0.2.1")
    assert not door.admits("192.0.2.1"), "nor may a partner's machine take all there is"


def test_entrance_knows_where_those_are_whom_we_have_dialled() -> None:
    _, _, door = made(places=1)
    door.proved("dialled", "192.0.2.1")
    door.enter("stranger", "203.0.113.1")
    assert door.knows("192.0.2.1") and door.admits("192.0.2.1")
    assert not door.knows("203.0.113.1")


def test_entrance_lets_strangers_in_at_a_pace_and_partners_at_once() -> None:
    clock, _, door = made(places=10_000)
    admitted = [door.admits(f"203.0.113.{number}") for number in range(entrance.AT_ONCE + 1)]
    assert admitted.index(False) == entrance.AT_ONCE
    door.proved("partner", "192.0.2.1")
    assert door.admits("192.0.2.1")
    clock.advance(1)
    admitted = [door.admits(f"203.0.113.{number}") for number in range(500)]
    assert admitted.count(True) == entrance.PER_SECOND


def test_entrance_forgets_the_partner_that_it_has_not_seen_for_longest() -> None:
    _, _, door = made()
    for number in range(entrance.REMEMBERED):
        door.proved(None, f"host {number}")
    door.proved(None, "host 0")
    door.proved(None, "another")
    assert door.knows("host 0") and door.knows("another") and not door.knows("host 1")


def test_entrance_gives_memory_back_when_a_crowd_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []
    clock, _, door = made(places=1000, from_one=1000)
    monkeypatch.setattr(entrance, "give_back", lambda: given.append(clock.seconds()))
    for number in range(entrance.CROWD):
        door.enter(number, "203.0.113.1")
    for _ in range(3):
        clock.advance(entrance.CALM)
    assert given == []
    door.leave(0)
    clock.advance(entrance.CALM)
    assert len(given) == 1 and not clock.getDelayedCalls()
    door.enter(0, "203.0.113.1")
    door.stop()
    assert not clock.getDelayedCalls()


def test_entrance_lets_a_new_partner_in_while_one_stranger_comes_all_the_time() -> None:
    clock, _, door = made(places=10_000)
    for _ in range(100):
        for _ in range(500):
            door.admits("203.0.113.1")
        clock.advance(0.01)
    assert door.admits("192.0.2.1")
    clock.advance(entrance.WINDOW)
    assert door.admits("203.0.113.1")


def test_entrance_counts_a_bounded_number_of_strangers() -> None:
    _, _, door = made(places=1_000_000)
    for number in range(3 * entrance.ADDRESSES):
        door.admits(f"host {number}")
    assert len(door._tries) <= entrance.ADDRESSES


def test_entrance_takes_a_discovered_partner_for_a_stranger() -> None:
    """Else a certificate for any domain would buy the places of partners, and their turn."""
    _, _, door = made(places=2, connections=4)
    door.enter("a", "203.0.113.1")
    door.proved("a", "203.0.113.1", listed=False)
    assert not door.knows("203.0.113.1")
    for number in range(2):
        door.enter(number, f"203.0.113.{number}")
    assert not door.admits("203.0.113.1"), "its place is free again, and taken by the next"
    door.proved("partner", "203.0.113.1")
    door.proved("again", "203.0.113.1", listed=False)
    assert door.knows("203.0.113.1"), "a listed one is there as well"


def test_entrance_takes_a_partner_that_floods_it_with_connections_for_a_stranger() -> None:
    clock, _, door = made(places=999, from_one=999)
    door.proved("partner", "192.0.2.1")
    for _ in range(2):  # so many, but not in one window
        for number in range(entrance.IN_VAIN - 1):
            door.enter(number, "192.0.2.1")
            door.leave(number)
        assert door.knows("192.0.2.1")
        clock.advance(entrance.WINDOW)
    for number in range(entrance.IN_VAIN):
        door.enter(number, "192.0.2.1")
        door.proved(number, "192.0.2.1")
        door.leave(number)
    assert door.knows("192.0.2.1"), "these have proved something"
    for number in range(entrance.IN_VAIN):
        door.enter(number, "192.0.2.1")
        door.leave(number)
    assert not door.knows("192.0.2.1")
    door.proved("partner", "192.0.2.1")
    assert door.knows("192.0.2.1")
