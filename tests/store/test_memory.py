"""The store without a file: what it shares with the others is in test_protocol.py."""

from edge.store.memory import MemoryStore
from edge.store.protocol import Record


def test_two_stores_share_nothing() -> None:
    one, other = MemoryStore(), MemoryStore()
    one.remember(Record(1, "romeo@montague.test", 0.0, b"active"))
    one.commit()
    assert list(other.load()) == []


def test_closing_commits() -> None:
    store = MemoryStore()
    store.remember(Record(1, "romeo@montague.test", 0.0, b"active"))
    store.close()
    assert list(store.load()) == [Record(1, "romeo@montague.test", 0.0, b"active")]
