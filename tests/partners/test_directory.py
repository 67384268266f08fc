"""Who may talk to whom: identities, and every pair of domains."""

import dataclasses
from itertools import product
from pathlib import Path

import pytest

from edge.codes import Code
from edge.domains import Domain, domain
from edge.partners import Admit, Block, Directory, HostPort, Peer, Refuse, System
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


def test_links_of_one_partner_have_the_same_peer() -> None:
    directory = Directory(SYSTEMS)
    assert directory.identify("sip", names("contoso.com")) is directory.identify("sip", names("contoso.com"))


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


def in_transit(one: System) -> System:
    return one if one.inside else dataclasses.replace(one, transit=True)


@pytest.mark.parametrize("transit", [False, True])
@pytest.mark.parametrize(("sender", "recipient"), list(product(SYSTEMS, SYSTEMS)), ids=lambda one: one.name)
def test_admit_decides_every_pair_of_systems(sender: System, recipient: System, transit: bool) -> None:
    directory = Directory([in_transit(each) for each in SYSTEMS] if transit else SYSTEMS)
    if transit:
        sender, recipient = in_transit(sender), in_transit(recipient)
    allowed = MAY_TALK | MAY_TALK_IN_TRANSIT if transit else MAY_TALK
    pair = (sender.name, recipient.name)
    may = pair in allowed or pair[::-1] in allowed
    expected = Admit(sender, recipient) if may else Refuse(Code.A08, of_recipient=True)
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
        about_recipient = code in (Code.A06, Code.A08)
        assert directory.admit(peer, sender, recipient) == Refuse(code, of_recipient=about_recipient)


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


def test_who_of_us_asks_for_a_domain_that_nobody_listed_hears_that() -> None:
    directory = Directory(SYSTEMS)
    ours = peer_of(OFFICE)
    assert directory.admit(ours, domain("office.example"), UNLISTED) == Refuse(Code.A01, of_recipient=True)
    assert directory.admit(GOOD, LISTED, UNLISTED) == Refuse(Code.A06, of_recipient=True)


# -- wildcards and blocks --------------------------------------------------------------------------------------------

WIDE = system("wide", "sip", "wide.example", wildcards=(domain("wide.example"),))
NARROW = system("narrow", "sip", "x.west.wide.example", wildcards=(domain("west.wide.example"),))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("wide.example", "wide"),
        ("a.wide.example", "wide"),
        ("a.b.wide.example", "wide"),
        ("west.wide.example", "wide"),
        ("a.west.wide.example", "narrow"),
        ("b.a.west.wide.example", "narrow"),
        ("x.west.wide.example", "narrow"),
        ("notwide.example", None),
        ("example", None),
    ],
)
def test_the_longest_wildcard_wins_and_covers_names_below_it_only(name: str, found: str | None) -> None:
    owner = Directory([WIDE, NARROW]).system_of(domain(name))
    assert (owner.name if owner else None) == found


def test_a_wildcard_alone_does_not_cover_the_domain_itself() -> None:
    below = system("below", "sip", wildcards=(domain("wide.example"),))
    assert Directory([below]).system_of(domain("wide.example")) is None


def test_a_certificate_for_a_name_under_a_wildcard_speaks_for_that_name_only() -> None:
    directory = Directory([OFFICE, WIDE])
    here = domain("office.example")
    of_branch = directory.identify("sip", names("branch.wide.example"))
    assert directory.admit(of_branch, domain("branch.wide.example"), here) == Admit(WIDE, OFFICE)
    assert directory.admit(of_branch, domain("other.wide.example"), here) == Refuse(Code.A05)
    assert directory.admit(of_branch, domain("wide.example"), here) == Refuse(Code.A05)
    of_all = directory.identify("sip", names("wide.example"))
    assert directory.admit(of_all, domain("other.wide.example"), here) == Admit(WIDE, OFFICE)


def test_a_stream_of_a_domain_under_a_wildcard_is_that_systems() -> None:
    wide = system("wide", "xmpp", wildcards=(domain("wide.example"),))
    directory = Directory([POOL, wide])
    stream = directory.identify("xmpp", names("chat.wide.example"))
    assert directory.admit(stream, domain("chat.wide.example"), domain("pool.example")) == Admit(wide, POOL)
    assert directory.admit(stream, domain("im.wide.example"), domain("pool.example")) == Refuse(Code.A05)


@pytest.mark.parametrize("silent", [False, True])
def test_blocked_beats_listed(silent: bool) -> None:
    block = Block(names_of("bad.wide.example"), names_of("worse.example"), "abuse", silent)
    directory = Directory([OFFICE, WIDE], [block])
    bad, here = domain("bad.wide.example"), domain("office.example")
    link = directory.identify("sip", names("wide.example"))
    assert directory.system_of(bad) is None
    assert directory.admit(link, bad, here) == Refuse(Code.A02, silent)
    assert directory.admit(link, domain("a.worse.example"), here) == Refuse(Code.A02, silent)
    assert directory.admit(peer_of(OFFICE), here, bad) == Refuse(Code.A02, of_recipient=True), "ours always hear why"
    assert isinstance(directory.admit(link, domain("good.wide.example"), here), Admit)
    assert (directory.fault_of(bad), directory.fault_of(domain("worse.example"))) == (Code.A02, Code.A01)


def names_of(*texts: str) -> tuple[Domain, ...]:
    return tuple(map(domain, texts))


# -- kinds of traffic ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "inwards", "outwards"),
    [
        ({}, (None, None), (None, None)),
        ({"allow": "incoming"}, (None, None), (Code.A03, Code.A03)),
        ({"allow": "outgoing"}, (Code.A03, Code.A03), (None, None)),
        ({"traffic": "im-only"}, (None, Code.A04), (None, Code.A04)),
        ({"traffic": "presence-only"}, (Code.A04, None), (Code.A04, None)),
        ({"allow": "incoming", "traffic": "im-only"}, (None, Code.A04), (Code.A03, Code.A03)),
    ],
)
def test_direction_and_kind_of_traffic(
    said: dict[str, str], inwards: tuple[Code | None, Code | None], outwards: tuple[Code | None, Code | None]
) -> None:
    partner = dataclasses.replace(CONTOSO, **said)  # type: ignore[arg-type]
    directory = Directory([OFFICE, partner])
    here, there = domain("office.example"), domain("contoso.com")
    coming = directory.admit(peer_of(partner), there, here)
    going = directory.admit(peer_of(OFFICE), here, there)
    assert isinstance(coming, Admit) and (coming.im, coming.presence) == inwards
    assert isinstance(going, Admit) and (going.im, going.presence) == outwards


def test_senders_whom_nobody_vouches_for_are_marked() -> None:
    hub = dataclasses.replace(CONTOSO, identity="unverified")
    directory = Directory([OFFICE, hub])
    coming = directory.admit(peer_of(hub), domain("contoso.com"), domain("office.example"))
    going = directory.admit(peer_of(OFFICE), domain("office.example"), domain("contoso.com"))
    assert isinstance(coming, Admit) and coming.doubt == "unverified"
    assert isinstance(going, Admit) and not going.doubt


# -- another partner list --------------------------------------------------------------------------------------------


def test_become_keeps_who_is_in_both_lists_the_same_object_with_the_new_said_of_it() -> None:
    contoso, fabrikam = dataclasses.replace(CONTOSO), dataclasses.replace(FABRIKAM)
    directory = Directory([OFFICE, contoso, fabrikam])
    held = directory.named("contoso")
    changes = directory.become(Directory([OFFICE, dataclasses.replace(CONTOSO, burst=7), JABBER]))
    assert directory.named("contoso") is held and held is contoso
    assert contoso.burst == 7
    assert [each.name for each in changes.added] == ["jabber"]
    assert changes.removed == (fabrikam,)
    assert changes.changed == ((contoso, ("burst",)),)
    assert changes.moved
    assert directory.system_of(domain("fabrikam.com")) is None


def test_become_knows_where_everybody_stands_now() -> None:
    directory = Directory([OFFICE, dataclasses.replace(CONTOSO)])
    changes = directory.become(Directory([OFFICE, dataclasses.replace(CONTOSO, place="partners.toml line 99")]))
    contoso = directory.named("contoso")
    assert contoso is not None and contoso.place == "partners.toml line 99" and changes.changed == ()


def test_become_forgets_what_it_has_decided() -> None:
    directory = Directory([dataclasses.replace(each) for each in SYSTEMS])
    here = domain("office.example")
    assert isinstance(directory.admit(GOOD, LISTED, here), Admit)
    directory.become(Directory([OFFICE, FABRIKAM]))
    assert directory.admit(GOOD, LISTED, here) == Refuse(Code.A01)


def test_become_takes_a_system_of_another_kind_for_another_one() -> None:
    contoso = dataclasses.replace(CONTOSO)
    directory = Directory([OFFICE, contoso])
    changes = directory.become(Directory([OFFICE, system("contoso", "xmpp", "contoso.com")]))
    assert changes.removed == (contoso,)
    assert [each.protocol for each in changes.added] == ["xmpp"]


@pytest.mark.parametrize(
    ("said", "moved"), [({"burst": 3}, False), ({"domains": names_of("a.example")}, True), ({"transit": True}, True)]
)
def test_become_says_whether_domains_have_moved(said: dict[str, object], moved: bool) -> None:
    directory = Directory([OFFICE, dataclasses.replace(CONTOSO)])
    assert directory.become(Directory([OFFICE, dataclasses.replace(CONTOSO, **said)])).moved is moved  # type: ignore[arg-type]


def test_become_sees_blocks() -> None:
    directory = Directory([OFFICE, dataclasses.replace(CONTOSO)])
    assert directory.become(Directory([OFFICE, CONTOSO], [Block(names_of("contoso.com"))])).moved
    assert directory.system_of(domain("contoso.com")) is None


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
        assert directory.admit(GOOD, LISTED, stranger) == Refuse(Code.A06, of_recipient=True)
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
    hub = Directory([POOL, in_transit(CONTOSO), FABRIKAM, in_transit(JABBER)])
    assert hub.opposite(in_transit(JABBER)) == ("pool.example", "contoso.com"), "both must allow it"


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
