"""RFC 5922, RFC 6120 §13.7 and the verdict on chains, on certificates of every wrong kind."""

import ipaddress

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from edge.certificates.peers import judge, presented, purposes, sip_names, xmpp_matches
from edge.certificates.statements import crl_urls, ocsp_urls
from edge.codes import Code
from edge.domains import Domain, domain
from tests.certificates.made import (
    ANY,
    CLIENT,
    DAY,
    MAIL,
    NOW,
    SERVER,
    SIP_DOMAIN,
    XMPP_ADDR,
    Made,
    authority,
    dns,
    make,
    named,
    seen_by_openssl,
    srv,
    tlv,
    uri,
    xmpp_addr,
)

URN = uri("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6")
ADDRESS = x509.IPAddress(ipaddress.ip_address("192.0.2.1"))

SIP = [
    # what the certificate carries                                       its SIP identities
    ("one DNS name", [dns("contoso.com")], {"contoso.com"}),
    ("two DNS names", [dns("contoso.com"), dns("sip.contoso.com")], {"contoso.com", "sip.contoso.com"}),
    ("upper case", [dns("ConToso.COM")], {"contoso.com"}),
    ("A-label", [dns("xn--bcher-kva.example")], {"xn--bcher-kva.example"}),
    ("upper case A-label", [dns("XN--BCHER-KVA.example")], {"xn--bcher-kva.example"}),
    ("an A-label that is none", [dns("xn--0.example"), dns("b.example")], {"b.example"}),
    ("internal name", [dns("pool_01.corp")], {"pool_01.corp"}),
    ("wildcard", [dns("*.contoso.com")], set()),
    ("top-level wildcard", [dns("*.com"), dns("*")], set()),
    ("partial wildcard", [dns("f*o.contoso.com")], set()),
    ("trailing dot", [dns("contoso.com.")], set()),
    ("leading dot", [dns(".contoso.com")], set()),
    ("white space", [dns(" contoso.com"), dns("contoso.com\n")], set()),
    ("empty name", [dns(""), dns("b.example")], {"b.example"}),
    ("NUL", [dns("contoso.com\0.evil.example")], set()),
    ("NUL beside an A-label", [dns("xn--bcher-kva.example\0.evil.example")], set()),
    ("IPv4 address as DNS name", [dns("192.0.2.1")], set()),
    ("IPv6 address as DNS name", [dns("2001:db8::1"), dns("[2001:db8::1]")], set()),
    ("IP address", [ADDRESS], set()),
    ("too long", [dns("a." * 128 + "example")], set()),
    ("sip URI", [uri("sip:contoso.com")], {"contoso.com"}),
    ("sip URI wins over DNS", [dns("edge.contoso.com"), uri("sip:contoso.com")], {"contoso.com"}),
    ("upper case scheme", [uri("SIP:Contoso.com")], {"contoso.com"}),
    ("sip URI with port", [uri("sip:contoso.com:5061")], {"contoso.com"}),
    ("sip URI with parameter", [uri("sip:contoso.com;transport=tls")], {"contoso.com"}),
    ("sip URI with header", [uri("sip:contoso.com?x=y")], {"contoso.com"}),
    ("sip URI with user", [uri("sip:alice@contoso.com"), dns("b.example")], {"b.example"}),
    ("sip URI with user and another", [uri("sip:a@contoso.com"), uri("sip:b.example")], {"b.example"}),
    ("sips URI", [uri("sips:contoso.com"), dns("b.example")], {"b.example"}),
    ("sip URI with wildcard", [uri("sip:*.contoso.com")], set()),
    ("sip URI with address", [uri("sip:192.0.2.1"), uri("sip:[2001:db8::1]:5061")], set()),
    ("sip URI with a bad port", [uri("sip:contoso.com:x")], set()),
    ("urn next to a good name", [URN, dns("contoso.com")], {"contoso.com"}),
    ("web address next to a good name", [uri("http://h:80/"), uri("nonsense"), dns("contoso.com")], {"contoso.com"}),
    ("mail address", [x509.RFC822Name("sip@contoso.com")], set()),
    ("SRV name", [srv("_xmpp-server.contoso.com")], set()),
    ("XMPP address", [xmpp_addr("contoso.com")], set()),
    ("subject alone", [], set()),
]


@pytest.mark.parametrize(("names", "expected"), [row[1:] for row in SIP], ids=[row[0] for row in SIP])
def test_sip_names_follow_rfc_5922(names: list[x509.GeneralName], expected: set[str]) -> None:
    assert sip_names(make(*names, subject="contoso.com").certificate) == expected


GOOD = Domain("gw.test")
BOOKS = domain("bücher.example")

XMPP = [
    # what the certificate carries                             the domain                   does it match?
    ("DNS name", [dns("gw.test")], GOOD, True),
    ("upper case", [dns("GW.Test")], GOOD, True),
    ("another name", [dns("gw.tests")], GOOD, False),
    ("suffix", [dns("evilgw.test")], GOOD, False),
    ("parent", [dns("test")], GOOD, False),
    ("trailing dot", [dns("gw.test.")], GOOD, False),
    ("white space", [dns(" gw.test")], GOOD, False),
    ("NUL", [dns("gw.test\0.evil.example")], GOOD, False),
    ("wildcard one label up", [dns("*.gw.test")], Domain("im.gw.test"), True),
    ("wildcard two labels up", [dns("*.gw.test")], Domain("a.im.gw.test"), False),
    ("wildcard and the domain itself", [dns("*.gw.test")], GOOD, False),
    ("top-level wildcard", [dns("*.test")], GOOD, False),
    ("bare star", [dns("*")], GOOD, False),
    ("partial wildcard", [dns("f*o.gw.test")], Domain("foo.gw.test"), False),
    ("two wildcards", [dns("*.*.test")], Domain("im.gw.test"), False),
    ("wildcard in the middle", [dns("im.*.test")], Domain("im.gw.test"), False),
    ("A-label", [dns("xn--bcher-kva.example")], BOOKS, True),
    ("U-label, raw", [dns("xn--bcher-kva.example.evil")], BOOKS, False),
    ("wildcard below an A-label", [dns("*.xn--bcher-kva.example")], domain("im.bücher.example"), True),
    ("IP address as DNS name", [dns("192.0.2.1")], Domain("192.0.2.1"), False),
    ("IP address", [ADDRESS], Domain("192.0.2.1"), False),
    ("IPv6 literal", [dns("[2001:db8::1]")], Domain("[2001:db8::1]"), False),
    ("SRV name", [srv("_xmpp-server.gw.test")], GOOD, True),
    ("upper case SRV name", [srv("_XMPP-Server.GW.test")], GOOD, True),
    ("SRV name of clients", [srv("_xmpp-client.gw.test")], GOOD, False),
    ("SRV name without service", [srv("gw.test")], GOOD, False),
    ("SRV name with wildcard", [srv("_xmpp-server.*.test")], GOOD, False),
    ("empty SRV name, then a good one", [srv(""), srv("_xmpp-server.gw.test")], GOOD, True),
    ("SRV name with address, then a good one", [srv("_xmpp-server.192.0.2.1"), dns("gw.test")], GOOD, True),
    ("XMPP address", [xmpp_addr("gw.test")], GOOD, True),
    ("XMPP address with U-label", [xmpp_addr("bücher.example")], BOOKS, True),
    ("XMPP address with A-label", [xmpp_addr("xn--bcher-kva.example")], BOOKS, True),
    ("XMPP address of a user", [xmpp_addr("alice@gw.test")], GOOD, False),
    ("XMPP address with resource", [xmpp_addr("gw.test/x")], GOOD, False),
    ("XMPP address with wildcard", [xmpp_addr("*.gw.test")], Domain("im.gw.test"), False),
    ("XMPP address of another type", [x509.OtherName(XMPP_ADDR, tlv(0x16, b"gw.test"))], GOOD, False),
    ("XMPP address that is no UTF-8", [x509.OtherName(XMPP_ADDR, tlv(0x0C, b"\xff")), dns("gw.test")], GOOD, True),
    ("other name of another kind", [x509.OtherName(SIP_DOMAIN, tlv(0x0C, b"gw.test"))], GOOD, False),
    ("sip URI", [uri("sip:gw.test")], GOOD, False),
    ("xmpp URI", [uri("xmpp:gw.test")], GOOD, False),
    ("sip URI beside", [uri("sip:contoso.com:5061"), URN, dns("gw.test")], GOOD, True),
    ("two-label wildcard beside", [dns("*.test"), dns(""), dns("10.0.0.1"), dns("gw.test")], GOOD, True),
    ("mail address", [x509.RFC822Name("x@gw.test")], GOOD, False),
    ("subject alone", [], GOOD, False),
]


@pytest.mark.parametrize(("names", "name", "matches"), [row[1:] for row in XMPP], ids=[row[0] for row in XMPP])
def test_xmpp_matches_follows_rfc_6120_and_rfc_9525(
    names: list[x509.GeneralName], name: Domain, matches: bool
) -> None:
    assert xmpp_matches(make(*names, subject="gw.test").certificate, name) is matches


def test_trailing_dot_and_case_of_the_reference_do_not_matter() -> None:
    certificate = make(dns("gw.test")).certificate
    assert xmpp_matches(certificate, domain("GW.test."))
    assert domain("GW.Test.") in sip_names(certificate)


def printed(*pairs: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in pairs])


SUBJECTS = [
    named("contoso.com"),
    printed((NameOID.ORGANIZATIONAL_UNIT_NAME, "CN=contoso.com,")),
    printed((NameOID.ORGANIZATION_NAME, "/CN=contoso.com"), (NameOID.COMMON_NAME, "evil.example")),
    printed((NameOID.COMMON_NAME, "evil.example"), (NameOID.COMMON_NAME, "contoso.com")),
    named("contoso.com\0.evil.example"),
    x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "contoso.com", x509.name._ASN1Type.BMPString)]),
]


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda name: name.rfc4514_string())
@pytest.mark.parametrize("names", [[], [dns("evil.example")]], ids=["no SAN", "another SAN"])
def test_subject_names_nobody(subject: x509.Name, names: list[x509.GeneralName]) -> None:
    certificate = make(*names, subject=subject).certificate
    assert "contoso.com" not in sip_names(certificate)
    assert not xmpp_matches(certificate, Domain("contoso.com"))


UNREADABLE = [
    tlv(0x82, b"b\xfccher.example"),  # Latin-1
    tlv(0xA3, b""),  # x400Address
    tlv(0x87, b"123"),  # an IP address of three octets
    b"\x82\x50a",  # cut short
    tlv(0xA0, tlv(0x06, b"\x2b\x06\x01\x05\x05\x07\x08\x05") + tlv(0xA0, b"\x0c\x7fgw")),  # XmppAddr that is no DER
]


@pytest.mark.parametrize("raw", UNREADABLE)
def test_names_that_cannot_be_read_prove_nothing(raw: bytes) -> None:
    certificate = make(raw_san=tlv(0x82, b"contoso.com") + raw).certificate
    assert sip_names(certificate) == frozenset()
    assert not xmpp_matches(certificate, Domain("contoso.com"))
    assert presented(certificate) == ()


@pytest.mark.parametrize("raw", ["bücher.example".encode(), "ｃontoso.com".encode(), "contoso。com".encode()])
def test_dns_name_beyond_ascii_is_no_name(raw: bytes) -> None:
    certificate = make(raw_san=tlv(0x82, raw)).certificate
    assert sip_names(certificate) == frozenset()
    assert not xmpp_matches(certificate, BOOKS)
    assert not xmpp_matches(certificate, Domain("contoso.com"))


def test_empty_extension_proves_nothing() -> None:
    certificate = make(raw_san=b"").certificate
    assert sip_names(certificate) == frozenset()
    assert not xmpp_matches(certificate, GOOD)


def test_only_so_many_names_are_looked_at() -> None:
    certificate = make(*[dns(f"n{number}.example") for number in range(1200)]).certificate
    assert len(sip_names(certificate)) == 1000
    assert not xmpp_matches(certificate, Domain("n1100.example"))


def test_presented_shows_names_as_they_stand_and_nothing_unprintable() -> None:
    names = [dns("*.Contoso.com"), uri("sip:contoso.com:5061"), srv("_xmpp-server.a.example"), xmpp_addr("b.example")]
    certificate = make(*names, dns("evil\x1b[2J.example"), ADDRESS).certificate
    assert presented(certificate) == (
        "*.Contoso.com",
        "sip:contoso.com:5061",
        "_xmpp-server.a.example",
        "b.example",
    )


ROOT = authority("Root", number=1)
STRANGER = authority("Stranger", number=2)
MIDDLE = authority("Middle", issuer=ROOT, number=3)
OLD_MIDDLE = authority("Old Middle", issuer=ROOT, number=3, begins=NOW - 9 * DAY, ends=NOW - DAY)
SERVER_MIDDLE = authority("Server Middle", issuer=ROOT, number=4, eku=(SERVER,))
MAIL_MIDDLE = authority("Mail Middle", issuer=ROOT, number=5, eku=(MAIL,))
CLIENT_MIDDLE = authority("Client Middle", issuer=ROOT, number=6, eku=(CLIENT,))
NO_AUTHORITY = make(dns("x.example"), issuer=ROOT, number=7)

CHAINS: list[tuple[str, list[Made], Code | None]] = [
    ("good", [make(issuer=ROOT)], None),
    ("good, over an intermediate", [make(issuer=MIDDLE), MIDDLE], None),
    ("good, root sent too", [make(issuer=MIDDLE), MIDDLE, ROOT], None),
    ("serverAuth only", [make(issuer=ROOT, eku=(SERVER,))], None),
    ("serverAuth and clientAuth", [make(issuer=ROOT, eku=(SERVER, CLIENT))], None),
    ("no purpose extension", [make(issuer=ROOT, eku=None)], None),
    ("any purpose", [make(issuer=ROOT, eku=(ANY,))], None),
    ("SIP domain purpose", [make(issuer=ROOT, eku=(SIP_DOMAIN,))], None),
    ("clientAuth only", [make(issuer=ROOT, eku=(CLIENT,))], Code.C05),
    ("mail only", [make(issuer=ROOT, eku=(MAIL,))], Code.C05),
    ("purposes that cannot be read", [make(issuer=ROOT, raw_eku=b"\x06\x7f")], Code.C01),
    ("intermediate for servers", [make(issuer=SERVER_MIDDLE), SERVER_MIDDLE], None),
    ("intermediate for mail", [make(issuer=MAIL_MIDDLE), MAIL_MIDDLE], Code.C05),
    ("intermediate for clients", [make(issuer=CLIENT_MIDDLE), CLIENT_MIDDLE], Code.C05),
    ("expired", [make(issuer=ROOT, begins=NOW - 9 * DAY, ends=NOW - DAY)], Code.C02),
    ("expired intermediate", [make(issuer=OLD_MIDDLE), OLD_MIDDLE], Code.C07),
    ("not valid yet", [make(issuer=ROOT, begins=NOW + DAY)], Code.C09),
    ("unknown issuer", [make(issuer=STRANGER)], Code.C01),
    ("unknown issuer, sent along", [make(issuer=STRANGER), STRANGER], Code.C01),
    ("unknown issuer and expired", [make(issuer=STRANGER, begins=NOW - 9 * DAY, ends=NOW - DAY)], Code.C01),
    ("self-signed", [make()], Code.C01),
    ("self-signed and clientAuth only", [make(eku=(CLIENT,))], Code.C01),
    ("intermediate left out", [make(issuer=MIDDLE, says_issuer=True)], Code.C06),
    ("intermediate left out, and not said where it is", [make(issuer=MIDDLE)], Code.C01),
    ("issued by what is no authority", [make(issuer=NO_AUTHORITY), NO_AUTHORITY], Code.C01),
]


@pytest.mark.parametrize("accepting", [True, False], ids=["accepting", "connecting"])
@pytest.mark.parametrize(("chain", "code"), [row[1:] for row in CHAINS], ids=[row[0] for row in CHAINS])
def test_judge_gives_the_code_that_the_handshake_deserves(
    chain: list[Made], code: Code | None, accepting: bool
) -> None:
    errors = seen_by_openssl(chain, ROOT, accepting=accepting)
    issuers = [each.certificate for each in chain[1:]]
    assert judge(errors, chain[0].certificate, issuers) is code


def test_openssl_objects_to_server_certificates_of_connecting_peers() -> None:
    """Otherwise the tests above would prove nothing about putting its opinion aside."""
    assert seen_by_openssl([make(issuer=ROOT)], ROOT, accepting=True) == [(0, 26)]
    assert (1, 26) in seen_by_openssl([make(issuer=SERVER_MIDDLE), SERVER_MIDDLE], ROOT, accepting=True)


def test_judge_wants_to_see_issuers_whose_purpose_openssl_doubts() -> None:
    leaf = make(issuer=SERVER_MIDDLE).certificate
    assert judge([(1, 26)], leaf) is Code.C05
    assert judge([(1, 26)], leaf, [SERVER_MIDDLE.certificate]) is None


def test_judge_asks_for_a_certificate() -> None:
    assert judge([], None) is Code.T04
    assert judge(None, None) is Code.T04


def test_judge_trusts_no_chain_that_nobody_verified() -> None:
    assert judge(None, make(issuer=ROOT).certificate) is Code.C01


WEAK = (66, 67, 68)  # key of the leaf, key of an issuer, digest of a signature


@pytest.mark.parametrize("error", WEAK)
def test_judge_tells_a_weak_chain_from_an_unknown_one(error: int) -> None:
    certificate = make(issuer=ROOT).certificate
    assert judge([(0, error)], certificate) is Code.C11
    assert judge([(0, error), (1, 19)], certificate) is Code.C01


@pytest.mark.parametrize("error", sorted({*range(1, 9), *range(11, 26), *range(27, 100)}.difference(WEAK)))
def test_judge_trusts_no_chain_with_an_error_it_does_not_know(error: int) -> None:
    certificate = make(issuer=ROOT).certificate
    assert judge([(0, error)], certificate) in {Code.C01, Code.C06}
    assert judge([(0, 26), (1, error), (0, 10)], certificate, [ROOT.certificate]) in {Code.C01, Code.C06}


def test_judge_takes_unreadable_purposes_for_none() -> None:
    assert judge([], make(issuer=ROOT, raw_eku=b"\x06\x7f").certificate) is Code.C05


def test_purposes_tell_no_limit_from_no_permission() -> None:
    assert purposes(make(eku=None).certificate) is None
    assert purposes(make(eku=(SERVER, MAIL)).certificate) == {SERVER, MAIL}
    assert purposes(make(raw_eku=b"\x06\x7f").certificate) == frozenset()


def test_name_of_another_kind_that_cannot_be_read_leaves_no_name() -> None:
    """A directory name with a value that no attribute of it can have."""
    odd = tlv(0x30, tlv(0x31, tlv(0x30, b"\x06\x03\x55\x04\x03" + tlv(0x03, b"\0\1"))))
    made = make(raw_san=tlv(0x82, b"b.example") + tlv(0xA4, odd)).certificate
    assert sip_names(made, or_subject=True) == frozenset() and not xmpp_matches(made, Domain("b.example"))
    assert presented(made) == () and purposes(made) == frozenset() and crl_urls(made) == ocsp_urls(made) == []
