"""Who may talk to whom: the systems we serve, our partners, and the one decision about each pair of domains.

Pure policy. The links (`edge.net`) ask `Directory.identify` once for each link; the gateway asks `Directory.admit` for
every request and stanza. A refusal is a value that carries one reason code, never an exception.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from edge.codes import Code
from edge.domains import Domain
from edge.partners.discovery import OTHER, Discovered
from edge.partners.names import Names
from edge.partners.system import PROOF, Block, System

DECISIONS = 16384  # remembered decisions; only pairs of listed domains are remembered, so that strangers cannot fill it

PEERS = 16384  # that are remembered: only what proves a partner, so there are as many as partners have certificates

KINDS_REFUSED = {"im-only": (None, Code.A04), "presence-only": (Code.A04, None), "all": (None, None)}


@dataclass(frozen=True, slots=True)
class Peer:
    """What the far end of one link proved to be.

    ``names`` are the identities of its certificate (SIP) or the authenticated stream domain (XMPP), ``systems`` the
    names of the systems it may speak for, ``fault`` the reason why it proved nothing. For the systems ``in_part`` it
    speaks only where the sender's domain is one of ``names``: those that it has by a wildcard alone. ``open``: its
    ``names`` (of SIP) are proved by the rules for those who are on no list, too. The hash is computed once, because
    every message looks a decision up by it.
    """

    protocol: str
    names: frozenset[Domain]
    systems: frozenset[str]
    fault: Code | None = None
    in_part: frozenset[str] = frozenset()
    open: bool = False
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        said = self.protocol, self.names, self.systems, self.fault, self.in_part, self.open
        object.__setattr__(self, "_hash", hash(said))

    def __hash__(self) -> int:
        return self._hash


@dataclass(frozen=True, slots=True)
class Admit:
    """The traffic is allowed, from a domain of ``sender`` to a domain of ``recipient``.

    ``im`` and ``presence`` are why messages, and requests to see presence, are not; what answers them goes through.
    ``doubt``: nobody vouches for the sender ("unverified"), or the partner says of each whether somebody does
    ("as-asserted"); "" if he is taken for whom he says he is. ``discovered``: one of the two is on no list.
    """

    sender: System
    recipient: System
    im: Code | None = None
    presence: Code | None = None
    doubt: str = ""
    discovered: bool = False


@dataclass(frozen=True, slots=True)
class Refuse:
    """The traffic is not allowed, for one reason.

    ``silently``: whoever sent it gets no answer. ``of_recipient``: the sender himself was found good.
    """

    code: Code
    silently: bool = False
    of_recipient: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """What another partner list has made different; ``moved``: whether some domain is no longer whose it was."""

    added: tuple[System, ...] = ()
    removed: tuple[System, ...] = ()
    changed: tuple[tuple[System, tuple[str, ...]], ...] = ()  # and the names of the fields
    moved: bool = False

    def with_proofs(self, systems: Iterable[System]) -> "Changes":
        """The same, and besides something else is a good certificate of ``systems`` than before."""
        changed = tuple((system, ("ca",)) for system in systems)
        return replace(self, changed=self.changed + changed) if changed else self


class Directory:
    """All systems by domain. Domains belong to one system only; building raises `ValueError` otherwise.

    A blocked domain belongs to nobody, whatever else says so. With a ``template`` domains that are on no list become
    discovered partners like it (`edge.partners.discovery`); ``systems`` are those that are listed. What belongs to one
    whose time is ``over`` is nobody's: neither the wildcard of another covers it, nor is it discovered.
    """

    def __init__(
        self,
        systems: Sequence[System],
        blocks: Sequence[Block] = (),
        template: System | None = None,
        over: Sequence[System] = (),
    ) -> None:
        self.systems: tuple[System, ...] = ()
        self.blocks: tuple[Block, ...] = ()
        self.over: tuple[System, ...] = ()
        self.discovered = Discovered(template)
        self._decisions: dict[tuple[Peer, Domain, Domain], Admit | Refuse] = {}
        self._peers: dict[Peer, Peer] = {}  # all links of one partner have the same object, which is found at a glance
        self._fill(tuple(systems), tuple(blocks), tuple(over))

    def become(self, other: "Directory") -> Changes:
        """Take over another partner list at once. Who is in both stays the same `System`, with what is now said of it.

        Whoever holds such a system sees the new at once; one of another kind (protocol, link, side) is another one.
        Of the discovered partners those stay that would be discovered by it as well, in the same way.
        """
        added, changed, systems = [], [], []
        for new in other.systems:
            old = self._by_name.get(new.name)
            if old is None or not old.is_same_kind(new):
                added.append(new)
                systems.append(new)
                continue
            differing = old.differing(new)
            if differing:
                changed.append((old, differing))
            systems.append(old)
        kept = set(map(id, systems))
        removed = tuple(system for system in self.systems if id(system) not in kept)
        removed += self._undiscovered(other)
        moved = bool(removed) or self.blocks != other.blocks or self.over != other.over or any(
            not {"domains", "wildcards", "transit"}.isdisjoint(names) for _, names in changed
        )
        moved = moved or (bool(added) and any(system.wildcards for system in self.systems))
        for system in systems:  # the others too: they may stand in another line now
            system.become(other._by_name[system.name])
        for each in self.discovered:
            new = other.discovered.like(each.domains[0], each.protocol)
            if differing := each.differing(new):
                changed.append((each, differing))
                each.become(new)
        self.discovered.template = other.discovered.template
        self._fill(tuple(systems), other.blocks, other.over)
        return Changes(tuple(added), removed, tuple(changed), moved)

    @property
    def trusting(self) -> tuple[System, ...]:
        """Every system by whose rules certificates are judged; the last stands for those that are on no list."""
        template = self.discovered.template
        return self.systems if template is None else (*self.systems, template)

    def system_of(self, domain: Domain) -> System | None:
        """The system that ``domain`` belongs to: by its own name, else by the longest wildcard, else discovered."""
        if self.blocks and self._blocked.find(domain) is not None:
            return None
        return self._listed(domain) or self.discovered.get(domain)

    def is_open_to(self, domain: Domain) -> bool:
        """Whether ``domain`` may be discovered: it is on no list, and not blocked."""
        top = domain.rpartition(".")[2]
        if self.discovered.template is None or top in ("", domain) or top.isdigit() or domain.startswith("["):
            return False
        return self._by_domain.find(domain) is None and self._blocked.find(domain) is None

    def discover(self, stranger: Domain, ours: Domain) -> System | None:
        """The discovered partner ``stranger``, who speaks the other protocol than our domain ``ours``.

        He is one from now on if he was none. The caller has found that one of our users wants him, or that he has
        proved his name. None if he cannot be one.
        """
        system = self._listed(ours)
        if system is None or not system.inside or not self.is_open_to(stranger) or str(stranger) in self._by_name:
            return None
        found = self.discovered.get(stranger)
        if found is None:
            return self.discovered.add(stranger, OTHER[system.protocol])
        return found if found.protocol != system.protocol else None

    def over_of(self, domain: Domain) -> System | None:
        """Whose ``domain`` was as long as he was a partner."""
        return None if (found := self._by_domain.find(domain)) is self._listed(domain) else found

    def block_of(self, domain: Domain) -> Block | None:
        """What says that ``domain`` is blocked."""
        return self._blocked.find(domain)

    def is_blocked(self, system: System) -> bool:
        """Whether every name of ``system`` is blocked."""
        return bool(self.blocks) and all(map(self._blocked.find, system.domains)) and all(
            self._blocked.covers(name) for name in system.wildcards
        )

    def fault_of(self, domain: Domain) -> Code:
        """Why a domain belongs to no system: it is blocked, or on no list."""
        return Code.A01 if self._blocked.find(domain) is None else Code.A02

    def named(self, name: str) -> System | None:
        """The system called ``name``."""
        return self._by_name.get(name) or self.discovered.get(Domain(name))

    def identify(
        self,
        protocol: str,
        names: frozenset[Domain],
        fault: Code | None = None,
        authorities: frozenset[Path | None] | None = None,
    ) -> Peer:
        """Say which systems the far end of a link may speak for.

        ``names`` are what it authenticated: every identity of a SIP certificate, or the one domain of an XMPP stream.
        (A component link is our own dial to a known system: its names are that system's domains.) With ``fault`` it
        authenticated nothing. ``authorities`` are the trust bundles (`System.ca`) under which its certificate chain
        is good; a system judged by another bundle is not proved. None leaves that question out.
        """
        systems: Iterable[System] = ()
        if fault is None:
            systems = [
                system
                for system in self.systems
                if system.protocol == protocol
                and (authorities is None or system.ca in authorities)
                and not (self.blocks and self.is_blocked(system))
            ]
        listed = names if protocol == "sip" else None
        proved = {
            system.name for system in systems
            if not names.isdisjoint(system.domains if listed is None else system.peer_names)
        }
        if fault is None and len(self.discovered):
            proved |= {
                each.name for name in names if (each := self.discovered.get(name)) and each.protocol == protocol
            }
        in_part = {
            system.name for system in systems
            if system.wildcards and system.name not in proved and any(self.system_of(each) is system for each in names)
        }
        if fault is None and not proved and not in_part and self.blocks and any(map(self._blocked.find, names)):
            fault = Code.A02
        peer = Peer(protocol, names, frozenset(proved | in_part), fault, frozenset(in_part))
        return self._peers.setdefault(peer, peer) if peer.systems and len(self._peers) < PEERS else peer

    def admit(self, peer: Peer, from_domain: Domain, to_domain: Domain) -> Admit | Refuse:
        """Decide whether ``peer`` may send from ``from_domain`` to ``to_domain``; the first refusal wins.

        In this order: is the sender's domain blocked (A02) or not listed (A01), does the link speak for it (the peer's
        own fault, or A05), is the recipient's domain blocked (A02) or known (A06; A01 if one of ours asks for it),
        does traffic go between these two (A08). What depends on the kind of traffic is in the `Admit`.
        """
        decision = self._decisions.get((peer, from_domain, to_domain))
        return self._decide(peer, from_domain, to_domain) if decision is None else decision

    def may_talk(self, one: System, other: System) -> bool:
        """Inside with partner, or partner with partner where both allow transit; never within one protocol."""
        if one.protocol == other.protocol:
            return False
        return one.inside != other.inside or (one.transit and other.transit)

    def fault_between(self, one: System, its: Domain, other: System, others: Domain) -> Code | None:
        """Why two domains do not talk any more that belonged to these systems; None if they still do."""
        for system, domain in ((one, its), (other, others)):
            if self.system_of(domain) is not system:
                return self.fault_of(domain)
        return None if self.may_talk(one, other) else Code.A08

    @staticmethod
    def may_watch(watcher: System, presentity: System) -> bool:
        """Whether presence goes this way (`System.direction` of the partner, or of both if both are partners)."""
        return (watcher.inside or watcher.direction != "we-see-them") and (
            presentity.inside or presentity.direction != "they-see-us"
        )

    @classmethod
    def may_go_on_watching(cls, watcher: System, presentity: System) -> bool:
        """Whether who has been admitted once still would be: also by the direction and the kind of traffic."""
        return cls.may_watch(watcher, presentity) and _admitted(watcher, presentity).presence is None

    def opposite(self, system: System) -> tuple[Domain, ...]:
        """Every domain that ``system`` may talk to: what we are, seen from there."""
        return tuple(name for other in self.systems if self.may_talk(system, other) for name in other.domains)

    def _listed(self, domain: Domain) -> System | None:
        """Whose ``domain`` is by the list, were it not blocked."""
        found = self._by_domain.find(domain)
        return None if self.over and found in self.over else found

    def _fill(self, systems: tuple[System, ...], blocks: tuple[Block, ...], over: tuple[System, ...]) -> None:
        by_name = {system.name: system for system in systems}
        if len(by_name) != len(systems):
            raise ValueError("two systems have the same name")
        by_domain, blocked = Names[System](), Names[Block]()
        for system in (*systems, *over):
            by_domain.add(system, system.domains, system.wildcards)
        for block in blocks:
            blocked.add(block, block.domains, block.wildcards)
        self.systems, self.blocks, self.over = systems, blocks, over
        self._by_name, self._by_domain, self._blocked = by_name, by_domain, blocked
        self._decisions.clear()
        self._peers.clear()

    def _decide(self, peer: Peer, from_domain: Domain, to_domain: Domain) -> Admit | Refuse:
        block = self._blocked.find(from_domain)
        if block is not None:
            return Refuse(Code.A02, block.silent)
        sender = self._listed(from_domain)
        if sender is None:
            return self._of_stranger(peer, from_domain, to_domain)
        decision: Admit | Refuse
        recipient = self.system_of(to_domain)
        # a certificate speaks for a whole system, a stream and a name under a wildcard for one domain only
        in_part = peer.protocol == "xmpp" or sender.name in peer.in_part
        if sender.name not in peer.systems or (in_part and from_domain not in peer.names):
            decision = Refuse(peer.fault or Code.A05)
        elif recipient is None or recipient.discovered:
            return self._to_stranger(sender, from_domain, to_domain)
        elif not self.may_talk(sender, recipient):
            decision = Refuse(Code.A08, of_recipient=True)
        else:
            decision = _admitted(sender, recipient)
        if recipient is not None and not recipient.discovered:
            if len(self._decisions) >= DECISIONS:
                self._decisions.clear()
            self._decisions[peer, from_domain, to_domain] = decision
        return decision

    def _of_stranger(self, peer: Peer, from_domain: Domain, to_domain: Domain) -> Admit | Refuse:
        """The sender's domain is on no list. Not remembered: there is no end of those who might say that they are it.

        He has proved his name if it is among those of his certificate, judged by the rules for strangers.
        """
        if from_domain not in peer.names or not (peer.open or str(from_domain) in peer.systems):
            return _UNLISTED
        if not self.is_open_to(from_domain) or self._blocked.find(to_domain) is not None:
            return _UNLISTED
        recipient = self._listed(to_domain)
        if recipient is None or not recipient.inside:
            return _UNKNOWN
        sender = self.discover(from_domain, to_domain) if recipient.protocol != peer.protocol else None
        return _A08 if sender is None else _admitted(sender, recipient)

    def _to_stranger(self, sender: System, from_domain: Domain, to_domain: Domain) -> Admit | Refuse:
        """Somebody who has proved his name writes to a domain that is on no list."""
        if self._blocked.find(to_domain) is not None:
            return _BLOCKED
        if not sender.inside:
            return _UNKNOWN
        recipient = self.discover(to_domain, from_domain)
        if recipient is None:
            return Refuse(Code.A01, of_recipient=True)
        return _admitted(sender, recipient)

    def _undiscovered(self, other: "Directory") -> tuple[System, ...]:
        """The discovered partners that are none by another list: they are dropped."""
        gone = []
        for each in self.discovered:
            domain = each.domains[0]
            if not other.is_open_to(domain) or each.name in other._by_name or not PROOF.isdisjoint(
                each.differing(other.discovered.like(domain, each.protocol))
            ):
                self.discovered.drop(each)
                gone.append(each)
        return tuple(gone)


_UNLISTED = Refuse(Code.A01)
_UNKNOWN = Refuse(Code.A06, of_recipient=True)
_BLOCKED = Refuse(Code.A02, of_recipient=True)
_A08 = Refuse(Code.A08, of_recipient=True)


def _admitted(sender: System, recipient: System) -> Admit:
    """What the two lists say about the kinds of traffic: first the direction, then the kind, then the identity."""
    im = presence = None
    if sender.allow == "outgoing" or recipient.allow == "incoming":
        im = presence = Code.A03
    for system in (sender, recipient):
        no_im, no_presence = KINDS_REFUSED[system.traffic]
        im, presence = im or no_im, presence or no_presence
    doubt = "" if sender.identity == "verified" else sender.identity
    return Admit(sender, recipient, im, presence, doubt, sender.discovered or recipient.discovered)
