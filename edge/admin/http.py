"""GET /metrics, /healthz and /readyz on a loopback address, and nothing else.

Called by `edge.service`, and imported only if [admin] has a listener. There is neither TLS nor a token, so it must
not be reached from elsewhere: the configuration takes no other address.
"""

import json
from collections.abc import Callable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from twisted.internet.defer import CancelledError, Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.internet.task import deferLater
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from twisted.web.http import Request as HttpRequest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from edge.admin.metrics import pieces
from edge.admin.readiness import Readiness
from edge.net import tcp

MAX_CONNECTIONS = 20  # a scraper needs one; whoever leaves them open shall not use up our files
IDLE_SECONDS = 120  # a scraper keeps its connection, and comes every 15 to 60 seconds

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"


def listen(
    reactor: tcp.Reactor, host: str, port: int, registry: CollectorRegistry, readiness: Callable[[], Readiness]
) -> "Listener":
    """Begin to listen. Raises `CannotListenError`."""
    site = QuietSite(  # type: ignore[no-untyped-call]  # Twisted's own
        _Root(reactor, registry, readiness), parsePOSTFormSubmission=False, timeout=IDLE_SECONDS, reactor=reactor
    )
    connections = Connections(site)
    return Listener(tcp.listen(reactor, host, port, connections), connections)


class Listener:
    """An open port and its connections. Whoever has made it stops it."""

    def __init__(self, port: IListeningPort, connections: "Connections") -> None:
        self.port = port
        self._connections = connections

    def stop(self) -> "Deferred[list[object]]":
        """Close the port and cut the connections; fires when all are gone."""
        stopped: Deferred[object] = maybeDeferred(self.port.stopListening)
        return gatherResults([stopped, self._connections.cut()])


# -- private ---------------------------------------------------------------------------------------------------------


class _Root(Resource):
    """All paths there are."""

    isLeaf = True

    def __init__(
        self, reactor: tcp.Reactor, registry: CollectorRegistry, readiness: Callable[[], Readiness]
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's own
        self._reactor = reactor
        self._registry = registry
        self._readiness = readiness

    def render(self, request: Request) -> bytes | int:
        kind, body = TEXT, b""
        if request.path not in (b"/metrics", b"/healthz", b"/readyz"):
            request.setResponseCode(404)
            body = b"there are /metrics, /healthz and /readyz\n"
        elif request.method not in (b"GET", b"HEAD"):
            request.setResponseCode(405)
            request.responseHeaders.setRawHeaders("allow", ["GET, HEAD"])
            body = b"only GET and HEAD\n"
        elif request.path == b"/healthz":
            body = b"ok\n"
        elif request.path == b"/readyz":
            answer = self._readiness()
            request.setResponseCode(200 if answer["ready"] else 503)
            kind, body = JSON, json.dumps(answer).encode() + b"\n"
        else:
            telling = Deferred.fromCoroutine(self._tell(request)).addErrback(_failed, request)
            request.notifyFinish().addErrback(lambda gone: telling.cancel())
            return NOT_DONE_YET
        return self._answer(request, kind, body)

    async def _tell(self, request: Request) -> None:
        """All metrics, of which there are many with many partners: messages go on meanwhile."""
        text = []
        for piece in pieces(self._registry):
            text.append(piece)
            await deferLater(self._reactor, 0)
        request.write(  # type: ignore[no-untyped-call]  # Twisted's own
            self._answer(request, CONTENT_TYPE_PLAIN_0_0_4, b"".join(text))
        )
        request.finish()  # type: ignore[no-untyped-call]  # Twisted's own

    def _answer(self, request: Request, kind: str, body: bytes) -> bytes:
        headers = request.responseHeaders
        for name, value in (("server", "edge"), ("cache-control", "no-store"), ("content-type", kind)):
            headers.setRawHeaders(name, [value])
        headers.setRawHeaders("content-length", [str(len(body))])
        return b"" if request.method == b"HEAD" else body


def _failed(failure: Failure, request: Request) -> None:
    """The scraper has gone meanwhile; or it is a bug."""
    if not isinstance(failure.value, CancelledError):
        request.processingFailed(failure)  # type: ignore[no-untyped-call]  # Twisted's own


class QuietSite(Site):
    """Without an access log, and so without the timer that keeps the time of day for its lines."""

    noisy = False

    def startFactory(self) -> None:
        pass

    def stopFactory(self) -> None:
        pass

    def log(self, request: HttpRequest) -> None:
        pass


class Connections(WrappingFactory[ProtocolWrapper]):
    """Bounds the connections and knows them, to cut them at the end."""

    noisy = False

    def __init__(self, site: Site) -> None:
        super().__init__(site)  # type: ignore[no-untyped-call]  # Twisted's own
        self._gone: Deferred[object] | None = None

    def buildProtocol(self, addr: IAddress | None) -> ProtocolWrapper | None:  # type: ignore[override]  # None refuses
        if self._gone is not None or len(self.protocols) >= MAX_CONNECTIONS:
            return None
        return super().buildProtocol(addr)

    def unregisterProtocol(self, p: ProtocolWrapper) -> None:
        super().unregisterProtocol(p)  # type: ignore[no-untyped-call]  # Twisted's own
        if self._gone is not None and not self.protocols:
            self._gone.callback(None)

    def cut(self) -> "Deferred[object]":
        """Close every connection; fires when they are gone."""
        gone: Deferred[object] = Deferred()
        self._gone = gone
        if not self.protocols:
            gone.callback(None)
        for each in list(self.protocols):
            each.abortConnection()
        return gone
