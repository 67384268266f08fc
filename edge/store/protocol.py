"""The vocabulary of every store: `Record`, `Store`, `StoreError`."""

from collections.abc import Iterator
from typing import Literal, NamedTuple, Protocol

from edge.codes import Code

CHECKPOINT_SECONDS = 5.0  # how often the owner ought to call `Store.checkpoint`: what a power failure may take with it

Sync = Literal["normal", "full"]  # safe from the end of the process, or from that of the power supply as well


class Record(NamedTuple):
    """One thing to be remembered."""

    kind: int
    key: str
    due: float  # Unix epoch seconds when somebody must act on it; 0: never
    data: bytes


class StoreError(Exception):
    """The store cannot be used: K11 or K12, and one sentence that names the file."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code


class Store(Protocol):
    """Everything but `checkpoint` is called in one thread, and costs no waiting for anybody else."""

    def remember(self, record: Record) -> None:
        """Keep ``record`` from the next commit on; the last one of a kind and key wins."""

    def forget(self, kind: int, key: str) -> None:
        """Keep it no longer from the next commit on, if it was there at all."""

    def commit(self) -> None:
        """Do all that was asked for since the last commit, or raise `StoreError` and leave it to the next one."""

    def load(self) -> Iterator[Record]:
        """All that was committed, in the order of ``due``."""

    def checkpoint(self) -> None:
        """Bring what was committed to where it stays. Takes its time; may be called from any thread."""

    def close(self) -> None:
        """Commit, and let go of the file in any case."""
