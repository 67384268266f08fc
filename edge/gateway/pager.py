"""Page-mode instant messages: a MESSAGE by itself (RFC 3428 <-> RFC 6121 §5, by RFC 7572).

One MESSAGE at a time goes to each SIP user, the others wait in order (RFC 3428 §8). Called by `edge.gateway.core` and
`edge.gateway.chat`, which hands over what a user takes in page mode only.
"""

from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.gateway.counters import REJECTED
from edge.gateway.delivery import Deliveries
from edge.gateway.effects import Effect, SendSip
from edge.gateway.modes import OTHER_MODE, PAGE, SESSION, Modes
from edge.gateway.node import Node
from edge.gateway.receipts import Receipts
from edge.gateway.submission import Submission, Submissions
from edge.gateway.terms import Readers, formatted
from edge.mapping.addresses import SipsNotAllowed, jid_of, uri_of
from edge.mapping.messages import MessageFacts
from edge.partners import Admit
from edge.sip.message import Response
from edge.sip.serialise import head_bytes
from edge.sip.transaction import ClientTransaction, ServerTransaction
from edge.sip.uri import SipUri

CACHE = 256  # headers about a body that are remembered: only the language differs, mostly
HEAD_LINES = 9  # of a MESSAGE of ours, but for the headers about its body
PATIENCE = 30.0  # seconds an XMPP sender waits for the SIP answer; a little less than Timer F
ANSWER_PATIENCE = 5.0  # of these, for the answer of who has been waited for as long as may be
ASIDE_PATIENCE = 5.0  # seconds that a state or a receipt may keep the messages behind it waiting


class Page:
    """One MESSAGE of ours, ready to be sent, or too long for that: then a session is opened when its turn has come."""

    __slots__ = ("_pager", "submission", "form", "branch", "call_id", "data")

    def __init__(
        self, pager: "Pager", submission: Submission, form: MessageFacts | None, branch: str, call_id: str, data: bytes
    ) -> None:
        self._pager = pager
        self.submission = submission
        self.form = form  # None: it is plain
        self.branch = branch
        self.call_id = call_id
        self.data = data

    @property
    def tag(self) -> str:
        """That of From."""
        return self.submission.tag or self.branch[7:]

    def answered(self, transaction: ClientTransaction, response: Response) -> list[Effect]:
        return self._pager.answered(self, response)

    def failed(self, transaction: ClientTransaction, code: Code, text: str) -> list[Effect]:
        return self._pager.failed(self, code, text)


class OtherWay(Protocol):
    """Where a message goes that is refused by itself: into a session."""

    def send(self, submission: Submission) -> list[Effect]: ...


class Pager:
    """All page-mode messages to SIP users."""

    def __init__(
        self, node: Node, deliveries: Deliveries, submissions: Submissions, modes: Modes, receipts: Receipts
    ) -> None:
        self._node = node
        self._deliveries = deliveries
        self._submissions = submissions
        self._modes = modes
        self._receipts = receipts
        self._readers = Readers()
        self.other_way: OtherWay | None = None
        self._waiting: dict[str, deque[Page] | None] = {}  # by target URI: one is under way, these wait

    def message_received(
        self, transaction: ServerTransaction, decision: Admit, sender: SipUri, target: SipUri
    ) -> list[Effect]:
        """A MESSAGE outside any dialog."""
        node = self._node
        try:
            source, recipient = jid_of(sender), jid_of(target)
        except SipsNotAllowed as error:
            return node.refuse(transaction, error.code, error.status, error.headers, str(error))
        except RemoteProtocolError as error:
            return node.refuse(transaction, error.code, error.status, text=str(error))
        if not recipient.local:
            return node.refuse(transaction, Code.A06, 404)
        size, limit = len(transaction.request.body), decision.sender.message_bytes
        if size > limit:
            node.counters.message("sip", decision, REJECTED)
            text = f"the message has {size} bytes, and {limit} are taken outside of a session"
            return node.refuse(transaction, Code.S09, 513, text=text)
        if self._modes.of_user.get(source) != PAGE:
            self._modes.learn(decision.sender, source.bare(), PAGE)
        if b"accept" in transaction.request.headers.index and formatted(decision.sender, decision.recipient):
            self._readers.heard(source.bare(), transaction.request)
        return self._deliveries.deliver(transaction, decision, source, recipient)

    def is_busy(self, target: str) -> bool:
        """Whether a message to this user is under way."""
        return target in self._waiting

    def send(self, submission: Submission) -> list[Effect]:
        """One MESSAGE, in order behind those to the same user."""
        system = submission.decision.recipient
        page, limit = self._page(submission), system.message_bytes
        if len(page.data) > limit and page.form is not None:
            page = self._page(submission, plain=True)
        submission.is_long = len(page.data) > limit
        if submission.is_long and (submission.was_turned or not self._modes.may_switch(system)):
            text = f"the message has {len(page.data)} bytes with its headers, and its recipient takes {limit}"
            return self._submissions.failed(submission, Code.S09, text, "policy-violation", "modify")
        target = submission.target
        if target not in self._waiting:
            self._waiting[target] = None
            return self._send(page)
        if not self._submissions.may_wait(submission):
            return self._submissions.failed(submission, Code.M01, Code.M01.sentence)
        waiting = self._waiting[target]
        if waiting is None:
            waiting = self._waiting[target] = deque()
        waiting.append(page)
        self._submissions.journal.waits(submission, page)
        return []

    def answered(self, page: Page, response: Response) -> list[Effect]:
        """The SIP answer to one of ours; the next one to the same user may go."""
        if response.status < 200:
            return []
        effects: list[Effect] = []
        if response.status < 300:
            effects = self._submissions.delivered(page.submission)
        elif response.status == 415 and page.form is not None:
            return self._send(self._plainer(page))
        elif self._is_turned(page.submission, response.status):
            return self._turn(page.submission)
        else:
            effects = self._submissions.refused(page.submission, response)
        return effects + self._next(page.submission.target)

    def failed(self, page: Page, code: Code, text: str) -> list[Effect]:
        """No answer came, or the MESSAGE could not be sent: nor would those that wait behind it fare better."""
        submissions = self._submissions
        effects = submissions.failed(page.submission, code, text)
        if page.submission.aside is not None:  # who does not answer that may answer what people say
            return effects + self._next(page.submission.target)
        for following in self._waiting.pop(page.submission.target, None) or ():
            submissions.goes(following.submission)
            effects += submissions.failed(following.submission, code, text)
        return effects

    def _is_turned(self, submission: Submission, status: int) -> bool:
        """Whether a refusal says that its user takes no messages outside of a session."""
        return (
            status in OTHER_MODE and not submission.was_turned and self._modes.may_switch(submission.decision.recipient)
        )

    def _turn(self, submission: Submission) -> list[Effect]:
        """Say it, and what waits behind it, in a session."""
        assert self.other_way is not None and submission.stanza.to is not None
        if not submission.is_long:  # that a text was too long for him says nothing about the next one
            self._modes.learn(submission.decision.recipient, submission.stanza.to.bare(), SESSION)
        submission.was_turned = True
        effects = self.other_way.send(submission)
        for following in self._waiting.pop(submission.target, None) or ():
            self._submissions.goes(following.submission)
            effects += self.other_way.send(following.submission)
        return effects

    def _plainer(self, page: Page) -> Page:
        """The same as plain text: its user does not take what he has shown that he takes (RFC 5438 §5)."""
        submission = page.submission
        assert submission.stanza.to is not None
        submission.tag = ""  # it is another request
        if submission.asking is not None:
            submission.asking = None
            self._receipts.unknown(submission.stanza.to)
        else:
            self._readers.refused(submission.stanza.to.bare())
        return self._page(submission, plain=True)

    def _page(self, submission: Submission, plain: bool = False) -> Page:
        """Built once, when the message arrives: what waits in the queue is ready to go."""
        node = self._node
        stanza, target, branch = submission.stanza, submission.target, node.ids.branch()
        assert stanza.from_ is not None
        call_id = submission.call_id or node.ids.call_id()
        form: MessageFacts | None = None
        if not plain and submission.asking is not None:
            form = submission.asking
        elif not plain and submission.content is not None and stanza.to is not None:
            form = self._submissions.formed(submission, self._readers.forms(stanza.to.bare()))
        facts: Submission | MessageFacts = submission if form is None else form
        headers = facts.headers
        more = _same_lines(headers) if type(headers) is tuple and submission.kept is None else _lines(headers)
        head = (
            f"MESSAGE {target} SIP/2.0\r\nVia: {node.agent.via(branch)}\r\nMax-Forwards: 70\r\n"
            f"From: <{uri_of(stanza.from_)}>;tag={submission.tag or branch[7:]}\r\nTo: <{target}>\r\n"
            f"Call-ID: {call_id}\r\nCSeq: 1 MESSAGE\r\n{more}Content-Length: {len(facts.body)}\r\n\r\n"
        )
        data = head_bytes(head, HEAD_LINES + len(facts.headers)) + facts.body
        return Page(self, submission, form, branch, call_id, data)

    def _send(self, page: Page) -> list[Effect]:
        submission = page.submission
        if submission.is_long:
            return self._turn(submission)
        assert submission.stanza.to is not None
        patience = PATIENCE if submission.aside is None else ASIDE_PATIENCE
        if submission.until:
            patience = min(PATIENCE, max(submission.until - self._node.wall, 0.0) + ANSWER_PATIENCE)
        transaction = self._node.layer.open_client("MESSAGE", page.branch, page, seconds=patience, call_id=page.call_id)
        if submission.stanza.ticket is None:
            self._submissions.journal.gone.append((transaction, submission, page))
        return [SendSip(submission.decision.recipient, submission.stanza.to.host, page.data, transaction)]

    def _next(self, target: str) -> list[Effect]:
        """The way to a user is free: send what waits, or forget him."""
        waiting = self._waiting.get(target)
        if not waiting:
            self._waiting.pop(target, None)
            return []
        following = waiting.popleft()
        self._submissions.goes(following.submission)
        return self._send(following)


@lru_cache(CACHE)
def _same_lines(headers: Sequence[tuple[str, str]]) -> str:
    """What nearly all messages have: the type of plain text, and the language. Not for what an earlier life has kept,
    whose headers may hold a subject of any length."""
    return _lines(headers)


def _lines(headers: Sequence[tuple[str, str]]) -> str:
    return "".join([f"{name}: {value}\r\n" for name, value in headers])
