"""How fast a partner may send: a bucket of tokens for each system, filled at its rate up to its burst.

Whoever empties it hears when to come again, and the log hears once a minute whose limit it is and what to change.
Used by `edge.gateway.policy`.
"""

from edge.codes import Code
from edge.gateway.effects import Effect, Report
from edge.partners import System

COMPLAIN = 60.0  # seconds between two log events about one partner


class Bucket:
    """What one system may still send, at ``at``."""

    __slots__ = ("tokens", "at", "refused", "complained")

    def __init__(self, tokens: float, at: float) -> None:
        self.tokens = tokens
        self.at = at
        self.refused = 0
        self.complained = -COMPLAIN


class Rates:
    """One bucket for each partner that has sent something. Time is an argument, in seconds."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}  # by name: no more than there are partners

    def take(self, system: System, now: float) -> float:
        """Count one message: 0, or the seconds after which there is room again."""
        bucket = self._buckets.get(system.name)
        if bucket is None:
            bucket = self._buckets[system.name] = Bucket(system.burst, now)
        if now != bucket.at:
            bucket.tokens = min(bucket.tokens + (now - bucket.at) * system.messages_per_s, system.burst)
            bucket.at = now
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return 0.0
        bucket.refused += 1
        return (1 - bucket.tokens) / system.messages_per_s

    def refused(self, system: System) -> None:
        """What was counted is refused all the same, because of others: it takes nothing."""
        bucket = self._buckets[system.name]
        bucket.tokens += 1
        bucket.refused += 1

    def complaint(self, system: System, now: float) -> list[Effect]:
        """What the log should hear of the messages refused so far: nothing, or how many and what to change."""
        bucket = self._buckets[system.name]
        if now - bucket.complained < COMPLAIN:
            return []
        cure = f"raise messages_per_s ({system.messages_per_s:g}) or burst ({system.burst}) in its [partner.limits]"
        if system.discovered:
            cure = f"name {system.name} in the partner file"
        cure += " if so much is meant to come"
        fields: dict[str, object] = {"partner": system.name, "count": bucket.refused, "cure": cure}
        bucket.refused, bucket.complained = 0, now
        return [Report("limit.hit", Code.L01, fields)]

    def forget(self, names: set[str]) -> None:
        """Partners that are listed no more: one that comes back under the same name begins with a full bucket."""
        for name in names:
            self._buckets.pop(name, None)
