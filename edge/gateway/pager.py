"""Page-mode instant messages (RFC 3428 <-> RFC 6121 §5, by RFC 7572).

The rule of responsibility: a SIP sender gets its final response, an XMPP sender is left without an error, only when the
next hop has said that it has the message. Called by `edge.gateway.core`.
"""

from collections import deque
from collections.abc import Sequence

from edge.bodies.text import UnsupportedBody
from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.gateway.effects import Effect, Report, SendSip, SendStanza
from edge.gateway.node import ALLOW, Node
from edge.gateway.quota import Quota
from edge.mapping import failures, messages
from edge.mapping.addresses import SipsNotAllowed, jid_of, uri_of
from edge.partners import Admit
from edge.sip.message import Response, request_bytes
from edge.sip.transaction import ClientTransaction, ServerTransaction
from edge.sip.uri import SipUri
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Message, error_bytes

MAX_OPEN = 5_000  # messages of one SIP system that wait for the XMPP side; half a second's worth at full speed
MAX_OPEN_BYTES = 16 << 20  # of their bodies: as many short ones, but not as many long ones
MAX_UNDER_WAY = 5_000  # messages of one XMPP system that wait for SIP answers or for their turn
PATIENCE = 30.0  # seconds an XMPP sender waits for the SIP answer; a little less than Timer F


class Opened:
    """One message on its way from SIP to XMPP; the token of its stanza."""

    __slots__ = ("stanza_id", "recipient", "system", "transaction")

    def __init__(self, stanza_id: str, recipient: JID, system: str, transaction: ServerTransaction) -> None:
        self.stanza_id = stanza_id
        self.recipient = recipient
        self.system = system  # who sent it
        self.transaction = transaction


class Page:
    """One message on its way from XMPP to SIP."""

    __slots__ = ("_pager", "stanza", "decision", "target", "branch", "call_id", "data")

    def __init__(
        self, pager: "Pager", stanza: Message, decision: Admit, target: str, branch: str, call_id: str, data: bytes
    ) -> None:
        self._pager = pager
        self.stanza = stanza
        self.decision = decision
        self.target = target
        self.branch = branch
        self.call_id = call_id
        self.data = data

    def answered(self, transaction: ClientTransaction, response: Response) -> list[Effect]:
        return self._pager.answered(self, response)

    def failed(self, transaction: ClientTransaction, code: Code, text: str) -> list[Effect]:
        return self._pager.failed(self, code, text)


class Pager:
    """All page-mode messages under way, in both directions."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._open: dict[str, Opened] = {}  # by stanza id: SIP messages that XMPP has not acknowledged
        self._waiting: dict[str, deque[Page]] = {}  # by target URI: one is under way, these wait (RFC 3428 §8)
        self._queued = Quota()  # by the SIP system they are for: how many wait
        self._opened = Quota()  # by the SIP system that sends
        self._under_way = Quota()  # by the XMPP system that sends

    # --- SIP to XMPP ------------------------------------------------------------------------------

    def message_received(
        self, transaction: ServerTransaction, decision: Admit, sender: SipUri, target: SipUri
    ) -> list[Effect]:
        """A MESSAGE outside any dialog: translate and send on; the answer comes later."""
        node = self._node
        stanza_id = node.ids.stanza_id()
        try:
            source, recipient = jid_of(sender), jid_of(target)
            if not recipient.local:
                return node.refuse(transaction, Code.A06, 404)
            data = messages.stanza_of(
                transaction.request,
                source,
                recipient,
                id=stanza_id,
                page_type=decision.recipient.page_type,
                limit=decision.recipient.stanza_bytes,
            )
        except (UnsupportedBody, SipsNotAllowed) as error:
            return node.refuse(transaction, error.code, error.status, error.headers, str(error))
        except RemoteProtocolError as error:
            return node.refuse(transaction, error.code, error.status, text=str(error))
        if data is None:
            return node.respond(transaction, 200)
        system = decision.sender.name
        if not self._opened.take(system, MAX_OPEN, len(transaction.request.body), MAX_OPEN_BYTES):
            return node.refuse(transaction, Code.M01, 480)
        transaction.user = opened = Opened(stanza_id, recipient, system, transaction)
        self._open[stanza_id] = opened
        return [SendStanza(source.host, recipient.host, data, opened)]

    def taken(self, tokens: Sequence[object]) -> list[Effect]:
        """XMPP has these: now, and not before, the SIP sender gets its 200."""
        effects: list[Effect] = []
        respond = self._node.respond
        for token in tokens:
            if isinstance(token, Opened) and self._closed(token):
                effects += respond(token.transaction, 200)
        return effects

    def error_received(self, stanza: Message) -> list[Effect]:
        """An error stanza: the failure of an open SIP message, or too late (RFC 7247 §7.1)."""
        opened = self._open.get(stanza.id)
        error = stanza.error
        if opened is None or error is None or stanza.from_ is None:
            return [Report("message.failed", Code.M03, {"late": True, "condition": error.condition if error else ""})]
        recipient, sender = opened.recipient, stanza.from_
        if sender.bare() != recipient.bare() and (sender.local or sender.host != recipient.host):
            return [Report("policy.denied", Code.A05, {"reason": "an error stanza from somebody else"})]
        self._closed(opened)
        failure = failures.failure_of(error, full=bool(recipient.resource), allow=ALLOW)
        return self._node.refuse(opened.transaction, Code.M03, failure.status, failure.headers, failure.reason)

    def unsent(self, opened: Opened, code: Code, text: str) -> list[Effect]:
        """The stanza did not reach the next hop."""
        if not self._closed(opened):
            return []
        return self._node.refuse(opened.transaction, code, failures.status_of_code(code), text=text)

    def overdue(self, transaction: ServerTransaction) -> list[Effect]:
        """Nobody has spoken and the sender's Timer F is near: say so (RFC 4320 §4.2 forbids 408)."""
        if isinstance(transaction.user, Opened):
            return self.unsent(transaction.user, Code.M02, Code.M02.sentence)
        return self._node.refuse(transaction, Code.M02)

    def _closed(self, opened: Opened) -> bool:
        """The message is about to be answered; False if it was already."""
        if self._open.pop(opened.stanza_id, None) is None:
            return False
        self._opened.give(opened.system, len(opened.transaction.request.body))
        return True

    # --- XMPP to SIP ------------------------------------------------------------------------------

    def stanza_received(self, stanza: Message, decision: Admit) -> list[Effect]:
        """A message stanza to a SIP user: one MESSAGE, in order behind those to the same user."""
        assert stanza.from_ is not None and stanza.to is not None
        try:
            facts = messages.request_of(stanza)
            if facts is None:
                return []
            if not stanza.to.local:
                return self._bounce(stanza, "service-unavailable", "this address takes no messages", Code.A06)
            page = self._page(stanza, decision, facts)
        except RemoteProtocolError as error:
            return self._bounce(stanza, error.condition, str(error), error.code)
        if len(page.data) > messages.RFC3428_LIMIT:
            text = f"the message is longer than {messages.RFC3428_LIMIT} bytes with its headers (RFC 3428)"
            return self._bounce(stanza, "policy-violation", text, Code.S09, "modify")
        if not self._under_way.take(decision.sender.name, MAX_UNDER_WAY):
            return self._bounce(stanza, Code.M01.condition, Code.M01.sentence, Code.M01)
        waiting = self._waiting.get(page.target)
        if waiting is None:
            return self._send(page)
        if not self._queued.take(decision.recipient.name, decision.recipient.pending_messages):
            self._under_way.give(decision.sender.name)
            return self._bounce(stanza, Code.M01.condition, Code.M01.sentence, Code.M01)
        waiting.append(page)
        return []

    def answered(self, page: Page, response: Response) -> list[Effect]:
        """The SIP answer to one of ours; the next one to the same user may go."""
        status = response.status
        if status < 200:
            return []
        effects: list[Effect] = []
        if status >= 300:
            condition, kind, address = failures.condition_of_response(response)
            text = f"{Code.M03} {status} {response.reason}"
            effects.append(self._error(page.stanza, condition, text, kind, address))
            fields: dict[str, object] = {"status": status, "partner": page.decision.recipient.name}
            effects.append(Report("message.failed", Code.M03, fields))
        return effects + self._next(page)

    def failed(self, page: Page, code: Code, text: str) -> list[Effect]:
        """No answer came, or the MESSAGE could not be sent: nor would those that wait behind it fare better."""
        self._under_way.give(page.decision.sender.name)
        effects = self._bounce(page.stanza, code.condition, text, code)
        for following in self._waiting.pop(page.target, ()):
            self._queued.give(following.decision.recipient.name)
            self._under_way.give(following.decision.sender.name)
            effects += self._bounce(following.stanza, code.condition, text, code)
        return effects

    def _page(self, stanza: Message, decision: Admit, facts: messages.MessageFacts) -> Page:
        """Translate once, when the stanza arrives: what waits in the queue is ready to go."""
        node = self._node
        assert stanza.from_ is not None and stanza.to is not None
        target, branch = uri_of(stanza.to), node.ids.branch()
        call_id = facts.call_id or node.ids.call_id()
        headers = [
            ("Via", node.agent.via(branch)),
            ("Max-Forwards", "70"),
            ("From", f"<{uri_of(stanza.from_)}>;tag={branch[7:]}"),
            ("To", f"<{target}>"),
            ("Call-ID", call_id),
            ("CSeq", "1 MESSAGE"),
            *facts.headers,
        ]
        data = request_bytes("MESSAGE", target, headers, facts.body)
        return Page(self, stanza, decision, target, branch, call_id, data)

    def _send(self, page: Page) -> list[Effect]:
        assert page.stanza.to is not None
        self._waiting.setdefault(page.target, deque())
        transaction = self._node.layer.open_client("MESSAGE", page.branch, page, seconds=PATIENCE, call_id=page.call_id)
        return [SendSip(page.decision.recipient, page.stanza.to.host, page.data, transaction)]

    def _next(self, page: Page) -> list[Effect]:
        """``page`` is answered and the way to its target is free: send what waits, or forget the target."""
        self._under_way.give(page.decision.sender.name)
        waiting = self._waiting.get(page.target)
        if not waiting:
            self._waiting.pop(page.target, None)
            return []
        following = waiting.popleft()
        self._queued.give(following.decision.recipient.name)
        return self._send(following)

    def _bounce(self, stanza: Message, condition: str, text: str, code: Code, kind: str = "") -> list[Effect]:
        if stanza.type == "error":
            return []
        effect = self._error(stanza, condition, f"{code} {text}", kind)
        return [effect, Report("message.failed", code, {"condition": condition})]

    def _error(self, stanza: Message, condition: str, text: str, kind: str = "", address: str = "") -> SendStanza:
        assert stanza.from_ is not None and stanza.to is not None
        data = error_bytes(stanza, condition, text, kind, address=address)
        return SendStanza(stanza.to.host, stanza.from_.host, data)
