"""What a peer's certificate proves: two verifiers kept apart, and the verdict about its chain.

`sip_names` is RFC 5922, `xmpp_matches` is RFC 6120 §13.7 with RFC 9525: they differ in wildcards and in what an
identity is, so neither is ever used for the other protocol. `judge` turns what OpenSSL said about a chain into one
reason code. The subject of a certificate is read for partners that are configured so (``names = "san-or-cn"``), from
the parsed structure, and only where there is no subject alternative name at all. Called by `edge.certificates.verdict`
after a handshake, and by `edge.certificates.identity` for our own certificate.
"""

import ipaddress
from collections.abc import Iterator, Sequence

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID
from service_identity import CertificateError
from service_identity.hazmat import DNS_ID, SRV_ID, DNSPattern, SRVPattern

from edge.codes import Code
from edge.domains import Domain, domain
from edge.errors import RemoteProtocolError

MAX_NAME = 255  # characters of one name in a certificate; DNS allows no longer one
MAX_NAMES = 1000  # names of one certificate; the largest shared certificates of public issuers have a few hundred

ID_ON_XMPP_ADDR = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.5")  # RFC 6120 §13.7.1.4
ID_ON_DNS_SRV = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.7")  # RFC 4985 §2
ID_KP_SIP_DOMAIN = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.20")  # RFC 5924 §4
XMPP_SERVICE = "_xmpp-server"

# A link carries requests both ways, so one purpose is asked for in both directions: that of a server. Public issuers
# grant no clientAuth any more.
PURPOSES = frozenset(
    {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE, ID_KP_SIP_DOMAIN}
)
CLIENT_PURPOSES = PURPOSES - {ExtendedKeyUsageOID.SERVER_AUTH} | {ExtendedKeyUsageOID.CLIENT_AUTH}

# Errors of OpenSSL's chain verification, by the names of its x509_vfy.h.
UNABLE_TO_GET_ISSUER_CERT = 2
CERT_NOT_YET_VALID = 9
CERT_HAS_EXPIRED = 10
UNABLE_TO_GET_ISSUER_CERT_LOCALLY = 20
UNABLE_TO_VERIFY_LEAF_SIGNATURE = 21
INVALID_PURPOSE = 26
EE_KEY_TOO_SMALL, CA_KEY_TOO_SMALL, CA_MD_TOO_WEAK = 66, 67, 68


def sip_names(certificate: x509.Certificate, *, or_subject: bool = False) -> frozenset[Domain]:
    """The SIP domain identities of a certificate (RFC 5922 §7.1).

    Names in ``sip`` URIs are identities; names of type DNS are, if there is no such URI. A wildcard is no name here
    (RFC 5922 §7.2), an IP address never is, and the subject is looked at only if that is wanted (`subject_name`).
    """
    by_uri: set[Domain] = set()
    by_dns: set[Domain] = set()
    for name in _alternatives(certificate):
        if isinstance(name, x509.UniformResourceIdentifier):
            found = _exact(_uri_host(name.value))
            if found is not None:
                by_uri.add(found)
        elif isinstance(name, x509.DNSName):
            found = _exact(name.value)
            if found is not None:
                by_dns.add(found)
    subject = subject_name(certificate) if or_subject else None
    return frozenset(by_uri or by_dns or ([subject] if subject else ()))


def xmpp_matches(certificate: x509.Certificate, name: Domain, *, or_subject: bool = False) -> bool:
    """True if the certificate is good for the XMPP domain ``name`` (RFC 6120 §13.7.1.2, RFC 9525 §6.3).

    DNS names match whole or by a wildcard that is all of the left-most label; SRV names match with the service of
    servers only; addresses of type XmppAddr match whole. A common name that is wanted at all matches whole as well.
    """
    try:
        dns, srv = DNS_ID(name), SRV_ID(f"{XMPP_SERVICE}.{name}")
    except ValueError:  # an IP literal: no certificate speaks for that
        return False
    if any(_matches(alternative, name, dns, srv) for alternative in _alternatives(certificate)):
        return True
    return or_subject and subject_name(certificate) == name


def subject_name(certificate: x509.Certificate) -> Domain | None:
    """The host name in the subject of a certificate that has no subject alternative name at all (RFC 5922 §7.1).

    It must be the only common name. None if there is none of that kind.
    """
    try:
        if any(each.oid == x509.SubjectAlternativeName.oid for each in certificate.extensions):
            return None
        found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except _UNREADABLE:
        return None
    value = found[0].value if len(found) == 1 else ""
    return _exact(value) if isinstance(value, str) else None


def presented(certificate: x509.Certificate) -> tuple[str, ...]:
    """The names a certificate carries, as they stand in it: for people who look for the right one."""
    found = []
    for name in _alternatives(certificate):
        if isinstance(name, x509.DNSName | x509.UniformResourceIdentifier):
            found.append(name.value)
        elif isinstance(name, x509.OtherName) and name.type_id in (ID_ON_XMPP_ADDR, ID_ON_DNS_SRV):
            found.append(_text(name))
    return tuple(text for text in found if 0 < len(text) <= MAX_NAME and text.isprintable())


def purposes(certificate: x509.Certificate) -> frozenset[x509.ObjectIdentifier] | None:
    """The extended key usages of a certificate; None if it has no such extension and so serves for all.

    An extension that cannot be read allows nothing.
    """
    try:
        return frozenset(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return None
    except _UNREADABLE:
        return frozenset()


def issuer_address(certificate: x509.Certificate) -> str | None:
    """Where the certificate of its issuer is to be had, as a certificate says; None if it does not, "" if not as a URI.

    Public issuers, who work through intermediates, write that address into every leaf; private ones hardly ever do.
    """
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, *_UNREADABLE):
        return None
    found = [each.access_location for each in access if each.access_method == AuthorityInformationAccessOID.CA_ISSUERS]
    if not found:
        return None
    uris = (each.value for each in found if isinstance(each, x509.UniformResourceIdentifier))
    return next((uri for uri in uris if uri.isprintable()), "")


def judge(
    errors: Sequence[tuple[int, int]] | None,
    certificate: x509.Certificate | None,
    issuers: Sequence[x509.Certificate] = (),
    *,
    eku: str = "server",
    accepted: bool = False,
    pinned: bool = False,
) -> Code | None:
    """Return why a peer's certificate proves nothing, or None if its chain is good.

    ``errors`` are the (depth, error) pairs of OpenSSL's verification, None if it never ran: a chain nobody verified
    is not trusted. ``issuers`` is the rest of the chain, from the leaf's issuer up. If the leaf is ``pinned`` nobody
    asks who issued it.

    OpenSSL asks for clientAuth on links we ``accepted``; its opinion about purposes is put aside and ours stands. By
    default every certificate of the chain allows serverAuth or any use, or limits nothing (RFC 5924 §5 for
    id-kp-sipDomain); ``eku`` is `edge.certificates.trust.Trust.eku`.
    """
    if certificate is None:
        return Code.T04
    if errors is None:
        return Code.C01
    numbers = {(depth, error) for depth, error in errors if error != INVALID_PURPOSE}
    if pinned:
        issuers = ()
        numbers = {(depth, error) for depth, error in numbers if not depth and error in _OF_THE_LEAF}
    kinds = {error for _, error in numbers}
    if kinds - _DATES - _WEAK:
        return Code.C06 if kinds <= _INCOMPLETE and _stops_short(numbers, certificate) else Code.C01
    if kinds & _WEAK:
        return Code.C11
    if CERT_NOT_YET_VALID in kinds:
        return Code.C09
    if CERT_HAS_EXPIRED in kinds:
        return Code.C02 if (0, CERT_HAS_EXPIRED) in numbers else Code.C07
    if eku == "any":
        return None
    wanted = CLIENT_PURPOSES if eku == "strict" and accepted else PURPOSES
    unseen = not pinned and any(depth > len(issuers) for depth, error in errors if error == INVALID_PURPOSE)
    if unseen or not all(_serves(each, wanted) for each in (certificate, *issuers)):
        return Code.C05
    return None


# -- private ---------------------------------------------------------------------------------------------------------

# What cryptography raises for a certificate with extensions it cannot read; it reads all of them or none.
_UNREADABLE = (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)

_DATES = {CERT_HAS_EXPIRED, CERT_NOT_YET_VALID}
_WEAK = {EE_KEY_TOO_SMALL, CA_KEY_TOO_SMALL, CA_MD_TOO_WEAK}
_OF_THE_LEAF = _DATES | {EE_KEY_TOO_SMALL}
_INCOMPLETE = _DATES | {
    UNABLE_TO_GET_ISSUER_CERT,
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
    UNABLE_TO_VERIFY_LEAF_SIGNATURE,
}


def _alternatives(certificate: x509.Certificate) -> Iterator[x509.GeneralName]:
    """Each subject alternative name; none if the extension is missing or cannot be read."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, *_UNREADABLE):
        return
    for _, name in zip(range(MAX_NAMES), names, strict=False):
        yield name


def _exact(text: str) -> Domain | None:
    """A name as DNS would hold it, or None: no wildcard, no IP address, no trailing dot, nothing beyond ASCII."""
    if not 0 < len(text) <= MAX_NAME or not text.isascii() or text[0] == "[" or text[-1] == ".":
        return None
    try:
        ipaddress.ip_address(text)
    except ValueError:
        try:
            return domain(text)
        except RemoteProtocolError:
            return None
    return None


def _uri_host(uri: str) -> str:
    """The host of a ``sip`` URI without user; "" for anything else (RFC 5922 §7.1)."""
    scheme, _, rest = uri.partition(":")
    if scheme.lower() != "sip" or "@" in rest:
        return ""
    host, _, port = rest.partition(";")[0].partition("?")[0].partition(":")
    return host if port.isdigit() or not port else ""


def _matches(alternative: x509.GeneralName, name: Domain, dns: DNS_ID, srv: SRV_ID) -> bool:
    try:
        if isinstance(alternative, x509.DNSName):
            return _plain(alternative.value) and dns.verify(DNSPattern.from_bytes(alternative.value.encode("ascii")))
        if not isinstance(alternative, x509.OtherName):
            return False
        if alternative.type_id == ID_ON_DNS_SRV:
            text = _text(alternative)
            return _plain(text) and srv.verify(SRVPattern.from_bytes(text.encode("ascii")))
        if alternative.type_id == ID_ON_XMPP_ADDR:
            return domain(_text(alternative)) == name
    except (CertificateError, RemoteProtocolError):
        pass  # a name that means nothing does not spoil the others
    return False


def _plain(text: str) -> bool:
    """False for what service-identity would tidy up or trip over before it compares."""
    return 0 < len(text) <= MAX_NAME and text.isascii() and text == text.strip()


def _text(name: x509.OtherName) -> str:
    """The string in an XmppAddr (UTF8String) or SRVName (IA5String); "" if it is something else."""
    try:
        if name.type_id == ID_ON_DNS_SRV:
            text = asn1.decode_der(asn1.IA5String, name.value).as_str()
        else:
            text = asn1.decode_der(str, name.value)
    except ValueError:
        return ""
    return text if len(text) <= MAX_NAME else ""


def _stops_short(numbers: set[tuple[int, int]], certificate: x509.Certificate) -> bool:
    """True if the chain stops at a leaf that says where its issuer's certificate is to be had.

    OpenSSL cannot tell a missing intermediate from an unknown issuer.
    """
    return not any(depth > 0 for depth, _ in numbers) and issuer_address(certificate) is not None


def _serves(certificate: x509.Certificate, wanted: frozenset[x509.ObjectIdentifier]) -> bool:
    allowed = purposes(certificate)
    return allowed is None or not wanted.isdisjoint(allowed)
