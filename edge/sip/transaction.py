"""The four transactions of RFC 3261 §17 as literal tables, and the object that each one is.

With RFC 6026 (Accepted states, timers L and M) and RFC 4320 (non-INVITE). Over reliable transports only:
nothing is retransmitted (timers A, E, G are not started), and timers D, I, J and K are 0, so the states
they would end, Confirmed and most of the Completed ones, are never rested in: the transaction is gone at
once. `edge.sip.layer` feeds the tables and performs their actions; nobody else steps them.

A transaction has one timer at a time; which one it is follows from its state, so the tables know a
single input TIMER and name the timer beside the row.
"""

from collections.abc import Sequence
from enum import IntEnum

from edge.machine import Table
from edge.sip.message import Request
from edge.timers import Slot

T1 = 0.5  # seconds, the round trip estimate (RFC 3261 §17.1.1.1)
TIMER_B = TIMER_F = 64 * T1  # how long a client waits for an answer
TIMER_H = 64 * T1  # how long a failed INVITE waits for its ACK
TIMER_L = TIMER_M = 64 * T1  # how long an accepted INVITE absorbs what comes late (RFC 6026 §7.1 and §7.2)
TIMER_C = 185.0  # how long a ringing INVITE may stay without a final response: RFC 3261 §16.6 says over 3 minutes


class ServerInput(IntEnum):
    """What happens to a server transaction."""

    REQUEST = 0  # the request that opened it, again
    PROVISIONAL = 1  # from the transaction user: 1xx
    SUCCESS = 2  # from the transaction user: 2xx
    FAILURE = 3  # from the transaction user: 300 to 699
    ACK = 4
    CANCEL = 5
    TIMER = 6


class ServerAction(IntEnum):
    """What the layer does for a server transaction. Only SEND_AND_END and END lead into TERMINATED."""

    NOTHING = 0
    SEND = 1  # the response that the transaction user gave
    SEND_AND_END = 2  # the same, and forget the transaction
    SEND_AND_AWAIT_ACK = 3  # the same, and start Timer H
    SEND_AND_LINGER = 4  # the same, and start Timer L
    RESEND = 5  # the last response, if there was one
    SEND_TRYING = 6  # 100, of the layer's own accord, and wait on for the transaction user
    REMIND = 7  # tell the transaction user that its time is over
    TELL_ACKED = 8
    TELL_CANCELLED = 9
    END = 10  # forget the transaction


class InviteServer(IntEnum):
    """RFC 3261 figure 7 and RFC 6026 §7.1; OVERDUE is Proceeding after the transaction user was reminded."""

    PROCEEDING = 0
    OVERDUE = 1
    COMPLETED = 2
    ACCEPTED = 3
    TERMINATED = 4


class NonInviteServer(IntEnum):
    """RFC 3261 figure 8; OVERDUE is Proceeding after the transaction user was reminded."""

    TRYING = 0
    PROCEEDING = 1
    OVERDUE = 2
    TERMINATED = 3


class ClientInput(IntEnum):
    """What happens to a client transaction."""

    PROVISIONAL = 0  # 1xx
    SUCCESS = 1  # 2xx
    FAILURE = 2  # 300 to 699
    TIMER = 3
    TRANSPORT_ERROR = 4


class ClientAction(IntEnum):
    """What the layer does for a client transaction. Only those that end it lead into TERMINATED."""

    NOTHING = 0
    DELIVER = 1  # the response, to the transaction user
    DELIVER_AND_END = 2  # the same, and forget the transaction
    DELIVER_AND_WAIT = 3  # the same, and start Timer C
    DELIVER_AND_LINGER = 4  # the same, and start Timer M
    ACK_AND_END = 5  # acknowledge the failure, deliver it, and forget the transaction
    FAIL_AND_END = 6  # tell the transaction user: 408 or 503 (RFC 3261 §8.1.3.1)
    END = 7  # forget the transaction


class InviteClient(IntEnum):
    """RFC 3261 figure 5 and RFC 6026 §7.2."""

    CALLING = 0
    PROCEEDING = 1
    ACCEPTED = 2
    TERMINATED = 3


class NonInviteClient(IntEnum):
    """RFC 3261 figure 6."""

    TRYING = 0
    PROCEEDING = 1
    TERMINATED = 2


def _invite_server() -> Table[InviteServer, ServerInput, ServerAction]:
    state, given, action = InviteServer, ServerInput, ServerAction
    return Table(
        "INVITE server transaction", state, given,
        (state.PROCEEDING, given.REQUEST, state.PROCEEDING, action.RESEND),
        (state.PROCEEDING, given.PROVISIONAL, state.PROCEEDING, action.SEND),
        (state.PROCEEDING, given.SUCCESS, state.ACCEPTED, action.SEND_AND_LINGER),
        (state.PROCEEDING, given.FAILURE, state.COMPLETED, action.SEND_AND_AWAIT_ACK),
        (state.PROCEEDING, given.ACK, state.PROCEEDING, action.NOTHING),
        (state.PROCEEDING, given.CANCEL, state.PROCEEDING, action.TELL_CANCELLED),
        (state.PROCEEDING, given.TIMER, state.OVERDUE, action.REMIND),
        (state.OVERDUE, given.REQUEST, state.OVERDUE, action.RESEND),
        (state.OVERDUE, given.PROVISIONAL, state.OVERDUE, action.SEND),
        (state.OVERDUE, given.SUCCESS, state.ACCEPTED, action.SEND_AND_LINGER),
        (state.OVERDUE, given.FAILURE, state.COMPLETED, action.SEND_AND_AWAIT_ACK),
        (state.OVERDUE, given.ACK, state.OVERDUE, action.NOTHING),
        (state.OVERDUE, given.CANCEL, state.OVERDUE, action.TELL_CANCELLED),
        (state.OVERDUE, given.TIMER, state.TERMINATED, action.END),
        (state.COMPLETED, given.REQUEST, state.COMPLETED, action.RESEND),
        (state.COMPLETED, given.PROVISIONAL, state.COMPLETED, action.NOTHING),
        (state.COMPLETED, given.SUCCESS, state.COMPLETED, action.NOTHING),
        (state.COMPLETED, given.FAILURE, state.COMPLETED, action.NOTHING),
        (state.COMPLETED, given.ACK, state.TERMINATED, action.END),  # Confirmed; Timer I is 0
        (state.COMPLETED, given.CANCEL, state.COMPLETED, action.NOTHING),
        (state.COMPLETED, given.TIMER, state.TERMINATED, action.END),  # Timer H
        (state.ACCEPTED, given.REQUEST, state.ACCEPTED, action.NOTHING),  # RFC 6026 §7.1: absorbed
        (state.ACCEPTED, given.PROVISIONAL, state.ACCEPTED, action.NOTHING),
        (state.ACCEPTED, given.SUCCESS, state.ACCEPTED, action.SEND),  # the user's retransmission, RFC 3261 §13.3.1.4
        (state.ACCEPTED, given.FAILURE, state.ACCEPTED, action.NOTHING),
        (state.ACCEPTED, given.ACK, state.ACCEPTED, action.TELL_ACKED),
        (state.ACCEPTED, given.CANCEL, state.ACCEPTED, action.NOTHING),
        (state.ACCEPTED, given.TIMER, state.TERMINATED, action.END),  # Timer L
        *((state.TERMINATED, late, state.TERMINATED, action.NOTHING) for late in given),
    )


def _non_invite_server() -> Table[NonInviteServer, ServerInput, ServerAction]:
    state, given, action = NonInviteServer, ServerInput, ServerAction
    return Table(
        "non-INVITE server transaction", state, given,
        (state.TRYING, given.REQUEST, state.TRYING, action.NOTHING),
        (state.TRYING, given.SUCCESS, state.TERMINATED, action.SEND_AND_END),  # Completed; Timer J is 0
        (state.TRYING, given.FAILURE, state.TERMINATED, action.SEND_AND_END),
        (state.TRYING, given.CANCEL, state.TRYING, action.NOTHING),  # RFC 3261 §9.2: no effect
        (state.TRYING, given.TIMER, state.PROCEEDING, action.SEND_TRYING),  # RFC 4320 §4.1
        (state.PROCEEDING, given.REQUEST, state.PROCEEDING, action.RESEND),
        (state.PROCEEDING, given.SUCCESS, state.TERMINATED, action.SEND_AND_END),
        (state.PROCEEDING, given.FAILURE, state.TERMINATED, action.SEND_AND_END),
        (state.PROCEEDING, given.CANCEL, state.PROCEEDING, action.NOTHING),
        (state.PROCEEDING, given.TIMER, state.OVERDUE, action.REMIND),
        (state.OVERDUE, given.REQUEST, state.OVERDUE, action.RESEND),
        (state.OVERDUE, given.SUCCESS, state.TERMINATED, action.SEND_AND_END),
        (state.OVERDUE, given.FAILURE, state.TERMINATED, action.SEND_AND_END),
        (state.OVERDUE, given.CANCEL, state.OVERDUE, action.NOTHING),
        (state.OVERDUE, given.TIMER, state.TERMINATED, action.END),  # RFC 4320 §4.2: too late for any answer
        *((state.TERMINATED, late, state.TERMINATED, action.NOTHING) for late in given if late != given.PROVISIONAL),
        # RFC 4320 §4.1: the only provisional is 100, and the layer sends it. An ACK is matched to INVITEs only.
        illegal=[
            *((each, given.PROVISIONAL) for each in state),
            *((each, given.ACK) for each in state if each != state.TERMINATED),
        ],
    )


def _invite_client() -> Table[InviteClient, ClientInput, ClientAction]:
    state, given, action = InviteClient, ClientInput, ClientAction
    return Table(
        "INVITE client transaction", state, given,
        (state.CALLING, given.PROVISIONAL, state.PROCEEDING, action.DELIVER_AND_WAIT),
        (state.CALLING, given.SUCCESS, state.ACCEPTED, action.DELIVER_AND_LINGER),
        (state.CALLING, given.FAILURE, state.TERMINATED, action.ACK_AND_END),  # Completed; Timer D is 0
        (state.CALLING, given.TIMER, state.TERMINATED, action.FAIL_AND_END),  # Timer B
        (state.CALLING, given.TRANSPORT_ERROR, state.TERMINATED, action.FAIL_AND_END),
        (state.PROCEEDING, given.PROVISIONAL, state.PROCEEDING, action.DELIVER_AND_WAIT),
        (state.PROCEEDING, given.SUCCESS, state.ACCEPTED, action.DELIVER_AND_LINGER),
        (state.PROCEEDING, given.FAILURE, state.TERMINATED, action.ACK_AND_END),
        (state.PROCEEDING, given.TIMER, state.TERMINATED, action.FAIL_AND_END),  # Timer C
        (state.PROCEEDING, given.TRANSPORT_ERROR, state.TERMINATED, action.FAIL_AND_END),
        (state.ACCEPTED, given.PROVISIONAL, state.ACCEPTED, action.NOTHING),
        (state.ACCEPTED, given.SUCCESS, state.ACCEPTED, action.DELIVER),  # another branch of a fork, or again
        (state.ACCEPTED, given.FAILURE, state.ACCEPTED, action.NOTHING),
        (state.ACCEPTED, given.TIMER, state.TERMINATED, action.END),  # Timer M
        (state.ACCEPTED, given.TRANSPORT_ERROR, state.ACCEPTED, action.NOTHING),
        *((state.TERMINATED, late, state.TERMINATED, action.NOTHING) for late in given),
    )


def _non_invite_client() -> Table[NonInviteClient, ClientInput, ClientAction]:
    state, given, action = NonInviteClient, ClientInput, ClientAction
    return Table(
        "non-INVITE client transaction", state, given,
        (state.TRYING, given.PROVISIONAL, state.PROCEEDING, action.DELIVER),
        (state.TRYING, given.SUCCESS, state.TERMINATED, action.DELIVER_AND_END),  # Completed; Timer K is 0
        (state.TRYING, given.FAILURE, state.TERMINATED, action.DELIVER_AND_END),
        (state.TRYING, given.TIMER, state.TERMINATED, action.FAIL_AND_END),  # Timer F
        (state.TRYING, given.TRANSPORT_ERROR, state.TERMINATED, action.FAIL_AND_END),
        (state.PROCEEDING, given.PROVISIONAL, state.PROCEEDING, action.DELIVER),
        (state.PROCEEDING, given.SUCCESS, state.TERMINATED, action.DELIVER_AND_END),
        (state.PROCEEDING, given.FAILURE, state.TERMINATED, action.DELIVER_AND_END),
        (state.PROCEEDING, given.TIMER, state.TERMINATED, action.FAIL_AND_END),  # Timer F
        (state.PROCEEDING, given.TRANSPORT_ERROR, state.TERMINATED, action.FAIL_AND_END),
        *((state.TERMINATED, late, state.TERMINATED, action.NOTHING) for late in given),
    )


INVITE_SERVER = _invite_server()
NON_INVITE_SERVER = _non_invite_server()
INVITE_CLIENT = _invite_client()
NON_INVITE_CLIENT = _non_invite_client()
_TRYING = NonInviteClient.TRYING  # looked up once: every request of ours begins there


class ServerTransaction:
    """A request that came in and is not yet done with. Made by the layer; the transaction user reads it.

    ``link`` is where the request came from and the response goes; ``to_tag`` is ours, the same in every
    response, and "" when the request is within a dialog (its To has a tag already). ``user`` belongs to
    the transaction user, and is taken off when the transaction is over.
    """

    __slots__ = ("key", "link", "merge_key", "received", "request", "sent", "slot", "state", "to_tag", "user")

    key: Sequence[object]
    slot: Slot[object]

    def __init__(
        self, key: Sequence[object], merge_key: Sequence[object] | None, link: object, request: Request,
        to_tag: str, received: str, state: InviteServer | NonInviteServer,
    ) -> None:
        self.key = key
        self.merge_key = merge_key
        self.link = link
        self.request = request
        self.to_tag = to_tag
        self.received = received
        self.state = state
        self.sent = b""  # the last response, for a retransmitted request
        self.user: object = None

    def step(self, given: ServerInput) -> ServerAction:
        """Make one step in the table of the request's method."""
        state = self.state
        action: ServerAction
        if isinstance(state, NonInviteServer):
            self.state, action = NON_INVITE_SERVER.step(state, given)
        else:
            self.state, action = INVITE_SERVER.step(state, given)
        return action


class ClientTransaction:
    """A request of ours that waits for its answer. Made by `TransactionLayer.open_client`.

    ``key`` is the branch. ``link`` is set by whoever wrote the request (None until known), ``user``
    belongs to the transaction user.
    """

    __slots__ = ("call_id", "invite", "key", "link", "method", "slot", "state", "user")

    slot: Slot[object]

    def __init__(self, key: str, method: str, user: object, call_id: str, invite: bytes) -> None:
        self.key = key
        self.method = method
        self.user = user
        self.call_id = call_id
        self.invite = invite  # the INVITE as sent, from which an ACK is made
        self.link: object = None
        self.state: InviteClient | NonInviteClient
        self.state = InviteClient.CALLING if method == "INVITE" else _TRYING

    def step(self, given: ClientInput) -> ClientAction:
        """Make one step in the table of the method."""
        state = self.state
        action: ClientAction
        if isinstance(state, NonInviteClient):
            self.state, action = NON_INVITE_CLIENT.step(state, given)
        else:
            self.state, action = INVITE_CLIENT.step(state, given)
        return action
