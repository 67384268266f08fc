"""What issuers say is believed if they have said it, about this certificate, and for now."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from edge.certificates.statements import LONGEST, StatementError, crl_urls, ocsp_request, ocsp_urls, read_crl, read_ocsp
from tests.certificates.issuing import (
    CRL,
    OCSP,
    REVOKED,
    ROOT,
    STRANGER,
    UNKNOWN,
    answering,
    crl,
    leaf,
    listing,
    responder,
    response,
    scope,
)
from tests.certificates.made import DAY, NOW, Made, authority, dns, make

LEAF, OTHER = leaf(), leaf()
ROOT_CERTIFICATE = ROOT.certificate


def answer(content: bytes) -> bool:
    return read_ocsp(content, LEAF.certificate, ROOT_CERTIFICATE, NOW).revoked


def test_question_is_about_the_one_certificate() -> None:
    asked = ocsp.load_der_ocsp_request(ocsp_request(LEAF.certificate, ROOT_CERTIFICATE))
    assert asked.serial_number == LEAF.certificate.serial_number


def test_answer_of_the_issuer_is_believed() -> None:
    assert answer(response(LEAF)) is False
    assert answer(response(LEAF, REVOKED)) is True
    assert read_ocsp(response(LEAF), LEAF.certificate, ROOT_CERTIFICATE, NOW).until == NOW + DAY


def test_answer_of_one_whom_the_issuer_has_appointed_is_believed() -> None:
    assert answer(response(LEAF, REVOKED, signer=responder())) is True


WORTHLESS = [
    ("nothing", b"", "cannot be read"),
    ("garbage", b"\x30\x03\x0a\x01\x07", "cannot be read"),
    (
        "a refusal",
        ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER).public_bytes(Encoding.DER),
        "try_later",
    ),
    ("about another certificate", response(OTHER), "another certificate"),
    ("of another issuer", response(LEAF, issuer=STRANGER), "another certificate"),
    ("signed by another", response(LEAF, signer=STRANGER), "not appointed"),
    ("signed by one whom another has appointed", response(LEAF, signer=responder(STRANGER)), "not appointed"),
    ("signed by one with another purpose", response(LEAF, signer=responder(eku=False)), "not appointed"),
    ("signed by one whose time is over", response(LEAF, signer=responder(ends=NOW - DAY)), "not appointed"),
    ("altered", response(LEAF)[:-1] + b"\0", "nobody's whom we know"),
    ("of somebody who does not know it", response(LEAF, UNKNOWN), "does not know"),
    ("of yesterday", response(LEAF, since=NOW - 3 * DAY, until=NOW - DAY), "was valid until"),
    ("of the day before, without an end", response(LEAF, since=NOW - 2 * DAY, until=None), "was valid until"),
    ("of tomorrow", response(LEAF, since=NOW + DAY, until=NOW + 2 * DAY), "not valid before"),
]


@pytest.mark.parametrize(("content", "said"), [row[1:] for row in WORTHLESS], ids=[row[0] for row in WORTHLESS])
def test_answer_says_nothing_if_it_is(content: bytes, said: str) -> None:
    with pytest.raises(StatementError, match=said):
        answer(content)


def test_clock_of_the_issuer_may_be_a_little_ahead_and_nothing_holds_for_ever() -> None:
    assert answer(response(LEAF, since=NOW + timedelta(minutes=4), until=NOW + DAY)) is False
    endless = read_ocsp(response(LEAF, until=NOW + 999 * DAY), LEAF.certificate, ROOT_CERTIFICATE, NOW)
    assert endless.until == NOW + LONGEST


@pytest.mark.parametrize("encoding", [Encoding.DER, Encoding.PEM])
def test_list_of_the_issuer_is_believed(encoding: Encoding) -> None:
    known = read_crl(crl([LEAF], encoding=encoding), ROOT_CERTIFICATE, NOW)
    revoked, good = known.about(LEAF.certificate), known.about(OTHER.certificate)
    assert revoked is not None and revoked.revoked
    assert good is not None and not good.revoked and good.until == NOW + DAY


def test_list_that_names_its_address_is_that_of_this_address() -> None:
    content = crl([LEAF], extensions=[(scope(CRL), True)])
    read_crl(content, ROOT_CERTIFICATE, NOW, CRL)
    with pytest.raises(StatementError, match="another address"):
        read_crl(content, ROOT_CERTIFICATE, NOW, "http://crl.ca.example/2.crl")


AUTHORITY = authority("Below", issuer=ROOT, number=4, extensions=[listing()])
AT_CRL, LDAP = leaf(listing()), "ldap://ca.example/cn=r"


@pytest.mark.parametrize(
    ("kind", "made", "covered"),
    [
        (scope(CRL), AT_CRL, True),
        (scope(CRL), LEAF, False),
        (scope("http://crl.ca.example/2.crl"), AT_CRL, False),
        (scope(LDAP), AT_CRL, False),
        (scope(LDAP), leaf(listing(LDAP)), True),
        (scope(users=True), LEAF, True),
        (scope(users=True), AUTHORITY, False),
        (scope(authorities=True), AUTHORITY, True),
        (scope(authorities=True), LEAF, False),
    ],
)
def test_who_is_not_on_a_list_of_others_may_be_revoked(
    kind: x509.IssuingDistributionPoint, made: Made, covered: bool
) -> None:
    found = read_crl(crl([OTHER], extensions=[(kind, True)]), ROOT_CERTIFICATE, NOW)
    said = found.about(made.certificate)
    assert (said is not None and not said.revoked) == covered
    listed = found.about(OTHER.certificate)
    assert listed is not None and listed.revoked


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_list_says_nothing_about_a_number_that_it_cannot_hold() -> None:
    numbered = make(dns("b.example"), issuer=ROOT, serial=0x7F1234567890ABCDEF)
    der = numbered.certificate.public_bytes(Encoding.DER)
    assert der.count(b"\x7f\x12\x34") == 1
    negative = x509.load_der_x509_certificate(der.replace(b"\x7f\x12\x34", b"\xff\x12\x34"))
    assert negative.serial_number < 0
    assert read_crl(crl([LEAF]), ROOT_CERTIFICATE, NOW).about(negative) is None


NO_LISTS = [
    ("nothing", b"", "cannot be read"),
    ("no list", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", "cannot be read"),
    ("of another issuer", crl(issuer=STRANGER), "another issuer"),
    ("signed by another", crl(signer=STRANGER), "signature"),
    ("of yesterday", crl(since=NOW - 3 * DAY, until=NOW - DAY), "was valid until"),
    ("of tomorrow", crl(since=NOW + DAY, until=NOW + 2 * DAY), "not valid before"),
    ("with some reasons only", crl(extensions=[(scope(some=True), True)]), "some revocations"),
    ("of several issuers", crl(extensions=[(scope(indirect=True), True)]), "some revocations"),
    ("with changes only", crl(extensions=[(x509.DeltaCRLIndicator(7), True)]), "changes only"),
]


@pytest.mark.parametrize(("content", "said"), [row[1:] for row in NO_LISTS], ids=[row[0] for row in NO_LISTS])
def test_list_says_nothing_if_it_is(content: bytes, said: str) -> None:
    with pytest.raises(StatementError, match=said):
        read_crl(content, ROOT_CERTIFICATE, NOW)


def test_issuer_must_be_one_who_may_sign_lists() -> None:
    may_not = x509.KeyUsage(True, False, False, False, False, True, False, False, False)
    issuer = authority("No lists", number=3, extensions=[may_not])
    with pytest.raises(StatementError, match="signature"):
        read_crl(crl(issuer=issuer), issuer.certificate, NOW)


def test_certificate_says_where_to_ask() -> None:
    made = leaf(answering(), listing())
    assert (ocsp_urls(made.certificate), crl_urls(made.certificate)) == ([OCSP], [CRL])
    assert (ocsp_urls(LEAF.certificate), crl_urls(LEAF.certificate)) == ([], [])


@pytest.mark.parametrize("url", ["ldap://ca.example/", "https://ca.example/", "file:///etc/passwd", "ftp://ca.example/"])
def test_only_http_is_an_address(url: str) -> None:
    assert ocsp_urls(leaf(answering(url)).certificate) == crl_urls(leaf(listing(url)).certificate) == []
