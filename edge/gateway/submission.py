"""Messages from XMPP to SIP: what an XMPP user has said, until the SIP side has answered (RFC 7572 §4).

The final response is the truth: until it comes the gateway has the message, and an XMPP sender who hears nothing may
believe that it was delivered. A message goes by itself (`edge.gateway.pager`) or within a session
(`edge.gateway.chat`); both take it from here, and end it here.
"""

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from sys import maxsize
from typing import Protocol

from edge.bodies import html
from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.gateway.counters import DELIVERED, FAILED, REJECTED
from edge.gateway.effects import Effect, Release, Report, SendStanza
from edge.gateway.journal import Journal, Kept
from edge.gateway.node import Node
from edge.gateway.quota import Quota
from edge.gateway.terms import encryption, formatted
from edge.mapping import failures, messages
from edge.mapping.addresses import uri_of
from edge.mapping.invitations import NO_JOINING, Invitation, decline
from edge.mapping.messages import Content, MessageFacts, Receipt, Typing
from edge.partners import Admit
from edge.sip.message import Response
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Message, error_bytes

MAX_UNDER_WAY = 5_000  # messages of one XMPP system that wait for SIP answers or for their turn


Judge = Callable[[Message, Admit], list[Effect] | None]  # why a message is refused, as its answer


class Aside(Protocol):
    """Who says something that is no message of anybody: he hears its end, and nobody else does."""

    def over(self, status: int) -> list[Effect]: ...


class Submission:
    """One message of an XMPP user, ready to go. ``target`` is the URI of the SIP user it is for.

    ``asking`` is the same message in a form that asks for notifications, for who goes by himself, ``content`` is what
    it says, if that has a form; ``aside`` is set if it is no message, but a state or a receipt.
    """

    asking: MessageFacts | None = None
    content: Content | None = None
    was_tried = False  # in a session that turned out to be over
    is_long = False  # too long to go by itself
    number = 0  # in the order in which they came
    tag = ""  # of From, if that must be the same as in an earlier life
    kept: Kept | None = None  # in the store
    until = 0.0  # the time of day until which it may wait, if it has waited in an earlier life already

    def __init__(
        self, stanza: Message, decision: Admit, target: str, headers: Sequence[tuple[str, str]], body: bytes,
        call_id: str | None, aside: Aside | None = None, began: float = 0.0,
    ) -> None:
        self.stanza = stanza
        self.decision = decision
        self.target = target
        self.headers = headers
        self.body = body
        self.call_id = call_id
        self.aside = aside
        self.was_turned = aside is not None  # to the other mode, because the first one was refused or too narrow
        self.began = began  # when it came, on the wheel


class Typists(Protocol):
    """Chat states, as this module needs them (`edge.gateway.typing`)."""

    @property
    def talks(self) -> Collection[object]: ...

    def writes(self, stanza: Message, typing: Typing, decision: Admit) -> list[Effect]: ...
    def wrote(self, stanza: Message, state: str, decision: Admit) -> None: ...


class Receipts(Protocol):
    """Receipts, as this module needs them (`edge.gateway.receipts`)."""

    def takes(self, user: JID) -> bool: ...
    def knows(self, user: JID) -> None: ...
    def unknown(self, user: JID) -> None: ...
    def received(self, stanza: Message, receipt: Receipt, decision: Admit) -> list[Effect]: ...
    def asking(self, stanza: Message, content: Content, decision: Admit) -> MessageFacts | None: ...


class Submissions:
    """Counts what is under way, and tells senders what became of it."""

    def __init__(self, node: Node, typists: Typists, receipts: Receipts) -> None:
        self._node = node
        self.journal = Journal(node)
        self._count = 0
        self.typists = typists
        self.receipts = receipts
        self._under_way = Quota()  # by the XMPP system that sends
        self._waiting = Quota()  # by the SIP system they are for: how many have to wait for their turn

    def submit(self, stanza: Message, decision: Admit, judge: Judge | None = None) -> Submission | list[Effect]:
        """Translate once, when the stanza arrives; or what follows from a stanza that is no message.

        ``judge`` is the partner list's, of a stanza without a text in a body: a link, or a form alone, is a message.
        """
        assert stanza.from_ is not None and stanza.to is not None
        asking: MessageFacts | None = None
        content: Content | None = None
        state = ""
        try:
            if stanza.extensions:
                pair = decision.sender, decision.recipient
                said = messages.read_stanza(stanza, encrypted=encryption(*pair), rich=formatted(*pair))
                if said is None:
                    return []
                if isinstance(said, Invitation):
                    return self._declined(stanza, said, decision)
                if not isinstance(said, Content):
                    return self._aside(stanza, said, decision)
                if judge is not None and (refused := judge(stanza, decision)) is not None:
                    return refused
                facts = messages.write_request(said, stanza.from_, stanza.to, now=self._node.wall)
                state = said.typing
                content = said if said.xhtml else None
                if said.asked is not None and stanza.to.local:
                    asking = self.receipts.asking(stanza, said, decision)
            else:
                facts = messages.request_of(stanza)
                if judge is not None and facts is not None and (refused := judge(stanza, decision)) is not None:
                    return refused
            if facts is None:
                return []
            if not stanza.to.local:
                return self._rejected(
                    stanza, decision, "service-unavailable", "this address takes no messages", Code.A06
                )
            target = uri_of(stanza.to)
        except RemoteProtocolError as error:
            return self._rejected(stanza, decision, error.condition, str(error), error.code)
        if not self._under_way.take(decision.sender.name, MAX_UNDER_WAY):
            return self._rejected(stanza, decision, Code.M01.condition, Code.M01.sentence, Code.M01)
        if state or self.typists.talks:
            self.typists.wrote(stanza, state, decision)
        now = self._node.wheel.now
        submission = Submission(stanza, decision, target, facts.headers, facts.body, facts.call_id, None, now)
        if asking is not None or content is not None:
            submission.asking, submission.content = asking, content
        self._count = submission.number = self._count + 1
        return submission

    def formed(self, submission: Submission, forms: Set[str]) -> MessageFacts | None:
        """The same message with its form, if it has one and its user reads one of these ``forms``."""
        content, stanza = submission.content, submission.stanza
        if content is None or html.MEDIA_TYPE not in forms:
            return None
        assert stanza.from_ is not None and stanza.to is not None
        content = content._replace(asked=None)
        return messages.write_request(content, stanza.from_, stanza.to, takes=forms, now=self._node.wall)

    def may_wait(self, submission: Submission) -> bool:
        """Whether one more message may wait for its turn. If so, `goes` has to follow."""
        system = submission.decision.recipient
        return self._waiting.take(system.name, system.pending_messages)

    def goes(self, submission: Submission) -> None:
        """A message that had to wait has its turn, or is given up."""
        self._waiting.give(submission.decision.recipient.name)

    def delivered(self, submission: Submission) -> list[Effect]:
        """The SIP side has it."""
        if submission.aside is not None:
            return submission.aside.over(200)
        if submission.kept is not None:
            self.journal.over(submission.kept)
        effects = self._ended(submission, DELIVERED)
        if self._node.verbose:
            effects.append(Report("message.ok", None, self._timed(submission), submission.stanza))
        return effects

    def refused(self, submission: Submission, response: Response) -> list[Effect]:
        """The SIP side has answered, and does not have it (RFC 7247 §7.2)."""
        if submission.aside is not None:
            return submission.aside.over(response.status)
        condition, kind, address = failures.condition_of_response(response)
        code = failures.code_of_response(response)
        text = f"{code} {failures.sentence_of(response, condition)}: {failures.said_by(response)}"
        fields = self._timed(submission) | {"status": response.status}
        return [
            *_returned(submission, [error_to(submission.stanza, condition, text, kind, address)]),
            Report("message.failed", code, fields, submission.stanza),
            *self._ended(submission, FAILED),
        ]

    def failed(
        self, submission: Submission, code: Code, text: str, condition: str = "", kind: str = ""
    ) -> list[Effect]:
        """It will not get there."""
        if submission.aside is not None:
            return submission.aside.over(408 if code is Code.M02 else 503)
        effects = bounce(submission.stanza, condition or code.condition, text, code, kind, self._timed(submission))
        return _returned(submission, effects) + self._ended(submission, FAILED)

    def resumed(self, submission: Submission) -> None:
        """One of an earlier life is under way again. It had its place, whatever has come since."""
        self._under_way.take(submission.decision.sender.name, maxsize)

    def _ended(self, submission: Submission, result: int) -> list[Effect]:
        """It is under way no more, and its sender's server may be told so."""
        decision = submission.decision
        self._under_way.give(decision.sender.name)
        self._node.counters.message("xmpp", decision, result, self._node.wheel.now - submission.began)
        ticket = submission.stanza.ticket
        return [] if ticket is None else [Release(ticket)]

    def _timed(self, submission: Submission) -> dict[str, object]:
        """For the log: whose message it was, and how long it took."""
        took = (self._node.wheel.now - submission.began) * 1000
        return {"partner": submission.decision.recipient.name, "duration_ms": round(took)}

    def _rejected(self, stanza: Message, decision: Admit, condition: str, text: str, code: Code) -> list[Effect]:
        self._node.counters.message("xmpp", decision, REJECTED)
        return bounce(stanza, condition, text, code, fields={"partner": decision.recipient.name})

    def _declined(self, stanza: Message, invitation: Invitation, decision: Admit) -> list[Effect]:
        """The room hears it in the form that it passes on (XEP-0045 §7.8.2)."""
        assert stanza.from_ is not None and stanza.to is not None
        self._node.counters.message("xmpp", decision, REJECTED)
        data = decline(invitation, stanza.to, stanza.from_, self._node.aside_id())
        fields: dict[str, object] = {"reason": NO_JOINING, "partner": decision.recipient.name}
        return [SendStanza(stanza.to.host, stanza.from_.host, data), Report("message.failed", Code.S03, fields, stanza)]

    def _aside(self, stanza: Message, said: Typing | Receipt, decision: Admit) -> list[Effect]:
        """What somebody's client says beside his messages."""
        if stanza.to is None or not stanza.to.local:
            return []
        if isinstance(said, Typing):
            return self.typists.writes(stanza, said, decision)
        return self.receipts.received(stanza, said, decision)


def _returned(submission: Submission, effects: list[Effect]) -> list[Effect]:
    return effects if submission.kept is None else submission.kept.returned(effects)


def bounce(
    stanza: Message, condition: str, text: str, code: Code, kind: str = "", fields: Mapping[str, object] | None = None
) -> list[Effect]:
    """Give a message back to its sender; an error stanza is never answered (RFC 6120 §8.3.1). ``fields`` are logged."""
    if stanza.type == "error":
        return []
    return [
        error_to(stanza, condition, f"{code} {text}", kind),
        Report("message.failed", code, {"condition": condition, "reason": text, **(fields or {})}, stanza),
    ]


def error_to(stanza: Message, condition: str, text: str, kind: str = "", address: str = "") -> SendStanza:
    """The error stanza for the sender of ``stanza``."""
    assert stanza.from_ is not None and stanza.to is not None
    return SendStanza(stanza.to.host, stanza.from_.host, error_bytes(stanza, condition, text, kind, address=address))
