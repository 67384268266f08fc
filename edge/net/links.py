"""What all links share: the route, which is the bounded queue in front of one link that is dialled on demand.

A message for a partner that cannot be reached waits a while and then goes back to its sender with the reason, and a
partner that is down is dialled ever more rarely. `edge.net.sip_pool` and the XMPP pool hold one route for each
place they send to. Each token given to `Route.send` ends exactly once: handed to the link, or reported unsent.
"""

import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from itertools import count
from typing import Generic, NamedTuple, Protocol, TypeVar

from OpenSSL import SSL
from twisted.internet import error
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from edge.codes import Code
from edge.net.tls_faults import fault_of, has_seen_ours
from edge.net.tls_hello import offers

FIRST_PAUSE = 1.0  # seconds before a failed dial is repeated; doubled each time
LONGEST_PAUSE = 60.0  # seconds; a partner that comes back, and a mistake that was mended, is noticed within a minute
STEADY = 10.0  # seconds after which the loss of a link that never worked is no longer one more failed dial
NUMBERS = count(1)  # what the log calls each link, so that its lines are found
QUEUED_BYTES = 8 << 20  # per route: the queue is limited in messages, but those of a hostile peer are all large ones


class Link(Protocol):
    """What a route needs of a link that is up."""

    def send(self, data: bytes, token: object) -> None:
        """Take over the responsibility for ``token``."""


class Watcher(Protocol):
    """Who is told what becomes of the links of a route: an `edge.net.paths.Path`, or who stands before one."""

    def up(self) -> None:
        """A link is up and may be used."""

    def lost(self, orderly: bool) -> None:
        """A link that was up is gone, or about to go."""

    def failed(self, code: Code, text: str) -> None:
        """A link could not be made."""


L = TypeVar("L", bound=Link)
C = TypeVar("C")
Unsent = Callable[[object, Code, str], None]


class DialError(Exception):
    """A link could not be made, for a reason that has a code."""

    def __init__(self, code: Code, text: str = "") -> None:
        super().__init__(text or code.sentence)
        self.code = code


class Cause(NamedTuple):
    """Why a link could not be made or was lost."""

    code: Code
    text: str


STOPPING = Cause(Code.M02, "the gateway is stopping")


class _Waiting(NamedTuple):
    deadline: float
    data: bytes
    token: object


class Route(Generic[L]):
    """The way to one place.

    ``dial`` makes a link that is ready for use, or fails with a `DialError` or an error of the network; its Deferred
    can be cancelled. ``unsent`` is told of each token that did not reach a link. At most ``limit`` messages wait, none
    longer than ``seconds``. ``rng`` scatters the pauses. ``path`` is told what becomes of the links.
    """

    def __init__(
        self,
        clock: IReactorTime,
        dial: Callable[[], "Deferred[L]"],
        unsent: Unsent,
        path: Watcher,
        *,
        limit: int,
        seconds: float,
        rng: random.Random,
    ) -> None:
        self.state = "idle"  # "idle" | "connecting" | "up" | "resting" | "stopped"
        self.link: L | None = None
        self.cause: Cause | None = None  # of the last failure, as long as no link is up
        self._clock = clock
        self._dial = dial
        self._unsent = unsent
        self._path = path
        self._limit = limit
        self._seconds = seconds
        self._rng = rng
        self._queue: deque[_Waiting] = deque()
        self._bytes = 0
        self._failures = 0
        self._up_since = 0.0
        self._next_dial = 0.0
        self._failing_since = 0.0
        self._wished = False  # somebody wants a link, whether or not a message waits for one
        self._known = False  # the path knows of the link
        self._dialling: Deferred[L] | None = None
        self._dials = 0  # what came of an earlier one is no news
        self._rest: IDelayedCall | None = None
        self._expiry: IDelayedCall | None = None

    def __len__(self) -> int:
        """How many messages wait."""
        return len(self._queue)

    @property
    def limit(self) -> int:
        """How many may wait."""
        return self._limit

    @property
    def next_dial(self) -> float | None:
        """In how many seconds it is dialled again, if it is going to be."""
        return self.rest if self._queue or self._wished else None

    @property
    def rest(self) -> float | None:
        """For how many seconds more it is not dialled after a failure, whether or not somebody waits for it."""
        return max(0.0, self._next_dial - self._clock.seconds()) if self.state == "resting" else None

    @property
    def failing(self) -> float | None:
        """For how many seconds there has been a `cause`."""
        return None if self.cause is None else self._clock.seconds() - self._failing_since

    @property
    def waiting(self) -> tuple[int, float]:
        """How many messages wait that say something, and for how many seconds the oldest has."""
        left = [each.deadline for each in self._queue if each.data]
        return len(left), self._clock.seconds() - left[0] + self._seconds if left else 0.0

    def send(self, data: bytes, token: object) -> None:
        """Hand ``data`` to the link, or let it wait for one."""
        if self.link is not None:
            self.link.send(data, token)
            return
        if self.state == "stopped":
            self._give_back([token], STOPPING)
            return
        deadline = self._clock.seconds() + self._seconds
        if self.state == "resting" and self.cause is not None and deadline < self._next_dial:
            self._give_back([token], self.cause)
            return
        if len(self._queue) >= self._limit or self._bytes + len(data) > QUEUED_BYTES:
            self._give_back([token], Cause(Code.M01, Code.M01.sentence))
            return
        self._queue.append(_Waiting(deadline, data, token))
        self._bytes += len(data)
        if self._expiry is None:
            self._expiry = self._clock.callLater(self._seconds, self._expire)
        if self.state == "idle":
            self._connect()

    def reach(self) -> None:
        """Dial if there is no link, and go on dialling, with the usual pauses, until one is up."""
        if not self._known and self.state != "stopped":
            self._wished = True
            if self.state == "idle":
                self._connect()

    def retry(self) -> bool:
        """Dial at once, whatever the reason not to: somebody may have mended it. False if there is nothing to dial."""
        if self.state not in ("idle", "resting"):
            return False
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        self._failures = 0
        self._connect()
        return True

    def bound(self, limit: int, seconds: float) -> None:
        """So many messages may wait from now on, and so long."""
        self._limit, self._seconds = limit, seconds

    def redial(self) -> None:
        """Something else is said now about where it leads: what was tried so far proves nothing."""
        dialling, self._dialling = self._dialling, None
        if self.state in ("connecting", "resting"):
            self.state, self.cause, self._failures = "idle", None, 0
        if dialling is not None:
            self._dials += 1
            dialling.cancel()
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        if self.state == "idle" and (self._queue or self._wished):
            self._connect()

    def adopt(self, link: L, instead_of: L | None = None) -> bool:
        """Use a link that has come by itself; False if there is another one than ``instead_of``, or soon will be."""
        if self.link is not None and self.link is instead_of:
            self.link, self._up_since = link, self._clock.seconds()
            return True
        if self.state not in ("idle", "resting"):
            return False
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        self.state = "connecting"
        self._connected(link, self._dials)
        return True

    def link_lost(
        self, link: L, code: Code = Code.N03, text: str = "", *, worked: bool = False, orderly: bool = False
    ) -> None:
        """``link`` is gone, or about to go. One that is not (or no longer) ours is none of our business.

        A link that dies young counts as one more failed dial, unless it has ``worked``: its peer has said something.
        """
        if link is not self.link:
            return
        self.link, self._known, known = None, False, self._known
        cause, late = Cause(code, text or code.sentence), list[object]()
        if worked or self._clock.seconds() - self._up_since >= STEADY:
            self._failures = 0
            self.state = "idle"
        else:
            late = self._pause(cause)
        if known:
            self._path.lost(orderly)
        else:
            self._path.failed(*cause)
        self._give_back(late, cause)

    def wake(self) -> None:
        """The peer was seen alive: rest no longer. A cause that somebody must mend stays what it is."""
        if self._rest is not None and self.cause is not None and not permanent(self.cause.code):
            self._rest.cancel()
            self._rested()

    def stop(self, cause: Cause = STOPPING) -> None:
        """Give everything back and never dial again. Closing the link is its owner's business."""
        self.state = "stopped"
        self.link = None
        self._known = self._wished = False
        dialling, self._dialling = self._dialling, None
        if dialling is not None:
            dialling.cancel()
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        self._give_back(self._emptied(), cause)

    def _connect(self) -> None:
        self.state = "connecting"
        self._dials += 1
        dialling = self._dialling = self._dial()
        dialling.addCallbacks(self._connected, self._failed, (self._dials,), {}, (self._dials,))

    def _connected(self, link: L, dial: int) -> None:
        if self.state != "connecting" or dial != self._dials:
            return
        self.state = "up"
        self.link = link
        self.cause = None
        self._dialling = None
        now = self._up_since = self._clock.seconds()
        while self._queue and self.link is link:
            waiting = self._taken()
            if waiting.deadline < now:
                self._give_back([waiting.token], Cause(Code.M02, Code.M02.sentence))
            else:
                link.send(waiting.data, waiting.token)
        if self.link is link:  # last, so that what the news causes does not overtake what has waited
            self._known = True
            self._wished = False
            self._path.up()

    def _failed(self, failure: Failure, dial: int) -> None:
        if self.state == "connecting" and dial == self._dials:
            self._dialling = None
            cause = cause_of(failure)
            late = self._pause(cause)
            self._path.failed(*cause)
            self._give_back(late, cause)

    def _pause(self, cause: Cause) -> list[object]:
        """Rest before the next dial. Returns the tokens of what cannot wait that long."""
        self.state = "resting"
        if self.cause is None:
            self._failing_since = self._clock.seconds()
        self.cause = cause
        lasting = permanent(cause.code)
        pause = min(FIRST_PAUSE * 2.0 ** min(self._failures, 10), LONGEST_PAUSE)
        if lasting and self._wished:
            pause = LONGEST_PAUSE  # nobody is kept waiting: what was queued goes back now
        pause *= 0.75 + self._rng.random() / 4
        self._failures += 1
        self._next_dial = self._clock.seconds() + pause
        self._rest = self._clock.callLater(pause, self._rested)
        if lasting:
            return self._emptied()
        late = []
        while self._queue and self._queue[0].deadline < self._next_dial:
            late.append(self._taken().token)
        return late

    def _rested(self) -> None:
        self._rest = None
        if self._queue or self._wished:
            self._connect()
        else:
            self.state = "idle"

    def _expire(self) -> None:
        """The oldest message has waited long enough, or has gone already."""
        self._expiry = None
        now = self._clock.seconds()
        late = []
        while self._queue and self._queue[0].deadline <= now:
            late.append(self._taken().token)
        if self._queue:
            self._expiry = self._clock.callLater(self._queue[0].deadline - now, self._expire)
        self._give_back(late, self.cause or Cause(Code.M02, Code.M02.sentence))

    def _taken(self) -> _Waiting:
        waiting = self._queue.popleft()
        self._bytes -= len(waiting.data)
        return waiting

    def _emptied(self) -> list[object]:
        tokens = [waiting.token for waiting in self._queue]
        self._queue.clear()
        self._bytes = 0
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        return tokens

    def _give_back(self, tokens: list[object], cause: Cause) -> None:
        # last, because the sender's answer may come back to this route at once
        for token in tokens:
            self._unsent(token, cause.code, cause.text)


async def first_link(candidates: Iterable[C], connect: Callable[[C], Awaitable[L]]) -> L:
    """Try every address in order (RFC 3263 §4.3)."""
    last: DialError | None = None
    for candidate in candidates:
        try:
            return await connect(candidate)
        except DialError as problem:
            last = telling(last, problem)
    assert last is not None, "the locator gives at least one candidate"
    raise last


def telling(earlier: DialError | None, later: DialError) -> DialError:
    """Of several failures the reason is the last one that may pass by itself."""
    return later if earlier is None or permanent(earlier.code) or not permanent(later.code) else earlier


def permanent(code: Code) -> bool:
    """True when dialling again will not help before somebody has changed something."""
    return code in (Code.D01, Code.D02, Code.D04, Code.D05, Code.T01) or code.name[0] in "CA"


def cause_of(failure: Failure, transport: object = None) -> Cause:
    """The reason code of a failed dial or a lost link; with its ``transport`` as long as the peer has said nothing."""
    problem = failure.value
    if isinstance(problem, DialError):
        return Cause(problem.code, str(problem))
    seen = has_seen_ours(transport)
    if isinstance(problem, SSL.Error) and not isinstance(problem, SSL.SysCallError):
        code, text = fault_of(problem, shown=seen)
        said = offers(code, transport)
        return Cause(code, f"{text}; {said}" if said else text)
    if isinstance(problem, _TIMEOUTS):
        return Cause(Code.N02, Code.N02.sentence)
    if isinstance(problem, error.ConnectionRefusedError):
        return Cause(Code.N01, Code.N01.sentence)
    if isinstance(problem, error.ConnectError):
        return Cause(Code.N04, Code.N04.sentence)
    code = Code.T06 if seen else Code.N03
    return Cause(code, code.sentence)


_TIMEOUTS = (error.TimeoutError, error.TCPTimedOutError, DeferredTimeout, CancelledError)
