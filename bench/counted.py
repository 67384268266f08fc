"""How many instructions a message takes, those of Python and of all libraries included: a figure that nobody else on
the machine changes, and the same each time to about a hundredth.

    python -m bench instructions                       # HEAD, and the working tree
    python -m bench instructions v1.0 v1.1 to-sip      # two revisions, one row

The gateway runs under valgrind's callgrind (Debian's package ``valgrind``), some fifty times slower, so that chunks are
as large as may be. What the kernel does is not in it, nor what a cache has not: the time that follows from it is for
`bench.compare` to say.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.compare import exported, words
from bench.process import Measured
from bench.rows import mode, prepared
from bench.setting import Setting

SETTLED = 2.0  # seconds in which a gateway that is so slow reads the last answers, for which messages may have to wait
TOTAL = re.compile(r"^totals: (\d+)", re.M)


class Counted(Measured):
    """A gateway under callgrind: what `end` returns are instructions."""

    def begin(self) -> None:
        self._control("--zero")
        self._control("--instr=on")

    def end(self) -> float:
        self._control("--instr=off")
        before = set(self._files())
        self._control("--dump")
        (file,) = set(self._files()) - before
        match = TOTAL.search(file.read_text())
        assert match is not None, f"callgrind has counted nothing: {file}"
        return float(match[1])

    def _control(self, order: str) -> None:
        subprocess.run(["callgrind_control", order, str(self.process.pid)], check=True, capture_output=True)

    def _files(self) -> Iterator[Path]:
        return self.folder.glob(f"callgrind.out.{self.process.pid}.*")


class UnderCallgrind(Setting):
    """Starts its gateway so that it is `Counted`."""

    kind = Counted
    environment = {"PYTHONHASHSEED": "0"}

    def _gateway(self) -> list[str]:
        command = super()._gateway()
        python = [] if command[0] == sys.executable else [sys.executable]  # else it would be counted what starts it
        file = f"--callgrind-out-file={self.folder}/callgrind.out.%p"
        return ["valgrind", "--tool=callgrind", "--instr-atstart=no", file, *python, *command]


@dataclass
class Instructions:
    """Of one message, in the older revision and in the newer one."""

    row: str
    old: float
    new: float


def run_counted(said: Sequence[str]) -> Iterator[str | Instructions]:
    """``said`` is as in `bench.compare`. First comes a line that says what is compared."""
    assert shutil.which("valgrind"), "valgrind is not installed"
    old, new, rows = words(said)
    with tempfile.TemporaryDirectory(prefix="edge-counted-") as folder:
        trees = [exported(revision, Path(folder) / name) for revision, name in ((old, "old"), (new, "new"))]
        yield f"{new} by {old}"
        for row in rows:
            yield Instructions(row, *[counted(row, tree) for tree in trees])


def counted(row: str, tree: Path) -> float:
    """Instructions of a message of this kind, with the code in ``tree``."""
    with UnderCallgrind(im_mode=mode(row), tree=tree) as setting, setting.start() as measured:
        run_slice = prepared(row, setting, measured)
        run_slice()  # links dialled, caches filled, code specialised
        setting.loop.rest(SETTLED)
        return run_slice()
