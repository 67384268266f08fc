"""Who the far end proved to be: real handshakes, in both directions, with certificates of every wrong kind."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from edge.certificates.contexts import Contexts
from edge.certificates.handshake import Handshake
from edge.certificates.identity import parse
from edge.certificates.trust import Trust, pin_of
from edge.codes import Code
from edge.domains import Domain
from edge.partners import Directory, Peer, System
from tests.certificates.made import (
    ANY,
    CLIENT,
    DAY,
    MAIL,
    NOW,
    SERVER,
    SIP_DOMAIN,
    Made,
    authority,
    dns,
    make,
    named,
    srv,
    uri,
    xmpp_addr,
)
from tests.certificates.shaking import accepted, dialled, somebody

NAME = Domain("contoso.com")
ROOT = authority("Root", number=1)
STRANGER = authority("Stranger", number=2)
MIDDLE = authority("Middle", issuer=ROOT, number=3)
OLD_MIDDLE = authority("Old Middle", issuer=ROOT, number=3, begins=NOW - 9 * DAY, ends=NOW - DAY)
OURS = make(dns("edge.example"), number=8, issuer=ROOT)
PAST = {"begins": NOW - 9 * DAY, "ends": NOW - DAY}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_bytes(ROOT.pem)
    return path


def partner(protocol: str, bundle: Path, trust: Trust = Trust()) -> System:  # noqa: B008  # a value
    link = "tls" if protocol == "sip" else "s2s"
    return System(
        name="contoso", inside=False, protocol=protocol, domains=(NAME,), link=link, ca=bundle, trust=trust
    )


def contexts(system: System) -> Contexts:
    return Contexts(parse(OURS.pem, OURS.key_pem), system.ca, [system])


OFF = Trust(revocation="off")

WAYS = ["sip in", "sip out", "xmpp in", "xmpp out"]


def proved(way: str, chain: Sequence[Made], bundle: Path, trust: Trust = Trust()) -> Peer:  # noqa: B008  # a value
    """What somebody with ``chain`` proves to a gateway that trusts ROOT, and has him listed as contoso."""
    protocol, _, direction = way.partition(" ")
    system = partner(protocol, bundle, trust)
    ours, directory = contexts(system), Directory([system])
    seen = accepted(ours, somebody(chain)) if direction == "in" else dialled(ours, somebody(chain), system)
    if protocol == "xmpp":
        return ours.xmpp_peer(directory, seen, NAME)
    if direction == "in":
        return ours.sip_peer(directory, seen)
    return ours.sip_peer(directory, seen, system, frozenset((NAME,)))


def leaf(*names: x509.GeneralName, issuer: Made | None = ROOT, **more: object) -> Made:
    return make(*(names or (dns(NAME),)), issuer=issuer, number=9, **more)  # type: ignore[arg-type]


def weak(bits: int) -> Made:
    key = rsa.generate_private_key(65537, bits)
    return make(dns(NAME), issuer=ROOT, own=key)


KINDS: list[tuple[str, list[Made], Code | None]] = [
    ("good", [leaf()], None),
    ("good, over an intermediate", [leaf(issuer=MIDDLE), MIDDLE], None),
    ("serverAuth only", [leaf(eku=(SERVER,))], None),
    ("both purposes", [leaf(eku=(SERVER, CLIENT))], None),
    ("no purposes", [leaf(eku=None)], None),
    ("any purpose", [leaf(eku=(ANY,))], None),
    ("purpose of a SIP domain", [leaf(eku=(SIP_DOMAIN,))], None),
    ("clientAuth only", [leaf(eku=(CLIENT,))], Code.C05),
    ("mail only", [leaf(eku=(MAIL,))], Code.C05),
    ("expired", [leaf(**PAST)], Code.C02),
    ("expired intermediate", [leaf(issuer=OLD_MIDDLE), OLD_MIDDLE], Code.C07),
    ("not yet valid", [leaf(begins=NOW + DAY)], Code.C09),
    ("unknown issuer", [leaf(issuer=STRANGER)], Code.C01),
    ("self-signed", [leaf(issuer=None)], Code.C01),
    ("self-signed, and calls itself by the name of our authority", [leaf(issuer=None, subject="Root")], Code.C01),
    ("intermediate left out", [leaf(issuer=MIDDLE, says_issuer=True)], Code.C06),
    ("RSA of 1024 bits", [weak(1024)], Code.C11),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("chain", "code"), [row[1:] for row in KINDS], ids=[row[0] for row in KINDS])
def test_certificate_is_judged_alike_in_both_directions_and_protocols(
    way: str, chain: list[Made], code: Code | None, bundle: Path
) -> None:
    peer = proved(way, chain, bundle)
    assert (peer.fault, peer.systems) == (code, frozenset() if code else {"contoso"})


OUT_AND_XMPP = [way for way in WAYS if way != "sip in"]


@pytest.mark.parametrize("way", WAYS)
def test_another_name_is_not_the_partners(way: str, bundle: Path) -> None:
    peer = proved(way, [leaf(dns("evil.example"))], bundle)
    assert peer.systems == frozenset()
    assert peer.fault is (None if way == "sip in" else Code.C03)  # nobody in particular was expected


NAMES: list[tuple[str, x509.GeneralName, bool, bool]] = [
    # what the certificate carries                        good for SIP, for XMPP
    ("DNS name", dns("contoso.com"), True, True),
    ("upper case", dns("CONTOSO.com"), True, True),
    ("sip URI", uri("sip:contoso.com"), True, False),
    ("XMPP address", xmpp_addr("contoso.com"), False, True),
    ("SRV name", srv("_xmpp-server.contoso.com"), False, True),
    ("wildcard of the top level", dns("*.com"), False, False),
    ("wildcard below", dns("*.contoso.com"), False, False),
    ("partial wildcard", dns("cont*.com"), False, False),
    ("trailing dot", dns("contoso.com."), False, False),
    ("suffix", dns("evilcontoso.com"), False, False),
    ("NUL", dns("contoso.com\0.evil.example"), False, False),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "sip", "xmpp"), [row[1:] for row in NAMES], ids=[row[0] for row in NAMES])
def test_name_counts_by_the_rules_of_the_protocol(
    way: str, name: x509.GeneralName, sip: bool, xmpp: bool, bundle: Path
) -> None:
    assert bool(proved(way, [leaf(name)], bundle).systems) is (sip if way.startswith("sip") else xmpp)


def subject(*pairs: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in pairs])


CN, OU, O = NameOID.COMMON_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.ORGANIZATION_NAME  # noqa: E741

SUBJECTS = [
    # the subject of a certificate without alternative names    is it contoso.com?
    ("common name", named("contoso.com"), True),
    ("common name among others", subject((O, "Contoso"), (CN, "contoso.com")), True),
    ("upper case", named("Contoso.Com"), True),
    ("BMPString", x509.Name([x509.NameAttribute(CN, "contoso.com", x509.name._ASN1Type.BMPString)]), True),
    ("CN in the text of an OU", subject((OU, "CN=contoso.com,")), False),
    ("CN in the text of an O", subject((O, "/CN=contoso.com"), (CN, "evil.example")), False),
    ("two common names", subject((CN, "evil.example"), (CN, "contoso.com")), False),
    ("NUL", named("contoso.com\0.evil.example"), False),
    ("wildcard", named("*.com"), False),
    ("a sentence", named("contoso.com, really"), False),
    ("IP address", named("192.0.2.1"), False),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "good"), [row[1:] for row in SUBJECTS], ids=[row[0] for row in SUBJECTS])
def test_common_name_counts_where_it_is_configured_and_there_is_no_other(
    way: str, name: x509.Name, good: bool, bundle: Path
) -> None:
    chain = [make(issuer=ROOT, subject=name, number=9)]
    assert bool(proved(way, chain, bundle, Trust(names="san-or-cn")).systems) is good
    by_default = proved(way, chain, bundle)
    assert by_default.systems == frozenset()
    if good:
        assert by_default.fault is Code.C04


@pytest.mark.parametrize("way", WAYS)
def test_common_name_beside_an_alternative_name_never_counts(way: str, bundle: Path) -> None:
    chain = [leaf(dns("evil.example"), subject="contoso.com")]
    assert proved(way, chain, bundle, Trust(names="san-or-cn")).systems == frozenset()
    unread = [make(issuer=ROOT, subject="contoso.com", number=9, raw_san=b"\x82\x50a")]
    assert proved(way, unread, bundle, Trust(names="san-or-cn")).systems == frozenset()


EKUS = [
    # the purposes                eku       from a client, from a server
    ((SERVER,), "server", True, True),
    ((CLIENT,), "server", False, False),
    ((SERVER,), "strict", False, True),
    ((CLIENT,), "strict", True, False),
    ((SERVER, CLIENT), "strict", True, True),
    ((SIP_DOMAIN,), "strict", True, True),
    ((ANY,), "strict", True, True),
    (None, "strict", True, True),
    ((MAIL,), "strict", False, False),
    ((MAIL,), "any", True, True),
    ((CLIENT,), "any", True, True),
]


@pytest.mark.parametrize(("purposes", "eku", "client", "server"), EKUS)
@pytest.mark.parametrize("way", WAYS)
def test_purpose_follows_the_policy(
    way: str, purposes: tuple[x509.ObjectIdentifier, ...] | None, eku: str, client: bool, server: bool, bundle: Path
) -> None:
    peer = proved(way, [leaf(eku=purposes)], bundle, Trust(eku=eku))
    good = client if way.endswith("in") else server
    assert (bool(peer.systems), peer.fault) == (good, None if good else Code.C05)


# pins


@pytest.mark.parametrize("way", WAYS)
def test_pin_restricts_whom_the_authority_vouches_for(way: str, bundle: Path) -> None:
    good, other = leaf(), make(dns(NAME), issuer=ROOT, number=7)
    trust = Trust(pins=frozenset((pin_of(good.certificate), pin_of(STRANGER.certificate))))
    assert proved(way, [good], bundle, trust).systems == {"contoso"}
    assert proved(way, [other], bundle, trust).fault is Code.C12


@pytest.mark.parametrize("way", WAYS)
def test_pin_of_an_issuer_does_as_well(way: str, bundle: Path) -> None:
    trust = Trust(pins=frozenset((pin_of(MIDDLE.certificate),)))
    assert proved(way, [leaf(issuer=MIDDLE), MIDDLE], bundle, trust).fault is None
    assert proved(way, [leaf()], bundle, trust).fault is Code.C12


@pytest.mark.parametrize("way", WAYS)
def test_pin_of_an_issuer_nobody_trusts_proves_nothing(way: str, bundle: Path) -> None:
    """Whoever sends a certificate of somebody else along has not been vouched for by it."""
    trust = Trust(pins=frozenset((pin_of(STRANGER.certificate),)))
    assert proved(way, [leaf(issuer=STRANGER), STRANGER], bundle, trust).fault is Code.C01
    assert proved(way, [leaf(issuer=None), STRANGER], bundle, trust).fault is Code.C01


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("issuer", [None, STRANGER], ids=["self-signed", "unknown issuer"])
def test_pin_of_the_leaf_stands_in_for_its_issuer_and_for_nothing_else(
    way: str, issuer: Made | None, bundle: Path
) -> None:
    def under_pin(made: Made) -> Code | None:
        return proved(way, [made], bundle, Trust(pins=frozenset((pin_of(made.certificate),)))).fault

    assert under_pin(leaf(issuer=issuer)) is None
    assert under_pin(leaf(issuer=issuer, **PAST)) is Code.C02
    assert under_pin(leaf(issuer=issuer, begins=NOW + timedelta(hours=1))) is Code.C09
    assert under_pin(leaf(issuer=issuer, eku=(CLIENT,))) is Code.C05
    if way != "sip in":
        assert under_pin(leaf(dns("evil.example"), issuer=issuer)) is Code.C03


def test_pin_of_one_partner_vouches_for_no_other(bundle: Path) -> None:
    made = leaf(dns(NAME), dns("other.example"), issuer=None)
    one = partner("sip", bundle, Trust(pins=frozenset((pin_of(made.certificate),))))
    other = replace(partner("sip", bundle), name="other", domains=(Domain("other.example"),), peer_names=frozenset())
    ours = Contexts(parse(OURS.pem, OURS.key_pem), bundle, [one, other])
    peer = ours.sip_peer(Directory([one, other]), accepted(ours, somebody([made])))
    assert (peer.systems, peer.fault) == ({"contoso"}, None)


# revocation


class Asked:
    """Somebody who knows that all is revoked."""

    def __init__(self) -> None:
        self.policies: list[str] = []

    def fault(self, handshake: Handshake, policy: str) -> Code | None:
        self.policies.append(policy)
        return Code.C10

    def waiting(self, handshake: Handshake) -> None:
        return None


@pytest.mark.parametrize("way", WAYS)
def test_what_is_known_of_revocation_is_the_last_word(way: str, bundle: Path) -> None:
    asked = Asked()
    protocol, _, direction = way.partition(" ")
    for trust, code in ((OFF, None), (Trust(), Code.C10), (Trust(revocation="hard"), Code.C10)):
        system = partner(protocol, bundle, trust)
        ours, directory = contexts(system), Directory([system])
        ours.consult(asked)
        theirs = somebody([leaf()])
        seen = accepted(ours, theirs) if direction == "in" else dialled(ours, theirs, system)
        peer = ours.sip_peer(directory, seen) if protocol == "sip" else ours.xmpp_peer(directory, seen, NAME)
        assert peer.fault is code
    assert asked.policies == ["soft", "hard"]


def test_without_anybody_who_knows_hard_refuses(bundle: Path) -> None:
    assert proved("sip in", [leaf()], bundle, Trust(revocation="hard")).fault is Code.C08
    assert proved("sip in", [leaf()], bundle, Trust(revocation="soft")).fault is None


def test_stranger_is_told_what_is_wrong_with_its_certificate(bundle: Path) -> None:
    assert proved("sip in", [leaf(dns("padua.example"), issuer=STRANGER)], bundle).fault is Code.C01
    assert proved("sip in", [], bundle).fault is Code.T04


def test_xmpp_domain_that_is_not_listed_is_nobody(bundle: Path) -> None:
    system = partner("xmpp", bundle)
    ours = contexts(system)
    seen = accepted(ours, somebody([leaf(dns("padua.example"))]))
    assert ours.xmpp_peer(Directory([system]), seen, Domain("padua.example")).systems == frozenset()


# -- those who are on no list ----------------------------------------------------------------------------------------

PADUA = Domain("padua.example")


def as_stranger(way: str, chain: Sequence[Made], bundle: Path, ca: bool = True) -> Peer:
    """The same for padua.example, to a gateway that discovers unlisted domains."""
    listed = partner("sip", bundle)
    template = System("", False, "sip", (), ca=bundle if ca else None, discovered=True)
    directory = Directory([listed], (), template)
    ours = Contexts(parse(OURS.pem, OURS.key_pem), bundle, directory.trusting)
    seen = accepted(ours, somebody(chain))
    return ours.xmpp_peer(directory, seen, PADUA) if way == "xmpp" else ours.sip_peer(directory, seen)


def test_stranger_proves_his_own_domain_by_the_strict_rules(bundle: Path) -> None:
    peer = as_stranger("sip", [leaf(dns("padua.example"))], bundle)
    assert (peer.open, peer.systems, peer.fault, peer.names) == (True, frozenset(), None, {PADUA})
    by_subject = make(number=9, issuer=ROOT, subject=subject((NameOID.COMMON_NAME, "padua.example")))
    for chain, code in (
        ([leaf(dns("padua.example"), issuer=STRANGER)], Code.C01),
        ([leaf(dns("padua.example"), **PAST)], Code.C02),
        ([by_subject], Code.C04),
        ([], Code.T04),
    ):
        peer = as_stranger("sip", chain, bundle)
        assert (peer.open, peer.systems, peer.fault) == (False, frozenset(), code)


def test_certificate_of_a_partner_proves_what_else_it_carries(bundle: Path) -> None:
    peer = as_stranger("sip", [leaf(dns("contoso.com"), dns("padua.example"))], bundle)
    assert (peer.open, peer.systems) == (True, {"contoso"})
    assert not as_stranger("sip", [leaf(dns("contoso.com"))], bundle).open, "there is nothing else"


def test_authority_of_one_partner_vouches_for_no_stranger(bundle: Path) -> None:
    peer = as_stranger("sip", [leaf(dns("contoso.com"), dns("padua.example"))], bundle, ca=False)
    assert (peer.open, peer.systems) == (False, {"contoso"})


def test_xmpp_stranger_proves_the_domain_of_the_stream(bundle: Path) -> None:
    assert as_stranger("xmpp", [leaf(dns("padua.example"))], bundle).fault is None
    assert as_stranger("xmpp", [leaf(dns("mantua.example"))], bundle).fault is Code.C03
    assert as_stranger("xmpp", [leaf(dns("padua.example"), issuer=STRANGER)], bundle).fault is Code.C01
