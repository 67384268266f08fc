"""Whether a change makes messages dearer: two revisions of the gateway, run in turn, and the ratio of what they cost.

    python -m bench compare                       # the working tree against HEAD
    python -m bench compare HEAD~5                # against that revision
    python -m bench compare v1.0 HEAD~5 to-sip    # two revisions, this row alone

The bench is that of the working tree in any case, and so are the libraries. Each revision runs in a process of its own
from a folder of its own, and says where its code comes from. They are measured slice by slice in turn (A B B A) on the
same core, and started anew a few times, because two processes with the same code differ by a few per cent as well: by
where the kernel puts them. So a ratio within the spread says nothing, and none of this is a test that could fail.
"""

import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from statistics import median, quantiles

from bench.rows import NAMES, USUAL, in_turn, mode, prepared
from bench.setting import HERE, Setting
from bench.wire import Loop

STARTS = 2  # of both gateways
WORKING_TREE = "the working tree"


@dataclass
class Compared:
    """Seconds for each message in either revision (medians), and the ratios of the pairs, new by old."""

    row: str
    old: float
    new: float
    ratios: list[float]

    @property
    def ratio(self) -> float:
        return median(self.ratios)

    @property
    def spread(self) -> tuple[float, float]:
        """Half of the pairs lie between these."""
        first, _, third = quantiles(self.ratios, n=4)
        return first, third


def run_compare(said: Sequence[str], starts: int = STARTS) -> Iterator[str | Compared]:
    """``said``: up to two revisions and any rows, see above. First comes a line that says what is compared."""
    old, new, rows = words(said)
    with tempfile.TemporaryDirectory(prefix="edge-compare-") as folder:
        trees = [exported(revision, Path(folder) / name) for revision, name in ((old, "old"), (new, "new"))]
        yield f"{new} by {old}"
        for row in rows:
            costs: list[list[float]] = [[], []]
            for _ in range(starts):
                loop = Loop()
                with ExitStack() as stack:
                    slices = []
                    for tree in trees:
                        setting = stack.enter_context(Setting(im_mode=mode(row), tree=tree, loop=loop))
                        measured = stack.enter_context(setting.start())
                        slices.append(prepared(row, setting, measured))
                    for cost, more in zip(costs, in_turn(slices), strict=True):
                        cost += more
            ratios = [after / before for before, after in zip(*costs, strict=True)]
            yield Compared(row, median(costs[0]), median(costs[1]), ratios)


def words(said: Sequence[str]) -> tuple[str, str, list[str]]:
    """The old revision, the new one, and the rows; `AssertionError` if there is too much."""
    rows = [word for word in said if word in NAMES] or list(USUAL)
    revisions = [word for word in said if word not in NAMES]
    assert len(revisions) <= 2, f"neither a row ({', '.join(NAMES)}) nor one of two revisions: {revisions[2:]}"
    old, new, *_ = [*revisions, WORKING_TREE] if revisions else ["HEAD", WORKING_TREE]
    return old, new, rows


def exported(revision: str, folder: Path) -> Path:
    """A folder with the files of ``revision``."""
    if revision == WORKING_TREE:
        return HERE
    archive = subprocess.run(["git", "archive", revision], cwd=HERE, check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    return folder.resolve()
