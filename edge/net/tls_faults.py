"""Why TLS came to nothing, from what OpenSSL says: versions, ciphers, an alert and what it is about, or silence.

`edge.net.links.cause_of` asks for every link, and `edge.admin.probing` for a test of a partner.
"""

from OpenSSL import SSL

from edge.certificates.handshake import Recorded
from edge.codes import Code

# what OpenSSL says when the other side answers a ClientHello with something that is no TLS record
_NO_TLS = ("wrong version number", "packet length too long", "http request", "unknown protocol")
# and of versions and ciphers, whichever side notices (RFC 8446 §6.2 has the alerts)
_VERSIONS = ("protocol version", "unsupported protocol", "wrong ssl version", "version too low")
_CIPHERS = ("handshake failure", "insufficient security", "no shared cipher", "wrong cipher returned")
# alerts that are about the certificate of whom they are sent to
_OURS = ("certificate", "unknown ca", "access denied", "decrypt error")


def fault_of(problem: SSL.Error, *, shown: bool = False) -> tuple[Code, str]:
    """The code and the sentence for a handshake that failed. ``shown``: the peer had seen our certificate by then."""
    reasons = [entry[2] for entry in problem.args[0] if len(entry) > 2] if problem.args else []
    reason = reasons[0] if reasons else ""
    code = _code(reason, shown)
    return code, f"{code.sentence}: {reason}" if reason and code is not Code.T01 else code.sentence


def has_seen_ours(transport: object) -> bool:
    """Whether the peer of a connection that we dialled has asked for our certificate, got it, and not gone on since.

    With TLS 1.3 our handshake is complete before the peer has looked at what we showed (RFC 8446 §2).
    """
    get = getattr(transport, "getHandle", None)
    try:
        connection = get() if get is not None else None
    except AttributeError:  # Twisted's TCP connections have no socket any more when they are lost
        return False
    return isinstance(connection, Recorded) and connection.shown and not connection.taken


# -- private ---------------------------------------------------------------------------------------------------------


def _code(reason: str, shown: bool) -> Code:
    alert = " alert " in f" {reason} "
    if any(each in reason for each in _VERSIONS):
        return Code.T02
    if alert and (any(each in reason for each in _OURS) or (shown and "handshake failure" in reason)):
        return Code.T05
    if any(each in reason for each in _CIPHERS):
        return Code.T03
    return Code.T01 if reason in _NO_TLS else Code.T07
