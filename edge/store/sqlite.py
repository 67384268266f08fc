"""The store in one SQLite file, written from the reactor's thread.

A commit is one transaction that is appended to SQLite's write-ahead log; it does not wait for the disk.
Carrying the log into the file proper (a checkpoint) waits for the disk, so that the owner has a thread do it now and
then. `edge.store.open_store` is the door; docs/decisions/0009-state-in-sqlite.md has the reasons and the figures.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from threading import Lock

from edge.codes import Code
from edge.store.migrations import MIGRATIONS, migrate, roll_back
from edge.store.protocol import Record, StoreError, Sync

FOLDER_MODE = 0o700  # who talks to whom is nobody else's business
FILE_MODE = 0o600
LONG_PAGES = 4096  # of 4096 bytes: a log of 16 MB is to begin anew, although commits keep coming
FEW_PAGES = 64  # so few that one commit can carry them over: a few milliseconds
PASSES = 4  # of one checkpoint, each over what was committed during the one before
BACKSTOP_PAGES = 16_384  # a log of 64 MB is carried over by the next commit, if nobody has done it before
PATIENCE = 0.02  # seconds; the thread at its checkpoint may hold a commit up for some microseconds, others may not
THREAD_PATIENCE = 1.0  # seconds

_REMEMBER = """INSERT INTO record (kind, key, due, data) VALUES (?, CAST(? AS TEXT), ?, ?)
    ON CONFLICT (kind, key) DO UPDATE SET due = excluded.due, data = excluded.data"""
_FORGET = "DELETE FROM record WHERE kind = ? AND key = CAST(? AS TEXT)"
_LOAD = "SELECT kind, key, due, data FROM record ORDER BY due, kind, key"


class SqliteStore:
    """One file, one process. A second process that opens the file is refused until this one has ended, however."""

    def __init__(self, path: Path, sync: Sync = "normal", migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
        self._asked: dict[tuple[int, str], Record | None] = {}  # None: to be forgotten
        self._path = Path(os.path.realpath(path))  # one lock for one file, whatever leads to it
        self._letting_go = Lock()  # the file stays open while a thread is at its checkpoint
        self._log_is_new = True  # there may be something in it that the file proper has not
        self._log_is_long = False  # and all but a few pages of it are carried over
        try:
            with ExitStack() as held:
                self._path.parent.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
                held.callback(os.close, _lock(self._path))
                self._descriptor = _make_private(self._path)
                held.callback(os.close, self._descriptor)
                self._connection = held.enter_context(closing(_connect(self._path, PATIENCE)))
                _prepare(self._connection, sync, migrations)
                self._held: ExitStack | None = held.pop_all()
        except StoreError as problem:
            raise StoreError(problem.code, f"{self._path}: {problem}") from None
        except (OSError, sqlite3.Error) as problem:
            raise self._unusable(problem) from problem

    def remember(self, record: Record) -> None:
        self._asked[record.kind, record.key] = record

    def forget(self, kind: int, key: str) -> None:
        self._asked[kind, key] = None

    def commit(self) -> None:
        if not self._asked:
            return
        kept: list[tuple[int, bytes, float, bytes]] = []
        gone: list[tuple[int, bytes]] = []
        for (kind, key), record in self._asked.items():
            if record is None:
                gone.append((kind, _octets(key)))
            else:
                kept.append((kind, _octets(key), record.due, record.data))
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            if kept:
                connection.executemany(_REMEMBER, kept)
            if gone:
                connection.executemany(_FORGET, gone)
            connection.execute("COMMIT")
        except sqlite3.Error as problem:
            roll_back(connection)
            raise self._unusable(problem) from problem
        self._asked.clear()
        self._log_is_new = True
        if self._log_is_long:  # only between two commits can all of it be carried over, and the next one begin it anew
            self._log_is_long = False
            with suppress(sqlite3.Error):  # the commit has succeeded; this can wait for the next checkpoint
                _carry_over(connection)

    def load(self) -> Iterator[Record]:
        try:
            for row in self._connection.execute(_LOAD):
                yield Record._make(row)
        except sqlite3.Error as problem:
            raise self._unusable(problem) from problem

    def checkpoint(self) -> None:
        with self._letting_go:
            if self._held is None or not self._log_is_new:
                return
            self._log_is_new = False  # before and not after: a commit in between sets it again
            length = 0
            try:
                with closing(_connect(self._path, THREAD_PATIENCE)) as connection:
                    for _ in range(PASSES):
                        before = length
                        busy, length = _carry_over(connection)
                        os.fsync(self._descriptor)  # SQLite does it only when nothing was committed meanwhile
                        if length - before <= FEW_PAGES:
                            break
            except (OSError, sqlite3.Error) as problem:
                self._log_is_new = True
                raise self._unusable(problem) from problem
            if busy:
                self._log_is_new = True
            self._log_is_long = length > LONG_PAGES

    def close(self) -> None:
        if self._held is None:
            return
        try:
            self.commit()
        finally:
            # SQLite goes first, and its last connection carries the log over; then goes the lock
            with self._letting_go, self._held:
                self._held = None

    def _unusable(self, problem: Exception) -> StoreError:
        reason = problem.strerror if isinstance(problem, OSError) else str(problem)
        return StoreError(Code.K12, f"{self._path}: {reason}")


def _lock(path: Path) -> int:
    """Take the file for this process; the kernel gives it back when the process ends, in whatever way.

    The lock is on a file of its own, since SQLite's exclusive mode would lock out the thread that does checkpoints.
    """
    lock = os.open(path.with_name(path.name + "-lock"), os.O_RDWR | os.O_CREAT, FILE_MODE)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise StoreError(Code.K12, "another process uses it") from None
    except BaseException:
        os.close(lock)
        raise
    return lock


def _make_private(path: Path) -> int:
    """Create the file if there is none, and see that it can be written. SQLite gives its log the same mode.

    The descriptor is to be closed after SQLite's own: closing it drops the locks that SQLite holds on the file.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
    try:
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, FILE_MODE)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _connect(path: Path, patience: float) -> sqlite3.Connection:
    where = f"{path.as_uri()}?mode=rw"  # if somebody removes it, a checkpoint does not create it again
    connection = sqlite3.connect(where, timeout=patience, isolation_level=None, uri=True)
    connection.text_factory = _text
    return connection


def _prepare(connection: sqlite3.Connection, sync: Sync, migrations: Sequence[Sequence[str]]) -> None:
    migrate(connection, migrations)  # before anything is written: the file of a newer release stays as it is
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise StoreError(Code.K12, "its file system does not allow a write-ahead log")
    connection.execute(f"PRAGMA synchronous = {'FULL' if sync == 'full' else 'NORMAL'}")
    connection.execute("PRAGMA secure_delete = ON")  # what people have said does not stay in free pages
    connection.execute(f"PRAGMA wal_autocheckpoint = {BACKSTOP_PAGES}")


def _carry_over(connection: sqlite3.Connection) -> tuple[bool, int]:
    """Carry the log over as far as nobody has to wait. Was somebody else at it, and how many pages has it?"""
    busy, length, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return bool(busy), int(length)


def _octets(key: str) -> bytes:
    """Any text is a key, even one with the surrogates that stand for octets which are not UTF-8."""
    return key.encode("utf-8", "surrogatepass")


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogatepass")
