"""Answers are fetched while a handshake waits, for a short while."""

import pytest
from twisted.internet.defer import fail

from edge.certificates import fetching
from edge.certificates.fetching import FETCH_SECONDS, RETRY_SECONDS, WAIT_SECONDS
from edge.codes import Code
from tests.certificates.issuing import CRL, OCSP, REVOKED, ROOT, answering, crl, leaf, response
from tests.certificates.test_revocation import shown
from tests.certificates.web import BOTH, ONE, PUBLIC, Web


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


def test_failure_that_is_the_longest_ago_is_forgotten_first(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "MAX_FAILED", 3)
    one, two, three, four = (leaf(answering()) for _ in range(4))
    for certificate, seconds in ((one, 200), (two, RETRY_SECONDS - 199), (one, 0), (three, 0), (four, 0)):
        web.shakes(certificate)
        web.refuse()
        web.reactor.advance(seconds)
    asked = [web.shakes(each)[1] is not None for each in (one, two, three, four)]
    assert asked == [False, True, False, False] and len(web.problems) == 5


def test_two_handshakes_share_one_question(web: Web) -> None:
    _, one = web.shakes(ONE)
    _, other = web.shakes(ONE)
    assert one is not None and other is not None and len(web.dialled) == 1
    web.connect()
    web.answer(response(ONE))
    assert one.called and other.called and web.verdict() is None


def test_slow_answer_is_given_up(web: Web) -> None:
    web.shakes(ONE)
    web.connect()
    web.answer(b"x", length=100)
    web.reactor.advance(FETCH_SECONDS)
    assert len(web.problems) == 1 and web.transport.disconnecting
    assert web.reactor.getDelayedCalls() == []


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
