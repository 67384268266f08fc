"""Reach: a route that dials because somebody wants the link, and what the path hears of it."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.codes import Code
from edge.net import links
from tests.net.dials import Link, Setting


@pytest.fixture
def setting() -> Setting:
    return Setting()


# --- reach ----------------------------------------------------------------------------------------------


def test_reach_dials_without_a_message(setting: Setting) -> None:
    setting.route.reach()
    setting.route.reach()
    assert len(setting.dials) == 1
    assert setting.connect().sent == []
    setting.route.reach()
    assert (setting.route.state, len(setting.dials)) == ("up", 1)


def test_reach_goes_on_with_the_pauses_of_the_route_until_a_link_is_up(setting: Setting) -> None:
    setting.route.reach()
    for times in range(2, 10):
        setting.fail()
        setting.run_until_dialled(times)
    pauses = [round(later - earlier) for earlier, later in pairwise(setting.dialled_at)]
    assert pauses == sorted(pauses) and pauses[0] <= 1 and 45 <= pauses[-1] <= 60, pauses
    setting.connect()
    assert setting.paths == [*[("failed", Code.N01)] * 8, ("up",)]


@pytest.mark.parametrize("code", [Code.C01, Code.C03, Code.D01, Code.T01])
def test_reach_tries_again_within_a_minute_what_somebody_must_mend(setting: Setting, code: Code) -> None:
    setting.route.reach()
    for times in range(2, 5):
        setting.fail(code)
        setting.run_until_dialled(times)
    pauses = [later - earlier for earlier, later in pairwise(setting.dialled_at)]
    assert all(0.75 * links.LONGEST_PAUSE <= pause <= links.LONGEST_PAUSE + 0.25 for pause in pauses), pauses
    setting.connect()
    assert setting.paths[-1] == ("up",)


def test_reach_is_fulfilled_once_a_link_was_up(setting: Setting) -> None:
    setting.route.reach()
    setting.route.link_lost(setting.connect())
    setting.clock.advance(3600)
    assert (setting.route.state, len(setting.dials)) == ("idle", 1)


def test_reach_waits_for_the_end_of_a_rest(setting: Setting) -> None:
    setting.route.send(b"x", 1)
    setting.fail(Code.C01)
    setting.route.reach()
    assert len(setting.dials) == 1
    setting.run_until_dialled(2)
    assert setting.clock.seconds() <= 1.25


def test_reach_is_for_the_peer_that_comes_to_us_too(setting: Setting) -> None:
    setting.route.reach()
    for times in range(2, 7):
        setting.fail()
        setting.run_until_dialled(times)
    setting.fail()
    setting.route.wake()
    assert len(setting.dials) == 7


def test_reach_outlives_a_message_that_was_given_back(setting: Setting) -> None:
    setting.route.send(b"x", 1)
    setting.route.reach()
    setting.fail(Code.C01)
    assert setting.unsent == [(1, Code.C01)]
    setting.run_until_dialled(2)


def test_reach_of_a_stopped_route_does_nothing(setting: Setting) -> None:
    setting.route.reach()
    setting.fail()
    setting.route.stop()
    setting.route.reach()
    assert (setting.route.state, len(setting.dials), setting.clock.getDelayedCalls()) == ("stopped", 1, [])


# --- the path -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("orderly", [True, False])
def test_path_hears_how_the_link_was_lost(setting: Setting, orderly: bool) -> None:
    setting.route.send(b"x", 1)
    link = setting.connect()
    setting.route.link_lost(link, orderly=orderly)
    setting.route.link_lost(link, orderly=orderly)
    assert setting.paths == [("up",), ("lost", orderly)]


def test_path_hears_nothing_of_the_link_of_somebody_else(setting: Setting) -> None:
    setting.route.send(b"x", 1)
    setting.connect()
    setting.route.link_lost(Link())
    assert setting.paths == [("up",)]


def test_path_is_up_after_what_has_waited_is_handed_over(setting: Setting) -> None:
    setting.answer = lambda event: setting.route.send(b"new", "new")
    setting.route.send(b"x", 1)
    setting.route.send(b"y", 2)
    assert setting.connect().sent == [1, 2, "new"]


def test_path_was_never_up_when_the_link_breaks_over_what_has_waited(setting: Setting) -> None:
    for token in range(3):
        setting.route.send(b"x", token)
    link = Link()
    link.route, link.breaks_after = setting.route, 2
    setting.dials[-1].callback(link)
    assert setting.paths == [("failed", Code.N03)]
    setting.run_until_dialled(2)
    setting.connect()
    assert setting.paths == [("failed", Code.N03), ("up",)]


def test_path_that_is_lost_can_be_reached_for_at_once(setting: Setting) -> None:
    setting.answer = lambda event: setting.route.reach() if event == "lost" else None
    setting.route.reach()
    link = setting.connect()
    setting.clock.advance(links.STEADY)
    setting.route.link_lost(link)
    assert (len(setting.dials), setting.route.state) == (2, "connecting")
    setting.route.link_lost(setting.connect())
    assert (len(setting.dials), setting.route.state) == (2, "resting"), "one that dies young costs a pause"


def test_path_is_told_before_what_failed_with_it(setting: Setting) -> None:
    order: list[object] = []
    setting.answer = lambda event: order.append((event, list(setting.unsent)))
    setting.route.send(b"x", 1)
    setting.fail(Code.C01)
    assert (order, setting.unsent) == ([("failed", [])], [(1, Code.C01)])


def test_path_hears_nothing_of_a_stop(setting: Setting) -> None:
    setting.route.send(b"x", 1)
    link = setting.connect()
    setting.route.stop()
    setting.route.link_lost(link)
    assert setting.paths == [("up",)]


STEPS = st.one_of(
    st.sampled_from(["send", "reach", "connect", "lose", "lose in order", "wake"]),
    st.sampled_from([Code.N01, Code.N02, Code.C01]),
    st.floats(0.0, 70.0, allow_nan=False),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, max_size=60), st.booleans())
def test_path_is_up_exactly_once_between_losses(steps: list[str | Code | float], eager: bool) -> None:
    setting = Setting()
    if eager:
        setting.answer = lambda event: setting.route.reach() if event != "up" else None
    for step in steps:
        pending = bool(setting.dials) and not setting.dials[-1].called
        if step == "send":
            setting.route.send(b"x", object())
        elif step == "reach":
            setting.route.reach()
        elif step == "wake":
            setting.route.wake()
        elif step == "connect" and pending:
            setting.connect()
        elif isinstance(step, str) and step.startswith("lose") and setting.links:
            setting.route.link_lost(setting.links[-1], orderly=step.endswith("order"))
        elif isinstance(step, Code) and pending:
            setting.fail(step)
        elif isinstance(step, float):
            setting.clock.advance(step)
    told = [event[0] for event in setting.paths]
    changes = [event for event in told if event != "failed"]
    assert changes == ["up", "lost"] * (len(changes) // 2) + ["up"] * (len(changes) % 2)
    up = False
    for event in told:
        assert not (up and event == "failed"), "it did not fail while it was up"
        up = event == "up" or (up and event == "failed")
    assert up == (setting.route.link is not None)
    setting.route.stop()
    assert told == [event[0] for event in setting.paths] and setting.clock.getDelayedCalls() == []


# --- adopt ----------------------------------------------------------------------------------------------


def test_adopt_takes_a_link_that_has_come_by_itself(setting: Setting) -> None:
    link = Link()
    assert setting.route.adopt(link)
    setting.route.send(b"", "token")
    assert link.sent == ["token"] and setting.dials == [] and setting.paths == [("up",)]
    setting.route.link_lost(link, orderly=True, worked=True)
    assert setting.paths[-1] == ("lost", True) and setting.route.state == "idle"


def test_adopt_ends_the_rest_before_the_next_dial(setting: Setting) -> None:
    setting.route.send(b"", "token")
    setting.fail()
    link = Link()
    assert setting.route.adopt(link) and link.sent == ["token"]
    setting.clock.advance(100)
    assert len(setting.dials) == 1


def test_adopt_exchanges_a_link_for_another_without_news(setting: Setting) -> None:
    old, new = Link(), Link()
    assert setting.route.adopt(old)
    assert setting.route.adopt(new, instead_of=old) and not setting.route.adopt(Link(), instead_of=old)
    setting.route.link_lost(old)
    setting.route.send(b"", "token")
    assert (old.sent, new.sent, setting.paths) == ([], ["token"], [("up",)])


def test_adopt_takes_none_where_there_is_one_already_or_soon(setting: Setting) -> None:
    setting.route.send(b"", "token")
    assert not setting.route.adopt(Link())
    assert setting.connect().sent == ["token"]
    assert not setting.route.adopt(Link()) and setting.paths == [("up",)]


# --- what an administrator sees and does -------------------------------------------------------------------


def test_retry_dials_at_once_whatever_the_reason_not_to(setting: Setting) -> None:
    setting.route.reach()
    setting.fail(Code.C03)
    assert setting.route.retry() and setting.route.state == "connecting"
    setting.connect()
    setting.clock.advance(3600)
    assert len(setting.dials) == 2, "the dial that it would have made is not made too"


def test_retry_needs_no_message_and_is_one_dial(setting: Setting) -> None:
    assert setting.route.retry() and not setting.route.retry()
    setting.fail()
    setting.clock.advance(3600)
    assert (setting.route.state, len(setting.dials)) == ("idle", 1)


def test_retry_leaves_alone_what_is_up_or_stopped(setting: Setting) -> None:
    setting.route.reach()
    setting.connect()
    assert not setting.route.retry()
    setting.route.stop()
    assert not setting.route.retry()


def test_route_tells_since_when_it_fails_and_when_it_dials_again(setting: Setting) -> None:
    assert (setting.route.limit, setting.route.failing, setting.route.next_dial) == (5, None, None)
    setting.route.reach()
    setting.fail()
    pause = setting.route.next_dial
    assert pause is not None and 0 < pause <= links.FIRST_PAUSE
    setting.run_until_dialled(2)
    setting.fail()
    assert setting.route.failing == setting.clock.seconds() > 0
    setting.run_until_dialled(3)
    setting.connect()
    assert (setting.route.failing, setting.route.next_dial) == (None, None)


def test_route_that_nobody_needs_is_not_dialled_again(setting: Setting) -> None:
    setting.route.retry()
    setting.fail()
    assert setting.route.state == "resting" and setting.route.next_dial is None
