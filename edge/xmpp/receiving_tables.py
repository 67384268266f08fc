"""The receiving entity as a table: what may come when, and what it leads to (RFC 6120 §4.3).

`edge.xmpp.receiving` steps through it.
"""

from enum import IntEnum

from edge.machine import Table
from edge.xmpp.management import SM
from edge.xmpp.negotiation import BIDI, SASL, STREAMS, TLS


class State(IntEnum):
    """What we wait for."""

    HEADER = 0
    STARTTLS = 1
    HANDSHAKE = 2
    SECURE_HEADER = 3
    JUDGEMENT = 4  # of the name in that header
    AUTH = 5
    LAST_HEADER = 6
    READY = 7
    ENDED = 8


class Input(IntEnum):
    OPENED = 0
    STARTTLS = 1
    AUTH = 2
    ENABLE = 3
    RESUME = 4
    COUNT = 5  # <r/> or <a/>
    OTHER = 6  # any other element
    ERROR = 7  # <stream:error/>
    CLOSED = 8  # </stream:stream>
    BIDI = 9
    RESULT = 10  # of dialback, with a key to be asked about
    VERIFY = 11  # the question whether a key is ours
    STRANGE = 12  # dialback that answers us, who ask nothing here
    SECURED = 13  # ours: the handshake is complete
    ACCEPTED = 14  # ours: the name is proved or can be, and it is listed
    REFUSED = 15  # ours: it is not
    DIRECT = 16  # ours: it begins with TLS
    VALID = 17  # ours: the answer to a dialback, and the next one
    NOT_VALID = 18


class Action(IntEnum):
    NOTHING = 0
    OFFER_TLS = 1
    BEGIN_TLS = 2
    JUDGE = 3
    OFFER_SASL = 4
    AUTHENTICATE = 5
    BE_READY = 6
    REFUSE = 7
    UNEXPECTED = 8
    STREAM_ERROR = 9
    STREAM_CLOSED = 10
    BE_MANAGED = 11
    RESUME_NOTHING = 12
    MANAGE = 13
    BEGIN_DIRECT = 14
    GO_BOTH_WAYS = 15
    CLAIM = 16
    SETTLE = 17
    SAY_WHOSE = 18
    STRANGE = 19


S, I, A = State, Input, Action  # noqa: E741 - the letter the literature uses

EXPECTED = (
    (S.HEADER, I.OPENED, S.STARTTLS, A.OFFER_TLS),
    (S.HEADER, I.DIRECT, S.HANDSHAKE, A.BEGIN_DIRECT),
    (S.STARTTLS, I.STARTTLS, S.HANDSHAKE, A.BEGIN_TLS),
    (S.HANDSHAKE, I.SECURED, S.SECURE_HEADER, A.NOTHING),
    (S.SECURE_HEADER, I.OPENED, S.JUDGEMENT, A.JUDGE),
    (S.JUDGEMENT, I.ACCEPTED, S.AUTH, A.OFFER_SASL),
    (S.JUDGEMENT, I.REFUSED, S.ENDED, A.REFUSE),
    (S.AUTH, I.BIDI, S.AUTH, A.GO_BOTH_WAYS),
    (S.AUTH, I.AUTH, S.LAST_HEADER, A.AUTHENTICATE),
    (S.AUTH, I.RESULT, S.AUTH, A.CLAIM),
    (S.AUTH, I.VERIFY, S.AUTH, A.SAY_WHOSE),
    (S.AUTH, I.STRANGE, S.AUTH, A.STRANGE),
    (S.AUTH, I.VALID, S.READY, A.SETTLE),
    (S.AUTH, I.NOT_VALID, S.AUTH, A.SETTLE),
    (S.LAST_HEADER, I.VALID, S.LAST_HEADER, A.SETTLE),  # who asks for both gets both
    (S.LAST_HEADER, I.NOT_VALID, S.LAST_HEADER, A.SETTLE),
    (S.LAST_HEADER, I.OPENED, S.READY, A.BE_READY),
    (S.READY, I.RESULT, S.READY, A.CLAIM),
    (S.READY, I.VERIFY, S.READY, A.SAY_WHOSE),
    (S.READY, I.STRANGE, S.READY, A.STRANGE),
    (S.READY, I.VALID, S.READY, A.SETTLE),
    (S.READY, I.NOT_VALID, S.READY, A.SETTLE),
    (S.READY, I.ENABLE, S.READY, A.BE_MANAGED),
    (S.READY, I.RESUME, S.READY, A.RESUME_NOTHING),
    (S.READY, I.COUNT, S.READY, A.MANAGE),
)
OURS = (I.SECURED, I.ACCEPTED, I.REFUSED, I.DIRECT, I.VALID, I.NOT_VALID)
ANYWHERE = {I.ERROR: A.STREAM_ERROR, I.CLOSED: A.STREAM_CLOSED}  # everything else from the peer is UNEXPECTED
_given = {(state, given) for state, given, _, _ in EXPECTED}

RECEIVING = Table(
    "receiving entity",
    State,
    Input,
    *EXPECTED,
    *(
        (state, given, S.ENDED, ANYWHERE.get(given, A.UNEXPECTED))
        for state in State
        for given in Input
        if state is not S.ENDED and given not in OURS and (state, given) not in _given
    ),
    *((S.ENDED, given, S.ENDED, A.NOTHING) for given in Input),
    illegal=[(s, i) for s in State for i in OURS if s is not S.ENDED and (s, i) not in _given],
)

ELEMENTS = {
    (TLS, "starttls"): I.STARTTLS,
    (SASL, "auth"): I.AUTH,
    (SM, "enable"): I.ENABLE,
    (SM, "resume"): I.RESUME,
    (SM, "r"): I.COUNT,
    (SM, "a"): I.COUNT,
    (STREAMS, "error"): I.ERROR,
    (BIDI, "bidi"): I.BIDI,
}
