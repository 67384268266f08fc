"""Routes: every token ends once, a partner that is down is dialled ever more rarely, a queue has an end."""

import random
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL
from twisted.internet import error
from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

from edge.certificates.handshake import Recorded
from edge.codes import Code
from edge.net import links
from edge.net.links import DialError, Route, cause_of, permanent
from edge.net.paths import Path
from tests.net.dials import LYNC, Link, Setting


@pytest.fixture
def setting() -> Setting:
    return Setting()


def test_message_is_handed_over_when_the_link_is_up(setting: Setting) -> None:
    setting.route.send(b"one", 1)
    setting.route.send(b"two", 2)
    assert (setting.route.state, len(setting.dials), len(setting.route)) == ("connecting", 1, 2)
    link = setting.connect()
    setting.route.send(b"three", 3)
    assert link.sent == [1, 2, 3]
    assert (setting.route.state, len(setting.route), setting.unsent) == ("up", 0, [])


def test_pauses_double_up_to_a_minute(setting: Setting) -> None:
    while len(setting.dials) < 11:
        if not setting.route:
            setting.route.send(b"x", object())
        if setting.route.state == "connecting":
            setting.fail()
        setting.clock.advance(0.25)
    pauses = [later - earlier for earlier, later in pairwise(setting.dialled_at)]
    for number, pause in enumerate(pauses):
        longest = min(2.0**number, 60.0)
        assert 0.75 * longest <= pause <= longest + 0.5, pauses
    assert len({round(pause / min(2.0**number, 60.0), 2) for number, pause in enumerate(pauses)}) > 3, "no scatter"


def test_waiting_message_goes_with_the_next_dial(setting: Setting) -> None:
    setting.route.send(b"x", 1)
    setting.fail()
    assert (setting.route.state, setting.unsent) == ("resting", [])
    setting.run_until_dialled(2)
    assert setting.connect().sent == [1]


def test_message_is_given_back_with_the_cause_when_it_cannot_wait_for_the_next_dial() -> None:
    setting = Setting(seconds=3.0)
    setting.route.send(b"x", 1)
    setting.fail()
    setting.run_until_dialled(2)
    setting.fail(Code.N02)  # a pause of two seconds and a message that is one old
    setting.run_until_dialled(3)
    setting.fail(Code.N04)
    assert setting.unsent == [(1, Code.N04)]
    setting.route.send(b"y", 2)
    assert setting.unsent == [(1, Code.N04), (2, Code.N04)]


@pytest.mark.parametrize("code", [Code.D01, Code.D02, Code.D04, Code.D05, Code.T01, Code.C01, Code.C03, Code.A11])
def test_whole_queue_is_given_back_at_once_when_the_cause_is_permanent(setting: Setting, code: Code) -> None:
    setting.route.send(b"x", 1)
    setting.route.send(b"y", 2)
    setting.fail(code)
    assert setting.unsent == [(1, code), (2, code)]
    assert permanent(code)


@pytest.mark.parametrize("code", [Code.N01, Code.N03, Code.D06, Code.T02, Code.T05, Code.M02])
def test_cause_that_may_pass_is_not_permanent(code: Code) -> None:
    assert not permanent(code)


def test_queue_has_an_end_in_messages(setting: Setting) -> None:
    for token in range(7):
        setting.route.send(b"x", token)
    assert setting.unsent == [(5, Code.M01), (6, Code.M01)]


def test_queue_has_an_end_in_bytes() -> None:
    setting = Setting(limit=1000)
    setting.route.send(bytes(links.QUEUED_BYTES), 1)
    setting.route.send(b"x", 2)
    assert setting.unsent == [(2, Code.M01)]
    assert setting.connect().sent == [1]
    setting.route.link_lost(setting.links[0])
    setting.route.send(b"x", 3)
    assert setting.unsent == [(2, Code.M01)]


def test_message_expires_while_the_dial_takes_for_ever(setting: Setting) -> None:
    setting.route.send(b"x", 1)
    setting.clock.advance(10)
    setting.route.send(b"y", 2)
    setting.clock.advance(20)
    assert setting.unsent == [(1, Code.M02)]
    setting.clock.advance(10)
    assert setting.unsent == [(1, Code.M02), (2, Code.M02)]
    assert setting.connect().sent == []


def test_expired_message_carries_the_last_cause(setting: Setting) -> None:
    setting.route.send(b"x", 1)
    setting.fail(Code.N04)
    setting.run_until_dialled(2)
    setting.clock.advance(30)
    assert setting.unsent == [(1, Code.N04)]


def test_lost_link_is_dialled_again_on_demand(setting: Setting) -> None:
    setting.route.send(b"x", 1)
    link = setting.connect()
    setting.clock.advance(links.STEADY)
    setting.route.link_lost(link)
    assert setting.route.state == "idle"
    assert len(setting.dials) == 1
    setting.route.send(b"y", 2)
    assert setting.connect().sent == [2]


def test_link_that_dies_young_counts_as_a_failed_dial(setting: Setting) -> None:
    """TLS 1.3 shows the refusal of our certificate only after the handshake."""
    setting.route.send(b"x", 1)
    setting.route.link_lost(setting.connect(), Code.T05, "an alert")
    assert (setting.route.state, setting.route.cause) == ("resting", (Code.T05, "an alert"))


def test_link_that_has_worked_is_dialled_again_at_once(setting: Setting) -> None:
    """There are peers that close a link after each message."""
    for number in range(5):
        setting.route.send(b"x", number)
        setting.route.link_lost(setting.connect(), worked=True)
    assert (setting.route.state, setting.dialled_at) == ("idle", [0.0] * 5)


def test_link_of_somebody_else_changes_nothing(setting: Setting) -> None:
    setting.route.send(b"x", 1)
    setting.connect()
    setting.route.link_lost(Link())
    assert setting.route.state == "up"


def test_rest_is_given_to_the_next_link_when_one_breaks_in_the_middle(setting: Setting) -> None:
    for token in range(4):
        setting.route.send(b"x", token)
    link = Link()
    link.route, link.breaks_after = setting.route, 2
    setting.dials[-1].callback(link)
    setting.run_until_dialled(2)
    assert (link.sent, setting.connect().sent) == ([0, 1], [2, 3])


def test_stop_gives_everything_back_and_ends_the_dial(setting: Setting) -> None:
    setting.route.send(b"x", 1)
    setting.route.stop()
    setting.route.send(b"y", 2)
    assert setting.unsent == [(1, Code.M02), (2, Code.M02)]
    assert setting.cancelled == 1
    assert setting.clock.getDelayedCalls() == []


def test_stop_ends_a_rest(setting: Setting) -> None:
    setting.route.send(b"x", 1)
    setting.fail()
    setting.route.stop()
    assert setting.clock.getDelayedCalls() == []
    assert len(setting.unsent) == 1


def test_answer_that_comes_back_at_once_is_taken(setting: Setting) -> None:
    """Who is told that a message was not sent may send another one, to the same place."""

    def again(token: object, code: Code, text: str) -> None:
        setting.unsent.append((token, code))
        if token == 1:
            setting.route.send(b"again", 2)

    path = Path(setting, LYNC)
    setting.route = Route(setting.clock, setting.dial, again, path, limit=5, seconds=30.0, rng=random.Random(7))
    setting.route.send(b"x", 1)
    setting.fail(Code.C01)
    setting.run_until_dialled(2)
    assert setting.connect().sent == [2]


STEPS = st.one_of(
    st.just("send"),
    st.just("connect"),
    st.just("lose"),
    st.sampled_from([Code.N01, Code.N02, Code.C01]),
    st.floats(0.0, 40.0, allow_nan=False),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(STEPS, max_size=60), st.integers(1, 4), st.sampled_from([0.5, 3.0, 30.0]))
def test_each_token_ends_exactly_once(steps: list[str | Code | float], limit: int, seconds: float) -> None:
    setting = Setting(limit, seconds)
    sent = 0
    for step in steps:
        pending = bool(setting.dials) and not setting.dials[-1].called
        if step == "send":
            setting.route.send(b"x", sent)
            sent += 1
        elif step == "connect" and pending:
            setting.connect()
        elif step == "lose" and setting.links:
            setting.route.link_lost(setting.links[-1])
        elif isinstance(step, Code) and pending:
            setting.fail(step)
        elif isinstance(step, float):
            setting.clock.advance(step)
        assert len(setting.route) <= limit
        assert sum(not dial.called for dial in setting.dials) <= 1
    setting.route.stop()
    ended = [token for link in setting.links for token in link.sent] + [token for token, _ in setting.unsent]
    assert sorted(ended) == list(range(sent))
    assert setting.clock.getDelayedCalls() == []


def tls(reason: str) -> SSL.Error:
    return SSL.Error([("SSL routines", "", reason)])


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (DialError(Code.C03), Code.C03),
        (error.ConnectionRefusedError(), Code.N01),
        (error.TimeoutError(), Code.N02),
        (error.TCPTimedOutError(), Code.N02),
        (CancelledError(), Code.N02),
        (error.ConnectionLost(), Code.N03),
        (error.ConnectionDone(), Code.N03),
        (error.NoRouteError(), Code.N04),
        (error.ConnectError(113), Code.N04),
        (tls("wrong version number"), Code.T01),
        (tls("tlsv1 alert unknown ca"), Code.T05),
        (tls("ssl/tls alert bad certificate"), Code.T05),
        (tls("no shared cipher"), Code.T03),
        (SSL.Error([]), Code.T07),
        (SSL.Error(), Code.T07),
        (SSL.SysCallError(-1, "Unexpected EOF"), Code.N03),
    ],
)
def test_cause_is_found(problem: Exception, code: Code) -> None:
    cause = cause_of(Failure(problem))
    assert cause.code is code
    assert cause.text


def test_peer_that_goes_when_it_has_seen_our_certificate_probably_minds_it() -> None:
    connection = Recorded(SSL.Context(SSL.TLS_METHOD), accepted=False)
    connection.shown = True
    wire = SimpleNamespace(getHandle=lambda: connection)
    for problem in (error.ConnectionLost(), error.ConnectionDone(), SSL.SysCallError(-1, "Unexpected EOF")):
        assert cause_of(Failure(problem), wire).code is Code.T06
    assert cause_of(Failure(error.TimeoutError()), wire).code is Code.N02
    assert cause_of(Failure(tls("tlsv1 alert handshake failure")), wire).code is Code.T05


def test_route_that_is_woken_dials_at_once(setting: Setting) -> None:
    setting.route.send(b"x", 1)
    for _ in range(4):
        setting.fail()
        setting.run_until_dialled(len(setting.dials) + 1)
    setting.fail()
    dials = len(setting.dials)
    setting.route.wake()
    assert len(setting.dials) == dials + 1 and setting.unsent == []
    link = setting.connect()
    assert link.sent == [1]
    setting.route.wake()
    assert setting.route.state == "up"


def test_route_that_is_woken_without_work_waits_for_some(setting: Setting) -> None:
    setting.route.send(b"x", 1)
    setting.connect()
    setting.route.link_lost(setting.links[0])
    assert setting.route.state == "resting"
    setting.route.wake()
    assert (setting.route.state, len(setting.dials)) == ("idle", 1)
    setting.route.send(b"y", 2)
    assert len(setting.dials) == 2


def test_route_that_failed_for_good_is_not_woken(setting: Setting) -> None:
    setting.route.send(b"x", 1)
    setting.fail(Code.C03)
    setting.route.wake()
    assert setting.route.state == "resting"
