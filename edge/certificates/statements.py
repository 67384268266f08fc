"""What issuers say about certificates they have issued: OCSP responses (RFC 6960) and revocation lists (RFC 5280 §5).

Pure: bytes that somebody has fetched, or that came with a handshake, become a `Statement` or a `Crl`, if the right one
signed them and they are of now. Called by `edge.certificates.revocation`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

SKEW = timedelta(minutes=5)  # by which an issuer's clock may be ahead of ours
WITHOUT_END = timedelta(days=1)  # how long we believe a statement that does not say how long it holds
LONGEST = timedelta(days=30)  # how long we believe any statement (private authorities issue lists for years)
URLS = 4  # addresses of one kind that we look at in one certificate


class StatementError(Exception):
    """A response or a list that says nothing: damaged, of another issuer, or of another time."""


@dataclass(frozen=True, slots=True)
class Statement:
    """Whether one certificate is revoked, and from when to when that is so."""

    revoked: bool
    source: str  # "staple" | "ocsp" | "crl"
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Crl:
    """A list of revoked certificates whose signature is good."""

    list: x509.CertificateRevocationList
    since: datetime
    until: datetime

    def about(self, certificate: x509.Certificate) -> Statement | None:
        """What the list says: who is not on it is not revoked, if he could be on it (RFC 5280 §6.3)."""
        try:
            found = self.list.get_revoked_certificate_by_serial_number(certificate.serial_number)
        except ValueError:  # a negative number, which no list can hold
            return None
        if found is None and not _covers(self.list, certificate):
            return None
        return Statement(found is not None, "crl", self.since, self.until)


def ocsp_request(certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
    """The question about one certificate (RFC 6960 §4.1). Raises `StatementError` if it cannot be asked.

    Names are hashed by SHA-1, because responders look their answers up by it; nothing rests on it.
    """
    try:
        built = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1()).build()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise StatementError(f"no question can be made: {error}") from None
    return built.public_bytes(Encoding.DER)


def read_ocsp(
    content: bytes, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime, source: str = "ocsp"
) -> Statement:
    """The answer about one certificate (RFC 6960 §3.2). Raises `StatementError` if it is none."""
    try:
        response = ocsp.load_der_ocsp_response(content)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise StatementError(f"the responder says {response.response_status.name.lower()}")
        answers = [each for each in response.responses if _is_about(each, certificate, issuer)]
        if len(answers) != 1:
            raise StatementError("the response is about another certificate")
        _check_signature(response, issuer, now)
        answer = answers[0]
        if answer.certificate_status is ocsp.OCSPCertStatus.UNKNOWN:
            raise StatementError("the responder does not know the certificate")
        since, until = _period(answer.this_update_utc, answer.next_update_utc, now)
        return Statement(answer.certificate_status is ocsp.OCSPCertStatus.REVOKED, source, since, until)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise StatementError(f"the response cannot be read: {error}") from None


def read_crl(content: bytes, issuer: x509.Certificate, now: datetime, url: str = "") -> Crl:
    """A list in DER or PEM (RFC 5280 §6.3), fetched from ``url``. Raises `StatementError` if it is not ``issuer``'s."""
    found = parse_crl(content)
    check_crl(found, issuer, url)
    since, until = _period(found.last_update_utc, found.next_update_utc, now)
    return Crl(found, since, until)


def parse_crl(content: bytes) -> x509.CertificateRevocationList:
    """A list as such, whoever has signed it. Raises `StatementError`."""
    try:
        is_pem = content.lstrip()[:11] == b"-----BEGIN "
        found = x509.load_pem_x509_crl(content) if is_pem else x509.load_der_x509_crl(content)
        found.issuer.rfc4514_string()
        _check_scope(found)
    except _MALFORMED as error:
        raise StatementError(f"the list cannot be read: {error}") from None
    return found


def check_crl(found: x509.CertificateRevocationList, issuer: x509.Certificate, url: str = "") -> None:
    """Raises `StatementError` if it is not ``issuer``'s, or that of another address than the ``url`` it came from."""
    try:
        if found.issuer != issuer.subject:
            raise StatementError("the list is of another issuer")
        if not _may(issuer, "crl_sign") or not found.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]
            raise StatementError("the signature of the list is not its issuer's")
        named = _addresses(found)
    except _MALFORMED as error:
        raise StatementError(f"the list cannot be read: {error}") from None
    if named and url and url not in named:
        raise StatementError("the list is that of another address")


def ocsp_urls(certificate: x509.Certificate) -> list[str]:
    """Where a certificate says that its issuer answers (RFC 5280 §4.2.2.1)."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except _NONE:
        return []
    return _urls([each.access_location for each in found if each.access_method == AuthorityInformationAccessOID.OCSP])


def crl_urls(certificate: x509.Certificate) -> list[str]:
    """Where a certificate says that its issuer's list is (RFC 5280 §4.2.1.13)."""
    return _urls([name for point in _points(certificate) for name in point.full_name or ()])


# -- private ---------------------------------------------------------------------------------------------------------

_NONE = (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError, TypeError)
_MALFORMED = (
    *(ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension),
    x509.UnsupportedGeneralNameType,
)


def _points(certificate: x509.Certificate) -> list[x509.DistributionPoint]:
    """Those at which the whole of what its issuer says about the certificate is to be had."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    except _NONE:
        return []
    return [point for point in found if point.crl_issuer is None and point.reasons is None]


def _urls(names: Sequence[x509.GeneralName]) -> list[str]:
    texts = [name.value for name in names if isinstance(name, x509.UniformResourceIdentifier)]
    return [text for text in texts if text.lower().startswith("http://")][:URLS]


def _period(since: datetime, until: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    end = min(until or since + WITHOUT_END, since + LONGEST)
    if since > now + SKEW:
        raise StatementError(f"it is not valid before {since:%Y-%m-%d %H:%M}")
    if end < now:
        raise StatementError(f"it was valid until {end:%Y-%m-%d %H:%M}")
    return since, end


def _is_about(answer: ocsp.OCSPSingleResponse, certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    if answer.serial_number != certificate.serial_number:
        return False
    try:
        asked = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, answer.hash_algorithm).build()
    except (ValueError, TypeError):
        return False
    return (asked.issuer_name_hash, asked.issuer_key_hash) == (answer.issuer_name_hash, answer.issuer_key_hash)


def _check_signature(response: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime) -> None:
    """The issuer has signed, or one whom it has appointed for that and nothing else (RFC 6960 §4.2.2.2)."""
    for signer in (issuer, *response.certificates[:URLS]):
        if _signed_by(response, signer):
            if signer == issuer or _is_appointed(signer, issuer, now):
                return
            raise StatementError("the response is signed by somebody whom the issuer has not appointed")
    raise StatementError("the signature of the response is nobody's whom we know")


def _is_appointed(responder: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    try:
        purposes = responder.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        responder.verify_directly_issued_by(issuer)
    except (*_NONE, InvalidSignature):
        return False
    within = responder.not_valid_before_utc <= now <= responder.not_valid_after_utc
    return within and ExtendedKeyUsageOID.OCSP_SIGNING in purposes and _may(responder, "digital_signature")


def _signed_by(response: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    key, digest = signer.public_key(), response.signature_hash_algorithm
    signature, content = response.signature, response.tbs_response_bytes
    try:
        if isinstance(key, rsa.RSAPublicKey) and digest is not None:
            key.verify(signature, content, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and digest is not None:
            key.verify(signature, content, ec.ECDSA(digest))
        elif isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
            key.verify(signature, content)
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm):
        return False
    # a responder that is named must be the one (RFC 6960 §4.2.2.3)
    if response.responder_name is not None:
        return response.responder_name == signer.subject
    return response.responder_key_hash == _key_hash(signer)


def _key_hash(certificate: x509.Certificate) -> bytes:
    return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest


def _may(certificate: x509.Certificate, use: str) -> bool:
    try:
        return bool(getattr(certificate.extensions.get_extension_for_class(x509.KeyUsage).value, use))
    except x509.ExtensionNotFound:
        return True
    except _NONE:
        return False


def _check_scope(found: x509.CertificateRevocationList) -> None:
    """Refuse lists that say less than all about the certificates that point to them (RFC 5280 §5.2.5, §5.2.4)."""
    for extension in found.extensions:
        if isinstance(extension.value, x509.IssuingDistributionPoint):
            scope = extension.value
            if scope.only_some_reasons or scope.indirect_crl or scope.only_contains_attribute_certs:
                raise StatementError("the list holds some revocations only")
        elif extension.critical:
            raise StatementError("the list holds changes only, or something that is not understood")


def _scope(found: x509.CertificateRevocationList) -> x509.IssuingDistributionPoint | None:
    values = (each.value for each in found.extensions)
    return next((value for value in values if isinstance(value, x509.IssuingDistributionPoint)), None)


def _addresses(found: x509.CertificateRevocationList) -> list[str]:
    """Where a list says that it is to be had: issuers with many certificates have several, each for some of them."""
    scope = _scope(found)
    return [] if scope is None else _urls(list(scope.full_name or ()))


def _covers(found: x509.CertificateRevocationList, certificate: x509.Certificate) -> bool:
    """Whether the certificate would be on the list if it were revoked."""
    scope = _scope(found)
    if scope is None:
        return True
    is_authority = _is_authority(certificate)
    if (scope.only_contains_user_certs and is_authority) or (scope.only_contains_ca_certs and not is_authority):
        return False
    if scope.full_name is None and scope.relative_name is None:
        return True
    names = set(scope.full_name or ())
    return any(
        point.relative_name == scope.relative_name and not (names and names.isdisjoint(point.full_name or ()))
        for point in _points(certificate)
    )


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except _NONE:
        return False
