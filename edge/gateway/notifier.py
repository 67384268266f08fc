"""SIP users who watch XMPP users: they SUBSCRIBE, we NOTIFY (RFC 8048 §5.3, RFC 6665 §4.2).

What a SUBSCRIBE asks for, and what the contact's server says of him, decides what each `View` knows;
`edge.gateway.notification` tells the watchers. Called by `edge.gateway.core` and, when a way comes up again, by
`edge.gateway.paths`.
"""

from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.gateway.documents import formats
from edge.gateway.echoes import ECHO_SECONDS, Echoes
from edge.gateway.effects import Effect, Report, SendStanza
from edge.gateway.node import Node
from edge.gateway.notification import Notifications
from edge.gateway.pairs import Pair, Pairs
from edge.gateway.presentities import Presentities
from edge.gateway.probe import LONGEST_DOUBT, Probe
from edge.gateway.records import NotificationRecord
from edge.gateway.view import ANSWER, Notification, View, presence_to
from edge.mapping.addresses import SipsNotAllowed, jid_of
from edge.partners import Admit, System
from edge.sip.message import Request
from edge.sip.microsoft import PIGGYBACK, offers
from edge.sip.notifier import Notifier, document_type
from edge.sip.subscription import PRESENCE, Left, Output, Reply, too_brief
from edge.sip.subscription_tables import NotifierState
from edge.sip.transaction import ServerTransaction
from edge.sip.uri import SipUri
from edge.timers import TICK
from edge.xmpp.authorization import Action, Input
from edge.xmpp.stanzas import Presence

MAX_DIALOGS = 16  # of one watcher with one contact; he has no more devices, but an attacker has more Call-IDs
MAX_WATCHED = 2000  # contacts of one SIP user; each costs an authorization that is kept
UNHEARD = "Presence is not known: {domain} does not answer"
FETCH_SECONDS = 2.0  # a fetch waits so long for the answer to a probe, far below the peer's Timer N (RFC 8048 §7.2)
ASK_AGAIN = 7 * 86_400.0  # seconds; a request that nobody answers is repeated no sooner (RFC 6121 §3.1.2)

REJECTED = frozenset(
    ["forbidden", "not-allowed", "policy-violation", "not-authorized", "registration-required", "subscription-required"]
)
NO_RESOURCE = frozenset(["item-not-found", "gone", "remote-server-not-found", "jid-malformed", "service-unavailable"])
RETRY_AFTER = 300  # seconds; for a watcher whose request failed for a reason that passes


class Notifiers:
    """What SIP users see of XMPP users."""

    def __init__(self, node: Node, pairs: Pairs) -> None:
        self._node = node
        self._pairs = pairs
        self._presentities = Presentities()
        self.echoes = Echoes(node)
        self._approved: list[View] = []  # since the last `approved`
        self._told = Notifications(node, pairs, self._presentities)

    def __len__(self) -> int:
        return len(self._told)

    # --- from SIP -------------------------------------------------------------------------------------

    def subscribed(
        self, transaction: ServerTransaction, decision: Admit, sender: SipUri, target: SipUri
    ) -> list[Effect]:
        """A SUBSCRIBE: a new dialog, a fetch, or one within a dialog (RFC 6665 §4.2.1)."""
        node, request = self._node, transaction.request
        if request.to.tag:
            notification = self._told.get(request.to.tag)
            if notification is None or notification.view.pair.sip is not decision.sender:
                return node.refuse(transaction, Code.S05, 481)
            return self._refreshed(transaction, notification)
        media_type, refusal = self._format(transaction, request, decision.sender)
        if refusal is not None:
            return refusal
        try:
            user, contact = jid_of(sender).bare(), jid_of(target).bare()
        except SipsNotAllowed as error:
            return node.refuse(transaction, error.code, error.status, error.headers, str(error))
        except RemoteProtocolError as error:
            return node.refuse(transaction, error.code, error.status, text=str(error))
        if not contact.local or not user.local:
            return node.refuse(transaction, Code.A06, 404)
        if not node.directory.may_watch(decision.sender, decision.recipient):
            return node.refuse(transaction, Code.A03, 403)
        pair = self._pairs.get(user, contact)
        if pair is None or pair.view is None:
            if not self._told.has_room(user, decision.sender, MAX_WATCHED):
                return node.refuse(transaction, Code.L01, 403, text="there are too many subscriptions already")
        elif len(pair.view.notifications) >= MAX_DIALOGS:
            return node.refuse(transaction, Code.L01, 403, text=f"no more than {MAX_DIALOGS} dialogs")
        try:
            usage, outputs = Notifier.accept(node.agent, request, transaction.to_tag, node.wheel.now, media_type)
        except RemoteProtocolError as error:
            return node.refuse(transaction, error.code, error.status, text=str(error))
        pair = self._pairs.open(user, contact, decision.sender, decision.recipient)
        if pair.sip.subscribe == "deny":
            pair.step(Input.IN_UNSUBSCRIBED)  # whatever was so before
        return self._accept(transaction, self._told.view_of(pair), usage, outputs)

    def _refreshed(self, transaction: ServerTransaction, notification: Notification) -> list[Effect]:
        """A SUBSCRIBE within the dialog: the watcher refreshes or leaves (RFC 8048 §5.3.2, §5.3.3)."""
        try:
            outputs = notification.usage.refreshed(transaction.request, self._node.wheel.now)
        except RemoteProtocolError as error:
            return self._node.refuse(transaction, error.code, error.status, text=str(error))
        self._node.unsaved[notification] = None
        return self._told.follow(notification, outputs, transaction)

    def _format(
        self, transaction: ServerTransaction, request: Request, sender: System
    ) -> tuple[str, list[Effect] | None]:
        """In which format he is to be told; or event package, Accept or interval do not suit us, and how he is answered
        (RFC 6665 §4.2.1, RFC 3856 §6.5)."""
        node = self._node
        try:
            event, brief = request.event, too_brief(node.agent, request)
            found = document_type(request, formats(sender))
        except RemoteProtocolError as error:
            return "", node.refuse(transaction, error.code, error.status, text=str(error))
        if event is None or event.package != PRESENCE:
            return "", node.refuse(transaction, Code.S06, 489, [("Allow-Events", PRESENCE)])
        if not found:
            return "", node.refuse(transaction, Code.S04, 406, [("Accept", ", ".join(formats(sender)))])
        if brief is not None:
            return "", node.respond(transaction, brief.status, brief.headers)
        return found, None

    def _accept(
        self, transaction: ServerTransaction, view: View, usage: Notifier, outputs: list[Output]
    ) -> list[Effect]:
        """200 at once, NOTIFY at once, and the question to the contact if it is new (RFC 8048 §5.3.1)."""
        node, pair, told = self._node, view.pair, self._told
        notification = told.add(view, usage)
        fetch = isinstance(outputs[-1], Left)
        if fetch:
            outputs.pop()  # it ends below
        known = pair.user_sees and view.snapshot is not None and not fetch
        if known and pair.sip.piggyback and offers(transaction.request, PIGGYBACK) and isinstance(outputs[0], Reply):
            outputs[0] = told.piggyback(notification, outputs[0])
            effects = told.follow(notification, outputs, transaction)
        else:
            effects = told.follow(notification, outputs, transaction)
            if not fetch:
                effects += told.notify(notification)
        if pair.user_sees:
            if view.snapshot is None and view.probe is None:
                effects.append(self._probe(view))
        elif pair.sip.subscribe == "deny":
            pass  # he waits for permission, as anybody does whom nobody answers
        elif not fetch and not (pair.user_asked and node.wall - pair.asked_at < ASK_AGAIN):
            report = Report("sub.new", Code.P01, {"partner": pair.sip.name}, (pair.user, pair.contact))
            effects += [self._ask(pair), report]
        if fetch:
            if pair.user_sees and view.snapshot is None:
                notification.start(node.wheel, FETCH_SECONDS, ANSWER)
            else:
                effects += told.terminate(notification)
        return effects

    # --- from XMPP ------------------------------------------------------------------------------------

    def presence_received(self, pair: Pair, stanza: Presence) -> list[Effect]:
        """`subscribed`, `unsubscribed`, a notification or an error, from the contact to the user."""
        if stanza.type == "subscribed":
            return self._approve(pair)
        if stanza.type == "unsubscribed":
            return self._reject(pair, "rejected")
        if stanza.type == "error":
            return self._refused(pair, stanza.error.condition if stanza.error is not None else "")
        view = pair.view
        if view is None or not view.notifications:
            return []  # news for nobody: who comes back gets the answer to a probe, which is complete
        if pair.user_sees:
            return self._changed(view, stanza)
        assert stanza.from_ is not None
        if pair.user_asked and stanza.from_.resource and (not stanza.type or view.snapshot is not None):
            # COMPAT(ejabberd): the presence may come before the `subscribed` that permits it; since 23.01.
            # Kept, but told to nobody before that. From the bare address it is a mere receipt (RFC 6121 §3.1.3).
            after = self._presentities.after(pair.contact, view.snapshot, stanza, self._node.wall)
            view.snapshot = after or view.snapshot
        return []

    def _approve(self, pair: Pair) -> list[Effect]:
        """Servers repeat `subscribed` when they are asked again (RFC 6121 §3.1.3): the second one is no news."""
        if pair.step(Input.IN_SUBSCRIBED) is Action.DELIVER and pair.view is not None:
            self._approved.append(pair.view)
        return []

    def approved(self) -> list[Effect]:
        """At the end of what has come together: the presence that mostly follows the permission is told with it."""
        views, self._approved = self._approved, []
        effects: list[Effect] = []
        for view in views:
            for notification in view.notifications:
                if notification.usage.state is NotifierState.PENDING and view.pair.user_sees:  # not about to end
                    pair = view.pair
                    effects.append(Report("sub.active", None, {"partner": pair.sip.name}, (pair.user, pair.contact)))
                    effects += self._told.notify(notification)
        return effects

    def _reject(self, pair: Pair, reason: str, retry_after: int = 0) -> list[Effect]:
        """Denial, or a later cancellation (RFC 8048 §5.3.1): the dialogs and the authorization are over.

        Where there is neither a request nor an authorization it says nothing (RFC 6121 §A.3.4).
        """
        if pair.step(Input.IN_UNSUBSCRIBED) is not Action.DELIVER:
            return []
        view = pair.view
        effects: list[Effect] = []
        if view is None:
            self._pairs.release(pair)
            return effects
        for notification in view.notifications:
            effects += self._told.terminate(notification, reason, retry_after)
        view.forget()
        self._told.forget_idle(view)
        return effects

    def _refused(self, pair: Pair, condition: str) -> list[Effect]:
        """Our request for authorization came back as an error; one that answers a probe says nothing about it."""
        if not pair.user_asked:
            return []
        if condition in REJECTED:
            return self._reject(pair, "rejected")
        if condition in NO_RESOURCE:
            return self._reject(pair, "noresource")
        return self._reject(pair, "probation", RETRY_AFTER)

    def _changed(self, view: View, stanza: Presence) -> list[Effect]:
        """A resource of the contact has news."""
        pair, node = view.pair, self._node
        if view.probe is not None:
            view.probe.take(stanza, node.wheel)
            return []
        snapshot = self._presentities.after(pair.contact, view.snapshot, stanza, node.wall)
        if snapshot is None:
            return []
        view.snapshot = snapshot
        return self._told.publish(view)

    # --- after a restart or an outage -------------------------------------------------------------------

    def restore(self, pair: Pair, record: NotificationRecord) -> None:
        """A dialog of an earlier life."""
        self._told.restore(pair, record)

    def keep(self, pair: Pair) -> None:
        """An authorization, or a request for one, of an earlier life: it counts for the limits also without dialogs."""
        self._told.view_of(pair)

    def resume(self, pair: Pair) -> list[Effect]:
        """The contact's server can be reached again, and everything may have changed: ask anew (RFC 8048 §7.2)."""
        view = pair.view
        if pair.sip.subscribe == "deny" and (pair.user_sees or pair.user_asked):
            return self._reject(pair, "deactivated")
        if view is None or not view.notifications:
            return []
        if pair.user_sees:
            return [self._probe(view)]
        return [self._ask(pair)] if pair.user_asked else []  # the request may be lost; two are no more than one

    def repeat(self, pair: Pair) -> list[Effect]:
        """The watcher's system can be reached again: tell him what he has missed."""
        effects: list[Effect] = []
        for notification in pair.view.notifications if pair.view is not None else ():
            if notification.sent is None:
                effects += self._told.repeat(notification)
        return effects

    def withdraw(self, pair: Pair, note: str) -> list[Effect]:
        """The contact's system has been out of reach too long: nobody there is to seem online."""
        view = pair.view
        if view is None or not pair.user_sees or not view.notifications:
            return []
        view.forget_probe()
        view.snapshot = self._presentities.closed(pair.contact, view.snapshot, self._node.wall, note)
        return self._told.publish(view)

    def retell(self, pair: Pair) -> list[Effect]:
        """The partner list says otherwise what the user is told of the contact, or no longer that he is told at all."""
        if not self._node.directory.may_go_on_watching(pair.sip, pair.xmpp):
            return self._reject(pair, "rejected")
        view = pair.view
        if pair.sip.subscribe == "deny":
            return self._reject(pair, "deactivated")  # he asks again at once, and hears nothing more
        if view is None or not view.notifications or pair.user_asked:
            return []
        return self._told.retell(view) if pair.user_sees else [self._ask(pair)]  # nobody was asked so far

    def moves(self, pair: Pair, sip: System) -> None:
        """The user is about to be one of another system; his dialogs go on."""
        self._told.moves(pair, sip)

    def dismiss(self, pair: Pair) -> list[Effect]:
        """The partner list no longer knows one of the two: the user's subscriptions end for good."""
        view = pair.view
        effects: list[Effect] = []
        for notification in view.notifications if view is not None else ():
            effects += self._told.dismiss(notification)
        pair.void()
        if view is None:
            return effects
        view.forget()
        self._told.forget_idle(view)
        return effects

    def probed(self, view: View) -> list[Effect]:
        """The answer to a probe is complete, or there is none, which says the same as that nobody is there."""
        probe, view.probe = view.probe, None
        if probe is None or not view.pair.user_sees:
            return []
        pair = view.pair
        if not probe.heard and not self.echoes.heard_since(pair.user.host, pair.contact.host, probe.asked):
            return self._doubt(view, probe)
        note = "" if probe.states else probe.note
        view.snapshot = self._presentities.of(view.pair.contact, view.snapshot, probe.states, self._node.wall, note)
        return self._told.publish(view)

    # --- private ----------------------------------------------------------------------------------------

    def _doubt(self, view: View, probe: Probe) -> list[Effect]:
        """Silence says something only if the way back is open: ask for a sign of life, and once more.

        Meanwhile the watcher sees what he saw, for as long as an outage would leave it to him.
        """
        pair, wheel = view.pair, self._node.wheel
        is_first = probe.asked == probe.started
        seconds = ECHO_SECONDS + TICK if is_first else min(2 * probe.seconds, LONGEST_DOUBT)
        view.probe = Probe(self, view, wheel, seconds, probe.started)
        effects = [*self.echoes.ask(pair.user.host, pair.contact.host), presence_to(pair, "probe")]
        if wheel.now - probe.started < self._node.presence.grace:
            return effects
        note = UNHEARD.format(domain=pair.contact.domain)
        view.snapshot = self._presentities.closed(pair.contact, view.snapshot, self._node.wall, note, known=False)
        return effects + self._told.publish(view)

    def _probe(self, view: View) -> SendStanza:
        """Ask for everything. An answer that is waited for already is as good as void."""
        view.forget_probe()
        view.probe = Probe(self, view, self._node.wheel)
        return presence_to(view.pair, "probe")

    def _ask(self, pair: Pair) -> SendStanza:
        """Ask the contact for permission."""
        pair.asked_at = self._node.wall
        pair.step(Input.OUT_SUBSCRIBE)
        self._node.unsaved[pair] = None
        return presence_to(pair, "subscribe")
