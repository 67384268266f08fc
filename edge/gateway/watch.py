"""One XMPP user who watches one SIP user: the dialog that serves him, and what he believes to be true.

Owned by `edge.gateway.subscription`.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from edge.bodies import pidf
from edge.codes import Code
from edge.gateway.effects import Effect
from edge.gateway.node import Node
from edge.gateway.pairs import Pair
from edge.gateway.records import WatchRecord, dialog_record
from edge.mapping.presence import settle, stanzas_of
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

REFRESH, RETRY, GRACE = "refresh", "retry", "grace"  # what a watch waits for


class Watch:
    """How the contact of a pair watches its user.

    ``leaving``: he has taken his subscription back, and only the dialog is still to be ended. ``asleep``: he has no
    session, so there is no dialog. ``document`` is what he was told last, ``shown`` the resources in it that are
    available, which is all that a restart leaves of it. ``attempts`` have failed since the dialog was last active,
    ``retry_at`` is when the next is due. ``active_at`` is when he last gave a sign of life.
    """

    __slots__ = (
        "_subscriptions", "pair", "usage", "leaving", "asleep", "document", "shown", "attempts", "retry_at",
        "active_at", "timer", "slot",
    )

    def __init__(self, subscriptions: "Subscriptions", pair: Pair, now: float) -> None:
        self._subscriptions = subscriptions
        self.pair = pair
        self.usage: Subscriber | None = None
        self.leaving = False
        self.asleep = False
        self.document: pidf.Document | None = None
        self.shown: tuple[str, ...] = ()
        self.attempts = 0
        self.retry_at = 0.0
        self.active_at = now
        self.timer = ""
        self.slot: Slot[object] | None = None

    def answered(self, transaction: ClientTransaction, response: Response) -> list[Effect]:
        return self._subscriptions.answered(self, response)

    def failed(self, transaction: ClientTransaction, code: Code, text: str) -> list[Effect]:
        return self._subscriptions.failed(self, transaction.key, code, text)

    def expire(self, timer: str) -> list[Effect]:
        return self._subscriptions.expired(self, timer)

    def learn(self, document: pidf.Document, profile: Profile, lang: str = "") -> list[Presence]:
        """What the contact has to hear of a new document. `RemoteProtocolError` if it is about somebody else."""
        user, contact, before = self.pair.user, self.pair.contact, self.document
        news = stanzas_of(document, before, user, contact, lang=lang, profile=profile)
        if before is None and self.shown:  # the document was lost with an earlier life: who is not in this one has gone
            told = {presence.from_.resource for presence in news if presence.from_ is not None}
            news += self._gone(resource for resource in self.shown if resource not in told)
        self.document = settle(document, before)
        if news:
            self._note(news)
        return news

    def withdraw(self, note: str = "") -> list[Presence]:
        """`unavailable` from whatever the contact believes to be available."""
        gone = list(self._gone(self.shown, note))
        self.document, self.shown = None, ()
        return gone

    def known(self, profile: Profile) -> list[Presence]:
        """All that the contact was told last."""
        if self.document is None:
            return []
        return stanzas_of(self.document, None, self.pair.user, self.pair.contact, profile=profile)

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

    def _note(self, news: list[Presence]) -> None:
        shown = set(self.shown)
        for presence in news:
            assert presence.from_ is not None
            if presence.type:
                shown.discard(presence.from_.resource)
            elif len(shown) < MAX_SHOWN:
                shown.add(presence.from_.resource)
        self.shown = tuple(sorted(shown))
