"""``make fuzz``: every parser with as many inputs as ``EDGE_FUZZ`` says, in as many processes as there are cores.

They are shared out by time, so that a slow parser gets fewer. A fault is printed, and its input kept in the corpus.
"""

import os
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait

from tests.fuzz.running import Fault, fuzz
from tests.fuzz.targets import TARGETS

DEFAULT = 200_000  # inputs
BATCH = 2.0  # seconds
FIRST = 200  # inputs of a target by which its pace is found
SAID = 60.0  # seconds between two lines


def work(index: int, number: int, seed: int) -> tuple[int, int, float, str]:
    """One batch: which target, how many inputs, how long, and what was wrong."""
    began = time.perf_counter()
    try:
        done, fault = fuzz(TARGETS[index], number, seed), ""
    except Fault as found:
        done, fault = 1, f"{found}\nkept as {found.keep()}"
    return index, done, time.perf_counter() - began, fault


def main() -> int:
    wanted = int(os.environ.get("EDGE_FUZZ", str(DEFAULT)))
    first = int(os.environ.get("EDGE_FUZZ_SEED", str(int(time.time()))))
    workers = int(os.environ.get("EDGE_FUZZ_CORES", str(os.cpu_count() or 1)))
    done, seconds, faults = [0] * len(TARGETS), [0.0] * len(TARGETS), 0
    asked, began, said = 0, time.monotonic(), time.monotonic()
    print(f"{wanted} inputs, seed {first}", flush=True)
    with ProcessPoolExecutor(workers) as pool:
        running: set[Future[tuple[int, int, float, str]]] = set()
        while sum(done) < wanted or running:
            while len(running) < workers + 1 and sum(done) < wanted:
                index = asked % len(TARGETS)
                pace = done[index] / seconds[index] if seconds[index] else 0
                running.add(pool.submit(work, index, max(FIRST, int(pace * BATCH)), first + asked))
                asked += 1
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for index, number, took, fault in (each.result() for each in finished):
                done[index] += number
                seconds[index] += took
                if fault:
                    faults += 1
                    print(fault, flush=True)
            if time.monotonic() - said > SAID:
                said = time.monotonic()
                print(f"{sum(done)} inputs in {said - began:.0f} s, {faults} faults", flush=True)
    for target, number, took in zip(TARGETS, done, seconds, strict=True):
        print(f"{target.name:14} {number:10} inputs, {number / took:8.0f} a second", flush=True)
    print(f"{sum(done)} inputs in {time.monotonic() - began:.0f} s, {faults} faults", flush=True)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
