"""A day in the life: people see each other truly, whatever is stopped, killed and started between them.

After each step every watcher on both sides must see what his contact really shows, within a bounded time, without
anybody but those who were thrown out doing anything for it. Each step has people of its own; some were there from the
beginning and see all of it.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count

import pytest

from demo.authority import Authority
from tests.interop.cast import Cast
from tests.interop.ejabberd import Ejabberd
from tests.interop.process import Addresses, Process
from tests.interop.world import World

pytestmark = pytest.mark.slow

KINDS = ["prosody component", "ejabberd s2s"]  # each server and each kind of link once: a day takes its time
EXPIRES = 24  # seconds: shorter than the day, and half of it is not too soon to refresh
GRACE = 2  # seconds
PRESENCE = {"expires": EXPIRES, "min_expires": 1, "pace_seconds": 0.2, "grace_seconds": GRACE}
WITHDRAWN_WITHIN = GRACE + 60.0  # seconds: the grace runs from the first dial that fails
BURST = 60  # changes on each side
GAP = 0.03  # seconds between two of them
CASTS = 12


class Day:
    """One world for all steps, and new people for each."""

    def __init__(self, kind: str, stack: ExitStack, *parts: object) -> None:
        names = Cast.accounts(CASTS)
        self.world = World(kind, stack, *parts, names=names, presence=PRESENCE, crowd=False)
        self._numbers = count()
        self.early = Cast(self.world, next(self._numbers))
        stack.callback(self.early.leave)
        self.early.meet()

    @contextmanager
    def cast(self) -> Iterator[Cast]:
        """People who have met and see each other."""
        self._all_run()
        people = Cast(self.world, next(self._numbers))
        try:
            people.meet()
            people.all_see_the_truth()
            yield people
        finally:
            people.leave()

    def _all_run(self) -> None:
        """A step that failed may have left something down."""
        if not self.world.server.running:
            self.world.start_server()
        if not self.world.kamailio.running:
            self.world.start_kamailio()
        if not self.world.edge.running:
            self.world.start_edge()


    def people_of_the_morning_return(self) -> None:
        """Everything under them was taken away and came back, some of it more than once."""
        self._all_run()
        self.early.xmpp_users_are_thrown_out()
        self.early.xmpp_users_log_in()
        self.early.sip_users_return()


@pytest.fixture(scope="module", params=KINDS)
def day(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    authority: Authority,
    addresses: Addresses,
) -> Iterator[Day]:
    with ExitStack() as stack:
        yield Day(request.param, stack, tmp_path_factory, authority, addresses)


# The gateway's own outages stand between those of a server: one that goes again and again it dials ever more seldom.


def test_all_see_what_changes_from_login_to_logout(day: Day) -> None:
    with day.cast() as people:
        people.juliet_shows("away", "Fetching a ladder")
        people.romeo_shows("Climbing")
        people.all_see_the_truth()
        people.juliet_logs_in("chamber")
        people.juliet_shows("dnd", "With the nurse", "chamber")
        people.all_see_the_truth()
        people.juliet_logs_out("balcony")
        people.romeo_shows("")
        people.all_see_the_truth()
        people.romeo_shows("Back again")
        people.all_see_the_truth()
        people.juliet_logs_out("chamber")
        people.all_see_the_truth()
        people.juliet_logs_in("balcony")
        people.all_see_the_truth()


def test_all_see_the_truth_when_the_xmpp_server_comes_back(day: Day) -> None:
    the_xmpp_server_goes_and_comes(day, Process.stop)


def test_all_see_the_truth_when_the_gateway_comes_back(day: Day) -> None:
    with day.cast() as people:
        day.world.edge.stop()
        people.juliet_shows("away", "Without news")
        people.juliet_logs_in("chamber")
        people.romeo_shows("Without news as well")
        day.world.start_edge()
        people.all_see_the_truth()
        people.juliet_logs_out("balcony")
        people.romeo_shows("With news")
        people.all_see_the_truth()


def test_all_see_the_truth_when_the_xmpp_server_was_killed_and_comes_back(day: Day) -> None:
    the_xmpp_server_goes_and_comes(day, Process.kill)


def test_all_see_that_contacts_have_gone_while_the_gateway_was_down(day: Day) -> None:
    with day.cast() as people:
        day.world.edge.stop()
        people.juliet_logs_in("chamber")
        people.juliet_logs_out("balcony")
        people.juliet_logs_out("chamber")
        people.romeo_shows("")
        day.world.start_edge()
        people.all_see_the_truth()


def test_all_see_the_truth_when_the_xmpp_server_comes_back_at_once(day: Day) -> None:
    with day.cast() as people:
        day.world.server.stop()
        people.xmpp_users_are_thrown_out()
        day.world.start_server()
        people.all_see_the_truth()
        people.xmpp_users_log_in()
        people.all_see_the_truth()


def test_all_see_the_truth_when_the_gateway_is_killed_in_the_middle_of_everything(day: Day) -> None:
    with day.cast() as people:

        def juliet() -> None:
            for number in range(BURST):
                people.juliet_shows("away" if number % 2 else "", f"verse {number}")
                time.sleep(GAP)

        def romeo() -> None:
            for number in range(BURST):
                people.romeo_shows(f"line {number}")
                time.sleep(GAP)

        with ThreadPoolExecutor() as pool:
            bursts = [pool.submit(juliet), pool.submit(romeo)]
            time.sleep(BURST * GAP / 2)
            day.world.edge.kill()
            day.world.start_edge()
            for burst in bursts:
                burst.result()
        people.all_see_the_truth()


def test_all_see_the_truth_when_the_sip_edge_comes_back(day: Day) -> None:
    with day.cast() as people:
        day.world.kamailio.kill()
        people.xmpp_users_see_romeo({}, WITHDRAWN_WITHIN)
        people.juliet_shows("away", "Waiting")
        day.world.start_kamailio()
        people.sip_users_return()
        people.all_see_the_truth()
        people.romeo_shows("Here at last")
        people.juliet_shows("", "No longer waiting")
        people.all_see_the_truth()


def test_people_of_the_morning_see_the_truth_in_the_evening(day: Day) -> None:
    day.people_of_the_morning_return()
    day.early.all_see_the_truth()
    day.early.juliet_shows("xa", "Tired")
    day.early.romeo_shows("Good night, good night")
    day.early.all_see_the_truth()


def the_xmpp_server_goes_and_comes(day: Day, end: Callable[[Process], None]) -> None:
    with day.cast() as people:
        if isinstance(day.world.server, Ejabberd):
            day.world.server.writes()
        end(day.world.server)
        people.xmpp_users_are_thrown_out()
        people.sip_users_see_juliet({}, WITHDRAWN_WITHIN)
        people.romeo_shows("Alone")
        day.world.start_server()
        people.xmpp_users_log_in()
        people.juliet_shows("chat", "Awake")
        people.all_see_the_truth()
        people.romeo_shows("No longer alone")
        people.all_see_the_truth()
