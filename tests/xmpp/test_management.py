"""Counting, on both ends of a stream: what the peer has of ours, and what we have of the peer's."""

import pytest

from edge.xmpp.acknowledgement import LIMIT, MIN_INTERVAL
from edge.xmpp.management import (
    NUMBERS,
    REPEAT,
    STUCK,
    UNSETTLED,
    Received,
    Sent,
    answer_bytes,
    failed_bytes,
    number_of,
    too_high,
)


def sent(*tokens: object) -> Sent:
    """A stream on which these stanzas have been written; those of which nobody waits for are None."""
    one = Sent()
    for token in tokens:
        one.sent(token)
    return one


def taken(one: Sent, h: int, now: float = 0.0) -> list[object]:
    """What an acknowledgement that is believed at once proves."""
    assert one.acknowledged(h, now)
    one.hold()
    return one.answered()


# --- what we send ---------------------------------------------------------------------------------------


def test_sent_gives_back_the_tokens_up_to_a_number_in_order() -> None:
    one = sent("a", None, "b", "c")
    assert one.waiting == 3
    assert taken(one, 3) == ["a", "b"]
    assert taken(one, 4) == ["c"] and one.waiting == 0


def test_sent_counts_what_nobody_waits_for() -> None:
    one = sent(None, None, "a")
    assert taken(one, 2) == [] and not one.proved
    assert taken(one, 3) == ["a"]


def test_sent_takes_what_was_counted_before_the_hold_and_nothing_later() -> None:
    one = sent("a", "b")
    one.acknowledged(1, 0.0)
    one.hold()
    one.acknowledged(2, 0.0)
    assert one.answered() == ["a"] and one.answered() == []
    assert one.proved
    one.hold()
    assert one.answered() == ["b"]


@pytest.mark.parametrize("h", [3, 4, NUMBERS - 1])
def test_sent_takes_no_number_above_what_there_is(h: int) -> None:
    one = sent("a", "b")
    assert not one.acknowledged(h, 0.0)
    assert not one.proved


def test_sent_takes_no_number_below_the_last_one() -> None:
    one = sent("a", "b")
    assert one.acknowledged(2, 0.0) and one.acknowledged(2, 0.0)
    assert not one.acknowledged(1, 0.0)


def test_sent_goes_on_when_the_numbers_begin_again() -> None:
    one = Sent()
    one.count = one.handled = NUMBERS - 2
    for token in "abcd":
        one.sent(token)
    assert taken(one, NUMBERS - 1) == ["a"]
    assert taken(one, 1) == ["b", "c"]
    assert taken(one, 2) == ["d"]
    assert not one.acknowledged(3, 0.0)


def test_sent_asks_once_for_a_batch_and_again_behind_the_next() -> None:
    one = sent("a", "b")
    assert one.due(10.0) and not one.due(20.0), "one at a time"
    assert taken(one, 2, 20.0) == ["a", "b"]
    assert not one.due(30.0), "there is nothing to ask for"
    one.sent("c")
    assert one.due(30.0)


def test_sent_asks_for_nothing_when_nobody_waits() -> None:
    assert not sent(None, None).due(10.0)


def test_sent_keeps_requests_apart() -> None:
    one = sent("a")
    assert one.due(10.0)
    taken(one, 1, 10.0)
    one.sent("b")
    assert one.pause == MIN_INTERVAL
    assert not one.due(10.0 + MIN_INTERVAL / 2) and one.due(10.0 + 2 * MIN_INTERVAL)


def test_sent_asks_a_peer_seldom_that_cannot_count_yet() -> None:
    """Another gateway like this one counts a message when its own next hop has answered."""
    one = sent("a")
    assert one.due(10.0) and one.acknowledged(0, 10.0)
    assert one.pause == REPEAT and not one.due(10.0 + REPEAT / 2)
    one.sent("b")
    assert one.pause == MIN_INTERVAL and one.due(10.0 + REPEAT / 2)
    assert one.acknowledged(0, 11.0) and not one.due(11.0) and one.due(10.5 + REPEAT)


def test_sent_is_overdue_when_a_request_is_not_answered() -> None:
    one = sent("a")
    assert not one.overdue(1e9), "nothing was asked"
    one.due(10.0)
    assert not one.overdue(10.0 + LIMIT - 1) and one.overdue(10.0 + LIMIT)
    one.acknowledged(0, 12.0)
    assert not one.overdue(10.0 + LIMIT)


def test_sent_is_overdue_when_the_peer_answers_and_never_counts() -> None:
    one = sent("a")
    now = 10.0
    while one.due(now) and one.acknowledged(0, now) and not one.overdue(now):
        one.sent("more")  # which would keep all of them, for ever
        now += REPEAT
    assert now == 10.0 + STUCK


def test_sent_is_not_overdue_while_the_peer_makes_progress() -> None:
    one = sent("a", "b", "c")
    assert one.due(0.0) and one.acknowledged(0, 0.0)
    for h, now in ((1, STUCK - 1), (2, 2 * STUCK - 2)):
        assert not one.overdue(now)
        assert taken(one, h, now)
        assert one.due(now) and one.acknowledged(h, now)
    assert not one.overdue(3 * STUCK - 3) and one.overdue(3 * STUCK - 2)


def test_sent_waits_from_the_first_request_and_not_from_long_ago() -> None:
    one = sent("a")
    one.due(0.0)
    taken(one, 1, 0.0)
    one.sent("b")
    one.due(1000.0)
    one.acknowledged(1, 1000.0)
    assert not one.overdue(1000.0 + STUCK - 1) and one.overdue(1000.0 + STUCK)


def test_sent_gives_up_in_order_what_nobody_has_vouched_for() -> None:
    one = sent("a", None, "b", "c")
    taken(one, 1)
    assert one.drain() == ["b", "c"]
    assert one.drain() == [] and one.waiting == 0 and not one.overdue(1e9)


# --- what comes in --------------------------------------------------------------------------------------


def test_received_counts_what_is_not_kept_at_once() -> None:
    one = Received()
    assert one.handled == 0
    assert [one.arrived() for _ in range(3)] == [1, 2, 3] and one.handled == 3


def test_received_counts_nothing_behind_what_is_kept() -> None:
    one = Received()
    for number in (1, 2, 3, 4, 5):
        one.arrived()
        if number in (2, 4):
            assert one.keep(number)
    assert one.handled == 1
    one.settle(4)
    assert one.handled == 1, "the numbers are of all that came before"
    one.settle(2)
    assert one.handled == 5


def test_received_settles_what_is_settled_already() -> None:
    one = Received()
    one.arrived()
    one.settle(1)
    one.keep(1)
    one.settle(1)
    one.settle(1)
    assert one.handled == 1


def test_received_has_a_bound() -> None:
    one = Received()
    assert all(one.keep(one.arrived()) for _ in range(UNSETTLED))
    assert not one.keep(one.arrived())
    one.settle(1)
    assert one.keep(one.arrived())


def test_received_finds_its_number_quickly_among_many() -> None:
    """Every answer of the next hop asks for it, and they come in any order."""
    one = Received()
    for _ in range(UNSETTLED):
        one.keep(one.arrived())
    for number in range(UNSETTLED, 0, -1):
        one.settle(number)
        assert one.handled == (0 if number > 1 else UNSETTLED)


# --- what is written ------------------------------------------------------------------------------------


def test_answer_begins_again_at_the_end_of_numbers() -> None:
    assert answer_bytes(NUMBERS - 1) == b"<a xmlns='urn:xmpp:sm:3' h='4294967295'/>"
    assert answer_bytes(NUMBERS + 1) == b"<a xmlns='urn:xmpp:sm:3' h='1'/>"


def test_failures_have_their_namespaces() -> None:
    condition = "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
    assert failed_bytes("item-not-found") == f"<failed xmlns='urn:xmpp:sm:3'>{condition}</failed>".encode()
    assert too_high(10, NUMBERS + 8) == "<handled-count-too-high xmlns='urn:xmpp:sm:3' h='10' send-count='8'/>"


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("4294967295", NUMBERS - 1), ("0000000007", 7)])
def test_number_is_read(text: str, number: int) -> None:
    assert number_of(text) == number


@pytest.mark.parametrize("text", [None, "", "-1", "1 ", "0x1", "4294967296", "00000000007", "²"])
def test_number_that_is_none_is_not_read(text: str | None) -> None:
    assert number_of(text) is None
