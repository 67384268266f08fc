"""The notifier's side of RFC 6665: a peer SUBSCRIBEs, we send NOTIFYs.

Used by `edge.gateway.notifier`, which performs the outputs as `edge.sip.subscription` says and checks
event package, Accept, admission and interval (`too_brief`) of a SUBSCRIBE without To tag before `accept`.

    notifier, outputs = Notifier.accept(agent, transaction.request, transaction.to_tag, now)
    usages[notifier.key] = notifier
    perform(outputs)                                        # the 200, and `Left` if it is a fetch
    perform(notifier.notify(now, active=True, body=document))   # at once: RFC 6665 §4.2.1.2

Every `Renewed` wants a `notify` with the full state, every `Left` a `terminate`. One NOTIFY is under way
at a time, so that no stale-CSeq answer can come of reordering; meanwhile the latest document waits, and
replaces what waited. Pacing is the user's affair.
"""

from collections.abc import Iterable
from functools import lru_cache
from math import ceil
from sys import intern

from edge.sip.dialog import Dialog
from edge.sip.headers import Event, Headers
from edge.sip.message import Request, Response
from edge.sip.microsoft import PIGGYBACK
from edge.sip.subscription import (
    PIDF,
    PRESENCE,
    REMOVING,
    Closed,
    Left,
    Missed,
    Output,
    Rearm,
    Renewed,
    Reply,
    SendRequest,
    UsageKey,
    UserAgent,
    acceptance,
    grant,
    too_brief,
)
from edge.sip.subscription_tables import NOTIFIER
from edge.sip.subscription_tables import NotifierAction as Action
from edge.sip.subscription_tables import NotifierInput as Input
from edge.sip.subscription_tables import NotifierState as State

# What each NOTIFY meets; looking a member up in its enum costs ten times as much as a name.
_ACTIVE, _ENDING = State.ACTIVE, State.ENDING
_NOTIFY_ACTIVE, _NOTIFY_PENDING, _DELIVERED = Input.NOTIFY_ACTIVE, Input.NOTIFY_PENDING, Input.DELIVERED
_NOTIFY, _NOTHING = Action.NOTIFY, Action.NOTHING

ACCEPTS = 256  # rows of Accept whose meaning is remembered; bounded, because peers choose them
LONGEST_ACCEPT = 256  # octets of such a row
LEAVING_SECONDS = 5.0  # what the user may take for the last document; the peer's Timer N is 32 s


class Notifier:
    """One subscription. Its attributes are plain values: a store that keeps them can build it again.

    ``event`` is the Event header of the SUBSCRIBE, ``branch`` that of the NOTIFY that waits for its answer,
    ``content_type`` that of all documents of the dialog.
    """

    __slots__ = ("agent", "dialog", "event", "state", "expires_at", "content_type", "branch", "waiting")

    def __init__(
        self, agent: UserAgent, dialog: Dialog, event: str, state: State, expires_at: float, content_type: str = PIDF
    ) -> None:
        self.agent = agent
        self.dialog = dialog
        self.event = event
        self.state = state
        self.expires_at = expires_at
        self.content_type = intern(content_type)
        self.branch = ""
        self.waiting: tuple[str, bytes, str] | None = None  # reason of a termination, body, its language

    @classmethod
    def accept(
        cls, agent: UserAgent, request: Request, local_tag: str, now: float, content_type: str = PIDF
    ) -> tuple["Notifier", list[Output]]:
        """Accept a SUBSCRIBE that is not in a dialog. `RemoteProtocolError` if it cannot make one."""
        event = request.event
        header = PRESENCE if event is None else intern(_header(event))
        granted = grant(agent, request)
        state = State.PENDING if granted else State.LEAVING
        notifier = cls(agent, Dialog.as_uas(request, local_tag), header, state, now + granted, content_type)
        outputs: list[Output] = [acceptance(agent, notifier.dialog.route_set, header, granted)]
        return notifier, outputs + ([Rearm(granted)] if granted else notifier._leave())

    @property
    def key(self) -> UsageKey:
        return self.dialog.call_id, self.dialog.local_tag

    def refreshed(self, request: Request, now: float) -> list[Output]:
        """A SUBSCRIBE came within the dialog. Raises `RemoteProtocolError`, having changed nothing, if malformed."""
        event = request.event
        granted = grant(self.agent, request)
        routes = request.record_route if b"record-route" in request.headers else ()
        readable = document_type(request, (self.content_type,))
        if not self.dialog.covers(request):
            return [Reply(481)]
        if event is None or event.package != PRESENCE:
            return [Reply(489, (("Allow-Events", PRESENCE),))]
        if _header(event) != self.event:
            return [Reply(403)]  # RFC 6665 §4.5.2: a second usage of the dialog
        if not self.dialog.accepts(request):
            return [Reply(500)]
        if granted and not readable:  # leave he may, whatever he reads
            return [Reply(406, (("Accept", self.content_type),))]
        refusal = too_brief(self.agent, request)
        if refusal is not None:
            return [refusal]
        action = self._step(Input.REFRESH if granted else Input.UNSUBSCRIBE)
        if action is Action.REFUSE:
            return [Reply(481)]
        self.expires_at = now + granted
        reply = acceptance(self.agent, routes, self.event, granted)
        if action is Action.LEAVE:
            return [reply, *self._leave()]
        return [reply, Rearm(granted), Renewed(granted)]

    def notify(
        self, now: float, *, active: bool, body: bytes = b"", language: str = ""
    ) -> list[Output]:
        """Tell the watcher the state: now, or once the NOTIFY before is answered. No body: nothing is known."""
        self.state, action = NOTIFIER.step(self.state, _NOTIFY_ACTIVE if active else _NOTIFY_PENDING)
        if action is not _NOTIFY:
            return []
        if not body and active and self.waiting is not None:
            return []  # what waits is newer than what the watcher has
        return self._notify(now, "", body, language)

    def piggyback(self, reply: Reply, now: float, body: bytes, language: str = "") -> Reply:
        """Put the first document into the 200 to the SUBSCRIBE: it counts as the first NOTIFY (MS-SIP §3.4).

        COMPAT(lync): instead of an active NOTIFY, where the watcher offers it; since Live Communications Server 2005.
        """
        self._step(_NOTIFY_ACTIVE)
        self.dialog.local_cseq = 1
        state = f"active;expires={max(ceil(self.expires_at - now), 0)}"
        headers = (("Supported", PIGGYBACK), ("ms-piggyback-cseq", "1"), ("subscription-state", state))
        return Reply(reply.status, (*reply.headers, *headers, *self._about(body, language)), body)

    def terminate(
        self, now: float, reason: str, *, retry_after: int = 0, body: bytes = b"", language: str = ""
    ) -> list[Output]:
        """End the subscription: `timeout` after `Left`, else a reason of RFC 6665 §4.1.3. `Closed` follows."""
        if self._step(Input.TERMINATE) is not Action.NOTIFY:
            return []
        parameters = f"{reason};retry-after={retry_after}" if retry_after else reason
        return self._notify(now, parameters, body, language)

    def expire(self, now: float) -> list[Output]:
        """The timer fired."""
        action = self._step(Input.TIMER)
        if action is Action.LEAVE:
            return self._leave()
        return self._notify(now, "timeout", b"", "") if action is Action.NOTIFY_UNASKED else []

    def answered(self, response: Response, now: float) -> list[Output]:
        """The answer to a NOTIFY came. A provisional one changes nothing."""
        status = response.status
        if status < 200 or response.via.branch != self.branch:
            return []
        return self._done(status, response.retry_after if status >= 300 else None, now)

    def failed(self, branch: str, status: int, now: float) -> list[Output]:
        """A NOTIFY got no answer: 408 or 503 (RFC 3261 §8.1.3.1)."""
        return self._done(status, None, now) if branch == self.branch else []

    # -- private

    def _step(self, given: Input) -> Action:
        self.state, action = NOTIFIER.step(self.state, given)
        return action

    def _leave(self) -> list[Output]:
        self.waiting = None  # the last document is to come
        return [Rearm(LEAVING_SECONDS), Left()]  # the timer first: should the user fail, there is an end

    def _done(self, status: int, retry_after: int | None, now: float) -> list[Output]:
        """A NOTIFY is over (RFC 6665 §4.2.2)."""
        self.branch = ""
        waiting = self.waiting
        if self.state is _ENDING and waiting is None:
            given = Input.FINISHED
        elif status < 300:
            given = _DELIVERED
        else:
            given = Input.REMOVED if status in REMOVING else Input.MISSED
        action = self._step(given)
        if action is _NOTHING:
            return []
        if action is Action.CLOSE:
            self.waiting = None
            return [Closed(0 if given is Input.FINISHED else status)]
        if waiting is None:
            return [Missed(status, retry_after)] if action is Action.TELL_MISSED else []
        self.waiting = None
        return self._notify(now, *waiting)

    def _about(self, body: bytes, language: str) -> tuple[tuple[str, str], ...]:
        """The headers of a document."""
        if not body:
            return ()
        return (("Content-Type", self.content_type), *((("Content-Language", language),) if language else ()))

    def _notify(self, now: float, reason: str, body: bytes, language: str) -> list[Output]:
        if self.branch:
            self.waiting = (reason, body, language)
            return []
        if self.state is _ENDING:
            state = f"terminated;reason={reason}"
        else:
            left = max(ceil(self.expires_at - now), 0)
            state = f"active;expires={left}" if self.state is _ACTIVE else f"pending;expires={left}"
        headers, lines = f"Event: {self.event}\r\nSubscription-State: {state}\r\n", 2
        if body:
            headers, lines = f"{headers}Content-Type: {self.content_type}\r\n", 3
            if language:
                headers, lines = f"{headers}Content-Language: {language}\r\n", 4
        agent = self.agent
        branch = self.branch = agent.ids.branch()
        data = self.dialog.written("NOTIFY", agent.via(branch), agent.contact, headers, lines, body)
        return [SendRequest("NOTIFY", branch, self.dialog.call_id, data)]


def document_type(request: Request, formats: tuple[str, ...] = (PIDF,)) -> str:
    """The first of ``formats`` that the Accept of a SUBSCRIBE lists; "" if it lists none (RFC 3856 §6.5, §6.7).

    A wildcard, or no Accept at all, means the one format that everybody reads.
    """
    row = request.headers.index.get(b"accept")
    if type(row) is bytes and len(row) <= LONGEST_ACCEPT:
        return _listed(row, formats)
    return _chosen(request.headers.elements("accept"), formats)


@lru_cache(ACCEPTS)
def _listed(row: bytes, formats: tuple[str, ...]) -> str:
    """A SUBSCRIBE mostly has one Accept, and the same as others of its make."""
    return _chosen(Headers([b"Accept:" + row]).elements("accept"), formats)


def _chosen(elements: Iterable[str], formats: tuple[str, ...]) -> str:
    accepted = {each.partition(";")[0].strip().lower() for each in elements}
    listed = next((each for each in formats if each in accepted), "")
    return listed or ("" if accepted and accepted.isdisjoint(_ANY) else PIDF)


_ANY = frozenset(("application/*", "*/*"))


def _header(event: Event) -> str:
    """What makes two Event headers equal (RFC 6665 §8.2.1)."""
    return event.package if event.id is None else f"{event.package};id={event.id}"
