"""The dialogs in which SIP users are told about XMPP users (RFC 6665 §4.2): what is sent in them, and when.

A document is sent when it says something new, and not oftener than the pace allows (RFC 3856 §6.10): the first at once,
of those that come too soon the last. Answers and changes of the subscription's state never wait. Called by
`edge.gateway.notifier`, which decides what there is to tell.
"""

from edge.codes import Code
from edge.gateway.counters import COALESCED, OUT, UNCHANGED
from edge.gateway.effects import Effect, Forget, Remember, Report, SendSip, SendStanza
from edge.gateway.node import Node
from edge.gateway.pairs import Pair, Pairs
from edge.gateway.presentities import Presentities, Snapshot
from edge.gateway.quota import Quota
from edge.gateway.records import BLOCK, Kind, NotificationRecord, dialog_of, dialog_record, encode
from edge.sip.message import Response
from edge.sip.notifier import Notifier
from edge.sip.subscription import Closed, Left, Missed, Output, Rearm, Renewed, Reply, SendRequest, UsageKey
from edge.sip.subscription_tables import NotifierState
from edge.sip.transaction import ClientTransaction, ServerTransaction
from edge.timers import Slot, Wheel
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Presence

MAX_OF_SYSTEM = 200_000  # views of watchers of one SIP system; each is kept while its authorization lasts
MISSED_SECONDS = 30.0  # before a NOTIFY that did not arrive is repeated, if the watcher does not say how long
LATE_SECONDS = 10.0  # what a dialog that ended while we were away is given to be told so

EXPIRY, ANSWER, PACE = "expiry", "answer", "pace"  # what a notification waits for


class Notification:
    """One dialog of a watcher.

    ``sent`` is what he was told last, None if it is not certain that he knows; ``not_before`` the moment at which he
    may be told more, ``held`` that there is more to tell him then; ``reserved`` the highest CSeq the store knows of.
    """

    __slots__ = ("_notifications", "view", "usage", "timer", "slot", "sent", "not_before", "held", "reserved")

    def __init__(self, notifications: "Notifications", view: "View", usage: Notifier) -> None:
        self._notifications = notifications
        self.view = view
        self.usage = usage
        self.timer = ""
        self.slot: Slot[object] | None = None
        self.sent: Snapshot | None = None
        self.not_before = 0.0
        self.held = False
        self.reserved = usage.dialog.local_cseq

    def answered(self, transaction: ClientTransaction, response: Response) -> list[Effect]:
        return self._notifications.answered(self, response)

    def failed(self, transaction: ClientTransaction, code: Code, text: str) -> list[Effect]:
        return self._notifications.failed(self, transaction.key, code, text)

    def expire(self, timer: str) -> list[Effect]:
        return self._notifications.expire(self, timer)

    def saved(self) -> Remember | Forget:
        return self._notifications.saved(self)


class View:
    """How the user of a pair watches its contact.

    ``snapshot`` is what is known of the contact, None if nothing is. ``answers`` collects what a probe brings after
    everything may have changed: it becomes the new state as a whole, so that no resource seems to go and come back.
    """

    __slots__ = ("pair", "snapshot", "notifications", "answers", "slot")

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.snapshot: Snapshot | None = None
        self.notifications: list[Notification] = []
        self.answers: dict[str, Presence] | None = None
        self.slot: Slot[object] | None = None

    def forget(self) -> None:
        """What was known is worth nothing any more."""
        self.snapshot = self.answers = None


class Notifications:
    """All dialogs of SIP watchers, and the views they belong to."""

    def __init__(self, node: Node, pairs: Pairs, presentities: Presentities) -> None:
        self._node = node
        self._pairs = pairs
        self._presentities = presentities
        self._usages: dict[UsageKey, Notification] = {}
        self._watched: dict[JID, int] = {}  # by watcher: how many views
        self._quota = Quota()  # by the watcher's system

    def __len__(self) -> int:
        return len(self._usages)

    def get(self, key: UsageKey) -> Notification | None:
        return self._usages.get(key)

    def has_room(self, user: JID, system: str, most: int) -> bool:
        """Whether a user, who may watch ``most``, and his system may watch one more."""
        return self._watched.get(user, 0) < most and self._quota.count(system) < MAX_OF_SYSTEM

    def view_of(self, pair: Pair) -> View:
        """The view of a pair, made if there is none."""
        view = pair.view
        if view is None:
            view = pair.view = View(pair)
            self._watched[pair.user] = self._watched.get(pair.user, 0) + 1
            self._quota.take(pair.sip.name, MAX_OF_SYSTEM)
        return view

    def add(self, view: View, usage: Notifier) -> Notification:
        """A new dialog."""
        notification = Notification(self, view, usage)
        view.notifications.append(notification)
        self._usages[usage.key] = notification
        self._node.unsaved[notification] = None
        return notification

    def restore(self, pair: Pair, record: NotificationRecord) -> None:
        """A dialog of an earlier life goes on; what its watcher knows is not certain."""
        node = self._node
        state = NotifierState.ACTIVE if record.active else NotifierState.PENDING
        expires_at = node.moment_of(record.expires_at)
        usage = Notifier(node.agent, dialog_of(record.dialog), record.event, state, expires_at)
        notification = Notification(self, view := self.view_of(pair), usage)
        view.notifications.append(notification)
        self._usages[usage.key] = notification
        self.start(notification, max(expires_at - node.wheel.now, LATE_SECONDS), EXPIRY)

    def saved(self, notification: Notification) -> Remember | Forget:
        """What the store has to know of a dialog."""
        usage, pair, dialog = notification.usage, notification.view.pair, notification.usage.dialog
        key = f"{dialog.call_id} {dialog.local_tag}"
        if usage.state >= NotifierState.LEAVING:
            return Forget(Kind.NOTIFICATION, key)
        expires_at = self._node.wall_of(usage.expires_at)
        notification.reserved = dialog.local_cseq + BLOCK
        record = NotificationRecord(
            str(pair.user), str(pair.contact), dialog_record(dialog, notification.reserved), usage.event,
            usage.state is NotifierState.ACTIVE, expires_at,
        )
        return Remember(Kind.NOTIFICATION, key, expires_at, encode(record))

    # --- telling ----------------------------------------------------------------------------------------

    def publish(self, view: View) -> list[Effect]:
        """There is news of the contact: every dialog gets the complete state (RFC 3856 §6.8)."""
        effects: list[Effect] = []
        for notification in tuple(view.notifications):
            if notification.timer == ANSWER:
                effects += self.terminate(notification)
            else:
                effects += self.update(notification)
        return effects

    def update(self, notification: Notification) -> list[Effect]:
        """Tell the watcher what he does not know yet, if it is time."""
        view, node = notification.view, self._node
        snapshot, now = view.snapshot, node.wheel.now
        if snapshot is None or notification.usage.state is not NotifierState.ACTIVE:
            return []
        if snapshot.says_the_same(notification.sent):
            node.counters.suppressed[view.pair.sip.name, UNCHANGED] += 1
            return []
        if now < notification.not_before:
            if notification.held:
                node.counters.suppressed[view.pair.sip.name, COALESCED] += 1
            else:
                self._hold(notification, notification.not_before - now)
            return []
        return self.notify(notification)

    def notify(self, notification: Notification) -> list[Effect]:
        """Tell the present state now: pending, active without knowledge, or active with the document."""
        node, view = self._node, notification.view
        active = view.pair.user_sees
        snapshot = view.snapshot if active else None
        body = b""
        if snapshot is not None:
            notification.sent = snapshot
            notification.not_before = node.wheel.now + node.presence.pace
            body = self._document(view.pair, snapshot)
            node.counters.updates[view.pair.sip.name, OUT] += 1
        return self.follow(notification, notification.usage.notify(node.wheel.now, active=active, body=body))

    def terminate(self, notification: Notification, reason: str = "timeout", retry_after: int = 0) -> list[Effect]:
        """The last NOTIFY of a dialog, with what is known if its watcher may know it."""
        view, now = notification.view, self._node.wheel.now
        body = b""
        if reason == "timeout" and view.pair.user_sees and view.snapshot is not None:
            body = self._document(view.pair, view.snapshot)
        ending = notification.usage.terminate(now, reason, retry_after=retry_after, body=body)
        self._node.unsaved[notification] = None
        return self.follow(notification, ending)

    def follow(
        self, notification: Notification, outputs: list[Output], transaction: ServerTransaction | None = None
    ) -> list[Effect]:
        """Do what the usage says, in order."""
        node = self._node
        effects: list[Effect] = []
        for output in outputs:
            if isinstance(output, SendRequest):
                pair = notification.view.pair
                client = node.layer.open_client(output.method, output.branch, notification, call_id=output.call_id)
                effects.append(SendSip(pair.sip, pair.user.host, output.data, client))
                if notification.usage.dialog.local_cseq >= notification.reserved:
                    node.unsaved[notification] = None  # it is told before this leaves
            elif isinstance(output, Reply):
                assert transaction is not None
                effects += node.respond(transaction, output.status, output.headers)
            elif isinstance(output, Rearm):
                self.start(notification, output.seconds, EXPIRY)
            elif isinstance(output, Renewed):
                effects += self.notify(notification)
            elif isinstance(output, Left):
                effects += self._leave(notification)
            elif isinstance(output, Missed):
                notification.sent = None
                pause = float(output.retry_after or 0)
                self._hold(notification, min(max(pause, MISSED_SECONDS), 20 * MISSED_SECONDS))
            elif isinstance(output, Closed):
                effects += self._close(notification)
        return effects

    # --- what comes back, and time ----------------------------------------------------------------------

    def answered(self, notification: Notification, response: Response) -> list[Effect]:
        """A response to a NOTIFY of ours."""
        return self.follow(notification, notification.usage.answered(response, self._node.wheel.now))

    def failed(self, notification: Notification, branch: str, code: Code, text: str) -> list[Effect]:
        """A NOTIFY of ours got no answer or did not leave."""
        status = 408 if code is Code.M02 else 503
        partner = notification.view.pair.sip.name
        report = Report("subscription.failed", code, {"partner": partner, "reason": text})
        return [report, *self.follow(notification, notification.usage.failed(branch, status, self._node.wheel.now))]

    def expire(self, notification: Notification, timer: str) -> list[Effect]:
        """A timer of a dialog has come."""
        if timer == PACE:
            notification.held = False
            return self.update(notification)
        notification.slot = None
        notification.timer = ""
        if timer == ANSWER:
            return self.terminate(notification)
        return self.follow(notification, notification.usage.expire(self._node.wheel.now))

    def start(self, notification: Notification, seconds: float, timer: str) -> None:
        self._stop(notification)
        notification.timer = timer
        notification.slot = self._node.wheel.start(seconds, (notification, timer))

    def forget_idle(self, view: View) -> None:
        """A view without dialogs lives on for its authorization, or for the answer to its open request."""
        pair = view.pair
        if view.notifications:
            return
        view.forget()  # nobody tells us any more; whoever comes back gets the answer to a probe
        if pair.user_sees or pair.user_asked or pair.view is None:
            return
        pair.view = None
        self._quota.give(pair.sip.name)
        left = self._watched[pair.user] - 1
        if left:
            self._watched[pair.user] = left
        else:
            del self._watched[pair.user]
        self._pairs.release(pair)

    # --- private ----------------------------------------------------------------------------------------

    def _document(self, pair: Pair, snapshot: Snapshot) -> bytes:
        return self._presentities.document(pair.contact, snapshot, self._pairs.profile(pair.sip, pair.xmpp))

    def _hold(self, notification: Notification, seconds: float) -> None:
        """There is something to tell later."""
        if not notification.held:
            notification.held = True
            self._node.wheel.start(seconds, (notification, PACE))

    def _leave(self, notification: Notification) -> list[Effect]:
        """The watcher has left or let it lapse: a last, closed document; the authorization stays (RFC 8048 §5.3.3)."""
        view, node = notification.view, self._node
        pair = view.pair
        body = b""
        if pair.user_sees:
            body = self._document(pair, self._presentities.closed(pair.contact, view.snapshot, node.wall))
        node.unsaved[notification] = None
        effects = self.follow(notification, notification.usage.terminate(node.wheel.now, "timeout", body=body))
        if pair.user_sees and not any(each is not notification for each in view.notifications):
            data = Presence(from_=pair.user, to=pair.contact, type="unavailable").to_bytes()
            effects.append(SendStanza(pair.user.host, pair.contact.host, data))
        return effects

    def _close(self, notification: Notification) -> list[Effect]:
        """The dialog is no more."""
        self._stop(notification)
        view = notification.view
        if self._usages.pop(notification.usage.key, None) is not None:
            self._node.unsaved[notification] = None
        if notification in view.notifications:
            view.notifications.remove(notification)
        self.forget_idle(view)
        return []

    def _stop(self, notification: Notification) -> None:
        if notification.slot is not None:
            Wheel.stop(notification.slot, (notification, notification.timer))
            notification.slot = None
            notification.timer = ""
