"""XMPP connections as they begin: those that we open, to one address, until the stream is of use, and those we accept.

Used by `edge.net.xmpp_pool`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IConnector, IReactorTCP
from twisted.internet.protocol import ClientFactory, ServerFactory
from twisted.python.failure import Failure

from edge.domains import Domain
from edge.net.links import Cause, DialError, cause_of
from edge.net.locate import Candidate
from edge.net.xmpp_link import XmppLink
from edge.net.xmpp_route import StreamRoute
from edge.partners import Directory, System
from edge.xmpp.initiating import Initiating

CONNECT = 5.0  # seconds for one TCP connection: three tries of the kernel, and time left for the next address
ALPN = b"xmpp-server"  # XEP-0368 §3


@dataclass(slots=True, eq=False)
class Dial:
    """What we want from a link: the stream from ``local`` to ``remote``. ``route`` uses it; None for other purposes."""

    local: Domain
    remote: Domain
    system: System
    route: StreamRoute | None = None
    direct: bool = False  # TLS begins at once (XEP-0368)
    external: bool = True  # EXTERNAL is worth a try

    def to(self, candidate: Candidate) -> "Dial":
        """The same, at one address."""
        return replace(self, direct=candidate.direct)

    def without_external(self) -> "Dial":
        """The same, by dialback."""
        return replace(self, external=False)


Make = Callable[[Dial, "Deferred[XmppLink]"], XmppLink]
Connect = Callable[[Dial, Candidate, Make], "Deferred[XmppLink]"]
Complain = Callable[..., None]


def connect(
    reactor: IReactorTCP, dial: Dial, candidate: Candidate, make: Make, complain: Complain
) -> "Deferred[XmppLink]":
    """Dial one address. The Deferred fires once the stream is of use, or fails with a `DialError`; it can be cancelled.

    ``make`` gives the link; ``complain`` is told when there is nobody.
    """
    factory = _Dialling(dial.to(candidate), candidate, make, complain)
    factory.connector = reactor.connectTCP(candidate.address, candidate.port, factory, CONNECT)
    return factory.ready


async def reached(connect: Connect, dial: Dial, candidate: Candidate, make: Make) -> XmppLink:
    """A stream to one address; once more without EXTERNAL if the server closes as soon as that has failed."""
    links: list[XmppLink] = []

    def noted(to: Dial, ready: "Deferred[XmppLink]") -> XmppLink:
        links.append(make(to, ready))
        return links[-1]

    try:
        return await connect(dial, candidate, noted)
    except DialError:
        stream = links[-1].negotiation if links else None
        if not isinstance(stream, Initiating) or not stream.fell_back:
            raise
    return await connect(dial.without_external(), candidate, make)


class _Dialling(ClientFactory):
    noisy = False

    def __init__(self, dial: Dial, candidate: Candidate, make: Make, complain: Complain) -> None:
        self.ready: Deferred[XmppLink] = Deferred(self._cancelled)
        self.connector: IConnector | None = None
        self._dial = dial
        self._candidate = candidate
        self._make = make
        self._complain = complain
        self._link: XmppLink | None = None
        self._given_up = False

    def buildProtocol(self, addr: IAddress | None) -> XmppLink:
        self._link = self._make(self._dial, self.ready)
        return self._link

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        if self._given_up:
            return
        cause: Cause = cause_of(reason)
        where = {"peer_ip": self._candidate.address, "peer_port": self._candidate.port}
        self._complain(self._dial.system, cause, local=self._dial.local, remote=self._dial.remote, **where)
        self.ready.errback(DialError(cause.code, cause.text))

    def _cancelled(self, _: object) -> None:
        self._given_up = True
        if self._link is not None:
            self._link.give_up()
        elif self.connector is not None:
            self.connector.disconnect()


class Served:
    """The domains that streams may be opened to: those of the SIP side, and those that may turn out to be there."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        system = self._directory.system_of(Domain(name))
        return self._directory.is_open_to(Domain(name)) if system is None else system.protocol == "sip"


class Accepting(ServerFactory):
    """A link for each connection that comes in, or None for "too many"."""

    noisy = False

    def __init__(self, accept: Callable[[IAddress | None], XmppLink | None]) -> None:
        self._accept = accept

    def buildProtocol(self, addr: IAddress | None) -> XmppLink | None:
        return self._accept(addr)
