"""How it is learnt in which mode a SIP user talks."""

import pytest

from edge.domains import domain
from edge.gateway import modes
from edge.gateway.modes import PAGE, SESSION, Modes
from edge.partners import System
from edge.xmpp.jid import JID

ROMEO, MERCUTIO = JID.parse("romeo@sip.example"), JID.parse("mercutio@sip.example")


def system(im_mode: str) -> System:
    return System("sip", False, "sip", (domain("sip.example"),), im_mode=im_mode)


def test_nobody_knows_at_first_so_that_it_is_tried_by_itself() -> None:
    assert Modes().of(system("auto"), ROMEO) == PAGE


def test_what_a_user_did_counts_for_him_and_for_those_of_whom_nothing_is_known() -> None:
    known = Modes()
    known.learn(system("auto"), MERCUTIO, PAGE)
    known.learn(system("auto"), ROMEO, SESSION)
    assert [known.of(system("auto"), user) for user in (ROMEO, MERCUTIO)] == [SESSION, PAGE]
    assert known.of(system("auto"), JID.parse("benvolio@sip.example")) == SESSION


@pytest.mark.parametrize("said", [PAGE, SESSION])
def test_what_the_administrator_says_stands(said: str) -> None:
    known = Modes()
    known.learn(system(said), ROMEO, PAGE if said == SESSION else SESSION)
    assert known.of(system(said), ROMEO) == said
    assert not known.may_switch(system(said))


@pytest.mark.parametrize(("im_mode", "pages"), [("auto", True), ("page", True), ("session", False)])
def test_who_has_written_one_by_one_is_known_to(im_mode: str, pages: bool) -> None:
    known = Modes()
    assert not known.pages(system(im_mode), ROMEO)
    known.learn(system(im_mode), ROMEO, PAGE)
    assert known.pages(system(im_mode), ROMEO) == pages
    assert not known.pages(system(im_mode), MERCUTIO)


def test_as_many_users_are_remembered_as_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modes, "MAX_LEARNT", 2)
    known = Modes()
    for name in ("a", "b", "c"):
        known.learn(system("auto"), JID.parse(f"{name}@sip.example"), SESSION)
    assert len(known.of_user) <= 2
