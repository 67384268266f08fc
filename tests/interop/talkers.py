"""Users who talk all the time and never wait: an XMPP client with XEP-0198, and a SIP user agent.

Both connect again whenever their server comes back, and tell at once what becomes of what they said. Run as a program
(`python -m tests.interop.talkers SPECIFICATION`) they are those who listen, in a process of their own that can be
killed: each message is in a file before anybody is told that it has arrived.
"""

import asyncio
import contextlib
import json
import os
import sys
import uuid
from abc import ABC, abstractmethod
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from tests.interop.sip_user import SipMessage, parsed, written

RETRY = 0.05  # seconds between two attempts to connect
LOGIN_WITHIN = 20.0  # seconds, then another attempt
GONE = 0  # in place of a status: the connection has ended before the answer came (RFC 3261 §8.1.3.1)

SM = "urn:xmpp:sm:3"

Element = ElementTree.Element


class Talker(ABC):
    """A user with one connection to his server, which is made anew until he is stopped."""

    def __init__(self, server: tuple[str, int], source: str = "") -> None:
        self.ready = asyncio.Event()
        self._server, self._source = server, source
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._live())

    async def stop(self) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _live(self) -> None:
        while True:
            writer = None
            with contextlib.suppress(OSError, EOFError, TimeoutError, ElementTree.ParseError):
                where = (self._source, 0) if self._source else None
                reader, writer = await asyncio.open_connection(*self._server, local_addr=where)
                self._reader, self._writer = reader, writer
                async with asyncio.timeout(LOGIN_WITHIN):
                    await self._log_in()
                self.ready.set()
                while True:
                    await self._receive()
            self.ready.clear()
            if writer is not None:
                writer.close()
            self._lost()
            await asyncio.sleep(RETRY)

    async def _read(self) -> bytes:
        data = await self._reader.read(65536)
        if not data:
            raise EOFError
        return data

    @abstractmethod
    async def _log_in(self) -> None: ...

    @abstractmethod
    async def _receive(self) -> None: ...

    @abstractmethod
    def _lost(self) -> None: ...


class XmppTalker(Talker):
    """``arrived`` is told of each message stanza, ``accepted`` of each key that the server has counted or never will.

    The key of a message is its id and its text.
    """

    def __init__(
        self,
        jid: str,
        password: str,
        server: tuple[str, int],
        arrived: Callable[[Element], None],
        accepted: Callable[[str, bool], None] = lambda key, accepted: None,
    ) -> None:
        super().__init__(server)
        self._user, _, self._domain = jid.partition("@")
        self._password = password
        self._arrived, self._accepted = arrived, accepted
        self._uncounted: deque[str] = deque()  # keys; "" is for a stanza that is no message

    def say(self, to: str, keys: Sequence[str]) -> None:
        """Send messages, all in one write."""
        self._uncounted.extend(keys)
        stanzas = (
            f"<message type='chat' id={quoteattr(key)} to={quoteattr(to)}><body>{escape(key)}</body></message>"
            for key in keys
        )
        self._write("".join(stanzas) + f"<r xmlns='{SM}'/>")

    async def _log_in(self) -> None:
        await self._open()
        secret = b64encode(f"\0{self._user}\0{self._password}".encode()).decode()
        self._write(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{secret}</auth>")
        await self._expect("success")
        await self._open()
        bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>here</resource></bind>"
        self._write(f"<iq type='set' id='bind'>{bind}</iq>")
        await self._expect("iq")
        self._write(f"<enable xmlns='{SM}'/>")
        await self._expect("enabled")
        self._seen = self._counted = 0
        self._uncounted.append("")
        self._write("<presence/>")

    async def _open(self) -> None:
        self._parser = ElementTree.XMLPullParser(("start", "end"))
        self._depth = 0
        self._stanzas: deque[Element] = deque()
        self._write(
            f"<stream:stream to='{self._domain}' version='1.0' xmlns='jabber:client'"
            " xmlns:stream='http://etherx.jabber.org/streams'>"
        )
        await self._expect("features")

    async def _expect(self, name: str) -> None:
        found = local_name(await self._next())
        if found != name:
            raise EOFError(f"{self._user} got {found} in place of {name}")

    async def _receive(self) -> None:
        stanza = await self._next()
        name = local_name(stanza)
        if name == "r":
            self._write(f"<a xmlns='{SM}' h='{self._seen}'/>")
        elif name == "a":
            for _ in range(int(stanza.get("h", "0")) - self._counted):
                self._counted += 1
                self._end(self._uncounted.popleft(), True)
        elif name in ("message", "presence", "iq"):
            if name == "message":
                self._arrived(stanza)
            self._seen += 1

    async def _next(self) -> Element:
        while not self._stanzas:
            self._parser.feed(await self._read())
            for event, element in self._parser.read_events():
                if event == "start":
                    self._depth += 1
                    if self._depth == 1:
                        self._root = element
                    continue
                self._depth -= 1
                if self._depth == 1:
                    self._stanzas.append(element)
                    self._root.clear()
                elif self._depth == 0:
                    raise EOFError
        return self._stanzas.popleft()

    def _lost(self) -> None:
        while self._uncounted:
            self._end(self._uncounted.popleft(), False)

    def _end(self, key: str, accepted: bool) -> None:
        if key:
            self._accepted(key, accepted)

    def _write(self, text: str) -> None:
        self._writer.write(text.encode())


class SipTalker(Talker):
    """``arrived`` is told of each MESSAGE before it is answered, ``answered`` of each final status, or `GONE`.

    The key of a message is its text and its Call-ID.
    """

    def __init__(
        self,
        address_of_record: str,
        source: str,
        proxy: tuple[str, int],
        arrived: Callable[[SipMessage], None],
        answered: Callable[[str, int], None] = lambda key, status: None,
    ) -> None:
        super().__init__(proxy, source)
        self._address_of_record = address_of_record
        self._tag = uuid.uuid4().hex[:8]
        self._arrived, self._answered = arrived, answered
        self._waiting: set[str] = set()

    def say(self, to: str, keys: Sequence[str]) -> None:
        """Send messages, all in one write. One that is said again is the same request on another branch."""
        self._waiting.update(keys)
        self._writer.write(b"".join(self._request("MESSAGE", to, key, 1, key) for key in keys))

    async def _log_in(self) -> None:
        self._data = b""
        host, port = self._writer.get_extra_info("sockname")
        self._sent_by = f"{host}:{port}"
        user, _, domain = self._address_of_record.removeprefix("sip:").partition("@")
        contact = f"<sip:{user}@{self._sent_by};transport=tcp>"
        call_id = uuid.uuid4().hex
        # first whatever a process before this one has left there
        for sequence, (where, expires) in enumerate((("*", 0), (contact, 600)), 1):
            rows = [("Contact", where), ("Expires", str(expires))]
            uri = f"sip:{domain}"
            self._writer.write(self._request("REGISTER", uri, call_id, sequence, "", self._address_of_record, rows))
            while not (answer := await self._next()).status:
                self._take(answer)
            if answer.status != 200:
                raise EOFError

    async def _receive(self) -> None:
        self._take(await self._next())

    def _take(self, message: SipMessage) -> None:
        call_id = message.get("Call-ID")
        if message.status >= 200 and call_id in self._waiting:
            self._waiting.discard(call_id)
            self._answered(call_id, message.status)
        elif message.method:
            self._arrived(message)
            rows = [("Via", value) for value in message.all("Via")]
            rows += [(name, message.get(name)) for name in ("From", "Call-ID", "CSeq")]
            rows += [("To", f"{message.get('To')};tag={uuid.uuid4().hex[:8]}"), ("Content-Length", "0")]
            self._writer.write(written("SIP/2.0 200 OK", rows))

    async def _next(self) -> SipMessage:
        while True:
            head, found, rest = self._data.partition(b"\r\n\r\n")
            if found:
                message, length = parsed(head.decode())
                if len(rest) >= length:
                    self._data = rest[length:]
                    return SipMessage(message.start, message.headers, rest[:length].decode())
            self._data += await self._read()

    def _lost(self) -> None:
        while self._waiting:
            self._answered(self._waiting.pop(), GONE)

    def _request(
        self,
        method: str,
        uri: str,
        call_id: str,
        sequence: int,
        body: str,
        to: str = "",
        more: Sequence[tuple[str, str]] = (),
    ) -> bytes:
        rows = [
            ("Via", f"SIP/2.0/TCP {self._sent_by};branch=z9hG4bK{uuid.uuid4().hex}"),
            ("Max-Forwards", "70"),
            ("From", f"<{self._address_of_record}>;tag={self._tag}"),
            ("To", f"<{to or uri}>"),
            ("Call-ID", call_id),
            ("CSeq", f"{sequence} {method}"),
            *more,
            *([("Content-Type", "text/plain")] if body else []),
            ("Content-Length", str(len(body))),
        ]
        return written(f"{method} {uri} SIP/2.0", rows) + body.encode()


def local_name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


async def listen(specification: Path) -> None:
    """Be all whom ``specification`` names until the process is ended, and write down what comes."""
    wanted = json.loads(specification.read_text())
    record = os.open(wanted["record"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def keep(key: str, id: str) -> None:
        os.write(record, f"{key} {id or '-'}\n".encode())

    talkers: list[Talker] = [
        XmppTalker(
            jid, wanted["password"], tuple(wanted["xmpp"]), lambda s: keep(s.findtext("{*}body", "-"), s.get("id", ""))
        )
        for jid in wanted["jids"]
    ]
    talkers += [
        SipTalker(aor, wanted["source"], tuple(wanted["sip"]), lambda m: keep(m.body or "-", m.get("Call-ID")))
        for aor in wanted["addresses_of_record"]
    ]
    for talker in talkers:
        talker.start()
    for talker in talkers:
        await talker.ready.wait()
    Path(wanted["ready"]).touch()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(listen(Path(sys.argv[1])))
