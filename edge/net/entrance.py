"""Connections that come in: how many there may be that have proved nothing (yet), and how many in all.

Both pools ask this before they accept a connection. Whoever is over is closed at once, before there is any TLS: the
next one may be a partner. Listed partners are recognised by the addresses at which they have proved themselves before;
they have places of their own, and strangers in any number do not keep them out. Who is discovered is no listed partner:
anybody can buy a domain and have a certificate for it.

Whoever is turned away is in the log, but the whole Internet may come at once: so once in a while, with a number.
"""

from collections import Counter, OrderedDict

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from edge.codes import Code
from edge.net.memory import give_back
from edge.net.sink import Sink
from edge.partners import System

COMPLAIN = 60.0  # seconds between two log events about connections that were turned away
FROM_ONE = 50  # places for any one address, so that one host cannot take all there are
PER_SECOND = 100.0  # strangers; as many handshakes as there is time for (`edge.net.pace`)
TRIES = 100  # of one stranger's address in a `WINDOW`; the pace is for all, and one must not use it up
WINDOW = 10.0  # seconds
ADDRESSES = 10_000  # of strangers that are counted in a window; with more of them than that none is alone to blame
AT_ONCE = 200  # strangers after a quiet time: when we come back all of them do
CROWD = 50  # connections without a proof, so many that their memory is worth to be given back; 5 MB
CALM = 5.0  # seconds between two looks whether a crowd has gone
IN_VAIN = 100  # connections from a partner's address that prove nothing in a `WINDOW`: it is none any more
REMEMBERED = 2000  # addresses of partners; the one that was seen longest ago is forgotten


class _Above:
    """A partner with too many connections: how many were refused since the log has heard of it."""

    __slots__ = ("complained", "count")

    def __init__(self) -> None:
        self.count = 0
        self.complained = -COMPLAIN


class Entrance:
    """``places`` are there for strangers, and as many for partners; ``from_one`` of them for any one address.

    ``connections`` is how many there may be in all, proved or not. ``fields`` go into the log event.
    """

    def __init__(
        self,
        clock: IReactorTime,
        sink: Sink,
        places: int,
        from_one: int = FROM_ONE,
        connections: int = 1 << 20,
        **fields: object,
    ) -> None:
        self._clock = clock
        self._sink = sink
        self._places = places
        self._from_one = from_one
        self._connections = connections
        self._fields = fields
        self._inside: dict[object, tuple[str, bool]] = {}
        self._taken = [0, 0]  # places of strangers, and of partners
        self._proved: set[object] = set()
        self._hosts: Counter[str] = Counter()
        self._known: OrderedDict[str, None] = OrderedDict()
        self._vain: Counter[str] = Counter()  # of partners, since `_vain_since`
        self._vain_since = clock.seconds()
        self._left, self._at = float(AT_ONCE), clock.seconds()
        self._tries: Counter[str] = Counter()  # of strangers, since `_window`
        self._window = clock.seconds()
        self._turned_away = 0
        self._complained = -COMPLAIN
        self._above: OrderedDict[str, _Above] = OrderedDict()  # by partner
        self._looking: IDelayedCall | None = None  # whether the crowd has gone

    def knows(self, host: str) -> bool:
        """Whether a partner has proved itself from there."""
        return host in self._known

    def admits(self, host: str) -> bool:
        """Whether there is a place for one more from ``host``."""
        known = host in self._known
        if (
            self._taken[known] < self._places
            and self._hosts[host] < self._from_one
            and len(self._inside) + len(self._proved) < self._connections
            and (known or (self._is_rare(host) and self._is_time()))
        ):
            return True
        self._turned_away += 1
        now = self._clock.seconds()
        if now - self._complained >= COMPLAIN:
            fields = {**self._fields, "peer_ip": host, "count": self._turned_away}
            self._sink.link_event("link.refused", code=Code.L03, **fields)
            self._turned_away = 0
            self._complained = now
        return False

    def above(self, system: System) -> None:
        """A connection of ``system`` is refused because it has as many as it may have; its log event is the link's."""
        now = self._clock.seconds()
        above = self._above.get(system.name)
        if above is None:
            if len(self._above) >= REMEMBERED:
                self._above.popitem(last=False)
            above = self._above[system.name] = _Above()
        above.count += 1
        if now - above.complained >= COMPLAIN:
            cure = f"raise connections_in ({system.connections_in}) in its [partner.limits] if it needs so many"
            if system.discovered:
                cure = f"name {system.name} in the partner file if it needs so many"
            fields = {"partner": system.name, "count": above.count, "cure": cure}
            self._sink.link_event("limit.hit", code=Code.L03, **fields)
            above.count, above.complained = 0, now

    def enter(self, link: object, host: str) -> None:
        """``link`` takes a place."""
        known = host in self._known
        self._inside[link] = host, known
        self._taken[known] += 1
        self._hosts[host] += 1
        if self._looking is None and len(self._inside) >= CROWD:
            self._looking = self._clock.callLater(CALM, self._look)

    def proved(self, link: object, host: str, listed: bool = True) -> None:
        """``link``, accepted or dialled, is that of a partner, who may be ``listed``; a place is free again."""
        if link in self._inside:
            self._leave(link)
            self._proved.add(link)
        if not listed:
            return
        self._known.pop(host, None)
        self._known[host] = None
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def leave(self, link: object) -> None:
        """``link`` is gone. One that has left already may do so again."""
        self._proved.discard(link)
        if link in self._inside:
            host = self._leave(link)
            if host in self._known and self._is_flood(host):
                del self._known[host]

    def stop(self) -> None:
        """Nobody comes any more."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    def _leave(self, link: object) -> str:
        host, known = self._inside.pop(link)
        self._taken[known] -= 1
        self._hosts[host] -= 1
        if not self._hosts[host]:
            del self._hosts[host]
        return host

    def _is_flood(self, host: str) -> bool:
        """Whether too many connections from a partner's address come to nothing: he may be off the list by now."""
        now = self._clock.seconds()
        if now - self._vain_since >= WINDOW:
            self._vain.clear()
            self._vain_since = now
        self._vain[host] += 1
        return self._vain[host] >= IN_VAIN

    def _look(self) -> None:
        self._looking = None
        if len(self._inside) >= CROWD:
            self._looking = self._clock.callLater(CALM, self._look)
        else:
            give_back()

    def _is_rare(self, host: str) -> bool:
        """Whether this stranger has not come too often of late. Who comes when there is no place is not counted."""
        now = self._clock.seconds()
        if now - self._window >= WINDOW or len(self._tries) >= ADDRESSES:
            self._tries.clear()
            self._window = now
        self._tries[host] += 1
        return self._tries[host] <= TRIES

    def _is_time(self) -> bool:
        """Whether one more stranger may come in now."""
        now = self._clock.seconds()
        self._left = min(float(AT_ONCE), self._left + (now - self._at) * PER_SECOND)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
