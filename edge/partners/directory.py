"""Who may talk to whom: the systems we serve, our partners, and the one decision about each pair of domains.

Pure policy, built once from the configuration and replaced as a whole. The links (`edge.net`) ask `Directory.identify`
once for each link; the gateway asks `Directory.admit` for every request and stanza.
A refusal is a value that carries one reason code, never an exception.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge.codes import Code
from edge.domains import Domain
from edge.partners.system import System

DECISIONS = 16384  # remembered decisions; only pairs of listed domains are remembered, so that strangers cannot fill it


@dataclass(frozen=True, slots=True)
class Peer:
    """What the far end of one link proved to be.

    ``names`` are the identities of its certificate (SIP) or the authenticated stream domain (XMPP), ``systems`` the
    names of the systems it may speak for, ``fault`` the reason why it proved nothing. The hash is computed once,
    because every message looks a decision up by it.
    """

    protocol: str
    names: frozenset[Domain]
    systems: frozenset[str]
    fault: Code | None = None
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.protocol, self.names, self.systems, self.fault)))

    def __hash__(self) -> int:
        return self._hash


@dataclass(frozen=True, slots=True)
class Admit:
    """The traffic is allowed, from a domain of ``sender`` to a domain of ``recipient``."""

    sender: System
    recipient: System


@dataclass(frozen=True, slots=True)
class Refuse:
    """The traffic is not allowed, for one reason."""

    code: Code


class Directory:
    """All systems by domain. Domains belong to one system only; building raises `ValueError` otherwise."""

    def __init__(self, systems: Sequence[System], transit: bool = False) -> None:
        self.systems = tuple(systems)
        self.transit = transit
        self._by_name = {system.name: system for system in self.systems}
        self._by_domain: dict[Domain, System] = {}
        self._decisions: dict[tuple[Peer, Domain, Domain], Admit | Refuse] = {}
        if len(self._by_name) != len(self.systems):
            raise ValueError("two systems have the same name")
        for system in self.systems:
            for name in system.domains:
                if self._by_domain.setdefault(name, system) is not system:
                    raise ValueError(f"{name} belongs to two systems")

    def system_of(self, domain: Domain) -> System | None:
        """The system that ``domain`` belongs to."""
        return self._by_domain.get(domain)

    def named(self, name: str) -> System | None:
        """The system called ``name``."""
        return self._by_name.get(name)

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
            systems = (
                system
                for system in self.systems
                if system.protocol == protocol and (authorities is None or system.ca in authorities)
            )
        if protocol == "sip":
            proved = frozenset(system.name for system in systems if not names.isdisjoint(system.peer_names))
        else:
            proved = frozenset(system.name for system in systems if not names.isdisjoint(system.domains))
        return Peer(protocol, names, proved, fault)

    def admit(self, peer: Peer, from_domain: Domain, to_domain: Domain) -> Admit | Refuse:
        """Decide whether ``peer`` may send from ``from_domain`` to ``to_domain``.

        In this order: is the sender's domain listed (A01), does the link speak for it (the peer's own fault, or A05),
        is the recipient's domain known (A06), does traffic go between these two (A08).
        """
        decision = self._decisions.get((peer, from_domain, to_domain))
        return self._decide(peer, from_domain, to_domain) if decision is None else decision

    def may_talk(self, one: System, other: System) -> bool:
        """Inside with partner, or in transit partner with partner; never within one protocol."""
        if one.protocol == other.protocol:
            return False
        return one.inside != other.inside or (self.transit and not one.inside)

    @staticmethod
    def may_watch(watcher: System, presentity: System) -> bool:
        """Whether presence goes this way (`System.direction` of the partner, or of both if both are partners)."""
        return (watcher.inside or watcher.direction != "we-see-them") and (
            presentity.inside or presentity.direction != "they-see-us"
        )

    def opposite(self, system: System) -> tuple[Domain, ...]:
        """Every domain that ``system`` may talk to: what we are, seen from there."""
        return tuple(name for other in self.systems if self.may_talk(system, other) for name in other.domains)

    def _decide(self, peer: Peer, from_domain: Domain, to_domain: Domain) -> Admit | Refuse:
        sender = self._by_domain.get(from_domain)
        recipient = self._by_domain.get(to_domain)
        if sender is None:
            return _UNLISTED
        decision: Admit | Refuse
        # a certificate speaks for a whole system, a stream for one domain only
        if sender.name not in peer.systems or (peer.protocol == "xmpp" and from_domain not in peer.names):
            decision = Refuse(peer.fault or Code.A05)
        elif recipient is None:
            return _UNKNOWN
        elif not self.may_talk(sender, recipient):
            decision = Refuse(Code.A08)
        else:
            decision = Admit(sender, recipient)
        if recipient is not None:
            if len(self._decisions) >= DECISIONS:
                self._decisions.clear()
            self._decisions[peer, from_domain, to_domain] = decision
        return decision


_UNLISTED = Refuse(Code.A01)
_UNKNOWN = Refuse(Code.A06)
