"""Requests without an answer: what counts as one, and for how long."""

import pytest
from twisted.internet.task import Clock

from edge.net.pending import CROWD, SLOW, Pending
from edge.sip.framing import Framer
from edge.sip.message import Request, Response
from edge.sip.transaction import TIMER_F
from tests.net.loopback import request, response


def parsed(data: bytes) -> Request | Response:
    (message,) = Framer(name="edge.example").feed(data)
    assert isinstance(message, Request | Response)
    return message


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pending(clock: Clock) -> Pending:
    return Pending(clock.seconds)


def test_request_waits_for_its_final_response(pending: Pending) -> None:
    assert not pending
    pending.asked(request(1))
    pending.asked(request(2))
    pending.answered(parsed(response(1)))
    assert pending
    pending.answered(parsed(response(2)))
    assert not pending


@pytest.mark.parametrize(
    "data",
    [
        response(2),
        response(1).replace(b"200 OK", b"180 Ringing"),
        response(1).replace(b"Via: SIP", b"Via: \xff"),
    ],
)
def test_request_is_not_answered_by_something_else(pending: Pending, data: bytes) -> None:
    pending.asked(request(1))
    pending.answered(parsed(data))
    assert pending


def test_request_that_its_sender_has_given_up_is_forgotten(pending: Pending, clock: Clock) -> None:
    pending.asked(request(1))
    clock.advance(TIMER_F - 1)
    pending.asked(request(2))
    assert pending
    clock.advance(1)
    pending.answered(parsed(response(2)))
    assert not pending


def test_many_that_have_waited_for_a_while_are_a_crowd(pending: Pending, clock: Clock) -> None:
    for number in range(CROWD):
        pending.asked(request(number))
    clock.advance(SLOW)
    assert not pending.is_crowd
    pending.asked(request(CROWD))
    assert not pending.is_crowd, "one of them has not waited"
    clock.advance(SLOW)
    assert pending.is_crowd


def test_number_of_those_that_were_given_up_is_told(pending: Pending, clock: Clock) -> None:
    pending.asked(request(1))
    pending.asked(request(2))
    assert pending.forget() == 0
    clock.advance(TIMER_F)
    assert (pending.forget(), pending.forget()) == (2, 0)


def test_branch_need_not_be_the_last_parameter(pending: Pending) -> None:
    pending.asked(request(1).replace(b";branch=z9hG4bK1", b";branch=z9hG4bK1;alias"))
    pending.answered(parsed(response(1)))
    assert not pending
