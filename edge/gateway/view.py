"""How a SIP user watches an XMPP user: the `View` of a pair, and a `Notification` for each dialog in which he is told.

Owned by `edge.gateway.notification`, which says what is sent, and `edge.gateway.notifier`, which says what is known.
"""

from typing import TYPE_CHECKING

from edge.codes import Code
from edge.gateway.effects import Effect, Forget, Remember, SendStanza
from edge.gateway.pairs import Pair
from edge.gateway.presentities import Snapshot
from edge.sip.message import Response
from edge.sip.notifier import Notifier
from edge.sip.transaction import ClientTransaction
from edge.timers import Slot, Wheel

if TYPE_CHECKING:
    from edge.gateway.notification import Notifications
    from edge.gateway.probe import Probe

EXPIRY, ANSWER = "expiry", "answer"  # what a notification waits for: its end, or for the end of a fetch
PACE = "pace"  # what has something to tell, but may not yet, waits for this as well


class Notification:
    """One dialog of a watcher.

    ``sent`` is what he was told last, None if it is not certain that he knows; ``not_before`` the moment at which he
    may be told more, ``held`` that there is more to tell him, and when; ``reserved`` the highest CSeq the store knows.
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
        self.held: Slot[object] | None = None
        self.reserved = usage.dialog.local_cseq

    def start(self, wheel: Wheel[object], seconds: float, timer: str) -> None:
        """Wait for ``timer``, and for no other one."""
        self.stop()
        self.timer = timer
        self.slot = wheel.start(seconds, (self, timer))

    def stop(self) -> None:
        if self.slot is not None:
            Wheel.stop(self.slot, (self, self.timer))
        self.fired()

    def fired(self) -> None:
        """What it waited for has come."""
        self.slot = None
        self.timer = ""

    def hold(self, wheel: Wheel[object], seconds: float) -> None:
        """There is something to tell later."""
        self.release()
        self.held = wheel.start(seconds, (self, PACE))

    def release(self) -> None:
        """What was to be told later is told now, or never."""
        if self.held is not None:
            Wheel.stop(self.held, (self, PACE))
            self.held = None

    def answered(self, transaction: ClientTransaction, response: Response) -> list[Effect]:
        return self._notifications.answered(self, response)

    def failed(self, transaction: ClientTransaction, code: Code, text: str) -> list[Effect]:
        return self._notifications.failed(self, transaction, code, text)

    def expire(self, timer: str) -> list[Effect]:
        return self._notifications.expire(self, timer)

    def saved(self) -> Remember | Forget:
        return self._notifications.saved(self)


class View:
    """How the user of a pair watches its contact.

    ``snapshot`` is what is known of the contact, None if nothing is. ``probe`` waits for all that is true now.
    """

    __slots__ = ("pair", "snapshot", "notifications", "probe")

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.snapshot: Snapshot | None = None
        self.notifications: tuple[Notification, ...] = ()
        self.probe: Probe | None = None

    def add(self, notification: Notification) -> None:
        """One dialog more."""
        self._have((*self.notifications, notification))

    def remove(self, notification: Notification) -> None:
        """A dialog is no more."""
        self._have(tuple([each for each in self.notifications if each is not notification]))

    def _have(self, notifications: tuple[Notification, ...]) -> None:
        self.pair.tally(-1)
        self.notifications = notifications
        self.pair.tally(1)

    def forget(self) -> None:
        """What was known is worth nothing any more."""
        self.snapshot = None
        self.forget_probe()

    def forget_probe(self) -> None:
        """Nobody waits for the answer."""
        if self.probe is not None:
            self.probe.stop()
            self.probe = None


def presence_to(pair: Pair, kind: str) -> SendStanza:
    """A stanza from the user of a pair to its contact, both bare."""
    user, contact = pair.user, pair.contact
    data = f"<presence from='{user.quoted}' to='{contact.quoted}' type='{kind}'/>".encode()
    return SendStanza(user.host, contact.host, data)
