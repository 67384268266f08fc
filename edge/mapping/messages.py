"""Instant messages: MESSAGE requests <-> `<message/>` stanzas (RFC 7572; RFC 3428; RFC 6121 §5).

Pure functions. `stanza_of` and `request_of` carry a text across in one call, on the hot path of page mode.
The four others take what a message says apart from how it is said: `read_request` and `read_stanza` give a value of
`edge.mapping.said`, `write_stanza` and `write_request` make bytes of one; who calls them knows what several messages
have to do with each other (receipts, chat states). Called by the gateway. docs/mapping.md publishes the tables.
"""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from edge.bodies import cpim, html, iscomposing, keyboard, text, xhtml
from edge.bodies.mime import Entity
from edge.bodies.text import UnsupportedBody
from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.mapping import payloads
from edge.mapping.addresses import uri_of
from edge.mapping.dates import date_of, time_of_date
from edge.mapping.extensions import STATES, Extensions, content_elements, receipt_elements, state_elements
from edge.mapping.payloads import ACCEPT
from edge.mapping.said import Asked, Content, Receipt, Said, Typing
from edge.sip.message import Request
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Message, StanzaError, message_bytes

__all__ = [
    "ACCEPT", "PLAIN", "RFC3428_LIMIT", "RFC6120_LIMIT", "Asked", "Content", "MessageFacts", "Receipt", "Said",
    "Typing", "read_request", "read_stanza", "request_of", "stanza_of", "write_request", "write_stanza",
]

# Octets of a whole MESSAGE request outside a session (RFC 3428 §8); a system may allow more. Who has built the request
# measures it: over the limit the sender gets `policy-violation`, type modify (RFC 7572 §6).
RFC3428_LIMIT = 1300
RFC6120_LIMIT = 10_000  # octets of a stanza that every XMPP server must take (RFC 6120 §13.12); a system may allow more
MAX_CALL_ID = 255  # characters of a thread that is used as a Call-ID; peers store Call-IDs in columns of this size
LATE = 60.0  # seconds after which it is worth saying when a message was written

PLAIN = frozenset((payloads.PLAIN,))  # the types that every peer takes


@dataclass(slots=True)
class MessageFacts:
    """What goes into a request: the headers about the body, the body, a Call-ID, and the method.

    ``call_id`` is None when there is no thread that can be one; the gateway then makes one up. The method is MESSAGE,
    or INFO for Microsoft's way to say that somebody is writing, which is possible in a dialog only.
    """

    headers: Sequence[tuple[str, str]]
    body: bytes
    call_id: str | None
    method: str = "MESSAGE"


def stanza_of(
    request: Request,
    sender: JID,
    recipient: JID,
    *,
    id: str,
    page_type: str,
    limit: int = RFC6120_LIMIT,
    now: float = 0.0,
) -> bytes | None:
    """Return the stanza for a MESSAGE (RFC 7572 §5), or None if it has nothing to read in it.

    ``page_type`` is the recipient system's type for page-mode messages, ``limit`` its largest stanza in octets. Raises
    what `read_request` and `write_stanza` raise. Chat states, receipts and requests for them are left out.
    """
    index = request.headers.index
    body = request.body
    if body and not (
        b"content-encoding" in index or b"date" in index or b"expires" in index or b"content-transfer-encoding" in index
    ):
        media = request.content_type
        if media is not None and media.type == "text/plain":
            content = text.decode(body, media.parameter("charset") or "")
            subject = (request.headers.get("Subject") or "") if b"subject" in index else ""
            lang = text.language_tag(request.headers.get("Content-Language") or "") if _LANGUAGE in index else ""
            stanza = message_bytes(
                sender, recipient, content, id=id, type=page_type, subject=subject, thread=request.call_id, lang=lang
            )
            if len(stanza) > limit:
                raise _too_large(limit)
            return stanza
    said = read_request(request, sender.host, now)
    if not isinstance(said, Content):
        return None
    return write_stanza(said._replace(asked=None), sender, recipient, id=id, type=page_type, limit=limit)


def request_of(
    stanza: Message, *, encrypted: str = "fallback", takes: Set[str] = PLAIN, now: float = 0.0
) -> MessageFacts | None:
    """Return what goes into the MESSAGE for a stanza (RFC 7572 §4), or None if it must not become one.

    An error is never answered; a chat state, a receipt or a marker is no message here. ``takes`` is as in
    `write_request`. Raises `RemoteProtocolError` with the condition of the error stanza that the sender gets.
    """
    if stanza.extensions or stanza.type in _NEVER:
        said = read_stanza(stanza, encrypted=encrypted, rich=html.MEDIA_TYPE in takes)
        if not isinstance(said, Content):
            return None
        assert stanza.from_ is not None and stanza.to is not None
        return write_request(said._replace(asked=None), stanza.from_, stanza.to, takes=takes, now=now)
    content, lang = stanza.body, stanza.lang
    if stanza.bodies and (len(stanza.bodies) > 1 or stanza.bodies[0][0]):
        lang, content = _choice(stanza)
    if not content:
        return None
    headers: Sequence[tuple[str, str]] = _PLAIN
    if lang or stanza.subject:
        headers = _headers(_PLAIN, text.language_tag(lang), stanza.subject)
    thread = stanza.thread
    return MessageFacts(headers, text.encode(content), thread if thread and _is_call_id(thread) else None)


def read_request(request: Request, host: str, now: float = 0.0) -> Said | None:
    """Return what a MESSAGE, or an INFO inside a dialog, says; None if that is nothing for people.

    ``host`` is the authenticated domain of its sender. Without ``now`` nothing is judged old. Raises
    `RemoteProtocolError` with the status of the answer: 415 as `UnsupportedBody` with its headers, 400, 413, 403 for a
    CPIM message of somebody else, 480 for a message that has expired (RFC 3428 §7).
    """
    headers = request.headers
    index = headers.index
    if b"content-encoding" in index and not _is_identity(headers.rows("Content-Encoding")):
        if _entity(request).optional:
            return None
        raise UnsupportedBody("the content encoding is not supported", (("Accept-Encoding", "identity"),))
    subject = (headers.get("Subject") or "") if b"subject" in index else ""
    if not request.body and not subject:
        return None
    said = payloads.read(_entity(request), host) if request.body else Content("")
    if said is None:
        return None
    if not isinstance(said, Content):
        return said._replace(thread=request.call_id)
    lang = text.language_tag(headers.get("Content-Language") or "") if _LANGUAGE in index else ""
    sent, expires = said.sent, None
    if sent is not None or b"date" in index or b"expires" in index:
        sent, expires = _times(request, sent, now)
    return Content(
        said.body, said.xhtml, subject or said.subject, request.call_id, lang or said.lang, sent, expires, said.asked
    )


def write_stanza(
    said: Said, sender: JID, recipient: JID, *, id: str, type: str = "chat", limit: int = RFC6120_LIMIT
) -> bytes | None:
    """Return the stanza that says ``said``; None if there is none, for a text that is empty or an unknown state.

    ``type`` is for texts: chat states and receipts are always `chat` (XEP-0085 §5), a failed delivery is an error
    stanza. 413 as `RemoteProtocolError` beyond ``limit`` octets; a formatted text first loses its form.
    """
    if isinstance(said, Content):
        return _content_stanza(said, sender, recipient, id, type, limit)
    if isinstance(said, Typing):
        if said.state not in STATES:
            return None
        state = state_elements(said.state)
        return Message(sender, recipient, id, "chat", thread=said.thread, extensions=state).to_bytes()
    if said.kind == "failed":
        error = StanzaError("recipient-unavailable", text="the message was not delivered")
        return Message(sender, recipient, said.id, "error", error=error).to_bytes()
    receipt = receipt_elements(said)
    return Message(sender, recipient, id, "chat", thread=said.thread, extensions=receipt).to_bytes()


def read_stanza(stanza: Message, *, encrypted: str = "fallback", rich: bool = False) -> Said | None:
    """Return what a stanza says; None for an error, which is never answered, and for what is nothing for SIP.

    ``encrypted`` says what becomes of the text beside an encrypted one: `fallback` to send it, `refuse` to send
    nothing. With ``rich`` the form of a formatted text is read too. Raises `RemoteProtocolError` with the condition of
    the error stanza that the sender gets: for groupchat, and for what cannot be read.
    """
    if stanza.type == "error":
        return None
    if stanza.type == "groupchat":  # RFC 6121 §8.5.2.1.1: nobody here is in a room
        raise RemoteProtocolError("there are no rooms here", Code.S03, condition="service-unavailable")
    lang, body = _choice(stanza)
    if not stanza.extensions:
        return Content(body, "", stanza.subject, stanza.thread, text.language_tag(lang)) if body else None
    found = Extensions(stanza.extensions)
    if found.encrypted and found.payload and (not body or encrypted == "refuse"):
        raise RemoteProtocolError(f"the message is encrypted with {found.encrypted}, which SIP cannot carry", Code.S04)
    if found.url and found.url not in body:
        body = f"{body}\n{found.url}" if body else found.url
    markup = ""
    if found.xhtml is not None and (rich or not body):
        markup = found.xhtml.to_bytes().decode()
        body = body or html.text_of(markup)
    if body:
        return Content(
            body,
            xhtml.sanitised(markup) if rich and markup else "",
            stanza.subject,
            stanza.thread,
            text.language_tag(lang),
            found.sent,
            None,
            found.asked(stanza.id),
            found.state,
        )
    receipt = found.receipt(stanza.thread)
    if receipt is not None:
        return receipt
    return Typing(found.state, 0, stanza.thread) if found.state else None


def write_request(
    said: Said, sender: JID, recipient: JID, *, takes: Set[str] = PLAIN, id: str = "", now: float = 0.0
) -> MessageFacts | None:
    """Return what goes into the request that says ``said``, or None if the peer cannot be told.

    ``takes`` are the media types that the peer takes: plain text always goes; `text/html` with `multipart/alternative`
    carries the form too, `message/cpim` receipts and requests for them, `application/im-iscomposing+xml` or
    `application/xml` (Microsoft's, in an INFO) chat states. ``id`` is the Message-ID of a report of ours. Without
    ``now`` nothing that has to be dated is sent.
    """
    call_id = said.thread if said.thread and _is_call_id(said.thread) else None
    people = uri_of(sender.bare(), "im"), uri_of(recipient.bare(), "im")
    if isinstance(said, Content):
        if not said.body:
            return None
        entity = payloads.content_entity(said, html.MEDIA_TYPE in takes and payloads.ALTERNATIVE in takes)
        if said.asked is not None and now and cpim.MEDIA_TYPE in takes:
            entity = payloads.asking_entity(entity, said, people, now)
        headers = _headers((("Content-Type", entity.media),), said.lang, said.subject)
        if said.sent is not None:
            headers.append(("Date", date_of(said.sent)))
        if said.expires is not None and now:
            headers.append(("Expires", str(max(int(said.expires - now), 0))))
        return MessageFacts(headers, entity.body, call_id)
    if isinstance(said, Receipt):
        if not (id and now and cpim.MEDIA_TYPE in takes):
            return None
        entity = payloads.report_entity(said, people, id, now)
    elif said.state == "gone":  # it ends a session, and there is no other word for it (RFC 7573 §6)
        return None
    elif iscomposing.MEDIA_TYPE in takes:
        entity = payloads.typing_entity(said)
    elif keyboard.MEDIA_TYPE in takes:
        entity = payloads.keyboard_entity(said)
    else:
        return None
    method = "INFO" if entity.type == keyboard.MEDIA_TYPE else "MESSAGE"
    return MessageFacts((("Content-Type", entity.media),), entity.body, call_id, method)


# --- private: MESSAGE to stanza ---------------------------------------------------------------------------------------

_NO_PARAMETERS: Mapping[str, str] = {}


def _entity(request: Request) -> Entity:
    """The body of a request with what its headers say of it."""
    media = request.content_type
    if media is None:
        raise RemoteProtocolError("the body has no Content-Type", Code.S01, status=400)
    headers = request.headers
    return Entity(
        media.type,
        {name: value or "" for name, value in reversed(media.parameters)} if media.parameters else _NO_PARAMETERS,
        request.body,
        headers.get("Content-Transfer-Encoding") or "",
        headers.get("Content-Disposition") or "",
    )


def _is_identity(rows: list[str]) -> bool:
    return all(coding.strip().lower() in ("identity", "") for row in rows for coding in row.split(","))


def _times(request: Request, sent: float | None, now: float) -> tuple[float | None, float | None]:
    """When the message was written, if that is worth telling, and when it expires (RFC 3428 §7)."""
    dated = time_of_date(request.headers.get("Date") or "")
    expires = request.expires
    begin = now if dated is None else dated
    ends = None if expires is None or not begin else begin + expires
    if ends is not None and now and ends <= now:
        raise RemoteProtocolError("the message has expired", Code.M02, status=480)
    sent = dated if sent is None else sent
    return (None if sent is not None and now and sent > now - LATE else sent), ends


def _content_stanza(content: Content, sender: JID, recipient: JID, id: str, type: str, limit: int) -> bytes | None:
    body, subject, thread, lang = content.body, content.subject, content.thread, content.lang
    if not (body or subject):
        return None
    more = content_elements(content, recipient.host)
    if body and not more:
        stanza = message_bytes(sender, recipient, body, id=id, type=type, subject=subject, thread=thread, lang=lang)
    else:
        stanza = Message(
            sender, recipient, id, type, lang, extensions=more, body=body, subject=subject, thread=thread
        ).to_bytes()
    if content.xhtml and body:
        formatted = stanza.removesuffix(_END) + xhtml.element(content.xhtml).encode() + _END
        stanza = formatted if len(formatted) <= limit else stanza
    if len(stanza) > limit:
        raise _too_large(limit)
    return stanza


def _too_large(limit: int) -> RemoteProtocolError:
    return RemoteProtocolError(f"the message is longer than the {limit} bytes of a stanza", Code.S09, status=413)


_END = b"</message>"
_LANGUAGE = b"content-language"


# --- private: stanza to MESSAGE ---------------------------------------------------------------------------------------

_PLAIN = (("Content-Type", "text/plain;charset=UTF-8"),)
_NEVER = frozenset(("error", "groupchat"))

# RFC 3261 §25.1: callid = word [ "@" word ]
_WORD = r"""[A-Za-z0-9\-.!%*_+`'~()<>:\\"/\[\]?{}]+"""
_CALL_ID = re.compile(f"{_WORD}(?:@{_WORD})?")

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def _choice(stanza: Message) -> tuple[str, str]:
    """Of several bodies the one in the stanza's language, else the one without its own language, else the first."""
    bodies = stanza.bodies
    if not bodies or (len(bodies) == 1 and not bodies[0][0]):
        return stanza.lang, stanza.body
    by_lang = dict(reversed(bodies))  # of two in one language the first
    for lang in (stanza.lang, ""):
        if lang in by_lang:
            return lang or stanza.lang, by_lang[lang]
    return bodies[0]


def _headers(begin: Sequence[tuple[str, str]], lang: str, subject: str) -> list[tuple[str, str]]:
    headers = [*begin]
    if lang:
        headers.append(("Content-Language", lang))
    line = subject if subject.isprintable() else _CONTROLS.sub("", " ".join(subject.split()))
    if line.strip():
        headers.append(("Subject", line.strip()))
    return headers


def _is_call_id(thread: str) -> bool:
    return len(thread) <= MAX_CALL_ID and _CALL_ID.fullmatch(thread) is not None
