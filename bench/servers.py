"""The XMPP servers of the bench: one that takes components, and one that is linked by s2s. They answer pings at once.

``wires`` are their streams to the gateway, by the SIP domain at its end; each write is a stanza for that domain.
"""

import hashlib
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable, Iterator

from bench.wire import Listener, Loop, Wire

REQUEST_EVERY = 5  # stanzas: so often does a server ask what has been counted (XEP-0198), as Prosody does by default
PING = re.compile(rb"<iq[^>]*?type=['\"]get['\"][^>]*>.*?</iq>", re.S)
OPENED = re.compile(rb"<stream:stream[^>]*\bto=['\"]([^'\"]+)['\"][^>]*>")
HANDSHAKE = re.compile(rb"<handshake[^>]*>([0-9a-f]+)</handshake>")
STANZA_END = re.compile(rb"</(?:message|iq|presence)>|<presence[^>]*/>")
ADDRESS = re.compile(rb"\b(id|from|to)=['\"]([^'\"]*)['\"]")
NAME = re.compile(rb"<stream:stream[^>]*\bfrom=['\"]([^'\"]+)['\"]")
COUNTED = re.compile(rb"</(?:message|iq|presence)>|<(?:message|iq|presence)[^>]*/>")
MANAGED_END = re.compile(rb"</(?:message|iq|presence)>|<(?:presence|iq|message|r|a)\b[^>]*/>")
R = re.compile(rb"<r\b[^>]*/>")
A = re.compile(rb"<a\b[^>]*?h=['\"](\d+)['\"][^>]*/>")

SASL = b"urn:ietf:params:xml:ns:xmpp-sasl"
SM = b"urn:xmpp:sm:3"
EXTERNAL = (
    b"<stream:features><mechanisms xmlns='%b'><mechanism>EXTERNAL</mechanism></mechanisms></stream:features>" % SASL
)
MANAGEMENT = b"<stream:features><sm xmlns='%b'/></stream:features>" % SM


class ComponentSide:
    """A server that accepts XEP-0114 components, and answers pings at once."""

    def __init__(self, loop: Loop, stanzas: Callable[[bytes], None], secret: str) -> None:
        self._loop = loop
        self._secret = secret
        self.stanzas = stanzas  # called with all bytes but pings
        self.wires: dict[str, Wire] = {}
        self.listener = Listener(loop, self._accept, None)

    def _accept(self, connection: socket.socket) -> None:
        buffer, domain = b"", b""

        def negotiate(data: bytes) -> None:
            nonlocal buffer, domain
            buffer += data
            opened = OPENED.search(buffer)
            if not domain and opened:
                domain = opened[1]
                wire.write(
                    b"<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' "
                    b"xmlns:stream='http://etherx.jabber.org/streams' id='bench' from='" + domain + b"'>"
                )
            if match := HANDSHAKE.search(buffer):
                assert match[1].decode() == hashlib.sha1(b"bench" + self._secret.encode()).hexdigest()
                wire.write(b"<handshake/>")
                self.wires[domain.decode()] = wire
                wire.received = self._received(wire)

        wire = Wire(self._loop, connection, negotiate)

    def _received(self, wire: Wire) -> Callable[[bytes], None]:
        rest = b""

        def received(data: bytes) -> None:
            nonlocal rest
            data = rest + data
            end = 0
            for match in STANZA_END.finditer(data):
                end = match.end()
            rest, data = data[end:], data[:end]
            if b"<iq" in data:
                for ping in PING.findall(data):
                    wire.write(_pong(ping))
                data = PING.sub(b"", data)
            if data.strip():
                self.stanzas(data)

        return received


class ServerSide:
    """A server that speaks s2s: TLS at once (XEP-0368), SASL EXTERNAL and XEP-0198 on one stream for each direction.

    One that ``fills`` its TLS records writes in one piece what it has gathered in one turn of its loop, as Prosody
    does; others write each stanza by itself, as ejabberd does.
    """

    def __init__(
        self, loop: Loop, stanzas: Callable[[bytes], None], domain: str, context: ssl.SSLContext, fills: bool = False
    ) -> None:
        self._loop = loop
        self._fills = fills
        self.stanzas = stanzas  # called with all bytes but pings and XEP-0198
        self.wires: dict[str, Wire] = {}
        self._domain = domain.encode()
        self.listener = Listener(loop, self._accept, context)

    def _accept(self, connection: socket.socket) -> None:
        """The gateway's stream to us."""
        steps = self._steps_in()
        wire = Wire(self._loop, connection, lambda data: None)
        wire.fills = self._fills
        wire.received = walk(steps, wire, lambda: self._received(wire))

    def connect(self, context: ssl.SSLContext, port: int, domain: str) -> None:
        """Open our stream to ``domain``; it is in `wires` when stanzas may be sent."""
        raw = socket.create_connection(("127.0.0.1", port))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire = Managed(self._loop, context.wrap_socket(raw, server_hostname=domain), lambda data: None)
        wire.fills = self._fills

        def opened() -> Callable[[bytes], None]:
            wire.count = 0
            self.wires[domain] = wire
            return wire.acknowledged

        wire.received = walk(self._steps_out(domain.encode()), wire, opened)

    def _steps_in(self) -> "Iterator[tuple[bytes, Callable[[bytes], bytes]]]":
        """What has to come, and what is said to it."""
        yield b">", lambda said: self._header(NAME.findall(said)[-1]) + EXTERNAL
        yield b"</auth>", lambda said: b"<success xmlns='%b'/>" % SASL
        yield b">", lambda said: self._header(NAME.findall(said)[-1]) + MANAGEMENT
        yield b"/>", lambda said: b"<enabled xmlns='%b'/>" % SM

    def _steps_out(self, domain: bytes) -> "Iterator[tuple[bytes, Callable[[bytes], bytes]]]":
        header = self._header(domain)
        identity = b64encode(self._domain)
        yield b"", lambda said: header
        yield (
            b"</stream:features>",
            lambda said: b"<auth xmlns='%b' mechanism='EXTERNAL'>%b</auth>" % (SASL, identity),
        )
        yield b"<success xmlns='%b'/>" % SASL, lambda said: header
        yield b"</stream:features>", lambda said: b"<enable xmlns='%b'/>" % SM
        yield b"<enabled xmlns='%b'/>" % SM, lambda said: b""

    def _header(self, domain: bytes) -> bytes:
        spaces = b"xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'"
        ends = b"id='bench' version='1.0' from='%b' to='%b'" % (self._domain, domain)
        return b"<?xml version='1.0'?><stream:stream %b %b>" % (spaces, ends)

    def _received(self, wire: Wire) -> Callable[[bytes], None]:
        """Count, answer, and pass on."""
        rest, count = b"", 0

        def received(data: bytes) -> None:
            nonlocal rest, count
            data = rest + data
            end = 0
            for match in MANAGED_END.finditer(data):
                end = match.end()
            rest, data = data[end:], data[:end]
            counted = 0
            for match in R.finditer(data):
                now = count + len(COUNTED.findall(data, 0, match.start()))
                wire.write(b"<a xmlns='%b' h='%d'/>" % (SM, now))
                counted = match.end()
            if counted:
                data = R.sub(b"", data)
            count += len(COUNTED.findall(data))
            if b"<iq" in data:
                for ping in PING.findall(data):
                    asked = dict(ADDRESS.findall(ping[: ping.index(b">")]))[b"from"].decode()
                    self.wires[asked].write(_pong(ping))
                data = PING.sub(b"", data)
            if data.strip():
                self.stanzas(data)

        return received


class Managed(Wire):
    """A stream whose stanzas are counted by the far end, which is asked how many it has."""

    count = -1  # none before the stream is open
    counted = 0

    def write(self, data: bytes) -> None:
        """One stanza."""
        super().write(data)
        if self.count >= 0:
            self.count += 1
            if self.count % REQUEST_EVERY == 0:
                super().write(b"<r xmlns='%b'/>" % SM)

    def acknowledged(self, data: bytes) -> None:
        """The far end says how many it has: never too many, and never fewer than before."""
        for number in A.findall(data):
            assert self.counted <= int(number) <= self.count, data
            self.counted = int(number)


def walk(
    steps: "Iterator[tuple[bytes, Callable[[bytes], bytes]]]", wire: Wire, opened: Callable[[], Callable[[bytes], None]]
) -> Callable[[bytes], None]:
    """Answer what comes by ``steps``; then ``opened`` says who receives the rest."""
    awaited, answer = next(steps)
    buffer = b""

    def received(data: bytes) -> None:
        nonlocal awaited, answer, buffer
        buffer += data
        while awaited in buffer and (awaited != b">" or NAME.search(buffer)):
            said, buffer = buffer, b""
            reply = answer(said)
            if reply:
                wire.write(reply)
            try:
                awaited, answer = next(steps)
            except StopIteration:
                wire.received = opened()
                return

    if not awaited:
        received(b"")
    return received


def _pong(ping: bytes) -> bytes:
    fields = dict(ADDRESS.findall(ping[: ping.index(b">")]))
    return b"<iq type='result' id='%s' from='%s' to='%s'/>" % (fields[b"id"], fields[b"to"], fields[b"from"])
