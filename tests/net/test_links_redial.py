"""A route whose place is said to be elsewhere while it is dialled, rests, or is up."""

from twisted.internet.defer import CancelledError, Deferred

from edge.codes import Code
from edge.net.links import DialError
from tests.net.dials import Link, Setting


def test_place_that_moves_while_it_is_dialled_is_dialled_again_for_what_waits() -> None:
    setting = Setting()
    setting.route.send(b"x", 1)
    setting.route.redial()
    assert (len(setting.dials), setting.cancelled, setting.unsent, setting.paths) == (2, 1, [], [])
    assert setting.connect().sent == [1]


def test_what_comes_of_the_earlier_dial_is_no_news() -> None:
    setting = Setting()
    late: Deferred[None] = Deferred()

    async def slow_to_end() -> Link:
        try:
            return await Deferred()
        except CancelledError:
            await late
            raise DialError(Code.N01) from None

    setting.route._dial = lambda: Deferred.fromCoroutine(slow_to_end())
    setting.route.send(b"x", 1)
    setting.route._dial = setting.dial
    setting.route.redial()
    late.callback(None)
    assert setting.route.state == "connecting" and not setting.paths
    assert setting.connect().sent == [1]


def test_place_that_moves_while_it_rests_is_dialled_at_once() -> None:
    """What the administrator has mended must not wait for a minute that the mistake has earned."""
    setting = Setting(seconds=600.0)
    setting.route.send(b"x", 1)
    for number in range(1, 8):
        setting.run_until_dialled(number)
        setting.fail()
    setting.route.redial()
    assert len(setting.dials) == 8 and setting.route.cause is None
    setting.fail()
    setting.clock.advance(1.0)
    assert len(setting.dials) == 9, "and the pauses begin anew"


def test_place_that_somebody_wants_to_reach_is_dialled_at_once() -> None:
    setting = Setting()
    setting.route.reach()
    setting.fail(Code.C03)
    setting.route.redial()
    assert len(setting.dials) == 2


def test_place_that_nobody_wants_is_left_alone() -> None:
    setting = Setting()
    setting.route.redial()
    setting.route.send(b"x", 1)
    setting.fail(Code.C03)
    assert setting.unsent == [(1, Code.C03)]
    setting.route.redial()
    assert (setting.route.state, len(setting.dials)) == ("idle", 1)


def test_link_that_is_up_is_its_owners_business() -> None:
    setting = Setting()
    setting.route.send(b"x", 1)
    link = setting.connect()
    setting.route.redial()
    setting.route.send(b"x", 2)
    assert (link.sent, len(setting.dials)) == ([1, 2], 1)


def test_one_that_has_stopped_stays_so() -> None:
    setting = Setting()
    setting.route.send(b"x", 1)
    setting.route.stop()
    setting.route.redial()
    assert (setting.route.state, len(setting.dials)) == ("stopped", 1)


def test_new_bounds_hold_for_what_comes_next() -> None:
    setting = Setting(limit=1)
    setting.route.send(b"x", 1)
    setting.route.bound(2, 30.0)
    setting.route.send(b"x", 2)
    setting.route.send(b"x", 3)
    assert setting.unsent == [(3, Code.M01)]
