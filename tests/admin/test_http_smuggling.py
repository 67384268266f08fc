"""Requests of which a proxy in front and we could see different ones: none of them is taken for two."""

import pytest
from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.protocol import Factory
from twisted.trial.unittest import TestCase

from edge.admin import http
from edge.admin.metrics import registry_of
from edge.gateway.counters import Counters
from tests.admin.test_http import Scraper

pytestmark = pytest.mark.slow

AMBIGUOUS = {
    "two lengths": ("Content-Length: 4\r\nContent-Length: 0", "GET "),
    "length and chunks": ("Content-Length: 4\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
    "a length with a sign": ("Content-Length: +0", ""),
    "a length with an underscore": ("Content-Length: 1_0", ""),
    "another encoding": ("Transfer-Encoding: xchunked", ""),
    "an encoding twice": ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", ""),
    "a chunk that is no number": ("Transfer-Encoding: chunked", "0x2\r\nab\r\n0\r\n\r\n"),
    "a chunk without its end": ("Transfer-Encoding: chunked", "2\r\nabGET /healthz HTTP/1.1\r\n\r\n"),
}
PATHS = (
    "/..%2fmetrics", "/%2e%2e/metrics", "/%u002e%u002e/metrics", "/;/metrics", "/metrics;x", "/healthz%00",
    "/healthz/%2e", "//healthz", "/HEALTHZ", "http://elsewhere.example/metrics/x",
    "/setup/setup-s/%u002e%u002e/log.jsp",
)


class Smuggling(TestCase):
    """Real sockets on loopback."""

    def setUp(self) -> None:
        registry = registry_of(lambda: Counters().counts({}))
        self.listener = http.listen(reactor, "127.0.0.1", 0, registry, lambda: {"ready": True, "reasons": []})
        self.addCleanup(lambda: self.listener.stop())

    async def said(self, data: str) -> str:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.listener.port.getHost().port)
        scraper = await endpoint.connect(Factory.forProtocol(Scraper))
        scraper.transport.write(data.encode())
        await scraper.lost.addTimeout(10, reactor)
        return scraper.received.decode()

    async def test_request_that_can_be_read_in_two_ways_is_refused(self) -> None:
        for kind, (headers, body) in AMBIGUOUS.items():
            second = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            answer = await self.said(f"POST /nowhere HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n\r\n{body}{second}")
            assert "edge_" not in answer and " 200 " not in answer, kind
            assert answer.count("HTTP/1.1 ") == 1 and answer.startswith("HTTP/1.1 4"), (kind, answer)

    async def test_no_path_leads_elsewhere(self) -> None:
        for path in PATHS:
            answer = await self.said(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert answer.startswith(("HTTP/1.1 404 ", "HTTP/1.1 400 ")), (path, answer)
