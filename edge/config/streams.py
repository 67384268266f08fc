"""[partner.xmpp]: how streams with an XMPP server are made. Used by `edge.config.systems`."""

from collections.abc import Iterable

from edge.codes import Code
from edge.config.schema import SystemStreams
from edge.config.tables import Document
from edge.partners import Streams, System

KEYS = ("starttls", "auth", "bidi", "idle_seconds")
FURTHER = ("dane", "posh")  # RFC 7712


def streams_of(said: SystemStreams) -> Streams:
    """What was said, and the defaults for what was not: nothing but a certificate's issuer proves a name."""
    built_in = Streams()
    proofs = ["external"] if said.auth is None else said.auth
    return Streams(
        external="external" in proofs,
        dialback="dialback-tls" in proofs,
        bidi=built_in.bidi if said.bidi is None else said.bidi,
        direct=said.starttls == "direct",
        idle_seconds=built_in.idle_seconds if said.idle_seconds is None else said.idle_seconds,
        further=tuple(dict.fromkeys(proof for proof in proofs if proof in FURTHER)),
    )


def warn_of_dane(document: Document, systems: Iterable[System]) -> None:
    """Nobody validates: a partner who is to be known by DANE would never be."""
    for system in systems:
        if "dane" in system.streams.further:
            said = f'"{system.name}" is to be known by DANE, which needs dnssec = true, and resolvers that deserve it'
            document.warn(Code.K02, ("dns",), said)
