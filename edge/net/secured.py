"""Questions to a name server that validates (DNSSEC): what it vouches for, and nothing else.

Our resolver is asked for its word with the AD bit (RFC 6840 §5.7), and gives it in the same way. That is worth as much
as the resolver and the way to it, so `edge.net.proofs` asks only if the configuration says that both are safe.
An answer that is too large for a datagram is asked for once more by TCP (RFC 1035 §4.2.2).
"""

from collections.abc import Sequence
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as NoAnswerInTime
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IReactorTime, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.names import dns
from twisted.names.client import Resolver
from twisted.protocols.basic import Int16StringReceiver
from twisted.python.failure import Failure

from edge.net.names import TRIES, system_servers
from edge.partners import HostPort

DATAGRAM = 4096  # bytes of an answer; the way to the resolver is short, and a record may hold a whole certificate
TCP_SECONDS = 2.0  # for a connection to the resolver, and for its answer on it; the next one is tried then
_OPT = 41  # RFC 6891 §6.1.1


class Secured:
    """Asks ``servers``, or without any those of the operating system."""

    def __init__(self, reactor: IReactorTime, servers: Sequence[HostPort]) -> None:
        self._reactor = reactor
        self._servers = [(server.host, server.port) for server in servers]
        nowhere = [("127.0.0.1", dns.PORT)]  # `ask` names the servers; Resolver insists on having some
        self._resolver = _Resolver(servers=nowhere, timeout=TRIES, reactor=reactor)  # type: ignore[no-untyped-call]

    async def ask(self, name: str, kind: int) -> list[Any]:
        """The payloads of one kind, if the resolver vouches for the answer; none if it does not, or has none."""
        self._resolver.servers = self._servers or system_servers()
        query = dns.Query(name.encode("ascii"), kind, dns.IN)
        try:
            answer: dns.Message = await self._resolver.queryUDP([query])  # type: ignore[no-untyped-call]
        except (NoAnswerInTime, OSError):
            return []
        if answer.trunc:
            answer = await self._whole(query) or answer
        return vouched(answer, kind)

    async def _whole(self, query: dns.Query) -> dns.Message | None:
        """The same by TCP; None if nobody answers."""
        for host, port in self._resolver.servers:
            try:
                endpoint = HostnameEndpoint(self._reactor, host, port, TCP_SECONDS)
                asking = _AskingByTcp(query)
                await connectProtocol(endpoint, asking)  # type: ignore[no-untyped-call]  # so Twisted has it
                return await asking.answer.addTimeout(TCP_SECONDS, self._reactor)
            except (NoAnswerInTime, ConnectError, ConnectionDone, ConnectionLost, OSError):
                continue
        return None


def vouched(answer: dns.Message, kind: int) -> list[Any]:
    """What counts of an answer: nothing if it is not validated as a whole, or not there as a whole."""
    if not answer.authenticData or answer.trunc or answer.rCode != dns.OK:
        return []
    return [record.payload for record in answer.answers if record.type == kind]


# -- private ---------------------------------------------------------------------------------------------------------


class _Asking(dns.DNSDatagramProtocol):
    """Wants to know what is validated, and takes large answers."""

    noisy = False

    def writeMessage(self, message: dns.Message, address: tuple[str, int]) -> None:
        message.authenticData = 1
        largest = dns.RRHeader(b"", _OPT, DATAGRAM, 0, dns.UnknownRecord(b""))  # type: ignore[no-untyped-call]
        message.additional = [largest]
        super().writeMessage(message, address)


class _AskingByTcp(Int16StringReceiver):
    """One question on one connection."""

    def __init__(self, query: dns.Query) -> None:
        self.answer: Deferred[dns.Message] = Deferred(lambda _: self._wire.abortConnection())
        self._question = dns.Message(dns.randomSource(), authenticData=1, recDes=1)
        self._question.queries = [query]

    @property
    def _wire(self) -> ITCPTransport:
        return cast(ITCPTransport, self.transport)

    def connectionMade(self) -> None:
        self.sendString(self._question.toStr())  # type: ignore[no-untyped-call]  # so Twisted has it

    def stringReceived(self, string: bytes) -> None:
        answer = dns.Message()
        try:
            answer.fromStr(string)
        except Exception:  # whatever Twisted stumbles over, as it does for datagrams
            answer = dns.Message(self._question.id, answer=1)  # it vouches for nothing
        if answer.id == self._question.id and not self.answer.called:
            self.answer.callback(answer)
        self._wire.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self.answer.called:
            self.answer.errback(reason)


class _Resolver(Resolver):
    """Twisted's own asks without either."""

    def _connectedProtocol(self, interface: str = "") -> _Asking:
        asking = _Asking(self, reactor=self._reactor)  # type: ignore[no-untyped-call]  # so Twisted has it
        self._reactor.listenUDP(0, asking, interface=interface, maxPacketSize=DATAGRAM)
        return asking
