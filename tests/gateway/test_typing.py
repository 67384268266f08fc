"""Who is seen writing, by whom, and when he is seen no more."""

import pytest

from edge.gateway import typing
from edge.gateway.counters import Counters
from edge.gateway.pager import ASIDE_PATIENCE
from edge.gateway.typing import LONGEST, PAUSE, REPEAT
from edge.mapping.payloads import REFRESH
from tests.gateway.talking import QUIET, TEXT, Talk
from tests.sip.samples import as_request

KEYBOARD = (("Content-Type", "application/xml"),)
COMPOSING = (("Content-Type", "application/im-iscomposing+xml"),)
TYPE = b'<?xml version="1.0"?><KeyboardActivity><status status="type" /></KeyboardActivity>'
IDLE = TYPE.replace(b"type", b"idle")
NS = "urn:ietf:params:xml:ns:im-iscomposing"


def document(state: str, refresh: int = 0) -> bytes:
    more = f"<refresh>{refresh}</refresh>" if refresh else ""
    return f"<isComposing xmlns='{NS}'><state>{state}</state>{more}</isComposing>".encode()


def told(talk: Talk) -> list[str]:
    """The states that Romeo was told since the last time; he has heard each of them."""
    found = []
    while talk.requests:
        sent = talk.requests.popleft()
        body = as_request(sent.data).body.decode()
        found += [word for word in ("type", "idle", "active") if f'"{word}"' in body or f">{word}<" in body]
        talk.answers(sent)
    return found


def paged(im_mode: str) -> Talk:
    """Romeo has written to Juliet."""
    talk = Talk(im_mode)
    talk.do(talk.bench.sip(talk.bench.page()))
    talk.hears()
    talk.answered()
    talk.bench.node.counters = talk.gateway.node.counters = Counters()
    return talk


@pytest.fixture
def talk() -> Talk:
    """Two in a session, who have both spoken."""
    talk = Talk()
    talk.meets()
    talk.shows("active", "hello")
    talk.answers(talk.asked("MESSAGE"))
    return talk


class TestToRomeo:
    """In a session."""

    def test_state_is_told_once_and_at_a_calm_pace(self, talk: Talk) -> None:
        talk.shows("composing")
        assert told(talk) == ["type"]
        talk.shows("paused")
        talk.shows("composing")
        talk.shows("paused")
        assert told(talk) == []
        talk.passes(PAUSE + 1)
        assert told(talk) == ["idle"]
        talk.shows("active")
        talk.shows("inactive")
        assert told(talk) == []

    def test_who_goes_on_writing_is_shown_so_until_it_is_too_long(self, talk: Talk) -> None:
        talk.shows("composing")
        assert told(talk) == ["type"]
        talk.passes(REPEAT + 1)
        assert told(talk) == ["type"]
        states = []
        for _ in range(int(LONGEST / REPEAT) + 1):
            talk.passes(REPEAT + 1)
            states += told(talk)
        assert states[-1] == "idle" and states.count("idle") == 1
        assert len(talk.bench.wheel) == 1  # that of the session

    def test_what_is_said_is_the_end_of_writing(self, talk: Talk) -> None:
        talk.shows("composing")
        assert told(talk) == ["type"]
        talk.shows("active", "here it is")
        talk.answers(talk.asked("MESSAGE"))
        talk.passes(LONGEST)
        assert told(talk) == []

    def test_state_waits_for_the_message_that_is_under_way(self, talk: Talk) -> None:
        talk.says("one")
        one = talk.asked("MESSAGE")
        talk.shows("composing")
        assert not talk.requests
        talk.answers(one)
        talk.passes(PAUSE + 1)
        assert told(talk) == ["type"]

    def test_message_does_not_wait_for_the_state_that_is_under_way(self, talk: Talk) -> None:
        talk.shows("composing")
        info = talk.asked("INFO")
        talk.says("one", "two")
        one = talk.asked("MESSAGE")
        assert as_request(one.data).cseq.number == as_request(info.data).cseq.number + 1
        assert not talk.requests
        talk.answers(info)
        talk.answers(one)
        assert talk.texts() == ["two"]

    def test_state_that_was_lost_does_not_end_a_session_in_which_is_spoken(self, talk: Talk) -> None:
        talk.shows("composing")
        talk.asked("INFO")
        talk.says("one")
        talk.answers(talk.asked("MESSAGE"))
        talk.shows("composing")
        talk.passes(PAUSE + 1)
        info = talk.asked("INFO")
        talk.passes(30)  # the first one has failed by now
        talk.answers(info)
        assert told(talk) == ["type"] and len(talk.gateway.chats) == 1

    def test_state_that_finds_no_session_leaves_the_message_behind_it_to_its_fate(self, talk: Talk) -> None:
        talk.shows("composing")
        info = talk.asked("INFO")
        talk.says("one")
        one = talk.asked("MESSAGE")
        talk.answers(info, 481)
        assert not talk.requests
        talk.answers(one, 481)
        talk.opens()
        assert talk.texts() == ["one"]

    def test_state_opens_no_session(self) -> None:
        talk = Talk()
        talk.shows("composing")
        talk.passes(LONGEST + 20)
        assert not talk.requests
        talk.is_over()

    def test_who_refuses_a_state_hears_no_more_of_them_in_this_session(self, talk: Talk) -> None:
        talk.shows("composing")
        talk.answers(talk.asked("INFO"), 415)
        talk.passes(PAUSE + 1)
        talk.shows("composing")
        assert told(talk) == []
        assert talk.hears() == []

    def test_state_into_a_session_that_is_no_more_opens_none(self, talk: Talk) -> None:
        talk.shows("composing")
        talk.answers(talk.asked("INFO"), 481)
        talk.passes(QUIET)
        assert not talk.requests
        talk.is_over()

    def test_contact_who_is_gone_hangs_up(self, talk: Talk) -> None:
        talk.shows("gone")
        talk.answers(talk.asked("BYE"))
        talk.passes(QUIET)
        talk.is_over()

    def test_contact_who_is_gone_before_his_message_is_there_waits_for_it(self, talk: Talk) -> None:
        talk.says("one")
        talk.shows("gone")
        talk.answers(talk.asked("MESSAGE"))
        assert not talk.requests and talk.hears() == []


class TestToJuliet:
    def test_writing_is_seen_until_it_ends(self, talk: Talk) -> None:
        talk.inside("INFO", TYPE, KEYBOARD, 2)
        talk.inside("INFO", TYPE, KEYBOARD, 3)
        assert talk.sees() == ["composing"]
        talk.inside("INFO", IDLE, KEYBOARD, 4)
        talk.inside("INFO", IDLE, KEYBOARD, 5)
        assert talk.sees() == ["active"]
        assert talk.answered() == [200] * 4

    def test_writing_that_is_not_repeated_runs_out(self, talk: Talk) -> None:
        talk.inside("INFO", TYPE, KEYBOARD)
        talk.passes(119)
        assert talk.sees() == ["composing"]
        talk.passes(2)
        assert talk.sees() == ["active"]

    def test_message_ends_writing_and_says_so_itself(self, talk: Talk) -> None:
        talk.inside("INFO", TYPE, KEYBOARD, 2)
        talk.inside("MESSAGE", b"Hi", TEXT, 3)
        assert talk.sees() == ["composing", "active"]
        talk.passes(130)
        assert talk.sees() == []

    def test_contact_who_shows_no_states_gets_none(self, talk: Talk) -> None:
        talk.says("no state in this one")
        talk.answers(talk.asked("MESSAGE"))
        talk.inside("INFO", TYPE, KEYBOARD, 2)
        talk.inside("MESSAGE", b"Hi", TEXT, 3)
        talk.inside("BYE", number=4)
        assert talk.sees() == []

    def test_user_who_hangs_up_is_gone(self, talk: Talk) -> None:
        talk.inside("INFO", TYPE, KEYBOARD, 2)
        talk.inside("BYE", number=3)
        assert talk.sees() == ["composing", "gone"]
        talk.passes(130)
        assert talk.sees() == []

    def test_session_that_ends_otherwise_ends_the_writing(self, talk: Talk) -> None:
        talk.inside("INFO", TYPE, KEYBOARD)
        talk.says("one")
        talk.answers(talk.asked("MESSAGE"), 481)
        assert talk.sees() == ["composing"]  # the message has said that the client shows no states any more


class TestByThemselves:
    """Outside of sessions: RFC 3994."""

    @pytest.fixture
    def talk(self) -> Talk:
        return paged("page")

    def test_state_is_repeated_before_it_runs_out(self, talk: Talk) -> None:
        talk.shows("composing")
        assert told(talk) == ["active"]
        talk.passes(REFRESH - 1)
        assert told(talk) == []
        talk.passes(2)
        assert told(talk) == ["active"]
        talk.shows("paused")
        assert told(talk) == []
        talk.passes(PAUSE)
        assert told(talk) == ["idle"]
        talk.passes(LONGEST)
        assert told(talk) == []
        talk.is_over()

    def test_state_never_stands_in_the_way_of_a_message(self, talk: Talk) -> None:
        talk.says("one")
        one = talk.asked("MESSAGE")
        talk.shows("composing")
        talk.says("two")
        talk.answers(one)
        assert talk.texts() == ["two"]

    def test_who_refuses_a_state_is_told_none_again_and_nobody_hears_of_it(self, talk: Talk) -> None:
        talk.shows("composing")
        talk.answers(talk.asked("MESSAGE"), 415)
        talk.passes(QUIET)
        talk.shows("composing")
        assert told(talk) == [] and talk.hears() == []
        talk.is_over()

    @pytest.mark.parametrize("status", [405, 488, 501])
    def test_refused_state_opens_no_session(self, status: int) -> None:
        talk = paged("auto")
        talk.shows("composing")
        talk.answers(talk.asked("MESSAGE"), status)
        assert not talk.requests
        talk.says("one")
        assert talk.texts() == ["one"]

    def test_state_without_an_answer_costs_the_message_behind_it_a_few_seconds(self, talk: Talk) -> None:
        talk.shows("composing")
        talk.says("one")
        talk.asked("MESSAGE")
        assert not talk.requests
        talk.passes(ASIDE_PATIENCE + 0.5)
        talk.answers(talk.asked("MESSAGE"))
        talk.shows("composing")
        talk.passes(QUIET)
        assert not talk.requests and talk.hears() == []
        talk.is_over()

    def test_state_that_cannot_leave_does_not_stop_the_next_one(self, talk: Talk) -> None:
        talk.shows("composing")
        talk.fails(talk.asked("MESSAGE"))
        talk.passes(PAUSE)
        talk.shows("composing")
        assert told(talk) == ["active"]

    def test_writing_is_seen_for_as_long_as_it_was_said_to_last(self, talk: Talk) -> None:
        talk.shows("active", "hello")
        talk.answers(talk.asked("MESSAGE"))
        page = talk.bench._request("MESSAGE", COMPOSING, document("active", 60))
        talk.do(talk.bench.sip(page))
        assert (talk.answered(), talk.sees()) == ([200], ["composing"])
        talk.passes(61)
        assert talk.sees() == ["active"]

    def test_state_is_told_to_nobody_who_has_not_written(self) -> None:
        talk = Talk("page")
        talk.shows("composing")
        talk.passes(QUIET)
        assert not talk.requests

    def test_state_is_no_message(self, talk: Talk) -> None:
        talk.do(talk.bench.sip(talk.bench._request("MESSAGE", COMPOSING, document("active"))))
        assert (talk.answered(), talk.hears()) == ([200], [])
        assert not talk.bench.node.counters.messages


def test_as_many_pairs_are_known_as_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typing, "MAX_TALKS", 2)
    talk = Talk("page")
    for name in ("romeo", "mercutio", "benvolio"):
        talk.do(talk.bench.sip(talk.bench.page(from_=f"<sip:{name}@sip.example>;tag=1")))
        talk.hears()
        talk.shows("composing", to=f"{name}@sip.example")
        told(talk)
    assert len(talk.gateway.typists.talks) == 2
    assert len(talk.bench.wheel) == 2


def test_who_has_been_silent_for_the_longest_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typing, "MAX_TALKS", 2)
    talk = Talk("page")
    for name in ("romeo", "mercutio", "romeo", "benvolio"):
        talk.shows("composing", to=f"{name}@sip.example")
    assert [user.local for user, _ in talk.gateway.typists.talks] == ["romeo", "benvolio"]
