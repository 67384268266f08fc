"""One XMPP user who watches one SIP user: the dialog that serves him, and what he believes to be true.

Owned by `edge.gateway.subscription`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from sys import intern
from typing import TYPE_CHECKING

from edge.bodies import pidf
from edge.codes import Code
from edge.gateway.effects import Effect, SendStanza
from edge.gateway.node import Node
from edge.gateway.pairs import Pair
from edge.gateway.records import WatchRecord, dialog_record
from edge.mapping.news import Told, learnt, stanzas_of, unpack
from edge.mapping.profile import Profile
from edge.sip.message import Response
from edge.sip.subscriber import Subscriber
from edge.sip.subscription_tables import SubscriberState
from edge.sip.transaction import ClientTransaction
from edge.timers import Slot
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Presence

if TYPE_CHECKING:
    from edge.gateway.subscription import Subscriptions

MAX_SHOWN = 64  # resources that are remembered; a document with more is a peer's invention

GRACE, NEXT = "grace", "next"  # the timers: of `doubted_at`, and the one in `slot`


class Watch:
    """How the contact of a pair watches its user.

    ``leaving``: he has taken his subscription back, and only the dialog is still to be ended. ``asleep``: he has no
    session, so there is no dialog. ``done``: the partner has said its last word, and nothing is asked again.
    ``document`` is what he was told last, packed, in the language ``lang``, ``shown`` the resources in it that are
    there, which is all that a restart leaves of it; since ``doubted_at`` nobody can confirm them (0: they are true).
    ``heard_at`` is the time of day when the partner last said something of the user (0: not in this life).
    ``attempts`` have failed since a dialog last lived. ``active_at`` is when he last gave a sign of life. In
    ``slot`` runs the timer of the dialog or, without one, that of the next attempt.
    """

    __slots__ = (
        "_subscriptions", "pair", "usage", "leaving", "asleep", "done", "document", "lang", "shown", "doubted_at",
        "heard_at", "attempts", "active_at", "slot",
    )

    def __init__(self, subscriptions: "Subscriptions", pair: Pair, now: float) -> None:
        self._subscriptions = subscriptions
        self.pair = pair
        self.usage: Subscriber | None = None
        self.leaving = False
        self.asleep = False
        self.done = False
        self.document: bytes | None = None
        self.lang = ""
        self.shown: tuple[str, ...] = ()
        self.doubted_at = 0.0
        self.heard_at = 0.0
        self.attempts = 0
        self.active_at = now
        self.slot: Slot[object] | None = None

    def serve(self, usage: Subscriber | None) -> None:
        """There is another dialog, or none any more."""
        self.pair.tally(-1)
        self.usage = usage
        self.pair.tally(1)

    def answered(self, transaction: ClientTransaction, response: Response) -> list[Effect]:
        return self._subscriptions.answered(self, response)

    def failed(self, transaction: ClientTransaction, code: Code, text: str) -> list[Effect]:
        return self._subscriptions.failed(self, transaction.key, code, text)

    def expire(self, timer: str) -> list[Effect]:
        return self._subscriptions.expired(self, timer)

    def learn(self, document: pidf.Document, profile: Profile, lang: str = "") -> Sequence[Told]:
        """What the contact has to hear of a new document. `RemoteProtocolError` if it is about somebody else."""
        before = self.document
        news: Sequence[Told]
        news, kept = learnt(document, before, self.pair.user, lang, profile)
        if before is None and self.shown:  # the document was lost with an earlier life: who is not in this one has gone
            told = {each.stanza.from_.resource for each in news if each.stanza.from_ is not None}
            gone = self._gone(resource for resource in self.shown if resource not in told)
            news = [*news, *(Told.of(replace(presence, to=None)) for presence in gone)]
        self.document, self.lang, self.doubted_at = kept, intern(lang), 0.0
        self._note(news)
        return news

    def withdraw(self, note: str = "") -> list[Presence]:
        """`unavailable` from whatever the contact believes to be available."""
        gone = list(self._gone(self.shown, note))
        self.document, self.shown, self.doubted_at = None, (), 0.0
        return gone

    def known(self, profile: Profile) -> list[Presence]:
        """All that the contact was told last."""
        if self.document is None:
            return []
        user, contact = self.pair.user, self.pair.contact
        return stanzas_of(unpack(self.document, user), None, user, contact, lang=self.lang, profile=profile)

    def record(self, node: Node) -> WatchRecord:
        """What the store keeps: a dialog only if it is one already and not about to end."""
        usage = self.usage
        if usage is None or usage.state not in (SubscriberState.PENDING, SubscriberState.ACTIVE):
            return WatchRecord(self.asleep, self.shown)
        return WatchRecord(
            self.asleep, self.shown, dialog_record(usage.dialog, usage.dialog.local_cseq),
            usage.state is SubscriberState.ACTIVE, usage.expires, node.wall_of(usage.expires_at),
        )

    def _gone(self, resources: Iterable[str], note: str = "") -> list[Presence]:
        user, contact = self.pair.user, self.pair.contact
        return [
            Presence(
                from_=JID.build(user.local, user.host, resource), to=contact, type="unavailable", status=note
            )
            for resource in resources
        ]

    def _note(self, news: Sequence[Told]) -> None:
        if len(news) == 1 and not (stanza := news[0].stanza).type:  # as mostly
            assert stanza.from_ is not None
            if stanza.from_.resource in self.shown:
                return
        shown = set(self.shown)
        for each in news:
            presence = each.stanza
            assert presence.from_ is not None
            if presence.type:
                shown.discard(presence.from_.resource)
            elif len(shown) < MAX_SHOWN:
                shown.add(presence.from_.resource)
        if len(shown) != len(self.shown) or not shown.issuperset(self.shown):
            self.shown = tuple(sorted(shown))


def shown(presence: Presence) -> SendStanza:
    """Presence of a user, for a contact."""
    assert presence.from_ is not None and presence.to is not None
    return SendStanza(presence.from_.host, presence.to.host, presence.to_bytes())


def tell(user: JID, contact: JID, kind: str) -> SendStanza:
    """What a user's server says about a subscription."""
    data = f"<presence from='{user.quoted}' to='{contact.quoted}' type='{kind}'/>".encode()
    return SendStanza(user.host, contact.host, data)


def send(user: JID, contact: JID, data: bytes) -> SendStanza:
    return SendStanza(user.host, contact.host, data)
