"""Source and documents agree: what is cited has its row, what is claimed is cited, what is conceded is described.

`docs/conformance.md` has one row for each section of a standard that somebody may ask about; a row for a section
covers the sections below it. `docs/interop.md` has a heading for each peer that the source makes a concession to.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

SECTION = r"§(?:\d+|[A-Z])(?:\.\d+)*"
SECTIONS = rf" {SECTION}(?:(?:,| and|, and| or| to) {SECTION})*"
CITATION = re.compile(rf"\b(?P<document>RFC \d+|XEP-\d{{4}})(?P<sections>(?:{SECTIONS})?)")
LOOKS_LIKE_CITATION = re.compile(r"(?i)\b(?:RFCs?[ -]*\d+|XEPs?[ -]*\d+)\b")
WRONG_TAIL = re.compile(r"(?i)^(?:,? ?(?:section|sect\.|sec\.|chapter|clause)|,? ?§| \d+(?:\.\d+)+\b)")
CONCESSION = re.compile(r"COMPAT\((?P<peers>[^)]*)\)(?P<text>.{0,400})")


@dataclass(frozen=True)
class Row:
    document: str
    section: str  # "" is the document as a whole
    status: str
    note: str


def flowing(path: Path) -> str:
    """The text of a file with comments joined and every run of white space as one space."""
    return re.sub(r"\s+", " ", re.sub(r"\n\s*#+ ?", "\n", path.read_text()))


def sources() -> list[Path]:
    return sorted((ROOT / "edge").rglob("*.py"))


def citations_in(text: str) -> Iterator[tuple[str, str]]:
    for found in CITATION.finditer(text):
        for section in re.findall(SECTION, found["sections"]) or [""]:
            yield found["document"], section


@cache
def citations() -> dict[tuple[str, str], list[str]]:
    """(document, section) -> the files that cite it."""
    cited: dict[tuple[str, str], list[str]] = {}
    for path in sources():
        for citation in citations_in(flowing(path)):
            cited.setdefault(citation, []).append(str(path.relative_to(ROOT)))
    return cited


@cache
def rows() -> list[Row]:
    found = []
    for line in (ROOT / "docs" / "conformance.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) == 4 and re.fullmatch(r"RFC \d+|XEP-\d{4}", cells[0]):
            found.append(Row(*cells))
    return found


def covers(row: tuple[str, str], citation: tuple[str, str]) -> bool:
    """True if the row is for the cited section or one above it. A document cited as a whole needs any row."""
    if row[0] != citation[0]:
        return False
    return not row[1] or not citation[1] or citation[1] == row[1] or citation[1].startswith(row[1] + ".")


def report(faults: list[str]) -> str:
    return "\n".join(["", *faults])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("as RFC 3261 §17.1.2.2 says", [("RFC 3261", "§17.1.2.2")]),
        ("RFC 6665 §4.1.2 and §4.2.1", [("RFC 6665", "§4.1.2"), ("RFC 6665", "§4.2.1")]),
        ("RFC 6121 §A.2.1, XEP-0114 §3", [("RFC 6121", "§A.2.1"), ("XEP-0114", "§3")]),
        ("RFC 3261's T1", [("RFC 3261", "")]),
        ("RFC3261_LIMIT", []),
    ],
)
def test_citation_is_found_in_running_text(text: str, expected: list[tuple[str, str]]) -> None:
    assert list(citations_in(text)) == expected


def misspelt(text: str) -> list[str]:
    faults = []
    for found in LOOKS_LIKE_CITATION.finditer(text):
        proper = CITATION.match(text, found.start())
        tail = text[proper.end() :] if proper else ""
        if not proper or (not proper["sections"] and WRONG_TAIL.match(tail)):
            faults.append(text[found.start() : found.end() + 20])
    return faults


@pytest.mark.parametrize(
    "text",
    [
        *("RFC3261", "rfc 3261", "RFC-3261", "RFC 3261 section 8", "RFC 3261, section 8", "RFC 3261 8.2", "RFC 3261§8"),
        *("RFC 3261 § 8", "RFC 3261, §8", "RFC 3261 §§8", "XEP 0114", "XEP-114", "RFCs 3261"),
    ],
)
def test_citation_in_another_form_is_seen(text: str) -> None:
    assert misspelt(text + ".")


@pytest.mark.parametrize("text", ["RFC 3261 §8.2.", "RFC 3261, which", "(RFC 6121)", "XEP-0199 pings", "RFC 6120 5222"])
def test_citation_in_the_one_form_passes(text: str) -> None:
    assert not misspelt(text)


def test_source_cites_in_one_form() -> None:
    faults = [f"{path.relative_to(ROOT)}: {fault}" for path in sources() for fault in misspelt(flowing(path))]
    assert not faults, report(faults)


def test_conformance_knows_what_the_source_cites() -> None:
    known = [(row.document, row.section) for row in rows()]
    faults = [
        f"{document} {section} (in {', '.join(sorted(set(files)))})"
        for (document, section), files in sorted(citations().items())
        if not any(covers(row, (document, section)) for row in known)
    ]
    assert not faults, report(faults)


def test_conformance_claims_nothing_that_the_source_does_not_cite() -> None:
    faults = []
    for row in rows():
        place = row.document, row.section
        cited = any(covers(place, citation) and bool(citation[1]) >= bool(row.section) for citation in citations())
        if row.status in {"yes", "partial"} and not cited:
            faults.append(f"{row.document} {row.section}: {row.status}")
    assert not faults, report(faults)


def test_conformance_says_what_is_missing_when_not_yes() -> None:
    faults = [
        f"{row.document} {row.section}: {row.status}"
        for row in rows()
        if row.status not in {"yes", "partial", "no"} or (row.status != "yes" and not row.note)
    ]
    assert not faults, report(faults)


def test_conformance_has_each_section_once_and_in_form() -> None:
    places = [(row.document, row.section) for row in rows()]
    faults = [f"{place} twice" for place in set(places) if places.count(place) > 1]
    faults += [f"{place}" for place in places if place[1] and not re.fullmatch(SECTION, place[1])]
    assert rows() and not faults, report(faults)


def concessions() -> Iterator[tuple[str, str, str]]:
    """(file, peer, text) of every COMPAT remark; one remark may name several peers."""
    for path in sources():
        for found in CONCESSION.finditer(flowing(path)):
            for peer in found["peers"].split(", "):
                yield str(path.relative_to(ROOT)), peer, found["text"]


def test_concession_says_what_why_and_since_when() -> None:
    faults = [
        f"{file}: COMPAT({peer}){text[:60]}"
        for file, peer, text in concessions()
        if not re.fullmatch(r"[a-z][a-z0-9. -]*", peer) or not text.startswith(": ") or "since" not in text
    ]
    assert not faults, report(faults)


def paragraphs() -> dict[str, str]:
    """Peer -> what docs/interop.md has under the heading with COMPAT(peer)."""
    found = {}
    for part in re.split(r"(?m)^#+ ", (ROOT / "docs" / "interop.md").read_text()):
        heading, _, body = part.partition("\n")
        for peer in re.findall(r"COMPAT\(([a-z][a-z0-9. -]*)\)", heading):
            found[peer] = body
    return found


def test_interop_describes_every_concession_with_its_file() -> None:
    faults = [
        f"{file}: COMPAT({peer})" for file, peer, _ in concessions() if f"`{file}`" not in paragraphs().get(peer, "")
    ]
    assert not faults, report(faults)


def test_interop_describes_no_concession_that_is_gone() -> None:
    real = {(peer, file) for file, peer, _ in concessions()}
    faults = [
        f"COMPAT({peer}) in {file}"
        for peer, body in paragraphs().items()
        for file in re.findall(r"`(edge/[\w/]+\.py)`", body)
        if (peer, file) not in real
    ]
    assert not faults, report(faults)


@pytest.mark.parametrize(("short", "room"), [("m", "microsoft"), ("s", "sessions")])
def test_interop_names_every_transcript_of_the_microsoft_dialect(short: str, room: str) -> None:
    named = re.findall(rf"`{short}/(\w+)`", (ROOT / "docs" / "interop.md").read_text())
    there = [path.stem for path in (ROOT / "tests" / "transcripts" / room).glob("*.txt")]
    assert sorted(named) == sorted(there)
