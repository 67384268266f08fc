"""What we ask an issuer for."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

from edge.certificates.csr import csr, key_pem, new_key, wanted_names
from edge.certificates.peers import presented, sip_names, xmpp_matches
from edge.domains import Domain, domain
from edge.partners import System
from tests.certificates.made import CLIENT, NOW, SERVER, authority

NAMES = (Domain("edge.example"), Domain("a.example"), domain("bücher.example"))
ROOT = authority("Root", number=1)
KEY = ec.generate_private_key(ec.SECP256R1())


def issued(request: bytes) -> x509.Certificate:
    """The certificate that an issuer would make of a request."""
    asked = x509.load_pem_x509_csr(request)
    assert asked.is_signature_valid
    built = x509.CertificateBuilder().subject_name(asked.subject).issuer_name(ROOT.certificate.subject)
    built = built.public_key(asked.public_key()).serial_number(7).not_valid_before(NOW).not_valid_after(NOW)
    for extension in asked.extensions:
        built = built.add_extension(extension.value, extension.critical)
    return built.sign(ROOT.key, None if isinstance(ROOT.key, ed25519.Ed25519PrivateKey) else hashes.SHA256())


def test_request_carries_every_name_and_the_first_as_common_name() -> None:
    certificate = issued(csr(NAMES, KEY))
    (name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == "edge.example"
    assert presented(certificate) == ("edge.example", "a.example", "xn--bcher-kva.example")
    assert sip_names(certificate) == set(NAMES)
    assert set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == {SERVER, CLIENT}


def test_request_carries_xmpp_names_when_they_are_wanted() -> None:
    certificate = issued(csr(NAMES, KEY, xmpp_addresses=True, srv_names=True))
    assert presented(certificate)[3:] == (
        "edge.example", "a.example", "bücher.example",
        "_xmpp-server.edge.example", "_xmpp-server.a.example", "_xmpp-server.xn--bcher-kva.example",
    )
    assert all(xmpp_matches(certificate, name) for name in NAMES)


def test_name_too_long_for_a_subject_stands_among_the_others_alone() -> None:
    long = Domain("a" * 60 + ".example")
    certificate = issued(csr([long], KEY))
    assert certificate.subject == x509.Name([]) and presented(certificate) == (long,)


@pytest.mark.parametrize(("kind", "expected"), [("ec", ec.EllipticCurvePrivateKey), ("rsa", rsa.RSAPrivateKey)])
def test_key_is_of_the_kind_that_was_asked_for(kind: str, expected: type) -> None:
    key = new_key(kind)
    assert isinstance(key, expected) and isinstance(load_pem_private_key(key_pem(key), None), expected)
    assert x509.load_pem_x509_csr(csr(NAMES, key)).is_signature_valid


def test_key_that_has_its_own_digest_signs_too() -> None:
    assert x509.load_pem_x509_csr(csr(NAMES, ed25519.Ed25519PrivateKey.generate())).is_signature_valid


def test_names_are_those_for_which_we_speak_over_tls() -> None:
    office = System(name="office", inside=True, protocol="xmpp", domains=(Domain("a.example"),), link="component")
    house = System(name="house", inside=True, protocol="sip", domains=(Domain("h.example"),))
    contoso = System(name="contoso", inside=False, protocol="sip", domains=(Domain("contoso.com"),))
    jabber = System(name="jabber", inside=False, protocol="xmpp", domains=(Domain("j.example"),), link="s2s")
    wanted = wanted_names(Domain("edge.example"), [office, house, contoso, jabber])
    assert wanted == ("edge.example", "a.example", "h.example")
