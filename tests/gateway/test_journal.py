"""What of a message is kept, when, and until when; and that what leaves at once costs the store nothing."""

import pytest

from edge.codes import Code
from edge.gateway import journal
from edge.gateway.effects import Effect, Forget, Remember, SendSip
from edge.gateway.journal import AGAIN, FOR_SO_LONG, Kept
from edge.gateway.records import Kind, decode_message
from edge.sip.transaction import ClientTransaction
from edge.xmpp.stanzas import Message
from tests.gateway.bench import Bench, message, reports, sends, spoken

WAITS = 25.0  # seconds that a message may wait for this partner


def remembered(effects: list[Effect]) -> list[Remember]:
    return [effect for effect in effects if isinstance(effect, Remember) and effect.kind == Kind.MESSAGE]


def forgotten(effects: list[Effect]) -> list[str]:
    return [effect.key for effect in effects if isinstance(effect, Forget) and effect.kind == Kind.MESSAGE]


def ends(bench: Bench) -> list[Effect]:
    """A turn ends."""
    return bench.gateway.submissions.journal.unwritten()


def written(bench: Bench, *sent: SendSip) -> None:
    for each in sent:
        bench.gateway.sip_sent(each.token, bench.link)


def held(text: str) -> Message:
    """A message on a stream with stream management, whose server gives it back."""
    stanza = message(text)
    stanza.ticket = object()
    return stanza


@pytest.fixture
def bench() -> Bench:
    return Bench()


class TestKept:
    """In the turn in which it came."""

    def test_what_a_link_takes_at_once_is_not(self, bench: Bench) -> None:
        effects = bench.stanzas(message("one"), message("two", to="mercutio@sip.example"))
        written(bench, *sends(effects))
        assert remembered(effects) == [] and ends(bench) == []

    def test_what_waits_behind_another_is(self, bench: Bench) -> None:
        (kept,) = remembered(bench.stanzas(message("one"), message("two", id="m2")))
        record = decode_message(kept.data)
        assert (record.sender, record.recipient) == ("juliet@xmpp.example/balcony", "romeo@sip.example")
        assert (record.id, record.type, record.body) == ("m2", "chat", b"two")
        assert record.call_id and record.tag and kept.due == bench.node.wall + WAITS

    def test_what_no_link_has_taken_is(self, bench: Bench) -> None:
        bench.stanzas(message("one"))
        (kept,) = remembered(ends(bench))
        assert decode_message(kept.data).body == b"one"
        assert ends(bench) == []

    def test_what_lies_before_a_peer_that_does_not_read_is(self, bench: Bench) -> None:
        written(bench, *sends(bench.stanzas(message("one"))))
        bench.link.paused = True
        assert [decode_message(each.data).body for each in remembered(ends(bench))] == [b"one"]

    def test_keys_sort_as_the_messages_came_whichever_is_kept_first(self, bench: Bench) -> None:
        kept = remembered(bench.stanzas(message("one"), message("two"))) + remembered(ends(bench))
        assert [decode_message(each.data).body for each in sorted(kept, key=lambda each: each.key)] == [b"one", b"two"]

    def test_what_has_ended_in_the_same_turn_is_not(self, bench: Bench) -> None:
        (sent,) = sends(bench.stanzas(message("one")))
        bench.gateway.unsent(sent.token, Code.N01, "")
        assert ends(bench) == []

    def test_what_stream_management_gives_back_is_not(self, bench: Bench) -> None:
        assert remembered(bench.stanzas(held("one"), held("two"))) == [] and ends(bench) == []

    def test_what_waits_for_a_session_is_once(self) -> None:
        bench = Bench(im_mode="session")
        kept = remembered(bench.stanzas(message("one"), message("two")))
        assert [decode_message(each.data).body for each in kept] == [b"one", b"two"]
        assert remembered(ends(bench)) == []


class TestForgotten:
    """When it has ended, and not before."""

    def test_when_it_is_answered(self, bench: Bench) -> None:
        effects = bench.stanzas(message("one"), message("two"))
        (kept,) = remembered(effects)
        effects = bench.answer(sends(effects)[0])
        assert forgotten(effects) == []
        assert forgotten(bench.answer(sends(effects)[0])) == [kept.key]

    def test_when_its_sender_has_the_error(self, bench: Bench) -> None:
        effects = bench.stanzas(message("one"), message("two"))
        (kept,) = remembered(effects)
        effects = bench.answer(sends(bench.answer(sends(effects)[0]))[0], 404)
        assert forgotten(effects) == []
        assert forgotten(bench.gateway.taken([error_of(effects)])) == [kept.key]

    def test_error_that_finds_no_way_is_sent_again(self, bench: Bench) -> None:
        effects = failed(bench)
        error = spoken(effects)
        assert bench.gateway.unsent(error_of(effects), Code.N01, "") == []
        assert spoken(bench.passes(AGAIN + 0.5)) == error

    def test_nobody_is_told_after_a_day(self, bench: Bench) -> None:
        token = error_of(failed(bench))
        bench.node.wall += WAITS + FOR_SO_LONG
        effects = bench.gateway.unsent(token, Code.N01, "")
        assert forgotten(effects) == [token.key]
        assert [report.fields["reason"] for report in reports(effects)] == [journal.UNTOLD]

    def test_not_too_many_wait_to_be_told(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(journal, "MAX_UNTOLD", 0)
        token = error_of(failed(bench))
        assert forgotten(bench.gateway.unsent(token, Code.N01, "")) == [token.key]


def failed(bench: Bench) -> list[Effect]:
    """A message that nobody has taken, and that was kept, fails."""
    (sent,) = sends(bench.stanzas(message("one")))
    ends(bench)
    assert isinstance(sent.token, ClientTransaction)
    return bench.gateway.unsent(sent.token, Code.N01, "")


def error_of(effects: list[Effect]) -> Kept:
    (token,) = [effect.token for effect in effects if isinstance(getattr(effect, "token", None), Kept)]
    assert isinstance(token, Kept)
    return token
