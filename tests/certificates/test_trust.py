"""Pins: made from a key, and read as people write them."""

import base64
import hashlib
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edge.certificates.trust import Trust, fingerprint_of, parse_pin, pin_of, serial_of
from tests.certificates.made import DAY, NOW, key, make, named


def test_pin_is_the_digest_of_the_key_and_of_nothing_else() -> None:
    first, renewed, other = make(number=1), make(subject="renewed", number=1), make(number=2)
    spki = first.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert pin_of(first.certificate) == "sha256/" + base64.b64encode(hashlib.sha256(spki).digest()).decode()
    assert pin_of(renewed.certificate) == pin_of(first.certificate) != pin_of(other.certificate)


def test_serial_number_is_printed_as_openssl_does() -> None:
    for number in (0x7, 0x4D2, 0xFEDCBA9876543210, 0x1FEDCBA98765):
        builder = x509.CertificateBuilder(
            named("x"), named("x"), key().public_key(), number, NOW - DAY, NOW + DAY,
        )
        certificate = builder.sign(key(), hashes.SHA256())
        pem = certificate.public_bytes(Encoding.PEM)
        said = subprocess.run(
            ["openssl", "x509", "-noout", "-serial"], input=pem, capture_output=True, check=True, timeout=30
        ).stdout.decode()
        assert said.strip() == f"serial={serial_of(certificate)}"


def test_fingerprint_is_that_of_the_whole_certificate() -> None:
    made = make()
    assert fingerprint_of(made.certificate) == hashlib.sha256(made.certificate.public_bytes(Encoding.DER)).hexdigest()


def test_pin_is_read_as_it_is_printed() -> None:
    pin = pin_of(make().certificate)
    assert parse_pin(pin) == pin and len(pin) == len("sha256/") + 44


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "begins with"),
        ("sha1/" + "A" * 28, "begins with"),
        ("sha256/REPLACE-WITH-44-CHARACTERS-FROM-edge-cert-pin=", "no Base64"),
        ("sha256/" + "A" * 40, "has 30"),
        ("sha256/" + "A" * 43, "no Base64"),
        ("sha256/" + "A" * 42 + "=\n", "no Base64"),
    ],
)
def test_what_is_no_pin_is_refused_with_a_sentence(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_pin(text)


def test_trust_asks_for_a_server_purpose_and_a_real_name_unless_told_otherwise() -> None:
    assert Trust() == Trust("server", "san", frozenset(), "soft")
