"""How far a system's certificates are believed, beyond its trust bundle: purposes, names, pins, revocation.

Values of the configuration (`edge.partners.System.trust`), read by `edge.certificates.verdict` for each handshake. A
pin is the SHA-256 of a public key as it stands in a certificate (RFC 7469 §2.4), written "sha256/" and Base64, as
`edge cert pin` prints it.
"""

import binascii
from base64 import b64decode, b64encode
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

EKU = ("server", "strict", "any")
NAMES = ("san", "san-or-cn")
REVOCATION = ("off", "soft", "hard")

PIN_PREFIX = "sha256/"
PIN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Trust:
    """What a system's certificate must be besides well issued.

    ``eku`` "server": the purpose of a server is enough in either direction; "strict": that of its part in the
    connection; "any": none is asked for. ``names`` "san-or-cn": one without any subject alternative name may name
    itself in its common name. ``pins``: if there are any, one must be that of a key in the chain, and the pin of the
    leaf's own key stands in for its issuer. ``revocation`` "soft": what cannot be found out is let pass.
    """

    eku: str = "server"  # "server" | "strict" | "any"
    names: str = "san"  # "san" | "san-or-cn"
    pins: frozenset[str] = frozenset()
    revocation: str = "soft"  # "off" | "soft" | "hard"


def fingerprint_of(certificate: x509.Certificate) -> str:
    """The SHA-256 of a whole certificate, as openssl prints it but in lower case and without colons."""
    return certificate.fingerprint(SHA256()).hex()


def serial_of(certificate: x509.Certificate) -> str:
    """The serial number of a certificate as openssl prints it: whole octets in capitals, most significant first."""
    digits = f"{certificate.serial_number:X}"
    return digits.zfill(len(digits) + len(digits) % 2)


def pin_of(certificate: x509.Certificate) -> str:
    """The pin of a certificate's key; "" if the key is of a kind that cannot be read."""
    try:
        spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return ""
    digest = Hash(SHA256())
    digest.update(spki)
    return PIN_PREFIX + b64encode(digest.finalize()).decode()


def parse_pin(text: str) -> str:
    """A pin as somebody wrote it, in its one form. Raises `ValueError` with a sentence."""
    if not text.startswith(PIN_PREFIX):
        raise ValueError(f'a pin begins with "{PIN_PREFIX}"')
    try:
        digest = b64decode(text.removeprefix(PIN_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("what follows in the pin is no Base64") from None
    if len(digest) != PIN_BYTES:
        raise ValueError(f"a pin has {PIN_BYTES} bytes, which are 44 characters of Base64; this has {len(digest)}")
    return PIN_PREFIX + b64encode(digest).decode()
