"""A scripted SIP user agent behind a real proxy: registers, publishes, subscribes, and talks MESSAGE over TCP.

It has its own few lines of parsing, so that it cannot share a misreading with the gateway.
"""

import contextlib
import socket
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from xml.etree import ElementTree
from xml.sax.saxutils import escape

ANSWERED_WITHIN = 60.0  # seconds; longer than Timer F of whoever is on the way
EXPECTED_WITHIN = 40.0

COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length"}

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class SipMessage:
    """A request or a response as it came; header names are compared in lower case."""

    start: str
    headers: list[tuple[str, str]]
    body: str

    @property
    def method(self) -> str:
        return "" if self.status else self.start.split(" ")[0]

    @property
    def status(self) -> int:
        return int(self.start.split(" ")[1]) if self.start.startswith("SIP/2.0 ") else 0

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name.lower()]

    def get(self, name: str) -> str:
        return next(iter(self.all(name)), "")


@dataclass
class Dialog:
    """What a request within a dialog needs; made from the answer that opened it."""

    call_id: str
    local: str
    remote: str
    target: str
    route: list[str] = field(default_factory=list)


class SipUser:
    """``address_of_record`` is "sip:romeo@montague.example". What comes is answered with 200, or as `answers` says."""

    def __init__(self, address_of_record: str, address: str, proxy: tuple[str, int]) -> None:
        self.address_of_record = address_of_record
        self.answers: dict[str, int] = {}  # method -> status
        self._address, self._proxy = address, proxy
        self._received: list[SipMessage] = []
        self._told: dict[str, tuple[int, SipMessage]] = {}  # Call-ID -> CSeq and the NOTIFY with the highest
        self._changed = threading.Condition()
        self._sequence = 0
        self._etag = ""
        self._connect()

    # what it does

    def reconnect(self) -> None:
        """Connect again where the proxy has gone and come back. The contact is another then; dialogs go on."""
        self.close()
        self._connect()

    def register(self, *, expires: int = 600) -> SipMessage:
        registrar = "sip:" + self.address_of_record.partition("@")[2]
        headers = [("Contact", self.contact), ("Expires", str(expires))]
        return self.request("REGISTER", registrar, headers, to=self.address_of_record)

    def publish(self, document: str, *, expires: int = 600) -> SipMessage:
        """Publish a PIDF document, in place of the one before."""
        headers = [("Event", "presence"), ("Expires", str(expires)), ("Content-Type", "application/pidf+xml")]
        if self._etag:
            headers.append(("SIP-If-Match", self._etag))
        answer = self.request("PUBLISH", self.address_of_record, headers, document)
        if answer.status == 412:  # the presence server does not remember
            answer = self.request("PUBLISH", self.address_of_record, headers[:-1], document)
        self._etag = answer.get("SIP-ETag")
        return answer

    def message(self, to: str, text: str, *, content_type: str = "text/plain", headers: Headers = ()) -> SipMessage:
        return self.request("MESSAGE", to, [("Content-Type", content_type), *headers], text)

    def subscribe(self, to: str, *, expires: int = 600) -> tuple[SipMessage, Dialog]:
        """Open a presence subscription; NOTIFYs are to be expected."""
        headers = [("Event", "presence"), ("Accept", "application/pidf+xml"), ("Expires", str(expires))]
        answer = self.request("SUBSCRIBE", to, [*headers, ("Contact", self.contact)])
        route = [element.strip() for row in answer.all("Record-Route") for element in row.split(",")][::-1]
        target = answer.get("Contact").partition("<")[2].partition(">")[0]
        return answer, Dialog(answer.get("Call-ID"), answer.get("From"), answer.get("To"), target, route)

    def resubscribe(self, dialog: Dialog, *, expires: int) -> SipMessage:
        """Refresh a subscription, or end it with 0."""
        headers = [("Event", "presence"), ("Expires", str(expires)), ("Contact", self.contact)]
        return self.request("SUBSCRIBE", dialog.target, headers, dialog=dialog)

    def request(
        self,
        method: str,
        uri: str,
        headers: Headers = (),
        body: str = "",
        *,
        to: str = "",
        dialog: Dialog | None = None,
    ) -> SipMessage:
        """Send a request and return its final answer."""
        self._sequence += 1
        call_id = dialog.call_id if dialog else f"{uuid.uuid4().hex}@{self._sent_by}"
        octets = body.encode()
        rows = [
            ("Via", f"SIP/2.0/TCP {self._sent_by};branch=z9hG4bK{uuid.uuid4().hex}"),
            ("Max-Forwards", "70"),
            ("From", dialog.local if dialog else f"<{self.address_of_record}>;tag={uuid.uuid4().hex[:8]}"),
            ("To", dialog.remote if dialog else f"<{to or uri}>"),
            ("Call-ID", call_id),
            ("CSeq", f"{self._sequence} {method}"),
            *(("Route", element) for element in (dialog.route if dialog else [])),
            *headers,
            ("Content-Length", str(len(octets))),
        ]
        self._socket.sendall(written(f"{method} {uri} SIP/2.0", rows) + octets)
        sequence = f"{self._sequence} {method}"
        return self._take(
            lambda m: m.status >= 200 and m.get("Call-ID") == call_id and m.get("CSeq") == sequence,
            f"answer to {method} {uri}",
            ANSWERED_WITHIN,
        )

    # what it sees

    def expect(self, method: str, *, body: str = "", seconds: float = EXPECTED_WITHIN, **headers: str) -> SipMessage:
        """Wait for a request whose body and named headers contain what is given (``subscription_state="active"``)."""

        def wanted(message: SipMessage) -> bool:
            return (
                message.method == method
                and body in message.body
                and all(value in message.get(name.replace("_", "-")) for name, value in headers.items())
            )

        return self._take(wanted, f"{method} with {body!r} {headers}", seconds)

    def expect_nothing(self, method: str, *, seconds: float, body: str = "") -> None:
        with contextlib.suppress(AssertionError):
            found = self.expect(method, body=body, seconds=seconds)
            raise RuntimeError(f"{self.address_of_record} got {found}")

    def sees(self, dialog: Dialog) -> dict[str, tuple[str, str]]:
        """What the last NOTIFY of a dialog says: the tuples that are open, with their show and note."""
        with self._changed:
            _, notify = self._told.get(dialog.call_id, (0, None))
        if notify is None or not notify.body:
            return {}
        found: dict[str, tuple[str, str]] = {}
        for each in ElementTree.fromstring(notify.body.encode()).iterfind("{*}tuple"):
            if each.findtext("{*}status/{*}basic") == "open":
                show, note = each.findtext("{*}status/{jabber:client}show", ""), each.findtext("{*}note", "")
                found[each.get("id", "").removeprefix("ID-")] = show, note
        return found

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _connect(self) -> None:
        self._socket = socket.create_connection(self._proxy, timeout=ANSWERED_WITHIN, source_address=(self._address, 0))
        self._socket.settimeout(None)
        host, port = self._socket.getsockname()
        self._sent_by = f"{host}:{port}"
        user = self.address_of_record.partition(":")[2].partition("@")[0]
        self.contact = f"<sip:{user}@{self._sent_by};transport=tcp>"
        self._thread = threading.Thread(target=self._read, name=f"sip {user}", daemon=True)
        self._thread.start()

    def _take(self, wanted: Callable[[SipMessage], bool], what: str, seconds: float) -> SipMessage:
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                for message in self._received:
                    if wanted(message):
                        self._received.remove(message)
                        return message
                left = deadline - time.monotonic()
                if left <= 0:
                    seen = "\n".join(f"{m.start} {m.headers} {m.body}" for m in self._received)
                    raise AssertionError(f"{self.address_of_record}: no {what} within {seconds} s, but:\n{seen}")
                self._changed.wait(left)

    # in the thread

    def _read(self) -> None:
        data = b""
        with contextlib.suppress(OSError):
            while chunk := self._socket.recv(65536):
                data += chunk
                while b"\r\n\r\n" in data:
                    head, _, rest = data.partition(b"\r\n\r\n")
                    message, length = parsed(head.decode())
                    if len(rest) < length:
                        break
                    data = rest[length:]
                    self._receive(SipMessage(message.start, message.headers, rest[:length].decode()))

    def _receive(self, message: SipMessage) -> None:
        if message.method:
            status = self.answers.get(message.method, 200)
            to = message.get("To") + ("" if "tag=" in message.get("To") else f";tag={uuid.uuid4().hex[:8]}")
            rows = [("Via", value) for value in message.all("Via")]
            rows += [(name, message.get(name)) for name in ("From", "Call-ID", "CSeq")]
            rows += [("To", to), ("Contact", self.contact), ("Content-Length", "0")]
            self._socket.sendall(written(f"SIP/2.0 {status} Answered", rows))
        with self._changed:
            self._received.append(message)
            if message.method == "NOTIFY":
                number = int(message.get("CSeq").split()[0])
                if number > self._told.get(message.get("Call-ID"), (0, None))[0]:
                    self._told[message.get("Call-ID")] = number, message
            self._changed.notify_all()


def parsed(head: str) -> tuple[SipMessage, int]:
    """The message without its body, and how long its body is."""
    start, *lines = head.lstrip("\r\n").split("\r\n")
    rows = [(name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    message = SipMessage(start, [(COMPACT.get(name, name), value) for name, value in rows], "")
    return message, int(message.get("Content-Length") or 0)


def written(start: str, rows: Headers) -> bytes:
    return "\r\n".join([start, *(f"{name}: {value}" for name, value in rows), "", ""]).encode()


def pidf(entity: str, basic: str = "open", note: str = "", tuple_id: str = "desk") -> str:
    """A presence document of one tuple."""
    noted = f"<note>{escape(note)}</note>" if note else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="{escape(entity)}">'
        f'<tuple id="{tuple_id}"><status><basic>{basic}</basic></status>{noted}</tuple></presence>'
    )
