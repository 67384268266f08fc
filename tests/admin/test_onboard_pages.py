"""What others have to set, by their software: how it is printed is in test_onboard_commands.py."""

import pytest

from demo.authority import Authority
from edge.admin.onboard_pages import SPEAKS, STEPS, TITLES, TRIED, Ours, needed
from edge.certificates.identity import Identity, parse
from edge.domains import Domain
from edge.partners import Streams, System

AUTHORITY = Authority("Our CA")
HOUSE = Domain("house.example")


def ours(*names: str) -> Ours:
    issued = AUTHORITY.issue("edge.example.net", dns=["edge.example.net", *names])
    identity: Identity = parse(issued.chain, issued.key)
    return Ours(Domain("edge.example.net"), 5269, (HOUSE,), identity, ())


@pytest.mark.parametrize("kind", SPEAKS)
def test_every_kind_is_told_who_we_are(kind: str) -> None:
    text = "\n".join(STEPS[kind](ours("house.example"), "jabber.example"))
    assert "house.example" in text and kind in TITLES
    assert all(len(line) <= 130 for line in text.splitlines())


def test_what_was_not_tried_is_known() -> None:
    assert set(SPEAKS) == set(STEPS) == set(TITLES) and set(SPEAKS) > TRIED


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("openfire", "xmpp.server.tls.policy                      required"),
        ("openfire", "ours carries house.example"),
        ("expressway", "Allow list:       house.example, each exactly so"),
        ("expressway", "to edge.example.net, port 5269"),
        ("cisco-xmpp", "cup-xmpp-s2s, with jabber.example as alternative names"),
    ],
)
def test_steps_name_the_settings(kind: str, words: str) -> None:
    assert words in "\n".join(STEPS[kind](ours("house.example"), "jabber.example"))


@pytest.mark.parametrize("kind", ["openfire", "expressway", "cisco-xmpp"])
def test_certificate_without_the_domain_is_told_to_those_who_mind(kind: str) -> None:
    assert "ours does not carry house.example: tell us" in "\n".join(STEPS[kind](ours(), "jabber.example"))


def test_expressway_needs_dialback_of_us_first() -> None:
    system = System("jabber", False, "xmpp", (Domain("jabber.example"),))
    assert 'auth = ["external", "dialback-tls"]' in needed("expressway", system)
    assert needed("openfire", system) == ""
    allowed = System("jabber", False, "xmpp", (Domain("jabber.example"),), streams=Streams(dialback=True))
    assert needed("expressway", allowed) == ""
