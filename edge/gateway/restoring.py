"""The gateway takes up the state of an earlier life: what the store has kept becomes pairs, watches and notifications.

Called by `edge.gateway.core` once, before any link is up. What belongs to nobody any more is forgotten, and so is a
notification dialog that has expired meanwhile: its watcher has let it lapse as well.
"""

from collections.abc import Iterable

import msgspec

from edge.errors import RemoteProtocolError
from edge.gateway.effects import Effect, Forget, Report
from edge.gateway.node import Node, bug
from edge.gateway.notifier import Notifiers
from edge.gateway.pairs import Pair, Pairs
from edge.gateway.records import Kind, decode_notification, decode_pair
from edge.gateway.subscriber import Subscribers
from edge.xmpp.authorization import State
from edge.xmpp.jid import JID


class Unusable(ValueError):
    """A record that is of no use: it is forgotten."""


def restore(
    node: Node, pairs: Pairs, subscribers: Subscribers, notifiers: Notifiers,
    records: Iterable[tuple[int, str, float, bytes]],
) -> list[Effect]:
    """Build everything that ``records`` tell of; the pairs first, because dialogs belong to them."""
    effects: list[Effect] = []
    dialogs: list[tuple[str, bytes]] = []
    forgotten = 0
    for kind, key, _, data in records:
        if kind == Kind.NOTIFICATION:
            dialogs.append((key, data))
            continue
        try:
            if kind != Kind.PAIR:
                raise Unusable(kind)
            _restore_pair(node, pairs, subscribers, data)
        except _USELESS:
            effects.append(Forget(kind, key))
            forgotten += 1
        except Exception as error:  # a bug costs one record, which the next release may be able to read
            effects.append(bug(error))
    for key, data in dialogs:
        try:
            _restore_notification(node, pairs, notifiers, data)
        except _USELESS:
            effects.append(Forget(Kind.NOTIFICATION, key))
            forgotten += 1
        except Exception as error:
            effects.append(bug(error))
    for pair in list(pairs):
        if pair.user_sees or pair.user_asked:
            notifiers.keep(pair)
        pairs.release(pair)
    if pairs or effects:
        effects.append(Report("state.restored", None, {
            "pairs": len(pairs), "dialogs": len(notifiers), "watches": len(subscribers), "forgotten": forgotten,
        }))
    return effects


# --- private ------------------------------------------------------------------------------------------------

_USELESS = (msgspec.DecodeError, RemoteProtocolError, Unusable)


def _restore_pair(node: Node, pairs: Pairs, subscribers: Subscribers, data: bytes) -> None:
    record = decode_pair(data)
    try:
        state = State(record.state)
    except ValueError:
        raise Unusable(record.state) from None
    pair = _pair(node, pairs, record.user, record.contact)
    pair.state, pair.asked_at = state, record.asked_at
    if record.watch is not None and (pair.contact_sees or pair.contact_asked):
        subscribers.restore(pair, record.watch)


def _restore_notification(node: Node, pairs: Pairs, notifiers: Notifiers, data: bytes) -> None:
    record = decode_notification(data)
    if record.expires_at <= node.wall:
        raise Unusable(record.expires_at)
    notifiers.restore(_pair(node, pairs, record.user, record.contact), record)


def _pair(node: Node, pairs: Pairs, user: str, contact: str) -> Pair:
    """`Unusable`: one of the two is no longer of a system that we know, or they may no longer talk."""
    one, other = JID.parse(user), JID.parse(contact)
    sip, xmpp = node.directory.system_of(one.host), node.directory.system_of(other.host)
    if sip is None or xmpp is None or sip.protocol != "sip" or xmpp.protocol != "xmpp":
        raise Unusable(user)
    if not node.directory.may_talk(sip, xmpp):
        raise Unusable(user)
    return pairs.open(one, other, sip, xmpp)
