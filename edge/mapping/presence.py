"""Presence notifications: `<presence/>` stanzas <-> PIDF documents (RFC 8048 §6, RFC 3922 §5).

A document is the complete state of a presentity, one tuple for each XMPP resource; a stanza is the news of one
resource. Pure functions of frozen values, called by the gateway's notifier (stanzas to document) and subscriber
(document to stanzas). What is said of them is the `Profile` of the watcher's partner. Published in docs/mapping.md.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache

from edge.bodies.document import Document, Note, Person, Tuple, resource_of, tuple_id
from edge.bodies.text import language_tag
from edge.errors import RemoteProtocolError
from edge.mapping.activities import SHOWS
from edge.mapping.profile import DEFAULT, Profile
from edge.xmpp.element import Element
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Presence

NS_IDLE = "urn:xmpp:idle:1"  # XEP-0319
NS_NICK = "http://jabber.org/protocol/nick"  # XEP-0172

SECONDS = 16  # whose texts are remembered
MAX_NAME = 128  # characters of a display name or nickname; the rest of a longer one nobody reads


# --- XMPP to SIP ------------------------------------------------------------------------------------------------------


def document_of(
    entity: str, states: Mapping[str, Presence], timestamp: str, profile: Profile = DEFAULT
) -> Document:
    """Return the complete state of ``entity`` (a pres: or sip: URI): one tuple for each resource (RFC 8048 §6.2).

    ``states`` holds the last stanza of each resource, available or unavailable. The most available resource comes
    first, because pre-RFC readers look no further, and it speaks for the person. Without any resource there is one
    closed tuple, never none (RFC 3922 §6.3.2). ``timestamp`` must be later than that of the document before.
    Whoever is told only the basics, or nothing, gets one tuple for all.
    """
    if not states or profile.outbound == "none":
        return closed_document(entity, timestamp)
    contact = _contact_of(entity)
    if profile.outbound == "basic":
        basic = "closed" if all(stanza.type for stanza in states.values()) else "open"
        return Document(entity, (Tuple(tuple_id(""), basic, contact=contact, timestamp=timestamp),))
    ordered = sorted(states.items(), key=_rank) if len(states) > 1 else list(states.items())
    tuples = tuple([_tuple_of(resource, stanza, contact, timestamp, profile) for resource, stanza in ordered])
    best = ordered[0][1]
    person = None if best.type else _person_of(best, profile)
    names = [name for _, stanza in ordered if not stanza.type and (name := _nick_of(stanza))]
    return Document(entity, tuples, (), (person,) if person else (), names[0] if names else "")


def closed_document(entity: str, timestamp: str, note: str = "") -> Document:
    """Return the document that says only that ``entity`` cannot be reached, and in a note why."""
    notes = (Note(note),) if note else ()
    item = Tuple(tuple_id(""), "closed", contact=_contact_of(entity), notes=notes, timestamp=timestamp)
    return Document(entity, (item,))


def content_language(document: Document) -> str:
    """Return the one language of all notes, for Content-Language; empty if they have none or several."""
    languages = {note.lang for item in document.tuples for note in item.notes}
    if document.persons or document.notes:
        languages.update(note.lang for person in document.persons for note in person.notes)
        languages.update(note.lang for note in document.notes)
    return languages.pop() if len(languages) == 1 else ""


def timestamp(seconds: float) -> str:
    """Return a time of the Unix epoch as RFC 3339 text, in UTC and to the millisecond (RFC 3863 §4.1.7)."""
    whole = int(seconds)
    more, fraction = divmod(round((seconds - whole) * 1e6), 1_000_000)
    return f"{_date_time(whole + more)}.{fraction // 1000:03}Z"


def thousandths_of(priority: int) -> int | None:
    """Return the PIDF priority, in thousandths, of an XMPP priority; a negative one has none (RFC 8048 §6.2)."""
    return 1000 * min(priority, 127) // 127 if priority >= 0 else None


# --- SIP to XMPP ------------------------------------------------------------------------------------------------------


def settle(document: Document, previous: Document | None) -> Document:
    """Return what has to be kept of ``document`` until the next one comes, as its ``previous``.

    What its tuples leave open about availability is filled in (RFC 3863 §4.1.3): a tuple without `basic` is open if it
    or the person says what he is doing, else as it was in ``previous``. What no stanza shows is dropped.
    """
    known: dict[str, str] = {}
    if previous is not None:
        known = dict(zip((item.id for item in previous.tuples), _basics(previous, {}), strict=True))
    tuples = tuple([
        Tuple(
            item.id, basic, item.show, item.activities, item.user_input, "", item.priority, item.notes, "",
            item.last_input,
        )
        for item, basic in zip(document.tuples, _basics(document, known), strict=True)
    ])
    persons = () if not document.persons or _repeats(document) else document.persons
    return Document(document.entity, tuples, document.notes, persons, document.display_name, document.devices)


def states_of(document: Document, contact: JID, lang: str, profile: Profile) -> dict[JID, Presence]:
    """What a settled document says about each resource, by its address."""
    if profile.outbound == "none":
        return {contact.bare(): unavailable(contact.bare())}
    if not document.tuples:
        return _without_tuples(document, contact, lang, profile)
    states: dict[JID, Presence] = {}
    for item in document.tuples:
        sender = _sender(contact, resource_of(item.id))
        known = states.get(sender)
        # two ids may be one resource, with the prefix and without it: open is right
        if item.basic and (known is None or (known.type and item.basic == "open")):
            states[sender] = _stanza(item, document, sender, lang, profile)
    return states


def unavailable(sender: JID, note: str = "") -> Presence:
    statuses = (("", note),) if note else ()
    return Presence(sender, None, type="unavailable", status=note, statuses=statuses)


def priority_of(thousandths: int | None) -> int:
    """Return the XMPP priority of a PIDF priority in thousandths; none is the lowest, 0 (RFC 3922 §5.2.13)."""
    if not thousandths or not 0 < thousandths <= 1000:
        return 0
    return 127 if thousandths == 1000 else min(126, -(-127 * thousandths // 1000))


# --- private: stanzas to a document -----------------------------------------------------------------------------------

_SHOW_ORDER = {"chat": 0, "": 1, "dnd": 2, "away": 3, "xa": 4}  # from the most to the least available
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


@lru_cache(SECONDS)
def _date_time(seconds: int) -> str:
    """All documents of a second have the same."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _contact_of(entity: str) -> str:
    return f"sip:{entity.partition(':')[2]}"


def _rank(item: tuple[str, Presence]) -> tuple[bool, int, int, str]:
    resource, stanza = item
    return bool(stanza.type), -stanza.priority, _SHOW_ORDER.get(stanza.show, 1), resource


def _tuple_of(resource: str, stanza: Presence, contact: str, at: str, profile: Profile) -> Tuple:
    if stanza.type:
        notes = _notes(stanza, "", profile)
        return Tuple(tuple_id(resource), "closed", contact=contact, notes=notes, timestamp=at)
    told = profile.told(stanza.show)
    idle, since = _idle_of(stanza)
    return Tuple(
        tuple_id(resource),
        "open",
        told.show,
        told.activities,
        "idle" if idle else "",
        contact,
        thousandths_of(stanza.priority),
        _notes(stanza, told.note, profile),
        at,
        since,
    )


def _person_of(stanza: Presence, profile: Profile) -> Person | None:
    told = profile.told(stanza.show)
    idle, since = _idle_of(stanza)
    user_input = "idle" if idle else told.user_input
    return Person("person", told.activities, user_input, since) if told.activities or user_input else None


def _idle_of(stanza: Presence) -> tuple[bool, str]:
    """Whether a client says that its user is idle, and since when (XEP-0319 §2)."""
    for extension in stanza.extensions:
        if extension.name == "idle" and extension.namespace == NS_IDLE:
            return True, _in_utc(extension.attributes.get("since", ""))
    return False, ""


def _in_utc(text: str) -> str:
    """Return a time as RFC 3339 text in UTC; empty if it is none."""
    if not _DATE_TIME.fullmatch(text):
        return ""
    try:
        moment = datetime.fromisoformat(text)
        return text if text[-1] == "Z" else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return ""


def _nick_of(stanza: Presence) -> str:
    """The nickname that a stanza announces (XEP-0172 §4)."""
    for extension in stanza.extensions:
        if extension.name == "nick" and extension.namespace == NS_NICK:
            return extension.text.strip()[:MAX_NAME]
    return ""


def _notes(stanza: Presence, default: str, profile: Profile) -> tuple[Note, ...]:
    if not profile.notes:
        return ()
    return tuple([Note(text, lang) for lang, text in _statuses(stanza)]) or ((Note(default),) if default else ())


def _statuses(stanza: Presence) -> Iterator[tuple[str, str]]:
    for lang, text in stanza.statuses or (("", stanza.status),):
        if text:
            yield language_tag(lang or stanza.lang), text


# --- private: a document to stanzas -----------------------------------------------------------------------------------


def _active(document: Document) -> bool:
    """Whether the person does something, or uses a device."""
    return any([person.activities or person.user_input for person in document.persons]) or any(
        [device.user_input for device in document.devices]
    )


def _repeats(document: Document) -> bool:
    """Whether the persons say nothing that shows, because the tuples have said it."""
    tuples, persons = document.tuples, document.persons
    return (
        any(item.show or item.activities or item.user_input for item in tuples)
        and not any(person.last_input for person in persons)
        and (all(item.notes for item in tuples) or not any(person.notes for person in persons))
    )


def _basics(document: Document, known: Mapping[str, str]) -> list[str]:
    """The `basic` of each tuple, with what it leaves open filled in."""
    active = _active(document)
    return [
        item.basic
        or ("open" if active or item.show or item.activities or item.user_input else known.get(item.id, ""))
        for item in document.tuples
    ]


def _without_tuples(document: Document, contact: JID, lang: str, profile: Profile) -> dict[JID, Presence]:
    """A document about the person speaks for the bare address, one of notes alone for nobody (RFC 3922 §5.2.11)."""
    if document.notes and not document.persons and not document.devices:
        return {}
    sender = contact.bare()
    item = Tuple("", "open" if _active(document) else "closed")
    return {sender: _stanza(item, document, sender, lang, profile)}


def _stanza(item: Tuple, document: Document, sender: JID, lang: str, profile: Profile) -> Presence:
    show = text = ""
    extensions: tuple[Element, ...] = ()
    if item.basic == "open":
        show, text, since = _doing(item, document, profile)
        if document.display_name:
            extensions = (Element("nick", NS_NICK, {}, [document.display_name[:MAX_NAME]]),)
        if since:
            extensions += (Element("idle", NS_IDLE, {"since": since}),)
    type = "" if item.basic == "open" and show != "unavailable" else "unavailable"
    if profile.outbound == "basic":
        return Presence(sender, None, type=type)
    statuses = _texts(item, document, lang, text) if profile.notes else ()
    return Presence(
        from_=sender,
        to=None,
        type=type,
        lang=lang,
        extensions=() if type else extensions,
        show="" if type else show,
        status=statuses[0][1] if statuses else "",
        statuses=statuses,
        priority=0 if type else priority_of(item.priority),
    )


def _doing(item: Tuple, document: Document, profile: Profile) -> tuple[str, str, str]:
    """What an open tuple's user does: the show, the text for want of a note, and since when he is idle."""
    persons, devices = document.persons, document.devices
    speaks = any([other.show or other.activities or other.user_input for other in document.tuples])
    if not (speaks or persons or devices):
        return "", "", ""
    inputs: list[tuple[str, str]]
    # What the person does and what the devices see counts only in a document whose tuples do not speak for themselves:
    # there it would repeat what one of them said.
    if any(other.user_input for other in document.tuples):
        inputs = [(item.user_input, item.last_input)]
    else:
        inputs = [(person.user_input, person.last_input) for person in persons if person.user_input]
        inputs = inputs or [(device.user_input, device.last_input) for device in devices if device.user_input]
    idle = bool(inputs) and all(said == "idle" for said, _ in inputs)
    since = max((_in_utc(last) for _, last in inputs), default="") if idle else ""
    if item.show in SHOWS:
        return item.show, "", since
    activities: Iterable[str] = item.activities
    if not (activities or item.user_input):
        if speaks:
            return "", "", since
        activities = [activity for person in persons for activity in person.activities]
    elif not item.user_input:
        idle = False
    return *profile.shown(activities, idle=idle), since


def _texts(item: Tuple, document: Document, lang: str, default: str) -> tuple[tuple[str, str], ...]:
    """The texts of the nearest notes, one for each language."""
    notes = item.notes or tuple([note for person in document.persons for note in person.notes]) or document.notes
    if not notes:
        return (("", default),) if default else ()
    texts: dict[str, str] = {}
    for note in notes:
        texts.setdefault("" if note.lang == lang else note.lang, note.text)
    return tuple(texts.items())


def _sender(contact: JID, resource: str) -> JID:
    try:
        return contact.with_resource(resource)
    except RemoteProtocolError:  # an id that no resource can be; its escaped form always can
        return contact.with_resource(tuple_id(resource)[:1000])
