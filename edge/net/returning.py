"""The way back to a better server of a SIP partner, while a link to a lesser one carries the requests.

RFC 3263 §4.3 says where to go when a server fails, and nothing about when to return. We look again after a minute and
then ever more rarely, whether or not there is traffic: a busy link has no pause to wait for, and behind a quiet one
the next message finds the better server already. Used by `edge.net.lanes`; what is done at each look is the pool's.
"""

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from edge.net.links import DialError

FIRST = 60.0  # seconds until the first look, as an address that has failed rests (`edge.net.race`)
LONGEST = 600.0  # seconds between two; they double up to it, since a server may stay away, or come up and fall again
CALM = 2 * LONGEST  # seconds after the last look in which no other was needed: what fails now has nothing to do with it


class Returning:
    """``look`` tries to return; its Deferred says whether all is well then. Without that it is called again."""

    def __init__(self, clock: IReactorTime, look: Callable[[], "Deferred[bool]"]) -> None:
        self._clock = clock
        self._look = look
        self._pause = FIRST
        self._last = -CALM
        self._later: IDelayedCall | None = None
        self._looking: Deferred[bool] | None = None
        self._stopped = False

    def expect(self) -> None:
        """A link to a lesser server is up."""
        if self._later is None and self._looking is None and not self._stopped:
            if self._clock.seconds() - self._last >= CALM:
                self._pause = FIRST
            self._later = self._clock.callLater(self._pause, self._begin)

    def stop(self) -> None:
        """Look no more."""
        self._stopped = True
        self.call_off()

    def call_off(self) -> None:
        """What is being looked for is not wanted as it is. A look that is under way begins anew after a pause."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        if self._looking is not None:
            self._looking.cancel()  # `_ended` follows

    def _begin(self) -> None:
        self._later = None
        self._last = self._clock.seconds()
        self._pause = min(2 * self._pause, LONGEST)
        self._looking = looking = self._look()
        looking.addBoth(self._ended)  # which may be at once

    def _ended(self, outcome: bool | Failure) -> Failure | None:
        self._looking = None
        if outcome is not True:
            self.expect()
        if isinstance(outcome, Failure) and not isinstance(outcome.value, _EXPECTED):
            return outcome  # a fault of ours, which is not to be hidden
        return None


_EXPECTED = (DialError, CancelledError, DeferredTimeout)
