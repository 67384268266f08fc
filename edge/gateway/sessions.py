"""Whether an XMPP user who watches SIP users is logged in (the session rule of RFC 8048 §5.2.2).

His server tells his logout only to those who may see his presence. Where the SIP user may, his view says it. For the
others the gateway asks from its own address, the bare domain of the SIP user, before it refreshes (RFC 8048 §8.1).
A server may refuse such a stranger (RFC 6121 §4.3.2), and most do: it is left alone for a day, and the last sign of
life of the user counts. Called by `edge.gateway.subscriber`.
"""

from edge.domains import Domain
from edge.gateway.effects import Effect, SendStanza
from edge.gateway.node import Node
from edge.gateway.pairs import Pair
from edge.timers import Slot, Wheel
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Presence

ANSWER_SECONDS = 5.0  # for the answer to a probe, but never more than half of what is left to refresh in
KNOWN_SECONDS = 60.0  # an answer counts for all that the user watches and that is refreshed in this time
REFUSED_SECONDS = 86_400.0  # a server that does not answer strangers is not asked sooner again
QUIET_SECONDS = 7 * 86_400.0  # without a sign of life, where the server does not answer: then the user has gone
MAX_KNOWN = 10_000  # answers kept; each is looked up for a minute
MAX_REFUSING = 10_000  # domains; each is one that we have asked, so one of a partner's

Question = tuple[JID, JID]
"""Who asks (a bare domain of ours), and about whom."""


class Sessions:
    """What is known of the sessions of XMPP users."""

    def __init__(self, node: Node, user: object) -> None:
        """``user`` is whose ``expire`` is called with a question that nobody has answered."""
        self._node = node
        self._user = user
        self._waiting: dict[Question, tuple[list[Pair], float, Slot[object]]] = {}  # until when, and its timer
        self._known: dict[Question, tuple[bool, float]] = {}
        self._refusing: dict[Domain, float] = {}  # until when

    def of(self, pair: Pair, active_at: float) -> bool | None:
        """Whether the contact of a pair has a session; None: `ask` has to find out."""
        now = self._node.wheel.now
        view = pair.view if pair.user_sees else None
        shown = view.snapshot if view is not None else None
        if view is not None and view.probe is not None:  # what was shown before may be wrong: the answer is on its way
            if view.probe.states:
                return True
        elif shown is not None and (shown.states or shown.known):  # that nobody can know is no logout
            return bool(shown.states)
        known = self._known.get(_question(pair))
        if known is not None and now < known[1]:
            return known[0]
        if now < self._refusing.get(pair.contact.host, 0.0):
            return now - active_at < QUIET_SECONDS
        return None

    def ask(self, pair: Pair, left: float) -> list[Effect]:
        """Probe from our own address; the answer comes back in `answered` or `unanswered`. ``left``: before expiry."""
        question, wheel = _question(pair), self._node.wheel
        seconds = min(ANSWER_SECONDS, max(left, 0.0) / 2)
        waiting = self._waiting.get(question)
        if waiting is not None:
            pairs, until, slot = waiting
            pairs.append(pair)
            if wheel.now + seconds < until:
                Wheel.stop(slot, (self._user, question))
                slot = wheel.start(seconds, (self._user, question))
                self._waiting[question] = pairs, wheel.now + seconds, slot
            return []
        slot = wheel.start(seconds, (self._user, question))
        self._waiting[question] = [pair], wheel.now + seconds, slot
        ours, contact = question
        data = Presence(from_=ours, to=contact, type="probe").to_bytes()
        return [SendStanza(ours.host, contact.host, data)]

    def answered(self, stanza: Presence) -> list[Pair]:
        """Presence for our own address: the pairs whose question it answers."""
        assert stanza.from_ is not None and stanza.to is not None
        question = stanza.to.bare(), stanza.from_.bare()
        waiting = self._waiting.pop(question, None)
        if waiting is None:
            return []
        pairs, _, slot = waiting
        Wheel.stop(slot, (self._user, question))
        if stanza.type in ("", "unavailable"):
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[question] = stanza.type == "", self._node.wheel.now + KNOWN_SECONDS
        else:
            self._refused(question[1].host)
        return pairs

    def unanswered(self, question: Question) -> list[Pair]:
        """No answer: a server that says nothing to strangers."""
        waiting = self._waiting.pop(question, None)
        if waiting is None:
            return []
        self._refused(question[1].host)
        return waiting[0]

    def _refused(self, domain: Domain) -> None:
        if len(self._refusing) >= MAX_REFUSING:
            self._refusing.clear()
        self._refusing[domain] = self._node.wheel.now + REFUSED_SECONDS


def _question(pair: Pair) -> Question:
    return JID.build("", pair.user.host), pair.contact
