"""Who is writing, as Microsoft's clients say it: `KeyboardActivity` in an INFO inside the dialog.

Not in any standard; a document is one element with a status, ``type`` or ``idle``. Called by `edge.mapping.payloads`.
"""

from edge.bodies.simple import read
from edge.bodies.text import UnsupportedBody

MEDIA_TYPE = "application/xml"


def parse(body: bytes) -> bool:
    """Whether somebody is writing. `UnsupportedBody` (415) for another document, 400 for what is no XML."""
    root = read(body, "keyboard activity")
    status = root.child("status")
    if root.name != "KeyboardActivity" or status is None:
        raise UnsupportedBody("the XML is not a keyboard activity", ())
    return status.attributes.get("status", "").lower() == "type"


def render(typing: bool) -> bytes:
    """Write a document."""
    return _TYPE if typing else _IDLE


_TYPE = b'<?xml version="1.0"?><KeyboardActivity><status status="type" /></KeyboardActivity>'
_IDLE = _TYPE.replace(b'"type"', b'"idle"')
