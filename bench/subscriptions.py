"""Presence subscriptions, both ways: what each costs to set up and to keep. The SIP side keeps its `Leg`s."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from bench.process import Measured
from bench.setting import SIP_DOMAIN, XMPP_DOMAIN, Setting, sip_answer
from bench.wire import SipFramer, Wire

WINDOW = 64  # subscriptions being set up at a time
WARM = 100  # subscriptions before those that are measured
SLICES = 20
FIELDS = re.compile(rb"\b(from|to|type|id)='([^']*)'")
PRESENCE = re.compile(rb"<presence([^>]*?)(?:/>|>(.*?)</presence>)", re.S)
NAMES = (b"From", b"To", b"Call-ID", b"CSeq", b"Contact")
HEADER = {name: re.compile(rb"\r\n" + name + rb": *([^\r]*)", re.I) for name in NAMES}
CONTACT = b"<sip:127.0.0.1:5061;transport=tls>"
EVENT = b"Contact: " + CONTACT + b"\r\nEvent: presence\r\n"

PIDF = (
    '<?xml version="1.0" encoding="UTF-8"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:{entity}">'
    '<tuple id="ID-desk"><status><basic>open</basic></status><note>{note}</note></tuple></presence>'
)

Names = Callable[[int], tuple[str, str]]
"""The addresses of the watcher and of the contact of the n-th subscription."""


@dataclass(frozen=True)
class Subscribed:
    """``bytes_each`` is the growth of the resident memory for each active subscription.

    ``best`` is the CPU time of each in the cheapest of `SLICES` parts: what others do on the machine shows least in it.
    """

    name: str
    count: int
    bytes_each: float
    cpu_each: float
    best: float


class Leg(NamedTuple):
    """The SIP side's end of a dialog: header values as it writes them itself."""

    target: bytes  # the URI of the gateway's Contact
    from_: bytes
    to: bytes
    call_id: bytes
    number: int  # of the gateway's request

    @classmethod
    def of(cls, request: bytes, target: bytes = b"") -> "Leg":
        """From a request of the gateway's, which has a Contact unless ``target`` is known from another."""
        ours = header(request, b"To")
        if b";tag=" not in ours:
            ours += b";tag=bench"
        target = target or header(request, b"Contact").strip(b"<>")
        number = int(header(request, b"CSeq").split()[0])
        return cls(target, ours, header(request, b"From"), header(request, b"Call-ID"), number)

    @classmethod
    def answered(cls, response: bytes) -> "Leg":
        """From the gateway's answer to a request that makes a dialog."""
        target = header(response, b"Contact").strip(b"<>")
        return cls(target, header(response, b"From"), header(response, b"To"), header(response, b"Call-ID"), 0)

    def request(self, method: bytes, number: int, headers: bytes = b"", body: bytes = b"") -> bytes:
        """A request within the dialog; ``number`` is its CSeq."""
        return (
            b"%b %b SIP/2.0\r\nVia: SIP/2.0/TLS host.%b:5061;branch=z9hG4bK%d.%b\r\nMax-Forwards: 70\r\n"
            b"From: %b\r\nTo: %b\r\nCall-ID: %b\r\nCSeq: %d %b\r\n%b"
            b"Content-Length: %d\r\n\r\n%b"
            % (
                *(method, self.target, SIP_DOMAIN.encode(), number, self.call_id.partition(b"@")[0]),
                *(self.from_, self.to, self.call_id, number, method, headers, len(body), body),
            )
        )

    def notify(self, number: int, body: bytes) -> bytes:
        """A NOTIFY of an active subscription."""
        headers = b"Subscription-State: active;expires=3600\r\nContent-Type: application/pidf+xml\r\n"
        return self.request(b"NOTIFY", number, EVENT + headers, body)

    def refresh(self, number: int) -> bytes:
        """A SUBSCRIBE that refreshes."""
        headers = b"Accept: application/pidf+xml\r\nExpires: 3600\r\n"
        return self.request(b"SUBSCRIBE", number, EVENT + headers)


def run_subscriptions(setting: Setting, measured: Measured, count: int) -> Iterator[Subscribed]:
    """Set up ``count`` subscriptions each way and leave them active."""
    for name, kind in (("XMPP watchers", XmppWatchers), ("SIP watchers", SipWatchers)):
        course = kind(setting)
        course.go(WARM, course.stranger)
        memory, cpu = measured.rss(), [measured.cpu()]
        for _ in range(SLICES):
            course.go(count // SLICES, course.stranger)
            cpu.append(measured.cpu())
        best = min(after - before for before, after in pairwise(cpu)) * SLICES
        yield Subscribed(name, count, (measured.rss() - memory) / count, (cpu[-1] - cpu[0]) / count, best / count)


def header(message: bytes, name: bytes) -> bytes:
    """The value of a header that is there."""
    match = HEADER[name].search(message)
    assert match is not None, message
    return match[1]


def presences(data: bytes) -> Iterator[tuple[dict[bytes, bytes], bytes]]:
    """Attributes and content of each presence stanza."""
    for attributes, content in PRESENCE.findall(data):
        yield dict(FIELDS.findall(attributes.replace(b'"', b"'"))), content


class XmppWatchers:
    """XMPP users subscribe to SIP users: SUBSCRIBE goes out, is granted, NOTIFY comes with PIDF, presence arrives."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.arrived: set[tuple[bytes, bytes]] = set()  # watcher, contact
        self.legs: list[tuple[Leg, Wire]] = []

    @staticmethod
    def stranger(number: int) -> tuple[str, str]:
        """Nobody watches twice or is watched twice."""
        return f"watcher{number}@{XMPP_DOMAIN}", f"user{number}@{SIP_DOMAIN}"

    def go(self, count: int, names: Names) -> None:
        """Set up ``count`` more."""
        setting = self.setting
        setting.on_request = self.request
        setting.on_stanzas = self.stanzas
        sent = len(self.arrived)
        count += sent
        while len(self.arrived) < count:
            while sent < count and sent - len(self.arrived) < WINDOW:
                watcher, contact = names(sent)
                wire = setting.component.wires[contact.partition("@")[2]]
                wire.write(f"<presence type='subscribe' id='s{sent}' from='{watcher}' to='{contact}'/>".encode())
                sent += 1
            before = len(self.arrived)
            setting.loop.step(10.0)
            assert len(self.arrived) > before or sent - len(self.arrived) < 2 * WINDOW

    def request(self, wire: Wire, message: bytes) -> None:
        if message.startswith(b"SIP/2.0"):
            assert message.startswith(b"SIP/2.0 200"), message
            return
        assert message.startswith(b"SUBSCRIBE "), message
        wire.write(sip_answer(message, b"Expires: 3600\r\nContact: " + CONTACT + b"\r\n"))
        target = message[len(b"SUBSCRIBE ") : message.index(b" SIP/2.0")].decode()
        leg = Leg.of(message)
        self.legs.append((leg, wire))
        wire.write(leg.notify(1, PIDF.format(entity=target.removeprefix("sip:"), note="At the desk").encode()))

    def stanzas(self, data: bytes) -> None:
        for fields, _ in presences(data):
            if fields.get(b"type", b"") == b"":
                self.arrived.add((fields[b"to"], fields[b"from"].partition(b"/")[0]))


class SipWatchers:
    """SIP users subscribe to XMPP users: granted at once, `subscribe` goes out, is approved, NOTIFY active arrives."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.active: dict[bytes, Leg] = {}  # by Call-ID
        self.wire, framer = setting.connect()
        self.wire.received = self._received(self.wire, framer)

    @staticmethod
    def stranger(number: int) -> tuple[str, str]:
        """Nobody watches twice or is watched twice."""
        return f"watcher{number}@{SIP_DOMAIN}", f"contact{number}@{XMPP_DOMAIN}"

    def go(self, count: int, names: Names) -> None:
        """Set up ``count`` more."""
        setting = self.setting
        setting.on_request = self.request
        setting.on_stanzas = self.stanzas
        sent = len(self.active)
        count += sent
        while len(self.active) < count:
            while sent < count and sent - len(self.active) < WINDOW:
                watcher, contact = names(sent)
                call_id = f"{sent}.{watcher}"
                self.wire.write(
                    (
                        f"SUBSCRIBE sip:{contact} SIP/2.0\r\n"
                        f"Via: SIP/2.0/TLS host.{SIP_DOMAIN}:5061;branch=z9hG4bK{call_id.partition('@')[0]}\r\n"
                        f"Max-Forwards: 70\r\nFrom: <sip:{watcher}>;tag=w{sent}\r\nTo: <sip:{contact}>\r\n"
                        f"Call-ID: {call_id}\r\nCSeq: 1 SUBSCRIBE\r\n"
                        f"Contact: <sip:host.{SIP_DOMAIN}:5061;transport=tls>\r\n"
                        "Event: presence\r\nAccept: application/pidf+xml\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n"
                    ).encode()
                )
                sent += 1
            setting.loop.step(10.0)

    def _received(self, wire: Wire, framer: SipFramer) -> Callable[[bytes], None]:
        def received(data: bytes) -> None:
            for message in framer.feed(data):
                self.setting.on_request(wire, message)

        return received

    def request(self, wire: Wire, message: bytes) -> None:
        if message.startswith(b"SIP/2.0"):
            assert message.startswith(b"SIP/2.0 200"), message
            return
        assert message.startswith(b"NOTIFY "), message
        wire.write(sip_answer(message))
        if b"<basic>open</basic>" in message:
            leg = Leg.of(message)
            self.active[leg.call_id] = leg

    def stanzas(self, data: bytes) -> None:
        for fields, _ in presences(data):
            if fields.get(b"type") != b"subscribe":
                continue
            watcher, contact = fields[b"from"], fields[b"to"]
            wire = self.setting.component.wires[watcher.partition(b"@")[2].decode()]
            wire.write(b"<presence type='subscribed' from='%s' to='%s'/>" % (contact, watcher))
            state = b"<show>away</show><status>Out</status>"
            wire.write(b"<presence from='%s/phone' to='%s'>%s</presence>" % (contact, watcher, state))
