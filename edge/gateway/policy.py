"""What the partner list says about a message or a request for presence, once its two domains may talk at all.

In this order: the direction and the kind of traffic (`edge.partners.Admit`), who vouches for the sender, how much he
sends. The first refusal wins. What answers an admitted request (NOTIFY, receipts, errors, the end of a session) is not
asked here. Called by `edge.gateway.core`.
"""

from math import ceil

from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.gateway.counters import REJECTED
from edge.gateway.effects import Effect, Report, SendStanza
from edge.gateway.guard import Guard, Limit
from edge.gateway.limits import Rates
from edge.gateway.node import Node
from edge.gateway.pairs import Pairs
from edge.mapping.addresses import jid_of
from edge.partners import Admit, System
from edge.sip import microsoft
from edge.sip.message import Request
from edge.sip.transaction import ServerTransaction
from edge.sip.uri import SipUri
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Iq, Message, Presence, error_bytes


class Policy:
    """The partner list, applied to single messages."""

    def __init__(self, node: Node, pairs: Pairs) -> None:
        self._node = node
        self._pairs = pairs
        self.rates = Rates()
        self.guard = Guard(node.counters)

    def silences(self, request: Request) -> bool:
        """Whether who sends it is not even answered: asked before there is a transaction, of which a 100 would come."""
        try:
            block = self._node.directory.block_of(request.from_.sip_uri.host)
        except RemoteProtocolError:
            return False  # nobody knows who it is from
        return block is not None and block.silent

    def request(
        self, transaction: ServerTransaction, decision: Admit, sender: SipUri, target: SipUri
    ) -> list[Effect] | None:
        """Why a request is refused, as its answer; None if it is not."""
        request = transaction.request
        method = request.method
        if method in ("MESSAGE", "INVITE"):
            code = decision.im
        elif method == "SUBSCRIBE" and not request.to.tag:
            code = decision.presence
        elif method == "SUBSCRIBE" and decision.discovered:
            return self._too_fast(transaction, decision)  # listed partners refresh all their dialogs at once
        else:
            return None
        if request.to.tag:
            target = request.to.sip_uri  # the Request-URI is our own Contact, of whoever's dialog (RFC 3261 §12.2.1.1)
        if code is None and decision.doubt and self._is_stranger(request, decision, sender, target):
            code = Code.A07
        if code is not None:
            return self._refused(transaction, decision, code)
        if method == "INVITE" and request.to.tag:
            return None  # it keeps up a session, and says nothing
        if decision.discovered and (limit := self._limit(decision, _address(sender), _address(target))) is not None:
            later = [("Retry-After", str(ceil(limit.wait)))] if limit.wait else []
            return self._refused(transaction, decision, limit.code, later, limit.text) + limit.reports
        return self._too_fast(transaction, decision)

    def stanza(self, stanza: Message | Presence, decision: Admit) -> list[Effect] | None:
        """Why a message with a text, an invitation or a request for presence is refused, as its answer; or None."""
        assert stanza.from_ is not None and stanza.to is not None
        is_message = type(stanza) is Message
        code = decision.im if is_message else decision.presence
        if code is None and decision.doubt == "unverified":
            pair = self._pairs.get(stanza.to.bare(), stanza.from_.bare())
            if pair is None or not (pair.user_sees or pair.user_asked):
                code = Code.A07
        if code is not None:
            return self._returned(stanza, decision, code, code.condition, code.sentence)
        known = not is_message and stanza.type == "probe" and self._is_watched(stanza.to, stanza.from_)
        if decision.discovered and not (known and decision.sender.inside):
            limit = self._limit(decision, str(stanza.from_.bare()), str(stanza.to.bare()))
            if limit is not None:
                condition = "resource-constraint" if limit.wait else limit.code.condition
                return self._returned(stanza, decision, limit.code, condition, limit.text) + limit.reports
        if decision.sender.inside or (known and not decision.discovered):
            return None
        wait = self._wait(decision.sender)
        if not wait:
            return None
        returned = self._returned(stanza, decision, Code.L01, "resource-constraint", _too_much(wait))
        return returned + self._complaint(decision)

    def call(self, iq: Iq, decision: Admit) -> list[Effect] | None:
        """The answer to a call by IQ, or to any of a discovered partner, if its sender sends too much."""
        if decision.sender.inside or iq.from_ is None or iq.to is None:
            return None
        wait = self._wait(decision.sender)
        if not wait:
            return None
        data = error_bytes(iq, "resource-constraint", f"{Code.L01} {_too_much(wait)}", "wait")
        report = Report("policy.denied", Code.L01, {"partner": decision.sender.name}, iq)
        return [SendStanza(iq.to.host, iq.from_.host, data), report, *self._complaint(decision)]

    def holds(self, system: System) -> bool:
        """`edge.partners.discovery.Holder`: whether somebody sees somebody there, or wants to."""
        return self._pairs.has(system)

    def forget(self, system: System) -> None:
        """`edge.partners.discovery.Holder`: also for one that is taken off the list."""
        self.rates.forget({system.name})
        if system.discovered:
            self.guard.forget(system.name)
            self._node.counters.forget(system.name)

    # --- private --------------------------------------------------------------------------------------

    def _too_fast(self, transaction: ServerTransaction, decision: Admit) -> list[Effect] | None:
        """Why a request is refused of which there are too many."""
        if decision.sender.inside:
            return None
        wait = self._wait(decision.sender)
        if not wait:
            return None
        # COMPAT(lync): 500, because to 503 an edge stops using us altogether (as any proxy may, RFC 3261 §21.5.4), and
        # 480 to a MESSAGE means that its session is over; since OCS 2007
        again = [("Retry-After", str(ceil(wait)))]
        return self._refused(transaction, decision, Code.L01, again) + self._complaint(decision)

    def _wait(self, sender: System) -> float:
        """Seconds until a partner may send what he has now; 0 if it is counted, and may go."""
        now = self._node.wheel.now
        wait = self.rates.take(sender, now)
        if sender.discovered and not wait and (wait := self.guard.crowded(sender, now)):
            self.rates.refused(sender)
        return wait

    def _limit(self, decision: Admit, sender: str, target: str) -> Limit | None:
        """What more is asked where one of the two is on no list."""
        now = self._node.wheel.now
        if decision.sender.inside:
            return self.guard.outbound(sender, decision.recipient, now)
        return self.guard.inbound(target, decision.sender, now)

    def _is_watched(self, user: JID, contact: JID) -> bool:
        """A probe of who watches already is answered from memory, and may come for everybody at once."""
        pair = self._pairs.get(user.bare(), contact.bare())
        return pair is not None and pair.watch is not None

    def _is_stranger(self, request: Request, decision: Admit, sender: SipUri, target: SipUri) -> bool:
        """Nobody vouches for the sender, and the recipient has neither asked for him nor allowed him to watch."""
        if decision.doubt == "as-asserted" and microsoft.is_asserted(request):
            return False
        try:
            pair = self._pairs.get(jid_of(sender).bare(), jid_of(target).bare())
        except RemoteProtocolError:
            return False  # the address is looked at, and refused, by those who serve the request
        return pair is None or not (pair.user_sees or pair.contact_sees or pair.contact_asked)

    def _refused(
        self,
        transaction: ServerTransaction,
        decision: Admit,
        code: Code,
        headers: list[tuple[str, str]] | None = None,
        text: str = "",
    ) -> list[Effect]:
        if transaction.request.method == "MESSAGE":
            self._count("sip", decision, code)
        return self._node.refuse(transaction, code, headers=headers or [], text=text)

    def _count(self, protocol: str, decision: Admit, code: Code) -> None:
        self._node.counters.message(protocol, decision, REJECTED)
        if decision.sender.discovered and code in (Code.L01, Code.L02):
            self.guard.refused(decision.sender)

    def _returned(
        self, stanza: Message | Presence, decision: Admit, code: Code, condition: str, text: str
    ) -> list[Effect]:
        """An error stanza; to a request for presence too, because it says what `unsubscribed` cannot."""
        assert stanza.from_ is not None and stanza.to is not None
        if type(stanza) is Message:
            self._count("xmpp", decision, code)
        sender: JID = stanza.from_
        kind = "wait" if code is Code.L01 else ""
        data = error_bytes(stanza, condition, f"{code} {text}", kind)
        partner = decision.recipient.name if decision.sender.inside else decision.sender.name
        report = Report("policy.denied", code, {"partner": partner}, stanza)
        return [SendStanza(stanza.to.host, sender.host, data), report]

    def _complaint(self, decision: Admit) -> list[Effect]:
        return self.rates.complaint(decision.sender, self._node.wheel.now)


def _address(uri: SipUri) -> str:
    return f"{uri.user}@{uri.host}".lower()


def _too_much(wait: float) -> str:
    return f"{Code.L01.sentence}; there is room again in {ceil(wait)} s"
