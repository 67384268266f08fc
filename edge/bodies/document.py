"""What a presence document says, as values: RFC 3863 with the data model (RFC 4479) and what RPID (RFC 4480) adds.

`edge.bodies.pidf` makes them of bytes and bytes of them, `edge.mapping.presence` gives them their meaning. They are
tuples with names, because a gateway keeps one document for each watch, and compares and looks up documents all day.
"""

import re
from functools import lru_cache
from typing import NamedTuple

# The activities of RFC 4480 §3.2; any other is written as the text of `other`.
ACTIVITIES = frozenset(
    {
        "appointment", "away", "breakfast", "busy", "dinner", "holiday", "in-transit", "looking-for-work", "lunch",
        "meal", "meeting", "on-the-phone", "performance", "permanent-absence", "playing", "presentation", "shopping",
        "sleeping", "spectator", "steering", "travel", "tv", "unknown", "vacation", "working", "worship",
    }
)


class Note(NamedTuple):
    """A human-readable note; ``lang`` is empty when nobody declared one (RFC 3863 §4.1.6)."""

    text: str
    lang: str = ""


class Tuple(NamedTuple):
    """One segment of a presentity: for us, one device or client (RFC 3863 §4.1.2).

    ``basic`` is ``open``, ``closed`` or empty (not said). ``show`` is RFC 8048's `show` inside `status`.
    ``activities`` stand in the tuple itself, as the drafts before RFC 4480 had them. ``priority`` is in thousandths.
    ``user_input`` is ``active``, ``idle`` or empty, ``last_input`` the text of a time.
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
    last_input: str = ""


class Person(NamedTuple):
    """The human behind the presentity (RFC 4479 §3.2) and what RPID says of him (RFC 4480 §3)."""

    id: str
    activities: tuple[str, ...] = ()
    user_input: str = ""
    last_input: str = ""
    notes: tuple[Note, ...] = ()


class Device(NamedTuple):
    """A device of the presentity (RFC 4479 §3.4); of all it can say, only its use tells us something."""

    id: str
    user_input: str = ""
    last_input: str = ""


class Document(NamedTuple):
    """A presence document. ``entity`` is the URI text of the presentity, ``display_name`` his name (RFC 4482)."""

    entity: str
    tuples: tuple[Tuple, ...] = ()
    notes: tuple[Note, ...] = ()
    persons: tuple[Person, ...] = ()
    display_name: str = ""
    devices: tuple[Device, ...] = ()


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


_OUTSIDE_NCNAME = re.compile("[^A-Za-z0-9._-]|_(?=x)")
_ESCAPED = re.compile("_x([0-9a-f]{1,6})_")


def _unescaped(match: re.Match[str]) -> str:
    number = int(match[1], 16)
    return chr(number) if number <= 0x10FFFF and not 0xD800 <= number < 0xE000 else match[0]
