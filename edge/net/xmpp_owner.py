"""Who keeps the XMPP links (`edge.net.xmpp_link`): `edge.net.xmpp_pool`, as they see it."""

from typing import TYPE_CHECKING, Protocol

from twisted.internet.defer import Deferred

from edge.certificates.contexts import Accepting, Dialling, Handshake
from edge.codes import Code
from edge.domains import Domain
from edge.net.links import Cause
from edge.net.pace import Paced
from edge.net.xmpp_pings import Pings
from edge.net.xmpp_trust import Verdict
from edge.partners import Peer
from edge.xmpp.dialback import Dialback
from edge.xmpp.negotiation import Proved, Verify

if TYPE_CHECKING:
    from edge.net.xmpp_link import XmppLink

NOBODY = Peer("xmpp", frozenset(), frozenset(), Code.X04)  # who the far end is before it has proved anything


class Owner(Protocol):
    """Who keeps the links, and knows our partners."""

    pings: Pings

    def creator(self, link: "XmppLink") -> Accepting | Dialling | Paced:
        """What makes the TLS connection."""

    def waiting(self, link: "XmppLink", claim: Verify, handshake: Handshake) -> "Deferred[None] | None":
        """When to ask for the verdict, because something has to be fetched for it; None if it can be given now."""

    def judge(self, link: "XmppLink", claim: Verify, handshake: Handshake) -> Verdict:
        """Say who the far end is, and what it may do."""

    def dial_back(self, link: "XmppLink", question: Dialback) -> None:
        """Ask whose key that is; the answer goes to `XmppLink.dialled_back`."""

    def proved(self, link: "XmppLink", verdict: Peer, proof: Proved) -> Peer:
        """Who the far end is now."""

    def link_ready(self, link: "XmppLink") -> int:
        """The stream is authenticated. Returns how many octets a stanza may have."""

    def link_opened(self, link: "XmppLink") -> None:
        """Stanzas may be given to the link."""

    def link_closing(self, link: "XmppLink", cause: Cause) -> None:
        """Nothing more can be sent on this link."""

    def link_lost(self, link: "XmppLink", cause: Cause) -> None:
        """The connection is gone, or never came up."""

    def send(self, sender: Domain, recipient: Domain, data: bytes, token: object | None) -> None:
        """Send a stanza on whatever link is right."""
