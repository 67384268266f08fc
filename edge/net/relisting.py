"""What another partner list means for the links there are: who is gone, who is elsewhere, who must prove himself again.

Used by `edge.net.sip_pool` and `edge.net.xmpp_pool`, which own the links and close them.
"""

from edge.codes import Code
from edge.domains import Domain
from edge.net.links import Cause
from edge.partners import PROOF, Changes, Directory, Peer, System

WHERE = frozenset(("hosts", "secret", "srv_targets_outside_domain"))  # of `System`: where its links go, and as whom
WHOSE = frozenset(("domains", "wildcards"))  # what goes to it
HOW = PROOF | {"streams"}  # by what its links are judged


class Relisting:
    """``directory`` is the list as it is now."""

    def __init__(self, directory: Directory, changes: Changes) -> None:
        self.directory = directory
        self._blocked = {each.name for each in directory.systems if directory.blocks and directory.is_blocked(each)}
        self.gone = self._blocked | {each.name for each in changes.removed}
        self.moved = {each.name for each, fields in changes.changed if not WHERE.isdisjoint(fields)}
        self.judged = {each.name for each, fields in changes.changed if not HOW.isdisjoint(fields)}
        self.regrouped = {each.name for each, fields in changes.changed if not WHOSE.isdisjoint(fields)}
        if changes.moved and directory.blocks:
            self.regrouped |= {each.name for each in directory.systems if any(map(directory.block_of, each.domains))}
        self._concerned = self.gone | self.judged | {each.name for each in changes.added}
        self._by_peer_name: dict[Domain, set[str]] = {}  # of SIP systems
        for each in directory.systems:
            if each.protocol == "sip" and each.name not in self._blocked:
                for name in each.peer_names:
                    self._by_peer_name.setdefault(name, set()).add(each.name)

    def has(self, system: System) -> bool:
        """Whether this very system is listed, and not blocked."""
        return self.directory.named(system.name) is system and system.name not in self._blocked

    def concerns(self, peer: Peer) -> bool:
        """Whether a SIP peer that has proved this may prove something else by this list."""
        may_speak_for = set(peer.systems)
        for name in peer.names:
            may_speak_for |= self._by_peer_name.get(name, set())
            below = self.directory.system_of(name)
            may_speak_for |= {below.name} if below is not None and below.protocol == "sip" else set()
        return not self._concerned.isdisjoint(may_speak_for) or may_speak_for != peer.systems

    def cause(self, system: System) -> Cause:
        """Why nothing goes this way any more."""
        if self.has(system):
            return Cause(Code.N03, "the way there is another one now")
        code = Code.A02 if system.name in self._blocked else Code.A01
        return Cause(code, code.sentence)
