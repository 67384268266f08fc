"""A hundred thousand subscriptions in one process: what they weigh, and how soon another process has them.

Half of the watchers are XMPP users and half SIP users; the SIP users are with fifty partners. After `kill -9` every
dialog is tried from the SIP side, and everything the gateway does of its own accord must go on where it was: the
dialogs are the same, and no CSeq comes twice.
"""

import random
import time
from collections.abc import Iterable
from dataclasses import dataclass

from bench.process import wait_for
from bench.setting import XMPP_DOMAIN, Setting, sip_answer
from bench.subscriptions import CONTACT, PIDF, Leg, Names, SipWatchers, XmppWatchers, header, presences
from bench.wire import SipFramer, Wire

PARTNERS = 50
CONTACTS = 10  # of each watcher with each partner, and watchers of each contact
WARM = 10  # subscriptions with each partner before memory is measured: links are made, caches filled
SAMPLE = 1000  # subscriptions that are tried first
WINDOW = 200  # requests at a time when all are tried
QUIET = 20.0  # seconds without anything new: what has not been taken up by then never will be


@dataclass(frozen=True)
class Standing:
    """Times in seconds since the second process was started."""

    count: int
    bytes_each: float
    listening: float
    sampled: float  # `SAMPLE` subscriptions have answered
    tried: float  # every subscription has answered
    taken_up: float  # every one was refreshed or notified
    cpu: float  # of the second process until then


def run_standing(count: int) -> Standing:
    """Set up ``count`` subscriptions, kill the gateway, and let another take them up."""
    with Setting(partners=PARTNERS) as setting:
        with setting.start() as measured:
            far = FarSide(setting)
            far.set_up(2 * WARM * PARTNERS)
            before = measured.rss()
            far.set_up(count)
            far.settle()
            assert len(far.dialogs) == count + 2 * WARM * PARTNERS
            each = (measured.rss() - before) / count
            setting.lose(measured)
        began = time.monotonic()
        with setting.start(linked=False) as measured:
            listening = far.connect() - began
            sampled = far.try_out(random.Random(1).sample(list(far.dialogs), SAMPLE)) - began
            tried = far.try_out(list(far.dialogs)) - began
            taken_up = far.wait() - began
            assert measured.alive(), "the gateway died"
            return Standing(count, each, listening, sampled, tried, taken_up, measured.cpu())


def crowd(domains: list[str], first: int, sip_watches: bool) -> Names:
    """Watcher and contact of the n-th subscription from ``first`` on; every user has `CONTACTS` with each partner."""

    def names(number: int) -> tuple[str, str]:
        row, place = divmod(first + number, len(domains))
        one, two = row // CONTACTS, row % CONTACTS + row // CONTACTS // CONTACTS * CONTACTS
        ours = f"user{place % 5}.{two if sip_watches else one}@{XMPP_DOMAIN}"
        theirs = f"user{one if sip_watches else two}@{domains[place]}"
        return (theirs, ours) if sip_watches else (ours, theirs)

    return names


class Dialog:
    """The SIP side's end, with both CSeq numbers."""

    __slots__ = ("leg", "ours", "theirs", "is_notifier")

    def __init__(self, leg: Leg, ours: int, theirs: int, is_notifier: bool) -> None:
        self.leg = leg
        self.ours = ours
        self.theirs = theirs
        self.is_notifier = is_notifier  # whether it is the SIP side that notifies


class FarSide:
    """All SIP users and all XMPP users."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.dialogs: dict[bytes, Dialog] = {}  # by Call-ID
        self.waiting: set[bytes] = set()  # tried, and not answered yet
        self.left: set[bytes] = set()  # not taken up yet
        self.done = 0

    def set_up(self, count: int) -> None:
        half, domains = count // 2, self.setting.sip_domains
        xmpp, sip = XmppWatchers(self.setting), SipWatchers(self.setting)
        xmpp.go(half, crowd(domains, self.done, False))
        sip.go(half, crowd(domains, self.done, True))
        self.done += half
        for leg, _ in xmpp.legs:
            self.dialogs[leg.call_id] = Dialog(leg, 1, leg.number, True)
        for leg in sip.active.values():
            self.dialogs[leg.call_id] = Dialog(leg, 1, leg.number, False)

    def settle(self) -> None:
        """Let what is under way arrive."""
        self.setting.loop.step(0.5)

    def connect(self) -> float:
        """Link with the new process as soon as it listens; returns when."""
        setting = self.setting
        setting.on_request = self.request
        setting.on_stanzas = self.stanzas
        self.left = set(self.dialogs)
        linked: list[tuple[Wire, SipFramer]] = []

        def listens() -> bool:
            setting.loop.step(0.01)
            try:
                linked.append(setting.connect())
            except OSError:
                return False
            return True

        wait_for("the listener", listens, 60.0)
        self.wire, framer = linked[0]

        def received(data: bytes) -> None:
            for each in framer.feed(data):
                self.request(self.wire, each)

        self.wire.received = received
        return time.monotonic()

    def try_out(self, call_ids: Iterable[bytes]) -> float:
        """Send a request in each dialog; returns when all have answered 200."""
        queue = list(call_ids)
        while queue or self.waiting:
            while queue and len(self.waiting) < WINDOW:
                self._try(queue.pop())
            before = len(queue), len(self.waiting)
            self.setting.loop.step(QUIET)
            assert (len(queue), len(self.waiting)) != before or self.setting.loop.open, "stuck"
        return time.monotonic()

    def wait(self) -> float:
        """Returns when the last one was taken up."""
        last = time.monotonic()
        while self.left:
            before = len(self.left)
            self.setting.loop.step(1.0)
            if len(self.left) < before:
                last = time.monotonic()
            assert time.monotonic() - last < QUIET, f"{len(self.left)} subscriptions are not taken up"
        return last

    def _try(self, call_id: bytes) -> None:
        dialog = self.dialogs[call_id]
        dialog.ours += 1
        self.waiting.add(call_id)
        if dialog.is_notifier:
            self.wire.write(dialog.leg.notify(dialog.ours, self._document(dialog.leg)))
        else:
            self.wire.write(dialog.leg.refresh(dialog.ours))

    def _document(self, leg: Leg) -> bytes:
        entity = leg.from_[leg.from_.index(b":") + 1 : leg.from_.index(b">")].decode()
        return PIDF.format(entity=entity, note="Still here").encode()

    def request(self, wire: Wire, message: bytes) -> None:
        call_id = header(message, b"Call-ID")
        if message.startswith(b"SIP/2.0"):
            assert message.startswith(b"SIP/2.0 200"), message
            self.waiting.discard(call_id)
            return
        dialog = self.dialogs.get(call_id)
        assert dialog is not None, f"a new dialog: {message!r}"
        number = int(header(message, b"CSeq").split()[0])
        assert number > dialog.theirs, f"a CSeq comes twice: {message!r}"
        dialog.theirs = number
        if not dialog.is_notifier:
            wire.write(sip_answer(message))
            if b"<basic>" in message:
                self.left.discard(call_id)
            return
        assert message.startswith(b"SUBSCRIBE "), message
        wire.write(sip_answer(message, b"Expires: 3600\r\nContact: " + CONTACT + b"\r\n"))
        dialog.ours += 1
        # on the link of all our requests, lest one overtake another
        self.wire.write(dialog.leg.notify(dialog.ours, self._document(dialog.leg)))
        self.left.discard(call_id)

    def stanzas(self, data: bytes) -> None:
        for fields, _ in presences(data):
            assert fields.get(b"type") not in (b"subscribe", b"unsubscribe", b"unsubscribed"), fields
            if fields.get(b"type") == b"probe":
                watcher, contact = fields[b"from"], fields[b"to"]
                wire = self.setting.component.wires[watcher.partition(b"@")[2].decode()]
                state = b"<show>away</show><status>Out</status>"
                wire.write(b"<presence from='%s/phone' to='%s'>%s</presence>" % (contact, watcher, state))
