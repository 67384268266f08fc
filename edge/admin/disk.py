"""What our files say that the running gateway does not: a forgotten reload, a mistake that waits for a restart.

`edge status` tells it (`edge.admin.status`). The files are read in a thread, as a reload reads them, and nothing is put
into force. Who asks again and again has them read again when one of them has changed, else once a minute.
"""

from pathlib import Path
from typing import cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.threads import deferToThreadPool

from edge.admin.reloading import Outcome
from edge.admin.running import Running
from edge.admin.shown import BROKEN, CHANGED, IN_FORCE, RESTART
from edge.certificates.identity import IdentityError, parse
from edge.certificates.reload import Stamp, contents, stamp_of
from edge.codes import Code
from edge.config import Reading

AGAIN = 60.0  # seconds; files that only others name (a secret, a bundle) may have changed too
SHOWN = 20  # changes and errors

Key = tuple[int, tuple[Stamp, ...]]


class Disk:
    """What was found last, and of which files."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._found: Outcome | None = None
        self._key: Key | None = None
        self._when = 0.0

    def look(self) -> "Deferred[dict[str, object]]":
        """How the files stand to what is in force; ``state`` is `IN_FORCE` or what else there is."""
        key = self._key_now()
        if self._found is not None and key == self._key and self._running.reactor.seconds() < self._when + AGAIN:
            return succeed(told(self._found))
        threads = cast(IReactorThreads, self._running.reactor)
        reading = deferToThreadPool(threads, threads.getThreadPool(), self._running.reloading.read)
        return reading.addCallback(self._judge, key)

    def certificates(self) -> list[str]:
        """Which of our certificate files hold another one than is shown, or none."""
        found = []
        running = self._running
        for files, shown in zip(running.config.identity_files, running.contexts.identities, strict=False):
            try:
                identity = parse(contents(files.certificate), contents(files.key))
            except IdentityError as error:
                found.append(f"{files.certificate}: {error.code} {error}; the one of before is shown")
            except OSError as error:
                reason = error.strerror or str(error)
                found.append(f"{error.filename or files.certificate}: {Code.K04} {reason}; the one of before is shown")
            else:
                if identity.chain != shown.chain:
                    ends = f"{identity.not_after:%Y-%m-%d}"
                    then = "not shown: `edge cert reload` takes it up, or says why not"
                    found.append(f"{files.certificate} holds another one, which ends on {ends} and is {then}")
        return found

    # -- private -----------------------------------------------------------------------------------------------------

    def _judge(self, reading: Reading, key: Key) -> dict[str, object]:
        running = self._running
        running.reloading.renewed(running.contexts.identities)
        self._found = running.reloading.attempt(reading, dry_run=True)
        self._key, self._when = key, running.reactor.seconds()
        return told(self._found)

    def _key_now(self) -> Key:
        """Folders too: in that of the partner files another one may have appeared."""
        config = self._running.config
        files = [*config.files, *(each.parent for each in config.files)]
        files += [file for pair in config.identity_files for file in pair]
        return self._running.reloading.generation, tuple(map(stamp_of, dict.fromkeys(map(Path, files))))


def told(found: Outcome) -> dict[str, object]:
    """For the API. ``more`` is how many changes and errors there was no room for."""
    errors = [str(fault) for fault in found.errors]
    state = CHANGED if found.lines else IN_FORCE
    if errors:
        state = RESTART if all(fault.code is Code.K14 for fault in found.errors) else BROKEN
    more = max(0, len(found.lines) - SHOWN) + max(0, len(errors) - SHOWN)
    return {"state": state, "changes": list(found.lines[:SHOWN]), "errors": errors[:SHOWN], "more": more}
