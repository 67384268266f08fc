"""Strangers in any number, while a partner's messages go on: half-open connections, and handshakes without end.

By default a share of it, in a quarter of a minute; with ``EDGE_FLOOD=10000`` so many half-open connections, and then
half a minute of handshakes. The figures are printed (``pytest -s``).
"""

import os
import re
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from demo.authority import Authority
from tests.interop.by_hand import PATIENCE, Credentials, SipLink, XmppStream
from tests.interop.edge import NAME, Edge, System
from tests.interop.process import Addresses, wait_until
from tests.interop.sip_user import written

pytestmark = pytest.mark.slow

FULL = int(os.environ.get("EDGE_FLOOD", "0"))
HALF_OPEN = FULL or 1000
FLOOD = 30.0 if FULL else 3.0  # seconds
WATCHED = 30.0 if FULL else 2.0  # seconds for which half-open connections are borne
EVERY = 0.05  # seconds between two messages of a partner
BOUND = 0.25 if FULL else 2.5  # seconds; the 99th percentile of the time that a message takes, on whatever machine
SLACK = 12 << 20  # bytes of memory that may stay: whoever works uses some
PLACES = 2 * (200 + 200)  # connections that have proved nothing: those of strangers, and of partners
CLOSED_WITHIN = 120.0  # seconds, after which no half-open connection is left
FREE_WITHIN = 60.0  # seconds until their memory is given back
FEW = 80  # open files for a gateway that has too few of them

HOUSE, VERONA = "house.example", "verona.example"
CAPULET, MONTAGUE = "capulet.example", "montague.example"
STAMP = re.compile(r"at (\d+\.\d+)")
COMPONENT = (
    "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'"
    f" from='{MONTAGUE}' id='1'>"
)


class House:
    """A gateway with a SIP and an XMPP partner who write all the time, each to a user on the other side."""

    def __init__(self, stack: ExitStack, folder: Path, authority: Authority, addresses: Addresses) -> None:
        self.took: dict[str, list[float]] = {"sip": [], "xmpp": []}  # seconds that the messages of each partner took
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self.edge = Edge(folder, addresses, authority, [HOUSE, CAPULET])
        house, capulet = (stack.enter_context(socket.create_server((addresses.of("house"), 0))) for _ in range(2))
        nowhere = addresses.of("nobody")
        secret = "a secret"
        component = {"link": "component", "confirm": "write", "hosts": [written_down(capulet)]}
        self.edge.configure(
            [
                System("house", HOUSE, "sip", {"hosts": [written_down(house)]}, tls={"peer_names": [HOUSE]}),
                System("capulet", CAPULET, "xmpp", component, secret=secret),
            ],
            [
                System("verona", VERONA, "xmpp", {"hosts": [f"{nowhere}:5269"]}),
                System("montague", MONTAGUE, "sip", {"hosts": [f"{nowhere}:5061"]}, tls={"peer_names": [MONTAGUE]}),
            ],
        )
        stack.enter_context(self.edge.start())
        self.capulet = self._component(capulet)
        issued = {each: authority.issue("", dns=[each]) for each in (HOUSE, VERONA, MONTAGUE)}
        credentials = {each: Credentials(folder, shown, authority.pem) for each, shown in issued.items()}
        self._verona = credentials[VERONA]
        self.stream = stack.enter_context(XmppStream((self.edge.address, self.edge.xmpp), VERONA, HOUSE))
        assert self.stream.authenticate(credentials[VERONA])
        self.link = stack.enter_context(SipLink.dial((self.edge.address, self.edge.sip), NAME, credentials[MONTAGUE]))
        self._says_by_xmpp()
        self.sampson = stack.enter_context(SipLink.accept(house, credentials[HOUSE]))
        assert self.sampson.serve("MESSAGE").body.startswith("at ")
        stack.callback(self.stop)
        for work in (self._xmpp_talks, self._sip_talks, self._sampson_reads, self._juliet_reads):
            self._threads.append(threading.Thread(target=work, daemon=True))
            self._threads[-1].start()

    def comes_back(self) -> None:
        """A partner opens a stream, as if it had lost all others."""
        with XmppStream((self.edge.address, self.edge.xmpp), VERONA, HOUSE) as stream:
            assert stream.authenticate(self._verona)

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(5)

    @contextmanager
    def measured(self, what: str) -> Iterator[None]:
        """No message of this time may be late, and none may be lost."""
        before = {way: len(took) for way, took in self.took.items()}
        yield
        time.sleep(1.0)  # for the last of them
        for way, took in self.took.items():
            seconds = sorted(took[before[way] :])
            late = seconds[int(len(seconds) * 0.99)]
            print(f"{what}: {way}: {len(seconds)} messages, p99 {late * 1000:.0f} ms, last {seconds[-1] * 1000:.0f} ms")
            assert len(seconds) > 10 and late < BOUND, f"{what}: {way}: the 99th percentile is {late * 1000:.0f} ms"

    @property
    def memory(self) -> int:
        """Resident bytes."""
        pages = int((self.of_process / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    @property
    def files(self) -> int:
        return len(list((self.of_process / "fd").iterdir()))

    @property
    def cpu(self) -> float:
        """Seconds that it has worked."""
        fields = (self.of_process / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def of_process(self) -> Path:
        return Path("/proc") / str(self.edge.pid)

    def _component(self, listener: socket.socket) -> socket.socket:
        listener.settimeout(PATIENCE)
        wire, _ = listener.accept()
        read_past(wire, b"to=")
        wire.sendall(COMPONENT.encode())
        read_past(wire, b"</handshake>")
        wire.sendall(b"<handshake/>")
        return wire

    def _says_by_xmpp(self) -> None:
        text = f"at {time.monotonic()}"
        self.stream.send(f"<message from='nurse@{VERONA}' to='sampson@{HOUSE}'><body>{text}</body></message>")

    def _xmpp_talks(self) -> None:
        while not self._stopped.wait(EVERY):
            self._says_by_xmpp()

    def _sip_talks(self) -> None:
        while not self._stopped.wait(EVERY):
            self.link.received.clear()
            answer = self.link.message(f"sip:juliet@{CAPULET}", f"sip:romeo@{MONTAGUE}", f"at {time.monotonic()}")
            assert answer.status == 200

    def _sampson_reads(self) -> None:
        while not self._stopped.is_set():
            self.sampson.read(time.monotonic() + 0.5)
            for message in self.sampson.received:
                self._came("xmpp", message.body)
                kept = [each for each in message.headers if each[0] in ("via", "from", "to", "call-id", "cseq")]
                self.sampson.send(written("SIP/2.0 200 OK", [*kept, ("Content-Length", "0")]))
            self.sampson.received.clear()

    def _juliet_reads(self) -> None:
        self.capulet.settimeout(0.5)
        while not self._stopped.is_set():
            try:
                self._came("sip", self.capulet.recv(65536).decode())
            except TimeoutError:
                continue

    def _came(self, way: str, text: str) -> None:
        now = time.monotonic()
        self.took[way] += [now - float(at) for at in STAMP.findall(text)]


def read_past(wire: socket.socket, end: bytes) -> None:
    data = b""
    while end not in data:
        chunk = wire.recv(4096)
        assert chunk, data
        data += chunk


def written_down(listener: socket.socket) -> str:
    host, port = listener.getsockname()
    return f"{host}:{port}"


@pytest.fixture
def house(tmp_path: Path, authority: Authority, addresses: Addresses) -> Iterator[House]:
    with ExitStack() as stack:
        yield House(stack, tmp_path, authority, addresses)


@contextmanager
def stranger(house: House, what: str, number: float) -> "Iterator[Callable[[], str]]":
    """Somebody who floods the gateway; call what this gives to wait for what he has to say of it."""
    command = [sys.executable, "-m", "tests.interop.flooder", what, house.edge.address]
    command += [str(house.edge.sip), str(house.edge.xmpp), f"{number:g}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(60)


def test_messages_go_on_while_strangers_leave_connections_half_open(house: House) -> None:
    time.sleep(1.0)  # until it has once done what it does all the time
    memory, files = house.memory, house.files
    with stranger(house, "half-open", HALF_OPEN) as report, house.measured(f"{HALF_OPEN} half-open connections"):
        print(report().strip())
        print(f"memory {memory >> 20} MB, now {house.memory >> 20} MB; files {files}, now {house.files}")
        assert house.files <= files + PLACES
        house.comes_back()
        time.sleep(WATCHED)
    wait_until(lambda: house.files <= files + 2, "nothing is left of them", CLOSED_WITHIN)
    try:
        wait_until(lambda: house.memory < memory + SLACK, "their memory is free", FREE_WITHIN)
    finally:
        print(f"memory afterwards {house.memory >> 20} MB, files {house.files}")
    assert house.edge.says("link.refused", "EDGE-L03", "count=")


def test_messages_go_on_in_a_flood_of_handshakes(house: House) -> None:
    time.sleep(1.0)
    memory, files = house.memory, house.files
    with stranger(house, "flood", FLOOD) as report, house.measured(f"{FLOOD:.0f} s of handshakes"):
        time.sleep(FLOOD / 2)
        print(f"memory {memory >> 20} MB, now {house.memory >> 20} MB; files {files}, now {house.files}")
        house.comes_back()
        print(report().strip())
    wait_until(lambda: house.files <= files + 2, "nothing is left of them", CLOSED_WITHIN)
    try:
        wait_until(lambda: house.memory < memory + SLACK, "their memory is free", FREE_WITHIN)
    finally:
        print(f"memory afterwards {house.memory >> 20} MB, files {house.files}")


def test_messages_go_on_when_many_strangers_ask_for_a_handshake_in_one_moment(house: House) -> None:
    with stranger(house, "volley", PLACES / 4), house.measured("volleys of handshakes"):
        time.sleep(max(4.0, WATCHED))


def test_messages_go_on_when_no_file_can_be_opened_any_more(house: House) -> None:
    assert house.files < FEW
    resource.prlimit(house.edge.pid, resource.RLIMIT_NOFILE, (FEW, FEW))
    with stranger(house, "half-open", 300) as report, house.measured("no files left"):
        report()
        before = house.cpu
        time.sleep(2.0)
        print(f"worked {house.cpu - before:.2f} s in 2 s; files {house.files}")
        assert house.cpu - before < 1.0, "it does not try in vain all the time"
    wait_until(lambda: house.files < FEW // 2, "nothing is left of them", CLOSED_WITHIN)
