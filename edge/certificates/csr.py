"""A request for a certificate that carries everything we speak for.

`edge cert csr` calls this. The host name comes first and is the common name too, because old Access Edges compare
nothing else (RFC 5922 §7.1 allows that where there is no other name); requests are those of RFC 2986.
"""

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge.certificates.identity import PrivateKey
from edge.certificates.peers import ID_ON_DNS_SRV, ID_ON_XMPP_ADDR, XMPP_SERVICE
from edge.domains import Domain, unicode
from edge.partners import Directory, System

RSA_BITS = 3072  # as strong as the curve; 2048 is what is asked for at least (RFC 9325 §4.5)
MAX_COMMON_NAME = 64  # characters (RFC 5280 §A.1)


def new_key(kind: str) -> PrivateKey:
    """A fresh key, "ec" (P-256) or "rsa"."""
    if kind == "rsa":
        return rsa.generate_private_key(65537, RSA_BITS)
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: PrivateKey) -> bytes:
    """The key as it belongs into its file."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def wanted_names(name: Domain, systems: Sequence[System]) -> tuple[Domain, ...]:
    """Our host name, and every domain for which we speak to a partner or a system over TLS, each once."""
    directory = Directory(systems)
    found = {name: None}
    for system in systems:
        if system.link != "component" and not (system.inside and system.link == "tls"):
            found.update(dict.fromkeys(directory.opposite(system)))
    return tuple(found)


def csr(
    names: Sequence[Domain], key: PrivateKey, *, xmpp_addresses: bool = False, srv_names: bool = False
) -> bytes:
    """A request in PEM for ``names``, the first of which is the common name.

    ``xmpp_addresses`` (RFC 6120 §13.7.1.4) and ``srv_names`` (RFC 4985 §2) are for private authorities: public issuers
    refuse what they do not know.
    """
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    if xmpp_addresses:
        alternatives += [x509.OtherName(ID_ON_XMPP_ADDR, asn1.encode_der(unicode(name))) for name in names]
    if srv_names:
        services = [asn1.IA5String(f"{XMPP_SERVICE}.{name}") for name in names]
        alternatives += [x509.OtherName(ID_ON_DNS_SRV, asn1.encode_der(service)) for service in services]
    has_room = len(names[0]) <= MAX_COMMON_NAME
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])] if has_room else [])
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    built = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(subject)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    )
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) else hashes.SHA256()
    return built.sign(key, digest).public_bytes(Encoding.PEM)
