"""`edge reload`, `status`, `audit` and `code`, as people see them."""

import json
from time import time
from typing import Any

import pytest

from edge.admin.commands import moment
from edge.codes import Code
from tests.admin.shell import Shell

OUTCOME = {
    "accepted": True, "dry_run": False, "changes": ["+ partner x", "- partner y"], "errors": [],
    "warnings": ["partners.toml: EDGE-K13 \x1b"], "links_closed": 1, "links_untouched": 11, "subscriptions_ended": 2,
    "generation": 2,
}
STATUS: dict[str, Any] = {
    "name": "edge.example.net", "version": "0.1", "started": "2026-11-20T10:00:00Z", "uptime_seconds": 7800,
    "config": "/etc/edge/edge.toml", "generation": 3, "inside": 1, "partners": 2, "blocked": 0,
    "links": {"sip": 4, "xmpp": 1}, "subscriptions": {}, "messages": {"delivered": 7},
    "certificate_ends": "2027-02-01T00:00:00Z", "certificate_days": 73, "warnings": ["edge.toml: EDGE-C05 x"],
    "files": {"state": "in force", "changes": [], "errors": [], "more": 0}, "certificate_files": [],
}


def test_reload_says_what_has_changed_and_what_became_of_it() -> None:
    shell = Shell({"reload": OUTCOME})
    assert shell.run("reload") == (0, (
        "  warn   partners.toml: EDGE-K13 \ufffd\n  + partner x\n  - partner y\n"
        "Applied: 1 link closed, 2 subscriptions ended; 11 links untouched.\n"
    ))
    assert shell.asked == [("POST", "reload", {"dry_run": False})]


@pytest.mark.parametrize(
    ("changes", "status", "last"),
    [
        ({"accepted": False, "errors": ["x"], "changes": []}, 1, "Nothing was changed."),
        ({"changes": []}, 0, "There is nothing to change."),
        ({"dry_run": True}, 0, "Nothing was changed: this was a dry run."),
    ],
)
def test_reload_that_changes_nothing_says_so(changes: dict[str, Any], status: int, last: str) -> None:
    found, text = Shell({"reload": OUTCOME | changes}).run("reload", "--dry-run")
    assert (found, text.splitlines()[-1]) == (status, last)


def test_status_is_one_fact_a_line() -> None:
    status, text = Shell({"status": STATUS}).run("status")
    assert status == 0
    assert text.splitlines() == [
        "gateway        edge.example.net, version 0.1, up for 2 h 10 min",
        "configuration  /etc/edge/edge.toml, generation 3, as the files say",
        "systems        1 inside, 2 partners, 0 blocked",
        "links          4 sip, 1 xmpp",
        "subscriptions  none",
        "messages       7 delivered",
        "certificate    ends on 2027-02-01, in 73 days",
        "warning        edge.toml: EDGE-C05 x",
    ]


@pytest.mark.parametrize(
    ("files", "found", "lines"),
    [
        ({"state": "changed", "changes": ["+ partner x"]}, 0, ["edge reload` puts them into force", "  + partner x"]),
        ({"state": "restart", "errors": ["EDGE-K14 x"], "more": 2}, 0, ["a restart", "error  EDGE-K14", "and 2 more"]),
        ({"state": "broken", "errors": ["y \x1b"]}, 1, ["a reload would be refused; do not", "error  y \ufffd"]),
    ],
)
def test_status_says_what_the_files_would_change(files: dict[str, Any], found: int, lines: list[str]) -> None:
    status, text = Shell({"status": STATUS | {"files": STATUS["files"] | files}}).run("status")
    assert status == found
    for line, words in zip(text.splitlines()[1:], lines, strict=False):
        assert words in line


def test_certificate_file_that_is_not_in_use_is_a_finding() -> None:
    status, text = Shell({"status": STATUS | {"certificate_files": ["edge.pem holds another one"]}}).run("status")
    assert status == 1 and text.splitlines()[-1] == "certificate    edge.pem holds another one"


@pytest.mark.parametrize(("verb", "answer"), [("status", STATUS), ("reload", OUTCOME)])
def test_json_is_the_answer_itself(verb: str, answer: dict[str, Any]) -> None:
    assert json.loads(Shell({verb: answer}).run(verb, "--json")[1]) == answer


def test_audit_is_one_line_a_change_with_its_diff() -> None:
    entry = {
        "when": "2026-11-20T10:00:00Z", "by": "root (uid 0)", "verb": "allow", "domain": "x.example",
        "changes": ["+ partner x"],
    }
    shell = Shell({"audit": {"entries": [entry], "more": 3, "file": "/var/lib/edge/audit.jsonl"}})
    assert shell.run("audit") == (0, (
        "3 older ones are in /var/lib/edge/audit.jsonl\n"
        "2026-11-20T10:00:00Z  root (uid 0)  allow  domain=x.example\n    + partner x\n"
    ))
    assert shell.asked == [("GET", "audit", {"since": "0"})]


def test_audit_since_a_moment() -> None:
    shell = Shell({"audit": {"entries": [], "more": 0, "file": ""}})
    assert shell.run("audit", "--since", "2026-11-20") == (0, "Nothing was changed.\n")
    assert shell.asked[0][2] == {"since": "1795132800.0"}
    with pytest.raises(SystemExit) as caught:
        shell.run("audit", "--since", "yesterday")
    assert caught.value.code == 2


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("90m", 5400), ("2h", 7200), ("3d", 259_200)])
def test_moment_may_be_a_span_before_now(text: str, seconds: int) -> None:
    assert abs(time() - seconds - moment(text)) < 5


@pytest.mark.parametrize("text", ["2026-11-20T10:00", "2026-11-20T10:00Z", "2026-11-20T12:00+02:00"])
def test_moment_is_in_utc_unless_it_says_otherwise(text: str) -> None:
    assert moment(text) == 1795168800.0


@pytest.mark.parametrize("word", ["EDGE-C05", "c05", "edge-C05", "c5"])
def test_code_says_who_must_do_what(word: str) -> None:
    status, text = Shell().run("code", word)
    assert status == 0
    assert text.splitlines()[:2] == [
        f"EDGE-C05  {Code.C05.sentence}", "  who must act  the other side's administrator",
    ]
    assert "serverAuth" in text and text.endswith("SIP 403, XMPP not-authorized\n")
    assert json.loads(Shell().run("code", word, "--json")[1])["code"] == "EDGE-C05"


def test_code_that_never_is_sent_has_no_answer() -> None:
    assert "peers hear" not in Shell().run("code", "K01")[1]


def test_all_codes_are_a_table() -> None:
    status, text = Shell().run("code")
    assert status == 0 and len(text.splitlines()) == len(Code) + 1
    assert len(json.loads(Shell().run("code", "--json")[1])["codes"]) == len(Code)


def test_code_that_does_not_exist_is_wrong_usage() -> None:
    assert Shell().run("code", "EDGE-Z99\x1b") == (2, "There is no code EDGE-Z99\ufffd: `edge code` lists them all.\n")


def test_page_of_codes_can_be_made() -> None:
    assert Shell().run("code", "--page")[1].startswith("# Reason codes\n")
