"""Who has changed what: one line of JSON for each change, appended to a file beside the state.

`edge.admin.verbs` notes what was done through the local socket, `edge.service` what was done by a signal or the clock;
`edge audit` reads it. The file is opened for each line, so that it may be moved away at any time. It holds no body.
"""

import json
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from edge.admin.shown import stamp

FILE = "audit.jsonl"  # beside the state
MODE = 0o640  # whoever may read it may know who did what
RECENT = 200  # entries that are kept where there is no file
READ = 4 << 20  # bytes from the end of the file that are looked at: some 20,000 changes
LONGEST = 8192  # characters of one entry; the longest hold what a reload has changed
LINES = 50  # of a diff

FIELDS = {"by": "user", "name": "called", "user": "address"}  # what the log calls a member of an entry, if otherwise

Entry = dict[str, Any]


class Audit:
    """``file`` may be None: then the last entries are kept as long as the process lives.

    ``tell`` makes an event for the log of each entry, and of a file that cannot be written.
    """

    def __init__(self, file: Path | None, wall: Callable[[], float], tell: Callable[..., None]) -> None:
        self.file = file
        self._wall = wall
        self._tell = tell
        self._recent: deque[Entry] = deque(maxlen=RECENT)
        self._late: deque[Entry] = deque(maxlen=RECENT)  # what the file has not taken yet

    def note(self, by: str, verb: str, changes: Sequence[str] = (), /, **facts: object) -> None:
        """``by`` has done ``verb``, and this is what became different; ``facts`` with nothing in them are left out."""
        entry: Entry = {"when": stamp(self._wall()), "by": by or "somebody", "verb": verb}
        entry |= {name: value for name, value in facts.items() if value not in ("", None)}
        if changes:
            more = [f"and {len(changes) - LINES} more"] if len(changes) > LINES else []
            entry["changes"] = [*changes[:LINES], *more]
        self._recent.append(entry)
        fields = {FIELDS.get(name, name): value for name, value in entry.items() if name != "when"}
        if changes:
            fields["changes"] = "; ".join(entry["changes"])
        self._tell("admin.change", **fields)
        if self.file is not None:
            self._late.append(entry)
            try:
                while self._late:
                    _append(self.file, self._late[0])
                    self._late.popleft()
            except OSError as error:
                self._tell("audit.failed", file=str(self.file), reason=error.strerror or str(error))

    def since(self, when: float, limit: int) -> tuple[list[Entry], int]:
        """The last ``limit`` entries that are not older than ``when`` (Unix epoch), and how many more there are."""
        least = stamp(when) if when > 0 else ""
        found = [entry for entry in self._entries() if str(entry.get("when", "")) >= least]
        return found[-limit:], max(0, len(found) - limit)

    def _entries(self) -> Iterator[Entry]:
        yield from self._recent if self.file is None else self._written(self.file)
        yield from self._late

    def _written(self, file: Path) -> Iterator[Entry]:
        try:
            with file.open("rb") as stream:
                size = stream.seek(0, os.SEEK_END)
                stream.seek(max(0, size - READ))
                lines = stream.read().split(b"\n")
        except FileNotFoundError:
            return
        for line in lines[1:] if size > READ else lines:
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # the rest of a line that was not written whole
            if isinstance(entry, dict):
                yield entry


# -- private ---------------------------------------------------------------------------------------------------------


def _append(file: Path, entry: Entry) -> None:
    """One line: in one write, unless the disk takes only a part, and never behind a line that was not finished."""
    text = json.dumps(entry, ensure_ascii=False)
    if len(text) > LONGEST:
        text = json.dumps({**entry, "changes": [f"{len(entry.get('changes', ()))} lines, too long to be kept"]})
    file.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode("utf-8", "replace") + b"\n"
    descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            data = b"\n" + data
        while data:
            data = data[os.write(descriptor, data) :]
    finally:
        os.close(descriptor)
