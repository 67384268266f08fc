"""The subscriber's side of RFC 6665: we SUBSCRIBE, the peer sends NOTIFYs.

Used by `edge.gateway.subscriber`, which performs the outputs as `edge.sip.subscription` says. Inputs and
who gives them: `subscribe`, `refresh`, `unsubscribe`: the transaction user; `answered`, `failed`: the
transaction layer, for the SUBSCRIBE whose branch was in a `SendRequest`; `notified`: a NOTIFY that
`usage_key` found this subscriber for; `expire`: the wheel.

    subscriber = Subscriber.open(agent, "sip:juliet@xmpp.example", "sip:romeo@sip.example")
    usages[subscriber.key] = subscriber
    perform(subscriber.subscribe(now))

With ``expires=0`` it is a fetch (RFC 6665 §4.4.3): a dialog of its own that gives one `Document`, if the
notifier has any, and then `Ended`, whose ``authorization_dead`` is false unless the peer refused.
"""

from enum import IntEnum
from zlib import crc32

from edge.errors import LocalProtocolError
from edge.sip.dialog import Dialog
from edge.sip.message import Request, Response
from edge.sip.microsoft import is_superseded
from edge.sip.subscription import (
    DEFAULT_EXPIRES,
    MAX_EXPIRES,
    PIDF,
    PRESENCE,
    REASONS,
    TIMER_N,
    UNKNOWN_REASON,
    Active,
    Cause,
    Document,
    Ended,
    Granted,
    Output,
    Pending,
    Rearm,
    RefreshDue,
    Reply,
    Rule,
    SendRequest,
    UsageKey,
    UserAgent,
    response_rule,
    wait,
)
from edge.sip.subscription_tables import SUBSCRIBER
from edge.sip.subscription_tables import SubscriberAction as Action
from edge.sip.subscription_tables import SubscriberInput as Input
from edge.sip.subscription_tables import SubscriberState as State

REFRESH_BEFORE = 60.0  # seconds before expiry to refresh, or half of the time if that is later
REFRESH_SPREAD = 0.1  # the part of the time by which refreshes are spread, so that they never come in one burst
ROUNDING = 2.0  # seconds; what a notifier's whole seconds and the way of a NOTIFY make of the same expiry
SHORTEST_REFRESH = 2.0  # seconds; a notifier that grants less than twice as much is not asked oftener
SHORTEST_PAUSE = 10.0  # seconds between a refresh that failed and the next, whatever the notifier says


class Timer(IntEnum):
    """Which timer runs."""

    NONE = 0
    N = 1
    REFRESH = 2
    EXPIRY = 3


# What each NOTIFY meets; looking a member up in its enum costs ten times as much as a name.
_REFRESH, _TERMINATED, _NOTIFY_ACTIVE, _LEARN_ACTIVE = (
    Timer.REFRESH, State.TERMINATED, Input.NOTIFY_ACTIVE, Action.LEARN_ACTIVE,
)
_TIMER_INPUTS = {Timer.N: Input.TIMER_N, Timer.REFRESH: Input.TIMER_REFRESH, Timer.EXPIRY: Input.TIMER_EXPIRY}


class Subscriber:
    """One subscription. Its attributes are plain values: a store that keeps them can build it again.

    ``expires`` is what is asked for, ``expires_at`` the time at which the subscription ends if it is not
    refreshed, ``since`` when it was asked for, ``branch`` that of the SUBSCRIBE that waits for its answer.
    """

    __slots__ = (
        "agent", "dialog", "expires", "state", "accept", "timer", "branch", "expires_at", "since", "raised",
        "was_active",
    )

    def __init__(self, agent: UserAgent, dialog: Dialog, expires: int, state: State, accept: str = PIDF) -> None:
        self.agent = agent
        self.dialog = dialog
        self.expires = expires
        self.state = state
        self.accept = accept  # the formats that are read, as they stand in Accept
        self.timer = Timer.NONE
        self.branch = ""
        self.expires_at = 0.0
        self.since = 0.0
        self.raised = False  # whether a 423 has made us ask for more
        self.was_active = False

    @classmethod
    def open(
        cls, agent: UserAgent, watcher: str, presentity: str, expires: int = DEFAULT_EXPIRES, accept: str = PIDF
    ) -> "Subscriber":
        """A subscription of one SIP URI to another, with a Call-ID and tag of its own; 0 seconds make it a fetch."""
        dialog = Dialog.initiate(agent.ids.call_id(), agent.ids.tag(), watcher, presentity)
        return cls(agent, dialog, expires, State.NOTIFY_WAIT if expires else State.ENDING, accept)

    @property
    def key(self) -> UsageKey:
        return self.dialog.call_id, self.dialog.local_tag

    @property
    def is_fetch(self) -> bool:
        return self.expires == 0

    def subscribe(self, now: float) -> list[Output]:
        """Send the first SUBSCRIBE."""
        if self.dialog.local_cseq:
            raise LocalProtocolError("a subscriber subscribes once; afterwards it refreshes")
        self.since = now
        return self._send(self.expires)

    def refresh(self, now: float) -> list[Output]:
        """Subscribe again within the dialog: the answer to `RefreshDue`, or to see the present state."""
        return self._act(Input.REFRESH, now)

    def postpone(self, seconds: float, now: float) -> list[Output]:
        """Refresh later than planned: the other answer to `RefreshDue`. Without the time for it, let it expire."""
        left = self.expires_at - now
        return [self._start(Timer.REFRESH, seconds) if seconds < left else self._start(Timer.EXPIRY, left)]

    def unsubscribe(self, now: float) -> list[Output]:
        """End the subscription (RFC 8048 §5.2.3). The dialog ends with the last NOTIFY, which gives `Ended`."""
        return self._act(Input.UNSUBSCRIBE, now)

    def expire(self, now: float) -> list[Output]:
        """The timer fired."""
        timer, self.timer = self.timer, Timer.NONE
        return self._act(_TIMER_INPUTS[timer], now) if timer else []

    def answered(self, response: Response, now: float) -> list[Output]:
        """The answer to a SUBSCRIBE came. One that is provisional, or to a SUBSCRIBE but the last, changes nothing."""
        status = response.status
        if status < 200 or response.via.branch != self.branch:
            return []
        if status >= 300:
            return self._fail(status, response.retry_after, _number(response, b"min-expires"), now)
        self.branch = ""
        granted = _number(response, b"expires")
        granted = self.expires if granted is None else min(granted, self.expires)  # shorter, never longer
        if self.dialog.remote_cseq is not None:
            self.dialog.retarget(response)
        if self.timer is Timer.N:  # else a NOTIFY has been faster, and it is the authority
            self.expires_at = now + granted
        action = self._step(Input.SUCCESS)
        if action is Action.GRANT:
            return [Granted(granted)]
        return [Granted(0)] if action is Action.CONFIRM_END else []

    def failed(self, branch: str, status: int, now: float) -> list[Output]:
        """A SUBSCRIBE got no answer: 408 or 503 (RFC 3261 §8.1.3.1)."""
        return self._fail(status, None, None, now) if branch == self.branch else []

    def notified(self, request: Request, now: float) -> list[Output]:
        """A NOTIFY came. Raises `RemoteProtocolError`, having changed nothing, if it is malformed."""
        dialog = self.dialog
        event = request.event
        if event is None or event.package != PRESENCE:
            return [Reply(489, (("Allow-Events", PRESENCE),))]
        told = request.subscription_state
        if told is None:
            return [Reply(400)]
        content = request.content_type
        document = Document(content.type if content else "", request.body) if request.body else None
        confirmed = dialog.remote_cseq is not None
        # RFC 6665 §4.1.2.4, RFC 3856 §6.9: nothing creates a usage but the first NOTIFY, and there is one usage.
        known = dialog.covers(request) if confirmed else self.key == (request.call_id, request.to.tag)
        if not known or event.id is not None or self.state is _TERMINATED:
            return [Reply(481)]
        if not confirmed:
            dialog.confirm(request)
        elif not dialog.accepts(request):
            return [Reply(500)]
        if told.state == "terminated":
            before = self.state
            self._step(Input.NOTIFY_TERMINATED)
            reason = "deactivated" if is_superseded(request) else told.reason
            rule = REASONS.get(reason or "", UNKNOWN_REASON)
            last = [document] if document and (before < State.WITHDRAWN or self.is_fetch) else []
            return [Reply(200), *last, self._ended(before, Cause.NOTIFY, rule, reason, 0, told.retry_after)]
        if told.expires is not None:
            expires_at = now + min(told.expires, self.expires)
        else:
            expires_at = self.expires_at if self.expires_at > now else now + self.expires
        action = self._step(_NOTIFY_ACTIVE if told.state == "active" else Input.NOTIFY_PENDING)
        outputs: list[Output] = [Reply(200)]
        if action is _LEARN_ACTIVE:
            first, self.was_active = not self.was_active, True
            outputs.append(Active(first))
            if document or first:
                outputs.append(document or Document("", b""))
        elif action is Action.LEARN_PENDING:
            outputs.append(Pending())
        elif action is Action.UNSUBSCRIBE:
            return outputs + self._send(0)
        else:
            return [*outputs, document] if document and self.is_fetch else outputs
        return outputs + self._schedule(expires_at, now)

    # -- private

    def _step(self, given: Input) -> Action:
        self.state, action = SUBSCRIBER.step(self.state, given)
        return action

    def _act(self, given: Input, now: float) -> list[Output]:
        """What the transaction user and the timers cause."""
        before = self.state
        action = self._step(given)
        if action is Action.SUBSCRIBE:
            return self._send(self.expires)
        if action is Action.UNSUBSCRIBE:
            return self._send(0)
        if action is Action.ASK_USER:
            return [RefreshDue(), self._start(Timer.EXPIRY, self.expires_at - now)]
        if action is Action.END_BY_TIMER_N:
            return [self._ended(before, Cause.TIMER_N, UNKNOWN_REASON, None, 408, None)]
        if action is Action.END_BY_EXPIRY:
            return [self._ended(before, Cause.EXPIRY, UNKNOWN_REASON, None, 0, None)]
        return []

    def _fail(self, status: int, retry_after: int | None, longer: int | None, now: float) -> list[Output]:
        """RFC 6665 §4.1.2.2, RFC 8048 §5.2.2."""
        self.branch = ""
        rule = response_rule(status)
        given = Input.DEAD if rule.dialog_dead else Input.KEPT
        if status == 423 and longer is not None and not self.raised and self.expires < longer <= MAX_EXPIRES:
            given = Input.INTERVAL
        before = self.state
        action = self._step(given)
        if action is Action.ASK_AGAIN and longer is not None:
            self.raised = True
            self.expires = longer
            return self._send(longer)
        if action is Action.TRY_LATER:
            return self.postpone(max(wait(rule, retry_after) or 0.0, SHORTEST_PAUSE), now)
        if action is Action.END_BY_RESPONSE:
            return [self._ended(before, Cause.RESPONSE, rule, None, status, retry_after)]
        return []

    def _ended(
        self, before: State, cause: Cause, rule: Rule, reason: str | None, status: int, retry_after: int | None
    ) -> Ended:
        self.timer = Timer.NONE
        retry = None if before in (State.WITHDRAWN, State.ENDING) else wait(rule, retry_after)
        return Ended(cause, reason or "", status, rule.authorization_dead, retry)

    def _send(self, expires: int) -> list[Output]:
        branch = self.branch = self.agent.ids.branch()
        headers = (
            f"Event: {PRESENCE}\r\nAccept: {self.accept}\r\nExpires: {expires}\r\nAllow-Events: {PRESENCE}\r\n"
        )
        data = self.dialog.written("SUBSCRIBE", self.agent.via(branch), self.agent.contact, headers, 4)
        return [SendRequest("SUBSCRIBE", branch, self.dialog.call_id, data), self._start(Timer.N, TIMER_N)]

    def _start(self, timer: Timer, seconds: float) -> Rearm:
        self.timer = timer
        return Rearm(max(seconds, 0.0))

    def _schedule(self, expires_at: float, now: float) -> list[Output]:
        """Arm the refresh; a NOTIFY that only counts the time down leaves the timer alone."""
        if self.timer >= _REFRESH and abs(expires_at - self.expires_at) < ROUNDING:
            return []
        self.expires_at = expires_at
        left = expires_at - now
        point = max(left / 2, left - REFRESH_BEFORE) * (1 - REFRESH_SPREAD * _spread(self.dialog.local_tag))
        return [self._start(Timer.REFRESH, max(point, SHORTEST_REFRESH))]


def _spread(tag: str) -> float:
    """From 0 to 1, the same for a dialog each time; our tags are random."""
    return crc32(tag.encode()) / 2**32


def _number(response: Response, name: bytes) -> int | None:
    """Delta-seconds of a response; one that is malformed is as good as absent."""
    row = response.headers.index.get(name)
    if row is None:
        return None
    text = (row if isinstance(row, bytes) else row[0]).strip(b" \t")
    return int(text) if text.isdigit() and len(text) < 10 else None
