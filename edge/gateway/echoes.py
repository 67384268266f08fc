"""Whether an XMPP domain that we can write to can also write to us (XEP-0199).

Between two servers each direction has a stream of its own. Silence after a probe means that nobody is there only if the
way back is open: a server that could not reach us a moment ago may not try again for minutes. Kept by
`edge.gateway.notifier`; `edge.gateway.core` says when something has come.
"""

from edge.domains import Domain
from edge.gateway.effects import Effect, SendStanza
from edge.gateway.node import Node
from edge.xmpp.element import Element
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Iq

ECHO_SECONDS = 5.0  # for the answer; another question to the same domain is not asked sooner either
MAX_DOMAINS = 20_000  # pairs of domains; a time for each


class Echoes:
    """By (domain of ours, domain of theirs): when it was heard last, and asked last."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._heard: dict[tuple[Domain, Domain], float] = {}
        self._asked: dict[tuple[Domain, Domain], float] = {}

    def heard(self, ours: Domain, theirs: Domain) -> None:
        """A stanza has come from there."""
        if len(self._heard) >= MAX_DOMAINS:
            self._heard.clear()
        self._heard[ours, theirs] = self._node.wheel.now

    def heard_since(self, ours: Domain, theirs: Domain, moment: float) -> bool:
        """Whether anything has come at ``moment`` or after it."""
        return self._heard.get((ours, theirs), -1.0) >= moment

    def ask(self, ours: Domain, theirs: Domain) -> list[Effect]:
        """Ask for a sign of life, for all who want to know."""
        key, now = (ours, theirs), self._node.wheel.now
        if now - self._asked.get(key, -ECHO_SECONDS) < ECHO_SECONDS:
            return []
        if len(self._asked) >= MAX_DOMAINS:
            self._asked.clear()
        self._asked[key] = now
        ping = Element("ping", "urn:xmpp:ping")
        iq = Iq(JID.build("", ours), JID.build("", theirs), self._node.ids.stanza_id(), "get", payload=ping)
        return [SendStanza(ours, theirs, iq.to_bytes())]
