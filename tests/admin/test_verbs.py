"""The names behind /v1/: what each does is tested where it is; here that they are there, and that changes are noted."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed

from edge.admin.local import Answer, Wrong
from edge.admin.reloading import Applied, Outcome
from edge.admin.verbs import flag, noted
from edge.codes import Code
from edge.config import Fault
from tests.admin.office import Office

ROOT = {"by": "root (uid 0)"}
NOBODY = 'there is no partner "nobody": `edge partners` lists them'


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def entries(office: Office) -> list[dict[str, Any]]:
    found = office.get("audit")["entries"]
    assert isinstance(found, list)
    return [{name: value for name, value in entry.items() if name != "when"} for entry in found]


def test_whatever_is_asked_changes_nothing(office: Office) -> None:
    for method, name in office.verbs:
        if method == "GET" and name != "explain":
            office.get(name)
    assert entries(office) == []


def test_reload_says_what_became_of_it_and_is_noted(office: Office) -> None:
    asked: list[bool] = []

    def reload(dry_run: bool) -> "Deferred[Outcome]":
        asked.append(dry_run)
        return succeed(Outcome(True, dry_run, ("+ partner x",), (), Applied(1, 2, 3), 2))

    object.__setattr__(office.running, "reload", reload)
    assert office.post("reload", dry_run="true")["dry_run"] is True
    assert entries(office) == []
    assert office.post("reload")["links_closed"] == 1
    assert asked == [True, False]
    assert entries(office) == [{**ROOT, "verb": "reload", "changes": ["+ partner x"]}]


def test_reload_that_was_refused_is_noted_with_the_reason(office: Office) -> None:
    fault = Fault(Code.K01, "unknown key", Path("partners.toml"))
    object.__setattr__(
        office.running, "reload", lambda dry_run: succeed(Outcome(False, dry_run, (), (fault,), Applied(), 1))
    )
    assert office.post("reload")["accepted"] is False
    assert entries(office) == [{**ROOT, "verb": "reload", "refused": "partners.toml: EDGE-K01 unknown key"}]


def test_order_and_its_refusal_are_noted(office: Office) -> None:
    office.link(retire=lambda: None)
    office.post("links/close", partner="contoso")
    with pytest.raises(Wrong):
        office.post("links/retry", partner="nobody")
    assert entries(office) == [
        {**ROOT, "verb": "links/close", "partner": "contoso"},
        {**ROOT, "verb": "links/retry", "refused": NOBODY, "partner": "nobody"},
    ]


def test_trace_is_noted_with_whose_messages_are_looked_at_and_how(office: Office) -> None:
    about = {"address": "romeo@contoso.com", "with": "juliet@xmpp.example", "minutes": "5", "bodies": "true"}
    id = office.post("trace", **about)["id"]
    assert office.get("trace", id=id)["bodies"] is True
    office.post("trace/end", id=id)
    assert entries(office) == [{**ROOT, "verb": "trace", **about}, {**ROOT, "verb": "trace/end", "id": id}]


def test_note_repeats_no_more_than_what_is_meant_for_it(office: Office) -> None:
    def verb(said: Mapping[str, str]) -> Answer:
        return {}

    noted(office.running, "x", verb)({**ROOT, "body": "secret", "reason": "r" * 9999})
    ((entry),) = entries(office)
    assert "secret" not in str(entry) and len(entry["reason"]) == 500


def test_audit_since_a_moment(office: Office) -> None:
    office.running.audit.note("a", "reload")
    assert len(office.get("audit", since="1.5")["entries"]) == 1
    assert office.get("audit", since=str(office.running.wall() + 60))["entries"] == []
    with pytest.raises(Wrong):
        office.get("audit", since="yesterday")


@pytest.mark.parametrize(("said", "value"), [({}, False), ({"x": "1"}, True), ({"x": "false"}, False)])
def test_truth_value(said: dict[str, str], value: bool) -> None:
    assert flag(said, "x") is value
    with pytest.raises(Wrong, match="x must be true or false"):
        flag({"x": "maybe"}, "x")
