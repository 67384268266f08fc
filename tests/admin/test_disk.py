"""What the files say that the gateway does not: seen without a reload, and without any effect."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.admin.disk import AGAIN, SHOWN
from tests.admin.office import PARTNERS, Office
from tests.config.written import AUTHORITY, EDGE

MORE = PARTNERS + '\n[[partner]]\nname = "wingtip"\ndomains = ["wingtip.example"]\nvia = "sip"\n'


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def files(office: Office) -> dict[str, Any]:
    return dict(office.get("status")["files"])


def test_files_as_they_are_in_force_are_no_news(office: Office) -> None:
    assert files(office) == {"state": "in force", "changes": [], "errors": [], "more": 0}
    assert office.get("status")["certificate_files"] == []


def test_change_that_nobody_has_put_into_force_is_told(office: Office) -> None:
    office.written.write(partners=MORE)
    assert files(office) == {"state": "changed", "changes": ["+ partner wingtip"], "errors": [], "more": 0}
    assert office.running.directory.named("wingtip") is None and office.running.reloading.generation == 1


def test_mistake_is_told_before_a_restart_finds_it(office: Office) -> None:
    office.written.write(partners=PARTNERS.replace("hosts =", "host ="))
    found = files(office)
    assert found["state"] == "broken" and "partners.toml line 7: EDGE-K01" in str(found["errors"])


def test_change_that_takes_a_restart_is_no_mistake(office: Office) -> None:
    office.written.write(EDGE + '\n[sip]\nlisten = ["127.0.0.1:5063"]\n')
    found = files(office)
    assert found["state"] == "restart" and "[sip] listen" in found["errors"][0]


def test_long_list_is_cut(office: Office) -> None:
    many = (f'\n[[partner]]\nname = "p{each}"\ndomains = ["p{each}.example"]\nvia = "sip"\n' for each in range(30))
    office.written.write(partners=PARTNERS + "".join(many))
    assert (len(files(office)["changes"]), files(office)["more"]) == (SHOWN, 30 - SHOWN)


def test_files_are_read_again_when_one_has_changed_and_once_a_minute(office: Office) -> None:
    read: Callable[[], Any] = office.running.reloading.read
    times: list[float] = []
    office.running.reloading.read = lambda: (times.append(office.reactor.seconds()), read())[1]  # type: ignore[method-assign]
    for _ in range(3):
        files(office)
    assert len(times) == 1
    office.written.write(partners=MORE)
    files(office)
    assert len(times) == 2
    office.reactor.advance(AGAIN)
    files(office)
    assert len(times) == 3


def test_certificate_file_that_is_not_the_one_in_use_is_told(office: Office) -> None:
    ((file, _), *_) = office.running.config.identity_files
    AUTHORITY.issue("edge.example.net", dns=["edge.example.net", "xmpp.example"]).write(file.parent, "edge")
    assert "holds another one, which ends on" in office.get("status")["certificate_files"][0]
    file.write_bytes(b"half of")
    assert f"{file}: EDGE-K04" in office.get("status")["certificate_files"][0]
    file.unlink()
    assert "No such file" in office.get("status")["certificate_files"][0]
