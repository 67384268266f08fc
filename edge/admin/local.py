"""The local socket, on which the command `edge` finds the gateway.

Made by `edge.service`. What speaks HTTP there (`edge.admin.api`), and what answers (`edge.admin.verbs`), is imported
when somebody comes for the first time: it takes as much memory as a thousand subscriptions.
"""

import os
import socket as sockets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocol, IReactorUNIX
from twisted.internet.protocol import Factory

from edge.net.tcp import Reactor

if TYPE_CHECKING:
    from edge.admin.http import Connections
    from edge.admin.running import Running

MODE = 0o660  # the user and the group that the gateway runs as
BACKLOG = 50

Answer = Mapping[str, object]
Verb = Callable[[Mapping[str, str]], "Answer | Deferred[Answer]"]
Verbs = Mapping[tuple[str, str], Verb]
"""What can be asked and done, by method ("GET", "POST") and name."""

BY = "by"
"""The member of each question that says who asks, for the record. Only who serves the socket writes it."""


class Wrong(Exception):
    """A question that cannot be answered; ``str`` is a sentence for who asked. ``status`` is that of HTTP."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


class Local:
    """The open socket. Whoever has made it stops it."""

    def __init__(self, reactor: Reactor, path: Path, verbs: Callable[[], Verbs]) -> None:
        """``verbs`` is called when somebody comes. `CannotListenError`; `OSError` if the folder cannot be made."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_socket():
            if _answers(path):
                raise CannotListenError("unix", str(path), OSError("another gateway listens there"))  # type: ignore[no-untyped-call]  # Twisted's own
            path.unlink()  # of one that was killed
        self._factory = _Late(reactor, verbs)
        mask = os.umask(0o117)  # between making it and changing its mode nobody else may come in
        try:
            self._port: IListeningPort = cast(IReactorUNIX, reactor).listenUNIX(
                str(path), self._factory, backlog=BACKLOG, mode=MODE, wantPID=False
            )
        finally:
            os.umask(mask)

    def stop(self) -> "Deferred[list[object]]":
        """Close the socket and cut the connections; fires when all are gone."""
        stopped: Deferred[object] = maybeDeferred(self._port.stopListening)
        return gatherResults([stopped, self._factory.cut()])


def verbs(running: "Running") -> Verbs:
    """What can be asked of the running gateway: the ``verbs`` of its socket."""
    from edge.admin.verbs import verbs_of

    return verbs_of(running)


# -- private ---------------------------------------------------------------------------------------------------------


class _Late(Factory[Any]):
    """Becomes a web server when the first connection comes."""

    noisy = False

    def __init__(self, reactor: Reactor, verbs: Callable[[], Verbs]) -> None:
        self._reactor, self._verbs = reactor, verbs
        self._connections: Connections | None = None

    def buildProtocol(self, addr: IAddress | None) -> IProtocol | None:
        if self._connections is None:
            from edge.admin.api import connections

            self._connections = connections(self._verbs(), self._reactor)
            self._connections.doStart()  # type: ignore[no-untyped-call]  # Twisted's own
        return self._connections.buildProtocol(addr)

    def cut(self) -> "Deferred[object]":
        """Close every connection; fires when they are gone."""
        return succeed(None) if self._connections is None else self._connections.cut()


def _answers(path: Path) -> bool:
    """Whether somebody listens there."""
    with sockets.socket(sockets.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
