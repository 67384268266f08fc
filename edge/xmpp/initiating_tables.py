"""The initiating entity as a table: what may come when, and what it leads to (RFC 6120 §4.3).

`edge.xmpp.initiating` steps through it, and `edge.xmpp.verifying`.
"""

from enum import IntEnum

from edge.machine import Table
from edge.xmpp.document import NS_DIALBACK
from edge.xmpp.management import SM
from edge.xmpp.negotiation import SASL, STREAMS, TLS


class State(IntEnum):
    """What we wait for."""

    HEADER = 0
    FEATURES = 1
    PROCEED = 2
    HANDSHAKE = 3
    JUDGEMENT = 4  # of the far end's certificate
    SECURE_HEADER = 5
    MECHANISMS = 6
    OUTCOME = 7  # of SASL
    LAST_HEADER = 8
    LAST_FEATURES = 9
    MANAGEMENT = 10  # whether the far end will count
    RESULT = 11  # of dialback
    ANSWER = 12  # of the authoritative server, to `edge.xmpp.verifying`
    READY = 13
    ENDED = 14


class Input(IntEnum):
    OPENED = 0
    FEATURES = 1
    PROCEED = 2
    SUCCESS = 3
    FAILURE = 4  # of STARTTLS or of SASL
    OFFER = 5  # the last features, with stream management that we want
    ENABLED = 6
    DECLINED = 7  # <failed/>
    COUNT = 8  # <r/> or <a/>
    OTHER = 9  # any other element
    ERROR = 10  # <stream:error/>
    CLOSED = 11  # </stream:stream>
    SECURED = 12  # ours: the handshake is complete
    ACCEPTED = 13  # ours: the certificate proves the domain we dialled
    REFUSED = 14  # ours: it does not, and has to
    EXTERNAL = 15  # features with a proof that we may use
    DIALBACK = 16
    FALL_BACK = 17  # failure of SASL where dialback is left
    QUESTION = 18  # features, of a stream on which we have something to ask
    VALID = 19  # what answers our dialback
    INVALID = 20
    ANSWERED = 21
    STRANGE = 22  # dialback that answers nothing of ours


class Action(IntEnum):
    NOTHING = 0
    READ_VERSION = 1
    ASK_FOR_TLS = 2
    BEGIN_TLS = 3
    JUDGE = 4
    OPEN_AGAIN = 5
    AUTHENTICATE = 6
    BE_READY = 7
    REFUSE = 8
    BE_REFUSED = 9
    UNEXPECTED = 10
    STREAM_ERROR = 11
    STREAM_CLOSED = 12
    ENABLE = 13
    BE_MANAGED = 14
    MANAGE = 15
    DIAL_BACK = 16
    FALL_BACK = 17
    BE_DENIED = 18
    ASK = 19
    BE_ANSWERED = 20
    STRANGE = 21
    NO_PROOF = 22


S, I, A = State, Input, Action  # noqa: E741 - the letter the literature uses

EXPECTED = (
    (S.HEADER, I.OPENED, S.FEATURES, A.READ_VERSION),
    (S.FEATURES, I.FEATURES, S.PROCEED, A.ASK_FOR_TLS),
    (S.PROCEED, I.PROCEED, S.HANDSHAKE, A.BEGIN_TLS),
    (S.PROCEED, I.FAILURE, S.ENDED, A.BE_REFUSED),
    (S.HANDSHAKE, I.SECURED, S.JUDGEMENT, A.JUDGE),
    (S.JUDGEMENT, I.ACCEPTED, S.SECURE_HEADER, A.OPEN_AGAIN),
    (S.JUDGEMENT, I.REFUSED, S.ENDED, A.REFUSE),
    (S.SECURE_HEADER, I.OPENED, S.MECHANISMS, A.READ_VERSION),
    (S.MECHANISMS, I.FEATURES, S.ENDED, A.NO_PROOF),
    (S.MECHANISMS, I.EXTERNAL, S.OUTCOME, A.AUTHENTICATE),
    (S.MECHANISMS, I.DIALBACK, S.RESULT, A.DIAL_BACK),
    (S.MECHANISMS, I.QUESTION, S.ANSWER, A.ASK),
    (S.OUTCOME, I.SUCCESS, S.LAST_HEADER, A.OPEN_AGAIN),
    (S.OUTCOME, I.FAILURE, S.ENDED, A.BE_REFUSED),
    (S.OUTCOME, I.FALL_BACK, S.RESULT, A.FALL_BACK),
    (S.RESULT, I.VALID, S.READY, A.BE_READY),
    (S.RESULT, I.INVALID, S.ENDED, A.BE_DENIED),
    (S.ANSWER, I.ANSWERED, S.ENDED, A.BE_ANSWERED),
    (S.LAST_HEADER, I.OPENED, S.LAST_FEATURES, A.READ_VERSION),
    (S.LAST_FEATURES, I.FEATURES, S.READY, A.BE_READY),
    (S.LAST_FEATURES, I.OFFER, S.MANAGEMENT, A.ENABLE),
    (S.MANAGEMENT, I.ENABLED, S.READY, A.BE_MANAGED),
    (S.MANAGEMENT, I.DECLINED, S.READY, A.BE_READY),
    (S.READY, I.COUNT, S.READY, A.MANAGE),
)
OURS = (  # and what only we make of something
    *(I.OFFER, I.SECURED, I.ACCEPTED, I.REFUSED, I.EXTERNAL, I.DIALBACK, I.FALL_BACK, I.QUESTION),
    *(I.VALID, I.INVALID, I.ANSWERED),
)
ANYWHERE = {I.ERROR: A.STREAM_ERROR, I.CLOSED: A.STREAM_CLOSED}  # everything else from the peer is UNEXPECTED
BEHIND_TLS = tuple(state for state in S if S.SECURE_HEADER <= state < S.ENDED)
_given = {(state, given) for state, given, _, _ in EXPECTED}

INITIATING = Table(
    "initiating entity",
    State,
    Input,
    *EXPECTED,
    *((state, I.STRANGE, state, A.STRANGE) for state in BEHIND_TLS),
    *(
        (state, given, S.ENDED, ANYWHERE.get(given, A.UNEXPECTED))
        for state in State
        for given in Input
        if state is not S.ENDED
        and given not in OURS
        and (state, given) not in _given
        and not (given is I.STRANGE and state in BEHIND_TLS)
    ),
    *((S.ENDED, given, S.ENDED, A.NOTHING) for given in Input),
    illegal=[(s, i) for s in State for i in OURS if s is not S.ENDED and (s, i) not in _given],
)

ELEMENTS = {
    (STREAMS, "features"): I.FEATURES,
    (STREAMS, "error"): I.ERROR,
    (TLS, "proceed"): I.PROCEED,
    (TLS, "failure"): I.FAILURE,
    (SASL, "success"): I.SUCCESS,
    (SASL, "failure"): I.FAILURE,
    (SM, "enabled"): I.ENABLED,
    (SM, "failed"): I.DECLINED,
    (SM, "r"): I.COUNT,
    (SM, "a"): I.COUNT,
    (NS_DIALBACK, "result"): I.STRANGE,
    (NS_DIALBACK, "verify"): I.STRANGE,
}
