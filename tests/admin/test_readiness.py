"""Whether somebody may be sent to this gateway."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from edge.admin.readiness import readiness
from edge.codes import Code
from edge.net.links import Cause
from tests.admin.office import Office
from tests.config.written import EDGE, changed

S2S = changed(EDGE, 'link = "component"\nhosts = ["127.0.0.1:5347"]\nsecret_file = "component.secret"\n', "")


def asked(office: Office, listening: bool = True, **changes: Any) -> list[tuple[str, str]]:
    answer = readiness(replace(office.running, **changes), listening)
    assert answer["ready"] is not bool(answer["reasons"])
    return [(reason["code"], reason["text"]) for reason in answer["reasons"]]


def test_gateway_with_a_link_to_ours_is_ready(tmp_path: Path) -> None:
    office = Office(tmp_path)
    assert asked(office) == [("", "office cannot be reached: there is no link yet")]
    office.stream("xmpp.example")
    assert asked(office) == []


def test_links_to_partners_do_not_count(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.link()
    assert len(asked(office)) == 1


def test_link_that_is_made_when_it_is_needed_is_missed_by_nobody_until_it_has_failed(tmp_path: Path) -> None:
    office = Office(tmp_path, edge=S2S)
    assert asked(office) == []
    running = office.running
    running.xmpp.reach(office.system("contoso").domains[0], office.system("office").domains[0])
    ((_, route),) = running.xmpp.routes
    route.cause = Cause(Code.N01, Code.N01.sentence)
    assert asked(office) == [("EDGE-N01", f"office cannot be reached: {Code.N01.sentence}")]


def test_all_reasons_are_told(tmp_path: Path) -> None:
    office = Office(tmp_path)
    after = office.running.contexts.identities.default.not_after.timestamp()
    codes = [code for code, _ in asked(office, False, wall=lambda: after)]
    assert codes == ["", "EDGE-C02", ""]
    assert [code for code, _ in asked(office, wall=lambda: 0.0)] == ["EDGE-C09", ""]
