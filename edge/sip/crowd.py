"""Who has how many of the requests that are open, when there are many: a peer that floods us leaves room for others.

Nothing is counted as long as less than half of the room is taken. Past that nobody may have more open than there is
room left, so that one alone gets half of it, and of a hundred who try each a hundredth part. Called by
`edge.sip.layer`.
"""

from collections import Counter
from collections.abc import Iterable

from edge.sip.transaction import ServerTransaction

AGAIN = 1.0  # seconds; so long a count is good, if what comes meanwhile is added: it takes some milliseconds


class Crowd:
    """Time is an argument, in seconds."""

    __slots__ = ("_at", "_shares")

    def __init__(self) -> None:
        self._at = -AGAIN
        self._shares: Counter[object] = Counter()

    def admits(self, link: object, open: Iterable[ServerTransaction], room: int, left: int, now: float) -> bool:
        """Whether ``link`` may open one more, of ``room`` in all of which so many are ``left``."""
        if 2 * left > room:
            return True
        if now - self._at >= AGAIN:
            self._shares = Counter(peer_of(each.link) for each in open)
            self._at = now
        peer = peer_of(link)
        if self._shares[peer] >= left:
            return False
        self._shares[peer] += 1
        return True


def peer_of(link: object) -> object:
    """Who is at the far end: the same on all links of one partner, and when he comes again."""
    return getattr(link, "peer", link)
