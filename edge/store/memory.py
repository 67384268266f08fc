"""A store without a file, for tests and for gateways whose state may end with them."""

from collections.abc import Iterator

from edge.store.protocol import Record


class MemoryStore:
    """Keeps committed and uncommitted apart, as the one with a file does, so that a forgotten commit shows."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, str], Record] = {}
        self._asked: dict[tuple[int, str], Record | None] = {}  # None: to be forgotten

    def remember(self, record: Record) -> None:
        self._asked[record.kind, record.key] = record

    def forget(self, kind: int, key: str) -> None:
        self._asked[kind, key] = None

    def commit(self) -> None:
        for place, record in self._asked.items():
            if record is None:
                self._kept.pop(place, None)
            else:
                self._kept[place] = record
        self._asked.clear()

    def load(self) -> Iterator[Record]:
        yield from sorted(self._kept.values(), key=lambda record: (record.due, record.kind, record.key))

    def checkpoint(self) -> None:
        pass

    def close(self) -> None:
        self.commit()
