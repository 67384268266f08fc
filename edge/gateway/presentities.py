"""What is known of XMPP users as presentities, shared by all who watch them.

An XMPP server sends one stanza to each watcher, each with the same news. A `Snapshot` is the complete state that such
news leads to: it is made once, its document is rendered once (RFC 3856 §6.8), and all pairs refer to it. Called by
`edge.gateway.notifier`.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

import msgspec

from edge.gateway.documents import rendered
from edge.mapping.addresses import bare_uri_of
from edge.mapping.presence import closed_document, content_language, document_of, timestamp
from edge.mapping.profile import DEFAULT, Profile
from edge.sip.subscription import PIDF
from edge.xmpp.element import Element
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Presence, Texts

MAX_RESOURCES = 32  # of one contact; each is a tuple of every document
MAX_STATUS = 1024  # characters of what a resource says of itself, in all languages; it is kept for each watcher
MAX_NAME = 128  # characters of a nickname
MAX_LANG = 35  # characters of a language tag; the longest in use have half of it
MAX_DATE_TIME = 35  # characters of a time
MAX_EXTENSIONS = 2  # of one stanza: one of each kind
RECENT = 2048  # contacts whose last snapshot and document are shared; each costs a kB or two
UNPACKED = 64  # snapshots of which the stanzas are at hand, for the next watcher
MAPPED = frozenset((("idle", "urn:xmpp:idle:1"), ("nick", "http://jabber.org/protocol/nick")))
"""Extensions of presence that documents speak of; the others are not kept."""


class Snapshot:
    """The state of one presentity: the last stanza of each available resource. Never changed once it is made.

    ``packed`` are its states as `pack` packs them, because as objects they take ten times as much, and there is one for
    each watch among strangers. ``at`` is when it came to be (Unix epoch), ``note`` what there is to say when nobody is
    available. Unless ``known`` nobody can say whether somebody is.
    """

    __slots__ = ("packed", "at", "note", "known")

    def __init__(self, states: Mapping[str, Presence] | bytes, at: float, note: str = "", known: bool = True) -> None:
        self.packed = states if isinstance(states, bytes) else pack(states)
        self.at = at
        self.note = note
        self.known = known

    @property
    def states(self) -> Mapping[str, Presence]:
        """By resource. It is not to be changed."""
        return unpack(self.packed) if self.packed != NOBODY else {}

    def says_the_same(self, other: "Snapshot | None", profile: Profile = DEFAULT) -> bool:
        """Whether a partner with this profile cannot tell the two apart: when somebody stirs is his own affair."""
        if other is None or other is self:
            return other is self
        if profile.outbound != "full":
            return profile.outbound == "none" or (other.packed == NOBODY) == (self.packed == NOBODY)
        if profile.notes:
            return other.note == self.note and other.packed == self.packed
        return _without_texts(other.states) == _without_texts(self.states)


class Rendered(NamedTuple):
    """A document for a NOTIFY. ``language`` is that of all its notes, empty if they have none or several."""

    body: bytes = b""
    language: str = ""


class Presentities:
    """Makes snapshots and their documents, and keeps the most recent ones for the next watcher."""

    def __init__(self) -> None:
        self._latest: dict[JID, Snapshot] = {}
        self._asked: tuple[object, ...] = ()  # what `after` was last asked, and what came of it
        self._found: Snapshot | None = None
        self._documents: dict[tuple[Snapshot, Profile, str], Rendered] = {}

    def after(self, contact: JID, before: Snapshot | None, stanza: Presence, wall: float) -> Snapshot | None:
        """The state after one more stanza of ``contact``; None if it is no news."""
        assert stanza.from_ is not None
        resource = stanza.from_.resource
        # the next watcher hears the same, and saw the same before
        asked = (
            contact, before, resource, stanza.type, stanza.show, stanza.status, stanza.statuses, stanza.priority,
            stanza.lang, stanza.extensions,
        )
        if asked != self._asked:
            self._found = self._after(contact, before, stanza, resource, wall)
            self._asked = asked
        return self._found

    def _after(
        self, contact: JID, before: Snapshot | None, stanza: Presence, resource: str, wall: float
    ) -> Snapshot | None:
        states = dict(before.states) if before is not None else {}
        note = ""
        if stanza.type == "unavailable":
            if not resource:
                states.clear()
            elif states.pop(resource, None) is None and before is not None:
                return None
            note = "" if states else stanza.status[:MAX_STATUS]
        elif resource in states or len(states) < MAX_RESOURCES:
            states[resource] = kept(stanza)
        else:
            return None
        return self._shared(contact, before, states, note, wall)

    def of(
        self, contact: JID, before: Snapshot | None, states: Mapping[str, Presence], wall: float, note: str = ""
    ) -> Snapshot:
        """The state that a complete answer to a probe tells."""
        return self._shared(contact, before, states, note, wall)

    def closed(
        self, contact: JID, before: Snapshot | None, wall: float, note: str = "", known: bool = True
    ) -> Snapshot:
        """Nobody is there, or nobody can know, for the reason in ``note``."""
        return self._shared(contact, before, {}, note, wall, known)

    def document(self, contact: JID, snapshot: Snapshot, profile: Profile, media_type: str = PIDF) -> Rendered:
        """The document of a snapshot in one of our formats, as a partner with this profile is to see it."""
        key = snapshot, profile, media_type
        found = self._documents.get(key)
        if found is None:
            entity, at = bare_uri_of(contact, "pres"), timestamp(snapshot.at)
            if states := snapshot.states:
                document = document_of(entity, states, at, profile)
            else:
                speaks = profile.notes and profile.outbound == "full"
                document = closed_document(entity, at, snapshot.note if speaks else "")
            if len(self._documents) >= RECENT:
                self._documents.clear()
            found = self._documents[key] = Rendered(rendered(document, media_type), content_language(document))
        return found

    def _shared(
        self, contact: JID, before: Snapshot | None, states: Mapping[str, Presence], note: str, wall: float,
        known: bool = True,
    ) -> Snapshot:
        packed = pack(states)
        if before is not None and before.packed == packed and before.note == note and before.known == known:
            return before
        latest = self._latest.get(contact)
        if latest is not None and latest.packed == packed and latest.note == note and latest.known == known:
            return latest
        # RFC 3863 §4.1.7: no two documents about one presentity have the same time
        last = max(before.at if before is not None else 0.0, latest.at if latest is not None else 0.0)
        snapshot = Snapshot(packed, max(wall, last + 0.001), note, known)
        self._asked = ()
        if len(self._latest) >= RECENT:
            self._latest.clear()
        self._latest[contact] = snapshot
        return snapshot


def pack(states: Mapping[str, Presence]) -> bytes:
    """What `kept` has left of the stanzas, in the order of their resources."""
    return _encode([_state_of(resource, states[resource]) for resource in sorted(states)])


@lru_cache(UNPACKED)
def unpack(packed: bytes) -> Mapping[str, Presence]:
    """What `pack` has packed."""
    return {state.resource: _stanza_of(state) for state in _decode(packed)}


def kept(stanza: Presence) -> Presence:
    """What documents speak of, and nothing else: there is one for each resource of each presentity."""
    status, statuses, lang = stanza.status, stanza.statuses, stanza.lang
    if len(status) > MAX_STATUS or len(statuses) > 1:
        status, statuses = status[:MAX_STATUS], _shortened(statuses)
    return Presence(
        None, None, "", stanza.type, lang if len(lang) <= MAX_LANG else "", None,
        tuple(map(_slim, islice(filter(_is_mapped, stanza.extensions), MAX_EXTENSIONS))) if stanza.extensions else (),
        stanza.show, status, statuses, stanza.priority,
    )


def _shortened(statuses: Texts) -> Texts:
    """As many as there is room for, in their order."""
    some: list[tuple[str, str]] = []
    room = MAX_STATUS
    for lang, text in statuses:
        if room and len(lang) <= MAX_LANG:
            some.append((lang, text[:room]))
            room -= len(some[-1][1])
    return tuple(some)


def _is_mapped(extension: Element) -> bool:
    return (extension.name, extension.namespace) in MAPPED


def _slim(extension: Element) -> Element:
    since = extension.attributes.get("since", "")
    attributes = {"since": since} if since and len(since) <= MAX_DATE_TIME else {}
    text = extension.text[:MAX_NAME]
    return Element(extension.name, extension.namespace, attributes, [text] if text else [])


def _without_texts(states: Mapping[str, Presence]) -> dict[str, Presence]:
    return {resource: replace(stanza, status="", statuses=()) for resource, stanza in states.items()}


class _Extension(NamedTuple):
    name: str
    namespace: str
    attributes: dict[str, str]
    text: str


class _State(NamedTuple):
    resource: str
    show: str = ""
    status: str = ""
    priority: int = 0
    type: str = ""
    lang: str = ""
    statuses: Texts = ()
    extensions: tuple[_Extension, ...] = ()


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[_State, ...]).decode
NOBODY = _encode([])


def _state_of(resource: str, stanza: Presence) -> tuple[object, ...]:
    """As `_State`, without what has its default at the end."""
    statuses = stanza.statuses if len(stanza.statuses) > 1 or (stanza.statuses and stanza.statuses[0][0]) else ()
    if not (stanza.type or stanza.lang or statuses or stanza.extensions):
        return resource, stanza.show, stanza.status, stanza.priority
    extensions = [_Extension(each.name, each.namespace, dict(each.attributes), each.text) for each in stanza.extensions]
    return resource, stanza.show, stanza.status, stanza.priority, stanza.type, stanza.lang, statuses, extensions


def _stanza_of(state: _State) -> Presence:
    extensions = tuple([
        Element(each.name, each.namespace, each.attributes, [each.text] if each.text else [])
        for each in state.extensions
    ])
    statuses = state.statuses or ((("", state.status),) if state.status else ())
    return Presence(
        None, None, "", state.type, state.lang, None, extensions, state.show, state.status, statuses, state.priority
    )
