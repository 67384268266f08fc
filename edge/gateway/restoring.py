"""The gateway takes up the state of an earlier life: what the store has kept becomes pairs, watches, notifications.

Called by `edge.gateway.core` once, before any link is up. What belongs to nobody any more is forgotten, and so is a
notification dialog that has expired meanwhile: its watcher has let it lapse as well. Messages that waited are the
business of `edge.gateway.resuming`.
"""

from collections.abc import Callable, Iterable
from functools import partial

import msgspec

from edge.errors import RemoteProtocolError
from edge.gateway.effects import Effect, Forget, Report
from edge.gateway.node import Node, bug
from edge.gateway.notifier import Notifiers
from edge.gateway.pairs import Pair, Pairs
from edge.gateway.records import Kind, decode_message, decode_notification, decode_pair
from edge.gateway.resuming import Resuming
from edge.gateway.subscriber import Subscribers
from edge.xmpp.authorization import State
from edge.xmpp.jid import JID

STATES = frozenset(State)


class Unusable(ValueError):
    """A record that is of no use: it is forgotten."""


def restore(
    node: Node, pairs: Pairs, subscribers: Subscribers, notifiers: Notifiers, resuming: Resuming,
    records: Iterable[tuple[int, str, float, bytes]],
) -> list[Effect]:
    """Build everything that ``records`` tell of; the pairs first, because dialogs belong to them."""
    restoring = Restoring(node, pairs, subscribers, notifiers, resuming)
    dialogs: list[tuple[str, bytes]] = []
    messages: list[tuple[str, float, bytes]] = []
    for kind, key, due, data in records:
        if kind == Kind.NOTIFICATION:
            dialogs.append((key, data))
        elif kind == Kind.PAIR:
            restoring.attempt(kind, key, data, restoring.pair)
        elif kind == Kind.MESSAGE:
            messages.append((key, due, data))
        else:
            restoring.forget(kind, key)
    for key, data in dialogs:
        restoring.attempt(Kind.NOTIFICATION, key, data, restoring.notification)
    for key, due, data in sorted(messages):  # in the order in which they came
        restoring.attempt(Kind.MESSAGE, key, data, partial(restoring.message, key, due))
    return restoring.finish()


class Restoring:
    """One reading of all that the store has kept."""

    def __init__(
        self, node: Node, pairs: Pairs, subscribers: Subscribers, notifiers: Notifiers, resuming: Resuming
    ) -> None:
        self._node = node
        self._pairs = pairs
        self._subscribers = subscribers
        self._notifiers = notifiers
        self._resuming = resuming
        self._messages = 0
        self._addresses: dict[str, JID] = {}  # each stands in many records, and becomes one object
        self._effects: list[Effect] = []
        self._forgotten = 0

    def attempt(self, kind: int, key: str, data: bytes, restored: Callable[[bytes], None]) -> None:
        """One record: of no use, or good, or one with which we have a bug."""
        try:
            restored(data)
        except (msgspec.DecodeError, RemoteProtocolError, Unusable):
            self.forget(kind, key)
        except Exception as error:  # it stays where it is: the next release may be able to read it
            self._effects.append(bug(error))

    def forget(self, kind: int, key: str) -> None:
        self._effects.append(Forget(kind, key))
        self._forgotten += 1

    def pair(self, data: bytes) -> None:
        """An authorization, and the watch of the contact."""
        record = decode_pair(data)
        if record.state not in STATES:
            raise Unusable(record.state)
        pair = self._pair(record.user, record.contact)
        pair.restore(State(record.state), record.asked_at)
        if record.watch is not None and (pair.contact_sees or pair.contact_asked):
            self._subscribers.restore(pair, record.watch)
        self._node.unsaved.pop(pair, None)  # nothing has changed

    def notification(self, data: bytes) -> None:
        """A dialog of the user."""
        record = decode_notification(data)
        if record.expires_at <= self._node.wall:
            raise Unusable(record.expires_at)
        self._notifiers.restore(self._pair(record.user, record.contact), record)

    def message(self, key: str, due: float, data: bytes) -> None:
        """What somebody has said."""
        effects = self._resuming.take_up(key, due, decode_message(data))
        if effects is None:
            raise Unusable(key)
        self._effects += effects
        self._messages += 1

    def finish(self) -> list[Effect]:
        """What is to be done about it all."""
        pairs = self._pairs
        for pair in list(pairs):
            if pair.user_sees or pair.user_asked:
                self._notifiers.keep(pair)
            pairs.release(pair)
        if pairs or self._effects:
            self._effects.append(Report("state.restored", None, {
                "pairs": len(pairs), "dialogs": len(self._notifiers), "watches": len(self._subscribers),
                "messages": self._messages, "forgotten": self._forgotten,
            }))
        return self._effects

    def _pair(self, user: str, contact: str) -> Pair:
        """`Unusable`: one of the two is no longer of a system that we know, or they may no longer talk."""
        one, other, directory = self._address(user), self._address(contact), self._node.directory
        pair = self._pairs.get(one, other)
        if pair is not None:
            return pair
        sip = directory.system_of(one.host) or directory.discover(one.host, other.host)
        xmpp = directory.system_of(other.host) or directory.discover(other.host, one.host)
        if sip is None or xmpp is None or sip.protocol != "sip" or not directory.may_talk(sip, xmpp):
            raise Unusable(user)
        return self._pairs.open(one, other, sip, xmpp)

    def _address(self, text: str) -> JID:
        jid = self._addresses.get(text)
        if jid is None:
            jid = self._addresses[text] = JID.parse(text)
        return jid
