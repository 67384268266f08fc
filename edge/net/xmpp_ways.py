"""The ways to XMPP servers: a route for each pair of domains, or for each component connection of ours.

They are found by both domains for each stanza, by the far one when its server comes to us, and by their system. Kept by
`edge.net.xmpp_pool`, and asked by `edge.net.unlisted`.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from edge.domains import Domain
from edge.net.links import STOPPING, Cause
from edge.net.paths import Path
from edge.net.places import made_room
from edge.net.xmpp_route import StreamRoute
from edge.partners import System

Place = tuple[Domain, Domain | str]  # our domain; their domain, or the name of a system with a component link


class Way(NamedTuple):
    """A route, and who hears of its links."""

    place: Place
    route: StreamRoute
    path: Path


class Ways:
    """``to`` has the routes by their domain and ours, as far as they were asked for; several may share one."""

    def __init__(self) -> None:
        self.to: dict[Domain, dict[Domain, StreamRoute]] = {}
        self._of: dict[str, dict[Place, Way]] = {}  # by system

    def all(self) -> list[Way]:
        """Every one there is."""
        return [way for ways in self._of.values() for way in ways.values()]

    def of(self, name: str) -> Collection[Way]:
        """Those to one system."""
        return self._of.get(name, {}).values()

    def get(self, system: System, place: Place) -> StreamRoute | None:
        """The route to ``place``, which is one of ``system``."""
        ways = self._of.get(system.name)
        way = None if ways is None else ways.get(place)
        return None if way is None else way.route

    def has_room(self, system: System) -> bool:
        """Whether there may be one more, if need be because an idle one is forgotten."""
        ways = self._of.get(system.name)
        return ways is None or made_room(ways, lambda way: way.route.is_idle, self._stop)

    def add(self, system: System, way: Way) -> None:
        """There is one more."""
        self._of.setdefault(system.name, {})[way.place] = way

    def find(self, local: Domain, remote: Domain, route: StreamRoute) -> None:
        """``route`` is the one for stanzas between these two."""
        self.to.setdefault(remote, {})[local] = route

    def wake(self, names: Iterable[Domain]) -> None:
        """The servers of these domains can be reached again."""
        for name in names:
            for route in list(self.to.get(name, {}).values()):
                route.wake()

    def remove(self, way: Way, cause: Cause = STOPPING) -> None:
        """It is not needed any more, nor its route."""
        ways = self._of[way.path.system.name]
        del ways[way.place]
        if not ways:
            del self._of[way.path.system.name]
        self._stop(way, cause)

    def forget(self, name: str) -> None:
        """A system is gone."""
        for way in list(self.of(name)):
            self.remove(way)

    def find_again(self) -> None:
        """`to` was cleared, because domains may be those of other systems now."""
        for way in self.all():
            if way.path.system.link != "component":
                local, remote = way.place
                self.find(local, Domain(remote), way.route)

    def stop(self) -> None:
        """We are stopping: what goes now is no news, and nothing is dialled again."""
        for way in self.all():
            way.path.stop()
        for way in self.all():
            way.route.stop()

    # --- private ----------------------------------------------------------------------------------------

    def _stop(self, way: Way, cause: Cause = STOPPING) -> None:
        local, remote = way.place
        routes = self.to.get(Domain(remote), {})
        if routes.get(local) is way.route:
            del routes[local]
            if not routes:
                del self.to[Domain(remote)]
        way.path.stop()
        way.route.stop(cause)
