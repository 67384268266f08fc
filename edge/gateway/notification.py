"""The dialogs in which SIP users are told about XMPP users (RFC 6665 §4.2): what is sent in them, and when.

A document is sent when it says something new, and not oftener than the pace allows (RFC 3856 §6.10): the first at once,
of those that come too soon the last. Answers and changes of the subscription's state never wait. Called by
`edge.gateway.notifier`, which decides what there is to tell.
"""

from edge.codes import Code
from edge.gateway.counters import COALESCED, OUT, UNCHANGED
from edge.gateway.effects import Effect, Forget, Remember, Report, SendSip
from edge.gateway.node import Node
from edge.gateway.pairs import Pair, Pairs
from edge.gateway.presentities import Presentities, Rendered, Snapshot
from edge.gateway.quota import Quota
from edge.gateway.records import BLOCK, Kind, NotificationRecord, dialog_of, dialog_record, encode
from edge.gateway.view import ANSWER, EXPIRY, PACE, Notification, View, presence_to
from edge.partners import System
from edge.sip.message import Response
from edge.sip.notifier import Notifier
from edge.sip.subscription import Closed, Left, Missed, Output, Rearm, Renewed, Reply, SendRequest
from edge.sip.subscription_tables import NotifierState
from edge.sip.transaction import ClientTransaction, ServerTransaction
from edge.xmpp.jid import JID

MAX_OF_SYSTEM = 200_000  # views of watchers of one partner; each is kept while its authorization lasts
MAX_OF_OURS = 1_000_000  # of the users of a system of ours
MAX_OF_STRANGER = 1000  # of a discovered partner, as a Microsoft edge has it: each asks a user of ours for permission
MISSED_SECONDS = 30.0  # before a NOTIFY that failed is repeated, if the watcher does not say how long
LONGEST_MISSED = 600.0  # seconds; a watcher who wants to be left alone for longer is asked again then
UNSENT_SECONDS = 120.0  # the same for one that did not even leave; when the way comes up again it goes at once
LATE_SECONDS = 10.0  # what a dialog that ended while we were away is given to be told so

REFUSED = {406: Code.S04, 481: Code.S05, 489: Code.S06}  # a SUBSCRIBE within a dialog
NOTHING = Rendered()

# What each NOTIFY meets; looking a member up in its enum costs ten times as much as a name.
_ACTIVE, _LEAVING, _TERMINATED = NotifierState.ACTIVE, NotifierState.LEAVING, NotifierState.TERMINATED

class Notifications:
    """All dialogs of SIP watchers, and the views they belong to."""

    def __init__(self, node: Node, pairs: Pairs, presentities: Presentities) -> None:
        self._node = node
        self._pairs = pairs
        self._presentities = presentities
        self._usages: dict[str, Notification] = {}  # by our tag, which is random
        self._watched: dict[JID, int] = {}  # by watcher: how many views
        self._quota = Quota()  # by the watcher's system

    def __len__(self) -> int:
        return len(self._usages)

    def get(self, tag: str) -> Notification | None:
        return self._usages.get(tag)

    def has_room(self, user: JID, system: System, most: int) -> bool:
        """Whether a user, who may watch ``most``, and his system may watch one more."""
        most_of_all = MAX_OF_STRANGER if system.discovered else MAX_OF_OURS if system.inside else MAX_OF_SYSTEM
        return self._watched.get(user, 0) < most and self._quota.count(system.name) < most_of_all

    def view_of(self, pair: Pair) -> View:
        """The view of a pair, made if there is none."""
        view = pair.view
        if view is None:
            view = pair.view = View(pair)
            self._watched[pair.user] = self._watched.get(pair.user, 0) + 1
            self._quota.take(pair.sip.name, MAX_OF_OURS)
        return view

    def moves(self, pair: Pair, sip: System) -> None:
        """The watcher is about to be one of another system."""
        if pair.view is not None:
            self._quota.give(pair.sip.name)
            self._quota.take(sip.name, MAX_OF_OURS)

    def add(self, view: View, usage: Notifier) -> Notification:
        """A new dialog."""
        notification = Notification(self, view, usage)
        view.add(notification)
        self._usages[usage.dialog.local_tag] = notification
        self._node.unsaved[notification] = None
        return notification

    def restore(self, pair: Pair, record: NotificationRecord) -> None:
        """A dialog of an earlier life goes on; what its watcher knows is not certain.

        One that the partner list does not allow any more tells nothing, and ends soon.
        """
        node = self._node
        # the pair was written when it was approved, this dialog perhaps not since
        active, expires_at = record.active or pair.user_sees, node.moment_of(record.expires_at)
        state = _ACTIVE if active else NotifierState.PENDING
        if not node.directory.may_go_on_watching(pair.sip, pair.xmpp):
            state, expires_at = _LEAVING, node.wheel.now
        usage = Notifier(node.agent, dialog_of(record.dialog), record.event, state, expires_at, record.content_type)
        notification = Notification(self, view := self.view_of(pair), usage)
        view.add(notification)
        self._usages[usage.dialog.local_tag] = notification
        notification.start(node.wheel, max(expires_at - node.wheel.now, LATE_SECONDS), EXPIRY)

    def saved(self, notification: Notification) -> Remember | Forget:
        """What the store has to know of a dialog."""
        usage, pair, dialog = notification.usage, notification.view.pair, notification.usage.dialog
        key = f"{dialog.call_id} {dialog.local_tag}"
        if usage.state >= _LEAVING:
            return Forget(Kind.NOTIFICATION, key)
        expires_at = self._node.wall_of(usage.expires_at)
        notification.reserved = dialog.local_cseq + BLOCK
        record = NotificationRecord(
            str(pair.user), str(pair.contact), dialog_record(dialog, notification.reserved), usage.event,
            usage.state is _ACTIVE, expires_at, usage.content_type,
        )
        return Remember(Kind.NOTIFICATION, key, expires_at, encode(record))

    # --- telling ----------------------------------------------------------------------------------------

    def publish(self, view: View) -> list[Effect]:
        """There is news of the contact: every dialog gets the complete state (RFC 3856 §6.8)."""
        effects: list[Effect] = []
        for notification in view.notifications:
            if notification.timer == ANSWER:
                effects += self.terminate(notification)
            else:
                effects += self.update(notification)
        return effects

    def retell(self, view: View) -> list[Effect]:
        """It is told in another way from now on: what was told before no longer counts."""
        for notification in view.notifications:
            notification.sent = None
        return self.publish(view)

    def update(self, notification: Notification) -> list[Effect]:
        """Tell the watcher what he does not know yet, if it is time."""
        view, node = notification.view, self._node
        snapshot, now = view.snapshot, node.wheel.now
        if snapshot is None or notification.usage.state is not _ACTIVE:
            return []
        if snapshot.says_the_same(notification.sent, self._pairs.profile(view.pair.sip, view.pair.xmpp)):
            node.counters.suppressed[view.pair.sip.name, UNCHANGED] += 1
            return []
        if now < notification.not_before:
            if notification.held is not None:
                node.counters.suppressed[view.pair.sip.name, COALESCED] += 1
            else:
                notification.hold(node.wheel, notification.not_before - now)
            return []
        return self.notify(notification)

    def repeat(self, notification: Notification) -> list[Effect]:
        """The watcher can be reached again: what he has missed goes now, also if it is but the state."""
        if notification.held is not None or notification.view.snapshot is not None:
            return self.notify(notification)
        return []

    def notify(self, notification: Notification) -> list[Effect]:
        """Tell the present state now: pending, active without knowledge, or active with the document."""
        node, view, usage = self._node, notification.view, notification.usage
        notification.release()
        active = view.pair.user_sees
        snapshot = view.snapshot if active else None
        if snapshot is None:
            return self.follow(notification, usage.notify(node.wheel.now, active=active))
        notification.sent = snapshot
        notification.not_before = node.wheel.now + node.presence.pace
        body, language = self._document(notification, snapshot)
        node.counters.updates[view.pair.sip.name, OUT] += 1
        return self.follow(notification, usage.notify(node.wheel.now, active=True, body=body, language=language))

    def piggyback(self, notification: Notification, reply: Reply) -> Reply:
        """The 200 to a SUBSCRIBE with the document that is known in it: it stands for the first NOTIFY."""
        node, view, snapshot = self._node, notification.view, notification.view.snapshot
        assert snapshot is not None
        notification.sent = snapshot
        notification.not_before = node.wheel.now + node.presence.pace
        body, language = self._document(notification, snapshot)
        node.counters.updates[view.pair.sip.name, OUT] += 1
        return notification.usage.piggyback(reply, node.wheel.now, body, language)

    def terminate(self, notification: Notification, reason: str = "timeout", retry_after: int = 0) -> list[Effect]:
        """The last NOTIFY of a dialog, with what is known if its watcher may know it."""
        view = notification.view
        known = view.snapshot if reason == "timeout" and view.pair.user_sees else None
        return self._end(notification, reason, retry_after, known)

    def dismiss(self, notification: Notification) -> list[Effect]:
        """The partner list allows him no more: he sees the contact go, and is to stay away."""
        pair, view = notification.view.pair, notification.view
        last = self._presentities.closed(pair.contact, view.snapshot, self._node.wall) if pair.user_sees else None
        return self._end(notification, "rejected", 0, last)

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
                code = REFUSED.get(output.status)
                if code is None:
                    effects += node.respond(transaction, output.status, output.headers, body=output.body)
                else:
                    effects += node.refuse(transaction, code, output.status, output.headers)
            elif isinstance(output, Rearm):
                notification.start(node.wheel, output.seconds, EXPIRY)
            elif isinstance(output, Renewed):
                effects += self.notify(notification)
            elif isinstance(output, Left):
                effects += self._leave(notification)
            elif isinstance(output, Missed):
                self._missed(notification, output.retry_after or 0, MISSED_SECONDS)
            elif isinstance(output, Closed):
                self._close(notification)
        return effects

    # --- what comes back, and time ----------------------------------------------------------------------

    def answered(self, notification: Notification, response: Response) -> list[Effect]:
        """A response to a NOTIFY of ours."""
        usage = notification.usage
        lived = usage.state < _LEAVING
        effects = self.follow(notification, usage.answered(response, self._node.wheel.now))
        if lived and usage.state is _TERMINATED:
            effects += self._unwatched(notification.view)
        return effects

    def failed(self, notification: Notification, transaction: ClientTransaction, code: Code, text: str) -> list[Effect]:
        """A NOTIFY of ours got no answer or did not leave."""
        usage, partner = notification.usage, notification.view.pair.sip.name
        pair = notification.view.pair.contact, notification.view.pair.user
        lived = usage.state < _LEAVING
        left = transaction.link is not None
        status = 408 if code is Code.M02 and left else 503  # what did not leave says nothing about the watcher
        effects: list[Effect] = [Report("subscription.failed", code, {"partner": partner, "reason": text}, pair)]
        effects += self.follow(notification, usage.failed(transaction.key, status, self._node.wheel.now))
        if lived and usage.state is _TERMINATED:
            effects += self._unwatched(notification.view)
        elif not left and notification.sent is None and notification.held is not None:
            self._missed(notification, 0, UNSENT_SECONDS)
        return effects

    def expire(self, notification: Notification, timer: str) -> list[Effect]:
        """A timer of a dialog has come."""
        if timer == PACE:
            notification.held = None
            return self.update(notification) if notification.sent is not None else self.notify(notification)
        if timer == ANSWER and (probe := notification.view.probe) is not None and probe.heard:
            probe.stop()
            return probe.expire("")  # what has come so far must do
        notification.fired()
        if timer == ANSWER:
            return self.terminate(notification)
        return self.follow(notification, notification.usage.expire(self._node.wheel.now))

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

    def _document(self, notification: Notification, snapshot: Snapshot) -> Rendered:
        pair = notification.view.pair
        profile = self._pairs.profile(pair.sip, pair.xmpp)
        return self._presentities.document(pair.contact, snapshot, profile, notification.usage.content_type)

    def _missed(self, notification: Notification, retry_after: int, seconds: float) -> None:
        """A NOTIFY was in vain: after a while the newest state goes instead. News goes before, if he named no time."""
        notification.sent = None
        pause = min(max(float(retry_after), seconds), LONGEST_MISSED)
        if retry_after:
            notification.not_before = self._node.wheel.now + pause
        notification.hold(self._node.wheel, pause)

    def _leave(self, notification: Notification) -> list[Effect]:
        """The watcher has left or let it lapse: a last, closed document; the authorization stays (RFC 8048 §5.3.3)."""
        view = notification.view
        pair = view.pair
        closed = None
        if pair.user_sees:
            closed = self._presentities.closed(pair.contact, view.snapshot, self._node.wall)
        return self._end(notification, "timeout", 0, closed) + self._unwatched(view)

    def _end(
        self, notification: Notification, reason: str, retry_after: int, last: Snapshot | None
    ) -> list[Effect]:
        """The last NOTIFY, with what is ``last`` known."""
        body, language = self._document(notification, last) if last is not None else NOTHING
        self._node.unsaved[notification] = None
        return self.follow(notification, notification.usage.terminate(
            self._node.wheel.now, reason, retry_after=retry_after, body=body, language=language,
        ))

    def _unwatched(self, view: View) -> list[Effect]:
        """With the last dialog the user is gone for the contact, as after directed presence (RFC 8048 §5.3.3)."""
        if not view.pair.user_sees or any(each.usage.state < _LEAVING for each in view.notifications):
            return []
        return [presence_to(view.pair, "unavailable")]

    def _close(self, notification: Notification) -> None:
        """The dialog is no more."""
        notification.stop()
        notification.release()
        view = notification.view
        if self._usages.pop(notification.usage.dialog.local_tag, None) is not None:
            self._node.unsaved[notification] = None
        view.remove(notification)
        self.forget_idle(view)
