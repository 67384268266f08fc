"""The dialogs in which we watch SIP users for XMPP users (RFC 6665 §4.1): subscribed, refreshed, ended, made anew.

A dialog is refreshed while the contact has a session (`edge.gateway.sessions`), and made anew when it ends for a reason
that passes (`edge.gateway.ending`). Correlation is by Call-ID and our tag, never by link. Called by
`edge.gateway.subscriber`, which decides who watches whom.
"""

from edge.bodies import pidf
from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.gateway.counters import IN, UNCHANGED
from edge.gateway.effects import Effect, Report, SendSip, SendStanza
from edge.gateway.ending import Show, verdict
from edge.gateway.node import Node
from edge.gateway.pairs import Pair, Pairs
from edge.gateway.quota import Quota
from edge.gateway.records import WatchRecord, dialog_of
from edge.gateway.sessions import Question, Sessions
from edge.gateway.watch import GRACE, REFRESH, RETRY, Watch
from edge.mapping.addresses import uri_of
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
)
from edge.sip.subscription_tables import SubscriberState
from edge.sip.transaction import ServerTransaction
from edge.timers import Wheel
from edge.xmpp.authorization import Action, Input
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Presence, error_bytes

MAX_OF_SYSTEM = 200_000  # watches of one XMPP system; each costs a few kB for as long as it lasts
LONGEST_REST = 3600.0  # seconds that a SIP system is left alone because it said so


class Subscriptions:
    """All watches of XMPP users, and their dialogs."""

    def __init__(self, node: Node, pairs: Pairs) -> None:
        self._node = node
        self._pairs = pairs
        self.sessions = Sessions(node, self)
        self._usages: dict[UsageKey, Watch] = {}
        self._watched: dict[JID, int] = {}  # by contact: how many users he watches
        self._quota = Quota()  # by the contact's system
        self._resting: dict[str, float] = {}  # SIP systems that want to be left alone, and until when

    def __len__(self) -> int:
        return sum(self._watched.values())

    def get(self, key: UsageKey) -> Watch | None:
        return self._usages.get(key)

    def has_room(self, contact: JID, system: str, most: int) -> bool:
        """Whether a contact, who may watch ``most``, and his system may watch one more."""
        return self._watched.get(contact, 0) < most and self._quota.count(system) < MAX_OF_SYSTEM

    def add(self, pair: Pair) -> Watch:
        watch = pair.watch = Watch(self, pair, self._node.wheel.now)
        self._watched[pair.contact] = self._watched.get(pair.contact, 0) + 1
        self._quota.take(pair.xmpp.name, MAX_OF_SYSTEM)
        self._node.unsaved[pair] = None
        return watch

    def restore(self, pair: Pair, record: WatchRecord) -> None:
        """A watch of an earlier life; `resume` will take it up."""
        node = self._node
        watch = self.add(pair)
        watch.asleep, watch.shown = record.asleep, tuple(record.shown)
        if record.dialog is not None:
            state = SubscriberState.ACTIVE if record.active else SubscriberState.PENDING
            usage = Subscriber(node.agent, dialog_of(record.dialog), record.expires, state)
            usage.expires_at, usage.since, usage.was_active = node.moment_of(record.expires_at), 0.0, record.active
            watch.usage = usage
            self._usages[usage.key] = watch

    def subscribe(self, watch: Watch) -> list[Effect]:
        """Open a new dialog; the old one, if there is one, may end unheard."""
        pair, node = watch.pair, self._node
        self.drop(watch)
        self._stop(watch)
        if self.is_resting(pair):
            self._start(watch, self._resting[pair.sip.name] - node.wheel.now, RETRY)
            return []
        expires = node.presence.expires
        watch.usage = Subscriber.open(node.agent, uri_of(pair.contact), uri_of(pair.user), expires)
        self._usages[watch.usage.key] = watch
        return self.follow(watch, watch.usage.subscribe(node.wheel.now))

    def follow(
        self, watch: Watch, outputs: list[Output], transaction: ServerTransaction | None = None, lang: str = ""
    ) -> list[Effect]:
        """Do what the usage says, in order."""
        node, pair = self._node, watch.pair
        effects: list[Effect] = []
        due = False
        for output in outputs:
            if isinstance(output, SendRequest):
                client = node.layer.open_client(output.method, output.branch, watch, call_id=output.call_id)
                effects.append(SendSip(pair.sip, pair.user.host, output.data, client))
            elif isinstance(output, Reply):
                assert transaction is not None
                effects += node.respond(transaction, output.status, output.headers)
            elif isinstance(output, Rearm):
                self._start(watch, output.seconds, REFRESH)
                node.unsaved[pair] = None
            elif isinstance(output, RefreshDue):
                due = True  # last, because it arms the timer for the answer to the refresh
            elif isinstance(output, Active):
                effects += self._activate(watch)
            elif isinstance(output, Document):
                effects += self._learn(watch, output, lang)
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
            return self.sessions.ask(pair)
        if alive:
            return self.follow(watch, watch.usage.refresh(self._node.wheel.now))
        gone = self.withdraw(watch, "")  # unheard, unless he is there after all
        return gone + self.sleep(watch)

    def _activate(self, watch: Watch) -> list[Effect]:
        """`subscribed`, once (RFC 8048 §5.2.1)."""
        watch.attempts = 0
        pair = watch.pair
        self._node.unsaved[pair] = None
        if watch.leaving or pair.step(Input.OUT_SUBSCRIBED) is not Action.ROUTE:
            return []
        report = Report("sub.active", None, {"partner": pair.sip.name})
        return [tell(pair.user, pair.contact, "subscribed"), report]

    def _learn(self, watch: Watch, output: Document, lang: str) -> list[Effect]:
        """What the contact has to hear of a new document; one that cannot be read changes nothing."""
        pair, node = watch.pair, self._node
        if watch.leaving or watch.asleep:
            return []
        if not output.body:  # the first NOTIFY of a dialog says that nothing is known (RFC 8048 §5.2.1)
            return self.withdraw(watch, "")
        fields: dict[str, object] = {"partner": pair.sip.name}
        if output.content_type != PIDF:
            return [Report("presence.unreadable", Code.S04, fields)]
        before = watch.shown
        try:
            news = watch.learn(pidf.parse(output.body), self._pairs.profile(pair.xmpp, pair.sip), lang)
        except RemoteProtocolError as error:
            return [Report("presence.unreadable", error.code, {**fields, "reason": str(error)})]
        if not news:
            node.counters.suppressed[pair.xmpp.name, UNCHANGED] += 1
        elif watch.shown != before:
            node.unsaved[pair] = None
        node.counters.updates[pair.sip.name, IN] += 1
        return [shown(presence) for presence in news]

    def _end(self, watch: Watch, ended: Ended) -> list[Effect]:
        """The dialog is dead; the authorization only if the partner said so (RFC 8048 §5.2.2)."""
        pair, node = watch.pair, self._node
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
        effects: list[Effect] = [Report("sub.ended", None, fields)]
        found = verdict(ended, pair.contact_sees, watch.attempts, watch.pair.contact.local + pair.user.local)
        watch.attempts += 1
        if found.told:
            return effects + self._refuse(watch, found.told, ended.status)
        if found.show is Show.UNAVAILABLE:
            effects += self.withdraw(watch, "")
        if found.retry == 0:
            return effects + self.subscribe(watch)
        if found.retry is not None:
            grace = node.presence.grace
            watch.retry_at = node.wheel.now + found.retry
            wait_first = found.show is Show.THE_SAME_FOR_A_WHILE and watch.shown and found.retry > grace
            self._start(watch, grace if wait_first else found.retry, GRACE if wait_first else RETRY)
        return effects

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
        watch.document, watch.shown = None, ()
        self._stop(watch)
        self._node.unsaved[watch.pair] = None
        return self.follow(watch, watch.usage.unsubscribe(self._node.wheel.now)) if watch.usage is not None else []

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
        pause = response.retry_after if response.status == 503 else None
        if pause:  # RFC 3261 §21.5.4: it speaks for the whole server
            self._resting[watch.pair.sip.name] = self._node.wheel.now + min(pause, LONGEST_REST)
        return self.follow(watch, watch.usage.answered(response, self._node.wheel.now))

    def failed(self, watch: Watch, branch: str, code: Code, text: str) -> list[Effect]:
        """A SUBSCRIBE of ours got no answer or did not leave."""
        if watch.usage is None:
            return []
        status = 408 if code is Code.M02 else 503
        report = Report("subscription.failed", code, {"partner": watch.pair.sip.name, "reason": text})
        return [report, *self.follow(watch, watch.usage.failed(branch, status, self._node.wheel.now))]

    def expired(self, watch: Watch, timer: str) -> list[Effect]:
        """The timer of a watch has come."""
        watch.slot = None
        watch.timer = ""
        if timer == GRACE:
            self._start(watch, max(watch.retry_at - self._node.wheel.now, 0.0), RETRY)
            return self.withdraw(watch, "")
        if timer == RETRY:
            return [] if watch.usage is not None or watch.leaving or watch.asleep else self.subscribe(watch)
        if watch.usage is None:
            return []
        return self.follow(watch, watch.usage.expire(self._node.wheel.now))

    def expire(self, question: Question) -> list[Effect]:
        """A question about a session was not answered."""
        return [effect for pair in self.sessions.unanswered(question) for effect in self.decide(pair)]

    # --- private ----------------------------------------------------------------------------------------

    def _forget(self, watch: Watch) -> None:
        self._stop(watch)
        pair = watch.pair
        if pair.watch is not watch:
            return
        pair.watch = None
        self._quota.give(pair.xmpp.name)
        left = self._watched[pair.contact] - 1
        if left:
            self._watched[pair.contact] = left
        else:
            del self._watched[pair.contact]
        self._node.unsaved[pair] = None
        self._pairs.release(pair)

    def drop(self, watch: Watch) -> None:
        if watch.usage is not None:
            self._usages.pop(watch.usage.key, None)
            watch.usage = None

    def is_resting(self, pair: Pair) -> bool:
        return self._node.wheel.now < self._resting.get(pair.sip.name, 0.0)

    def _start(self, watch: Watch, seconds: float, timer: str) -> None:
        self._stop(watch)
        watch.timer = timer
        watch.slot = self._node.wheel.start(seconds, (watch, timer))

    def _stop(self, watch: Watch) -> None:
        if watch.slot is not None:
            Wheel.stop(watch.slot, (watch, watch.timer))
            watch.slot = None
            watch.timer = ""


def shown(presence: Presence) -> SendStanza:
    """Presence of a user, for a contact."""
    assert presence.from_ is not None and presence.to is not None
    return SendStanza(presence.from_.host, presence.to.host, presence.to_bytes())


def tell(user: JID, contact: JID, kind: str) -> SendStanza:
    """What a user's server says about a subscription."""
    return shown(Presence(from_=user, to=contact, type=kind))


def send(user: JID, contact: JID, data: bytes) -> SendStanza:
    return SendStanza(user.host, contact.host, data)
