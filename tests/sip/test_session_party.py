"""Sessions of text that a peer asks for, and what is agreed within them: Romeo, at a SIP partner, writes to Juliet."""

import pytest

from edge.errors import RemoteProtocolError
from edge.sip.session import Session
from edge.sip.session_outputs import Arrived, Cause, Ended, Opened, Repeat, Respond
from edge.sip.session_tables import SessionState
from tests.sip.samples import GRUU, JULIET, ROUTE, Rows, request
from tests.sip.talk import ACCEPTANCE, CONTACT, MEDIA, OFFER, SDP, TYPES, Talk, invitation, transaction_of, user_agent

ANSWER = f"m=message 5060 sip {JULIET}\r\na=accept-types:text/plain\r\n".encode()
TIMER: Rows = (("Session-Expires", "1800"), ("Supported", "timer"))


@pytest.fixture
def talk() -> Talk:
    return Talk.called().opened()


def responded(outputs: list[object]) -> Respond:
    (answer,) = outputs
    assert isinstance(answer, Respond)
    return answer


class TestCalled:
    """RFC 3261 §13.3."""

    def test_acceptance_has_what_a_dialog_needs_and_the_ack_opens_it(self) -> None:
        talk = Talk.called()
        answer = responded(talk.accept([("Ms-Conversation-ID", "f81d4fae")]))
        assert (answer.transaction, answer.status) == (talk.last, 200)
        headers = dict(answer.headers)
        assert headers.pop("Allow").startswith("INVITE, ACK, BYE, CANCEL, MESSAGE, INFO, OPTIONS")
        assert headers == {
            "Record-Route": ROUTE, "Contact": CONTACT, "Content-Type": "application/sdp",
            "Ms-Conversation-ID": "f81d4fae", "Supported": "timer",
        }
        assert answer.body.endswith(ANSWER)
        assert talk.ack() == [Opened(None)]
        assert talk.ack() == []
        talk.send()
        assert (talk.sent.uri, str(talk.sent.cseq), talk.sent.headers.rows("route")) == (GRUU, "1 MESSAGE", [ROUTE])
        assert (talk.sent.to.tag, talk.sent.to.parameter("epid")) == ("romeo1", "0123456789")

    def test_acceptance_is_repeated_until_the_ack_comes(self) -> None:
        talk = Talk.called()
        talk.accept()
        pauses = []
        for _ in range(5):
            pauses.append(talk.seconds)
            assert talk.last is not None and talk.fire() == [Repeat(talk.last)]
        assert pauses == [0.5, 1, 2, 4, 4]
        assert talk.ack() == [Opened(None)]
        assert talk.seconds == 900

    def test_bye_follows_when_no_ack_comes(self) -> None:
        """RFC 3261 §13.3.1.4."""
        talk = Talk.called()
        talk.accept()
        while not talk.requests:
            talk.fire()
        assert (talk.sent.method, talk.now) == ("BYE", 5032)
        assert talk.ack() == []
        (ended,) = talk.answer(200)
        assert isinstance(ended, Ended) and ended.cause is Cause.UNACKED

    def test_no_bye_before_the_ack(self) -> None:
        """RFC 3261 §15."""
        talk = Talk.called()
        talk.accept()
        assert (talk.bye(), talk.bye(), talk.requests) == ([], [], [])
        assert talk.last is not None and talk.fire() == [Repeat(talk.last)]
        assert talk.ack() == []
        assert talk.sent.method == "BYE"
        (ended,) = talk.answer(200)
        assert isinstance(ended, Ended) and ended.cause is Cause.LEFT

    def test_invitation_is_given_up(self) -> None:
        talk = Talk.called()
        assert talk.last is not None
        assert talk.session.cancelled(talk.last, talk.now) == [Respond(talk.last, 487), Ended(Cause.CANCELLED)]
        assert talk.accept() == talk.bye() == []

    def test_cancel_after_the_acceptance_comes_too_late(self) -> None:
        talk = Talk.called()
        talk.accept()
        assert talk.last is not None and talk.session.cancelled(talk.last, talk.now) == []
        assert talk.ack() == [Opened(None)]

    def test_invitation_is_declined(self) -> None:
        talk = Talk.called()
        warning = ("Warning", '399 edge "gone"')
        assert talk.last is not None
        outputs = talk.session.decline(480, talk.now, [warning])
        assert outputs == [Respond(talk.last, 480, (warning,)), Ended(Cause.DECLINED, 480)]
        assert talk.session.decline(480, talk.now) == []

    def test_hanging_up_before_an_answer_declines(self) -> None:
        talk = Talk.called()
        assert talk.last is not None
        assert talk.bye() == [Respond(talk.last, 480), Ended(Cause.DECLINED, 480)]

    def test_bye_before_our_answer_ends_both(self) -> None:
        """RFC 3261 §15.1.2."""
        talk = Talk.called()
        first, second, ended = talk.say("BYE")
        assert isinstance(first, Respond) and isinstance(second, Respond) and isinstance(ended, Ended)
        assert (first.status, second.status, ended.cause) == (200, 487, Cause.BYE)

    def test_message_that_is_faster_than_the_ack_is_handed_up(self) -> None:
        talk = Talk.called()
        talk.accept()
        invite = talk.last
        assert isinstance(talk.say("MESSAGE")[0], Arrived)
        talk.last = invite
        assert talk.ack() == [Opened(None)]

    @pytest.mark.parametrize(
        ("body", "content", "status"),
        [
            (MEDIA, "application/sdp", 488), (b"", "", 488), (b"<c/>", "application/ms-conf-invite+xml", 488),
            (b"v=0\r\nm=message x sip null", "application/sdp", 400), (b"v=0", "", 400), (b"v=0", "no type", 400),
        ],
    )
    def test_invitation_to_something_else_raises_what_to_refuse_it_with(
        self, body: bytes, content: str, status: int
    ) -> None:
        with pytest.raises(RemoteProtocolError) as raised:
            Session.incoming(user_agent(), invitation(body=body, content=content), TYPES)
        assert raised.value.status == status

    def test_invitation_without_contact_is_malformed(self) -> None:
        bare = transaction_of(request("INVITE", headers=SDP, body=OFFER), "juliet1")
        with pytest.raises(RemoteProtocolError, match="Contact"):
            Session.incoming(user_agent(), bare, TYPES)


class TestRequested:
    """RFC 3261 §12.2.2, §14.2."""

    @pytest.mark.parametrize("method", ["MESSAGE", "INFO"])
    def test_message_is_handed_up(self, talk: Talk, method: str) -> None:
        (arrived,) = talk.say(method, body=b"Art thou not Romeo?")
        assert talk.last is not None
        assert arrived == Arrived(method, talk.last)

    @pytest.mark.parametrize(
        ("method", "status"), [("OPTIONS", 200), ("PRACK", 405), ("REFER", 405), ("NOTIFY", 405), ("SUBSCRIBE", 405)]
    )
    def test_other_methods(self, talk: Talk, method: str, status: int) -> None:
        answer = responded(talk.say(method))
        assert answer.status == status
        assert "Allow" in dict(answer.headers)
        assert talk.session.can_send

    @pytest.mark.parametrize("method", ["MESSAGE", "BYE", "INVITE", "UPDATE", "OPTIONS"])
    def test_lower_number_gets_500_and_another_tag_481(self, talk: Talk, method: str) -> None:
        talk.say("INFO", cseq=9)
        assert talk.status(method, cseq=9) == 500
        assert talk.status(method, cseq=10, tag="other") == 481
        assert talk.status(method, cseq=10, to="other") == 481
        assert talk.session.can_send

    def test_another_invite_gets_the_same_answer_and_moves_the_target(self, talk: Talk) -> None:
        answer = responded(talk.say("INVITE", [*SDP, ("Contact", "<sip:romeo@new.example>")], OFFER))
        assert (answer.status, answer.body.endswith(ANSWER)) == (200, True)
        assert talk.session.can_send
        talk.send()
        assert (talk.sent.uri, talk.sent.headers.rows("route")) == ("sip:romeo@new.example", [ROUTE])
        assert talk.ack() == []
        assert talk.seconds == 900

    def test_invite_without_offer_gets_ours(self, talk: Talk) -> None:
        answer = responded(talk.say("INVITE"))
        assert answer.body.endswith(b"m=message 5060 sip null\r\na=accept-types:text/plain\r\n")

    def test_another_invite_is_refused_until_the_first_has_its_ack(self, talk: Talk) -> None:
        talk.say("INVITE", SDP, OFFER)
        assert talk.status("INVITE", SDP, OFFER) == 491

    @pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
    def test_offer_of_something_else_is_refused_and_nothing_changes(self, talk: Talk, method: str) -> None:
        assert talk.status(method, SDP, MEDIA) == 488
        assert talk.session.can_send

    @pytest.mark.parametrize("body", [b"", OFFER])
    def test_update_is_answered(self, talk: Talk, body: bytes) -> None:
        rows = [("Contact", "<sip:romeo@new.example>"), *(SDP if body else ())]
        answer = responded(talk.say("UPDATE", rows, body))
        assert (answer.status, bool(answer.body)) == (200, bool(body))
        talk.send()
        assert talk.sent.uri == "sip:romeo@new.example"

    def test_malformed_request_raises_and_changes_nothing(self, talk: Talk) -> None:
        for method, rows, body in [("INVITE", [("Contact", "<")], b""), ("UPDATE", SDP, b"garbage")]:
            with pytest.raises(RemoteProtocolError):
                talk.say(method, rows, body)
        assert (talk.session.dialog.remote_cseq, talk.session.state) == (1, SessionState.OPEN)

    def test_dialog_that_is_gone_before_the_ack_ends_without_bye(self, talk: Talk) -> None:
        talk.send()
        talk.say("INVITE", SDP, OFFER)
        assert isinstance(talk.answer(480)[1], Ended)
        assert talk.sent.method == "MESSAGE"


class TestSessionTimer:
    """RFC 4028 §7 to §10."""

    def test_peer_refreshes(self) -> None:
        talk = Talk.called([("Session-Expires", "600")], idle=5000)
        assert dict(responded(talk.accept()).headers)["Session-Expires"] == "600;refresher=uac"
        talk.ack()
        assert talk.seconds == 600 - 32
        talk.now += 300
        assert dict(responded(talk.say("UPDATE", [*TIMER])).headers)["Session-Expires"] == "1800;refresher=uac"
        assert talk.seconds == 1800 - 32
        assert talk.fire() == []
        assert talk.sent.method == "BYE"
        (ended,) = talk.answer(200)
        assert isinstance(ended, Ended) and ended.cause is Cause.EXPIRED

    def test_we_refresh_by_update(self) -> None:
        talk = Talk.called([("Session-Expires", "600;refresher=uas")])
        talk.accept()
        talk.ack()
        assert (talk.seconds, talk.fire()) == (300, [])
        assert (talk.sent.method, talk.sent.headers.get("session-expires")) == ("UPDATE", "600;refresher=uac")
        assert talk.seconds == 268  # to the last call, in case that there is no answer
        talk.send()  # meanwhile
        rows = [("Session-Expires", "1000;refresher=uac"), ("Contact", "<sip:r@new.example>")]
        talk.answer(200, rows, nth=-2)
        assert talk.seconds == 500
        assert talk.session.dialog.remote_target == "sip:r@new.example"

    def test_we_refresh_by_invite_where_update_is_unknown(self) -> None:
        talk = Talk.called([("Session-Expires", "600;refresher=uas")])
        talk.opened().fire()
        talk.answer(405)
        assert (talk.seconds, talk.fire()) == (0, [])
        assert (talk.sent.method, talk.sent.body.count(b"m=message")) == ("INVITE", 1)
        assert talk.status("INVITE", SDP, OFFER) == 491
        talk.answer(491)
        assert (talk.seconds, talk.fire(), talk.sent.method) == (0.5, [], "INVITE")
        assert talk.answer(200, [*ACCEPTANCE, ("Session-Expires", "600;refresher=uac")]) == []
        assert [str(ack.cseq) for ack in talk.acks] == ["3 ACK"]
        assert talk.seconds == 300
        talk.answer(200, ACCEPTANCE)
        assert [str(ack.cseq) for ack in talk.acks] == ["3 ACK", "3 ACK"]

    def test_refresh_that_comes_too_often_is_tried_again_with_what_was_asked_for(self) -> None:
        """RFC 4028 §7.4."""
        talk = Talk.called([("Session-Expires", "300;refresher=uas")], idle=9000).opened()
        talk.fire()
        talk.answer(422, [("Min-SE", "600")])
        assert (talk.seconds, talk.fire()) == (0, [])
        headers = talk.sent.headers
        assert (headers.get("session-expires"), headers.get("min-se")) == ("600;refresher=uac", "600")
        talk.answer(422, [("Min-SE", "600")])  # nonsense: it is tried again, but not at once
        assert talk.seconds == 30
        talk.fire()
        talk.answer(200, [("Session-Expires", "600;refresher=uac")])
        assert talk.seconds == 300

    def test_refresh_that_fails_is_tried_again_until_time_is_up(self) -> None:
        talk = Talk.called([("Session-Expires", "90;refresher=uas")]).opened()
        talk.fire()
        talk.answer(500)
        assert (talk.seconds, talk.fire(), talk.sent.method) == (15, [], "BYE")

    def test_refresh_that_finds_no_dialog_ends_the_session(self) -> None:
        talk = Talk.called([("Session-Expires", "600;refresher=uas")]).opened()
        talk.fire()
        (ended,) = talk.answer(481)
        assert isinstance(ended, Ended) and ended.cause is Cause.GONE

    def test_caller_follows_what_the_peer_says(self) -> None:
        talk = Talk.calling()
        talk.answer(200, [*ACCEPTANCE, ("Session-Expires", "300;refresher=uas")])
        assert talk.seconds == 300 - 32

    def test_refreshed_without_timer_never_expires(self) -> None:
        talk = Talk.called([("Session-Expires", "600;refresher=uas")]).opened()
        talk.fire()
        talk.answer(200)
        assert talk.seconds == 600  # what is left until it is idle

    @pytest.mark.parametrize("takes_update", [True, False])
    def test_answer_to_a_refresh_after_the_end_changes_nothing(self, takes_update: bool) -> None:
        talk = Talk.called([("Session-Expires", "600;refresher=uas")]).opened()
        talk.session.takes_update = takes_update
        talk.fire()
        talk.say("BYE")
        assert talk.answer(200, ACCEPTANCE) == []
        assert (talk.session.state, talk.acks) == (SessionState.TERMINATED, [])
