"""What the gateway counts: plain numbers in dictionaries, because every change of presence passes here.

The gateway adds to `Counters`; who wants to know takes a `Counts` of them (`edge.admin.metrics`). Partners are called
by the name of their `System`, of which there are only as many as are configured.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edge.partners import Admit

UNCHANGED, COALESCED = "unchanged", "coalesced"  # why a notification was not sent: no news; told with the next one
IN, OUT = "in", "out"  # what the partner's users say and show, what they are told
UNLISTED = "_unlisted"  # the partner that stands for all who are on no list
DELIVERED, FAILED, REJECTED, LATE = range(4)
RESULTS = ("delivered", "failed", "rejected", "late")
"""What became of a message: the other side has it; its sender was told that it has not; we did not even take it; it
came back when it was counted as delivered, which it still is."""

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # seconds, of `Counts.durations`
_FIRST = len(RESULTS)  # where the durations begin in a row: one number for each bound, one for what is longer, the sum
_SUM = _FIRST + len(BOUNDS) + 1

Durations = Mapping[tuple[str, str, str], tuple[Sequence[float], float]]
"""By (partner, protocol of the sender, direction): how many took that long, not cumulated, and all their seconds."""
Messages = Mapping[tuple[str, str, str, str], int]  # by (partner, protocol of the sender, direction, result)
Pairs = Mapping[tuple[str, str], int]
Subscriptions = Mapping[tuple[str, str, str], int]  # by (partner, direction, state): how many there are now


@dataclass(frozen=True, slots=True)
class Counts:
    """All numbers of one moment. It does not change when the gateway goes on counting."""

    suppressed: Pairs
    updates: Pairs
    subscriptions: Subscriptions
    messages: Messages = field(default_factory=dict)
    durations: Durations = field(default_factory=dict)
    refreshes: Pairs = field(default_factory=dict)  # of subscriptions, by (partner, "ok" or "failed")


class Counters:
    """``counters.updates[partner, OUT] += 1``; a number that nobody has added to is 0."""

    __slots__ = ("_messages", "refreshes", "suppressed", "updates")

    def __init__(self) -> None:
        # Each message passes here: a row is found by a plain name, and counted up in place.
        self._messages: dict[tuple[str, str], dict[str, list[float]]] = {
            (protocol, direction): defaultdict(lambda: [0] * (_SUM + 1))
            for protocol in ("sip", "xmpp") for direction in (IN, OUT)
        }
        self.suppressed: dict[tuple[str, str], int] = defaultdict(int)  # by (partner, UNCHANGED or COALESCED)
        self.refreshes: dict[tuple[str, str], int] = defaultdict(int)
        self.updates: dict[tuple[str, str], int] = defaultdict(int)  # by (partner, IN or OUT)

    def message(self, protocol: str, decision: Admit, result: int, seconds: float = 0.0) -> None:
        """One message, sent by ``protocol``, has ended. It is counted for the partner, whichever side he is.

        ``seconds`` is how long it took, which counts for those that are delivered.
        """
        sender = decision.sender
        if sender.inside:
            row = self._messages[protocol, OUT][decision.recipient.name]
        else:
            row = self._messages[protocol, IN][sender.name]
        row[result] += 1
        if result == DELIVERED:
            row[_FIRST + bisect_left(BOUNDS, seconds)] += 1
            row[_SUM] += seconds

    def ended(self, name: str) -> tuple[int, int]:
        """How many messages of a partner's users have ended, and how many of them in failure."""
        rows = [row for protocol in ("sip", "xmpp") if (row := self._messages[protocol, IN].get(name)) is not None]
        ended = sum(row[DELIVERED] + row[FAILED] + row[REJECTED] for row in rows)
        return int(ended), int(sum(row[FAILED] + row[REJECTED] + row[LATE] for row in rows))

    @property
    def messages(self) -> Messages:
        """How many messages have ended, by partner and so on."""
        return {
            (partner, protocol, direction, RESULTS[result]): int(number)
            for (protocol, direction), rows in self._messages.items()
            for partner, row in rows.items()
            for result, number in enumerate(row[:_FIRST])
            if number
        }

    @property
    def durations(self) -> Durations:
        """How long those took that were delivered."""
        return {
            (partner, protocol, direction): (row[_FIRST:_SUM], row[_SUM])
            for (protocol, direction), rows in self._messages.items()
            for partner, row in rows.items()
            if row[DELIVERED]
        }

    def forget(self, name: str) -> None:
        """A partner is gone who was never listed: what was counted for him counts for all of his kind."""
        for rows in self._messages.values():
            row = rows.pop(name, None)
            if row is not None:
                rows[UNLISTED] = [sum(both) for both in zip(rows[UNLISTED], row, strict=True)]
        for pairs in (self.suppressed, self.updates, self.refreshes):
            for key in [key for key in pairs if key[0] == name]:
                pairs[UNLISTED, key[1]] += pairs.pop(key)

    def counts(self, subscriptions: Subscriptions) -> Counts:
        """The numbers of now, with what only their owners can count."""
        return Counts(
            dict(self.suppressed), dict(self.updates), dict(subscriptions), self.messages, self.durations,
            dict(self.refreshes),
        )
