"""What is told of how a stream is protected, and when a certificate counts as changed."""

from datetime import UTC, datetime, timedelta

from cryptography import x509

from demo.authority import Issued
from edge.certificates.contexts import Handshake
from edge.certificates.trust import serial_of
from edge.codes import Code
from edge.domains import Domain
from edge.net.xmpp_security import Certificates, Security
from tests.net.loopback import PUBLIC

THEM, OTHER, US = Domain("xmpp.example"), Domain("other.example"), Domain("sip.example")
ENDS = datetime.now(UTC).replace(microsecond=0) + timedelta(days=9)
ONE, TWO = PUBLIC.issue(dns=[THEM], not_after=ENDS), PUBLIC.issue(dns=[THEM])
ONE_LEAF = x509.load_pem_x509_certificate(ONE.chain)


def shown(issued: Issued | None, fault: Code | None = None) -> Security:
    leaf = None if issued is None else x509.load_pem_x509_certificate(issued.chain)
    return Security.of(Handshake(leaf, (), (), (), True, "TLSv1.3", "TLS_AES_256_GCM_SHA384"), fault)


def test_security_says_what_rfc_7590_asks_for() -> None:
    security = shown(ONE)
    security.proofs[THEM, US] = "external"
    facts = security.facts()
    assert facts["tls_version"] == "TLSv1.3" and facts["cipher"] == "TLS_AES_256_GCM_SHA384"
    assert facts["auth"] == "external" and len(str(facts["cert_sha256"])) == 64
    assert facts["cert_subject"] == ONE_LEAF.subject.rfc4514_string()
    assert facts["cert_serial"] == serial_of(ONE_LEAF)
    assert facts["cert_not_after"] == f"{ENDS:%Y-%m-%dT%H:%M:%SZ}" and security.issuer == "CN=CA of everybody"


def test_security_names_every_proof_there_is() -> None:
    security = shown(ONE, Code.C01)
    assert security.authenticated == "" and security.facts()["cert_fault"] is Code.C01
    security.proofs |= {(THEM, US): "dialback", (OTHER, US): "external"}
    assert security.authenticated == "dialback+external"


def test_security_names_what_made_the_certificate_good() -> None:
    security = shown(ONE)
    security.proof = "posh"
    assert security.authenticated == "", "nothing is proved yet"
    security.proofs[THEM, US] = "external"
    assert security.authenticated == "posh"
    security.proofs[OTHER, US] = "dialback"
    assert security.authenticated == "dialback+posh"


def test_security_can_do_without_a_certificate() -> None:
    assert shown(None, Code.T04).facts()["cert_sha256"] == ""
    assert Security().facts()["tls_version"] == ""


def test_certificate_has_changed_when_the_same_domain_shows_another() -> None:
    certificates = Certificates()
    assert not changed(certificates, THEM, ONE) and not changed(certificates, THEM, ONE)
    assert not changed(certificates, OTHER, TWO)
    assert changed(certificates, THEM, TWO) == shown(ONE).fingerprint
    assert not changed(certificates, THEM, TWO)


def changed(certificates: Certificates, remote: Domain, issued: Issued | None, fault: Code | None = None) -> str:
    security = shown(issued, fault)
    certificates.seen(remote, security)
    return security.changed_from


def test_certificate_that_proves_nothing_is_not_remembered() -> None:
    certificates = Certificates()
    assert not changed(certificates, THEM, ONE)
    assert not changed(certificates, THEM, TWO, Code.C01) and not changed(certificates, THEM, None)
    assert not changed(certificates, THEM, ONE)


def test_security_tells_the_names_and_the_issuer_that_were_shown() -> None:
    facts = shown(ONE, Code.A01).facts()
    assert (facts["names"], facts["cert_issuer"]) == ("xmpp.example", "CN=CA of everybody")
