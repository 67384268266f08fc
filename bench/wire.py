"""The two far sides of the gateway, as thin as possible: non-blocking sockets, and whole chunks.

What is written in one turn leaves in one piece over TCP. Over TLS each message is a record of its own, as with servers
that write each when they have it: a gateway pays for each record that it has to open.
"""

import re
import selectors
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

CHUNK = 262144
BACKLOG = 2000  # connections that may come at once, when the gateway begins
LENGTH = re.compile(rb"\r\nContent-Length: *(\d+)", re.I)


class Wire:
    """One connection: ``received(data)`` for each chunk, `write` gathers until `flush`. Each write is a message.

    Over TLS each of them is a record of its own, unless the wire `fills` its records.
    """

    fills = False

    def __init__(self, loop: "Loop", connection: socket.socket, received: Callable[[bytes], None]) -> None:
        self.socket = connection
        self._loop = loop
        self._out: deque[bytes] = deque()
        self.received = received
        self._events = selectors.EVENT_READ
        connection.setblocking(False)
        loop.selector.register(connection, self._events, self)
        loop.open += 1

    def write(self, data: bytes) -> None:
        if not self._out:
            self._loop.dirty.append(self)
        self._out.append(data)

    def flush(self) -> None:
        if self.socket.fileno() < 0:
            return
        if len(self._out) > 1 and (self.fills or not isinstance(self.socket, ssl.SSLSocket)):
            self._out = deque([b"".join(self._out)])
        while self._out:
            try:
                sent = self.socket.send(self._out[0])
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                break
            except OSError:
                self._lost()
                return
            first = self._out.popleft()
            if sent < len(first):
                self._out.appendleft(first[sent:])
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._out else 0)
        if wanted != self._events:
            self._events = wanted
            self._loop.selector.modify(self.socket, wanted, self)

    def ready(self, events: int) -> None:
        if events & selectors.EVENT_READ:
            chunks = []
            try:
                while True:
                    data = self.socket.recv(CHUNK)
                    if not data:
                        self._lost()
                        return
                    chunks.append(data)
                    if not isinstance(self.socket, ssl.SSLSocket):
                        break
            except (BlockingIOError, ssl.SSLWantReadError):
                pass
            except OSError:
                self._lost()
                return
            if chunks:
                self.received(b"".join(chunks))
        if events & selectors.EVENT_WRITE:
            self.flush()

    def _lost(self) -> None:
        if not self._loop.losing:
            raise ConnectionError("the gateway closed a connection")
        self._loop.selector.unregister(self.socket)
        self._loop.open -= 1
        self.socket.close()


class Loop:
    """A selector loop that a bench steps by itself."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.dirty: list[Wire] = []
        self.open = 0  # connections
        self.losing = False  # the gateway is being killed: connections may go

    def step(self, timeout: float) -> None:
        self.flush()
        for key, events in self.selector.select(timeout):
            key.data.ready(events)
        self.flush()

    def rest(self, seconds: float) -> None:
        """Take what comes for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.step(left)

    def flush(self) -> None:
        dirty, self.dirty = self.dirty, []
        for wire in dirty:
            wire.flush()


class Listener:
    """Accepts connections, with TLS when a context is given (blocking handshake: only the gateway connects)."""

    def __init__(self, loop: Loop, accepted: Callable[[socket.socket], None], context: ssl.SSLContext | None) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
        self.port: int = self.socket.getsockname()[1]
        self._accepted = accepted
        self._context = context
        loop.selector.register(self.socket, selectors.EVENT_READ, self)

    def ready(self, events: int) -> None:
        connection, _ = self.socket.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is not None:
            try:
                connection = self._context.wrap_socket(connection, server_side=True)
            except OSError:  # somebody else on this machine has dialled the wrong port; the gateway would be missed
                connection.close()
                return
        self._accepted(connection)


def tls_context(purpose: ssl.Purpose, certificate: Path, ca: Path) -> ssl.SSLContext:
    """Mutual TLS for a side of the bench; names are not the bench's business."""
    server = purpose is ssl.Purpose.CLIENT_AUTH
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


class SipFramer:
    """Whole messages out of chunks; knows only Content-Length."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        data = self._rest + data
        messages, start = [], 0
        while True:
            while data.startswith(b"\r\n", start):
                start += 2
            end = data.find(b"\r\n\r\n", start)
            if end < 0:
                break
            match = LENGTH.search(data, start, end + 2)
            total = end + 4 + (int(match[1]) if match else 0)
            if len(data) < total:
                break
            messages.append(data[start:total])
            start = total
        self._rest = data[start:]
        return messages
