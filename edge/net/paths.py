"""The ways to our peers as the gateway knows them: when one is lost, could not be dialled, or can be used (again).

The pools keep one path for each SIP system, each component connection and each stream out to another server. The
routes (`edge.net.links`) say what becomes of their links; a path counts them, so that the `Sink` hears of each change
once however many routes lead along it.
"""

from edge.codes import Code
from edge.domains import Domain
from edge.net.sink import Sink
from edge.partners import System


class Path:
    """From ``local`` to ``remote`` in ``system``; None stands for any domain."""

    __slots__ = ("_links", "_sink", "_stopped", "_where")

    def __init__(self, sink: Sink, system: System, local: Domain | None = None, remote: Domain | None = None) -> None:
        self._sink = sink
        self._where = system, local, remote
        self._links = 0  # that are up
        self._stopped = False

    @property
    def system(self) -> System:
        """Where it leads."""
        return self._where[0]

    def up(self) -> None:
        """A link is up and may be used."""
        self._links += 1
        if self._links == 1 and not self._stopped:
            self._sink.path_up(*self._where)

    def lost(self, orderly: bool) -> None:
        """A link that was up is gone, or about to go."""
        self._links -= 1
        if not self._links and not self._stopped:
            self._sink.path_lost(*self._where, orderly)

    def failed(self, code: Code, text: str) -> None:
        """A link could not be made."""
        if not self._links and not self._stopped:
            self._sink.path_failed(*self._where, code, text)

    def stop(self) -> None:
        """We are stopping: what goes now goes because we want it to, and is no news."""
        self._stopped = True
