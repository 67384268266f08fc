"""What must survive the process: records of bytes under a kind and a key.

`edge.driver` writes through this door and `edge.service` opens it. What is in a record only the gateway knows. What
"durable" means is in docs/decisions/0009-state-in-sqlite.md.
"""

from pathlib import Path

from edge.store.memory import MemoryStore
from edge.store.protocol import CHECKPOINT_SECONDS, Record, Store, StoreError, Sync
from edge.store.sqlite import SqliteStore

__all__ = ["CHECKPOINT_SECONDS", "Record", "Store", "StoreError", "Sync", "open_store"]


def open_store(path: Path | None, sync: Sync = "normal") -> Store:
    """The store in the file ``path``, or without one a store that ends with the process. `StoreError` K11 or K12.

    Open it in the process and the thread that use it: after the fork of a daemon, in the reactor's thread.
    """
    if path is None or str(path) == ":memory:":
        return MemoryStore()
    return SqliteStore(path, sync)
