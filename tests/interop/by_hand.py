"""Links to the gateway that are driven by hand, for everything that a decent peer would not do.

`SipLink` is one side of a SIP connection over TLS, dialled or accepted; `XmppStream` an XMPP server's half of a
stream to the gateway, up to its authentication. Both only send what they are told.
"""

import base64
import contextlib
import socket
import ssl
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

from demo.authority import Issued
from tests.interop.sip_user import Headers, SipMessage, parsed, written

PATIENCE = 40.0  # seconds for whatever must come
CLOSING = 2.0  # seconds the gateway has for its half of closing a link


class Credentials:
    """What one peer shows and whom it trusts. Without ``certificate`` it shows none."""

    def __init__(self, folder: Path, certificate: Issued | None, ca: bytes) -> None:
        self._ca = ca.decode()
        self._files = certificate.write(folder / uuid.uuid4().hex, "peer") if certificate else None

    def context(self, purpose: ssl.Purpose, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(purpose, cadata=self._ca)
        context.verify_mode = ssl.CERT_REQUIRED
        if version is not None:
            context.minimum_version = context.maximum_version = version
        if self._files is not None:
            context.load_cert_chain(*self._files)
        return context


class SipLink:
    """One connection. `received` keeps all responses and requests in order."""

    def __init__(self, wire: ssl.SSLSocket) -> None:
        self.wire = wire
        self.closed = False
        self.received: list[SipMessage] = []
        self._data = b""

    @classmethod
    def dial(
        cls, to: tuple[str, int], name: str, credentials: Credentials, version: ssl.TLSVersion | None = None
    ) -> Self:
        plain = socket.create_connection(to, timeout=PATIENCE)
        context = credentials.context(ssl.Purpose.SERVER_AUTH, version)
        return cls(context.wrap_socket(plain, server_hostname=name))

    @classmethod
    def accept(
        cls, listener: socket.socket, credentials: Credentials, version: ssl.TLSVersion | None = None
    ) -> Self:
        listener.settimeout(PATIENCE)
        plain, _ = listener.accept()
        plain.settimeout(PATIENCE)
        return cls(credentials.context(ssl.Purpose.CLIENT_AUTH, version).wrap_socket(plain, server_side=True))

    def send(self, data: bytes) -> None:
        self.wire.sendall(data)

    def request(self, method: str, uri: str, sender: str, headers: Headers = (), body: str = "") -> str:
        """Send a request with everything that it needs; returns its Call-ID."""
        call_id = uuid.uuid4().hex
        octets = body.encode()
        rows = [
            ("Via", f"SIP/2.0/TLS by-hand.example;branch=z9hG4bK{call_id}"),
            ("Max-Forwards", "70"),
            ("From", f"<{sender}>;tag={call_id[:8]}"),
            ("To", f"<{uri}>"),
            ("Call-ID", call_id),
            ("CSeq", f"1 {method}"),
            *headers,
            ("Content-Length", str(len(octets))),
        ]
        self.send(written(f"{method} {uri} SIP/2.0", rows) + octets)
        return call_id

    def message(self, uri: str, sender: str, text: str) -> SipMessage:
        """Send a MESSAGE and wait for its final answer."""
        return self.answer(self.request("MESSAGE", uri, sender, [("Content-Type", "text/plain")], text))

    def options(self, uri: str, sender: str) -> SipMessage:
        return self.answer(self.request("OPTIONS", uri, sender))

    def answer(self, call_id: str) -> SipMessage:
        """Wait for the final answer to the request of ``call_id``."""
        deadline = time.monotonic() + PATIENCE
        while True:
            for message in self.received:
                if message.status >= 200 and message.get("Call-ID") == call_id:
                    return message
            assert self.read(deadline), f"no answer on a link that has brought {self.received}"

    def serve(self, method: str) -> SipMessage:
        """Wait for a request and answer it with 200."""
        deadline = time.monotonic() + PATIENCE
        while True:
            for message in self.received:
                if message.method == method:
                    kept = [(name, value) for name, value in message.headers if name in KEPT]
                    self.send(written("SIP/2.0 200 OK", [*kept, ("Content-Length", "0")]))
                    return message
            assert self.read(deadline), f"no {method} on a link that has brought {self.received}"

    def read(self, deadline: float) -> bool:
        """Take what comes; False if it is too late or the gateway has closed the link."""
        left = deadline - time.monotonic()
        if left <= 0 or self.closed:
            return False
        self.wire.settimeout(left)
        try:
            chunk = self.wire.recv(65536)
        except TimeoutError:
            return False
        except (ssl.SSLError, ConnectionError):
            chunk = b""
        self.closed = not chunk
        self._data += chunk
        while b"\r\n\r\n" in self._data:
            head, _, rest = self._data.partition(b"\r\n\r\n")
            message, length = parsed(head.decode(errors="replace"))
            if len(rest) < length:
                break
            self._data = rest[length:]
            self.received.append(SipMessage(message.start, message.headers, rest[:length].decode()))
        return not self.closed

    def close(self) -> None:
        """Close in good order: when this returns the gateway has seen it, and gives nothing more to this link."""
        self.wire.settimeout(CLOSING)
        with contextlib.suppress(OSError, ValueError):  # of a link that is closed already
            self.wire.unwrap()
        self.wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


KEPT = {"via", "from", "to", "call-id", "cseq"}


class XmppStream:
    """A stream from ``ours`` to ``theirs``. `text` is everything that has come, or came since TLS began."""

    def __init__(self, to: tuple[str, int], ours: str, theirs: str) -> None:
        self.text = ""
        self.closed = False
        self._ours, self._theirs = ours, theirs
        self._wire: socket.socket = socket.create_connection(to, timeout=PATIENCE)

    def authenticate(
        self, credentials: Credentials, version: ssl.TLSVersion | None = None, *, behind_starttls: str = ""
    ) -> bool:
        """STARTTLS and SASL EXTERNAL; False if the gateway offers none or refuses.

        ``behind_starttls`` is sent in the clear together with the request for TLS.
        """
        self._open()
        self._until("</stream:features>")
        self.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" + behind_starttls)
        if not self._until("<proceed"):
            return False
        context = credentials.context(ssl.Purpose.SERVER_AUTH, version)
        self._wire = context.wrap_socket(self._wire, server_hostname=self._theirs)
        self.text = ""
        self._open()
        if not self._until("</stream:features>", "</stream:stream>") or "EXTERNAL" not in self.text:
            self._until("</stream:stream>")
            return False
        identity = base64.b64encode(self._ours.encode()).decode()
        self.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>{identity}</auth>")
        self._until("<success", "<failure", "</stream:stream>")
        if "<success" not in self.text:
            return False
        self.text = ""
        self._open()
        return self._until("<stream:features", "</stream:stream>")

    def send(self, text: str) -> None:
        self._wire.sendall(text.encode())

    def read_to_the_end(self) -> None:
        """Wait until the gateway has closed the connection."""
        while not self.closed:
            self._until("\0")  # which no XML has

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.send("</stream:stream>")
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> None:
        self.send(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'"
            f" from='{self._ours}' to='{self._theirs}' version='1.0'>"
        )

    def _until(self, *ends: str) -> bool:
        """Read until one of ``ends`` has come; False if the stream is closed before."""
        while not any(end in self.text for end in ends):
            try:
                chunk = self._wire.recv(65536)
            except (ConnectionError, ssl.SSLError):
                chunk = b""
            if not chunk:
                self.closed = True
                return False
            self.text += chunk.decode()
        return True
