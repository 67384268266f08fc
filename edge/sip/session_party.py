"""The attributes of a session of text, and the messages that are made of them (RFC 3261 §12 to §15, RFC 4028).

Nothing is decided here: `edge.sip.session` does that.
"""

from collections.abc import Sequence
from enum import IntEnum

from edge.sip import sdp, session_timer
from edge.sip.dialog import Dialog
from edge.sip.headers import NameAddr
from edge.sip.message import Response
from edge.sip.session_outputs import Cancel, Cause, Output, Respond, SendAck
from edge.sip.session_tables import SessionState as State
from edge.sip.subscription import Rearm, SendRequest, UsageKey, UserAgent
from edge.sip.transaction import T1, TIMER_B, TIMER_H, ServerTransaction
from edge.timers import TICK

ALLOW = "INVITE, ACK, BYE, CANCEL, MESSAGE, INFO, OPTIONS, UPDATE"

LAST_CALL = 32.0  # seconds before a session expires at which we hang up, or a third of the interval (RFC 4028 §10)


class Timer(IntEnum):
    """Which timer runs."""

    NONE = 0
    WAIT = 1  # for the answer to our INVITE
    ACK = 2  # for the ACK to our 2xx
    OPEN = 3  # for the earliest of what is to come in an open session


class Party:
    """Our side of a session. Its attributes are plain values, but for the INVITE that waits for its ACK.

    ``invitation`` is that INVITE, ``control`` the branch of our INVITE, UPDATE or BYE that waits for its answer,
    ``branch`` and ``token`` those of our MESSAGE that does, ``aside`` and ``aside_token`` those of our INFO.
    ``shortest`` is the interval that the peer wants at least. ``user`` belongs to the transaction user.
    """

    __slots__ = (
        "agent", "dialog", "types", "wait", "idle", "is_caller", "state", "timer", "invitation", "control", "branch",
        "token", "aside", "aside_token", "cause", "was_open", "deadline", "pace", "idle_at", "interval", "shortest",
        "refresh_at", "expires_at", "takes_update", "user",
    )

    def __init__(
        self, agent: UserAgent, dialog: Dialog, types: tuple[str, ...], idle: float, wait: float, state: State
    ) -> None:
        self.agent = agent
        self.dialog = dialog
        self.types = types
        self.idle = idle
        self.wait = wait
        self.is_caller = state is State.CALLING
        self.state = state
        self.timer = Timer.NONE
        self.invitation: ServerTransaction | None = None
        self.control = ""
        self.branch = ""
        self.token: object = None
        self.aside = ""
        self.aside_token: object = None
        self.cause = Cause.LEFT
        self.was_open = False
        self.deadline = 0.0  # when the ACK will not come any more
        self.pace = T1  # seconds until the 2xx is repeated
        self.idle_at = 0.0
        self.interval = 0  # seconds; RFC 4028, 0: the session does not expire
        self.shortest = 0  # seconds
        self.refresh_at = 0.0  # 0: not by us, or not before an answer has come
        self.expires_at = 0.0
        self.takes_update = False
        self.user: object = None

    @property
    def key(self) -> UsageKey:
        return self.dialog.call_id, self.dialog.local_tag

    # -- for `edge.sip.session`

    def _request(
        self, method: str, headers: Sequence[tuple[str, str]] = (), body: bytes = b"", dialog: Dialog | None = None
    ) -> SendRequest:
        dialog = dialog or self.dialog
        branch = self.agent.ids.branch()
        data = dialog.request(method, self.agent.via(branch), self.agent.contact, headers, body)
        return SendRequest(method, branch, dialog.call_id, data)

    def _invite(self, headers: Sequence[tuple[str, str]]) -> SendRequest:
        rows = (("Allow", ALLOW), session_timer.SUPPORTED, *headers, ("Content-Type", sdp.SDP))
        request = self._request("INVITE", rows, sdp.offer(self.types))
        self.control = request.branch
        return request

    def _refresh(self) -> SendRequest:
        """By UPDATE (RFC 3311) if the peer takes it, else by an INVITE with the offer made before (RFC 4028 §7.4)."""
        headers = session_timer.refresh(self.interval, self.shortest)
        if not self.takes_update:
            return self._invite(headers)
        request = self._request("UPDATE", (session_timer.SUPPORTED, *headers))
        self.control = request.branch
        return request

    def _bye(self) -> SendRequest:
        request = self._request("BYE")
        self.control = request.branch
        self.timer = Timer.NONE
        self.invitation = None
        return request

    def _ack(self, dialog: Dialog, response: Response) -> SendAck:
        """It has the number of its INVITE and a branch of its own (RFC 3261 §13.2.2.4)."""
        via = self.agent.via(self.agent.ids.branch())
        return SendAck(dialog.request("ACK", via, self.agent.contact, number=response.cseq.number))

    def _cancel(self) -> list[Output]:
        return [Cancel(self.control), self._start(Timer.WAIT, TIMER_B + 2 * TICK)]

    def _agree(
        self, transaction: ServerTransaction, offer: sdp.Offer | None, now: float, headers: Sequence[tuple[str, str]]
    ) -> list[Output]:
        """The 200 to an INVITE or UPDATE. Who offers nothing in an INVITE gets an offer (RFC 3261 §14.2)."""
        request = transaction.request
        is_invite = request.method == "INVITE"
        agreement, rows = session_timer.agree(request)
        self._keep(agreement, now)
        body = b""
        if offer is not None:
            body = sdp.answer(offer, NameAddr.parse(self.dialog.local_uri).uri, self.types)
        elif is_invite:
            body = sdp.offer(self.types)
        routes = [("Record-Route", route) for route in self.dialog.route_set] if not request.to.tag else []
        described = [("Content-Type", sdp.SDP)] if body else []
        ours = ("Contact", self.agent.contact), ("Allow", ALLOW), session_timer.SUPPORTED
        rows = (*routes, *ours, *rows, *headers, *described)
        answer = Respond(transaction, 200, rows, body)
        if is_invite:
            self.invitation = transaction
            self.pace = T1
            self.deadline = now + TIMER_H
            return [answer, self._start(Timer.ACK, T1)]
        return [answer, self._arm(now)] if self.state is State.OPEN else [answer]

    def _capabilities(self, transaction: ServerTransaction, method: str) -> Respond:
        """What a method gets that says nothing about the session."""
        if self.state is State.TERMINATED:
            return Respond(transaction, 481)
        if method == "OPTIONS":
            rows = ("Allow", ALLOW), ("Accept", ", ".join((*self.types, sdp.SDP))), session_timer.SUPPORTED
            return Respond(transaction, 200, rows)
        return Respond(transaction, 405, (("Allow", ALLOW),))

    def _keep(self, agreement: session_timer.Agreement, now: float) -> None:
        self.interval = interval = agreement.interval
        self.expires_at = now + interval - min(LAST_CALL, interval / 3)
        self.refresh_at = now + interval / 2 if agreement.ours else 0.0

    def _start(self, timer: Timer, seconds: float) -> Rearm:
        self.timer = timer
        return Rearm(max(seconds, 0.0))

    def _arm(self, now: float) -> Rearm:
        """For the earliest of what is to come. Messages that come meanwhile leave the timer alone."""
        due = self.idle_at
        if self.interval:
            due = min(due, self.expires_at, self.refresh_at or self.expires_at)
        return self._start(Timer.OPEN, due - now)
