"""What the gateway counts: plain numbers in dictionaries, because every change of presence passes here.

The gateway adds to `Counters`; who wants to know takes a `Counts` of them (`edge.admin.metrics`). Partners are called
by the name of their `System`, of which there are only as many as are configured.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from edge.partners import Admit

UNCHANGED, COALESCED = "unchanged", "coalesced"  # why a notification was not sent: no news; told with the next one
IN, OUT = "in", "out"  # what the partner's users say and show, what they are told
DELIVERED, FAILED, REJECTED, LATE = range(4)
RESULTS = ("delivered", "failed", "rejected", "late")
"""What became of a message: the other side has it; its sender was told that it has not; we did not even take it; it
came back when it was counted as delivered, which it still is."""

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


class Counters:
    """``counters.updates[partner, OUT] += 1``; a number that nobody has added to is 0."""

    __slots__ = ("_messages", "suppressed", "updates")

    def __init__(self) -> None:
        # Each message passes here: a row is found by a plain name, and counted up in place.
        self._messages: dict[tuple[str, str], dict[str, list[int]]] = {
            (protocol, direction): defaultdict(lambda: [0, 0, 0, 0])
            for protocol in ("sip", "xmpp") for direction in (IN, OUT)
        }
        self.suppressed: dict[tuple[str, str], int] = defaultdict(int)  # by (partner, UNCHANGED or COALESCED)
        self.updates: dict[tuple[str, str], int] = defaultdict(int)  # by (partner, IN or OUT)

    def message(self, protocol: str, decision: Admit, result: int) -> None:
        """One message, sent by ``protocol``, has ended. It is counted for the partner, whichever side he is."""
        sender = decision.sender
        if sender.inside:
            self._messages[protocol, OUT][decision.recipient.name][result] += 1
        else:
            self._messages[protocol, IN][sender.name][result] += 1

    @property
    def messages(self) -> Messages:
        """How many messages have ended, by partner and so on."""
        return {
            (partner, protocol, direction, RESULTS[result]): number
            for (protocol, direction), rows in self._messages.items()
            for partner, row in rows.items()
            for result, number in enumerate(row)
            if number
        }

    def counts(self, subscriptions: Subscriptions) -> Counts:
        """The numbers of now, with what only their owners can count."""
        return Counts(dict(self.suppressed), dict(self.updates), dict(subscriptions), self.messages)
