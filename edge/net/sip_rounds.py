"""When each SIP link is looked at: once in a while (RFC 5626 §4.4.1), and never many of them in one turn.

The links of `edge.net.sip_pool` sit in as many slots as a period has ticks, and each tick looks at those of the next
slot. So a thousand links cost one wake-up a second and not a timer each; a tick for which nobody is due costs nothing.
"""

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from edge.net.sip_link import SipLink
from edge.net.turn import Turn

KEEP_ALIVE = 30.0  # seconds; a silent link is asked for a sign of life within two of them, and given up after three.
# So long, twice at most, may a message take that has begun: a peer whose Content-Length lies is out of step for good.
TICK = 1.0  # seconds; by as much the first look at a link may come early
TOGETHER = 100  # links that are probed in one tick: pings for as many take some 5 ms, for which messages have to wait


class Rounds:
    """Calls `SipLink.probe` every ``period`` seconds, from one `add` to the `discard` of the same link."""

    def __init__(self, clock: IReactorTime, turn: Turn, period: float = KEEP_ALIVE) -> None:
        self._clock = clock
        self._turn = turn
        ticks = max(1, int(period / TICK))  # rather too often: what is promised of a dead peer counts on it
        self._slots: list[dict[SipLink, None]] = [{} for _ in range(ticks)]
        self._in: dict[SipLink, dict[SipLink, None]] = {}
        self._now = 0  # the slot that was looked at last
        self._next: IDelayedCall | None = None
        self._stopped = False

    def add(self, link: SipLink) -> None:
        """Look at ``link`` a period from now; of very many that come up together, at some already before."""
        if link in self._in:
            return
        slot = self._in[link] = self._free()
        slot[link] = None
        if self._next is None and not self._stopped:
            self._next = self._clock.callLater(TICK, self._tick)

    def discard(self, link: SipLink) -> None:
        """It is gone, if it ever came up."""
        slot = self._in.pop(link, None)
        if slot is not None:
            del slot[link]
            if not self._in:
                self._rest()

    def stop(self) -> None:
        """Look at nobody any more."""
        self._stopped = True
        self._rest()

    def _free(self) -> dict[SipLink, None]:
        """The last slot with room; that of now is the next one a whole period away."""
        for back in range(len(self._slots)):
            slot = self._slots[self._now - back]
            if len(slot) < TOGETHER:
                return slot
        return min(self._slots, key=len)

    def _tick(self) -> None:
        self._next = self._clock.callLater(TICK, self._tick)
        self._now = (self._now + 1) % len(self._slots)
        links = list(self._slots[self._now])
        if links:
            self._turn.begin()
            try:
                for link in links:
                    link.probe()
            finally:
                self._turn.flush()

    def _rest(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None
