"""Sessions with Microsoft clients that the gateway ends, or keeps from ending."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from demo.authority import Authority
from tests.interop.lync_world import Contoso, Couple
from tests.interop.process import Addresses, wait_until

pytestmark = pytest.mark.slow

IDLE = 3  # seconds of silence that the gateway waits
REFRESHED_WITHIN = 52.0  # seconds: a session must not expire in less than 90, and is refreshed at half of it
LONG = 30.0


@pytest.fixture(scope="module")
def contoso(tmp_path_factory: pytest.TempPathFactory, authority: Authority, addresses: Addresses) -> Iterator[Contoso]:
    with ExitStack() as stack:
        yield Contoso(stack, tmp_path_factory, authority, addresses, sip={"session_idle_seconds": IDLE})


@pytest.fixture
def they(contoso: Contoso) -> Iterator[Couple]:
    with contoso.strict(), (people := contoso.couple()).juliet.log_in():
        yield people


@pytest.mark.parametrize("who", ["alice", "juliet"])
def test_session_in_which_nobody_speaks_is_ended_and_the_next_word_opens_another(who: str, they: Couple) -> None:
    they.meet()
    window = they.alice.window(they.for_alice)
    wait_until(lambda: window.left == 1 and window.session is None, "the end", IDLE + 5.0)
    if who == "alice":
        they.alice.write(they.for_alice, "still there?")
        they.juliet_reads("still there?")
    else:
        they.juliet_writes("still there?")
        they.alice.reads(they.for_alice, "still there?")
    assert window.invited == (who == "juliet")
    they.alice.reads_no_more(they.for_alice)


def test_session_is_refreshed_as_the_client_wants_it(they: Couple) -> None:
    they.alice.habits.expires = "90;refresher=uac"
    window = they.alice.window(they.for_alice)
    spoken = 0
    until = time.monotonic() + REFRESHED_WITHIN
    while not window.refreshed:
        assert time.monotonic() < until, "never refreshed"
        spoken += 1
        they.juliet_writes(f"line {spoken}")
        they.alice.reads(they.for_alice, f"line {spoken}")
        time.sleep(IDLE / 3)
    assert (window.invited, window.left) == (1, 0)


def test_clients_are_told_when_the_gateway_stops_and_talk_again_when_it_is_back(contoso: Contoso) -> None:
    with contoso.strict(), ExitStack() as stack:
        couples = [contoso.couple() for _ in range(3)]
        for each in couples:
            stack.enter_context(each.juliet.log_in())
            each.meet()
        before = time.monotonic()
        contoso.edge.stop()
        assert time.monotonic() - before < 4.0  # they answer, so nobody has to be waited for
        assert [each.alice.window(each.for_alice).session for each in couples] == [None] * 3
        contoso.edge.start()
        wait_until(lambda: contoso.edge.log.read_text().count("stream=component") > 1, "the XMPP server", LONG)
        for each in couples:
            each.alice.write(each.for_alice, "are you back?")
            each.juliet_reads("are you back?", seconds=LONG)


def test_stopping_does_not_wait_for_a_client_that_is_gone(they: Couple) -> None:
    they.meet()
    they.alice.habits.answers_bye = False
    before = time.monotonic()
    they.edge.stop()
    assert 3.0 < time.monotonic() - before < 8.0
    they.edge.start()
