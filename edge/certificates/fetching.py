"""Gets what issuers say about revocation over HTTP, and keeps handshakes waiting for it for a short while at most.

`edge.service` makes one `Revocation` and gives it to `Contexts.consult`. TLS (`edge.net.gate`) asks `waiting` between a
handshake and its verdict.

The addresses stand in certificates. They are followed only if the chain is good, so that an authority we trust has
written them, over plain HTTP as RFC 5280 §8 advises, without redirections, and never to an address that is not public.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from edge.certificates.handshake import Handshake
from edge.certificates.revocation import Ledger, Query
from edge.codes import Code
from edge.domains import Domain
from edge.net.addresses import is_public

WAIT_SECONDS = 4.0  # that a handshake waits for an answer; a peer gives up after 15 or more
FETCH_SECONDS = 10.0  # for one answer, from the look-up to its last byte; late ones are for the next handshake
RETRY_SECONDS = 300.0  # that an address is left alone after it has failed
MAX_FETCHES = 32  # at a time; further ones fail at once
MAX_FAILED = 1000  # addresses of which we remember that they failed


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
        self._failed: OrderedDict[Query, float] = OrderedDict()  # until when; what failed last is last

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
        from edge.certificates.http import get  # only who has to ask pays for a web client

        content = await get(self._reactor, query.url, query.body, query.limit, self._resolve, self._is_allowed)
        self.ledger.learn(query, content, self._wall())
        self._failed.pop(query, None)

    def _has_failed(self, query: Query, failure: Failure) -> None:
        if self._stopped:
            return
        self._failed.pop(query, None)
        while len(self._failed) >= MAX_FAILED:
            self._failed.popitem(last=False)
        self._failed[query] = self._reactor.seconds() + RETRY_SECONDS
        self._report(query.url, failure.getErrorMessage()[:200] or repr(failure.value))
