"""XMPP users who watch SIP users: we SUBSCRIBE on their behalf (RFC 8048 §5.2, RFC 6665 §4.1).

What an XMPP user's server says decides who watches whom; `edge.gateway.subscription` keeps the dialogs. Called by
`edge.gateway.core` and, when a way comes up again, by `edge.gateway.paths`.
"""

from dataclasses import replace

from edge.codes import Code
from edge.gateway.effects import Effect, Report
from edge.gateway.node import Node
from edge.gateway.pairs import Pair, Pairs
from edge.gateway.records import WatchRecord
from edge.gateway.subscription import Subscriptions
from edge.gateway.watch import Watch, send, shown, tell
from edge.partners import Admit, System
from edge.sip.transaction import ServerTransaction
from edge.xmpp.authorization import Action, Input
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Presence, error_bytes

MAX_WATCHED = 2000  # users that one XMPP contact watches; each costs a dialog at the partner (RFC 8048 §8.1)


class Subscribers:
    """What XMPP users see of SIP users."""

    def __init__(self, node: Node, pairs: Pairs) -> None:
        self._node = node
        self._pairs = pairs
        self._dialogs = Subscriptions(node, pairs)

    def __len__(self) -> int:
        return len(self._dialogs)

    # --- from XMPP ------------------------------------------------------------------------------------

    def presence_received(self, stanza: Presence, decision: Admit) -> list[Effect]:
        """`subscribe`, `unsubscribe` or `probe` from an XMPP user to a SIP user (RFC 6121 §3, §4.3)."""
        assert stanza.from_ is not None and stanza.to is not None
        contact, user = stanza.from_.bare(), stanza.to.bare()
        pair = self._pairs.get(user, contact)
        if not contact.local or not user.local:
            return [tell(user, contact, "unsubscribed")] if stanza.type == "subscribe" else []
        if stanza.type == "unsubscribe":
            return self._unsubscribe(pair, user, contact)
        if not self._node.directory.may_watch(decision.sender, decision.recipient):
            report = Report("policy.denied", Code.A03, {"partner": decision.sender.name}, stanza)
            return [tell(user, contact, "unsubscribed"), report]
        if decision.sender.subscribe == "deny":
            return []  # as if nobody had decided yet
        if pair is not None and pair.watch is not None:
            pair.watch.active_at = self._node.wheel.now
            return self._return(pair.watch, stanza) if pair.watch.leaving else self._repeat(pair.watch, stanza)
        if not self._dialogs.has_room(contact, decision.sender, MAX_WATCHED):
            text = f"{Code.L01} there are too many subscriptions already"
            report = Report("policy.denied", Code.L01, {"partner": decision.sender.name}, stanza)
            return [send(stanza.to, contact, error_bytes(stanza, "policy-violation", text)), report]
        pair = self._pairs.open(user, contact, decision.recipient, decision.sender)
        return self._begin(self._dialogs.add(pair), stanza)

    def session_changed(self, pair: Pair, stanza: Presence) -> list[Effect]:
        """The contact's own presence, which he shows to the user: it tells when a session begins or ends."""
        watch = pair.watch
        if watch is None or watch.leaving:
            return []
        watch.active_at = self._node.wheel.now
        if not stanza.type:
            return self._dialogs.wake(watch)
        return self._dialogs.sleep(watch) if self._dialogs.sessions.of(pair, watch.active_at) is False else []

    def hidden(self, pair: Pair) -> list[Effect]:
        """The contact shows himself to the user no more: what seemed a logout may be none (RFC 6121 §3.2.2)."""
        watch = pair.watch
        if watch is None or watch.leaving or not watch.asleep or pair.user_sees:
            return []
        watch.active_at = self._node.wheel.now
        return self._dialogs.wake(watch)

    def answer_received(self, stanza: Presence) -> list[Effect]:
        """Presence for our own address: the answer to a question about a session."""
        return [effect for pair in self._dialogs.sessions.answered(stanza) for effect in self._dialogs.decide(pair)]

    def error_received(self, pair: Pair, stanza: Presence) -> list[Effect]:
        """The contact's server says that there is no such user (any more): nobody is left to be told."""
        watch = pair.watch
        gone = stanza.error is not None and stanza.error.condition in ("item-not-found", "gone")
        if watch is None or watch.leaving or not gone:
            return []
        pair.step(Input.IN_UNSUBSCRIBE)
        watch.withdraw()
        return self._dialogs.leave(watch)

    def _begin(self, watch: Watch, stanza: Presence) -> list[Effect]:
        """Somebody begins to watch, or begins again."""
        watch.pair.step(Input.IN_SUBSCRIBE)
        if stanza.type == "probe":
            # His server holds an authorization from an earlier life of ours, and tells us that a session begins
            # (RFC 8048 §5.2.2). Whether it still stands is for the SIP side to say; he is not told `subscribed` again.
            watch.pair.step(Input.OUT_SUBSCRIBED)
        return self._accepted(watch.pair) + self._dialogs.subscribe(watch)

    def _accepted(self, pair: Pair) -> list[Effect]:
        """His domain need not wait for the user, for whom we stand: he is told `subscribed` at once."""
        if pair.xmpp.subscribe != "accept" or not pair.contact_asked:
            return []
        pair.step(Input.OUT_SUBSCRIBED)
        self._node.unsaved[pair] = None
        return [tell(pair.user, pair.contact, "subscribed")]

    def _return(self, watch: Watch, stanza: Presence) -> list[Effect]:
        """Who had left comes back before his old dialog is over: that one may end unheard, he gets a new one."""
        watch.leaving = watch.asleep = False
        watch.attempts = 0
        self._dialogs.drop(watch)
        return self._begin(watch, stanza)

    def _repeat(self, watch: Watch, stanza: Presence) -> list[Effect]:
        """What is known is answered from memory (RFC 8048 §7.1); without a dialog it is the moment to try again."""
        pair = watch.pair
        effects: list[Effect] = []
        if stanza.type == "subscribe" and pair.step(Input.IN_SUBSCRIBE) is Action.AUTO_REPLY:
            effects.append(tell(pair.user, pair.contact, "subscribed"))
        effects += self._accepted(pair)
        if watch.document is not None or watch.usage is not None or watch.done:
            effects += self._recall(watch, stanza)
        if watch.asleep:
            return effects + self._dialogs.wake(watch)
        if watch.usage is None and not watch.done and not self._dialogs.is_resting(pair):
            effects += self._dialogs.subscribe(watch)
        if watch.usage is not None and watch.document is None and watch.shown:
            effects += self._dialogs.refresh(watch)  # an earlier life knew more
        return effects

    def _recall(self, watch: Watch, stanza: Presence) -> list[Effect]:
        """All that is known, or of the resource that is asked for; or that nothing is (RFC 6121 §4.3.2)."""
        pair = watch.pair
        assert stanza.to is not None
        asker = stanza.from_ if stanza.type == "probe" else pair.contact
        known = watch.known(self._pairs.profile(pair.xmpp, pair.sip))
        wanted = stanza.to.resource
        if wanted:
            known = [each for each in known if each.from_ is not None and each.from_.resource == wanted]
        if not known and pair.contact_sees and (watch.document is not None or not watch.shown):
            known = [Presence(from_=stanza.to, to=asker, type="unavailable")]
        return [shown(replace(presence, to=asker)) for presence in known]

    def _unsubscribe(self, pair: Pair | None, user: JID, contact: JID) -> list[Effect]:
        """RFC 8048 §5.2.3: end the dialog if there is one, and say `unsubscribed` in any case."""
        effects: list[Effect] = []
        watch = pair.watch if pair is not None else None
        if pair is not None and watch is not None and not watch.leaving:
            effects = [shown(presence) for presence in watch.withdraw()]
            pair.step(Input.IN_UNSUBSCRIBE)
            return [*effects, tell(user, contact, "unsubscribed"), *self._dialogs.leave(watch)]
        return [tell(user, contact, "unsubscribed")]

    def _revoke(self, watch: Watch) -> list[Effect]:
        """The partner list has allowed it once and does so no more: he hears it as if the SIP side had said it."""
        pair = watch.pair
        gone = self._dialogs.withdraw(watch, "")
        pair.step(Input.OUT_UNSUBSCRIBED)
        return [*gone, tell(pair.user, pair.contact, "unsubscribed"), *self._dialogs.leave(watch)]

    def _denied(self, watch: Watch) -> list[Effect]:
        """The partner list does not let him see anybody any more: the user goes, and he is told nothing else."""
        gone = self._dialogs.withdraw(watch, "")
        watch.pair.step(Input.IN_UNSUBSCRIBE)
        return gone if watch.leaving else [*gone, *self._dialogs.leave(watch)]

    def moves(self, pair: Pair, sip: System, xmpp: System) -> None:
        """The two are about to be of other systems; the dialog goes on."""
        self._dialogs.moves(pair, sip, xmpp)

    def dismiss(self, pair: Pair) -> list[Effect]:
        """The partner list no longer knows one of the two: the contact sees the user go, and the dialog is ended.

        His roster is left as it is: if the list knows them again, the probe of his next session begins anew.
        """
        watch = pair.watch
        pair.void()
        if watch is None:
            self._pairs.release(pair)
            return []
        gone = self._dialogs.withdraw(watch, "")
        return gone if watch.leaving else [*gone, *self._dialogs.leave(watch)]

    # --- from SIP -------------------------------------------------------------------------------------

    def notified(self, transaction: ServerTransaction, decision: Admit) -> list[Effect]:
        """A NOTIFY, perhaps before the 200 to the SUBSCRIBE and perhaps on another link (RFC 6665 §4.1.2.4)."""
        request = transaction.request
        watch = self._dialogs.get(request.to.tag)
        if watch is None or watch.usage is None or watch.pair.sip is not decision.sender:
            return self._node.refuse(transaction, Code.S05, 481)
        return self._dialogs.notified(watch, transaction)

    # --- after a restart or an outage -------------------------------------------------------------------

    def restore(self, pair: Pair, record: WatchRecord) -> None:
        """A watch of an earlier life; `resume` will take it up."""
        self._dialogs.restore(pair, record)

    def resume(self, pair: Pair) -> list[Effect]:
        """The user's system can be reached again: see what is true now, in the same dialog if it lives."""
        if pair.watch is None or not self._node.directory.may_go_on_watching(pair.xmpp, pair.sip):
            return []
        if pair.xmpp.subscribe == "deny":
            return self._denied(pair.watch)
        return self._dialogs.resume(pair.watch)

    def repeat(self, pair: Pair) -> list[Effect]:
        """The contact's server can be reached again: it may have lost what he was told, and we that he has come."""
        watch = pair.watch
        if watch is None or watch.leaving:
            return []
        if not self._node.directory.may_go_on_watching(pair.xmpp, pair.sip):
            return self._revoke(watch)
        if pair.xmpp.subscribe == "deny":
            return self._denied(watch)
        accepted = self._accepted(pair)
        if watch.asleep:
            return accepted if pair.user_sees else accepted + self._dialogs.wake(watch)  # else our probe will tell
        return accepted + [shown(each) for each in watch.known(self._pairs.profile(pair.xmpp, pair.sip))]

    def withdraw(self, pair: Pair, note: str) -> list[Effect]:
        """The user's system has been out of reach too long: nobody there is to seem online."""
        return self._dialogs.withdraw(pair.watch, note) if pair.watch is not None else []
