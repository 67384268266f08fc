"""A million subscriptions in one process: what they weigh, how soon a process has them, what a message costs there.

The store of the gateway itself writes the state that as many subscriptions leave, because to set them up one by one
takes ten minutes; `bench.standing` does so with fewer. SIP users and XMPP users see each other, ten and ten. Gateways
with few and with many begin with the state that is left after `kill -9`, and carry the same messages in turn; meanwhile
none of them takes up more than it must (`resume_per_s`), for it is the message that is measured.
"""

import random
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.growth import Grown, grown
from bench.messages import OUTSTANDING, ToSip, ToXmpp, no_stanzas, run
from bench.process import Measured, wait_for
from bench.rows import in_turn
from bench.servers import ComponentSide
from bench.setting import RESUME, SIP_DOMAIN, Setting, sip_answer
from bench.subscriptions import CONTACT, Leg, header
from bench.wire import Loop, Wire
from edge.gateway.records import DialogRecord, Kind, NotificationRecord, PairRecord, WatchRecord, encode
from edge.store import Record, open_store
from edge.xmpp.authorization import State

NUMBERS = (10, 100_000, 1_000_000)
PARTNERS = 10  # each with as many users; no partner has more than the gateway lets one have
SERVERS = 5  # of ours, for the same reason
CONTACTS = 10  # of each user at each partner
ENDS = 7200.0  # seconds until the subscriptions end
SAMPLE = 1000  # subscriptions that are tried
SLICE = 6000  # messages
TURNS = 3
COMMIT = 20_000  # records
PATIENCE = 300.0  # seconds
SLOWLY = 0.1  # requests a second: what is taken up meanwhile must not count

MORE = """
[[inside]]
name = "office{number}"
domains = ["{domain}"]
via = "xmpp"
link = "component"
hosts = ["127.0.0.1:{port}"]
secret_file = "secret"
[inside.limits]
resume_per_s = {slowly}
"""


@dataclass(frozen=True)
class Begun:
    """Seconds since the process was started until it ``listened``, and until a sample of dialogs had ``answered``."""

    count: int
    size: int  # bytes of the state
    rss: int
    bytes_each: float
    listened: float
    answered: float


def run_million(numbers: Sequence[int] = NUMBERS) -> Iterator[Begun | Grown]:
    """Begin with so many subscriptions each, then send messages both ways."""
    loop = Loop()
    with ExitStack() as stack:
        crowds, idle = [], 0
        for number in numbers:
            crowd = Crowd(stack, loop, number)
            begun = crowd.begin(stack, idle)
            idle = idle or begun.rss
            crowds.append(crowd)
            yield begun
        for name, way in (("SIP->XMPP", Patient), ("XMPP->SIP", Polite)):
            slices = [partial(some, crowd, way) for crowd in crowds]
            yield from grown([f"{name}, {number} subscriptions" for number in numbers], in_turn(slices, TURNS))


def some(crowd: "Crowd", way: type["Patient | Polite"]) -> float:
    return run(crowd.setting, crowd.measured, way, SLICE, OUTSTANDING).cpu


class Patient(ToXmpp):
    """With a subscription taken up now and then meanwhile."""

    def stanzas(self, data: bytes) -> None:
        super().stanzas(PRESENCE.sub(b"", data))


class Polite(ToSip):
    """With a subscription taken up now and then meanwhile."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        setting.on_stanzas = lambda data: no_stanzas(data) if PRESENCE.sub(b"", data) else None

    def request(self, wire: Wire, message: bytes) -> None:
        if message.startswith(b"MESSAGE "):
            super().request(wire, message)
        else:
            taken_up(wire, message)


class Crowd:
    """A gateway with ``count`` subscriptions, half of them each way, which it has from its state alone."""

    def __init__(self, stack: ExitStack, loop: Loop, count: int) -> None:
        self.count = count
        with TemporaryDirectory() as folder:  # which takes its time, in which a port that was free would not stay so
            state = Path(folder, "edge.sqlite")
            write(state, count)
            setting = self.setting = stack.enter_context(Setting(partners=PARTNERS, loop=loop))
            shutil.move(state, setting.folder)
        self.servers = [ComponentSide(setting.loop, self._said, "bench-secret") for _ in XMPP_DOMAINS]
        edge = (setting.folder / "edge.toml").read_text()
        edge = edge.replace(f"resume_per_s = {RESUME}", f"resume_per_s = {SLOWLY}")
        for number, (domain, server) in enumerate(zip(XMPP_DOMAINS, self.servers, strict=True)):
            edge += MORE.format(number=number, domain=domain, port=server.listener.port, slowly=SLOWLY)
        (setting.folder / "edge.toml").write_text(edge)
        rate = f"burst = 1000000\nresume_per_s = {SLOWLY}\n"
        partners = setting.folder / "partners.toml"
        partners.write_text(partners.read_text().replace("burst = 1000000\n", rate))

    def begin(self, stack: ExitStack, idle: int) -> Begun:
        """Start it. ``idle`` is what one without subscriptions weighs."""
        setting, began = self.setting, time.monotonic()
        setting.on_request = taken_up
        setting.on_stanzas = self._said
        self.measured: Measured = stack.enter_context(setting.start(linked=False))
        wires: list[Wire] = []

        def listens() -> bool:
            setting.loop.step(0.01)
            assert self.measured.alive(), "the gateway ended"
            try:
                wires.extend(setting.links(1))
            except OSError:
                return False
            return True

        wait_for("the listener", listens, PATIENCE)
        listened = time.monotonic() - began
        setting.on_response = self._answered
        sample = random.Random(1).sample(range(self.count // 2), min(SAMPLE, self.count) // 2)
        self.waiting: set[bytes] = set()
        for number in sample:
            self._try(wires[0], number)
        last = time.monotonic()
        while self.waiting:
            setting.loop.step(1.0)
            assert time.monotonic() - last < PATIENCE, f"{len(self.waiting)} dialogs do not answer"
        answered = time.monotonic() - began

        def are_up() -> bool:
            setting.loop.rest(0.05)
            return all(len(each.wires) == PARTNERS for each in (setting.component, *self.servers))

        wait_for("the links with the XMPP servers", are_up, PATIENCE)
        rss = self.measured.rss()
        size = (setting.folder / "edge.sqlite").stat().st_size
        return Begun(self.count, size, rss, (rss - (idle or rss)) / self.count, listened, answered)

    # --- both far sides ---------------------------------------------------------------------------------

    def _try(self, wire: Wire, number: int) -> None:
        """A NOTIFY of the SIP side in one dialog, and its refresh in the other."""
        user, contact = (text.encode() for text in people(number))
        target = b"sip:edge.bench.example:5061;transport=tls"
        watched = Leg(
            target, b"<sip:%b>;tag=bench" % user, b"<sip:%b>;tag=o%019x" % (contact, number),
            b"o%018x@edge.bench.example" % number, 1,
        )
        watches = Leg(
            target, b"<sip:%b>;tag=w%d" % (user, number), b"<sip:%b>;tag=t%019x" % (contact, number),
            b"t%d.%b" % (number, user), 1,
        )
        self.waiting |= {watched.call_id, watches.call_id}
        wire.write(watched.notify(2, b"") + watches.refresh(2))

    def _answered(self, wire: Wire, message: bytes) -> None:
        if message.startswith(b"SIP/2.0"):
            assert message.startswith(b"SIP/2.0 200"), message
            self.waiting.discard(header(message, b"Call-ID"))
        else:
            taken_up(wire, message)

    def _said(self, data: bytes) -> None:
        """What the gateway asks or tells them they need not answer here."""


def people(number: int) -> tuple[str, str]:
    """A SIP user and an XMPP user who see each other."""
    row, place = divmod(number, PARTNERS)
    one, two = row // CONTACTS, row % CONTACTS + row // CONTACTS // CONTACTS * CONTACTS
    return f"user{two}@{SIP_DOMAINS[place]}", f"user{one}@{XMPP_DOMAINS[one // CONTACTS % SERVERS]}"


def records(count: int) -> Iterator[Record]:
    """What the store has of ``count`` subscriptions."""
    until = time.time() + ENDS
    target = CONTACT.decode().strip("<>")
    for number in range(count // 2):
        user, contact = people(number)
        ends = until + number % 600
        ours = DialogRecord(
            f"o{number:018x}@edge.bench.example", f"o{number:019x}", "bench", f"<sip:{contact}>", f"<sip:{user}>",
            target, (), 1, 1,
        )
        watch = WatchRecord(False, ("desk",), ours, True, 3600, ends)
        pair = PairRecord(user, contact, int(State.BOTH), 0.0, watch)
        yield Record(Kind.PAIR, f"{user} {contact}", ends, encode(pair))
        theirs = DialogRecord(
            f"t{number}.{user}", f"t{number:019x}", f"w{number}", f"<sip:{contact}>", f"<sip:{user}>", target, (), 64, 1
        )
        told = NotificationRecord(user, contact, theirs, "presence", True, ends)
        yield Record(Kind.NOTIFICATION, f"{theirs.call_id} {theirs.local_tag}", ends, encode(told))


def write(path: Path, count: int) -> None:
    """The state of a gateway with ``count`` subscriptions."""
    store = open_store(path)
    left = records(count)
    while some := list(islice(left, COMMIT)):
        for record in some:
            store.remember(record)
        store.commit()
        store.checkpoint()
    store.close()


def taken_up(wire: Wire, message: bytes) -> None:
    """A NOTIFY, or a SUBSCRIBE that refreshes."""
    if not message.startswith(b"SIP/2.0"):
        wire.write(sip_answer(message, b"Expires: 3600\r\nContact: " + CONTACT + b"\r\n"))


SIP_DOMAINS = [SIP_DOMAIN, *(f"sip{number}.bench.example" for number in range(1, PARTNERS))]
XMPP_DOMAINS = [f"xmpp{number}.bench.example" for number in range(SERVERS)]
PRESENCE = re.compile(rb"<presence[^>]*?(?:/>|>.*?</presence>)", re.S)
