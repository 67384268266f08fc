"""One process of the demo: started so that it cannot outlive us, listened to line by line.

Its standard input stays open for orders. If we are killed, the kernel tells it to end (Linux), and so does the end of
its input.
"""

import asyncio
import ctypes
import os
import signal
from collections import deque
from collections.abc import Callable, Sequence

from demo.setting import REPOSITORY

PATIENCE = 20.0  # seconds for whatever must come
LEAVING = 10.0  # seconds to end in good order
REMEMBERED = 200  # lines, for the report when something is missing
PR_SET_PDEATHSIG = 1  # prctl(2)

_libc = ctypes.CDLL(None)


def end_with_parent() -> None:
    """Have the kernel end this process when its parent ends, however that ends."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Missing(Exception):
    """Something that must come did not."""


class Child:
    """A process called ``name``. ``line`` is called with each line it prints."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, line: Callable[[str], None]) -> None:
        self.name = name
        self.lines: deque[str] = deque(maxlen=REMEMBERED)
        self._process = process
        self._line = line
        self._unclaimed: deque[str] = deque(maxlen=REMEMBERED)
        self._news = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, name: str, command: Sequence[str], line: Callable[[str], None] = lambda line: None) -> "Child":
        """Start ``command`` from the repository; a session of its own, so that Ctrl-C is ours alone."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
            preexec_fn=end_with_parent,
        )
        return cls(name, process, line)

    @property
    def ended(self) -> "asyncio.Task[None]":
        """Done once the process prints nothing more, which is when it ends."""
        return self._reading

    def order(self, *words: str) -> None:
        """Write one line to its input."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(words).encode() + b"\n")

    async def expect(self, event: str, patience: float = PATIENCE) -> None:
        """Wait for a line that begins with ``event``; each line counts once. Raises `Missing`."""
        try:
            async with asyncio.timeout(patience):
                while True:
                    found = next((line for line in self._unclaimed if line.startswith(event)), None)
                    if found is not None:
                        self._unclaimed.remove(found)
                        return
                    if self._reading.done():
                        raise Missing(f"{self.name} has ended before it said: {event}")
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise Missing(f"{self.name} did not receive within {patience:.0f} s: {event}") from None

    async def stop(self) -> None:
        """End it in good order, or else at once."""
        if self._process.returncode is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._process.wait(), LEAVING)
            except TimeoutError:
                self._process.kill()
        await self._process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for octets in self._process.stdout:
            line = octets.decode("utf-8", "replace").rstrip()
            self.lines.append(line)
            self._unclaimed.append(line)
            self._line(line)
            self._news.set()
        self._news.set()
