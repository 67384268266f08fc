"""Quotas: exact at the limit, apart for each system, and given back whole."""

import pytest

from edge.gateway import quota as quota_module
from edge.gateway.quota import Quota


def test_quota_is_full_at_its_number_and_counts_nothing_then() -> None:
    quota = Quota()
    assert [quota.take("a", 2) for _ in range(4)] == [True, True, False, False]
    assert quota.count("a") == 2


def test_quota_of_one_system_is_not_that_of_another() -> None:
    quota = Quota()
    assert quota.take("a", 1) and quota.take("b", 1)
    assert not quota.take("a", 1)


def test_quota_is_full_at_its_bytes_and_counts_nothing_then() -> None:
    quota = Quota()
    assert quota.take("a", 9, 60, 100)
    assert not quota.take("a", 9, 41, 100)
    assert quota.take("a", 9, 40, 100)
    assert quota.count("a") == 2


def test_what_is_given_back_can_be_taken_again() -> None:
    quota = Quota()
    quota.take("a", 1, 100, 100)
    quota.give("a", 100)
    assert quota.count("a") == 0
    assert quota.take("a", 1, 100, 100)


def test_thing_without_bytes_needs_no_room_for_them() -> None:
    quota = Quota()
    quota.take("a", 9, 100, 100)
    assert quota.take("a", 9, 0, 100)


def test_system_that_took_nothing_has_nothing() -> None:
    assert Quota().count("a") == 0


def test_systems_that_have_nothing_are_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota_module, "MOST", 3)
    quota = Quota()
    quota.take("kept", 9)
    for number in range(10):
        quota.take(str(number), 9)
        quota.give(str(number))
    assert len(quota._taken) <= 3 and quota.count("kept") == 1
