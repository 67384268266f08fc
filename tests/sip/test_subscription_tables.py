"""The two tables of RFC 6665, pair by pair."""

from enum import IntEnum

import pytest

from edge.errors import LocalProtocolError
from edge.machine import Table
from edge.sip.subscription_tables import (
    NOTIFIER,
    SUBSCRIBER,
    NotifierAction,
    NotifierInput,
    NotifierState,
    SubscriberAction,
    SubscriberInput,
    SubscriberState,
)

TABLES = [SUBSCRIBER, NOTIFIER]
PEER_TO_SUBSCRIBER = [given for given in SubscriberInput if not given.name.startswith(("TIMER", "REFRESH", "UNSUB"))]
PEER_TO_NOTIFIER = [
    NotifierInput.REFRESH, NotifierInput.UNSUBSCRIBE, NotifierInput.DELIVERED, NotifierInput.MISSED,
    NotifierInput.REMOVED,
]


def rows(table: Table) -> dict[tuple[IntEnum, IntEnum], tuple[IntEnum, IntEnum]]:
    return {(state, given): (following, action) for state, given, following, action in table.rows()}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_table_gives_a_row_or_a_local_error_for_every_pair(table: Table) -> None:
    found = rows(table)
    for state in table.states:
        for given in table.inputs:
            if (state, given) in found:
                assert table.step(state, given) == found[state, given]
            else:
                with pytest.raises(LocalProtocolError, match=given.name):
                    table.step(state, given)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_table_reaches_every_state_and_never_leaves_the_last(table: Table) -> None:
    reached = {table.states(0), table.states["LEAVING" if table is NOTIFIER else "ENDING"]}  # a fetch begins there
    for _ in table.states:
        reached |= {following for state, _, following, _ in table.rows() if state in reached}
    assert reached == set(table.states)
    last = table.states["TERMINATED"]
    assert {following for state, _, following, _ in table.rows() if state == last} == {last}


@pytest.mark.parametrize("state", SubscriberState)
@pytest.mark.parametrize("given", PEER_TO_SUBSCRIBER)
def test_subscriber_has_a_row_for_whatever_a_notifier_can_cause(state: SubscriberState, given: SubscriberInput) -> None:
    assert (state, given) in rows(SUBSCRIBER)


@pytest.mark.parametrize("state", NotifierState)
@pytest.mark.parametrize("given", PEER_TO_NOTIFIER)
def test_notifier_has_a_row_for_whatever_a_subscriber_can_cause(state: NotifierState, given: NotifierInput) -> None:
    assert (state, given) in rows(NOTIFIER)


@pytest.mark.parametrize("state", [state for state in SubscriberState if state != SubscriberState.TERMINATED])
def test_subscriber_ends_in_every_state_by_a_terminating_notify_a_dead_dialog_and_timer_n(
    state: SubscriberState,
) -> None:
    for given, action in [
        (SubscriberInput.NOTIFY_TERMINATED, SubscriberAction.END_BY_NOTIFY),
        (SubscriberInput.DEAD, SubscriberAction.END_BY_RESPONSE),
        (SubscriberInput.TIMER_N, SubscriberAction.END_BY_TIMER_N),
    ]:
        assert SUBSCRIBER.step(state, given) == (SubscriberState.TERMINATED, action)


def test_subscriber_survives_other_failures_only_within_a_dialog() -> None:
    """RFC 6665 §4.1.2.2."""
    surviving = {
        state for state in SubscriberState
        if SUBSCRIBER.step(state, SubscriberInput.KEPT)[0] not in (SubscriberState.TERMINATED,)
    }
    assert surviving == {SubscriberState.PENDING, SubscriberState.ACTIVE}


@pytest.mark.parametrize("state", [state for state in NotifierState if state != NotifierState.TERMINATED])
def test_notifier_ends_in_every_state_when_its_notify_is_refused_for_good(state: NotifierState) -> None:
    """RFC 6665 §4.2.2."""
    assert NOTIFIER.step(state, NotifierInput.REMOVED) == (NotifierState.TERMINATED, NotifierAction.CLOSE)


@pytest.mark.parametrize("state", [NotifierState.LEAVING, NotifierState.ENDING, NotifierState.TERMINATED])
def test_notifier_that_ends_refuses_to_be_refreshed(state: NotifierState) -> None:
    assert NOTIFIER.step(state, NotifierInput.REFRESH) == (state, NotifierAction.REFUSE)
