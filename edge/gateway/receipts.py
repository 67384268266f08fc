"""Receipts: disposition notifications in CPIM <-> XEP-0184 and XEP-0333 (RFC 5438, RFC 7573 §7).

A final response and an acknowledgement are no receipts: nothing is told that a person's client has not said. Only SIP
users who have shown that they know notifications are asked for any, and only outside of sessions: Microsoft's clients
know none. Called by `edge.gateway.submission`, `edge.gateway.pager` and `edge.gateway.delivery`.
"""

from typing import NamedTuple, Protocol, TypeVar

from edge.bodies import cpim
from edge.gateway.effects import Effect, SendStanza
from edge.gateway.node import Node
from edge.gateway.submission import Submission
from edge.mapping import messages
from edge.mapping.addresses import uri_of
from edge.mapping.messages import PLAIN, Asked, Content, MessageFacts, Receipt
from edge.partners import Admit
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Message

MAX_OPEN = 10_000  # messages of either side for which a receipt may still come; the oldest give way
MAX_USERS = 20_000  # SIP users of whom we know whether they take CPIM

TAKES = PLAIN | {cpim.MEDIA_TYPE}

V = TypeVar("V")


class PageWay(Protocol):
    """Messages by themselves, as this module needs them."""

    def send(self, submission: Submission) -> list[Effect]: ...


class Owed(NamedTuple):
    """A SIP user wants to hear of his message ``asked.id``, which the contact has under another id."""

    user: JID
    contact: JID
    asked: Asked
    decision: Admit


class Wanted(NamedTuple):
    """An XMPP contact wants to hear of his message ``id``, which the user has under another id."""

    user: JID
    contact: JID
    id: str


class Report:
    """A notification on its way to a SIP user; nobody waits for its end."""

    def over(self, status: int) -> list[Effect]:
        return []


class Receipts:
    """All that somebody waits for."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._owed: dict[str, Owed] = {}  # by the id of the stanza
        self._wanted: dict[str, Wanted] = {}  # by the Message-ID
        self._users: dict[JID, bool] = {}  # whether he takes CPIM
        self.pages: PageWay | None = None

    # --- asked by a SIP user ------------------------------------------------------------------------------

    def owe(self, id: str, asked: Asked, user: JID, contact: JID, decision: Admit) -> None:
        """His message goes to the contact as the stanza ``id``."""
        self._knows(user)
        _keep(self._owed, id, Owed(user.bare(), contact.bare(), asked, decision), MAX_OPEN)

    def received(self, stanza: Message, receipt: Receipt) -> list[Effect]:
        """A contact's client tells what became of a message; each thing is passed on once."""
        owed = self._owed.get(receipt.id)
        if owed is None or stanza.from_ is None or stanza.to is None:
            return []
        if (stanza.to.bare(), stanza.from_.bare()) != (owed.user, owed.contact):
            return []
        asked = owed.asked
        kind = receipt.kind
        if kind == "displayed" and not asked.displayed:
            kind = "delivered"  # who has seen it has received it
        if not (asked.displayed if kind == "displayed" else asked.delivered):
            return []
        asked = asked._replace(delivered=False, failed=False, displayed=asked.displayed and kind != "displayed")
        if asked.displayed:
            self._owed[receipt.id] = owed._replace(asked=asked)
        else:
            del self._owed[receipt.id]
        return self._report(owed, kind)

    def failed(self, stanza: Message) -> list[Effect]:
        """A message came back after its sender had been told that the next hop has it."""
        owed = self._owed.pop(stanza.id, None)
        if owed is None or not owed.asked.failed or stanza.from_ is None or stanza.from_.bare() != owed.contact:
            return []
        return self._report(owed, "failed")

    def refused(self, id: str) -> None:
        """The sender was told by the answer to his message that it failed: that is enough (RFC 5438 §12)."""
        self._owed.pop(id, None)

    # --- asked by an XMPP contact -------------------------------------------------------------------------

    def asking(self, stanza: Message, content: Content) -> MessageFacts | None:
        """The message in a form that asks its recipient for notifications, if he knows them."""
        assert stanza.from_ is not None and stanza.to is not None and content.asked is not None
        if not self._users.get(stanza.to.bare()):
            return None
        id = self._node.ids.tag()
        _keep(self._wanted, id, Wanted(stanza.to.bare(), stanza.from_, content.asked.id), MAX_OPEN)
        asked = content.asked._replace(id=id)
        return messages.write_request(
            content._replace(asked=asked), stanza.from_, stanza.to, takes=TAKES, now=self._node.wall
        )

    def unknown(self, user: JID) -> None:
        """He takes no CPIM, whatever he sends himself."""
        self._users[user.bare()] = False

    def told(self, user: JID, receipt: Receipt) -> list[Effect]:
        """A SIP user's client tells what became of a message."""
        self._knows(user)
        wanted = self._wanted.get(receipt.id)
        if wanted is None or wanted.user != user.bare():
            return []
        if receipt.kind != "delivered":  # the last that there is to tell
            del self._wanted[receipt.id]
        said = receipt._replace(id=wanted.id)
        data = messages.write_stanza(said, wanted.user, wanted.contact, id=self._node.ids.stanza_id())
        return [SendStanza(wanted.user.host, wanted.contact.host, data)] if data is not None else []

    # --- private ------------------------------------------------------------------------------------------

    def _knows(self, user: JID) -> None:
        _keep(self._users, user.bare(), self._users.get(user.bare(), True), MAX_USERS)

    def _report(self, owed: Owed, kind: str) -> list[Effect]:
        said = Receipt(owed.asked.id, kind)
        id = self._node.ids.tag()
        facts = messages.write_request(said, owed.contact, owed.user, takes=TAKES, id=id, now=self._node.wall)
        if facts is None or self.pages is None:
            return []
        decision = Admit(owed.decision.recipient, owed.decision.sender)
        stanza = Message(owed.contact, owed.user)
        return self.pages.send(
            Submission(stanza, decision, uri_of(owed.user), facts.headers, facts.body, None, Report())
        )


def _keep(table: dict[str, V] | dict[JID, V], key: str | JID, value: V, most: int) -> None:
    """Put it last; the first gives way if there are too many."""
    rows: dict[object, V] = table  # type: ignore[assignment]
    rows.pop(key, None)
    if len(rows) >= most:
        del rows[next(iter(rows))]
    rows[key] = value
