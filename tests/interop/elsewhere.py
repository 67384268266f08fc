"""Where a domain says of its certificates that they are its own: a web server, and a resolver that validates."""

import contextlib
import json
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.interop.process import Addresses

HTTPS = 443
WELL_KNOWN = "/.well-known/posh/xmpp-server.json"
AUTHENTIC = 0x20  # the AD bit, in the fourth octet of a DNS message
LONGEST = 4096  # octets of one
PATIENCE = 5.0  # seconds for an answer


class Served:
    """Something that goes on in a thread; ``step`` is done over and over."""

    def __init__(self, step: Callable[[], None], close: Callable[[], None]) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._step, self._close = step, close

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join(3)
        self._close()

    def _serve(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(OSError):
                self._step()


class Web(Served):
    """One domain's web server, with the certificate in ``files``. It has one ``document``."""

    def __init__(self, address: str, files: tuple[Path, Path], document: bytes) -> None:
        asked = self.asked = []  # type: ignore[var-annotated]

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(200 if self.path == WELL_KNOWN else 404)
                self.send_header("Content-Length", str(len(document)))
                self.end_headers()
                self.wfile.write(document)

            def log_message(self, format: str, *words: object) -> None:
                """Nobody reads it."""

        try:
            server = HTTPServer((address, HTTPS), Answer)
        except PermissionError:
            pytest.skip("POSH is asked for at port 443, which is not ours to take here")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.timeout = 0.2
        super().__init__(server.handle_request, server.server_close)


class Validator(Served):
    """Asks ``server`` and vouches for its answers to whoever wants to know, as a resolver that validates would.

    What has a name in ``unsigned`` it does not vouch for.
    """

    def __init__(self, addresses: Addresses, server: tuple[str, int], unsigned: tuple[bytes, ...] = ()) -> None:
        self._upstream, self._unsigned = server, unsigned
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((addresses.of("validator"), 0))
        self._socket.settimeout(0.2)
        host, port = self._socket.getsockname()
        self.server = f"{host}:{port}"
        super().__init__(self._answer, self._socket.close)

    def _answer(self) -> None:
        question, asker = self._socket.recvfrom(LONGEST)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as upstream:
            upstream.settimeout(PATIENCE)
            upstream.connect(self._upstream)
            upstream.send(question)
            answer = bytearray(upstream.recv(LONGEST))
        signed = not any(name in question for name in self._unsigned)
        answer[3] = answer[3] | AUTHENTIC if signed and question[3] & AUTHENTIC else answer[3] & ~AUTHENTIC
        self._socket.sendto(answer, asker)


def posh(pem: bytes) -> bytes:
    """The document about this certificate (RFC 7711)."""
    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    digest = b64encode(sha256(der).digest()).decode()
    return json.dumps({"fingerprints": [{"sha-256": digest}], "expires": 600}).encode()


def tlsa(name: str, port: int, pem: bytes) -> str:
    """The record about this certificate's key, DANE-EE (RFC 6698), as a line for dnsmasq."""
    key = x509.load_pem_x509_certificate(pem).public_key()
    digest = sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    return f"dns-rr=_{port}._tcp.{name},52,030101{digest}"
