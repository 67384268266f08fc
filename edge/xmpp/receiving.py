"""The receiving entity: a stream that another server opens to us (RFC 6120 §4.3, §5.4, §6.4; XEP-0178 §3).

Header, STARTTLS, header, proof of the name in that header, SASL EXTERNAL, header, ready; and stream management if the
far end wants it (XEP-0198 §3). TLS may also come first (XEP-0368 §3). EXTERNAL is offered only to whom it will let in;
where the partner list lets dialback count it is offered too (XEP-0220 §2.4.2), and whoever can use neither is told why
and disconnected. Each further pair of domains on the stream needs a dialback of its own, whatever was proved before.

Somebody may also ask here whether a key is ours (XEP-0220 §2.2.2). `edge.net.xmpp_pool` makes one such end for each
connection it accepts.
"""

from base64 import b64decode
from collections.abc import Container
from dataclasses import replace

from edge.codes import Code
from edge.domains import Domain
from edge.identifiers import Identifiers
from edge.xmpp import dialback
from edge.xmpp.dialback import FEATURE, INVALID, VALID, Dialback, Keys, Pairs, read
from edge.xmpp.document import NS_DIALBACK
from edge.xmpp.element import Element
from edge.xmpp.management import ENABLED, OFFER, Received, failed_bytes
from edge.xmpp.negotiation import (
    BIDI_FEATURE,
    BY_CERTIFICATE,
    PEER_TEXT,
    SASL,
    SERVER,
    TLS,
    Allowed,
    DialBack,
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
    header_bytes,
    is_version_1,
    stream_domain,
)
from edge.xmpp.receiving_tables import ELEMENTS, RECEIVING, Action, Input, State
from edge.xmpp.stream import StreamClosed, StreamOpened

FEATURES_TLS = f"<stream:features><starttls xmlns='{TLS}'><required/></starttls></stream:features>".encode()
EXTERNAL = f"<mechanisms xmlns='{SASL}'><mechanism>EXTERNAL</mechanism></mechanisms>".encode()
BOTH_WAYS = f"<bidi xmlns='{BIDI_FEATURE}'/>".encode()
FEATURES_LAST = b"<stream:features>" + OFFER + b"</stream:features>"
PROCEED = f"<proceed xmlns='{TLS}'/>".encode()
SUCCESS = f"<success xmlns='{SASL}'/>".encode()
REFUSALS = 5  # of stream management, until a far end that goes on asking is disconnected


class Receiving(Negotiation):
    """Our end of a stream that somebody opens to one of the domains ``served``. ``name`` is the gateway's own."""

    role = "s2s in"

    def __init__(self, name: Domain, served: Container[Domain], ids: Identifiers, keys: Keys) -> None:
        super().__init__(name, Domain(""))
        self.state = State.HEADER
        self._served = served
        self._ids = ids
        self._id = ""  # of this stream, in our header
        self._keys = keys
        self._allowed = Allowed(external=False)
        self._both_ways = False
        self._pairs = Pairs()
        self._refusals = 0

    def receive(self, event: Event) -> list[Output]:
        if isinstance(event, StreamOpened):
            return self._step(Input.OPENED, event)
        if isinstance(event, StreamClosed):
            return self._step(Input.CLOSED, event)
        if event.namespace == NS_DIALBACK:
            found = read(event)
            if found is None:
                return self.fail(Code.X04, "this is no dialback", "improper-addressing")
            given = Input.STRANGE if found.type else Input.RESULT if found.name == "result" else Input.VERIFY
            return self._step(given, event, found)
        return self._step(ELEMENTS.get((event.namespace, event.name), Input.OTHER), event)

    def direct(self) -> list[Output]:
        """The first thing to come is a TLS handshake (XEP-0368 §3)."""
        return self._step(Input.DIRECT)

    def secured(self) -> list[Output]:
        return self._step(Input.SECURED)

    def verified(self, fault: Code | None, allowed: Allowed = BY_CERTIFICATE) -> list[Output]:
        if fault is None or allowed.dialback:
            self._allowed = replace(allowed, external=allowed.external and fault is None)
            return self._step(Input.ACCEPTED)
        self._step(Input.REFUSED)
        return self.fail(fault)

    def answered(self, question: Dialback, answer: str) -> list[Output]:
        if self.ended:
            return []
        return self._step(Input.VALID if answer == VALID else Input.NOT_VALID, None, question, answer)

    def offence(self, sender: Domain, recipient: Domain) -> Code | None:
        if (sender, recipient) in self._pairs.proved:
            return None
        return Code.A06 if any(sender == proved for proved, _ in self._pairs.proved) else Code.X04

    def withdraw(self, remote: Domain, local: Domain) -> None:
        """What was proved of these two counts no more."""
        self._pairs.proved.discard((remote, local))

    @property
    def sends(self) -> bool:  # type: ignore[override]  # of other ends it is a constant
        """XEP-0288 §2.2: back goes what is between the two domains of the header, once these are proved."""
        return self._both_ways and (self.remote, self.local) in self._pairs.proved

    def _header(self) -> bytes:
        self._opened = True
        self._id = self._ids.tag()
        return header_bytes(SERVER, self.local, self.remote, self._id)

    def _step(
        self, given: Input, event: Event | None = None, about: Dialback | None = None, answer: str = ""
    ) -> list[Output]:
        before = self.state
        self.state, action = RECEIVING.step(State.ENDED if self.ended else before, given)
        match action:
            case Action.OFFER_TLS:
                return self._offer_tls(event)
            case Action.BEGIN_TLS:
                self._opened = False
                return [Write(PROCEED), Restart(), StartTLS()]
            case Action.BEGIN_DIRECT:
                return [Restart(), StartTLS()]
            case Action.JUDGE:
                return self._judge(event)
            case Action.OFFER_SASL:
                return [Write(self._header() + self._features())]
            case Action.GO_BOTH_WAYS:
                self._both_ways = self._allowed.bidi
            case Action.AUTHENTICATE:
                return self._authenticate(event)
            case Action.CLAIM:
                assert about is not None
                return self._claim(about)
            case Action.SETTLE:
                assert about is not None
                return self._settle(about, answer)
            case Action.SAY_WHOSE:
                assert about is not None
                return self._say_whose(about)
            case Action.STRANGE:
                assert about is not None
                return self._strange(f"{about.name} {about.answer} for {about.sender}"[:PEER_TEXT])
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

    # --- proofs -------------------------------------------------------------------------------------

    def _features(self) -> bytes:
        """EXTERNAL first: who can use both shall use the stronger one."""
        allowed = self._allowed
        offered = (allowed.external, EXTERNAL), (allowed.dialback, FEATURE), (allowed.bidi, BOTH_WAYS)
        return b"<stream:features>" + b"".join(each for is_there, each in offered if is_there) + b"</stream:features>"

    def _authenticate(self, event: Event | None) -> list[Output]:
        """The certificate has spoken already; a name that says otherwise is refused (RFC 6120 §6.3.8, XEP-0178 §3)."""
        assert isinstance(event, Element)
        if event.attributes.get("mechanism") != "EXTERNAL" or not self._allowed.external:
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
        """RFC 6120 §6.4.5. There is no second try by the same means: the same certificate would not do better."""
        failure = f"<failure xmlns='{SASL}'><{condition}/></failure>".encode()
        text = f"SASL EXTERNAL was refused: {condition}"
        if self._allowed.dialback and self._allowed.external:
            self._allowed = replace(self._allowed, external=False)
            self.state = State.AUTH
            return [Write(failure), Unproved(Code.X04, text)]
        self.ended = True
        return [Write(failure), *self._last_words(), End(Code.X04, text)]

    def _claim(self, claim: Dialback) -> list[Output]:
        """Somebody says that it speaks for a domain (XEP-0220 §2.2.1): that domain's own server has to say so too."""
        pair = (claim.sender, claim.recipient)
        if claim.recipient not in self._served:
            return self._complain(claim, "item-not-found")
        if pair not in self._pairs.proved and self._pairs.full:
            return self._complain(claim, "resource-constraint")
        action = self._pairs.step(pair, dialback.Input.RESULT)
        if action is dialback.Action.ASK:
            return [DialBack(Dialback("verify", claim.recipient, claim.sender, claim.key, self._id))]
        return [Write(claim.answered(VALID).to_bytes())] if action is dialback.Action.CONFIRM else []

    def _complain(self, claim: Dialback, condition: str) -> list[Output]:
        """XEP-0220 §2.5: an error that leaves the stream as it is."""
        text = f"the dialback of {claim.sender} for {claim.recipient} was refused: {condition}"
        return [Write(claim.answered(condition).to_bytes()), Unproved(Code.X07, text)]

    def _settle(self, question: Dialback, answer: str) -> list[Output]:
        """The authoritative server has answered, or nobody has (XEP-0220 §2.2.1)."""
        claim = Dialback("result", question.recipient, question.sender)
        pair = (claim.sender, claim.recipient)
        before = pair in self._pairs.proved
        given = {VALID: dialback.Input.VALID, INVALID: dialback.Input.INVALID}.get(answer, dialback.Input.ERROR)
        match self._pairs.step(pair, given):
            case dialback.Action.CONFIRM:
                outputs: list[Output] = [Write(claim.answered(VALID).to_bytes())]
                if not before:
                    outputs.append(Proved(*pair, "dialback"))
                if self.state is State.READY and not self.ready:
                    self.ready = True
                    outputs.append(Ready())
                return outputs
            case dialback.Action.DENY:
                if self.ready or self._pairs.asked:  # the others need not pay for it (XEP-0220 §2.1.2)
                    return self._complain(claim, "forbidden")
                text = f"the server of {claim.sender} says that the key is not its own"
                told = Write(claim.answered(INVALID).to_bytes())
                return [told, *self.fail(Code.X04, text, "not-authorized")]
        return self._complain(claim, answer)

    def _say_whose(self, question: Dialback) -> list[Output]:
        """Whether the key is ours (XEP-0220 §2.2.2); that depends on nothing but the key."""
        self.served = True
        if question.recipient not in self._served:
            return [Write(question.answered("item-not-found").to_bytes())]
        ours = self._keys.made(question.key, question.sender, question.recipient, question.id)
        return [Write(question.answered(VALID if ours else INVALID).to_bytes())]

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
        self._pairs.step((self.remote, self.local), dialback.Input.CERTIFICATE)
        return [Write(self._header() + FEATURES_LAST), Proved(self.remote, self.local, "external"), Ready()]

    # --- what else a far end may want -----------------------------------------------------------------

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
