"""Tests of `edge.mapping.presence`: what a partner's profile lets through, and what stands beside show and status."""

from typing import Any

import pytest

from edge.bodies.document import Device, Document, Note, Person, Tuple
from edge.bodies.pidf import parse, render
from edge.mapping.news import stanzas_of, withdrawn
from edge.mapping.presence import (
    MAX_NAME,
    NS_IDLE,
    NS_NICK,
    closed_document,
    document_of,
)
from edge.mapping.profile import DEFAULT, Profile
from edge.xmpp.element import Element
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Presence

ROMEO = JID.parse("romeo@xmpp.example")
JULIET = JID.parse("juliet@sip.example")
ENTITY, CONTACT = "pres:romeo@xmpp.example", "sip:romeo@xmpp.example"
NOW = "2024-01-01T00:00:00.000Z"
SINCE = "2023-12-31T23:00:00Z"
DEVICE = Device("d", "idle", SINCE)

BASIC = Profile.build(outbound="basic")
NONE = Profile.build(outbound="none")
SILENT = Profile.build(notes=False)


def stanza(type: str = "", **fields: Any) -> Presence:
    return Presence(JID.parse("romeo@xmpp.example/any"), JULIET, type=type, **fields)


def idle(since: str = SINCE) -> Element:
    return Element("idle", NS_IDLE, {"since": since})


def nick(name: str) -> Element:
    return Element("nick", NS_NICK, {}, [name])


def document(*tuples: Tuple, **fields: Any) -> Document:
    return Document("sip:juliet@sip.example", tuples, **fields)


def heard(document: Document, previous: Document | None = None, profile: Profile = DEFAULT) -> list[Presence]:
    return stanzas_of(document, previous, JULIET, ROMEO, profile=profile)


def lines(stanzas: list[Presence]) -> list[str]:
    return [stanza.to_bytes().decode().removeprefix("<presence from='juliet@sip.example") for stanza in stanzas]


EVERYTHING = {
    "phone": stanza(show="dnd", status="secret", priority=9, extensions=(idle(), nick("Romeo"))),
    "desk": stanza(show="away", priority=1),
    "gone": stanza("unavailable", status="bye"),
}
BUSY = document(
    Tuple("phone", "open", "", ("busy",), "idle", "sip:x@sip.example", 500, (Note("secret"),), NOW, SINCE),
    Tuple("desk", "closed", notes=(Note("bye"),)),
    display_name="Juliet",
)


# --- outbound and notes -----------------------------------------------------------------------------------------------


def one(basic: str) -> Document:
    return Document(ENTITY, (Tuple("ID-", basic, contact=CONTACT, timestamp=NOW),))


def test_basic_tells_a_sip_watcher_online_or_offline_in_one_tuple() -> None:
    assert document_of(ENTITY, EVERYTHING, NOW, BASIC) == one("open")
    assert document_of(ENTITY, {"gone": EVERYTHING["gone"]}, NOW, BASIC) == one("closed")
    assert document_of(ENTITY, {}, NOW, BASIC) == one("closed")


def test_none_tells_a_sip_watcher_nothing() -> None:
    assert document_of(ENTITY, EVERYTHING, NOW, NONE) == document_of(ENTITY, {}, NOW, NONE) == one("closed")


def test_without_notes_a_sip_watcher_reads_no_texts() -> None:
    rows = Profile.build(notes=False, rows={"xmpp:away": "lunch+Out"})
    found = document_of(ENTITY, EVERYTHING, NOW, rows)
    assert [item.notes for item in found.tuples] == [(), (), ()]
    assert b"secret" not in render(found) and b"Out" not in render(found)


def test_basic_tells_an_xmpp_watcher_online_or_offline() -> None:
    assert lines(heard(BUSY, profile=BASIC)) == [
        "/phone' to='romeo@xmpp.example'/>",
        "/desk' to='romeo@xmpp.example' type='unavailable'/>",
    ]
    other = BUSY._replace(tuples=(BUSY.tuples[0]._replace(show="chat", notes=()), BUSY.tuples[1]))
    assert heard(other, BUSY, BASIC) == []
    assert len(heard(other, BUSY)) == 1


def test_none_tells_an_xmpp_watcher_nothing_whatever_happens() -> None:
    assert lines(heard(BUSY, profile=NONE)) == ["' to='romeo@xmpp.example' type='unavailable'/>"]
    assert heard(document(), BUSY, NONE) == heard(BUSY, document(), NONE) == []
    assert withdrawn(BUSY, JULIET, ROMEO, profile=NONE) == []


def test_without_notes_an_xmpp_watcher_reads_no_texts() -> None:
    talking = document(Tuple("1", "open", "", ("on-the-phone",)), Tuple("2", "open", notes=(Note("secret"),)))
    assert [(found.show, found.statuses) for found in heard(talking, profile=SILENT)] == [("dnd", ()), ("", ())]


# --- rows -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "show", "expected"),
    [
        ("away+Busy", "dnd", ("", ("away",), "", ("Busy",))),
        ("do-not-disturb", "dnd", ("", ("do-not-disturb",), "", ())),
        ("available", "dnd", ("", (), "", ())),
        ("idle", "dnd", ("", (), "idle", ())),
        ("away+Busy", "away", ("away", ("away",), "", ())),
    ],
)
def test_row_says_how_a_sip_watcher_is_told_a_show(row: str, show: str, expected: tuple[Any, ...]) -> None:
    profile = Profile.build(rows={"xmpp:dnd": row})
    found = document_of(ENTITY, {"r": stanza(show=show)}, NOW, profile)
    (item,) = found.tuples
    user_input = found.persons[0].user_input if found.persons else ""
    assert (item.show, item.activities, user_input, tuple(note.text for note in item.notes)) == expected
    assert all(person.activities == item.activities for person in found.persons)


def test_note_of_a_row_gives_way_to_what_the_user_wrote() -> None:
    profile = Profile.build(rows={"xmpp:dnd": "away+Busy"})
    (item,) = document_of(ENTITY, {"r": stanza(show="dnd", status="at the dentist")}, NOW, profile).tuples
    assert item.notes == (Note("at the dentist"),)


@pytest.mark.parametrize(
    ("row", "type", "show", "status"),
    [
        ("away+Busy", "", "away", "Busy"),
        ("away", "", "away", ""),
        ("available+At work", "", "", "At work"),
        ("unavailable+Out", "unavailable", "", "Out"),
    ],
)
def test_row_says_how_an_activity_is_shown(row: str, type: str, show: str, status: str) -> None:
    profile = Profile.build(rows={"sip:busy": row})
    for form in (document(Tuple("1", "open", "", ("busy",))), document(Tuple("1", "open"), persons=BUSY_PERSON)):
        (found,) = heard(form, profile=profile)
        assert (found.type, found.show, found.status) == (type, show, status)


BUSY_PERSON = (Person("p", ("busy",)),)


def test_row_gives_way_to_a_show_of_the_document() -> None:
    profile = Profile.build(rows={"sip:busy": "away+Busy"})
    (found,) = heard(document(Tuple("1", "open", "dnd", ("busy",))), profile=profile)
    assert (found.show, found.status) == ("dnd", "")


def test_row_that_hides_somebody_makes_him_vanish() -> None:
    profile = Profile.build(rows={"sip:off-work": "unavailable"})
    before, after = document(Tuple("1", "open")), document(Tuple("1", "open", "", ("off-work",)))
    assert [found.type for found in heard(after, before, profile)] == ["unavailable"]
    assert withdrawn(after, JULIET, ROMEO, profile=profile) == []


# --- idle, nick, devices ----------------------------------------------------------------------------------------------


def test_document_of_says_of_each_resource_since_when_it_is_idle() -> None:
    states = {"a": stanza(priority=5), "b": stanza(extensions=(idle("2024-01-01T01:00:00+02:00"),))}
    found = document_of(ENTITY, states, NOW)
    assert [(item.user_input, item.last_input) for item in found.tuples] == [("", ""), ("idle", SINCE)]
    assert found.persons == ()  # the first one is not


@pytest.mark.parametrize(
    "found",
    [
        document(Tuple("1", "open", "away", user_input="idle", last_input=SINCE)),
        document(Tuple("1", "open", "away"), persons=(Person("p", (), "idle", SINCE),)),
        document(Tuple("1", "open", "away"), devices=(DEVICE,)),
        document(Tuple("1", "open", "away"), devices=(Device("d", "idle", "2023-01-01T00:00:00Z"), DEVICE)),
        document(Tuple("1", "open", "away", user_input="idle", last_input="2024-01-01T04:00:00+05:00")),
    ],
)
def test_stanzas_of_says_since_when_the_user_is_idle(found: Document) -> None:
    assert lines(heard(parse(render(found)))) == [
        f"/1' to='romeo@xmpp.example'><show>away</show><idle xmlns='urn:xmpp:idle:1' since='{SINCE}'/></presence>"
    ]


@pytest.mark.parametrize(
    "found",
    [
        document(Tuple("1", "open", user_input="active", last_input=SINCE)),
        document(Tuple("1", "open", user_input="idle")),
        document(Tuple("1", "open", user_input="idle", last_input="2023-13-31T23:00:00Z")),
        document(Tuple("1", "open", user_input="idle", last_input="'/><evil/>")),
        document(Tuple("1", "open"), devices=(DEVICE, Device("e", "active", SINCE))),
        document(Tuple("1", "closed", user_input="idle", last_input=SINCE)),
    ],
)
def test_stanzas_of_leaves_out_an_idle_time_that_nobody_knows(found: Document) -> None:
    assert [each.extensions for each in heard(found)] == [()]


def test_stanzas_of_shows_idle_devices_as_away() -> None:
    (found,) = heard(document(Tuple("1", "open"), devices=(Device("d", "idle"),)))
    assert (found.show, found.status) == ("away", "Idle")
    assert [(each.from_, each.show) for each in heard(document(devices=(Device("d", "active"),)))] == [(JULIET, "")]


def test_nickname_crosses_both_ways() -> None:
    states = {"a": stanza(extensions=(nick(" "),)), "b": stanza(extensions=(nick("Ro <3"),))}
    found = parse(render(document_of("sip:juliet@sip.example", states, NOW)))
    assert found.display_name == "Ro <3"
    assert all(b"<nick xmlns='http://jabber.org/protocol/nick'>Ro &lt;3</nick>" in s.to_bytes() for s in heard(found))
    assert document_of(ENTITY, {"a": stanza("unavailable", extensions=(nick("x"),))}, NOW).display_name == ""
    assert document_of(ENTITY, {"a": stanza(extensions=(nick("x" * 999),))}, NOW).display_name == "x" * MAX_NAME
    (told,) = heard(document(Tuple("1", "open"), display_name="x" * 999))
    assert told.extensions == (nick("x" * MAX_NAME),)


# --- closed -----------------------------------------------------------------------------------------------------------


def test_closed_document_says_why_nobody_is_there() -> None:
    item = Tuple("ID-", "closed", contact=CONTACT, notes=(Note("no link"),), timestamp=NOW)
    assert closed_document(ENTITY, NOW, "no link") == Document(ENTITY, (item,))
    assert closed_document(ENTITY, NOW) == document_of(ENTITY, {}, NOW)
