"""`edge partners`, `edge allow` and `edge block`, as people see them."""

import json
from typing import Any

import pytest

from tests.admin.shell import Shell

CONTOSO = {
    "name": "contoso", "inside": False, "discovered": False, "protocol": "sip", "light": "green", "said": "2 links",
    "domains": ["contoso.com", "b.example", "*.c.example"],
}
OFFICE = CONTOSO | {"name": "office", "inside": True, "protocol": "xmpp", "domains": ["xmpp.example"]}
BLOCK = {"domains": ["spam.example"], "reason": "ticket 4711", "silent": False, "place": "partners.toml line 16"}
STRANGER = {
    "domain": "strange.example", "protocol": "xmpp", "first_seen": "2026-11-20T10:00:00Z",
    "last_seen": "2026-11-20T12:00:00Z", "links": 3, "requests": 0, "address": "198.51.100.9", "through": "",
    "names": "xmpp.strange.example," + "y" * 50, "fingerprint": "ab" * 32, "issuer": "CN=CA", "code": "EDGE-A01",
}
WRITTEN = {
    "changes": ["+ partner x"], "warnings": ["partners.toml line 9: EDGE-K05 x"], "file": "/etc/edge/partners.toml",
}


def test_partners_are_a_table_with_what_is_blocked_below() -> None:
    found = CONTOSO | {"name": "b.example", "discovered": True, "domains": ["b.example"]}
    shell = Shell({"partners": {"partners": [OFFICE, CONTOSO, found], "blocked": [BLOCK], "seen": 2}})
    status, text = shell.run("partners")
    assert status == 0
    assert text.splitlines() == [
        "LIGHT  PARTNER                 PROTO  DOMAINS                     HOW IT IS",
        "green  office (inside)         xmpp   xmpp.example                2 links",
        "green  contoso                 sip    contoso.com, b.example, +1  2 links",
        "green  b.example (discovered)  sip    b.example                   2 links",
        "blocked  spam.example: ticket 4711 (partners.toml line 16)",
        "2 strangers came: `edge partners seen`",
    ]


@pytest.mark.parametrize(("light", "status"), [("green", 0), ("grey", 0), ("yellow", 1), ("red", 1)])
def test_light_that_is_not_green_is_a_finding(light: str, status: int) -> None:
    answer = {"partners": [CONTOSO | {"light": light}], "blocked": [], "seen": 0}
    assert Shell({"partners": answer}).run("partners", "--json")[0] == status


def test_seen_shows_who_came_and_what_to_do() -> None:
    strangers = [STRANGER, STRANGER | {"domain": "", "protocol": "sip", "through": "hub"}]
    shell = Shell({"seen": {"seen": strangers, "discovered": []}})
    status, text = shell.run("partners", "seen")
    head, one, other, advice = text.splitlines()
    assert status == 1 and head.split()[:2] == ["DOMAIN", "PROTO"]
    assert one.startswith("strange.example  xmpp   2026-11-20T10:00:00Z  2026-11-20T12:00:00Z  3      0         198.51")
    assert "xmpp.strange.example,yyyyyyyyyyyyyyyy..." in one and "abababababababab  CN=CA" in one
    assert other.startswith("-                sip") and " hub " in other
    assert advice.startswith("To let one in: edge allow")


def test_nobody_came() -> None:
    answer = {"seen": [], "discovered": []}
    assert Shell({"seen": answer}).run("partners", "seen") == (0, "Nobody came who is not listed.\n")


def test_discovered_partners_are_shown_with_those_who_came() -> None:
    found = CONTOSO | {"name": "b.example", "discovered": True}
    status, text = Shell({"seen": {"seen": [], "discovered": [found]}}).run("partners", "seen")
    assert status == 1
    assert text.splitlines()[:2] == ["DISCOVERED  PROTO  HOW IT IS", "b.example   sip    2 links"]
    _, text = Shell({"seen": {"seen": [STRANGER], "discovered": [found]}}).run("partners", "seen")
    assert len(text.splitlines()) == 6


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["allow", "x.example"], {"domain": "x.example", "via": "", "name": ""}),
        (["allow", "x.example", "--via", "xmpp", "--name", "n"], {"domain": "x.example", "via": "xmpp", "name": "n"}),
        (["block", "x.example"], {"domain": "x.example", "reason": ""}),
        (["block", "x.example", "--reason", "abuse"], {"domain": "x.example", "reason": "abuse"}),
    ],
)
def test_change_says_what_and_where(words: list[str], asked: dict[str, Any]) -> None:
    shell = Shell({words[0]: WRITTEN})
    assert shell.run(*words) == (0, (
        "  + partner x\n  warn   partners.toml line 9: EDGE-K05 x\n"
        "Written to /etc/edge/partners.toml, and in force.\n"
    ))
    assert shell.asked == [("POST", words[0], asked)]
    assert json.loads(shell.run(*words, "--json")[1]) == WRITTEN
