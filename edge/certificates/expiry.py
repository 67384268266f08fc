"""When certificates end, ours and those of partners, told some days before: each threshold once.

Pure: `edge.service` gives what there is and the time, now and then, and reports what comes back. What was told is
forgotten by a restart, and then told once more.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from edge.certificates.identity import Identities
from edge.certificates.trust import fingerprint_of

THRESHOLDS = (30, 14, 7, 1, 0)  # days before the end at which it is told; 0 is the end itself
LOOK_SECONDS = 3600.0  # how often it is worth looking


@dataclass(frozen=True, slots=True)
class Ending:
    """A certificate whose end matters. ``role`` is "own" or "peer", ``name`` what it is called in logs and metrics."""

    role: str
    name: str
    fingerprint: str
    issuer: str
    not_after: datetime

    def days(self, now: datetime) -> int:
        """Whole days that are left; negative when it has ended."""
        return (self.not_after - now) // timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Expiring:
    """Something to tell: a certificate ends within ``threshold`` days."""

    ending: Ending
    threshold: int
    days: int


class Expirations:
    """Remembers what was told."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str, str], int] = {}  # the lowest threshold so far

    def due(self, endings: Iterable[Ending], now: datetime) -> list[Expiring]:
        """What is to be told now. A certificate that is not among ``endings`` any more is forgotten."""
        due, told = [], {}
        for ending in endings:
            key = ending.role, ending.name, ending.fingerprint
            before = self._told.get(key)
            left = ending.not_after - now
            reached = [days for days in THRESHOLDS if left <= timedelta(days=days)]
            if reached and (before is None or reached[-1] < before):
                due.append(Expiring(ending, reached[-1], ending.days(now)))
            if reached or before is not None:
                told[key] = min([*reached, *([] if before is None else [before])])
        self._told = told
        return due


def ours(identities: Identities) -> list[Ending]:
    """Our own, by the first name that each carries."""
    return [
        Ending("own", next(iter(each.names), ""), fingerprint_of(each.leaf), each.issuer, each.not_after)
        for each in identities
    ]
