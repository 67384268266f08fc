"""Page-mode messages: who has the message when, in which order, and how much may wait."""

import pytest

from edge.codes import Code
from edge.gateway import pager
from edge.gateway.effects import Effect, SendSip
from edge.sip.layer import OVERDUE_SECONDS
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
    responses,
    sends,
    sent_stanzas,
    spoken,
    statuses,
)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def opened(bench: Bench, text: str = "Art thou not Romeo?") -> object:
    """The token of a message that is on its way to XMPP."""
    (stanza,) = sent_stanzas(bench.sip(bench.page(text)))
    return stanza.token


def error_for(stanza: Message, condition: str, from_: str = "juliet@xmpp.example") -> Message:
    return Message(JID.parse(from_), stanza.from_, stanza.id, "error", error=StanzaError(condition))


def said(effects: list[Effect]) -> list[bytes]:
    return [request.body for request in requested(effects, "MESSAGE")]


class TestFromSip:
    """SIP to XMPP: the final response says that the next hop has the message."""

    def test_nothing_is_answered_before_xmpp_has_it(self, bench: Bench) -> None:
        token = opened(bench)
        assert statuses(bench.passes(3)) == []
        assert statuses(bench.gateway.taken([token])) == [200]
        assert bench.open == 0
        assert bench.gateway.pager._open == {}

    def test_batch_is_answered_in_order(self, bench: Bench) -> None:
        tokens = [opened(bench, text) for text in ("one", "two", "three")]
        answers = responses(bench.gateway.taken(tokens))
        assert [(answer.status, answer.call_id) for answer in answers] == [
            (200, "call1"), (200, "call2"), (200, "call3"),
        ]

    def test_token_that_is_taken_twice_is_answered_once(self, bench: Bench) -> None:
        token = opened(bench)
        assert statuses(bench.gateway.taken([token, token])) == [200]
        assert bench.gateway.taken([token]) == []

    def test_retransmission_makes_no_second_stanza(self, bench: Bench) -> None:
        page = bench.page()
        assert len(sent_stanzas(bench.sip(page, page))) == 1
        assert sent_stanzas(bench.sip(page)) == []

    def test_unsent_stanza_is_the_failure_and_a_later_receipt_is_none(self, bench: Bench) -> None:
        token = opened(bench)
        effects = bench.gateway.unsent(token, Code.N01, "refused")
        (answer,) = responses(effects)
        assert answer.status >= 400 and "EDGE-N01" in str(answer.headers.get("Warning"))
        assert bench.gateway.taken([token]) == []
        assert bench.gateway.unsent(token, Code.N01, "") == []
        assert bench.open == 0

    def test_error_stanza_is_the_failure_and_a_later_receipt_is_none(self, bench: Bench) -> None:
        effects = bench.sip(bench.page())
        (stanza,), (send,) = spoken(effects), sent_stanzas(effects)
        assert isinstance(stanza, Message)
        assert statuses(bench.stanzas(error_for(stanza, "not-allowed"))) == [403]
        assert bench.gateway.pager._open == {}
        assert bench.gateway.taken([send.token]) == []
        assert bench.open == 0

    def test_error_stanza_after_the_receipt_is_reported_and_changes_nothing(self, bench: Bench) -> None:
        effects = bench.sip(bench.page())
        bench.gateway.taken([send.token for send in sent_stanzas(effects)])
        (stanza,) = spoken(effects)
        assert isinstance(stanza, Message)
        late = bench.stanzas(error_for(stanza, "item-not-found"))
        assert statuses(late) == []
        assert [(report.code, report.fields["late"]) for report in reports(late)] == [(Code.M03, True)]

    def test_error_stanza_from_another_domain_is_ignored(self, bench: Bench) -> None:
        effects = bench.sip(bench.page())
        (stanza,), (send,) = spoken(effects), sent_stanzas(effects)
        assert isinstance(stanza, Message)
        stranger = error_for(stanza, "item-not-found", from_="juliet@second.example")
        forged = bench.gateway.stanzas_received(bench.second, [stranger])
        assert statuses(forged) == []
        assert [report.code for report in reports(forged)] == [Code.A05]
        assert statuses(bench.gateway.taken([send.token])) == [200]

    def test_error_stanza_from_another_user_of_the_domain_is_ignored(self, bench: Bench) -> None:
        """Stanza ids are unique, not secret: whoever has got a message of ours can guess the next one's."""
        effects = bench.sip(bench.page())
        (stanza,), (send,) = spoken(effects), sent_stanzas(effects)
        assert isinstance(stanza, Message)
        assert statuses(bench.stanzas(error_for(stanza, "forbidden", from_="mallory@xmpp.example"))) == []
        assert statuses(bench.gateway.taken([send.token])) == [200]

    def test_error_stanza_from_the_recipients_server_counts(self, bench: Bench) -> None:
        (stanza,) = spoken(bench.sip(bench.page()))
        assert isinstance(stanza, Message)
        assert statuses(bench.stanzas(error_for(stanza, "service-unavailable", from_="xmpp.example"))) != []

    def test_error_stanza_without_an_error_changes_nothing(self, bench: Bench) -> None:
        (stanza,) = spoken(bench.sip(bench.page()))
        bare = Message(JID.parse("juliet@xmpp.example"), stanza.from_, stanza.id, "error")
        assert statuses(bench.stanzas(bare)) == []
        assert bench.layer.servers == 1

    def test_silence_is_a_failure_before_the_peer_gives_up(self, bench: Bench) -> None:
        token = opened(bench)
        assert statuses(bench.passes(OVERDUE_SECONDS - 1)) == [100]
        assert statuses(bench.passes(1.5)) == [504]
        assert bench.gateway.pager._open == {}
        assert bench.gateway.taken([token]) == []
        assert bench.open == 0

    def test_message_past_the_limit_is_refused_until_there_is_room(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pager, "MAX_OPEN", 2)
        tokens = [opened(bench), opened(bench)]
        effects = bench.sip(bench.page())
        assert (statuses(effects), sent_stanzas(effects)) == ([480], [])
        assert [report.code for report in reports(effects)] == [Code.M01]
        bench.gateway.taken(tokens[:1])
        assert len(sent_stanzas(bench.sip(bench.page()))) == 1

    def test_message_past_the_limit_of_one_partner_leaves_room_for_another(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pager, "MAX_OPEN", 1)
        opened(bench)
        tybalt = bench.page(from_="<sip:tybalt@other.example>;tag=1")
        assert len(sent_stanzas(bench.sip(tybalt, link=bench.other))) == 1

    def test_bytes_past_the_limit_are_refused_until_there_is_room(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pager, "MAX_OPEN_BYTES", 150)
        token = opened(bench, "x" * 100)
        assert statuses(bench.sip(bench.page("x" * 51))) == [480]
        assert len(sent_stanzas(bench.sip(bench.page("x" * 50)))) == 1
        bench.gateway.unsent(token, Code.N01, "")
        assert len(sent_stanzas(bench.sip(bench.page("x" * 100)))) == 1

    def test_recipient_without_a_user_is_not_found(self, bench: Bench) -> None:
        assert statuses(bench.sip(bench.page(uri="sip:xmpp.example"))) == [404]

    def test_sips_address_is_refused(self, bench: Bench) -> None:
        effects = bench.sip(bench.page(uri="sips:juliet@xmpp.example"))
        assert (len(statuses(effects)), sent_stanzas(effects)) == (1, [])
        assert statuses(effects)[0] >= 400

    def test_message_without_content_is_taken_and_makes_no_stanza(self, bench: Bench) -> None:
        effects = bench.sip(bench.page(""))
        assert (statuses(effects), sent_stanzas(effects)) == ([200], [])
        assert bench.open == 0


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
        assert bench.answer(fourth, 200) == []
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
        assert bench.gateway.pager._queued.count("sip") == 0
        assert bench.gateway.pager._under_way.count("xmpp") == 0

    def test_messages_of_one_system_have_an_end(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pager, "MAX_UNDER_WAY", 2)
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
        assert bench.stanzas(message("five")) == []

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
        assert error.error is not None and "EDGE-M03 603" in error.error.text
        assert events(effects) == ["message.failed"]

    def test_silence_is_an_error_and_a_late_answer_is_not_heard(self, bench: Bench) -> None:
        (send,) = sends(bench.stanzas(message()))
        assert bench.passes(pager.PATIENCE - 1) == []
        assert conditions(bench.passes(1.5)) == ["remote-server-timeout"]
        assert bench.answer(send, 200) == []
        assert bench.open == 0

    def test_text_of_1300_bytes_is_too_much_and_blocks_nobody(self, bench: Bench) -> None:
        effects = bench.stanzas(message("x" * 1300), message("short"))
        (error,) = [stanza for stanza in spoken(effects) if isinstance(stanza, Message)]
        assert error.error is not None
        assert (error.error.condition, error.error.type) == ("policy-violation", "modify")
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
