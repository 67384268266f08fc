"""Questions to name servers, each with an end: the records of a name, and the addresses of a host.

`edge.net.locate` asks, and makes sense of the answers. The hosts file goes before DNS, as everywhere on the machine.
Twisted's side of it takes 0.7 MB, and is loaded with the first question: hosts may all be configured by address.
"""

import ipaddress
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.defer import TimeoutError as NoAnswerInTime
from twisted.internet.error import ConnectError, ConnectionClosed
from twisted.internet.interfaces import IReactorTime
from twisted.python.filepath import FilePath

from edge.codes import Code
from edge.net.links import DialError
from edge.partners import HostPort

if TYPE_CHECKING:
    from twisted.names import dns
    from twisted.names.client import Resolver

A, AAAA, SRV, NAPTR = 1, 28, 33, 35  # types of records
PORT = 53
TRIES = (1, 2)  # seconds the resolver waits for each server, in two rounds; Twisted's own rounds add up to a minute
ADDRESSES = 4  # of each kind for one host; the records are written by others
RESOLV_CONF = Path("/etc/resolv.conf")

# Twisted's DNS functions carry no types, hence the ignored no-untyped-call
_HOSTS = FilePath("/etc/hosts")
_NO_ANSWER = (NoAnswerInTime, ConnectError, ConnectionClosed, OSError)

_TYPES = {A: "A", AAAA: "AAAA", SRV: "SRV", NAPTR: "NAPTR"}


class LocateError(DialError):
    """There is nowhere to connect to: D01, D02, D04, D05 or D06."""


class Names:
    """Asks the name servers ``servers``, or without any those of the operating system."""

    def __init__(self, reactor: IReactorTime, servers: Sequence[HostPort]) -> None:
        self._reactor = reactor
        self._servers = [(server.host, server.port) for server in servers]
        self.lookups: Counter[tuple[str, str]] = Counter()  # by type and "ok", "none" or "failed"
        self._resolver: Resolver | None = None  # until there is a question

    async def ask(self, name: str, kind: int) -> "list[dns.RRHeader]":
        """The records of one kind; none if the name or the kind does not exist, `LocateError` if nobody answers."""
        from twisted.names import client, dns, error

        servers = self._servers or system_servers()
        resolver = self._resolver
        if resolver is None:
            resolver = client.Resolver(servers=servers, timeout=TRIES, reactor=self._reactor)  # type: ignore[no-untyped-call]
            self._resolver = resolver
        resolver.servers = servers
        answers: tuple[list[dns.RRHeader], list[dns.RRHeader], list[dns.RRHeader]]
        try:
            query = dns.Query(name.encode("ascii"), kind, dns.IN)
            answers = await resolver.query(query)  # type: ignore[no-untyped-call]
        except error.DNSNameError:
            self.lookups[_TYPES.get(kind, "other"), "none"] += 1
            return []
        except (error.DomainError, error.ResolverError, *_NO_ANSWER) as problem:
            self.lookups[_TYPES.get(kind, "other"), "failed"] += 1
            raise LocateError(Code.D06, f"{Code.D06.sentence}: {type(problem).__name__}") from None
        records = [record for record in answers[0] if record.type == kind]
        self.lookups[_TYPES.get(kind, "other"), "ok" if records else "none"] += 1
        return records

    async def addresses(self, host: HostPort) -> list[str] | None:
        """The addresses of one host, IPv4 first; None if the name servers did not say."""
        if host.is_address:
            return [host.host]
        from twisted.names.hosts import searchFileForAll

        listed: list[str] = searchFileForAll(_HOSTS, host.host.encode("ascii"))  # type: ignore[no-untyped-call]
        if listed:
            return listed[:ADDRESSES]
        both = [Deferred.fromCoroutine(self._known(host.host, kind)) for kind in (A, AAAA)]
        four, six = await gatherResults(both)
        return None if four is None and six is None else (four or []) + (six or [])

    def stop(self) -> None:
        """Close what is open to name servers."""
        for connection in () if self._resolver is None else self._resolver.connections:
            connection.transport.loseConnection()

    async def _known(self, name: str, kind: int) -> list[str] | None:
        try:
            records = await self.ask(name, kind)
        except LocateError:
            return None
        found = [cast("dns.Record_A | dns.Record_AAAA", each.payload).address for each in records[:ADDRESSES]]
        return [str(ipaddress.ip_address(address)) for address in found if address]


def system_servers() -> list[tuple[str, int]]:
    """The name servers of resolv.conf as it is now, since Twisted's own reader would poll it for ever."""
    try:
        lines = RESOLV_CONF.read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    words = [line.split() for line in lines]
    named = [(row[1].partition("%")[0], PORT) for row in words if len(row) > 1 and row[0] == "nameserver"]
    return named or [("127.0.0.1", PORT)]
