"""Connections that have proved nothing (yet): how many there may be at a time, and who is turned away.

Both pools ask this before they accept a connection. Whoever is turned away is in the log, but the whole Internet may
come at once: so once in a while, with a number.
"""

from collections import Counter

from twisted.internet.interfaces import IReactorTime

from edge.codes import Code
from edge.net.sink import Sink

COMPLAIN = 60.0  # seconds between two log events about connections that were turned away


class Entrance:
    """``places`` are there in all, ``from_one`` of them for any one address. ``fields`` go into the log event."""

    def __init__(self, clock: IReactorTime, sink: Sink, places: int, from_one: int, **fields: object) -> None:
        self._clock = clock
        self._sink = sink
        self._places = places
        self._from_one = from_one
        self._fields = fields
        self._inside: dict[object, str] = {}
        self._hosts: Counter[str] = Counter()
        self._turned_away = 0
        self._complained = -COMPLAIN

    def admits(self, host: str) -> bool:
        """Whether there is a place for one more from ``host``."""
        if len(self._inside) < self._places and self._hosts[host] < self._from_one:
            return True
        self._turned_away += 1
        now = self._clock.seconds()
        if now - self._complained >= COMPLAIN:
            fields = {**self._fields, "peer_ip": host, "count": self._turned_away}
            self._sink.link_event("link.refused", code=Code.L03, **fields)
            self._turned_away = 0
            self._complained = now
        return False

    def enter(self, link: object, host: str) -> None:
        """``link`` takes a place."""
        self._inside[link] = host
        self._hosts[host] += 1

    def leave(self, link: object) -> None:
        """``link`` has proved who it is, or is gone. One that has left already may do so again."""
        host = self._inside.pop(link, None)
        if host is not None:
            self._hosts[host] -= 1
            if not self._hosts[host]:
                del self._hosts[host]
