"""The initiating entity: the stream that we open to another server (RFC 6120 §4.3, §5.4, §6.4; XEP-0178 §3).

Header, STARTTLS, the far end's certificate, header, SASL EXTERNAL, header, stream management where the far end offers
it (XEP-0198 §3), ready. With direct TLS (XEP-0368 §3) it begins with the handshake. Where EXTERNAL is not offered, or
fails, our name is proved by dialback (XEP-0220 §2.1.1), if the partner list lets that count. Both directions are asked
for if the far end offers them (XEP-0288 §2.1) and has itself proved who it is.

`edge.net.xmpp_pool` opens one such stream for each pair of our domain and theirs. Whom we dialled stays whom we talk
to, whatever the far end calls itself.
"""

from base64 import b64encode

from edge.codes import Code
from edge.domains import Domain, unicode
from edge.errors import LocalProtocolError
from edge.xmpp.dialback import FEATURES, PASSING, VALID, Dialback, Keys, read
from edge.xmpp.element import Element
from edge.xmpp.initiating_tables import ELEMENTS, INITIATING, Action, Input, State
from edge.xmpp.management import ENABLE, SM, Received
from edge.xmpp.negotiation import (
    BIDI,
    BIDI_FEATURE,
    BY_CERTIFICATE,
    PEER_TEXT,
    SASL,
    SERVER,
    TLS,
    Allowed,
    End,
    Event,
    Managed,
    Negotiation,
    Output,
    Proved,
    Ready,
    Restart,
    StartTLS,
    Unproved,
    Verify,
    Write,
    error_text,
    header_bytes,
    is_version_1,
)
from edge.xmpp.stream import StreamClosed, StreamOpened

STARTTLS = f"<starttls xmlns='{TLS}'/>".encode()
BOTH_WAYS = f"<bidi xmlns='{BIDI}'/>".encode()


class Initiating(Negotiation):
    """Our end of the stream from ``local`` to ``remote``.

    ``managed``: with stream management if it is offered; ``direct``: TLS begins at once; ``keys`` are those of our
    dialback, without which there is none; ``external``: whether EXTERNAL is worth a try.
    """

    role = "s2s out"
    receives = False  # the far end answers on a stream of its own, unless it takes part in XEP-0288

    def __init__(
        self,
        local: Domain,
        remote: Domain,
        managed: bool = True,
        keys: Keys | None = None,
        direct: bool = False,
        external: bool = True,
    ) -> None:
        super().__init__(local, remote)
        self.fell_back = False  # EXTERNAL has failed, and nothing was said to our dialback
        self._external = external
        self.state = State.HANDSHAKE if direct else State.HEADER
        self._direct = direct
        self._wants_management = managed
        self._keys = keys
        self._allowed = BY_CERTIFICATE
        self._trusted = False  # the far end has proved by its certificate who it is
        self._both_ways = False
        self._stream_id = ""
        self._knows_dialback = False
        self._question: Dialback | None = None  # to which an answer is due
        self._how = "external"

    def start(self) -> list[Output]:
        return [StartTLS()] if self._direct else [Write(self._header())]

    def receive(self, event: Event) -> list[Output]:
        if isinstance(event, StreamOpened):
            return self._step(Input.OPENED, event)
        if isinstance(event, StreamClosed):
            return self._step(Input.CLOSED, event)
        given = ELEMENTS.get((event.namespace, event.name), Input.OTHER)
        if given is Input.FEATURES:
            given = self._offer(event)
        elif given is Input.FAILURE and self.state is State.OUTCOME and self._may_dial_back:
            given = Input.FALL_BACK
        elif given is Input.STRANGE and self._question is not None:
            found = read(event)
            if found is not None and found.answers(self._question):
                given = self._answer(found)
        return self._step(given, event)

    def secured(self) -> list[Output]:
        return self._step(Input.SECURED)

    def verified(self, fault: Code | None, allowed: Allowed = BY_CERTIFICATE) -> list[Output]:
        self._allowed = allowed
        self._trusted = fault is None
        if fault is None or allowed.dialback:
            return self._step(Input.ACCEPTED)
        self._step(Input.REFUSED)
        return self.fail(fault)

    @property
    def _may_dial_back(self) -> bool:
        return self._knows_dialback and self._allowed.dialback and self._keys is not None and bool(self._stream_id)

    def _offer(self, event: Element) -> Input:
        """What these features mean, here and now."""
        if self.state is State.LAST_FEATURES:
            wanted = self._wants_management and event.child("sm", SM) is not None
            return Input.OFFER if wanted else Input.FEATURES
        if self.state is State.MECHANISMS:
            # XEP-0220 §2.4.2; before there were features for it, the header said enough (§2.4.1)
            self._knows_dialback |= event.child("dialback", FEATURES) is not None
            return self._proof(event)
        return Input.FEATURES

    def _proof(self, event: Element) -> Input:
        mechanisms = event.child("mechanisms", SASL)
        offered = [] if mechanisms is None else [each.text.strip() for each in mechanisms.elements()]
        self._both_ways = self._allowed.bidi and self._trusted and event.child("bidi", BIDI_FEATURE) is not None
        if "EXTERNAL" in offered and self._allowed.external and (self._external or not self._may_dial_back):
            return Input.EXTERNAL
        return Input.DIALBACK if self._may_dial_back else Input.FEATURES

    def _answer(self, found: Dialback) -> Input:
        self._question = None
        self.fell_back = False
        return Input.VALID if found.answer == VALID else Input.INVALID

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
                return self._authenticate()
            case Action.DIAL_BACK:
                return self._dial_back()
            case Action.FALL_BACK:
                self.fell_back = True
                text = f"the peer refused SASL EXTERNAL: {error_text(event)}; dialback is tried"
                return [Unproved(Code.A11, text), *self._dial_back(again=True)]
            case Action.ASK:
                return self._ask()
            case Action.BE_READY:
                return self._be_ready()
            case Action.ENABLE:
                return [Write(ENABLE)]
            case Action.BE_MANAGED:
                self.received = Received()
                return [Managed(), *self._be_ready()]
            case Action.MANAGE:
                return self._manage(event)
            case Action.BE_REFUSED:
                return self._be_refused(event)
            case Action.BE_DENIED:
                return self._be_denied(event)
            case Action.BE_ANSWERED:
                return self._be_answered(event)
            case Action.NO_PROOF:
                return self.fail(Code.A11, "the peer offers no way to prove our name to it that is allowed here")
            case Action.STRANGE:
                assert isinstance(event, Element)
                return self._strange(f"{event.name} {event.attributes.get('type', '')}"[:PEER_TEXT])
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
            self._stream_id = event.id
            self._knows_dialback = event.declares_dialback
            return []
        return self.fail(Code.T01, "the stream has no version, so no TLS", "unsupported-version")

    def _ask_for_tls(self, event: Event | None) -> list[Output]:
        """No offer of TLS, then no stream: an attacker could have taken the offer away (RFC 6120 §13.9.4)."""
        if isinstance(event, Element) and event.child("starttls", TLS) is not None:
            return [Write(STARTTLS)]
        return self.fail(Code.T01)

    def _authenticate(self) -> list[Output]:
        """Ask to be known by our certificate, saying our name for those who want it (XEP-0178 §3)."""
        identity = b64encode(unicode(self.local).encode()).decode()
        return [Write(self._wish() + f"<auth xmlns='{SASL}' mechanism='EXTERNAL'>{identity}</auth>".encode())]

    def _dial_back(self, again: bool = False) -> list[Output]:
        """Say that we are who we are, and let the far end ask whether that is so (XEP-0220 §2.1.1)."""
        assert self._keys is not None
        self._how = "dialback"
        key = self._keys.key(self.remote, self.local, self._stream_id)
        self._question = Dialback("result", self.local, self.remote, key)
        return [Write((b"" if again else self._wish()) + self._question.to_bytes())]

    def _wish(self) -> bytes:
        """XEP-0288 §2.2: it is said before anything is proved, and counts once everything is."""
        return BOTH_WAYS if self._both_ways else b""

    def _be_ready(self) -> list[Output]:
        self.ready = True
        self.receives = self._both_ways
        return [Proved(self.remote, self.local, self._how), Ready()]

    def _be_denied(self, event: Event | None) -> list[Output]:
        """Our dialback came to nothing (XEP-0220 §2.5): there and then, or for good."""
        found = read(event) if isinstance(event, Element) else None
        assert found is not None
        code = Code.X07 if found.answer in PASSING else Code.A11
        self.ended = True
        return [*self._last_words(), End(code, f"the peer refused our dialback: {found.answer}")]

    def _ask(self) -> list[Output]:
        raise LocalProtocolError("there is nothing to ask")

    def _be_answered(self, event: Event | None) -> list[Output]:
        raise LocalProtocolError("nothing was asked")

    def _be_refused(self, event: Event | None) -> list[Output]:
        """A failure of STARTTLS or SASL. The peer closes; so do we, without an error of our own."""
        self.ended = True
        tls = isinstance(event, Element) and event.namespace == TLS
        code = Code.T01 if tls else Code.A11
        what = "STARTTLS" if tls else "SASL EXTERNAL"
        return [*self._last_words(), End(code, f"the peer refused {what}: {error_text(event)}")]
