"""A message that is changed, lost, doubled or overtaken does not get past the ledger."""

import pytest

from bench.ledger import Ledger


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger()
    for number in range(3):
        ledger.sent(number, b"romeo", b"juliet", b"text %d" % number)
    return ledger


def arrives(ledger: Ledger, number: int, *ways: str) -> None:
    ledger.arrives(number, (b"romeo", b"juliet", b"text %d" % number), *ways)


def test_what_arrives_as_it_was_sent(ledger: Ledger) -> None:
    for number in range(3):
        arrives(ledger, number, "link")
    ledger.close()
    assert ledger.arrived == 3


@pytest.mark.parametrize(
    "said", [(b"romeo", b"juliet", b"text 1"), (b"paris", b"juliet", b"text 0"), (b"romeo", b"nurse", b"text 0")]
)
def test_changed(ledger: Ledger, said: tuple[bytes, ...]) -> None:
    with pytest.raises(AssertionError, match="was changed"):
        ledger.arrives(0, said, "link")


def test_lost(ledger: Ledger) -> None:
    arrives(ledger, 0, "link")
    arrives(ledger, 2, "link")
    with pytest.raises(AssertionError, match=r"lost: \[1\]"):
        ledger.close()


def test_doubled(ledger: Ledger) -> None:
    arrives(ledger, 0, "link")
    with pytest.raises(AssertionError, match="arrives twice"):
        arrives(ledger, 0, "link")


def test_never_sent(ledger: Ledger) -> None:
    with pytest.raises(AssertionError, match="was not sent"):
        arrives(ledger, 3, "link")


def test_overtaken_on_one_of_its_ways(ledger: Ledger) -> None:
    arrives(ledger, 1, "one link", "a pair")
    with pytest.raises(AssertionError, match="0 arrives behind 1 on 'a pair'"):
        arrives(ledger, 0, "another link", "a pair")


def test_ways_do_not_wait_for_each_other(ledger: Ledger) -> None:
    arrives(ledger, 2, "one link")
    arrives(ledger, 0, "another link")
    arrives(ledger, 1, "another link")
    ledger.close()
