"""The transaction layer: one door between SIP messages and the transaction user (RFC 3261 §17, §9, §8.2.2.2).

Called by `edge.gateway.core` for every request, response, timer and lost link. Inputs are methods, outputs
are returned and are to be performed in order. The layer knows no sockets: a ``link`` is an opaque object
that comes back in `Send`, and its only clock is the `Wheel`, whose due items come back through `expire`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from edge.codes import Code
from edge.errors import LocalProtocolError, RemoteProtocolError
from edge.identifiers import Identifiers
from edge.sip.answers import ack_of, cancel_of, refusal_bytes
from edge.sip.crowd import Crowd, peer_of
from edge.sip.message import Request, Response, response_bytes
from edge.sip.microsoft import BENOTIFY
from edge.sip.transaction import (
    TIMER_B,
    TIMER_C,
    TIMER_F,
    TIMER_H,
    TIMER_L,
    TIMER_M,
    ClientAction,
    ClientInput,
    ClientTransaction,
    InviteClient,
    InviteServer,
    NonInviteServer,
    ServerAction,
    ServerInput,
    ServerTransaction,
)
from edge.timers import TICK, Wheel

MAX_TRANSACTIONS = 50_000
"""Requests that may be waiting for us at once: 1,500 a second for as long as a peer waits for an answer
(Timer F). Past half of that whoever has most of them is told that it is overloaded (`edge.sip.crowd`). Our own
requests are not counted: nobody but we open them, and each partner's queue bounds them."""

RETRY_AFTER = 32  # seconds; by then every transaction that is open now is over

TRYING_SECONDS = 3.5 - TICK  # RFC 4320 §4.1: 100 when Timer E would reach T2; the wheel fires up to a tick late
OVERDUE_SECONDS = 31.0  # a second before the peer's Timer F, for the answer to reach it in time
INVITE_OVERDUE_SECONDS = 180.0  # what a proxy's Timer C grants at least (RFC 3261 §16.6)
LAST_SECONDS = 1.0  # what the transaction user has for its answer once it was reminded

COOKIE = "z9hG4bK"  # a branch that begins so is unique (RFC 3261 §8.1.1.7)
# What each message meets; looking a member up in its enum costs ten times as much as a name.
_TRYING = NonInviteServer.TRYING
_SUCCESS = ServerInput.SUCCESS
_ANSWERED = ClientInput.SUCCESS
_NOTHING = ServerAction.NOTHING
_SEND_AND_END = ServerAction.SEND_AND_END
_DELIVER_AND_END = ClientAction.DELIVER_AND_END
_ACK_AND_END = ClientAction.ACK_AND_END

MERGED = "the request is here already, by another way"
CROWDED = "too many requests of this peer wait for an answer"
NOTHING_TO_CANCEL = "there is no such transaction"

NOT_CANCELLED = ("MESSAGE", "SUBSCRIBE", "NOTIFY", "OPTIONS", "INFO", "BYE", "PUBLISH", "REFER", "UPDATE", "PRACK")


@final
@dataclass(slots=True)
class Send:
    """Write ``data`` on ``link``, or, if it is gone, where RFC 3261 §18.2.2 says."""

    link: Any  # opaque here
    data: bytes


@dataclass(slots=True)
class Deliver:
    """A new request for the transaction user, which answers with `TransactionLayer.respond`."""

    transaction: ServerTransaction


@dataclass(slots=True)
class Answer:
    """A response to a request of ours: final, or provisional (below 200)."""

    transaction: ClientTransaction
    response: Response


@dataclass(slots=True)
class Acked:
    """The ACK for a 2xx that we sent to an INVITE. It may come several times."""

    transaction: ServerTransaction
    request: Request


@dataclass(slots=True)
class Cancelled:
    """The peer gave its INVITE up; its CANCEL is answered, the INVITE wants a 487."""

    transaction: ServerTransaction


@dataclass(slots=True)
class Failed:
    """A request of ours has no answer: 408 after Timer B or F, 503 after an error below (RFC 3261 §8.1.3.1)."""

    transaction: ClientTransaction
    status: int


@dataclass(slots=True)
class Overdue:
    """The transaction user must answer now; a second later it is too late and nothing is sent."""

    transaction: ServerTransaction


@dataclass(slots=True)
class Refused:
    """The layer itself has refused a request, by the `Send` before this: for the log."""

    link: object
    request: Request
    status: int
    code: Code
    text: str


Output = Send | Deliver | Answer | Acked | Cancelled | Failed | Overdue | Refused


class TransactionLayer:
    """All transactions of this gateway."""

    __slots__ = ("_clients", "_crowd", "_ids", "_ongoing", "_servers", "_wheel")

    def __init__(self, wheel: Wheel[object], ids: Identifiers) -> None:
        self._wheel = wheel
        self._ids = ids
        self._servers: dict[Sequence[object], ServerTransaction] = {}
        self._crowd = Crowd()
        self._clients: dict[str, ClientTransaction] = {}
        self._ongoing: dict[Sequence[object], ServerTransaction] = {}  # by merge key

    @property
    def servers(self) -> int:
        """How many requests from peers are open."""
        return len(self._servers)

    @property
    def clients(self) -> int:
        """How many requests of ours are open."""
        return len(self._clients)

    def receive_request(self, link: object, request: Request, source: str = "") -> list[Output]:
        """Take a request that `edge.sip.message.check_request` passed; ``source`` is the peer's IP address."""
        method = request.method
        via = request.via
        received = "" if source == via.host or source == via.host.strip("[]") else source
        key = _server_key(request)
        if method == "ACK":
            return self._acknowledge(key, request)
        if method == "CANCEL":
            return self._cancel(key, link, request, received)
        if method == BENOTIFY:
            return []
        known = self._servers.get(key)
        if known is not None:
            return self._step_server(known, ServerInput.REQUEST)
        to_tag = ""
        merge_key: Sequence[object] | None = None
        if not request.to.tag:
            to_tag = self._ids.tag()
            merge_key = _merge_key(request, method)
            if merge_key in self._ongoing:
                return _refused(link, request, 482, Code.S02, MERGED, to_tag, received)
        elif method == "INVITE":
            merge_key = _merge_key(request, method)
        left = MAX_TRANSACTIONS - len(self._servers)
        if 2 * left <= MAX_TRANSACTIONS and not self._crowd.admits(
            link, self._servers.values(), MAX_TRANSACTIONS, left, self._wheel.now
        ):
            again = [("Retry-After", str(RETRY_AFTER))]
            return _refused(link, request, 503, Code.L01, CROWDED, to_tag, received, again)
        state = InviteServer.PROCEEDING if method == "INVITE" else _TRYING
        transaction = ServerTransaction(key, merge_key, link, request, to_tag, received, state)
        self._servers[key] = transaction
        if merge_key is not None:
            self._ongoing[merge_key] = transaction
        if method != "INVITE":
            transaction.slot = self._wheel.start(TRYING_SECONDS, transaction)
            return [Deliver(transaction)]
        # RFC 3261 §17.2.1: 100 "unless it knows that the TU will generate" an answer "within 200 ms".
        transaction.slot = self._wheel.start(INVITE_OVERDUE_SECONDS, transaction)
        transaction.sent = response_bytes(request, 100, received=received)
        return [Send(link, transaction.sent), Deliver(transaction)]

    def receive_response(self, response: Response) -> list[Output]:
        """Take a response. One that is malformed or answers nothing of ours is dropped (RFC 3261 §17.1.3, §18.1.2)."""
        try:
            transaction = self._clients.get(response.via.branch)
            if (
                transaction is None
                or response.cseq.method != transaction.method
                or isinstance(response.headers.index[b"via"], list)  # a second Via: it is for somebody else
                or (transaction.call_id and response.call_id != transaction.call_id)
            ):
                return []
        except RemoteProtocolError:
            return []
        status = response.status
        given = _ANSWERED if 200 <= status < 300 else ClientInput.FAILURE if status >= 300 else ClientInput.PROVISIONAL
        return self._step_client(transaction, given, response)

    def respond(
        self, transaction: ServerTransaction, status: int, *, reason: str | None = None,
        headers: Sequence[tuple[str, str]] = (), body: bytes = b"",
    ) -> list[Send]:
        """Answer a request. Answering once more, or too late, is harmless and sends nothing.

        To a request other than INVITE only final responses are given, and never 408 (RFC 4320 §4).
        """
        if isinstance(transaction.state, NonInviteServer) and status == 408:
            raise LocalProtocolError("408 must not be sent to a request other than INVITE")
        given = _SUCCESS if 200 <= status < 300 else ServerInput.FAILURE if status >= 300 else ServerInput.PROVISIONAL
        action = transaction.step(given)
        if action is _NOTHING:
            return []
        data = response_bytes(
            transaction.request, status, reason=reason, to_tag=transaction.to_tag if status > 100 else "",
            headers=headers, body=body, received=transaction.received,
        )
        if action is _SEND_AND_END:
            self._forget_server(transaction)
        else:
            transaction.sent = data
            if action is not ServerAction.SEND:
                self._rearm(transaction, TIMER_H if action is ServerAction.SEND_AND_AWAIT_ACK else TIMER_L)
        return [Send(transaction.link, data)]

    def repeat(self, transaction: ServerTransaction) -> list[Send]:
        """Send the 2xx to an INVITE once more, because no ACK has come (RFC 3261 §13.3.1.4)."""
        is_accepted = transaction.state is InviteServer.ACCEPTED
        return [Send(transaction.link, transaction.sent)] if is_accepted else []

    def open_client(
        self, method: str, branch: str, user: object, *, seconds: float = 0.0, call_id: str = "", invite: bytes = b""
    ) -> ClientTransaction:
        """Register a request of ours, which the transaction user has built with ``branch`` in its only Via.

        ``seconds`` shortens Timer B or F. With ``call_id`` only a response that carries it too is taken: a
        branch can be guessed by another partner, a Call-ID cannot. An INVITE comes with its bytes in
        ``invite``, because the layer acknowledges its failure; what stands there before Via is in the ACK and in
        the CANCEL too.
        """
        if branch in self._clients or (method == "INVITE") != bool(invite):
            raise LocalProtocolError("a branch is used twice, or an INVITE comes without its bytes")
        transaction = ClientTransaction(branch, method, user, call_id, invite)
        self._clients[branch] = transaction
        transaction.slot = self._wheel.start(seconds or (TIMER_B if invite else TIMER_F), transaction)
        return transaction

    def cancel(self, branch: str) -> list[Send]:
        """Cancel an INVITE of ours that has had a provisional answer; its final one is waited for 64*T1 more.

        The CANCEL goes where the INVITE went. Its own answer tells nothing, and finds no transaction (RFC 3261 §9.1).
        """
        transaction = self._clients.get(branch)
        if transaction is None or transaction.state is not InviteClient.PROCEEDING:
            return []
        self._rearm(transaction, TIMER_B)
        return [Send(transaction.link, cancel_of(transaction.invite))]

    def failed(self, transaction: ClientTransaction, status: int = 503) -> list[Output]:
        """The request could not be sent, or the link that carried it is gone."""
        return self._step_client(transaction, ClientInput.TRANSPORT_ERROR, None, status)

    def link_lost(self, link: object) -> list[Output]:
        """Fail every request that was sent on ``link``. What came on it stays open: its answer finds another way."""
        lost = [each for each in self._clients.values() if each.link is link]
        return [output for each in lost for output in self.failed(each)]

    def expire(self, item: object) -> list[Output]:
        """A timer of ours came out of the wheel."""
        if isinstance(item, ServerTransaction):
            return self._step_server(item, ServerInput.TIMER)
        if isinstance(item, ClientTransaction):
            return self._step_client(item, ClientInput.TIMER, None, 408)
        raise LocalProtocolError("the item is no transaction")

    # -- private

    def _step_server(self, transaction: ServerTransaction, given: ServerInput) -> list[Output]:
        """Everything that can happen to a server transaction but an ACK or an answer from the transaction user."""
        action = transaction.step(given)
        if action is ServerAction.END:
            self._forget_server(transaction)
        elif action is ServerAction.SEND_TRYING:
            self._rearm(transaction, OVERDUE_SECONDS - TRYING_SECONDS)
            transaction.sent = response_bytes(transaction.request, 100, received=transaction.received)
            return [Send(transaction.link, transaction.sent)]
        elif action is ServerAction.REMIND:
            self._rearm(transaction, LAST_SECONDS)
            return [Overdue(transaction)]
        elif action is ServerAction.TELL_CANCELLED:
            return [Cancelled(transaction)]
        elif action is ServerAction.RESEND and transaction.sent:
            return [Send(transaction.link, transaction.sent)]
        return []

    def _step_client(
        self, transaction: ClientTransaction, given: ClientInput, response: Response | None, status: int = 503
    ) -> list[Output]:
        action = transaction.step(given)
        if action is _DELIVER_AND_END or action >= _ACK_AND_END:
            del self._clients[transaction.key]
            transaction.slot.pop(transaction, None)
            if action is _DELIVER_AND_END and response is not None:
                return [Answer(transaction, response)]
        elif action is ClientAction.DELIVER_AND_WAIT or action is ClientAction.DELIVER_AND_LINGER:
            self._rearm(transaction, TIMER_C if action is ClientAction.DELIVER_AND_WAIT else TIMER_M)
        if action is ClientAction.NOTHING or action is ClientAction.END:
            return []
        if response is None:
            return [Failed(transaction, status)]
        if action is _ACK_AND_END:
            return [Send(transaction.link, ack_of(transaction.invite, response)), Answer(transaction, response)]
        return [Answer(transaction, response)]

    def _rearm(self, transaction: ServerTransaction | ClientTransaction, seconds: float) -> None:
        Wheel.stop(transaction.slot, transaction)
        transaction.slot = self._wheel.start(seconds, transaction)

    def _forget_server(self, transaction: ServerTransaction) -> None:
        del self._servers[transaction.key]
        if transaction.merge_key is not None:
            self._ongoing.pop(transaction.merge_key, None)
        transaction.slot.pop(transaction, None)
        transaction.user = None  # it may know the transaction: without a circle the two go at once

    def _acknowledge(self, key: Sequence[object], request: Request) -> list[Output]:
        """An ACK is never answered. For a failure it has the INVITE's branch, for a 2xx one of its own."""
        transaction = self._servers.get(key) or self._ongoing.get(_merge_key(request, "INVITE"))
        if transaction is None:
            return []
        action = transaction.step(ServerInput.ACK)
        if action is ServerAction.END:
            self._forget_server(transaction)
        return [Acked(transaction, request)] if action is ServerAction.TELL_ACKED else []

    def _cancel(self, key: Sequence[object], link: object, request: Request, received: str) -> list[Output]:
        """RFC 3261 §9.2."""
        transaction = self._servers.get(key)
        if transaction is None:
            others = (self._servers.get((*key[:-1], method)) for method in NOT_CANCELLED)
            transaction = next((other for other in others if other is not None), None)
        if transaction is None or peer_of(transaction.link) != peer_of(link):  # who else would know its branch?
            return _refused(link, request, 481, Code.S05, NOTHING_TO_CANCEL, self._ids.tag(), received)
        answer = response_bytes(request, 200, to_tag=transaction.to_tag, received=received)
        return [Send(link, answer), *self._step_server(transaction, ServerInput.CANCEL)]


def _server_key(request: Request) -> Sequence[object]:
    """What a retransmission, an ACK and a CANCEL share with their request (RFC 3261 §17.2.3); the method comes last."""
    method = request.method
    if method == "ACK" or method == "CANCEL":
        method = "INVITE"
    via = request.via
    branch = via.branch
    if branch.startswith(COOKIE):
        return branch, via.host, via.port, method
    # RFC 2543: no branch to go by. An ACK has a To tag that its INVITE has not.
    tag = "" if method == "INVITE" else request.to.tag
    return str(via), request.uri, request.from_.tag, tag, request.call_id, request.cseq.number, method


def _merge_key(request: Request, method: str) -> Sequence[object]:
    """What merged requests have in common (RFC 3261 §8.2.2.2); an ACK for a 2xx has it in common with its INVITE."""
    return request.call_id, request.from_.tag, request.cseq.number, method


def _refused(
    link: object, request: Request, status: int, code: Code, text: str, to_tag: str, received: str,
    headers: Sequence[tuple[str, str]] = (),
) -> list[Output]:
    """A final response that needs no transaction, since nothing would be retransmitted, and the word of it."""
    data = refusal_bytes(request, status, code, text, to_tag=to_tag, headers=headers, received=received)
    return [Send(link, data), Refused(link, request, status, code, text)]
