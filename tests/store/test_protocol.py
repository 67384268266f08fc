"""What every store does, whatever is behind it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.codes import Code
from edge.store import Record, Store, StoreError, open_store

ROMEO = Record(1, "romeo@montague.test juliet@capulet.test", 1_700_000_300.5, b"active")
MERCUTIO = Record(1, "mercutio@montague.test juliet@capulet.test", 1_700_000_100.0, b"pending")
TYBALT = Record(2, "tybalt@capulet.test", 0.0, b"")


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "edge.sqlite" if request.param == "sqlite" else None)
    yield opened
    opened.close()


def test_new_store_has_nothing(store: Store) -> None:
    assert list(store.load()) == []


def test_record_comes_back_as_it_was(store: Store) -> None:
    store.remember(ROMEO)
    store.commit()
    (loaded,) = store.load()
    assert loaded == ROMEO
    assert isinstance(loaded, Record) and isinstance(loaded.due, float) and isinstance(loaded.data, bytes)


def test_nothing_is_there_before_the_commit(store: Store) -> None:
    store.remember(ROMEO)
    assert list(store.load()) == []
    store.commit()
    store.forget(ROMEO.kind, ROMEO.key)
    assert list(store.load()) == [ROMEO]


def test_commit_of_nothing_is_no_mistake(store: Store) -> None:
    store.commit()
    store.commit()
    assert list(store.load()) == []


def test_records_are_loaded_in_the_order_in_which_they_are_due(store: Store) -> None:
    for record in (ROMEO, TYBALT, MERCUTIO):
        store.remember(record)
        store.commit()
    assert list(store.load()) == [TYBALT, MERCUTIO, ROMEO]


def test_records_that_are_due_together_have_one_order(store: Store) -> None:
    together = [Record(kind, key, 5.0, b"") for kind in (1, 2) for key in ("Z", "a", "é", "\U0001f339")]
    for record in reversed(together):
        store.remember(record)
    store.commit()
    assert list(store.load()) == together


def test_last_record_of_a_key_wins(store: Store) -> None:
    later = ROMEO._replace(due=1_700_009_000.0, data=b"terminated")
    store.remember(ROMEO)
    store.remember(later)
    store.commit()
    assert list(store.load()) == [later]
    store.remember(ROMEO)
    store.commit()
    assert list(store.load()) == [ROMEO]


def test_same_key_of_another_kind_is_another_record(store: Store) -> None:
    other = ROMEO._replace(kind=2, data=b"other")
    store.remember(ROMEO)
    store.remember(other)
    store.commit()
    store.forget(1, ROMEO.key)
    store.commit()
    assert list(store.load()) == [other]


def test_forgotten_record_is_gone(store: Store) -> None:
    store.remember(ROMEO)
    store.remember(TYBALT)
    store.commit()
    store.forget(ROMEO.kind, ROMEO.key)
    store.commit()
    assert list(store.load()) == [TYBALT]


def test_what_is_remembered_and_forgotten_in_one_turn_never_was(store: Store) -> None:
    store.remember(ROMEO)
    store.forget(ROMEO.kind, ROMEO.key)
    store.commit()
    assert list(store.load()) == []


def test_what_is_forgotten_and_remembered_in_one_turn_is_there(store: Store) -> None:
    store.remember(ROMEO)
    store.commit()
    store.forget(ROMEO.kind, ROMEO.key)
    store.remember(ROMEO._replace(data=b"again"))
    store.commit()
    assert list(store.load()) == [ROMEO._replace(data=b"again")]


def test_what_never_was_can_be_forgotten(store: Store) -> None:
    store.forget(1, "nobody@capulet.test")
    store.commit()
    assert list(store.load()) == []


@pytest.mark.parametrize(
    "key", ["", "o'; DROP TABLE record", "nul\0l", "жульетта@капулетти.test", "\U0001f339", "\udcff"]
)
def test_any_text_is_a_key(store: Store, key: str) -> None:
    store.remember(Record(1, key, 0.0, b"\0\xff"))
    store.commit()
    assert list(store.load()) == [Record(1, key, 0.0, b"\0\xff")]
    store.forget(1, key)
    store.commit()
    assert list(store.load()) == []


def test_records_can_be_changed_while_they_are_being_loaded(store: Store) -> None:
    before = [Record(1, f"{number:04}", float(number), b"before") for number in range(1000)]
    for record in before:
        store.remember(record)
    store.commit()
    seen = []
    for record in store.load():
        seen.append(record)
        store.remember(record._replace(due=record.due + 5000, data=b"after"))
        store.commit()
    assert seen == before
    assert {record.data for record in store.load()} == {b"after"}


def test_checkpoint_changes_nothing_that_is_seen(store: Store) -> None:
    store.remember(ROMEO)
    store.commit()
    store.remember(TYBALT)
    store.checkpoint()
    assert list(store.load()) == [ROMEO]
    store.commit()
    assert list(store.load()) == [TYBALT, ROMEO]


def test_store_is_closed_twice_and_asked_for_a_late_checkpoint(store: Store) -> None:
    store.close()
    store.close()
    store.checkpoint()


def test_error_says_who_must_act_and_what_happened() -> None:
    error = StoreError(Code.K12, "/var/lib/edge/state.sqlite: another process uses it")
    assert (error.code.who, str(error)) == ("us", "/var/lib/edge/state.sqlite: another process uses it")


@pytest.mark.parametrize("path", [None, Path(":memory:")])
def test_store_without_a_file_leaves_none(path: Path | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    opened = open_store(path)
    opened.remember(ROMEO)
    opened.close()
    assert list(tmp_path.iterdir()) == []
