"""The component connections of ours: to which servers, as which of our domains. Kept for `edge.net.xmpp_pool`."""

from collections.abc import Iterator, Mapping

from edge.codes import Code
from edge.domains import Domain
from edge.net.links import Cause
from edge.net.xmpp_route import StreamRoute
from edge.partners import Directory, System


class Components:
    """By the partner list; ``ours`` are by system our domains with a connection to it."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.ours: Mapping[str, frozenset[Domain]] = {}
        self._had: dict[str, set[Domain]] = {}  # the same and all that there ever were: a stanza may be under way
        self._routes: dict[Domain, dict[str, StreamRoute]] = {}  # by our domain and their system
        self.count()

    def count(self) -> None:
        """There may be another list."""
        self.ours = {system.name: frozenset(self._directory.opposite(system)) for system in self._systems()}
        for name, ours in self.ours.items():
            self._had.setdefault(name, set()).update(ours)

    def wanted(self) -> Iterator[tuple[Domain, System]]:
        """As which of our domains there has to be a connection to which system."""
        for system in self._systems():
            for local in self._directory.opposite(system):
                yield local, system

    def had(self, system: System) -> set[Domain]:
        """Our domains that stanzas from ``system`` may be for."""
        return self._had[system.name]

    def has(self, local: Domain, name: str) -> bool:
        """Whether there is a connection as ``local`` to the system of this name."""
        return name in self._routes.get(local, ())

    def add(self, local: Domain, system: System, route: StreamRoute) -> None:
        """``route`` leads to ``system``."""
        self._routes.setdefault(local, {})[system.name] = route

    def remove(self, local: Domain, name: str) -> None:
        """It does not any more, if it did."""
        self._routes.get(local, {}).pop(name, None)

    def of(self, local: Domain) -> StreamRoute | Cause:
        """The connection of the component ``local``: its server routes strangers to us, and our refusals to them."""
        routes = self._routes.get(local, {})
        return next(iter(routes.values())) if len(routes) == 1 else Cause(Code.A01, Code.A01.sentence)

    def connect(self) -> None:
        """Dial those that are not there."""
        for routes in self._routes.values():
            for route in routes.values():
                if route.state == "idle":
                    route.send(b"", None)  # nothing to say, but the route dials

    def _systems(self) -> list[System]:
        return [system for system in self._directory.systems if system.link == "component"]
