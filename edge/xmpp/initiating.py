"""The initiating entity: the stream that we open to another server (RFC 6120 §4.3, §5.4, §6.4; XEP-0178 §3).

Header, STARTTLS, the far end's certificate, header, SASL EXTERNAL, header, stream management where the far end offers
it (XEP-0198 §3), ready. `edge.net.xmpp_pool` opens one such
stream for each pair of our domain and theirs. Whom we dialled stays whom we talk to, whatever the far end calls itself.
"""

from base64 import b64encode
from enum import IntEnum

from edge.codes import Code
from edge.domains import Domain, unicode
from edge.machine import Table
from edge.xmpp.element import Element
from edge.xmpp.management import ENABLE, SM, Received
from edge.xmpp.negotiation import (
    SASL,
    SERVER,
    STREAMS,
    TLS,
    End,
    Event,
    Managed,
    Negotiation,
    Output,
    Ready,
    Restart,
    StartTLS,
    Verify,
    Write,
    error_text,
    header_bytes,
    is_version_1,
)
from edge.xmpp.stream import StreamClosed, StreamOpened

STARTTLS = f"<starttls xmlns='{TLS}'/>".encode()


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
    READY = 11
    ENDED = 12


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
    REFUSED = 14  # ours: it does not


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
    (S.MECHANISMS, I.FEATURES, S.OUTCOME, A.AUTHENTICATE),
    (S.OUTCOME, I.SUCCESS, S.LAST_HEADER, A.OPEN_AGAIN),
    (S.OUTCOME, I.FAILURE, S.ENDED, A.BE_REFUSED),
    (S.LAST_HEADER, I.OPENED, S.LAST_FEATURES, A.READ_VERSION),
    (S.LAST_FEATURES, I.FEATURES, S.READY, A.BE_READY),
    (S.LAST_FEATURES, I.OFFER, S.MANAGEMENT, A.ENABLE),
    (S.MANAGEMENT, I.ENABLED, S.READY, A.BE_MANAGED),
    (S.MANAGEMENT, I.DECLINED, S.READY, A.BE_READY),
    (S.READY, I.COUNT, S.READY, A.MANAGE),
)
OURS = (I.OFFER, I.SECURED, I.ACCEPTED, I.REFUSED)
ANYWHERE = {I.ERROR: A.STREAM_ERROR, I.CLOSED: A.STREAM_CLOSED}  # everything else from the peer is UNEXPECTED
_given = {(state, given) for state, given, _, _ in EXPECTED}

INITIATING = Table(
    "initiating entity",
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
}


class Initiating(Negotiation):
    """Our end of the stream from ``local`` to ``remote``. ``managed``: with stream management if it is offered."""

    role = "s2s out"
    receives = False  # without XEP-0288 the far end answers on a stream of its own

    def __init__(self, local: Domain, remote: Domain, managed: bool = True) -> None:
        super().__init__(local, remote)
        self.state = State.HEADER
        self._wants_management = managed

    def start(self) -> list[Output]:
        return [Write(self._header())]

    def receive(self, event: Event) -> list[Output]:
        if isinstance(event, StreamOpened):
            return self._step(Input.OPENED, event)
        if isinstance(event, StreamClosed):
            return self._step(Input.CLOSED, event)
        given = ELEMENTS.get((event.namespace, event.name), Input.OTHER)
        if self.state is State.LAST_FEATURES and given is Input.FEATURES and self._wants_management:
            given = Input.FEATURES if event.child("sm", SM) is None else Input.OFFER
        return self._step(given, event)

    def secured(self) -> list[Output]:
        return self._step(Input.SECURED)

    def verified(self, fault: Code | None, text: str = "") -> list[Output]:
        if fault is None:
            return self._step(Input.ACCEPTED)
        self._step(Input.REFUSED)
        return self.fail(fault, text)

    def _header(self) -> bytes:
        self._opened = True
        return header_bytes(SERVER, self.local, self.remote)

    def _step(self, given: Input, event: Event | None = None) -> list[Output]:
        self.state, action = INITIATING.step(State.ENDED if self.ended else self.state, given)
        match action:
            case Action.ASK_FOR_TLS:
                return self._ask_for_tls(event)
            case Action.BEGIN_TLS:
                self._opened = False
                return [Restart(), StartTLS()]
            case Action.JUDGE:
                return [Verify(self.remote, self.local)]
            case Action.OPEN_AGAIN:
                return [Restart(), Write(self._header())]
            case Action.READ_VERSION:
                return self._read_version(event)
            case Action.AUTHENTICATE:
                return self._authenticate(event)
            case Action.BE_READY:
                self.ready = True
                return [Ready()]
            case Action.ENABLE:
                return [Write(ENABLE)]
            case Action.BE_MANAGED:
                self.ready = True
                self.received = Received()
                return [Managed(), Ready()]
            case Action.MANAGE:
                return self._manage(event)
            case Action.BE_REFUSED:
                return self._be_refused(event)
            case Action.STREAM_ERROR:
                return self._stream_error(event)
            case Action.STREAM_CLOSED:
                return self._stream_closed()
            case Action.UNEXPECTED:
                return self.fail(Code.S01, "this does not belong here in the stream")
        return []  # NOTHING; and REFUSE, whose reason only `verified` knows

    def _read_version(self, event: Event | None) -> list[Output]:
        """Without a version there will be no features, and so no TLS (RFC 6120 §4.7.5)."""
        if isinstance(event, StreamOpened) and is_version_1(event.version):
            return []
        return self.fail(Code.T01, "the stream has no version, so no TLS", "unsupported-version")

    def _ask_for_tls(self, event: Event | None) -> list[Output]:
        """No offer of TLS, then no stream: an attacker could have taken the offer away (RFC 6120 §13.9.4)."""
        if isinstance(event, Element) and event.child("starttls", TLS) is not None:
            return [Write(STARTTLS)]
        return self.fail(Code.T01)

    def _authenticate(self, event: Event | None) -> list[Output]:
        """Ask to be known by our certificate, saying our name for those who want it (XEP-0178 §3)."""
        mechanisms = event.child("mechanisms", SASL) if isinstance(event, Element) else None
        offered = [] if mechanisms is None else [each.text.strip() for each in mechanisms.elements()]
        if "EXTERNAL" not in offered:
            return self.fail(Code.A11, "the peer does not offer SASL EXTERNAL to our certificate")
        identity = b64encode(unicode(self.local).encode()).decode()
        return [Write(f"<auth xmlns='{SASL}' mechanism='EXTERNAL'>{identity}</auth>".encode())]

    def _be_refused(self, event: Event | None) -> list[Output]:
        """A failure of STARTTLS or SASL. The peer closes; so do we, without an error of our own."""
        self.ended = True
        tls = isinstance(event, Element) and event.namespace == TLS
        code = Code.T01 if tls else Code.A11
        what = "STARTTLS" if tls else "SASL EXTERNAL"
        return [*self._last_words(), End(code, f"the peer refused {what}: {error_text(event)}")]
