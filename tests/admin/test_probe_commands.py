"""`edge test`, as people see it."""

import json
from typing import Any

import pytest

from edge.admin.examining import examine, outcome
from edge.codes import Code
from tests.admin.findings import facts, reach
from tests.admin.shell import Shell


def answer(*reaches: Any, **said: Any) -> dict[str, Any]:
    steps = examine(facts(*reaches, **said))
    test = {
        "partner": "contoso", "domain": "contoso.com", "how": "sip, static, mutual TLS", "ours": "edge.example.net",
        "local": "xmpp.example", "when": "2026-11-20T15:05:01Z", "outcome": outcome(steps), "late": False,
        "steps": [step.as_json() for step in steps],
    }
    return {"tests": [test], "more": 0, "left_out": {}, "wildcards": []}


def test_report_has_a_line_for_each_step_and_the_cure_below_it() -> None:
    shell = Shell({"test": answer(reach("cert", Code.C03))})
    status, text = shell.run("test", "contoso")
    assert status == 1 and shell.asked == [("POST", "test", {"partner": "contoso"})]
    lines = text.splitlines()
    assert lines[0] == "contoso  contoso.com  (sip, static, mutual TLS)  2026-11-20T15:05:01Z"
    assert lines[1] == " 1 policy    ok   listed, partners.toml line 37; both directions, im_mode auto"
    assert lines[5] == " 5 cert      FAIL EDGE-C03 the certificate does not carry the expected name"
    assert lines[6] == "                 wanted     edge.contoso.com"
    assert '  fix here   [partner.tls] peer_names = ["edge.contoso.com"], if you trust that name' in text
    assert "                 fix there  re-issue the certificate with edge.contoso.com" in lines
    assert lines[-1] == "mail this: edge test contoso --html > contoso.html"


def test_good_partner_is_no_finding() -> None:
    status, text = Shell({"test": answer()}).run("test", "contoso")
    assert status == 0 and "mail this" not in text


def test_warning_is_a_finding() -> None:
    assert Shell({"test": answer(reach(status=503))}).run("test", "contoso")[0] == 1


def test_all_partners_are_asked_for_in_one_question() -> None:
    shell = Shell({"test": answer() | {"more": 3, "left_out": {"contoso": 1, "fabrikam": 2}, "wildcards": ["wild"]}})
    status, text = shell.run("test", "--all")
    assert status == 0 and shell.asked == [("POST", "test", {})]
    assert text.splitlines()[-2:] == [
        "3 domains not tested (contoso 1, fabrikam 2): name them one by one",
        "listed by wildcards alone, and so not tested: wild; name a domain of theirs",
    ]
    shell.run("test", "--all", "--resolver", "9.9.9.9")
    shell.run("test", "contoso", "--resolver", "9.9.9.9")
    assert shell.asked[1:] == [
        ("POST", "test", {"resolver": "9.9.9.9"}), ("POST", "test", {"partner": "contoso", "resolver": "9.9.9.9"}),
    ]


def test_page_is_printed_as_it_is() -> None:
    assert Shell({"test": answer()}).run("test", "contoso", "--html")[1].startswith("<!DOCTYPE html>\n")


def test_programs_get_what_the_gateway_said() -> None:
    assert json.loads(Shell({"test": answer()}).run("test", "contoso", "--json")[1]) == answer()


def test_page_says_beside_it_what_is_not_on_it(capsys: pytest.CaptureFixture[str]) -> None:
    said = answer() | {"more": 1, "left_out": {"contoso": 1}}
    assert "not tested" not in Shell({"test": said}).run("test", "--all", "--html")[1]
    assert "1 domain not tested (contoso 1)" in capsys.readouterr().err


def test_domain_that_fails_is_named_where_its_partner_has_several() -> None:
    said = answer(reach("cert", Code.C03))
    said["tests"] = [*said["tests"], {**said["tests"][0], "domain": "contoso.net"}]
    assert Shell({"test": said}).run("test", "--all")[1].splitlines()[-1] == (
        "mail this: edge test contoso.net --html > contoso.net.html"
    )
