"""The process that is measured: started on a core of its own, its CPU time and memory read from the kernel."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from demo.child import end_with_parent

CORES = os.sched_getaffinity(0)  # before we have left one of them to what is measured


class Measured:
    """A child process pinned to the first core; the bench itself runs on the others."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        environment: dict[str, str] | None = None,
        folder: Path | None = None,
        samples: Path | None = None,
    ) -> None:
        self._log = log.open("w")
        self.folder = log.parent
        self._samples = samples
        self.found: Counter[tuple[str, str]] = Counter()  # by the last `end`, if it is sampled (`bench.launched`)
        self._began = 0.0
        self._core = {min(CORES)}
        if len(CORES) > 1:
            os.sched_setaffinity(0, CORES - self._core)
        self.process = subprocess.Popen(
            command,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            cwd=folder,
            start_new_session=True,
            preexec_fn=self._begin,
        )

    def _begin(self) -> None:
        os.sched_setaffinity(0, self._core)
        end_with_parent()

    def __enter__(self) -> "Measured":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self._log.close()

    def begin(self) -> None:
        """What is measured begins here."""
        self._take_samples()
        self._began = self.cpu()

    def end(self) -> float:
        """It ends here: seconds of CPU since `begin`."""
        cpu = self.cpu() - self._began
        self.found = self._take_samples()
        return cpu

    def _take_samples(self) -> Counter[tuple[str, str]]:
        found: Counter[tuple[str, str]] = Counter()
        if self._samples is None:
            return found
        self._samples.unlink(missing_ok=True)
        self.process.send_signal(signal.SIGUSR2)
        wait_for("the samples", self._samples.exists)
        for line in self._samples.read_text().splitlines():
            count, module, name = line.split(" ", 2)
            found[module, name] += int(count)
        return found

    def cpu(self) -> float:
        """Seconds on a CPU so far, all threads, user and kernel (/proc/PID/task/*/schedstat, nanoseconds)."""
        total = 0
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def rss(self) -> int:
        """Resident memory in bytes (/proc/PID/statm)."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def kill(self) -> None:
        """As a power cut would: no farewell (kill -9)."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def alive(self) -> bool:
        return self.process.poll() is None


def python() -> str:
    """The interpreter that runs the bench."""
    return sys.executable


def wait_for(what: str, ready: object, seconds: float = 15.0) -> None:
    """Poll ``ready()`` until it is true; `TimeoutError` otherwise."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ready():  # type: ignore[operator]
            return
        time.sleep(0.05)
    raise TimeoutError(what)
