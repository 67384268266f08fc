"""The receiving entity: a stream that another server opens to us (RFC 6120 §4.3, §5.4, §6.4; XEP-0178 §3).

Header, STARTTLS, header, proof of the name in that header, SASL EXTERNAL, header, ready; and stream management if the
far end wants it (XEP-0198 §3). EXTERNAL is offered only to whom it will let in, and whoever it would not is told why
and disconnected. `edge.net.xmpp_pool` makes one for each
connection it accepts.
"""

from base64 import b64decode
from collections.abc import Container
from enum import IntEnum

from edge.codes import Code
from edge.domains import Domain
from edge.identifiers import Identifiers
from edge.machine import Table
from edge.xmpp.element import Element
from edge.xmpp.management import ENABLED, OFFER, SM, Received, failed_bytes
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
    header_bytes,
    is_version_1,
    stream_domain,
)
from edge.xmpp.stream import StreamClosed, StreamOpened

FEATURES_TLS = f"<stream:features><starttls xmlns='{TLS}'><required/></starttls></stream:features>".encode()
FEATURES_SASL = (
    f"<stream:features><mechanisms xmlns='{SASL}'><mechanism>EXTERNAL</mechanism></mechanisms></stream:features>"
).encode()
FEATURES_LAST = b"<stream:features>" + OFFER + b"</stream:features>"
PROCEED = f"<proceed xmlns='{TLS}'/>".encode()
SUCCESS = f"<success xmlns='{SASL}'/>".encode()
REFUSALS = 5  # of stream management, until a far end that goes on asking is disconnected


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
    SECURED = 9  # ours: the handshake is complete
    ACCEPTED = 10  # ours: the name is proved, and listed
    REFUSED = 11  # ours: it is not


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


S, I, A = State, Input, Action  # noqa: E741 - the letter the literature uses

EXPECTED = (
    (S.HEADER, I.OPENED, S.STARTTLS, A.OFFER_TLS),
    (S.STARTTLS, I.STARTTLS, S.HANDSHAKE, A.BEGIN_TLS),
    (S.HANDSHAKE, I.SECURED, S.SECURE_HEADER, A.NOTHING),
    (S.SECURE_HEADER, I.OPENED, S.JUDGEMENT, A.JUDGE),
    (S.JUDGEMENT, I.ACCEPTED, S.AUTH, A.OFFER_SASL),
    (S.JUDGEMENT, I.REFUSED, S.ENDED, A.REFUSE),
    (S.AUTH, I.AUTH, S.LAST_HEADER, A.AUTHENTICATE),
    (S.LAST_HEADER, I.OPENED, S.READY, A.BE_READY),
    (S.READY, I.ENABLE, S.READY, A.BE_MANAGED),
    (S.READY, I.RESUME, S.READY, A.RESUME_NOTHING),
    (S.READY, I.COUNT, S.READY, A.MANAGE),
)
OURS = (I.SECURED, I.ACCEPTED, I.REFUSED)
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
}


class Receiving(Negotiation):
    """Our end of a stream that somebody opens to one of the domains ``served``. ``name`` is the gateway's own."""

    role = "s2s in"

    def __init__(self, name: Domain, served: Container[Domain], ids: Identifiers) -> None:
        super().__init__(name, Domain(""))
        self.state = State.HEADER
        self._served = served
        self._ids = ids
        self._refusals = 0

    def receive(self, event: Event) -> list[Output]:
        if isinstance(event, StreamOpened):
            return self._step(Input.OPENED, event)
        if isinstance(event, StreamClosed):
            return self._step(Input.CLOSED, event)
        return self._step(ELEMENTS.get((event.namespace, event.name), Input.OTHER), event)

    def secured(self) -> list[Output]:
        return self._step(Input.SECURED)

    def verified(self, fault: Code | None, text: str = "") -> list[Output]:
        if fault is None:
            return self._step(Input.ACCEPTED)
        self._step(Input.REFUSED)
        return self.fail(fault, text)

    def _header(self) -> bytes:
        self._opened = True
        return header_bytes(SERVER, self.local, self.remote, self._ids.tag())

    def _step(self, given: Input, event: Event | None = None) -> list[Output]:
        before = self.state
        self.state, action = RECEIVING.step(State.ENDED if self.ended else before, given)
        match action:
            case Action.OFFER_TLS:
                return self._offer_tls(event)
            case Action.BEGIN_TLS:
                self._opened = False
                return [Write(PROCEED), Restart(), StartTLS()]
            case Action.JUDGE:
                return self._judge(event)
            case Action.OFFER_SASL:
                return [Write(self._header() + FEATURES_SASL)]
            case Action.AUTHENTICATE:
                return self._authenticate(event)
            case Action.BE_READY:
                return self._be_ready(event)
            case Action.BE_MANAGED:
                return self._be_managed()
            case Action.RESUME_NOTHING:  # XEP-0198 §5: no stream outlives its connection here
                return self._decline("item-not-found")
            case Action.MANAGE:
                return self._manage(event)
            case Action.STREAM_ERROR:
                return self._stream_error(event)
            case Action.STREAM_CLOSED:
                return self._stream_closed()
            case Action.UNEXPECTED:
                return self._unexpected(before)
        return []  # NOTHING; and REFUSE, whose reason only `verified` knows

    def _offer_tls(self, event: Event | None) -> list[Output]:
        """The names in clear commit nobody; only what cannot become a stream at all is refused here."""
        assert isinstance(event, StreamOpened)
        return self._read_header(event) or [Write(self._header() + FEATURES_TLS)]

    def _judge(self, event: Event | None) -> list[Output]:
        """Now the names count: from here on they are this stream's (RFC 6120 §4.7.1, §13.7.2)."""
        assert isinstance(event, StreamOpened)
        refused = self._read_header(event)
        if refused:
            return refused
        if not self.remote:
            return self.fail(Code.X04, "the stream has no valid from")
        return [Verify(self.remote, self.local)]

    def _read_header(self, event: StreamOpened) -> list[Output]:
        """Take the addresses of a header, or say what is wrong with it (RFC 6120 §4.9.3)."""
        local = stream_domain(event.to)
        self.remote = stream_domain(event.from_) or Domain("")
        served = local is not None and local in self._served
        if served:
            assert local is not None
            self.local = local
        if event.default_namespace != SERVER:
            return self.fail(Code.X05)
        if not is_version_1(event.version):
            return self.fail(Code.T01, "the stream has no version, so no TLS", "unsupported-version")
        return [] if served else self.fail(Code.A06)

    def _authenticate(self, event: Event | None) -> list[Output]:
        """The certificate has spoken already; a name that says otherwise is refused (RFC 6120 §6.3.8, XEP-0178 §3)."""
        assert isinstance(event, Element)
        if event.attributes.get("mechanism") != "EXTERNAL":
            return self._sasl_failure("invalid-mechanism")
        text = event.text.strip()
        if text not in ("", "="):
            try:
                identity = b64decode(text, validate=True).decode()
            except ValueError:
                return self._sasl_failure("incorrect-encoding")
            if stream_domain(identity) != self.remote:
                return self._sasl_failure("invalid-authzid")
        self._opened = False
        return [Write(SUCCESS), Restart()]

    def _sasl_failure(self, condition: str) -> list[Output]:
        """RFC 6120 §6.4.5. There is no second try: the same certificate would not do better."""
        self.ended = True
        failure = f"<failure xmlns='{SASL}'><{condition}/></failure>".encode()
        return [Write(failure), *self._last_words(), End(Code.X04, f"SASL EXTERNAL was refused: {condition}")]

    def _be_ready(self, event: Event | None) -> list[Output]:
        """Another pair of names needs a proof of its own."""
        assert isinstance(event, StreamOpened)
        proved = self.local, self.remote
        refused = self._read_header(event)
        claimed, (self.local, self.remote) = (self.local, self.remote), proved
        if refused:
            return refused
        if claimed[0] != self.local:
            return self.fail(Code.A06, "the stream was authenticated for another recipient")
        if claimed[1] not in (self.remote, ""):
            return self.fail(Code.X04, "the stream was authenticated for another sender", "not-authorized")
        self.ready = True
        return [Write(self._header() + FEATURES_LAST), Ready()]

    def _be_managed(self) -> list[Output]:
        """Count from here on; once for a stream (XEP-0198 §3)."""
        if self.received is not None:
            return self._decline("unexpected-request")
        self.received = Received()
        return [Write(ENABLED), Managed()]

    def _decline(self, condition: str) -> list[Output]:
        self._refusals += 1
        if self._refusals > REFUSALS:
            return self.fail(Code.L01, condition="policy-violation")
        return [Write(failed_bytes(condition))]

    def _unexpected(self, state: State) -> list[Output]:
        if state is State.STARTTLS:
            return self.fail(Code.T01, "TLS is required")
        if state is State.READY:  # RFC 6120 §4.9.3.24
            return self.fail(Code.X01, "this is no stanza", "unsupported-stanza-type")
        return self.fail(Code.X04, "the stream is not authenticated for this", "not-authorized")
