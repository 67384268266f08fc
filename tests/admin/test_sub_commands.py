"""`edge subs` and `edge explain`, as people see them."""

import json

import pytest

from tests.admin.shell import Shell

ONE = {
    "watcher": "alice@example.com", "watched": "bob@contoso.com", "sip": "active", "xmpp": "from", "state": "active",
    "expires_seconds": 4260, "presence": "dnd", "age_seconds": 180, "code": "", "text": "",
}
OTHER = {
    "watcher": "bob@contoso.com", "watched": "alice@example.com", "sip": "-", "xmpp": "none", "state": "none",
    "expires_seconds": None, "presence": "", "age_seconds": None, "code": "EDGE-P02",
    "text": "bob@contoso.com has not subscribed",
}
STEP = {"rule": "from", "text": "contoso.com is on no list", "code": "EDGE-A01"}
WAY = {"from": "a@contoso.com", "to": "b@x.example", "steps": [STEP], "messages": "EDGE-A01", "presence": ""}


def test_halves_stand_side_by_side_and_a_missing_one_is_a_finding() -> None:
    shell = Shell({"subs": {"pairs": [{"halves": [ONE, OTHER]}], "more": 7}})
    status, text = shell.run("subs", "alice@example.com", "contoso")
    assert status == 1
    assert text.splitlines() == [
        "WATCHER                WATCHED            SIP (dialog)  XMPP  STATE   EXPIRES        LAST PRESENCE",
        "alice@example.com  ->  bob@contoso.com    active        from  active  in 1 h 11 min  dnd, 3 min ago",
        "bob@contoso.com    ->  alice@example.com  -             none  none    -              "
        "P02 bob@contoso.com has not subscribed",
        "and 7 more pairs: name a user or a partner",
    ]
    assert shell.asked == [("GET", "subs", {"user": "alice@example.com", "partner": "contoso"})]


def test_no_subscriptions_are_a_sentence() -> None:
    shell = Shell({"subs": {"pairs": [], "more": 0}})
    assert shell.run("subs") == (0, "There are no such subscriptions.\n")
    assert json.loads(shell.run("subs", "--json")[1]) == {"pairs": [], "more": 0}


def test_explanation_names_each_rule_and_what_comes_of_it() -> None:
    pair = {"authorization": "none_pending_out", "halves": [ONE]}
    shell = Shell({"explain": {"ways": [WAY], "pair": pair}})
    status, text = shell.run("explain", "a@contoso.com", "b@x.example")
    assert status == 1
    assert text.splitlines()[:5] == [
        "a@contoso.com -> b@x.example",
        "  from      contoso.com is on no list  EDGE-A01",
        "  messages  refused: EDGE-A01",
        "  presence  may pass",
        "authorization between the two: none pending out",
    ]
    assert shell.asked == [("GET", "explain", {"from": "a@contoso.com", "to": "b@x.example"})]


def test_explanation_without_a_refusal_is_good() -> None:
    shell = Shell({"explain": {"ways": [WAY | {"messages": ""}], "pair": None}})
    assert shell.run("explain", "a", "b", "--json")[0] == 0


@pytest.mark.parametrize(
    ("answer", "status", "lines"),
    [
        (
            {"domain": "x.example", "system": "x", "text": "belongs to partner x", "code": "",
             "talks_with": ["a", "b"], "more": 3},
            0, ["x.example belongs to partner x", "It may talk with: a, b, and 3 more"],
        ),
        (
            {"domain": "x.example", "system": "x", "text": "belongs to partner x", "code": "", "talks_with": [],
             "more": 0},
            0, ["x.example belongs to partner x", "It may talk with: nobody"],
        ),
        (
            {"domain": "x.example", "system": "", "text": "is on no list", "code": "EDGE-A01", "talks_with": [],
             "more": 0},
            1, ["x.example is on no list  EDGE-A01"],
        ),
    ],
)
def test_one_alone(answer: dict[str, object], status: int, lines: list[str]) -> None:
    assert Shell({"explain": answer}).run("explain", "x.example") == (status, "\n".join(lines) + "\n")


@pytest.mark.parametrize(("what", "done"), [("refresh", "asked for anew"), ("end", "ended")])
def test_order_says_what_was_done(what: str, done: str) -> None:
    shell = Shell({f"subs/{what}": {"user": "a@x.example", "pairs": 2}})
    assert shell.run("sub", what, "a@x.example") == (0, f"a@x.example: 2 pairs {done}. See `edge subs a@x.example`.\n")
    assert shell.asked == [("POST", f"subs/{what}", {"user": "a@x.example", "partner": ""})]
    assert json.loads(shell.run("sub", what, "a@x.example", "--json")[1])["pairs"] == 2
