"""Page-mode messages: who has the message when, in which order, and how much may wait."""

import re

import pytest

from edge.codes import Code
from edge.gateway import pager, submission
from edge.gateway.effects import Effect, Forget, Remember, SendSip
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Message, StanzaError
from tests.gateway.bench import (
    JULIET_JID,
    Bench,
    conditions,
    events,
    message,
    reports,
    requested,
    sends,
    spoken,
)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def said(effects: list[Effect]) -> list[bytes]:
    return [request.body for request in requested(effects, "MESSAGE")]


class TestToSip:
    """XMPP to SIP: the final response is the truth, one message at a time to a recipient."""

    def test_accepted_message_is_silence_and_leaves_nothing_behind(self, bench: Bench) -> None:
        (send,) = sends(bench.stanzas(message()))
        assert bench.answer(send, 202) == []
        assert bench.open == 0
        assert bench.gateway.pager._waiting == {}

    def test_messages_to_one_user_go_one_by_one_in_order_past_every_refusal(self, bench: Bench) -> None:
        names = ["zero", "one", "two", "three"]
        (first,) = sends(bench.stanzas(*(message(name, id=name) for name in names)))
        heard, failed = [first], []

        def go_on(effects: list[Effect]) -> SendSip:
            failed.extend(stanza.id for stanza in spoken(effects))
            (following,) = sends(effects)
            heard.append(following)
            return following

        second = go_on(bench.answer(first, 200))
        third = go_on(bench.answer(second, 486))
        fourth = go_on(bench.answer(third, 404))
        assert [type(effect) for effect in bench.answer(fourth, 200)] == [Forget]
        assert said(heard) == [name.encode() for name in names]
        assert failed == ["one", "two"]
        self.nothing_is_left(bench)

    @pytest.mark.parametrize("how", ["no answer", "no link"])
    def test_messages_behind_one_that_got_no_answer_fail_with_it(self, bench: Bench, how: str) -> None:
        """Else the tenth one would be told after five minutes that the partner is down."""
        (first,) = sends(bench.stanzas(*(message(name, id=name) for name in ("one", "two", "three"))))
        if how == "no answer":
            effects = bench.passes(pager.PATIENCE + 0.5)
        else:
            effects = bench.gateway.unsent(first.token, Code.N01, "")
        assert [stanza.id for stanza in spoken(effects)] == ["one", "two", "three"]
        assert sends(effects) == []
        assert bench.answer(first, 200) == []  # too late: it counts as failed
        self.nothing_is_left(bench)
        assert len(sends(bench.stanzas(message("four")))) == 1

    @staticmethod
    def nothing_is_left(bench: Bench) -> None:
        assert bench.open == 0
        assert bench.gateway.pager._waiting == {}
        assert bench.gateway.submissions._waiting.count("sip") == 0
        assert bench.gateway.submissions._under_way.count("xmpp") == 0

    def test_messages_of_one_system_have_an_end(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(submission, "MAX_UNDER_WAY", 2)
        effects = bench.stanzas(*(message(to=f"user{number}@sip.example", id=f"m{number}") for number in range(3)))
        assert (len(sends(effects)), conditions(effects)) == (2, ["resource-constraint"])
        bench.answer(sends(effects)[0], 200)
        assert len(sends(bench.stanzas(message(to="user4@sip.example")))) == 1

    def test_messages_to_different_users_do_not_wait_for_each_other(self, bench: Bench) -> None:
        effects = bench.stanzas(message("a"), message("b", to="mercutio@sip.example"), message("c"))
        assert said(effects) == [b"a", b"b"]

    def test_messages_of_different_senders_to_one_user_wait_too(self, bench: Bench) -> None:
        """RFC 3428 §8 is about the recipient."""
        nurse = Message(JID.parse("nurse@xmpp.example"), JID.parse("romeo@sip.example"), "n", "chat", body="nurse")
        (first,) = sends(bench.stanzas(message("juliet"), nurse))
        assert said(bench.answer(first)) == [b"nurse"]

    def test_queue_is_bounded_and_has_room_again(self) -> None:
        bench = Bench(pending_messages=2)
        (first,) = sends(bench.stanzas(message("one"), message("two", id="m2"), message("three", id="m3")))
        effects = bench.stanzas(message("four", id="m4"))
        (error,) = spoken(effects)
        assert (error.id, conditions(effects)) == ("m4", ["resource-constraint"])
        assert [report.code for report in reports(effects)] == [Code.M01]
        assert said(bench.answer(first)) == [b"two"]
        assert [type(effect) for effect in bench.stanzas(message("five"))] == [Remember]

    def test_queue_is_that_of_the_partner_not_of_the_user(self) -> None:
        bench = Bench(pending_messages=1)
        bench.stanzas(message("one"), message("two"))
        effects = bench.stanzas(message("a", to="mercutio@sip.example"), message("b", to="mercutio@sip.example"))
        assert said(effects) == [b"a"]
        assert conditions(effects) == ["resource-constraint"]

    def test_full_queue_of_one_partner_is_not_that_of_another(self) -> None:
        bench = Bench(pending_messages=1)
        effects = bench.stanzas(message("one"), message("two"), message("three"))
        assert conditions(effects) == ["resource-constraint"]
        effects = bench.stanzas(message("a", to="t@other.example"), message("b", to="t@other.example"))
        assert (said(effects), spoken(effects)) == ([b"a"], [])

    def test_failure_is_an_error_with_the_status_and_our_code(self, bench: Bench) -> None:
        (send,) = sends(bench.stanzas(message(id="m7")))
        effects = bench.answer(send, 603)
        (error,) = spoken(effects)
        assert (error.id, error.type, error.to) == ("m7", "error", JULIET_JID)
        assert error.error is not None and "EDGE-M05 the contact does not want the message: 603" in error.error.text
        assert events(effects) == ["message.failed"]

    def test_silence_is_an_error_and_a_late_answer_is_not_heard(self, bench: Bench) -> None:
        (send,) = sends(bench.stanzas(message()))
        assert bench.passes(pager.PATIENCE - 1) == []
        assert conditions(bench.passes(1.5)) == ["remote-server-timeout"]
        assert bench.answer(send, 200) == []
        assert bench.open == 0

    def test_text_of_1300_bytes_is_too_much_and_blocks_nobody(self) -> None:
        effects = Bench(im_mode="page").stanzas(message("x" * 1300), message("short"))
        (error,) = [stanza for stanza in spoken(effects) if isinstance(stanza, Message)]
        assert error.error is not None
        assert (error.error.condition, error.error.type) == ("policy-violation", "modify")
        assert re.fullmatch(
            r"EDGE-S09 the message has 16\d\d bytes with its headers, and its recipient takes 1300", error.error.text
        )
        assert said(effects) == [b"short"]

    def test_error_without_meaning_for_us_makes_no_request(self, bench: Bench) -> None:
        error = Message(JULIET_JID, JID.parse("romeo@sip.example"), "x", "error", error=StanzaError("gone"), body="Hi")
        assert sends(bench.stanzas(error)) == []

    def test_message_to_a_domain_is_refused(self, bench: Bench) -> None:
        assert conditions(bench.stanzas(message(to="sip.example"))) == ["service-unavailable"]

    def test_thread_is_the_call_id_and_every_request_has_a_tag_and_branch_of_its_own(self, bench: Bench) -> None:
        (first,) = sends(bench.stanzas(message("a", thread="t1"), message("b", thread="t1")))
        (second,) = sends(bench.answer(first))
        one, two = requested([first, second])
        assert (one.call_id, two.call_id) == ("t1", "t1")
        assert one.from_.tag and one.from_.tag != two.from_.tag
        assert one.branch != two.branch
