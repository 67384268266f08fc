"""Another partner list in the place of the one before: whose domains have moved, and who is blocked as a whole."""

import dataclasses

import pytest

from edge.codes import Code
from edge.domains import domain
from edge.partners import Block, Directory, System
from tests.partners.test_directory import CONTOSO, FABRIKAM, OFFICE, names, names_of, system


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
