"""Message stanzas -> what they say, and back (RFC 7572 §4, §5, RFC 6121 §5). Called through `edge.mapping.messages`."""

from edge.bodies import html, text, xhtml
from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.mapping.extensions import STATES, Extensions, content_elements, receipt_elements, state_elements
from edge.mapping.invitations import NO_ROOMS, Invitation
from edge.mapping.said import Content, Said, Typing
from edge.xmpp.element import LANG, Element
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Message, StanzaError, message_bytes

RFC6120_LIMIT = 10_000  # octets of a stanza that every XMPP server must take (RFC 6120 §13.12); a system may allow more


def read_stanza(
    stanza: Message, *, encrypted: str = "refuse", rich: bool = False
) -> Said | Invitation | None:
    """Return what a stanza says; None for an error, which is never answered, and for what is nothing for SIP.

    ``encrypted`` says what becomes of the text beside an encrypted one: `fallback` to send it, `refuse` to send
    nothing. With ``rich`` the form of a formatted text is read too. An `Invitation` is to be declined, whatever text
    stands beside it. Raises `RemoteProtocolError` with the condition of the error stanza that the sender gets: for
    groupchat and calls, and for what cannot be read.
    """
    if stanza.type == "error":
        return None
    if stanza.type == "groupchat":  # RFC 6121 §8.5.2.1.1: nobody here is in a room
        raise RemoteProtocolError(NO_ROOMS, Code.S03, condition="service-unavailable")
    lang, body = chosen(stanza)
    if not stanza.extensions:
        return Content(body, "", stanza.subject, stanza.thread, text.language_tag(lang)) if body else None
    found = Extensions(stanza.extensions)
    if found.inviter is not None:
        return Invitation(found.inviter)
    if found.room or (found.call and not body):
        raise RemoteProtocolError(found.room or found.call, Code.S03, condition="service-unavailable")
    if found.encrypted and found.payload and (not body or encrypted == "refuse"):
        said = f"the message is encrypted with {found.encrypted}, which SIP cannot carry; send it unencrypted"
        raise RemoteProtocolError(said, Code.S04)
    if found.url and found.url not in body:
        body = f"{body}\n{found.url}" if body else found.url
    markup = ""
    if found.xhtml is not None and (rich or not body):
        markup = _form(found.xhtml, lang, stanza.lang)
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


def chosen(stanza: Message) -> tuple[str, str]:
    """Language and text of a stanza.

    Of several bodies it is the one in the stanza's language, else the one without its own language, else the first.
    """
    bodies = stanza.bodies
    if not bodies or (len(bodies) == 1 and not bodies[0][0]):
        return stanza.lang, stanza.body
    by_lang = dict(reversed(bodies))  # of two in one language the first
    for lang in (stanza.lang, ""):
        if lang in by_lang:
            return lang or stanza.lang, by_lang[lang]
    return bodies[0]


def too_large(limit: int) -> RemoteProtocolError:
    """The refusal of a message that makes too long a stanza."""
    return RemoteProtocolError(f"the message is longer than the {limit} bytes of a stanza", Code.S09, status=413)


# --- private ----------------------------------------------------------------------------------------------------------

_END = b"</message>"


def _form(element: Element, lang: str, inherited: str) -> str:
    """The markup of XHTML-IM in the language of the text; there is one for each (XEP-0071)."""
    bodies = [child for child in element.children if isinstance(child, Element) and child.name == "body"]
    ours = [body for body in bodies if body.attributes.get(LANG, inherited) == lang]
    return "".join([body.to_bytes().decode() for body in (ours or bodies)[:1]])


def _content_stanza(content: Content, sender: JID, recipient: JID, id: str, type: str, limit: int) -> bytes | None:
    body, subject, thread, lang = content.body, content.subject, content.thread, content.lang
    if not (body or subject):
        return None
    if body:
        stanza = message_bytes(sender, recipient, body, id=id, type=type, subject=subject, thread=thread, lang=lang)
    else:  # a message without a body, not one with an empty body
        stanza = Message(sender, recipient, id, type, lang, subject=subject, thread=thread).to_bytes()
    more = content_elements(content, recipient.host)
    if more:
        stanza = b"".join((stanza.removesuffix(_END), *[element.to_bytes() for element in more], _END))
    if content.xhtml and body:
        formatted = stanza.removesuffix(_END) + xhtml.element(content.xhtml).encode() + _END
        stanza = formatted if len(formatted) <= limit else stanza
    if len(stanza) > limit:
        raise too_large(limit)
    return stanza
