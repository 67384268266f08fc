"""The file: who may open it, what survives, what happens when the disk does not play along."""

import os
import resource
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from shutil import rmtree
from threading import Event, Thread

import pytest

from edge.codes import Code
from edge.store import Record, StoreError, open_store, sqlite
from edge.store.sqlite import SqliteStore

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
KIBIBYTE = 1024

# Commits 1, 2, 3 ... as fast as it can, and says each number once it is committed. A commit has two rows that agree.
WRITER = """
import sys
from pathlib import Path
from edge.store import Record, open_store
store = open_store(Path(sys.argv[1]))
number = 0
while True:
    number += 1
    store.remember(Record(1, str(number), float(number), bytes(400)))
    store.remember(Record(2, "last", 0.0, str(number).encode()))
    store.commit()
    if number % 50 == 0:
        store.checkpoint()
    print(number, flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "edge.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(path)
    yield opened
    opened.close()


@contextmanager
def writer(path: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def full_disk(limit: int) -> Iterator[None]:
    """No file grows past ``limit`` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def without_privileges() -> Iterator[None]:
    """Nobody's rights, if we have those of root, whom no mode of a file stops."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def record(number: int, data: bytes = b"") -> Record:
    return Record(1, str(number), float(number), data)


def contents(path: Path) -> list[Record]:
    opened = open_store(path)
    try:
        return list(opened.load())
    finally:
        opened.close()


def refusal(path: Path) -> str:
    with pytest.raises(StoreError) as refused:
        SqliteStore(path)
    assert refused.value.code is Code.K12
    assert str(refused.value).startswith(f"{path}: ")
    return str(refused.value).removeprefix(f"{path}: ")


def test_what_was_committed_is_there_after_a_restart(path: Path) -> None:
    store = open_store(path)
    store.remember(record(1, b"one"))
    store.commit()
    store.close()
    assert contents(path) == [record(1, b"one")]


def test_closing_commits(path: Path) -> None:
    store = open_store(path)
    store.remember(record(1))
    store.close()
    assert contents(path) == [record(1)]


def test_closing_leaves_one_file_and_its_lock(path: Path, store: SqliteStore) -> None:
    store.remember(record(1))
    store.close()
    assert sorted(each.name for each in path.parent.iterdir()) == ["edge.sqlite", "edge.sqlite-lock"]


def test_killed_process_has_lost_nothing_and_leaves_the_file_usable(path: Path) -> None:
    for said in (1, 30, 170):
        path.unlink(missing_ok=True)
        with writer(path) as process:
            assert process.stdout is not None
            heard = 0
            while heard < said:
                heard = int(process.stdout.readline())
            process.kill()
            heard = max([heard, *(int(line) for line in process.stdout.read().split("\n")[:-1])])
        last, *numbered = contents(path)
        assert int(last.data) in (heard, heard + 1)  # the last commit may not have been announced any more
        assert [each.key for each in numbered] == [str(number) for number in range(1, int(last.data) + 1)]
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_second_process_is_refused_until_the_first_one_is_gone(path: Path) -> None:
    with writer(path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert refusal(path) == "another process uses it"
        process.kill()
        process.wait()
    assert contents(path)


def test_second_store_in_one_process_is_refused_and_does_the_first_no_harm(path: Path, store: SqliteStore) -> None:
    (path.parent / "link.sqlite").symlink_to(path)
    for name in ("edge.sqlite", "link.sqlite"):
        with pytest.raises(StoreError, match="another process uses it"):
            SqliteStore(path.parent / name)
    store.remember(record(1))
    store.commit()
    assert list(store.load()) == [record(1)]


def test_administrator_may_look_while_the_gateway_writes(path: Path, store: SqliteStore) -> None:
    store.remember(record(1, b"one"))
    store.commit()
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT key, data FROM record").fetchall() == [("1", b"one")]
        store.remember(record(2))
        store.commit()
        store.checkpoint()
    assert list(store.load()) == [record(1, b"one"), record(2)]


def test_folder_is_made_and_only_we_may_look_into_it(tmp_path: Path) -> None:
    path = tmp_path / "state" / "edge.sqlite"
    store = open_store(path)
    store.remember(record(1))
    store.commit()
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert modes == {f"edge.sqlite{end}": 0o600 for end in ("", "-lock", "-shm", "-wal")}
    store.close()


def test_what_is_forgotten_is_overwritten(path: Path) -> None:
    store = SqliteStore(path)
    store.remember(Record(3, "key", 0.0, b"Art thou not Romeo?" * 500))
    store.commit()
    store.checkpoint()
    assert b"Art thou not Romeo?" in path.read_bytes()
    store.forget(3, "key")
    store.close()
    assert not any(b"Romeo" in each.read_bytes() for each in path.parent.iterdir())


def test_file_that_others_may_read_becomes_ours_alone(path: Path) -> None:
    path.touch(0o644)
    open_store(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("octets", [b"no database", b"SQLite format 3\0" + bytes(4080), bytes(4096)])
def test_file_that_is_no_database_is_refused_and_left_alone(path: Path, octets: bytes) -> None:
    path.write_bytes(octets)
    assert refusal(path) == "file is not a database"
    assert path.read_bytes() == octets


def test_file_that_lost_its_end_is_refused_when_it_is_read(path: Path, store: SqliteStore) -> None:
    for number in range(100):
        store.remember(record(number, bytes(400)))
    store.close()
    os.truncate(path, 12_288)
    with pytest.raises(StoreError, match="malformed") as refused:
        contents(path)
    assert refused.value.code is Code.K12


def test_file_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert refusal(tmp_path / "folder") == "Is a directory"
    (tmp_path / "file").touch()
    assert refusal(tmp_path / "file" / "edge.sqlite") == "File exists"


@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o755, 0o644), (0o777, 0o444)])
def test_file_that_cannot_be_written_is_refused(folder_mode: int, file_mode: int) -> None:
    folder = Path(tempfile.mkdtemp(dir="/tmp"))  # nobody may not enter the folders of pytest
    try:
        path = folder / "edge.sqlite"
        open_store(path).close()
        for each in folder.iterdir():
            each.chmod(file_mode)
        folder.chmod(folder_mode if os.geteuid() == 0 else 0o555)
        with without_privileges():
            assert refusal(path) == "Permission denied"
    finally:
        folder.chmod(0o700)
        rmtree(folder)


def test_commit_on_a_full_disk_keeps_what_was_asked_for(path: Path, store: SqliteStore) -> None:
    store.remember(record(1, b"before"))
    store.remember(record(2))
    store.commit()
    with full_disk(200 * KIBIBYTE):
        store.remember(record(1, b"after"))
        store.remember(record(3, bytes(400 * KIBIBYTE)))
        store.forget(1, "2")
        for _ in range(3):
            with pytest.raises(StoreError) as refused:
                store.commit()
            assert refused.value.code is Code.K12
            assert list(store.load()) == [record(1, b"before"), record(2)]
        store.remember(record(4))
    store.commit()
    after = [record(1, b"after"), record(3, bytes(400 * KIBIBYTE)), record(4)]
    assert list(store.load()) == after
    store.close()
    assert contents(path) == after


def test_record_that_is_refused_leaves_no_transaction_open(store: SqliteStore) -> None:
    store.remember(record(1)._replace(due=float("nan")))
    store.remember(record(2))
    with pytest.raises(StoreError, match=r"record\.due"):
        store.commit()
    store.remember(record(1))
    store.commit()
    assert list(store.load()) == [record(1), record(2)]


def test_closing_on_a_full_disk_says_so_and_lets_go(path: Path, store: SqliteStore) -> None:
    store.remember(record(1))
    store.commit()
    with full_disk(200 * KIBIBYTE):
        store.remember(record(2, bytes(400 * KIBIBYTE)))
        with pytest.raises(StoreError):
            store.close()
    assert contents(path) == [record(1)]


def test_commit_does_not_wait_for_an_intruder(path: Path, store: SqliteStore) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as intruder:
        intruder.execute("BEGIN IMMEDIATE")
        store.remember(record(1))
        began = time.monotonic()
        with pytest.raises(StoreError, match="database is locked"):
            store.commit()
        assert time.monotonic() - began < 4  # seconds; SQLite by itself would wait for five
    store.commit()
    assert list(store.load()) == [record(1)]


@pytest.mark.parametrize(("sync", "number"), [("normal", 1), ("full", 2)])
def test_sync_is_what_was_asked_for(path: Path, sync: sqlite.Sync, number: int) -> None:
    with closing(SqliteStore(path, sync)) as store:
        assert store._connection.execute("PRAGMA synchronous").fetchone() == (number,)


def test_checkpoint_brings_the_log_into_the_file(path: Path, store: SqliteStore) -> None:
    store.remember(record(1, bytes(100 * KIBIBYTE)))
    store.commit()
    assert path.stat().st_size < 100 * KIBIBYTE
    store.checkpoint()
    assert path.stat().st_size > 100 * KIBIBYTE


def test_checkpoints_of_a_thread_do_not_disturb_commits(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "LONG_PAGES", 50)
    enough = Event()
    failures: list[StoreError] = []

    def checkpoints() -> None:
        while not enough.is_set():
            try:
                store.checkpoint()
            except StoreError as failure:
                failures.append(failure)

    thread = Thread(target=checkpoints)
    thread.start()
    try:
        for number in range(2000):
            store.remember(record(number % 700, b"%d" % number))
            store.commit()
    finally:
        enough.set()
        thread.join()
    assert failures == []
    assert [int(each.data) for each in store.load()] == [*range(1400, 2000), *range(1300, 1400)]


def test_commit_carries_over_the_rest_of_a_long_log_once(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "LONG_PAGES", 20)
    statements: list[str] = []
    store._connection.set_trace_callback(statements.append)
    carried = []
    for number in range(40):
        statements.clear()
        store.remember(record(number))
        store.commit()
        carried += [number for statement in statements if "wal_checkpoint" in statement]
        if number in (5, 30):
            store.checkpoint()
    assert carried == [31]


def test_checkpoint_that_fails_is_made_up_for(path: Path, store: SqliteStore) -> None:
    store.remember(record(1, bytes(100 * KIBIBYTE)))
    store.commit()
    path.rename(path.with_name("away.sqlite"))
    with pytest.raises(StoreError, match="unable to open"):
        store.checkpoint()
    path.with_name("away.sqlite").rename(path)
    store.checkpoint()
    assert path.stat().st_size > 100 * KIBIBYTE
