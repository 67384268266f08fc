"""One TLS connection of a Microsoft edge, dialled or accepted: NEGOTIATE first, blank lines while it is idle.

The handshake succeeds with any certificate of the authority; whether it proves the name of who it is, is judged
message by message, as these edges do. They know no TLS above 1.2.
"""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, cast

from demo.authority import Issued
from tests.interop.lync_wire import Framer, Message, token, written

NEGOTIATED_WITHIN = 30.0  # seconds


class Owner(Protocol):
    """What a link tells of itself."""

    keep_alive: float  # seconds between two blank lines
    latency: float  # seconds until something leaves

    def connected(self, link: "Link") -> None: ...
    def received(self, link: "Link", message: Message) -> None: ...
    def lost(self, link: "Link") -> None: ...
    def fault(self, text: str) -> None: ...
    def wrote(self, link: "Link", arrow: str, text: str) -> None: ...


class Link(asyncio.Protocol):
    """``greeting`` are the names (ours, theirs) of a connection that we have dialled."""

    def __init__(self, owner: Owner, number: int, greeting: tuple[str, str] | None = None) -> None:
        self.number = number
        self.dialled = greeting is not None
        self.names: list[str] = []  # that the certificate of the other side proves
        self.address = ("", 0)
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.negotiated = 0  # the status that NEGOTIATE got
        self.closed = False
        self._owner, self._greeting = owner, greeting
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None
        self._call_id = ""
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def send(self, data: bytes) -> None:
        if self._owner.latency:
            asyncio.get_running_loop().call_later(self._owner.latency, self._send, data)
        else:
            self._send(data)

    def drop(self) -> None:
        """End it as a crash does."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def pings(self) -> int:
        return self._framer.pings

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.address = transport.get_extra_info("peername")[:2]
        certificate = transport.get_extra_info("peercert") or {}
        self.names = [value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS"]
        self._owner.connected(self)
        self._keep_alive()
        if self._greeting is None:
            self.ready.set_result(None)
        else:
            self._negotiate(*self._greeting)

    def data_received(self, data: bytes) -> None:
        try:
            for message in self._framer.feed(data):
                self._owner.wrote(self, "<-", str(message))
                if message.status and self._call_id and message.get("Call-ID") == self._call_id:
                    self._negotiated(message)
                else:
                    self._owner.received(self, message)
        except (ValueError, IndexError) as error:
            self._owner.fault(f"link {self.number}: cannot read {data!r}: {error!r}")
            self.drop()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed = True
        for timer in self._timers.values():
            timer.cancel()
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("lost before it was negotiated"))
            self.ready.exception()  # seen, should nobody wait
        self._owner.lost(self)

    # private parts

    def _send(self, data: bytes) -> None:
        if self._transport is not None and not self.closed:
            self._owner.wrote(self, "->", data.decode())
            self._transport.write(data)

    def _keep_alive(self) -> None:
        self._timers["idle"] = asyncio.get_running_loop().call_later(self._owner.keep_alive, self._ping)

    def _ping(self) -> None:
        if self._transport is not None:
            self._transport.write(b"\r\n\r\n")
            self._keep_alive()

    def _negotiate(self, ours: str, theirs: str) -> None:
        self._call_id = token(16)
        rows = [
            ("Via", f"SIP/2.0/TLS {ours}:5061"),
            ("CSeq", "1 NEGOTIATE"),
            ("Call-ID", self._call_id),
            ("From", f"<sip:{ours}>;tag={token(5)};epid={token(5)}"),
            ("To", f"<sip:{theirs}>"),
            ("Compression", "LZ77-8K"),
            ("Max-Forwards", "0"),
        ]
        self.send(written(f"NEGOTIATE sip:{theirs}:5061 SIP/2.0", rows))
        self._timers["silent"] = asyncio.get_running_loop().call_later(NEGOTIATED_WITHIN, self._silent)

    def _negotiated(self, answer: Message) -> None:
        if answer.status < 200 or self.negotiated:
            return
        self.negotiated = answer.status
        if answer.get("Compression") or answer.status < 300:
            self._owner.fault(f"link {self.number}: NEGOTIATE got\n{answer}")
        if not self.ready.done():
            self.ready.set_result(None)

    def _silent(self) -> None:
        if not self.negotiated:
            self._owner.fault(f"link {self.number}: no answer to NEGOTIATE")
            self.drop()


def credentials(folder: Path, issued: Issued, ca: bytes) -> Callable[[bool], ssl.SSLContext]:
    """A function that makes the context for connections that are accepted (True) or dialled (False)."""
    files = issued.write(folder, "lync")

    def context(accepting: bool) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if accepting else ssl.PROTOCOL_TLS_CLIENT)
        made.check_hostname = False
        made.verify_mode = ssl.CERT_REQUIRED
        made.maximum_version = ssl.TLSVersion.TLSv1_2
        made.load_verify_locations(cadata=ca.decode())
        made.load_cert_chain(*files)
        return made

    return context
