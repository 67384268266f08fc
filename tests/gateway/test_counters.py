"""Counting, and the numbers of one moment."""

from edge.domains import domain
from edge.gateway.counters import COALESCED, DELIVERED, FAILED, IN, OUT, UNCHANGED, Counters, Counts
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
    }  # fmt: skip
