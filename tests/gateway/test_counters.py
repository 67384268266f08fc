"""Counting, and the numbers of one moment."""

import pytest

from edge.domains import domain
from edge.gateway.counters import BOUNDS, COALESCED, DELIVERED, FAILED, IN, OUT, UNCHANGED, UNLISTED, Counters, Counts
from edge.partners import Admit, System

OURS = System("capulet", True, "xmpp", (domain("capulet.example"),))
THEIRS = System("contoso", False, "sip", (domain("contoso.example"),))


def test_counting_begins_at_nothing() -> None:
    counters = Counters()
    assert counters.counts({}) == Counts({}, {}, {})
    counters.updates["contoso", OUT] += 1
    counters.updates["contoso", OUT] += 1
    counters.suppressed["contoso", UNCHANGED] += 1
    assert counters.counts({("contoso", IN, "active"): 3}) == Counts(
        suppressed={("contoso", UNCHANGED): 1},
        updates={("contoso", OUT): 2},
        subscriptions={("contoso", IN, "active"): 3},
    )


def test_numbers_of_a_moment_stay_as_they_were() -> None:
    counters, subscriptions = Counters(), {("contoso", OUT, "active"): 1}
    counts = counters.counts(subscriptions)
    counters.suppressed["contoso", COALESCED] += 1
    counters.updates["contoso", IN] += 1
    subscriptions["contoso", OUT, "active"] = 0
    assert counts == Counts({}, {}, {("contoso", OUT, "active"): 1})


def test_asking_for_numbers_makes_none() -> None:
    counters = Counters()
    assert counters.updates.get(("contoso", OUT), 0) == 0
    assert counters.counts({}).updates == {}


def test_message_is_counted_for_the_partner_whichever_side_he_is() -> None:
    counters = Counters()
    counters.message("xmpp", Admit(OURS, THEIRS), DELIVERED)
    counters.message("sip", Admit(THEIRS, OURS), FAILED)
    counters.message("sip", Admit(THEIRS, OURS), FAILED)
    assert counters.counts({}).messages == {
        ("contoso", "xmpp", OUT, "delivered"): 1, ("contoso", "sip", IN, "failed"): 2,
    }


def test_duration_is_that_of_messages_which_have_arrived() -> None:
    counters = Counters()
    for seconds in (0.001, BOUNDS[0], BOUNDS[0] + 0.001, 100.0):
        counters.message("sip", Admit(THEIRS, OURS), DELIVERED, seconds)
    counters.message("sip", Admit(THEIRS, OURS), FAILED, 32.0)
    numbers, total = counters.counts({}).durations["contoso", "sip", IN]
    assert list(numbers) == [2, 1, *[0] * (len(BOUNDS) - 2), 1]
    assert total == pytest.approx(100.012, abs=0.001)
    assert counters.messages == {("contoso", "sip", IN, "delivered"): 4, ("contoso", "sip", IN, "failed"): 1}


def test_partner_who_was_never_listed_is_counted_on_under_the_name_of_all_of_them() -> None:
    counters = Counters()
    for name in ("odd.example", "strange.example"):
        counters.message("sip", Admit(System(name, False, "sip", (domain(name),)), OURS), DELIVERED, 0.5)
        counters.updates[name, IN] += 2
        counters.forget(name)
    counts = counters.counts({})
    assert counts.messages == {(UNLISTED, "sip", IN, "delivered"): 2}
    assert counts.updates == {(UNLISTED, IN): 4}
    assert counts.durations[UNLISTED, "sip", IN][1] == 1.0
