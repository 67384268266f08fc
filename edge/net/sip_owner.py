"""What a SIP link needs of the connection under it, and of the pool that owns it; and what it shows of its TLS."""

from typing import TYPE_CHECKING, Protocol

from OpenSSL import SSL

from edge.certificates.contexts import Handshake
from edge.certificates.trust import fingerprint_of, serial_of
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

    def link_up(self, link: "SipLink") -> None:
        """The peer is proved: from now on the link is to be probed, until it is lost."""

    def link_asked(self, link: "SipLink", request: Request) -> None:
        """The first request on a link that a proved peer has opened."""

    def link_discovered(self, link: "SipLink", request: Request) -> Peer:
        """A request of a stranger who has proved his name: who he is because of it."""

    def link_busy(self, link: "SipLink") -> None:
        """The peer takes less than we send."""

    def link_leaves(self, link: "SipLink", cause: Cause) -> None:
        """The link takes nothing more. Called once, before or together with `link_lost`."""

    def link_lost(self, link: "SipLink") -> None:
        """The connection is gone, or never came up."""


def shown_by(handshake: Handshake | None) -> dict[str, object]:
    """What the log should say of TLS and the certificate of a link; nothing before the handshake is done."""
    leaf = handshake.leaf if handshake else None
    return {
        "tls_version": handshake.tls_version if handshake else "",
        "cipher": handshake.cipher if handshake else "",
        "cert_sha256": fingerprint_of(leaf) if leaf else "",
        "cert_subject": leaf.subject.rfc4514_string() if leaf else "",
        "cert_issuer": leaf.issuer.rfc4514_string() if leaf else "",
        "cert_serial": serial_of(leaf) if leaf else "",
        "cert_not_after": f"{leaf.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}" if leaf else "",
    }
