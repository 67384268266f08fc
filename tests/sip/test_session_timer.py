"""Session timers: what is agreed, and who refreshes (RFC 4028)."""

import pytest

from edge.sip import session_timer
from edge.sip.message import response_bytes
from edge.sip.session_timer import Agreement
from tests.sip.samples import Rows, as_response, request


@pytest.mark.parametrize(
    ("headers", "ours", "said"),
    [
        ([("Session-Expires", "1800"), ("Supported", "timer, replaces")], False, "1800;refresher=uac"),
        ([("x", "1800;refresher=uac"), ("k", "timer")], False, "1800;refresher=uac"),
        ([("Session-Expires", "1800 ; Refresher = UAS"), ("Supported", "Timer")], True, "1800;refresher=uas"),
        ([("Session-Expires", "1800"), ("Supported", "replaces")], True, "1800;refresher=uas"),
        ([("Session-Expires", "1800;refresher=uac")], True, "1800;refresher=uas"),
        ([("Session-Expires", "90;foo=bar"), ("Supported", "timer")], False, "90;refresher=uac"),
    ],
)
def test_server_agrees_and_lets_the_client_refresh_if_it_can(headers: Rows, ours: bool, said: str) -> None:
    """RFC 4028 §9, table 2."""
    agreement, rows = session_timer.agree(request("INVITE", headers=headers))
    assert agreement == (int(said.partition(";")[0]), ours)
    assert dict(rows) == {"Session-Expires": said, **({} if ours else {"Require": "timer"})}


@pytest.mark.parametrize("value", ["89", "0", "-1", "x", "", "9" * 10, "1800 seconds", "\u0661\u0661\u0661"])
def test_timer_that_is_absurd_is_none(value: str) -> None:
    asked = request("INVITE", headers=[("Session-Expires", value), ("Supported", "timer")])
    assert session_timer.agree(asked) == (Agreement(0, False), ())
    assert session_timer.agree(request("INVITE")) == (Agreement(0, False), ())


@pytest.mark.parametrize(
    ("value", "agreement"),
    [("600;refresher=uas", (600, False)), ("600;refresher=uac", (600, True)), ("600", (600, True)), ("30", (0, False))],
)
def test_client_takes_what_the_server_says(value: str, agreement: tuple[int, bool]) -> None:
    """RFC 4028 §7.2."""
    answer = as_response(response_bytes(request("INVITE"), 200, headers=[("Session-Expires", value)]))
    assert session_timer.agreed(answer) == agreement


def test_refresh_keeps_the_interval_and_the_refresher() -> None:
    """RFC 4028 §7.4."""
    assert dict(session_timer.refresh(600)) == {"Session-Expires": "600;refresher=uac"}
    assert dict(session_timer.refresh(600, 120)) == {"Session-Expires": "600;refresher=uac", "Min-SE": "120"}


@pytest.mark.parametrize(("value", "seconds"), [("120", 120), (" 120 ;x=y", 120), ("soon", 0), ("-1", 0)])
def test_interval_that_is_asked_for_is_read(value: str, seconds: int) -> None:
    response = as_response(response_bytes(request("UPDATE"), 422, headers=[("Min-SE", value)]))
    assert session_timer.too_short(response) == seconds


def test_words_of_all_rows_are_read_whatever_they_are() -> None:
    rows = [("Allow", "INVITE, Update"), ("Allow", '"'), ("Allow", ",")]
    assert session_timer.words(request("INVITE", headers=rows), "allow") == {"invite", "update", '"', ""}
