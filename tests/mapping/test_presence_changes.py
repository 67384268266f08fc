"""Tests of `edge.mapping.presence`: from one document to the next."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.bodies.document import Device, Document, Note, Person, Tuple, tuple_id
from edge.mapping.news import stanzas_of, withdrawn
from edge.mapping.presence import settle
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Presence

ROMEO = JID.parse("romeo@xmpp.example")  # the XMPP user
JULIET = JID.parse("juliet@sip.example")  # the SIP user
NOW = "2024-01-01T00:00:00.000Z"


def document(*tuples: Tuple, **fields: Any) -> Document:
    return Document("sip:juliet@sip.example", tuples, **fields)


def heard(document: Document, previous: Document | None = None) -> list[Presence]:
    return stanzas_of(document, previous, JULIET, ROMEO)


def brief(stanzas: list[Presence]) -> list[tuple[str, str, str]]:
    return [(stanza.from_.resource if stanza.from_ else "?", stanza.type, stanza.show) for stanza in stanzas]


OPEN, CLOSED = Tuple("a", "open"), Tuple("a", "closed")
B = Tuple("b", "open")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, (OPEN,), [("a", "", "")]),
        (None, (CLOSED,), [("a", "unavailable", "")]),
        ((OPEN,), (OPEN,), []),
        ((CLOSED,), (CLOSED,), []),
        ((OPEN,), (CLOSED,), [("a", "unavailable", "")]),
        ((CLOSED,), (OPEN,), [("a", "", "")]),
        ((OPEN,), (OPEN, B), [("b", "", "")]),
        ((OPEN, B), (B,), [("a", "unavailable", "")]),
        ((CLOSED, B), (B,), []),
        ((OPEN,), (B,), [("b", "", ""), ("a", "unavailable", "")]),
        ((OPEN, B), (B._replace(show="dnd"), OPEN), [("b", "", "dnd")]),
        ((OPEN,), (OPEN._replace(timestamp=NOW, contact="sip:x@y.example"),), []),
        ((OPEN, B), (), [("a", "unavailable", ""), ("b", "unavailable", "")]),
        ((CLOSED,), (), [("", "unavailable", "")]),
        (None, (), [("", "unavailable", "")]),
        ((), (), []),
        ((), (OPEN,), [("a", "", "")]),
    ],
)
def test_stanzas_of_tells_only_the_news(
    before: tuple[Tuple, ...] | None, after: tuple[Tuple, ...], expected: list[tuple[str, str, str]]
) -> None:
    previous = None if before is None else document(*before)
    assert brief(heard(document(*after), previous)) == expected


def test_stanzas_of_tells_of_the_person_through_every_tuple() -> None:
    before = document(OPEN, B)
    busy = document(OPEN, B, persons=(Person("p", ("busy",)),))
    assert brief(heard(busy, before)) == [("a", "", "dnd"), ("b", "", "dnd")]


def test_stanzas_of_leaves_the_person_out_when_tuples_speak_for_themselves() -> None:
    busy = document(OPEN, B._replace(show="dnd"), persons=(Person("p", ("busy",)),))
    assert brief(heard(busy)) == [("a", "", ""), ("b", "", "dnd")]


def test_stanzas_of_speaks_for_the_bare_address_when_there_is_only_a_person() -> None:
    busy = document(persons=(Person("p", ("busy",), notes=(Note("hm"),)),))
    assert brief(heard(busy)) == [("", "", "dnd")]
    assert brief(heard(document(), busy)) == [("", "unavailable", "")]
    assert brief(heard(document(persons=(Person("p"),)))) == [("", "unavailable", "")]
    assert brief(heard(busy, document(OPEN))) == [("", "", "dnd"), ("a", "unavailable", "")]


def test_stanzas_of_says_nothing_of_notes_alone() -> None:
    assert heard(document(notes=(Note("x"),))) == []
    assert brief(heard(document(notes=(Note("x"),)), document(OPEN))) == [("a", "unavailable", "")]


def test_stanzas_of_lets_open_win_when_two_ids_are_one_resource() -> None:
    same = CLOSED._replace(id=f"ID-{OPEN.id}")
    assert brief(heard(document(same, OPEN))) == [("a", "", "")]
    assert brief(heard(document(OPEN, same))) == [("a", "", "")]


@pytest.mark.parametrize(
    ("identifier", "resource"), [("ID-a_x20_b", "a b"), ("t1", "t1"), ("", ""), ("ID-", ""), ("a\ud7ffb\u0378", None)]
)
def test_stanzas_of_names_the_resource_by_the_tuple_id(identifier: str, resource: str | None) -> None:
    (found,) = heard(document(Tuple(identifier, "open")))
    assert found.from_ is not None
    assert found.from_.bare() == JULIET
    assert found.from_.resource == (tuple_id(identifier) if resource is None else resource)


@pytest.mark.parametrize(
    ("item", "persons", "before", "expected"),
    [
        (Tuple("a"), (), None, ""),
        (Tuple("a"), (), OPEN, "open"),
        (Tuple("a"), (), CLOSED, "closed"),
        (Tuple("a"), (), B, ""),
        (Tuple("a"), (Person("p", ("busy",)),), CLOSED, "open"),
        (Tuple("a"), (Person("p", (), "active"),), None, "open"),
        (Tuple("a"), (Person("p"),), None, ""),
        (Tuple("a", show="away"), (), None, "open"),
        (Tuple("a", "closed"), (Person("p", ("busy",)),), OPEN, "closed"),
    ],
)
def test_settle_fills_in_a_missing_basic(
    item: Tuple, persons: tuple[Person, ...], before: Tuple | None, expected: str
) -> None:
    previous = None if before is None else document(before)
    settled = settle(document(item, persons=persons), previous)
    assert settled == document(item._replace(basic=expected), persons=persons)


def test_stanzas_of_says_nothing_of_a_tuple_whose_state_nobody_knows() -> None:
    silent = document(Tuple("a"))
    assert heard(silent) == []
    first = settle(document(OPEN), None)
    second = settle(silent, first)
    assert heard(silent, first) == []
    assert heard(silent, second) == []  # still open, two documents later
    assert brief(heard(document(CLOSED), second)) == [("a", "unavailable", "")]


NOTES = st.sampled_from([(), (Note("hm"),), (Note("hm", "de"), Note("ho"))])
DOING = st.sampled_from([(), ("busy",), ("playing",)])
INPUTS = st.sampled_from(["", "active", "idle"])
TIMES = st.sampled_from(["", NOW])
TUPLES = st.builds(
    Tuple, st.sampled_from("ab"), st.sampled_from(["", "open", "closed"]), st.sampled_from(["", "xa"]), DOING, INPUTS,
    st.just("sip:x@sip.example"), st.sampled_from([None, 500]), NOTES, TIMES, TIMES,
)
DOCUMENTS = st.builds(
    Document,
    st.just("sip:juliet@sip.example"),
    st.lists(TUPLES, max_size=2, unique_by=lambda item: item.id).map(tuple),
    NOTES,
    st.lists(st.builds(Person, st.just("p"), DOING, INPUTS, TIMES, NOTES), max_size=2).map(tuple),
    st.sampled_from(["", "Juliet"]),
    st.lists(st.builds(Device, st.just("d"), INPUTS, TIMES), max_size=1).map(tuple),
)


@settings(max_examples=500)
@given(DOCUMENTS, DOCUMENTS)
def test_settle_keeps_all_that_a_watcher_is_ever_told(before: Document, after: Document) -> None:
    kept = settle(before, None)
    assert heard(kept) == heard(before)
    assert heard(after, kept) == heard(after, before)
    assert heard(settle(after, kept), kept) == heard(after, kept)
    assert heard(settle(after, kept), settle(after, kept)) == []
    assert withdrawn(kept, JULIET, ROMEO) == withdrawn(before, JULIET, ROMEO)


def test_withdrawn_takes_back_what_was_available() -> None:
    known = document(OPEN, B, Tuple("c", "closed"))
    assert brief(withdrawn(known, JULIET, ROMEO)) == [("a", "unavailable", ""), ("b", "unavailable", "")]
    assert brief(withdrawn(document(persons=(Person("p", ("busy",)),)), JULIET, ROMEO)) == [("", "unavailable", "")]
    assert withdrawn(None, JULIET, ROMEO) == []
