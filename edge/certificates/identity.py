"""Our own identity: the certificate chain we show and the private key that fits it.

Pure functions over bytes that somebody else has read; the clock is an argument. `edge.config` judges an identity when
it reads a configuration, `edge.certificates.contexts` builds TLS contexts from it.
"""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, NoReturn

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtendedKeyUsageOID

from edge.certificates.peers import PURPOSES, presented, purposes, sip_names, xmpp_matches
from edge.codes import Code
from edge.domains import Domain

MAX_CHAIN = 10  # certificates; public issuers need two or three, and each is sent in every handshake
MIN_RSA_BITS = 2048  # OpenSSL refuses shorter ones at its default security level

MAX_PEM = 256 << 10  # bytes of a certificate file, or of a key file

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey


class Files(NamedTuple):
    """Where an identity comes from."""

    certificate: Path
    key: Path


class IdentityError(Exception):
    """A certificate or key of ours that cannot be used: the reason code, and which of the two files is at fault."""

    def __init__(self, code: Code, part: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.part = part  # "certificate" | "key"


@dataclass(frozen=True, slots=True)
class Identity:
    """A chain, leaf first, and its key. Good as far as files go; `fault` says whether it is good now."""

    chain: tuple[x509.Certificate, ...]
    key: PrivateKey = field(repr=False)
    names: tuple[str, ...]  # as they stand in the certificate
    sip_names: frozenset[Domain]
    not_before: datetime
    not_after: datetime
    purposes: frozenset[x509.ObjectIdentifier] | None  # None: not limited

    @property
    def leaf(self) -> x509.Certificate:
        """Our own certificate."""
        return self.chain[0]

    @property
    def issuer(self) -> str:
        """Who issued the leaf, for people."""
        return self.leaf.issuer.rfc4514_string()

    @property
    def is_ordered(self) -> bool:
        """True if each certificate of the file was issued by the next one."""
        return all(_issued(child, parent) for child, parent in pairwise(self.chain))

    @property
    def allows_server(self) -> bool:
        """True if peers take the certificate from us at all: we ask the same of theirs (`peers.judge`)."""
        return self.purposes is None or not PURPOSES.isdisjoint(self.purposes)

    @property
    def allows_client(self) -> bool:
        """True if strict peers take it from us when we connect to them."""
        return self.purposes is None or not _CLIENT.isdisjoint(self.purposes)

    def speaks_sip_for(self, name: Domain) -> bool:
        """True if a SIP peer takes this certificate as one for ``name``."""
        return name in self.sip_names

    def speaks_xmpp_for(self, name: Domain) -> bool:
        """True if an XMPP peer takes this certificate as one for ``name``."""
        return xmpp_matches(self.leaf, name)

    def fault(self, now: datetime) -> Code | None:
        """C09 before its time, C02 after it. ``now`` is aware of its time zone."""
        if now < self.not_before:
            return Code.C09
        return Code.C02 if now > self.not_after else None


class Identities:
    """All of ours, the default first. The default is also for whoever announces no name, or one that none carries."""

    def __init__(self, default: Identity, others: Iterable[Identity] = ()) -> None:
        self._all = (default, *others)

    @property
    def default(self) -> Identity:
        return self._all[0]

    def __iter__(self) -> Iterator[Identity]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, index: int) -> Identity:
        return self._all[index]

    def has(self, other: Identity) -> bool:
        """Whether what ``other`` shows is shown by one of these."""
        return any(each.chain == other.chain for each in self._all)

    def index_of(self, name: Domain | None) -> int:
        """Which one to show for ``name``: the first that carries it, before those that do by a wildcard."""
        if name is not None:
            for carries in (Identity.speaks_sip_for, Identity.speaks_xmpp_for):
                for index, identity in enumerate(self._all):
                    if carries(identity, name):
                        return index
        return 0

    def of(self, name: Domain | None) -> Identity:
        """The identity of `index_of`."""
        return self._all[self.index_of(name)]


def parse(certificate: bytes, key: bytes) -> Identity:
    """Read a PEM chain (leaf first) and the PEM private key of its leaf. Raises `IdentityError`."""
    chain = _chain(certificate)
    private = private_key(key)
    leaf = chain[0]
    if not _fits(private, leaf):
        if any(_fits(private, other) for other in chain[1:]):
            _refuse(Code.K06, "certificate", "the key fits a later certificate of the file; the leaf must come first")
        _refuse(Code.K06, "key", "the private key does not belong to the certificate")
    return Identity(
        chain=chain,
        key=private,
        names=presented(leaf),
        sip_names=sip_names(leaf),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        purposes=purposes(leaf),
    )


def authorities(bundle: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM trust bundle. Raises `IdentityError` (part "certificate") if there is none."""
    return _certificates(bundle)


def private_key(pem: bytes) -> PrivateKey:
    """A PEM private key that TLS can use. Raises `IdentityError` (part "key")."""
    if b"-----BEGIN " not in pem or b"PRIVATE KEY-----" not in pem:
        _refuse(Code.K04, "key", "there is no PEM private key in the file")
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        _refuse(Code.K04, "key", "the private key is protected by a passphrase")
    except (ValueError, UnsupportedAlgorithm):
        _refuse(Code.K04, "key", "the private key is damaged or of an unknown kind")
    if not isinstance(key, PrivateKey):
        _refuse(Code.K02, "key", "TLS has no use for a private key of this kind; use RSA or an elliptic curve")
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < MIN_RSA_BITS:
        _refuse(Code.K02, "key", f"the RSA key has {key.key_size} bits; at least {MIN_RSA_BITS} are needed")
    return key


# -- private ---------------------------------------------------------------------------------------------------------

_CLIENT = frozenset({ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE})


def _refuse(code: Code, part: str, text: str) -> NoReturn:
    raise IdentityError(code, part, text)


def _certificates(pem: bytes) -> tuple[x509.Certificate, ...]:
    begun = pem.count(b"-----BEGIN CERTIFICATE-----")
    if not begun:
        _refuse(Code.K04, "certificate", "there is no PEM certificate in the file")
    try:
        with warnings.catch_warnings():  # old roots break today's rules in ways that do not matter
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            found = tuple(x509.load_pem_x509_certificates(pem))
    except (ValueError, x509.InvalidVersion):
        found = ()
    if len(found) != begun:  # a file that is being written ends in the middle of one
        _refuse(Code.K04, "certificate", "a certificate in the file is damaged")
    return found


def _chain(pem: bytes) -> tuple[x509.Certificate, ...]:
    chain = _certificates(pem)
    if len(chain) > MAX_CHAIN:
        _refuse(Code.K04, "certificate", f"there are more than {MAX_CHAIN} certificates in the file")
    return chain


def _fits(key: PrivateKey, certificate: x509.Certificate) -> bool:
    try:
        return certificate.public_key() == key.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return False


def _issued(child: x509.Certificate, parent: x509.Certificate) -> bool:
    try:
        child.verify_directly_issued_by(parent)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
