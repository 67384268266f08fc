"""How long each watch waits for a SIP system that rests, or that many wait for."""

import pytest

from edge.gateway import pacing as pacing_module
from edge.gateway.pacing import LONGEST_REST, Pacing
from edge.gateway.pairs import Pair
from edge.xmpp.jid import JID
from tests.gateway.bench import Bench


@pytest.fixture
def bench() -> Bench:
    return Bench()


def pair_of(bench: Bench, number: int, system: int = 0) -> Pair:
    sip, xmpp = bench.node.directory.systems[system], bench.node.directory.systems[2]
    return Pair(bench.node, JID.parse(f"romeo{number}@sip.example"), JID.parse("juliet@xmpp.example"), sip, xmpp)


def test_crowd_is_the_time_that_all_need_at_the_pace_of_the_system(bench: Bench) -> None:
    pacing = Pacing(bench.wheel)
    pairs = [pair_of(bench, n) for n in range(1000)]
    for pair in pairs:
        pacing.joins(pair)
    assert pacing.crowd(pairs[0]) == 1000 / 200
    for pair in pairs[:600]:
        pacing.leaves(pair)
    assert pacing.crowd(pairs[0]) == 400 / 200


def test_rest_is_one_systems_and_ends(bench: Bench) -> None:
    pacing, pair, other = Pacing(bench.wheel), pair_of(bench, 1), pair_of(bench, 1, system=1)
    pacing.joins(pair)
    pacing.rest(pair, 100)
    assert pacing.is_resting(pair) and not pacing.is_resting(other)
    assert 100 <= pacing.rest_of(pair) <= 120
    bench.wheel.advance(bench.wheel.now + 99)
    assert pacing.is_resting(pair)
    bench.wheel.advance(bench.wheel.now + 1)
    assert not pacing.is_resting(pair)


def test_rest_without_end_is_not_believed(bench: Bench) -> None:
    pacing, pair = Pacing(bench.wheel), pair_of(bench, 1)
    pacing.joins(pair)
    pacing.rest(pair, 1e9)
    bench.wheel.advance(bench.wheel.now + LONGEST_REST)
    assert not pacing.is_resting(pair)


def test_many_who_wait_do_not_come_together(bench: Bench) -> None:
    pacing = Pacing(bench.wheel)
    pairs = [pair_of(bench, n) for n in range(4000)]
    for pair in pairs:
        pacing.joins(pair)
    pacing.rest(pairs[0], 10)
    waits = [pacing.rest_of(pair) for pair in pairs]
    assert min(waits) >= 10 and max(waits) <= 10 + 20
    assert max(sum(start <= wait < start + 1 for wait in waits) for start in range(10, 30)) < 1.5 * 200


def test_systems_without_watches_are_not_remembered_for_ever(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing_module, "MOST", 1)
    pacing, gone, here = Pacing(bench.wheel), pair_of(bench, 1), pair_of(bench, 2, system=1)
    pacing.joins(gone)
    pacing.rest(gone, 5)
    pacing.leaves(gone)
    bench.wheel.advance(bench.wheel.now + 6)
    pacing.joins(here)
    assert pacing._crowds == {here.sip.name: 1} and not pacing._resting
    pacing.moves(here, gone.sip)
    assert pacing._crowds == {gone.sip.name: 1}
