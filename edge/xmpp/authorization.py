"""Who may see whose presence: RFC 6121 appendix A as a literal table, for one user and one contact.

We are the server of the *user*, who is a SIP user; the *contact* is an XMPP user, whose server keeps the same table
from its end. Outbound is what our user does, inbound what the contact's server sends. `edge.gateway` keeps one `State`
for each pair, steps it with every subscription stanza (RFC 6121 §3), and does what the `Action` says::

    state, action = step(state, Input.IN_SUBSCRIBE)

A state has two halves which never touch each other: what the user has of the contact's presence (nothing, asked for
it, sees it), and what the contact has of the user's (nothing, pending, sees it).
"""

from enum import IntEnum

from edge.machine import Table


class State(IntEnum):
    """RFC 6121 §A.1. The number is 3 * (the contact's half) + (the user's half); it is written to the store."""

    NONE = 0
    NONE_PENDING_OUT = 1
    TO = 2
    NONE_PENDING_IN = 3
    NONE_PENDING_OUT_IN = 4
    TO_PENDING_IN = 5
    FROM = 6
    FROM_PENDING_OUT = 7
    BOTH = 8


class Input(IntEnum):
    """A subscription stanza, from our user (out) or from the contact (in)."""

    OUT_SUBSCRIBE = 0  # RFC 6121 §3.1.2
    OUT_UNSUBSCRIBE = 1  # RFC 6121 §3.3.2
    OUT_SUBSCRIBED = 2  # RFC 6121 §3.1.5
    OUT_UNSUBSCRIBED = 3  # RFC 6121 §3.2.2
    IN_SUBSCRIBE = 4  # RFC 6121 §3.1.3
    IN_UNSUBSCRIBE = 5  # RFC 6121 §3.3.3
    IN_SUBSCRIBED = 6  # RFC 6121 §3.1.6
    IN_UNSUBSCRIBED = 7  # RFC 6121 §3.2.3


class Action(IntEnum):
    """What a server does with the stanza."""

    NOTHING = 0  # neither send it nor tell the user
    ROUTE = 1  # send it to the contact
    DELIVER = 2  # let the user know
    AUTO_REPLY = 3  # answer `subscribed` for the user, who decided long ago
    DELIVER_AND_REPLY = 4  # let the user know, and answer `unsubscribed`


def step(state: State, given: Input) -> tuple[State, Action]:
    """Return what follows and what to do; there is a row for every pair."""
    return TABLE.step(state, given)


def sees(state: State) -> bool:
    """Whether the user is subscribed to the contact's presence: To, To + Pending In, Both."""
    return state % 3 == 2


def asked(state: State) -> bool:
    """Whether a request of the user for the contact's presence is open."""
    return state % 3 == 1


def seen(state: State) -> bool:
    """Whether the contact is subscribed to the user's presence: From, From + Pending Out, Both."""
    return state >= State.FROM


def pending_in(state: State) -> bool:
    """Whether a request of the contact for the user's presence is open."""
    return state // 3 == 1


def _table() -> Table[State, Input, Action]:
    state, given, action = State, Input, Action
    return Table(
        "authorization", state, given,
        # RFC 6121 §A.2.1: routed in any state, so that two servers that disagree come together again
        (state.NONE, given.OUT_SUBSCRIBE, state.NONE_PENDING_OUT, action.ROUTE),
        (state.NONE_PENDING_OUT, given.OUT_SUBSCRIBE, state.NONE_PENDING_OUT, action.ROUTE),
        (state.NONE_PENDING_IN, given.OUT_SUBSCRIBE, state.NONE_PENDING_OUT_IN, action.ROUTE),
        (state.NONE_PENDING_OUT_IN, given.OUT_SUBSCRIBE, state.NONE_PENDING_OUT_IN, action.ROUTE),
        (state.TO, given.OUT_SUBSCRIBE, state.TO, action.ROUTE),
        (state.TO_PENDING_IN, given.OUT_SUBSCRIBE, state.TO_PENDING_IN, action.ROUTE),
        (state.FROM, given.OUT_SUBSCRIBE, state.FROM_PENDING_OUT, action.ROUTE),
        (state.FROM_PENDING_OUT, given.OUT_SUBSCRIBE, state.FROM_PENDING_OUT, action.ROUTE),
        (state.BOTH, given.OUT_SUBSCRIBE, state.BOTH, action.ROUTE),
        # RFC 6121 §A.2.2: routed in any state, as above
        (state.NONE, given.OUT_UNSUBSCRIBE, state.NONE, action.ROUTE),
        (state.NONE_PENDING_OUT, given.OUT_UNSUBSCRIBE, state.NONE, action.ROUTE),
        (state.NONE_PENDING_IN, given.OUT_UNSUBSCRIBE, state.NONE_PENDING_IN, action.ROUTE),
        (state.NONE_PENDING_OUT_IN, given.OUT_UNSUBSCRIBE, state.NONE_PENDING_IN, action.ROUTE),
        (state.TO, given.OUT_UNSUBSCRIBE, state.NONE, action.ROUTE),
        (state.TO_PENDING_IN, given.OUT_UNSUBSCRIBE, state.NONE_PENDING_IN, action.ROUTE),
        (state.FROM, given.OUT_UNSUBSCRIBE, state.FROM, action.ROUTE),
        (state.FROM_PENDING_OUT, given.OUT_UNSUBSCRIBE, state.FROM, action.ROUTE),
        (state.BOTH, given.OUT_UNSUBSCRIBE, state.FROM, action.ROUTE),
        # RFC 6121 §A.2.3; a pre-approval (RFC 6121 §3.4) is not kept
        (state.NONE, given.OUT_SUBSCRIBED, state.NONE, action.NOTHING),
        (state.NONE_PENDING_OUT, given.OUT_SUBSCRIBED, state.NONE_PENDING_OUT, action.NOTHING),
        (state.NONE_PENDING_IN, given.OUT_SUBSCRIBED, state.FROM, action.ROUTE),
        (state.NONE_PENDING_OUT_IN, given.OUT_SUBSCRIBED, state.FROM_PENDING_OUT, action.ROUTE),
        (state.TO, given.OUT_SUBSCRIBED, state.TO, action.NOTHING),
        (state.TO_PENDING_IN, given.OUT_SUBSCRIBED, state.BOTH, action.ROUTE),
        (state.FROM, given.OUT_SUBSCRIBED, state.FROM, action.NOTHING),
        (state.FROM_PENDING_OUT, given.OUT_SUBSCRIBED, state.FROM_PENDING_OUT, action.NOTHING),
        (state.BOTH, given.OUT_SUBSCRIBED, state.BOTH, action.NOTHING),
        # RFC 6121 §A.2.4
        (state.NONE, given.OUT_UNSUBSCRIBED, state.NONE, action.NOTHING),
        (state.NONE_PENDING_OUT, given.OUT_UNSUBSCRIBED, state.NONE_PENDING_OUT, action.NOTHING),
        (state.NONE_PENDING_IN, given.OUT_UNSUBSCRIBED, state.NONE, action.ROUTE),
        (state.NONE_PENDING_OUT_IN, given.OUT_UNSUBSCRIBED, state.NONE_PENDING_OUT, action.ROUTE),
        (state.TO, given.OUT_UNSUBSCRIBED, state.TO, action.NOTHING),
        (state.TO_PENDING_IN, given.OUT_UNSUBSCRIBED, state.TO, action.ROUTE),
        (state.FROM, given.OUT_UNSUBSCRIBED, state.NONE, action.ROUTE),
        (state.FROM_PENDING_OUT, given.OUT_UNSUBSCRIBED, state.NONE_PENDING_OUT, action.ROUTE),
        (state.BOTH, given.OUT_UNSUBSCRIBED, state.TO, action.ROUTE),
        # RFC 6121 §A.3.1; what is pending is not asked twice
        (state.NONE, given.IN_SUBSCRIBE, state.NONE_PENDING_IN, action.DELIVER),
        (state.NONE_PENDING_OUT, given.IN_SUBSCRIBE, state.NONE_PENDING_OUT_IN, action.DELIVER),
        (state.NONE_PENDING_IN, given.IN_SUBSCRIBE, state.NONE_PENDING_IN, action.NOTHING),
        (state.NONE_PENDING_OUT_IN, given.IN_SUBSCRIBE, state.NONE_PENDING_OUT_IN, action.NOTHING),
        (state.TO, given.IN_SUBSCRIBE, state.TO_PENDING_IN, action.DELIVER),
        (state.TO_PENDING_IN, given.IN_SUBSCRIBE, state.TO_PENDING_IN, action.NOTHING),
        (state.FROM, given.IN_SUBSCRIBE, state.FROM, action.AUTO_REPLY),
        (state.FROM_PENDING_OUT, given.IN_SUBSCRIBE, state.FROM_PENDING_OUT, action.AUTO_REPLY),
        (state.BOTH, given.IN_SUBSCRIBE, state.BOTH, action.AUTO_REPLY),
        # RFC 6121 §A.3.2; the reply is what RFC 8048 §5.2.3 wants, RFC 6121 §3.3.3 is content with `unavailable`
        (state.NONE, given.IN_UNSUBSCRIBE, state.NONE, action.NOTHING),
        (state.NONE_PENDING_OUT, given.IN_UNSUBSCRIBE, state.NONE_PENDING_OUT, action.NOTHING),
        (state.NONE_PENDING_IN, given.IN_UNSUBSCRIBE, state.NONE, action.DELIVER_AND_REPLY),
        (state.NONE_PENDING_OUT_IN, given.IN_UNSUBSCRIBE, state.NONE_PENDING_OUT, action.DELIVER_AND_REPLY),
        (state.TO, given.IN_UNSUBSCRIBE, state.TO, action.NOTHING),
        (state.TO_PENDING_IN, given.IN_UNSUBSCRIBE, state.TO, action.DELIVER_AND_REPLY),
        (state.FROM, given.IN_UNSUBSCRIBE, state.NONE, action.DELIVER_AND_REPLY),
        (state.FROM_PENDING_OUT, given.IN_UNSUBSCRIBE, state.NONE_PENDING_OUT, action.DELIVER_AND_REPLY),
        (state.BOTH, given.IN_UNSUBSCRIBE, state.TO, action.DELIVER_AND_REPLY),
        # RFC 6121 §A.3.3: counts only when asked for, so that a repeated one changes nothing
        (state.NONE, given.IN_SUBSCRIBED, state.NONE, action.NOTHING),
        (state.NONE_PENDING_OUT, given.IN_SUBSCRIBED, state.TO, action.DELIVER),
        (state.NONE_PENDING_IN, given.IN_SUBSCRIBED, state.NONE_PENDING_IN, action.NOTHING),
        (state.NONE_PENDING_OUT_IN, given.IN_SUBSCRIBED, state.TO_PENDING_IN, action.DELIVER),
        (state.TO, given.IN_SUBSCRIBED, state.TO, action.NOTHING),
        (state.TO_PENDING_IN, given.IN_SUBSCRIBED, state.TO_PENDING_IN, action.NOTHING),
        (state.FROM, given.IN_SUBSCRIBED, state.FROM, action.NOTHING),
        (state.FROM_PENDING_OUT, given.IN_SUBSCRIBED, state.BOTH, action.DELIVER),
        (state.BOTH, given.IN_SUBSCRIBED, state.BOTH, action.NOTHING),
        # RFC 6121 §A.3.4
        (state.NONE, given.IN_UNSUBSCRIBED, state.NONE, action.NOTHING),
        (state.NONE_PENDING_OUT, given.IN_UNSUBSCRIBED, state.NONE, action.DELIVER),
        (state.NONE_PENDING_IN, given.IN_UNSUBSCRIBED, state.NONE_PENDING_IN, action.NOTHING),
        (state.NONE_PENDING_OUT_IN, given.IN_UNSUBSCRIBED, state.NONE_PENDING_IN, action.DELIVER),
        (state.TO, given.IN_UNSUBSCRIBED, state.NONE, action.DELIVER),
        (state.TO_PENDING_IN, given.IN_UNSUBSCRIBED, state.NONE_PENDING_IN, action.DELIVER),
        (state.FROM, given.IN_UNSUBSCRIBED, state.FROM, action.NOTHING),
        (state.FROM_PENDING_OUT, given.IN_UNSUBSCRIBED, state.FROM, action.DELIVER),
        (state.BOTH, given.IN_UNSUBSCRIBED, state.FROM, action.DELIVER),
    )


TABLE = _table()
