"""The gateway takes up the state of an earlier life: what the store has kept becomes pairs, watches and notifications.

Called by `edge.gateway.core` once, before any link is up. What belongs to nobody any more is forgotten.
"""

from collections.abc import Iterable

import msgspec

from edge.errors import RemoteProtocolError
from edge.gateway.effects import Effect, Forget, Report
from edge.gateway.node import Node
from edge.gateway.notifier import Notifiers
from edge.gateway.pairs import Pair, Pairs
from edge.gateway.records import Kind, decode_notification, decode_pair
from edge.gateway.subscriber import Subscribers
from edge.xmpp.authorization import State
from edge.xmpp.jid import JID


def restore(
    node: Node, pairs: Pairs, subscribers: Subscribers, notifiers: Notifiers,
    records: Iterable[tuple[int, str, float, bytes]],
) -> list[Effect]:
    """Build everything that ``records`` tell of; the pairs first, because dialogs belong to them."""
    effects: list[Effect] = []
    dialogs: list[tuple[str, bytes]] = []
    for kind, key, _, data in records:
        if kind == Kind.NOTIFICATION:
            dialogs.append((key, data))
        elif not (kind == Kind.PAIR and _restore_pair(pairs, subscribers, node, data)):
            effects.append(Forget(kind, key))
    for key, data in dialogs:
        if not _restore_notification(pairs, notifiers, node, data):
            effects.append(Forget(Kind.NOTIFICATION, key))
    for pair in list(pairs):
        if pair.user_sees or pair.user_asked:
            notifiers.keep(pair)
        pairs.release(pair)
    if pairs or effects:
        effects.append(Report("state.restored", None, {
            "pairs": len(pairs), "dialogs": len(notifiers), "watches": len(subscribers), "forgotten": len(effects),
        }))
    return effects


def _restore_pair(pairs: Pairs, subscribers: Subscribers, node: Node, data: bytes) -> bool:
    try:
        record = decode_pair(data)
        pair = _pair(pairs, node, record.user, record.contact)
        if pair is None:
            return False
        pair.state, pair.asked_at = State(record.state), record.asked_at
    except (msgspec.DecodeError, RemoteProtocolError, ValueError):
        return False
    if record.watch is not None and (pair.contact_sees or pair.contact_asked):
        subscribers.restore(pair, record.watch)
    return True


def _restore_notification(pairs: Pairs, notifiers: Notifiers, node: Node, data: bytes) -> bool:
    try:
        record = decode_notification(data)
        pair = _pair(pairs, node, record.user, record.contact)
    except (msgspec.DecodeError, RemoteProtocolError):
        return False
    if pair is None:
        return False
    notifiers.restore(pair, record)
    return True


def _pair(pairs: Pairs, node: Node, user: str, contact: str) -> Pair | None:
    """None: one of the two is no longer of a system that we know, or they may no longer talk."""
    one, other = JID.parse(user), JID.parse(contact)
    sip, xmpp = node.directory.system_of(one.host), node.directory.system_of(other.host)
    if sip is None or xmpp is None or sip.protocol != "sip" or xmpp.protocol != "xmpp":
        return None
    return pairs.open(one, other, sip, xmpp) if node.directory.may_talk(sip, xmpp) else None
