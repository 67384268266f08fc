"""Tests of `edge.mapping.dates`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.mapping.dates import date_of, stamp_of, time_of_date, time_of_stamp

WHEN = 1_289_690_940.0  # Sat, 13 Nov 2010 23:29:00 GMT


def test_both_forms_name_the_same_time() -> None:
    assert date_of(WHEN) == "Sat, 13 Nov 2010 23:29:00 GMT"
    assert stamp_of(WHEN) == "2010-11-13T23:29:00Z"


@pytest.mark.parametrize(
    "stamp",
    ["2010-11-13T23:29:00Z", "2010-11-13t23:29:00z", "2010-11-13T23:29:00.000Z", "2010-11-14T00:29:00+01:00"],
)
def test_stamp_is_read(stamp: str) -> None:
    assert time_of_stamp(stamp) == WHEN


@pytest.mark.parametrize(
    "stamp",
    [
        "", "2010-11-13", "2010-11-13T23:29:00", "2010-13-13T23:29:00Z", "2010-11-13T23:29:60Z", "20101113T23:29:00Z",
        "1969-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "٢010-11-13T23:29:00Z",
    ],
)
def test_stamp_that_is_no_time_of_ours_is_none(stamp: str) -> None:
    assert time_of_stamp(stamp) is None


@pytest.mark.parametrize(
    "date",
    [
        "", "Sat, 13 Nov 2010 23:29:00 CET", "Sat, 32 Nov 2010 23:29:00 GMT", "Sat, 13 Nov 2010 24:29:00 GMT",
        "13 Nov 2010 23:29:00 GMT", "Sat, 13 Nov 0000 23:29:00 GMT",
    ],
)
def test_date_that_is_none_is_none(date: str) -> None:
    assert time_of_date(date) is None


@given(st.integers(0, 250_000_000_000))
def test_time_survives_both_forms(time: int) -> None:
    assert time_of_date(date_of(time)) == time
    assert time_of_stamp(stamp_of(time)) == time
