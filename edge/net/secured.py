"""Questions to a name server that validates (DNSSEC): what it vouches for, and nothing else.

Our resolver is asked for its word with the AD bit (RFC 6840 §5.7), and gives it in the same way. That is worth as much
as the resolver and the way to it, so `edge.net.proofs` asks only if the configuration says that both are safe.
"""

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import TimeoutError as NoAnswerInTime
from twisted.internet.interfaces import IReactorTime
from twisted.names import dns
from twisted.names.client import Resolver

from edge.net.names import TRIES, system_servers
from edge.partners import HostPort

DATAGRAM = 4096  # bytes of an answer; the way to the resolver is short, and a record may hold a whole certificate
_OPT = 41  # RFC 6891 §6.1.1


class Secured:
    """Asks ``servers``, or without any those of the operating system."""

    def __init__(self, reactor: IReactorTime, servers: Sequence[HostPort]) -> None:
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
        return vouched(answer, kind)


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


class _Resolver(Resolver):
    """Twisted's own asks without either."""

    def _connectedProtocol(self, interface: str = "") -> _Asking:
        asking = _Asking(self, reactor=self._reactor)  # type: ignore[no-untyped-call]  # so Twisted has it
        self._reactor.listenUDP(0, asking, interface=interface, maxPacketSize=DATAGRAM)
        return asking
