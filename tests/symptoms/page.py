"""docs/troubleshooting.md as its tests read it: each symptom with what it shows, its codes, commands and test."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "troubleshooting.md"

CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.S | re.M)
CODE = re.compile(r"\bEDGE-([A-Z]\d\d)\b")
COMMAND = re.compile(r"(?:`|^\$ )(edge [^`\n]+)", re.M)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")

# what is another one each time: times of day, dates, fingerprints and pins
VARYING = [
    (re.compile(r"\b20\d\d-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:Z|\+0000)?)?"), "DATE"),
    (re.compile(r"\bsha256/[\w+/]{43}="), "PIN"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "SHA-256"),
    (re.compile(r"\b[0-9a-f]{12}\b"), "HASH"),
    (re.compile(r"\s+"), " "),
]


@dataclass(frozen=True)
class Symptom:
    """One section of the page."""

    title: str
    text: str

    @property
    def lines(self) -> list[str]:
        """What the gateway shows, without what was typed."""
        shown = [line for block in CONSOLE.findall(self.text) for line in block.splitlines()]
        return [line for line in shown if line and not line.startswith("$ ")]

    @property
    def codes(self) -> set[str]:
        return set(CODE.findall(self.text))

    @property
    def commands(self) -> list[str]:
        return COMMAND.findall(self.text)

    @property
    def tests(self) -> list[tuple[str, str]]:
        """(file, function) of each test that is named."""
        return TEST.findall(self.text)


@cache
def symptoms() -> dict[str, Symptom]:
    """Each section of the page, by its title."""
    found = re.split(r"^### (.+)$", PAGE.read_text(), flags=re.M)[1:]
    parts = zip(found[::2], found[1::2], strict=True)
    return {title: Symptom(title, text.partition("\n## ")[0]) for title, text in parts}


def shows(title: str, said: Iterable[str]) -> None:
    """What the page says that is shown, is. A line of the page that ends in "..." may go on."""
    there = [alike(line) for line in said]
    for line in map(alike, symptoms()[title].lines):
        whole = line.removesuffix("...")
        good = any(each.startswith(whole) for each in there) if whole != line else line in there
        assert good, f"{line!r} is not shown, but:\n" + "\n".join(there)
    assert symptoms()[title].lines, "nothing is shown"


def alike(line: str) -> str:
    """A line without what is another one each time."""
    for pattern, name in VARYING:
        line = pattern.sub(name, line)
    return line.strip()
