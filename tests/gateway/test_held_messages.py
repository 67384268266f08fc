"""When the server of an XMPP sender may forget a message: by every way in which one can end, once, and not before."""

from collections.abc import Iterable

import pytest

from edge.codes import Code
from edge.gateway.effects import Effect, Hold, Release, Report, SendSip
from edge.xmpp.stanzas import Message
from tests.gateway.bench import Bench, conditions, message, sends


@pytest.fixture
def bench() -> Bench:
    return Bench()


def counted(number: int = 1, **fields: str) -> Message:
    """A message on a stream with stream management; its ticket is a name."""
    stanza = message(**fields)
    stanza.ticket = f"ticket {number}"
    return stanza


def held(effects: Iterable[Effect]) -> list[object]:
    return [effect.ticket for effect in effects if isinstance(effect, Hold)]


def released(effects: Iterable[Effect]) -> list[object]:
    return [effect.ticket for effect in effects if isinstance(effect, Release)]


def names(effects: Iterable[Effect]) -> list[str]:
    return [type(effect).__name__ for effect in effects if not isinstance(effect, Report)]


def sent(bench: Bench, *stanzas: Message) -> SendSip:
    effects = bench.stanzas(*stanzas)
    assert held(effects) == [stanza.ticket for stanza in stanzas] and released(effects) == []
    (request,) = sends(effects, "MESSAGE")
    return request


def test_message_is_held_until_it_is_answered(bench: Bench) -> None:
    request = sent(bench, counted())
    assert released(bench.answer(request, 100)) == []
    assert released(bench.answer(request, 200)) == ["ticket 1"]


def test_refused_message_is_released_behind_its_error(bench: Bench) -> None:
    effects = bench.answer(sent(bench, counted()), 480)
    assert released(effects) == ["ticket 1"]
    assert names(effects) == ["SendStanza", "Release"]


def test_message_without_an_answer_is_released_when_its_sender_is_told(bench: Bench) -> None:
    sent(bench, counted())
    effects = bench.passes(29)
    assert released(effects) == []
    effects = bench.passes(4)
    assert released(effects) == ["ticket 1"] and len(conditions(effects)) == 1


def test_messages_that_wait_are_held_from_the_beginning_and_released_one_by_one(bench: Bench) -> None:
    first = sent(bench, counted(1), counted(2))
    effects = bench.answer(first)
    assert released(effects) == ["ticket 1"]
    (second,) = sends(effects, "MESSAGE")
    assert released(bench.answer(second)) == ["ticket 2"]


def test_messages_that_wait_behind_a_failure_are_released_with_it(bench: Bench) -> None:
    request = sent(bench, counted(1), counted(2), counted(3))
    effects = bench.gateway.unsent(request.token, Code.N01, "refused")
    assert released(effects) == ["ticket 1", "ticket 2", "ticket 3"] and len(conditions(effects)) == 3


def test_message_that_goes_over_to_a_session_is_held_on(bench: Bench) -> None:
    effects = bench.answer(sent(bench, counted()), 405)
    assert sends(effects, "INVITE") and released(effects) == []
    (invite,) = sends(effects, "INVITE")
    assert released(bench.answer(invite, 486)) == ["ticket 1"]


@pytest.mark.parametrize("fields", [{"to": "sip.example"}, {"body": ""}, {"to": "romeo@unknown.example"}])
def test_message_that_goes_nowhere_is_not_held(bench: Bench, fields: dict[str, str]) -> None:
    effects = bench.stanzas(counted(**fields))
    assert held(effects) == [] and released(effects) == []


def test_message_that_comes_back_at_once_is_held_and_released_in_this_order() -> None:
    effects = Bench(im_mode="page").stanzas(counted(body="x" * 2000))
    assert names(effects) == ["Hold", "SendStanza", "Release"]


def test_message_that_met_a_bug_is_not_held(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.gateway.pager, "send", lambda submission: 1 / 0)
    effects = bench.stanzas(counted())
    assert held(effects) == [] and conditions(effects) == ["internal-server-error"]


def test_message_of_a_stream_that_does_not_count_is_neither_held_nor_released(bench: Bench) -> None:
    effects = bench.stanzas(message())
    (request,) = sends(effects, "MESSAGE")
    assert held(effects) == [] and released(bench.answer(request)) == []
