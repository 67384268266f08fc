"""The state machine of a session as a literal table: RFC 3261 §9, §13, §14 and §15 for one usage of INVITE.

`edge.sip.session` steps it and performs its actions; nobody else does. The answer to a request of ours that is
neither the INVITE that makes the session nor the BYE that ends it changes no state, unless it says that the
dialog is gone.
"""

from enum import IntEnum

from edge.machine import Table


class SessionState(IntEnum):
    """CALLING to CANCELLING: our INVITE waits for its answer. OFFERED: the peer's waits for ours."""

    CALLING = 0
    RINGING = 1  # a provisional answer came, so a CANCEL may be sent
    UNWANTED = 2  # given up before; the CANCEL waits for the provisional answer (RFC 3261 §9.1)
    CANCELLING = 3
    OFFERED = 4
    ACCEPTED = 5  # a 2xx of ours, to the first or a later INVITE, waits for its ACK
    DEPARTING = 6  # the same, and when the ACK has come we hang up (RFC 3261 §15)
    OPEN = 7
    LEAVING = 8  # our BYE waits for its answer
    TERMINATED = 9


class SessionInput(IntEnum):
    """What happens to a session."""

    PROVISIONAL = 0  # 101 to 199 to the INVITE that makes the session; 100 too
    SUCCESS = 1  # 2xx to it, which may come several times, from several branches of a fork
    FAILURE = 2  # 300 to 699 to it, or no answer
    ACCEPT = 3  # from the transaction user
    DECLINE = 4  # from the transaction user
    HANG_UP = 5  # from the transaction user
    ACK = 6
    CANCEL = 7
    BYE = 8
    MESSAGE = 9  # a MESSAGE or INFO within the dialog
    REINVITE = 10
    UPDATE = 11
    GONE = 12  # a failure of a request of ours within the dialog, after which there is none
    FINISHED = 13  # our BYE is answered, or will never be
    TIMER_WAIT = 14  # nobody has answered for so long as we wait
    TIMER_REPEAT = 15  # the ACK is late
    TIMER_UNACKED = 16  # the ACK will not come
    TIMER_IDLE = 17
    TIMER_REFRESH = 18
    TIMER_EXPIRY = 19


class SessionAction(IntEnum):
    """What the session does. Only the END ones lead into TERMINATED."""

    NOTHING = 0
    SEND_CANCEL = 1
    OPEN = 2  # acknowledge, and tell the user
    LEAVE_AT_ONCE = 3  # acknowledge an answer that comes after the CANCEL, and send BYE
    ACKNOWLEDGE = 4  # a 2xx that comes again, or from another branch of a fork
    ANSWER = 5  # 200
    TELL_ACKED = 6
    LEAVE = 7  # send BYE
    CONFIRM_BYE = 8  # 200 to a BYE that changes nothing
    HAND_UP = 9  # to the user, who answers
    REFUSE = 10  # 481
    AGREE = 11  # 200 to another INVITE, or to an UPDATE
    REFUSE_FOR_NOW = 12  # 491
    REPEAT = 13  # send the 2xx again (RFC 3261 §13.3.1.4)
    ASK_USER = 14  # whether to stay
    REFRESH = 15
    END = 16
    END_BY_FAILURE = 17
    END_BY_DECLINE = 18
    END_BY_CANCEL = 19  # 487
    END_BY_BYE = 20
    END_BY_EARLY_BYE = 21  # 487 to the INVITE, too (RFC 3261 §15.1.2)
    END_BY_LOSS = 22
    END_BY_LOSS_WITH_BYE = 23  # a peer that is there after all learns of it


def _session() -> Table[SessionState, SessionInput, SessionAction]:
    state, given, action = SessionState, SessionInput, SessionAction
    calling = (state.CALLING, state.RINGING, state.UNWANTED, state.CANCELLING)
    accepted = (state.ACCEPTED, state.DEPARTING)
    over = state.TERMINATED
    return Table(
        "session", state, given,
        (state.CALLING, given.PROVISIONAL, state.RINGING, action.NOTHING),
        (state.CALLING, given.SUCCESS, state.OPEN, action.OPEN),
        (state.CALLING, given.FAILURE, over, action.END_BY_FAILURE),
        (state.CALLING, given.HANG_UP, state.UNWANTED, action.NOTHING),
        (state.CALLING, given.TIMER_WAIT, state.UNWANTED, action.NOTHING),
        (state.RINGING, given.PROVISIONAL, state.RINGING, action.NOTHING),
        (state.RINGING, given.SUCCESS, state.OPEN, action.OPEN),
        (state.RINGING, given.FAILURE, over, action.END_BY_FAILURE),
        (state.RINGING, given.HANG_UP, state.CANCELLING, action.SEND_CANCEL),
        (state.RINGING, given.TIMER_WAIT, state.CANCELLING, action.SEND_CANCEL),
        (state.UNWANTED, given.PROVISIONAL, state.CANCELLING, action.SEND_CANCEL),
        (state.UNWANTED, given.SUCCESS, state.LEAVING, action.LEAVE_AT_ONCE),
        (state.UNWANTED, given.FAILURE, over, action.END_BY_FAILURE),
        (state.UNWANTED, given.HANG_UP, state.UNWANTED, action.NOTHING),
        (state.UNWANTED, given.TIMER_WAIT, state.UNWANTED, action.NOTHING),  # Timer B decides
        (state.CANCELLING, given.PROVISIONAL, state.CANCELLING, action.NOTHING),
        (state.CANCELLING, given.SUCCESS, state.LEAVING, action.LEAVE_AT_ONCE),
        (state.CANCELLING, given.FAILURE, over, action.END_BY_FAILURE),
        (state.CANCELLING, given.HANG_UP, state.CANCELLING, action.NOTHING),
        (state.CANCELLING, given.TIMER_WAIT, over, action.END_BY_FAILURE),  # RFC 3261 §9.1: 64*T1
        # Without a remote tag there is no dialog that a request could be in.
        *((each, given.BYE, each, action.REFUSE) for each in calling),
        *((each, given.MESSAGE, each, action.REFUSE) for each in calling),
        *((each, given.REINVITE, each, action.REFUSE) for each in calling),
        *((each, given.UPDATE, each, action.REFUSE) for each in calling),
        (state.OFFERED, given.ACCEPT, state.ACCEPTED, action.ANSWER),
        (state.OFFERED, given.DECLINE, over, action.END_BY_DECLINE),
        (state.OFFERED, given.HANG_UP, over, action.END_BY_DECLINE),
        (state.OFFERED, given.CANCEL, over, action.END_BY_CANCEL),
        (state.OFFERED, given.BYE, over, action.END_BY_EARLY_BYE),
        (state.OFFERED, given.MESSAGE, state.OFFERED, action.REFUSE),
        (state.OFFERED, given.REINVITE, state.OFFERED, action.REFUSE),  # the peer has no tag of ours yet
        (state.OFFERED, given.UPDATE, state.OFFERED, action.REFUSE),
        (state.ACCEPTED, given.HANG_UP, state.DEPARTING, action.NOTHING),
        (state.ACCEPTED, given.ACK, state.OPEN, action.TELL_ACKED),
        (state.ACCEPTED, given.TIMER_REPEAT, state.ACCEPTED, action.REPEAT),
        (state.ACCEPTED, given.TIMER_UNACKED, state.LEAVING, action.LEAVE),
        (state.DEPARTING, given.HANG_UP, state.DEPARTING, action.NOTHING),
        (state.DEPARTING, given.ACK, state.LEAVING, action.LEAVE),
        (state.DEPARTING, given.TIMER_REPEAT, state.DEPARTING, action.REPEAT),
        (state.DEPARTING, given.TIMER_UNACKED, state.LEAVING, action.LEAVE),
        *((each, given.SUCCESS, each, action.ACKNOWLEDGE) for each in accepted),
        *((each, given.BYE, over, action.END_BY_BYE) for each in accepted),
        *((each, given.MESSAGE, each, action.HAND_UP) for each in accepted),  # it was faster than the ACK
        *((each, given.REINVITE, each, action.REFUSE_FOR_NOW) for each in accepted),
        *((each, given.UPDATE, each, action.AGREE) for each in accepted),
        *((each, given.GONE, over, action.END_BY_LOSS) for each in accepted),
        (state.OPEN, given.SUCCESS, state.OPEN, action.ACKNOWLEDGE),
        (state.OPEN, given.HANG_UP, state.LEAVING, action.LEAVE),
        (state.OPEN, given.BYE, over, action.END_BY_BYE),
        (state.OPEN, given.MESSAGE, state.OPEN, action.HAND_UP),
        (state.OPEN, given.REINVITE, state.ACCEPTED, action.AGREE),
        (state.OPEN, given.UPDATE, state.OPEN, action.AGREE),
        (state.OPEN, given.GONE, over, action.END_BY_LOSS_WITH_BYE),
        (state.OPEN, given.TIMER_IDLE, state.OPEN, action.ASK_USER),
        (state.OPEN, given.TIMER_REFRESH, state.OPEN, action.REFRESH),
        (state.OPEN, given.TIMER_EXPIRY, state.LEAVING, action.LEAVE),
        (state.LEAVING, given.SUCCESS, state.LEAVING, action.ACKNOWLEDGE),
        (state.LEAVING, given.HANG_UP, state.LEAVING, action.NOTHING),
        (state.LEAVING, given.BYE, over, action.END_BY_BYE),
        (state.LEAVING, given.MESSAGE, state.LEAVING, action.HAND_UP),  # it crossed our BYE
        (state.LEAVING, given.REINVITE, state.LEAVING, action.REFUSE),
        (state.LEAVING, given.UPDATE, state.LEAVING, action.REFUSE),
        (state.LEAVING, given.GONE, state.LEAVING, action.NOTHING),
        (state.LEAVING, given.FINISHED, over, action.END),
        (over, given.BYE, over, action.CONFIRM_BYE),
        *((over, each, over, action.REFUSE) for each in (given.MESSAGE, given.REINVITE, given.UPDATE)),
        *(
            (over, late, over, action.NOTHING)
            for late in given
            if late not in (given.BYE, given.MESSAGE, given.REINVITE, given.UPDATE)
        ),
        # Late, or of a transaction that decided nothing: as if it had not come.
        *(
            (each, late, each, action.NOTHING)
            for each in (state.OFFERED, *accepted, state.OPEN, state.LEAVING)
            for late in (given.PROVISIONAL, given.FAILURE)
        ),
        (state.OFFERED, given.SUCCESS, state.OFFERED, action.NOTHING),
        (state.OFFERED, given.ACK, state.OFFERED, action.NOTHING),
        *((each, given.ACK, each, action.NOTHING) for each in (*calling, state.OPEN, state.LEAVING)),
        *((each, given.CANCEL, each, action.NOTHING) for each in (*calling, *accepted, state.OPEN, state.LEAVING)),
        *(
            (each, given.FINISHED, each, action.NOTHING)
            for each in (*calling, state.OFFERED, *accepted, state.OPEN)
        ),
        *((each, given.GONE, each, action.NOTHING) for each in (*calling, state.OFFERED)),
        # The user answers an INVITE once, and only the timer that a state has armed can fire in it.
        illegal=[
            *(
                (each, answer)
                for each in state
                if each not in (state.OFFERED, over)
                for answer in (given.ACCEPT, given.DECLINE)
            ),
            *((each, given.TIMER_WAIT) for each in state if each not in (*calling, over)),
            *(
                (each, timer)
                for each in state
                if each not in (*accepted, over)
                for timer in (given.TIMER_REPEAT, given.TIMER_UNACKED)
            ),
            *(
                (each, timer)
                for each in state
                if each not in (state.OPEN, over)
                for timer in (given.TIMER_IDLE, given.TIMER_REFRESH, given.TIMER_EXPIRY)
            ),
        ],
    )


SESSION = _session()
