"""Messages from XMPP to SIP: what an XMPP user has said, until the SIP side has answered (RFC 7572 §4).

The final response is the truth: until it comes the gateway has the message, and an XMPP sender who hears nothing may
believe that it was delivered. A message goes by itself (`edge.gateway.pager`) or within a session
(`edge.gateway.chat`); both take it from here, and end it here.
"""

from collections.abc import Sequence

from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.gateway.effects import Effect, Report, SendStanza
from edge.gateway.quota import Quota
from edge.mapping import failures, messages
from edge.mapping.addresses import uri_of
from edge.partners import Admit
from edge.sip.message import Response
from edge.xmpp.stanzas import Message, error_bytes

MAX_UNDER_WAY = 5_000  # messages of one XMPP system that wait for SIP answers or for their turn


class Submission:
    """One message of an XMPP user, ready to go. ``target`` is the URI of the SIP user it is for."""

    __slots__ = ("stanza", "decision", "target", "headers", "body", "call_id", "was_tried", "was_turned")

    def __init__(
        self, stanza: Message, decision: Admit, target: str, headers: Sequence[tuple[str, str]], body: bytes,
        call_id: str | None,
    ) -> None:
        self.stanza = stanza
        self.decision = decision
        self.target = target
        self.headers = headers
        self.body = body
        self.call_id = call_id
        self.was_tried = False  # in a session that turned out to be over
        self.was_turned = False  # to the other mode, because the first one was refused


class Submissions:
    """Counts what is under way, and tells senders what became of it."""

    def __init__(self) -> None:
        self._under_way = Quota()  # by the XMPP system that sends
        self._waiting = Quota()  # by the SIP system they are for: how many have to wait for their turn

    def submit(self, stanza: Message, decision: Admit) -> Submission | list[Effect]:
        """Translate once, when the stanza arrives; or what the sender has to hear. An empty list: it says nothing."""
        assert stanza.from_ is not None and stanza.to is not None
        try:
            facts = messages.request_of(stanza)
            if facts is None:
                return []
            if not stanza.to.local:
                return bounce(stanza, "service-unavailable", "this address takes no messages", Code.A06)
            target = uri_of(stanza.to)
        except RemoteProtocolError as error:
            return bounce(stanza, error.condition, str(error), error.code)
        if not self._under_way.take(decision.sender.name, MAX_UNDER_WAY):
            return bounce(stanza, Code.M01.condition, Code.M01.sentence, Code.M01)
        return Submission(stanza, decision, target, facts.headers, facts.body, facts.call_id)

    def may_wait(self, submission: Submission) -> bool:
        """Whether one more message may wait for its turn. If so, `goes` has to follow."""
        system = submission.decision.recipient
        return self._waiting.take(system.name, system.pending_messages)

    def goes(self, submission: Submission) -> None:
        """A message that had to wait has its turn, or is given up."""
        self._waiting.give(submission.decision.recipient.name)

    def delivered(self, submission: Submission) -> None:
        """The SIP side has it."""
        self._under_way.give(submission.decision.sender.name)

    def refused(self, submission: Submission, response: Response) -> list[Effect]:
        """The SIP side has answered, and does not have it (RFC 7247 §7.2)."""
        self._under_way.give(submission.decision.sender.name)
        condition, kind, address = failures.condition_of_response(response)
        text = f"{Code.M03} {response.status} {response.reason}"
        fields: dict[str, object] = {"status": response.status, "partner": submission.decision.recipient.name}
        return [
            error_to(submission.stanza, condition, text, kind, address), Report("message.failed", Code.M03, fields),
        ]

    def failed(
        self, submission: Submission, code: Code, text: str, condition: str = "", kind: str = ""
    ) -> list[Effect]:
        """It will not get there."""
        self._under_way.give(submission.decision.sender.name)
        return bounce(submission.stanza, condition or code.condition, text, code, kind)


def bounce(stanza: Message, condition: str, text: str, code: Code, kind: str = "") -> list[Effect]:
    """Give a message back to its sender; an error stanza is never answered (RFC 6120 §8.3.1)."""
    if stanza.type == "error":
        return []
    return [
        error_to(stanza, condition, f"{code} {text}", kind), Report("message.failed", code, {"condition": condition}),
    ]


def error_to(stanza: Message, condition: str, text: str, kind: str = "", address: str = "") -> SendStanza:
    """The error stanza for the sender of ``stanza``."""
    assert stanza.from_ is not None and stanza.to is not None
    return SendStanza(stanza.to.host, stanza.from_.host, error_bytes(stanza, condition, text, kind, address=address))
