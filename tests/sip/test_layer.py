"""The transaction layer as its user sees it: messages and time in, outputs out."""

import sys

import pytest

import edge.sip.layer
from edge.codes import Code
from edge.errors import LocalProtocolError
from edge.sip.layer import (
    Acked,
    Answer,
    Cancelled,
    Deliver,
    Failed,
    Output,
    Overdue,
    Refused,
    Send,
    TransactionLayer,
)
from edge.sip.message import Request, Response, request_bytes
from edge.sip.transaction import ServerTransaction
from edge.timers import Wheel
from tests.sip.samples import JULIET, ROMEO, answer, as_request, as_response, counted_ids, request

OTHER_VIA = "SIP/2.0/TLS edge.sip.example:5061;branch=z9hG4bK2"
INVITE = request_bytes(
    "INVITE",
    ROMEO,
    [
        ("Via", "SIP/2.0/TLS edge.example.net:5061;branch=z9hG4bKi"), ("Max-Forwards", "70"),
        ("Route", "<sip:first.example;lr>"), ("Route", "<sip:second.example;lr>"),
        ("From", f"<{JULIET}>;tag=juliet1"), ("To", f"<{ROMEO}>"), ("Call-ID", "call1"), ("CSeq", "3 INVITE"),
        ("Contact", "<sip:edge.example.net:5061;transport=tls>"), ("Content-Type", "application/sdp"),
    ],
    b"v=0",
)


class Bench:
    """A layer with its wheel; time passes when the test says so."""

    def __init__(self) -> None:
        self.wheel: Wheel[object] = Wheel(1000.0)
        self.layer = TransactionLayer(self.wheel, counted_ids())

    def take(self, message: Request, source: str = "") -> list[Output]:
        return self.layer.receive_request("link", message, source)

    def deliver(self, message: Request) -> ServerTransaction:
        output = self.take(message)[-1]
        assert isinstance(output, Deliver)
        return output.transaction

    def passes(self, seconds: float) -> list[Output]:
        """Time passes in small steps; whatever the timers give."""
        outputs: list[Output] = []
        until = self.wheel.now + seconds
        while self.wheel.now < until:
            for item in self.wheel.advance(min(self.wheel.now + 0.25, until)):
                outputs += self.layer.expire(item)
        return outputs

    @property
    def is_empty(self) -> bool:
        return (self.layer.servers, self.layer.clients, len(self.wheel), len(self.layer._ongoing)) == (0, 0, 0, 0)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def sent(outputs: list[Output]) -> Response:
    """The only output, a response."""
    (output,) = outputs
    assert isinstance(output, Send)
    assert output.link == "link"
    return as_response(output.data)


def refused(outputs: list[Output]) -> tuple[Response, Code]:
    """A response with a reason code, and the word of it that is for the log."""
    answer, word = outputs
    assert isinstance(word, Refused)
    response = sent([answer])
    assert (word.link, word.status) == ("link", response.status)
    assert response.headers.get("warning") == f'399 edge "{word.code} {word.text}"'
    assert f'reason="{word.code} {word.text}"' in str(response.headers.get("ms-diagnostics-public"))
    return response, word.code


class TestNonInviteServer:
    """RFC 3261 §17.2.2 and RFC 4320."""

    def test_request_is_delivered_and_its_answer_ends_it(self, bench: Bench) -> None:
        transaction = bench.deliver(request())
        response = sent(bench.layer.respond(transaction, 200, headers=[("Expires", "0")], body=b""))
        assert (response.status, response.to.tag, response.headers.get("expires")) == (200, transaction.to_tag, "0")
        assert bench.is_empty

    def test_transaction_that_is_over_is_left_to_nobody(self, bench: Bench) -> None:
        transaction = bench.deliver(request())
        transaction.user = [transaction]
        held = sys.getrefcount(transaction)
        bench.layer.respond(transaction, 200)
        assert sys.getrefcount(transaction) == held - 4  # two dictionaries of the layer, the wheel, and its own user

    def test_request_in_a_dialog_gets_no_second_tag(self, bench: Bench) -> None:
        transaction = bench.deliver(request(to=f"<{JULIET}>;tag=ours"))
        assert transaction.to_tag == ""
        assert sent(bench.layer.respond(transaction, 481)).to.tag == "ours"

    def test_retransmission_is_absorbed_until_answered(self, bench: Bench) -> None:
        bench.deliver(request())
        assert bench.take(request()) == []
        assert bench.layer.servers == 1

    def test_trying_is_sent_after_3_5_seconds_and_again_for_a_retransmission(self, bench: Bench) -> None:
        transaction = bench.deliver(request())
        assert bench.passes(3.0) == []
        trying = sent(bench.passes(0.5))
        assert (trying.status, trying.to.tag) == (100, "")
        assert sent(bench.take(request())).status == 100
        assert sent(bench.layer.respond(transaction, 200)).status == 200
        assert bench.is_empty

    def test_user_is_reminded_before_the_peer_gives_up_and_may_still_answer(self, bench: Bench) -> None:
        transaction = bench.deliver(request())
        bench.passes(30.5)
        assert bench.passes(1.0) == [Overdue(transaction)]
        assert sent(bench.layer.respond(transaction, 504)).status == 504
        assert bench.is_empty

    def test_nothing_is_sent_once_it_is_too_late(self, bench: Bench) -> None:
        transaction = bench.deliver(request())
        bench.passes(33.0)
        assert bench.is_empty
        assert bench.layer.respond(transaction, 200) == []

    def test_second_answer_is_not_sent(self, bench: Bench) -> None:
        transaction = bench.deliver(request())
        bench.layer.respond(transaction, 200)
        assert bench.layer.respond(transaction, 504) == []

    @pytest.mark.parametrize("status", [180, 408])
    def test_status_that_rfc_4320_forbids_is_a_local_error(self, bench: Bench, status: int) -> None:
        transaction = bench.deliver(request())
        with pytest.raises(LocalProtocolError):
            bench.layer.respond(transaction, status)

    def test_benotify_is_swallowed(self, bench: Bench) -> None:
        assert bench.take(request("BENOTIFY")) == []
        assert bench.is_empty


class TestMatching:
    """RFC 3261 §17.2.3, §8.2.2.2."""

    def test_other_branch_other_sender_and_other_method_are_other_transactions(self, bench: Bench) -> None:
        bench.deliver(request())
        bench.deliver(request(via=OTHER_VIA, call_id="call2"))
        bench.deliver(request(via="SIP/2.0/TLS edge.sip.example:5062;branch=z9hG4bK1", call_id="call3"))
        bench.deliver(request("OPTIONS"))
        assert bench.layer.servers == 4

    def test_merged_request_gets_482_from_the_layer(self, bench: Bench) -> None:
        transaction = bench.deliver(request())
        merged, code = refused(bench.take(request(via=OTHER_VIA)))
        assert (merged.status, merged.via.branch, code) == (482, "z9hG4bK2", Code.S02)
        assert merged.to.tag
        bench.layer.respond(transaction, 200)
        bench.deliver(request(via=OTHER_VIA))  # nothing is ongoing any more

    def test_requests_in_a_dialog_are_never_merged(self, bench: Bench) -> None:
        bench.deliver(request(to=f"<{JULIET}>;tag=ours"))
        bench.deliver(request(to=f"<{JULIET}>;tag=ours", via=OTHER_VIA))
        assert bench.layer.servers == 2

    def test_branch_without_cookie_is_matched_by_rfc_2543(self, bench: Bench) -> None:
        old = "SIP/2.0/TLS edge.sip.example:5061;branch=1"
        bench.deliver(request(via=old))
        assert bench.take(request(via=old)) == []
        bench.deliver(request(via=old, call_id="call2"))
        bench.deliver(request(via=old, cseq="2 MESSAGE"))
        bench.deliver(request(via=old, to=f"<{JULIET}>;tag=ours"))
        assert bench.layer.servers == 4

    def test_via_without_branch_is_matched_too(self, bench: Bench) -> None:
        """A Microsoft client's own Via has none."""
        bare = "SIP/2.0/TLS 10.1.1.5:50123"
        transaction = bench.deliver(request(via=bare))
        assert bench.take(request(via=bare)) == []
        bench.layer.respond(transaction, 200)
        assert bench.is_empty

    def test_request_past_the_bound_gets_503_with_retry_after(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(edge.sip.layer, "MAX_TRANSACTIONS", 1)
        bench.deliver(request())
        answer, code = refused(bench.take(request(via=OTHER_VIA, call_id="call2")))
        assert (answer.status, answer.retry_after, code) == (503, 32, Code.L01)
        assert bench.layer.servers == 1

    @pytest.mark.parametrize(
        ("sent_by", "source", "received"),
        [
            ("edge.sip.example:5061", "192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:5061", "192.0.2.1", None),
            ("192.0.2.9", "192.0.2.1", "192.0.2.1"),
            ("[2001:db8::1]:5061", "2001:db8::1", None),
            ("edge.sip.example", "", None),
        ],
    )
    def test_received_is_added_where_the_via_does_not_name_the_source(
        self, bench: Bench, sent_by: str, source: str, received: str | None
    ) -> None:
        """RFC 3261 §18.2.1."""
        (output,) = bench.take(request(via=f"SIP/2.0/TLS {sent_by};branch=z9hG4bK1"), source)
        assert isinstance(output, Deliver)
        assert sent(bench.layer.respond(output.transaction, 200)).via.parameter("received") == received


class TestCancel:
    """RFC 3261 §9.2."""

    def test_cancel_of_an_invite_is_answered_and_told(self, bench: Bench) -> None:
        transaction = bench.deliver(request("INVITE"))
        answer_to_cancel, told = bench.take(request("CANCEL"))
        assert sent([answer_to_cancel]).status == 200
        assert sent([answer_to_cancel]).to.tag == transaction.to_tag
        assert told == Cancelled(transaction)
        assert sent(bench.layer.respond(transaction, 487)).status == 487

    def test_cancel_of_another_request_is_answered_without_effect(self, bench: Bench) -> None:
        bench.deliver(request("MESSAGE"))
        assert sent(bench.take(request("CANCEL"))).status == 200
        assert bench.layer.servers == 1

    def test_cancel_of_nothing_gets_481(self, bench: Bench) -> None:
        answer, code = refused(bench.take(request("CANCEL")))
        assert (answer.status, code) == (481, Code.S05)
        assert bench.is_empty

    def test_cancel_after_the_answer_has_no_effect(self, bench: Bench) -> None:
        transaction = bench.deliver(request("INVITE"))
        bench.layer.respond(transaction, 486)
        assert sent(bench.take(request("CANCEL"))).status == 200


class TestInviteServer:
    """RFC 3261 §17.2.1 and RFC 6026 §7.1."""

    def test_trying_is_sent_at_once_and_again_for_a_retransmission(self, bench: Bench) -> None:
        trying, delivered = bench.take(request("INVITE"))
        assert sent([trying]).status == 100
        assert isinstance(delivered, Deliver)
        assert bench.take(request("INVITE")) == [trying]

    def test_failure_waits_for_its_ack(self, bench: Bench) -> None:
        transaction = bench.deliver(request("INVITE"))
        assert sent(bench.layer.respond(transaction, 180)).status == 180
        assert sent(bench.layer.respond(transaction, 486)).status == 486
        assert sent(bench.take(request("INVITE"))).status == 486
        ack = request("ACK", to=f"<{JULIET}>;tag={transaction.to_tag}")
        assert bench.take(ack) == []
        assert bench.is_empty

    def test_failure_waits_for_its_ack_no_longer_than_timer_h(self, bench: Bench) -> None:
        bench.layer.respond(bench.deliver(request("INVITE")), 486)
        assert bench.passes(32.5) == []
        assert bench.is_empty

    def test_ack_of_a_success_is_told_and_repeated_invites_are_absorbed(self, bench: Bench) -> None:
        transaction = bench.deliver(request("INVITE"))
        first = bench.layer.respond(transaction, 200)
        assert bench.layer.respond(transaction, 200) == first  # the user repeats it until it is acknowledged
        assert bench.take(request("INVITE")) == []
        ack = request("ACK", via=OTHER_VIA, to=f"<{JULIET}>;tag={transaction.to_tag}")
        assert bench.take(ack) == [Acked(transaction, ack)]
        bench.passes(32.5)
        assert bench.is_empty

    def test_ack_of_a_success_within_a_dialog_is_told_too(self, bench: Bench) -> None:
        within = f"<{JULIET}>;tag=ours"
        transaction = bench.deliver(request("INVITE", to=within))
        bench.layer.respond(transaction, 200)
        ack = request("ACK", via=OTHER_VIA, to=within)
        assert bench.take(ack) == [Acked(transaction, ack)]

    def test_ack_of_nothing_is_never_answered(self, bench: Bench) -> None:
        assert bench.take(request("ACK")) == []
        assert bench.is_empty

    def test_user_is_reminded_after_three_minutes_and_then_all_is_forgotten(self, bench: Bench) -> None:
        transaction = bench.deliver(request("INVITE"))
        assert bench.passes(182.0) == [Overdue(transaction)]
        assert bench.is_empty


class TestClient:
    """RFC 3261 §17.1."""

    def open(self, bench: Bench, method: str = "MESSAGE") -> bytes:
        rows = [
            ("Via", "SIP/2.0/TLS edge.example.net:5061;branch=z9hG4bKc"), ("Max-Forwards", "70"),
            ("From", f"<{JULIET}>;tag=juliet1"), ("To", f"<{ROMEO}>"), ("Call-ID", "call1"), ("CSeq", f"1 {method}"),
        ]
        self.transaction = bench.layer.open_client(method, "z9hG4bKc", "user", call_id="call1")
        return request_bytes(method, ROMEO, rows)

    def test_final_answer_ends_it(self, bench: Bench) -> None:
        response = answer(self.open(bench), 486)
        assert bench.layer.receive_response(response) == [Answer(self.transaction, response)]
        assert bench.is_empty
        assert bench.layer.receive_response(response) == []

    def test_provisional_answer_is_told_and_does_not_stop_timer_f(self, bench: Bench) -> None:
        response = answer(self.open(bench), 100)
        assert bench.layer.receive_response(response) == [Answer(self.transaction, response)]
        assert bench.passes(32.5) == [Failed(self.transaction, 408)]
        assert bench.is_empty

    def test_user_may_shorten_the_wait(self, bench: Bench) -> None:
        transaction = bench.layer.open_client("MESSAGE", "z9hG4bKd", None, seconds=5)
        assert bench.passes(5.5) == [Failed(transaction, 408)]

    def test_transport_error_is_a_503_and_a_second_one_nothing(self, bench: Bench) -> None:
        self.open(bench)
        assert bench.layer.failed(self.transaction) == [Failed(self.transaction, 503)]
        assert bench.layer.failed(self.transaction) == []
        assert bench.is_empty

    def test_lost_link_fails_what_was_sent_on_it_only(self, bench: Bench) -> None:
        mine, other = (bench.layer.open_client("MESSAGE", branch, None) for branch in ("z9hG4bK1", "z9hG4bK2"))
        mine.link, other.link = "link", "another"
        assert bench.layer.link_lost("link") == [Failed(mine, 503)]
        assert bench.layer.clients == 1

    @pytest.mark.parametrize(
        ("found", "forged"),
        [
            (b"branch=z9hG4bKc", b"branch=z9hG4bKd"),
            (b"CSeq: 1 MESSAGE", b"CSeq: 1 OPTIONS"),
            (b"CSeq: 1 MESSAGE", b"CSeq: one"),
            (b"Call-ID: call1", b"Call-ID: call2"),
            (b"From: ", b"Via: SIP/2.0/TLS other.example;branch=z9hG4bKe\r\nFrom: "),
        ],
    )
    def test_response_that_answers_nothing_is_dropped(self, bench: Bench, found: bytes, forged: bytes) -> None:
        data = self.open(bench)
        head = b"SIP/2.0 200 OK\r\n" + data.split(b"\r\n", 1)[1]
        assert found in head
        assert bench.layer.receive_response(as_response(head.replace(found, forged))) == []
        assert bench.layer.clients == 1

    def test_branch_used_twice_is_a_local_error(self, bench: Bench) -> None:
        self.open(bench)
        with pytest.raises(LocalProtocolError):
            self.open(bench)

    def test_invite_without_its_bytes_is_a_local_error(self, bench: Bench) -> None:
        with pytest.raises(LocalProtocolError):
            bench.layer.open_client("INVITE", "z9hG4bKi", None)

    def test_failed_invite_is_acknowledged(self, bench: Bench) -> None:
        """RFC 3261 §17.1.1.3."""
        transaction = bench.layer.open_client("INVITE", "z9hG4bKi", None, invite=INVITE)
        transaction.link = "link"
        response = answer(INVITE, 486)
        ack, told = bench.layer.receive_response(response)
        assert told == Answer(transaction, response)
        assert isinstance(ack, Send)
        written = as_request(ack.data)
        assert (ack.link, written.method, written.uri, str(written.cseq)) == ("link", "ACK", ROMEO, "3 ACK")
        assert bench.is_empty

    def test_accepted_invite_takes_each_success_until_timer_m(self, bench: Bench) -> None:
        """RFC 6026 §7.2."""
        transaction = bench.layer.open_client("INVITE", "z9hG4bKi", None, invite=INVITE)
        ringing, first, forked = answer(INVITE, 180), answer(INVITE, 200), answer(INVITE, 200, tag="romeo2")
        for response in (ringing, first, forked):
            assert bench.layer.receive_response(response) == [Answer(transaction, response)]
        assert bench.passes(32.5) == []
        assert bench.is_empty

    def test_ringing_invite_is_given_up_after_timer_c(self, bench: Bench) -> None:
        transaction = bench.layer.open_client("INVITE", "z9hG4bKi", None, invite=INVITE)
        bench.layer.receive_response(answer(INVITE, 180))
        assert bench.passes(180.0) == []
        assert bench.passes(6.0) == [Failed(transaction, 408)]


def test_stranger_from_the_wheel_is_a_local_error(bench: Bench) -> None:
    with pytest.raises(LocalProtocolError):
        bench.layer.expire("what is this")
