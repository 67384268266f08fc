"""Who may talk to whom: identities, and every pair of domains."""

import dataclasses
from itertools import product
from pathlib import Path

import pytest

from edge.codes import Code
from edge.domains import Domain, domain
from edge.partners import Admit, Directory, HostPort, Peer, Refuse, System
from edge.partners import directory as directory_module


def system(name: str, protocol: str, *domains: str, inside: bool = False, **more: object) -> System:
    link = "tls" if protocol == "sip" else "s2s"
    return System(name, inside, protocol, tuple(map(domain, domains)), link, **more)  # type: ignore[arg-type]


OFFICE = system("office", "xmpp", "office.example", "im.office.example", inside=True)
POOL = system("pool", "sip", "pool.example", inside=True, hosts=(HostPort("pool01.corp.example", 5061),))
CONTOSO = system("contoso", "sip", "contoso.com", hosts=(HostPort("edge.contoso.com", 5061),))
FABRIKAM = system("fabrikam", "sip", "fabrikam.com")
JABBER = system("jabber", "xmpp", "jabber.example")
SYSTEMS = (OFFICE, POOL, CONTOSO, FABRIKAM, JABBER)

MAY_TALK = {("office", "contoso"), ("office", "fabrikam"), ("pool", "jabber")}
MAY_TALK_IN_TRANSIT = {("contoso", "jabber"), ("fabrikam", "jabber")}


def names(*texts: str) -> frozenset[Domain]:
    return frozenset(map(domain, texts))


def peer_of(one: System) -> Peer:
    return Peer(one.protocol, frozenset(one.domains), frozenset({one.name}))


# -- identities ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("presented", "systems"),
    [
        (names("contoso.com"), {"contoso"}),
        (names("edge.contoso.com"), {"contoso"}),
        (names("edge.contoso.com", "unknown.example"), {"contoso"}),
        (names("contoso.com", "fabrikam.com"), {"contoso", "fabrikam"}),
        (names("sip.fabrikam.com"), set()),
        (names("pool01.corp.example"), {"pool"}),
        (names("office.example"), set()),
        (names("unknown.example"), set()),
        (names(), set()),
    ],
)
def test_identify_finds_the_sip_systems_of_a_certificate(presented: frozenset[Domain], systems: set[str]) -> None:
    peer = Directory(SYSTEMS).identify("sip", presented)
    assert (peer.protocol, peer.names, peer.systems, peer.fault) == ("sip", presented, systems, None)


@pytest.mark.parametrize(
    ("presented", "systems"),
    [
        (names("jabber.example"), {"jabber"}),
        (names("im.office.example"), {"office"}),
        (names("im.jabber.example"), set()),
        (names("contoso.com"), set()),
    ],
)
def test_identify_finds_the_xmpp_system_of_a_stream(presented: frozenset[Domain], systems: set[str]) -> None:
    assert Directory(SYSTEMS).identify("xmpp", presented).systems == systems


def test_identify_gives_nothing_to_a_peer_that_proved_nothing() -> None:
    peer = Directory(SYSTEMS).identify("sip", names("contoso.com"), Code.C01)
    assert peer.systems == frozenset()
    assert peer.fault is Code.C01


def test_identify_goes_by_peer_names_alone_where_they_are_given() -> None:
    hub = system("hub", "sip", "a.example", hosts=(HostPort("10.0.0.1", 5061),), peer_names=names("fed.hub.example"))
    directory = Directory([hub])
    assert directory.identify("sip", names("fed.hub.example")).systems == {"hub"}
    assert directory.identify("sip", names("a.example")).systems == frozenset()


def test_identify_counts_a_name_shared_by_two_systems_for_both() -> None:
    shared = names("fed.hub.example")
    one = system("one", "sip", "a.example", peer_names=shared)
    two = system("two", "sip", "b.example", peer_names=shared)
    assert Directory([one, two]).identify("sip", shared).systems == {"one", "two"}


def test_identify_counts_a_system_only_under_its_own_trust_bundle() -> None:
    private = Path("/etc/edge/contoso-ca.pem")
    listed = dataclasses.replace(CONTOSO, ca=private)
    directory = Directory([listed, FABRIKAM])
    both = names("contoso.com", "fabrikam.com")
    assert directory.identify("sip", both).systems == {"contoso", "fabrikam"}
    assert directory.identify("sip", both, None, frozenset({private})).systems == {"contoso"}
    assert directory.identify("sip", both, None, frozenset({None})).systems == {"fabrikam"}
    assert directory.identify("sip", both, None, frozenset()).systems == frozenset()


# -- admission -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transit", [False, True])
@pytest.mark.parametrize(("sender", "recipient"), list(product(SYSTEMS, SYSTEMS)), ids=lambda one: one.name)
def test_admit_decides_every_pair_of_systems(sender: System, recipient: System, transit: bool) -> None:
    directory = Directory(SYSTEMS, transit)
    allowed = MAY_TALK | MAY_TALK_IN_TRANSIT if transit else MAY_TALK
    pair = (sender.name, recipient.name)
    expected = Admit(sender, recipient) if pair in allowed or pair[::-1] in allowed else Refuse(Code.A08)
    decision = directory.admit(peer_of(sender), sender.domains[0], recipient.domains[-1])
    assert decision == expected
    assert directory.admit(peer_of(sender), sender.domains[0], recipient.domains[-1]) is decision


LISTED, UNLISTED = domain("contoso.com"), domain("stranger.example")
GOOD = peer_of(CONTOSO)
OTHER = peer_of(FABRIKAM)
NOBODY = Peer("sip", names("contoso.com"), frozenset(), Code.C02)

REFUSALS = [
    # peer, from, to: the first fault in the order of the rules is the one that is told
    (GOOD, UNLISTED, domain("office.example"), Code.A01),
    (NOBODY, UNLISTED, UNLISTED, Code.A01),
    (NOBODY, LISTED, domain("office.example"), Code.C02),
    (NOBODY, LISTED, UNLISTED, Code.C02),
    (OTHER, LISTED, domain("office.example"), Code.A05),
    (OTHER, LISTED, UNLISTED, Code.A05),
    (OTHER, LISTED, domain("fabrikam.com"), Code.A05),
    (GOOD, domain("office.example"), domain("jabber.example"), Code.A05),
    (GOOD, LISTED, UNLISTED, Code.A06),
    (GOOD, LISTED, domain("sub.office.example"), Code.A06),
    (GOOD, LISTED, domain("fabrikam.com"), Code.A08),
    (GOOD, LISTED, LISTED, Code.A08),
    (GOOD, LISTED, domain("jabber.example"), Code.A08),
]


@pytest.mark.parametrize(("peer", "sender", "recipient", "code"), REFUSALS)
def test_admit_refuses_with_the_first_reason(peer: Peer, sender: Domain, recipient: Domain, code: Code) -> None:
    directory = Directory(SYSTEMS)
    for _ in range(2):
        assert directory.admit(peer, sender, recipient) == Refuse(code)


def test_admit_takes_a_stream_for_its_own_domain_only() -> None:
    directory = Directory(SYSTEMS)
    stream = directory.identify("xmpp", names("im.office.example"))
    assert isinstance(directory.admit(stream, domain("im.office.example"), LISTED), Admit)
    assert directory.admit(stream, domain("office.example"), LISTED) == Refuse(Code.A05)


def test_admit_takes_a_certificate_for_every_domain_of_its_system() -> None:
    two = system("two", "sip", "a.example", "b.example")
    directory = Directory([OFFICE, two])
    link = directory.identify("sip", names("a.example"))
    for each in two.domains:
        assert directory.admit(link, each, domain("office.example")) == Admit(two, OFFICE)


def test_admit_tells_peers_apart_that_differ_in_their_systems_only() -> None:
    directory = Directory(SYSTEMS)
    assert isinstance(directory.admit(GOOD, LISTED, domain("office.example")), Admit)
    assert directory.admit(NOBODY, LISTED, domain("office.example")) == Refuse(Code.C02)
    assert isinstance(directory.admit(GOOD, LISTED, domain("office.example")), Admit)


def test_admit_remembers_a_bounded_number_of_decisions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory_module, "DECISIONS", 3)
    directory = Directory(SYSTEMS)
    peers = [Peer("sip", names(f"h{number}.example"), frozenset({"contoso"})) for number in range(10)]
    for peer in peers:
        assert isinstance(directory.admit(peer, LISTED, domain("office.example")), Admit)
        assert len(directory._decisions) <= 3


def test_admit_remembers_nothing_of_strangers() -> None:
    directory = Directory(SYSTEMS)
    for number in range(100):
        stranger = domain(f"h{number}.example")
        assert directory.admit(GOOD, stranger, LISTED) == Refuse(Code.A01)
        assert directory.admit(GOOD, LISTED, stranger) == Refuse(Code.A06)
    assert not directory._decisions


def test_equal_peers_are_one_key() -> None:
    again = Peer("sip", frozenset(CONTOSO.domains), frozenset({"contoso"}))
    assert again == GOOD
    assert hash(again) == hash(GOOD)
    assert again != NOBODY


# -- the directory itself --------------------------------------------------------------------------------------------


def test_directory_finds_systems_by_domain_and_by_name() -> None:
    directory = Directory(SYSTEMS)
    assert directory.system_of(domain("im.office.example")) is OFFICE
    assert directory.system_of(UNLISTED) is None
    assert directory.named("pool") is POOL
    assert directory.named("stranger") is None


def test_opposite_lists_the_domains_that_a_system_may_talk_to() -> None:
    assert Directory(SYSTEMS).opposite(OFFICE) == ("contoso.com", "fabrikam.com")
    assert Directory(SYSTEMS).opposite(JABBER) == ("pool.example",)
    assert Directory(SYSTEMS, transit=True).opposite(JABBER) == ("pool.example", "contoso.com", "fabrikam.com")


@pytest.mark.parametrize(
    "systems",
    [
        [CONTOSO, system("other", "xmpp", "contoso.com")],
        [CONTOSO, system("contoso", "sip", "another.example")],
    ],
)
def test_directory_refuses_what_is_claimed_twice(systems: list[System]) -> None:
    with pytest.raises(ValueError):
        Directory(systems)
