"""Who the far end of a link proved to be: its certificate, held against what is configured for each system.

One rule for both directions. For each system that the certificate names: its dates and purposes, its issuer (or its
pin), the TLS version, and whether it was revoked; the first that fails is the reason code. `Contexts.sip_peer` and
`Contexts.xmpp_peer` call this for the links, once a handshake.
"""

from dataclasses import replace
from pathlib import Path
from typing import Protocol

from edge.certificates.handshake import Handshake
from edge.certificates.peers import sip_names, subject_name, xmpp_matches
from edge.certificates.trust import pin_of
from edge.codes import Code
from edge.domains import Domain
from edge.partners import Directory, Peer, System


class Grounds(Protocol):
    """What a verdict rests on besides the handshake."""

    def bears(self, handshake: Handshake, bundle: Path | None) -> bool:
        """Whether the peer's chain is good under this trust bundle alone."""

    def revoked(self, handshake: Handshake, policy: str) -> Code | None:
        """C10, or C08 where the policy wants to know and nothing is known."""


def chain_fault(system: System, handshake: Handshake, grounds: Grounds) -> Code | None:
    """Why a certificate proves nothing to ``system``'s configuration, whatever name is on it."""
    trust, leaf = system.trust, handshake.leaf
    pinned = leaf is not None and pin_of(leaf) in trust.pins
    fault = handshake.fault_under(trust.eku, pinned=pinned)
    if fault is None and not pinned:
        if not grounds.bears(handshake, system.ca):
            fault = Code.C01
        elif trust.pins and trust.pins.isdisjoint(map(pin_of, handshake.path)):
            fault = Code.C12
    if fault is None and handshake.tls_version < f"TLSv{system.min_version}":
        fault = Code.T02
    return fault or grounds.revoked(handshake, trust.revocation)


def proved_fault(system: System, handshake: Handshake, grounds: Grounds, proof: str) -> Code | None:
    """What a certificate must be besides, that a further ``proof`` ("dane" or "posh") has tied to the name.

    That stands for its issuer and its name. DNS speaks for the dates too (RFC 7671 §5.1); pins, the TLS version and
    revocation are nobody's but ours to say.
    """
    trust = system.trust
    fault = handshake.fault_under(trust.eku, pinned=True)
    if proof == "dane" and fault in (Code.C02, Code.C09):
        fault = None
    return fault or unmet(system, handshake, grounds) or grounds.revoked(handshake, trust.revocation)


def unmet(system: System, handshake: Handshake, grounds: Grounds) -> Code | None:
    """What ``system``'s configuration asks for besides a good certificate, and is not there, whatever else is wrong.

    `chain_fault` tells the first fault. Who may go on in spite of that one must not get around the others by it.
    """
    trust, leaf = system.trust, handshake.leaf
    if handshake.tls_version < f"TLSv{system.min_version}":
        return Code.T02
    if trust.pins and (leaf is None or pin_of(leaf) not in trust.pins):
        signed = grounds.bears(handshake, system.ca)  # without it anybody's key may stand in the path
        if not signed or trust.pins.isdisjoint(map(pin_of, handshake.path)):
            return Code.C12
    return grounds.revoked(handshake, "off" if trust.revocation == "off" else "soft")


def sip_peer(
    directory: Directory,
    handshake: Handshake,
    grounds: Grounds,
    dialled: System | None = None,
    expected: frozenset[Domain] = frozenset(),
) -> Peer:
    """Who a SIP peer is (RFC 5922 §7). If we ``dialled`` it, anybody but one of the ``expected`` names is a fault.

    While unlisted domains are discovered a certificate may prove those as well (`Peer.open`).
    """
    leaf = handshake.leaf
    names = frozenset[Domain]() if leaf is None else sip_names(leaf)
    by_subject = leaf is not None and not names
    if leaf is not None and by_subject:
        names = sip_names(leaf, or_subject=True)
    found = directory.identify("sip", names)
    systems = [system for name in sorted(found.systems) if (system := directory.named(name)) is not None]
    faults = {system.name: _sip_fault(system, handshake, grounds, by_subject) for system in systems}
    proved = frozenset(name for name, fault in faults.items() if fault is None)
    if dialled is not None:
        fault = chain_fault(dialled, handshake, grounds)
        if fault is None and names.isdisjoint(expected):
            fault = Code.C03
        if fault is None:
            fault = _name_fault(dialled, by_subject)
        return replace(found, systems=frozenset() if fault else proved | {dialled.name}, fault=fault)
    template = directory.discovered.template
    if template is not None and found.fault is None and any(map(directory.is_open_to, names)):
        faults[""] = _sip_fault(template, handshake, grounds, by_subject)
        found = replace(found, open=faults[""] is None)
    if proved or found.open:
        return replace(found, systems=proved)
    fault = next((fault for fault in faults.values() if fault is not None), handshake.fault)
    return replace(found, systems=frozenset(), fault=fault or found.fault)


def xmpp_peer(directory: Directory, handshake: Handshake, grounds: Grounds, remote: Domain, proof: str = "") -> Peer:
    """Who an XMPP server is that says it is ``remote``, or that we dialled as that (RFC 6120 §13.7).

    ``proof`` is what proves its certificate besides issuer and name: "dane", "posh", or nothing.
    """
    names, system = frozenset((remote,)), directory.system_of(remote)
    if system is None and directory.is_open_to(remote):
        system = directory.discovered.like(remote, "xmpp")
    if system is None:
        return Peer("xmpp", names, frozenset(), handshake.fault or directory.identify("xmpp", names).fault)
    fault = proved_fault(system, handshake, grounds, proof) if proof else chain_fault(system, handshake, grounds)
    if fault is None and handshake.leaf is not None and not proof:
        # what is configured besides the domains, static hosts above all, is as good as the domain itself
        expected = names | system.peer_names.difference(system.domains)
        if not any(xmpp_matches(handshake.leaf, each) for each in expected):
            by_subject = subject_name(handshake.leaf) in expected
            fault = _name_fault(system, by_subject) if by_subject else Code.C03
    found = directory.identify("xmpp", names)
    return replace(found, systems=frozenset() if fault else found.systems & {system.name}, fault=fault)


# -- private ---------------------------------------------------------------------------------------------------------


def _sip_fault(system: System, handshake: Handshake, grounds: Grounds, by_subject: bool) -> Code | None:
    return chain_fault(system, handshake, grounds) or _name_fault(system, by_subject)


def _name_fault(system: System, by_subject: bool) -> Code | None:
    """Whether a common name counts.

    COMPAT(lync): it does for partners with ``names = "san-or-cn"``, because old Access Edges have no other; since 2005.
    """
    return Code.C04 if by_subject and system.trust.names == "san" else None
