"""What one message says, whichever side it came from: text to read, somebody is writing, or what became of a message.

The one vocabulary of `edge.mapping.messages`, for messages inside and outside of sessions. Tuples with names, because
they are made for every message. Times are seconds since 1970 in UTC.
"""

from typing import NamedTuple


class Asked(NamedTuple):
    """What the sender wants to be told of his message; ``id`` is his name for it (imdn.Message-ID, or stanza id)."""

    id: str
    delivered: bool = False
    failed: bool = False
    displayed: bool = False


class Content(NamedTuple):
    """Something to read. ``body`` has LF as its line end.

    ``xhtml`` is what stands inside the `body` of XHTML-IM, sanitised; empty if the text is not formatted. ``sent`` is
    when it was written, if that was a while ago; ``expires`` when nobody wants it any more. ``typing`` is the chat
    state that rides with it, which tells that its sender knows chat states. ``thread`` is a Call-ID, or an XMPP thread.
    """

    body: str
    xhtml: str = ""
    subject: str = ""
    thread: str = ""
    lang: str = ""
    sent: float | None = None
    expires: float | None = None
    asked: Asked | None = None
    typing: str = ""


class Typing(NamedTuple):
    """A chat state on its own: active, composing, paused, inactive or gone (XEP-0085 §3).

    ``refresh`` is the number of seconds after which a composing runs out unless it is repeated; 0 for not said.
    """

    state: str
    refresh: int = 0
    thread: str = ""


class Receipt(NamedTuple):
    """What became of the message ``id``: ``delivered``, ``displayed`` or ``failed``."""

    id: str
    kind: str
    thread: str = ""


Said = Content | Typing | Receipt
