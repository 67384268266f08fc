"""The entrance: so many in all, so many from one address, one line for all who are turned away."""

from twisted.internet.task import Clock

from edge.codes import Code
from edge.net import entrance
from edge.net.entrance import Entrance
from tests.net.cable import Memory


def made(places: int = 3, from_one: int = 2) -> tuple[Clock, Memory, Entrance]:
    clock, sink = Clock(), Memory()
    return clock, sink, Entrance(clock, sink, places, from_one, direction="in")


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
