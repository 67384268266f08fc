"""The ladder of a trace: three columns, a time, facts."""

from typing import Any

import pytest

from edge.admin.rungs import LANE, TIME, heading, rung

SIDES = {"sip": "contoso", "xmpp": "capulet"}


def event(**changes: object) -> dict[str, Any]:
    return {
        "at": 1_700_000_000.1234, "side": "sip", "way": "in", "system": "contoso", "what": "MESSAGE 42 B",
        "facts": ["Call-ID 9"], "body": "", **changes,
    }


def line(**changes: object) -> str:
    (only,) = rung(event(**changes), SIDES)
    return only


def test_columns_are_headed_by_who_is_known() -> None:
    assert heading(SIDES).split() == ["contoso", "edge", "capulet"]
    assert heading({"sip": "contoso"}).split() == ["contoso", "edge", "XMPP"]


@pytest.mark.parametrize(
    ("side", "way", "column", "arrow"),
    [("sip", "in", 0, "->"), ("sip", "out", 0, "<-"), ("xmpp", "in", 1, "<-"), ("xmpp", "out", 1, "->")],
)
def test_arrow_stands_in_its_column_and_points_where_it_goes(side: str, way: str, column: int, arrow: str) -> None:
    said = line(side=side, way=way, system=SIDES[side])
    when, *columns, facts = said.split("|")
    assert (when.strip(), facts.strip()) == ("22:13:20.123", "Call-ID 9")
    assert {len(each) for each in columns} == {LANE} and len(when) == TIME + 2
    assert columns[column].strip("-<> ") == "MESSAGE 42 B" and arrow in columns[column]
    assert columns[1 - column].isspace()


def test_who_does_not_head_the_column_is_named() -> None:
    assert "fabrikam: MESSAGE" in line(system="fabrikam")
    assert "stranger: MESSAGE" in line(system="")


def test_what_the_gateway_says_goes_over_both_columns() -> None:
    assert line(side="edge", what="message.failed EDGE-M02", facts=["why"]).endswith("* message.failed EDGE-M02: why")


def test_body_is_shown_below_and_nothing_is_obeyed() -> None:
    first, *body = rung(event(body="Hi\x1b[2J\nyou", facts=["\x1b[2J"], what="x\x07"), SIDES)
    assert [each.strip() for each in body] == ["|   > Hi\ufffd[2J", "|   > you"]
    assert all(each.isprintable() for each in (first, *body))
