"""Presence documents: `application/pidf+xml` (RFC 3863) <-> the values of `edge.bodies.document`.

Called by the gateway, which parses and renders bodies. Extensions that are not named here are ignored with their
content (RFC 3863 §4.2.3).
"""

import re
from functools import cache, lru_cache
from html import escape
from sys import intern
from typing import TYPE_CHECKING, NamedTuple

from edge.bodies.document import ACTIVITIES, Device, Document, Note, Person, Tuple, resource_of, tuple_id
from edge.bodies.text import language_tag, legal
from edge.codes import Code
from edge.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lxml import etree

__all__ = [
    "ACTIVITIES", "MEDIA_TYPE", "Device", "Document", "Note", "Person", "Tuple", "parse", "render", "resource_of",
    "tuple_id",
]

MEDIA_TYPE = "application/pidf+xml"

MAX_BYTES = 65_536  # of one document; a hundred devices with long notes fit, and parsing stays below a millisecond
MAX_TUPLES = 100  # nobody has more devices, and each becomes a stanza
MAX_NOTES = 20  # under one parent; one for each language, and nobody reads more
MAX_ID = 1000  # octets of a tuple's id, which becomes an XMPP resource (RFC 7622 §3.4 allows 1023)

CACHED = 64  # documents; a presence server sends the same one to all watchers of a user at once
CACHED_BYTES = 4096  # of a document; longer ones are rare, and would make the cache's memory the peer's choice


def parse(body: bytes) -> Document:
    """Read a document. Raises `RemoteProtocolError` (400) for anything that is not one, or that has a DOCTYPE."""
    return _parse_cached(body) if len(body) <= CACHED_BYTES else _parse(body)


def render(document: Document) -> bytes:
    """Write a document, its elements in the order of the schema (RFC 3863 §4.4), which strict readers insist on."""
    content = "".join([_render_tuple(item) for item in document.tuples])
    spaces = ""
    if document.notes:
        content += "".join([_render_note("note", note) for note in document.notes])
    if document.persons or document.devices:
        spaces = f' xmlns:dm="{_DATA_MODEL}"'
        content += "".join([_render_person(person) for person in document.persons])
        content += "".join([_render_device(device) for device in document.devices])
    if document.display_name:
        spaces += f' xmlns:ci="{_CIPID}"'
        content += f"<ci:display-name>{_escape(document.display_name)}</ci:display-name>"
    if "<rpid:" in content:  # text is escaped, so these are tags
        spaces += f' xmlns:rpid="{_RPID}"'
    if "<ep:" in content:
        spaces += f' xmlns:ep="{_DRAFT}"'
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<presence xmlns="{_PIDF}"{spaces}'
    return f'{head} entity="{_escape(document.entity)}">{content}</presence>'.encode()


# --- private: names ---------------------------------------------------------------------------------------------------

_FAMILY = "urn:ietf:params:xml:ns:pidf"
_PIDF = _FAMILY
_DATA_MODEL = f"{_FAMILY}:data-model"
_RPID = f"{_FAMILY}:rpid"
_CIPID = f"{_FAMILY}:cipid"
_DRAFT = f"{_FAMILY}:status:rpid-status"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_PRESENCE = f"{{{_PIDF}}}presence"
_TUPLE = f"{{{_PIDF}}}tuple"
_STATUS = f"{{{_PIDF}}}status"
_BASIC = f"{{{_PIDF}}}basic"
_CONTACT = f"{{{_PIDF}}}contact"
_NOTE = f"{{{_PIDF}}}note"
_TIMESTAMP = f"{{{_PIDF}}}timestamp"
_MUST_UNDERSTAND = f"{{{_PIDF}}}mustUnderstand"
_SHOW = "{jabber:client}show"
_PERSON = f"{{{_DATA_MODEL}}}person"
_DEVICE = f"{{{_DATA_MODEL}}}device"
_PERSON_NOTE = f"{{{_DATA_MODEL}}}note"
_DISPLAY_NAME = f"{{{_CIPID}}}display-name"

# COMPAT(lync, eyebeam): RPID names stood in some ten namespaces while it was a draft (pidf:status:rpid-status,
# pidf:rpid-tuple, pidf:rpid:rpid-person ...), and deployed clients froze every one of them; since 2003.
_RPID_NAME = re.compile(r"\{urn:ietf:params:xml:ns:pidf:[a-z:-]*rpid[a-z:-]*\}(activities|user-input)")

_SINGLE = {activity: (activity,) for activity in ACTIVITIES}  # one tuple for all the documents that are kept
_BASICS = {"open": "open", "closed": "closed"}
_INPUTS = {"active": "active", "idle": "idle"}
_PRIORITY = re.compile(r"(0)(?:\.([0-9]{0,3}))?|(1)(?:\.0{0,3})?")


# --- private: reading -------------------------------------------------------------------------------------------------


class _Rpid:
    """What the elements of RPID or its drafts under one parent say. Those that mean nothing in XMPP are left out."""

    __slots__ = ("activities", "last_input", "notes", "user_input")

    def __init__(self) -> None:
        self.activities: list[str] = []
        self.notes: list[Note] = []  # inside `activities`; they count where the parent has none of its own
        self.user_input = ""
        self.last_input = ""

    @property
    def doing(self) -> tuple[str, ...]:
        said = tuple(self.activities)
        return _SINGLE.get(said[0], said) if len(said) == 1 else said

    def read(self, element: "etree._Element", lang: str) -> None:
        match = _RPID_NAME.fullmatch(element.tag)
        if match is None:
            return
        if match[1] == "user-input":
            said = _INPUTS.get(_text(element).lower(), "")
            if said:
                self.user_input, self.last_input = said, element.get("last-input", "")
        elif not _barred(element):
            lang = element.get(_LANG, lang)
            for child in element:
                name = child.tag.rpartition("}")[2]
                if name == "note":
                    _note(child, lang, self.notes)
                elif len(self.activities) < len(ACTIVITIES):
                    # RFC 4480 names an activity by an element, `other` and the drafts' `activity` by their text
                    value = _text(child).lower() if name in ("activity", "other") else name
                    if value:
                        self.activities.append(intern(value))


@lru_cache(CACHED)
def _parse_cached(body: bytes) -> Document:
    return _parse(body)


def _parse(body: bytes) -> Document:
    if len(body) > MAX_BYTES:
        raise _malformed(f"the presence document is longer than {MAX_BYTES} bytes")
    if b"<!DOCTYPE" in body:  # before anything of it is read
        raise _malformed("the presence document has a document type declaration")
    read, parser, faults = _reader()
    try:
        root = read(body, parser)
    except faults:
        _reader.cache_clear()  # the parser would keep what was wrong, and with whom
        raise _malformed("the presence document is not well-formed XML") from None
    entity = root.get("entity", "").strip()
    if root.tag != _PRESENCE or not entity:
        raise _malformed("the body is not a presence document about an entity")
    tuples: dict[str, Tuple] = {}
    notes: list[Note] = []
    persons: list[Person] = []
    devices: list[Device] = []
    display_name = ""
    count = 0
    lang = root.get(_LANG, "")
    for child in root:
        tag = child.tag
        if tag == _TUPLE:
            count += 1
            if count > MAX_TUPLES:
                raise _malformed(f"the presence document has more than {MAX_TUPLES} tuples")
            item = _tuple(child, lang)
            known = tuples.get(item.id)
            # An id stands once (RFC 3863 §4.1.2); where a presence server merged documents carelessly, open is right
            if known is None or _CERTAINTY[item.basic] > _CERTAINTY[known.basic]:
                tuples[item.id] = item
        elif tag == _NOTE:
            _note(child, lang, notes)
        elif tag == _PERSON:
            if len(persons) < MAX_TUPLES and not _barred(child):
                persons.append(_person(child, lang))
        elif tag == _DEVICE:
            if len(devices) < MAX_TUPLES and not _barred(child):
                devices.append(_device(child))
        elif tag == _DISPLAY_NAME:
            display_name = _text(child)
    return Document(intern(entity), tuple(tuples.values()), tuple(notes), tuple(persons), display_name, tuple(devices))


_CERTAINTY = {"": 0, "closed": 1, "open": 2}


class _Reader(NamedTuple):
    read: "Callable[[bytes, etree.XMLParser], etree._Element]"
    parser: "etree.XMLParser"
    faults: tuple[type[Exception], ...]


@cache
def _reader() -> _Reader:
    """One parser for all documents: making it would take as long as reading one of them."""
    from lxml import etree  # here, because it takes 4 MB that a gateway for messages alone never needs

    # The encoding is given, not taken from the document, so that no exotic encoding hides a DOCTYPE.
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        load_dtd=False,
        dtd_validation=False,
        remove_comments=True,
        remove_pis=True,
    )
    return _Reader(etree.fromstring, parser, (etree.XMLSyntaxError, ValueError))


def _malformed(text: str) -> RemoteProtocolError:
    return RemoteProtocolError(text, Code.S01, status=400)


def _barred(element: "etree._Element") -> bool:
    """Whether an optional element holds what must be understood and is not: then it counts as unknown itself."""
    for child in element:
        if child.get(_MUST_UNDERSTAND) in ("1", "true") and not child.tag.startswith(f"{{{_FAMILY}"):
            return True
    return False


def _tuple(element: "etree._Element", lang: str) -> Tuple:
    identifier = element.get("id", "").strip()
    if len(identifier.encode()) > MAX_ID:
        raise _malformed(f"the presence document has an id of more than {MAX_ID} bytes")
    lang = element.get(_LANG, lang)
    basic = show = contact = timestamp = ""
    priority: int | None = None
    notes: list[Note] = []
    rpid = _Rpid()
    for child in element:
        tag = child.tag
        if tag == _STATUS:
            for part in child:
                if part.tag == _BASIC:
                    basic = _BASICS.get(_text(part).lower(), "")
                elif part.tag == _SHOW:
                    show = intern(_text(part))
                else:
                    rpid.read(part, lang)
        elif tag == _CONTACT:
            contact = _text(child)
            priority = _priority(child.get("priority", ""))
        elif tag == _NOTE:
            _note(child, lang, notes)
        elif tag == _TIMESTAMP:
            timestamp = _text(child)
        else:
            rpid.read(child, lang)
    return Tuple(
        intern(identifier),
        basic,
        show,
        rpid.doing,
        rpid.user_input,
        contact,
        priority,
        tuple(notes or rpid.notes),
        timestamp,
        rpid.last_input,
    )


def _person(element: "etree._Element", lang: str) -> Person:
    lang = element.get(_LANG, lang)
    notes: list[Note] = []
    rpid = _Rpid()
    for child in element:
        if child.tag in (_PERSON_NOTE, _NOTE):
            _note(child, lang, notes)
        else:
            rpid.read(child, lang)
    return Person(
        intern(element.get("id", "")),
        rpid.doing,
        rpid.user_input,
        rpid.last_input,
        tuple(notes or rpid.notes),
    )


def _device(element: "etree._Element") -> Device:
    rpid = _Rpid()
    for child in element:
        rpid.read(child, "")
    return Device(intern(element.get("id", "")), rpid.user_input, rpid.last_input)


def _note(element: "etree._Element", lang: str, notes: list[Note]) -> None:
    text = _text(element)
    if text and len(notes) < MAX_NOTES:
        lang = element.get(_LANG, lang)
        notes.append(Note(text, intern(language_tag(lang)) if lang else ""))


def _text(element: "etree._Element") -> str:
    return (element.text or "").strip()


def _priority(text: str) -> int | None:
    """Thousandths of a `qvalue`; anything else counts as absent (RFC 3863 §4.1.5)."""
    match = _PRIORITY.fullmatch(text.strip())
    if match is None:
        return None
    return 1000 if match[3] else int((match[2] or "").ljust(3, "0"))


# --- private: writing -------------------------------------------------------------------------------------------------


_HARMLESS = re.compile(r"[A-Za-z0-9 .,:@/+_-]*")


def _escape(text: str) -> str:
    return text if _HARMLESS.fullmatch(text) else escape(text if text.isprintable() else legal(text))


def _render_tuple(item: Tuple) -> str:
    status = f"<basic>{item.basic}</basic>" if item.basic else ""
    if item.activities:
        # COMPAT(lync): Microsoft edges read an activity only inside status, in the namespace of a draft; since 2003
        activities = "".join([f"<ep:activity>{_escape(activity)}</ep:activity>" for activity in item.activities])
        status += f"<ep:activities>{activities}</ep:activities>"
    if item.show:
        status += f'<show xmlns="jabber:client">{_escape(item.show)}</show>'
    text = f'<tuple id="{_escape(item.id)}"><status>{status}</status>'
    if item.user_input:
        text += _render_input(item.user_input, item.last_input)
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
            [
                f"<rpid:{activity}/>" if activity in ACTIVITIES else f"<rpid:other>{_escape(activity)}</rpid:other>"
                for activity in person.activities
            ]
        )
        text += f"<rpid:activities>{activities}</rpid:activities>"
    if person.user_input:
        text += _render_input(person.user_input, person.last_input)
    for note in person.notes:
        text += _render_note("dm:note", note)
    return f"{text}</dm:person>"


def _render_device(device: Device) -> str:
    said = _render_input(device.user_input, device.last_input) if device.user_input else ""
    return f'<dm:device id="{_escape(device.id)}">{said}</dm:device>'


def _render_input(said: str, since: str) -> str:
    since = f' last-input="{_escape(since)}"' if since else ""
    return f"<rpid:user-input{since}>{_escape(said)}</rpid:user-input>"


def _render_note(name: str, note: Note) -> str:
    lang = f' xml:lang="{_escape(note.lang)}"' if note.lang else ""
    return f"<{name}{lang}>{_escape(note.text)}</{name}>"


def _render_priority(thousandths: int) -> str:
    if thousandths >= 1000:
        return "1"
    return f"0.{thousandths:03}".rstrip("0").rstrip(".")
