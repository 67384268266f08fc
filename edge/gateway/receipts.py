"""Receipts: disposition notifications in CPIM <-> XEP-0184 and XEP-0333 (RFC 5438, RFC 7573 §7).

A final response and an acknowledgement are no receipts: nothing is told that a person's client has not said, to who has
not asked, or more than once. Only SIP users who have shown that they know notifications are asked for any; in a session
its description shows it, so that Microsoft's clients, which know none, never see any. What nobody remembers any more,
after a restart or because there was too much of it, is not told. Called by `edge.gateway.submission`,
`edge.gateway.pager`, `edge.gateway.delivery` and `edge.gateway.chat`.
"""

from collections import OrderedDict, deque
from typing import Generic, NamedTuple, Protocol, TypeVar

from edge.bodies import cpim
from edge.errors import RemoteProtocolError
from edge.gateway.effects import Effect, SendStanza
from edge.gateway.modes import SESSION
from edge.gateway.node import Node
from edge.gateway.submission import Aside, Submission
from edge.mapping import messages
from edge.mapping.addresses import uri_of
from edge.mapping.messages import PLAIN, Asked, Content, MessageFacts, Receipt
from edge.partners import Admit
from edge.sip import sdp
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Message

MAX_OPEN = 10_000  # messages with the users of one SIP system, either way, whose receipts may still come
MAX_USERS = 20_000  # SIP users of whom we know whether they take CPIM
MAX_WAITING = 100  # receipts that wait for their turn in one session; who reads so many at once misses the others
PAUSE = 0.5  # seconds between two receipts in a session, and until it is tried again: what people say goes first

TAKES = PLAIN | {cpim.MEDIA_TYPE}

V = TypeVar("V")


class PageWay(Protocol):
    """Messages by themselves, as this module needs them."""

    def send(self, submission: Submission) -> list[Effect]: ...


class SessionWay(Protocol):
    """Sessions, as this module needs them."""

    def wraps(self, user: JID, contact: JID) -> bool: ...
    def report(self, user: JID, contact: JID, facts: MessageFacts, aside: Aside) -> list[Effect] | None: ...


class Owed(NamedTuple):
    """A SIP user wants to hear of his message ``asked.id``, which the contact has under another id."""

    user: JID
    contact: JID
    asked: Asked
    decision: Admit
    in_session: bool


class Wanted(NamedTuple):
    """An XMPP contact wants to hear of his message ``asked.id``, which the user has under another id."""

    user: JID
    contact: JID
    asked: Asked


class Report:
    """A notification on its way to a SIP user by itself; nobody waits for its end."""

    def over(self, status: int) -> list[Effect]:
        return []


class Line:
    """The notifications for one session, one after the other."""

    __slots__ = ("_receipts", "user", "contact", "waiting", "busy")

    def __init__(self, receipts: "Receipts", user: JID, contact: JID) -> None:
        self._receipts = receipts
        self.user = user
        self.contact = contact
        self.waiting: deque[tuple[Owed, str]] = deque()
        self.busy = False  # one is under way, or the timer runs

    def over(self, status: int) -> list[Effect]:
        return self._receipts.over(self)

    def expire(self, timer: str) -> list[Effect]:
        return self._receipts.expired(self)


class Receipts:
    """All that somebody waits for."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._owed: Rows[Owed] = Rows(MAX_OPEN)  # by the id of the stanza
        self._wanted: Rows[Wanted] = Rows(MAX_OPEN)  # by the Message-ID
        self._users: OrderedDict[JID, bool] = OrderedDict()  # whether he takes CPIM; the last heard of last
        self._lines: dict[tuple[JID, JID], Line] = {}
        self.pages: PageWay | None = None
        self.sessions: SessionWay | None = None

    # --- who knows them -----------------------------------------------------------------------------------

    def takes(self, user: JID) -> bool:
        """Whether he may be asked, by all that is known of him."""
        return self._users.get(user.bare(), False)

    def knows(self, user: JID) -> None:
        """He has shown that he knows notifications."""
        self._note(user.bare(), self._users.get(user.bare(), True))

    def unknown(self, user: JID) -> None:
        """He takes no CPIM, whatever he sends himself."""
        self._note(user.bare(), False)

    # --- asked by a SIP user ------------------------------------------------------------------------------

    def owe(self, id: str, asked: Asked, user: JID, contact: JID, decision: Admit, in_session: bool = False) -> None:
        """His message goes to the contact as the stanza ``id``."""
        self.knows(user)
        owed = Owed(user.bare(), contact.bare(), asked, decision, in_session)
        self._owed.keep(decision.sender.name, id, owed)

    def received(self, stanza: Message, receipt: Receipt, decision: Admit) -> list[Effect]:
        """A client of the contact, whichever, tells what became of a message; each thing is passed on once."""
        system = decision.recipient.name
        owed = self._owed.get(system, receipt.id)
        if owed is None or stanza.from_ is None or stanza.to is None:
            return []
        if (stanza.to.bare(), stanza.from_.bare()) != (owed.user, owed.contact):
            return []
        due = _due(owed.asked, receipt.kind)
        if due is None:
            return []
        kind, left = due
        if left.displayed:
            self._owed.change(system, receipt.id, owed._replace(asked=left))
        else:
            self._owed.drop(system, receipt.id)
        return self._report(owed, kind)

    def failed(self, stanza: Message, decision: Admit) -> list[Effect] | None:
        """A message came back after its sender was told that the next hop has it; None if he cannot be told better."""
        system = decision.recipient.name
        owed = self._owed.get(system, stanza.id)
        if owed is None or stanza.from_ is None or stanza.to is None or stanza.to.bare() != owed.user:
            return None
        if stanza.from_.bare() != owed.contact and (stanza.from_.local or stanza.from_.host != owed.contact.host):
            return None
        self._owed.drop(system, stanza.id)
        return self._report(owed, "failed") if owed.asked.failed else None

    def refused(self, id: str, decision: Admit) -> None:
        """The sender was told by the answer to his message that it failed: that is enough (RFC 5438 §12)."""
        self._owed.drop(decision.sender.name, id)

    # --- asked by an XMPP contact -------------------------------------------------------------------------

    def asking(self, stanza: Message, content: Content, decision: Admit) -> MessageFacts | None:
        """The message in a form that asks its recipient for notifications, if he knows them."""
        assert stanza.from_ is not None and stanza.to is not None and content.asked is not None
        if not self.takes(stanza.to):
            return None
        id = self._node.ids.tag()
        asked = content.asked._replace(failed=True)  # who writes by XMPP always hears of a failure
        self._wanted.keep(decision.recipient.name, id, Wanted(stanza.to.bare(), stanza.from_, asked))
        content = content._replace(asked=content.asked._replace(id=id))
        return messages.write_request(content, stanza.from_, stanza.to, takes=TAKES, now=self._node.wall)

    def told(self, user: JID, contact: JID, receipt: Receipt, decision: Admit) -> list[Effect]:
        """A SIP user's client tells the contact what became of a message; each thing is passed on once."""
        self.knows(user)
        system = decision.sender.name
        wanted = self._wanted.get(system, receipt.id)
        if wanted is None or (wanted.user, wanted.contact.bare()) != (user.bare(), contact.bare()):
            return []
        due = _due(wanted.asked, receipt.kind)
        if due is None:
            return []
        kind, left = due
        if left.displayed:
            self._wanted.change(system, receipt.id, wanted._replace(asked=left))
        else:
            self._wanted.drop(system, receipt.id)
        said = Receipt(wanted.asked.id, kind, receipt.thread)
        data = messages.write_stanza(said, wanted.user, wanted.contact, id=self._node.aside_id())
        return [SendStanza(wanted.user.host, wanted.contact.host, data)] if data is not None else []

    # --- what comes back, and time ------------------------------------------------------------------------

    def over(self, line: Line) -> list[Effect]:
        """The notification is answered. What people say in the session is not kept waiting for the next."""
        if line.waiting:
            self._node.wheel.start(PAUSE, (line, ""))
        else:
            del self._lines[line.user, line.contact]
        return []

    def expired(self, line: Line) -> list[Effect]:
        line.busy = False
        return self._say(line)

    # --- private ------------------------------------------------------------------------------------------

    def _note(self, user: JID, takes: bool) -> None:
        self._users.pop(user, None)
        if len(self._users) >= MAX_USERS:
            self._users.popitem(last=False)
        self._users[user] = takes

    def _report(self, owed: Owed, kind: str) -> list[Effect]:
        """Tell the user: in the session that there is, if it may be, else by itself."""
        if self.sessions is None or not self.sessions.wraps(owed.user, owed.contact):
            return self._page(owed, kind)
        pair = owed.user, owed.contact
        line = self._lines.get(pair)
        if line is None:
            line = self._lines[pair] = Line(self, *pair)
        if len(line.waiting) >= MAX_WAITING:
            return []
        line.waiting.append((owed, kind))
        return [] if line.busy else self._say(line)

    def _say(self, line: Line) -> list[Effect]:
        """Tell the first thing that waits; or, if the session is over, each by itself."""
        assert self.sessions is not None
        if not self.sessions.wraps(line.user, line.contact):
            del self._lines[line.user, line.contact]
            return [effect for owed, kind in line.waiting for effect in self._page(owed, kind)]
        facts = self._facts(*line.waiting[0])
        effects = self.sessions.report(line.user, line.contact, facts, line) if facts is not None else []
        line.busy = True
        if effects is None:  # somebody says something just now
            self._node.wheel.start(PAUSE, (line, ""))
            return []
        line.waiting.popleft()
        return effects if facts is not None else self.over(line)

    def _page(self, owed: Owed, kind: str) -> list[Effect]:
        """Who takes nothing outside of sessions does not take this either."""
        facts = self._facts(owed, kind)
        if facts is None or self.pages is None or (owed.in_session and owed.decision.sender.im_mode == SESSION):
            return []
        decision = Admit(owed.decision.recipient, owed.decision.sender)
        stanza = Message(owed.contact, owed.user)
        return self.pages.send(
            Submission(stanza, decision, uri_of(owed.user), facts.headers, facts.body, None, Report())
        )

    def _facts(self, owed: Owed, kind: str) -> MessageFacts | None:
        said, id = Receipt(owed.asked.id, kind), self._node.ids.tag()
        return messages.write_request(said, owed.contact, owed.user, takes=TAKES, id=id, now=self._node.wall)


def wraps(description: bytes) -> bool:
    """Whether a session description names CPIM, and text within it (RFC 4975 §8.6). A wildcard names nothing."""
    if cpim.MEDIA_TYPE.encode() not in description.lower():
        return False
    try:
        offer = sdp.parse(description)
    except RemoteProtocolError:
        return False
    return cpim.MEDIA_TYPE in offer.accept_types and not {"*", *PLAIN}.isdisjoint(
        offer.accept_types + offer.wrapped_types
    )


# --- private --------------------------------------------------------------------------------------------------------


class Rows(Generic[V]):
    """Rows by the name of a SIP system and a key; of each system only the last, so that none costs another."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._rows: dict[str, OrderedDict[str, V]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._rows.values()))

    def get(self, system: str, key: str) -> V | None:
        rows = self._rows.get(system)
        return rows.get(key) if rows is not None else None

    def keep(self, system: str, key: str, value: V) -> None:
        rows = self._rows.get(system)
        if rows is None:
            rows = self._rows[system] = OrderedDict()
        if len(rows) >= self._most:
            rows.popitem(last=False)
        rows[key] = value

    def change(self, system: str, key: str, value: V) -> None:
        self._rows[system][key] = value

    def drop(self, system: str, key: str) -> None:
        rows = self._rows.get(system)
        if rows is not None:
            rows.pop(key, None)


def _due(asked: Asked, kind: str) -> tuple[str, Asked] | None:
    """What is to be told of what has come, and what may be told after it; None if it is nothing that was asked for.

    Never a success and a failure of the same message (RFC 5438 §7.2.1.3).
    """
    if kind == "failed":
        return (kind, Asked(asked.id)) if asked.failed else None
    if kind == "displayed" and not asked.displayed:
        kind = "delivered"  # who has seen it has received it
    if not (asked.displayed if kind == "displayed" else asked.delivered):
        return None
    return kind, asked._replace(delivered=False, failed=False, displayed=asked.displayed and kind != "displayed")
