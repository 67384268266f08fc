"""The file of the state: judged beforehand, and nothing made."""

import json
import os
from pathlib import Path

import pytest

from edge.config.faults import Fault
from edge.config.state import state_file
from edge.config.tables import Document


def judged(folder: Path, name: str) -> tuple[Path | None, list[tuple[str, int | None, str]]]:
    (folder / "edge.toml").write_text(f"[edge]\nstate = {json.dumps(name)}\n")
    faults: list[Fault] = []
    file = state_file(Document(folder / "edge.toml", faults), name)
    return file, [(fault.code.name, fault.line, fault.text) for fault in faults]


def test_file_is_beside_edge_toml_and_nothing_is_made(tmp_path: Path) -> None:
    assert judged(tmp_path, "state/deep/edge.sqlite") == (tmp_path / "state" / "deep" / "edge.sqlite", [])
    assert [each.name for each in tmp_path.iterdir()] == ["edge.toml"]


def test_file_that_is_there_is_taken(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(b"")
    assert judged(tmp_path, "kept") == (tmp_path / "kept", [])


def test_state_may_be_thrown_away(tmp_path: Path) -> None:
    assert judged(tmp_path, ":memory:") == (None, [])


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("file/edge.sqlite", '"{folder}/file" is no folder'),
        ("file/deep/edge.sqlite", '"{folder}/file" is no folder'),
        ("folder", "it is no regular file"),
        ("x" * 300, "File name too long"),
        ("nul\0", "its name is malformed"),
    ],
)
def test_file_that_cannot_be_is_a_fault(tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    _, [(code, _, text)] = judged(tmp_path, name)
    assert code == "K04"
    assert text.startswith("the state cannot be kept in ")
    assert text.endswith(problem.format(folder=tmp_path))


# os.access, because nothing is forbidden to root


def test_folder_that_may_not_be_written_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    assert judged(tmp_path, "state/edge.sqlite")[1] == [
        (
            "K04",
            2,
            f'the state cannot be kept in "{tmp_path}/state/edge.sqlite": the folder "{tmp_path}" cannot be written to',
        )
    ]


def test_file_of_somebody_else_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kept").write_bytes(b"")
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) == tmp_path)
    assert judged(tmp_path, "kept")[1] == [
        ("K04", 2, f'the state cannot be kept in "{tmp_path}/kept": it cannot be read and written')
    ]
