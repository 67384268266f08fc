"""XMPP users who watch SIP users: we SUBSCRIBE on their behalf (RFC 8048 §5.2, RFC 6665 §4.1).

A `Watch` joins the authorization, which is permanent in XMPP, with the notification dialog, which is not in SIP.
Correlation is by Call-ID and our tag, never by link. Called by `edge.gateway.core`.
"""

from edge.bodies import pidf
from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.gateway.effects import Effect, Report, SendSip, SendStanza
from edge.gateway.node import Node
from edge.gateway.quota import Quota
from edge.mapping.addresses import uri_of
from edge.mapping.presence import settle, stanzas_of, withdrawn
from edge.partners import Admit, System
from edge.sip.message import Response
from edge.sip.subscriber import Subscriber
from edge.sip.subscription import (
    PIDF,
    Active,
    Document,
    Ended,
    Output,
    Rearm,
    RefreshDue,
    Reply,
    SendRequest,
    UsageKey,
    usage_key,
)
from edge.sip.transaction import ClientTransaction, ServerTransaction
from edge.timers import Slot, Wheel
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Presence, error_bytes

MAX_WATCHED = 2000  # contacts of one XMPP user; each costs a dialog at the partner (RFC 8048 §8.1)

MAX_OF_SYSTEM = 200_000  # watches of one XMPP system; each costs a few kB for as long as it lasts

REFRESH, RETRY = "refresh", "retry"  # what a watch waits for


class Watch:
    """One XMPP user and one SIP contact of his."""

    __slots__ = (
        "_watches", "watcher", "contact", "system", "origin", "usage", "approved", "leaving", "document",
        "timer", "slot",
    )

    def __init__(self, watches: "Subscribers", watcher: JID, contact: JID, system: System, origin: str) -> None:
        self._watches = watches
        self.watcher = watcher
        self.contact = contact
        self.system = system
        self.origin = origin  # the name of the watcher's system
        self.usage: Subscriber | None = None
        self.approved = False  # whether the watcher was told `subscribed`
        self.leaving = False  # whether he has taken his subscription back
        self.document: pidf.Document | None = None
        self.timer = ""
        self.slot: Slot[object] | None = None

    def answered(self, transaction: ClientTransaction, response: Response) -> list[Effect]:
        return self._watches.answered(self, response)

    def failed(self, transaction: ClientTransaction, code: Code, text: str) -> list[Effect]:
        return self._watches.failed(self, transaction.key, code, text)

    def expire(self, timer: str) -> list[Effect]:
        return self._watches.expire(self, timer)


class Subscribers:
    """All watches of XMPP users."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._watches: dict[tuple[JID, JID], Watch] = {}
        self._usages: dict[UsageKey, Watch] = {}
        self._watched: dict[JID, int] = {}  # by watcher: how many
        self._quota = Quota()  # by the watcher's system

    def __len__(self) -> int:
        return len(self._watches)

    # --- from XMPP ------------------------------------------------------------------------------------

    def presence_received(self, stanza: Presence, decision: Admit) -> list[Effect]:
        """`subscribe`, `unsubscribe` or `probe` from an XMPP user to a SIP user (RFC 6121 §3, §4.3)."""
        assert stanza.from_ is not None and stanza.to is not None
        watcher, contact = stanza.from_.bare(), stanza.to.bare()
        watch = self._watches.get((watcher, contact))
        if not watcher.local or not contact.local:
            return [self._tell(contact, watcher, "unsubscribed")] if stanza.type == "subscribe" else []
        if stanza.type == "unsubscribe":
            return self._unsubscribe(watch, watcher, contact)
        if watch is not None:
            return self._return(watch, stanza) if watch.leaving else self._repeat(watch, stanza)
        system = decision.sender.name
        if self._watched.get(watcher, 0) >= MAX_WATCHED or not self._quota.take(system, MAX_OF_SYSTEM):
            text = f"{Code.L01} there are too many subscriptions already"
            return [SendStanza(contact.host, watcher.host, error_bytes(stanza, "policy-violation", text))]
        watch = Watch(self, watcher, contact, decision.recipient, system)
        # A probe for a contact we know nothing of: the user's server holds an authorization from an earlier life of
        # ours, and tells us that a presence session begins (RFC 8048 §5.2.2). It is not to be told `subscribed` again.
        watch.approved = stanza.type == "probe"
        self._watches[watcher, contact] = watch
        self._watched[watcher] = self._watched.get(watcher, 0) + 1
        return self._subscribe(watch)

    def error_received(self, stanza: Presence) -> list[Effect]:
        """The watcher's server says that there is no such user (any more): nobody is left to be told."""
        assert stanza.from_ is not None and stanza.to is not None
        watch = self._watches.get((stanza.from_.bare(), stanza.to.bare()))
        gone = stanza.error is not None and stanza.error.condition in ("item-not-found", "gone")
        return self._leave(watch) if watch is not None and gone and not watch.leaving else []

    def _return(self, watch: Watch, stanza: Presence) -> list[Effect]:
        """Who had left comes back before his old dialog is over: that one may end unheard, he gets a new one."""
        watch.leaving = False
        watch.approved = stanza.type == "probe"
        if watch.usage is not None:
            del self._usages[watch.usage.key]
        return self._subscribe(watch)

    def _repeat(self, watch: Watch, stanza: Presence) -> list[Effect]:
        """A watch that exists already is answered from memory; without a dialog it is the moment to try again."""
        effects: list[Effect] = []
        if stanza.type == "subscribe" and watch.approved:
            effects.append(self._tell(watch.contact, watch.watcher, "subscribed"))
        if watch.document is not None:
            assert stanza.from_ is not None
            known = stanzas_of(watch.document, None, watch.contact, stanza.from_)
            effects += [self._send(presence) for presence in known]
        if watch.usage is None:
            effects += self._subscribe(watch)
        return effects

    def _unsubscribe(self, watch: Watch | None, watcher: JID, contact: JID) -> list[Effect]:
        """RFC 8048 §5.2.3: end the dialog if there is one, then say `unsubscribed`."""
        if watch is None:
            return [self._tell(contact, watcher, "unsubscribed")]
        effects = self._withdraw(watch)
        effects.append(self._tell(contact, watcher, "unsubscribed"))
        return effects + self._leave(watch)

    # --- from SIP -------------------------------------------------------------------------------------

    def notified(self, transaction: ServerTransaction, decision: Admit) -> list[Effect]:
        """A NOTIFY, perhaps before the 200 to the SUBSCRIBE and perhaps on another link (RFC 6665 §4.1.2.4)."""
        request = transaction.request
        watch = self._usages.get(usage_key(request))
        if watch is None or watch.usage is None or watch.system is not decision.sender:
            return self._node.refuse(transaction, Code.S05, 481)
        return self._follow(watch, watch.usage.notified(request, self._node.wheel.now), transaction)

    def answered(self, watch: Watch, response: Response) -> list[Effect]:
        """A response to a SUBSCRIBE of ours."""
        if watch.usage is None:
            return []
        return self._follow(watch, watch.usage.answered(response, self._node.wheel.now))

    def failed(self, watch: Watch, branch: str, code: Code, text: str) -> list[Effect]:
        """A SUBSCRIBE of ours got no answer or did not leave."""
        if watch.usage is None:
            return []
        status = 408 if code is Code.M02 else 503
        effects: list[Effect] = [Report("subscription.failed", code, {"partner": watch.system.name, "reason": text})]
        return effects + self._follow(watch, watch.usage.failed(branch, status, self._node.wheel.now))

    def expire(self, watch: Watch, timer: str) -> list[Effect]:
        """The timer of a watch has come."""
        watch.slot = None
        if timer == RETRY:
            return [] if watch.usage is not None or watch.leaving else self._subscribe(watch)
        if watch.usage is None:
            return []
        return self._follow(watch, watch.usage.expire(self._node.wheel.now))

    # --- private --------------------------------------------------------------------------------------

    def _subscribe(self, watch: Watch) -> list[Effect]:
        """Open a new dialog."""
        self._stop(watch)
        watch.usage = Subscriber.open(self._node.agent, uri_of(watch.watcher), uri_of(watch.contact))
        self._usages[watch.usage.key] = watch
        return self._follow(watch, watch.usage.subscribe(self._node.wheel.now))

    def _follow(
        self, watch: Watch, outputs: list[Output], transaction: ServerTransaction | None = None
    ) -> list[Effect]:
        """Do what the usage says, in order."""
        node = self._node
        effects: list[Effect] = []
        due = False
        for output in outputs:
            if isinstance(output, SendRequest):
                client = node.layer.open_client(output.method, output.branch, watch, call_id=output.call_id)
                effects.append(SendSip(watch.system, watch.contact.host, output.data, client))
            elif isinstance(output, Reply):
                assert transaction is not None
                effects += node.respond(transaction, output.status, output.headers)
            elif isinstance(output, Rearm):
                self._start(watch, output.seconds, REFRESH)
            elif isinstance(output, RefreshDue):
                due = True  # last, because it arms the timer for the answer to the refresh
            elif isinstance(output, Active):
                effects += self._activate(watch)
            elif isinstance(output, Document):
                effects += self._document(watch, output)
            elif isinstance(output, Ended):
                effects += self._end(watch, output)
        if due and watch.usage is not None:
            effects += self._follow(watch, watch.usage.refresh(node.wheel.now))
        return effects

    def _activate(self, watch: Watch) -> list[Effect]:
        """`subscribed`, once (RFC 8048 §5.2.1)."""
        if watch.approved or watch.leaving:
            return []
        watch.approved = True
        report = Report("sub.active", None, {"partner": watch.system.name})
        return [self._tell(watch.contact, watch.watcher, "subscribed"), report]

    def _document(self, watch: Watch, output: Document) -> list[Effect]:
        """What the watcher has to hear of a new document; one that cannot be read changes nothing."""
        if watch.leaving or not output.body:
            return []
        if output.content_type != PIDF:
            return [Report("presence.unreadable", Code.S04, {"partner": watch.system.name})]
        try:
            document = pidf.parse(output.body)
            news = stanzas_of(document, watch.document, watch.contact, watch.watcher)
        except RemoteProtocolError as error:
            return [Report("presence.unreadable", error.code, {"partner": watch.system.name, "reason": str(error)})]
        watch.document = settle(document, watch.document)
        return [self._send(presence) for presence in news]

    def _end(self, watch: Watch, ended: Ended) -> list[Effect]:
        """The dialog is dead; the authorization only if the partner said so (RFC 8048 §5.2.2)."""
        self._stop(watch)
        if watch.usage is not None:
            self._usages.pop(watch.usage.key, None)
            watch.usage = None
        if watch.leaving:
            self._forget(watch)
            return []
        fields: dict[str, object] = {
            "partner": watch.system.name, "cause": ended.cause.value, "reason": ended.reason, "status": ended.status,
        }
        effects: list[Effect] = [Report("sub.ended", None, fields)]
        if ended.authorization_dead:
            effects += self._withdraw(watch)
            effects.append(self._tell(watch.contact, watch.watcher, "unsubscribed"))
            self._forget(watch)
            return effects
        if ended.retry != 0:
            effects += self._withdraw(watch)
        if ended.retry is None:
            return effects
        if ended.retry == 0:
            return effects + self._subscribe(watch)
        self._start(watch, ended.retry, RETRY)
        return effects

    def _leave(self, watch: Watch) -> list[Effect]:
        """Give the watch up: politely, if there is a dialog."""
        watch.leaving = True
        if watch.usage is None:
            self._forget(watch)
            return []
        return self._follow(watch, watch.usage.unsubscribe(self._node.wheel.now))

    def _withdraw(self, watch: Watch) -> list[Effect]:
        """`unavailable` from whatever the watcher believes to be available."""
        gone = withdrawn(watch.document, watch.contact, watch.watcher)
        watch.document = None
        return [self._send(presence) for presence in gone]

    def _forget(self, watch: Watch) -> None:
        self._stop(watch)
        if self._watches.pop((watch.watcher, watch.contact), None) is None:
            return
        self._quota.give(watch.origin)
        left = self._watched[watch.watcher] - 1
        if left:
            self._watched[watch.watcher] = left
        else:
            del self._watched[watch.watcher]

    def _start(self, watch: Watch, seconds: float, timer: str) -> None:
        self._stop(watch)
        watch.timer = timer
        watch.slot = self._node.wheel.start(seconds, (watch, timer))

    def _stop(self, watch: Watch) -> None:
        if watch.slot is not None:
            Wheel.stop(watch.slot, (watch, watch.timer))
            watch.slot = None

    def _tell(self, sender: JID, recipient: JID, kind: str) -> SendStanza:
        data = Presence(from_=sender, to=recipient, type=kind).to_bytes()
        return SendStanza(sender.host, recipient.host, data)

    def _send(self, presence: Presence) -> SendStanza:
        assert presence.from_ is not None and presence.to is not None
        return SendStanza(presence.from_.host, presence.to.host, presence.to_bytes())
