"""RFC 6665 subscriptions: what `edge.sip.subscriber` and `edge.sip.notifier` share.

The transaction user (`edge.gateway.subscriber`, `edge.gateway.notifier`) keeps every usage in one
dictionary under `usage_key`, feeds it messages, answers and timers, and performs the outputs in order:

* `SendRequest`: ``open_client(method, branch, user, call_id=call_id)`` and send the bytes; then feed
  ``answered(response, now)`` or ``failed(branch, status, now)``.
* `Reply`: answer the request that was fed. It is the first output of every method that takes a request.
* `Rearm`: stop the usage's timer, if it runs, and start it in the `edge.timers.Wheel` with these seconds;
  when it fires, call ``expire(now)``. A usage has one timer at most. After the last output (`Ended` or
  `Closed`) stop it and take the usage out of the dictionary.

``now`` is a time in seconds on any scale that does not jump; ``expires_at`` is on the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from edge.identifiers import Identifiers
from edge.sip.message import Request
from edge.timers import TICK

PRESENCE = "presence"  # the one event package of this gateway (RFC 3856 §6.1)
PIDF = "application/pidf+xml"

DEFAULT_EXPIRES = 3600  # seconds; RFC 3856 §6.4
MAX_EXPIRES = 86_400  # seconds; what we are asked to subscribe for at most, by a Min-Expires

TIMER_N = 32.0 + 2 * TICK  # RFC 6665 §4.1.2.4: 64*T1; two ticks behind Timer F, whose verdict is to come first

SOON = 30.0  # seconds to wait before a refresh is tried again
BACK_OFF = 300.0  # seconds to wait before a new subscription where nobody said how long
RARELY = 4 * 3600.0  # the same where the fault will not go away by itself
LONGEST_WAIT = 86_400.0  # seconds; a peer that names more than a day is asked again after a day


@dataclass(frozen=True, slots=True)
class UserAgent:
    """What all subscriptions of this gateway have in common."""

    sent_by: str
    """host:port for our Via."""
    contact: str
    """Our Contact, a complete header value: `<sip:edge.example.net:5061;transport=tls>`."""
    ids: Identifiers
    shortest: int = 300
    """Seconds; a SUBSCRIBE that asks for less gets 423 (or what it asks, from an hour up)."""
    longest: int = 28_800
    """Seconds; a SUBSCRIBE that asks for more is granted this. Microsoft's servers grant as much."""

    def via(self, branch: str) -> str:
        return f"SIP/2.0/TLS {self.sent_by};branch={branch}"


UsageKey = tuple[str, str]
"""Call-ID and our tag. One SUBSCRIBE makes one presence dialog (RFC 3856 §6.9), so these two name it, also
before there is a remote tag; the usage itself checks that tag. Never the link: a dialog goes on on any."""


def usage_key(request: Request) -> UsageKey:
    """The usage that a NOTIFY, or a SUBSCRIBE with a To tag, is meant for."""
    return request.call_id, request.to.tag


# -- outputs of both usages


@dataclass(slots=True)
class SendRequest:
    """Send ``data`` in a new client transaction, opened with the other three."""

    method: str
    branch: str
    call_id: str
    data: bytes


@dataclass(slots=True)
class Reply:
    """Answer the request that was fed."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(slots=True)
class Rearm:
    """Start the usage's timer anew."""

    seconds: float


# -- outputs of a subscriber


@dataclass(slots=True)
class Granted:
    """A 2xx to SUBSCRIBE. 0: our unsubscribing was accepted. It says nothing about the state."""

    expires: int


@dataclass(slots=True)
class Pending:
    """The presentity has not decided yet. A watcher must not be told anything (RFC 8048 §5.2.1)."""


@dataclass(slots=True)
class Active:
    """The subscription is active; ``first``: for the first time in its life."""

    first: bool


@dataclass(slots=True)
class Document:
    """What is now known. Without a body nothing is known: only the first NOTIFY says so, a later one without
    a body leaves the last document in force and gives no output (RFC 3856 §6.8)."""

    content_type: str
    body: bytes


@dataclass(slots=True)
class RefreshDue:
    """Call ``refresh`` or ``unsubscribe``; without either the subscription ends when it expires."""


class Cause(Enum):
    """Why a subscription ended."""

    NOTIFY = "the notifier terminated it"
    RESPONSE = "a SUBSCRIBE failed"
    TIMER_N = "no NOTIFY came"
    EXPIRY = "it was not refreshed"


@dataclass(slots=True)
class Ended:
    """The subscription is no more; its dialog is dead."""

    cause: Cause
    reason: str
    """Of the terminating NOTIFY, "" if it gave none."""
    status: int
    """Of the failed SUBSCRIBE; 408 after Timer N; otherwise 0."""
    authorization_dead: bool
    """The watcher is to be told `unsubscribed`, and the authorization forgotten."""
    retry: float | None
    """Seconds after which to subscribe afresh; None: do not."""


# -- outputs of a notifier


@dataclass(slots=True)
class Renewed:
    """The watcher refreshed: a NOTIFY with the full state must follow at once (RFC 6665 §4.2.2)."""

    expires: int


@dataclass(slots=True)
class Left:
    """The watcher polled, unsubscribed or let it lapse: call ``terminate("timeout", ...)`` with the last document."""


@dataclass(slots=True)
class Missed:
    """A NOTIFY failed, the subscription lives, and nothing newer is waiting: the watcher has an old state."""

    status: int
    retry_after: int | None


@dataclass(slots=True)
class Closed:
    """The subscription is no more. 0: in good order; else the status of the NOTIFY that ended it."""

    status: int


Output = (
    SendRequest | Reply | Rearm | Granted | Pending | Active | Document | RefreshDue | Ended
    | Renewed | Left | Missed | Closed
)


# -- what failures mean


@dataclass(frozen=True, slots=True)
class Rule:
    """What a subscriber makes of a failed SUBSCRIBE or of a terminating NOTIFY."""

    dialog_dead: bool
    authorization_dead: bool
    retry: float | None
    """Seconds; None: never of our own accord."""
    heeds_retry_after: bool = False


_DENIED = Rule(True, True, None)
_UNKNOWN_CONTACT = Rule(True, False, RARELY)
_NO_PRESENCE = Rule(True, False, RARELY)
_UNAVAILABLE = Rule(True, False, BACK_OFF, heeds_retry_after=True)
_UNWANTED = Rule(False, False, RARELY)
_TROUBLE = Rule(False, False, SOON, heeds_retry_after=True)
_BUSY = Rule(False, False, BACK_OFF, heeds_retry_after=True)

RESPONSES: dict[int, Rule] = {
    **dict.fromkeys((403, 489, 603), _DENIED),  # RFC 8048 §5.2.2: permanently cancelled
    481: Rule(True, False, 0.0),  # RFC 6665 §4.1.2.2
    **dict.fromkeys((404, 410, 604), _UNKNOWN_CONTACT),
    **dict.fromkeys((405, 416, 501), _NO_PRESENCE),
    **dict.fromkeys((480, 482, 483, 484, 485), _UNAVAILABLE),
    **dict.fromkeys((401, 407, 406, 415, 420, 421), _UNWANTED),  # we have no credentials, and ask for little already
    408: _TROUBLE,
    423: _BUSY,  # one that `Subscriber` cannot answer with a longer interval
}
RESPONSE_CLASSES: dict[int, Rule] = {3: _UNWANTED, 4: _BUSY, 5: _TROUBLE, 6: _BUSY}

REASONS: dict[str, Rule] = {  # RFC 6665 §4.1.3
    "deactivated": Rule(True, False, 0.0),
    "probation": Rule(True, False, BACK_OFF, heeds_retry_after=True),
    "rejected": Rule(True, True, None),
    "timeout": Rule(True, False, 0.0),
    "giveup": Rule(True, False, BACK_OFF, heeds_retry_after=True),
    "noresource": Rule(True, True, None),
    "invariant": Rule(True, False, None),
    "badfilter": Rule(True, False, None),  # of an extension that we do not use
}
UNKNOWN_REASON = Rule(True, False, BACK_OFF, heeds_retry_after=True)

REMOVING = frozenset((404, 405, 408, 410, 416, 480, 481, 482, 483, 484, 485, 489, 501, 604))
"""Failures of a NOTIFY that end the subscription (RFC 6665 §4.2.2); 408 is Timer F."""


def response_rule(status: int) -> Rule:
    """What a failed SUBSCRIBE means."""
    return RESPONSES.get(status) or RESPONSE_CLASSES.get(status // 100, _TROUBLE)


def wait(rule: Rule, retry_after: int | None) -> float | None:
    """Seconds until a new attempt, with what the peer asked for."""
    if rule.heeds_retry_after and retry_after is not None:
        return min(float(retry_after), LONGEST_WAIT)
    return rule.retry


# -- a notifier's rules for intervals


def too_brief(agent: UserAgent, request: Request) -> Reply | None:
    """The 423 that a SUBSCRIBE deserves, if any: never for 0 nor from an hour up (RFC 6665 §4.2.1.1)."""
    asked = request.expires
    if asked is None or asked == 0 or asked >= DEFAULT_EXPIRES or asked >= agent.shortest:
        return None
    return Reply(423, (("Min-Expires", str(min(agent.shortest, DEFAULT_EXPIRES))),))


def grant(agent: UserAgent, request: Request) -> int:
    """The seconds that a SUBSCRIBE is granted: what it asks or less, never more."""
    asked = request.expires
    return min(DEFAULT_EXPIRES if asked is None else asked, agent.longest)


def acceptance(agent: UserAgent, routes: Sequence[str], event: str, expires: int) -> Reply:
    """The 200 to a SUBSCRIBE that recorded ``routes``; never 202 (RFC 6665 §8.3.1)."""
    return Reply(
        200,
        (
            *(("Record-Route", route) for route in routes),
            ("Contact", agent.contact),
            ("Expires", str(expires)),
            ("Event", event),
            ("Allow-Events", PRESENCE),
        ),
    )
