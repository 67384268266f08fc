"""What the log should say of TLS and the certificate of a link."""

from cryptography import x509

from edge.certificates.contexts import Handshake
from edge.certificates.trust import serial_of
from edge.net.sip_owner import shown_by
from tests.net.loopback import PUBLIC

LEAF = x509.load_pem_x509_certificate(PUBLIC.issue(dns=["sip.contoso.com"]).chain)


def test_nothing_is_shown_before_the_handshake_is_done() -> None:
    assert set(shown_by(None).values()) == {""}


def test_certificate_is_shown_with_all_by_which_it_can_be_compared() -> None:
    facts = shown_by(Handshake(LEAF, (LEAF,), (), (), True, "TLSv1.3", "TLS_AES_256_GCM_SHA384"))
    assert (facts["tls_version"], facts["cipher"]) == ("TLSv1.3", "TLS_AES_256_GCM_SHA384")
    assert facts["cert_subject"] == LEAF.subject.rfc4514_string() and facts["cert_issuer"] == "CN=CA of everybody"
    assert facts["cert_serial"] == serial_of(LEAF) and len(str(facts["cert_sha256"])) == 64
    assert facts["cert_not_after"] == f"{LEAF.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"


def test_peer_without_a_certificate_shows_none() -> None:
    facts = shown_by(Handshake(None, (), (), (), True, "TLSv1.3", "TLS_AES_256_GCM_SHA384"))
    assert facts["tls_version"] == "TLSv1.3" and not facts["cert_sha256"] and not facts["cert_subject"]
