"""Invitations to what does not reach SIP yet, group chats and calls: how they are known, and how they are declined.

XEP-0045 §7.8.2 (through the room), XEP-0249 (directly), XEP-0353 (calls by message). Who invites
directly gets an error stanza. A room would drop one, so it gets the decline that it passes on to who has invited. To a
call nobody says ``reject``: that is the word of a person. Called by `edge.mapping.extensions`, `edge.mapping.stanzas`,
`edge.gateway.submission` and `edge.gateway.core`.
"""

from collections.abc import Iterable
from typing import NamedTuple

from edge.errors import RemoteProtocolError
from edge.xmpp.element import Element
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Message

NS_MUC = "http://jabber.org/protocol/muc"
NS_MUC_USER = "http://jabber.org/protocol/muc#user"
NS_CONFERENCE = "jabber:x:conference"
NS_CALL = "urn:xmpp:jingle-message:0"

NS_JINGLE = "urn:xmpp:jingle:1"

NO_ROOMS = "group chat does not reach SIP users"
NO_JOINING = "SIP users cannot join group chats"
NO_CALLS = "calls do not reach SIP users, only text does"


class Invitation(NamedTuple):
    """An invitation that a room has passed on; ``inviter`` is who wants to hear of it."""

    inviter: JID


def inviter_of(element: Element) -> JID | None:
    """Who has invited by this element of a room's; None if nobody has whom a decline could reach."""
    invite = element.child("invite", NS_MUC_USER) if element.name == "x" else None
    try:
        return JID.parse(invite.attributes.get("from", "")) if invite is not None else None
    except RemoteProtocolError:
        return None


def invitation_in(stanza: Message) -> Invitation | None:
    """The invitation of a room that a stanza is."""
    if stanza.type == "error":
        return None
    found = (inviter_of(element) for element in stanza.extensions if element.namespace == NS_MUC_USER)
    return next((Invitation(inviter) for inviter in found if inviter is not None), None)


def is_invitation(stanza: Message) -> bool:
    """Whether a stanza without a text invites to a room or a call: somebody has to be told that it is in vain."""
    if stanza.type == "error":
        return False
    return any(
        element.namespace in (NS_CONFERENCE, NS_CALL) or (element.namespace == NS_MUC_USER and inviter_of(element))
        for element in stanza.extensions
    )


def is_call(payload: Element | None) -> bool:
    """Whether an IQ is about a call or a file (XEP-0166)."""
    return payload is not None and payload.namespace == NS_JINGLE


def is_joining(extensions: Iterable[Element]) -> bool:
    """Whether presence that is not for everybody asks to be let into a room (XEP-0045 §7.2)."""
    return any(element.namespace == NS_MUC and element.name == "x" for element in extensions)


def decline(invitation: Invitation, user: JID, room: JID, id: str) -> bytes:
    """The answer to a room: the user will not come (XEP-0045 §7.8.2)."""
    reason = Element("reason", NS_MUC_USER, {}, [NO_JOINING])
    declined = Element("decline", NS_MUC_USER, {"to": str(invitation.inviter)}, [reason])
    extensions = (Element("x", NS_MUC_USER, {}, [declined]),)
    return Message(user.bare(), room.bare(), id, extensions=extensions).to_bytes()
