"""Instant messages: MESSAGE requests <-> `<message/>` stanzas (RFC 7572; RFC 3428; RFC 6121 §5).

Pure functions. `stanza_of` and `request_of` carry a text across in one call, on the hot path of page mode.
The four others take what a message says apart from how it is said: `read_request` and `read_stanza` give a value of
`edge.mapping.said`, `write_stanza` and `write_request` make bytes of one; who calls them knows what several messages
have to do with each other (receipts, chat states). Called by the gateway. docs/mapping.md publishes the tables.
"""

from collections.abc import Sequence, Set

from edge.bodies import cpim, html, text
from edge.mapping.extensions import delay_text, state_text
from edge.mapping.payloads import ACCEPT
from edge.mapping.requests import (
    MAX_CALL_ID,
    PLAIN,
    PLAIN_HEADERS,
    MessageFacts,
    is_call_id,
    plain_text,
    read_request,
    subject_and_language,
    times,
    with_texts,
    write_request,
)
from edge.mapping.said import Asked, Content, Receipt, Said, Typing
from edge.mapping.stanzas import RFC6120_LIMIT, chosen, read_stanza, too_large, write_stanza
from edge.sip.message import Request
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Message, message_bytes

__all__ = [
    "ACCEPT", "MAX_CALL_ID", "PLAIN", "RFC6120_LIMIT", "Asked", "Content", "MessageFacts", "Receipt",
    "Said", "Typing", "read_request", "read_stanza", "request_of", "stanza_of", "write_request", "write_stanza",
]


def stanza_of(
    request: Request,
    sender: JID,
    recipient: JID,
    *,
    id: str,
    page_type: str,
    limit: int = RFC6120_LIMIT,
    state: str = "",
    now: float = 0.0,
) -> bytes | None:
    """Return the stanza for a MESSAGE (RFC 7572 §5), or None if it has nothing to read in it.

    ``page_type`` is the recipient system's type for page-mode messages, ``limit`` its largest stanza in octets,
    ``state`` the chat state that rides with it. Raises what `read_request` and `write_stanza` raise. Forms, receipts
    and requests for them are left out.
    """
    content = plain_text(request)
    if content:
        subject, lang = subject_and_language(request)
        index, beside = request.headers.index, state_text(state) if state else ""
        if b"date" in index or b"expires" in index:
            sent, _ = times(request, now)
            beside += "" if sent is None else delay_text(recipient.host, int(sent))
        stanza = message_bytes(
            sender, recipient, content, id=id, type=page_type, subject=subject, thread=request.call_id, lang=lang,
            beside=beside,
        )
        if len(stanza) > limit:
            raise too_large(limit)
        return stanza
    said = read_request(request, sender.host, now)
    if not isinstance(said, Content):
        return None
    said = said._replace(asked=None, xhtml="", typing=state)
    return write_stanza(said, sender, recipient, id=id, type=page_type, limit=limit)


def request_of(
    stanza: Message, *, encrypted: str = "refuse", takes: Set[str] = PLAIN, now: float = 0.0
) -> MessageFacts | None:
    """Return what goes into the MESSAGE for a stanza (RFC 7572 §4), or None if it must not become one.

    An error is never answered; a chat state, a receipt or a marker is no message here. ``takes`` is as in
    `write_request`. Raises `RemoteProtocolError` with the condition of the error stanza that the sender gets.
    """
    if stanza.extensions or stanza.type in _NEVER:
        said = read_stanza(stanza, encrypted=encrypted, rich=html.MEDIA_TYPE in takes)
        if not isinstance(said, Content):
            return None
        if said.asked is not None and cpim.MEDIA_TYPE in takes:
            said = said._replace(asked=None)
        assert stanza.from_ is not None and stanza.to is not None
        return write_request(said, stanza.from_, stanza.to, takes=takes, now=now)
    content, lang = stanza.body, stanza.lang
    if stanza.bodies and (len(stanza.bodies) > 1 or stanza.bodies[0][0]):
        lang, content = chosen(stanza)
    if not content:
        return None
    headers: Sequence[tuple[str, str]] = PLAIN_HEADERS
    if lang or stanza.subject:
        headers = with_texts(PLAIN_HEADERS, text.language_tag(lang), stanza.subject)
    thread = stanza.thread
    return MessageFacts(headers, text.encode(content), thread if thread and is_call_id(thread) else None)


_NEVER = frozenset(("error", "groupchat"))  # types of stanzas that are not carried across
