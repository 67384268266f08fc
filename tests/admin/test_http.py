"""The administrator's listener, with real sockets on loopback. Trial fails a test that leaves anything behind."""

import json
import socket

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from edge.admin import http
from edge.admin.metrics import registry_of
from edge.gateway.counters import OUT, Counters


class Scraper(Protocol):
    """A connection that keeps what it receives; ``until`` waits for some bytes, or for the end."""

    def __init__(self) -> None:
        self.received = b""
        self._wanted = b""
        self._waiting: Deferred[bytes] | None = None
        self.lost: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self._look()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)

    def ask(self, method: str, path: str, *headers: str) -> None:
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", ""]
        self.transport.write("\r\n".join(lines).encode())

    def until(self, wanted: bytes) -> "Deferred[bytes]":
        self._wanted, self._waiting = wanted, Deferred()
        waiting = self._waiting
        self._look()
        return waiting

    def _look(self) -> None:
        if self._waiting is not None and self._wanted in self.received:
            waiting, self._waiting = self._waiting, None
            waiting.callback(self.received)


class Broken(Collector):
    """Has an error, but not before it is asked for numbers."""

    def describe(self) -> list[Metric]:
        return [GaugeMetricFamily("edge_broken", "")]

    def collect(self) -> list[Metric]:
        raise ZeroDivisionError


class Listening(TestCase):
    """Asking, and being turned away."""

    def setUp(self) -> None:
        self.counters = Counters()
        self.counters.updates["contoso", OUT] += 7
        self.answer: dict[str, object] = {"ready": True, "reasons": []}
        self.registry = registry_of(lambda: self.counters.counts({}))
        self.listener = http.listen(reactor, "127.0.0.1", 0, self.registry, lambda: self.answer)
        self.addCleanup(lambda: self.listener.stop())

    async def connect(self) -> Scraper:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.listener.port.getHost().port)
        return await endpoint.connect(Factory.forProtocol(Scraper))

    async def asked(self, method: str, path: str, *headers: str) -> tuple[int, dict[str, str], str]:
        """Status, headers and body of the answer to one request on a connection of its own."""
        scraper = await self.connect()
        scraper.ask(method, path, "Connection: close", *headers)
        await scraper.lost
        head, _, body = scraper.received.decode().partition("\r\n\r\n")
        first, *lines = head.split("\r\n")
        return int(first.split()[1]), {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}, body

    async def test_metrics_are_text_for_prometheus(self) -> None:
        status, headers, body = await self.asked("GET", "/metrics")
        assert status == 200
        assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert headers["cache-control"] == "no-store"
        assert 'edge_presence_updates_total{direction="out",partner="contoso"} 7.0\n' in body

    async def test_healthz_says_that_the_process_lives(self) -> None:
        status, headers, body = await self.asked("GET", "/healthz?full=1")
        assert (status, headers["content-type"], body) == (200, "text/plain; charset=utf-8", "ok\n")

    async def test_readyz_says_whether_the_gateway_is_of_use_and_why_not(self) -> None:
        status, headers, body = await self.asked("GET", "/readyz")
        assert (status, headers["content-type"], json.loads(body)) == (200, "application/json", self.answer)
        self.answer = {"ready": False, "reasons": [{"code": "EDGE-C02", "text": "our certificate has expired"}]}
        status, headers, body = await self.asked("GET", "/readyz")
        assert (status, headers["content-type"], json.loads(body)) == (503, "application/json", self.answer)

    async def test_head_is_answered_like_get_without_the_body(self) -> None:
        status, headers, body = await self.asked("HEAD", "/healthz")
        assert (status, headers["content-length"], body) == (200, "3", "")
        status, headers, body = await self.asked("HEAD", "/metrics")
        assert (status, body) == (200, "")
        assert int(headers["content-length"]) > 100

    async def test_there_is_no_other_path(self) -> None:
        for path in ("/", "/metrics/", "/metrics/x", "//metrics", "/v1/status", "/%6detrics", "/healthz/../metrics"):
            status, headers, body = await self.asked("GET", path)
            assert (status, body) == (404, "there are /metrics, /healthz and /readyz\n"), path
            assert headers["content-type"].startswith("text/plain")
        assert (await self.asked("POST", "/", "Content-Length: 0"))[0] == 404

    async def test_other_methods_are_not_allowed(self) -> None:
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "BREW"):
            status, headers, _ = await self.asked(method, "/metrics", "Content-Length: 0")
            assert (status, headers["allow"]) == (405, "GET, HEAD"), method

    async def test_answers_say_nothing_of_what_they_are_made_with(self) -> None:
        for path in ("/healthz", "/nowhere"):
            assert (await self.asked("GET", path))[1]["server"] == "edge"

    async def test_scraper_may_keep_its_connection(self) -> None:
        scraper = await self.connect()
        for value in (7, 8):
            scraper.received = b""
            scraper.ask("GET", "/metrics")
            await scraper.until(b'partner="contoso"} %d.0\n' % value)
            self.counters.updates["contoso", OUT] += 1
        await self.listener.stop()
        await scraper.lost

    def _many(self) -> None:
        for number in range(10_000):
            self.counters.updates[f"partner{number}", OUT] += 1

    async def test_others_are_answered_while_many_metrics_are_told(self) -> None:
        self._many()
        one, other = await self.connect(), await self.connect()
        one.ask("GET", "/metrics", "Connection: close")
        other.ask("GET", "/healthz", "Connection: close")
        await other.until(b"ok\n")
        assert one.received == b""
        await one.lost
        await other.lost
        assert one.received.count(b"partner=") == 10_001

    async def test_scraper_that_does_not_wait_leaves_nothing(self) -> None:
        self._many()
        one, other = await self.connect(), await self.connect()
        one.ask("GET", "/metrics")
        other.ask("GET", "/healthz", "Connection: close")
        await other.lost
        one.transport.abortConnection()
        await one.lost
        assert (await self.asked("GET", "/healthz"))[0] == 200

    async def test_error_is_told_as_one_and_logged(self) -> None:
        self.registry.register(Broken())
        status, _, body = await self.asked("GET", "/metrics")
        assert status == 500
        assert "ZeroDivisionError" not in body
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1

    async def test_connections_are_bounded(self) -> None:
        self.patch(http, "MAX_CONNECTIONS", 1)
        first = await self.connect()
        first.ask("GET", "/healthz")
        await first.until(b"ok\n")
        second = await self.connect()
        await second.lost
        assert second.received == b""
        first.transport.loseConnection()
        await first.lost
        assert (await self.asked("GET", "/healthz"))[0] == 200


class Coming(TestCase):
    """Beginning and ending."""

    def test_address_that_is_taken_cannot_be_listened_on(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(CannotListenError):
            http.listen(reactor, "127.0.0.1", taken.getsockname()[1], CollectorRegistry(), dict)

    async def test_port_is_free_when_the_listener_has_stopped(self) -> None:
        listener = http.listen(reactor, "127.0.0.1", 0, CollectorRegistry(), dict)
        port = listener.port.getHost().port
        await listener.stop()
        again = http.listen(reactor, "127.0.0.1", port, CollectorRegistry(), dict)
        await again.stop()

    async def test_listener_without_visitors_sets_no_timer(self) -> None:
        before = len(reactor.getDelayedCalls())  # trial has one of its own
        listener = http.listen(reactor, "127.0.0.1", 0, CollectorRegistry(), dict)
        assert len(reactor.getDelayedCalls()) == before
        await listener.stop()
