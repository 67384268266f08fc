"""Samples: whom the time is counted for, and whose code it is that runs."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from bench.launched import Sampler
from bench.process import wait_for

ROOT = Path(__file__).resolve().parents[2]


def sampled(sampler: Sampler, file: Path, frame: FrameType | None) -> str:
    sampler._sample(signal.SIGPROF, frame)
    sampler._dump(signal.SIGUSR2, None)
    return file.read_text()


def test_the_time_counts_for_the_function_that_is_at_work(tmp_path: Path) -> None:
    frames: list[FrameType] = []
    scope = {"__name__": "edge.somewhere", "keep": lambda: frames.append(sys._getframe(1))}
    exec("def work():\n keep()\n", scope)
    eval("work()", scope)
    sampler = Sampler(tmp_path / "samples")
    assert sampled(sampler, tmp_path / "samples", frames[0]) == "1 edge.somewhere work\n"
    assert sampled(sampler, tmp_path / "samples", frames[0]) == "1 edge.somewhere work\n", "it begins anew"


def test_what_python_does_for_a_function_counts_for_it(tmp_path: Path) -> None:
    frames: list[FrameType] = []
    library = {"__name__": "re", "keep": lambda: frames.append(sys._getframe(1))}
    exec("def search():\n keep()\n", library)
    scope = {"__name__": "edge.somewhere", "search": library["search"]}
    exec("def work():\n search()\n", scope)
    eval("work()", scope)
    assert sampled(Sampler(tmp_path / "samples"), tmp_path / "samples", frames[0]) == "1 edge.somewhere work\n"


def test_a_function_that_has_just_begun_has_used_no_time(tmp_path: Path) -> None:
    """The tracer shows it as a signal would find it."""
    frames: list[FrameType] = []
    scope = {"__name__": "edge.somewhere"}
    exec("def small(): pass\ndef work(): small()\n", scope)
    samples, sampler = tmp_path / "samples", Sampler(tmp_path / "samples")

    def trace(frame: FrameType, event: str, argument: object) -> None:
        if frame.f_code.co_name == "small":
            sampler._sample(signal.SIGPROF, frame)

    sys.settrace(trace)
    eval("work()", scope)
    sys.settrace(None)
    assert not frames
    sampler._dump(signal.SIGUSR2, None)
    assert samples.read_text() == "1 edge.somewhere work\n"


def test_a_process_that_is_sampled(tmp_path: Path) -> None:
    """As `bench.process` uses it: what was found goes to the file when it is asked for."""
    (tmp_path / "edge").mkdir()
    (tmp_path / "edge" / "__init__.py").write_text("")
    (tmp_path / "edge" / "busy.py").write_text(
        "def work():\n while True:\n  sum(range(1000))\n\ndef run():\n print('ready', flush=True)\n work()\n"
    )
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.path.append({str(ROOT)!r})\n"
        "import bench.launched as launched, edge.busy\nlaunched.run_twistd = edge.busy.run\nlaunched.main()\n"
    )
    origin, samples = tmp_path / "origin", tmp_path / "samples"
    process = subprocess.Popen([sys.executable, "-c", script, str(origin), str(samples)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        found = ""

        def is_found() -> bool:
            nonlocal found
            samples.unlink(missing_ok=True)
            os.kill(process.pid, signal.SIGUSR2)
            wait_for("the samples", samples.exists)
            found += samples.read_text()
            return "edge.busy work\n" in found

        wait_for("a sample", is_found, 60.0)
        assert origin.read_text() == str(tmp_path / "edge" / "__init__.py")
    finally:
        process.kill()
        process.communicate()
