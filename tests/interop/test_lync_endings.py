"""Sessions with Microsoft clients that the gateway ends, or keeps from ending."""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from demo.authority import Authority
from tests.interop.edge import Edge
from tests.interop.lync_world import Contoso, Couple
from tests.interop.process import STOPS_WITHIN, Addresses, wait_until

pytestmark = pytest.mark.slow

IDLE = 3  # seconds of silence that the gateway waits
SHORTEST = 8  # seconds in which a session may expire; no less than 90 by RFC 4028, and it is refreshed at half of it
LAST_WORDS = 6.0  # seconds for them, where they are not answered
LONG = 60.0

BRIEF = f"""
from edge import driver
from edge.sip import session_timer
from twisted.scripts.twistd import run
session_timer.SHORTEST_INTERVAL = {SHORTEST}
driver.LEAVE_SECONDS = {LAST_WORDS}
run()
"""


class Brief(Edge):
    """It bears shorter sessions than a real one, and has more time to end them: neither is a setting."""

    @property
    def command(self) -> list[object]:
        return [sys.executable, "-c", BRIEF, *super().command[1:]]


@pytest.fixture(scope="module")
def contoso(tmp_path_factory: pytest.TempPathFactory, authority: Authority, addresses: Addresses) -> Iterator[Contoso]:
    with ExitStack() as stack:
        yield Contoso(stack, tmp_path_factory, authority, addresses, sip={"session_idle_seconds": IDLE}, build=Brief)


@pytest.fixture
def they(contoso: Contoso) -> Iterator[Couple]:
    with contoso.strict(), (people := contoso.couple()).juliet.log_in():
        yield people


@pytest.mark.parametrize("who", ["alice", "juliet"])
def test_session_in_which_nobody_speaks_is_ended_and_the_next_word_opens_another(who: str, they: Couple) -> None:
    they.meet()
    window = they.alice.window(they.for_alice)
    wait_until(lambda: window.left == 1 and window.session is None, "the end", IDLE + LONG)
    if who == "alice":
        they.alice.write(they.for_alice, "still there?")
        they.juliet_reads("still there?")
    else:
        they.juliet_writes("still there?")
        they.alice.reads(they.for_alice, "still there?")
    assert window.invited == (who == "juliet")
    they.alice.reads_no_more(they.for_alice)


def test_session_is_refreshed_as_the_client_wants_it(they: Couple) -> None:
    they.alice.habits.expires = f"{SHORTEST};refresher=uac"
    window = they.alice.window(they.for_alice)
    spoken = 0
    until = time.monotonic() + SHORTEST + LONG
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
        assert time.monotonic() - before < LAST_WORDS  # they answer, so nobody has to be waited for
        assert [each.alice.window(each.for_alice).session for each in couples] == [None] * 3
        contoso.start_edge()
        for each in couples:
            each.alice.write(each.for_alice, "are you back?")
            each.juliet_reads("are you back?", seconds=LONG)


def test_stopping_does_not_wait_for_ever_for_a_client_that_is_gone(they: Couple) -> None:
    they.meet()
    they.alice.habits.answers_bye = False
    before = time.monotonic()
    they.edge.stop()
    assert LAST_WORDS - 1.0 < time.monotonic() - before < STOPS_WITHIN  # after which it would have been killed
    they.start_edge()
