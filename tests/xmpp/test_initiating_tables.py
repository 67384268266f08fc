"""The initiating entity's table: no way leads around TLS, the far end's certificate or a proof."""

from collections.abc import Container

import pytest

from edge.errors import LocalProtocolError
from edge.xmpp.initiating_tables import INITIATING, OURS, Action, Input, State


def reached(without: Container[Input]) -> set[State]:
    """Every state that can be reached although none of these inputs ever comes."""
    found = {State.HEADER}
    while True:
        more = {after for before, given, after, _ in INITIATING.rows() if before in found and given not in without}
        if more <= found:
            return found
        found |= more


def test_nothing_is_said_before_tls() -> None:
    assert max(reached({Input.SECURED}) - {State.ENDED}) is State.HANDSHAKE


def test_nothing_is_said_to_whom_nobody_has_judged() -> None:
    assert max(reached({Input.ACCEPTED}) - {State.ENDED}) is State.JUDGEMENT


def test_no_stanza_goes_out_without_a_proof() -> None:
    assert State.READY not in reached({Input.SUCCESS, Input.VALID})
    assert State.READY in reached({Input.SUCCESS}) and State.READY in reached({Input.VALID})


def test_what_answers_nothing_leads_nowhere() -> None:
    for before, given, after, action in INITIATING.rows():
        if given is Input.STRANGE and before is not State.ENDED:
            assert (after, action) in ((before, Action.STRANGE), (State.ENDED, Action.UNEXPECTED))
            assert (action is Action.STRANGE) == (before >= State.SECURE_HEADER)


@pytest.mark.parametrize("state", State)
def test_every_state_bears_whatever_a_peer_sends(state: State) -> None:
    for given in Input:
        try:
            INITIATING.step(state, given)
        except LocalProtocolError:
            assert given in OURS and state is not State.ENDED


def test_the_end_is_the_end() -> None:
    assert all(INITIATING.step(State.ENDED, given) == (State.ENDED, Action.NOTHING) for given in Input)
