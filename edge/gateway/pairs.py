"""Pairs of a SIP user and an XMPP contact: the authorization between them, and who is told what because of it.

We are the SIP user's server towards XMPP, so each pair has a state of RFC 6121 appendix A. It has two halves: what the
user has of the contact's presence, which `edge.gateway.notifier` serves (SIP SUBSCRIBEs come in, NOTIFYs go out), and
what the contact has of the user's, which `edge.gateway.subscriber` serves (the other way round).
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from edge import domains
from edge.gateway.counters import IN, OUT
from edge.gateway.effects import Forget, Path, Remember
from edge.gateway.node import Node
from edge.gateway.records import Kind, PairRecord, encode
from edge.mapping.profile import Profile
from edge.partners import System
from edge.xmpp.authorization import Action, Input, State, asked, pending_in, seen, sees, step
from edge.xmpp.jid import JID

if TYPE_CHECKING:
    from edge.gateway.view import View
    from edge.gateway.watch import Watch


KINDS = (
    (OUT, "asleep"), (OUT, "pending"), (OUT, "active"),  # of XMPP users, to users of the SIP system
    (IN, "pending"), (IN, "active"),  # by users of the SIP system
)
ASLEEP, TO_SYSTEM, BY_SYSTEM = 0, 1, 3  # where they stand in KINDS
MOST_PROFILES = 10_000  # of pairs of systems; then all are made anew, because discovered partners come and go

Place = tuple[str, str]  # a domain of users and one of contacts, in the form that JIDs have


class Pair:
    """A SIP ``user`` and an XMPP ``contact``, both bare, and the systems they belong to.

    ``asked_at`` is when the user's request went to the contact (Unix epoch). ``view`` is how the user watches the
    contact, ``watch`` how the contact watches the user.
    """

    __slots__ = ("_node", "user", "contact", "sip", "xmpp", "state", "asked_at", "view", "watch")

    def __init__(self, node: Node, user: JID, contact: JID, sip: System, xmpp: System) -> None:
        self._node = node
        self.user = user
        self.contact = contact
        self.sip = sip
        self.xmpp = xmpp
        self.state = State.NONE
        self.asked_at = 0.0
        self.view: View | None = None
        self.watch: Watch | None = None

    # the two halves of RFC 6121 appendix A, by whom they serve

    @property
    def user_sees(self) -> bool:
        """The user is authorized to see the contact's presence."""
        return sees(self.state)

    @property
    def user_asked(self) -> bool:
        """The user's request waits for the contact."""
        return asked(self.state)

    @property
    def contact_sees(self) -> bool:
        """The contact was told that he may see the user's presence."""
        return seen(self.state)

    @property
    def contact_asked(self) -> bool:
        """The contact's request waits for the SIP side."""
        return pending_in(self.state)

    @property
    def place(self) -> Place:
        """The domains of the two."""
        return self.user.domain, self.contact.domain

    @property
    def paths(self) -> tuple[Path, Path]:
        """The ways on which the two can be reached."""
        remote = None if self.xmpp.link == "component" else self.contact.host
        return Path(self.sip), Path(self.xmpp, self.user.host, remote)

    def step(self, given: Input) -> Action:
        """Move the authorization; what is new is remembered."""
        after, action = step(self.state, given)
        if after is not self.state:
            self._become(after)
            self._node.unsaved[self] = None
        return action

    def void(self) -> None:
        """There is no authorization any more, and nobody is told."""
        self._become(State.NONE)
        self._node.unsaved[self] = None

    def restore(self, state: State, asked_at: float) -> None:
        """What it was in an earlier life."""
        self._become(state)
        self.asked_at = asked_at

    def watched_by(self, watch: "Watch | None") -> None:
        """The contact begins to watch, or does not any more."""
        self.tally(-1)
        self.watch = watch
        self.tally(1)

    def tally(self, number: int) -> None:
        """Count its subscriptions up (1) or down (-1): down before one of them changes, up when it has.

        So a scrape looks at no pair, of which there may be a million.
        """
        standing = self._node.standing.get(self.sip.name)
        if standing is None:
            standing = self._node.standing[self.sip.name] = [0] * len(KINDS)
        if self.watch is not None:
            standing[ASLEEP if self.watch.usage is None else TO_SYSTEM + (self.state >= State.FROM)] += number
        if self.view is not None:
            standing[BY_SYSTEM + (self.state % 3 == 2)] += number * len(self.view.notifications)

    def _become(self, state: State) -> None:
        self.tally(-1)
        self.state = state
        self.tally(1)

    @property
    def is_empty(self) -> bool:
        return self.state is State.NONE and self.view is None and self.watch is None

    def saved(self) -> Remember | Forget:
        key = f"{self.user} {self.contact}"
        if self.state is State.NONE:  # nothing is left but dialogs that are about to end
            return Forget(Kind.PAIR, key)
        watch = self.watch.record(self._node) if self.watch is not None and not self.watch.leaving else None
        record = PairRecord(str(self.user), str(self.contact), int(self.state), self.asked_at, watch)
        return Remember(Kind.PAIR, key, watch.expires_at if watch is not None else 0.0, encode(record))


class Pairs:
    """Every pair there is; `edge.gateway.notifier` and `edge.gateway.subscriber` bound how many each partner has."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._pairs: dict[Place, dict[JID, Pair | dict[JID, Pair]]] = {}  # by user, and by contact if several
        self._number = 0
        self._behind: dict[Path, int] = {}  # how many pairs each path matters to
        self._places: dict[System, dict[Place, int]] = {}  # where each system, of either protocol, has how many pairs
        self._profiles: dict[tuple[str, str], Profile] = {}  # one for each two systems at most

    def __len__(self) -> int:
        return self._number

    def __iter__(self) -> Iterator[Pair]:
        for place in self._pairs:
            yield from self._of(place)

    def get(self, user: JID, contact: JID) -> Pair | None:
        users = self._pairs.get((user.domain, contact.domain))
        found = users.get(user) if users is not None else None
        if isinstance(found, dict):
            return found.get(contact)
        return found if found is not None and found.contact == contact else None

    def open(self, user: JID, contact: JID, sip: System, xmpp: System) -> Pair:
        """The pair of these two, made if there is none yet."""
        pair = self.get(user, contact)
        if pair is None:
            pair = Pair(self._node, user, contact, sip, xmpp)
            self._add(pair)
            self._count(pair)
        return pair

    def release(self, pair: Pair) -> None:
        """Forget a pair in which there is nothing left."""
        if pair.is_empty and self.get(pair.user, pair.contact) is pair:
            self._remove(pair)
            self._node.unsaved[pair] = None
            self._discount(pair)

    def move(self, pair: Pair, sip: System, xmpp: System) -> None:
        """The two are of other systems now."""
        pair.tally(-1)
        self._discount(pair)
        pair.sip, pair.xmpp = sip, xmpp
        self._count(pair)
        pair.tally(1)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every path that matters to somebody."""
        return tuple(self._behind)

    def count(self, path: Path) -> int:
        """How many pairs a path matters to."""
        return self._behind.get(path, 0)

    def has(self, system: System) -> bool:
        """Whether one of the two is of ``system`` in any pair."""
        return system in self._places

    def behind(self, path: Path) -> list[Pair]:
        """The pairs that a path matters to; hardly another one is looked at."""
        system = path.system
        if path.remote is not None and path.local is not None:
            return list(self._of((domains.unicode(path.local), domains.unicode(path.remote))))  # as JIDs have them
        places: Iterable[Place] = self._places.get(system, ())
        if path.local is None:
            return [pair for place in places for pair in self._of(place) if pair.sip is system]
        local = domains.unicode(path.local)
        return [pair for place in places if place[0] == local for pair in self._of(place) if pair.xmpp is system]

    def subscriptions(self) -> dict[tuple[str, str, str], int]:
        """How many there are now, by (SIP system, direction, state): the dialogs, and the watches of XMPP users."""
        return {
            (name, *kind): number
            for name, standing in self._node.standing.items()
            for kind, number in zip(KINDS, standing, strict=True) if number
        }

    def forget_profiles(self) -> None:
        """What the systems say of presence has changed."""
        self._profiles.clear()

    def profile(self, watcher: System, presentity: System) -> Profile:
        """How the presence of one system's users is told to another's: the watcher's rows go first."""
        key = watcher.name, presentity.name
        profile = self._profiles.get(key)
        if profile is None:
            if len(self._profiles) >= MOST_PROFILES:
                self._profiles.clear()
            profile = self._profiles[key] = watcher.presence.over(presentity.presence)
        return profile

    def _of(self, place: Place) -> Iterator[Pair]:
        for found in self._pairs.get(place, {}).values():
            if isinstance(found, Pair):
                yield found
            else:
                yield from found.values()

    def _add(self, pair: Pair) -> None:
        users = self._pairs.setdefault(pair.place, {})
        found = users.get(pair.user)
        if found is None:
            users[pair.user] = pair  # most have one, who needs no dictionary and no key of two parts
        elif isinstance(found, dict):
            pair.user = next(iter(found.values())).user  # equal, and one object will do
            found[pair.contact] = pair
        else:
            pair.user = found.user
            users[pair.user] = {found.contact: found, pair.contact: pair}
        self._number += 1

    def _remove(self, pair: Pair) -> None:
        users = self._pairs[pair.place]
        found = users[pair.user]
        if isinstance(found, dict):
            del found[pair.contact]
        if not found or found is pair:
            del users[pair.user]
            if not users:
                del self._pairs[pair.place]
        self._number -= 1

    def _count(self, pair: Pair) -> None:
        for path in pair.paths:
            self._behind[path] = self._behind.get(path, 0) + 1
        place = pair.place
        for system in (pair.sip, pair.xmpp):
            places = self._places.setdefault(system, {})
            places[place] = places.get(place, 0) + 1

    def _discount(self, pair: Pair) -> None:
        for path in pair.paths:
            self._behind[path] -= 1
            if not self._behind[path]:
                del self._behind[path]
        place = pair.place
        for system in (pair.sip, pair.xmpp):
            places = self._places[system]
            places[place] -= 1
            if not places[place]:
                del places[place]
                if not places:
                    del self._places[system]
                    if not any(self._node.standing.get(system.name, ())):
                        self._node.standing.pop(system.name, None)  # strangers come and go
