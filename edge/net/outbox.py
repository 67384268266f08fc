"""The sending half of an XMPP link: stanzas are gathered, and leave in one write each turn with a ping behind them.

The ping is how a peer without XEP-0198 says that it has processed a batch (`edge.xmpp.acknowledgement`); who sent the
batch is told so, or is told that it was lost. Owned by `edge.net.xmpp_link`, flushed by `edge.net.turn`.
"""

from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from edge.domains import Domain, unicode
from edge.identifiers import Identifiers
from edge.net.turn import Turn
from edge.xmpp.acknowledgement import MIN_INTERVAL, Acknowledgement, ping_bytes
from edge.xmpp.jid import JID

WAITING_BYTES = 1 << 20  # bytes held for a peer that does not read; then it is disconnected
STALLED = 30.0  # seconds such a peer may take to read what the kernel and we hold for it


class Wire(Protocol):
    """Where the bytes go."""

    def write(self, data: bytes) -> None: ...


class Outbox:
    """What one stream sends. Between `open` and `close`; outside of it nothing can be sent.

    ``pinged`` is told the id of each ping that goes out. `used` is when a stanza was last written, `wrote` when
    anything was.
    """

    def __init__(self, clock: IReactorTime, turn: Turn, ids: Identifiers, pinged: Callable[[str], None]) -> None:
        self.is_open = False
        self.used = self.wrote = clock.seconds()
        self._clock = clock
        self._turn = turn
        self._pinged = pinged
        self._acknowledgement = Acknowledgement(ids)
        self._out: list[bytes] = []
        self._bytes = 0
        self._paused_since: float | None = None
        self._asked = False  # a ping is out
        self._later: IDelayedCall | None = None

    def open(self, wire: Wire, local: Domain, remote: Domain) -> None:
        """The stream is authenticated: ``wire`` takes stanzas. Pings go from ``local`` to ``remote``."""
        self.is_open = True
        self._wire = wire
        self._ends = JID.build("", unicode(local)), JID.build("", unicode(remote))
        self.used = self.wrote = self._clock.seconds()

    def send(self, data: bytes, token: object) -> None:
        """Take ``data``, and with a ``token`` the responsibility for it."""
        if not self._out:
            self._turn.add(self)
        self._out.append(data)
        self._bytes += len(data)
        if token is not None:
            self._acknowledgement.sent(token)

    def flush(self) -> None:
        """Write what has gathered, at once. Called by the `Turn`."""
        if not self.is_open or self._paused_since is not None:
            return
        now = self._clock.seconds()
        out = self._out
        if not self._asked and self._acknowledgement.waiting:
            ping = self._acknowledgement.due(now)
            if ping is not None:
                self._asked = True
                out.append(ping_bytes(*self._ends, ping))
                self._pinged(ping)
            elif self._later is None:
                self._later = self._clock.callLater(MIN_INTERVAL, self._ask)
        if out:
            data = out[0] if len(out) == 1 else b"".join(out)
            out.clear()
            self._bytes = 0
            self.used = self.wrote = now
            self._wire.write(data)

    def answered(self, ping: str) -> list[object]:
        """The answer to a ping has come: the tokens of what the peer has processed."""
        taken = self._acknowledgement.answered(ping)
        if taken:
            self._asked = False
            if self._acknowledgement.waiting and not self._out:
                self._turn.add(self)  # for the next ping
        return taken

    def keep_alive(self, now: float) -> None:
        """A space, for whoever forgets silent connections (RFC 6120 §4.6.1)."""
        if self._paused_since is None:
            self.wrote = now
            self._wire.write(b" ")

    def pause(self) -> None:
        """The peer reads more slowly than we write."""
        self._paused_since = self._clock.seconds()

    def resume(self) -> None:
        """The peer has read again."""
        self._paused_since = None
        self.flush()

    def overdue(self, now: float) -> bool:
        """The peer has not answered a ping for too long."""
        return self._acknowledgement.overdue(now)

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
        return self._acknowledgement.drain()

    def _ask(self) -> None:
        self._later = None
        self.flush()
