"""The two state machines of RFC 6665 as literal tables.

`edge.sip.subscriber` and `edge.sip.notifier` step them and perform their actions; nobody else does.
"""

from enum import IntEnum

from edge.machine import Table


class SubscriberState(IntEnum):
    """RFC 6665 §4.1.2, figure 1, with what unsubscribing adds."""

    NOTIFY_WAIT = 0
    PENDING = 1
    ACTIVE = 2
    WITHDRAWN = 3  # unsubscribed before the first NOTIFY made a dialog to do it in
    ENDING = 4  # Expires 0 is sent (or was from the beginning: a fetch), the last NOTIFY is waited for
    TERMINATED = 5


class SubscriberInput(IntEnum):
    """What happens to a subscriber."""

    NOTIFY_PENDING = 0
    NOTIFY_ACTIVE = 1
    NOTIFY_TERMINATED = 2
    SUCCESS = 3  # 2xx to SUBSCRIBE
    INTERVAL = 4  # 423 with a Min-Expires that can be met
    DEAD = 5  # a failure after which no dialog is left
    KEPT = 6  # a failure that leaves the dialog alive, if there was one
    REFRESH = 7
    UNSUBSCRIBE = 8
    TIMER_N = 9
    TIMER_REFRESH = 10
    TIMER_EXPIRY = 11


class SubscriberAction(IntEnum):
    """What the subscriber does."""

    NOTHING = 0
    LEARN_PENDING = 1
    LEARN_ACTIVE = 2
    LEARN_LAST = 3  # a document that comes while the end is waited for
    GRANT = 4
    CONFIRM_END = 5  # our Expires 0 was accepted
    ASK_AGAIN = 6  # SUBSCRIBE with the interval that the notifier wants
    TRY_LATER = 7
    SUBSCRIBE = 8
    UNSUBSCRIBE = 9
    ASK_USER = 10  # whether to refresh
    END_BY_NOTIFY = 11
    END_BY_RESPONSE = 12
    END_BY_TIMER_N = 13
    END_BY_EXPIRY = 14



def _subscriber() -> Table[SubscriberState, SubscriberInput, SubscriberAction]:
    state, given, action = SubscriberState, SubscriberInput, SubscriberAction
    return Table(
        "subscriber", state, given,
        (state.NOTIFY_WAIT, given.NOTIFY_PENDING, state.PENDING, action.LEARN_PENDING),
        (state.NOTIFY_WAIT, given.NOTIFY_ACTIVE, state.ACTIVE, action.LEARN_ACTIVE),
        (state.NOTIFY_WAIT, given.NOTIFY_TERMINATED, state.TERMINATED, action.END_BY_NOTIFY),
        (state.NOTIFY_WAIT, given.SUCCESS, state.NOTIFY_WAIT, action.GRANT),
        (state.NOTIFY_WAIT, given.INTERVAL, state.NOTIFY_WAIT, action.ASK_AGAIN),
        (state.NOTIFY_WAIT, given.DEAD, state.TERMINATED, action.END_BY_RESPONSE),
        (state.NOTIFY_WAIT, given.KEPT, state.TERMINATED, action.END_BY_RESPONSE),
        (state.NOTIFY_WAIT, given.REFRESH, state.NOTIFY_WAIT, action.NOTHING),
        (state.NOTIFY_WAIT, given.UNSUBSCRIBE, state.WITHDRAWN, action.NOTHING),
        (state.NOTIFY_WAIT, given.TIMER_N, state.TERMINATED, action.END_BY_TIMER_N),
        (state.PENDING, given.NOTIFY_PENDING, state.PENDING, action.LEARN_PENDING),
        (state.PENDING, given.NOTIFY_ACTIVE, state.ACTIVE, action.LEARN_ACTIVE),
        (state.PENDING, given.NOTIFY_TERMINATED, state.TERMINATED, action.END_BY_NOTIFY),
        (state.PENDING, given.SUCCESS, state.PENDING, action.GRANT),
        (state.PENDING, given.INTERVAL, state.PENDING, action.ASK_AGAIN),
        (state.PENDING, given.DEAD, state.TERMINATED, action.END_BY_RESPONSE),
        (state.PENDING, given.KEPT, state.PENDING, action.TRY_LATER),
        (state.PENDING, given.REFRESH, state.PENDING, action.SUBSCRIBE),
        (state.PENDING, given.UNSUBSCRIBE, state.ENDING, action.UNSUBSCRIBE),
        (state.PENDING, given.TIMER_N, state.TERMINATED, action.END_BY_TIMER_N),
        (state.PENDING, given.TIMER_REFRESH, state.PENDING, action.ASK_USER),
        (state.PENDING, given.TIMER_EXPIRY, state.TERMINATED, action.END_BY_EXPIRY),
        (state.ACTIVE, given.NOTIFY_PENDING, state.PENDING, action.LEARN_PENDING),
        (state.ACTIVE, given.NOTIFY_ACTIVE, state.ACTIVE, action.LEARN_ACTIVE),
        (state.ACTIVE, given.NOTIFY_TERMINATED, state.TERMINATED, action.END_BY_NOTIFY),
        (state.ACTIVE, given.SUCCESS, state.ACTIVE, action.GRANT),
        (state.ACTIVE, given.INTERVAL, state.ACTIVE, action.ASK_AGAIN),
        (state.ACTIVE, given.DEAD, state.TERMINATED, action.END_BY_RESPONSE),
        (state.ACTIVE, given.KEPT, state.ACTIVE, action.TRY_LATER),
        (state.ACTIVE, given.REFRESH, state.ACTIVE, action.SUBSCRIBE),
        (state.ACTIVE, given.UNSUBSCRIBE, state.ENDING, action.UNSUBSCRIBE),
        (state.ACTIVE, given.TIMER_N, state.TERMINATED, action.END_BY_TIMER_N),
        (state.ACTIVE, given.TIMER_REFRESH, state.ACTIVE, action.ASK_USER),
        (state.ACTIVE, given.TIMER_EXPIRY, state.TERMINATED, action.END_BY_EXPIRY),
        (state.WITHDRAWN, given.NOTIFY_PENDING, state.ENDING, action.UNSUBSCRIBE),
        (state.WITHDRAWN, given.NOTIFY_ACTIVE, state.ENDING, action.UNSUBSCRIBE),
        (state.WITHDRAWN, given.NOTIFY_TERMINATED, state.TERMINATED, action.END_BY_NOTIFY),
        (state.WITHDRAWN, given.SUCCESS, state.WITHDRAWN, action.NOTHING),
        (state.WITHDRAWN, given.INTERVAL, state.TERMINATED, action.END_BY_RESPONSE),
        (state.WITHDRAWN, given.DEAD, state.TERMINATED, action.END_BY_RESPONSE),
        (state.WITHDRAWN, given.KEPT, state.TERMINATED, action.END_BY_RESPONSE),
        (state.WITHDRAWN, given.REFRESH, state.WITHDRAWN, action.NOTHING),
        (state.WITHDRAWN, given.UNSUBSCRIBE, state.WITHDRAWN, action.NOTHING),
        (state.WITHDRAWN, given.TIMER_N, state.TERMINATED, action.END_BY_TIMER_N),
        (state.ENDING, given.NOTIFY_PENDING, state.ENDING, action.LEARN_LAST),
        (state.ENDING, given.NOTIFY_ACTIVE, state.ENDING, action.LEARN_LAST),
        (state.ENDING, given.NOTIFY_TERMINATED, state.TERMINATED, action.END_BY_NOTIFY),
        (state.ENDING, given.SUCCESS, state.ENDING, action.CONFIRM_END),
        (state.ENDING, given.INTERVAL, state.TERMINATED, action.END_BY_RESPONSE),
        (state.ENDING, given.DEAD, state.TERMINATED, action.END_BY_RESPONSE),
        (state.ENDING, given.KEPT, state.TERMINATED, action.END_BY_RESPONSE),  # it will expire there by itself
        (state.ENDING, given.REFRESH, state.ENDING, action.NOTHING),
        (state.ENDING, given.UNSUBSCRIBE, state.ENDING, action.NOTHING),
        (state.ENDING, given.TIMER_N, state.TERMINATED, action.END_BY_TIMER_N),
        *((state.TERMINATED, late, state.TERMINATED, action.NOTHING) for late in given),
        # Until there is a dialog, and once it is to end, Timer N is the only one that runs.
        illegal=[
            (each, timer)
            for each in (state.NOTIFY_WAIT, state.WITHDRAWN, state.ENDING)
            for timer in (given.TIMER_REFRESH, given.TIMER_EXPIRY)
        ],
    )


class NotifierState(IntEnum):
    """RFC 6665 §4.2.1, figure 2, with what the end of a subscription takes."""

    PENDING = 0
    ACTIVE = 1
    LEAVING = 2  # the watcher polled, unsubscribed or let it lapse; the user owes the last document
    ENDING = 3  # the last NOTIFY waits its turn or its answer
    TERMINATED = 4


class NotifierInput(IntEnum):
    """What happens to a notifier."""

    REFRESH = 0  # SUBSCRIBE in the dialog
    UNSUBSCRIBE = 1  # the same with Expires 0
    NOTIFY_PENDING = 2  # from the transaction user
    NOTIFY_ACTIVE = 3  # from the transaction user
    TERMINATE = 4  # from the transaction user
    DELIVERED = 5  # 2xx to a NOTIFY
    MISSED = 6  # a failure of a NOTIFY that says nothing about the subscription
    REMOVED = 7  # one that ends it
    FINISHED = 8  # the last NOTIFY got its answer, or will never get it
    TIMER = 9


class NotifierAction(IntEnum):
    """What the notifier does."""

    NOTHING = 0
    RENEW = 1
    LEAVE = 2
    REFUSE = 3  # 481: a subscription that ends cannot be refreshed
    NOTIFY = 4  # now, or when the NOTIFY before it is answered
    NOTIFY_UNASKED = 5  # the last one without a document, because the user gave none in time
    GO_ON = 6  # with the NOTIFY that waits, if any
    TELL_MISSED = 7  # and go on
    CLOSE = 8


def _notifier() -> Table[NotifierState, NotifierInput, NotifierAction]:
    state, given, action = NotifierState, NotifierInput, NotifierAction
    return Table(
        "notifier", state, given,
        (state.PENDING, given.REFRESH, state.PENDING, action.RENEW),
        (state.PENDING, given.UNSUBSCRIBE, state.LEAVING, action.LEAVE),
        (state.PENDING, given.NOTIFY_PENDING, state.PENDING, action.NOTIFY),
        (state.PENDING, given.NOTIFY_ACTIVE, state.ACTIVE, action.NOTIFY),
        (state.PENDING, given.TERMINATE, state.ENDING, action.NOTIFY),
        (state.PENDING, given.DELIVERED, state.PENDING, action.GO_ON),
        (state.PENDING, given.MISSED, state.PENDING, action.TELL_MISSED),
        (state.PENDING, given.REMOVED, state.TERMINATED, action.CLOSE),
        (state.PENDING, given.TIMER, state.LEAVING, action.LEAVE),
        (state.ACTIVE, given.REFRESH, state.ACTIVE, action.RENEW),
        (state.ACTIVE, given.UNSUBSCRIBE, state.LEAVING, action.LEAVE),
        (state.ACTIVE, given.NOTIFY_PENDING, state.PENDING, action.NOTIFY),
        (state.ACTIVE, given.NOTIFY_ACTIVE, state.ACTIVE, action.NOTIFY),
        (state.ACTIVE, given.TERMINATE, state.ENDING, action.NOTIFY),
        (state.ACTIVE, given.DELIVERED, state.ACTIVE, action.GO_ON),
        (state.ACTIVE, given.MISSED, state.ACTIVE, action.TELL_MISSED),
        (state.ACTIVE, given.REMOVED, state.TERMINATED, action.CLOSE),
        (state.ACTIVE, given.TIMER, state.LEAVING, action.LEAVE),
        (state.LEAVING, given.REFRESH, state.LEAVING, action.REFUSE),
        (state.LEAVING, given.UNSUBSCRIBE, state.LEAVING, action.REFUSE),
        (state.LEAVING, given.NOTIFY_PENDING, state.LEAVING, action.NOTHING),
        (state.LEAVING, given.NOTIFY_ACTIVE, state.LEAVING, action.NOTHING),
        (state.LEAVING, given.TERMINATE, state.ENDING, action.NOTIFY),
        (state.LEAVING, given.DELIVERED, state.LEAVING, action.NOTHING),
        (state.LEAVING, given.MISSED, state.LEAVING, action.NOTHING),
        (state.LEAVING, given.REMOVED, state.TERMINATED, action.CLOSE),
        (state.LEAVING, given.TIMER, state.ENDING, action.NOTIFY_UNASKED),
        (state.ENDING, given.REFRESH, state.ENDING, action.REFUSE),
        (state.ENDING, given.UNSUBSCRIBE, state.ENDING, action.REFUSE),
        (state.ENDING, given.NOTIFY_PENDING, state.ENDING, action.NOTHING),
        (state.ENDING, given.NOTIFY_ACTIVE, state.ENDING, action.NOTHING),
        (state.ENDING, given.TERMINATE, state.ENDING, action.NOTHING),
        (state.ENDING, given.DELIVERED, state.ENDING, action.GO_ON),
        (state.ENDING, given.MISSED, state.ENDING, action.GO_ON),
        (state.ENDING, given.REMOVED, state.TERMINATED, action.CLOSE),
        (state.ENDING, given.FINISHED, state.TERMINATED, action.CLOSE),
        (state.ENDING, given.TIMER, state.ENDING, action.NOTHING),
        (state.TERMINATED, given.REFRESH, state.TERMINATED, action.REFUSE),
        (state.TERMINATED, given.UNSUBSCRIBE, state.TERMINATED, action.REFUSE),
        (state.TERMINATED, given.NOTIFY_PENDING, state.TERMINATED, action.NOTHING),
        (state.TERMINATED, given.NOTIFY_ACTIVE, state.TERMINATED, action.NOTHING),
        (state.TERMINATED, given.TERMINATE, state.TERMINATED, action.NOTHING),
        (state.TERMINATED, given.DELIVERED, state.TERMINATED, action.NOTHING),
        (state.TERMINATED, given.MISSED, state.TERMINATED, action.NOTHING),
        (state.TERMINATED, given.REMOVED, state.TERMINATED, action.NOTHING),
        (state.TERMINATED, given.TIMER, state.TERMINATED, action.NOTHING),
        # Only in ENDING can a NOTIFY that is answered be the last.
        illegal=[(each, given.FINISHED) for each in state if each != state.ENDING],
    )


SUBSCRIBER = _subscriber()
NOTIFIER = _notifier()
