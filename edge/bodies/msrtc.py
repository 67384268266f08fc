"""Presence documents of Microsoft's own: `text/xml+msrtc.pidf` (MS-SIP §2.2.1 and §6) <-> the values of this module.

Read and written by the gateway with partners for whom the configuration says so; `edge.mapping.msrtc` gives the numbers
their meaning. Of a document only the whole is read, which its server has made of all devices, and what the user says of
himself; the devices one by one are not.

COMPAT(lync): in PIDF these servers know four states, in this format eight; since Live Communications Server 2003.
"""

import re
from functools import lru_cache
from html import escape
from typing import NamedTuple

from edge.bodies.simple import SEPARATOR, Node, read
from edge.bodies.text import legal
from edge.codes import Code
from edge.errors import RemoteProtocolError

MEDIA_TYPE = "text/xml+msrtc.pidf"

MAX_BYTES = 65_536  # of one document: ten devices with a month of free and busy hours each have half of it
MAX_ELEMENTS = 1_000  # of the same document, which has 200
CACHED = 64  # documents, for the same reason as in `edge.bodies.pidf`
CACHED_BYTES = 4096  # of a document


class Presentity(NamedTuple):
    """What a document says of a user as a whole. ``uri`` has no scheme.

    ``availability`` and ``activity`` are the aggregates, 0 to 999, None if there are none. ``state`` is what the user
    has said of himself, in the numbers of enhanced presence (0: nothing); ``out_of_office`` goes with his note.
    """

    uri: str
    availability: int | None = None
    activity: int | None = None
    display_name: str = ""
    note: str = ""
    state: int = 0
    out_of_office: bool = False


def parse(body: bytes) -> Presentity:
    """Read a document. Raises `RemoteProtocolError` (400) for anything that is not one, or that has a DOCTYPE."""
    return _parse_cached(body) if len(body) <= CACHED_BYTES else _parse(body)


def render(presentity: Presentity) -> bytes:
    """Write a document in the order of the schema, with what the schema demands: one device if somebody is there."""
    said = f' note="{_escape(presentity.note)}"' if presentity.note else ""
    both = (
        f'<availability aggregate="{presentity.availability or 0}" description=""/>'
        f'<activity aggregate="{presentity.activity or 0}" description=""{said}/>'
    )
    name = f'<displayName displayName="{_escape(presentity.display_name)}"/>' if presentity.display_name else ""
    note = f"<note>{_escape(presentity.note)}</note>" if presentity.note else ""
    device = f'<devicePresence ageOfPresence="0">{both}<userInfo/></devicePresence>' if presentity.availability else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<presentity xmlns="{_NAMESPACE}" uri="{_escape(presentity.uri)}">'
        f"{both}{name}<userInfo>{note}</userInfo><devices>{device}</devices></presentity>"
    ).encode()


# --- private ----------------------------------------------------------------------------------------------------------

_NAMESPACE = "http://schemas.microsoft.com/2002/09/sip/presence"
_NIL = f"http://www.w3.org/2001/XMLSchema-instance{SEPARATOR}nil"
_AGGREGATE = re.compile("[0-9]{1,3}", re.ASCII)
_NUMBER = re.compile("[0-9]{1,5}", re.ASCII)


@lru_cache(CACHED)
def _parse_cached(body: bytes) -> Presentity:
    return _parse(body)


def _parse(body: bytes) -> Presentity:
    root = read(body, "presence document", max_bytes=MAX_BYTES, max_elements=MAX_ELEMENTS)
    uri = root.attributes.get("uri", "").strip()
    if root.name != f"{_NAMESPACE}{SEPARATOR}presentity" or not uri:
        raise RemoteProtocolError("the body is not a presence document about an entity", Code.S01, status=400)
    name = _child(root, "displayName")
    info = _child(root, "userInfo")
    note = _inside(info, "note")
    states = _inside(info, "states")
    state = _inside(states, "state")
    return Presentity(
        uri,
        _aggregate(_child(root, "availability")),
        _aggregate(_child(root, "activity")),
        name.attributes.get("displayName", "").strip() if name is not None else "",
        note.text if note is not None else "",
        _state(state) if state is not None else 0,
        _inside(info, "oof") is not None,
    )


def _child(parent: Node, name: str) -> Node | None:
    return parent.child(f"{_NAMESPACE}{SEPARATOR}{name}")


def _inside(parent: Node | None, name: str) -> Node | None:
    """What clients put into `userInfo` may be in any namespace."""
    return next((child for child in parent.children if child.local == name), None) if parent is not None else None


def _aggregate(node: Node | None) -> int | None:
    text = node.attributes.get("aggregate", "").strip() if node is not None else ""
    return int(text) if _AGGREGATE.fullmatch(text) else None


def _state(node: Node) -> int:
    text = node.attributes.get("avail", "").strip()
    return int(text) if _NUMBER.fullmatch(text) and node.attributes.get(_NIL) not in ("true", "1") else 0


def _escape(text: str) -> str:
    return text if text.isalnum() else escape(text if text.isprintable() else legal(text))
