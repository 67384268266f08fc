"""Made-up certificates of every wrong kind, and what OpenSSL says about them in a real handshake."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID
from OpenSSL import SSL, crypto

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)

SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
ANY, MAIL = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE, ExtendedKeyUsageOID.EMAIL_PROTECTION
SIP_DOMAIN = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.20")

SRV_NAME = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.7")
XMPP_ADDR = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.5")


@cache
def key(number: int = 0) -> ec.EllipticCurvePrivateKey:
    """Key number ``number``: the same in the whole test run."""
    return ec.generate_private_key(ec.SECP256R1())


Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Made:
    certificate: x509.Certificate
    key: Key

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return key_pem(self.key)


def key_pem(private: Key) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def make(
    *names: x509.GeneralName,
    subject: str | x509.Name = "leaf",
    issuer: Made | None = None,
    is_authority: bool = False,
    eku: Sequence[x509.ObjectIdentifier] | None = (SERVER,),
    raw_san: bytes | None = None,
    raw_eku: bytes | None = None,
    says_issuer: bool = False,
    begins: datetime = NOW - DAY,
    ends: datetime = NOW + 60 * DAY,
    number: int = 0,
    own: Key | None = None,
    serial: int | None = None,
    extensions: Sequence[x509.ExtensionType] = (),
) -> Made:
    """A certificate, signed by ``issuer`` or by itself. ``raw_san`` is the inside of the extension's SEQUENCE."""
    own = own or key(number)
    name = subject if isinstance(subject, x509.Name) else named(subject)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if issuer else name)
        .public_key(own.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    for oid, raw in (("2.5.29.17", raw_san), ("2.5.29.37", raw_eku)):
        if raw is not None:
            unread = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), tlv(0x30, raw))
            builder = builder.add_extension(unread, critical=False)
    if eku is not None and raw_eku is None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(eku), critical=False)
    if says_issuer:
        where = x509.AccessDescription(
            AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier("http://ca.example/i.cer")
        )
        builder = builder.add_extension(x509.AuthorityInformationAccess([where]), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return Made(builder.sign(issuer.key if issuer else own, hashes.SHA256()), own)


def authority(subject: str, *, issuer: Made | None = None, number: int, **more: object) -> Made:
    """A root or an intermediate. It has no extended key usage unless ``eku`` is given."""
    more.setdefault("eku", None)
    return make(subject=subject, issuer=issuer, is_authority=True, number=number, **more)  # type: ignore[arg-type]


def named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)] if text else [])


def tlv(tag: int, value: bytes) -> bytes:
    """DER: tag, length, value."""
    size = len(value)
    length = bytes([size]) if size < 128 else bytes([0x82, size >> 8, size & 0xFF])
    return bytes([tag]) + length + value


def dns(text: str) -> x509.DNSName:
    return x509.DNSName(text)


def uri(text: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(text)


def srv(text: str) -> x509.OtherName:
    return x509.OtherName(SRV_NAME, tlv(0x16, text.encode("ascii")))


def xmpp_addr(text: str) -> x509.OtherName:
    return x509.OtherName(XMPP_ADDR, tlv(0x0C, text.encode()))


def seen_by_openssl(chain: Sequence[Made], trusted: Made, *, accepting: bool) -> list[tuple[int, int]]:
    """The (depth, error) pairs that the verifying side of a handshake records about ``chain``.

    ``accepting`` says which side verifies: the server looking at a client's certificate, or the other way round.
    """
    errors: list[tuple[int, int]] = []

    def note(connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int) -> bool:
        if error:
            errors.append((depth, error))
        return True

    judge, shown = SSL.Context(SSL.TLS_METHOD), SSL.Context(SSL.TLS_METHOD)
    server = make(dns("judge.example"), number=9)
    judge.use_certificate(server.certificate)
    judge.use_privatekey(server.key)
    store = judge.get_cert_store()
    assert store is not None
    store.add_cert(crypto.X509.from_cryptography(trusted.certificate))
    judge.set_verify(SSL.VERIFY_PEER, note)
    shown.use_certificate(chain[0].certificate)
    shown.use_privatekey(chain[0].key)
    for each in chain[1:]:
        shown.add_extra_chain_cert(each.certificate)
    ours, theirs = SSL.Connection(judge, None), SSL.Connection(shown, None)
    (ours.set_accept_state if accepting else ours.set_connect_state)()
    (theirs.set_connect_state if accepting else theirs.set_accept_state)()
    for _ in range(6):
        for one, other in ((ours, theirs), (theirs, ours)):
            with suppress(SSL.WantReadError):
                one.do_handshake()
            with suppress(SSL.WantReadError):
                other.bio_write(one.bio_read(1 << 16))
    assert ours.get_peer_certificate(as_cryptography=True) == chain[0].certificate
    return errors
