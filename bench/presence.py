"""News of one presentity for a thousand watchers, either way: what each NOTIFY costs. All are checked."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, pairwise

from bench.process import Measured
from bench.setting import SIP_DOMAIN, XMPP_DOMAIN, Setting, sip_answer
from bench.subscriptions import PIDF, SipWatchers, XmppWatchers, header, presences
from bench.wire import Wire

WATCHERS = 1000
SOME = 4  # rounds at a time, where two gateways are measured in turn
WARM = 3  # rounds before those that are measured
VARIES = re.compile(rb"(?<=>round )\d+(?=<)|(?<=<timestamp>)[^<]*")  # from one document to another
STUCK = 20.0  # seconds without anything


@dataclass(frozen=True)
class Passed:
    """``cpu_each``: seconds of CPU for each NOTIFY, with its answer and the stanza that caused it or that it causes.

    ``best``: the same in the cheapest round: what others do on the machine shows least in it.
    """

    name: str
    count: int
    cpu_each: float
    best: float


def run_presence(setting: Setting, measured: Measured, rounds: int) -> Iterator[Passed]:
    """Let one XMPP user change his state ``rounds`` times, then one SIP user; a thousand watch each."""
    for name, kind in (("XMPP presentity, 1,000 SIP watchers", ToSip), ("SIP presentity, 1,000 XMPP watchers", ToXmpp)):
        course = kind(setting)
        for number in range(WARM):
            course.round(number)
        measured.begin()
        cpu = [measured.cpu()]
        for number in range(WARM, WARM + rounds):
            course.round(number)
            cpu.append(measured.cpu())
        measured.end()
        setting.loop.step(0.3)  # a NOTIFY or stanza too many would come now
        assert measured.alive(), "the gateway died"
        best = min(after - before for before, after in pairwise(cpu)) / WATCHERS
        yield Passed(name, rounds * WATCHERS, (cpu[-1] - cpu[0]) / (rounds * WATCHERS), best)


def rounds(setting: Setting, measured: Measured, kind: Callable[[Setting], "Course"]) -> Callable[[], float]:
    """Set a course up; what is returned runs `SOME` rounds more, and says what each NOTIFY has cost."""
    course = kind(setting)
    numbers = count()

    def some() -> float:
        measured.begin()
        for _ in range(SOME):
            course.round(next(numbers))
        return measured.end() / (SOME * WATCHERS)

    return some


class Course:
    """Every watcher hears of each round once."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.waiting: set[bytes] = set()  # the watchers that have not heard
        self.unanswered = 0
        self.number = 0
        self._documents: dict[int, bytes] = {}  # of even rounds and of odd ones: all differ in `VARIES` alone

    def round(self, number: int) -> None:
        self.number = number
        self.begin()
        while self.waiting or self.unanswered:
            before = len(self.waiting), self.unanswered
            self.setting.loop.step(STUCK)
            assert (len(self.waiting), self.unanswered) != before, f"stuck: {before}"

    def begin(self) -> None:
        raise AssertionError("each direction has its own")

    def heard(self, watcher: bytes, content: bytes) -> None:
        """Whoever watches is told once, of this round, and what all are told."""
        assert b">round %d<" % self.number in content, content
        assert watcher in self.waiting, f"{watcher!r} is told twice, or is nobody"
        self.waiting.remove(watcher)
        plain = VARIES.sub(b"", content)
        known = self._documents.setdefault(self.number % 2, plain)
        assert plain == known, f"{content!r} differs from {known!r}"


class ToSip(Course):
    """His server sends one stanza to each watcher, all with the same content."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        SipWatchers(setting).go(WATCHERS, lambda number: (self.watcher(number), f"star@{XMPP_DOMAIN}"))
        self._last: dict[bytes, int] = {}  # CSeq by Call-ID
        setting.on_request = self.request
        setting.on_stanzas = self.stanzas
        setting.loop.step(0.3)

    @staticmethod
    def watcher(number: int) -> str:
        return f"fan{number}@{SIP_DOMAIN}"

    def begin(self) -> None:
        wire = self.setting.component.wires[SIP_DOMAIN]
        content = (
            f"<show>{'away' if self.number % 2 else 'dnd'}</show><status>round {self.number}</status>"
            "<priority>5</priority><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' "
            "node='https://client.example' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/>"
        )
        for number in range(WATCHERS):
            watcher = self.watcher(number)
            self.waiting.add(f"<sip:{watcher}>".encode())
            start = f"<presence from='star@{XMPP_DOMAIN}/phone' to='{watcher}' xml:lang='en'>"
            wire.write(f"{start}{content}</presence>".encode())

    def request(self, wire: Wire, message: bytes) -> None:
        assert message.startswith(b"NOTIFY "), message
        head, _, document = message.partition(b"\r\n\r\n")
        assert b"<basic>open</basic>" in document and (b"busy" in document) is (self.number % 2 == 0), message
        call_id, number = header(head, b"Call-ID"), int(header(head, b"CSeq").split()[0])
        assert number > self._last.get(call_id, 0), f"out of order: {message!r}"
        self._last[call_id] = number
        self.heard(header(head, b"To").partition(b";")[0], document)
        wire.write(sip_answer(message))

    def stanzas(self, data: bytes) -> None:
        raise AssertionError(f"a stanza: {data!r}")


class ToXmpp(Course):
    """His server sends one NOTIFY in each dialog, all with the same document."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        watchers = XmppWatchers(setting)
        watchers.go(WATCHERS, lambda number: (f"fan{number}@{XMPP_DOMAIN}", f"star@{SIP_DOMAIN}"))
        self.legs = watchers.legs
        setting.on_request = self.request
        setting.on_stanzas = self.stanzas
        setting.loop.step(0.3)

    def begin(self) -> None:
        body = PIDF.format(entity=f"star@{SIP_DOMAIN}", note=f"round {self.number}").encode()
        for number, (leg, wire) in enumerate(self.legs):
            self.waiting.add(f"fan{number}@{XMPP_DOMAIN}".encode())
            wire.write(leg.notify(self.number + 2, body))
        self.unanswered = len(self.legs)

    def request(self, wire: Wire, message: bytes) -> None:
        assert message.startswith(b"SIP/2.0 200"), message
        self.unanswered -= 1

    def stanzas(self, data: bytes) -> None:
        for fields, content in presences(data):
            assert b"type" not in fields and fields[b"from"].startswith(f"star@{SIP_DOMAIN}/".encode()), fields
            assert content == b"<status>round %d</status>" % self.number, content
            self.heard(fields[b"to"], content)
