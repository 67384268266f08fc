"""Gets what issuers say about revocation over HTTP, and keeps handshakes waiting for it for a short while at most.

`edge.service` makes one `Revocation` and gives it to `Contexts.consult`. TLS (`edge.net.gate`) asks `waiting` between a
handshake and its verdict.

The addresses stand in certificates. They are followed only if the chain is good, so that an authority we trust has
written them, over plain HTTP as RFC 5280 §8 advises, without redirections, and never to an address that is not public.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, cast

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import IReactorTCP, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, ResponseDone
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory, IBodyProducer, IResponse
from zope.interface import implementer

from edge.certificates.handshake import Handshake
from edge.certificates.revocation import Ledger, Query
from edge.certificates.statements import StatementError
from edge.codes import Code
from edge.domains import Domain
from edge.net.addresses import is_public

WAIT_SECONDS = 4.0  # that a handshake waits for an answer; a peer gives up after 15 or more
FETCH_SECONDS = 10.0  # for one answer, from the look-up to its last byte; late ones are for the next handshake
CONNECT_SECONDS = 5.0
RETRY_SECONDS = 300.0  # that an address is left alone after it has failed
MAX_FETCHES = 32  # at a time; further ones fail at once
MAX_FAILED = 1000  # addresses of which we remember that they failed

OK = 200


class Revocation:
    """Asks issuers, and remembers. ``resolve`` gives the addresses of a host (`Locator.addresses`)."""

    def __init__(
        self,
        reactor: IReactorTime,
        resolve: "Callable[[Domain], Deferred[list[str]]]",
        wall: Callable[[], datetime],
        is_allowed: Callable[[str], bool] = is_public,
        report: Callable[[str, str], None] = lambda url, problem: None,
    ) -> None:
        self.ledger = Ledger()
        self._reactor, self._resolve, self._wall = reactor, resolve, wall
        self._is_allowed, self._report = is_allowed, report
        self._stopped = False
        self._under_way: dict[Query, Deferred[None]] = {}
        self._failed: dict[Query, float] = {}

    def fault(self, handshake: Handshake, policy: str) -> Code | None:
        """What is known now: C10, or with the policy "hard" C08 for nothing."""
        return self.ledger.fault(handshake, policy, self._wall())

    def waiting(self, handshake: Handshake) -> "Deferred[None] | None":
        """When to ask for `fault`, because something has to be fetched for it; None if that can be done at once.

        It fires within `WAIT_SECONDS`, and never fails.
        """
        unknown = self.ledger.unknown(handshake, self._wall())
        fetches = [Deferred.fromCoroutine(self._first(queries)) for queries in unknown]
        pending = [fetch for fetch in fetches if not fetch.called]
        if not pending:
            return None
        done: Deferred[None] = Deferred()
        every = DeferredList(pending, consumeErrors=True)
        late = self._reactor.callLater(WAIT_SECONDS, lambda: done.callback(None))

        def arrived(results: object) -> None:
            if late.active():
                late.cancel()
                done.callback(None)

        every.addCallback(arrived)
        return done

    def stop(self) -> None:
        """Let go of everything under way."""
        self._stopped = True
        for fetch in list(self._under_way.values()):
            fetch.cancel()

    async def _first(self, queries: Sequence[Query]) -> None:
        """Ask one address after the other until one answers."""
        for query in queries:
            if self._failed.get(query, 0.0) > self._reactor.seconds():
                continue
            if await self._ask(query):
                return

    async def _ask(self, query: Query) -> bool:
        fetch = self._under_way.get(query)
        if fetch is None:
            if self._stopped or len(self._under_way) >= MAX_FETCHES:
                return False
            fetch = Deferred.fromCoroutine(self._fetch(query)).addTimeout(FETCH_SECONDS, self._reactor)
            self._under_way[query] = fetch
            fetch.addErrback(lambda failure: self._has_failed(query, failure))
            fetch.addBoth(lambda result: self._under_way.pop(query, None) and None)
        waiter: Deferred[None] = Deferred()
        fetch.addBoth(lambda result: waiter.callback(None))
        if not waiter.called:
            await waiter
        return query not in self._failed or self._failed[query] <= self._reactor.seconds()

    async def _fetch(self, query: Query) -> None:
        content = await get(self._reactor, query.url, query.body, query.limit, self._resolve, self._is_allowed)
        self.ledger.learn(query, content, self._wall())
        self._failed.pop(query, None)

    def _has_failed(self, query: Query, failure: Failure) -> None:
        if self._stopped:
            return
        while len(self._failed) >= MAX_FAILED:
            del self._failed[next(iter(self._failed))]
        self._failed[query] = self._reactor.seconds() + RETRY_SECONDS
        self._report(query.url, failure.getErrorMessage()[:200] or repr(failure.value))


async def get(
    reactor: IReactorTime,
    url: str,
    body: bytes | None,
    limit: int,
    resolve: "Callable[[Domain], Deferred[list[str]]]",
    is_allowed: Callable[[str], bool],
) -> bytes:
    """What is at ``url``, with ``body`` posted. Raises `StatementError`, or what Twisted says about the network."""
    try:
        uri = URI.fromBytes(url.encode("ascii"))  # type: ignore[no-untyped-call]  # so Twisted has it
        host, port = uri.host.decode("ascii"), uri.port
    except ValueError:
        raise StatementError("this is no address") from None
    if uri.scheme != b"http" or not host or not 0 < port < 65536 or "@" in host:
        raise StatementError("only plain http addresses are followed")
    literal = host.strip("[]")
    addresses = [literal] if _is_address(literal) else await resolve(Domain(host.lower()))
    allowed = [address for address in addresses if is_allowed(address)]
    if not allowed:
        raise StatementError(f"{host[:100]} has no public address")
    endpoints = _There(cast(IReactorTCP, reactor), allowed[0], port)
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

    def __init__(self, reactor: IReactorTCP, address: str, port: int) -> None:
        self._reactor, self._address, self._port = reactor, address, port

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        make = TCP6ClientEndpoint if ":" in self._address else TCP4ClientEndpoint
        made = make(self._reactor, self._address, self._port, timeout=CONNECT_SECONDS)
        return cast(IStreamClientEndpoint, made)


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
