"""Who is writing to whom: chat states <-> is-composing documents and KeyboardActivity.

XEP-0085, RFC 3994, RFC 7573 §6. A state is worth no session and no place in a queue: where it cannot be said at once
it is said a little later, if it is still true, or not at all. Called by `edge.gateway.submission` and
`edge.gateway.delivery` with what the two sides say, and by `edge.gateway.chat` when a session ends.
"""

from collections import OrderedDict
from typing import Protocol

from edge.bodies import iscomposing, keyboard
from edge.gateway.effects import Effect, SendStanza
from edge.gateway.modes import Modes
from edge.gateway.node import Node
from edge.gateway.submission import Submission
from edge.mapping import messages
from edge.mapping.addresses import uri_of
from edge.mapping.messages import MessageFacts, Typing
from edge.mapping.payloads import REFRESH
from edge.partners import Admit
from edge.timers import Slot, Wheel
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Message

PAUSE = 3.0  # seconds between two states that a SIP user is told; somebody who stops and goes on tells nothing
REPEAT = 8.0  # seconds after which a Microsoft client is told again; it shows a state for about ten
LONGEST = 600.0  # seconds that we believe that somebody writes; more is a client that has forgotten to say otherwise
ASSUMED = float(iscomposing.ASSUMED_REFRESH)  # seconds that a state of a SIP user holds if he does not say how long

MAX_TALKS = 20_000  # pairs of whom we know; the one that has been silent for the longest gives way
MAX_DEAF = 20_000  # users who have refused a state

REFUSALS = frozenset((405, 408, 415, 488, 501))
"""RFC 3994 §4: after 415 no state is sent to that user again; nor if there was no answer to one."""

COMPOSING = "composing"
SHOWN, TELL = "shown", "tell"
IN_SESSION, BY_ITSELF = frozenset((keyboard.MEDIA_TYPE,)), frozenset((iscomposing.MEDIA_TYPE,))


class SessionWay(Protocol):
    """Sessions, as this module needs them."""

    def has(self, user: JID, contact: JID) -> bool: ...
    def whisper(self, user: JID, contact: JID, facts: MessageFacts, talk: "Talk") -> list[Effect] | None: ...
    def hang_up(self, user: JID, contact: JID) -> list[Effect]: ...


class PageWay(Protocol):
    """Messages by themselves, as this module needs them."""

    def is_busy(self, target: str) -> bool: ...
    def send(self, submission: Submission) -> list[Effect]: ...


class Talk:
    """A SIP user and an XMPP contact, one of whom has shown that he writes.

    ``address`` is where the contact's client shows states, None if its last message had none (XEP-0085 §5.1), and
    ``shown`` whether it shows that the user writes. ``until`` is when the contact has stopped writing at the latest,
    ``told`` whether the user is told that he writes, since ``told_at``; ``busy``: telling him is under way;
    ``is_mute``: he has refused to hear it in this session.
    """

    __slots__ = (
        "_typists", "user", "contact", "decision", "address", "thread", "shown", "shown_slot", "until", "told",
        "told_at", "tell_slot", "busy", "in_session", "is_mute",
    )

    def __init__(self, typists: "Typists", user: JID, contact: JID, decision: Admit, now: float) -> None:
        self._typists = typists
        self.user = user
        self.contact = contact
        self.decision = decision
        self.address: JID | None = None
        self.thread = ""
        self.shown = False
        self.shown_slot: Slot[object] | None = None
        self.until = 0.0
        self.told = False
        self.told_at = now - PAUSE
        self.tell_slot: Slot[object] | None = None
        self.busy = False
        self.in_session = False
        self.is_mute = False

    def over(self, status: int) -> list[Effect]:
        """The request that told the user has ended, without an answer as 408 or 503."""
        return self._typists.over(self, status)

    def expire(self, timer: str) -> list[Effect]:
        return self._typists.expired(self, timer)


class Typists:
    """All who write, or have written lately."""

    def __init__(self, node: Node, modes: Modes) -> None:
        self._node = node
        self._modes = modes
        self.talks: OrderedDict[tuple[JID, JID], Talk] = OrderedDict()  # by user and contact, the latest last
        self._deaf: dict[JID, None] = {}
        self.sessions: SessionWay | None = None
        self.pages: PageWay | None = None

    # --- what the contact does ----------------------------------------------------------------------------

    def writes(self, stanza: Message, typing: Typing, decision: Admit) -> list[Effect]:
        """A chat state by itself."""
        talk = self._talk(stanza, decision)
        talk.address, talk.thread = stanza.from_, typing.thread
        if typing.state == "gone":  # RFC 7573 §6.1
            self._silence(talk)
            talk.address = None
            return self.sessions.hang_up(talk.user, talk.contact) if self.sessions is not None else []
        talk.until = self._node.wheel.now + LONGEST if typing.state == COMPOSING else 0.0
        return self._tell(talk)

    def wrote(self, stanza: Message, state: str, decision: Admit) -> None:
        """A message, and the state in it: whoever has it knows that its sender writes no more."""
        assert stanza.from_ is not None and stanza.to is not None
        key = stanza.to.bare(), stanza.from_.bare()
        talk = self.talks.get(key)
        if talk is None:
            if not state:
                return
            talk = self._new_talk(key, decision)
        talk.address = stanza.from_ if state and state != "gone" else None
        self._silence(talk)

    # --- what the user does -------------------------------------------------------------------------------

    def shows(self, user: JID, contact: JID, typing: Typing) -> list[Effect]:
        """A SIP user writes, or does not."""
        talk = self.talks.get((user, contact))
        if talk is None or talk.address is None:
            return []
        talk.thread = typing.thread
        if typing.state != COMPOSING:
            return self._show(talk, "active")
        before, talk.shown = talk.shown, True
        Wheel.stop(talk.shown_slot or {}, (talk, SHOWN))
        talk.shown_slot = self._node.wheel.start(typing.refresh or ASSUMED, (talk, SHOWN))
        return [] if before else self._stanza(talk, COMPOSING)

    def showed(self, user: JID, contact: JID) -> bool:
        """He has written; whether the contact's client wants states."""
        talk = self.talks.get((user, contact))
        if talk is None or talk.address is None:
            return False
        self._hide(talk)
        return True

    def left(self, user: JID, contact: JID, by_user: bool) -> list[Effect]:
        """Their session is over; ``by_user``: because he has hung up (RFC 7573 §5)."""
        talk = self.talks.get((user, contact))
        if talk is None:
            return []
        self._silence(talk)
        talk.is_mute = False
        if by_user and talk.address is not None:
            self._hide(talk)
            return self._stanza(talk, "gone")
        return self._show(talk, "active")

    # --- what comes back, and time ------------------------------------------------------------------------

    def over(self, talk: Talk, status: int) -> list[Effect]:
        talk.busy = False
        if status >= 300:
            talk.told, talk.until = False, 0.0
            if status in REFUSALS and talk.in_session:
                talk.is_mute = True
            elif status in REFUSALS:
                if len(self._deaf) >= MAX_DEAF:
                    self._deaf.clear()
                self._deaf[talk.user] = None
        return self._tell(talk)

    def expired(self, talk: Talk, timer: str) -> list[Effect]:
        if timer == SHOWN:
            talk.shown_slot = None
            return self._show(talk, "active")
        talk.tell_slot = None
        return self._tell(talk)

    # --- private ------------------------------------------------------------------------------------------

    def _talk(self, stanza: Message, decision: Admit) -> Talk:
        assert stanza.from_ is not None and stanza.to is not None
        key = stanza.to.bare(), stanza.from_.bare()
        talk = self.talks.get(key)
        if talk is None:
            return self._new_talk(key, decision)
        self.talks.move_to_end(key)
        return talk

    def _new_talk(self, key: tuple[JID, JID], decision: Admit) -> Talk:
        if len(self.talks) >= MAX_TALKS:
            _, oldest = self.talks.popitem(last=False)
            self._silence(oldest)
            self._hide(oldest)
        talk = self.talks[key] = Talk(self, *key, decision, self._node.wheel.now)
        return talk

    def _tell(self, talk: Talk) -> list[Effect]:
        """Tell the SIP user, if there is something to tell and it is time."""
        now = self._node.wheel.now
        Wheel.stop(talk.tell_slot or {}, (talk, TELL))
        talk.tell_slot = None
        writes = talk.until > now
        if talk.busy or not (writes or talk.told):
            return []
        due = talk.told_at + (PAUSE if writes != talk.told else REPEAT if talk.in_session else REFRESH)
        effects = self._say(talk, Typing(COMPOSING if writes else "paused")) if now >= due else None
        if effects is None:  # not yet, or somebody says something just now
            talk.tell_slot = self._node.wheel.start(due - now if now < due else PAUSE, (talk, TELL))
            return []
        return effects

    def _say(self, talk: Talk, typing: Typing) -> list[Effect] | None:
        """Say it in the session, or by itself; None if something else is being said."""
        assert self.sessions is not None and self.pages is not None
        talk.in_session = self.sessions.has(talk.user, talk.contact)
        takes = IN_SESSION if talk.in_session else BY_ITSELF
        facts = messages.write_request(typing, talk.contact, talk.user, takes=takes)
        if facts is None or talk.is_mute or not (talk.in_session or self._may_page(talk)):
            self._silence(talk)
            return []
        if talk.in_session:
            effects = self.sessions.whisper(talk.user, talk.contact, facts, talk)
        else:
            target = uri_of(talk.user)
            if self.pages.is_busy(target):
                return None
            stanza = Message(talk.address or talk.contact, talk.user)
            aside = Submission(stanza, talk.decision, target, facts.headers, facts.body, None, talk)
            talk.busy = True  # before it is said: the answer may be there when the call returns
            self._told(talk, typing)
            return self.pages.send(aside)
        if effects is not None:
            talk.busy = True
            self._told(talk, typing)
        return effects

    def _may_page(self, talk: Talk) -> bool:
        """To one who has written so himself: a client that does not know the document shows it, if it is the first."""
        return talk.user not in self._deaf and self._modes.pages(talk.decision.recipient, talk.user)

    def _told(self, talk: Talk, typing: Typing) -> None:
        talk.told, talk.told_at = typing.state == COMPOSING, self._node.wheel.now

    def _silence(self, talk: Talk) -> None:
        """The user need not be told anything."""
        talk.until, talk.told = 0.0, False
        if talk.tell_slot is not None:
            talk.tell_slot.pop((talk, TELL), None)
            talk.tell_slot = None

    def _show(self, talk: Talk, state: str) -> list[Effect]:
        """The user writes no more: tell the contact, if he was told otherwise."""
        was_shown = talk.shown
        self._hide(talk)
        return self._stanza(talk, state) if was_shown else []

    def _hide(self, talk: Talk) -> None:
        talk.shown = False
        if talk.shown_slot is not None:
            talk.shown_slot.pop((talk, SHOWN), None)
            talk.shown_slot = None

    def _stanza(self, talk: Talk, state: str) -> list[Effect]:
        address = talk.address
        said = Typing(state, 0, talk.thread)
        id = self._node.aside_id()
        data = messages.write_stanza(said, talk.user, address, id=id) if address is not None else None
        return [SendStanza(talk.user.host, talk.contact.host, data)] if data is not None else []
