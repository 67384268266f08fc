"""Who watches whom: both halves of each pair of users, side by side. For `edge subs`, `edge sub` and `edge explain`.

The two halves are independent of each other; that one is missing where the other is there (EDGE-P02) is what people
mean by "presence of one direction only". All pairs are looked at, a slice at a time, so that nobody waits for it.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from edge.admin.links import system_named
from edge.admin.local import Answer, Wrong
from edge.admin.running import Running
from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.gateway.effects import Effect
from edge.gateway.pairs import Pair
from edge.mapping.addresses import jid_of, jid_of_xmpp_uri
from edge.sip.subscription_tables import NotifierState, SubscriberState
from edge.sip.uri import SipUri
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Presence

MOST = 200  # pairs of one answer
AT_ONCE = 20_000  # pairs that are looked at in one turn: some milliseconds

Half = dict[str, Any]


def subs(running: Running, said: Mapping[str, str]) -> "Deferred[Answer]":
    """The pairs of ``user`` with ``partner``, or of either, or all; ``more`` is how many there was no room for."""
    user, partner = None, ""
    if said.get("user"):
        user = address(said["user"]).bare()
    if said.get("partner"):
        partner = system_named(running, said["partner"]).name
    return Deferred.fromCoroutine(_found(running, user, partner))


def refresh(running: Running, said: Mapping[str, str]) -> "Deferred[Answer]":
    """Ask again for the presence of a user and for all that he watches: what is true now, in the same dialogs."""
    gateway = running.gateway
    return _done(running, said, lambda pair: [*gateway.subscribers.resume(pair), *gateway.notifiers.resume(pair)])


def end(running: Running, said: Mapping[str, str]) -> "Deferred[Answer]":
    """End what a user watches and who watches him, as if they had never met; each may ask anew."""
    gateway = running.gateway
    return _done(running, said, lambda pair: [*gateway.notifiers.dismiss(pair), *gateway.subscribers.dismiss(pair)])


def halves(running: Running, pair: Pair) -> tuple[Half, Half]:
    """What the SIP user has of the XMPP contact, and what the contact has of the user."""
    of_user, of_contact = _view(running, pair), _watch(running, pair)
    for half, other, who in ((of_user, of_contact, pair.user), (of_contact, of_user, pair.contact)):
        if half["state"] == "none" and other["state"] == "active":
            half["code"], half["text"] = str(Code.P02), f"{who} has not subscribed"
    return of_user, of_contact


def address(text: str) -> JID:
    """An address as somebody has written it: "user@domain", or with its scheme. `Wrong` if it is none."""
    scheme, _, rest = text.partition(":")
    try:
        if scheme.lower() == "sip":
            return jid_of(SipUri.parse(text))
        return jid_of_xmpp_uri(text) if scheme.lower() == "xmpp" else JID.parse(rest if scheme == "pres" else text)
    except RemoteProtocolError as error:
        raise Wrong(f'"{text[:100]}" is no address: {error}') from None


# -- private ---------------------------------------------------------------------------------------------------------


async def _matching(running: Running, user: JID | None, partner: str) -> tuple[list[Pair], int]:
    """The first `MOST` pairs of these, and how many there are."""
    found: list[Pair] = []
    number = 0
    pairs = iter(list(running.gateway.pairs))
    while some := list(islice(pairs, AT_ONCE)):
        for pair in some:
            if user is not None and user not in (pair.user, pair.contact):
                continue
            if partner and partner not in (pair.sip.name, pair.xmpp.name):
                continue
            number += 1
            if number <= MOST:
                found.append(pair)
        if len(some) == AT_ONCE:
            await deferLater(running.reactor, 0)
    return found, number


async def _found(running: Running, user: JID | None, partner: str) -> Answer:
    found, number = await _matching(running, user, partner)
    rows = [
        {"user": str(pair.user), "contact": str(pair.contact), "sip": pair.sip.name, "xmpp": pair.xmpp.name,
         "authorization": pair.state.name.lower(), "halves": halves(running, pair)}
        for pair in found
    ]
    return {"pairs": rows, "more": number - len(rows)}


def _done(running: Running, said: Mapping[str, str], do: Callable[[Pair], list[Effect]]) -> "Deferred[Answer]":
    """Do something with the pairs of a user, with one partner or all; each of them costs a request or two."""
    user = address(said.get("user", "")).bare()
    partner = system_named(running, said["partner"]).name if said.get("partner") else ""
    return Deferred.fromCoroutine(_do(running, user, partner, do))


async def _do(running: Running, user: JID, partner: str, do: Callable[[Pair], list[Effect]]) -> Answer:
    pairs, number = await _matching(running, user, partner) if user.local else ([], 0)
    if not pairs:
        raise Wrong(f"{user} has no subscriptions" + (f" with {partner}" if partner else ""), 404)
    if number > MOST:
        raise Wrong(f"{user} has {number} subscriptions: name a partner with fewer than {MOST}")
    running.driver.ordered(lambda: [effect for pair in pairs for effect in do(pair)])
    return {"user": str(user), "pairs": number}


def _view(running: Running, pair: Pair) -> Half:
    """How the SIP user watches: his SUBSCRIBEs come in."""
    now, view = running.gateway.node.wheel.now, pair.view
    dialogs = [] if view is None else [each.usage for each in view.notifications]
    active = any(usage.state is NotifierState.ACTIVE for usage in dialogs)
    half = _half(pair.user, pair.contact, "to" if pair.user_sees else "to: pending" if pair.user_asked else "none")
    if dialogs:
        half |= {
            "sip": f"{'active' if active else 'pending'}" + (f" x{len(dialogs)}" if len(dialogs) > 1 else ""),
            "expires_seconds": round(max(usage.expires_at for usage in dialogs) - now),
        }
    half["state"] = "active" if pair.user_sees and dialogs else "pending" if pair.user_asked else (
        "asleep" if pair.user_sees else "none")
    if view is not None and view.snapshot is not None:
        snapshot = view.snapshot
        half["presence"] = _summary(snapshot.states.values()) if snapshot.known else "unknown"
        half["age_seconds"] = max(0, round(running.gateway.node.wall - snapshot.at))
    return half


def _watch(running: Running, pair: Pair) -> Half:
    """How the XMPP user watches: our SUBSCRIBEs go out."""
    now, watch = running.gateway.node.wheel.now, pair.watch
    half = _half(
        pair.contact, pair.user,
        "from" if pair.contact_sees else "from: pending" if pair.contact_asked else "none",
    )
    half["state"] = "active" if pair.contact_sees else "pending" if pair.contact_asked else "none"
    if watch is None:
        return half
    usage = watch.usage
    if usage is not None:
        half["sip"] = SubscriberState(usage.state).name.lower().replace("_", " ")
        half["expires_seconds"] = round(usage.expires_at - now) if usage.expires_at else None
    elif watch.asleep:
        half["sip"], half["state"] = "asleep", "asleep"
    else:
        half["sip"] = "down" if watch.attempts else "-"
    told = watch.known(running.gateway.pairs.profile(pair.xmpp, pair.sip))
    if told or watch.document is not None:
        half["presence"] = _summary(presence for presence in told if not presence.type)
        if watch.doubted_at:
            half["presence"] += ", in doubt"
            half["age_seconds"] = max(0, round(now - watch.doubted_at))
        if watch.heard_at:
            half["age_seconds"] = max(0, round(running.gateway.node.wall - watch.heard_at))
    return half


def _half(watcher: JID, watched: JID, xmpp: str) -> Half:
    return {
        "watcher": str(watcher), "watched": str(watched), "sip": "-", "xmpp": xmpp, "state": "none",
        "expires_seconds": None, "presence": "", "age_seconds": None, "code": "", "text": "",
    }


def _summary(states: Iterable[Presence]) -> str:
    """What a watcher sees at first: the show of the resource that counts most. Never what it says."""
    best = max(states, key=lambda presence: presence.priority, default=None)
    if best is None:
        return "unavailable"
    return best.show or "available"
