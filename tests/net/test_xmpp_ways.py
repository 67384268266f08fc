"""Ways to XMPP servers: how they are found, and how many there may be."""

from typing import Any

import pytest

from edge.codes import Code
from edge.domains import Domain
from edge.net import places
from edge.net.xmpp_ways import Way, Ways
from edge.partners import System
from tests.net.cable import SIP, THEM, US, World, s2s

OTHER = Domain("other.example")
CAPULET = System("capulet", False, "xmpp", (THEM, OTHER), "s2s")
OFFICE = System("office", True, "xmpp", (OTHER,), "component")


class Route:
    """A route of which nothing is sent."""

    def __init__(self, idle: bool = True) -> None:
        self.is_idle = idle
        self.woken = self.stopped = 0

    def wake(self) -> None:
        self.woken += 1

    def stop(self, cause: object) -> None:
        self.stopped += 1


class Path:
    def __init__(self, system: System) -> None:
        self.system = system

    def stop(self) -> None:
        pass


def added(ways: Ways, remote: Domain = THEM, system: System = CAPULET, local: Domain = US, idle: bool = True) -> Any:
    route: Any = Route(idle)
    path: Any = Path(system)
    ways.add(system, Way((local, system.name if system.link == "component" else remote), route, path))
    ways.find(local, remote, route)
    return route


def test_who_comes_wakes_the_ways_to_him_and_no_others() -> None:
    ways = Ways()
    him, other = added(ways), added(ways, OTHER)
    too = added(ways, local=OTHER)
    ways.wake(frozenset((THEM, Domain("nobody.example"))))
    assert (him.woken, too.woken, other.woken) == (1, 1, 0)


def test_way_that_is_removed_is_not_found_any_more() -> None:
    ways = Ways()
    him, other = added(ways), added(ways, OTHER)
    (way, _) = ways.of("capulet")
    ways.remove(way)
    assert him.stopped and not other.stopped
    assert list(ways.to) == [OTHER] and ways.get(CAPULET, (US, THEM)) is None
    ways.forget("capulet")
    assert other.stopped and not ways.to and not ways.all()


def test_ways_are_found_again_but_those_of_components_when_they_are_asked_for() -> None:
    ways = Ways()
    him, office = added(ways), added(ways, OTHER, OFFICE)
    ways.to.clear()
    ways.find_again()
    assert ways.to == {THEM: {US: him}}
    assert ways.get(OFFICE, (US, "office")) is office


def test_idle_way_makes_room_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "PLACES", 2)
    ways = Ways()
    assert ways.has_room(CAPULET)
    busy, idle = added(ways, idle=False), added(ways, OTHER)
    assert ways.has_room(CAPULET) and idle.stopped and not busy.stopped
    assert OTHER not in ways.to
    added(ways, OTHER, idle=False)
    assert not ways.has_room(CAPULET) and ways.has_room(OFFICE)


def test_ways_behind_a_wildcard_are_bounded_and_those_listed_by_name_are_not(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "PLACES", 2)
    world = World(tmp_path, SIP, s2s(wildcards=(THEM,)))
    world.pool.start()
    for number in range(3):
        world.pool.send(US, Domain(f"tenant{number}.{THEM}"), b"<message/>", number)
    assert [back[:2] for back in world.sink.back] == [(2, Code.M01)]
    world.pool.send(US, THEM, b"<message/>", "named")
    assert len(world.sink.back) == 1 and len(world.pool.routes) == 3
