"""Running targets: what is kept of each, so many inputs of it, and what becomes of a fault."""

import random
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from tests.fuzz.mutation import Mutation
from tests.fuzz.targets import EXPECTED, Target

FOLDER = Path(__file__).parent
CORPUS = FOLDER / "corpus"
LONGEST = 2.0  # seconds for one input; far more than any needs, also on a busy machine


class Fault(AssertionError):
    """An input that a target does not bear."""

    def __init__(self, target: Target, data: bytes, problem: BaseException) -> None:
        super().__init__(f"{target.name}: {type(problem).__name__}: {problem}\n{data[:2000]!r}")
        self.target, self.data, self.problem = target, data, problem

    def keep(self) -> Path:
        """Put the input where every run finds it from now on."""
        path = CORPUS / self.target.name / f"found-{sha256(self.data).hexdigest()[:12]}"
        path.write_bytes(self.data)
        return path


def seeds(target: Target) -> list[bytes]:
    """What is kept of a target."""
    folders = [CORPUS / target.name, *([FOLDER.parent / target.more] if target.more else [])]
    return [path.read_bytes() for folder in folders for path in sorted(folder.iterdir())]


def check(target: Target, data: bytes, pieces: Callable[[bytes], list[bytes]] = lambda data: [data]) -> None:
    """Raise `Fault` if ``data`` is not borne."""
    began = time.perf_counter()
    try:
        target.run(data, pieces)
    except EXPECTED:
        pass
    except Exception as problem:
        raise Fault(target, data, problem) from problem
    if time.perf_counter() - began > LONGEST:
        raise Fault(target, data, TimeoutError("it takes too long"))


def fuzz(target: Target, number: int, seed: int) -> int:
    """Try so many inputs; returns how many. What is random follows from ``seed``."""
    mutation = Mutation(random.Random(f"{target.name} {seed}"), seeds(target), target.tokens)
    for _ in range(number):
        check(target, mutation.next(), mutation.pieces)
    return number
