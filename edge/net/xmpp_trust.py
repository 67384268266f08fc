"""What an XMPP server may do on a stream, and who it is: its entry in the partner list, held against its certificate.

Policy first, so that a stranger hears that it is one. `edge.net.xmpp_pool` asks once for each stream, and once more
for each dialback. A certificate proves a name by its issuer, or by what the domain says of it elsewhere (DANE and POSH,
RFC 7712), and without any of these there is dialback.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from edge.certificates import verdict
from edge.certificates.contexts import Contexts, Handshake
from edge.codes import Code
from edge.domains import Domain
from edge.partners import Directory, Peer, System
from edge.xmpp.negotiation import Allowed, Proved
from edge.xmpp.receiving import Receiving

if TYPE_CHECKING:
    from edge.net.xmpp_link import XmppLink
    from edge.net.xmpp_streams import Streams

STRANGERS = 500  # streams of discovered partners that come in: half of all there may be (`edge.net.xmpp_pool`)
NOTHING = Allowed(external=False)
# What is wrong with a certificate that dialback cannot make good: TLS itself, or what somebody has taken care to say.
FINAL = frozenset((Code.T02, Code.T07, Code.C08, Code.C10, Code.C12))


@dataclass(frozen=True, slots=True)
class Verdict:
    """``peer.fault`` is what is wrong with the far end's certificate, or with itself; then nothing is ``allowed``.

    ``proof`` is what makes the certificate good that is not by itself: "dane" or "posh".
    """

    peer: Peer
    allowed: Allowed
    proof: str = ""


class Trust:
    """``directory`` is the partner list, ``contexts`` judge certificates; ``above`` hears who has too many streams."""

    def __init__(
        self, directory: Directory, contexts: Contexts, above: Callable[[System], None] = lambda system: None
    ) -> None:
        self._directory = directory
        self._contexts = contexts
        self._above = above

    def judge(
        self, remote: Domain, local: Domain, handshake: Handshake, others: "Streams | None" = None
    ) -> Verdict:
        """Say who the far end is that says it is ``remote``, or that we dialled as that, and what it may do.

        ``others`` are the links there are, if this one came in: a partner may have only so many.
        """
        fault = self.policy(remote, local)
        if fault is not None:
            return Verdict(Peer("xmpp", frozenset((remote,)), frozenset(), fault), NOTHING)
        system = self._directory.system_of(remote)
        proof = self._further(system, remote, handshake)
        peer = self._contexts.xmpp_peer(self._directory, handshake, remote, proof)
        if system is None and peer.fault is None:
            system = self._directory.discover(remote, local)
            peer = self._directory.identify("xmpp", peer.names)
        if system is None:
            return Verdict(Peer("xmpp", peer.names, frozenset(), peer.fault or Code.A01), NOTHING)
        if others is not None and self._has_enough(system, others):
            self._above(system)
            return Verdict(Peer("xmpp", peer.names, frozenset(), Code.L03), NOTHING)
        streams = system.streams
        dialback = streams.dialback and self._may_dial_back(system, peer.fault, handshake)
        external = streams.external or bool(streams.further)
        if streams.further and not (streams.external or proof or peer.fault):
            peer = replace(peer, systems=frozenset(), fault=Code.C01)  # its issuer alone counts for nothing here
        return Verdict(peer, Allowed(external, dialback, streams.bidi), proof)

    def waiting(self, remote: Domain, local: Domain, handshake: Handshake) -> "Deferred[None] | None":
        """When `judge` can say more, because a further proof has to be fetched; None if it can say all now."""
        system, further = self._directory.system_of(remote), self._contexts.further
        if system is None or further is None or self.policy(remote, local) is not None:
            return None
        if not self._wants_further(system, remote, handshake):
            return None
        return further.waiting(system.streams.further, remote)

    def judge_again(self, link: "XmppLink") -> bool:
        """Hold what a stream has proved against another partner list; False if nothing is left of it."""
        handshake, proofs, stream = link.handshake, link.security.proofs, link.negotiation
        assert handshake is not None
        for (remote, local), how in list(proofs.items()):
            now = self.judge(remote, local, handshake)
            good = now.peer.fault is None or self._stays(link, remote, local)
            if not (now.allowed.dialback if how == "dialback" else good):
                del proofs[remote, local]
                if isinstance(stream, Receiving):
                    stream.withdraw(remote, local)
        if isinstance(stream, Receiving) and link.outbox is not None and not stream.sends:
            return False  # what goes back on it is for whom it does not prove any more
        link.peer = self._directory.identify("xmpp", frozenset(remote for remote, _ in proofs))
        return bool(proofs)

    def refuses(self, remote: Domain, local: Domain, handshake: Handshake | None) -> str:
        """Why no dialback is made for this pair, as a condition of XEP-0220 §2.5; "" if it is.

        What we ask of a certificate ourselves is asked for each domain that a stream is to speak for, not for the first
        alone.
        """
        if self.policy(remote, local) is not None:
            return "policy-violation"
        system = self._directory.system_of(remote)
        if system is None or not system.streams.dialback or handshake is None:
            return "not-authorized"
        return "" if self._may_dial_back(system, self._fault(remote, handshake), handshake) else "not-authorized"

    def proved(self, before: Peer, verdict: Peer, proof: Proved) -> Peer:
        """Who the far end is, now that this is proved besides what was ``before``."""
        now = verdict
        if proof.how != "external" or verdict.fault is not None:
            now = self._directory.identify("xmpp", frozenset((proof.remote,)))
        if not before.systems:
            return now
        return Peer("xmpp", before.names | now.names, before.systems | now.systems, None, before.in_part | now.in_part)

    def may_talk(self, local: Domain, remote: Domain) -> bool:
        """Whether stanzas may go between these two at all."""
        ours, theirs = self._directory.system_of(local), self._directory.system_of(remote)
        return ours is not None and theirs is not None and self._directory.may_talk(ours, theirs)

    def _may_dial_back(self, system: System, fault: Code | None, handshake: Handshake) -> bool:
        """Whether dialback makes ``fault`` good, and there is nothing behind it that it must not make good."""
        return fault not in FINAL and verdict.unmet(system, handshake, self._contexts) is None

    def _stays(self, link: "XmppLink", remote: Domain, local: Domain) -> bool:
        """Whether a further proof still counts, although what it rested on is not remembered any more."""
        system, proof, handshake = self._directory.system_of(remote), link.security.proof, link.handshake
        if system is None or handshake is None or proof not in system.streams.further:
            return False
        fault = verdict.proved_fault(system, handshake, self._contexts, proof)
        return fault is None and self.policy(remote, local) is None

    def _has_enough(self, system: System, links: "Streams") -> bool:
        """Whether a partner has opened as many streams as he may."""
        own = [each for each in links.of(system.name) if isinstance(each.negotiation, Receiving)]
        if sum(system.name in each.peer.systems for each in own) >= system.connections_in:
            return True
        return system.discovered and len(links.strangers) >= STRANGERS

    def is_discovered(self, peer: Peer) -> bool:
        """Whether any of those it proved to be is on no list."""
        return any((system := self._directory.named(name)) and system.discovered for name in peer.systems)

    def _wants_further(self, system: System, remote: Domain, handshake: Handshake) -> bool:
        """Whether the certificate alone is not enough, and something else may be."""
        streams = system.streams
        if not streams.further or handshake.leaf is None:
            return False
        return not streams.external or self._fault(remote, handshake) is not None

    def _fault(self, remote: Domain, handshake: Handshake) -> Code | None:
        return verdict.xmpp_peer(self._directory, handshake, self._contexts, remote).fault

    def _further(self, system: System | None, remote: Domain, handshake: Handshake) -> str:
        further = self._contexts.further
        if system is None or further is None or not self._wants_further(system, remote, handshake):
            return ""
        return further.proof(system.streams.further, remote, handshake, self._fault(remote, handshake))

    def policy(self, remote: Domain, local: Domain) -> Code | None:
        """Why these two domains do not talk over a stream between servers."""
        theirs, ours = self._directory.system_of(remote), self._directory.system_of(local)
        if theirs is None and ours is not None and ours.inside and self._directory.is_open_to(remote):
            return None if ours.protocol == "sip" else Code.A08
        if theirs is None:
            return self._directory.fault_of(remote)
        if theirs.protocol != "xmpp":
            return Code.A01
        if theirs.link != "s2s":
            return Code.A05
        if ours is None:
            return None if theirs.inside and self._directory.is_open_to(local) else Code.A06
        return None if self._directory.may_talk(theirs, ours) else Code.A08

    def system_of(self, remote: Domain) -> System | None:
        """Whose domain it is."""
        return self._directory.system_of(remote)
