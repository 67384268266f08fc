"""Page-mode messages through the gateway, either way: paced or with a fixed number outstanding; all are checked."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench.ledger import Ledger
from bench.process import Measured
from bench.setting import SIP_DOMAIN, XMPP_DOMAIN, Setting, sip_answer
from bench.wire import Wire

LINKS = 4  # that the SIP side opens, and messages come on in turn
OUTSTANDING = 32 * LINKS  # in all: one ping each 5 ms would leave a gateway idle that has to wait for fewer
SIZE = 600  # bytes of a MESSAGE that comes in; one that goes out has as long a text, and is a few bytes longer
SENDERS = 48  # a multiple of `LINKS`, so that the messages of each go on one of them
TO_XMPP, TO_SIP = 97, 997  # recipients
TEXT = b"x" * 200
WARM = 200  # messages before those that are measured: links dialled, caches warm
STUCK = 20.0  # seconds without anything
REST = 0.05  # seconds in which a message too many would come

NUMBER = re.compile(rb"number (\d+) ")
MESSAGE = re.compile(rb"<message\b([^>]*)>(.*?)</message>", re.S)
FIELD = re.compile(rb"\b(from|to)=['\"]([^'\"]*)['\"]")
BODY = re.compile(rb"<body[^>]*>([^<]*)</body>")
FROM = re.compile(rb"\r\nFrom:[^<\r]*<sip:([^;>]*)", re.I)

Place = tuple[Wire, str]
"""Where messages are sent, and the SIP domain of whoever they are from or to."""


@dataclass(frozen=True)
class Figures:
    """What one run measured. Times in seconds, ``cpu`` for each message; p50 and p99 until it has arrived.

    ``answered``: the 99th percentile until its sender has the 200, or for an XMPP sender the same as ``p99``.
    """

    count: int
    cpu: float
    rate: float
    p50: float
    p99: float
    answered: float
    rss: int


def run(
    setting: Setting, measured: Measured, way: Callable[[Setting], "Course"], count: int, outstanding: int,
    rate: float = 0.0,
) -> Figures:
    """Send ``count`` messages one way, ``outstanding`` at most at a time, at ``rate`` a second if not 0.

    Raises `AssertionError` when a message is lost, doubled, out of order, or not the one that was sent.
    """
    way(setting).go(WARM, min(outstanding, 16), 0.0)
    course = way(setting)
    measured.begin()
    began = time.perf_counter()
    course.go(count, outstanding, rate)
    seconds, cpu = time.perf_counter() - began, measured.end()
    course.close()
    assert measured.alive(), "the gateway died"
    delays = sorted(course.delays)
    answers = sorted(course.answers or delays)
    p50, p99, answered = delays[count // 2], delays[int(count * 0.99)], answers[int(count * 0.99)]
    return Figures(count, cpu / count, count / seconds, p50, p99, answered, measured.rss())


class Course:
    """Bookkeeping shared by both directions."""

    together = False  # whether as many messages as may be outstanding are sent at once, and the next when all are done

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.ledger = Ledger()
        self.sent_at: list[float] = []
        self.done = 0
        self.delays: list[float] = []  # until a message has arrived
        self.answers: list[float] = []  # until its sender knows

    def go(self, count: int, outstanding: int, rate: float) -> None:
        loop = self.setting.loop
        began = time.perf_counter()
        last_progress, seen = began, 0
        while self.done < count:
            now = time.perf_counter()
            due = count if not rate else min(count, int((now - began) * rate) + 1)
            if not self.together or self.done == len(self.sent_at):
                while len(self.sent_at) < due and len(self.sent_at) - self.done < outstanding:
                    number = len(self.sent_at)
                    self.sent_at.append(now)
                    self.send(number)
            timeout = 1.0
            if rate and len(self.sent_at) < count:
                timeout = max(0.0, began + len(self.sent_at) / rate - time.perf_counter())
            loop.step(min(timeout, 1.0))
            if self.done > seen:
                seen, last_progress = self.done, time.perf_counter()
            assert time.perf_counter() - last_progress < STUCK, f"stuck after {self.done} of {count}"

    def close(self) -> None:
        """All must have arrived now, and nothing else."""
        self.setting.loop.rest(REST)
        self.ledger.close()
        assert self.done == len(self.sent_at), f"{self.done} answers to {len(self.sent_at)} messages"

    def send(self, number: int) -> None:
        raise AssertionError("each direction has its own")

    def arrived(self, number: int) -> None:
        self.delays.append(time.perf_counter() - self.sent_at[number])


class ToXmpp(Course):
    """SIP MESSAGE over mutual TLS in, stanzas out, 200 back.

    Messages go to ``places`` in turn, `stay` after each other to each: the links that the SIP side has opened.
    """

    stay = 1

    def __init__(self, setting: Setting, places: Sequence[Place] = ()) -> None:
        super().__init__(setting)
        self.places = places or [(wire, SIP_DOMAIN) for wire in setting.links(LINKS)]
        self.serial = id(self)
        self.unanswered: set[int] = set()
        setting.on_response = self.response
        setting.on_stanzas = self.stanzas

    def send(self, number: int) -> None:
        place = number // self.stay % len(self.places)
        wire, domain = self.places[place]
        sender = f"from{number % SENDERS}@{domain}"
        recipient = f"user{number % TO_XMPP}@{XMPP_DOMAIN}"
        head = (
            f"MESSAGE sip:{recipient} SIP/2.0\r\n"
            f"Via: SIP/2.0/TLS host.{domain}:5061;branch=z9hG4bKb{number}.{self.serial:x}\r\n"
            f"Max-Forwards: 70\r\nFrom: \"Some User\" <sip:{sender}>;tag=t{number}\r\n"
            f"To: <sip:{recipient}>\r\nCall-ID: {number}-{self.serial:x}@{domain}\r\n"
            f"CSeq: 1 MESSAGE\r\nUser-Agent: bench/1.0\r\nDate: Sat, 21 Nov 2026 00:00:00 GMT\r\n"
            f"Content-Type: text/plain;charset=UTF-8\r\nContent-Length: "
        ).encode()
        text = (b"number %d " % number).ljust(SIZE - len(head) - len("200\r\n\r\n"), b"x")
        self.ledger.sent(number, sender.encode(), recipient.encode(), text)
        self.unanswered.add(number)
        wire.write(b"%b%d\r\n\r\n%b" % (head, len(text), text))

    def stanzas(self, data: bytes) -> None:
        for sender, recipient, text in said(data):
            number = number_of(text)
            place = number // self.stay % len(self.places)
            self.ledger.arrives(number, (sender, recipient, text), self.places[place][0], (sender, recipient))
            self.arrived(number)

    def response(self, wire: Wire, message: bytes) -> None:
        assert message.startswith(b"SIP/2.0 200"), message
        number = int(message.split(b"branch=z9hG4bKb")[1].split(b".")[0])
        assert number in self.unanswered, f"answered twice: {message!r}"
        self.unanswered.remove(number)
        self.answers.append(time.perf_counter() - self.sent_at[number])
        self.done += 1


class ToSip(Course):
    """Stanzas from the XMPP server in, SIP MESSAGE over mutual TLS out to distinct recipients, 200 back.

    ``places`` are its streams to the gateway.
    """

    stay = 1

    def __init__(self, setting: Setting, places: Sequence[Place] = ()) -> None:
        super().__init__(setting)
        self.places = places or [(setting.component.wires[SIP_DOMAIN], SIP_DOMAIN)]
        setting.on_request = self.request
        setting.on_stanzas = no_stanzas

    def send(self, number: int) -> None:
        wire, domain = self.places[number // self.stay % len(self.places)]
        sender, recipient = f"from{number % SENDERS}@{XMPP_DOMAIN}", f"user{number % TO_SIP}@{domain}"
        text = b"number %d " % number + TEXT
        self.ledger.sent(number, sender.encode(), recipient.encode(), text)
        wire.write(
            f"<message from='{sender}/phone' to='{recipient}' type='chat' id='m{number}' xml:lang='en'><body>".encode()
            + text
            + b"</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>"
        )

    def request(self, wire: Wire, message: bytes) -> None:
        head, _, text = message.partition(b"\r\n\r\n")
        assert head.startswith(b"MESSAGE sip:"), message
        recipient = head[len(b"MESSAGE sip:") : head.index(b" SIP/2.0")]
        sender = FROM.search(head)
        assert sender is not None, message
        number = number_of(text)
        self.ledger.arrives(number, (sender[1], recipient, text), wire, (sender[1], recipient))
        self.arrived(number)
        self.done += 1
        wire.write(sip_answer(message))


def said(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Sender, recipient and text of each message stanza; there must be no other stanza."""
    rest = 0
    for match in MESSAGE.finditer(data):
        assert not data[rest : match.start()].strip(), data[rest : match.end()]
        rest = match.end()
        fields, body = dict(FIELD.findall(match[1])), BODY.search(match[2])
        assert body is not None and b"type='error'" not in match[1], match[0]
        yield fields[b"from"].partition(b"/")[0], fields[b"to"], body[1]
    assert not data[rest:].strip(), data[rest:]


def number_of(text: bytes) -> int:
    match = NUMBER.match(text)
    assert match is not None, f"not a text of ours: {text!r}"
    return int(match[1])


def no_stanzas(data: bytes) -> None:
    raise AssertionError(f"a stanza: {data!r}")
