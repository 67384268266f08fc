"""`edge check`: what it prints and how it exits."""

import json
from pathlib import Path

import pytest

from edge.admin.cli import main
from tests.config.written import EDGE, PARTNERS, Written, changed


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


def test_check_of_a_good_configuration_exits_with_0(written: Written, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(written.edge)]) == 0
    assert capsys.readouterr().out == (
        "edge.toml: 1 inside system, 1 domain\npartners.toml: 2 partners, 3 domains\n0 errors, 0 warnings.\n"
    )


def test_check_prints_every_fault_with_its_code_and_place(
    written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    partners = changed(PARTNERS, '"fabrikam.example"', '"xmpp.example"') + 'im-mode = "page"\n'
    assert main(["check", str(written.write(EDGE, partners).edge)]) == 1
    assert capsys.readouterr().out == (
        "edge.toml: 1 inside system, 1 domain\n"
        "partners.toml: 2 partners, 2 domains\n"
        '  error K03 partners.toml line 11  "xmpp.example" is both our domain and a domain of partner "fabrikam" (also '
        "in edge.toml line 11)\n"
        '  error K01 partners.toml line 13  unknown key "im-mode" in partner "fabrikam" (did you mean "im_mode"?)\n'
        "2 errors, 0 warnings.\n"
    )


def test_check_exits_with_0_when_there_are_warnings_only(
    written: Written, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = written.folder / "partners.d"
    folder.mkdir()
    assert main(["check", str(written.write(changed(EDGE, '"partners.toml"', '"partners.d"')).edge)]) == 0
    out = capsys.readouterr().out
    assert '  warn  K04 edge.toml line 3  the folder "partners.d" has no *.toml file: there are no partners\n' in out
    assert out.endswith("0 errors, 2 warnings.\n")


def test_check_sums_up_a_folder(written: Written, capsys: pytest.CaptureFixture[str]) -> None:
    folder = written.folder / "partners.d"
    folder.mkdir()
    (folder / "a.toml").write_text(PARTNERS)
    (folder / "b.toml").write_text("version = 1\n")
    assert main(["check", str(written.write(changed(EDGE, '"partners.toml"', '"partners.d"')).edge)]) == 0
    assert "partners.d/ (2 files): 2 partners, 3 domains\n" in capsys.readouterr().out


def test_check_prints_json(written: Written, capsys: pytest.CaptureFixture[str]) -> None:
    written.write(EDGE, PARTNERS + "im-mode = 1\n")
    assert main(["check", "--json", str(written.edge)]) == 1
    partners = str(written.folder / "partners.toml")
    assert json.loads(capsys.readouterr().out) == {
        "good": False,
        "errors": 1,
        "warnings": 0,
        "inside": {"file": str(written.edge), "systems": 1, "domains": 1},
        "partners": [{"file": partners, "systems": 2, "domains": 3}],
        "faults": [
            {
                "severity": "error",
                "code": "EDGE-K01",
                "file": partners,
                "line": 13,
                "key": "partner[fabrikam].im-mode",
                "text": 'unknown key "im-mode" in partner "fabrikam" (did you mean "im_mode"?)',
            }
        ],
    }


def test_check_of_a_missing_file_is_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "edge.toml")]) == 1
    assert "error K04 edge.toml  the file does not exist\n1 error, 0 warnings.\n" in capsys.readouterr().out
