"""What all peers share: a process that is started, waited for and surely stopped, and addresses of its own."""

import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Collection, Sequence
from glob import glob
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

# Deadlines of tests/interop are for what must happen: none but a test that fails reaches them, so they are what a
# machine needs that is many times slower than ours and does other things too.
STARTS_WITHIN = 90.0  # seconds; the slowest peer needs less than two on an idle machine
STOPS_WITHIN = 30.0  # seconds, then it is killed; the gateway has four for its last words and two for its links
SYSTEM_FOLDERS = ":/usr/local/sbin:/usr/sbin:/sbin"  # not in everybody's PATH
CLOSE_WAIT = "08"  # in /proc/net/tcp
PORTS = range(10_000, 32_000)  # below those that the kernel gives to whoever asks for any


def need(program: str, *files: str) -> str:
    """Return the program's path. If it or a match of one of ``files`` is missing, skip the test; in CI fail."""
    found = shutil.which(program, path=os.environ["PATH"] + SYSTEM_FOLDERS)
    missing = [*([] if found else [program]), *(name for name in files if not glob(name))]
    if not missing:
        assert found is not None
        return found
    reason = f"{', '.join(missing)} not installed; as root, `make peers` does it"
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


class Addresses:
    """Loopback addresses that no other test run uses, one for each role, and free ports on them."""

    def __init__(self) -> None:
        number = os.getpid()
        self._network = f"127.{1 + (number >> 8) % 254}.{number % 256}"
        self._roles: list[str] = []
        self._ports = random.sample(PORTS, len(PORTS))

    def of(self, role: str) -> str:
        if role not in self._roles:
            self._roles.append(role)
        return f"{self._network}.{1 + self._roles.index(role)}"

    def port(self, role: str) -> int:
        """A port that is free for TCP and UDP, and nobody's but theirs who are told of it."""
        while True:
            with (
                socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram,
            ):
                port = self._ports.pop()
                try:
                    stream.bind((self.of(role), port))
                    datagram.bind((self.of(role), port))
                except OSError:
                    continue
                return port


class Process:
    """A peer in the foreground, in a process group of its own, with its output in ``folder``/``name``.log."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / f"{name}.log"
        self.stops_within = STOPS_WITHIN
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self, command: Sequence[object], ready: Callable[[], bool]) -> None:
        """Start and wait until ``ready``. A peer whose test run is killed gets a SIGTERM from the kernel."""
        guard = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [*guard, *map(str, command)],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_until(lambda: not self.running or ready(), f"{self.name} is ready", STARTS_WITHIN)
            assert self.running, f"{self.name} has ended"
        except AssertionError as error:
            self.stop()
            raise AssertionError(f"{error}; its log ends with\n{self.tail()}") from None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def freeze(self) -> None:
        """Let the whole group do nothing any more, while its connections stay as they are."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on, if it is there and stood still."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End the whole group as a crash would: it has no time for anything."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        """End the whole group; returns when no process of it is left. Harmless when there is none."""
        if self._process is None:
            return
        group = self._process.pid
        for number, seconds in ((signal.SIGTERM, self.stops_within), (signal.SIGKILL, STOPS_WITHIN)):
            try:
                os.killpg(group, number)
                os.killpg(group, signal.SIGCONT)  # a frozen one could not end
            except ProcessLookupError:
                break
            try:
                wait_until(lambda: not self._any_left(group), f"{self.name} has stopped", seconds)
            except AssertionError:
                continue
            break
        self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _any_left(self, group: int) -> bool:
        assert self._process is not None
        self._process.poll()  # so that the leader is no zombie
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        return True


def wait_until(true: Callable[[], bool], what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def half_closed(addresses: Collection[str]) -> int:
    """How many connections there are from or to these addresses that one side has closed and the other not read out."""
    found = 0
    for row in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, *_ = row.split()
        if state == CLOSE_WAIT:
            found += any(dotted(end) in addresses for end in (local, remote))
    return found


def dotted(end: str) -> str:
    """The address of an end of a connection, as the kernel writes it."""
    return socket.inet_ntoa(struct.pack("=I", int(end.partition(":")[0], 16)))


def accepts(address: str, port: int) -> bool:
    """True if somebody listens there for TCP."""
    try:
        with socket.create_connection((address, port), timeout=5):
            return True
    except OSError:
        return False
