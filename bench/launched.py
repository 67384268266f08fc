"""Starts the gateway as twistd does, tells where its code comes from, and samples where its time goes if asked to.

A script, run by its path, so that ``PYTHONPATH`` alone decides whose ``edge`` is loaded (`bench.setting`)::

    python bench/launched.py ORIGIN SAMPLES ARGUMENTS_OF_TWISTD

ORIGIN is a file to write the place of `edge` to. SAMPLES is "-", or a file to write the samples to, and to begin anew,
whenever SIGUSR2 comes: a line for each function, with the number of times that it was found at work.

The kernel interrupts the process each 4 ms of *its own* CPU time (ITIMER_PROF); nothing is added to any call, so small
functions look no dearer than they are. Python acts on the interrupt at the next call or return from C, so what C code
and the kernel do counts for who called them; a function that has only just begun has not used the time before, and it
counts for its caller. What the garbage collector uses is counted for `collected`.
"""

import gc
import os
import signal
import sys
from collections import Counter
from opcode import opmap
from pathlib import Path
from types import CodeType, FrameType

PERIOD = 0.001  # seconds of CPU between two samples; the kernel makes 4 ms of it at 250 ticks a second
OURS = ("edge.", "twisted.", "OpenSSL.", "__main__")  # the rest is counted for who called it
RESUME = opmap["RESUME"]


class Sampler:
    """Counts the functions that are found at work."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._found: Counter[tuple[str, CodeType]] = Counter()
        self._begins: dict[CodeType, int] = {}

    def start(self) -> None:
        signal.signal(signal.SIGPROF, self._sample)
        signal.signal(signal.SIGUSR2, self._dump)
        gc.callbacks.append(collected)
        signal.setitimer(signal.ITIMER_PROF, PERIOD, PERIOD)

    def _sample(self, number: int, frame: FrameType | None) -> None:
        while frame is not None:
            name = frame.f_globals.get("__name__", "")
            if name.startswith(OURS) and frame.f_lasti > self._begin(frame.f_code):
                self._found[name, frame.f_code] += 1
                return
            frame = frame.f_back
        self._found["?", run_twistd.__code__] += 1

    def _begin(self, code: CodeType) -> int:
        """Where the function begins: an interrupt seen there came while its caller was at work."""
        begin = self._begins.get(code)
        if begin is None:
            plain = code.co_code
            begin = next((place for place in range(0, len(plain), 2) if plain[place] == RESUME), -1)
            if code is collected.__code__:
                begin = -1
            self._begins[code] = begin
        return begin

    def _dump(self, number: int, frame: FrameType | None) -> None:
        found, self._found = self._found, Counter()  # another interrupt may come meanwhile
        lines = [f"{count} {name} {code.co_qualname}\n" for (name, code), count in found.items()]
        new = self._file.with_suffix(".new")
        new.write_text("".join(lines))
        os.replace(new, self._file)


def collected(phase: str, info: dict[str, int]) -> None:
    """Called by the collector before and after its work; an interrupt during that is seen here."""


def run_twistd() -> None:
    """As the command twistd."""
    from twisted.scripts.twistd import run

    run()  # type: ignore[no-untyped-call]  # Twisted's own


def main() -> None:
    import edge

    origin, samples, *arguments = sys.argv[1:]
    Path(origin).write_text(str(edge.__file__))
    if samples != "-":
        Sampler(Path(samples)).start()
    sys.argv = ["twistd", *arguments]
    run_twistd()


if __name__ == "__main__":
    main()
