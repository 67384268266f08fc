"""Lists of revoked certificates (RFC 5280 §5) that somebody puts into files: read, and read again when they change.

For authorities whose lists are not to be had by HTTP. `edge.certificates.upkeep` looks at the files every few seconds,
as it does at our certificates; a file counts when it has stood still for two looks. One that cannot be read leaves in
force what was read from it before. `edge.config` asks `lists_in` whether a file holds a list at all.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from edge.certificates.reload import Stamp, stamp_of
from edge.certificates.revocation import FileList, Ledger
from edge.certificates.statements import LONGEST, Crl, StatementError, parse_crl
from edge.codes import Code

MAX_FILE = 16 << 20  # bytes of a file; the largest lists that are in use have some megabytes
MAX_IN_FILE = 64  # lists in one file, each of which costs a signature check for each issuer
PEM_BEGIN, PEM_END = b"-----BEGIN X509 CRL-----", b"-----END X509 CRL-----"

Report = Callable[[str, Code, str], None]  # of a file: its path, why, and a sentence


class CrlFiles:
    """Keeps ``ledger`` in step with the files; ``report`` is told of what is wrong with one, once."""

    def __init__(self, ledger: Ledger, report: Report, stamp: Callable[[Path], Stamp] = stamp_of) -> None:
        self._ledger, self._report, self._stamp = ledger, report, stamp
        self._known: dict[Path, tuple[FileList, ...]] = {}
        self._read: dict[Path, Stamp] = {}  # as it was when it was read
        self._seen: dict[Path, Stamp] = {}
        self._told: set[tuple[str, datetime]] = set()  # lists of which it was said that they are over

    def become(self, paths: Sequence[Path]) -> None:
        """These are the files from now on."""
        self._known = {path: self._known.get(path, ()) for path in paths}
        self._read, self._seen = {}, {}
        for path in self._known:
            self._take(path, self._stamp(path))
        self._use()

    def look(self) -> bool:
        """Read again what has changed and stands still. True if anything is known now that was not before."""
        changed = False
        for path in self._known:
            stamp = self._stamp(path)
            before, self._seen[path] = self._seen.get(path), stamp
            if stamp != self._read.get(path) and stamp == before:
                changed |= self._take(path, stamp)
        if changed:
            self._use()
        return changed

    def tell_of_ends(self, now: datetime) -> None:
        """Report the lists whose time is over: that somebody is not on one of them proves nothing any more."""
        for each in (each for known in self._known.values() for each in known):
            end = each.list.until
            if end < now and (each.path, end) not in self._told:
                self._told.add((each.path, end))
                self._report(each.path, Code.C08, f"the list of {_issuer(each)} was valid until {end:%Y-%m-%d}")

    def _take(self, path: Path, stamp: Stamp) -> bool:
        self._read[path] = stamp
        try:
            self._known[path] = lists_in(_contents(path), str(path))
        except OSError as error:
            self._report(str(path), Code.K04, error.strerror or str(error))
        except StatementError as error:
            self._report(str(path), Code.K04, str(error))
        else:
            return True
        return False

    def _use(self) -> None:
        self._ledger.use_files([each for known in self._known.values() for each in known])


def lists_in(content: bytes, path: str) -> tuple[FileList, ...]:
    """The lists in a file: one in DER, or any number in PEM. Raises `StatementError`."""
    *ended, rest = content.split(PEM_END)
    if PEM_BEGIN in rest:
        raise StatementError("the last list in the file is cut off")
    parts = [part[part.find(PEM_BEGIN) :] + PEM_END for part in ended] or [content]
    if len(parts) > MAX_IN_FILE:
        raise StatementError(f"there are more than {MAX_IN_FILE} lists in the file")
    found = []
    for part in parts:
        known = parse_crl(part)
        since = known.last_update_utc
        found.append(FileList(path, Crl(known, since, known.next_update_utc or since + LONGEST)))
    return tuple(found)


# -- private ---------------------------------------------------------------------------------------------------------


def _contents(path: Path) -> bytes:
    with path.open("rb") as stream:
        content = stream.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        raise StatementError(f"the file has more than {MAX_FILE} bytes")
    return content


def _issuer(each: FileList) -> str:
    return each.list.list.issuer.rfc4514_string()[:200]
