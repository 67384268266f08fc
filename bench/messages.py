"""Page-mode messages through the gateway, either way: paced or with a fixed number outstanding; all are checked."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.process import Measured
from bench.setting import SIP_DOMAIN, XMPP_DOMAIN, Setting, sip_answer
from bench.wire import Wire

NUMBER = re.compile(rb"number (\d+) ")
TEXT = b"x" * 200  # makes a MESSAGE of about 600 bytes


@dataclass(frozen=True)
class Figures:
    """What one run measured. Times in seconds, ``cpu`` for each message."""

    count: int
    cpu: float
    rate: float
    p50: float
    p99: float
    rss: int


def run(
    setting: Setting, measured: Measured, way: Callable[[Setting], "Course"], count: int, outstanding: int,
    rate: float = 0.0,
) -> Figures:
    """Send ``count`` messages one way, ``outstanding`` at most at a time, at ``rate`` a second if not 0.

    Raises `AssertionError` when a message is lost, doubled, out of order, or not the one that was sent.
    """
    course = way(setting)
    course.go(200, min(outstanding, 16), 0.0)  # links dialled, caches warm
    course = way(setting)
    measured.begin()
    began = time.perf_counter()
    course.go(count, outstanding, rate)
    seconds, cpu = time.perf_counter() - began, measured.end()
    assert measured.alive(), "the gateway died"
    delays = sorted(course.delays)
    return Figures(
        count, cpu / count, count / seconds, delays[len(delays) // 2], delays[int(len(delays) * 0.99)], measured.rss()
    )


class Course:
    """Bookkeeping shared by both directions."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.sent_at: list[float] = []
        self.arrived = 0
        self.done = 0
        self.delays: list[float] = []

    def go(self, count: int, outstanding: int, rate: float) -> None:
        loop = self.setting.loop
        began = time.perf_counter()
        last_progress, seen = began, 0
        while self.done < count:
            now = time.perf_counter()
            due = count if not rate else min(count, int((now - began) * rate) + 1)
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
            assert time.perf_counter() - last_progress < 20, f"stuck after {self.done} of {count}"
        assert self.arrived == count, f"{self.arrived} of {count} arrived"

    def send(self, number: int) -> None:
        raise AssertionError("each direction has its own")

    def check(self, data: bytes) -> None:
        """The numbers in ``data`` must be the next ones, in order."""
        for number in NUMBER.findall(data):
            assert int(number) == self.arrived, f"expected {self.arrived}, {int(number)} arrived"
            self.arrived += 1


class ToXmpp(Course):
    """SIP MESSAGE over mutual TLS in, component stanzas out, 200 back."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.wire, framer = setting.connect()
        self.serial = id(self)

        def received(data: bytes) -> None:
            now = time.perf_counter()
            for message in framer.feed(data):
                assert message.startswith(b"SIP/2.0 200"), message
                number = int(message.split(b"branch=z9hG4bKb")[1].split(b".")[0])
                self.delays.append(now - self.sent_at[number])
                self.done += 1

        self.wire.received = received
        setting.on_stanzas = self.stanzas

    def stanzas(self, data: bytes) -> None:
        assert data.count(b"<message") == data.count(TEXT), "a body was changed"
        self.check(data)

    def send(self, number: int) -> None:
        sender, recipient = number % 50, number % 97
        body = b"number %d " % number + TEXT
        self.wire.write(
            (
                f"MESSAGE sip:user{recipient}@{XMPP_DOMAIN} SIP/2.0\r\n"
                f"Via: SIP/2.0/TLS host.{SIP_DOMAIN}:5061;branch=z9hG4bKb{number}.{self.serial:x}\r\n"
                f"Max-Forwards: 70\r\nFrom: \"Some User\" <sip:from{sender}@{SIP_DOMAIN}>;tag=t{number}\r\n"
                f"To: <sip:user{recipient}@{XMPP_DOMAIN}>\r\nCall-ID: {number}-{self.serial:x}@{SIP_DOMAIN}\r\n"
                f"CSeq: 1 MESSAGE\r\nUser-Agent: bench/1.0\r\nDate: Sat, 21 Nov 2026 00:00:00 GMT\r\n"
                f"Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {len(body)}\r\n\r\n"
            ).encode()
            + body
        )


class ToSip(Course):
    """Stanzas from the component's server in, SIP MESSAGE over mutual TLS out to distinct recipients, 200 back."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.wire = setting.component.wires[SIP_DOMAIN]
        setting.on_request = self.request
        setting.on_stanzas = self.stanzas

    def stanzas(self, data: bytes) -> None:
        raise AssertionError(f"an error stanza: {data!r}")

    def request(self, wire: Wire, message: bytes) -> None:
        now = time.perf_counter()
        assert message.startswith(b"MESSAGE ") and TEXT in message, message
        number = int(NUMBER.search(message)[1])  # type: ignore[index]
        self.check(message)
        self.delays.append(now - self.sent_at[number])
        self.done += 1
        wire.write(sip_answer(message))

    def send(self, number: int) -> None:
        self.wire.write(
            (
                f"<message from='from{number % 50}@{XMPP_DOMAIN}/phone' to='user{number % 997}@{SIP_DOMAIN}' "
                f"type='chat' id='m{number}' xml:lang='en'><body>number {number} "
            ).encode()
            + TEXT
            + b"</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>"
        )
