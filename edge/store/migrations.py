"""The tables of the state file, and how a file of an older release becomes one of this release.

`edge.store.sqlite` calls `migrate` when it opens a file. The version of a file is SQLite's ``user_version``: how many
of `MIGRATIONS` it has seen. An entry that was released is never changed, only followed by another.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import suppress

from edge.codes import Code
from edge.store.protocol import StoreError

APPLICATION_ID = 0x65646765  # "edge" in the file's header: nobody else's database is taken for ours

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        f"PRAGMA application_id = {APPLICATION_ID}",
        """CREATE TABLE record (
            kind INTEGER NOT NULL,
            key TEXT NOT NULL,
            due REAL NOT NULL,
            data BLOB NOT NULL,
            PRIMARY KEY (kind, key)
        ) WITHOUT ROWID""",
    ),
)


def migrate(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Bring the file behind ``connection`` (in autocommit mode) to the last version, one transaction for each step.

    `StoreError` K11 if it is past the last version, K12 if it is another program's; then it is left as it was.
    """
    version = _number(connection, "PRAGMA user_version")
    ours = _number(connection, "PRAGMA application_id") == APPLICATION_ID
    if not ours and _number(connection, "SELECT count(*) FROM sqlite_master"):
        raise StoreError(Code.K12, "it is the database of another program")
    if version > len(migrations):
        raise StoreError(Code.K11, f"it has version {version}, and this release knows {len(migrations)}")
    for reached, statements in enumerate(migrations[version:], version + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in (*statements, f"PRAGMA user_version = {reached}"):
                connection.execute(statement)
            connection.execute("COMMIT")
        except sqlite3.Error:
            roll_back(connection)
            raise


def roll_back(connection: sqlite3.Connection) -> None:
    """End a transaction that failed, unless SQLite has done so already."""
    if connection.in_transaction:
        with suppress(sqlite3.Error):  # what matters is the error before this one
            connection.execute("ROLLBACK")


def _number(connection: sqlite3.Connection, query: str) -> int:
    (number,) = connection.execute(query).fetchone()
    return int(number)
