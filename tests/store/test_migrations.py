"""Files of older and newer releases, and of other programs."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from edge.codes import Code
from edge.store.migrations import APPLICATION_ID, MIGRATIONS, migrate, roll_back
from edge.store.protocol import Record, StoreError
from edge.store.sqlite import SqliteStore

FIRST = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    "CREATE TABLE pair (address TEXT PRIMARY KEY, state BLOB)",
    "INSERT INTO pair VALUES ('romeo@montague.test', x'01')",
)
SECOND = (
    "CREATE TABLE record (kind INTEGER, key TEXT, due REAL, data BLOB, PRIMARY KEY (kind, key)) WITHOUT ROWID",
    "INSERT INTO record SELECT 1, address, 0, state FROM pair",
    "DROP TABLE pair",
)
BROKEN = ("DELETE FROM record", "CREATE TABLE record (kind INTEGER)")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "edge.sqlite"


def open_and_close(path: Path, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> list[Record]:
    store = SqliteStore(path, migrations=migrations)
    try:
        return list(store.load())
    finally:
        store.close()


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        return int(found)


def make(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_new_file_has_the_last_version_and_is_marked_as_ours(path: Path) -> None:
    assert open_and_close(path) == []
    assert version(path) == len(MIGRATIONS)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


def test_file_of_an_older_release_is_brought_up_to_date(path: Path) -> None:
    make(path, *FIRST, "PRAGMA user_version = 1", "INSERT INTO pair VALUES ('juliet@capulet.test', x'02')")
    juliet, romeo = Record(1, "juliet@capulet.test", 0.0, b"\2"), Record(1, "romeo@montague.test", 0.0, b"\1")
    assert open_and_close(path, [FIRST, SECOND]) == [juliet, romeo]
    assert version(path) == 2
    assert open_and_close(path, [FIRST, SECOND]) == [juliet, romeo]


def test_step_that_fails_leaves_the_file_at_the_step_before(path: Path) -> None:
    with pytest.raises(StoreError, match="table record already exists") as refusal:
        SqliteStore(path, migrations=[FIRST, SECOND, BROKEN])
    assert refusal.value.code is Code.K12
    assert version(path) == 2
    assert open_and_close(path, [FIRST, SECOND]) == [Record(1, "romeo@montague.test", 0.0, b"\1")]


def test_file_of_a_newer_release_is_refused_and_left_alone(path: Path) -> None:
    make(path, *FIRST, "PRAGMA user_version = 7")
    before = path.read_bytes()
    with pytest.raises(StoreError) as refusal:
        SqliteStore(path)
    assert refusal.value.code is Code.K11
    assert str(refusal.value) == f"{path}: it has version 7, and this release knows {len(MIGRATIONS)}"
    assert path.read_bytes() == before


@pytest.mark.parametrize("known", [0, 1])
def test_database_of_another_program_is_refused_and_left_alone(path: Path, known: int) -> None:
    make(path, "CREATE TABLE record (title TEXT)", f"PRAGMA user_version = {known}")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program") as refusal:
        SqliteStore(path)
    assert refusal.value.code is Code.K12
    assert path.read_bytes() == before


def test_empty_file_is_a_new_one(path: Path) -> None:
    path.touch()
    assert open_and_close(path) == []
    assert version(path) == len(MIGRATIONS)


def test_migrating_twice_changes_nothing() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection)
        changes = connection.total_changes
        migrate(connection)
        assert connection.total_changes == changes


def test_roll_back_ends_a_transaction_if_there_is_one() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        roll_back(connection)
        connection.execute("BEGIN")
        roll_back(connection)
        assert not connection.in_transaction
