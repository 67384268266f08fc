"""Where the lines of the log go, and what they look like: text or JSON, for a terminal, a file, or journald.

`edge.driver` says what there is to log, as an event of Twisted's logger with its ``facts``; Twisted and the interpreter
say other things, of which the exception is the delicate one: its text may hold what somebody has written, so only its
kind and place are told. `edge.service` hands what `journal_of` makes to twistd. docs/logs.md has the format.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TextIO

from twisted.logger import ILogObserver, LogEvent, formatEvent
from twisted.python.failure import Failure
from twisted.python.logfile import LogFile
from zope.interface import implementer

from edge.config.logs import LogSettings
from edge.events import Facts

LEVELS = ("debug", "info", "warn", "error", "critical")
PRIORITIES = {"debug": 7, "info": 6, "warn": 4, "error": 3, "critical": 2}  # of syslog, as sd-daemon(3) has them
PRINTED = frozenset({"stdout", "stderr"})  # what was printed, as the ladder is, and is shown as it is
FRAMES = 8  # innermost calls that are told of an exception

TWISTD = "twistd.log"  # where a daemon logs that was not told where


def journal_of(
    settings: LogSettings, facts: Facts, twistd: Mapping[str, object], environment: Mapping[str, str] = os.environ
) -> "Journal | None":
    """What observes the log; None where twistd was told to log in another way (``--logger``, ``--syslog``)."""
    if twistd.get("logger") or twistd.get("syslog"):
        return None
    name = str(twistd.get("logfile") or "")
    if name == "-" or (not name and twistd.get("nodaemon")):
        return Journal(_writer(sys.stdout), settings, facts, _is_journald(sys.stdout, environment))
    file = LogFile.fromFullPath(name or TWISTD)  # type: ignore[no-untyped-call]  # Twisted's own
    return Journal(file.write, settings, facts)


@implementer(ILogObserver)
class Journal:
    """Gives whole lines to ``write``. ``journald``: each begins with its priority, and none with the time."""

    def __init__(
        self, write: Callable[[str], object], settings: LogSettings, facts: Facts, journald: bool = False
    ) -> None:
        self._write = write
        self._as_json = settings.format == "json"
        self._least = LEVELS.index(settings.level)
        self._facts = facts
        self._journald = journald

    def __call__(self, event: LogEvent) -> None:
        found = event.get("log_level")
        level = found.name if found is not None else "info"
        if LEVELS.index(level) < self._least:
            return
        line = self._json(event, level) if self._as_json else self._text(event, level)
        self._write(f"<{PRIORITIES[level]}>{line}\n" if self._journald else f"{line}\n")

    # --- private --------------------------------------------------------------------------------------

    def _text(self, event: LogEvent, level: str) -> str:
        facts = event.get("facts")
        said = (formatEvent(event) or "") if facts is not None else self._others(event)
        if self._journald:
            return said
        when = datetime.fromtimestamp(event.get("log_time", 0.0)).astimezone()
        who = "edge" if facts is not None else event.get("log_namespace", "-")
        return f"{when:%Y-%m-%dT%H:%M:%S%z} [{who}#{level}] {said}"

    def _json(self, event: LogEvent, level: str) -> str:
        when = datetime.fromtimestamp(event.get("log_time", 0.0), UTC)
        record: dict[str, object] = {"ts": f"{when:%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03}Z", "level": level}
        facts = event.get("facts")
        if facts is None:
            record |= {"event": f"log.{event.get('log_namespace', '-')}", "text": self._others(event)}
        else:
            record["event"] = event["event"]
            if event["code"] != "-":
                record["code"] = event["code"]
            record |= facts
        return json.dumps(record, ensure_ascii=False, separators=(",", ":"))

    def _others(self, event: LogEvent) -> str:
        """What neither the driver nor the gateway has said."""
        failure = event.get("log_failure")
        if isinstance(failure, Failure):
            return _fault(failure)
        text = formatEvent(event) or ""
        return text if event.get("log_namespace") in PRINTED else self._facts.scrubbed(text)


# -- private ---------------------------------------------------------------------------------------------------------


def _writer(stream: TextIO) -> Callable[[str], None]:
    """Of the stream as it is now: twistd puts another in its place, which logs what is printed."""

    def write(line: str) -> None:
        stream.write(line)
        stream.flush()

    return write


def _is_journald(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether this stream is the one that systemd has connected to its journal (systemd.exec(5))."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM", "") == f"{found.st_dev}:{found.st_ino}"


def _fault(failure: Failure) -> str:
    """An exception: its kind, and the calls that led to it, innermost first."""
    calls = [f"{os.path.splitext(os.path.basename(path))[0]}.{name}:{line}" for name, path, line, *_ in failure.frames]
    kind = getattr(failure.type, "__name__", "exception")
    return f"internal.error - error={kind} where={' < '.join(reversed(calls[-FRAMES:]))}"
