"""Ways to other systems that go down and come up again; a start of the gateway is the end of an outage of all of them.

Presence must not outlive its source: when a way stays down past the grace, those behind it are shown as unavailable,
with a note. When it comes up, what may have changed meanwhile is asked for anew, at the pace that each system bears
(docs/decisions/0011-a-start-is-an-outage.md). Called by `edge.gateway.core`.
"""

from collections import OrderedDict, deque

from edge.codes import Code
from edge.gateway.effects import Effect, Path, Reach, Report
from edge.gateway.node import Node, bug
from edge.gateway.notifier import Notifiers
from edge.gateway.pairs import Pair, Pairs
from edge.gateway.subscriber import Subscribers
from edge.partners import Changes, System
from edge.timers import TICK, Slot, Wheel

MOST_AT_ONCE = 250  # requests of all systems in one tick, about 20 ms of work: messages go on meanwhile
FAREWELL = 0.25  # what a stanza that says that somebody is gone counts for, compared with a request
MOST_LOOKED_AT = 5000  # pairs in one tick, most of which there may be nothing to do for, and those who may not get
# anything yet; a few milliseconds
NOTE = "Presence is not known: there is no connection to {domain}"

# of `System`: what decides what its users are told
TOLD = frozenset(("presence", "direction", "presence_format", "subscribe", "allow", "traffic"))

RESUME, WITHDRAW, RETELL = "resumed", "withdrawn", "retold"
"""After an outage: ask for everything. While it lasts: nobody there is to seem online. After a reload: say it anew."""

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


class Work:
    """Pairs behind a path, all of the same two systems, for which one kind of thing is done, a few in each tick."""

    __slots__ = ("path", "sip", "xmpp", "kind", "pairs", "asks")

    def __init__(self, path: Path, pair: Pair, kind: str) -> None:
        self.path = path
        self.sip = pair.sip
        self.xmpp = pair.xmpp
        self.kind = kind
        self.pairs: deque[Pair] = deque()
        self.asks = self._asks()

    def _asks(self) -> tuple[System, ...]:
        """The systems that get a request for each pair: both when it is taken up, none from a stanza of farewell."""
        if self.kind == RESUME:
            return self.sip, self.xmpp
        if self.kind == RETELL:
            return (self.sip,)
        return (self.sip,) if self.path.system is self.xmpp else ()


class Paths:
    """All paths that are not as they should be."""

    def __init__(self, node: Node, pairs: Pairs, subscribers: Subscribers, notifiers: Notifiers) -> None:
        self._node = node
        self._pairs = pairs
        self._subscribers = subscribers
        self._notifiers = notifiers
        self._outages: dict[Path, Outage] = {}
        self._work: OrderedDict[Work, None] = OrderedDict()  # who is served first in the next tick is first
        self._works: dict[Path, dict[Work, None]] = {}  # one for each system on its other side: none waits for another
        self._allowance: dict[str, tuple[int, float]] = {}  # by system: requests that it may get, as of which tick
        self._ticks = 0
        self._ticking = False

    def lost(self, path: Path, orderly: bool) -> list[Effect]:
        """The last link is gone: dial at once, if somebody watches over it."""
        if not self._pairs.count(path):
            return []
        if path.system.protocol == "xmpp" and not (orderly and path.remote is not None):
            self._wait(self._down(path))  # stanzas may be lost, or the server's memory
        return [Reach(path)]

    def failed(self, path: Path) -> list[Effect]:
        """A dial has failed. The grace runs since the loss, or if that was in good order from now on."""
        if not self._pairs.count(path):
            self._over(path)
            return []
        self._wait(self._down(path))
        return [Reach(path)]

    def up(self, path: Path) -> list[Effect]:
        """The path can be used again."""
        return self._begin(path, RESUME) if self._over(path) else []

    def restored(self) -> list[Effect]:
        """At the start: every path that somebody watches over is as good as lost, and is to come up."""
        for path in self._pairs.paths:
            self._down(path)
        return [Reach(path) for path in self._outages]

    def relisted(self, changes: Changes) -> list[Effect]:
        """Another partner list: who may no longer watch is told the end; what is told in another way is told anew."""
        self._pairs.forget_profiles()
        effects: list[Effect] = []
        if changes.moved:
            reached: dict[Path, None] = {}
            for pair in [pair for pair in self._pairs if not self._is_listed(pair)]:
                if self._moves(pair):
                    reached |= dict.fromkeys(pair.paths)
                else:
                    effects += self._dismiss(pair)
            for path in reached:
                effects += [Reach(path), *self._begin(path, RETELL)]
        for system, fields in changes.changed:
            if not TOLD.isdisjoint(fields):
                for path in [each for each in self._pairs.paths if each.system is system]:
                    effects += self._begin(path, RETELL)
        return effects

    def expired(self, outage: Outage) -> list[Effect]:
        """The grace is over."""
        outage.slot = None
        outage.withdrawn = True
        return self._begin(outage.path, WITHDRAW)

    def expire(self, timer: str) -> list[Effect]:
        """One tick's worth of work is done."""
        self._ticking = False
        self._ticks += 1
        effects: list[Effect] = []
        left, looked = float(MOST_AT_ONCE), MOST_LOOKED_AT
        seen: list[Work] = []
        for work in self._work:
            if left <= 0 or not looked:
                break
            seen.append(work)
            asks = work.asks
            while work.pairs and left > 0 and looked:
                looked -= 1
                if not all(self._allowed(each) for each in asks):
                    break
                done = self._do(work, work.pairs.popleft())
                if done:
                    effects += done
                    left -= 1 if asks else FAREWELL
                    for each in asks:
                        self._spend(each)
        # who was first is last in the next tick; if it was all spent on looking, so are those before the last looked at
        for number, work in enumerate(seen):
            if not work.pairs:
                self._finish(work)
            elif not number or (not looked and work is not seen[-1]):
                self._work.move_to_end(work)
        if self._work:
            self._tick()
        else:
            self._allowance.clear()
        return effects

    # --- private ----------------------------------------------------------------------------------------

    def _is_listed(self, pair: Pair) -> bool:
        """Whether the two still belong to the systems that they belonged to, and these may talk."""
        directory = self._node.directory
        return (
            directory.system_of(pair.user.host) is pair.sip
            and directory.system_of(pair.contact.host) is pair.xmpp
            and directory.may_talk(pair.sip, pair.xmpp)
        )

    def _moves(self, pair: Pair) -> bool:
        """Who was discovered is listed now under a name of his own: all goes on, as it is said there."""
        if not (pair.sip.discovered or pair.xmpp.discovered):
            return False
        directory = self._node.directory
        sip, xmpp = directory.system_of(pair.user.host), directory.system_of(pair.contact.host)
        if sip is None or xmpp is None or sip.protocol != "sip" or not directory.may_talk(sip, xmpp):
            return False
        self._notifiers.moves(pair, sip)
        self._subscribers.moves(pair, sip, xmpp)
        self._pairs.move(pair, sip, xmpp)
        return True

    def _dismiss(self, pair: Pair) -> list[Effect]:
        """Both halves of a pair end, as far as the two can still be told; it is as if they had never met."""
        try:
            return [*self._notifiers.dismiss(pair), *self._subscribers.dismiss(pair)]
        except Exception as error:  # a bug costs one pair, not all others of the list
            return [bug(error)]

    def _wait(self, outage: Outage) -> None:
        """Give the path its grace."""
        if outage.slot is None and not outage.withdrawn:
            outage.slot = self._node.wheel.start(self._node.presence.grace, (outage, GRACE))

    def _down(self, path: Path) -> Outage:
        """There is an outage: when it is over all work begins anew."""
        outage = self._outages.get(path)
        if outage is None:
            outage = self._outages[path] = Outage(self, path)
            self._abandon(path)
        return outage

    def _over(self, path: Path) -> bool:
        """There is none any more. False if there was none."""
        outage = self._outages.pop(path, None)
        if outage is not None and outage.slot is not None:
            Wheel.stop(outage.slot, (outage, GRACE))
        return outage is not None

    def _begin(self, path: Path, kind: str) -> list[Effect]:
        """Something is to be done for all behind a path, instead of what was to be done before."""
        self._abandon(path)
        found: dict[str, Work] = {}
        pairs = self._pairs.behind(path)
        if not pairs:
            return []
        work = Work(path, pairs[0], kind)
        for pair in pairs:  # this is the whole of a large system: most have the same two systems as the one before
            if pair.xmpp is not work.xmpp or pair.sip is not work.sip or not found:
                name = pair.xmpp.name if pair.sip is path.system else pair.sip.name
                work = found.setdefault(name, Work(path, pair, kind))
            work.pairs.append(pair)
        works = self._works[path] = dict.fromkeys(found.values())
        for work in works:
            self._work[work] = None
            for system in work.asks:
                self._allowance.setdefault(system.name, (self._ticks, 0.0))
        self._tick()
        fields: dict[str, object] = {"partner": path.system.name, "pairs": len(pairs)}
        return [Report(f"presence.{kind}", Code.P03 if kind == WITHDRAW else None, fields)]

    def _abandon(self, path: Path) -> None:
        for work in self._works.pop(path, ()):
            del self._work[work]

    def _finish(self, work: Work) -> None:
        """There is nothing left in it."""
        del self._work[work]
        works = self._works[work.path]
        del works[work]
        if not works:
            del self._works[work.path]

    def _allowed(self, system: System) -> bool:
        """Whether a system may get one more now; what it did not take in the ticks before is not added up."""
        tick, left = self._allowance[system.name]
        if tick < self._ticks:
            pace = system.resume_per_s * TICK
            left = min(left + pace * (self._ticks - tick), max(pace, 1.0))
            self._allowance[system.name] = self._ticks, left
        return left >= 1

    def _spend(self, system: System) -> None:
        tick, left = self._allowance[system.name]
        self._allowance[system.name] = tick, left - 1

    def _do(self, work: Work, pair: Pair) -> list[Effect]:
        subscribers, notifiers = self._subscribers, self._notifiers
        try:
            if work.kind == RETELL:
                return notifiers.retell(pair) + subscribers.repeat(pair)
            if work.path.system is work.sip:
                if work.kind == WITHDRAW:
                    return subscribers.withdraw(pair, NOTE.format(domain=pair.user.domain))
                return subscribers.resume(pair) + notifiers.repeat(pair)
            if work.kind == WITHDRAW:
                return notifiers.withdraw(pair, NOTE.format(domain=pair.contact.domain))
            return notifiers.resume(pair) + subscribers.repeat(pair)
        except Exception as error:  # a bug costs one pair, not all those behind it
            return [bug(error)]

    def _tick(self) -> None:
        if not self._ticking:
            self._ticking = True
            self._node.wheel.start(0.0, (self, NEXT))
