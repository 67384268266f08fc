"""Closes the links of peers whose certificate has turned out to be revoked since (RFC 6120 §13.7).

`edge.service` calls it when another list of revoked certificates has come into force. Who comes back is judged anew.
"""

from collections.abc import Iterable

from edge.certificates.contexts import Contexts
from edge.certificates.handshake import Handshake
from edge.codes import Code
from edge.net.links import Cause
from edge.net.sip_link import SipLink
from edge.net.xmpp_link import XmppLink
from edge.partners import Directory, Peer


def close_revoked(
    links: Iterable[SipLink], streams: Iterable[XmppLink], directory: Directory, contexts: Contexts
) -> int:
    """Close them; returns how many."""
    closed = 0
    for link in list(links):
        if _is_revoked(link.peer, link.handshake, directory, contexts):
            link.close(Cause(Code.C10, Code.C10.sentence))
            closed += 1
    for stream in list(streams):
        if _is_revoked(stream.peer, stream.handshake, directory, contexts):
            stream.fail(Code.C10, condition="reset")
            closed += 1
    return closed


# -- private ---------------------------------------------------------------------------------------------------------


def _is_revoked(peer: Peer, handshake: Handshake | None, directory: Directory, contexts: Contexts) -> bool:
    if handshake is None:
        return False
    systems = [system for name in sorted(peer.systems) if (system := directory.named(name)) is not None]
    return any(contexts.revoked(handshake, system.trust.revocation) is Code.C10 for system in systems)
