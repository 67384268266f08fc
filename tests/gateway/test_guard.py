"""What strangers may do, and our users with them; tests/transcripts/policy shows it from outside."""

from dataclasses import replace

import pytest

from edge.codes import Code
from edge.domains import domain
from edge.gateway import guard as guard_module
from edge.gateway.counters import DELIVERED, FAILED, REJECTED, Counters
from edge.gateway.effects import Report
from edge.gateway.guard import CROWD, FEWEST, HOUR, NEIGHBOURS, WINDOW, Guard
from edge.partners import Admit, System

STRANGER = System("a.example", False, "sip", (domain("a.example"),), discovered=True, local_users=3)
OFFICE = System("office", True, "xmpp", (domain("office.example"),), "s2s")


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
def guard(counters: Counters) -> Guard:
    return Guard(counters)


def below(number: int) -> System:
    """One of as many as somebody wants, who has a certificate for `*.a.example`."""
    name = f"x{number}.a.example"
    return replace(STRANGER, name=name, domains=(domain(name),))


def others(number: int) -> System:
    return replace(STRANGER, name=f"{number}.example", domains=(domain(f"{number}.example"),))


def code(limit: object) -> Code | None:
    return getattr(limit, "code", None)


# -- how many users a stranger tries ---------------------------------------------------------------------------------


def test_stranger_may_try_so_many_users_in_an_hour_and_goes_on_with_these(guard: Guard) -> None:
    assert [code(guard.inbound(user, STRANGER, 0)) for user in "abcd"] == [None, None, None, Code.L02]
    assert [code(guard.inbound(user, STRANGER, HOUR - 1)) for user in "abce"] == [None, None, None, Code.L02]
    assert [code(guard.inbound(user, STRANGER, HOUR)) for user in "efga"] == [None, None, None, Code.L02]


def test_log_hears_it_once_a_minute_with_what_to_do(guard: Guard) -> None:
    limits = [guard.inbound(str(number), STRANGER, 0) for number in range(10)]
    assert [len(limit.reports) for limit in limits if limit is not None] == [1, 0, 0, 0, 0, 0, 0]
    last = guard.inbound("another", STRANGER, 60)
    assert last is not None
    (report,) = last.reports
    assert isinstance(report, Report) and (report.event, report.code) == ("limit.hit", Code.L02)
    assert report.fields["count"] == 7 and "name a.example in the partner file" in str(report.fields["cure"])


def test_names_below_one_domain_are_no_way_to_try_more_and_more(guard: Guard) -> None:
    tried = [code(guard.inbound(f"{number}-{user}", below(number), 0)) for number in range(10) for user in "abc"]
    assert tried.count(None) == NEIGHBOURS * STRANGER.local_users and set(tried[12:]) == {Code.L02}
    guard.forget(below(0).name)  # others have taken its place meanwhile
    assert code(guard.inbound("0-a", below(0), 0)) is Code.L02
    assert guard.inbound("1-a", below(1), 0) is None, "with whom it has tried it goes on"
    assert guard.inbound("0-a", others(1), 0) is None
    assert guard.inbound("0-a", below(0), HOUR) is None


def test_names_below_one_domain_are_no_way_to_send_more_and_more(guard: Guard) -> None:
    slow = [replace(below(number), messages_per_s=0.5, burst=1) for number in range(20)]
    waits = [guard.crowded(each, 0) for each in slow]
    assert waits == [0] * CROWD + [pytest.approx(1 / 5)] * (20 - CROWD)
    assert guard.crowded(slow[0], 0.1) == pytest.approx(0.1) and guard.crowded(slow[0], 0.2) == 0
    assert guard.crowded(others(1), 0) == 0


def test_sites_are_remembered_in_bounded_number(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_module, "PARTNERS", 2)
    for number in range(5):
        guard.inbound("a", others(number), 0)
    assert list(guard._sites) == ["3.example", "4.example"]


def test_strangers_do_not_share(guard: Guard) -> None:
    for user in "abcd":
        guard.inbound(user, STRANGER, 0)
    assert guard.inbound("d", others(1), 0) is None


def test_who_is_forgotten_begins_anew(guard: Guard) -> None:
    for user in "abcd":
        guard.inbound(user, STRANGER, 0)
    guard.forget(STRANGER.name)
    assert guard.inbound("d", STRANGER, 0) is None


# -- how many strangers a user tries ---------------------------------------------------------------------------------


def test_user_may_write_to_so_many_strangers_in_an_hour(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_module, "STRANGERS", 2)
    assert [code(guard.outbound("juliet", others(number), 10)) for number in (1, 2, 3, 1)] == [
        None, None, Code.L01, None,
    ]
    limit = guard.outbound("juliet", others(4), 20)
    assert limit is not None and limit.wait == HOUR - 10
    assert guard.outbound("nurse", others(4), 20) is None
    assert guard.outbound("juliet", others(4), HOUR + 10) is None


def test_so_many_users_are_remembered(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_module, "USERS", 3)
    monkeypatch.setattr(guard_module, "PARTNERS", 3)
    for number in range(10):
        guard.outbound(str(number), STRANGER, 0)
        guard.inbound("juliet", others(number), 0)
    assert list(guard._users) == ["7", "8", "9"] and list(guard._partners) == ["7.example", "8.example", "9.example"]


# -- how many of his messages fail -----------------------------------------------------------------------------------


def ends(counters: Counters, result: int, number: int) -> None:
    for _ in range(number):
        counters.message("sip", Admit(STRANGER, OFFICE), result)


def test_stranger_is_slowed_down_once_half_of_his_messages_fail(guard: Guard, counters: Counters) -> None:
    guard.inbound("a", STRANGER, 0)
    ends(counters, DELIVERED, 5)
    ends(counters, FAILED, 5)
    assert guard.inbound("a", STRANGER, WINDOW - 1) is None, "the window is not over"
    assert guard.inbound("a", STRANGER, WINDOW) is None, "one a second"
    limit = guard.inbound("a", STRANGER, WINDOW + 0.4)
    assert limit is not None and limit.code is Code.L01 and limit.wait == pytest.approx(0.6)
    assert len(limit.reports) == 1
    assert guard.inbound("a", STRANGER, WINDOW + 1) is None


def test_stranger_is_trusted_again_when_his_messages_arrive(guard: Guard, counters: Counters) -> None:
    guard.inbound("a", STRANGER, 0)
    ends(counters, FAILED, FEWEST)
    guard.inbound("a", STRANGER, WINDOW)
    for _ in range(100):  # what we refuse is no failure of his
        assert code(guard.inbound("a", STRANGER, WINDOW)) is Code.L01
        ends(counters, REJECTED, 1)
        guard.refused(STRANGER)
    ends(counters, DELIVERED, FEWEST)
    assert guard.inbound("a", STRANGER, 2 * WINDOW) is None
    assert guard.inbound("a", STRANGER, 2 * WINDOW) is None


def test_few_messages_prove_nothing(guard: Guard, counters: Counters) -> None:
    guard.inbound("a", STRANGER, 0)
    ends(counters, FAILED, FEWEST - 1)
    assert [guard.inbound("a", STRANGER, WINDOW) for _ in range(3)] == [None, None, None]
    guard.refused(others(1))  # of whom nothing is known
