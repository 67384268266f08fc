"""Presence subscriptions, both ways: what each costs to set up and to keep."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bench.process import Measured
from bench.setting import SIP_DOMAIN, XMPP_DOMAIN, Setting, sip_answer
from bench.wire import Wire

WINDOW = 64  # subscriptions being set up at a time
FIELDS = re.compile(rb"\b(from|to|type|id)='([^']*)'")
PRESENCE = re.compile(rb"<presence([^>]*?)/?>")
NAMES = (b"From", b"To", b"Call-ID", b"Contact")
HEADER = {name: re.compile(rb"\r\n" + name + rb": *([^\r]*)", re.I) for name in NAMES}

PIDF = (
    '<?xml version="1.0" encoding="UTF-8"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:{entity}">'
    '<tuple id="ID-desk"><status><basic>open</basic></status><note>At the desk</note></tuple></presence>'
)


@dataclass(frozen=True)
class Subscribed:
    """``bytes_each`` is the growth of the resident memory for each active subscription."""

    name: str
    count: int
    bytes_each: float
    cpu_each: float


def run_subscriptions(setting: Setting, measured: Measured, count: int) -> Iterator[Subscribed]:
    """Set up ``count`` subscriptions each way and leave them active."""
    for name, course in (("XMPP watchers", XmppWatchers(setting)), ("SIP watchers", SipWatchers(setting))):
        course.go(100, "warm")
        memory, cpu = measured.rss(), measured.cpu()
        course.go(count, "run")
        yield Subscribed(name, count, (measured.rss() - memory) / count, (measured.cpu() - cpu) / count)


def header(message: bytes, name: bytes) -> bytes:
    match = HEADER[name].search(message)
    assert match is not None, message
    return match[1]


class XmppWatchers:
    """XMPP users subscribe to SIP users: SUBSCRIBE goes out, is granted, NOTIFY comes with PIDF, presence arrives."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.arrived: set[bytes] = set()

    def go(self, count: int, label: str) -> None:
        setting = self.setting
        setting.on_request = self.request  # type: ignore[assignment]
        setting.on_stanzas = self.stanzas
        wire = setting.component.wires[SIP_DOMAIN]
        self.arrived.clear()
        sent = 0
        while len(self.arrived) < count:
            while sent < count and sent - len(self.arrived) < WINDOW:
                wire.write(
                    f"<presence type='subscribe' id='s{sent}' from='{label}{sent}@{XMPP_DOMAIN}' "
                    f"to='user{sent}@{SIP_DOMAIN}'/>".encode()
                )
                sent += 1
            before = len(self.arrived)
            setting.loop.step(10.0)
            assert len(self.arrived) > before or sent - len(self.arrived) < 2 * WINDOW

    def request(self, wire: Wire, message: bytes) -> None:
        if message.startswith(b"SIP/2.0"):
            assert message.startswith(b"SIP/2.0 200"), message
            return
        assert message.startswith(b"SUBSCRIBE "), message
        wire.write(sip_answer(message, b"Expires: 3600\r\nContact: <sip:127.0.0.1:5061;transport=tls>\r\n"))
        target = message[len(b"SUBSCRIBE ") : message.index(b" SIP/2.0")].decode()
        body = PIDF.format(entity=target.removeprefix("sip:")).encode()
        contact = header(message, b"Contact").strip(b"<>").decode()
        call_id = header(message, b"Call-ID").decode()
        branch = f"{len(self.arrived)}.{call_id.partition('@')[0]}"
        wire.write(
            (
                f"NOTIFY {contact} SIP/2.0\r\n"
                f"Via: SIP/2.0/TLS host.{SIP_DOMAIN}:5061;branch=z9hG4bK{branch}\r\n"
                f"Max-Forwards: 70\r\nFrom: {header(message, b'To').decode()};tag=bench\r\n"
                f"To: {header(message, b'From').decode()}\r\nCall-ID: {call_id}\r\n"
                f"CSeq: 1 NOTIFY\r\nEvent: presence\r\n"
                f"Subscription-State: active;expires=3600\r\nContact: <sip:127.0.0.1:5061;transport=tls>\r\n"
                f"Content-Type: application/pidf+xml\r\nContent-Length: {len(body)}\r\n\r\n"
            ).encode()
            + body
        )

    def stanzas(self, data: bytes) -> None:
        for attributes in PRESENCE.findall(data):
            fields = dict(FIELDS.findall(attributes.replace(b'"', b"'")))
            if fields.get(b"type", b"") == b"":
                self.arrived.add(fields[b"to"])


class SipWatchers:
    """SIP users subscribe to XMPP users: granted at once, `subscribe` goes out, is approved, NOTIFY active arrives."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.active = 0

    def go(self, count: int, label: str) -> None:
        setting = self.setting
        setting.on_request = self.request  # type: ignore[assignment]
        setting.on_stanzas = self.stanzas
        self.active, sent = 0, 0
        wire, framer = setting.connect()

        def received(data: bytes) -> None:
            for message in framer.feed(data):
                if message.startswith(b"SIP/2.0"):
                    assert message.startswith(b"SIP/2.0 200"), message
                else:
                    self.request(wire, message)

        wire.received = received
        while self.active < count:
            while sent < count and sent - self.active < WINDOW:
                wire.write(
                    (
                        f"SUBSCRIBE sip:contact{sent}@{XMPP_DOMAIN} SIP/2.0\r\n"
                        f"Via: SIP/2.0/TLS host.{SIP_DOMAIN}:5061;branch=z9hG4bK{label}{sent}\r\nMax-Forwards: 70\r\n"
                        f"From: <sip:{label}{sent}@{SIP_DOMAIN}>;tag=w{sent}\r\n"
                        f"To: <sip:contact{sent}@{XMPP_DOMAIN}>\r\n"
                        f"Call-ID: {label}{sent}@host.{SIP_DOMAIN}\r\nCSeq: 1 SUBSCRIBE\r\n"
                        f"Contact: <sip:host.{SIP_DOMAIN}:5061;transport=tls>\r\n"
                        "Event: presence\r\nAccept: application/pidf+xml\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n"
                    ).encode()
                )
                sent += 1
            setting.loop.step(10.0)

    def request(self, wire: Wire, message: bytes) -> None:
        if message.startswith(b"SIP/2.0"):
            return
        assert message.startswith(b"NOTIFY "), message
        wire.write(sip_answer(message))
        if b"<basic>open</basic>" in message:
            self.active += 1

    def stanzas(self, data: bytes) -> None:
        wire = self.setting.component.wires[SIP_DOMAIN]
        for attributes in PRESENCE.findall(data):
            fields = dict(FIELDS.findall(attributes.replace(b'"', b"'")))
            if fields.get(b"type") != b"subscribe":
                continue
            watcher, contact = fields[b"from"], fields[b"to"]
            wire.write(b"<presence type='subscribed' from='%s' to='%s'/>" % (contact, watcher))
            state = b"<show>away</show><status>Out</status>"
            wire.write(b"<presence from='%s/phone' to='%s'>%s</presence>" % (contact, watcher, state))
