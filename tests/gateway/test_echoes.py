"""Whether a domain can be heard, and how often it is asked."""

import pytest

from edge.domains import domain
from edge.gateway import echoes
from edge.gateway.echoes import ECHO_SECONDS, Echoes
from tests.gateway.bench import Bench, sent_stanzas, spoken

OURS, THEIRS = domain("sip.example"), domain("xmpp.example")


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_question_is_a_ping_from_domain_to_domain(bench: Bench) -> None:
    (ping,) = spoken(Echoes(bench.node).ask(OURS, THEIRS))
    assert (str(ping.from_), str(ping.to), ping.type) == ("sip.example", "xmpp.example", "get")
    assert bench.stanzas(ping.__class__(ping.to, ping.from_, ping.id, "result")) == []


def test_all_who_want_to_know_share_one_question(bench: Bench) -> None:
    asking = Echoes(bench.node)
    assert len(sent_stanzas(asking.ask(OURS, THEIRS))) == 1
    assert asking.ask(OURS, THEIRS) == []
    assert len(sent_stanzas(asking.ask(OURS, domain("second.example")))) == 1
    bench.passes(ECHO_SECONDS)
    assert len(sent_stanzas(asking.ask(OURS, THEIRS))) == 1


def test_only_what_came_since_then_counts(bench: Bench) -> None:
    hearing = Echoes(bench.node)
    hearing.heard(OURS, THEIRS)
    asked = bench.wheel.now + 1
    assert not hearing.heard_since(OURS, THEIRS, asked)
    bench.passes(2)
    hearing.heard(OURS, THEIRS)
    assert hearing.heard_since(OURS, THEIRS, asked)


def test_domains_are_forgotten_before_they_fill_the_memory(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(echoes, "MAX_DOMAINS", 3)
    kept = Echoes(bench.node)
    for number in range(10):
        kept.heard(OURS, domain(f"d{number}.example"))
        kept.ask(OURS, domain(f"d{number}.example"))
    assert len(kept._heard) <= 3 and len(kept._asked) <= 3
