"""MESSAGE requests -> what they say, and back (RFC 7572 §4, §5, RFC 3428). Called through `edge.mapping.messages`."""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache

from edge.bodies import cpim, iscomposing, keyboard, text
from edge.bodies.mime import Entity
from edge.bodies.text import UnsupportedBody
from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.mapping import payloads
from edge.mapping.addresses import uri_of
from edge.mapping.dates import DATE_LENGTH, date_of, time_of_date
from edge.mapping.said import Content, Receipt, Said
from edge.sip.message import Request
from edge.sip.values import media_type_of
from edge.xmpp.jid import JID

MAX_CALL_ID = 255  # characters of a thread that is used as a Call-ID; peers store Call-IDs in columns of this size
LATE = 60.0  # seconds after which it is worth saying when a message was written

PLAIN = frozenset((payloads.PLAIN,))  # the types that every peer takes
PLAIN_HEADERS = (("Content-Type", "text/plain;charset=UTF-8"),)


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


def read_request(request: Request, host: str, now: float = 0.0) -> Said | None:
    """Return what a MESSAGE, or an INFO inside a dialog, says; None if that is nothing for people.

    ``host`` is the authenticated domain of its sender. Without ``now`` no times are read. Raises
    `RemoteProtocolError` with the status of the answer: 415 as `UnsupportedBody` with its headers, 400, 413, 403 for a
    CPIM message of somebody else, 480 for a message that has expired (RFC 3428 §7).
    """
    content = plain_text(request)
    subject, lang = subject_and_language(request)
    headers = request.headers
    index = headers.index
    if content:
        sent, expires = times(request, now) if b"date" in index or b"expires" in index else (None, None)
        return Content(content, "", subject, request.call_id, lang, sent, expires)
    if b"content-encoding" in index and not _is_identity(headers.rows("Content-Encoding")):
        if _entity(request).optional:
            return None
        raise UnsupportedBody("the content encoding is not supported", (("Accept-Encoding", "identity"),))
    if not request.body and not subject:
        return None
    said = payloads.read(_entity(request), host) if request.body else Content("")
    if said is None:
        return None
    if not isinstance(said, Content):
        return said._replace(thread=request.call_id)
    sent, expires = said.sent, None
    if sent is not None or b"date" in index or b"expires" in index:
        sent, expires = times(request, now, sent)
    return Content(
        said.body, said.xhtml, subject or said.subject, request.call_id, lang or said.lang, sent, expires, said.asked
    )


def write_request(
    said: Said, sender: JID, recipient: JID, *, takes: Set[str] = PLAIN, id: str = "", now: float = 0.0
) -> MessageFacts | None:
    """Return what goes into the request that says ``said``, or None if the peer cannot be told.

    ``takes`` are the media types that the peer takes: plain text always goes; `text/html` carries the form, beside the
    text where the peer takes `multipart/alternative`; `message/cpim` carries receipts and requests for them,
    `application/im-iscomposing+xml` or `application/xml` (Microsoft's, in an INFO) chat states. ``id`` is the
    Message-ID of a report of ours. Without ``now`` nothing that has to be dated is sent.
    """
    call_id = said.thread if said.thread and is_call_id(said.thread) else None
    if isinstance(said, Content):
        return _content_request(said, sender, recipient, call_id, takes, now)
    if isinstance(said, Receipt):
        if not (id and now and cpim.MEDIA_TYPE in takes):
            return None
        entity = payloads.report_entity(said, _people(sender, recipient), id, now)
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


def plain_text(request: Request) -> str:
    """The text of a body that is plain text and nothing else has to be minded: nearly all are. Else empty."""
    index = request.headers.index
    if not request.body or _ENCODED in index or _TRANSFER in index:
        return ""
    row = index.get(b"content-type")
    charset = _plain_charset(row) if isinstance(row, bytes) else None
    return "" if charset is None else text.decode(request.body, charset)


def subject_and_language(request: Request) -> tuple[str, str]:
    """The Subject, and the first language of Content-Language; empty if there is none."""
    index = request.headers.index
    subject = (request.headers.get("Subject") or "") if b"subject" in index else ""
    return subject, text.language_tag(request.headers.get("Content-Language") or "") if _LANGUAGE in index else ""


def times(request: Request, now: float, sent: float | None = None) -> tuple[float | None, float | None]:
    """When the message was written, if that is worth telling, and when it expires (RFC 3428 §7).

    ``sent`` is what its body says of the first. Raises `RemoteProtocolError` (480) for one that has expired.
    """
    if not now:
        return None, None
    index = request.headers.index
    row = index.get(b"date")
    dated = None if row is None else _time_of_row(row if isinstance(row, bytes) else row[0])
    expires = request.expires if b"expires" in index else None
    ends = None if expires is None else (now if dated is None else dated) + expires
    if ends is not None and ends <= now:
        raise RemoteProtocolError("the message has expired", Code.M02, status=480)
    sent = dated if sent is None else sent
    return (None if sent is not None and sent > now - LATE else sent), ends


def with_texts(begin: Sequence[tuple[str, str]], lang: str, subject: str) -> Sequence[tuple[str, str]]:
    """``begin`` with Content-Language and Subject; a subject is one line, whatever it was."""
    if begin is PLAIN_HEADERS and not subject:
        return _plain_headers(lang)
    headers = [*begin]
    if lang:
        headers.append(("Content-Language", lang))
    line = subject if subject.isprintable() else _CONTROLS.sub("", " ".join(subject.split()))
    if line.strip():
        headers.append(("Subject", line.strip()))
    return headers


def is_call_id(thread: str) -> bool:
    """Whether a thread can be a Call-ID."""
    return len(thread) <= MAX_CALL_ID and _CALL_ID.fullmatch(thread) is not None


# --- private ----------------------------------------------------------------------------------------------------------

# What makes even plain text worth a second look.
_ENCODED = b"content-encoding"
_TRANSFER = b"content-transfer-encoding"
_LANGUAGE = b"content-language"

CACHE = 256  # rows that are remembered: of Date those of the same few seconds, and few of Content-Type occur


@lru_cache(CACHE)
def _plain_headers(lang: str) -> Sequence[tuple[str, str]]:
    """Those of nearly all texts."""
    return (*PLAIN_HEADERS, ("Content-Language", lang)) if lang else PLAIN_HEADERS


@lru_cache(CACHE)
def _plain_charset(row: bytes) -> str | None:
    """What `text/plain` has as its charset, "" if nothing; None for another type. Long rows are refused, not kept."""
    media = media_type_of(row)
    return (media.parameter("charset") or "") if media.type == "text/plain" else None


def _time_of_row(row: bytes) -> float | None:
    return _date(row) if len(row) <= 2 * DATE_LENGTH else None


@lru_cache(CACHE)
def _date(row: bytes) -> float | None:
    return time_of_date(row.decode("utf-8", "replace").strip(" \t"))


_NO_PARAMETERS: Mapping[str, str] = {}

# RFC 3261 §25.1: callid = word [ "@" word ]
_WORD = r"""[A-Za-z0-9\-.!%*_+`'~()<>:\\"/\[\]?{}]+"""
_CALL_ID = re.compile(f"{_WORD}(?:@{_WORD})?")

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


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


def _content_request(
    content: Content, sender: JID, recipient: JID, call_id: str | None, takes: Set[str], now: float
) -> MessageFacts | None:
    if not content.body:
        return None
    begin = PLAIN_HEADERS
    asks = content.asked is not None and bool(now) and cpim.MEDIA_TYPE in takes
    if asks or content.xhtml:
        entity = payloads.content_entity(content, takes)
        if asks:
            entity = payloads.asking_entity(entity, content, _people(sender, recipient), now)
        body, begin = entity.body, (("Content-Type", entity.media),)
    else:
        body = text.encode(content.body)
    headers: Sequence[tuple[str, str]] = begin
    if content.lang or content.subject:
        headers = with_texts(begin, content.lang, content.subject)
    if content.sent is not None:
        headers = [*headers, ("Date", date_of(content.sent))]
    begins = now if content.sent is None else content.sent  # RFC 3428 §7: counted from the Date, if there is one
    if content.expires is not None and begins:
        headers = [*headers, ("Expires", str(max(int(content.expires - begins), 0)))]
    return MessageFacts(headers, body, call_id)


def _people(sender: JID, recipient: JID) -> tuple[str, str]:
    """The im: addresses of a CPIM message (RFC 3922 §4.1)."""
    return uri_of(sender.bare(), "im"), uri_of(recipient.bare(), "im")
