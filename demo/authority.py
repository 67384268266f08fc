"""A throw-away certificate authority for the demo and the tests; never for a system that others reach.

    certs = Authority("Demo CA")
    edge = certs.issue("edge.example", dns=["edge.example"])
    edge.write(folder, "edge")                  # edge.pem (leaf, then intermediates) and edge.key

Run as ``python -m demo.authority FOLDER NAME...`` it writes an authority and one certificate of these DNS
names into FOLDER, unless FOLDER has a certificate already.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

BACKDATED = timedelta(days=1)  # for peers whose clock is behind
LIFETIME = timedelta(days=90)  # far dates crash some peers: ejabberd arms a timer for them
PURPOSES = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}
SRV_NAME = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.7")  # RFC 4985 §2, an IA5String
XMPP_ADDR = x509.ObjectIdentifier("1.3.6.1.5.5.7.8.5")  # RFC 6120 §13.7.1.4, a UTF8String
IA5STRING, UTF8STRING = 0x16, 0x0C

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with the intermediates above it, and its private key; all PEM."""

    chain: bytes
    key: bytes

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Write ``name``.pem and ``name``.key (readable by the owner only); returns both paths."""
        folder.mkdir(parents=True, exist_ok=True)
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        certificate.write_bytes(self.chain)
        key.touch(mode=0o600)
        key.write_bytes(self.key)
        return certificate, key


class Authority:
    """A root, or with ``parent`` an intermediate below one. `pem` is its own certificate."""

    def __init__(self, name: str, *, parent: "Authority | None" = None) -> None:
        self._key = _new_key("ec")
        self._subject = _subject(name)
        builder = _builder(self._subject, self._key, None, None)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(self._key, authority=True), critical=True)
        self.pem = _sign(builder, self._key, parent)
        self._chain: bytes = self.pem + parent._chain if parent else b""  # what a peer that knows the root needs

    def intermediate(self, name: str) -> "Authority":
        """An authority below this one; what it issues carries the whole chain but the root."""
        return Authority(name, parent=self)

    def issue(
        self,
        common_name: str = "",
        *,
        dns: Sequence[str] = (),
        uris: Sequence[str] = (),
        srv: Sequence[str] = (),
        xmpp_addrs: Sequence[str] = (),
        eku: Sequence[str] | None = ("server", "client"),
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        key: str = "ec",
    ) -> Issued:
        """Issue a certificate. ``srv`` are SRV-IDs ("_xmpp-server.example"), ``key`` is "ec" or "rsa"."""
        names = _names(dns, uris, srv, xmpp_addrs)
        return _issue(self, common_name, names, eku, (not_before, not_after), key)


def self_signed(
    common_name: str,
    *,
    dns: Sequence[str] = (),
    uris: Sequence[str] = (),
    eku: Sequence[str] | None = ("server", "client"),
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    key: str = "ec",
) -> Issued:
    """A certificate nobody vouches for."""
    return _issue(None, common_name, _names(dns, uris, (), ()), eku, (not_before, not_after), key)


def main(arguments: Sequence[str]) -> int:
    folder, names = Path(arguments[0]), list(arguments[1:])
    if (folder / "edge.pem").exists():
        return 0
    authority = Authority("Throw-away CA of the edge demo")
    authority.issue(names[0], dns=names).write(folder, "edge")
    (folder / "ca.pem").write_bytes(authority.pem)
    print(f"wrote a throw-away authority and a certificate for {', '.join(names)} into {folder}{os.sep}")
    return 0


def _issue(
    issuer: Authority | None,
    common_name: str,
    names: list[x509.GeneralName],
    eku: Sequence[str] | None,
    validity: tuple[datetime | None, datetime | None],
    kind: str,
) -> Issued:
    key = _new_key(kind)
    builder = _builder(_subject(common_name), key, *validity)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_key_usage(key, authority=False), critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=not common_name)
    if eku is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([PURPOSES[use] for use in eku]), critical=False)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Issued(_sign(builder, key, issuer) + (issuer._chain if issuer else b""), private)


def _new_key(kind: str) -> Key:
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def _subject(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])


def _builder(
    subject: x509.Name, key: Key, not_before: datetime | None, not_after: datetime | None
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before or min(now, not_after or now) - BACKDATED)
        .not_valid_after(not_after or max(now, not_before or now) + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _sign(builder: x509.CertificateBuilder, key: Key, issuer: Authority | None) -> bytes:
    """Sign with the issuer's key, or with the certificate's own; returns PEM."""
    signer = issuer._key if issuer else key
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    builder = builder.add_extension(above, critical=False)
    subject = issuer._subject if issuer else builder._subject_name
    assert subject is not None
    return builder.issuer_name(subject).sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _key_usage(key: Key, *, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=isinstance(key, rsa.RSAPrivateKey),
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _names(
    dns: Sequence[str], uris: Sequence[str], srv: Sequence[str], xmpp_addrs: Sequence[str]
) -> list[x509.GeneralName]:
    return [
        *map(x509.DNSName, dns),
        *map(x509.UniformResourceIdentifier, uris),
        *(x509.OtherName(SRV_NAME, _der(IA5STRING, name.encode("ascii"))) for name in srv),
        *(x509.OtherName(XMPP_ADDR, _der(UTF8STRING, name.encode())) for name in xmpp_addrs),
    ]


def _der(tag: int, value: bytes) -> bytes:
    assert len(value) < 128, "only short lengths are needed"
    return bytes([tag, len(value)]) + value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
