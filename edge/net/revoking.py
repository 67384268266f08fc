"""Closes the links of peers whose certificate counts no more: it has ended, or was revoked (RFC 6120 §13.7).

`edge.certificates.upkeep` has it done now and then, and when another list of revoked certificates has come into force.
Who comes back is judged anew. A link that stayed would fail at the next chance, in whatever night that is.
"""

from collections.abc import Iterable

from edge.certificates.contexts import Contexts
from edge.certificates.handshake import Handshake
from edge.codes import Code
from edge.net.links import Cause
from edge.net.sip_link import SipLink
from edge.net.xmpp_link import XmppLink
from edge.partners import Directory, Peer


def close_lapsed(
    links: Iterable[SipLink], streams: Iterable[XmppLink], directory: Directory, contexts: Contexts, now: float
) -> int:
    """Close them; returns how many. ``now`` is Unix epoch seconds."""
    closed = 0
    for link in list(links):
        fault = _fault(link.peer, link.handshake, directory, contexts, now)
        if fault is not None:
            link.close(Cause(fault, fault.sentence))
            closed += 1
    for stream in list(streams):
        fault = _fault(stream.peer, stream.handshake, directory, contexts, now)
        if fault is not None and (fault is not Code.C02 or _rests_on_dates(stream)):
            stream.fail(fault, condition="reset")
            closed += 1
    return closed


# -- private ---------------------------------------------------------------------------------------------------------


def _fault(
    peer: Peer, handshake: Handshake | None, directory: Directory, contexts: Contexts, now: float
) -> Code | None:
    if handshake is None or not peer.systems:
        return None
    systems = [system for name in sorted(peer.systems) if (system := directory.named(name)) is not None]
    if any(contexts.revoked(handshake, system.trust.revocation) is Code.C10 for system in systems):
        return Code.C10
    leaf = handshake.leaf
    return Code.C02 if leaf is not None and leaf.not_valid_after_utc.timestamp() < now else None


def _rests_on_dates(stream: XmppLink) -> bool:
    """Not by dialback alone, which asks for no certificate, and not if DNS speaks for its dates too (RFC 7671 §5.1)."""
    return "external" in stream.security.proofs.values() and stream.security.proof != "dane"
