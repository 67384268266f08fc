"""[partner.xmpp]: how streams with an XMPP server are made. Used by `edge.config.systems`."""

from edge.config.schema import SystemStreams
from edge.partners import Streams

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
