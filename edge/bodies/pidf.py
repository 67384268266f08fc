"""Presence documents: `application/pidf+xml` (RFC 3863) as frozen values, with what RPID (RFC 4480) adds.

Called by `edge.mapping.presence`, which gives the values their meaning, and by the gateway, which parses and renders
bodies. Extensions that are not named here are ignored with their content (RFC 3863 §4.2.3).
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING

from edge.bodies.text import language_tag, legal
from edge.codes import Code
from edge.errors import RemoteProtocolError

if TYPE_CHECKING:
    from lxml import etree

MEDIA_TYPE = "application/pidf+xml"

MAX_BYTES = 65_536  # of one document; a hundred devices with long notes fit, and parsing stays below a millisecond
MAX_TUPLES = 100  # nobody has more devices, and each becomes a stanza
MAX_NOTES = 20  # under one parent; one for each language, and nobody reads more
MAX_ID = 1000  # octets of a tuple's id, which becomes an XMPP resource (RFC 7622 §3.4 allows 1023)

# The activities of RFC 4480 §3.2; any other is written as the text of `other`.
ACTIVITIES = frozenset(
    {
        "appointment", "away", "breakfast", "busy", "dinner", "holiday", "in-transit", "looking-for-work", "lunch",
        "meal", "meeting", "on-the-phone", "performance", "permanent-absence", "playing", "presentation", "shopping",
        "sleeping", "spectator", "steering", "travel", "tv", "unknown", "vacation", "working", "worship",
    }
)


@dataclass(frozen=True, slots=True)
class Note:
    """A human-readable note; ``lang`` is empty when nobody declared one (RFC 3863 §4.1.6)."""

    text: str
    lang: str = ""


@dataclass(frozen=True, slots=True)
class Tuple:
    """One segment of a presentity: for us, one device or client (RFC 3863 §4.1.2).

    ``basic`` is ``open``, ``closed`` or empty (not said). ``show`` is RFC 8048's `show` inside `status`.
    ``activities`` stand in the tuple itself, as the drafts before RFC 4480 had them. ``priority`` is in thousandths.
    """

    id: str
    basic: str = ""
    show: str = ""
    activities: tuple[str, ...] = ()
    user_input: str = ""
    contact: str = ""
    priority: int | None = None
    notes: tuple[Note, ...] = ()
    timestamp: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """The human behind the presentity (RFC 4479 §3.2) and what RPID says of him (RFC 4480 §3)."""

    id: str
    activities: tuple[str, ...] = ()
    user_input: str = ""
    last_input: str = ""
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A presence document. ``entity`` is the URI text of the presentity."""

    entity: str
    tuples: tuple[Tuple, ...] = ()
    notes: tuple[Note, ...] = ()
    persons: tuple[Person, ...] = ()
    display_name: str = ""


def parse(body: bytes) -> Document:
    """Read a document. Raises `RemoteProtocolError` (400) for anything that is not one, or that has a DOCTYPE."""
    from lxml import etree  # here, because it takes 4 MB that a gateway for messages alone never needs

    if len(body) > MAX_BYTES:
        raise _malformed(f"the presence document is longer than {MAX_BYTES} bytes")
    if b"<!DOCTYPE" in body:  # before anything of it is read
        raise _malformed("the presence document has a document type declaration")
    try:
        root = etree.fromstring(body, _parser())
    except (etree.XMLSyntaxError, ValueError):
        raise _malformed("the presence document is not well-formed XML") from None
    entity = root.get("entity", "").strip()
    if root.tag != _PRESENCE or not entity:
        raise _malformed("the body is not a presence document about an entity")
    tuples: list[Tuple] = []
    notes: list[Note] = []
    persons: list[Person] = []
    display_name = ""
    lang = root.get(_LANG, "")
    for child in root:
        tag = child.tag
        if tag == _TUPLE:
            if len(tuples) == MAX_TUPLES:
                raise _malformed(f"the presence document has more than {MAX_TUPLES} tuples")
            tuples.append(_tuple(child, lang))
        elif tag == _NOTE:
            _note(child, lang, notes)
        elif tag == _PERSON and len(persons) < MAX_TUPLES:
            persons.append(_person(child, lang))
        elif tag == _DISPLAY_NAME:
            display_name = _text(child)
    return Document(entity, tuple(tuples), tuple(notes), tuple(persons), display_name)


def render(document: Document) -> bytes:
    """Write a document, its elements in the order of the schema (RFC 3863 §4.4), which strict readers insist on."""
    parts: list[str] = []
    spaces = ""
    for item in document.tuples:
        parts.append(_render_tuple(item))
    for note in document.notes:
        parts.append(_render_note("note", note))
    for person in document.persons:
        parts.append(_render_person(person))
    if document.display_name:
        spaces += f' xmlns:ci="{_CIPID}"'
        parts.append(f"<ci:display-name>{_escape(document.display_name)}</ci:display-name>")
    if document.persons:
        spaces += f' xmlns:dm="{_DATA_MODEL}"'
    if document.persons or any(item.user_input for item in document.tuples):
        spaces += f' xmlns:rpid="{_RPID}"'
    if any(item.activities for item in document.tuples):
        spaces += f' xmlns:ep="{_DRAFT}"'
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<presence xmlns="{_PIDF}"{spaces}'
    return f'{head} entity="{_escape(document.entity)}">{"".join(parts)}</presence>'.encode()


@lru_cache(4096)
def tuple_id(resource: str) -> str:
    """Return the id of the tuple that stands for an XMPP resource (RFC 8048 §6.2).

    An id is an NCName: the prefix ``ID-`` gives it a legal first letter, and ``_xHH_`` stands for the character with
    the hexadecimal number HH where an NCName could not hold it. `resource_of` is the exact inverse.
    """
    return "ID-" + _OUTSIDE_NCNAME.sub(lambda match: f"_x{ord(match[0]):x}_", resource)


@lru_cache(4096)
def resource_of(identifier: str) -> str:
    """Return the resource that a tuple id names: without ``ID-`` and its escapes, or a foreign id as it is."""
    if not identifier.startswith("ID-"):
        return identifier
    return _ESCAPED.sub(_unescaped, identifier[3:])


# --- private: names ---------------------------------------------------------------------------------------------------

_PIDF = "urn:ietf:params:xml:ns:pidf"
_DATA_MODEL = "urn:ietf:params:xml:ns:pidf:data-model"
_RPID = "urn:ietf:params:xml:ns:pidf:rpid"
_CIPID = "urn:ietf:params:xml:ns:pidf:cipid"
_DRAFT = "urn:ietf:params:xml:ns:pidf:status:rpid-status"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_PRESENCE = f"{{{_PIDF}}}presence"
_TUPLE = f"{{{_PIDF}}}tuple"
_STATUS = f"{{{_PIDF}}}status"
_BASIC = f"{{{_PIDF}}}basic"
_CONTACT = f"{{{_PIDF}}}contact"
_NOTE = f"{{{_PIDF}}}note"
_TIMESTAMP = f"{{{_PIDF}}}timestamp"
_SHOW = "{jabber:client}show"
_PERSON = f"{{{_DATA_MODEL}}}person"
_PERSON_NOTE = f"{{{_DATA_MODEL}}}note"
_DISPLAY_NAME = f"{{{_CIPID}}}display-name"

# COMPAT(lync, eyebeam): RPID names stood in some ten namespaces while it was a draft (pidf:status:rpid-status,
# pidf:rpid-tuple, pidf:rpid:rpid-person ...), and deployed clients froze every one of them; since 2003.
_RPID_NAME = re.compile(r"\{urn:ietf:params:xml:ns:pidf:[a-z:-]*rpid[a-z:-]*\}(activities|user-input)")

_OUTSIDE_NCNAME = re.compile("[^A-Za-z0-9._-]|_(?=x)")
_ESCAPED = re.compile("_x([0-9a-f]{1,6})_")
_PRIORITY = re.compile(r"(0)(?:\.([0-9]{0,3}))?|(1)(?:\.0{0,3})?")


# --- private: reading -------------------------------------------------------------------------------------------------


def _parser() -> "etree.XMLParser":
    from lxml import etree

    # A new one for each document: a parser is cheap, and lxml's keeps state of the last document. The encoding is
    # given, not taken from the document, so that no exotic encoding hides a DOCTYPE.
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        load_dtd=False,
        dtd_validation=False,
        remove_comments=True,
        remove_pis=True,
    )


def _malformed(text: str) -> RemoteProtocolError:
    return RemoteProtocolError(text, Code.S01, status=400)


def _tuple(element: "etree._Element", lang: str) -> Tuple:
    identifier = element.get("id", "").strip()
    if len(identifier.encode()) > MAX_ID:
        raise _malformed(f"the presence document has an id of more than {MAX_ID} bytes")
    lang = element.get(_LANG, lang)
    basic = show = contact = timestamp = user_input = ""
    priority: int | None = None
    activities: list[str] = []
    notes: list[Note] = []
    for child in element:
        tag = child.tag
        if tag == _STATUS:
            for part in child:
                if part.tag == _BASIC:
                    basic = _basic(part)
                elif part.tag == _SHOW:
                    show = _text(part)
                else:
                    user_input = _rpid(part, activities) or user_input
        elif tag == _CONTACT:
            contact = _text(child)
            priority = _priority(child.get("priority", ""))
        elif tag == _NOTE:
            _note(child, lang, notes)
        elif tag == _TIMESTAMP:
            timestamp = _text(child)
        else:
            user_input = _rpid(child, activities) or user_input
    return Tuple(
        identifier, basic, show, tuple(activities), user_input, contact, priority, tuple(notes), timestamp
    )


def _person(element: "etree._Element", lang: str) -> Person:
    lang = element.get(_LANG, lang)
    user_input = last_input = ""
    activities: list[str] = []
    notes: list[Note] = []
    for child in element:
        if child.tag in (_PERSON_NOTE, _NOTE):
            _note(child, lang, notes)
        else:
            said = _rpid(child, activities)
            if said:
                user_input, last_input = said, child.get("last-input", "")
    return Person(element.get("id", ""), tuple(activities), user_input, last_input, tuple(notes))


def _rpid(element: "etree._Element", activities: list[str]) -> str:
    """Read an element of RPID or its drafts: add to ``activities``, or return what user-input says."""
    match = _RPID_NAME.fullmatch(element.tag)
    if match is None:
        return ""
    if match[1] == "user-input":
        said = _text(element).lower()
        return said if said in ("active", "idle") else ""
    for child in element:
        name = child.tag.rpartition("}")[2]
        # RFC 4480 names an activity by an element, `other` and the drafts' `activity` by their text
        value = _text(child).lower() if name in ("activity", "other") else name
        if value and name != "note" and len(activities) < len(ACTIVITIES):
            activities.append(value)
    return ""


def _note(element: "etree._Element", lang: str, notes: list[Note]) -> None:
    text = _text(element)
    if text and len(notes) < MAX_NOTES:
        notes.append(Note(text, language_tag(element.get(_LANG, lang))))


def _text(element: "etree._Element") -> str:
    return (element.text or "").strip()


def _basic(element: "etree._Element") -> str:
    value = _text(element).lower()
    return value if value in ("open", "closed") else ""


def _priority(text: str) -> int | None:
    """Thousandths of a `qvalue`; anything else counts as absent (RFC 3863 §4.1.5)."""
    match = _PRIORITY.fullmatch(text.strip())
    if match is None:
        return None
    return 1000 if match[3] else int((match[2] or "").ljust(3, "0"))


def _unescaped(match: re.Match[str]) -> str:
    number = int(match[1], 16)
    return chr(number) if number <= 0x10FFFF and not 0xD800 <= number < 0xE000 else match[0]


# --- private: writing -------------------------------------------------------------------------------------------------


def _escape(text: str) -> str:
    return escape(text if text.isprintable() else legal(text))


def _render_tuple(item: Tuple) -> str:
    status = f"<basic>{item.basic}</basic>" if item.basic else ""
    if item.activities:
        # COMPAT(lync): Microsoft edges read an activity only inside status, in the namespace of a draft; since 2003
        activities = "".join(f"<ep:activity>{_escape(activity)}</ep:activity>" for activity in item.activities)
        status += f"<ep:activities>{activities}</ep:activities>"
    if item.show:
        status += f'<show xmlns="jabber:client">{_escape(item.show)}</show>'
    text = f'<tuple id="{_escape(item.id)}"><status>{status}</status>'
    if item.user_input:
        text += f"<rpid:user-input>{_escape(item.user_input)}</rpid:user-input>"
    if item.priority is not None:
        text += f'<contact priority="{_render_priority(item.priority)}">{_escape(item.contact)}</contact>'
    elif item.contact:
        text += f"<contact>{_escape(item.contact)}</contact>"
    for note in item.notes:
        text += _render_note("note", note)
    if item.timestamp:
        text += f"<timestamp>{_escape(item.timestamp)}</timestamp>"
    return f"{text}</tuple>"


def _render_person(person: Person) -> str:
    text = f'<dm:person id="{_escape(person.id)}">'
    if person.activities:
        activities = "".join(
            f"<rpid:{activity}/>" if activity in ACTIVITIES else f"<rpid:other>{_escape(activity)}</rpid:other>"
            for activity in person.activities
        )
        text += f"<rpid:activities>{activities}</rpid:activities>"
    if person.user_input:
        since = f' last-input="{_escape(person.last_input)}"' if person.last_input else ""
        text += f"<rpid:user-input{since}>{_escape(person.user_input)}</rpid:user-input>"
    for note in person.notes:
        text += _render_note("dm:note", note)
    return f"{text}</dm:person>"


def _render_note(name: str, note: Note) -> str:
    lang = f' xml:lang="{_escape(note.lang)}"' if note.lang else ""
    return f"<{name}{lang}>{_escape(note.text)}</{name}>"


def _render_priority(thousandths: int) -> str:
    if thousandths >= 1000:
        return "1"
    return f"0.{thousandths:03}".rstrip("0").rstrip(".")
