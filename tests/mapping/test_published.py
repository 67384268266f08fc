"""What docs/mapping.md publishes is what `edge.mapping` does."""

import re
import tomllib
from pathlib import Path

from edge.mapping.activities import ACTIVITIES_OF_SHOW, SHOW_OF_ACTIVITY
from edge.mapping.addresses import jid_of, uri_of
from edge.mapping.failures import condition_of, status_of
from edge.mapping.profile import OUTBOUND, SHOWN, TOLD, Profile
from edge.sip.uri import SipUri
from edge.xmpp.conditions import STANZA_CONDITIONS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "mapping.md").read_text()


def table(heading: str, number: int = 0) -> list[list[str]]:
    """The rows of a table under a heading, cell by cell, without its head."""
    section = re.split(r"(?m)^#+ ", PAGE.partition(heading + "\n")[2])[0]
    rows = re.findall(r"(?ms)^\|.*?(?=^[^|]|\Z)", section)[number].splitlines()[2:]
    return [[cell.strip() for cell in row.strip().strip("|").split("|")] for row in rows]


def code(cell: str) -> str:
    text = cell.strip("`")
    return "" if text in ("-", "(none)") else text


def test_addresses_are_as_published() -> None:
    rows = table("## 1. Addresses")
    assert len(rows) == 7
    for sip, jid in rows:
        address = jid_of(SipUri.parse(code(sip)))
        assert str(address) == code(jid)
        assert uri_of(address) == code(sip)


def test_failures_from_xmpp_are_as_published() -> None:
    rows = table("### 2.1 From a stanza error to a SIP response")
    assert {code(row[0]) for row in rows} == STANZA_CONDITIONS.keys()
    for condition, full, bare, _ in rows:
        assert status_of(code(condition), full=True) == int(full)
        assert status_of(code(condition), full=False) == int(bare)


def test_failures_from_sip_are_as_published() -> None:
    published = {}
    others = {}
    for statuses, condition in table("### 2.2 From a SIP response to a stanza error"):
        name = re.findall("`([a-z-]+)`", condition)[0]
        for status in statuses.split():
            if status.isdigit():
                published[int(status)] = name
            elif status != "other":
                others[int(status[0])] = name
    assert others.keys() == {3, 4, 5, 6}
    for status in range(300, 700):
        expected = published.get(status, others[status // 100])
        assert condition_of(status, address="xmpp:a@b.example" if status == 301 else "")[0] == expected


def test_shows_are_as_published() -> None:
    out = {code(show): (code(activity), code(idle)) for show, activity, idle, _ in table("### 4.3 Show")}
    assert out == {show: ("".join(activities), idle) for show, (activities, idle) in ACTIVITIES_OF_SHOW.items()}
    back = [(code(show), frozenset(activities.split())) for show, activities in table("### 4.3 Show", 1)]
    assert back == list(SHOW_OF_ACTIVITY)


def test_rows_of_ones_own_are_as_published() -> None:
    published = [code(row) for row, _ in table("### 4.6 Rows of one's own")]
    profile = Profile.build(rows=tomllib.loads("\n".join(published)))
    assert profile.shown(["busy"]) == ("away", "Busy")
    assert profile.shown(["meal"]) == ("", "")
    assert profile.shown(["off-work"]) == ("unavailable", "")
    assert profile.shown([], idle=True) == ("", "Idle")
    assert profile.told("dnd").activities == ("do-not-disturb",)
    assert profile.told("xa")[1:] == (("vacation",), "", "On holiday")
    assert profile.told("chat") == profile.told("")


def test_what_a_system_is_told_is_as_published() -> None:
    assert tuple(code(row[0]) for row in table("### 4.5 What a system is told")) == OUTBOUND
    section = PAGE.partition("### 4.6 Rows of one's own")[2]
    assert all(f"`{show}`" in section for show in (*SHOWN, *TOLD))
