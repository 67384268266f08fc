"""What runs under callgrind, and what is read of its counts."""

import os
import sys
from pathlib import Path

import pytest

from bench import counted
from bench.counted import Counted, UnderCallgrind, run_counted


def test_gateway_is_started_by_its_interpreter_under_callgrind() -> None:
    with UnderCallgrind() as setting:
        valgrind, tool, off, file, python, twistd, *_ = setting.command
        assert (valgrind, tool, python) == ("valgrind", "--tool=callgrind", sys.executable)
        assert off == "--instr-atstart=no" and str(setting.folder) in file and twistd.endswith("twistd")


def test_what_is_counted_is_what_happened_between_the_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orders: list[str] = []
    with Counted([sys.executable, "-c", "input()"], tmp_path / "log") as measured:

        def control(order: str) -> None:
            orders.append(order)
            if order == "--dump":
                total = 1000 * len(list(measured.folder.glob("callgrind.*"))) + 1000
                file = f"callgrind.out.{measured.process.pid}.{total}"
                (measured.folder / file).write_text(f"events: Ir\nfn=(1)\n12 5\ntotals: {total}\n")

        monkeypatch.setattr(measured, "_control", control)
        for expected in (1000.0, 2000.0):
            measured.begin()
            assert measured.end() == expected
    assert orders == ["--zero", "--instr=on", "--instr=off", "--dump"] * 2


def test_machine_without_valgrind_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "PATH", "")
    with pytest.raises(AssertionError, match="valgrind"):
        next(run_counted([]))
    assert counted.shutil.which("valgrind") is None
