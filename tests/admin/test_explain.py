"""`edge explain`: the rules of the list, and what users have allowed each other."""

from pathlib import Path

import pytest

from edge.admin import explain
from edge.admin.local import Wrong
from edge.xmpp.authorization import State
from tests.admin.office import PARTNERS, Office
from tests.config.written import changed


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def ask(office: Office, one: str, other: str = "") -> dict[str, object]:
    return office.get("explain", **{"from": one, "to": other})


def test_two_users_are_told_both_ways_and_what_they_have_allowed(office: Office) -> None:
    office.pair(State.TO)
    answer = office.get("explain", **{"from": "juliet@xmpp.example", "to": "sip:romeo@contoso.com"})
    there, back = answer["ways"]
    assert (there["from"], there["to"], there["messages"], there["presence"]) == (
        "juliet@xmpp.example", "romeo@contoso.com", "", "",
    )
    assert [step["rule"] for step in there["steps"]] == ["from", "to", "pair", "route"]
    assert "192.0.2.7:5061" in there["steps"][-1]["text"]
    assert [step["rule"] for step in back["steps"]] == ["from", "to", "pair", "limits", "route"]
    pair = answer["pair"]
    assert pair["authorization"] == "to"
    assert [half["watcher"] for half in pair["halves"]] == ["romeo@contoso.com", "juliet@xmpp.example"]


def test_two_users_who_have_allowed_nothing(office: Office) -> None:
    answer = ask(office, "juliet@xmpp.example", "romeo@contoso.com")
    assert answer["pair"] == {"authorization": "none", "halves": []}


def test_two_domains_have_no_pair(office: Office) -> None:
    assert ask(office, "xmpp.example", "contoso.com")["pair"] is None


def test_refusal_is_told_with_its_code_and_its_place(office: Office) -> None:
    answer = office.get("explain", **{"from": "juliet@xmpp.example", "to": "eve@spam.example"})
    there, back = answer["ways"]
    assert (there["messages"], there["presence"], back["messages"]) == ("EDGE-A02", "EDGE-A02", "EDGE-A02")
    assert there["steps"][-1] == {
        "rule": "to", "text": "spam.example is blocked (partners.toml line 16): ticket 4711", "code": "EDGE-A02",
    }


def test_one_way_can_be_closed(tmp_path: Path) -> None:
    office = Office(tmp_path, partners=changed(PARTNERS, 'name = "contoso"', 'name = "contoso"\nallow = "incoming"'))
    there, back = office.get("explain", **{"from": "xmpp.example", "to": "contoso.com"})["ways"]
    assert (there["messages"], back["messages"]) == ("EDGE-A03", "")


def test_one_alone_is_told_whose_it_is_and_with_whom_it_may_talk(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(office, "juliet@xmpp.example") == {
        "domain": "xmpp.example", "system": "office", "text": "belongs to inside office (xmpp; edge.toml line 9)",
        "code": "", "talks_with": ["contoso", "fabrikam"], "more": 0,
    }
    monkeypatch.setattr(explain, "TOLD", 1)
    assert ask(office, "xmpp.example")["more"] == 1
    assert ask(office, "east.fabrikam.com")["system"] == "fabrikam"


def test_one_alone_who_is_not_listed_or_blocked(office: Office) -> None:
    answer = ask(office, "x@strange.example")
    assert (answer["text"], answer["code"], answer["talks_with"]) == ("is on no list", "EDGE-A01", [])
    answer = ask(office, "spam.example")
    assert (answer["text"], answer["code"]) == ("is blocked (partners.toml line 16): ticket 4711", "EDGE-A02")


@pytest.mark.parametrize(("one", "other"), [("", ""), ("a b", ""), ("x.example", "@"), ("", "x.example")])
def test_what_is_no_address_is_refused(office: Office, one: str, other: str) -> None:
    with pytest.raises(Wrong):
        ask(office, one, other)


def test_domain_that_would_be_discovered(tmp_path: Path) -> None:
    head = 'version = 1\n[defaults]\nunknown_domains = "discover"\n'
    office = Office(tmp_path, partners=changed(PARTNERS, "version = 1  # ours\n", head))
    answer = ask(office, "stranger.example")
    assert answer["code"] == "" and str(answer["text"]).startswith("is on no list, and discovered when it proves")
    assert ask(office, "spam.example")["code"] == "EDGE-A02"
    there, _ = office.get("explain", **{"from": "xmpp.example", "to": "stranger.example"})["ways"]
    assert there["messages"] == "" and "discovered partner stranger.example" in there["steps"][-1]["text"]
    assert office.get("seen")["discovered"] == []
