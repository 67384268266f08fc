"""Sessions of text: which of two that cross is used, and whether it is to be a session at all."""

import pytest

from edge.gateway import unopened
from tests.gateway.talking import HUNG_UP, QUIET, Talk
from tests.sip.samples import as_request


@pytest.fixture
def talk() -> Talk:
    return Talk()


class TestCrossing:
    """Both invite each other at once."""

    def test_ours_is_given_up_and_what_waits_goes_into_theirs(self, talk: Talk) -> None:
        talk.says("one")
        ours = talk.asked("INVITE")
        talk.meets()
        assert as_request(talk.asked("MESSAGE").data).call_id == "call"
        talk.answers(ours, 488, HUNG_UP)
        assert talk.hears() == []

    def test_both_are_kept_and_the_one_that_the_other_side_keeps_will_do(self, talk: Talk) -> None:
        talk.says("one")
        ours = talk.asked("INVITE")
        theirs = talk.meets()
        talk.answers(talk.asked("MESSAGE"))
        talk.answers(ours, 200)
        talk.asked("ACK")
        assert not talk.requests and len(talk.gateway.chats) == 2
        talk.within(theirs, "BYE")
        talk.says("two")
        assert as_request(talk.asked("MESSAGE").data).call_id == as_request(ours.data).call_id

    def test_ours_is_waited_for_when_theirs_is_over(self, talk: Talk) -> None:
        talk.says("one", "two")
        ours = talk.asked("INVITE")
        theirs = talk.meets()
        first = talk.asked("MESSAGE")
        talk.within(theirs, "BYE")
        talk.answers(first)
        assert not talk.requests
        talk.answers(ours, 200)
        talk.asked("ACK")
        assert talk.texts() == ["two"]

    def test_ours_that_is_refused_when_theirs_is_over_fails_what_waits(self, talk: Talk) -> None:
        talk.says("one", "two")
        ours = talk.asked("INVITE")
        theirs = talk.meets()
        first = talk.asked("MESSAGE")
        talk.within(theirs, "BYE")
        talk.answers(first)
        talk.answers(ours, 486)
        assert talk.hears() == ["two: recipient-unavailable"]
        talk.passes(QUIET)
        talk.is_over()

    def test_contact_who_is_gone_hangs_up_both(self, talk: Talk) -> None:
        talk.says("one")
        ours = talk.asked("INVITE")
        talk.meets()
        talk.answers(talk.asked("MESSAGE"))
        talk.answers(ours, 200)
        talk.asked("ACK")
        talk.shows("gone")
        talk.answers(talk.asked("BYE"))
        talk.answers(talk.asked("BYE"))
        talk.passes(QUIET)
        talk.is_over()


class TestMode:
    """Learning whether it is to be a session."""

    @pytest.mark.parametrize("status", [405, 415, 488, 501])
    def test_message_refused_by_itself_is_said_in_a_session(self, status: int) -> None:
        talk = Talk("auto")
        talk.says("one", "two")
        talk.answers(talk.asked("MESSAGE"), status)
        talk.opens()
        talk.answers(talk.asked("MESSAGE"))
        assert talk.texts() == ["two"]
        assert talk.hears() == []

    def test_message_is_not_sent_to_and_fro(self) -> None:
        talk = Talk("auto")
        talk.says("one")
        talk.answers(talk.asked("MESSAGE"), 405)
        talk.answers(talk.asked("INVITE"), 488)
        assert talk.hears() == ["one: not-acceptable"]
        assert not talk.requests
        talk.passes(QUIET)
        talk.is_over()

    def test_invitation_refused_so_becomes_messages_by_themselves_in_order(self) -> None:
        talk = Talk("auto")
        talk.within(talk.meets(), "BYE")
        talk.says("one", "two")
        talk.answers(talk.asked("INVITE"), 501)
        first = talk.asked("MESSAGE")
        assert (as_request(first.data).to.tag, as_request(first.data).body) == ("", b"one")
        talk.answers(first)
        assert talk.texts() == ["two"]

    def test_same_conversation_is_no_reason_to_page(self) -> None:
        talk = Talk("auto")
        talk.within(talk.meets(), "BYE")
        talk.says("one")
        for _ in range(2):
            talk.answers(talk.asked("INVITE"), 488, HUNG_UP)
            talk.passes(unopened.CROSSING_SECONDS + 0.5)
        assert talk.hears() == ["one: not-acceptable"]
        assert not talk.requests

    @pytest.mark.parametrize("is_open", [False, True])
    def test_message_does_not_overtake_those_under_way_by_themselves(self, is_open: bool) -> None:
        talk = Talk("auto")
        talk.says("one")
        first = talk.asked("MESSAGE")
        answer = talk.meets()  # from now on sessions are what he likes
        if not is_open:
            talk.within(answer, "BYE")
        talk.says("two")
        assert not talk.requests
        talk.answers(first)
        assert talk.texts() == ["two"]
