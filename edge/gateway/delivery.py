"""Messages from SIP to XMPP: MESSAGE requests that wait until the XMPP side has taken them (RFC 7572 §5).

The rule of responsibility: a SIP sender gets his final response only when the next hop has said that it has the
message, or that it has not. A MESSAGE may stand by itself (`edge.gateway.pager`) or within a session
(`edge.gateway.chat`); from here on both are the same.
"""

from collections.abc import Sequence

from edge.bodies.text import UnsupportedBody
from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.gateway.counters import DELIVERED, FAILED, LATE, REJECTED
from edge.gateway.effects import Effect, Report, SendStanza
from edge.gateway.journal import Kept
from edge.gateway.node import ALLOW, Node, is_aside
from edge.gateway.quota import Quota
from edge.gateway.receipts import Receipts
from edge.gateway.terms import formatted
from edge.gateway.typing import Typists
from edge.mapping import failures, messages
from edge.mapping.messages import ACCEPT, Content, Receipt, Said, Typing
from edge.mapping.stanza_ids import id_of
from edge.partners import Admit
from edge.sip.message import Request
from edge.sip.transaction import ServerTransaction
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Message

MAX_OPEN = 5_000  # messages of one SIP system that wait for the XMPP side; half a second's worth at full speed
MAX_OPEN_BYTES = 16 << 20  # of their bodies: as many short ones, but not as many long ones

PLAIN = b"text/plain"
DROPPED = frozenset(("application/ms-imdn+xml",))
# COMPAT(lync): receipts of a server that delivers for absent users, which say nothing of the user; since Lync 2013.


class Delivery:
    """One message on its way from SIP to XMPP; the token of its stanza."""

    __slots__ = ("stanza_id", "recipient", "decision", "transaction", "in_session", "began")

    def __init__(
        self, stanza_id: str, recipient: JID, decision: Admit, transaction: ServerTransaction, in_session: bool,
        began: float,
    ) -> None:
        self.stanza_id = stanza_id
        self.recipient = recipient
        self.decision = decision
        self.transaction = transaction
        self.in_session = in_session
        self.began = began  # when it came, on the wheel


class Deliveries:
    """All messages on their way from SIP to XMPP."""

    def __init__(self, node: Node, typists: Typists, receipts: Receipts) -> None:
        self._node = node
        self._typists = typists
        self._receipts = receipts
        self._open: dict[str, Delivery] = {}  # by stanza id
        self._quota = Quota()  # by the SIP system that sends

    def deliver(
        self, transaction: ServerTransaction, decision: Admit, source: JID, recipient: JID, in_session: bool = False,
        asks: bool = True,
    ) -> list[Effect]:
        """Translate a MESSAGE and send it on; the answer comes later. ``asks``: it may ask for receipts."""
        node, request = self._node, transaction.request
        stanza_id = id_of(request)
        if stanza_id in self._open:  # a copy that has come by another way, and that nobody took for merged
            stanza_id = node.ids.stanza_id()
        page_type = "chat" if in_session else decision.recipient.page_type
        limit = decision.recipient.stanza_bytes
        try:
            media = request.headers.index.get(b"content-type", PLAIN)
            if type(media) is bytes and media.find(PLAIN) >= 0:  # nearly all; `in` would try to read a number first
                state = ""
                if self._typists.talks and self._typists.showed(source.bare(), recipient.bare()):
                    state, page_type = "active", "chat"  # his client shows states in chats only
                data = messages.stanza_of(
                    request, source, recipient, id=stanza_id, page_type=page_type, limit=limit, state=state,
                    now=node.wall,
                )
            else:
                said = self._said(request, source, in_session, asks)
                if not isinstance(said, Content):
                    return node.respond(transaction, 200) + self._beside(
                        source.bare(), recipient.bare(), said, decision
                    )
                if said.xhtml and not formatted(decision.sender, decision.recipient):
                    said = said._replace(xhtml="")
                if self._typists.showed(source.bare(), recipient.bare()):  # his client shows states in chats only
                    said, page_type = said._replace(typing="active"), "chat"
                data = messages.write_stanza(said, source, recipient, id=stanza_id, type=page_type, limit=limit)
                if said.asked is not None:
                    self._receipts.owe(stanza_id, said.asked, source, recipient, decision, in_session)
        except UnsupportedBody as error:
            node.counters.message("sip", decision, REJECTED)
            return node.refuse(transaction, error.code, error.status, error.headers, str(error))
        except RemoteProtocolError as error:
            node.counters.message("sip", decision, REJECTED)
            return node.refuse(transaction, error.code, error.status, text=str(error))
        if data is None:
            return node.respond(transaction, 200)
        if not self._quota.take(decision.sender.name, MAX_OPEN, len(request.body), MAX_OPEN_BYTES):
            node.counters.message("sip", decision, REJECTED)
            self._receipts.refused(stanza_id, decision)
            return node.refuse(transaction, Code.M01, 480)
        began = node.wheel.now
        transaction.user = delivery = Delivery(stanza_id, recipient, decision, transaction, in_session, began)
        self._open[stanza_id] = delivery
        return [SendStanza(source.host, recipient.host, data, delivery)]

    def _said(self, request: Request, source: JID, in_session: bool, asks: bool) -> Said | None:
        """What a request says."""
        if in_session:
            media = request.content_type
            if media is not None and media.type in DROPPED:
                return None
        said = messages.read_request(request, source.host, self._node.wall)
        return said._replace(asked=None) if isinstance(said, Content) and not asks else said

    def _beside(self, user: JID, contact: JID, said: Typing | Receipt | None, decision: Admit) -> list[Effect]:
        """What a client says beside the messages of its user."""
        if isinstance(said, Typing):
            return self._typists.shows(user, contact, said)
        return self._receipts.told(user, contact, said, decision) if said is not None else []

    def taken(self, tokens: Sequence[object]) -> list[Effect]:
        """XMPP has these: now, and not before, the SIP sender gets its 200."""
        effects: list[Effect] = []
        respond = self._node.layer.respond
        for token in tokens:
            if isinstance(token, Delivery):
                if not self._closed(token, DELIVERED):
                    continue
                effects += respond(token.transaction, 200)
                if self._node.verbose:
                    took = round((self._node.wheel.now - token.began) * 1000)
                    fields = {"partner": token.decision.sender.name, "duration_ms": took, "xmpp_id": token.stanza_id}
                    effects.append(Report("message.ok", None, fields, token.transaction.request))
            elif isinstance(token, Kept):
                token.taken()
        return effects

    def error_received(self, stanza: Message, decision: Admit) -> list[Effect]:
        """An error stanza: the failure of an open SIP message, or too late (RFC 7247 §7.1)."""
        delivery = self._open.get(stanza.id)
        error = stanza.error
        if delivery is None or error is None or stanza.from_ is None:
            return self._too_late(stanza, decision)
        recipient, sender = delivery.recipient, stanza.from_
        if sender.bare() != recipient.bare() and (sender.local or sender.host != recipient.host):
            fields = {"reason": "an error stanza from somebody else", "partner": decision.sender.name}
            return [Report("policy.denied", Code.A05, {**fields}, stanza)]
        self._closed(delivery, FAILED)
        failure = failures.failure_of(
            error, full=bool(recipient.resource), allow=ALLOW, in_session=delivery.in_session, accept=ACCEPT
        )
        return self._node.refuse(
            delivery.transaction, Code.M03, failure.status, failure.headers, failure.reason, event="message.failed",
            reason=error.condition,
        )  # what somebody writes to somebody is not for the log

    def _too_late(self, stanza: Message, decision: Admit) -> list[Effect]:
        """Its sender believes that it has arrived: he is told if he wanted to be, else the administrator is."""
        if is_aside(stanza.id):
            return []
        self._node.counters.message("sip", Admit(decision.recipient, decision.sender), LATE)
        told = self._receipts.failed(stanza, decision)
        if told is not None:
            return told
        fields: dict[str, object] = {"late": True, "condition": stanza.error.condition if stanza.error else ""}
        return [Report("message.failed", Code.M03, {**fields, "partner": decision.sender.name}, stanza)]

    def unsent(self, token: object, code: Code, text: str) -> list[Effect]:
        """The stanza did not reach the next hop."""
        if isinstance(token, Kept):
            return token.unsent(code)
        if not isinstance(token, Delivery) or not self._closed(token, FAILED):
            return []
        status = failures.status_of_code(code)
        return self._node.refuse(token.transaction, code, status, text=text, event="message.failed")

    def overdue(self, transaction: ServerTransaction) -> list[Effect]:
        """Nobody has spoken and the sender's Timer F is near: say so (RFC 4320 §4.2 forbids 408)."""
        if isinstance(transaction.user, Delivery):
            return self.unsent(transaction.user, Code.M02, Code.M02.sentence)
        return self._node.refuse(transaction, Code.M02)

    def _closed(self, delivery: Delivery, result: int) -> bool:
        """The message is about to be answered; False if it was already."""
        if self._open.pop(delivery.stanza_id, None) is None:
            return False
        if result == FAILED:
            self._receipts.refused(delivery.stanza_id, delivery.decision)
        self._quota.give(delivery.decision.sender.name, len(delivery.transaction.request.body))
        self._node.counters.message("sip", delivery.decision, result, self._node.wheel.now - delivery.began)
        return True
