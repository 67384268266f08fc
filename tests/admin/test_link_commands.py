"""`edge links` and `edge link`, as people see them."""

import json
from typing import Any

import pytest

from edge.admin.link_commands import last, links_lines
from tests.admin.shell import Shell

ROW = {
    "partner": "contoso", "protocol": "sip", "direction": "out", "for": "", "state": "resting", "peer": "",
    "tls_version": "", "cipher": "", "auth": "", "seconds": None, "queue": 4, "limit": 500, "code": "EDGE-C03",
    "text": "the certificate does not carry the expected name", "who": "them", "failing_seconds": 7200,
    "next_dial_seconds": 41, "in_per_second": None, "out_per_second": None,
}
UP = ROW | {
    "direction": "in", "state": "up", "peer": "203.0.113.17:49812", "tls_version": "TLSv1.3", "auth": "mTLS",
    "cipher": "TLS_AES_256_GCM_SHA384", "seconds": 7800, "queue": 0, "code": "", "text": "", "failing_seconds": None,
    "in_per_second": 0.42, "out_per_second": 12.3,
}
HALF = UP | {"partner": "", "state": "half-open", "auth": "none", "seconds": 12}


def test_links_are_a_table_and_what_is_down_is_a_finding() -> None:
    shell = Shell({"links": {"links": [UP, ROW, HALF], "more": 2}})
    status, text = shell.run("links")
    assert status == 1
    head, up, down, half, more = [line.split(None, 4) for line in text.splitlines()]
    assert head == ["PARTNER", "PROTO", "DIR", "FOR", "PEER                TLS                     AUTH  "
                    "SINCE           MSG/S   QUEUE  LAST"]
    assert up[:4] == ["contoso", "sip", "in", "-"]
    assert up[4] == "203.0.113.17:49812  1.3 AES_256_GCM_SHA384  mTLS  2 h 10 min      0.4/12  0      ok"
    assert down[4] == ("-                   -                       -     down 2 h 0 min  -       4/500  "
                       "C03 the certificate does not carry the expected name, next try in 41 s")
    assert (half[0], half[4].split("  ")[-1].strip()) == ("(half-open)", "waiting for auth")
    assert " ".join(more) == "and 2 more: name a partner"
    assert shell.asked == [("GET", "links", {"partner": ""})]


def test_links_in_json_and_for_one_partner() -> None:
    shell = Shell({"links": {"links": [UP], "more": 0}})
    status, text = shell.run("links", "contoso", "--json")
    assert (status, json.loads(text)["links"][0]["peer"]) == (0, "203.0.113.17:49812")
    assert shell.asked == [("GET", "links", {"partner": "contoso"})]


@pytest.mark.parametrize(("number", "text"), [(0.0, "0"), (0.02, "0.1"), (0.44, "0.4"), (9.94, "9.9"), (120.4, "120")])
def test_little_is_not_taken_for_nothing(number: float, text: str) -> None:
    (_, line) = links_lines([UP | {"in_per_second": number}], 0)
    assert f"  {text}/12" in line


def test_no_links_are_a_sentence() -> None:
    assert links_lines([], 0) == ["There are no links."]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (UP, "ok"),
        (HALF, "waiting for auth"),
        (ROW | {"code": ""}, "resting"),
        (ROW | {"next_dial_seconds": None, "text": "x"}, "C03 x, next try when it is needed"),
        (ROW | {"state": "connecting", "text": "x"}, "C03 x, trying now"),
    ],
)
def test_last_column_says_how_it_is(row: dict[str, Any], said: str) -> None:
    assert last(row) == said


def test_peers_texts_cannot_move_the_cursor() -> None:
    _, text = Shell({"links": {"links": [ROW | {"text": "\x1b[2J"}], "more": 0}}).run("links")
    assert "\x1b" not in text and "\ufffd[2J" in text


@pytest.mark.parametrize(
    ("what", "answer", "status", "said"),
    [
        ("close", {"closed": 2}, 0, "contoso: 2 links closed. Another is made when it is needed."),
        ("close", {"closed": 0}, 1, "contoso: there is no link to close."),
        ("retry", {"dialled": 1, "up": 0}, 0, "contoso: dialling 1 link now. See `edge links contoso`."),
        ("retry", {"dialled": 0, "up": 1}, 0, "contoso: 1 link up, so there is nothing to dial."),
        ("retry", {"dialled": 0, "up": 0}, 1, "contoso: nothing was dialled. See `edge links contoso`."),
    ],
)
def test_link_says_what_it_has_done(what: str, answer: dict[str, Any], status: int, said: str) -> None:
    shell = Shell({f"links/{what}": {"partner": "contoso", **answer}})
    assert shell.run("link", what, "contoso") == (status, said + "\n")
    assert shell.asked == [("POST", f"links/{what}", {"partner": "contoso"})]
    assert json.loads(shell.run("link", what, "contoso", "--json")[1])["partner"] == "contoso"
