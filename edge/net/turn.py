"""One write for each link and event-loop turn.

A link puts what it has to send into its own out-buffer and registers here when that becomes non-empty; at the end of
the turn each link writes once: one TLS record, one system call. Who enters from the reactor with work for many
links (a chunk of bytes, a tick of the timer wheel) brackets it with `begin` and `flush`; bytes written outside such a
bracket leave with the reactor's next iteration, so nothing is ever forgotten.
"""

from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Flushable(Protocol):
    """A link with an out-buffer."""

    def flush(self) -> None:
        """Write the out-buffer, all at once. May be called when it is empty or when the link is gone."""


class Turn:
    """The links that have something to write."""

    __slots__ = ("_clock", "_later", "_links", "_open")

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._links: list[Flushable] = []
        self._open = False
        self._later: IDelayedCall | None = None

    def begin(self) -> None:
        """Work begins that ends with `flush`."""
        self._open = True

    def add(self, link: Flushable) -> None:
        """Remember ``link``, whose out-buffer was empty until now."""
        self._links.append(link)
        if not self._open and self._later is None:
            self._later = self._clock.callLater(0, self._ripe)

    def flush(self) -> None:
        """Let every registered link write once, those that register while this runs included."""
        self._open = True
        try:
            while self._links:
                links, self._links = self._links, []
                for link in links:
                    link.flush()
        finally:
            self._open = False

    def _ripe(self) -> None:
        self._later = None
        self.flush()
