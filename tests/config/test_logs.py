"""How the gateway logs."""

from pathlib import Path

from edge.config.faults import Fault
from edge.config.logs import SHORTEST_KEY, LogSettings, log_settings
from edge.config.schema import Log
from edge.config.tables import Document


def judged(folder: Path, **said: object) -> tuple[LogSettings, list[tuple[str, str]]]:
    (folder / "edge.toml").write_text("[log]\n")
    faults: list[Fault] = []
    settings = log_settings(Document(folder / "edge.toml", faults), Log(**said))  # type: ignore[arg-type]
    return settings, [(fault.code.name, fault.text) for fault in faults]


def test_by_default_nobody_is_named_and_the_key_is_random(tmp_path: Path) -> None:
    assert judged(tmp_path) == (LogSettings("text", "info", False, b""), [])


def test_key_is_read_from_its_file_and_shown_nowhere(tmp_path: Path) -> None:
    (tmp_path / "log.key").write_text("x" * SHORTEST_KEY + "\n")
    settings, faults = judged(tmp_path, key_file="log.key", format="json", log_addresses=True)
    assert (settings, faults) == (LogSettings("json", "info", True, b"x" * SHORTEST_KEY), [])
    assert "xxx" not in repr(settings)


def test_key_that_could_be_guessed_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "log.key").write_text("hush\n")
    assert judged(tmp_path, key_file="log.key")[1] == [("K04", 'the key in "log.key" has fewer than 16 characters')]


def test_key_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    ((code, text),) = judged(tmp_path, key_file="log.key")[1]
    assert code == "K04" and text.endswith("does not exist")
