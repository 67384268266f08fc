"""The dialogs in which we watch SIP users for XMPP users (RFC 6665 §4.1): subscribed, refreshed, ended, made anew.

A dialog is refreshed while the contact has a session (`edge.gateway.sessions`), and made anew when it ends for a reason
that passes (`edge.gateway.ending`). A dialog is found by our tag, never by link; the usage looks at the rest. Called by
`edge.gateway.subscriber`, which decides who watches whom.
"""

from edge.bodies.document import Document as PresenceDocument
from edge.bodies.text import language_tag
from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.gateway.counters import IN, UNCHANGED
from edge.gateway.documents import formats, understood
from edge.gateway.effects import Effect, Report, SendSip, SendStanza
from edge.gateway.ending import BRIEF_LIFE, Show, verdict
from edge.gateway.node import Node
from edge.gateway.pacing import Pacing, name
from edge.gateway.pairs import Pair, Pairs
from edge.gateway.quota import Quota
from edge.gateway.records import WatchRecord, dialog_of
from edge.gateway.sessions import Question, Sessions
from edge.gateway.watch import GRACE, NEXT, Watch, send, shown, tell
from edge.mapping.addresses import uri_of
from edge.partners import System
from edge.sip.message import Response
from edge.sip.subscriber import Subscriber
from edge.sip.subscription import (
    Active,
    Document,
    Ended,
    Output,
    Pending,
    Rearm,
    RefreshDue,
    Reply,
    SendRequest,
)
from edge.sip.subscription_tables import SubscriberState
from edge.sip.transaction import ServerTransaction
from edge.timers import Wheel
from edge.xmpp.authorization import Action, Input
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Presence, error_bytes

MAX_OF_SYSTEM = 200_000  # watches of one partner's users; each costs one to three kB for as long as it lasts
MAX_OF_OURS = 1_000_000  # of the users of a system of ours
MAX_OF_STRANGER = 1000  # watches of a discovered partner, as a Microsoft edge has it

Read = PresenceDocument | RemoteProtocolError | None
"""The document of a NOTIFY, or why it cannot be read; None: there is none."""


class Subscriptions:
    """All watches of XMPP users, and their dialogs."""

    def __init__(self, node: Node, pairs: Pairs) -> None:
        self._node = node
        self._pairs = pairs
        self.sessions = Sessions(node, self)
        self._usages: dict[str, Watch] = {}  # by our tag
        self._watched: dict[JID, int] = {}  # by contact: how many users he watches
        self._quota = Quota()  # by the contact's system
        self._pacing = Pacing(node.wheel)

    def __len__(self) -> int:
        return sum(self._watched.values())

    def get(self, tag: str) -> Watch | None:
        return self._usages.get(tag)

    def has_room(self, contact: JID, system: System, most: int) -> bool:
        """Whether a contact, who may watch ``most``, and his system may watch one more."""
        most_of_all = MAX_OF_STRANGER if system.discovered else MAX_OF_OURS if system.inside else MAX_OF_SYSTEM
        return self._watched.get(contact, 0) < most and self._quota.count(system.name) < most_of_all

    def add(self, pair: Pair) -> Watch:
        pair.watched_by(watch := Watch(self, pair, self._node.wheel.now))
        self._watched[pair.contact] = self._watched.get(pair.contact, 0) + 1
        self._quota.take(pair.xmpp.name, MAX_OF_OURS)
        self._pacing.joins(pair)
        self._node.unsaved[pair] = None
        return watch

    def moves(self, pair: Pair, sip: System, xmpp: System) -> None:
        """The two are about to be of other systems."""
        if pair.watch is not None:
            self._quota.give(pair.xmpp.name)
            self._quota.take(xmpp.name, MAX_OF_OURS)
            self._pacing.moves(pair, sip)

    def restore(self, pair: Pair, record: WatchRecord) -> None:
        """A watch of an earlier life; `resume` will take it up."""
        node = self._node
        watch = self.add(pair)
        watch.asleep, watch.shown = record.asleep, tuple(record.shown)
        if record.dialog is not None:
            state = SubscriberState.ACTIVE if record.active else SubscriberState.PENDING
            accept = ", ".join(formats(pair.sip))
            usage = Subscriber(node.agent, dialog_of(record.dialog), record.expires, state, accept)
            usage.expires_at, usage.since, usage.was_active = node.moment_of(record.expires_at), 0.0, record.active
            watch.serve(usage)
            self._usages[usage.dialog.local_tag] = watch

    def subscribe(self, watch: Watch) -> list[Effect]:
        """Open a new dialog; the old one, if there is one, may end unheard."""
        pair, node = watch.pair, self._node
        self.drop(watch)
        self._stop(watch)
        watch.done = False
        if self.is_resting(pair):
            self._start(watch, self._pacing.rest_of(pair))
            return []
        accept = ", ".join(formats(pair.sip))
        usage = Subscriber.open(node.agent, uri_of(pair.contact), uri_of(pair.user), node.presence.expires, accept)
        watch.serve(usage)
        self._usages[usage.dialog.local_tag] = watch
        return self.follow(watch, usage.subscribe(node.wheel.now))

    def refresh(self, watch: Watch) -> list[Effect]:
        """Subscribe again within the dialog, if that is not under way."""
        usage, now = watch.usage, self._node.wheel.now
        if usage is None or usage.branch:
            return []
        if self.is_resting(watch.pair):
            return self.follow(watch, usage.postpone(self._pacing.rest_of(watch.pair), now))
        return self.follow(watch, usage.refresh(now))

    def resume(self, watch: Watch) -> list[Effect]:
        """The system can be reached again: see what is true now, in the same dialog if it lives."""
        usage = watch.usage
        if watch.leaving or watch.asleep or (watch.done and watch.document is not None):
            return []
        if usage is not None and (usage.branch or usage.state is SubscriberState.NOTIFY_WAIT):
            return []  # it is asked for already, and its timer runs
        watch.attempts = 0
        if usage is not None and usage.expires_at > self._node.wheel.now:
            return self.refresh(watch)
        return self.subscribe(watch)

    def notified(self, watch: Watch, transaction: ServerTransaction) -> list[Effect]:
        """A NOTIFY in the dialog of a watch."""
        assert watch.usage is not None
        request = transaction.request
        try:
            outputs = watch.usage.notified(request, self._node.wheel.now)
        except RemoteProtocolError as error:
            return self._node.refuse(transaction, error.code, error.status, text=str(error))
        read: Read = None
        for output in outputs:
            if type(output) is Document and output.body:
                read = understood(output.content_type, output.body)
        if isinstance(read, RemoteProtocolError):  # what was known stays (RFC 3856 §6.8)
            outputs[0] = Reply(read.status, (("Accept", watch.usage.accept),) if read.status == 415 else ())
        headers = request.headers
        lang = headers.get("content-language") or "" if b"content-language" in headers else ""
        return self.follow(watch, outputs, transaction, read, lang)

    def follow(
        self, watch: Watch, outputs: list[Output], transaction: ServerTransaction | None = None, read: Read = None,
        lang: str = "",
    ) -> list[Effect]:
        """Do what the usage says, in order. ``read`` is the document among it, if it has a body."""
        node, pair = self._node, watch.pair
        effects: list[Effect] = []
        due = False
        for output in outputs:  # those of a NOTIFY first
            if isinstance(output, Reply):
                assert transaction is not None
                effects += node.respond(transaction, output.status, output.headers)
            elif isinstance(output, Document):
                effects += self._learn(watch, read, language_tag(lang) if lang else "")
            elif isinstance(output, Active):
                effects += self._activate(watch, output.first)
            elif isinstance(output, SendRequest):
                client = node.layer.open_client(output.method, output.branch, watch, call_id=output.call_id)
                effects.append(SendSip(pair.sip, pair.user.host, output.data, client))
            elif isinstance(output, Rearm):
                self._start(watch, output.seconds)
                node.unsaved[pair] = None
            elif isinstance(output, RefreshDue):
                due = True  # last, because it arms the timer for the answer to the refresh
            elif isinstance(output, Pending):
                self._doubt(watch)
            elif isinstance(output, Ended):
                effects += self._end(watch, output)
        return effects + self.decide(pair) if due else effects

    def decide(self, pair: Pair) -> list[Effect]:
        """A refresh is due: only who has a session needs it (RFC 8048 §5.2.2)."""
        watch = pair.watch
        if watch is None or watch.usage is None or watch.leaving or watch.asleep:
            return []
        alive = self.sessions.of(pair, watch.active_at)
        if alive is None:
            return self.sessions.ask(pair, watch.usage.expires_at - self._node.wheel.now)
        if alive:
            return self.refresh(watch)
        gone = self.withdraw(watch, "")  # unheard, unless he is there after all
        return gone + self.sleep(watch)

    def _activate(self, watch: Watch, first: bool) -> list[Effect]:
        """`subscribed`, once (RFC 8048 §5.2.1)."""
        pair = watch.pair
        if first or watch.doubted_at:
            watch.doubted_at = 0.0
            self._node.unsaved[pair] = None
        if watch.leaving or pair.contact_sees or pair.step(Input.OUT_SUBSCRIBED) is not Action.ROUTE:
            return []
        report = Report("sub.active", None, {"partner": pair.sip.name}, (pair.contact, pair.user))
        return [tell(pair.user, pair.contact, "subscribed"), report]

    def _learn(self, watch: Watch, read: Read, lang: str) -> list[Effect]:
        """What the contact has to hear of a new document; one that cannot be read changes nothing."""
        pair, node = watch.pair, self._node
        if watch.leaving or watch.asleep:
            return []
        if read is None:  # the first NOTIFY of a dialog says that nothing is known (RFC 8048 §5.2.1)
            return self.withdraw(watch, "")
        before = watch.shown
        try:
            if isinstance(read, RemoteProtocolError):
                raise read
            news = watch.learn(read, self._pairs.profile(pair.xmpp, pair.sip), lang)
        except RemoteProtocolError as error:
            fields: dict[str, object] = {"partner": pair.sip.name, "reason": str(error)}
            return [Report("presence.unreadable", error.code, fields, (pair.user, pair.contact))]
        watch.heard_at = node.wall
        if not news:
            node.counters.suppressed[pair.xmpp.name, UNCHANGED] += 1
        elif watch.shown != before:
            node.unsaved[pair] = None
        node.counters.updates[pair.sip.name, IN] += 1
        sender, contact = pair.user.host, pair.contact
        return [SendStanza(sender, contact.host, told.to(contact)) for told in news]

    def _end(self, watch: Watch, ended: Ended) -> list[Effect]:
        """The dialog is dead; the authorization only if the partner said so (RFC 8048 §5.2.2)."""
        pair, node, usage = watch.pair, self._node, watch.usage
        assert usage is not None
        if usage.dialog.remote_cseq is not None and node.wheel.now - usage.since >= BRIEF_LIFE:
            watch.attempts = 0
        self._stop(watch)
        self.drop(watch)
        node.unsaved[pair] = None
        if watch.leaving:
            self._forget(watch)
            return []
        if watch.asleep:
            return []
        fields: dict[str, object] = {
            "partner": pair.sip.name, "cause": ended.cause.value, "reason": ended.reason, "status": ended.status,
        }
        found = verdict(ended, pair.contact_sees, watch.attempts, name(pair), self._pacing.crowd(pair))
        code = Code.M03 if found.told and found.told != "unsubscribed" else None
        effects: list[Effect] = [Report("sub.ended", code, fields, (pair.contact, pair.user))]
        watch.attempts += 1
        if found.told:
            return effects + self._refuse(watch, found.told, ended.status)
        if found.show is Show.UNAVAILABLE:
            effects += self.withdraw(watch, "")
        if found.retry is None:
            watch.done = True
            return effects
        self._doubt(watch)
        if found.retry == 0:
            return effects + self.subscribe(watch)
        self._start(watch, found.retry)
        return effects

    def _doubt(self, watch: Watch) -> None:
        """Nobody can say whether what the contact sees is still true: for the grace it is believed."""
        if watch.shown and not watch.doubted_at and not watch.leaving:
            watch.doubted_at = self._node.wheel.now
            self._node.wheel.start(self._node.presence.grace, (watch, GRACE))  # harmless once the doubt is over

    def _refuse(self, watch: Watch, told: str, status: int) -> list[Effect]:
        """There is nothing to hope for: the contact hears why, once, and all is forgotten."""
        pair = watch.pair
        effects = self.withdraw(watch, "")
        if told == "unsubscribed":
            effects.append(tell(pair.user, pair.contact, told))
        else:
            asked = Presence(from_=pair.contact, to=pair.user, type="subscribe")
            text = f"{Code.M03} the SIP side answered {status}"
            effects.append(send(pair.user, pair.contact, error_bytes(asked, told, text)))
        pair.step(Input.OUT_UNSUBSCRIBED)
        self._forget(watch)
        return effects

    def leave(self, watch: Watch) -> list[Effect]:
        """Give the watch up: politely, if there is a dialog."""
        watch.leaving = True
        self._node.unsaved[watch.pair] = None
        if watch.usage is None:
            self._forget(watch)
            return []
        return self.follow(watch, watch.usage.unsubscribe(self._node.wheel.now))

    def sleep(self, watch: Watch) -> list[Effect]:
        """The session is over: end the dialog silently, keep the authorization (RFC 8048 §5.2.3)."""
        watch.asleep = True
        watch.withdraw()
        self._node.unsaved[watch.pair] = None
        if watch.usage is None:
            self._stop(watch)
            return []
        return self.follow(watch, watch.usage.unsubscribe(self._node.wheel.now))

    def wake(self, watch: Watch) -> list[Effect]:
        """A session begins."""
        if not watch.asleep:
            return []
        watch.asleep = False
        watch.attempts = 0
        return self.subscribe(watch)

    def withdraw(self, watch: Watch, note: str) -> list[Effect]:
        if watch.shown:
            self._node.unsaved[watch.pair] = None
        return [shown(presence) for presence in watch.withdraw(note)]

    # --- what comes back, and time ----------------------------------------------------------------------

    def answered(self, watch: Watch, response: Response) -> list[Effect]:
        """A response to a SUBSCRIBE of ours."""
        if watch.usage is None:
            return []
        self._count_refresh(watch, response.status)
        pause = response.retry_after if response.status == 503 else None
        if pause:  # RFC 3261 §21.5.4: it speaks for the whole server
            self._pacing.rest(watch.pair, pause)
        return self.follow(watch, watch.usage.answered(response, self._node.wheel.now))

    def failed(self, watch: Watch, branch: str, code: Code, text: str) -> list[Effect]:
        """A SUBSCRIBE of ours got no answer or did not leave."""
        if watch.usage is None or watch.usage.branch != branch:
            return []
        status = 408 if code is Code.M02 else 503
        self._count_refresh(watch, status)
        pair = watch.pair
        about = pair.contact, pair.user
        report = Report("subscription.failed", code, {"partner": pair.sip.name, "reason": text}, about)
        return [report, *self.follow(watch, watch.usage.failed(branch, status, self._node.wheel.now))]

    def expired(self, watch: Watch, timer: str) -> list[Effect]:
        """A timer of a watch has come."""
        now = self._node.wheel.now
        if timer == GRACE:
            overdue = watch.doubted_at and now >= watch.doubted_at + self._node.presence.grace
            return self.withdraw(watch, "") if overdue else []
        watch.slot = None
        return self.follow(watch, watch.usage.expire(now)) if watch.usage is not None else self.subscribe(watch)

    def expire(self, question: Question) -> list[Effect]:
        """A question about a session was not answered."""
        return [effect for pair in self.sessions.unanswered(question) for effect in self.decide(pair)]

    # --- private ----------------------------------------------------------------------------------------

    def _count_refresh(self, watch: Watch, status: int) -> None:
        """The answer to a SUBSCRIBE within a dialog that is meant to go on."""
        usage = watch.usage
        if status >= 200 and usage is not None and usage.state is not SubscriberState.NOTIFY_WAIT and not (
            watch.leaving or watch.asleep
        ):
            self._node.counters.refreshes[watch.pair.sip.name, "ok" if status < 300 else "failed"] += 1

    def _forget(self, watch: Watch) -> None:
        self._stop(watch)
        pair = watch.pair
        if pair.watch is not watch:
            return
        pair.watched_by(None)
        self._quota.give(pair.xmpp.name)
        self._pacing.leaves(pair)
        left = self._watched[pair.contact] - 1
        if left:
            self._watched[pair.contact] = left
        else:
            del self._watched[pair.contact]
        self._node.unsaved[pair] = None
        self._pairs.release(pair)

    def drop(self, watch: Watch) -> None:
        if watch.usage is not None:
            self._usages.pop(watch.usage.dialog.local_tag, None)
            watch.serve(None)

    def is_resting(self, pair: Pair) -> bool:
        return self._pacing.is_resting(pair)

    def _start(self, watch: Watch, seconds: float) -> None:
        self._stop(watch)
        watch.slot = self._node.wheel.start(seconds, (watch, NEXT))

    def _stop(self, watch: Watch) -> None:
        if watch.slot is not None:
            Wheel.stop(watch.slot, (watch, NEXT))
            watch.slot = None
