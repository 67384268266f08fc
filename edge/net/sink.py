"""What the links say to whoever drives the gateway: the only way up from `edge.net`.

`edge.driver.Driver` is the one implementation. Each call is one *input*: at its end the driver flushes the turn
(`edge.net.turn`), so that everything an input caused leaves in one write for each link.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from edge.codes import Code
from edge.domains import Domain
from edge.partners import System
from edge.xmpp.stanzas import Stanza

if TYPE_CHECKING:
    from edge.net.sip_link import SipLink
    from edge.net.xmpp_link import XmppLink
    from edge.sip.message import Request, Response


class Sink(Protocol):
    """Everything that can come out of a link."""

    def sip_received(self, link: "SipLink", messages: "Sequence[Request | Response]") -> None:
        """Everything that was complete in one chunk of bytes, in order."""

    def sip_sent(self, token: object, link: "SipLink") -> None:
        """The request that was given out with ``token`` is written on ``link``."""

    def sip_lost(self, link: "SipLink") -> None:
        """The connection is gone; what was written on it may not have arrived."""

    def stanzas_received(self, link: "XmppLink", stanzas: Sequence[Stanza]) -> None:
        """Everything that was complete in one chunk of bytes of an authenticated stream, in order."""

    def taken(self, tokens: Sequence[object]) -> None:
        """The next XMPP hop has acknowledged the stanzas of these tokens."""

    def unsent(self, token: object, code: Code, text: str) -> None:
        """What was given out with ``token`` did not get there, and never will."""

    def path_lost(self, system: System, local: Domain | None, remote: Domain | None, orderly: bool) -> None:
        """The last usable link of a path is gone; `path_up` follows if there is one again.

        A SIP system is one path, without domains; a component connection is one for each ``local`` domain, a stream to
        another server one for each pair. Only links that we dial count: no request goes out on another.
        ``orderly``: the peer closed it in good order, or we did for want of work; not a reset, a time-out, a stream
        error, or (SIP) a request left without an answer. What was under way on the link is reported after this.
        """

    def path_failed(self, system: System, local: Domain | None, remote: Domain | None, code: Code, text: str) -> None:
        """A path without a link was dialled in vain. Said each time; what is given back for it is reported after this.

        Nobody dials again by himself: whatever waits for the path does that, or the wish for it (`reach`).
        """

    def path_up(self, system: System, local: Domain | None, remote: Domain | None) -> None:
        """A path can be used (again). What waited for it has been handed to its link before this."""

    def link_event(self, name: str, **fields: object) -> None:
        """Something the log should know: ``link.up``, ``link.down``, ``link.refused`` and the like."""
