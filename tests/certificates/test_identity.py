"""Our own chain and key: what is accepted, what is refused, and with which code."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519

from edge.certificates.identity import MAX_CHAIN, Identities, Identity, IdentityError, authorities, parse
from edge.codes import Code
from edge.domains import Domain
from tests.certificates.made import ANY, CLIENT, DAY, NOW, SERVER, authority, dns, key_pem, make, uri

SECOND = timedelta(seconds=1)

ROOT = authority("Root", number=1)
MIDDLE = authority("Middle", issuer=ROOT, number=2, ends=NOW + 20 * DAY)
LEAF = make(dns("edge.example"), dns("*.im.example"), issuer=MIDDLE, eku=(SERVER, CLIENT))


def refused(certificate: bytes, key: bytes) -> tuple[Code, str]:
    with pytest.raises(IdentityError) as caught:
        parse(certificate, key)
    assert str(caught.value)
    return caught.value.code, caught.value.part


def test_parse_reads_chain_and_key() -> None:
    identity = parse(LEAF.pem + MIDDLE.pem, LEAF.key_pem)
    assert identity.chain == (LEAF.certificate, MIDDLE.certificate)
    assert identity.leaf == LEAF.certificate
    assert identity.key.private_numbers() == LEAF.key.private_numbers()
    assert identity.names == ("edge.example", "*.im.example")
    assert identity.purposes == {SERVER, CLIENT}
    assert identity.issuer == "CN=Middle"
    assert identity.is_ordered


def test_parse_takes_text_around_the_certificates() -> None:
    assert parse(b"subject: us\r\n" + LEAF.pem + b"\n# issuer\n" + MIDDLE.pem, b"our key\n" + LEAF.key_pem).is_ordered


def test_identity_ends_with_its_leaf() -> None:
    assert parse(LEAF.pem + MIDDLE.pem, LEAF.key_pem).not_after == LEAF.certificate.not_valid_after_utc


def test_identity_to_show_is_the_one_that_carries_the_name() -> None:
    def one(*names: str, number: int) -> Identity:
        made = make(*map(dns, names), number=number)
        return parse(made.pem, made.key_pem)

    ours = Identities(one("edge.example", number=1), [one("*.b.example", number=2), one("x.b.example", number=3)])
    asked = ["edge.example", "x.b.example", "y.b.example", "b.example", "192.0.2.1"]
    assert [ours.index_of(Domain(name)) for name in asked] == [0, 2, 1, 0, 0]
    assert ours.of(None) is ours.default and len(ours) == 3


def test_identity_does_not_show_its_key() -> None:
    assert "key=" not in repr(parse(LEAF.pem, LEAF.key_pem))


def test_identity_speaks_for_its_names_by_the_rules_of_each_protocol() -> None:
    identity = parse(LEAF.pem, LEAF.key_pem)
    assert identity.speaks_sip_for(Domain("edge.example"))
    assert identity.speaks_xmpp_for(Domain("edge.example"))
    assert not identity.speaks_sip_for(Domain("a.im.example"))
    assert identity.speaks_xmpp_for(Domain("a.im.example"))


def test_identity_speaks_sip_by_its_uris_alone_when_it_has_some() -> None:
    leaf = make(dns("edge.example"), uri("sip:sip.example"))
    identity = parse(leaf.pem, leaf.key_pem)
    assert identity.sip_names == {"sip.example"}
    assert identity.speaks_xmpp_for(Domain("edge.example"))


@pytest.mark.parametrize(
    ("since", "code"),
    [(-SECOND, Code.C09), (0 * DAY, None), (3 * DAY, None), (3 * DAY + SECOND, Code.C02)],
)
def test_fault_tells_when_the_identity_is_good(since: timedelta, code: Code | None) -> None:
    leaf = make(begins=NOW, ends=NOW + 3 * DAY)
    assert parse(leaf.pem, leaf.key_pem).fault(NOW + since) is code


@pytest.mark.parametrize(
    ("eku", "server", "client"),
    [
        (None, True, True),
        ((SERVER,), True, False),
        ((CLIENT,), False, True),
        ((SERVER, CLIENT), True, True),
        ((ANY,), True, True),
    ],
)
def test_purposes_tell_in_which_role_the_identity_serves(eku: object, server: bool, client: bool) -> None:
    leaf = make(eku=eku)  # type: ignore[arg-type]
    identity = parse(leaf.pem, leaf.key_pem)
    assert (identity.allows_server, identity.allows_client) == (server, client)


def test_order_is_noticed_when_a_certificate_did_not_issue_the_one_before() -> None:
    assert not parse(LEAF.pem + ROOT.pem, LEAF.key_pem).is_ordered
    assert not parse(LEAF.pem + ROOT.pem + MIDDLE.pem, LEAF.key_pem).is_ordered


def test_key_of_another_certificate_is_refused() -> None:
    assert refused(LEAF.pem, ROOT.key_pem) == (Code.K06, "key")


def test_leaf_that_is_not_first_is_refused() -> None:
    assert refused(MIDDLE.pem + LEAF.pem, LEAF.key_pem) == (Code.K06, "certificate")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\xff garbage",
        b"-----BEGIN CERTIFICATE-----",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        LEAF.pem[:200],
        LEAF.pem.replace(b"M", b"%"),
        LEAF.pem + LEAF.pem[:300],
        LEAF.key_pem,
        LEAF.certificate.public_bytes(serialization.Encoding.DER),
    ],
)
def test_certificate_file_that_is_none_is_refused(content: bytes) -> None:
    assert refused(content, LEAF.key_pem) == (Code.K04, "certificate")


def test_endless_chain_is_refused() -> None:
    assert refused(LEAF.pem + MIDDLE.pem * MAX_CHAIN, LEAF.key_pem) == (Code.K04, "certificate")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\xff garbage",
        b"-----BEGIN PRIVATE KEY-----",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        LEAF.key_pem[:120],
        LEAF.pem,
        LEAF.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"passphrase"),
        ),
    ],
)
def test_key_file_that_is_none_is_refused(content: bytes) -> None:
    assert refused(LEAF.pem, content) == (Code.K04, "key")


def pem(private: object) -> bytes:
    return key_pem(private)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "private",
    [x25519.X25519PrivateKey.generate(), dsa.generate_private_key(2048), rsa.generate_private_key(65537, 1024)],
    ids=["x25519", "dsa", "short rsa"],
)
def test_key_that_tls_cannot_use_is_refused(private: object) -> None:
    assert refused(LEAF.pem, pem(private)) == (Code.K02, "key")


@pytest.mark.parametrize(
    "private",
    [ec.generate_private_key(ec.SECP384R1()), ed25519.Ed25519PrivateKey.generate()],
    ids=["P-384", "Ed25519"],
)
def test_key_of_a_good_kind_is_held_against_the_certificate(private: object) -> None:
    assert refused(LEAF.pem, pem(private)) == (Code.K06, "key")


def test_key_in_the_older_format_is_accepted() -> None:
    older = LEAF.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    assert parse(LEAF.pem, parameters + older).leaf == LEAF.certificate


def test_authorities_reads_a_trust_bundle() -> None:
    assert authorities(ROOT.pem + MIDDLE.pem) == (ROOT.certificate, MIDDLE.certificate)


def test_authorities_refuses_what_is_none() -> None:
    with pytest.raises(IdentityError):
        authorities(b"nothing")
