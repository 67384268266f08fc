"""The sending half of an XMPP link: stanzas are gathered, and leave in one write each turn with a question behind them.

The question is how a peer comes to say that it has a batch: a request of XEP-0198 where the stream has stream
management (`edge.xmpp.management`), else a ping (`edge.xmpp.acknowledgement`). Who sent the batch is told so, or
that it was lost. By setting nothing is asked, and what is written counts as taken.
Owned by `edge.net.xmpp_link`, flushed by `edge.net.turn`.
"""

from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from edge.domains import Domain, unicode
from edge.identifiers import Identifiers
from edge.net.turn import Turn
from edge.xmpp.acknowledgement import MIN_INTERVAL, Acknowledgement, ping_bytes
from edge.xmpp.jid import JID
from edge.xmpp.management import REQUEST, Sent

WAITING_BYTES = 1 << 20  # bytes held for a peer that does not read; then it is disconnected
STALLED = 30.0  # seconds such a peer may take to read what the kernel and we hold for it
KEEP_ALIVE = 60.0  # seconds of our silence; less than what firewalls commonly remember a connection


class Wire(Protocol):
    """Where the bytes go."""

    def write(self, data: bytes) -> None: ...


class Outbox:
    """What one stream sends. Between `open` and `close`; outside of it nothing can be sent.

    ``pinged`` is told the id of each ping that goes out. With ``trusting`` nothing is asked: it is told the tokens of
    what has been written. `used` is when a stanza was last written, `wrote` when anything was.
    """

    def __init__(
        self,
        clock: IReactorTime,
        turn: Turn,
        ids: Identifiers,
        pinged: Callable[[str], None],
        trusting: Callable[[list[object]], None] | None = None,
    ) -> None:
        self.is_open = False
        self.written = 0  # stanzas so far, and questions
        self.used = self.wrote = clock.seconds()
        self.calm_until = 0.0  # nobody need look before: nothing is `overdue`, `stalled` or to be said
        self._clock = clock
        self._turn = turn
        self._pinged = pinged
        self._trusting = trusting
        self._ids = ids
        self._pings = Acknowledgement(ids)
        self._tokens: Acknowledgement | Sent = self._pings
        self._sent: Sent | None = None  # with stream management, and then these are the tokens
        self._out: list[bytes] = []
        self._bytes = 0
        self._paused_since: float | None = None
        self._asked = False  # a ping is out
        self._later: IDelayedCall | None = None

    def open(self, wire: Wire, local: Domain, remote: Domain, managed: bool = False) -> None:
        """The stream is authenticated: ``wire`` takes stanzas. Pings go from ``local`` to ``remote``."""
        self.is_open = True
        if managed:
            self._tokens = self._sent = Sent()
        self._wire = wire
        self._ends = JID.build("", unicode(local)), JID.build("", unicode(remote))
        self.used = self.wrote = self._clock.seconds()

    def send(self, data: bytes, token: object) -> None:
        """Take ``data``, and with a ``token`` the responsibility for it."""
        if not self._out:
            self._turn.add(self)
        self._out.append(data)
        self._bytes += len(data)
        if token is not None or self._sent is not None:
            self._tokens.sent(token)

    def flush(self) -> None:
        """Write what has gathered, at once. Called by the `Turn`."""
        if not self.is_open or self._paused_since is not None:
            return
        now = self._clock.seconds()
        out = self._out
        if not self._asked and self._tokens.waiting and self._trusting is None:
            self.calm_until = 0.0
            question = self._question(now)
            if question:
                self._asked = True
                out.append(question)
            else:
                self._ask_later(now)
        if out:
            data = out[0] if len(out) == 1 else b"".join(out)
            self.written += len(out)
            out.clear()
            self._bytes = 0
            self.used = self.wrote = now
            self._wire.write(data)
            if self._trusting is not None and self._tokens.waiting:
                self._trusting(self._tokens.drain())

    def answered(self, ping: str) -> list[object]:
        """The answer to a ping has come: the tokens of what the peer has processed.

        With stream management, and whatever ``ping`` is: what the peer had counted when `hold` was called.
        """
        taken = self._pings.answered(ping) if self._sent is None else self._sent.answered()
        if taken:
            self._ask_again()
        return taken

    def counted(self, h: int) -> bool:
        """The peer says that it has counted ``h`` stanzas. False if there are not that many."""
        sent = self._sent
        if sent is None or not sent.acknowledged(h, self._clock.seconds()):
            return False
        if not sent.proved:
            self._ask_again()
        return True

    @property
    def waiting(self) -> int:
        """How many tokens nobody has vouched for yet."""
        return self._tokens.waiting

    @property
    def proved(self) -> bool:
        """Whether the peer has counted something whose token is still here."""
        return self._sent is not None and self._sent.proved

    def hold(self) -> None:
        """What the peer has counted until now is what the next `answered` tells."""
        if self._sent is not None:
            self._sent.hold()

    @property
    def count(self) -> int:
        """How many stanzas have been sent, as far as somebody counts them."""
        return 0 if self._sent is None else self._sent.count

    def knock(self) -> str:
        """Send a ping for its own sake: whoever wants to answer it has to open a stream to us. Returns its id."""
        ping = f"{self._ids.tag()}-ping"
        self._pinged(ping)
        self.send(ping_bytes(*self._ends, ping), None)
        return ping

    def rest(self, now: float, until: float) -> None:
        """Somebody has looked, and found nothing amiss; ``until`` then he has no reason of his own to look again."""
        if now - self.wrote >= KEEP_ALIVE:
            self.keep_alive(now)
        owed = self._asked or self._tokens.waiting or self._paused_since is not None
        self.calm_until = 0.0 if owed else min(until, self.wrote + KEEP_ALIVE)

    def keep_alive(self, now: float) -> None:
        """A space, for whoever forgets silent connections (RFC 6120 §4.6.1)."""
        if self._paused_since is None:
            self.wrote = now
            self._wire.write(b" ")

    def pause(self) -> None:
        """The peer reads more slowly than we write."""
        self._paused_since = self._clock.seconds()
        self.calm_until = 0.0

    def resume(self) -> None:
        """The peer has read again."""
        self._paused_since = None
        self.flush()

    def overdue(self, now: float) -> bool:
        """The peer has not answered a ping for too long."""
        return self._tokens.overdue(now)

    def stalled(self, now: float) -> bool:
        """The peer does not read what it is sent."""
        since = self._paused_since
        return since is not None and (now - since >= STALLED or self._bytes > WAITING_BYTES)

    def close(self) -> None:
        """Nothing more can be written; what is out may still be answered."""
        self.is_open = False
        self._out.clear()
        if self._later is not None:
            self._later.cancel()
            self._later = None

    def drain(self) -> list[object]:
        """The connection is gone: the tokens of what nobody has vouched for."""
        return self._tokens.drain()

    def _question(self, now: float) -> bytes:
        """What to write behind a batch, if anything may be written now."""
        if self._sent is not None:
            return REQUEST if self._sent.due(now) else b""
        ping = self._pings.due(now)
        if ping is None:
            return b""
        self._pinged(ping)
        return ping_bytes(*self._ends, ping)

    def _ask_again(self) -> None:
        """The last question is answered."""
        self._asked = False
        if self._tokens.waiting and not self._out:
            self._turn.add(self)  # for the next one

    def _ask_later(self, now: float) -> None:
        pause = MIN_INTERVAL if self._sent is None else self._sent.pause
        if self._later is not None and self._later.getTime() > now + pause:
            self._later.cancel()
            self._later = None
        if self._later is None:
            self._later = self._clock.callLater(pause, self._ask)

    def _ask(self) -> None:
        self._later = None
        self.flush()
