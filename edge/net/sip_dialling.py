"""The factories of the SIP links, and what a link is for. Used by `edge.net.sip_pool`."""

from collections.abc import Callable

from twisted.internet.interfaces import IAddress, IConnector
from twisted.internet.protocol import ClientFactory, ServerFactory
from twisted.python.failure import Failure

from edge.domains import Domain
from edge.net.lanes import Lanes
from edge.net.locate import Candidate, identities
from edge.net.sip_link import SipLink
from edge.partners import System


class Use:
    """What a link is for: the places whose requests it carries.

    For one that we dialled also whom we wanted and where, for one that was lent to us where its peer says it listens.
    """

    __slots__ = ("advertised", "candidate", "domain", "places", "system")

    def __init__(
        self,
        lanes: Lanes | None = None,
        system: System | None = None,
        domain: Domain | None = None,
        candidate: Candidate | None = None,
        *,
        advertised: tuple[str, int] | None = None,
    ) -> None:
        self.places = [] if lanes is None else [lanes]
        self.system = system
        self.domain = domain
        self.candidate = candidate
        self.advertised = advertised

    @property
    def expected(self) -> frozenset[Domain]:
        """Of which names whom we dialled must prove one, by what is said of it now."""
        if self.system is None or self.domain is None or self.candidate is None:
            return frozenset()
        return identities(self.system, self.domain, self.candidate)


class Accepting(ServerFactory):
    """A link for each connection that comes in, or None for "too many"."""

    noisy = False

    def __init__(self, accept: Callable[[IAddress | None], SipLink | None]) -> None:
        self._accept = accept

    def buildProtocol(self, addr: IAddress | None) -> SipLink | None:
        return self._accept(addr)


class Dialling(ClientFactory):
    """The one link of one dial."""

    noisy = False

    def __init__(
        self,
        opened: Callable[[SipLink], None],
        link: SipLink,
        connected: Callable[[], None],
        failed: Callable[[Failure], None],
    ) -> None:
        self._opened = opened
        self._link = link
        self._connected = connected
        self._failed = failed

    def buildProtocol(self, addr: IAddress | None) -> SipLink:
        self._opened(self._link)
        self._connected()
        return self._link

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        self._failed(reason)
