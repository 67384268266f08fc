"""OpenSSL contexts for mutual TLS, where the verdict on the peer's certificate is taken after the handshake.

The verify callback only writes down what OpenSSL found; the link asks for the `Handshake` when it is completed, lets
`Contexts.sip_peer` or `xmpp_peer` judge it, and then tells the peer *why* instead of dropping the connection. Protocol
versions and cipher suites follow RFC 9325 §3.1.1 and §4.2. Links (`edge.net`) call this; `edge.service` builds it.

Nothing is ever resumed: a resumed session shows the old certificate and no verification at all, so tickets and the
session cache are off, and a handshake in which the callback did not run proves nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from OpenSSL import SSL, crypto
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from edge.certificates import verdict
from edge.certificates.handshake import Handshake, Recorded
from edge.certificates.identity import Identities, Identity
from edge.codes import Code
from edge.domains import Domain, domain
from edge.errors import RemoteProtocolError
from edge.partners import Directory, HostPort, Peer, System

__all__ = ["Accepting", "Contexts", "Dialling", "Handshake", "Recorded"]

CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"  # TLS 1.2: forward secrecy and AEAD only; those of TLS 1.3 all are
VERSIONS = {"1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}
DEPTH = 8  # certificates between leaf and root; the public CAs use 3, and each one costs a signature check

_OPTIONS = SSL.OP_NO_TICKET | SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE


class Revocation(Protocol):
    """Who knows what was revoked: `edge.certificates.fetching.Revocation`."""

    def fault(self, handshake: Handshake, policy: str) -> Code | None:
        """What is known now."""

    def waiting(self, handshake: Handshake) -> "Deferred[None] | None":
        """When more is known; None if that is all."""


class Further(Protocol):
    """Who knows what a domain says of its servers' certificates elsewhere: `edge.net.proofs.Proofs`."""

    def waiting(self, kinds: Sequence[str], remote: Domain) -> "Deferred[None] | None":
        """When more is known; None if that is all."""

    def proof(self, kinds: Sequence[str], remote: Domain, handshake: Handshake, fault: Code | None) -> str:
        """Which of ``kinds`` proves the certificate; "" for none."""


@dataclass(frozen=True, slots=True)
class _Generation:
    """All contexts that belong together; a connection begins in one of these and stays in it."""

    identities: Identities
    accepting: tuple[SSL.Context, ...]  # for each identity, the default first
    dialling: dict[tuple[int, Path | None, str], SSL.Context]  # identity, trust bundle, lowest version
    stores: dict[Path | None, crypto.X509Store | None]
    asks: bool  # whether anybody wants to know what was revoked
    lowest: str  # version of TLS that is taken from whoever comes


class Contexts:
    """Every context of this process: one that accepts for each identity of ours, and one that dials for each identity,
    trust bundle and lowest version.

    ``ca`` is the default trust (None for the operating system's). An accepted connection comes from we do not know
    whom, so it is held against all trust bundles together; `sip_peer` and `xmpp_peer` then count only those systems
    whose own bundle bears the chain, so that a partner's private CA vouches for nobody else.
    Raises `OSError` or `OpenSSL.SSL.Error` when a trust bundle or an identity cannot be used.

    ``noted`` is told of each verdict; `edge.certificates.upkeep` keeps the book of them.
    """

    def __init__(self, ours: Identity | Identities, ca: Path | None, systems: Iterable[System]) -> None:
        self.noted: Callable[[Peer, Handshake], None] = _nobody_notes
        self.further: Further | None = None
        self._revocation: Revocation | None = None
        self._ca, self._systems = ca, tuple(systems)
        self._now = self._made(_identities(ours), ca, self._systems)

    @property
    def identities(self) -> Identities:
        """Ours, as new handshakes show them."""
        return self._now.identities

    def renew(self, ours: Identity | Identities) -> None:
        """Show these identities in every handshake that begins from now on; those under way go on as they began.

        Trust bundles are read again. When something cannot be used it raises as the constructor does, and all stays.
        """
        self.configure(ours, self._ca, self._systems)

    def configure(self, ours: Identity | Identities, ca: Path | None, systems: Iterable[System]) -> None:
        """The same for another configuration."""
        listed = tuple(systems)
        self._now = self._made(_identities(ours), ca, listed)
        self._ca, self._systems = ca, listed

    def accepting(self, name: str = "", alpn: Sequence[bytes] = ()) -> "Accepting":
        """For `TLSMemoryBIOFactory(creator, False, ...)`, or ``startTLS`` on the receiving side.

        The identity is that of the name which the client announces (RFC 6066 §3); ``name`` is which one it wants if it
        announces none. ``alpn`` are the protocols that are taken (RFC 7301 §3.2); who offers only others gets none.
        """
        return Accepting(self, name, alpn)

    def dialling(
        self, server_name: str, system: System, ours: Domain | None = None, alpn: Sequence[bytes] = ()
    ) -> "Dialling":
        """For `TLSMemoryBIOFactory(creator, True, ...)`, or ``startTLS`` on the initiating side.

        ``server_name`` is the domain we want to reach (RFC 6066 §3); an IP literal is not announced. ``ours`` is the
        domain of ours that we speak for: the identity that carries it is shown.
        """
        announced = "" if HostPort(server_name.strip("[]"), 0).is_address else server_name
        return Dialling(self, announced, system, ours, alpn)

    def sip_peer(
        self,
        directory: Directory,
        handshake: Handshake,
        dialled: System | None = None,
        expected: frozenset[Domain] = frozenset(),
    ) -> Peer:
        """Who the far end of a SIP link is, see `edge.certificates.verdict.sip_peer`."""
        peer = verdict.sip_peer(directory, handshake, self, dialled, expected)
        self.noted(peer, handshake)
        return peer

    def xmpp_peer(self, directory: Directory, handshake: Handshake, remote: Domain, proof: str = "") -> Peer:
        """Who the far end of an XMPP stream is, see `edge.certificates.verdict.xmpp_peer`."""
        peer = verdict.xmpp_peer(directory, handshake, self, remote, proof)
        self.noted(peer, handshake)
        return peer

    def authorities(self, handshake: Handshake) -> frozenset[Path | None]:
        """The trust bundles of our systems under which the peer's chain is good, each tried alone."""
        return frozenset(bundle for bundle in self._now.stores if self.bears(handshake, bundle))

    def bears(self, handshake: Handshake, bundle: Path | None) -> bool:
        """`edge.certificates.verdict.Grounds`"""
        store = self._now.stores.get(bundle)
        if store is None or handshake.leaf is None or not handshake.verified:
            return False
        leaf, *others = [crypto.X509.from_cryptography(each) for each in handshake.chain]
        try:
            crypto.X509StoreContext(store, leaf, others).verify_certificate()
        except crypto.X509StoreContextError:
            return False
        return True

    def revoked(self, handshake: Handshake, policy: str) -> Code | None:
        """`edge.certificates.verdict.Grounds`"""
        if policy == "off":
            return None
        if self._revocation is None:
            return Code.C08 if policy == "hard" else None
        return self._revocation.fault(handshake, policy)

    def consult(self, revocation: "Revocation") -> None:
        """Ask this from now on what was revoked."""
        self._revocation = revocation

    def waiting(self, handshake: Handshake) -> "Deferred[None] | None":
        """When there can be a verdict about the peer; None if there can be one now (`Recorded.waiting`)."""
        if self._revocation is None or handshake.fault_under("any", pinned=False) is not None:
            return None  # whoever has not issued it shall not lead us anywhere
        return self._revocation.waiting(handshake)

    def server_connection(self, name: str, alpn: Sequence[bytes]) -> SSL.Connection:
        """The server side of a new connection, for `Accepting`."""
        now = self._now
        index = now.identities.index_of(_domain(name)) if name else 0
        connection = Recorded(now.accepting[index], accepted=True, ours=now.identities[index])
        connection.alpn, connection.lowest = tuple(alpn), now.lowest
        return self._asking(connection, now)

    def client_connection(self, system: System, ours: Domain | None) -> SSL.Connection:
        """The client side of a new connection, for `Dialling`."""
        now = self._now
        index = 0 if ours is None else now.identities.index_of(ours)
        context = now.dialling[index, system.ca, system.min_version]
        connection = Recorded(context, accepted=False, ours=now.identities[index])
        connection.lowest = system.min_version
        if now.asks:
            connection.request_ocsp()
        return self._asking(connection, now)

    def _asking(self, connection: Recorded, now: _Generation) -> Recorded:
        if now.asks and self._revocation is not None:
            connection.waiting = self.waiting
        return connection

    def _made(self, ours: Identities, ca: Path | None, systems: Iterable[System]) -> _Generation:
        listed = [system for system in systems if system.link != "component"]
        bundles = {ca, *(system.ca for system in listed)}
        lowest = min((system.min_version for system in listed), default="1.2")
        wanted = {(system.ca, system.min_version) for system in listed}
        accepting = tuple(_context(identity, bundles, lowest) for identity in ours)
        dialling = {
            (index, bundle, version): _context(identity, [bundle], version)
            for index, identity in enumerate(ours)
            for bundle, version in wanted
        }
        stores = {bundle: context.get_cert_store() for (_, bundle, _), context in dialling.items()}
        asks = any(system.trust.revocation != "off" for system in listed)
        made = _Generation(ours, accepting, dialling, stores, asks, lowest)
        for context in accepting:
            context.set_tlsext_servername_callback(lambda connection: _choose(made, connection))
            context.set_alpn_select_callback(_select)
        for context in dialling.values():
            context.set_ocsp_client_callback(_staple, None)
            context.set_info_callback(_note)
        return made


@implementer(IOpenSSLServerConnectionCreator)
class Accepting:
    """Makes the server side of a connection, with the contexts that are current at that moment."""

    def __init__(self, contexts: Contexts, name: str, alpn: Sequence[bytes]) -> None:
        self._contexts, self._name, self._alpn = contexts, name, alpn

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        return self._contexts.server_connection(self._name, self._alpn)


@implementer(IOpenSSLClientConnectionCreator)
class Dialling:
    """Makes the client side of a connection, and announces the name we look for."""

    def __init__(
        self, contexts: Contexts, server_name: str, system: System, ours: Domain | None, alpn: Sequence[bytes]
    ) -> None:
        self._contexts, self._system, self._ours, self._alpn = contexts, system, ours, alpn
        self.server_name = server_name

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection = self._contexts.client_connection(self._system, self._ours)
        if self.server_name:
            connection.set_tlsext_host_name(self.server_name.encode("ascii"))
        if self._alpn:
            connection.set_alpn_protos(list(self._alpn))
        return connection


# -- private ---------------------------------------------------------------------------------------------------------


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


def _identities(ours: Identity | Identities) -> Identities:
    return ours if isinstance(ours, Identities) else Identities(ours)


def _domain(name: str) -> Domain | None:
    try:
        return domain(name)
    except RemoteProtocolError:
        return None


def _choose(generation: _Generation, connection: SSL.Connection) -> None:
    """The client has announced which name it wants: show it the identity that carries it, if one does."""
    announced = connection.get_servername()
    if announced:
        index = generation.identities.index_of(_domain(announced.decode("ascii", "replace")))
        if index:
            connection.set_context(generation.accepting[index])
            if isinstance(connection, Recorded):
                connection.ours = generation.identities[index]


def _select(connection: SSL.Connection, offered: list[bytes]) -> Any:
    taken = connection.alpn if isinstance(connection, Recorded) else ()
    return next((each for each in offered if each in taken), SSL.NO_OVERLAPPING_PROTOCOLS)


def _staple(connection: SSL.Connection, response: bytes, data: object) -> bool:
    if isinstance(connection, Recorded):
        connection.staple = response
    return True


def _record(connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int) -> bool:
    if isinstance(connection, Recorded):
        connection.seen.append((depth, error))
    return True


def _note(connection: SSL.Connection, where: int, value: int) -> None:
    """How far a handshake has come that we began: OpenSSL tells it by the name of its state alone."""
    if where == _STEP and isinstance(connection, Recorded):
        state = connection.get_state_string()
        if state.endswith(b"write client certificate"):
            connection.shown = True
        elif connection.shown and state.endswith(_GONE_ON):
            connection.taken = True


_STEP = SSL.SSL_CB_CONNECT_LOOP
_GONE_ON = (b"session ticket", b"read finished")  # TLS 1.3; before that


def _nobody_notes(peer: Peer, handshake: Handshake) -> None:
    """Until there is a book."""
