"""What Microsoft clients and the way to them do out of turn, and what they say in other forms than the usual one."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from demo.authority import Authority
from tests.interop.lync_world import ACTIVE, STATES, Contoso, Couple
from tests.interop.process import Addresses, wait_until
from tests.sip import microsoft_samples as ms

pytestmark = pytest.mark.slow

CROWD = 12
LONG = 60.0  # seconds, for many messages on a machine that does other things too


@pytest.fixture(scope="module")
def contoso(tmp_path_factory: pytest.TempPathFactory, authority: Authority, addresses: Addresses) -> Iterator[Contoso]:
    with ExitStack() as stack:
        yield Contoso(stack, tmp_path_factory, authority, addresses)


@pytest.fixture
def they(contoso: Contoso) -> Iterator[Couple]:
    with contoso.strict(), (people := contoso.couple()).juliet.log_in():
        yield people


def test_many_people_talk_at_once(contoso: Contoso) -> None:
    there, back = ([f"{name} {number}" for number in range(10)] for name in ("there", "back"))
    with contoso.strict(), ExitStack() as stack:
        couples = [contoso.couple() for _ in range(CROWD)]
        for each in couples:
            stack.enter_context(each.juliet.log_in())
            each.meet()
        for mine, hers in zip(there, back, strict=True):
            for each in couples:
                each.alice.write(each.for_alice, mine)
                each.juliet_writes(hers)
        for each in couples:
            each.juliet_reads(*there, seconds=LONG)
            each.alice.reads(each.for_alice, *back, seconds=LONG)
            each.alice.has_delivered(each.for_alice, "hello", *there)


def test_message_that_overtakes_the_ack_is_delivered(they: Couple) -> None:
    they.alice.habits.acks_after = 1.2  # seconds, and the gateway says its 200 again meanwhile
    they.alice.write(they.for_alice, "hello", "and more")
    they.juliet_reads("hello", "and more")
    they.juliet_writes("late")
    they.alice.reads(they.for_alice, "late")
    they.alice.has_delivered(they.for_alice, "hello", "and more")


@pytest.mark.parametrize("status", [408, 480, 481])
def test_message_to_a_session_that_is_gone_is_said_again_in_another(status: int, they: Couple) -> None:
    they.meet()
    they.alice.habits.refuses = status
    they.juliet_writes("one", "two")
    they.alice.reads(they.for_alice, "one", "two")
    they.alice.reads_no_more(they.for_alice)


@pytest.mark.parametrize("status", [415, 500, 606])
def test_message_that_is_refused_is_given_back_and_the_next_one_is_not(status: int, they: Couple) -> None:
    they.meet()
    they.alice.habits.refuses = status
    they.juliet_writes("one", "two")
    they.alice.reads(they.for_alice, "two")
    wait_until(lambda: they.juliet.given_back() == ["one"], "an error", LONG)
    assert they.alice.window(they.for_alice).invited == 0


def test_call_within_a_session_is_declined_and_the_session_goes_on(they: Couple) -> None:
    they.meet()
    answer, _ = they.alice.asks("INVITE", they.for_alice, [("Content-Type", ms.AUDIO_TYPE)], ms.call(), within=True)
    assert answer.status == 488
    they.alice.write(they.for_alice, "then not")
    they.juliet_reads("then not")
    they.juliet_writes("no")
    they.alice.reads(they.for_alice, "no")


def test_text_to_somebody_who_is_not_there_is_given_back(they: Couple) -> None:
    they.juliet.log_out()
    they.alice.write(they.for_alice, "hello")
    assert they.alice.is_told_of_failure(they.for_alice, "hello") in (404, 480)


def test_long_text_arrives_whole(they: Couple) -> None:
    they.meet()
    text = "Two households, both alike in dignity. " * 500
    they.alice.write(they.for_alice, text)
    they.juliet_reads(text, seconds=LONG)
    they.juliet_writes(text)
    they.alice.reads(they.for_alice, text, seconds=LONG)


def test_hypertext_is_shown_as_text(they: Couple) -> None:
    they.meet()
    body = "<DIV style='font-size:10pt'>What light<BR>through &amp; yonder\r\n window</DIV>"
    kind = [("Content-Type", "text/html; charset=UTF-8")]
    answer, _ = they.alice.asks("MESSAGE", they.for_alice, kind, body, within=True)
    assert answer.status == 200
    they.juliet_reads("What light\nthrough & yonder window")


def test_typing_is_not_told_more_often_than_every_few_seconds(they: Couple) -> None:
    they.meet()
    for _ in range(10):
        they.juliet.send(f"<message to='{they.for_juliet}' type='chat'><composing xmlns='{STATES}'/></message>")
        time.sleep(0.05)
    they.juliet_writes("done", more=ACTIVE)
    they.alice.reads(they.for_alice, "done")
    assert [state for _, state in they.alice.window(they.for_alice).told] == ["type"]


def test_gateway_learns_that_sessions_are_wanted(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, addresses: Addresses
) -> None:
    with ExitStack() as stack:
        contoso = Contoso(stack, tmp_path_factory, authority, addresses, im_mode="auto")
        first, second = contoso.couple(), contoso.couple()
        for each in (first, second):
            stack.enter_context(each.juliet.log_in())
        first.juliet_writes("by itself?", "and this?")
        first.alice.reads(first.for_alice, "by itself?", "and this?")
        assert all("outside a session" in fault for fault in contoso.lync.faults)
        contoso.lync.faults.clear()
        second.juliet_writes("and now?")
        second.alice.reads(second.for_alice, "and now?")
        first.alice.write(first.for_alice, "like this")
        first.juliet_reads("like this")


# presence


def test_client_of_the_old_days_sees_an_xmpp_contact(they: Couple) -> None:
    watch = they.alice.subscribes(they.for_alice, old=True)
    assert watch.status == 200
    they.juliet.expect("presence", type="subscribe", from_=they.for_juliet)
    they.juliet.presence(they.for_juliet, type="subscribed")
    they.alice.sees(they.for_alice, "online")


def test_poll_is_answered_once(they: Couple) -> None:
    rows = [("Event", "presence"), ("Accept", ms.ACCEPT_OF_SUBSCRIBE), ("Expires", "0")]
    answer, _ = they.alice.asks("SUBSCRIBE", they.for_alice, rows)
    assert (answer.status, answer.get("Expires")) == (200, "0")


def test_lync_contact_is_seen_again_after_the_edge_has_restarted(they: Couple) -> None:
    they.juliet.presence(they.for_juliet, type="subscribe")
    they.juliet.expect("presence", type="subscribed", from_=they.for_juliet)
    wait_until(lambda: bool(they.juliet.sees(they.for_juliet)), "online", LONG)
    they.lync.restart(away=1.5)
    they.alice.shows("away")
    shows = lambda: {show for show, _ in they.juliet.sees(they.for_juliet).values()}  # noqa: E731
    wait_until(lambda: shows() == {"away"}, "away", LONG)
