"""What another partner list means for one XMPP stream. Used by `edge.net.xmpp_pool`."""

from collections.abc import Mapping

from edge.domains import Domain
from edge.net.relisting import Relisting
from edge.net.retiring import Retiring, Stream
from edge.net.xmpp_dialling import Dial
from edge.net.xmpp_link import XmppLink
from edge.net.xmpp_trust import Trust
from edge.xmpp.component import Component
from edge.xmpp.receiving import Receiving
from edge.xmpp.receiving_tables import State


def is_over(
    link: XmppLink, new: Relisting, trust: Trust, ours: Mapping[str, frozenset[Domain]], moved: bool
) -> bool:
    """Whether it is of no use any more. One that is, and has to prove more, has done so.

    ``ours`` are by system our domains with a component connection to it; ``moved``: some domain is another's now.
    """
    dial = link.key
    if isinstance(dial, Dial):
        if not new.has(dial.system) or dial.system.name in new.moved:
            return True
        if isinstance(link.negotiation, Component):
            link.peer = new.directory.identify("xmpp", frozenset(dial.system.domains))
            return dial.local not in ours.get(dial.system.name, ())
        if new.directory.system_of(dial.remote) is not dial.system:
            return True
    if link.handshake is None or not link.security.proofs:
        return _is_promised_what_counts_no_more(link, new, trust)
    if link.peer.systems and link.peer.systems <= new.gone:
        return True
    if not moved and link.peer.systems.isdisjoint(new.gone | new.judged):
        return False
    return not trust.judge_again(link)


def _is_promised_what_counts_no_more(link: XmppLink, new: Relisting, trust: Trust) -> bool:
    """Whether it was told by another list what it may prove itself by, and has not done so yet.

    A dial of ours is made anew by its route.
    """
    stream = link.negotiation
    if not isinstance(stream, Receiving) or stream.state not in (State.AUTH, State.LAST_HEADER):
        return False
    remote, local = stream.remote, stream.local
    system = new.directory.system_of(remote)
    return trust.policy(remote, local) is not None or (system is not None and system.name in new.gone | new.judged)


def end(link: XmppLink, new: Relisting, retiring: Retiring) -> None:
    """Close one that is over: to another place than the one before, when all that was sent on it is answered."""
    dial = link.key
    is_stream = link.alive and link.handshake is not None  # a component has one connection at a time
    if is_stream and isinstance(dial, Dial) and dial.system.name in new.moved:
        retiring.retire(Stream(link))
    else:
        link.close()
