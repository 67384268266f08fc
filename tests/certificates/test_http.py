"""An address in a certificate leads to public places only, and what is there is read up to its limit."""

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionAborted
from twisted.python.failure import Failure

from edge.certificates.http import BESIDES, CONNECT_SECONDS, get
from edge.certificates.revocation import MAX_RESPONSE
from edge.certificates.statements import StatementError
from edge.codes import Code
from tests.certificates.issuing import answering, leaf, response
from tests.certificates.web import BOTH, ONE, PRIVATE, PUBLIC, Web


@pytest.fixture
def web() -> Web:
    return Web()


BAD = [
    ("404", lambda web: web.answer(b"no", "404 Not Found"), "the answer was 404"),
    ("a redirection", lambda web: web.answer(b"", "302 Found\r\nLocation: http://10.0.0.1/"), "the answer was 302"),
    ("too large", lambda web: web.answer(b"x" * (MAX_RESPONSE + 1)), "too large"),
    ("too large and endless", lambda web: web.answer(b"x" * (MAX_RESPONSE + 1), length=1 << 40), "too large"),
    ("garbage", lambda web: web.answer(b"garbage"), "cannot be read"),
    ("about another", lambda web: web.answer(response(BOTH)), "another certificate"),
]


@pytest.mark.parametrize(("act", "said"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_answer_is_none(web: Web, act: object, said: str) -> None:
    _, waiting = web.shakes(ONE)
    web.connect()
    act(web)  # type: ignore[operator]
    assert waiting is not None and waiting.called and web.verdict() is Code.C08
    assert len(web.problems) == 1 and said in web.problems[0]
    assert web.reactor.getDelayedCalls() == []


HOSTS = [
    ("a private name", "http://intranet.example/", [PRIVATE]),
    ("no name", "http://intranet.example/", []),
    ("a private address", "http://10.0.0.7/", []),
    ("loopback", "http://127.0.0.1:8061/", []),
    ("the address of the cloud", "http://169.254.169.254/", []),
    ("loopback, IPv6", "http://[::1]/", []),
    ("a user before the host", "http://ocsp.ca.example@10.0.0.7/", [PRIVATE]),
    ("a port that is none", "http://ocsp.ca.example:0/", [PUBLIC]),
]


@pytest.mark.parametrize(("url", "addresses"), [row[1:] for row in HOSTS], ids=[row[0] for row in HOSTS])
def test_certificate_cannot_send_us_anywhere(web: Web, url: str, addresses: list[str]) -> None:
    web.addresses = {"intranet.example": succeed(addresses), "ocsp.ca.example@10.0.0.7": succeed(addresses)}
    assert web.shakes(leaf(answering(url))) == (Code.C08, None)
    assert web.dialled == [] and len(web.problems) == 1


def test_only_the_public_ones_of_several_addresses_are_dialled(web: Web) -> None:
    web.addresses = {"ocsp.ca.example": succeed([PRIVATE, PUBLIC])}
    web.shakes(ONE)
    assert web.dialled == [f"{PUBLIC}:80"]


def test_connection_that_does_not_come_up_is_given_up_early(web: Web) -> None:
    web.shakes(ONE)
    assert [client[3] for client in web.reactor.tcpClients] == [CONNECT_SECONDS]


def over_https(web: Web, url: str) -> "Deferred[bytes]":
    allowed = web.revocation._is_allowed
    return Deferred.fromCoroutine(get(web.reactor, url, None, 100, web.resolve, allowed, "https"))


def test_https_begins_with_tls_for_the_host_of_the_address(web: Web) -> None:
    over_https(web, "https://xmpp.example/posh.json")
    assert web.dialled == [f"{PUBLIC}:443"]
    hello = web.connect()
    assert hello[:1] == b"\x16" and b"xmpp.example" in hello and b"GET" not in hello


@pytest.mark.parametrize("url", ["http://xmpp.example/", "ftp://xmpp.example/", "https://10.0.0.7/", "https://[::1]/"])
def test_https_is_not_left_and_leads_to_no_private_place(web: Web, url: str) -> None:
    failed: list[Failure] = []
    over_https(web, url).addErrback(failed.append)
    assert failed[0].check(StatementError) and web.dialled == []


def test_headers_without_end_are_not_listened_to(web: Web) -> None:
    web.shakes(ONE)
    web.connect()
    assert web.protocol is not None
    web.protocol.dataReceived(b"HTTP/1.1 200 OK\r\n")
    line, sent = b"X-More: " + b"x" * 1000 + b"\r\n", 0
    while not web.transport.disconnecting:
        web.protocol.dataReceived(line)
        sent += len(line)
    assert sent < MAX_RESPONSE * 2 + BESIDES
    web.protocol.connectionLost(Failure(ConnectionAborted()))
    assert web.verdict() is Code.C08 and len(web.problems) == 1
