"""How a SIP link finds out that its peer is gone, with a clock that is moved by hand."""

import pytest

from edge.codes import Code
from edge.net import sip_link
from edge.net.sip_rounds import KEEP_ALIVE, TICK
from tests.net.loopback import request, response
from tests.net.test_sip_link import Bench


def minutes(bench: Bench, periods: int) -> None:
    bench.clock.pump([TICK] * round(periods * KEEP_ALIVE / TICK))


def test_handshake_of_a_dialled_link_is_given_up_sooner() -> None:
    bench = Bench(outbound=True)
    bench.clock.advance(sip_link.DIALLED)
    assert bench.transport.closing == "aborted"


def test_silent_link_that_we_dialled_is_probed() -> None:
    bench = Bench(outbound=True).up()
    minutes(bench, 1)
    assert bench.transport.writes == [b"\r\n\r\n"]


@pytest.mark.parametrize("outbound", [False, True])
def test_message_that_never_ends_costs_its_link(outbound: bool) -> None:
    bench = Bench(outbound=outbound).up()
    bench.hear(request(1) + request(2, "MESSAGE", b"ten bytes!")[:-1])
    minutes(bench, 1)
    assert bench.link.alive
    minutes(bench, 1)
    assert not bench.link.alive and bench.transport.closing == "aborted"


def test_message_that_comes_slowly_but_ends_costs_nothing() -> None:
    bench = Bench(outbound=False).up()
    whole = request(1, "MESSAGE", b"ten bytes!")
    for number in range(4):
        bench.hear(whole[number and 20 :] + whole[:20])  # always one unfinished, never the same
        minutes(bench, 1)
    assert bench.link.alive and bench.transport.writes == []


def test_link_with_traffic_is_probed_once() -> None:
    bench = Bench(outbound=True).up()
    for number in range(5):
        bench.hear(request(number))
        minutes(bench, 1)
    assert bench.transport.writes == [b"\r\n\r\n"], "once, to learn whether it answers"


def test_link_that_we_accepted_is_not_probed() -> None:
    bench = Bench().up()
    minutes(bench, 5)
    assert bench.transport.writes == []


def test_peer_that_never_answers_probes_is_left_to_the_kernel() -> None:
    bench = Bench(outbound=True).up()
    minutes(bench, 20)
    assert bench.transport.closing == ""


def test_peer_that_stops_answering_probes_is_dead() -> None:
    bench = Bench(outbound=True).up()
    for _ in range(3):
        minutes(bench, 1)
        bench.hear(b"\r\n")
    minutes(bench, 2)
    assert bench.transport.closing == ""
    minutes(bench, 1)
    assert bench.transport.closing == "aborted"


def test_dead_peer_is_found_within_ninety_seconds_of_its_last_word() -> None:
    bench = Bench(outbound=True).up()
    minutes(bench, 1)
    bench.hear(b"\r\n")
    bench.clock.advance(0.1)
    bench.hear(request(1))
    for _ in range(3):
        assert bench.transport.closing == ""
        minutes(bench, 1)
    assert bench.transport.closing == "aborted"
    assert [cause.code for cause in bench.left] == [Code.N03]


def test_peer_that_answers_neither_probes_nor_requests_is_dead() -> None:
    """The machine of a process that stands still acknowledges everything."""
    bench = Bench(outbound=True).up()
    bench.link.send(request(1), "token")
    minutes(bench, 1)
    assert bench.transport.closing == ""
    minutes(bench, 1)
    assert bench.transport.closing == "aborted"


def test_peer_that_answers_other_requests_is_not() -> None:
    bench = Bench(outbound=True).up()
    bench.link.send(request(1), "token")
    for number in range(2, 9):
        bench.hear(response(number))
        minutes(bench, 1)
    assert bench.transport.closing == ""


def test_link_that_was_lent_to_us_is_probed_like_our_own() -> None:
    bench = Bench().up()
    bench.link.lent = True
    minutes(bench, 1)
    assert bench.transport.writes == [b"\r\n\r\n"]
