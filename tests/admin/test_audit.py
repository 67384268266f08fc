"""The record of who has changed what."""

import json
import os
from errno import ENOSPC
from pathlib import Path

import pytest

from edge.admin import audit
from edge.admin.audit import Audit
from edge.events import Facts
from edge.gateway.effects import Report

START = 1_700_000_000.0


class Clerk:
    def __init__(self, file: Path | None) -> None:
        self.now = START
        self.told: list[tuple[str, dict[str, object]]] = []
        self.audit = Audit(file, lambda: self.now, lambda name, **fields: self.told.append((name, fields)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "audit.jsonl"


def test_change_is_one_line_and_one_event(file: Path) -> None:
    clerk = Clerk(file)
    clerk.audit.note("root (uid 0)", "allow", ["+ partner x"], domain="x.example", refused="")
    entry = {
        "when": "2023-11-14T22:13:20Z", "by": "root (uid 0)", "verb": "allow", "domain": "x.example",
        "changes": ["+ partner x"],
    }
    assert [json.loads(line) for line in file.read_text().splitlines()] == [entry]
    assert clerk.told == [(
        "admin.change", {"user": "root (uid 0)", "verb": "allow", "domain": "x.example", "changes": "+ partner x"},
    )]
    assert file.stat().st_mode & 0o007 == 0
    assert clerk.audit.since(0, 10) == ([entry], 0)


def test_log_says_who_has_done_it_and_not_to_whom(file: Path) -> None:
    clerk = Clerk(file)
    clerk.audit.note("root (uid 0)", "subs/end", user="romeo@x.example")
    clerk.audit.note("root (uid 0)", "trace", **{"address": "romeo@x.example", "with": "juliet@y.example"})
    logged = [Facts().of(Report(name, None, fields)) for name, fields in clerk.told]
    assert [each["user"] for each in logged] == ["root (uid 0)"] * 2
    assert "x.example" in str(logged) and "romeo" not in str(logged) and "juliet" not in str(logged)
    assert file.read_text().count("romeo@x.example") == 2


def test_entries_outlive_the_process_and_the_file_may_be_moved_away(file: Path) -> None:
    Clerk(file).audit.note("a", "reload")
    Clerk(file).audit.note("b", "reload")
    entries, more = Clerk(file).audit.since(0, 10)
    assert ([entry["by"] for entry in entries], more) == (["a", "b"], 0)
    file.rename(file.with_suffix(".1"))
    clerk = Clerk(file)
    assert clerk.audit.since(0, 10) == ([], 0)
    clerk.audit.note("c", "reload")
    assert len(file.read_text().splitlines()) == 1


def test_entries_since_a_moment_and_the_last_ones_if_there_are_too_many(file: Path) -> None:
    clerk = Clerk(file)
    for number in range(5):
        clerk.now = START + number
        clerk.audit.note(str(number), "reload")
    entries, more = clerk.audit.since(START + 2, 10)
    assert ([entry["by"] for entry in entries], more) == (["2", "3", "4"], 0)
    entries, more = clerk.audit.since(0, 2)
    assert ([entry["by"] for entry in entries], more) == (["3", "4"], 3)


def test_line_that_was_not_written_whole_hides_no_other(file: Path) -> None:
    clerk = Clerk(file)
    clerk.audit.note("a", "reload")
    file.write_text(file.read_text() + '{"when": "2\n[]\n')
    clerk.audit.note("b", "reload")
    assert [entry["by"] for entry in clerk.audit.since(0, 10)[0]] == ["a", "b"]


def test_only_the_end_of_a_long_file_is_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clerk = Clerk(file)
    for number in range(9):
        clerk.audit.note(str(number), "reload")
    monkeypatch.setattr(audit, "READ", 150)
    assert [entry["by"] for entry in clerk.audit.since(0, 10)[0]] == ["7", "8"]


def test_without_a_state_the_last_entries_are_kept_in_memory() -> None:
    clerk = Clerk(None)
    clerk.audit.note("", "links/close", partner="contoso")
    ((entry,), _) = clerk.audit.since(0, 10)
    assert (entry["by"], entry["verb"], entry["partner"]) == ("somebody", "links/close", "contoso")


def test_file_that_cannot_be_written_is_told_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    clerk = Clerk(tmp_path / "state" / "audit.jsonl")
    clerk.audit.note("a", "reload")
    assert [name for name, _ in clerk.told] == ["admin.change", "audit.failed"]


class Full:
    """A disk with room for a number of bytes."""

    def __init__(self, room: int) -> None:
        self.room = room
        self._write = os.write

    def write(self, descriptor: int, data: bytes) -> int:
        if not self.room:
            raise OSError(ENOSPC, "No space left on device")
        taken = self._write(descriptor, data[: self.room])
        self.room -= taken
        return taken


def test_entry_that_found_no_room_is_written_with_the_next_one(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Full(100)
    monkeypatch.setattr(os, "write", disk.write)
    clerk = Clerk(file)
    for who in ("a", "b", "c"):  # b fits in part, c not at all
        clerk.audit.note(who, "reload")
    failures = [fields["reason"] for name, fields in clerk.told if name == "audit.failed"]
    assert failures == ["No space left on device"] * 2
    assert [entry["by"] for entry in clerk.audit.since(0, 10)[0]] == ["a", "b", "c"], "they are known all the same"
    disk.room = 10_000
    clerk.audit.note("d", "reload")
    assert [entry["by"] for entry in Clerk(file).audit.since(0, 10)[0]] == ["a", "b", "c", "d"]


def test_write_that_is_cut_short_goes_on(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:7]))
    clerk = Clerk(file)
    clerk.audit.note("a", "reload")
    assert [json.loads(line)["by"] for line in file.read_text().splitlines()] == ["a"]


def test_line_of_a_process_that_was_killed_does_not_take_the_next_one_with_it(file: Path) -> None:
    file.parent.mkdir()
    file.write_text('{"when": "2023-11-14T22:13:20Z", "by": "ki')
    clerk = Clerk(file)
    clerk.audit.note("b", "reload")
    assert [entry["by"] for entry in clerk.audit.since(0, 10)[0]] == ["b"]


def test_long_diff_is_cut(file: Path) -> None:
    clerk = Clerk(file)
    clerk.audit.note("a", "reload", [f"+ partner {number}" for number in range(5000)])
    clerk.audit.note("b", "reload", ["x" * 10_000])
    (first, second), _ = clerk.audit.since(0, 10)
    assert len(first["changes"]) == audit.LINES + 1 and first["changes"][-1] == "and 4950 more"
    assert second["changes"] == ["1 lines, too long to be kept"]
