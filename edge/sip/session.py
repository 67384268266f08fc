"""A session of text: one INVITE and what is said within its dialog, from either side (RFC 3261 §13 to §15).

Microsoft clients send no MESSAGE outside of a session. Used by `edge.gateway.chat`, which keeps every session in
one dictionary under `key`, finds the session of a request by `edge.sip.subscription.usage_key`, and performs the
outputs in order. Inputs and who gives them: `invite`, `accept`, `decline`, `send`, `bye`: the transaction user;
`answered`, `failed`: the transaction layer, for every branch that was in a `SendRequest`; `acked`, `cancelled`: the
same, for the transaction of an INVITE; `requested`: a request with a To tag of ours; `expire`: the wheel.

    session = Session.call(agent, "sip:juliet@xmpp.example", "sip:romeo@sip.example", ("text/plain",))
    perform(session.invite(now))                                 # later `Opened`, or `Ended`

    session = Session.incoming(agent, transaction, ("text/plain",))   # refuse with the error that it may raise
    perform(session.accept(now))                                 # or `decline`; later `Opened`, or `Ended`

The outputs are in `edge.sip.session_outputs`. An answer to `send` that comes after `Ended` still gives its `Answered`,
which sends nothing; until then ``token`` says that it is open.

``now`` is a time in seconds on any scale that does not jump.
"""

from collections.abc import Sequence
from contextlib import suppress

from edge.codes import Code
from edge.errors import LocalProtocolError, RemoteProtocolError
from edge.sip import sdp, session_timer
from edge.sip.dialog import Dialog
from edge.sip.message import Message, Request, Response
from edge.sip.session_outputs import (
    Answered,
    Arrived,
    Cause,
    Ended,
    Idle,
    Opened,
    Output,
    Repeat,
    Respond,
)
from edge.sip.session_party import Party, Timer
from edge.sip.session_tables import SESSION
from edge.sip.session_tables import SessionAction as Action
from edge.sip.session_tables import SessionInput as Input
from edge.sip.session_tables import SessionState as State
from edge.sip.subscription import UserAgent
from edge.sip.transaction import ServerTransaction
from edge.timers import TICK

WAIT = 60.0  # seconds that an answer may take: a Microsoft client with several devices answers when somebody looks
IDLE = 900.0  # seconds without a MESSAGE after which the user is asked whether to stay
T2 = 4.0  # seconds; the longest pause between two 2xx (RFC 3261 §13.3.1.4)
SOON = 30.0  # seconds to wait before a refresh that failed is tried again
GIVEN_UP = 503  # what an INFO is taken to have got that nobody has answered
GLARE = (0.5, 2.5)  # seconds, callee and caller: before an INVITE that got 491 is sent again (RFC 3261 §14.1)

GONE = (408, 480, 481)
"""Answers to a request within the dialog that say that there is none (RFC 3261 §12.2.1.2)."""
# COMPAT(lync): 480 too, when the client has closed its window and its BYE was lost; since Live Communications Server
# 2003.


class Session(Party):
    """One session."""

    __slots__ = ()

    @classmethod
    def call(
        cls, agent: UserAgent, caller: str, callee: str, types: tuple[str, ...], *, idle: float = IDLE,
        wait: float = WAIT,
    ) -> "Session":
        """A session of one SIP URI with another, which `invite` begins. ``types``: the media types that we read."""
        dialog = Dialog.initiate(agent.ids.call_id(), agent.ids.tag(), caller, callee)
        return cls(agent, dialog, types, idle, wait, State.CALLING)

    @classmethod
    def incoming(
        cls, agent: UserAgent, transaction: ServerTransaction, types: tuple[str, ...], *, idle: float = IDLE
    ) -> "Session":
        """A session that a peer's INVITE, not in a dialog, asks for; then `accept` or `decline` it.

        `RemoteProtocolError`: refuse the INVITE, with its status. 488: it is for something other than text.
        """
        _acceptable(transaction.request)
        dialog = Dialog.as_uas(transaction.request, transaction.to_tag)
        session = cls(agent, dialog, types, idle, 0.0, State.OFFERED)
        session.invitation = transaction
        session.takes_update = "update" in session_timer.words(transaction.request, "allow")
        return session

    @property
    def can_send(self) -> bool:
        """Whether a MESSAGE may be sent: the session is open, and no other one is under way."""
        return not self.branch and (self.state is State.OPEN or (self.state is State.ACCEPTED and self.was_open))

    @property
    def can_inform(self) -> bool:
        """Whether an INFO may be sent: nothing at all is under way that it could overtake."""
        return not self.aside and self.can_send

    def invite(self, now: float, headers: Sequence[tuple[str, str]] = ()) -> list[Output]:
        """Send the INVITE, with headers of the user's own."""
        if self.state is not State.CALLING or self.control:
            raise LocalProtocolError("a session is asked for once")
        return [self._invite(headers), self._start(Timer.WAIT, self.wait)]

    def accept(self, now: float, headers: Sequence[tuple[str, str]] = ()) -> list[Output]:
        """Answer the INVITE with 200. Nothing, if it has been given up meanwhile."""
        invitation = self.invitation
        if self._step(Input.ACCEPT) is not Action.ANSWER or invitation is None:
            return []
        return self._agree(invitation, sdp.offered(invitation.request), now, headers)

    def decline(self, status: int, now: float, headers: Sequence[tuple[str, str]] = ()) -> list[Output]:
        """Refuse the INVITE."""
        return self._decline(status, headers) if self._step(Input.DECLINE) is Action.END_BY_DECLINE else []

    def send(
        self, method: str, token: object, now: float, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> list[Output]:
        """Send a MESSAGE (`can_send`) or INFO (`can_inform`). `Answered` with ``token`` follows.

        A MESSAGE does not wait for an INFO, which says what holds for seconds and may have been lost. Their numbers
        rise all the same, so that the worst that can happen to either is that the INFO comes too late to count.
        """
        if not (self.can_send if method == "MESSAGE" else method == "INFO" and self.can_inform):
            raise LocalProtocolError("nothing can be sent in the session now")
        request = self._request(method, headers, body)
        if method == "INFO":
            self.aside, self.aside_token = request.branch, token
            return [request]
        self.branch, self.token = request.branch, token
        self.idle_at = now + self.idle
        return [request]

    def bye(self, now: float) -> list[Output]:
        """End the session, whatever it is at: by BYE, by CANCEL, or by refusing. `Ended` follows, mostly later."""
        before = self.state
        action = self._step(Input.HANG_UP)
        if self.state is not before:
            self.cause = Cause.CANCELLED if before < State.OFFERED else Cause.LEFT
        if action is Action.SEND_CANCEL:
            return self._cancel()
        if action is Action.END_BY_DECLINE:
            return self._decline(480, ())
        return [self._bye()] if action is Action.LEAVE else []

    def expire(self, now: float) -> list[Output]:
        """The timer fired."""
        timer, self.timer = self.timer, Timer.NONE
        if timer is Timer.WAIT:
            return self._wait_no_more()
        if timer is Timer.ACK:
            return self._miss_ack(now)
        return self._look(now) if timer is Timer.OPEN else []

    def acked(self, transaction: ServerTransaction, now: float) -> list[Output]:
        """The ACK for a 2xx came."""
        if transaction is not self.invitation:
            return []
        action = self._step(Input.ACK)
        if action is Action.LEAVE:
            return [self._bye()]
        return self._opened(None, now) if action is Action.TELL_ACKED else []

    def cancelled(self, transaction: ServerTransaction, now: float) -> list[Output]:
        """The peer has given its INVITE up."""
        if transaction is not self.invitation or self._step(Input.CANCEL) is not Action.END_BY_CANCEL:
            return []
        return [Respond(transaction, 487), self._ended(Cause.CANCELLED)]

    def requested(self, transaction: ServerTransaction, now: float) -> list[Output]:
        """A request of the dialog came. Raises `RemoteProtocolError`, having changed nothing, if it is malformed."""
        request = transaction.request
        method = request.method
        offer = sdp.offered(request) if request.body and method in ("INVITE", "UPDATE") else None
        if self.state < State.OFFERED or not self.dialog.covers(request):
            return [Respond(transaction, 481)]
        if not self.dialog.accepts(request):
            return [Respond(transaction, 500)]
        given = _INPUTS.get(method)
        if given is None:
            return [self._capabilities(transaction, method)]
        if offer is not None and offer.refusal:
            return [Respond(transaction, 488)]  # and the session goes on as it was (RFC 3261 §14.2)
        if self.state is State.OPEN and self.control and not self.takes_update and given in _OFFERS:
            return [Respond(transaction, 491)]  # our own INVITE is under way
        before = self.state
        action = self._step(given)
        if action is Action.HAND_UP:
            if method == "MESSAGE":
                self.idle_at = now + self.idle
            return [Arrived(method, transaction)]
        if action is Action.AGREE:
            return self._agree(transaction, offer, now, ())
        if action in _STATUSES:
            return [Respond(transaction, _STATUSES[action])]
        early = [Respond(self.invitation, 487)] if action is Action.END_BY_EARLY_BYE and self.invitation else []
        cause = self.cause if before is State.LEAVING else Cause.BYE
        return [Respond(transaction, 200), *early, self._ended(cause, 0, request)]

    def answered(self, response: Response, now: float) -> list[Output]:
        """The answer to a request of ours came. What fits nothing changes nothing."""
        status, method, branch = response.status, response.cseq.method, response.via.branch
        if status < 200:
            is_ours = method == "INVITE" and branch == self.control
            return self._cancel() if is_ours and self._step(Input.PROVISIONAL) is Action.SEND_CANCEL else []
        if branch and branch in (self.control, self.branch, self.aside):
            return self._over(branch, status, response, now)
        if method != "INVITE" or status >= 300 or self.state < State.OFFERED:
            return []
        return self._acknowledge(response) if self._step(Input.SUCCESS) is Action.ACKNOWLEDGE else []

    def failed(self, branch: str, status: int, now: float) -> list[Output]:
        """A request of ours got no answer: 408 or 503 (RFC 3261 §8.1.3.1)."""
        ours = self.control, self.branch, self.aside
        return self._over(branch, status, None, now) if branch and branch in ours else []

    # -- private: what happens

    def _step(self, given: Input) -> Action:
        self.state, action = SESSION.step(self.state, given)
        return action

    def _over(self, branch: str, status: int, response: Response | None, now: float) -> list[Output]:
        """A request of ours has its final answer, or will never have one."""
        if branch == self.branch:
            token, self.branch, self.token = self.token, "", None
            given_up = self._informed(GIVEN_UP, None) if self.aside and status < 300 else []
            return [*given_up, Answered(token, status, response), *self._lose(status, response)]
        if branch == self.aside:
            return [*self._informed(status, response), *self._lose(status, response)]
        self.control = ""
        if self.state < State.OFFERED:
            return self._invited(status, response, now)
        if self.state is State.TERMINATED:
            return []
        if self._step(Input.FINISHED) is Action.END:
            return [self._ended(self.cause, status, response)]
        return self._refreshed(status, response, now)

    def _informed(self, status: int, response: Response | None) -> list[Output]:
        """An INFO has its answer, or it was lost: what was sent after it has been answered, so the dialog is there."""
        token, self.aside, self.aside_token = self.aside_token, "", None
        return [Answered(token, status, response)]

    def _invited(self, status: int, response: Response | None, now: float) -> list[Output]:
        before = self.state
        if status >= 300 or response is None:
            self._step(Input.FAILURE)
            return [self._ended(Cause.REFUSED if before < State.UNWANTED else self.cause, status, response)]
        action = self._step(Input.SUCCESS)
        try:
            self.dialog.confirm(response)
        except RemoteProtocolError:
            with suppress(RemoteProtocolError):
                self.dialog.remote_tag = response.to.tag
            if action is Action.OPEN:
                self.cause = Cause.UNUSABLE
                action = self._step(Input.HANG_UP)
        outputs: list[Output] = [self._ack(self.dialog, response)]
        if action is not Action.OPEN:
            return [*outputs, self._bye()]
        self.takes_update = "update" in session_timer.words(response, "allow")
        self._keep(session_timer.agreed(response), now)
        return outputs + self._opened(response, now)

    def _acknowledge(self, response: Response) -> list[Output]:
        """A 2xx that came before, or from another branch of a fork: that one gets a BYE (RFC 3261 §13.2.2.4)."""
        dialog = self.dialog
        number = response.cseq.number
        with suppress(RemoteProtocolError):
            if response.to.tag == dialog.remote_tag:
                return [self._ack(dialog, response)]
            if self.is_caller and number == 1:
                other = Dialog(
                    dialog.call_id, dialog.local_tag, "", dialog.local_uri, dialog.remote_uri, "", (), number
                )
                other.confirm(response)
                return [self._ack(other, response), self._request("BYE", dialog=other)]
        return []

    def _refreshed(self, status: int, response: Response | None, now: float) -> list[Output]:
        """The answer to an INVITE or UPDATE that keeps the session alive (RFC 4028 §7)."""
        outputs: list[Output] = []
        if response is not None and status < 300:
            if response.cseq.method == "INVITE":
                outputs.append(self._ack(self.dialog, response))
            self.dialog.retarget(response)
            self._keep(session_timer.agreed(response), now)
        elif status in GONE:
            return self._lose(status, response)
        elif status == 422 and response is not None and session_timer.too_short(response) > self.interval:
            self.interval = self.shortest = session_timer.too_short(response)
            self.refresh_at = now
        elif status in (405, 501) and self.takes_update:
            self.takes_update = False
            self.refresh_at = now
        else:
            self.refresh_at = now + (GLARE[self.is_caller] if status == 491 else SOON)
        return [*outputs, self._arm(now)] if self.state is State.OPEN else outputs

    def _lose(self, status: int, response: Response | None) -> list[Output]:
        """RFC 3261 §12.2.1.2: the peer says that it does not know the dialog, or says nothing."""
        action = self._step(Input.GONE) if status in GONE else Action.NOTHING
        if action is Action.NOTHING:
            return []
        goodbye = [self._request("BYE")] if action is Action.END_BY_LOSS_WITH_BYE and status != 481 else []
        return [*goodbye, self._ended(Cause.GONE, status, response)]

    def _wait_no_more(self) -> list[Output]:
        """Nobody has answered."""
        if self.state < State.UNWANTED:
            self.cause = Cause.UNANSWERED
        action = self._step(Input.TIMER_WAIT)
        if action is Action.END_BY_FAILURE:
            return [self._ended(self.cause, 408)]
        return self._cancel() if action is Action.SEND_CANCEL else []

    def _miss_ack(self, now: float) -> list[Output]:
        """RFC 3261 §13.3.1.4, over reliable transports too."""
        before = self.state
        action = self._step(Input.TIMER_UNACKED if now + TICK >= self.deadline else Input.TIMER_REPEAT)
        if action is Action.REPEAT and self.invitation is not None:
            self.pace = min(2 * self.pace, T2)
            return [Repeat(self.invitation), self._start(Timer.ACK, min(self.pace, self.deadline - now))]
        if before is State.ACCEPTED:
            self.cause = Cause.UNACKED
        return [self._bye()]

    def _look(self, now: float) -> list[Output]:
        """One of the times of an open session has come, or was moved meanwhile."""
        soon = now + TICK
        if self.interval and soon >= self.expires_at:
            self._step(Input.TIMER_EXPIRY)
            self.cause = Cause.EXPIRED
            return [self._bye()]
        outputs: list[Output] = []
        if self.interval and self.refresh_at and soon >= self.refresh_at:
            self._step(Input.TIMER_REFRESH)
            self.refresh_at = 0.0
            outputs.append(self._refresh())
        elif soon >= self.idle_at:
            self._step(Input.TIMER_IDLE)
            self.idle_at = now + self.idle
            outputs.append(Idle())
        return [*outputs, self._arm(now)]

    def _decline(self, status: int, headers: Sequence[tuple[str, str]]) -> list[Output]:
        invitation = self.invitation
        ended = self._ended(Cause.DECLINED, status)
        return [Respond(invitation, status, tuple(headers)), ended] if invitation is not None else [ended]

    def _opened(self, response: Response | None, now: float) -> list[Output]:
        """Or open again, after another INVITE."""
        self.invitation = None
        if self.was_open:
            return [self._arm(now)]
        self.was_open = True
        self.idle_at = now + self.idle
        return [Opened(response), self._arm(now)]

    def _ended(self, cause: Cause, status: int = 0, message: Message | None = None) -> Ended:
        self.timer = Timer.NONE
        self.invitation = None
        return Ended(cause, status, message)


_INPUTS = {
    "BYE": Input.BYE, "MESSAGE": Input.MESSAGE, "INFO": Input.MESSAGE, "INVITE": Input.REINVITE, "UPDATE": Input.UPDATE,
}
_OFFERS = (Input.REINVITE, Input.UPDATE)
_STATUSES = {Action.CONFIRM_BYE: 200, Action.REFUSE: 481, Action.REFUSE_FOR_NOW: 491}


def _acceptable(request: Request) -> None:
    offer = sdp.offered(request)
    if offer.refusal:
        raise RemoteProtocolError(offer.refusal, Code.S04, status=488)
