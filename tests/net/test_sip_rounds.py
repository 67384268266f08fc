"""When SIP links are looked at."""

import gc
import weakref
from typing import cast

import pytest
from twisted.internet.task import Clock

from edge.net.sip_link import SipLink
from edge.net.sip_rounds import KEEP_ALIVE, TICK, TOGETHER, Rounds
from edge.net.turn import Turn

PERIOD = round(KEEP_ALIVE / TICK)  # ticks


class Office:
    """Links that note when they are probed."""

    def __init__(self, period: float = KEEP_ALIVE) -> None:
        self.clock = Clock()
        self.turn = Turn(self.clock)
        self.rounds = Rounds(self.clock, self.turn, period)

    def link(self) -> "Link":
        link = Link(self)
        self.rounds.add(link.itself)
        return link

    def ticks(self, number: int) -> None:
        self.clock.pump([TICK] * number)


class Link:
    """What `Rounds` knows of a link."""

    def __init__(self, office: Office) -> None:
        self.probed: list[float] = []
        self.flushed: list[float] = []
        self.itself = cast(SipLink, self)
        self._office = office

    def probe(self) -> None:
        self.probed.append(self._office.clock.seconds())
        self._office.turn.add(self)

    def flush(self) -> None:
        self.flushed.append(self._office.clock.seconds())


@pytest.mark.parametrize(("period", "seconds"), [(1.0, 1), (2.9, 2), (KEEP_ALIVE, 30)])
def test_link_is_looked_at_once_a_period(period: float, seconds: int) -> None:
    office = Office(period)
    link = office.link()
    office.ticks(3 * seconds)
    assert link.probed == link.flushed == [seconds, 2 * seconds, 3 * seconds]


def test_link_that_is_added_twice_is_looked_at_once() -> None:
    office = Office()
    link = office.link()
    office.ticks(5)
    office.rounds.add(link.itself)
    office.ticks(PERIOD)
    assert link.probed == [KEEP_ALIVE]


def test_links_that_come_one_after_another_are_each_looked_at_a_period_later() -> None:
    office = Office()
    links = []
    for _ in range(5):
        links.append(office.link())
        office.clock.advance(TICK)
    office.ticks(PERIOD)
    assert [link.probed for link in links] == [[number * TICK + KEEP_ALIVE] for number in range(5)]


def test_many_that_come_together_are_spread_over_the_ticks_before() -> None:
    office = Office()
    links = [office.link() for _ in range(3 * TOGETHER)]
    office.ticks(2 * PERIOD)
    firsts = [link.probed[0] for link in links]
    assert [firsts.count(KEEP_ALIVE - back * TICK) for back in range(4)] == [TOGETHER, TOGETHER, TOGETHER, 0]
    assert all(second - first == KEEP_ALIVE for first, second in (link.probed for link in links)), "and stay so"


def test_more_than_have_room_are_spread_over_all_ticks() -> None:
    office = Office(period=3.0)
    links = [office.link() for _ in range(3 * TOGETHER + 30)]
    office.ticks(3)
    times = [link.probed for link in links]
    assert [times.count([each]) for each in (1.0, 2.0, 3.0)] == [TOGETHER + 10] * 3


def test_place_of_a_link_that_is_gone_is_free() -> None:
    office = Office()
    links = [office.link() for _ in range(TOGETHER)]
    office.rounds.discard(links[0].itself)
    late = office.link()
    office.ticks(PERIOD)
    assert (late.probed, links[0].probed) == ([KEEP_ALIVE], [])


def test_nothing_is_waited_for_without_links() -> None:
    office = Office()
    assert office.clock.getDelayedCalls() == []
    link = office.link()
    assert len(office.clock.getDelayedCalls()) == 1
    office.ticks(3)
    office.rounds.discard(link.itself)
    office.rounds.discard(link.itself)
    assert office.clock.getDelayedCalls() == []
    again = office.link()
    office.ticks(PERIOD)
    assert again.probed == [3 * TICK + KEEP_ALIVE]


def test_nothing_is_waited_for_after_the_end() -> None:
    office = Office()
    office.link()
    office.rounds.stop()
    office.link()
    assert office.clock.getDelayedCalls() == []


def test_link_may_go_and_others_come_while_it_is_looked_at() -> None:
    office = Office()
    link, other = office.link(), office.link()
    came: list[Link] = []

    def probe() -> None:
        office.rounds.discard(link.itself)
        came.append(office.link())

    link.probe = probe  # type: ignore[method-assign]
    office.ticks(2 * PERIOD)
    assert other.probed == [KEEP_ALIVE, 2 * KEEP_ALIVE]
    assert [each.probed for each in came] == [[2 * KEEP_ALIVE]]


def test_failure_with_one_link_does_not_end_the_rounds() -> None:
    office = Office()
    bad = office.link()
    office.clock.advance(TICK)
    later = office.link()

    def probe() -> None:
        raise ZeroDivisionError

    bad.probe = probe  # type: ignore[method-assign]
    office.ticks(PERIOD - 2)
    with pytest.raises(ZeroDivisionError):
        office.clock.advance(TICK)
    office.ticks(PERIOD - 1)
    assert later.probed == [TICK + KEEP_ALIVE]


def test_link_that_is_gone_is_not_kept() -> None:
    office = Office()
    link = office.link()
    seen = weakref.ref(link)
    office.rounds.discard(link.itself)
    del link
    gc.collect()
    assert seen() is None
