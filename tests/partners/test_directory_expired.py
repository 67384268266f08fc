"""Partners whose time is over: what was theirs is nobody's, as long as their entry is there."""

from edge.codes import Code
from edge.domains import domain
from edge.partners import Admit, Directory, Peer, Refuse
from edge.partners.explaining import explain
from tests.partners.test_directory import OFFICE, POOL, names, names_of, system
from tests.partners.test_discovery import TEMPLATE, proving

TRIAL = system("trial", "sip", "uk.wingtip.com", wildcards=names_of("de.wingtip.com"), place="partners.toml line 41")
WIDE = system("wide", "sip", "wide.example", wildcards=names_of("wingtip.com"))
OURS, THEIRS, BELOW = domain("office.example"), domain("uk.wingtip.com"), domain("x.de.wingtip.com")
FULL = (POOL, OFFICE, WIDE, TRIAL)


def after() -> Directory:
    return Directory((POOL, OFFICE, WIDE), (), TEMPLATE, (TRIAL,))


def test_the_wildcard_of_another_does_not_cover_it() -> None:
    book = after()
    for peer in (book.identify("sip", names("wide.example")), book.identify("sip", frozenset((THEIRS, BELOW)))):
        for sender in (THEIRS, BELOW):
            assert book.admit(peer, sender, OURS) == Refuse(Code.A01)
    wide = book.identify("sip", names("wide.example"))
    assert isinstance(book.admit(wide, domain("fr.wingtip.com"), OURS), Admit)


def test_it_is_not_discovered() -> None:
    book = after()
    ours = Peer("xmpp", frozenset((OURS,)), frozenset(("office",)))
    for each in (THEIRS, BELOW):
        assert book.admit(proving(each), each, OURS) == Refuse(Code.A01)
        assert book.admit(ours, OURS, each) == Refuse(Code.A01, of_recipient=True)
    assert len(book.discovered) == 0


def test_who_is_a_partner_no_more_is_removed_and_what_was_his_has_moved() -> None:
    book = Directory(FULL, (), TEMPLATE)
    trial = book.system_of(THEIRS)
    changes = book.become(after())
    assert changes.removed == (trial,) and changes.moved
    assert book.system_of(THEIRS) is None and book.fault_of(THEIRS) is Code.A01
    assert not book.become(after()).moved
    assert book.become(Directory((POOL, OFFICE, WIDE), (), TEMPLATE)).moved
    assert (found := book.system_of(THEIRS)) is not None and found.name == "wide"
    assert book.become(after()).moved, "those who are known there belong to nobody now"
    assert len(book.become(Directory(FULL, (), TEMPLATE)).added) == 1 and book.system_of(BELOW) is TRIAL


def test_who_was_discovered_is_so_no_more_when_an_entry_says_that_his_time_is_over() -> None:
    book = Directory((POOL, OFFICE), (), TEMPLATE)
    found = book.discover(THEIRS, OURS)
    assert book.become(Directory((POOL, OFFICE), (), TEMPLATE, (TRIAL,))).removed == (found,)


def test_it_is_explained() -> None:
    (step,) = explain(after(), THEIRS, OURS).steps
    said = "uk.wingtip.com was one of partner trial, which has expired (partners.toml line 41)"
    assert (step.text, step.code) == (said, Code.A01)
