"""What a SIP link needs of the connection under it, and of the pool that owns it."""

from typing import TYPE_CHECKING, Protocol

from OpenSSL import SSL

from edge.certificates.contexts import Handshake
from edge.net.links import Cause
from edge.partners import Peer
from edge.sip.framing import Framer
from edge.sip.message import Request

if TYPE_CHECKING:
    from edge.net.sip_link import SipLink


class Transport(Protocol):
    """What a link needs of the TLS connection under it."""

    def write(self, data: bytes) -> None: ...
    def loseConnection(self) -> None: ...
    def abortConnection(self) -> None: ...
    def registerProducer(self, producer: object, streaming: bool) -> None: ...
    def unregisterProducer(self) -> None: ...
    def getPeer(self) -> "Address": ...
    def getHandle(self) -> SSL.Connection: ...


class Address(Protocol):
    """An IP address and port."""

    host: str
    port: int


class Owner(Protocol):
    """Who keeps the links, and knows our partners."""

    def prove(self, link: "SipLink", handshake: Handshake) -> Peer:
        """Say who the far end is. For a link we dialled, anybody but whom we wanted is a fault."""

    def framer(self, link: "SipLink") -> Framer:
        """A framer with the limits of this peer."""

    def link_asked(self, link: "SipLink", request: Request) -> None:
        """The first request on a link that a proved peer has opened."""

    def link_busy(self, link: "SipLink") -> None:
        """The peer takes less than we send."""

    def link_leaves(self, link: "SipLink", cause: Cause) -> None:
        """The link takes nothing more. Called once, before or together with `link_lost`."""

    def link_lost(self, link: "SipLink") -> None:
        """The connection is gone, or never came up."""
