"""Answers are fetched while a handshake waits, for a short while, and from public addresses only."""

from collections.abc import Sequence

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from edge.certificates.fetching import FETCH_SECONDS, RETRY_SECONDS, WAIT_SECONDS, Revocation
from edge.certificates.handshake import Handshake
from edge.certificates.revocation import MAX_RESPONSE
from edge.codes import Code
from edge.domains import Domain
from tests.certificates.issuing import CRL, OCSP, REVOKED, ROOT, answering, crl, leaf, listing, response
from tests.certificates.made import NOW, Made
from tests.certificates.test_revocation import shown

PUBLIC, PRIVATE = "203.0.113.7", "10.0.0.7"
BOTH, ONE = leaf(answering(), listing()), leaf(answering())


class Web:
    """The network as a `Revocation` sees it: addresses, and connections that wait for an answer."""

    def __init__(self) -> None:
        self.reactor = MemoryReactorClock()
        self.addresses: dict[str, Deferred[list[str]]] = {}
        self.problems: list[str] = []
        self.revocation = Revocation(
            self.reactor, self.resolve, lambda: NOW, lambda address: address == PUBLIC, self.failed
        )
        self.protocol: Protocol | None = None

    def resolve(self, host: Domain) -> "Deferred[list[str]]":
        return self.addresses.get(host, succeed([PUBLIC]))

    def failed(self, url: str, problem: str) -> None:
        self.problems.append(f"{url} {problem}")

    def shakes(self, made: Made = BOTH, policy: str = "hard") -> "tuple[Code | None, Deferred[None] | None]":
        """The first verdict, and what to wait for."""
        self.handshake: Handshake = shown(made, ROOT)
        return self.verdict(policy), self.revocation.waiting(self.handshake)

    def verdict(self, policy: str = "hard") -> Code | None:
        return self.revocation.fault(self.handshake, policy)

    @property
    def dialled(self) -> Sequence[str]:
        return [f"{client[0]}:{client[1]}" for client in self.reactor.tcpClients]

    def connect(self, number: int = -1) -> bytes:
        """The connection comes up; returns the request."""
        factory = self.reactor.tcpClients[number][2]
        self.protocol = factory.buildProtocol(None)
        self.transport = StringTransport()
        self.transport.abortConnection = self.transport.loseConnection  # type: ignore[method-assign]
        self.protocol.makeConnection(self.transport)
        return self.transport.value()

    def answer(self, body: bytes, status: str = "200 OK", length: int | None = None) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n"
        assert self.protocol is not None
        self.protocol.dataReceived(head.encode() + body)

    def refuse(self, number: int = -1) -> None:
        self.reactor.tcpClients[number][2].clientConnectionFailed(None, Failure(Refused()))


@pytest.fixture
def web() -> Web:
    return Web()


def test_verdict_waits_for_the_answer(web: Web) -> None:
    code, waiting = web.shakes()
    assert code is Code.C08 and waiting is not None and not waiting.called
    assert web.dialled == [f"{PUBLIC}:80"]
    request = web.connect()
    assert request.startswith(b"POST / HTTP/1.1\r\n") and b"\r\nHost: ocsp.ca.example\r\n" in request
    web.answer(response(BOTH))
    assert waiting.called and web.verdict() is None
    assert web.problems == [] and web.reactor.getDelayedCalls() == []


def test_soft_learns_of_a_revocation_too(web: Web) -> None:
    code, waiting = web.shakes(policy="soft")
    assert code is None and waiting is not None
    web.connect()
    web.answer(response(BOTH, REVOKED))
    assert waiting.called and web.verdict("soft") is Code.C10


def test_stapled_answer_saves_the_question(web: Web) -> None:
    handshake = shown(BOTH, ROOT, staple=response(BOTH))
    assert web.revocation.waiting(handshake) is None and web.dialled == []


def test_what_is_known_waits_for_nothing(web: Web) -> None:
    web.shakes()
    web.connect()
    web.answer(response(BOTH))
    assert web.shakes() == (None, None)
    assert web.shakes(leaf()) == (Code.C08, None)  # and who names no address cannot be asked about
    assert len(web.dialled) == 1


def test_handshake_waits_for_a_short_while_only(web: Web) -> None:
    _, waiting = web.shakes()
    assert waiting is not None
    web.reactor.advance(WAIT_SECONDS)
    assert waiting.called and web.verdict() is Code.C08
    web.connect()
    web.answer(response(BOTH))  # late, and for the next one
    assert web.verdict() is None
    assert web.reactor.getDelayedCalls() == []


def test_list_is_fetched_where_the_responder_fails(web: Web) -> None:
    _, waiting = web.shakes()
    web.refuse()
    assert waiting is not None and not waiting.called and len(web.dialled) == 2
    assert web.connect().startswith(b"GET /r.crl HTTP/1.1\r\n")
    web.answer(crl([BOTH]))
    assert waiting.called and web.verdict("soft") is Code.C10


def test_address_that_failed_is_left_alone_for_a_while(web: Web) -> None:
    _, waiting = web.shakes(ONE)
    web.refuse()
    assert waiting is not None and waiting.called
    assert web.shakes(ONE) == (Code.C08, None)
    web.reactor.advance(RETRY_SECONDS + 1)
    assert web.shakes(ONE)[1] is not None
    assert len(web.dialled) == 2 and len(web.problems) == 1


def test_two_handshakes_share_one_question(web: Web) -> None:
    _, one = web.shakes(ONE)
    _, other = web.shakes(ONE)
    assert one is not None and other is not None and len(web.dialled) == 1
    web.connect()
    web.answer(response(ONE))
    assert one.called and other.called and web.verdict() is None


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


def test_slow_answer_is_given_up(web: Web) -> None:
    web.shakes(ONE)
    web.connect()
    web.answer(b"x", length=100)
    web.reactor.advance(FETCH_SECONDS)
    assert len(web.problems) == 1 and web.transport.disconnecting
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


def test_name_that_cannot_be_looked_up_is_a_failure(web: Web) -> None:
    web.addresses = {"ocsp.ca.example": fail(ValueError("no such name"))}
    assert web.shakes(ONE) == (Code.C08, None)
    assert web.problems == [f"{OCSP} no such name"]


def test_stop_lets_go_of_what_is_under_way(web: Web) -> None:
    _, waiting = web.shakes()
    web.connect()
    web.revocation.stop()
    assert waiting is not None and waiting.called
    assert web.reactor.getDelayedCalls() == [] and web.problems == []
    assert CRL not in str(web.dialled)
