"""Our own link, offered to the partner for his requests: `alias` in the Via of ours (RFC 5923 §8.1).

It says that we listen where that Via says, and that what is sent there may as well come on this link. Only a partner
who has seen our certificate there can know that it is true. Used by `edge.net.sip_pool` and
`edge.net.sip_link`.
"""

from typing import cast

from edge.certificates.handshake import Recorded
from edge.net.sip_owner import Transport

_BRANCH = b";branch="  # in a request of ours the first is that of our own Via


def has_seen_ours(transport: object) -> bool:
    """Whether the peer of a completed handshake has asked for our certificate and got it: else nothing proves us."""
    connection = cast(Transport, transport).getHandle()
    return isinstance(connection, Recorded) and connection.shown


def offering(data: bytes) -> bytes:
    """The same request of ours, with the offer."""
    at = data.find(_BRANCH)
    return b"%b;alias%b" % (data[:at], data[at:])
