"""Ways to other systems that go down and come up again, and the start of the gateway, which is the same to all who watch.

Presence must not outlive its source: when a way stays down past the grace, those behind it are shown as unavailable,
with a note. When it comes up, what may have changed meanwhile is asked for anew, at the pace that each system bears.
Called by `edge.gateway.core`.
"""

from collections import deque
from collections.abc import Iterator

from edge.codes import Code
from edge.gateway.effects import Effect, Path, Reach, Report
from edge.gateway.node import Node
from edge.gateway.notifier import Notifiers
from edge.gateway.pairs import Pair, Pairs
from edge.gateway.subscriber import Subscribers
from edge.timers import TICK, Slot, Wheel

MOST_AT_ONCE = 250  # requests of all systems in one tick, about 20 ms of work: messages go on meanwhile
NOTE = "Presence is not known: there is no connection to {domain}"

GRACE, NEXT = "grace", "next"


class Outage:
    """A path that is down, or that was down so that what was told over it may have been lost."""

    __slots__ = ("_paths", "path", "slot", "withdrawn")

    def __init__(self, paths: "Paths", path: Path) -> None:
        self._paths = paths
        self.path = path
        self.slot: Slot[object] | None = None
        self.withdrawn = False

    def expire(self, timer: str) -> list[Effect]:
        return self._paths.expired(self)


class Paths:
    """All paths that are not as they should be."""

    def __init__(self, node: Node, pairs: Pairs, subscribers: Subscribers, notifiers: Notifiers) -> None:
        self._node = node
        self._pairs = pairs
        self._subscribers = subscribers
        self._notifiers = notifiers
        self._outages: dict[Path, Outage] = {}
        # pairs to be taken up again, by (SIP system, XMPP system, protocol of the path), so that none waits for another
        self._waiting: dict[tuple[str, str, str], deque[Pair]] = {}
        self._allowance: dict[str, float] = {}  # by system: requests that it may get now
        self._ticking = False

    def lost(self, path: Path, orderly: bool) -> list[Effect]:
        """The last link is gone: dial at once, if somebody watches over it."""
        if not self._is_watched(path):
            return []
        if path.system.protocol == "xmpp" and not (orderly and path.remote is not None):
            self._outages.setdefault(path, Outage(self, path))  # stanzas may be lost, or the server's memory
        return [Reach(path)]

    def failed(self, path: Path) -> list[Effect]:
        """A dial has failed: from the first one on the grace runs."""
        outage = self._outages.get(path)
        if outage is None:
            if not self._is_watched(path):
                return []
            outage = self._outages[path] = Outage(self, path)
        if outage.slot is None and not outage.withdrawn:
            outage.slot = self._node.wheel.start(self._node.presence.grace, (outage, GRACE))
        return [Reach(path)]

    def up(self, path: Path) -> list[Effect]:
        """The path can be used again."""
        outage = self._outages.pop(path, None)
        if outage is None:
            return []
        if outage.slot is not None:
            Wheel.stop(outage.slot, (outage, GRACE))
        for pair in self._members(path):
            key = pair.sip.name, pair.xmpp.name, path.system.protocol
            self._waiting.setdefault(key, deque()).append(pair)
        self._tick()
        return []

    def restored(self) -> list[Effect]:
        """At the start: every path that somebody watches over is as good as lost, and is to come up."""
        effects: list[Effect] = []
        for pair in self._pairs:
            for path in (Path(pair.sip), _xmpp_path(pair)):
                if path not in self._outages:
                    self._outages[path] = Outage(self, path)
                    effects.append(Reach(path))
        return effects

    def expired(self, outage: Outage) -> list[Effect]:
        """The grace is over."""
        outage.slot = None
        outage.withdrawn = True
        path = outage.path
        effects: list[Effect] = []
        for pair in self._members(path):
            if path.system.protocol == "sip":
                effects += self._subscribers.withdraw(pair, NOTE.format(domain=pair.user.domain))
            else:
                effects += self._notifiers.withdraw(pair, NOTE.format(domain=pair.contact.domain))
        if effects:
            effects.append(Report("presence.withdrawn", Code.P03, {"partner": path.system.name}))
        return effects

    def expire(self, timer: str) -> list[Effect]:
        """One tick's worth of pairs is taken up again."""
        self._ticking = False
        effects: list[Effect] = []
        for system in {system for pairs in self._waiting.values() for system in (pairs[0].sip, pairs[0].xmpp)}:
            pace = system.resume_per_s * TICK
            self._allowance[system.name] = min(self._allowance.get(system.name, 0.0) + pace, max(pace, 1.0))
        left = MOST_AT_ONCE
        for key in list(self._waiting):
            sip, xmpp, protocol = key
            pairs = self._waiting[key]
            while pairs and left and self._allowance[sip] >= 1 and self._allowance[xmpp] >= 1:
                pair = pairs.popleft()
                resumed = self._resume(pair, protocol)
                if resumed:
                    self._allowance[sip] -= 1
                    self._allowance[xmpp] -= 1
                    left -= 1
                    effects += resumed
            if not pairs:
                del self._waiting[key]
        if self._waiting:
            self._tick()
        else:
            self._allowance.clear()
        return effects

    def _resume(self, pair: Pair, protocol: str) -> list[Effect]:
        if protocol == "sip":
            return self._subscribers.resume(pair) + self._notifiers.repeat(pair)
        return self._notifiers.resume(pair) + self._subscribers.repeat(pair)

    def _tick(self) -> None:
        if not self._ticking and self._waiting:
            self._ticking = True
            self._node.wheel.start(0.0, (self, NEXT))

    def _is_watched(self, path: Path) -> bool:
        return next(self._members(path), None) is not None

    def _members(self, path: Path) -> Iterator[Pair]:
        """The pairs to whom it matters. All pairs are looked at: outages are rare, pairs are many."""
        system, local, remote = path
        for pair in self._pairs:
            if pair.sip is system or (
                pair.xmpp is system and pair.user.host == local and remote in (None, pair.contact.host)
            ):
                yield pair


def _xmpp_path(pair: Pair) -> Path:
    if pair.xmpp.link == "component":
        return Path(pair.xmpp, pair.user.host)
    return Path(pair.xmpp, pair.user.host, pair.contact.host)
