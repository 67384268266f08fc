"""Lines of the log: what they look like, and what does not get into them."""

import json
import os
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from twisted.logger import LogEvent, Logger

from edge.admin import journal
from edge.admin.journal import Journal, journal_of
from edge.codes import Code
from edge.config.logs import LogSettings
from edge.events import Facts
from tests.driving import Scene, logged, scene

__all__ = ["logged", "scene"]  # fixtures

WHEN = 1_700_000_000.25


def written(events: list[LogEvent], journald: bool = False, **settings: Any) -> list[str]:
    lines: list[str] = []
    observer = Journal(lines.append, LogSettings(**settings), Facts(b"key"), journald)
    for event in events:
        observer({**event, "log_time": WHEN})
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)
    return [line[:-1] for line in lines]


class TestLines:
    def test_event_is_a_line_of_text_as_twistd_has_them(self, scene: Scene, logged: list[LogEvent]) -> None:
        scene.driver.link_event("link.down", code=Code.N03, partner="sip", peer_port=5061)
        (line,) = written(logged)
        assert line[:11] == "2023-11-14T" or line[:11] == "2023-11-15T"
        assert f" [edge#warn] link.down EDGE-N03 ({Code.N03.sentence}) protocol=" in line
        assert line.endswith(" partner=sip peer_port=5061")

    def test_event_is_an_object_of_json(self, scene: Scene, logged: list[LogEvent]) -> None:
        scene.driver.link_event("link.down", code=Code.N03, partner="sip", peer_port=5061, text="jà\n")
        scene.driver.link_event("link.up", partner="sip")
        first, second = map(json.loads, written(logged, format="json"))
        assert first == {
            "ts": "2023-11-14T22:13:20.250Z", "level": "warn", "event": "link.down", "code": "EDGE-N03",
            "protocol": "xmpp", "direction": "out", "partner": "sip", "peer_port": 5061, "text": "jà?",
        }
        assert "code" not in second

    def test_suppressed_events_are_one_object_with_their_number(self, scene: Scene, logged: list[LogEvent]) -> None:
        for _ in range(8):
            scene.driver.link_event("link.refused", code=Code.C03, partner="sip")
        scene.clock.advance(10)
        scene.driver.link_event("link.up")
        *_, closing, _ = map(json.loads, written(logged, format="json"))
        assert (closing["event"], closing["code"], closing["partner"]) == ("link.refused", "EDGE-C03", "sip")
        assert closing["suppressed"] == 3

    @pytest.mark.parametrize("form", ["text", "json"])
    def test_journald_gets_the_priority_and_keeps_the_time_itself(
        self, scene: Scene, logged: list[LogEvent], form: str
    ) -> None:
        scene.driver.link_event("link.up", partner="sip")
        scene.driver.link_event("link.down", code=Code.N03)
        first, second = written(logged, journald=True, format=form)
        assert (first[:3], second[:3]) == ("<6>", "<4>")
        assert "link.up" in first and (form == "json") == ("2023-" in first)

    @pytest.mark.parametrize(("level", "lines"), [("debug", 3), ("info", 2), ("warn", 1), ("error", 0)])
    def test_least_level_is_kept(self, scene: Scene, logged: list[LogEvent], level: str, lines: int) -> None:
        for name, code in (("message.ok", None), ("link.up", None), ("link.down", Code.N03)):
            scene.driver.link_event(name, code=code)
        assert len(written(logged, level=level)) == lines


class TestOthers:
    """What Twisted says."""

    def say(self, namespace: str, text: str, **fields: object) -> list[LogEvent]:
        events: list[LogEvent] = []
        Logger(namespace, observer=events.append).info(text, **fields)  # type: ignore[arg-type]
        return events

    def test_it_is_told_in_both_forms_without_names(self) -> None:
        events = self.say("twisted.web", "a request of {who}\nfailed", who="romeo@sip.example")
        assert written(events)[0].endswith("[twisted.web#info] a request of ***@sip.example?failed")
        assert json.loads(written(events, format="json")[0])["event"] == "log.twisted.web"

    def test_what_is_printed_is_shown_as_it_is(self) -> None:
        assert "romeo@sip.example" in written(self.say("stdout", "{log_io}", log_io="|<-- romeo@sip.example"))[0]

    def test_exception_tells_its_kind_and_place_and_never_its_text(self) -> None:
        events: list[LogEvent] = []
        try:
            {}["what Romeo has said"]
        except KeyError:
            Logger("twisted", observer=events.append).failure("Unhandled")  # type: ignore[arg-type]
        for form in ("text", "json"):
            (line,) = written(events, format=form)
            assert "internal.error - error=KeyError where=test_journal.test_exception" in line
            assert "Romeo" not in line


class TestPlaces:
    def journal(self, **twistd: object) -> Journal | None:
        return journal_of(LogSettings(), Facts(), twistd, {})

    def test_other_ways_of_logging_are_left_to_twistd(self) -> None:
        assert self.journal(logger="mine.observer") is None
        assert self.journal(syslog=1) is None

    @pytest.mark.parametrize("options", [{"nodaemon": 1}, {"logfile": "-"}])
    def test_in_the_foreground_it_is_the_standard_output(
        self, monkeypatch: pytest.MonkeyPatch, options: dict[str, object]
    ) -> None:
        stream = StringIO()
        monkeypatch.setattr(journal.sys, "stdout", stream)
        made = self.journal(**options)
        monkeypatch.undo()
        assert made is not None
        made({"log_namespace": "x", "log_format": "said"})
        assert stream.getvalue().endswith(" [x#info] said\n")

    def test_file_is_appended_to(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        for options in ({"logfile": "edge.log", "nodaemon": 1}, {}):
            made = self.journal(**options)
            assert made is not None
            made({"log_namespace": "x", "log_format": "said"})
        assert [(tmp_path / each).read_text().count("said") for each in ("edge.log", journal.TWISTD)] == [1, 1]

    def test_journal_of_systemd_is_known_by_what_systemd_says(self, tmp_path: Path) -> None:
        with (tmp_path / "file").open("w") as stream:
            found = os.fstat(stream.fileno())
            for said, expected in ((f"{found.st_dev}:{found.st_ino}", True), ("8:1", False), ("", False)):
                assert journal._is_journald(stream, {"JOURNAL_STREAM": said}) is expected
        assert not journal._is_journald(StringIO(), {"JOURNAL_STREAM": "8:1"})


def test_every_event_is_in_the_page() -> None:
    root = Path(__file__).parents[2]
    told = re.compile(r'(?:link_event|_tell|_report|report|event|Report)\(\s*"([a-z]+)\.([a-z]+)"')
    events = {found for file in (root / "edge").rglob("*.py") for found in told.findall(file.read_text())}
    page = (root / "docs" / "logs.md").read_text()
    assert len(events) > 25
    for kind, what in events:
        assert f"`{kind}.{what}`" in page or f"`{kind}.*`" in page, f"docs/logs.md says nothing of {kind}.{what}"
