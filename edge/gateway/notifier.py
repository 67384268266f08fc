"""SIP users who watch XMPP users: they SUBSCRIBE, we NOTIFY (RFC 8048 §5.3, RFC 6665 §4.2).

A `Pair` is one SIP watcher and one XMPP contact: it holds the authorization, which outlives the dialogs, what is known
of the contact's resources, and the dialogs (one for each device of the watcher). Called by `edge.gateway.core`.
"""

from edge.bodies import pidf
from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.gateway.effects import Effect, Report, SendSip, SendStanza
from edge.gateway.node import Node
from edge.gateway.quota import Quota
from edge.mapping.addresses import SipsNotAllowed, bare_uri_of, jid_of
from edge.mapping.presence import document_of, timestamp
from edge.partners import Admit, System
from edge.sip.message import Request, Response
from edge.sip.notifier import Notifier
from edge.sip.subscription import (
    PIDF,
    PRESENCE,
    Closed,
    Left,
    Output,
    Rearm,
    Renewed,
    Reply,
    SendRequest,
    UsageKey,
    too_brief,
    usage_key,
)
from edge.sip.transaction import ClientTransaction, ServerTransaction
from edge.sip.uri import SipUri
from edge.timers import Slot, Wheel
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Presence

MAX_DIALOGS = 16  # of one watcher with one contact; he has no more devices, but an attacker has more Call-IDs
MAX_RESOURCES = 32  # of one contact; each is a tuple of every document
MAX_WATCHED = 2000  # contacts of one SIP user; each costs an authorization that is kept
MAX_OF_SYSTEM = 200_000  # pairs with watchers of one SIP system; each is kept while its authorization lasts
FETCH_SECONDS = 2.0  # a fetch waits so long for the answer to a probe, far below the peer's Timer N (RFC 8048 §7.2)

REJECTED = frozenset(
    ["forbidden", "not-allowed", "policy-violation", "not-authorized", "registration-required", "subscription-required"]
)
NO_RESOURCE = frozenset(["item-not-found", "gone", "remote-server-not-found", "jid-malformed", "service-unavailable"])
RETRY_AFTER = 300  # seconds; for a watcher whose request failed for a reason that passes

EXPIRY, ANSWER = "expiry", "answer"  # what a notification waits for


class Notification:
    """One dialog of a watcher."""

    __slots__ = ("_notifiers", "pair", "usage", "system", "timer", "slot")

    def __init__(self, notifiers: "Notifiers", pair: "Pair", usage: Notifier, system: System) -> None:
        self._notifiers = notifiers
        self.pair = pair
        self.usage = usage
        self.system = system
        self.timer = ""
        self.slot: Slot[object] | None = None

    def answered(self, transaction: ClientTransaction, response: Response) -> list[Effect]:
        return self._notifiers.answered(self, response)

    def failed(self, transaction: ClientTransaction, code: Code, text: str) -> list[Effect]:
        return self._notifiers.failed(self, transaction.key, code, text)

    def expire(self, timer: str) -> list[Effect]:
        return self._notifiers.expire(self, timer)


class Pair:
    """A SIP watcher and an XMPP contact, both bare.

    ``approved`` is the authorization of RFC 6121 §3; ``asked`` that a request for it is open. ``known`` says that
    ``resources`` tells the contact's state, which an empty one does not by itself.
    """

    __slots__ = ("watcher", "contact", "origin", "approved", "asked", "known", "resources", "notifications")

    def __init__(self, watcher: JID, contact: JID, origin: str) -> None:
        self.watcher = watcher
        self.contact = contact
        self.origin = origin  # the name of the watcher's system
        self.approved = False
        self.asked = False
        self.known = False
        self.resources: dict[str, Presence] = {}
        self.notifications: list[Notification] = []


class Notifiers:
    """All notifications to SIP users."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._pairs: dict[tuple[JID, JID], Pair] = {}
        self._usages: dict[UsageKey, Notification] = {}
        self._watched: dict[JID, int] = {}  # by watcher: how many pairs
        self._quota = Quota()  # by the watcher's system

    def __len__(self) -> int:
        return len(self._usages)

    # --- from SIP -------------------------------------------------------------------------------------

    def subscribed(
        self, transaction: ServerTransaction, decision: Admit, sender: SipUri, target: SipUri
    ) -> list[Effect]:
        """A SUBSCRIBE: a new dialog, a fetch, or one within a dialog (RFC 6665 §4.2.1)."""
        node, request = self._node, transaction.request
        if request.to.tag:
            notification = self._usages.get(usage_key(request))
            if notification is None or notification.system is not decision.sender:
                return node.refuse(transaction, Code.S05, 481)
            return self._refreshed(transaction, notification)
        refusal = self._unsuitable(transaction, request)
        if refusal is not None:
            return refusal
        try:
            watcher, contact = jid_of(sender).bare(), jid_of(target).bare()
        except SipsNotAllowed as error:
            return node.refuse(transaction, error.code, error.status, error.headers, str(error))
        except RemoteProtocolError as error:
            return node.refuse(transaction, error.code, error.status, text=str(error))
        if not contact.local or not watcher.local:
            return node.refuse(transaction, Code.A06, 404)
        pair = self._pairs.get((watcher, contact))
        if pair is None:
            full = self._quota.count(decision.sender.name) >= MAX_OF_SYSTEM
            if full or self._watched.get(watcher, 0) >= MAX_WATCHED:
                return node.refuse(transaction, Code.L01, 403, text="there are too many subscriptions already")
            pair = Pair(watcher, contact, decision.sender.name)
        elif len(pair.notifications) >= MAX_DIALOGS:
            return node.refuse(transaction, Code.L01, 403, text=f"no more than {MAX_DIALOGS} dialogs")
        return self._accept(transaction, pair, decision.sender)

    def _refreshed(self, transaction: ServerTransaction, notification: Notification) -> list[Effect]:
        """A SUBSCRIBE within the dialog: the watcher refreshes or leaves (RFC 8048 §5.3.2, §5.3.3)."""
        try:
            outputs = notification.usage.refreshed(transaction.request, self._node.wheel.now)
        except RemoteProtocolError as error:
            return self._node.refuse(transaction, error.code, error.status, text=str(error))
        return self._follow(notification, outputs, transaction)

    def _unsuitable(self, transaction: ServerTransaction, request: Request) -> list[Effect] | None:
        """Event package, Accept and interval (RFC 6665 §4.2.1, RFC 3856 §6.5)."""
        node = self._node
        try:
            event, accepted, brief = request.event, request.headers.elements("accept"), too_brief(node.agent, request)
        except RemoteProtocolError as error:
            return node.refuse(transaction, error.code, error.status, text=str(error))
        if event is None or event.package != PRESENCE:
            return node.refuse(transaction, Code.S06, 489, [("Allow-Events", PRESENCE)])
        types = {each.partition(";")[0].strip().lower() for each in accepted}
        if types and not types & {PIDF, "application/*", "*/*"}:
            return node.refuse(transaction, Code.S04, 406, [("Accept", PIDF)])
        if brief is not None:
            return node.respond(transaction, brief.status, brief.headers)
        return None

    def _accept(self, transaction: ServerTransaction, pair: Pair, system: System) -> list[Effect]:
        """200 at once, NOTIFY at once, and the question to the contact if it is new (RFC 8048 §5.3.1)."""
        node = self._node
        try:
            usage, outputs = Notifier.accept(node.agent, transaction.request, transaction.to_tag, node.wheel.now)
        except RemoteProtocolError as error:
            return node.refuse(transaction, error.code, error.status, text=str(error))
        if (pair.watcher, pair.contact) not in self._pairs:
            self._pairs[pair.watcher, pair.contact] = pair
            self._watched[pair.watcher] = self._watched.get(pair.watcher, 0) + 1
            self._quota.take(pair.origin, MAX_OF_SYSTEM)
        notification = Notification(self, pair, usage, system)
        pair.notifications.append(notification)
        self._usages[usage.key] = notification
        fetch = any(isinstance(output, Left) for output in outputs)
        outputs = [output for output in outputs if not isinstance(output, Left)]  # a fetch ends below
        effects = self._follow(notification, outputs, transaction)
        if not fetch:
            effects += self._notify(notification)
        if pair.approved and not pair.known:
            effects.append(self._send(pair, "probe"))
        elif not pair.approved and not pair.asked and not fetch:
            pair.asked = True
            effects.append(self._send(pair, "subscribe"))
        if fetch:
            if pair.approved and not pair.known:
                self._start(notification, FETCH_SECONDS, ANSWER)
            else:
                effects += self._terminate(notification)
        return effects

    # --- from XMPP ------------------------------------------------------------------------------------

    def presence_received(self, stanza: Presence, decision: Admit) -> list[Effect]:
        """`subscribed`, `unsubscribed`, a notification or an error, from the contact to a watcher."""
        assert stanza.from_ is not None and stanza.to is not None
        contact, watcher = stanza.from_.bare(), stanza.to.bare()
        pair = self._pairs.get((watcher, contact))
        if pair is None:
            return []
        if stanza.type == "subscribed":
            return self._approve(pair)
        if stanza.type == "unsubscribed":
            return self._reject(pair, "rejected")
        if stanza.type == "error":
            return self._refused(pair, stanza.error.condition if stanza.error is not None else "")
        if not pair.approved or not pair.notifications:
            # RFC 6121 §3.1.3: a mere receipt for our request, or what we have no right to know; or news for nobody:
            # who comes back gets the answer to a probe, which is complete
            return []
        return self._changed(pair, stanza)

    def _approve(self, pair: Pair) -> list[Effect]:
        """Servers repeat `subscribed` when they are asked again (RFC 6121 §3.1.3): the second one is no news."""
        pair.asked = False
        if pair.approved:
            return []
        pair.approved = True
        effects: list[Effect] = []
        for notification in list(pair.notifications):
            effects.append(Report("sub.active", None, {"partner": notification.system.name}))
            effects += self._notify(notification)
        return effects

    def _reject(self, pair: Pair, reason: str, retry_after: int = 0) -> list[Effect]:
        """Denial, or a later cancellation (RFC 8048 §5.3.1): the dialogs and the authorization are over."""
        effects: list[Effect] = []
        for notification in list(pair.notifications):
            ending = notification.usage.terminate(self._node.wheel.now, reason, retry_after=retry_after)
            effects += self._follow(notification, ending)
        pair.approved = pair.asked = pair.known = False
        pair.resources.clear()
        self._forget_idle(pair)
        return effects

    def _refused(self, pair: Pair, condition: str) -> list[Effect]:
        """Our request for authorization or our probe came back as an error."""
        if pair.approved:
            return []
        if condition in REJECTED:
            return self._reject(pair, "rejected")
        if condition in NO_RESOURCE:
            return self._reject(pair, "noresource")
        return self._reject(pair, "probation", RETRY_AFTER)

    def _changed(self, pair: Pair, stanza: Presence) -> list[Effect]:
        """A resource of the contact has news; every dialog gets the complete state (RFC 3856 §6.8)."""
        assert stanza.from_ is not None
        resource = stanza.from_.resource
        resources = pair.resources
        if stanza.type == "unavailable":
            if not resource:
                resources.clear()
            elif resource in resources:
                del resources[resource]
            elif pair.known:
                return []
        elif resource in resources or len(resources) < MAX_RESOURCES:
            resources[resource] = stanza
        pair.known = True
        effects: list[Effect] = []
        for notification in list(pair.notifications):
            if notification.timer == ANSWER:
                effects += self._terminate(notification)
            else:
                effects += self._notify(notification)
        return effects

    # --- what comes back, and time ----------------------------------------------------------------------

    def answered(self, notification: Notification, response: Response) -> list[Effect]:
        """A response to a NOTIFY of ours."""
        return self._follow(notification, notification.usage.answered(response, self._node.wheel.now))

    def failed(self, notification: Notification, branch: str, code: Code, text: str) -> list[Effect]:
        """A NOTIFY of ours got no answer or did not leave."""
        status = 408 if code is Code.M02 else 503
        report = Report("subscription.failed", code, {"partner": notification.system.name, "reason": text})
        return [report, *self._follow(notification, notification.usage.failed(branch, status, self._node.wheel.now))]

    def expire(self, notification: Notification, timer: str) -> list[Effect]:
        """The timer of a dialog has come."""
        notification.slot = None
        notification.timer = ""
        if timer == ANSWER:
            return self._terminate(notification)
        return self._follow(notification, notification.usage.expire(self._node.wheel.now))

    # --- private --------------------------------------------------------------------------------------

    def _notify(self, notification: Notification) -> list[Effect]:
        """The present state: pending, active without knowledge, or active with the document."""
        pair, now = notification.pair, self._node.wheel.now
        body = self._document(pair) if pair.approved and pair.known else b""
        return self._follow(notification, notification.usage.notify(now, active=pair.approved, body=body))

    def _terminate(self, notification: Notification) -> list[Effect]:
        """The last NOTIFY of a dialog that its watcher has left or polled with (RFC 8048 §5.3.3)."""
        pair = notification.pair
        body = self._document(pair) if pair.approved and pair.known else b""
        ending = notification.usage.terminate(self._node.wheel.now, "timeout", body=body)
        return self._follow(notification, ending)

    def _document(self, pair: Pair) -> bytes:
        entity = bare_uri_of(pair.contact, "pres")
        return pidf.render(document_of(entity, pair.resources, timestamp(self._node.wall)))

    def _follow(
        self, notification: Notification, outputs: list[Output], transaction: ServerTransaction | None = None
    ) -> list[Effect]:
        """Do what the usage says, in order."""
        node = self._node
        effects: list[Effect] = []
        for output in outputs:
            if isinstance(output, SendRequest):
                client = node.layer.open_client(output.method, output.branch, notification, call_id=output.call_id)
                effects.append(SendSip(notification.system, notification.pair.watcher.host, output.data, client))
            elif isinstance(output, Reply):
                assert transaction is not None
                effects += node.respond(transaction, output.status, output.headers)
            elif isinstance(output, Rearm):
                self._start(notification, output.seconds, EXPIRY)
            elif isinstance(output, Renewed):
                effects += self._notify(notification)
            elif isinstance(output, Left):
                effects += self._leave(notification)
            elif isinstance(output, Closed):
                effects += self._close(notification)
        return effects

    def _leave(self, notification: Notification) -> list[Effect]:
        """The watcher has left or let it lapse: a last, closed document; the authorization stays (RFC 8048 §5.3.3)."""
        pair, node = notification.pair, self._node
        body = b""
        if pair.approved:
            closed = document_of(bare_uri_of(pair.contact, "pres"), {}, timestamp(node.wall))
            body = pidf.render(closed)
        effects = self._follow(notification, notification.usage.terminate(node.wheel.now, "timeout", body=body))
        if pair.approved and not self._others(notification):
            effects.append(self._send(pair, "unavailable"))
        return effects

    def _close(self, notification: Notification) -> list[Effect]:
        """The dialog is no more."""
        self._stop(notification)
        self._usages.pop(notification.usage.key, None)
        pair = notification.pair
        if notification in pair.notifications:
            pair.notifications.remove(notification)
        if not pair.notifications:
            pair.known = False  # nobody tells us any more; whoever comes back gets the answer to a probe
            pair.resources.clear()
        self._forget_idle(pair)
        return []

    def _others(self, notification: Notification) -> bool:
        return any(each is not notification for each in notification.pair.notifications)

    def _forget_idle(self, pair: Pair) -> None:
        """A pair without dialogs lives on for its authorization, or for the answer to its open request."""
        if pair.notifications or pair.approved or pair.asked:
            return
        if self._pairs.pop((pair.watcher, pair.contact), None) is not None:
            self._quota.give(pair.origin)
            left = self._watched[pair.watcher] - 1
            if left:
                self._watched[pair.watcher] = left
            else:
                del self._watched[pair.watcher]

    def _start(self, notification: Notification, seconds: float, timer: str) -> None:
        self._stop(notification)
        notification.timer = timer
        notification.slot = self._node.wheel.start(seconds, (notification, timer))

    def _stop(self, notification: Notification) -> None:
        if notification.slot is not None:
            Wheel.stop(notification.slot, (notification, notification.timer))
            notification.slot = None
            notification.timer = ""

    def _send(self, pair: Pair, kind: str) -> SendStanza:
        data = Presence(from_=pair.watcher, to=pair.contact, type=kind).to_bytes()
        return SendStanza(pair.watcher.host, pair.contact.host, data)
