"""Servers that are broken, each in one way, for a gateway that is to say in which.

Each `Broken` listens on a loopback port of its own and does the same to every connection, in a thread.
"""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from OpenSSL import SSL

from tests.interop.process import Addresses
from tests.interop.sip_user import parsed, written

PATIENCE = 10.0  # seconds that such a server waits for anything
KEPT = {"via", "from", "to", "call-id", "cseq"}
HEADER = (
    "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'"
    " xmlns:db='jabber:server:dialback' id='s1' from='{}' version='1.0'>"
)
STARTTLS = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"

Behaviour = Callable[[socket.socket], None]


class Broken:
    """Does ``behaviour`` to each connection."""

    def __init__(self, addresses: Addresses, role: str, behaviour: Behaviour) -> None:
        self._listener = socket.create_server((addresses.of(role), 0))
        self._behaviour = behaviour
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self.address, self.port = self._listener.getsockname()
        self.written = f"{self.address}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(3)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        with connection, contextlib.suppress(OSError, SSL.Error, ssl.SSLError):
            self._behaviour(connection)


class Hole:
    """Takes no connection: its queue is full, so that the kernel drops what comes."""

    def __init__(self, addresses: Addresses, role: str) -> None:
        self._listener = socket.socket()
        self._listener.bind((addresses.of(role), 0))
        self._listener.listen(0)
        host, port = self._listener.getsockname()
        self.written = f"{host}:{port}"
        self._waiting = []
        for _ in range(4):
            waiting = socket.socket()
            waiting.setblocking(False)
            waiting.connect_ex((host, port))
            self._waiting.append(waiting)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in (*self._waiting, self._listener):
            each.close()


# --- what happens before, and instead of, TLS


def goes(connection: socket.socket) -> None:
    """Closes the connection as soon as something comes."""
    connection.recv(65536)


def is_silent(connection: socket.socket) -> None:
    """Reads, and says nothing."""
    with contextlib.suppress(OSError):
        while connection.recv(65536):
            pass


def breaks_off(connection: socket.socket) -> None:
    """Answers the first words of TLS with an alert about nothing in particular: internal_error (RFC 8446 §6.2)."""
    connection.recv(65536)
    connection.sendall(b"\x15\x03\x03\x00\x02\x02\x50")
    connection.recv(65536)


def speaks_in_clear(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    connection.recv(65536)


# --- TLS


def context(chain: bytes, key: bytes, folder: Path, *, asks: bool = True, trusts: bytes = b"") -> ssl.SSLContext:
    """A server's. It ``asks`` for certificates, and takes none but those that are issued by who it ``trusts``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pem").write_bytes(chain + key)
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.set_ciphers("ECDHE+AESGCM:@SECLEVEL=0")
    found.load_cert_chain(folder / "pem")
    if asks:
        found.verify_mode = ssl.CERT_REQUIRED
        found.load_verify_locations(cadata=trusts.decode())
    return found


def answering(found: ssl.SSLContext, status: str = "200 OK", more: tuple[tuple[str, str], ...] = ()) -> Behaviour:
    """A SIP server that gives every request the same answer."""

    def behave(connection: socket.socket) -> None:
        with found.wrap_socket(connection, server_side=True) as wire:
            data = b""
            while b"\r\n\r\n" not in data:
                chunk = wire.recv(65536)
                if not chunk:
                    return
                data += chunk
            request, _ = parsed(data.partition(b"\r\n\r\n")[0].decode())
            kept = [(name, value) for name, value in request.headers if name in KEPT]
            wire.sendall(written(f"SIP/2.0 {status}", [*kept, *more, ("Content-Length", "0")]))
            wire.recv(65536)

    return behave


def goes_when_it_has_seen(found: ssl.SSLContext) -> Behaviour:
    """Closes the connection, without a word, on the certificate that it has asked for."""

    def behave(connection: socket.socket) -> None:
        coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
        wire = found.wrap_bio(coming, going, server_side=True)
        coming.write(connection.recv(65536))
        with contextlib.suppress(ssl.SSLWantReadError):
            wire.do_handshake()
        connection.sendall(going.read())
        connection.recv(65536)

    return behave


def stapling(chain: bytes, key: bytes, folder: Path, staple: bytes) -> Behaviour:
    """A server that sends what its issuer says of its certificate."""
    context(chain, key, folder, asks=False)
    found = SSL.Context(SSL.TLS_METHOD)
    found.use_certificate_chain_file(str(folder / "pem"))
    found.use_privatekey_file(str(folder / "pem"))
    found.set_ocsp_server_callback(lambda connection, data: staple, None)

    def behave(connection: socket.socket) -> None:
        connection.settimeout(None)
        wire = SSL.Connection(found, connection)
        wire.set_accept_state()
        wire.do_handshake()
        wire.recv(65536)

    return behave


# --- XMPP


def streaming(domain: str, found: ssl.SSLContext | None, *then: str) -> Behaviour:
    """A server that says ``then`` after its header; with TLS (``found``) after STARTTLS."""

    def behave(connection: socket.socket) -> None:
        wire: socket.socket = connection
        if found is not None:
            wire = _secured(connection, domain, found)
        _until(wire, "version='1.0'>")
        wire.sendall((HEADER.format(domain) + "".join(then)).encode())
        is_silent(wire)

    return behave


def waiting(domain: str, found: ssl.SSLContext) -> Behaviour:
    """A server that says nothing any more behind TLS."""
    return lambda connection: is_silent(_secured(connection, domain, found))


def going(domain: str, found: ssl.SSLContext) -> Behaviour:
    """A server that closes the connection on the certificate that it has asked for."""

    def behave(connection: socket.socket) -> None:
        _ask_for_tls(connection, domain)
        goes_when_it_has_seen(found)(connection)

    return behave


def _secured(connection: socket.socket, domain: str, found: ssl.SSLContext) -> ssl.SSLSocket:
    _ask_for_tls(connection, domain)
    return found.wrap_socket(connection, server_side=True)


def _ask_for_tls(connection: socket.socket, domain: str) -> None:
    _until(connection, "version='1.0'>")
    connection.sendall((HEADER.format(domain) + STARTTLS).encode())
    _until(connection, "<starttls")
    connection.sendall(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")


def _until(wire: socket.socket, end: str) -> None:
    text = ""
    while end not in text:
        chunk = wire.recv(65536)
        if not chunk:
            raise ConnectionError
        text += chunk.decode()
