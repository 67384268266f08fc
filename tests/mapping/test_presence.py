"""Tests of `edge.mapping.presence`."""

from fractions import Fraction
from math import floor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.bodies.document import Document, Note, Person, Tuple, tuple_id
from edge.bodies.pidf import parse, render
from edge.mapping.news import stanzas_of
from edge.mapping.presence import (
    content_language,
    document_of,
    priority_of,
    thousandths_of,
    timestamp,
)
from edge.xmpp.element import Element
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import SHOWS, Presence

ROMEO = JID.parse("romeo@xmpp.example")  # the XMPP user
JULIET = JID.parse("juliet@sip.example")  # the SIP user
ENTITY = "pres:romeo@xmpp.example"
CONTACT = "sip:romeo@xmpp.example"
NOW = "2024-01-01T00:00:00.000Z"


def stanza(type: str = "", **fields: Any) -> Presence:
    if "status" in fields and "statuses" not in fields:
        fields["statuses"] = (("", fields["status"]),)
    return Presence(JID.parse("romeo@xmpp.example/any"), JULIET, type=type, **fields)


def document(*tuples: Tuple, **fields: Any) -> Document:
    return Document("sip:juliet@sip.example", tuples, **fields)


def heard(document: Document, previous: Document | None = None, **options: Any) -> list[Presence]:
    return stanzas_of(document, previous, JULIET, ROMEO, **options)


# --- XMPP to SIP: RFC 8048 §6.2 table 1 -------------------------------------------------------------------------------


def test_document_of_maps_every_row_of_the_table() -> None:
    sent = stanza(show="away", status="gone", statuses=(("", "gone"), ("en", "off")), lang="it", priority=13)
    states = {"balcony": sent}
    assert document_of(ENTITY, states, NOW) == Document(
        ENTITY,
        (
            Tuple(
                "ID-balcony",
                "open",
                show="away",
                activities=("away",),
                contact=CONTACT,
                priority=102,
                notes=(Note("gone", "it"), Note("off", "en")),
                timestamp=NOW,
            ),
        ),
        persons=(Person("person", ("away",)),),
    )


# docs/mapping.md: show -> activities of the person, user-input of the person
SHOW_ROWS = {
    "": ((), ""),
    "chat": ((), ""),
    "away": (("away",), ""),
    "xa": (("away",), "idle"),
    "dnd": (("busy",), ""),
}


@pytest.mark.parametrize("show", ["", *sorted(SHOWS)])
def test_document_of_says_each_show_in_three_vocabularies(show: str) -> None:
    found = document_of(ENTITY, {"r": stanza(show=show)}, NOW)
    activities, user_input = SHOW_ROWS[show]
    (item,) = found.tuples
    assert (item.basic, item.show, item.activities) == ("open", show, activities)
    assert found.persons == ((Person("person", activities, user_input),) if activities else ())


def test_document_of_closes_the_tuple_of_an_unavailable_resource() -> None:
    found = document_of(ENTITY, {"r": stanza("unavailable", status="bye", show="away", priority=5)}, NOW)
    assert found == Document(
        ENTITY, (Tuple("ID-r", "closed", contact=CONTACT, notes=(Note("bye"),), timestamp=NOW),)
    )


def test_document_of_has_one_closed_tuple_when_there_is_no_resource() -> None:
    assert document_of(ENTITY, {}, NOW) == Document(ENTITY, (Tuple("ID-", "closed", contact=CONTACT, timestamp=NOW),))


def test_document_of_puts_the_most_available_resource_first() -> None:
    states = {
        "gone": stanza("unavailable"),
        "low": stanza(priority=1),
        "away": stanza(priority=5, show="away"),
        "b": stanza(priority=5),
        "a": stanza(priority=5),
        "dnd": stanza(priority=5, show="dnd"),
        "chat": stanza(priority=5, show="chat"),
        "negative": stanza(priority=-1, show="chat"),
        "xa": stanza(priority=5, show="xa"),
    }
    found = document_of(ENTITY, states, NOW)
    order = ["chat", "a", "b", "dnd", "away", "xa", "low", "negative", "gone"]
    assert [item.id for item in found.tuples] == [tuple_id(resource) for resource in order]
    assert found.persons == ()  # "chat" speaks for the person
    del states["chat"], states["a"], states["b"]
    assert document_of(ENTITY, states, NOW).persons == (Person("person", ("busy",)),)


def test_document_of_leaves_out_a_negative_priority() -> None:
    (item,) = document_of(ENTITY, {"r": stanza(priority=-1)}, NOW).tuples
    assert (item.basic, item.priority) == ("open", None)


@pytest.mark.parametrize(
    ("since", "expected"),
    [("1969-07-21T02:56:15Z", "1969-07-21T02:56:15Z"), ("yesterday", ""), ("", ""), ("'><evil/>", "")],
)
def test_document_of_says_since_when_the_user_is_idle(since: str, expected: str) -> None:
    idle = Element("idle", "urn:xmpp:idle:1", {"since": since})
    (person,) = document_of(ENTITY, {"r": stanza(extensions=(Element("c", "urn:x"), idle))}, NOW).persons
    assert (person.user_input, person.last_input) == ("idle", expected)


def test_content_language_is_the_one_language_of_all_notes() -> None:
    assert content_language(document_of(ENTITY, {"r": stanza(status="x", lang="de")}, NOW)) == "de"
    two = {"a": stanza(status="x", lang="de"), "b": stanza(status="y", lang="en")}
    assert content_language(document_of(ENTITY, two, NOW)) == ""
    assert content_language(document_of(ENTITY, {}, NOW)) == ""


def test_timestamp_is_rfc_3339() -> None:
    assert timestamp(0) == "1970-01-01T00:00:00.000Z"
    assert timestamp(1_700_000_000.1234) == "2023-11-14T22:13:20.123Z"


# --- priority: RFC 8048 §6.2 note 6 -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("priority", "thousandths"), [(0, 0), (1, 7), (2, 15), (13, 102), (126, 992), (127, 1000), (-1, None), (-128, None)]
)
def test_thousandths_of_gives_the_samples_of_the_rfcs(priority: int, thousandths: int | None) -> None:
    assert thousandths_of(priority) == thousandths


def test_priority_survives_the_round_trip_at_every_value() -> None:
    for priority in range(128):
        assert priority_of(thousandths_of(priority)) == priority
    for priority in range(-128, 0):
        assert thousandths_of(priority) is None


def test_thousandths_of_is_the_exact_floor_at_every_value() -> None:
    for priority in range(-128, 128):
        assert thousandths_of(priority) == (floor(Fraction(1000 * priority, 127)) if priority >= 0 else None)


def test_priority_of_is_the_exact_ceiling_at_every_value() -> None:
    samples = {0: 0, **dict.fromkeys(range(1, 8), 1), **dict.fromkeys(range(8, 16), 2), 1000: 127}
    samples |= dict.fromkeys(range(993, 1000), 126)
    for thousandths in range(1001):
        expected = 127 if thousandths == 1000 else min(126, (127 * thousandths + 999) // 1000)
        assert priority_of(thousandths) == samples.get(thousandths, expected) == expected
    assert [priority_of(thousandths) for thousandths in range(1001)] == sorted(map(priority_of, range(1001)))


@pytest.mark.parametrize("thousandths", [None, -1, 1001])
def test_priority_of_is_the_lowest_when_there_is_none(thousandths: int | None) -> None:
    assert priority_of(thousandths) == 0


# --- SIP to XMPP: RFC 8048 §6.3 table 2 -------------------------------------------------------------------------------


def test_stanzas_of_maps_every_row_of_the_table() -> None:
    item = Tuple(
        "ID-balcony", "open", "dnd", (), "", "im:juliet@sip.example", 102, (Note("hi", "en"), Note("ciao", "it")), NOW
    )
    assert heard(document(item), lang="en") == [
        Presence(
            from_=JID.parse("juliet@sip.example/balcony"),
            to=ROMEO,
            lang="en",
            show="dnd",
            status="hi",
            statuses=(("", "hi"), ("it", "ciao")),
            priority=13,
        )
    ]


def test_stanzas_of_says_closed_as_unavailable() -> None:
    item = Tuple("ID-balcony", "closed", "dnd", ("busy",), contact="x", priority=500, notes=(Note("bye"),))
    (found,) = heard(document(item))
    assert (found.type, found.show, found.status, found.priority) == ("unavailable", "", "bye", 0)
    assert found.from_ == JID.parse("juliet@sip.example/balcony")


def test_stanzas_of_goes_to_the_bare_watcher() -> None:
    watcher = JID.parse("romeo@xmpp.example/home")
    (found,) = stanzas_of(document(Tuple("1", "open")), None, JULIET, watcher)
    assert found.to == ROMEO


@pytest.mark.parametrize(
    ("item", "persons", "expected"),
    [
        (Tuple("1", "open", "chat"), (), ("chat", "")),
        (Tuple("1", "open", "xa", ("busy",)), (), ("xa", "")),  # show goes first
        (Tuple("1", "open", "bored", ("busy",)), (), ("dnd", "Busy")),  # an unknown show does not
        (Tuple("1", "open", "", ("away",)), (Person("p", ("busy",)),), ("away", "")),  # the tuple before the person
        (Tuple("1", "open", "", (), "idle"), (Person("p", ("busy",)),), ("away", "Idle")),
        (Tuple("1", "open"), (Person("p", ("on-the-phone",)),), ("dnd", "On the phone")),
        (Tuple("1", "open"), (Person("p", ("away",), "idle"),), ("away", "")),
        (Tuple("1", "open"), (Person("p", (), "idle"),), ("away", "Idle")),
        (Tuple("1", "open"), (Person("p"), Person("q", ("vacation",))), ("xa", "Vacation")),
        (Tuple("1", "open"), (Person("p", ("working",), "active"),), ("", "")),
        (Tuple("1", "open", "", ("in a meeting",)), (), ("dnd", "In a meeting")),
        (Tuple("1", "open"), (), ("", "")),
    ],
)
def test_stanzas_of_finds_the_show(item: Tuple, persons: tuple[Person, ...], expected: tuple[str, str]) -> None:
    (found,) = heard(document(item, persons=persons))
    assert (found.show, found.status) == expected


@pytest.mark.parametrize(
    ("own", "person", "presence", "expected"),
    [
        ("own", "person", "presence", "own"),
        ("", "person", "presence", "person"),
        ("", "", "presence", "presence"),
        ("", "", "", ""),
    ],
)
def test_stanzas_of_takes_the_nearest_note(own: str, person: str, presence: str, expected: str) -> None:
    def notes(text: str) -> tuple[Note, ...]:
        return (Note(text),) if text else ()

    item = Tuple("1", "open", notes=notes(own))
    (found,) = heard(document(item, persons=(Person("p", ("away",), notes=notes(person)),), notes=notes(presence)))
    assert found.status == expected


def test_stanzas_of_has_one_status_for_each_language() -> None:
    notes = (Note("a", "de"), Note("b"), Note("c", "en"), Note("d", "de"))
    (found,) = heard(document(Tuple("1", "open", notes=notes)))
    assert found.statuses == (("de", "a"), ("", "b"), ("en", "c"))


# --- there and back ---------------------------------------------------------------------------------------------------

STATES = st.dictionaries(
    st.text("abc _x/ü", min_size=1, max_size=5).filter(lambda text: text == text.strip()),
    st.builds(
        stanza,
        type=st.sampled_from(["", "unavailable"]),
        show=st.sampled_from(["", *sorted(SHOWS)]),
        status=st.text("ab<&ü", max_size=4),
        priority=st.integers(-128, 127),
    ),
    max_size=4,
)


@settings(max_examples=200)
@given(STATES)
def test_states_survive_the_way_through_a_document(states: dict[str, Presence]) -> None:
    data = render(document_of("sip:juliet@sip.example", states, NOW))
    found = {stanza.from_.resource: stanza for stanza in heard(parse(data)) if stanza.from_}
    expected = states or {"": stanza("unavailable")}
    assert found.keys() == expected.keys()
    for resource, sent in expected.items():
        got = found[resource]
        assert (got.type, got.status) == (sent.type, sent.status)
        if not sent.type:
            assert (got.show, got.priority) == (sent.show, max(0, sent.priority))
