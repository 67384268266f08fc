"""How fast a partner may send."""

import dataclasses

import pytest

from edge.codes import Code
from edge.domains import domain
from edge.gateway.limits import COMPLAIN, Rates
from edge.partners import System

PARTNER = System("contoso", False, "sip", (domain("contoso.example"),), messages_per_s=2.0, burst=3)


def test_burst_then_rate() -> None:
    rates = Rates()
    assert [rates.take(PARTNER, 10.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert rates.take(PARTNER, 10.5) == 0
    assert rates.take(PARTNER, 10.5) == pytest.approx(0.5)


def test_what_is_not_used_is_saved_up_to_the_burst_only() -> None:
    rates = Rates()
    for _ in range(3):
        rates.take(PARTNER, 0.0)
    assert [rates.take(PARTNER, 1000.0) for _ in range(4)] == [0, 0, 0, 0.5]


def test_partners_do_not_share() -> None:
    rates = Rates()
    other = dataclasses.replace(PARTNER, name="fabrikam")
    for _ in range(4):
        rates.take(PARTNER, 0.0)
    assert rates.take(other, 0.0) == 0


def test_a_new_limit_counts_at_once() -> None:
    rates = Rates()
    for _ in range(4):
        rates.take(PARTNER, 0.0)
    assert rates.take(dataclasses.replace(PARTNER, messages_per_s=100.0), 0.01) == 0


def test_the_log_hears_once_a_minute_how_many_and_what_to_change() -> None:
    rates = Rates()
    said = []
    for number in range(10):
        if rates.take(PARTNER, 0.0):
            said += rates.complaint(PARTNER, 0.0)
        assert len(said) == (number > 2)
    rates.take(PARTNER, 0.0)
    said += rates.complaint(PARTNER, COMPLAIN)
    assert [each.code for each in said] == [Code.L01, Code.L01]
    assert [each.fields["count"] for each in said] == [1, 7]
    assert "messages_per_s (2) or burst (3)" in said[0].fields["cure"]


def test_who_comes_back_to_the_list_begins_anew() -> None:
    rates = Rates()
    for _ in range(4):
        rates.take(PARTNER, 0.0)
    rates.forget({"contoso", "never seen"})
    assert rates.take(PARTNER, 0.0) == 0
