"""What issuers say: OCSP responses and lists, good and bad, and certificates that name where they are."""

from collections.abc import Iterable
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from tests.certificates.made import DAY, NOW, Made, authority, dns, make, uri

OCSP, CRL = "http://ocsp.ca.example/", "http://crl.ca.example/r.crl"
GOOD, REVOKED, UNKNOWN = ocsp.OCSPCertStatus.GOOD, ocsp.OCSPCertStatus.REVOKED, ocsp.OCSPCertStatus.UNKNOWN

ROOT = authority("Root", number=1)
STRANGER = authority("Stranger", number=2)


def answering(url: str = OCSP) -> x509.AuthorityInformationAccess:
    return x509.AuthorityInformationAccess([x509.AccessDescription(AuthorityInformationAccessOID.OCSP, uri(url))])


def listing(url: str = CRL) -> x509.CRLDistributionPoints:
    return x509.CRLDistributionPoints([x509.DistributionPoint([uri(url)], None, None, None)])


def leaf(*extensions: x509.ExtensionType, number: int = 9, issuer: Made = ROOT) -> Made:
    return make(dns("b.example"), issuer=issuer, number=number, extensions=extensions)


def response(
    about: Made,
    status: ocsp.OCSPCertStatus = GOOD,
    *,
    issuer: Made = ROOT,
    signer: Made | None = None,
    since: datetime = NOW,
    until: datetime | None = NOW + DAY,
) -> bytes:
    """The answer about one certificate. ``signer`` is who has signed it, if not the issuer."""
    revoked = status is REVOKED
    by = signer or issuer
    built = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            about.certificate, issuer.certificate, hashes.SHA1(), status, since, until,
            since if revoked else None, x509.ReasonFlags.key_compromise if revoked else None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, by.certificate)
    )
    if signer is not None:
        built = built.certificates([signer.certificate])
    return built.sign(by.key, hashes.SHA256()).public_bytes(Encoding.DER)


def responder(issuer: Made = ROOT, *, eku: bool = True, ends: datetime = NOW + DAY) -> Made:
    """Somebody whom the issuer has appointed to answer, unless he lacks the ``eku``."""
    purposes = (ExtendedKeyUsageOID.OCSP_SIGNING,) if eku else (ExtendedKeyUsageOID.SERVER_AUTH,)
    return make(subject="responder", issuer=issuer, eku=purposes, number=8, ends=ends, begins=NOW - 2 * DAY)


def crl(
    revoked: Iterable[Made] = (),
    *,
    issuer: Made = ROOT,
    signer: Made | None = None,
    since: datetime = NOW,
    until: datetime = NOW + DAY,
    extensions: Iterable[tuple[x509.ExtensionType, bool]] = (),
    encoding: Encoding = Encoding.DER,
) -> bytes:
    built = x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject)
    built = built.last_update(since).next_update(until)
    for each in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(each.certificate.serial_number).revocation_date(since)
        built = built.add_revoked_certificate(entry.build())
    for extension, critical in extensions:
        built = built.add_extension(extension, critical)
    return built.sign((signer or issuer).key, hashes.SHA256()).public_bytes(encoding)


def scope(
    url: str | None = None,
    *,
    some: bool = False,
    indirect: bool = False,
    users: bool = False,
    authorities: bool = False,
) -> x509.IssuingDistributionPoint:
    return x509.IssuingDistributionPoint(
        full_name=[uri(url)] if url else None,
        relative_name=None,
        only_contains_user_certs=users,
        only_contains_ca_certs=authorities,
        only_some_reasons=frozenset({x509.ReasonFlags.key_compromise}) if some else None,
        indirect_crl=indirect,
        only_contains_attribute_certs=False,
    )
