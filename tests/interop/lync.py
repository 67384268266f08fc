"""A Microsoft Access Edge under script, with the users behind it and their clients.

    with LyncEdge(folder, address, port, "sip.contoso.example", issued, ca).start() as lync:
        lync.knows("edge.example", ("127.0.0.1", 5061))
        alice = lync.user("alice")
        alice.write("sip:juliet@capulet.example", "hello")
        alice.reads("sip:juliet@capulet.example", "who is there?")

It dials the gateway with up to four connections and takes requests on any. Everything that the gateway must not do is
kept in `faults`, and fails the test when the edge is closed. What went over the wire stands in ``folder``/lync.log.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from demo.authority import Issued
from tests.interop.lync_dialog import NO_DIALOG, Answered, Dialog, Sent
from tests.interop.lync_im import Session
from tests.interop.lync_link import Link, credentials
from tests.interop.lync_user import LyncUser
from tests.interop.lync_wire import Message, Rows, parameter, plain, token, written
from tests.sip import microsoft_samples as ms

CONNECTIONS = 4  # dialled at most
TIMEOUT = 32.0  # seconds for an answer
INVITE_TIMEOUT = 180.0  # seconds, where somebody must look at his screen first
LOST_AFTER = 1.0  # seconds after the loss of a connection until its requests have failed
KEEP_ALIVE = 2.0  # seconds; clients use 40 to 300
STARTED_WITHIN = 60.0
WIDE = 200  # characters of a line in a report
UNCHANGED = ("From", "Call-ID", "CSeq")
REASONS = {
    **{100: "Trying", 101: "Progress Report", 180: "Ringing", 200: "OK", 404: "Not Found", 405: "Method Not Allowed"},
    **{406: "Not Acceptable", 415: "Unsupported Media Type", 480: "Temporarily Unavailable", 486: "Busy Here"},
    **{481: "Call Leg/Transaction Does Not Exist", 487: "Request Terminated", 488: "Not Acceptable Here"},
    **{489: "Bad Event", 500: "The server encountered an unexpected internal error", 504: "Server time-out"},
}

T = TypeVar("T")


class LyncEdge:
    """``name`` is its host name, directly in its SIP domain."""

    def __init__(self, folder: Path, address: str, port: int, name: str, issued: Issued, ca: bytes) -> None:
        self.address, self.port, self.name = address, port, name
        self.domain = name.partition(".")[2]
        self.keep_alive = KEEP_ALIVE
        self.latency = 0.0  # seconds until something leaves, as over a long way
        self.faults: list[str] = []
        self.links: list[Link] = []  # all that are open
        self.users: dict[str, LyncUser] = {}
        self.log = folder / "lync.log"
        self._context = credentials(folder, issued, ca)
        self._partner, self._partner_address = "", ("", 0)
        self._numbers, self._turns = count(1), count()
        self._dials: dict[int, asyncio.Task[Link]] = {}
        self._sent: dict[str, Sent] = {}  # by branch
        self._dialogs: dict[tuple[str, str], Dialog] = {}  # by Call-ID and our tag
        self._served: dict[str, str] = {}  # branch -> method, of requests that came
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda _, context: self.fault(str(context)))
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._ready: Future[None] = Future()
        self._written = self.log.open("a")
        self._tasks: set[asyncio.Task[None]] = set()

    # for the script

    def knows(self, partner: str, at: tuple[str, int]) -> None:
        """Name and address of the only partner, as its administrator has entered them."""
        self._partner, self._partner_address = partner, at

    def start(self) -> Self:
        self._thread.start()
        self._ready.result(STARTED_WITHIN)
        return self

    def user(self, name: str) -> LyncUser:
        """A new user with one client."""
        user = LyncUser(self, f"sip:{name}@{self.domain}", name.capitalize())
        self.users[user.uri] = user
        return user

    def do(self, call: Callable[[], T]) -> T:
        """Let the thread call it."""
        done: Future[T] = Future()

        def run() -> None:
            try:
                done.set_result(call())
            except BaseException as error:
                done.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return done.result(STARTED_WITHIN)

    def restart(self, away: float = 0.0) -> None:
        """All connections and dialogs are gone at once, and nobody is told; for ``away`` seconds it takes none."""
        if away:
            self.do(lambda: self._server.close())
        self.do(self._forget)
        if away:
            time.sleep(away)
            asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(STARTED_WITHIN)

    def cut(self) -> None:
        """All connections are gone; what was spoken of on them is not."""
        self.do(lambda: [link.drop() for link in list(self.links)])

    def close(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(STARTED_WITHIN)
        self._written.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if kind is None:
            assert not self.faults, "\n\n".join(self.faults)

    # for dialogs and users, in the thread

    def request(
        self, method: str, uri: str, rows: Rows, body: str, answered: Answered, link: Link | None = None
    ) -> Sent:
        """Send it on ``link`` or on the next connection. A failure of the network is answered with 408 or 503."""
        rows = list(rows)
        if method not in ("ACK", "BYE", "CANCEL") and not any(name == "Record-Route" for name, _ in rows):
            rows += [("Record-Route", each) for each in self.routes()]  # in a dialog they mean nothing
        elif method == "ACK":
            rows += [("Record-Route", self.routes()[0])]
        sent = Sent(method, uri, rows, body, answered, self._vias())
        if link is not None and not link.closed:
            self._write(sent, link)
            return sent
        number = next(self._turns) % CONNECTIONS
        dial = self._dials.get(number)
        if dial is not None and dial.done() and not dial.exception() and not dial.result().closed:
            self._write(sent, dial.result())
            return sent
        if dial is None or dial.done():
            self._dials[number] = self._loop.create_task(self._dial())
        task = self._loop.create_task(self._send(sent, self._dials[number]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return sent

    def respond(
        self, link: Link, request: Message, status: int, rows: Rows = (), body: str = "", to: str = ""
    ) -> None:
        if not to:
            to = request.get("To")
            if status > 100 and not parameter(to, "tag"):
                to += f";tag={token(5)}"
        first, *others = request.values("Via")
        host, port = link.address
        first += f";received={host};ms-received-port={port};ms-received-cid={link.number:X}00"
        kept = [(name, request.get(name)) for name in UNCHANGED]
        head = [("Via", first), kept[0], ("To", to), *kept[1:], *(("Via", each) for each in others)]
        start = f"SIP/2.0 {status} {REASONS.get(status, 'Failed')}"
        link.send(written(start, [*head, *rows], body))

    def keep(self, dialog: Dialog) -> None:
        self._dialogs[dialog.call_id, dialog.tag] = dialog

    def drop(self, dialog: Dialog) -> None:
        self._dialogs.pop((dialog.call_id, dialog.tag), None)

    def routes(self) -> list[str]:
        return ms.record_routes(f"{self.address}:{self.port}", f"fe01.{self.domain}", token(4))

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        if seconds:
            self._loop.call_later(seconds, call)
        else:
            call()

    def fault(self, text: str) -> None:
        """Lines are shortened; the log has them whole."""
        self.faults.append("\n".join(line[:WIDE] for line in text.splitlines()))
        self._written.write(f"FAULT {text}\n\n")

    # for links

    def connected(self, link: Link) -> None:
        self.links.append(link)

    def received(self, link: Link, message: Message) -> None:
        if message.status:
            self._answer(link, message)
        elif self._partner not in link.names:
            if message.method != "ACK":
                self.respond(link, message, 504)  # says nothing more, and lets the other side guess
        elif parameter(message.get("To"), "tag"):
            self._within(link, message)
        elif message.method == "NEGOTIATE":
            self.respond(link, message, 405, [("Allow", ms.ALLOW)])
        elif message.method == "OPTIONS":
            self.respond(link, message, 200, [("Allow", ms.ALLOW), ("Accept", "application/sdp, text/plain")])
        elif message.method == "CANCEL":
            self._cancel(link, message)
        elif plain(message.uri) not in self.users:
            why = '1003;reason="User does not exist"'
            self.respond(link, message, 404, [("ms-diagnostics-public", why)])
        elif self._is_new(message):
            self.users[plain(message.uri)].asked_first(link, message)

    def lost(self, link: Link) -> None:
        if link in self.links:
            self.links.remove(link)
        for sent in list(self._sent.values()):
            if sent.link is link and not sent.done:
                self._loop.call_later(LOST_AFTER, self._give_up, sent, 503)

    def wrote(self, link: Link, arrow: str, text: str) -> None:
        self._written.write(f"{time.time():.3f} {arrow} link {link.number}\n{text}\n\n")

    # private parts

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._listen())
        except OSError as error:
            self._ready.set_exception(error)
            return
        self._ready.set_result(None)
        self._loop.run_forever()
        self._server.close()
        self._forget()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await self._loop.create_server(
            self._accepted, self.address, self.port, ssl=self._context(True), reuse_address=True
        )

    def _accepted(self) -> Link:
        return Link(self, next(self._numbers))

    async def _dial(self) -> Link:
        host, port = self._partner_address
        link = Link(self, next(self._numbers), (self.name, self._partner))
        await self._loop.create_connection(
            lambda: link, host, port, ssl=self._context(False), server_hostname=self._partner,
            local_addr=(self.address, 0),
        )
        await link.ready
        return link

    async def _send(self, sent: Sent, dial: asyncio.Task[Link]) -> None:
        try:
            link = await asyncio.shield(dial)
        except OSError:
            self._give_up(sent, 503)
        else:
            self._write(sent, link)

    def _write(self, sent: Sent, link: Link) -> None:
        sent.link = link
        if self._partner not in link.names:
            self._give_up(sent, 504)
            return
        if sent.method != "ACK":
            self._sent[sent.branch] = sent
            self._loop.call_later(INVITE_TIMEOUT if sent.method == "INVITE" else TIMEOUT, self._give_up, sent, 408)
        routes = [("Record-Route", each) for each in sent.lines("Record-Route")]
        vias = [("Via", each) for each in sent.vias]
        others = [row for row in sent.rows if row[0] != "Record-Route"]
        rows = [*routes[:1], vias[0], ("Max-Forwards", "68"), vias[1], *others[:1], *routes[1:], *others[1:3], vias[2]]
        rows += [*others[3:], ("ms-edge-proxy-message-trust", ms.TRUSTED.format(self.name))]
        rows += [("ms-asserted-verification-level", ms.VERIFIED), ("ms-user-logon-data", "RemoteUser")]
        rows.append(("User-Agent", ms.LYNC))
        link.send(written(f"{sent.method} {sent.uri} SIP/2.0", rows, sent.body, folded=link.number % 2 == 0))

    def _vias(self) -> list[str]:
        branch = ".".join(["z9hG4bK" + token(4).upper(), token(4).upper(), token(4).upper()])
        inside = ms.signature(token(8), 30) + "+/=="
        received = "ms-received-port=50123;ms-received-cid=1A00"
        return [
            f'SIP/2.0/TLS {self.address}:{self.port};branch={branch};branched=TRUE;ms-internal-info="{inside}"',
            f"SIP/2.0/TLS 10.0.0.20:52011;branch=z9hG4bK{token(4)};branched=FALSE;ms-received-port=52011",
            f"SIP/2.0/TLS {ms.CLIENT}:50123;{received}",
        ]

    def _answer(self, link: Link, answer: Message) -> None:
        sent = self._sent.get(parameter(answer.get("Via"), "branch"))
        if sent is None:
            return  # from before a restart
        first, *others = answer.values("Via")
        if not f"{first};".startswith(f"{sent.vias[0]};") or others != sent.vias[1:]:  # received may be added
            self.fault(f"Via changed from {sent.vias} in\n{answer}")
        if any(answer.get(name) != sent.get(name) for name in UNCHANGED):
            self.fault(f"{UNCHANGED} changed from {sent.rows} in\n{answer}")
        if link is not sent.link and sent.link is not None and not sent.link.closed:
            self.fault(f"an answer on another connection:\n{answer}")
        to = answer.get("To")
        if not to.startswith(sent.get("To")) or (answer.status > 100 and not parameter(to, "tag")):
            self.fault(f"To is not {sent.get('To')} with a tag in\n{answer}")
        if sent.done:
            if 200 <= answer.status < 300 and sent.again:
                sent.again()
            return
        if answer.status >= 200:
            sent.done = True
            if sent.method == "INVITE" and answer.status >= 300:
                self._acknowledge(sent, link, answer)
        else:
            sent.progress.append(answer.status)
        sent.answered(answer)

    def _acknowledge(self, sent: Sent, link: Link, answer: Message) -> None:
        number = sent.get("CSeq").partition(" ")[0]
        rows = [("Via", sent.vias[0]), ("Max-Forwards", "70"), ("From", sent.get("From")), ("To", answer.get("To"))]
        rows += [("Call-ID", sent.get("Call-ID")), ("CSeq", f"{number} ACK")]
        link.send(written(f"ACK {sent.uri} SIP/2.0", rows))

    def _give_up(self, sent: Sent, status: int) -> None:
        if not sent.done and (sent.link is None or sent.branch in self._sent or status == 504):
            sent.done = True
            sent.answered(Message(f"SIP/2.0 {status} Nobody has answered", []))

    def _is_new(self, request: Message) -> bool:
        branch = parameter(request.get("Via"), "branch")
        if not branch.startswith("z9hG4bK") or not parameter(request.get("From"), "tag"):
            self.fault(f"no branch of RFC 3261 or no tag in\n{request}")
        if self._served.get(branch) == request.method:
            self.fault(f"a second time:\n{request}")
            return False
        self._served[branch] = request.method
        return True

    def _within(self, link: Link, request: Message) -> None:
        dialog = self._dialogs.get((request.get("Call-ID"), parameter(request.get("To"), "tag")))
        if dialog is None and request.method != "ACK":
            self.respond(link, request, 481, [("ms-diagnostics-public", NO_DIALOG)])
        elif dialog is not None and (request.method == "ACK" or self._is_new(request)):
            dialog.owner.asked(link, request)

    def _cancel(self, link: Link, request: Message) -> None:
        branch = parameter(request.get("Via"), "branch")
        known = self._served.get(branch) == "INVITE"
        self.respond(link, request, 200 if known else 481)
        for dialog in [each for each in self._dialogs.values() if each.call_id == request.get("Call-ID")]:
            if isinstance(dialog.owner, Session):
                dialog.owner.cancelled()

    def _forget(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._sent.clear()
        self._dialogs.clear()
        self._served.clear()
        for link in list(self.links):
            link.drop()
        for user in self.users.values():
            user.restart()
