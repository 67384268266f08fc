"""Sessions of text, opened from either side: what opening one costs, what each weighs, and what a message in it costs.

The sessions are between strangers: nobody is in two. They are plain: no proxies on the way, and no header that could be
left out.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.messages import OUTSTANDING, TEXT, Course, Figures, no_stanzas, number_of, run, said
from bench.process import Measured
from bench.setting import SIP_DOMAIN, XMPP_DOMAIN, Setting, sip_answer
from bench.subscriptions import CONTACT, Leg, header
from bench.wire import Wire

PARTNERS = 2  # one may have 50,000 sessions, and some are there before those that are measured
TALKS = 200  # sessions that messages go through in turn
WINDOW = 64  # sessions that are being opened at a time; of messages one in a session
WARM = 500  # sessions opened each way before those that are measured
SLICES = 10
SAMPLE = 1000  # sessions that must still carry a message each way when all are open
STUCK = 20.0  # seconds without anything

ACTIVE = b"<active xmlns='http://jabber.org/protocol/chatstates'/>"
PLAIN = b"Content-Type: text/plain;charset=UTF-8\r\n"
DESCRIBED = b"Content-Type: application/sdp\r\n"
SDP = (
    b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=session\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=message 5060 sip null\r\na=accept-types:text/plain\r\n"
)


@dataclass(frozen=True)
class Opened:
    """Seconds of CPU for each session that one side has opened; ``best`` in the cheapest of `SLICES` parts."""

    name: str
    count: int
    cpu_each: float
    best: float


@dataclass(frozen=True)
class Weighed:
    """``bytes_each``: growth of the resident memory for each session, with its INVITE, which is remembered for 32 s."""

    count: int
    bytes_each: float


@dataclass
class Talk:
    """The SIP side's end of a session; the n-th is between ``user<n>`` and ``contact<n>``."""

    index: int
    leg: Leg
    ours: int = 1  # CSeq of the last request of the SIP side
    theirs: int = 0
    number: int = 0  # of the last message through it


def run_messages(setting: Setting, measured: Measured, count: int) -> Iterator[tuple[str, Figures]]:
    """Messages flat out in sessions of which each side has opened half."""
    far = FarSide(setting)
    talks = [*far.open(TALKS // 2, True), *far.open(TALKS // 2, False)]
    yield "SIP->XMPP in sessions", run(setting, measured, lambda _: ToXmpp(far, talks), count, OUTSTANDING)
    yield "XMPP->SIP in sessions", run(setting, measured, lambda _: ToSip(far, talks), count, OUTSTANDING)


def run_opening(setting: Setting, measured: Measured, count: int) -> Iterator[Opened | Weighed]:
    """Let the SIP side open two fifths of ``count`` sessions, the other the rest; they stay open.

    A quick INVITE leaves a transaction for 32 seconds, and one peer may have no more than half of them all.
    """
    far = FarSide(setting)
    for by_sip in (True, False):
        far.open(WARM, by_sip)
    memory = measured.rss()
    talks: list[Talk] = []
    for name, by_sip, fifths in (("a SIP user opens a session", True, 2), ("an XMPP user opens a session", False, 3)):
        share = count * fifths // 5
        cpu = [measured.cpu()]
        for _ in range(SLICES):
            talks += far.open(share // SLICES, by_sip)
            cpu.append(measured.cpu())
        best = min(after - before for before, after in pairwise(cpu)) * SLICES
        yield Opened(name, share, (cpu[-1] - cpu[0]) / share, best / share)
    yield Weighed(count, (measured.rss() - memory) / count)
    for kind in (ToXmpp, ToSip):
        course = kind(far, talks[:: count // SAMPLE])
        course.go(SAMPLE, OUTSTANDING, 0.0)
        course.close()
    assert measured.alive(), "the gateway died"


class FarSide:
    """SIP users and XMPP users who open sessions, and who accept all."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.talks: dict[bytes, Talk] = {}  # by Call-ID
        self.begun = 0  # sessions
        self.opened: list[Talk] = []  # by the last `open`
        self.wire, framer = setting.connect()

        def received(data: bytes) -> None:
            for message in framer.feed(data):
                setting.on_request(self.wire, message)

        self.wire.received = received

    def open(self, count: int, by_sip: bool) -> list[Talk]:
        """Open ``count`` more."""
        setting = self.setting
        setting.on_request = self.request
        setting.on_stanzas = no_stanzas
        self.opened = []
        begun, last = 0, time.monotonic()
        while len(self.opened) < count:
            while begun < count and begun - len(self.opened) < WINDOW:
                self._invite(self.begun) if by_sip else self._write(self.begun)
                self.begun += 1
                begun += 1
            before = len(self.opened)
            setting.loop.step(1.0)
            if len(self.opened) > before:
                last = time.monotonic()
            assert time.monotonic() - last < STUCK, f"stuck after {before} of {count}"
        setting.loop.rest(0.1)  # the last ACKs have no answer
        return self.opened

    def sip_user(self, number: int) -> str:
        return f"user{number}@{self.setting.sip_domains[number % len(self.setting.sip_domains)]}"

    def _invite(self, number: int) -> None:
        contact = f"contact{number}@{XMPP_DOMAIN}"
        self.wire.write(
            (
                f"INVITE sip:{contact} SIP/2.0\r\nVia: SIP/2.0/TLS host.{SIP_DOMAIN}:5061;branch=z9hG4bK{number}\r\n"
                f"Max-Forwards: 70\r\nFrom: <sip:{self.sip_user(number)}>;tag=u{number}\r\nTo: <sip:{contact}>\r\n"
                f"Call-ID: {number}.call@{SIP_DOMAIN}\r\nCSeq: 1 INVITE\r\nContact: {CONTACT.decode()}\r\n"
                f"{DESCRIBED.decode()}Content-Length: {len(SDP)}\r\n\r\n"
            ).encode()
            + SDP
        )

    def _write(self, number: int) -> None:
        user = self.sip_user(number)
        self.setting.component.wires[user.partition("@")[2]].write(stanza(number, user, b"first", b""))

    def request(self, wire: Wire, message: bytes) -> None:
        if message.startswith(b"SIP/2.0 100"):
            return
        if message.startswith(b"SIP/2.0"):
            assert message.startswith(b"SIP/2.0 200"), message
            leg = Leg.answered(message)
            self.wire.write(leg.request(b"ACK", 1))
            known = self.talks.get(leg.call_id)
            if known is not None:  # once more, because our ACK has taken half a second (RFC 3261 §13.3.1.4)
                assert known.leg == leg, message
                return
            self._is_open(Talk(int(leg.call_id.partition(b".")[0]), leg))
        elif message.startswith(b"INVITE "):
            self.target = Leg.of(message).target  # the same for all
            wire.write(sip_answer(message, b"Contact: " + CONTACT + b"\r\n" + DESCRIBED, SDP))
        elif message.startswith(b"MESSAGE "):
            assert message.endswith(b"\r\n\r\nfirst"), message
            wire.write(sip_answer(message))
            leg = Leg.of(message, self.target)
            index = int(leg.from_.removeprefix(b"<sip:user").partition(b"@")[0])
            self._is_open(Talk(index, leg, theirs=leg.number))
        else:
            assert message.startswith(b"ACK "), message

    def _is_open(self, talk: Talk) -> None:
        assert talk.leg.call_id not in self.talks, "opened twice"
        self.talks[talk.leg.call_id] = talk
        self.opened.append(talk)


class InSessions(Course):
    """Messages through sessions in turn. Each must come through its own, in order."""

    def __init__(self, far: FarSide, talks: Sequence[Talk]) -> None:
        super().__init__(far.setting)
        self.far = far
        self.free = deque(talks)
        far.setting.on_request = self.request
        far.setting.on_stanzas = self.stanzas

    def send(self, number: int) -> None:
        talk = self.free.popleft()
        talk.number = number
        text = b"number %d " % number + TEXT
        self.ledger.sent(number, *self.ends(talk), text)
        self.say(talk, text)

    def ends(self, talk: Talk) -> tuple[bytes, ...]:
        """How the receiving end knows the session."""
        raise AssertionError("each direction has its own")

    def say(self, talk: Talk, text: bytes) -> None:
        raise AssertionError("each direction has its own")

    def over(self, talk: Talk) -> None:
        self.free.append(talk)
        self.done += 1

    def request(self, wire: Wire, message: bytes) -> None:
        raise AssertionError("each direction has its own")

    def stanzas(self, data: bytes) -> None:
        raise AssertionError("each direction has its own")


class ToXmpp(InSessions):
    """MESSAGE in its dialog in, stanza out, 200 back."""

    def ends(self, talk: Talk) -> tuple[bytes, ...]:
        return self.far.sip_user(talk.index).encode(), f"contact{talk.index}@{XMPP_DOMAIN}".encode()

    def say(self, talk: Talk, text: bytes) -> None:
        talk.ours += 1
        self.far.wire.write(talk.leg.request(b"MESSAGE", talk.ours, PLAIN, text))

    def stanzas(self, data: bytes) -> None:
        for sender, recipient, text in said(data):
            number = number_of(text)
            recipient = recipient.partition(b"/")[0]
            self.ledger.arrives(number, (sender, recipient, text), sender)
            self.arrived(number)

    def request(self, wire: Wire, message: bytes) -> None:
        assert message.startswith(b"SIP/2.0 200"), message
        talk = self.far.talks[header(message, b"Call-ID")]
        assert header(message, b"CSeq") == b"%d MESSAGE" % talk.ours, f"answered twice: {message!r}"
        self.answers.append(time.perf_counter() - self.sent_at[talk.number])
        self.over(talk)


class ToSip(InSessions):
    """Stanza in, MESSAGE in its dialog out, 200 back."""

    def ends(self, talk: Talk) -> tuple[bytes, ...]:
        return (talk.leg.call_id,)

    def say(self, talk: Talk, text: bytes) -> None:
        user = self.far.sip_user(talk.index)
        self.setting.component.wires[user.partition("@")[2]].write(stanza(talk.index, user, text))

    def stanzas(self, data: bytes) -> None:
        no_stanzas(data)

    def request(self, wire: Wire, message: bytes) -> None:
        call_id = header(message, b"Call-ID")
        talk = self.far.talks[call_id]
        number = int(header(message, b"CSeq").split()[0])
        assert message.startswith(b"MESSAGE ") and number > talk.theirs, message
        talk.theirs = number
        text = message.partition(b"\r\n\r\n")[2]
        number = number_of(text)
        self.ledger.arrives(number, (call_id, text), call_id)
        self.arrived(number)
        wire.write(sip_answer(message))
        self.over(talk)


def stanza(number: int, user: str, text: bytes, state: bytes = ACTIVE) -> bytes:
    """What the n-th contact writes to his user."""
    head = f"<message from='contact{number}@{XMPP_DOMAIN}/phone' to='{user}' type='chat' id='m{number}' xml:lang='en'>"
    return head.encode() + b"<body>" + text + b"</body>" + state + b"</message>"
