"""When a SIP system may be asked again: neither while it rests, nor by all who wait in the same moment.

A system that answers 503 with Retry-After speaks for the whole server (RFC 3261 §21.5.4). Called by
`edge.gateway.subscription`.
"""

from edge.gateway.ending import spread_out
from edge.gateway.pairs import Pair
from edge.partners import System
from edge.timers import Wheel

LONGEST_REST = 3600.0  # seconds that a SIP system is left alone because it said so
MOST = 10_000  # systems; when there are more, as discovered partners come and go, those without watches are left out


class Pacing:
    """What is known of each SIP system."""

    def __init__(self, wheel: Wheel[object]) -> None:
        self._wheel = wheel
        self._crowds: dict[str, int] = {}  # watches of each system's users
        self._resting: dict[str, float] = {}  # systems that want to be left alone, and until when

    def joins(self, pair: Pair) -> None:
        """One more watch."""
        self._joins(pair.sip)

    def leaves(self, pair: Pair) -> None:
        self._crowds[pair.sip.name] -= 1

    def moves(self, pair: Pair, sip: System) -> None:
        """The user of a watch is about to be one of another system."""
        self.leaves(pair)
        self._joins(sip)

    def rest(self, pair: Pair, seconds: float) -> None:
        """The pair's system wants to be left alone."""
        self._resting[pair.sip.name] = self._wheel.now + min(seconds, LONGEST_REST)

    def is_resting(self, pair: Pair) -> bool:
        return self._wheel.now < self._resting.get(pair.sip.name, 0.0)

    def rest_of(self, pair: Pair) -> float:
        """Seconds to wait until a system that rests may be asked, each watch for itself."""
        left = self._resting.get(pair.sip.name, 0.0) - self._wheel.now
        return spread_out(max(left, 0.0), name(pair), self.crowd(pair))

    def crowd(self, pair: Pair) -> float:
        """Seconds in which all who watch users of the system may ask it again."""
        return self._crowds[pair.sip.name] / pair.sip.resume_per_s

    def _joins(self, sip: System) -> None:
        if len(self._crowds) >= MOST:
            self._crowds = {each: crowd for each, crowd in self._crowds.items() if crowd}
            self._resting = {each: until for each, until in self._resting.items() if until > self._wheel.now}
        self._crowds[sip.name] = self._crowds.get(sip.name, 0) + 1


def name(pair: Pair) -> str:
    """What pairs are spread by."""
    return pair.contact.local + pair.user.local
