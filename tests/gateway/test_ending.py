"""What the end of a subscription means: for the authorization, for what is seen, for the next attempt."""

import pytest

from edge.gateway.ending import LONGEST_BACK_OFF, SPREAD, Show, Verdict, spread_out, verdict
from edge.sip.subscription import BACK_OFF, RARELY, REASONS, SOON, UNKNOWN_REASON, Cause, Ended, response_rule, wait


def refused(status: int, retry_after: int | None = None) -> Ended:
    rule = response_rule(status)
    return Ended(Cause.RESPONSE, "", status, rule.authorization_dead, wait(rule, retry_after))


def terminated(reason: str, retry_after: int | None = None) -> Ended:
    rule = REASONS.get(reason, UNKNOWN_REASON)
    return Ended(Cause.NOTIFY, reason, 0, rule.authorization_dead, wait(rule, retry_after))


def judged(ended: Ended, authorized: bool = True, attempts: int = 0) -> Verdict:
    """The verdict for the pair that is the first to try again."""
    return verdict(ended, authorized, attempts, "")


UNAVAILABLE, THE_SAME, FOR_A_WHILE = Show.UNAVAILABLE, Show.THE_SAME, Show.THE_SAME_FOR_A_WHILE
DENIED = Verdict("unsubscribed", UNAVAILABLE, None)


@pytest.mark.parametrize("authorized", [True, False])
@pytest.mark.parametrize("ended", [refused(403), refused(489), refused(603), terminated("rejected"),
                                   terminated("noresource")])
def test_denial_ends_the_authorization(ended: Ended, authorized: bool) -> None:
    """RFC 8048 §5.2.2, RFC 6665 §4.1.3."""
    assert judged(ended, authorized) == judged(ended, authorized, 9) == DENIED


@pytest.mark.parametrize(
    ("status", "told"),
    [(302, "redirect"), (401, "not-authorized"), (404, "item-not-found"), (405, "feature-not-implemented"),
     (406, "not-acceptable"), (407, "registration-required"), (410, "gone"), (415, "not-acceptable"),
     (416, "not-acceptable"), (420, "feature-not-implemented"), (421, "not-acceptable"),
     (501, "feature-not-implemented"), (604, "item-not-found")],
)
def test_fault_for_good_is_reported_to_who_never_saw_anything(status: int, told: str) -> None:
    assert judged(refused(status), authorized=False) == Verdict(told, UNAVAILABLE, None)
    assert judged(refused(status)) == Verdict("", UNAVAILABLE, RARELY)


@pytest.mark.parametrize(
    ("ended", "show", "retry"),
    [(refused(480), UNAVAILABLE, BACK_OFF), (refused(480, 900), UNAVAILABLE, 900),
     (refused(482), UNAVAILABLE, BACK_OFF), (refused(483), UNAVAILABLE, BACK_OFF),
     (refused(484), UNAVAILABLE, BACK_OFF), (refused(485), UNAVAILABLE, BACK_OFF),
     (refused(600), UNAVAILABLE, BACK_OFF), (refused(606), UNAVAILABLE, BACK_OFF),
     (refused(408), FOR_A_WHILE, SOON), (refused(500), FOR_A_WHILE, SOON), (refused(503, 70), FOR_A_WHILE, 70),
     (refused(504), FOR_A_WHILE, SOON), (refused(423), FOR_A_WHILE, BACK_OFF),
     (Ended(Cause.TIMER_N, "", 408, False, BACK_OFF), FOR_A_WHILE, BACK_OFF),
     (Ended(Cause.EXPIRY, "", 0, False, BACK_OFF), FOR_A_WHILE, BACK_OFF),
     (terminated("probation", 70), FOR_A_WHILE, 70), (terminated("giveup"), FOR_A_WHILE, BACK_OFF),
     (terminated(""), FOR_A_WHILE, BACK_OFF), (terminated("eclipse", 70), FOR_A_WHILE, 70)],
)
def test_what_passes_is_tried_again(ended: Ended, show: Show, retry: float) -> None:
    """Who was never told anything hears nothing of it either."""
    assert judged(ended) == judged(ended, authorized=False) == Verdict("", show, retry)


@pytest.mark.parametrize("ended", [terminated("deactivated"), terminated("timeout", 900), refused(481)])
def test_dialog_that_is_to_be_made_anew_at_once_is_so_once(ended: Ended) -> None:
    """RFC 6665 §4.1.3, §4.1.2.2; from the second time on the pauses grow."""
    assert judged(ended) == Verdict("", THE_SAME, 0.0)
    assert judged(ended, attempts=1) == Verdict("", FOR_A_WHILE, 2 * SOON)
    assert judged(ended, attempts=2) == Verdict("", FOR_A_WHILE, 4 * SOON)
    assert judged(ended, attempts=10_000) == Verdict("", FOR_A_WHILE, LONGEST_BACK_OFF)


def test_last_word_stays() -> None:
    assert judged(terminated("invariant", 5)) == Verdict("", THE_SAME, None)
    assert judged(terminated("badfilter", 5)) == Verdict("", UNAVAILABLE, None)


def test_pause_that_the_partner_wants_is_not_cut_short() -> None:
    assert judged(terminated("probation", 7200), attempts=3).retry == 7200


class TestSpread:
    def waits(self, seconds: float, crowd: float) -> list[float]:
        return sorted(spread_out(seconds, f"juliet{n}", crowd) for n in range(1000))

    def test_few_are_spread_by_a_part_of_the_wait(self) -> None:
        waits = self.waits(100, 0)
        assert 100 <= waits[0] < 101 and 100 * (1 + SPREAD) * 0.99 < waits[-1] <= 100 * (1 + SPREAD)

    def test_many_are_spread_over_the_time_that_they_take(self) -> None:
        waits = self.waits(30, 50)
        assert 30 <= waits[0] < 31 and 79 < waits[-1] <= 80
        assert all(130 < sum(start <= wait < start + 10 for wait in waits) < 270 for start in range(30, 80, 10))

    def test_pair_waits_the_same_each_time(self) -> None:
        assert spread_out(30, "juliet", 50) == spread_out(30, "juliet", 50)
