"""Further proofs of an XMPP domain (RFC 7712): what it says of its servers' certificates over HTTPS, or in DNS.

`edge.net.xmpp_trust` asks `waiting` before it judges a certificate that does not prove the name by itself, and then
`proof`. What was found is remembered for a while, what was not for a short one; a stream waits for a bounded time.
"""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from twisted.internet.defer import Deferred, DeferredList, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from edge.certificates import posh, tlsa
from edge.certificates.handshake import Handshake
from edge.certificates.peers import xmpp_matches
from edge.codes import Code
from edge.domains import Domain
from edge.domains import domain as canonical
from edge.errors import RemoteProtocolError
from edge.net.addresses import is_public
from edge.net.names import SRV
from edge.partners import HostPort

if TYPE_CHECKING:
    from twisted.names import dns

    from edge.net.secured import Secured

POSH, DANE = "posh", "dane"
WELL_KNOWN = "https://{}/.well-known/posh/xmpp-server.json"  # RFC 7712 §5.2

WAIT_SECONDS = 4.0  # that a stream waits; a peer gives up after 10 or more
FETCH_SECONDS = 10.0  # for all of one domain's proof; what comes late is for the next stream
DANE_SECONDS = 300.0  # that records are believed; asking again costs a few questions to the resolver beside us
RETRY_SECONDS = 60.0  # that nothing is asked after nothing was found
MAX_FETCHES = 32  # at a time; further ones find nothing
TEXT = 200  # characters of what went wrong that are told
MAX_KEPT = 1000  # domains and proofs; only those of listed partners get in
TARGETS = 8  # servers of one domain that we look at, as `edge.net.locate` does

# What is wrong with a certificate that a good chain leads to.
NAMES = frozenset((None, Code.C03, Code.C04))

Addresses = Callable[[Domain], "Deferred[list[str]]"]
Report = Callable[..., None]  # the name of an event, and its facts by keyword


@dataclass(frozen=True, slots=True)
class Server:
    """One server of a domain, and what DNS says of its certificate."""

    host: Domain
    records: tuple[tlsa.Record, ...]


Found = posh.Document | tuple[Server, ...] | None


class Proofs:
    """``addresses`` are those of a host; ``secured`` is None where no name server validates: then nothing is DANE's.

    A listed domain may be at any address, but what it writes leads to those only that are allowed. ``report`` is told
    of a proof that is not to be had.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        addresses: Addresses,
        secured: "Secured | None" = None,
        is_allowed: Callable[[str], bool] = is_public,
        report: Report = lambda name, **facts: None,
    ) -> None:
        self.secured = secured
        self._report = report
        self._reactor, self._addresses, self._is_allowed = reactor, addresses, is_allowed
        self._known: dict[tuple[str, Domain], tuple[Found, float]] = {}  # and until when
        self._under_way: dict[tuple[str, Domain], Deferred[None]] = {}
        self._stopped = False

    def waiting(self, kinds: Sequence[str], remote: Domain) -> "Deferred[None] | None":
        """When to ask for `proof`; None if that can be done at once. Fires within `WAIT_SECONDS`, and never fails."""
        fetches = [fetch for kind in kinds if (fetch := self._asked(kind, remote)) is not None]
        if not fetches:
            return None
        done: Deferred[None] = Deferred()
        late = self._reactor.callLater(WAIT_SECONDS, lambda: done.callback(None))

        def arrived(_: object) -> None:
            if late.active():
                late.cancel()
                done.callback(None)

        DeferredList(fetches).addCallback(arrived)
        return done

    def proof(self, kinds: Sequence[str], remote: Domain, handshake: Handshake, fault: Code | None) -> str:
        """Which of these proves that the certificate is ``remote``'s, by what is known now; "" for none.

        ``fault`` is what is wrong with it as it is.
        """
        return next((kind for kind in kinds if self._proves(kind, remote, handshake, fault)), "")

    def stop(self) -> None:
        """Let go of everything under way."""
        self._stopped = True
        for fetch in list(self._under_way.values()):
            fetch.cancel()

    def _proves(self, kind: str, remote: Domain, handshake: Handshake, fault: Code | None) -> bool:
        found, until = self._known.get((kind, remote), (None, 0.0))
        leaf = handshake.leaf
        if found is None or leaf is None or until <= self._reactor.seconds():
            return False
        if isinstance(found, posh.Document):
            return found.names(leaf)
        for server in found:
            # the host is as good a name as the domain, because DNS is believed that says whose it is (RFC 7673 §4)
            named = any(xmpp_matches(leaf, name) for name in (remote, server.host))
            issued = fault is None or (fault in NAMES and named)
            chain, path = handshake.chain, handshake.path
            if tlsa.proves(server.records, chain, well_issued=issued, well_named=named, path=path):
                return True
        return False

    # --- fetching -------------------------------------------------------------------------------------------

    def _asked(self, kind: str, remote: Domain) -> "Deferred[None] | None":
        """A Deferred of its own for the caller; None if there is nothing to wait for."""
        key = kind, remote
        if self._stopped or (kind == DANE and self.secured is None):
            return None
        if key in self._known and self._known[key][1] > self._reactor.seconds():
            return None
        fetch = self._under_way.get(key)
        if fetch is None:
            if len(self._under_way) >= MAX_FETCHES:
                return None
            fetch = self._begin(key)
        if fetch.called:
            return None
        waiter: Deferred[None] = Deferred()
        fetch.addBoth(lambda _: waiter.callback(None))
        return waiter

    def _begin(self, key: tuple[str, Domain]) -> "Deferred[None]":
        kind, remote = key
        work: Coroutine[Deferred[Any], Any, tuple[Found, float]]
        work = self._dane(remote) if kind == DANE else self._posh(remote)
        fetch = Deferred.fromCoroutine(work).addTimeout(FETCH_SECONDS, self._reactor)
        fetch.addErrback(lambda failure: self._missed(key, failure))
        done = cast("Deferred[None]", fetch)
        self._under_way[key] = done
        fetch.addCallback(lambda found: self._learn(key, *found))
        return done

    def _missed(self, key: tuple[str, Domain], failure: Failure) -> tuple[Found, float]:
        if not self._stopped:
            text = failure.getErrorMessage() or type(failure.value).__name__
            self._report("proof.failed", remote=key[1], proof=key[0], text=text[:TEXT])
        return None, RETRY_SECONDS

    def _learn(self, key: tuple[str, Domain], found: Found, seconds: float) -> None:
        self._under_way.pop(key, None)
        self._known.pop(key, None)
        while len(self._known) >= MAX_KEPT:
            del self._known[next(iter(self._known))]
        self._known[key] = (found, self._reactor.seconds() + seconds)

    async def _posh(self, remote: Domain) -> tuple[Found, float]:
        """The domain's own word, or that of whom it names, never of a third; for the shorter time."""
        document = await self._document(WELL_KNOWN.format(remote), lambda address: True)
        seconds = document.seconds
        if document.url:
            document = await self._document(document.url, self._is_allowed)
            seconds = min(seconds, document.seconds)
            if document.url:
                raise posh.PoshError("the document that is referred to refers to another")
        return document, seconds

    async def _document(self, url: str, allowed: Callable[[str], bool]) -> posh.Document:
        from edge.certificates.http import get  # only who has to ask pays for a web client

        return posh.read(await get(self._reactor, url, None, posh.MAX_DOCUMENT, self._addresses, allowed, "https"))

    async def _dane(self, remote: Domain) -> tuple[Found, float]:
        """RFC 7673 §3: only servers of which a record says so that can be believed; the domain alone is none."""
        assert self.secured is not None
        services = []
        for service in ("_xmpps-server", "_xmpp-server"):
            services += await self.secured.ask(f"{service}._tcp.{remote}", SRV)
        places = dict.fromkeys(place for each in services if (place := _place(each)) is not None)
        asked = [Deferred.fromCoroutine(self._server(*place)) for place in list(places)[:TARGETS]]
        servers = tuple(server for server in await gatherResults(asked) if server.records)
        if not servers:
            raise tlsa.TlsaError("there is no record that the resolver vouches for")
        return servers, DANE_SECONDS

    async def _server(self, host: Domain, port: int) -> Server:
        assert self.secured is not None
        payloads = await self.secured.ask(f"_{port}._tcp.{host}", tlsa.TLSA)
        records = [record for each in payloads if (record := tlsa.read(getattr(each, "data", b""))) is not None]
        return Server(host, tuple(records[: tlsa.MAX_RECORDS]))


def proofs(
    reactor: IReactorTime, addresses: Addresses, validators: Sequence[HostPort] | None, report: Report
) -> Proofs:
    """As configured: ``validators`` validate, and nobody is between them and us; None if that cannot be said."""
    if validators is None:
        return Proofs(reactor, addresses, report=report)
    from edge.net.secured import Secured  # here, because with Twisted's DNS it takes 1.1 MB

    return Proofs(reactor, addresses, Secured(reactor, validators), report=report)


# -- private ---------------------------------------------------------------------------------------------------------


def _place(record: "dns.Record_SRV") -> tuple[Domain, int] | None:
    try:
        return canonical(record.target.name.decode("ascii")), record.port
    except (RemoteProtocolError, UnicodeError):
        return None
