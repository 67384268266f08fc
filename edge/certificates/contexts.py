"""OpenSSL contexts for mutual TLS, where the verdict on the peer's certificate is taken after the handshake.

The verify callback only writes down what OpenSSL found; the link asks for the `Handshake` when it is completed, lets
`edge.certificates.peers` judge it, and then tells the peer *why* instead of dropping the connection. Protocol versions
and cipher suites follow RFC 9325 §3.1.1 and §4.2. Links (`edge.net`) call this; `edge.service` builds it.

Nothing is ever resumed: a resumed session shows the old certificate and no verification at all, so tickets and the
session cache are off, and a handshake in which the callback did not run proves nothing.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from edge.certificates.identity import Identity
from edge.certificates.peers import judge
from edge.codes import Code
from edge.domains import Domain
from edge.partners import Directory, HostPort, Peer, System

CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"  # TLS 1.2: forward secrecy and AEAD only; those of TLS 1.3 all are
VERSIONS = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}
DEPTH = 8  # certificates between leaf and root; the public CAs use 3, and each one costs a signature check

_OPTIONS = SSL.OP_NO_TICKET | SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE


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

    @classmethod
    def of(cls, connection: SSL.Connection) -> "Handshake":
        """Read the handshake off a connection made by `Contexts`, once it is completed (``transport.getHandle()``)."""
        seen = connection.seen if isinstance(connection, Recorded) else []
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
        except (ValueError, x509.InvalidVersion):
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
        )

    @property
    def fault(self) -> Code | None:
        """Why the certificate proves nothing; None if its chain is good. Whose it is, is another question."""
        if not self.readable:
            return Code.T02
        return judge(self.errors if self.verified else None, self.leaf, self.path[1:])


class Contexts:
    """Every context of this process: one that accepts, and one that dials for each trust bundle and lowest version.

    ``ca`` is the default trust (None for the operating system's). An accepted connection comes from we do not know
    whom, so it is held against all trust bundles together; `identify` then counts only those systems whose own bundle
    bears the chain, so that a partner's private CA vouches for nobody else.
    Raises `OSError` or `OpenSSL.SSL.Error` when a trust bundle or the identity cannot be used.
    """

    def __init__(self, identity: Identity, ca: Path | None, systems: Iterable[System]) -> None:
        listed = [system for system in systems if system.link != "component"]
        bundles = {ca, *(system.ca for system in listed)}
        lowest = min((system.min_version for system in listed), default="1.2")
        self._accepting = _context(identity, bundles, lowest)
        wanted = {(system.ca, system.min_version) for system in listed}
        self._dialling = {(bundle, version): _context(identity, [bundle], version) for bundle, version in wanted}
        self._stores = {bundle: context.get_cert_store() for (bundle, _), context in self._dialling.items()}

    def accepting(self) -> "Accepting":
        """For `TLSMemoryBIOFactory(creator, False, ...)`, or ``startTLS`` on the receiving side."""
        return Accepting(lambda: self._accepting)

    def dialling(self, server_name: str, system: System) -> "Dialling":
        """For `TLSMemoryBIOFactory(creator, True, ...)`, or ``startTLS`` on the initiating side.

        ``server_name`` is the domain we want to reach (RFC 6066 §3); an IP literal is not announced.
        """
        announced = "" if HostPort(server_name.strip("[]"), 0).is_address else server_name
        return Dialling(lambda: self._dialling[system.ca, system.min_version], announced)

    def authorities(self, handshake: Handshake) -> frozenset[Path | None]:
        """The trust bundles of our systems under which the peer's chain is good, each tried alone."""
        if handshake.leaf is None or not handshake.verified:
            return frozenset()
        leaf, *others = [crypto.X509.from_cryptography(each) for each in handshake.chain]
        return frozenset(bundle for bundle, store in self._stores.items() if _bears(store, leaf, others))

    def identify(
        self, directory: Directory, protocol: str, names: frozenset[Domain], fault: Code | None, handshake: Handshake
    ) -> Peer:
        """`Directory.identify`, less the systems whose own trust bundle or lowest TLS version this link fails."""
        peer = directory.identify(protocol, names, fault)
        if not peer.systems:
            return peer
        trusted = directory.identify(protocol, names, None, self.authorities(handshake))
        if not trusted.systems:
            return Peer(protocol, names, frozenset(), Code.C01)
        modern = frozenset(
            system.name
            for system in directory.systems
            if system.name in trusted.systems and f"TLSv{system.min_version}" <= handshake.tls_version
        )
        return Peer(protocol, names, modern, None if modern else Code.T02)


class Recorded(SSL.Connection):
    """A connection that knows what the verify callback was told: (depth, X509_V_ERR number), 0 for a good one."""

    def __init__(self, context: SSL.Context) -> None:
        super().__init__(context, None)
        self.seen: list[tuple[int, int]] = []


@implementer(IOpenSSLServerConnectionCreator)
class Accepting:
    """Makes the server side of a connection, with the context that is current at that moment."""

    def __init__(self, current: Callable[[], SSL.Context]) -> None:
        self._current = current

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        return Recorded(self._current())


@implementer(IOpenSSLClientConnectionCreator)
class Dialling:
    """Makes the client side of a connection, and announces the name we look for."""

    def __init__(self, current: Callable[[], SSL.Context], server_name: str) -> None:
        self._current = current
        self.server_name = server_name

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection = Recorded(self._current())
        if self.server_name:
            connection.set_tlsext_host_name(self.server_name.encode("ascii"))
        return connection


def _context(identity: Identity, bundles: Iterable[Path | None], lowest: str) -> SSL.Context:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(VERSIONS[lowest])
    context.set_cipher_list(CIPHERS)
    context.set_options(_OPTIONS)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # an idle link keeps no record buffers
    leaf, *intermediates = identity.chain
    context.use_certificate(leaf)
    for certificate in intermediates:
        context.add_extra_chain_cert(certificate)
    context.use_privatekey(identity.key)
    context.check_privatekey()
    for bundle in bundles:
        if bundle is None:
            context.set_default_verify_paths()
        else:
            context.load_verify_locations(str(bundle))
    # no VERIFY_FAIL_IF_NO_PEER_CERT: who sends none shall be told so, and a TLS alert would not reach his log
    context.set_verify(SSL.VERIFY_PEER, _record)
    context.set_verify_depth(DEPTH)
    return context


def _bears(store: crypto.X509Store | None, leaf: crypto.X509, others: list[crypto.X509]) -> bool:
    if store is None:
        return False
    try:
        crypto.X509StoreContext(store, leaf, others).verify_certificate()
    except crypto.X509StoreContextError:
        return False
    return True


def _record(connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int) -> bool:
    if isinstance(connection, Recorded):
        connection.seen.append((depth, error))
    return True
