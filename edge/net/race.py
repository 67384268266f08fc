"""Many addresses, one link: the next is tried when one fails, or is slow and there is another of the same host.

This is RFC 3263 §4.3 between hosts, whose order is what their owner wants, and RFC 8305 §5 within one: a second
address of a host is tried after a quarter of a second without a TCP connection, because mostly one family of addresses
is broken and not the host. Who has a TCP connection has won the race, unless TLS or the certificate fails.
Used by `edge.net.sip_pool`.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from edge.net.links import DialError, telling
from edge.net.locate import Candidate

REST = 60.0  # seconds an address that failed is tried after all others; so long a server needs to be started again
STAGGER = 0.25  # seconds; the "Connection Attempt Delay" that RFC 8305 §8 recommends

L = TypeVar("L")


class Race(Generic[L]):
    """``connect`` dials one candidate; it calls its second argument when TCP is connected.

    `run` gives the first link that is ready.
    """

    def __init__(
        self,
        clock: IReactorTime,
        candidates: Iterable[Candidate],
        connect: Callable[[Candidate, Callable[[], None]], "Deferred[L]"],
    ) -> None:
        self._clock = clock
        self._waiting = deque(dict.fromkeys(candidates))
        self._connect = connect
        self._running: dict[Candidate, Deferred[L]] = {}
        self._leading: Candidate | None = None  # it has a TCP connection
        self._later: IDelayedCall | None = None
        self._failure: DialError | None = None
        self._done: Deferred[L] = Deferred(lambda _: self._stop())

    def run(self) -> "Deferred[L]":
        """Begin. The Deferred can be cancelled."""
        self._next()
        return self._done

    def _next(self) -> None:
        """Try one more."""
        self._disarm()
        if not self._waiting:
            if not self._running and not self._done.called:
                assert self._failure is not None, "the locator gives at least one candidate"
                self._done.errback(self._failure)
            return
        if any(each.host != self._waiting[0].host for each in self._running):
            return  # one host after the other
        candidate = self._waiting.popleft()
        dialling = self._connect(candidate, lambda: self._connected(candidate))
        self._running[candidate] = dialling
        dialling.addCallbacks(self._succeeded, self._failed, callbackArgs=(candidate,), errbackArgs=(candidate,))
        if candidate in self._running and self._leading is None and self._waiting:
            self._disarm()
            self._later = self._clock.callLater(STAGGER, self._next)

    def _connected(self, candidate: Candidate) -> None:
        """The others wait until TLS has shown what this one is worth."""
        if self._leading is None and not self._done.called:
            self._leading = candidate
            self._disarm()
            for other in [each for each in self._running if each is not candidate]:
                self._running.pop(other).cancel()
                self._waiting.appendleft(other)

    def _succeeded(self, link: L, candidate: Candidate) -> None:
        self._running.pop(candidate, None)
        if not self._done.called:
            self._stop()
            self._done.callback(link)

    def _failed(self, failure: Failure, candidate: Candidate) -> None:
        if self._running.pop(candidate, None) is None:
            return  # we have given it up ourselves
        problem = failure.value
        if not isinstance(problem, DialError):  # a fault of ours, which is not to be hidden
            self._stop()
            self._done.errback(failure)
            return
        self._failure = telling(self._failure, problem)
        if self._leading is candidate:
            self._leading = None
        if self._leading is None:
            self._next()

    def _stop(self) -> None:
        self._disarm()
        self._waiting.clear()
        running, self._running = self._running, {}
        for dialling in running.values():
            dialling.cancel()

    def _disarm(self) -> None:
        if self._later is not None and self._later.active():
            self._later.cancel()
        self._later = None


class Resting:
    """The addresses that have failed, until they have rested."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._until: dict[tuple[str, int], float] = {}

    def failed(self, candidate: Candidate) -> None:
        """It could not be used, or can be no more."""
        now = self._clock.seconds()
        self._until = {where: until for where, until in self._until.items() if until > now}
        self._until[candidate.address, candidate.port] = now + REST

    def last(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """The same candidates, and those that rest behind the others, the one that has rested longest at first.

        They are tried when nothing else is left.
        """
        now = self._clock.seconds()

        def rests(candidate: Candidate) -> float:
            until = self._until.get((candidate.address, candidate.port), 0.0)
            return until if until > now else 0.0

        return sorted(candidates, key=rests)
