"""Sessions of text that we ask for: Juliet, on XMPP, writes to Romeo at a SIP partner."""

import pytest

from edge.errors import LocalProtocolError
from edge.sip.message import Response, response_bytes
from edge.sip.session_outputs import Answered, Arrived, Cancel, Cause, Ended, Idle, Opened, Respond
from tests.sip.samples import GRUU, JULIET, ROMEO, ROUTE, Rows, as_response, request
from tests.sip.talk import ACCEPTANCE, CONTACT, SDP, Talk, transaction_of


@pytest.fixture
def talk() -> Talk:
    return Talk.calling().opened()


class TestCalling:
    """RFC 3261 §13.2."""

    def test_invite_offers_text_and_nothing_else(self) -> None:
        invite = Talk.calling([("Ms-Conversation-ID", "f81d4fae")]).sent
        assert (invite.method, invite.uri, str(invite.to), invite.from_.uri) == ("INVITE", ROMEO, f"<{ROMEO}>", JULIET)
        assert str(invite.cseq) == "1 INVITE"
        assert {name: invite.headers.get(name) for name in ("Contact", "Content-Type", "Ms-Conversation-ID")} == {
            "Contact": CONTACT, "Content-Type": "application/sdp", "Ms-Conversation-ID": "f81d4fae",
        }
        assert invite.body.endswith(b"m=message 5060 sip null\r\na=accept-types:text/plain\r\n")
        assert b"session-expires" not in invite.headers and invite.headers.rows("supported") == ["timer"]

    @pytest.mark.parametrize("provisional", [[], [100], [101], [180, 183, 180]])
    def test_acceptance_opens_it_and_is_acknowledged(self, provisional: list[int]) -> None:
        talk = Talk.calling()
        for status in provisional:
            assert talk.answer(status) == []
        (opened,) = talk.answer(200, ACCEPTANCE)
        assert isinstance(opened, Opened) and isinstance(opened.response, Response)
        (ack,) = talk.acks
        assert (ack.method, ack.uri, str(ack.cseq), ack.body) == ("ACK", GRUU, "1 ACK", b"")
        assert (ack.to.tag, ack.headers.rows("route")) == ("romeo1", [ROUTE])
        assert ack.branch != talk.requests[0].branch
        assert talk.seconds == 900

    def test_acceptance_again_is_acknowledged_again(self, talk: Talk) -> None:
        talk.send()
        assert talk.answer(200, ACCEPTANCE, nth=0) == []
        assert [str(ack.cseq) for ack in talk.acks] == ["1 ACK", "1 ACK"]
        assert talk.acks[0].branch != talk.acks[1].branch

    def test_another_branch_of_a_fork_is_acknowledged_and_left(self, talk: Talk) -> None:
        other = "sip:romeo@sip.example;opaque=user:epid:Other;gruu"
        talk.answer(200, [("Contact", f"<{other}>")], tag="romeo2")
        assert (talk.acks[1].uri, talk.acks[1].to.tag, talk.acks[1].headers.rows("route")) == (other, "romeo2", [])
        assert (talk.sent.method, talk.sent.uri, talk.sent.to.tag) == ("BYE", other, "romeo2")
        assert talk.answer(200, tag="romeo2") == []
        assert talk.session.can_send and talk.status("INFO", tag="romeo2") == 481

    @pytest.mark.parametrize("status", [302, 404, 480, 486, 488, 603])
    def test_refusal_ends_it_with_the_response(self, status: int) -> None:
        talk = Talk.calling()
        (ended,) = talk.answer(status, [("Ms-client-diagnostics", "52035")])
        assert isinstance(ended, Ended)
        assert (ended.cause, ended.status) == (Cause.REFUSED, status)
        assert ended.message is not None and ended.message.headers.get("Ms-client-diagnostics") == "52035"
        assert talk.acks == []  # the transaction layer has done that

    @pytest.mark.parametrize("status", [408, 503])
    def test_silence_ends_it(self, status: int) -> None:
        assert Talk.calling().fail(status) == [Ended(Cause.REFUSED, status)]

    @pytest.mark.parametrize("headers", [(), [("Contact", "<tel:+123>")], [("Contact", "<")]])
    def test_acceptance_that_makes_no_dialog_is_acknowledged_and_left(self, headers: Rows) -> None:
        talk = Talk.calling()
        assert talk.answer(200, headers) == []
        assert (talk.acks[0].uri, talk.sent.method, talk.sent.to.tag) == (ROMEO, "BYE", "romeo1")
        (ended,) = talk.answer(481)
        assert isinstance(ended, Ended) and ended.cause is Cause.UNUSABLE

    def test_calling_twice_is_a_local_error(self) -> None:
        talk = Talk.calling()
        with pytest.raises(LocalProtocolError):
            talk.session.invite(talk.now)

    @pytest.mark.parametrize("tag", ["romeo1", ""])
    def test_nothing_is_in_the_dialog_before_there_is_one(self, tag: str) -> None:
        talk = Talk.calling()
        for method in ("MESSAGE", "BYE", "INVITE", "UPDATE", "OPTIONS"):
            assert talk.status(method, tag=tag) == 481
        assert talk.session.dialog.remote_cseq is None
        with pytest.raises(LocalProtocolError):
            talk.send()


class TestGivingUp:
    """RFC 3261 §9.1."""

    def test_nobody_answers_for_a_minute(self) -> None:
        talk = Talk.calling()
        talk.answer(180)
        assert talk.seconds == 60
        assert talk.fire() == [Cancel(talk.requests[0].branch)]
        (ended,) = talk.answer(487)
        assert isinstance(ended, Ended) and (ended.cause, ended.status) == (Cause.UNANSWERED, 487)

    def test_cancel_waits_for_a_provisional_answer(self) -> None:
        talk = Talk.calling()
        assert talk.bye() == []
        assert talk.bye() == []
        assert talk.answer(100) == [Cancel(talk.requests[0].branch)]
        assert talk.answer(180) == []
        (ended,) = talk.answer(487)
        assert isinstance(ended, Ended) and ended.cause is Cause.CANCELLED

    def test_nobody_takes_notice_of_the_cancel(self) -> None:
        talk = Talk.calling(wait=5)
        talk.answer(180)
        talk.fire()
        assert talk.fire() == [Ended(Cause.UNANSWERED, 408)]
        assert talk.now == 5000 + 5 + 32.5

    @pytest.mark.parametrize("is_cancelled", [True, False])
    def test_acceptance_that_crosses_the_cancel_is_acknowledged_and_left(self, is_cancelled: bool) -> None:
        talk = Talk.calling()
        if is_cancelled:
            talk.answer(180)
        talk.bye()
        assert talk.answer(200, ACCEPTANCE) == []
        assert (talk.acks[0].uri, talk.sent.method, str(talk.sent.cseq)) == (GRUU, "BYE", "2 BYE")
        (ended,) = talk.answer(200)
        assert isinstance(ended, Ended) and ended.cause is Cause.CANCELLED

    def test_silence_after_giving_up_ends_it(self) -> None:
        talk = Talk.calling()
        talk.bye()
        assert talk.fire() == []  # the time to wait is over, too
        assert talk.fail(408) == [Ended(Cause.CANCELLED, 408)]


class TestSending:
    """RFC 3261 §12.2.1."""

    def test_messages_go_one_by_one_with_rising_numbers(self, talk: Talk) -> None:
        assert talk.send("MESSAGE", "one") == []
        message = talk.sent
        assert (message.method, message.uri, str(message.cseq)) == ("MESSAGE", GRUU, "2 MESSAGE")
        assert (message.headers.rows("route"), message.body) == ([ROUTE], b"Hello")
        assert not talk.session.can_send
        with pytest.raises(LocalProtocolError):
            talk.send("MESSAGE", "two")
        assert talk.answer(100) == []
        (answered,) = talk.answer(200)
        assert isinstance(answered, Answered) and (answered.token, answered.status) == ("one", 200)
        talk.send("INFO", "two")
        assert str(talk.sent.cseq) == "3 INFO"

    def test_message_overtakes_an_information_but_nothing_overtakes_a_message(self, talk: Talk) -> None:
        talk.send("INFO", "typing")
        talk.send("MESSAGE", "one")
        assert str(talk.sent.cseq) == "3 MESSAGE"
        for method in ("INFO", "MESSAGE"):
            with pytest.raises(LocalProtocolError):
                talk.send(method)
        (answered,) = talk.answer(200, nth=-2)
        assert isinstance(answered, Answered) and answered.token == "typing"
        with pytest.raises(LocalProtocolError):
            talk.send("INFO")
        (answered,) = talk.answer(200)
        assert isinstance(answered, Answered) and answered.token == "one"
        assert talk.session.can_inform

    def test_information_is_given_up_when_a_later_message_was_taken(self, talk: Talk) -> None:
        talk.send("INFO", "typing")
        talk.send("MESSAGE", "one")
        lost, answered = talk.answer(200)
        assert lost == Answered("typing", 503, None)
        assert isinstance(answered, Answered) and (answered.token, answered.status) == ("one", 200)
        assert talk.fail(408, nth=-2) == talk.answer(481, nth=-2) == []
        assert talk.session.can_inform

    def test_message_that_fails_says_nothing_about_the_information_before_it(self, talk: Talk) -> None:
        talk.send("INFO", "typing")
        talk.send("MESSAGE", "one")
        (answered,) = talk.fail(503)
        assert isinstance(answered, Answered) and answered.token == "one"
        answered, ended = talk.fail(408, nth=-2)
        assert isinstance(answered, Answered) and answered.token == "typing"
        assert isinstance(ended, Ended) and ended.cause is Cause.GONE

    @pytest.mark.parametrize("status", [400, 404, 413, 415, 486, 488, 500, 503, 603])
    def test_refused_message_leaves_the_session_alone(self, talk: Talk, status: int) -> None:
        talk.send()
        (answered,) = talk.answer(status)
        assert isinstance(answered, Answered) and (answered.token, answered.status) == ("one", status)
        assert talk.session.can_send

    def test_lost_link_leaves_the_session_alone(self, talk: Talk) -> None:
        talk.send()
        assert talk.fail(503) == [Answered("one", 503, None)]
        assert talk.session.can_send

    @pytest.mark.parametrize("method", ["MESSAGE", "INFO"])
    @pytest.mark.parametrize("status", [408, 480, 481])
    def test_dialog_that_is_gone_ends_the_session(self, talk: Talk, status: int, method: str) -> None:
        talk.send(method)
        answered, ended = talk.answer(status)
        assert isinstance(answered, Answered) and isinstance(ended, Ended)
        assert (answered.token, ended.cause, ended.status) == ("one", Cause.GONE, status)
        assert talk.sent.method == (method if status == 481 else "BYE")  # in case that somebody is there
        assert talk.answer(200) == []

    def test_answer_to_something_else_changes_nothing(self, talk: Talk) -> None:
        talk.send()
        stranger = request("MESSAGE", via="SIP/2.0/TLS edge.example.net:5061;branch=z9hG4bKother")
        refusal = as_response(response_bytes(stranger, 481))
        assert talk.session.answered(refusal, talk.now) == []
        assert talk.session.failed("", 408, talk.now) == talk.session.failed("other", 408, talk.now) == []
        assert talk.session.token == "one"

    def test_other_methods_are_not_sent(self, talk: Talk) -> None:
        with pytest.raises(LocalProtocolError):
            talk.send("REFER")


class TestEnding:
    """RFC 3261 §15."""

    @pytest.mark.parametrize("status", [200, 481, 408, 503])
    def test_we_hang_up(self, talk: Talk, status: int) -> None:
        assert talk.bye() == []
        assert (talk.sent.method, talk.sent.uri) == ("BYE", GRUU)
        assert talk.bye() == []
        (ended,) = talk.answer(status) if status in (200, 481) else talk.fail(status)
        assert isinstance(ended, Ended) and (ended.cause, ended.status) == (Cause.LEFT, status)

    def test_peer_hangs_up(self, talk: Talk) -> None:
        responded, ended = talk.say("BYE", [("Ms-client-diagnostics", "51004")])
        assert talk.last is not None
        assert responded == Respond(talk.last, 200)
        assert ended == Ended(Cause.BYE, 0, talk.last.request)
        assert (talk.status("MESSAGE"), talk.status("INVITE", SDP), talk.status("OPTIONS")) == (481, 481, 481)
        assert talk.status("BYE") == 200
        assert talk.answer(200, ACCEPTANCE, nth=0) == []
        assert len(talk.acks) == 1

    def test_both_hang_up(self, talk: Talk) -> None:
        talk.bye()
        responded, ended = talk.say("BYE")
        assert isinstance(responded, Respond) and responded.status == 200
        assert isinstance(ended, Ended) and ended.cause is Cause.LEFT
        assert talk.answer(200) == []

    def test_message_that_crosses_our_bye_is_taken(self, talk: Talk) -> None:
        talk.bye()
        (arrived,) = talk.say("MESSAGE", body=b"Wait!")
        assert talk.last is not None
        assert arrived == Arrived("MESSAGE", talk.last)
        assert talk.status("UPDATE") == 481

    def test_answer_after_the_end_is_told_all_the_same(self, talk: Talk) -> None:
        talk.send()
        talk.say("BYE")
        assert talk.session.token == "one"
        (answered,) = talk.answer(200)
        assert isinstance(answered, Answered) and answered.status == 200
        assert talk.session.token is None

    def test_message_that_fails_while_we_leave_does_not_end_it_twice(self, talk: Talk) -> None:
        talk.send()
        talk.bye()
        assert [type(output) for output in talk.answer(481, nth=-2)] == [Answered]
        assert [type(output) for output in talk.answer(481)] == [Ended]

    def test_silence_makes_it_idle(self) -> None:
        talk = Talk.calling(idle=600).opened()
        talk.now += 300
        talk.say("MESSAGE")
        talk.now += 100
        talk.say("INFO")  # typing is not talking
        talk.now = 5000
        assert (talk.seconds, talk.fire(), talk.seconds) == (600, [], 300)
        assert talk.fire() == [Idle()]
        talk.send()
        assert talk.seconds == 600
        assert talk.session.can_send is False

    def test_message_of_ours_keeps_it_from_being_idle(self) -> None:
        talk = Talk.calling(idle=600).opened()
        talk.now += 300
        talk.send()
        talk.now = 5000
        assert (talk.fire(), talk.seconds) == ([], 300)

    def test_timer_that_was_not_stopped_does_nothing(self, talk: Talk) -> None:
        talk.bye()
        assert talk.fire() == []
        stray = transaction_of(request("INVITE"))
        assert talk.session.acked(stray, talk.now) == talk.session.cancelled(stray, talk.now) == []
