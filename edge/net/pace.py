"""TLS handshakes of those who come to us, a few at a time: what is established is served first.

A handshake costs as much as a dozen messages, and whoever wants can ask for one. So each step of one that is not
complete waits here for its turn, those from addresses of partners before all others; nothing more is read from its
socket meanwhile. Both pools have a `Pace`, `edge.net.tls` asks it.
"""

from collections import deque
from collections.abc import Callable
from typing import Protocol

from OpenSSL import SSL
from twisted.internet.interfaces import IDelayedCall, IOpenSSLServerConnectionCreator, IReactorTime
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

STEPS_PER_SECOND = 200.0  # of which a handshake has two, that take 1 ms each: a fifth of a core at most
AT_ONCE = 20  # steps after a quiet time; 20 ms in which no message moves
TOGETHER = 2  # steps from the queue before links have their turn again

Step = Callable[[], bool]  # returns False if there was nothing left to do


class Pace:
    """How fast handshakes go on."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._known: deque[Step] = deque()
        self._strangers: deque[Step] = deque()
        self._left = float(AT_ONCE)
        self._at = clock.seconds()
        self._call: IDelayedCall | None = None

    def do(self, step: Step, known: bool) -> None:
        """Do ``step`` when its turn has come, which may be now. ``known``: before all strangers."""
        if self._call is None and self._is_time():
            self._left -= step()
            return
        (self._known if known else self._strangers).append(step)
        if self._call is None:
            self._call = self._clock.callLater(1 / STEPS_PER_SECOND, self._go_on)

    def _is_time(self) -> bool:
        now = self._clock.seconds()
        self._left = min(float(AT_ONCE), self._left + (now - self._at) * STEPS_PER_SECOND)
        self._at = now
        return self._left >= 1

    def _go_on(self) -> None:
        done = 0
        try:
            while (self._known or self._strangers) and done < TOGETHER and self._is_time():
                step = (self._known or self._strangers).popleft()
                worked = step()
                self._left -= worked
                done += worked
        finally:  # a step that fails is the end of its connection, and of nothing else
            self._call = None
            if self._known or self._strangers:
                pause = 0.0 if self._left >= 1 else 1 / STEPS_PER_SECOND
                self._call = self._clock.callLater(pause, self._go_on)


class Creator(Protocol):
    """What makes the server side of a TLS connection."""

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection: ...


@implementer(IOpenSSLServerConnectionCreator)
class Paced:
    """A creator whose connections shake hands at a pace. The protocol is an `edge.net.tls.ChunkwiseTLS`."""

    def __init__(self, creator: Creator, pace: Pace, known: bool) -> None:
        self._creator, self._pace, self._known = creator, pace, known

    def serverConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        tlsProtocol.keep_to(self._pace, self._known)
        return self._creator.serverConnectionForTLS(tlsProtocol)
