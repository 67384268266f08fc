"""What a system's certificates must be, from its [partner.tls] and the [defaults.tls] of its file."""

from edge.certificates.trust import Trust, parse_pin
from edge.codes import Code
from edge.config.places import KeyPath
from edge.config.schema import DefaultTls, PeerTls
from edge.config.tables import Document, quoted

BUILT_IN = Trust()


def trust_of(document: Document, path: KeyPath, tls: PeerTls, defaults: DefaultTls) -> Trust:
    """The trust of the system whose [tls] stands below ``path``; a pin that is none is noted."""
    pins = set()
    for text in tls.pin_spki or ():
        try:
            pins.add(parse_pin(text))
        except ValueError as error:
            at = (*path, "tls", "pin_spki")
            document.error(Code.K02, at, f"pin {quoted(text)}{document.owner(at[:-1])}: {error}")
    return Trust(
        eku=tls.eku or defaults.eku or BUILT_IN.eku,
        names=tls.names or defaults.names or BUILT_IN.names,
        pins=frozenset(pins),
        revocation=tls.revocation or defaults.revocation or BUILT_IN.revocation,
    )
