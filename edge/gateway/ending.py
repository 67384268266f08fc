"""What the end of a SIP subscription of ours means for the XMPP user behind it (RFC 8048 §5.2.2, RFC 6665 §4.1.3).

Pure rules; `edge.gateway.subscriber` carries them out. What a response or a reason says about the dialog stands in
`edge.sip.subscription`.
"""

from enum import IntEnum
from typing import NamedTuple
from zlib import crc32

from edge.mapping.failures import condition_of
from edge.sip.subscription import SOON, Cause, Ended

LONGEST_BACK_OFF = 3600.0  # seconds between two attempts that the peer has not told us to space
MOST_DOUBLINGS = 7  # of SOON; more would not matter
SPREAD = 0.2  # the part of a wait by which attempts are spread, so that those of many never come in one burst
BRIEF_LIFE = 10.0  # seconds; a dialog that ended sooner is no success, or two peers could spin

FOR_GOOD = frozenset((401, 404, 405, 406, 407, 410, 415, 416, 420, 421, 501, 604))
"""Answers to the first SUBSCRIBE that no repetition will change: reported once, and all is forgotten."""

PASSING = frozenset((408, 423, 481))
"""Failures that say nothing about the user: they pass, as all of 5xx do, except that 501 lasts."""


class Show(IntEnum):
    """What the contact sees meanwhile."""

    THE_SAME = 0  # it is about to be confirmed, or was the last word
    THE_SAME_FOR_A_WHILE = 1  # unavailable if it takes longer than the grace
    UNAVAILABLE = 2


class Verdict(NamedTuple):
    """``told`` is `unsubscribed` or the condition of an error; then nothing is left. ``retry``: seconds, or None."""

    told: str
    show: Show
    retry: float | None


def verdict(ended: Ended, authorized: bool, attempts: int, spread: str, crowd: float = 0.0) -> Verdict:
    """What follows from the end of a subscription, whose contact has been told `subscribed` or not.

    ``attempts`` have failed since a dialog last lived; ``spread`` and ``crowd`` are those of `spread_out`.
    """
    if ended.authorization_dead:
        return Verdict("unsubscribed", Show.UNAVAILABLE, None)
    refused = ended.cause is Cause.RESPONSE
    if refused and not authorized and (ended.status in FOR_GOOD or 300 <= ended.status < 400):
        return Verdict(condition_of(ended.status)[0], Show.UNAVAILABLE, None)
    if ended.reason == "invariant":
        return Verdict("", Show.THE_SAME, None)
    if ended.retry is None:
        return Verdict("", Show.UNAVAILABLE, None)
    if ended.retry == 0 and attempts == 0:
        return Verdict("", Show.THE_SAME, 0.0)
    backing_off = min(SOON * 2.0 ** min(attempts, MOST_DOUBLINGS), LONGEST_BACK_OFF)
    retry = spread_out(max(ended.retry, backing_off), spread, crowd)
    passing = ended.status in PASSING or (ended.status // 100 == 5 and ended.status != 501)
    return Verdict("", Show.UNAVAILABLE if refused and not passing else Show.THE_SAME_FOR_A_WHILE, retry)


def spread_out(seconds: float, spread: str, crowd: float) -> float:
    """Not less than ``seconds``, and not the same for all who wait.

    ``spread`` is a text that differs from pair to pair, ``crowd`` the seconds that the system needs for them all.
    """
    return seconds + max(SPREAD * seconds, crowd) * crc32(spread.encode()) / 2**32
