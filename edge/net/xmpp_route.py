"""The way to one XMPP server: what is sent on another stream than before comes behind what was sent on that.

A server has two connections of ours for a while when a stream is made anew, and reads them as it likes. So nothing
goes out on the next one before the server has said that it has processed all that went out on the one that was left.
Until then messages wait as they do during a dial. `edge.net.retiring` leaves streams, `edge.net.xmpp_pool` has the
routes.
"""

import random
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from edge.codes import Code
from edge.net.links import Route, Unsent, Watcher
from edge.net.xmpp_link import XmppLink

SETTLING = 2.0  # seconds; a server that reads at all answers within a round trip, and others' messages wait meanwhile
LOOK = 0.02  # seconds between two looks whether all is processed, while it is waited for and at no other time


class StreamRoute(Route[XmppLink]):
    """A `Route` whose link can be left before it is gone."""

    def __init__(
        self,
        clock: IReactorTime,
        dial: Callable[[], "Deferred[XmppLink]"],
        unsent: Unsent,
        path: Watcher,
        *,
        limit: int,
        seconds: float,
        rng: random.Random,
    ) -> None:
        super().__init__(clock, self._next, unsent, path, limit=limit, seconds=seconds, rng=rng)
        self._dial_now = dial
        self._left: XmppLink | None = None
        self._until = 0.0
        self._come: XmppLink | None = None  # by itself, meanwhile

    @property
    def is_idle(self) -> bool:
        """Whether there is no link, and nothing that waits for one or remembers one."""
        return self.state == "idle" and not self._unsettled()

    def leave(self, link: XmppLink) -> None:
        """Send nothing more on ``link``, if it is ours. What was sent on it may still be answered."""
        if link is self.link:
            self._left, self._until = link, self._clock.seconds() + SETTLING
            self.link_lost(link, Code.N03, "retired", worked=True, orderly=True)

    def adopt(self, link: XmppLink, instead_of: XmppLink | None = None) -> bool:
        """`Route.adopt`; it is used as soon as it may be."""
        if self.state not in ("idle", "connecting") or not self._unsettled():
            return super().adopt(link, instead_of)
        if self._come is not None and self._come.alive:
            return False
        self._come = link
        if self.state == "idle":
            self._connect()
        return True

    def _next(self) -> "Deferred[XmppLink]":
        if self._come is None and not self._unsettled():
            return self._dial_now()
        return Deferred.fromCoroutine(self._next_in_order())

    async def _next_in_order(self) -> XmppLink:
        while self._unsettled():
            await deferLater(self._clock, LOOK)
        come, self._come = self._come, None
        return come if come is not None and come.alive else await self._dial_now()

    def _unsettled(self) -> bool:
        """Whether the server may still read something on the stream that was left. Not when that is gone."""
        outbox = None if self._left is None else self._left.outbox
        if outbox is None or not outbox.waiting or self._clock.seconds() >= self._until:
            self._left = None
        return self._left is not None
