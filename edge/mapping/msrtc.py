"""What the numbers of `text/xml+msrtc.pidf` mean, in the words of presence documents as everybody else writes them.

Pure functions of values, called by `edge.gateway.documents`: what comes of a document here goes the way of any other,
and what goes out has come that way (`edge.mapping.presence`). There is no "do not disturb" in this format, so it goes
out as busy; who comes from there may have said it of himself.
"""

from edge.bodies.document import Document, Note, Tuple
from edge.bodies.msrtc import Presentity
from edge.mapping.activities import show_of, words

TUPLE_ID = "0"  # that of the only tuple in what the same servers write as PIDF: a change of format is no new device

REACHABLE = 100  # availability from here up: perhaps, connected, at the device
THERE = 300  # the availability that we write

# Activity: from which number up to the next one which word, and where that is among the states of a user.
ACTIVITIES: tuple[tuple[int, str, int], ...] = (
    (0, "", 0),
    (100, "away", 15_500),
    (150, "out-to-lunch", 12_500),
    (200, "idle", 5_000),
    (300, "be-right-back", 12_500),
    (400, "", 3_500),
    (500, "on-the-phone", 6_500),
    (600, "busy", 6_500),
    (700, "away", 15_500),
    (800, "", 3_500),
)

# What a user says of himself: the same. Below the first number he has said nothing.
STATES: tuple[tuple[int, str], ...] = (
    (3_000, ""),
    (4_500, "idle"),
    (6_000, "busy"),
    (7_500, "busyidle"),
    (9_000, "do-not-disturb"),
    (12_000, "be-right-back"),
    (15_000, "away"),
)
OFFLINE = 18_000  # a state from here up: he wants to appear so

ACTIVE = 400  # the activity of who does nothing special
NUMBERS = {
    "idle": 200, "be-right-back": 300, "lunch": 150, "out-to-lunch": 150,
    "on-the-phone": 500, "in-a-call": 500, "in-a-conference": 500,
}
NUMBER_OF_SHOW = {"": ACTIVE, "chat": ACTIVE, "away": 100, "xa": 100, "dnd": 600}


def document_from(presentity: Presentity) -> Document:
    """Return what a document of Microsoft's says: one tuple for all devices."""
    basic, word = _read(presentity)
    notes = (Note(presentity.note),) if presentity.note else ()
    idle = word == "idle"
    activities = (word,) if word and not idle else ()
    item = Tuple(TUPLE_ID, basic, activities=activities, user_input="idle" if idle else "", notes=notes)
    return Document(presentity.uri, (item,), display_name=presentity.display_name)


def presentity_of(document: Document) -> Presentity:
    """Return a document for readers of Microsoft's format: its best tuple, which comes first, speaks for all."""
    uri = document.entity.partition(":")[2] or document.entity
    best = next((item for item in document.tuples if item.basic == "open"), None)
    persons = document.persons
    notes = (best or document.tuples[0]).notes if document.tuples else ()
    notes = notes or tuple(note for person in persons for note in person.notes) or document.notes
    note = notes[0].text if notes else ""
    if best is None:
        return Presentity(uri, 0, 0, document.display_name, note)
    said = best.activities or tuple(activity for person in persons for activity in person.activities)
    idle = best.user_input == "idle" or any(person.user_input == "idle" for person in persons)
    return Presentity(uri, THERE, _number(words(said), idle), document.display_name, note)


# --- private ----------------------------------------------------------------------------------------------------------


def _read(presentity: Presentity) -> tuple[str, str]:
    """Whether he is there, and a word for what he does. His own word counts if it is the one less available."""
    availability, activity, state = presentity.availability, presentity.activity, presentity.state
    if availability is None:
        return "", ""
    if availability < REACHABLE or state >= OFFLINE:
        return "closed", ""
    word, rank = next((word, rank) for first, word, rank in reversed(ACTIVITIES) if (activity or 0) >= first)
    if state > rank:
        word = next((name for first, name in reversed(STATES) if state >= first), word)
    if word == "away" and presentity.out_of_office:
        word = "out-of-office"
    return "open", word


def _number(said: tuple[str, ...], idle: bool) -> int:
    known = next((NUMBERS[word] for word in said if word in NUMBERS), 0)
    if known:
        return known
    show, _ = show_of(said)
    return NUMBERS["idle"] if idle and not show else NUMBER_OF_SHOW[show]
