"""The documents are true where a test can see it: their links lead somewhere, README's configuration is a good one."""

import re
from pathlib import Path

import pytest

from demo.authority import Authority
from edge.config import read

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "certs" / "README.md"]

LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
BLOCK = re.compile(r"^```toml\n(.*?)^```$", re.S | re.M)
SOURCE = re.compile(r"`((?:edge|demo|tests|bench|docs|certs)/[\w/.-]*\w\.(?:py|md|toml))`")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_document_links_to_what_exists(document: Path) -> None:
    text = document.read_text()
    dead = [link for link in LINK.findall(text) if not (document.parent / link).exists()]
    assert not dead


def test_first_day_names_files_that_exist() -> None:
    named = SOURCE.findall((ROOT / "docs" / "first-day.md").read_text())
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_decision_is_in_the_list_of_decisions() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = (folder / "README.md").read_text()
    for record in sorted(folder.glob("[0-9]*.md")):
        title = record.read_text().splitlines()[0].removeprefix(f"# {record.name[:4]}: ")
        assert f"| [{record.name[:4]}]({record.name}) | {title} |" in listed


def test_configuration_of_the_readme_is_good(tmp_path: Path) -> None:
    ours, partners = BLOCK.findall((ROOT / "README.md").read_text())
    (tmp_path / "edge.toml").write_text(ours)
    (tmp_path / "partners.toml").write_text(partners)
    (tmp_path / "component.secret").write_text("a secret\n")
    authority = Authority("CA of the README")
    authority.issue(dns=["edge.example.net", "xmpp.example"]).write(tmp_path, "edge")
    reading = read(tmp_path / "edge.toml")
    assert [str(fault) for fault in reading.faults] == []
    assert reading.config is not None and len(reading.config.systems) == 2
