"""Who is writing: `application/im-iscomposing+xml` (RFC 3994). Called by `edge.mapping.payloads`."""

from typing import NamedTuple

from edge.bodies.simple import read
from edge.codes import Code
from edge.errors import RemoteProtocolError

MEDIA_TYPE = "application/im-iscomposing+xml"

ASSUMED_REFRESH = 120  # seconds that an active state lasts when it does not say (RFC 3994 §3.3)
LEAST_REFRESH = 60  # seconds; what a composer repeats more often we count as repeated this often (RFC 3994 §3.2)
MOST_REFRESH = 3600  # seconds; nobody types for longer without a break


class IsComposing(NamedTuple):
    """A status message. ``refresh`` is in seconds: when an active state runs out unless it is repeated.

    ``last_active`` is the text of a time, ``content_type`` what is being composed; both may be empty.
    """

    active: bool
    refresh: int = 0
    content_type: str = ""
    last_active: str = ""


def parse(body: bytes) -> IsComposing:
    """Read a document. A state that is not known is idle (RFC 3994 §3.3). `RemoteProtocolError` (400) if it is none."""
    root = read(body, "is-composing document")
    if root.local != "isComposing" or root.name not in (_ROOT, "isComposing"):
        raise _malformed("the body is not an is-composing document")
    state = root.child(root.name.replace("isComposing", "state"))
    if state is None:
        raise _malformed("the is-composing document has no state")
    texts = {child.local: child.text for child in root.children}
    return IsComposing(
        state.text.lower() == "active",
        _refresh(texts.get("refresh", "")),
        texts.get("contenttype", ""),
        texts.get("lastactive", ""),
    )


def render(composing: IsComposing) -> bytes:
    """Write a document. Only a refresh, a number, is written beside the state: nothing else has to be escaped."""
    refresh = f"<refresh>{composing.refresh:d}</refresh>" if composing.refresh else ""
    content = f"<state>{'active' if composing.active else 'idle'}</state>{_WHAT}{refresh}"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<isComposing xmlns="{_NS}">{content}</isComposing>'.encode()


_NS = "urn:ietf:params:xml:ns:im-iscomposing"
_ROOT = f"{_NS} isComposing"
_WHAT = "<contenttype>text/plain</contenttype>"


def _refresh(text: str) -> int:
    """RFC 3994 §3.2: at least 60 seconds; what is no number counts as absent."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        return 0
    return min(max(int(text), LEAST_REFRESH), MOST_REFRESH)


def _malformed(text: str) -> RemoteProtocolError:
    return RemoteProtocolError(text, Code.S01, status=400)
