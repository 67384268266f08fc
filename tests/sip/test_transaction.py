"""The four transaction tables, pair by pair."""

from enum import IntEnum

import pytest

from edge.errors import LocalProtocolError
from edge.machine import Table
from edge.sip.transaction import (
    INVITE_CLIENT,
    INVITE_SERVER,
    NON_INVITE_CLIENT,
    NON_INVITE_SERVER,
    ClientAction,
    ClientInput,
    ClientTransaction,
    InviteClient,
    InviteServer,
    NonInviteClient,
    NonInviteServer,
    ServerAction,
    ServerInput,
    ServerTransaction,
)
from tests.sip.samples import request

TABLES = [INVITE_SERVER, NON_INVITE_SERVER, INVITE_CLIENT, NON_INVITE_CLIENT]


def members(table: Table) -> list[tuple[IntEnum, IntEnum]]:
    return [(state, given) for state in table.states for given in table.inputs]


def name(value: object) -> str:
    return value.name.replace(" ", "-") if isinstance(value, Table) else ""


@pytest.mark.parametrize("table", TABLES, ids=name)
def test_table_gives_a_row_or_a_local_error_for_every_pair(table: Table) -> None:
    rows = {(state, given): (following, action) for state, given, following, action in table.rows()}
    for pair in members(table):
        if pair in rows:
            assert table.step(*pair) == rows[pair]
        else:
            with pytest.raises(LocalProtocolError, match=pair[1].name):
                table.step(*pair)


@pytest.mark.parametrize("table", TABLES, ids=name)
def test_table_has_a_row_for_whatever_a_peer_can_cause(table: Table) -> None:
    rows = {(state, given) for state, given, _, _ in table.rows()}
    by_peer = {ServerInput.REQUEST, ServerInput.CANCEL} if table.inputs is ServerInput else set(ClientInput)
    assert not [pair for pair in members(table) if pair[1] in by_peer and pair not in rows]


@pytest.mark.parametrize("table", TABLES, ids=name)
def test_table_reaches_every_state_and_never_leaves_the_last(table: Table) -> None:
    reached = {table.states(0)}
    for _ in table.states:
        reached |= {following for state, _, following, _ in table.rows() if state in reached}
    assert reached == set(table.states)
    last = table.states["TERMINATED"]
    assert {(following, action.name) for state, _, following, action in table.rows() if state == last} == {
        (last, "NOTHING")
    }


@pytest.mark.parametrize("table", TABLES, ids=name)
def test_table_ends_a_transaction_by_the_actions_that_say_so(table: Table) -> None:
    last = table.states["TERMINATED"]
    for state, given, following, action in table.rows():
        ends = state != last and following == last
        assert ends == (action.name == "END" or action.name.endswith("_END")), (state, given)


@pytest.mark.parametrize("table", TABLES, ids=name)
def test_table_comes_to_an_end_when_nothing_happens_but_timers(table: Table) -> None:
    """Nothing lives for ever: from every state timers alone lead to the last one."""
    for state in table.states:
        following = state
        for _ in table.states:
            following, _ = table.step(following, table.inputs["TIMER"])
        assert following.name == "TERMINATED"


@pytest.mark.parametrize("state", NonInviteServer)
def test_non_invite_server_has_no_provisional_from_its_user(state: NonInviteServer) -> None:
    """RFC 4320 §4.1: 100 is the only one, and the layer sends it."""
    with pytest.raises(LocalProtocolError):
        NON_INVITE_SERVER.step(state, ServerInput.PROVISIONAL)


def test_timers_that_are_zero_end_the_transaction_at_once() -> None:
    """RFC 3261 §17: D, I, J and K over reliable transports."""
    assert INVITE_CLIENT.step(InviteClient.PROCEEDING, ClientInput.FAILURE)[0] is InviteClient.TERMINATED
    assert INVITE_SERVER.step(InviteServer.COMPLETED, ServerInput.ACK)[0] is InviteServer.TERMINATED
    assert NON_INVITE_SERVER.step(NonInviteServer.TRYING, ServerInput.FAILURE)[0] is NonInviteServer.TERMINATED
    assert NON_INVITE_CLIENT.step(NonInviteClient.TRYING, ClientInput.SUCCESS)[0] is NonInviteClient.TERMINATED


def test_accepted_invite_lingers() -> None:
    """RFC 6026 §7."""
    assert INVITE_SERVER.step(InviteServer.PROCEEDING, ServerInput.SUCCESS) == (
        InviteServer.ACCEPTED, ServerAction.SEND_AND_LINGER,
    )
    assert INVITE_SERVER.step(InviteServer.ACCEPTED, ServerInput.REQUEST)[1] is ServerAction.NOTHING
    assert INVITE_CLIENT.step(InviteClient.CALLING, ClientInput.SUCCESS) == (
        InviteClient.ACCEPTED, ClientAction.DELIVER_AND_LINGER,
    )
    assert INVITE_CLIENT.step(InviteClient.ACCEPTED, ClientInput.SUCCESS)[1] is ClientAction.DELIVER


@pytest.mark.parametrize(
    ("state", "action"),
    [(NonInviteServer.TRYING, ServerAction.SEND_AND_END), (InviteServer.PROCEEDING, ServerAction.SEND_AND_LINGER)],
)
def test_server_transaction_steps_in_the_table_of_its_method(
    state: NonInviteServer | InviteServer, action: ServerAction
) -> None:
    transaction = ServerTransaction(("key",), None, "link", request(), "tag", "", state)
    assert transaction.step(ServerInput.SUCCESS) is action


@pytest.mark.parametrize(
    ("method", "action"),
    [("MESSAGE", ClientAction.DELIVER_AND_END), ("INVITE", ClientAction.ACK_AND_END)],
)
def test_client_transaction_steps_in_the_table_of_its_method(method: str, action: ClientAction) -> None:
    transaction = ClientTransaction("z9hG4bK1", method, None, "", b"")
    assert transaction.step(ClientInput.FAILURE) is action
    assert transaction.state.name == "TERMINATED"
