"""Sessions of text: who says what in which one, and what becomes of it when one is over."""

import pytest

from edge.codes import Code
from edge.gateway import conversation, unopened
from tests.gateway.talking import HUNG_UP, QUIET, TEXT, Talk
from tests.sip.samples import as_request, request


@pytest.fixture
def talk() -> Talk:
    return Talk()


def in_session(talk: Talk) -> None:
    """A session that Juliet has opened, and in which everything is said."""
    talk.says("hello")
    talk.opens()
    talk.answers(talk.asked("MESSAGE"))


class TestSaying:
    """XMPP to SIP."""

    def test_messages_wait_for_the_session_and_then_for_each_other(self, talk: Talk) -> None:
        talk.says("one", "two", "three")
        talk.opens()
        for text in ("one", "two", "three"):
            sent = talk.asked("MESSAGE")
            assert as_request(sent.data).body == text.encode()
            assert not talk.requests
            talk.answers(sent)
        assert talk.hears() == []

    def test_two_who_have_said_everything_and_hung_up_are_forgotten(self, talk: Talk) -> None:
        in_session(talk)
        talk.passes(905)
        talk.answers(talk.asked("BYE"))
        talk.passes(QUIET)
        talk.is_over()

    def test_message_that_comes_while_we_hang_up_is_said_in_the_next_session(self, talk: Talk) -> None:
        in_session(talk)
        talk.passes(905)
        bye = talk.asked("BYE")
        talk.says("wait")
        assert not talk.requests
        talk.answers(bye)
        talk.opens()
        assert talk.texts() == ["wait"]

    def test_session_is_not_left_while_something_waits(self, talk: Talk) -> None:
        in_session(talk)
        talk.says("one")
        talk.passes(31)
        assert talk.texts() == ["one"]

    @pytest.mark.parametrize("status", [403, 404, 408, 480, 481, 486, 488, 500, 503, 603])
    def test_refused_invitation_is_the_failure_of_all_that_waits(self, talk: Talk, status: int) -> None:
        talk.says("one", "two")
        talk.answers(talk.asked("INVITE"), status)
        assert [each.partition(":")[0] for each in talk.hears()] == ["one", "two"]
        assert not talk.requests
        talk.passes(QUIET)
        talk.is_over()

    def test_invitation_into_the_same_conversation_is_repeated_once(self, talk: Talk) -> None:
        talk.says("one")
        talk.answers(talk.asked("INVITE"), 488, HUNG_UP)
        assert not talk.requests  # theirs may be on its way
        talk.passes(unopened.CROSSING_SECONDS + 0.5)
        again = talk.asked("INVITE")
        talk.answers(again, 488, HUNG_UP)
        assert talk.hears() == ["one: not-acceptable"]
        assert not talk.requests

    def test_nobody_answers_for_a_minute(self, talk: Talk) -> None:
        talk.says("one")
        invite = talk.asked("INVITE")
        talk.answers(invite, 180)
        talk.passes(59)
        assert talk.hears() == []
        talk.passes(2)
        talk.asked("CANCEL")
        talk.answers(invite, 487)
        assert talk.hears() == ["one: remote-server-timeout"]
        talk.passes(QUIET)
        talk.is_over()

    def test_answer_that_crosses_the_cancel_is_no_answer_to_the_message(self, talk: Talk) -> None:
        """Its BYE is answered 200, which must not be told as the failure."""
        talk.says("one")
        invite = talk.asked("INVITE")
        talk.answers(invite, 180)
        talk.passes(61)
        talk.asked("CANCEL")
        talk.answers(invite, 200)
        talk.asked("ACK")
        talk.answers(talk.asked("BYE"))
        assert talk.hears() == ["one: remote-server-timeout"]

    def test_answer_that_makes_no_dialog_is_a_failure(self, talk: Talk) -> None:
        talk.says("one")
        invite = talk.asked("INVITE")
        talk.do(talk.bench.answer(invite, 200, [("Contact", "<mailto:romeo@sip.example>")]))
        talk.asked("ACK")
        talk.answers(talk.asked("BYE"))
        assert talk.hears() == ["one: recipient-unavailable"]
        talk.passes(QUIET)
        talk.is_over()

    @pytest.mark.parametrize("status", [408, 480, 481])
    def test_message_into_a_session_that_is_no_more_is_said_again_in_another(self, talk: Talk, status: int) -> None:
        in_session(talk)
        talk.says("one", "two")
        talk.answers(talk.asked("MESSAGE"), status)
        if status != 481:
            talk.answers(talk.asked("BYE"), 481)
        talk.opens()
        again = talk.asked("MESSAGE")
        assert as_request(again.data).body == b"one"
        talk.answers(again)
        assert talk.texts() == ["two"]
        assert talk.hears() == []

    def test_message_is_said_again_only_once(self, talk: Talk) -> None:
        in_session(talk)
        talk.says("one")
        talk.answers(talk.asked("MESSAGE"), 481)
        talk.opens()
        talk.answers(talk.asked("MESSAGE"), 481)
        assert talk.hears() == ["one: item-not-found"]
        assert not talk.requests
        talk.passes(QUIET)
        talk.is_over()

    @pytest.mark.parametrize("status", [415, 486, 500, 503, 606])
    def test_refused_message_costs_the_others_nothing(self, talk: Talk, status: int) -> None:
        in_session(talk)
        talk.says("one", "two")
        talk.answers(talk.asked("MESSAGE"), status)
        assert [each.partition(":")[0] for each in talk.hears()] == ["one"]
        assert talk.texts() == ["two"]

    def test_message_without_an_answer_is_said_again_in_another_session(self, talk: Talk) -> None:
        """Their answer, or their BYE, was lost."""
        in_session(talk)
        talk.says("one")
        talk.asked("MESSAGE")
        talk.passes(33)
        talk.asked("BYE")
        talk.opens()
        assert talk.texts() == ["one"]
        assert talk.hears() == []

    def test_where_there_is_no_way_all_that_waits_comes_back_with_the_reason(self, talk: Talk) -> None:
        in_session(talk)
        talk.says("one", "two")
        talk.fails(talk.asked("MESSAGE"), Code.N01)
        assert talk.hears() == ["one: remote-server-timeout", "two: remote-server-timeout"]
        assert [report.code for report in talk.reports if report.code] == [Code.N01, Code.N01]
        assert not talk.requests

    def test_message_that_never_left_is_not_said_again(self, talk: Talk) -> None:
        """The way was down for too long: another session would wait as long for the same."""
        in_session(talk)
        talk.says("one")
        talk.fails(talk.asked("MESSAGE"), Code.M02)
        assert talk.hears() == ["one: remote-server-timeout"]
        assert not talk.requests

    def test_invitation_that_never_left_says_why(self, talk: Talk) -> None:
        talk.says("one")
        talk.fails(talk.asked("INVITE"), Code.N01)
        assert talk.hears() == ["one: remote-server-timeout"]
        assert [report.code for report in talk.reports if report.code] == [Code.N01]
        talk.passes(QUIET)
        talk.is_over()

    def test_link_that_is_lost_fails_what_went_over_it(self, talk: Talk) -> None:
        in_session(talk)
        talk.says("one")
        talk.asked("MESSAGE")
        talk.do(talk.gateway.sip_lost(talk.bench.link))
        assert talk.hears() == ["one: remote-server-timeout"]
        talk.says("two")
        assert talk.texts() == ["two"]  # the session is of no link

    def test_queue_has_an_end_and_nobody_is_kept_for_nothing(self) -> None:
        talk = Talk(pending_messages=1)
        talk.says("one", "two")
        assert talk.hears() == ["two: resource-constraint"]
        talk.says("three", to="mercutio@sip.example")
        assert talk.hears() == ["three: resource-constraint"]
        assert len(talk.gateway.chats._all.chats) == 1

    def test_sessions_of_one_partner_have_an_end(self, talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(conversation, "MAX_OF_SYSTEM", 1)
        talk.says("one")
        talk.says("two", to="mercutio@sip.example")
        assert talk.hears() == ["two: resource-constraint"]
        assert talk.invites(from_="<sip:mercutio@sip.example>;tag=m1").status == 500


class TestHearing:
    """SIP to XMPP."""

    def test_message_is_answered_when_xmpp_has_it(self, talk: Talk) -> None:
        answer = talk.meets()
        talk.within(answer, "MESSAGE", b"Hi", TEXT)
        assert talk.answered() == []
        assert talk.hears() == ["Hi"]
        assert talk.answered() == [200]

    def test_refusal_of_a_message_is_told_and_the_session_goes_on(self, talk: Talk) -> None:
        answer = talk.meets()
        talk.within(answer, "MESSAGE", b"Hi", TEXT)
        talk.returns("service-unavailable")
        assert talk.answered() == [480]
        talk.within(answer, "MESSAGE", b"Ho", TEXT, number=3)
        assert talk.hears() == ["Ho"]

    def test_answer_goes_into_the_session_that_romeo_has_opened(self, talk: Talk) -> None:
        talk.meets()
        talk.says("Ay me")
        assert talk.texts() == ["Ay me"]

    def test_answer_goes_into_the_session_where_we_never_open_one(self) -> None:
        """What belongs into a dialog is not said beside it; afterwards each message goes by itself again."""
        talk = Talk("page")
        answer = talk.meets()
        talk.says("one", "two")
        first = talk.asked("MESSAGE")
        assert as_request(first.data).to.tag == "r1"
        talk.within(answer, "BYE")
        talk.answers(first)
        second = talk.asked("MESSAGE")
        assert (as_request(second.data).to.tag, as_request(second.data).body) == ("", b"two")
        talk.answers(second)
        talk.passes(QUIET)
        talk.is_over()

    def test_message_after_the_end_is_told_so(self, talk: Talk) -> None:
        answer = talk.meets()
        talk.within(answer, "BYE")
        talk.within(answer, "MESSAGE", b"Hi", TEXT, number=3)
        assert talk.answered() == [200, 481]
        talk.passes(QUIET)
        talk.is_over()

    def test_message_after_a_restart_of_ours_is_told_that_there_is_no_session(self, talk: Talk) -> None:
        answer = talk.meets()
        new = Talk()
        new.within(answer, "MESSAGE", b"Hi", TEXT)
        assert new.answered() == [481]

    def test_dialog_of_one_partner_is_none_of_another(self, talk: Talk) -> None:
        answer = talk.meets()
        bye = request("BYE", from_="<sip:tybalt@other.example>;tag=r1", to=str(answer.to), call_id="call")
        talk.do(talk.bench.sip(bye, link=talk.bench.other))
        assert talk.answered() == [481]
        assert len(talk.gateway.chats) == 1

    def test_second_invitation_replaces_the_first(self, talk: Talk) -> None:
        talk.meets("one")
        talk.meets("two")
        talk.answers(talk.asked("BYE"))
        talk.says("Ay me")
        assert as_request(talk.asked("MESSAGE").data).call_id == "two"

    def test_second_invitation_waits_for_the_answer_to_what_was_said_in_the_first(self, talk: Talk) -> None:
        talk.meets("one")
        talk.says("a", "b")
        first = talk.asked("MESSAGE")
        talk.meets("two")
        talk.answers(talk.asked("BYE"))
        assert not talk.requests
        talk.answers(first, 481)
        again = talk.asked("MESSAGE")
        assert (as_request(again.data).call_id, as_request(again.data).body) == ("two", b"a")
        talk.answers(again)
        assert talk.texts() == ["b"]
        assert talk.hears() == []

    def test_what_romeo_says_while_we_hang_up_is_heard(self, talk: Talk) -> None:
        answer = talk.meets("one")
        talk.meets("two")
        talk.within(answer, "MESSAGE", b"Hi", TEXT)
        assert talk.hears() == ["Hi"]


class TestEnd:
    """Of a session, while something waits."""

    def test_bye_with_a_queue_opens_another_session(self, talk: Talk) -> None:
        answer = talk.meets()
        talk.says("one", "two")
        first = talk.asked("MESSAGE")
        talk.within(answer, "BYE")
        assert not talk.requests
        talk.answers(first)
        talk.opens()
        assert talk.texts() == ["two"]

    def test_answer_after_the_bye_leaves_nothing_behind(self, talk: Talk) -> None:
        answer = talk.meets()
        talk.says("one")
        first = talk.asked("MESSAGE")
        talk.within(answer, "BYE")
        talk.answers(first)
        talk.passes(QUIET)
        talk.is_over()

    def test_invitation_without_an_ack_ends_and_what_waits_is_not_lost(self, talk: Talk) -> None:
        talk.invites()
        talk.says("one")
        talk.passes(33)
        talk.answers(talk.asked("BYE"), 481)
        talk.opens()
        assert talk.texts() == ["one"]
