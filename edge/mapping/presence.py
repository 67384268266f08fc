"""Presence notifications: `<presence/>` stanzas <-> PIDF documents (RFC 8048 §6, RFC 3922 §5).

A document is the complete state of a presentity, one tuple for each XMPP resource; a stanza is the news of one
resource. Pure functions of frozen values, called by the gateway's notifier (stanzas to document) and subscriber
(document to stanzas). The tables are published in docs/mapping.md.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from edge.bodies.pidf import Document, Note, Person, Tuple, resource_of, tuple_id
from edge.bodies.text import language_tag
from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.mapping.addresses import jid_of
from edge.sip.uri import SipUri
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Presence

SHOWS = ("chat", "away", "dnd", "xa")  # RFC 6121 §4.7.2.1

# What a show says in RPID (RFC 4480): the person's activities, and his user-input.
ACTIVITIES_OF_SHOW: Mapping[str, tuple[tuple[str, ...], str]] = {
    "": ((), ""),
    "chat": ((), ""),
    "away": (("away",), ""),
    "xa": (("away",), "idle"),
    "dnd": (("busy",), ""),
}

# What RPID says in shows; the first row with an activity of the document wins. A tuple's own `show` goes before all.
# COMPAT(lync): the second half of each row are tokens of Microsoft's, for whom an activity is free text; since 2007
SHOW_OF_ACTIVITY: tuple[tuple[str, frozenset[str]], ...] = (
    (
        "away",
        frozenset(
            {
                "away", "breakfast", "lunch", "dinner", "meal", "in-transit", "shopping",
                "idle", "be-right-back", "out-to-lunch",
            }
        ),
    ),
    (
        "xa",
        frozenset(
            {
                "vacation", "holiday", "permanent-absence", "sleeping", "travel",
                "out-of-office", "off-work",
            }
        ),
    ),
    (
        "dnd",
        frozenset(
            {
                "busy", "on-the-phone", "meeting", "appointment", "presentation", "performance", "steering", "worship",
                "busyidle", "do-not-disturb", "urgent-interruptions-only", "in-presentation",
                "in-a-call", "in-a-conference", "in-a-meeting",
            }
        ),
    ),
)


# --- XMPP to SIP ------------------------------------------------------------------------------------------------------


def document_of(entity: str, states: Mapping[str, Presence], timestamp: str) -> Document:
    """Return the complete state of ``entity`` (a pres: or sip: URI): one tuple for each resource (RFC 8048 §6.2).

    ``states`` holds the last stanza of each resource, available or unavailable. The most available resource comes
    first, because pre-RFC readers look no further, and it speaks for the person. Without any resource there is one
    closed tuple, never none (RFC 3922 §6.3.2). ``timestamp`` must be later than that of the document before.
    """
    contact = f"sip:{entity.partition(':')[2]}"
    ordered = sorted(states.items(), key=_rank)
    if not ordered:
        return Document(entity, (Tuple(tuple_id(""), "closed", contact=contact, timestamp=timestamp),))
    tuples = tuple(_tuple_of(resource, stanza, contact, timestamp) for resource, stanza in ordered)
    best = ordered[0][1]
    person = None if best.type else _person_of(best)
    return Document(entity, tuples, persons=(person,) if person else ())


def content_language(document: Document) -> str:
    """Return the one language of all notes, for Content-Language; empty if they have none or several."""
    languages = {note.lang for item in document.tuples for note in item.notes}
    languages.update(note.lang for person in document.persons for note in person.notes)
    languages.update(note.lang for note in document.notes)
    return languages.pop() if len(languages) == 1 else ""


def timestamp(seconds: float) -> str:
    """Return a time of the Unix epoch as RFC 3339 text, in UTC and to the millisecond (RFC 3863 §4.1.7)."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def thousandths_of(priority: int) -> int | None:
    """Return the PIDF priority, in thousandths, of an XMPP priority; a negative one has none (RFC 8048 §6.2)."""
    return 1000 * min(priority, 127) // 127 if priority >= 0 else None


# --- SIP to XMPP ------------------------------------------------------------------------------------------------------


def about(document: Document, contact: JID) -> bool:
    """Whether a document describes ``contact``; one that does not is somebody's attempt to spoof (RFC 8048 §6.3)."""
    entity = document.entity
    if ":" not in entity:
        entity = f"sip:{entity}"  # COMPAT(aol): the entity comes without a scheme; since 2007
    try:
        return jid_of(SipUri.parse(entity)).bare() == contact.bare()
    except RemoteProtocolError:
        return False


def settle(document: Document, previous: Document | None) -> Document:
    """Return ``document`` with what its tuples leave open about availability filled in (RFC 3863 §4.1.3).

    A tuple without `basic` is open if it or the person says what he is doing, else as it was in ``previous``. Keep the
    result as the next ``previous``.
    """
    if all(item.basic for item in document.tuples):
        return document
    known = {item.id: item.basic for item in previous.tuples} if previous is not None else {}
    active = any(person.activities or person.user_input for person in document.persons)
    tuples = tuple(
        item
        if item.basic
        else replace(
            item,
            basic="open" if active or item.show or item.activities or item.user_input else known.get(item.id, ""),
        )
        for item in document.tuples
    )
    return replace(document, tuples=tuples)


def stanzas_of(
    document: Document, previous: Document | None, contact: JID, watcher: JID, *, lang: str = ""
) -> list[Presence]:
    """Return what ``watcher`` has to hear about ``contact`` now that ``document`` follows ``previous`` (RFC 8048 §6.3).

    One stanza for each tuple whose state changed; a tuple that vanished is unavailable (RFC 3922 §6.3.1). ``lang`` is
    the Content-Language of the NOTIFY. Raises `RemoteProtocolError` for a document about somebody else, which is to be
    discarded (RFC 8048 §6.3).
    """
    if not about(document, contact):
        raise RemoteProtocolError("the presence document is not about the contact who was subscribed to", Code.S01)
    before = _states(settle(previous, None), contact, watcher, lang) if previous is not None else {}
    after = _states(settle(document, previous), contact, watcher, lang)
    changed = [stanza for sender, stanza in after.items() if before.get(sender) != stanza]
    vanished = [sender for sender, stanza in before.items() if not stanza.type and sender not in after]
    if vanished and not document.tuples:  # a bare "unavailable" would add nothing to those of the resources
        changed = [stanza for stanza in changed if not stanza.type]
    return changed + [_unavailable(sender, watcher) for sender in vanished]


def withdrawn(previous: Document | None, contact: JID, watcher: JID) -> list[Presence]:
    """Return `unavailable` for every resource of ``contact`` that ``watcher`` believes to be available.

    For the end of a subscription that loses the authorization, or of a source that went away.
    """
    if previous is None:
        return []
    states = _states(settle(previous, None), contact, watcher, "")
    return [_unavailable(sender, watcher) for sender, stanza in states.items() if not stanza.type]


def priority_of(thousandths: int | None) -> int:
    """Return the XMPP priority of a PIDF priority in thousandths; none is the lowest, 0 (RFC 3922 §5.2.13)."""
    if not thousandths or not 0 < thousandths <= 1000:
        return 0
    return 127 if thousandths == 1000 else min(126, -(-127 * thousandths // 1000))


def show_of(activities: Iterable[str], *, idle: bool = False) -> tuple[str, str]:
    """Return the show that some activities mean, and the activity that decided; both empty if none means any."""
    said = [activity.replace(" ", "-") for activity in activities]
    if idle:
        said.append("idle")
    for show, members in SHOW_OF_ACTIVITY:
        for activity in said:
            if activity in members:
                return show, activity
    return "", ""


# --- private: stanzas to a document -----------------------------------------------------------------------------------

_SHOW_ORDER = {"chat": 0, "": 1, "dnd": 2, "away": 3, "xa": 4}  # from the most to the least available
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)")


def _rank(item: tuple[str, Presence]) -> tuple[bool, int, int, str]:
    resource, stanza = item
    return bool(stanza.type), -stanza.priority, _SHOW_ORDER.get(stanza.show, 1), resource


def _tuple_of(resource: str, stanza: Presence, contact: str, at: str) -> Tuple:
    notes = tuple(Note(text, lang) for lang, text in _statuses(stanza))
    if stanza.type:
        return Tuple(tuple_id(resource), "closed", contact=contact, notes=notes, timestamp=at)
    show = stanza.show if stanza.show in SHOWS else ""
    activities, _ = ACTIVITIES_OF_SHOW[show]
    return Tuple(
        tuple_id(resource),
        "open",
        show=show,
        activities=activities,
        contact=contact,
        priority=thousandths_of(stanza.priority),
        notes=notes,
        timestamp=at,
    )


def _person_of(stanza: Presence) -> Person | None:
    activities, user_input = ACTIVITIES_OF_SHOW.get(stanza.show, ((), ""))
    since = ""
    for extension in stanza.extensions:
        if extension.name == "idle" and extension.namespace == "urn:xmpp:idle:1":  # XEP-0319 §2
            user_input = "idle"
            since = extension.attributes.get("since", "")
    if not activities and not user_input:
        return None
    return Person("person", activities, user_input, since if _DATE_TIME.fullmatch(since) else "")


def _statuses(stanza: Presence) -> Iterator[tuple[str, str]]:
    for lang, text in stanza.statuses or (("", stanza.status),):
        if text:
            yield language_tag(lang or stanza.lang), text


# --- private: a document to stanzas -----------------------------------------------------------------------------------


def _states(document: Document, contact: JID, watcher: JID, lang: str) -> dict[JID, Presence]:
    """What a settled document says about each resource, by its address."""
    if not document.tuples:
        return _without_tuples(document, contact, watcher, lang)
    states: dict[JID, Presence] = {}
    for item in document.tuples:
        sender = _sender(contact, resource_of(item.id))
        known = states.get(sender)
        # An id stands once (RFC 3863 §4.1.2); where a presence server merged documents carelessly, open is right
        if item.basic and (known is None or (known.type and item.basic == "open")):
            states[sender] = _stanza(item, document, sender, watcher, lang)
    return states


def _without_tuples(document: Document, contact: JID, watcher: JID, lang: str) -> dict[JID, Presence]:
    """A document about the person speaks for the bare address, one of notes alone for nobody (RFC 3922 §5.2.11)."""
    if document.notes and not document.persons:
        return {}
    active = any(person.activities or person.user_input for person in document.persons)
    sender = contact.bare()
    item = Tuple("", "open" if active else "closed")
    return {sender: _stanza(item, document, sender, watcher, lang)}


def _stanza(item: Tuple, document: Document, sender: JID, watcher: JID, lang: str) -> Presence:
    show = token = ""
    if item.basic == "open":
        if item.show in SHOWS:
            show = item.show
        elif item.activities or item.user_input:
            show, token = show_of(item.activities, idle=item.user_input == "idle")
        elif not any(other.show or other.activities or other.user_input for other in document.tuples):
            # only then: in a document whose tuples speak for themselves, the person repeats what one of them said
            persons = document.persons
            said = [activity for person in persons for activity in person.activities]
            show, token = show_of(said, idle=any(person.user_input == "idle" for person in persons))
    notes = item.notes or tuple(note for person in document.persons for note in person.notes) or document.notes
    texts: dict[str, str] = {}
    for note in notes:
        texts.setdefault("" if note.lang == lang else note.lang, note.text)
    if not texts and token and token != show:
        texts[""] = token.replace("-", " ").capitalize()  # what the show cannot say, a status can
    statuses = tuple(texts.items())
    return Presence(
        from_=sender,
        to=watcher.bare(),
        type="" if item.basic == "open" else "unavailable",
        lang=lang,
        show=show,
        status=statuses[0][1] if statuses else "",
        statuses=statuses,
        priority=priority_of(item.priority) if item.basic == "open" else 0,
    )


def _unavailable(sender: JID, watcher: JID) -> Presence:
    return Presence(from_=sender, to=watcher.bare(), type="unavailable")


def _sender(contact: JID, resource: str) -> JID:
    try:
        return JID.build(contact.local, contact.host, resource)
    except RemoteProtocolError:  # an id that no resource can be; its escaped form always can
        return JID.build(contact.local, contact.host, tuple_id(resource)[:1000])
