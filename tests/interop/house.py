"""A SIP system inside that takes every message and remembers it, for tests that are about somebody else."""

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Self

from tests.interop.by_hand import KEPT, Credentials, SipLink
from tests.interop.process import Addresses, wait_until
from tests.interop.sip_user import written


class House:
    """Listens on `written`, an address and a port, and answers 200 to each MESSAGE."""

    def __init__(self, addresses: Addresses, credentials: Credentials) -> None:
        self._listener = socket.create_server((addresses.of("house"), 0))
        self._credentials = credentials
        self._bodies: list[str] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        host, port = self._listener.getsockname()
        self.written = f"{host}:{port}"

    def heard(self, text: str, seconds: float = 40.0) -> None:
        """Wait until this was written to somebody here."""
        wait_until(lambda: text in self._bodies, f"the house hears {text!r}", seconds)

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)  # so that nobody waits for the next one any more
        for thread in self._threads:
            thread.join(3)
        self._listener.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(OSError):
                link = SipLink.accept(self._listener, self._credentials)
                self._threads.append(threading.Thread(target=self._serve, args=(link,), daemon=True))
                self._threads[-1].start()

    def _serve(self, link: SipLink) -> None:
        answered = 0
        while not self._over.is_set() and not link.closed:
            link.read(time.monotonic() + 0.5)
            for message in link.received[answered:]:
                answered += 1
                if message.method == "MESSAGE":
                    self._bodies.append(message.body)
                    kept = [(name, value) for name, value in message.headers if name in KEPT]
                    link.send(written("SIP/2.0 200 OK", [*kept, ("Content-Length", "0")]))
        link.close()
