"""The table of a session, pair by pair."""

from enum import IntEnum

import pytest

from edge.errors import LocalProtocolError
from edge.sip.session_tables import SESSION, SessionAction, SessionInput, SessionState

LOCAL = (SessionInput.ACCEPT, SessionInput.DECLINE, SessionInput.HANG_UP)
OPEN_TIMERS = (SessionInput.TIMER_IDLE, SessionInput.TIMER_REFRESH, SessionInput.TIMER_EXPIRY)


def rows() -> dict[tuple[IntEnum, IntEnum], tuple[IntEnum, IntEnum]]:
    return {(state, given): (following, action) for state, given, following, action in SESSION.rows()}


def test_table_gives_a_row_or_a_local_error_for_every_pair() -> None:
    found = rows()
    for state in SessionState:
        for given in SessionInput:
            if (state, given) in found:
                assert SESSION.step(state, given) == found[state, given]
            else:
                with pytest.raises(LocalProtocolError, match=given.name):
                    SESSION.step(state, given)


def test_table_reaches_every_state_and_never_leaves_the_last() -> None:
    reached = {SessionState.CALLING, SessionState.OFFERED}
    for _ in SessionState:
        reached |= {following for state, _, following, _ in SESSION.rows() if state in reached}
    assert reached == set(SessionState)
    last = SessionState.TERMINATED
    assert {following for state, _, following, _ in SESSION.rows() if state == last} == {last}


@pytest.mark.parametrize("state", SessionState)
def test_session_has_a_row_for_whatever_a_peer_and_hanging_up_can_cause(state: SessionState) -> None:
    found = rows()
    for given in SessionInput:
        if given is SessionInput.HANG_UP or (given not in LOCAL and not given.name.startswith("TIMER")):
            assert (state, given) in found


def test_only_actions_that_end_it_lead_to_the_end() -> None:
    for state, _, following, action in SESSION.rows():
        if state != SessionState.TERMINATED:
            assert (following == SessionState.TERMINATED) == (action >= SessionAction.END)


def test_nothing_is_sent_or_told_after_the_end() -> None:
    """A request is answered, of course."""
    answers = {SessionAction.NOTHING, SessionAction.REFUSE, SessionAction.CONFIRM_BYE}
    assert {action for state, _, _, action in SESSION.rows() if state == SessionState.TERMINATED} == answers


def test_bye_is_never_sent_before_the_ack() -> None:
    """RFC 3261 §15: nor before the answer to the INVITE."""
    leaving = {
        (state, given) for state, given, _, action in SESSION.rows()
        if action in (SessionAction.LEAVE, SessionAction.LEAVE_AT_ONCE, SessionAction.END_BY_LOSS_WITH_BYE)
    }
    state, given = SessionState, SessionInput
    assert leaving == {
        (state.UNWANTED, given.SUCCESS), (state.CANCELLING, given.SUCCESS), (state.DEPARTING, given.ACK),
        (state.ACCEPTED, given.TIMER_UNACKED), (state.DEPARTING, given.TIMER_UNACKED), (state.OPEN, given.HANG_UP),
        (state.OPEN, given.TIMER_EXPIRY), (state.OPEN, given.GONE),
    }


def test_cancel_is_sent_once_and_only_after_a_provisional_answer() -> None:
    """RFC 3261 §9.1."""
    sending = {(state, given) for state, given, _, action in SESSION.rows() if action is SessionAction.SEND_CANCEL}
    state, given = SessionState, SessionInput
    assert sending == {
        (state.RINGING, given.HANG_UP), (state.RINGING, given.TIMER_WAIT), (state.UNWANTED, given.PROVISIONAL)
    }


@pytest.mark.parametrize("state", [state for state in SessionState if state is not SessionState.OPEN])
def test_times_of_an_open_session_come_in_no_other(state: SessionState) -> None:
    for given in OPEN_TIMERS:
        assert ((state, given) in rows()) == (state is SessionState.TERMINATED)
