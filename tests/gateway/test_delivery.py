"""Messages from SIP to XMPP: the final response says who has the message."""

import pytest

from edge.codes import Code
from edge.gateway import delivery
from edge.sip.layer import OVERDUE_SECONDS
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Message, StanzaError
from tests.gateway.bench import (
    Bench,
    reports,
    responses,
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


class TestFromSip:
    """SIP to XMPP: the final response says that the next hop has the message."""

    def test_nothing_is_answered_before_xmpp_has_it(self, bench: Bench) -> None:
        token = opened(bench)
        assert statuses(bench.passes(3)) == []
        assert statuses(bench.gateway.taken([token])) == [200]
        assert bench.open == 0
        assert bench.gateway.deliveries._open == {}

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
        assert bench.gateway.deliveries._open == {}
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
        assert bench.gateway.deliveries._open == {}
        assert bench.gateway.taken([token]) == []
        assert bench.open == 0

    def test_message_past_the_limit_is_refused_until_there_is_room(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delivery, "MAX_OPEN", 2)
        tokens = [opened(bench), opened(bench)]
        effects = bench.sip(bench.page())
        assert (statuses(effects), sent_stanzas(effects)) == ([480], [])
        assert [report.code for report in reports(effects)] == [Code.M01]
        bench.gateway.taken(tokens[:1])
        assert len(sent_stanzas(bench.sip(bench.page()))) == 1

    def test_message_past_the_limit_of_one_partner_leaves_room_for_another(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delivery, "MAX_OPEN", 1)
        opened(bench)
        tybalt = bench.page(from_="<sip:tybalt@other.example>;tag=1")
        assert len(sent_stanzas(bench.sip(tybalt, link=bench.other))) == 1

    def test_bytes_past_the_limit_are_refused_until_there_is_room(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delivery, "MAX_OPEN_BYTES", 150)
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
