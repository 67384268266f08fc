"""Domains that are on no list become partners while that is wanted, a bounded number of them, and stay nothing else."""

from dataclasses import replace

import pytest

from edge.codes import Code
from edge.domains import Domain, domain
from edge.partners import Admit, Block, Directory, Peer, Refuse, System
from edge.partners.discovery import Discovered

TEMPLATE = System("", False, "sip", (), discovered=True, messages_per_s=20, burst=20)
POOL = System("pool", True, "sip", (domain("pool.example"),))
OFFICE = System("office", True, "xmpp", (domain("office.example"),), "s2s")
CONTOSO = System("contoso", False, "sip", (domain("contoso.com"),), wildcards=(domain("contoso.com"),))
SPAM = Block((domain("spam.example"),), (domain("spam.example"),))

STRANGER, OURS = domain("stranger.example"), domain("office.example")


def directory(*systems: System, template: System | None = TEMPLATE) -> Directory:
    return Directory((POOL, OFFICE, CONTOSO, *systems), (SPAM,), template)


def proving(*names: str, is_open: bool = True) -> Peer:
    return Peer("sip", frozenset(map(domain, names)), frozenset(), open=is_open)


class Holding:
    """Holds what it is told to hold."""

    def __init__(self, *names: str) -> None:
        self.names = set(names)
        self.forgotten: list[str] = []

    def holds(self, system: System) -> bool:
        return system.name in self.names

    def forget(self, system: System) -> None:
        self.forgotten.append(system.name)


# -- who is discovered -----------------------------------------------------------------------------------------------


def test_a_stranger_whose_certificate_proves_his_domain_is_a_partner_when_he_writes_to_one_of_ours() -> None:
    book = directory()
    admitted = book.admit(proving("stranger.example"), STRANGER, OURS)
    assert isinstance(admitted, Admit) and admitted.discovered
    assert admitted.sender.discovered and admitted.sender.name == "stranger.example"
    assert (admitted.sender.protocol, admitted.sender.link, admitted.sender.messages_per_s) == ("sip", "tls", 20)
    assert book.system_of(STRANGER) is book.named("stranger.example") is admitted.sender
    assert book.systems == (POOL, OFFICE, CONTOSO), "he is on no list"


def test_a_domain_that_one_of_our_users_writes_to_is_a_partner() -> None:
    book = directory()
    ours = Peer("sip", frozenset((domain("pool.example"),)), frozenset(("pool",)))
    admitted = book.admit(ours, domain("pool.example"), STRANGER)
    assert isinstance(admitted, Admit)
    assert (admitted.recipient.name, admitted.recipient.protocol, admitted.recipient.link) == (
        "stranger.example", "xmpp", "s2s",
    )


@pytest.mark.parametrize(
    ("peer", "sender", "recipient", "code"),
    [
        (proving("stranger.example"), "other.example", "office.example", Code.A01),  # he has not proved that one
        (proving("stranger.example", is_open=False), "stranger.example", "office.example", Code.A01),
        (proving("spam.example"), "spam.example", "office.example", Code.A02),
        (proving("www.spam.example"), "www.spam.example", "office.example", Code.A02),
        (proving("stranger.example"), "stranger.example", "another.example", Code.A06),  # he wants nothing of ours
        (proving("stranger.example"), "stranger.example", "contoso.com", Code.A06),
        (proving("stranger.example"), "stranger.example", "pool.example", Code.A08),  # which speaks SIP as well
        (proving("im.contoso.com"), "im.contoso.com", "office.example", Code.A05),  # that is a partner's
        (proving("localhost"), "localhost", "office.example", Code.A01),
        (proving("192.0.2.1"), "192.0.2.1", "office.example", Code.A01),
    ],
)
def test_others_are_none(peer: Peer, sender: str, recipient: str, code: Code) -> None:
    book = directory()
    refused = book.admit(peer, Domain(sender), Domain(recipient))
    assert isinstance(refused, Refuse) and refused.code is code
    assert len(book.discovered) == 0


def test_nobody_is_discovered_by_a_closed_list() -> None:
    book = directory(template=None)
    refused = book.admit(proving("stranger.example"), STRANGER, OURS)
    assert isinstance(refused, Refuse) and refused.code is Code.A01
    ours = Peer("xmpp", frozenset((OURS,)), frozenset(("office",)))
    refused = book.admit(ours, OURS, STRANGER)
    assert isinstance(refused, Refuse) and refused.code is Code.A01
    with pytest.raises(LookupError):
        book.discovered.like(STRANGER, "sip")


def test_a_partner_cannot_reach_strangers_through_us() -> None:
    contoso = Peer("sip", frozenset((domain("contoso.com"),)), frozenset(("contoso",)))
    refused = directory().admit(contoso, domain("contoso.com"), STRANGER)
    assert isinstance(refused, Refuse) and refused.code is Code.A06


def test_a_discovered_partner_speaks_the_protocol_it_was_discovered_with() -> None:
    book = directory()
    assert book.discover(STRANGER, OURS) is not None
    assert book.discover(STRANGER, domain("pool.example")) is None


def test_a_listed_partner_that_is_called_like_the_domain_stays_alone() -> None:
    book = directory(System("stranger.example", False, "sip", (domain("else.example"),)))
    assert book.discover(STRANGER, OURS) is None


def test_a_link_proves_a_discovered_partner() -> None:
    book = directory()
    assert book.identify("sip", frozenset((STRANGER,))).systems == frozenset()
    book.discover(STRANGER, OURS)
    assert book.identify("sip", frozenset((STRANGER,))).systems == {"stranger.example"}
    assert book.identify("xmpp", frozenset((STRANGER,))).systems == frozenset()


# -- how many there are ----------------------------------------------------------------------------------------------


def test_the_one_goes_first_that_nobody_has_had_a_use_for_for_longest() -> None:
    discovered, holding = Discovered(TEMPLATE, most=2), Holding("a.example")
    discovered.holders.append(holding)
    for name in ("a.example", "b.example", "c.example", "d.example"):
        assert discovered.add(domain(name), "sip") is not None
    assert [each.name for each in discovered] == ["a.example", "d.example"]
    assert holding.forgotten == ["b.example", "c.example"]


def test_there_is_no_room_while_all_are_in_use() -> None:
    discovered = Discovered(TEMPLATE, most=1)
    discovered.holders.append(Holding("a.example"))
    assert discovered.add(domain("a.example"), "sip") is not None
    assert discovered.add(domain("b.example"), "sip") is None
    assert [each.name for each in discovered] == ["a.example"]


# -- another list ----------------------------------------------------------------------------------------------------


def test_switching_off_ends_them_all() -> None:
    book = directory()
    found = book.discover(STRANGER, OURS)
    changes = book.become(directory(template=None))
    assert changes.removed == (found,) and changes.moved
    assert book.system_of(STRANGER) is None and len(book.discovered) == 0


def test_who_is_listed_or_blocked_meanwhile_is_discovered_no_more() -> None:
    book = directory()
    for name in ("stranger.example", "listed.example", "blocked.example"):
        book.discover(domain(name), OURS)
    listed = System("listed", False, "sip", (domain("listed.example"),))
    other = Directory((POOL, OFFICE, listed), (Block((domain("blocked.example"),)),), TEMPLATE)
    changes = book.become(other)
    assert {each.name for each in changes.removed} == {"contoso", "listed.example", "blocked.example"}
    assert book.system_of(domain("listed.example")) is book.named("listed")
    assert [each.name for each in book.discovered] == ["stranger.example"]


def test_other_limits_are_taken_over_and_other_proofs_are_asked_for_anew() -> None:
    book = directory()
    found = book.discover(STRANGER, OURS)
    assert found is not None
    changes = book.become(directory(template=replace(TEMPLATE, messages_per_s=5)))
    assert changes.changed == ((found, ("messages_per_s",)),) and found.messages_per_s == 5
    changes = book.become(directory(template=replace(TEMPLATE, min_version="1.3")))
    assert changes.removed == (found,)


def test_certificates_are_judged_for_strangers_too() -> None:
    assert directory().trusting == (POOL, OFFICE, CONTOSO, TEMPLATE)
    assert directory(template=None).trusting == (POOL, OFFICE, CONTOSO)
