"""What one TLS handshake showed of the peer: written down while it goes on, judged when it is over.

`edge.certificates.contexts` makes the connections, links (`edge.net`) ask for the `Handshake` when it is completed, and
`edge.certificates.verdict` says what it proves.
"""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509
from OpenSSL import SSL
from twisted.internet.defer import Deferred

from edge.certificates.identity import Identity
from edge.certificates.peers import judge
from edge.codes import Code

MAX_STAPLE = 1 << 16  # bytes of a stapled OCSP response; the public ones have 500


class Recorded(SSL.Connection):
    """A connection that knows what the callbacks were told.

    ``seen`` are (depth, X509_V_ERR number) pairs, 0 for a good certificate. ``ours`` is the identity that it shows.
    """

    def __init__(self, context: SSL.Context, accepted: bool, ours: Identity | None = None) -> None:
        super().__init__(context, None)
        self.seen: list[tuple[int, int]] = []
        self.staple = b""
        self.shown = False  # we dialled, and the peer has asked for our certificate and got it
        self.taken = False  # and has gone on
        self.alpn: tuple[bytes, ...] = ()  # protocols that are taken, if the peer offers any
        self.accepted = accepted
        self.ours = ours
        self.lowest = ""  # version of TLS that is taken, "1.2" or "1.3"
        self.waiting: Callable[[Handshake], Deferred[None] | None] | None = None  # what the verdict has to wait for
        self._born = context  # OpenSSL calls back into the first context also after another one was put in its place


@dataclass(frozen=True, slots=True)
class Handshake:
    """What one completed TLS handshake showed.

    ``errors`` are OpenSSL's (depth, X509_V_ERR number) pairs in the order found. Proof is only: ``verified`` (the
    callback ran) and no error that the judge minds. ``readable`` is False when the peer sent a certificate that
    OpenSSL takes and our own parser does not; then ``leaf`` is None.
    """

    leaf: x509.Certificate | None
    chain: tuple[x509.Certificate, ...]  # what the peer sent, leaf first
    path: tuple[x509.Certificate, ...]  # what OpenSSL made of it, from the leaf up to the root where it found one
    errors: tuple[tuple[int, int], ...]
    verified: bool
    tls_version: str = ""  # "TLSv1.2" | "TLSv1.3"
    cipher: str = ""
    readable: bool = True
    accepted: bool = False  # we accepted the connection: the peer was the client
    staple: bytes = b""  # the OCSP response that came with the certificate
    ours: Identity | None = None  # what it showed of us, or would have if the peer had asked

    @classmethod
    def of(cls, connection: SSL.Connection) -> "Handshake":
        """Read the handshake off a connection made by `Contexts`, once it is completed (``transport.getHandle()``)."""
        recorded = connection if isinstance(connection, Recorded) else None
        seen = recorded.seen if recorded else []
        leaf: x509.Certificate | None = None
        chain: list[x509.Certificate] = []
        path: list[x509.Certificate] = []
        readable = True
        try:
            leaf = connection.get_peer_certificate(as_cryptography=True)
            sent = connection.get_peer_cert_chain(as_cryptography=True) or []
            if leaf is not None:
                chain = [leaf, *(each for each in sent if each != leaf)]
                path = connection.get_verified_chain(as_cryptography=True) or chain
            for each in (*chain, *path):  # names are read when asked for: nobody after us need expect the worst
                _ = each.subject, each.issuer
        except (ValueError, TypeError, x509.InvalidVersion):
            leaf, chain, path, readable = None, [], [], False
        return cls(
            leaf,
            tuple(chain),
            tuple(path),
            tuple(pair for pair in seen if pair[1]),
            bool(seen),
            connection.get_protocol_version_name(),
            connection.get_cipher_name() or "",
            readable,
            recorded.accepted if recorded else False,
            recorded.staple[:MAX_STAPLE] if recorded else b"",
            recorded.ours if recorded else None,
        )

    @property
    def fault(self) -> Code | None:
        """Why the certificate proves nothing to whom trusts as one does by default; None if its chain is good."""
        return self.fault_under("server", pinned=False)

    def fault_under(self, eku: str, *, pinned: bool) -> Code | None:
        """The same under another rule for purposes, or with a leaf whose key is known already (``pinned``)."""
        if not self.readable:
            return Code.T07
        errors = self.errors if self.verified else None
        return judge(errors, self.leaf, self.path[1:], eku=eku, accepted=self.accepted, pinned=pinned)
