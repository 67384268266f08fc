"""One question by HTTP to an address that somebody else has written: bounded, public, and not led anywhere else.

`edge.certificates.fetching` imports this when it has something to ask.
"""

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    IProtocolFactory,
    IReactorTCP,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.ssl import optionsForClientTLS, platformTrust
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, ResponseDone
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory, IBodyProducer, IResponse
from zope.interface import implementer

from edge.certificates.statements import StatementError
from edge.domains import Domain

BESIDES = 1 << 16  # bytes that may come beside the body: headers, of which Twisted takes any number
CONNECT_SECONDS = 5.0  # for the TCP connection
OK = 200


async def get(
    reactor: IReactorTime,
    url: str,
    body: bytes | None,
    limit: int,
    resolve: "Callable[[Domain], Deferred[list[str]]]",
    is_allowed: Callable[[str], bool],
    scheme: str = "http",
) -> bytes:
    """What is at ``url``, with ``body`` posted. Raises `StatementError`, or what Twisted says about the network.

    With the ``scheme`` "https" the operating system's trust store vouches for the host in ``url``.
    """
    try:
        uri = URI.fromBytes(url.encode("ascii"))  # type: ignore[no-untyped-call]  # so Twisted has it
        host, port = uri.host.decode("ascii"), uri.port
    except ValueError:
        raise StatementError("this is no address") from None
    if uri.scheme != scheme.encode() or not host or not 0 < port < 65536 or "@" in host:
        raise StatementError(f"only {'plain ' if scheme == 'http' else ''}{scheme} addresses are followed")
    literal = host.strip("[]")
    addresses = [literal] if _is_address(literal) else await resolve(Domain(host.lower()))
    allowed = [address for address in addresses if is_allowed(address)]
    if not allowed:
        raise StatementError(f"{host[:100]} has no public address")
    endpoints = _There(cast(IReactorTCP, reactor), allowed[0], port, limit + limit // 8 + BESIDES)
    agent = Agent.usingEndpointFactory(reactor, endpoints)  # type: ignore[no-untyped-call]  # so Twisted has it
    headers = Headers({"user-agent": ["edge"], "accept": ["*/*"]})
    producer = None
    if body is not None:
        headers.setRawHeaders("content-type", ["application/ocsp-request"])
        producer = _Posted(body)
    method = b"GET" if body is None else b"POST"
    response: IResponse = await agent.request(method, url.encode("ascii"), headers, producer)
    content = await _read(response, limit)
    if response.code != OK:
        raise StatementError(f"the answer was {response.code}")
    return content


# -- private ---------------------------------------------------------------------------------------------------------


def _is_address(text: str) -> bool:
    return ":" in text or text.replace(".", "").isdigit()


async def _read(response: IResponse, limit: int) -> bytes:
    done: Deferred[bytes] = Deferred(lambda _: reader.abort())
    reader = _Reader(done, limit)
    response.deliverBody(reader)  # type: ignore[no-untyped-call]  # so Twisted has it
    return await done


class _Reader(Protocol):
    """Gathers a body up to its limit."""

    def __init__(self, done: "Deferred[bytes]", limit: int) -> None:
        self._done, self._left = done, limit
        self._pieces: list[bytes] = []

    def dataReceived(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left >= 0:
            self._pieces.append(data)
        elif not self._done.called:
            self._done.errback(StatementError("the answer is too large"))
            self.abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self._done.called:
            whole = isinstance(reason.value, ResponseDone)
            content = b"".join(self._pieces)
            self._done.callback(content) if whole else self._done.errback(StatementError("the answer was cut short"))

    def abort(self) -> None:
        """The rest is not wanted."""
        if self.transport is not None:
            cast(Any, self.transport).loseConnection()  # Twisted's proxy of the transport has no other


@implementer(IAgentEndpointFactory)
class _There:
    """The one address that was looked up and judged: whatever DNS says a moment later does not count."""

    def __init__(self, reactor: IReactorTCP, address: str, port: int, limit: int) -> None:
        self._reactor, self._address, self._port, self._limit = reactor, address, port, limit

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        make = TCP6ClientEndpoint if ":" in self._address else TCP4ClientEndpoint
        made = cast(IStreamClientEndpoint, make(self._reactor, self._address, self._port, timeout=CONNECT_SECONDS))
        if uri.scheme == b"https":
            host = uri.host.decode("ascii")
            options = optionsForClientTLS(host, trustRoot=platformTrust())  # type: ignore[no-untyped-call]
            made = wrapClientTLS(options, made)
        return _Bounded(made, self._limit)


@implementer(IStreamClientEndpoint)
class _Bounded:
    """A connection that is dropped when more has come than there is to come."""

    def __init__(self, endpoint: IStreamClientEndpoint, limit: int) -> None:
        self._endpoint, self._limit = endpoint, limit

    def connect(self, protocolFactory: IProtocolFactory) -> "Deferred[IProtocol]":
        return self._endpoint.connect(_Counting(protocolFactory, self._limit))


class _Counting(Factory):
    noisy = False

    def __init__(self, factory: IProtocolFactory, limit: int) -> None:
        self._factory, self._left = factory, limit

    def buildProtocol(self, addr: IAddress | None) -> IProtocol:  # type: ignore[override]  # of any factory
        made = cast(Any, self._factory.buildProtocol(cast(IAddress, addr)))
        take = made.dataReceived

        def counted(data: bytes) -> None:
            self._left -= len(data)
            if self._left >= 0:
                take(data)
            else:
                made.transport.abortConnection()

        made.dataReceived = counted
        return cast(IProtocol, made)


@implementer(IBodyProducer)
class _Posted:
    """A body that is there already."""

    def __init__(self, body: bytes) -> None:
        self._body, self.length = body, len(body)

    def startProducing(self, consumer: Any) -> "Deferred[None]":
        consumer.write(self._body)
        done: Deferred[None] = Deferred()
        done.callback(None)
        return done

    def pauseProducing(self) -> None:
        """There is nothing left to hold back."""

    def resumeProducing(self) -> None:
        """As above."""

    def stopProducing(self) -> None:
        """As above."""
