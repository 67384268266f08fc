"""docs/security.md names tests that exist, and an attack that is in it has one."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "security.md").read_text()
NAMED = re.compile(r"`([\w/]+\.py)::([\w:]+)`")
TRANSCRIPT = re.compile(r"`([\w/]+\.txt)`")


def defined(path: Path) -> set[str]:
    """The tests of a module; those of a class by its name as well."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            names = {each.name for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
            found |= names | {f"{node.name}::{name}" for name in names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
    return found


def test_every_test_that_is_named_exists() -> None:
    named = NAMED.findall(PAGE)
    assert len(named) > 100
    there = {file: defined(TESTS / file) for file in {file for file, _ in named} if (TESTS / file).exists()}
    assert [f"{file}::{name}" for file, name in named if name not in there.get(file, ())] == []


def test_every_transcript_that_is_named_exists() -> None:
    named = TRANSCRIPT.findall(PAGE)
    assert len(named) > 10
    assert [name for name in named if not (TESTS / "transcripts" / name).exists()] == []


def test_every_attack_has_a_test() -> None:
    rows = [line.split(" | ") for line in PAGE.splitlines() if line.startswith("| ") and line.count(" | ") == 2]
    attacks = [row for row in rows if row[0] != "| attack"]
    assert len(attacks) > 30
    assert [attack for attack, _, tests in attacks if not NAMED.search(tests) and not TRANSCRIPT.search(tests)] == []
