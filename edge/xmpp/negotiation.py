"""Stream negotiation between servers: what its ends share (RFC 6120 §4, §5, §6).

`edge.xmpp.initiating` and `edge.xmpp.receiving` are the two ends, `edge.xmpp.verifying` opens a stream for one question
alone, `edge.xmpp.component` is their small sibling. All are driven alike by `edge.net.xmpp_link`: it gives them what
its parser finds, and what became of TLS and of the proof of the far end's name, and does what they return, in order.
They hold no socket, no parser and no clock.

TLS comes first, always: nothing but the stream header and ``<starttls/>`` is ever written or believed in clear, and
with direct TLS (XEP-0368) not even that.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from edge.codes import Code
from edge.domains import Domain, domain, unicode
from edge.errors import LocalProtocolError, RemoteProtocolError
from edge.xmpp.conditions import stream_error_bytes
from edge.xmpp.dialback import Dialback
from edge.xmpp.document import NS_DIALBACK
from edge.xmpp.element import NS_SERVER, NS_STREAMS, Element, escape_attribute
from edge.xmpp.management import Received, answer_bytes, number_of, too_high
from edge.xmpp.stream import StreamClosed, StreamOpened

STREAMS = NS_STREAMS
SERVER = NS_SERVER
TLS = "urn:ietf:params:xml:ns:xmpp-tls"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
BIDI = "urn:xmpp:bidi"
BIDI_FEATURE = "urn:xmpp:features:bidi"
XML = "<?xml version='1.0'?>"
CLOSE = b"</stream:stream>"
PEER_TEXT = 200  # characters of a peer's own words that we repeat in a log line or an error
UNASKED = 1  # answers of dialback that nobody asked for, until the stream is closed: one may be late, two are an attack

# What the far end is told when it is refused (RFC 6120 §4.9.3); every other reason is not-authorized.
CONDITIONS = {
    Code.A01: "policy-violation",
    Code.A02: "policy-violation",
    Code.A06: "host-unknown",
    Code.A08: "policy-violation",
    Code.L03: "resource-constraint",
    Code.L04: "policy-violation",
    Code.M02: "connection-timeout",
    Code.N03: "undefined-condition",
    Code.T01: "policy-violation",
    Code.X04: "invalid-from",
    Code.X05: "invalid-namespace",
    Code.X06: "connection-timeout",
}

Event = StreamOpened | Element | StreamClosed


@dataclass(frozen=True, slots=True)
class Write:
    """These bytes go out."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Restart:
    """A new XML document begins: forget the parser and all that it has not given out (RFC 6120 §4.3.3, §5.4.3.3)."""


@dataclass(frozen=True, slots=True)
class StartTLS:
    """The handshake begins now; `Negotiation.secured` is told of its end."""


@dataclass(frozen=True, slots=True)
class Verify:
    """Has the far end proved to be ``remote``, and may it talk to ``local``? The answer goes to `verified`."""

    remote: Domain
    local: Domain


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the far end's entry in the partner list lets count: the proofs, and stanzas both ways on one stream.

    ``dialback`` is the weaker proof, which goes without a good certificate. Another proof would be one more field.
    """

    external: bool = True
    dialback: bool = False
    bidi: bool = False


BY_CERTIFICATE = Allowed()  # the least that is ever said


@dataclass(frozen=True, slots=True)
class DialBack:
    """Ask the server of ``question.recipient`` whether the key is its own; the answer goes to `answered`."""

    question: Dialback


@dataclass(frozen=True, slots=True)
class Answered:
    """What the authoritative server said: "valid", "invalid", or the condition of an error (XEP-0220 §2.5)."""

    answer: str


@dataclass(frozen=True, slots=True)
class Unproved:
    """Something about a proof that the log should know, and that does not end the stream."""

    code: Code
    text: str


@dataclass(frozen=True, slots=True)
class Proved:
    """Stanzas may flow between these two: ``how`` it was proved, "external" or "dialback"."""

    remote: Domain
    local: Domain
    how: str


@dataclass(frozen=True, slots=True)
class Ready:
    """The stream is authenticated: stanzas may flow."""


@dataclass(frozen=True, slots=True)
class Managed:
    """From now on stanzas are counted, in both directions (XEP-0198 §3); `Negotiation.received` is there."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The far end wants to know how many of its stanzas are handled (XEP-0198 §4)."""


@dataclass(frozen=True, slots=True)
class Counted:
    """The far end has handled so many of ours, modulo 2^32 (XEP-0198 §4)."""

    h: int


@dataclass(frozen=True, slots=True)
class End:
    """The stream is over: close the connection. ``code`` is None after an orderly end."""

    code: Code | None = None
    text: str = ""


Output = (
    Write | Restart | StartTLS | Verify | DialBack | Answered | Unproved | Proved | Ready
    | Managed | Asked | Counted | End
)


class Negotiation(ABC):
    """One end of one stream: ``local`` is the domain we are on it, ``remote`` that of the far end, "" until known."""

    role: str  # for the log
    namespace = SERVER  # of the stanzas
    # Whether stanzas come in on it, and whether they may go out on one that came in: a stream between servers has one
    # direction (RFC 6120 §4.5), unless both ends want two (XEP-0288).
    receives = True
    sends = False

    def __init__(self, local: Domain, remote: Domain) -> None:
        self.local = local
        self.remote = remote
        self.ready = False
        self.ended = False
        self.served = False  # it has been of use, although no stanza may flow on it
        self.received: Received | None = None  # the far end's stanzas, where there is stream management
        self._opened = False  # our header is out in the present document
        self._closed = False  # and so is our closing tag
        self._unasked = 0

    # --- what the link calls --------------------------------------------------------------------

    def start(self) -> list[Output]:
        """The connection is there. The receiving end waits, the others speak first."""
        return []

    @abstractmethod
    def receive(self, event: Event) -> list[Output]:
        """The parser found this. Stanzas of a stream that is `ready` and `receives` do not come here."""

    def direct(self) -> list[Output]:
        """TLS comes before anything else, and not as we had wanted it."""
        raise LocalProtocolError("this end begins in clear")

    @abstractmethod
    def secured(self) -> list[Output]:
        """The TLS handshake is complete; that says nothing yet of who the far end is."""

    @abstractmethod
    def verified(self, fault: Code | None, allowed: Allowed = BY_CERTIFICATE) -> list[Output]:
        """The answer to `Verify`: ``fault`` is what is wrong with the far end's certificate, or with itself."""

    def answered(self, question: Dialback, answer: str) -> list[Output]:
        """The answer to `DialBack`: "valid", "invalid", or the condition of an error."""
        raise LocalProtocolError("nobody has asked")

    def offence(self, sender: Domain, recipient: Domain) -> Code | None:
        """Why a stanza between these two may not come in on this stream (RFC 6120 §8.1.1.2, §8.1.2.2)."""
        if sender != self.remote:
            return Code.X04
        return None if recipient == self.local else Code.A06

    def fail(self, code: Code, text: str = "", condition: str = "", detail: str = "") -> list[Output]:
        """End the stream with an error that names ``code`` (RFC 6120 §4.9.1)."""
        if self.ended:
            return []
        self.ended = True
        text = text or code.sentence
        outputs: list[Output] = []
        if not self._closed:
            condition = condition or CONDITIONS.get(code, "not-authorized")
            header = b"" if self._opened else self._header()
            outputs.append(Write(header + stream_error_bytes(condition, f"{code} {text}", detail)))
        return [*outputs, End(code, text)]

    def finish(self) -> list[Output]:
        """Say that no more will come from us; the far end does the same, and then it ends (RFC 6120 §4.4)."""
        if self.ended or self._closed:
            return []
        if not self._opened:
            self.ended = True
            return [End()]
        self._closed = True
        return [Write(self._farewell())]

    def overclaimed(self, h: int, sent: int) -> list[Output]:
        """The far end says that it has handled ``h`` stanzas, of ``sent`` (XEP-0198 §6)."""
        text = f"{h} stanzas were acknowledged, and {sent} sent"
        return self.fail(Code.S01, text, "undefined-condition", too_high(h, sent))

    # --- what the ends share --------------------------------------------------------------------

    @abstractmethod
    def _header(self) -> bytes:
        """Our stream header, which is out from now on (RFC 6120 §4.7)."""

    def _stream_error(self, event: Event | None) -> list[Output]:
        """The far end gives up (RFC 6120 §4.9.1.1): close, saying nothing more than the closing tag."""
        self.ended = True
        code = Code.N03 if self.ready else Code.A11
        return [*self._last_words(), End(code, f"the peer ended the stream: {error_text(event)}")]

    def _stream_closed(self) -> list[Output]:
        """The far end has closed the stream: answer in kind. That is orderly only once it was established."""
        self.ended = True
        if self.ready or self._closed or self.served:
            return [*self._last_words(), End()]
        return [*self._last_words(), End(Code.N03, "the peer closed the stream before it was established")]

    def _strange(self, what: str) -> list[Output]:
        """An answer of dialback to which there is no question: believed by nobody, and borne once (XEP-0220 §3.1)."""
        self._unasked += 1
        text = f"the peer answers what nobody asked: {what}"
        if self._unasked > UNASKED:
            return self.fail(Code.X07, text, "policy-violation")
        return [Unproved(Code.X07, text)]

    def _last_words(self) -> list[Output]:
        return [Write(self._farewell())] if self._opened and not self._closed else []

    def _farewell(self) -> bytes:
        """The closing tag, and before it what the far end should know of its stanzas (XEP-0198 §7)."""
        return CLOSE if self.received is None else answer_bytes(self.received.handled) + CLOSE

    def _manage(self, event: Event | None) -> list[Output]:
        """``<r/>`` or ``<a/>``, of which there is none on a stream without management."""
        if self.received is None or not isinstance(event, Element):
            return self.fail(Code.S01, "there is no stream management here", "unsupported-stanza-type")
        if event.name == "r":
            return [Asked()]
        h = number_of(event.attributes.get("h"))
        return self.fail(Code.S01, "this acknowledgement has no number", "bad-format") if h is None else [Counted(h)]


def header_bytes(namespace: str, local: Domain | str, remote: Domain | str, stream_id: str = "") -> bytes:
    """A stream header; empty addresses and an empty id are left out (RFC 6120 §4.7).

    The prefix of dialback is declared to servers whether or not it will be spoken (XEP-0220 §2.4.1).
    """
    given = (("from", unicode(Domain(local))), ("to", unicode(Domain(remote))), ("id", stream_id))
    attributes = "".join(f" {name}='{escape_attribute(value)}'" for name, value in given if value)
    dialback = f" xmlns:db='{NS_DIALBACK}'" if namespace == SERVER else ""
    return (
        f"{XML}<stream:stream xmlns='{namespace}' xmlns:stream='{STREAMS}'{dialback}{attributes} version='1.0'>"
    ).encode()


def stream_domain(text: str | None) -> Domain | None:
    """The domain that a stream header names, None if it names none or no possible one."""
    if not text:
        return None
    try:
        return domain(text)
    except RemoteProtocolError:
        return None


def is_version_1(text: str | None) -> bool:
    """Whether a header announces stream features at all (RFC 6120 §4.7.5)."""
    major, dot, minor = (text or "").partition(".")
    return bool(dot) and major.isdecimal() and minor.isdecimal() and bool(major.strip("0"))


def error_text(event: Event | None) -> str:
    """What a ``<stream:error/>`` or a SASL ``<failure/>`` says, shortened, for people."""
    condition, words = "", ""
    if isinstance(event, Element):
        for child in event.elements():
            if child.name == "text":
                words = child.text
            elif not condition:
                condition = child.name
    said = f"{condition} ({words})" if words else condition or "without a reason"
    return said[:PEER_TEXT]
