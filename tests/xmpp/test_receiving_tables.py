"""The receiving entity's table: no way leads around TLS, the judgement or a proof."""

from collections.abc import Container

import pytest

from edge.errors import LocalProtocolError
from edge.xmpp.receiving_tables import OURS, RECEIVING, Action, Input, State


def reached(without: Container[Input]) -> set[State]:
    """Every state that can be reached although none of these inputs ever comes."""
    found = {State.HEADER}
    while True:
        more = {after for before, given, after, _ in RECEIVING.rows() if before in found and given not in without}
        if more <= found:
            return found
        found |= more


def test_nothing_is_taken_before_tls() -> None:
    assert max(reached({Input.SECURED}) - {State.ENDED}) is State.HANDSHAKE


def test_nothing_is_offered_to_whom_nobody_has_judged() -> None:
    assert max(reached({Input.ACCEPTED}) - {State.ENDED}) is State.JUDGEMENT


def test_no_stanza_comes_in_without_a_proof() -> None:
    assert State.READY not in reached({Input.AUTH, Input.VALID})
    assert State.READY in reached({Input.AUTH}) and State.READY in reached({Input.VALID})


def test_what_answers_us_who_ask_nothing_leads_nowhere() -> None:
    """CVE-2021-32919 and CVE-2012-3525: an answer nobody asked for proves nothing."""
    for before, given, after, _ in RECEIVING.rows():
        if given is Input.STRANGE:
            assert after in (before, State.ENDED)


@pytest.mark.parametrize("state", State)
def test_every_state_bears_whatever_a_peer_sends(state: State) -> None:
    for given in Input:
        try:
            RECEIVING.step(state, given)
        except LocalProtocolError:
            assert given in OURS and state is not State.ENDED


def test_the_end_is_the_end() -> None:
    assert all(RECEIVING.step(State.ENDED, given) == (State.ENDED, Action.NOTHING) for given in Input)
