"""Two who talk in sessions, and one session of theirs: what `edge.gateway.chat` keeps of them, and nothing decided."""

from collections import deque
from typing import Protocol

from edge.codes import Code
from edge.gateway.effects import Effect
from edge.gateway.quota import Quota
from edge.gateway.receipts import wraps
from edge.gateway.submission import Submission
from edge.gateway.terms import NO_FORM, formatted, forms_of
from edge.mapping.messages import MessageFacts
from edge.partners import Directory, System
from edge.sip.message import Request, Response
from edge.sip.session import Session
from edge.sip.subscription import UsageKey
from edge.sip.transaction import ClientTransaction, ServerTransaction
from edge.timers import Slot, Wheel
from edge.xmpp.jid import JID

TIME = "time"  # the one timer of a session

MAX_OF_SYSTEM = 50_000  # chats with users of one SIP system; each costs some kB while its session lasts


class Sessions(Protocol):
    """Who decides (`edge.gateway.chat`)."""

    def answered(self, call: "Call", response: Response) -> list[Effect]: ...
    def failed(self, call: "Call", branch: str, status: int) -> list[Effect]: ...
    def expired(self, call: "Call") -> list[Effect]: ...


class Call:
    """One session of a chat. It may outlive its place there, when another has replaced it.

    ``fault`` is why the last request of ours got no answer, ``left`` whether it had been sent. ``wraps``: the other
    side knows receipts; ``forms``: the formatted texts that it reads.
    """

    __slots__ = ("_chats", "chat", "session", "slot", "fault", "left", "wraps", "forms", "is_ours")

    def __init__(self, chats: "Sessions", chat: "Chat", session: Session) -> None:
        self._chats = chats
        self.chat = chat
        self.session = session
        self.slot: Slot[object] | None = None
        self.fault = Code.N03, Code.N03.sentence
        self.left = False
        self.wraps = session.invitation is not None and wraps(session.invitation.request.body)
        self.forms = NO_FORM
        self.is_ours = session.invitation is None  # we have opened it
        if session.invitation is not None:
            self._read(session.invitation.request)

    def opened(self, response: Response | None) -> bool:
        """It is open, by ``response`` if the other side was invited. Whether that knows receipts."""
        if response is not None:
            self.wraps = wraps(response.body)
            self._read(response)
        return self.wraps

    def _read(self, described: Request | Response) -> None:
        """What the other side says it reads."""
        if formatted(self.chat.sip, self.chat.xmpp):
            self.forms = forms_of(described)

    def form_of(self, submission: Submission) -> Submission | MessageFacts:
        """The form in which a message is said in this session."""
        return submission.asking if self.wraps and submission.asking is not None else submission

    def takes_plain(self, submission: Submission, status: int) -> bool:
        """Whether a refusal of a message says no more than that its wrapping is not known after all."""
        if status != 415 or not self.wraps or submission.asking is None:
            return False
        self.wraps = False
        return True

    def takes_no_form(self, submission: Submission, status: int) -> bool:
        """The same of its form."""
        if status != 415 or not self.forms or submission.content is None:
            return False
        self.forms = NO_FORM
        return True

    def answered(self, transaction: ClientTransaction, response: Response) -> list[Effect]:
        return self._chats.answered(self, response)

    def failed(self, transaction: ClientTransaction, code: Code, text: str) -> list[Effect]:
        self.fault = code, text
        self.left = transaction.link is not None
        lost = code is Code.M02 and self.left  # nobody has answered
        return self._chats.failed(self, transaction.key, 408 if lost else 503)

    def expire(self, timer: str) -> list[Effect]:
        return self._chats.expired(self)


class Chat:
    """A SIP user and an XMPP contact, both bare. It is there while they have a session, or something to say in one.

    ``queue`` is what the contact has said and nobody has been told yet, ``pending`` what waits for its answer,
    ``tries`` how many sessions did not come about since the last one that did, ``not_before`` when the next may be
    asked for. ``spare`` is a second session, which crossed the first: whichever the other side keeps will do.
    ``crossed`` says how often a message may be told that its session is gone, until that is settled.
    """

    __slots__ = (
        "user", "contact", "sip", "xmpp", "call", "spare", "queue", "pending", "tries", "not_before", "crossed",
    )

    def __init__(self, user: JID, contact: JID, sip: System, xmpp: System) -> None:
        self.user = user
        self.contact = contact
        self.sip = sip
        self.xmpp = xmpp
        self.call: Call | None = None
        self.spare: Call | None = None
        self.not_before = 0.0
        self.crossed = 0
        self.queue: deque[Submission] = deque()
        self.pending: Submission | None = None
        self.tries = 0

    def fault_by(self, directory: Directory) -> Code | None:
        """Why these two do not talk any more; None if they still do."""
        return directory.fault_between(self.sip, self.user.host, self.xmpp, self.contact.host)

    @property
    def pair(self) -> tuple[JID, JID]:
        """Who talk."""
        return self.user, self.contact

    @property
    def is_silent(self) -> bool:
        """Whether nothing is said, and nothing waits to be."""
        return self.pending is None and not self.queue


class Conversations:
    """All chats, by user and contact, and their sessions, by the key of their dialog."""

    def __init__(self) -> None:
        self.chats: dict[tuple[JID, JID], Chat] = {}
        self.calls: dict[UsageKey, Call] = {}
        self.quota = Quota()  # by the SIP system

    def chat(self, user: JID, contact: JID, sip: System, xmpp: System) -> Chat | None:
        """The chat of these two, made if there is none and the partner may have one more."""
        chat = self.chats.get((user, contact))
        if chat is None and self.quota.take(sip.name, MAX_OF_SYSTEM):
            chat = self.chats[user, contact] = Chat(user, contact, sip, xmpp)
        return chat

    def sessions(self) -> dict[tuple[str, str], int]:
        """How many there are by (SIP system, "in" or "out"): who has opened them, its users or ours."""
        found: dict[tuple[str, str], int] = {}
        for call in self.calls.values():
            key = call.chat.sip.name, "out" if call.is_ours else "in"
            found[key] = found.get(key, 0) + 1
        return found

    def rest(self, chat: Chat) -> None:
        """Forget two who have no session and nothing to say."""
        if chat.call is None and chat.is_silent and self.chats.get((chat.user, chat.contact)) is chat:
            del self.chats[chat.user, chat.contact]
            self.quota.give(chat.sip.name)

    def begin(self, chats: Sessions, chat: Chat, session: Session) -> Call:
        """The chat has a session, or another one."""
        chat.call = session.user = call = Call(chats, chat, session)
        self.calls[session.key] = call
        return call

    def end(self, call: Call) -> None:
        self.stop(call)
        self.calls.pop(call.session.key, None)

    def invited_by(self, transaction: ServerTransaction) -> Call | None:
        """The session whose INVITE this is."""
        return self.calls.get((transaction.request.call_id, transaction.to_tag or transaction.request.to.tag))

    @staticmethod
    def stop(call: Call) -> None:
        """Stop its timer."""
        if call.slot is not None:
            Wheel.stop(call.slot, (call, TIME))
            call.slot = None
