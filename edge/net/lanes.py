"""The links to one place of a SIP partner: one, or while it is busy up to `System.connections_out`.

Each link has a route of its own (`edge.net.links`). As long as there is one link, to send is to call its route. With
several the address that a request is for decides, so that what goes to one recipient, or within one dialog, stays on
one link; if that goes, its recipients go to those that are left (docs/decisions/0014). `edge.net.sip_pool` keeps these.
"""

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from edge.codes import Code
from edge.net.links import STOPPING, Cause, Route, Watcher
from edge.net.returning import Returning
from edge.net.sip_link import SipLink

SLOTS = 64  # recipients are spread over so many, and these over the links; a power of two
IDLE = 180.0  # seconds; a further link that carries no message from one look to the next is closed
AGAIN = 60.0  # seconds after one of several links was lost or could not be made, before another further one is

Make = Callable[[Watcher], Route[SipLink]]
Retire = Callable[[SipLink], None]


class Lanes:
    """``make`` makes a route that tells the watcher it is given; ``path`` is who wants to know of all links together.

    ``most`` says how many links there may be, ``retire`` closes one that is not needed, ``look`` is `Returning`'s.
    """

    def __init__(
        self,
        clock: IReactorTime,
        path: Watcher,
        make: Make,
        most: Callable[[], int],
        retire: Retire,
        look: Callable[[], "Deferred[bool]"],
    ) -> None:
        self._clock = clock
        self._path = path
        self._make = make
        self._most = most
        self._retire = retire
        self.returning = Returning(clock, look)
        self._lanes: list[_Lane] = []
        first = self._new()
        self._active = [first]  # among which the slots are shared; never empty
        self._slots = [first] * SLOTS
        self._not_before = 0.0
        self._narrowing: IDelayedCall | None = None
        self.send: Callable[[bytes, object], None] = first.route.send  # of the only active lane, or `_spread`

    @property
    def routes(self) -> list[Route[SipLink]]:
        """That of each link."""
        return [lane.route for lane in self._lanes]

    @property
    def is_idle(self) -> bool:
        """Whether there is no link, and nothing that waits for one or remembers why there is none."""
        return all(lane.route.state == "idle" for lane in self._lanes)

    def reach(self) -> None:
        """Make a link if there is none."""
        self._active[0].route.reach()

    def wake(self) -> None:
        """The peer was seen alive."""
        for lane in list(self._lanes):
            lane.route.wake()

    def redial(self) -> None:
        """Something else is said now about the place."""
        self.returning.call_off()
        for route in self.routes:
            route.redial()

    def bound(self, limit: int, seconds: float) -> None:
        """So many messages may wait for each link from now on, and so long."""
        for route in self.routes:
            route.bound(limit, seconds)

    def widen(self) -> None:
        """The links there are do not carry what is sent: make one more, if there may be."""
        self._lanes = [lane for lane in self._lanes if lane in self._active or lane.is_used]
        ready = all(lane.route.link is not None for lane in self._lanes)
        if ready and len(self._lanes) < self._most() and self._clock.seconds() >= self._not_before:
            self._new().route.reach()

    def has(self, link: SipLink) -> bool:
        """Whether ``link`` is one of these."""
        return any(lane.route.link is link for lane in self._lanes)

    def link_lost(self, link: SipLink, code: Code, text: str) -> None:
        """``link`` is gone, or about to go."""
        for lane in list(self._lanes):
            lane.route.link_lost(link, code, text, worked=link.worked, orderly=link.orderly)

    def stop(self, cause: Cause = STOPPING) -> None:
        """Give everything back and never dial again."""
        self.returning.stop()
        if self._narrowing is not None:
            self._narrowing.cancel()
            self._narrowing = None
        for lane in list(self._lanes):
            lane.route.stop(cause)

    # --- private ----------------------------------------------------------------------------------------

    def _new(self) -> "_Lane":
        lane = _Lane(self, self._path)
        lane.route = self._make(lane)
        self._lanes.append(lane)
        return lane

    def _spread(self, data: bytes, token: object) -> None:
        address = data[data.find(b" ") : data.find(b"\r")]  # of the request, without its method
        self._slots[hash(address) & (SLOTS - 1)].route.send(data, token)

    def _up(self, lane: "_Lane") -> None:
        """``lane`` has a link: it takes a fair share of the slots, and all those of a lane that has none."""
        if lane not in self._active:
            self._active.append(lane)
            idle = [each for each in self._active if each.route.link is None]
            for each in idle:
                self._take(each, lane, SLOTS)
            for each in [each for each in self._active if each not in (lane, *idle)]:
                fair = SLOTS // len(self._active)
                self._take(each, lane, self._slots.count(each) - fair)
            self._active = [each for each in self._active if each not in idle]
            self._settle()

    def _down(self, lane: "_Lane") -> None:
        """``lane`` has lost its link, or has got none: if there are others it is not needed any more."""
        others = [each for each in self._active if each is not lane and each.route.link is not None]
        if not others:
            return
        self._not_before = self._clock.seconds() + AGAIN
        if lane in self._active:
            for number, each in enumerate(self._slots):
                if each is lane:
                    self._slots[number] = others[number % len(others)]
            self._active = others
            self._settle()
        if len(lane.route) == 0:
            self._lanes.remove(lane)
            lane.route.stop()

    def _take(self, source: "_Lane", target: "_Lane", count: int) -> None:
        for number, each in enumerate(self._slots):
            if each is source and count > 0:
                self._slots[number] = target
                count -= 1

    def _settle(self) -> None:
        self.send = self._active[0].route.send if len(self._active) == 1 else self._spread
        if len(self._active) > 1 and self._narrowing is None:
            self._narrowing = self._clock.callLater(IDLE, self._narrow)

    def _narrow(self) -> None:
        """Close what is not needed beside the first link. One that the peer has opened is not ours to close."""
        self._narrowing = None
        for lane in self._active[1:]:
            link = lane.route.link
            if link is not None and link.outbound and not link.pending and lane.seen == (link, link.progress):
                self._retire(link)
            lane.seen = None if link is None else (link, link.progress)
        self._settle()


class _Lane:
    """One link: it watches its route for the others."""

    __slots__ = ("_lanes", "_path", "route", "seen")

    route: Route[SipLink]

    def __init__(self, lanes: Lanes, path: Watcher) -> None:
        self._lanes = lanes
        self._path = path
        self.seen: tuple[SipLink, int] | None = None  # the link, and how many messages it had when it was looked at

    @property
    def is_used(self) -> bool:
        """Whether something may still come of it."""
        return len(self.route) > 0 or self.route.state in ("connecting", "up")

    def up(self) -> None:
        self._lanes._up(self)
        self._path.up()

    def lost(self, orderly: bool) -> None:
        self._lanes._down(self)
        self._path.lost(orderly)

    def failed(self, code: Code, text: str) -> None:
        self._lanes._down(self)
        self._path.failed(code, text)
