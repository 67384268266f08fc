"""Certificates as plain values."""

import json

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from edge.admin.certificates import key_of, listed, peers
from edge.certificates.book import PeerBook
from edge.certificates.examination import Finding
from edge.certificates.identity import Identities, parse
from edge.certificates.revocation import Age
from edge.certificates.trust import fingerprint_of, pin_of
from edge.codes import Code
from tests.certificates.made import CLIENT, DAY, NOW, SERVER, dns, make

EDGE = make(dns("edge.example"), dns("a.example"), eku=(SERVER, CLIENT), number=1)
OTHER = make(dns("b.example"), eku=None, number=2)
OURS = Identities(parse(EDGE.pem, EDGE.key_pem), [parse(OTHER.pem, OTHER.key_pem)])
THEIRS = [make(dns(f"s{number}.contoso.com"), number=number).certificate for number in (3, 4)]


def test_list_has_ours_with_what_is_wrong_and_the_last_of_each_partner() -> None:
    book = PeerBook()
    for certificate in THEIRS:
        book.saw("contoso", certificate, NOW.timestamp())
    answer = listed(OURS, [Finding(Code.C02, "it ends", True), Finding(Code.C03, "no", index=1)], NOW, book)
    json.dumps(answer)
    own, other = answer["own"]  # type: ignore[misc]
    assert (own["use"], own["names"], own["days"]) == ("default", ["edge.example", "a.example"], 60)
    assert (own["key"], own["purposes"], own["pin"]) == ("EC secp256r1", ["client", "server"], pin_of(EDGE.certificate))
    assert own["findings"] == [{"severity": "warning", "code": "EDGE-C02", "text": "it ends"}]
    assert (other["use"], other["purposes"], other["findings"][0]["code"]) == ("by name", None, "EDGE-C03")
    (seen,) = answer["peers"]  # type: ignore[misc]
    assert (seen["partner"], seen["names"], seen["days"]) == ("contoso", ["s4.contoso.com"], 60)


def test_peers_has_every_certificate_and_the_age_of_what_is_known() -> None:
    book = PeerBook()
    for certificate in THEIRS:
        book.saw("contoso", certificate, NOW.timestamp())
    book.refused(OTHER.certificate, Code.C01, NOW.timestamp())
    age = Age("CN=Root", "crl", "http://crl.ca.example/", NOW - DAY, NOW + DAY)
    answer = peers(book, [age], NOW)
    json.dumps(answer)
    assert [each["fingerprint"] for each in answer["certificates"]] == [  # type: ignore[attr-defined]
        fingerprint_of(each) for each in THEIRS
    ]
    assert answer["revocation"][0]["age_seconds"] == 86400  # type: ignore[index]
    rejected = peers(book, [], NOW, rejected=True)["certificates"]
    assert [(each["partner"], each["code"]) for each in rejected] == [("", "EDGE-C01")]  # type: ignore[attr-defined]


def test_key_is_named_by_kind_and_size() -> None:
    assert key_of(make(own=rsa.generate_private_key(65537, 2048)).certificate) == "RSA 2048"
    assert key_of(make(own=ec.generate_private_key(ec.SECP384R1())).certificate) == "EC secp384r1"
    assert key_of(make(own=ed25519.Ed25519PrivateKey.generate(), issuer=EDGE).certificate) == "Ed25519"  # type: ignore[arg-type]
