"""Page-mode messages: MESSAGE requests <-> `<message/>` stanzas (RFC 7572; RFC 3428; RFC 6121 §5).

Pure functions on the hot path, one call for each message. Called by `edge.gateway.pager`, which knows transactions,
queues and limits. The tables are published in docs/mapping.md.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from edge.bodies import text
from edge.bodies.text import UnsupportedBody
from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.sip.message import Request
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Message, message_bytes

ACCEPT = "text/plain"  # what we take in a MESSAGE; RFC 7572 §7 demands no other type

# Octets of a whole MESSAGE request outside a session (RFC 3428 §8); a system may allow more. Who has built the request
# measures it: over the limit the sender gets `policy-violation`, type modify (RFC 7572 §6).
RFC3428_LIMIT = 1300
RFC6120_LIMIT = 10_000  # octets of a stanza that every XMPP server must take (RFC 6120 §13.12); a system may allow more
MAX_CALL_ID = 255  # characters of a thread that is used as a Call-ID; peers store Call-IDs in columns of this size


@dataclass(slots=True)
class MessageFacts:
    """What a stanza says that its MESSAGE has to say: the headers about the body, the body, and a Call-ID.

    ``call_id`` is None when the stanza has no thread that can be one; the gateway then makes one up.
    """

    headers: Sequence[tuple[str, str]]
    body: bytes
    call_id: str | None


def stanza_of(
    request: Request, sender: JID, recipient: JID, *, id: str, page_type: str, limit: int = RFC6120_LIMIT
) -> bytes | None:
    """Return the stanza for a MESSAGE (RFC 7572 §5), or None if it has no content that we must understand.

    ``page_type`` is the recipient system's type for page-mode messages, ``limit`` its largest stanza in octets.
    Raises `RemoteProtocolError`: 415 as `UnsupportedBody` with its headers, 400, or 413 for too large a message.
    """
    headers = request.headers
    if b"content-encoding" in headers and not _is_identity(headers.rows("Content-Encoding")):
        if _is_optional(request):
            return None
        raise UnsupportedBody("the content encoding is not supported", (("Accept-Encoding", "identity"),))
    body = request.body
    if body:
        charset = _charset_of(request)
        if charset is None:
            return None
        content = text.decode(body, charset)
    else:
        content = ""
    subject = (headers.get("Subject") or "") if b"subject" in headers else ""
    lang = text.language_tag(headers.get("Content-Language") or "") if b"content-language" in headers else ""
    if content:
        stanza = message_bytes(
            sender, recipient, content, id=id, type=page_type, subject=subject, thread=request.call_id, lang=lang
        )
    elif subject:  # a message without a body, not one with an empty body
        stanza = Message(
            sender, recipient, id, page_type, lang, subject=subject, thread=request.call_id
        ).to_bytes()
    else:
        return None
    if len(stanza) > limit:
        raise RemoteProtocolError(f"the message is longer than the {limit} bytes of a stanza", Code.S09, status=413)
    return stanza


def request_of(stanza: Message) -> MessageFacts | None:
    """Return what goes into the MESSAGE for a stanza (RFC 7572 §4), or None if it must not become one.

    An error is never answered, and a stanza without a body (a chat state, a receipt, a marker) is no message.
    Raises `RemoteProtocolError` with the condition of the error stanza that the sender gets.
    """
    if stanza.type == "error":
        return None
    if stanza.type == "groupchat":  # RFC 6121 §8.5.2.1.1: nobody here is in a room
        raise RemoteProtocolError("there are no rooms here", Code.S03, condition="service-unavailable")
    content, lang = stanza.body, stanza.lang
    if stanza.bodies and (len(stanza.bodies) > 1 or stanza.bodies[0][0]):
        lang, content = _choice(stanza)
    if not content:
        return None
    headers: Sequence[tuple[str, str]] = _PLAIN
    if lang or stanza.subject:
        headers = _headers(text.language_tag(lang), stanza.subject)
    thread = stanza.thread
    return MessageFacts(headers, text.encode(content), thread if thread and _is_call_id(thread) else None)


# --- private: MESSAGE to stanza ---------------------------------------------------------------------------------------

def _charset_of(request: Request) -> str | None:
    """The charset of a body that we must understand; None for a body that we may leave out (RFC 3261 §8.2.3)."""
    media = request.content_type
    if media is None:
        raise RemoteProtocolError("the body has no Content-Type", Code.S01, status=400)
    if media.type == "text/plain":
        return media.parameter("charset") or ""
    if _is_optional(request):
        return None
    raise UnsupportedBody(f"the body type {media.type} is not supported", (("Accept", ACCEPT),))


def _is_optional(request: Request) -> bool:
    disposition = request.headers.get("Content-Disposition")
    if disposition is None:
        return False
    parameters = (part.strip().lower().replace(" ", "") for part in disposition.split(";")[1:])
    return "handling=optional" in parameters


def _is_identity(rows: list[str]) -> bool:
    return all(coding.strip().lower() in ("identity", "") for row in rows for coding in row.split(","))


# --- private: stanza to MESSAGE ---------------------------------------------------------------------------------------

_PLAIN = (("Content-Type", "text/plain;charset=UTF-8"),)

# RFC 3261 §25.1: callid = word [ "@" word ]
_WORD = r"""[A-Za-z0-9\-.!%*_+`'~()<>:\\"/\[\]?{}]+"""
_CALL_ID = re.compile(f"{_WORD}(?:@{_WORD})?")

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def _choice(stanza: Message) -> tuple[str, str]:
    """Of several bodies the one in the stanza's language, else the one without its own language, else the first."""
    bodies = dict(reversed(stanza.bodies))  # of two in one language the first
    for lang in (stanza.lang, ""):
        if lang in bodies:
            return lang or stanza.lang, bodies[lang]
    return stanza.bodies[0]


def _headers(lang: str, subject: str) -> list[tuple[str, str]]:
    headers = [*_PLAIN]
    if lang:
        headers.append(("Content-Language", lang))
    line = subject if subject.isprintable() else _CONTROLS.sub("", " ".join(subject.split()))
    if line.strip():
        headers.append(("Subject", line.strip()))
    return headers


def _is_call_id(thread: str) -> bool:
    return len(thread) <= MAX_CALL_ID and _CALL_ID.fullmatch(thread) is not None
