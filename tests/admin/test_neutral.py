"""Neutral names: the same for the same everywhere, and none left of the real ones."""

from typing import Any

import pytest

from edge.admin.neutral import Names, addresses

SYSTEMS = {
    "": {"edge": "gw.bank.test", "port": 5099},
    "bank": {"domains": ["bank.test", "branch.test"], "protocol": "sip"},
    "club": {"domains": ["club.test"], "protocol": "xmpp"},
}
REQUEST = """\
MESSAGE sip:smith@club.test SIP/2.0
From: "Hans" <sip:hans@bank.test:5061;transport=tls>;tag=abcdef
To: <sip:smith@club.test>
Call-ID: 0123456789@10.1.2.3
Via: SIP/2.0/TLS 10.1.2.3;branch=z9hG4bKabcdef

"""


def event(side: str, way: str, system: str, wire: str) -> dict[str, Any]:
    return {"side": side, "way": way, "system": system, "wire": wire}


def names(*events: dict[str, Any]) -> Names:
    return Names(events, SYSTEMS)


@pytest.mark.parametrize(
    ("real", "neutral"),
    [
        ("sip:hans@bank.test", "sip:romeo@contoso.example"),
        ("sip:HANS@Bank.Test", "sip:romeo@contoso.example"),
        ("smith@club.test/home", "juliet@capulet.example/home"),
        ("sip.bank.test", "sip.contoso.example"),
        ("hans@bank.tests", "hans@bank.tests"),
        ("notbank.test", "notbank.test"),
        ("<sip:gw.bank.test:5099;transport=tls>", "<sip:edge.example.net:5061;transport=tls>"),
        ("0123456789@10.1.2.3", "call1"),
        (";tag=abcdef", ";tag=tag1"),
        ("10.1.2.3 and 10.9.9.9, 10.1.2.3", "192.0.2.10 and 192.0.2.11, 192.0.2.10"),
        ("{tag-a} of {5 times x}", "(tag-a) of (5 times x)"),
    ],
)
def test_neutral_text_names_nobody(real: str, neutral: str) -> None:
    assert names(event("sip", "in", "bank", REQUEST)).neutral(real) == neutral


def test_domains_of_one_system_are_told_apart() -> None:
    other = REQUEST.replace("hans@bank.test", "eva@branch.test")
    found = names(event("sip", "in", "bank", REQUEST), event("sip", "in", "bank", other))
    assert found.domains == {"contoso": ["contoso.example", "contoso2.example"], "capulet": ["capulet.example"]}
    assert found.neutral("eva@branch.test") == "mercutio@contoso2.example"


def test_identifier_of_ours_is_bound_unless_somebody_else_has_said_it_before() -> None:
    first = '<message from="smith@club.test" to="hans@bank.test"><thread>a-long-thread</thread></message>'
    found = names(
        event("xmpp", "in", "club", first),
        event("sip", "out", "bank", "MESSAGE x SIP/2.0\nCall-ID: a-long-thread\nFrom: <x>;tag=0a1b2c3d\n\n"),
    )
    assert found.neutral("a-long-thread 0a1b2c3d") == "call1 {tag-a}"


def test_stranger_has_a_name_and_the_domain_that_he_speaks_for() -> None:
    wire = REQUEST.replace("bank.test", "stranger.test")
    found = names(event("sip", "in", "", wire))
    assert found.neutral("hans@stranger.test") == "romeo@contoso.example"


def test_names_that_are_bound_never_end() -> None:
    found = names()
    bound = [found.bind("id") for _ in range(28)]
    assert bound[:2] == ["{id-a}", "{id-b}"] and bound[25:] == ["{id-z}", "{id-aa}", "{id-ab}"]


def test_sender_of_an_answer_is_who_was_asked() -> None:
    answer = REQUEST.replace("MESSAGE sip:smith@club.test SIP/2.0", "SIP/2.0 200 OK")
    assert addresses(event("sip", "in", "", REQUEST)) == ("hans@bank.test", "smith@club.test")
    assert addresses(event("sip", "in", "", answer)) == ("smith@club.test", "hans@bank.test")
    assert addresses(event("xmpp", "in", "", "<presence to='a@b.test/c' from='d.test'/>")) == ("d.test", "a@b.test")
    assert addresses(event("sip", "in", "", "OPTIONS x SIP/2.0\n\n")) == ("", "")
