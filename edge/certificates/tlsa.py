"""DANE (RFC 6698, RFC 7673): what DNS says of the certificates that a server shows.

`edge.net.proofs` asks DNS, and judges by what is here. Whether the answers can be believed is its affair.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256, SHA512, Hash
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from OpenSSL import crypto

TLSA = 52  # the type of the record (RFC 6698 §7.1)
PKIX_TA, PKIX_EE, DANE_TA, DANE_EE = range(4)  # RFC 6698 §2.1.1
WHOLE, SHA_256, SHA_512 = range(3)  # RFC 6698 §2.1.3
MAX_RECORDS = 16  # of one server; each may cost a signature check

_HASHES = {SHA_256: SHA256, SHA_512: SHA512}


class TlsaError(Exception):
    """There are no records."""


@dataclass(frozen=True, slots=True)
class Record:
    """One TLSA record (RFC 6698 §2.1)."""

    usage: int
    selector: int  # 0: the certificate, 1: its key
    matching: int
    data: bytes

    def means(self, certificate: x509.Certificate) -> bool:
        """Whether it is about this certificate."""
        try:
            if self.selector == 0:
                told = certificate.public_bytes(Encoding.DER)
            elif self.selector == 1:
                told = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            else:
                return False
        except (ValueError, TypeError, UnsupportedAlgorithm):  # a key of a kind that cannot be read
            return False
        if self.matching == WHOLE:
            return told == self.data
        if self.matching not in _HASHES:
            return False
        digest = Hash(_HASHES[self.matching]())
        digest.update(told)
        return digest.finalize() == self.data


def read(data: bytes) -> Record | None:
    """The record as it stands in an answer; None if it is none."""
    return Record(data[0], data[1], data[2], data[3:]) if len(data) > 3 else None


def proves(
    records: Sequence[Record],
    chain: Sequence[x509.Certificate],
    *,
    well_issued: bool,
    well_named: bool,
    path: Sequence[x509.Certificate] = (),
) -> bool:
    """Whether one of the records makes the first certificate of ``chain``, as it was sent, that of the server.

    ``path`` is what was made of it: the root need not have been sent. Whoever may be meant by a record for an issuer
    must have signed in it: anybody can send anybody's certificate along.
    ``well_issued``: it would do without DANE, which PKIX-TA and PKIX-EE want besides. ``well_named``: it carries the
    domain or the host of the server, which DANE-TA wants; with DANE-EE the record alone counts (RFC 7671 §5.1).
    """
    every = tuple(dict.fromkeys((*chain, *path)))
    return any(_proves(record, every, well_issued, well_named, len(chain)) for record in records[:MAX_RECORDS])


# -- private ---------------------------------------------------------------------------------------------------------


def _proves(
    record: Record, chain: Sequence[x509.Certificate], well_issued: bool, well_named: bool, sent: int
) -> bool:
    if not chain:
        return False
    if record.usage == DANE_EE:
        return record.means(chain[0])
    if record.usage == PKIX_EE:
        return well_issued and record.means(chain[0])
    if record.usage == PKIX_TA and well_issued:
        issuers = chain[1:]
    elif record.usage == DANE_TA and well_named:
        issuers = chain[1:sent]
    else:
        return False
    return any(_leads_to(chain, issuer) for issuer in issuers if record.means(issuer))


def _leads_to(chain: Sequence[x509.Certificate], anchor: x509.Certificate) -> bool:
    """Whether the chain is good if ``anchor`` alone is trusted, which need not be a root (RFC 7671 §5.2)."""
    store = crypto.X509Store()
    store.add_cert(crypto.X509.from_cryptography(anchor))
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    leaf, *others = [crypto.X509.from_cryptography(each) for each in chain]
    try:
        crypto.X509StoreContext(store, leaf, others).verify_certificate()
    except crypto.X509StoreContextError:
        return False
    return True
