"""Quotas: each system has its own room, and what is given back is there again."""

from edge.gateway.quota import Quota


def test_take_refuses_past_the_number_until_one_is_given_back() -> None:
    quota = Quota()
    assert quota.take("lync", 2) and quota.take("lync", 2)
    assert not quota.take("lync", 2)
    assert quota.count("lync") == 2
    quota.give("lync")
    assert quota.take("lync", 2)


def test_take_refuses_past_the_bytes_and_counts_nothing_then() -> None:
    quota = Quota()
    assert quota.take("lync", 10, 60, 100)
    assert not quota.take("lync", 10, 41, 100)
    assert quota.take("lync", 10, 40, 100)
    quota.give("lync", 60)
    assert quota.take("lync", 10, 60, 100)
    assert quota.count("lync") == 2


def test_take_leaves_the_room_of_others_alone() -> None:
    quota = Quota()
    assert quota.take("lync", 1)
    assert quota.take("capulet", 1)
    assert quota.count("nobody") == 0
