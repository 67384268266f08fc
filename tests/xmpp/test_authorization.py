"""RFC 6121 appendix A, pair by pair, against the two halves it is made of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.xmpp.authorization import TABLE, Action, Input, State, asked, pending_in, seen, sees, step

NOTHING, ROUTE, DELIVER = Action.NOTHING, Action.ROUTE, Action.DELIVER
REPLY, BOTH = Action.AUTO_REPLY, Action.DELIVER_AND_REPLY

# What the user has of the contact's presence, and what he and the contact do about it.
TO = {
    ("no", Input.OUT_SUBSCRIBE): ("asked", ROUTE),
    ("no", Input.OUT_UNSUBSCRIBE): ("no", ROUTE),
    ("no", Input.IN_SUBSCRIBED): ("no", NOTHING),
    ("no", Input.IN_UNSUBSCRIBED): ("no", NOTHING),
    ("asked", Input.OUT_SUBSCRIBE): ("asked", ROUTE),
    ("asked", Input.OUT_UNSUBSCRIBE): ("no", ROUTE),
    ("asked", Input.IN_SUBSCRIBED): ("yes", DELIVER),
    ("asked", Input.IN_UNSUBSCRIBED): ("no", DELIVER),
    ("yes", Input.OUT_SUBSCRIBE): ("yes", ROUTE),
    ("yes", Input.OUT_UNSUBSCRIBE): ("no", ROUTE),
    ("yes", Input.IN_SUBSCRIBED): ("yes", NOTHING),
    ("yes", Input.IN_UNSUBSCRIBED): ("no", DELIVER),
}

# What the contact has of the user's.
FROM = {
    ("no", Input.IN_SUBSCRIBE): ("asked", DELIVER),
    ("no", Input.IN_UNSUBSCRIBE): ("no", NOTHING),
    ("no", Input.OUT_SUBSCRIBED): ("no", NOTHING),
    ("no", Input.OUT_UNSUBSCRIBED): ("no", NOTHING),
    ("asked", Input.IN_SUBSCRIBE): ("asked", NOTHING),
    ("asked", Input.IN_UNSUBSCRIBE): ("no", BOTH),
    ("asked", Input.OUT_SUBSCRIBED): ("yes", ROUTE),
    ("asked", Input.OUT_UNSUBSCRIBED): ("no", ROUTE),
    ("yes", Input.IN_SUBSCRIBE): ("yes", REPLY),
    ("yes", Input.IN_UNSUBSCRIBE): ("no", BOTH),
    ("yes", Input.OUT_SUBSCRIBED): ("yes", NOTHING),
    ("yes", Input.OUT_UNSUBSCRIBED): ("no", ROUTE),
}

# (what the user has, what the contact has), by the names of the appendix
HALVES = {
    State.NONE: ("no", "no"),
    State.NONE_PENDING_OUT: ("asked", "no"),
    State.NONE_PENDING_IN: ("no", "asked"),
    State.NONE_PENDING_OUT_IN: ("asked", "asked"),
    State.TO: ("yes", "no"),
    State.TO_PENDING_IN: ("yes", "asked"),
    State.FROM: ("no", "yes"),
    State.FROM_PENDING_OUT: ("asked", "yes"),
    State.BOTH: ("yes", "yes"),
}

MOVES_TO = sorted({given for _, given in TO})
MOVES_FROM = sorted({given for _, given in FROM})

states = st.sampled_from(State)


def run(state: State, stanzas: list[Input]) -> State:
    for stanza in stanzas:
        state, _ = step(state, stanza)
    return state


@pytest.mark.parametrize("state", State, ids=lambda state: state.name)
@pytest.mark.parametrize("stanza", Input, ids=lambda stanza: stanza.name)
def test_table_is_the_product_of_its_halves(state: State, stanza: Input) -> None:
    to, from_ = HALVES[state]
    if stanza in MOVES_TO:
        to, action = TO[to, stanza]
    else:
        from_, action = FROM[from_, stanza]
    following, done = step(state, stanza)
    assert (HALVES[following], done) == ((to, from_), action)


def test_table_has_no_pair_that_a_peer_could_break_it_with() -> None:
    assert len(list(TABLE.rows())) == len(State) * len(Input) == 72


@pytest.mark.parametrize("state", State, ids=lambda state: state.name)
def test_questions_about_a_state_are_those_of_its_halves(state: State) -> None:
    to, from_ = HALVES[state]
    assert (sees(state), asked(state)) == (to == "yes", to == "asked")
    assert (seen(state), pending_in(state)) == (from_ == "yes", from_ == "asked")


def test_numbers_of_the_states_stay_as_they_were_stored() -> None:
    assert [state.name for state in sorted(State)] == [
        *("NONE", "NONE_PENDING_OUT", "TO"),
        *("NONE_PENDING_IN", "NONE_PENDING_OUT_IN", "TO_PENDING_IN"),
        *("FROM", "FROM_PENDING_OUT", "BOTH"),
    ]


@given(states, st.lists(st.sampled_from(MOVES_TO)))
def test_what_the_user_sees_never_moves_what_the_contact_sees(state: State, stanzas: list[Input]) -> None:
    after = run(state, stanzas)
    assert (seen(after), pending_in(after)) == (seen(state), pending_in(state))


@given(states, st.lists(st.sampled_from(MOVES_FROM)))
def test_what_the_contact_sees_never_moves_what_the_user_sees(state: State, stanzas: list[Input]) -> None:
    after = run(state, stanzas)
    assert (sees(after), asked(after)) == (sees(state), asked(state))


@given(states, st.sampled_from(Input))
def test_stanza_that_is_repeated_moves_nothing(state: State, stanza: Input) -> None:
    once, _ = step(state, stanza)
    assert step(once, stanza)[0] == once


@given(states)
def test_second_subscribed_is_no_news(state: State) -> None:
    once, _ = step(state, Input.IN_SUBSCRIBED)
    assert step(once, Input.IN_SUBSCRIBED) == (once, NOTHING)


@given(st.lists(st.sampled_from(Input)))
def test_nobody_sees_what_he_was_not_allowed_to(stanzas: list[Input]) -> None:
    """Only the other one's yes to an open question opens a view."""
    state = State.NONE
    for stanza in stanzas:
        following, _ = step(state, stanza)
        if sees(following) and not sees(state):
            assert asked(state) and stanza is Input.IN_SUBSCRIBED
        if seen(following) and not seen(state):
            assert pending_in(state) and stanza is Input.OUT_SUBSCRIBED
        state = following


def test_contact_is_asked_says_yes_and_takes_it_back() -> None:
    state, action = step(State.NONE, Input.OUT_SUBSCRIBE)
    assert (state, action) == (State.NONE_PENDING_OUT, ROUTE)
    state, action = step(state, Input.IN_SUBSCRIBED)
    assert (state, action) == (State.TO, DELIVER)
    state, action = step(state, Input.IN_UNSUBSCRIBED)
    assert (state, action) == (State.NONE, DELIVER)


def test_contact_who_is_allowed_already_is_answered_without_asking_the_user() -> None:
    """RFC 6121 §3.1.3."""
    state, action = step(State.NONE, Input.IN_SUBSCRIBE)
    assert (state, action) == (State.NONE_PENDING_IN, DELIVER)
    state, action = step(state, Input.OUT_SUBSCRIBED)
    assert (state, action) == (State.FROM, ROUTE)
    assert step(state, Input.IN_SUBSCRIBE) == (State.FROM, REPLY)
