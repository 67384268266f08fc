"""The numbers of Microsoft's presence documents: every class of them, both ways, and through to what people see."""

import pytest

from edge.bodies.document import Document, Note, Person, Tuple
from edge.bodies.msrtc import Presentity
from edge.mapping.msrtc import ACTIVITIES, STATES, TUPLE_ID, document_from, presentity_of
from edge.mapping.news import stanzas_of
from edge.mapping.presence import document_of
from edge.mapping.profile import Profile
from edge.xmpp.element import Element
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Presence

ALICE, JULIET = JID.parse("alice@contoso.example"), JID.parse("juliet@capulet.example")
URI = "alice@contoso.example"


def seen(presentity: Presentity) -> tuple[str, str, str]:
    """Type, show and text of what an XMPP user sees."""
    (stanza,) = stanzas_of(document_from(presentity), None, ALICE, JULIET)
    return stanza.type, stanza.show, stanza.status


# Each class by its first and its last number, as MS-SIP §2.2.1 has them.
BY_ACTIVITY = [
    *((number, "", "") for number in (0, 99, 400, 499, 800, 999)),
    *((number, "away", "") for number in (100, 149, 700, 799)),
    *((number, "away", "Out to lunch") for number in (150, 199)),
    *((number, "away", "Idle") for number in (200, 299)),
    *((number, "away", "Be right back") for number in (300, 399)),
    *((number, "dnd", "On the phone") for number in (500, 599)),
    *((number, "dnd", "Busy") for number in (600, 699)),
]


@pytest.mark.parametrize(("activity", "show", "text"), BY_ACTIVITY)
def test_activity_is_seen(activity: int, show: str, text: str) -> None:
    assert seen(Presentity(URI, 300, activity)) == ("", show, text)


@pytest.mark.parametrize("availability", [100, 200, 300, 999])
def test_who_may_be_reached_is_available(availability: int) -> None:
    assert seen(Presentity(URI, availability, 400)) == ("", "", "")


@pytest.mark.parametrize("availability", [0, 99])
def test_who_cannot_be_reached_is_unavailable_whatever_he_does(availability: int) -> None:
    assert seen(Presentity(URI, availability, 600, state=9500))[0] == "unavailable"


# The numbers of enhanced presence, beside a device that is active.
BY_STATE = [
    *((number, "", "") for number in (0, 1, 2999, 3000, 3500, 4499)),
    *((number, "away", "Idle") for number in (4500, 5999)),
    *((number, "dnd", "Busy") for number in (6000, 7499)),
    *((number, "dnd", "Busyidle") for number in (7500, 8999)),
    *((number, "dnd", "Do not disturb") for number in (9000, 11999)),
    *((number, "away", "Be right back") for number in (12000, 14999)),
    *((number, "away", "") for number in (15000, 17999)),
]


@pytest.mark.parametrize(("state", "show", "text"), BY_STATE)
def test_what_a_user_says_of_himself_is_seen(state: int, show: str, text: str) -> None:
    assert seen(Presentity(URI, 300, 400, state=state)) == ("", show, text)


def test_who_wants_to_appear_offline_does() -> None:
    assert seen(Presentity(URI, 300, 400, state=18000))[0] == "unavailable"


def test_what_his_devices_see_counts_where_it_is_the_less_available() -> None:
    assert seen(Presentity(URI, 300, 100, state=6500)) == ("", "away", "")
    assert seen(Presentity(URI, 300, 600, state=3500)) == ("", "dnd", "Busy")


def test_tables_rise_and_every_number_has_a_row() -> None:
    assert [row[0] for row in ACTIVITIES] == sorted(row[0] for row in ACTIVITIES) and ACTIVITIES[0][0] == 0
    assert [row[0] for row in STATES] == sorted(row[0] for row in STATES)


def test_note_and_name_are_kept() -> None:
    found = document_from(Presentity(URI, 300, 600, "Alice", "Back at five"))
    assert found == Document(
        URI, (Tuple(TUPLE_ID, "open", activities=("busy",), notes=(Note("Back at five"),)),), display_name="Alice"
    )
    assert seen(Presentity(URI, 300, 600, "Alice", "Back at five")) == ("", "dnd", "Back at five")


def test_out_of_office_is_a_long_absence() -> None:
    assert seen(Presentity(URI, 300, 100, out_of_office=True)) == ("", "xa", "Out of office")
    assert seen(Presentity(URI, 300, 400, out_of_office=True)) == ("", "", "")


def test_document_that_says_nothing_of_availability_changes_nothing() -> None:
    (item,) = document_from(Presentity(URI)).tuples
    assert item.basic == ""


def told(*states: tuple[str, str], idle: bool = False, profile: Profile | None = None) -> Presentity:
    """What a watcher is told of somebody with these resources, by show and status."""
    mark = (Element("idle", "urn:xmpp:idle:1", {"since": "2024-01-01T00:00:00Z"}),) if idle else ()
    stanzas = {
        f"r{number}": Presence(None, None, show=show, status=text, extensions=mark)
        for number, (show, text) in enumerate(states)
    }
    return presentity_of(document_of("pres:juliet@capulet.example", stanzas, "", profile or Profile()))


@pytest.mark.parametrize(
    ("show", "activity"), [("", 400), ("chat", 400), ("away", 100), ("xa", 100), ("dnd", 600)]
)
def test_show_is_told(show: str, activity: int) -> None:
    assert told((show, "")) == Presentity("juliet@capulet.example", 300, activity)


def test_who_is_idle_is_told_so_if_that_is_all() -> None:
    assert told(("", ""), idle=True).activity == 200
    assert told(("dnd", ""), idle=True).activity == 600
    assert told(("away", ""), idle=True).activity == 100


def test_nobody_there_is_told() -> None:
    assert told() == Presentity("juliet@capulet.example", 0, 0)


def test_most_available_resource_speaks_for_all() -> None:
    assert told(("away", "Asleep"), ("", "Awake")) == Presentity("juliet@capulet.example", 300, 400, note="Awake")


def test_partner_who_is_told_the_basics_is_told_no_more() -> None:
    basic, none = (told(("dnd", "Wooing"), profile=Profile.build(outbound=each)) for each in ("basic", "none"))
    assert basic == Presentity("juliet@capulet.example", 300, 400)
    assert none == Presentity("juliet@capulet.example", 0, 0)


@pytest.mark.parametrize(
    ("row", "activity"),
    [
        *(("on-the-phone", 500), ("out-to-lunch", 150), ("be-right-back", 300), ("idle", 200), ("meeting", 600)),
        *(("away", 100), ("vacation", 100), ("unknown", 400)),
    ],
)
def test_rows_of_the_partner_apply(row: str, activity: int) -> None:
    assert told(("dnd", ""), profile=Profile.build(rows={"xmpp:dnd": row})).activity == activity


def test_person_speaks_where_the_tuple_says_nothing() -> None:
    document = Document("pres:a@x.example", (Tuple("t", "open"),), (), (Person("p", ("busy",), notes=(Note("No"),)),))
    assert presentity_of(document) == Presentity("a@x.example", 300, 600, note="No")


def test_last_words_are_told() -> None:
    document = Document("a@x.example", (Tuple("t", "closed", notes=(Note("Good night"),)),))
    assert presentity_of(document) == Presentity("a@x.example", 0, 0, note="Good night")
    assert presentity_of(Document("sip:a@x.example")) == Presentity("a@x.example", 0, 0)
