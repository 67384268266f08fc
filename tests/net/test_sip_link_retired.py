"""A SIP link that is to go though nothing is wrong with it: what was asked on it is answered first."""

import pytest
from twisted.internet.error import ConnectionDone, ConnectionLost

from edge.codes import Code
from edge.net.links import Cause
from edge.sip.transaction import TIMER_F
from tests.net.test_sip_link import Bench, request, response


@pytest.fixture
def bench() -> Bench:
    return Bench(outbound=True).up()


def ask(bench: Bench, number: int = 1) -> None:
    bench.link.send(request(number), number)
    bench.turn.flush()



def test_link_on_which_nothing_was_asked_closes_at_once(bench: Bench) -> None:
    bench.link.retire()
    assert bench.transport.closing == "closed"


def test_link_waits_for_the_answers_and_is_asked_nothing_more(bench: Bench) -> None:
    ask(bench, 1)
    ask(bench, 2)
    bench.link.retire()
    assert bench.left == [Cause(Code.N03, "retired")] and not bench.transport.closing
    bench.hear(response(1))
    assert not bench.transport.closing
    bench.link.retire()
    bench.hear(response(2))
    assert bench.transport.closing == "closed" and len(bench.left) == 1
    assert [message.call_id for _, messages in bench.sink.received for message in messages] == ["1", "2"]


def test_link_whose_peer_does_not_answer_closes_when_nobody_waits_any_more(bench: Bench) -> None:
    ask(bench)
    bench.link.retire()
    bench.clock.advance(TIMER_F - 1)
    assert not bench.transport.closing
    bench.clock.advance(1)
    assert bench.transport.closing == "closed"


def test_link_that_is_left_stays_open(bench: Bench) -> None:
    bench.link.leave()
    bench.link.leave()
    assert bench.left == [Cause(Code.N03, "retired")]
    bench.clock.advance(TIMER_F)
    bench.hear(request(7))
    assert bench.link.alive and not bench.transport.closing
    bench.link.retire()
    assert bench.transport.closing == "closed"


@pytest.mark.parametrize("end", [ConnectionDone(), ConnectionLost()])
def test_link_that_we_have_closed_is_no_loss_however_the_peer_takes_it(bench: Bench, end: Exception) -> None:
    """Some answer a TLS close_notify by cutting the connection."""
    bench.link.close()
    bench.lose(end)
    event = bench.sink.event("link.down")
    assert event is not None and (event["code"], event["text"]) == (None, "closed by us")


def test_link_that_we_have_dropped_is_one(bench: Bench) -> None:
    bench.link.close(Cause(Code.S01, "enough"))
    bench.lose(ConnectionLost())
    assert bench.sink.codes("link.down") == [Code.S01]
