"""What the gateway counts: plain numbers in dictionaries, because every change of presence passes here.

The gateway adds to `Counters`; who wants to know takes a `Counts` of them (`edge.admin.metrics`). Partners are called
by the name of their `System`, of which there are only as many as are configured.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

UNCHANGED, COALESCED = "unchanged", "coalesced"  # why a notification was not sent: no news; told with the next one
IN, OUT = "in", "out"  # presence of the partner's users, presence told to them

Pairs = Mapping[tuple[str, str], int]
Subscriptions = Mapping[tuple[str, str, str], int]  # by (partner, direction, state): how many there are now


@dataclass(frozen=True, slots=True)
class Counts:
    """All numbers of one moment. It does not change when the gateway goes on counting."""

    suppressed: Pairs
    updates: Pairs
    subscriptions: Subscriptions


class Counters:
    """``counters.updates[partner, OUT] += 1``; a number that nobody has added to is 0."""

    __slots__ = ("suppressed", "updates")

    def __init__(self) -> None:
        self.suppressed: dict[tuple[str, str], int] = defaultdict(int)  # by (partner, UNCHANGED or COALESCED)
        self.updates: dict[tuple[str, str], int] = defaultdict(int)  # by (partner, IN or OUT)

    def counts(self, subscriptions: Subscriptions) -> Counts:
        """The numbers of now, with what only their owners can count."""
        return Counts(dict(self.suppressed), dict(self.updates), dict(subscriptions))
