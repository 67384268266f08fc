"""How facts are shown to people."""

import pytest

from edge.admin.shown import ago, as_json, count, printable, table


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table(["PARTNER", "N"], [["a", "1000"], ["contoso.example", ""]]) == [
        "PARTNER          N",
        "a                1000",
        "contoso.example",
    ]


def test_a_table_without_rows_has_its_header() -> None:
    assert table(["PARTNER", "N"], []) == ["PARTNER  N"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0 s"), (0.4, "0 s"), (59.4, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h 0 min"),
        (7801, "2 h 10 min"), (86_399, "23 h 59 min"), (86_400, "1 d 0 h"), (532_800, "6 d 4 h"),
    ],
)
def test_spans_of_time_have_two_units_at_most(seconds: float, said: str) -> None:
    assert ago(seconds) == said


def test_numbers_agree_with_their_nouns() -> None:
    assert [count(number, "link") for number in (0, 1, 2)] == ["0 links", "1 link", "2 links"]


def test_nothing_that_a_terminal_would_obey_is_printed() -> None:
    assert printable("a\x1b[2Jb\r\n\u202ec \N{SNOWMAN}") == "a\ufffd[2Jb\ufffd\ufffd\ufffdc \N{SNOWMAN}"


def test_json_keeps_letters_readable() -> None:
    assert as_json({"domain": "bücher.example"}) == ['{\n  "domain": "bücher.example"\n}']
