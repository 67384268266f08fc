"""Another partner list in the place of the one before: whose domains have moved, and who is blocked as a whole."""

import dataclasses

import pytest

from edge.codes import Code
from edge.domains import domain
from edge.partners import Block, Directory, System
from tests.partners.test_directory import CONTOSO, FABRIKAM, JABBER, OFFICE, names, names_of, system


def wild(name: str, below: str) -> System:
    return system(name, "sip", f"{name}.example", wildcards=names_of(below))


def test_a_new_partner_takes_its_name_from_the_wildcard_of_another() -> None:
    """All who are known there have to be looked at: they belong to somebody else."""
    directory = Directory([OFFICE, wild("all", "hosted.example")])
    new = system("one", "sip", "one.hosted.example")
    assert directory.become(Directory([OFFICE, wild("all", "hosted.example"), new])).moved
    assert directory.system_of(domain("one.hosted.example")) is new


def test_a_new_partner_moves_nothing_where_there_are_no_wildcards() -> None:
    directory = Directory([OFFICE, CONTOSO])
    assert not directory.become(Directory([OFFICE, CONTOSO, FABRIKAM])).moved


def test_one_that_is_removed_is_told_from_an_equal_one() -> None:
    contoso = dataclasses.replace(CONTOSO)
    directory = Directory([OFFICE, contoso])
    assert directory.become(Directory([OFFICE])).removed == (contoso,)
    changes = directory.become(Directory([OFFICE, CONTOSO]))
    assert changes.added == (CONTOSO,) and not changes.removed


@pytest.mark.parametrize(
    ("block", "whole"),
    [
        (Block(names_of("all.example")), False),
        (Block((), names_of("hosted.example")), False),
        (Block(names_of("all.example"), names_of("west.hosted.example")), False),
        (Block(names_of("all.example"), names_of("hosted.example")), True),
        (Block((), names_of("example")), True),
    ],
)
def test_partner_is_blocked_when_all_its_names_are(block: Block, whole: bool) -> None:
    partner = wild("all", "hosted.example")
    directory = Directory([OFFICE, partner, CONTOSO], [block])
    assert directory.is_blocked(partner) is whole
    assert not directory.is_blocked(CONTOSO)


def test_who_is_blocked_proves_nothing() -> None:
    directory = Directory([OFFICE, CONTOSO, FABRIKAM], [Block(names_of("contoso.com"))])
    peer = directory.identify("sip", names("contoso.com"))
    assert (peer.systems, peer.fault) == (frozenset(), Code.A02)
    both = directory.identify("sip", names("contoso.com", "fabrikam.com"))
    assert (both.systems, both.fault) == ({"fabrikam"}, None)


@pytest.mark.parametrize(
    ("systems", "block", "fault"),
    [
        ([OFFICE, CONTOSO], None, None),
        ([OFFICE], None, Code.A01),
        ([OFFICE, CONTOSO], Block(names_of("contoso.com")), Code.A02),
        ([OFFICE, dataclasses.replace(CONTOSO, domains=names_of("another.example"))], None, Code.A01),
        ([dataclasses.replace(OFFICE, inside=False), CONTOSO], None, Code.A01),
    ],
)
def test_who_talked_before_may_go_on_or_is_told_why_not(
    systems: list[System], block: Block | None, fault: Code | None
) -> None:
    office, contoso = dataclasses.replace(OFFICE), dataclasses.replace(CONTOSO)
    directory = Directory([office, contoso])
    directory.become(Directory(systems, [block] if block else []))
    assert directory.fault_between(contoso, domain("contoso.com"), office, domain("office.example")) is fault


def test_who_may_not_talk_any_more_is_told_so() -> None:
    partner, other = (dataclasses.replace(each, transit=True) for each in (CONTOSO, JABBER))
    directory = Directory([OFFICE, partner, other])
    both = partner, domain("contoso.com"), other, domain("jabber.example")
    assert directory.fault_between(*both) is None
    directory.become(Directory([OFFICE, CONTOSO, JABBER]))
    assert directory.fault_between(*both) is Code.A08
