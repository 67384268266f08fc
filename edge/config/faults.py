"""What is wrong with a configuration: each fault with its reason code, its file, its line and its key.

Reading goes on after a fault, so that everything is reported at once (`edge check`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.codes import Code


@dataclass(frozen=True, slots=True)
class Fault:
    """One finding. A ``warning`` does not keep the gateway from starting."""

    code: Code
    text: str
    file: Path
    line: int | None = None
    key: str = ""  # "partner[contoso].tls.ca"
    warning: bool = False

    @property
    def place(self) -> str:
        """File and line, as people look for them."""
        return self.file.name if self.line is None else f"{self.file.name} line {self.line}"

    def __str__(self) -> str:
        return f"{self.place}: {self.code} {self.text}"


class ConfigurationError(Exception):
    """The configuration cannot be used. ``faults`` holds the warnings too; `str` lists the errors, one a line."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults if not fault.warning))
        self.faults = tuple(faults)


def in_order(faults: Iterable[Fault], files: Sequence[Path]) -> tuple[Fault, ...]:
    """Errors before warnings, then by file in the order of reading, then by line."""
    rank = {file: number for number, file in enumerate(files)}
    return tuple(
        sorted(faults, key=lambda fault: (fault.warning, rank.get(fault.file, len(rank)), fault.line or 0))
    )
