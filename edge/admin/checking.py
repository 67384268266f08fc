"""`edge check`: judge a configuration without starting or changing anything.

Exit status 0 is good, 1 a finding (errors; warnings are none).
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from edge.admin.shown import count
from edge.config import Fault, FileSummary, Reading, read

GOOD, FINDING = 0, 1


def check(file: Path, *, as_json: bool, out: TextIO) -> int:
    """`edge check`: print every fault of the configuration in ``file``."""
    reading = read(file)
    lines = [json.dumps(_record(reading), indent=2)] if as_json else _report(reading)
    out.write("\n".join(lines) + "\n")
    return GOOD if reading.config is not None else FINDING


def _report(reading: Reading) -> list[str]:
    ours = reading.ours
    lines = [f"{ours.path.name}: {count(ours.systems, 'inside system')}, {count(ours.domains, 'domain')}"]
    if reading.partners:
        lines.append(_partners(reading.partners))
    width = max((len(fault.place) for fault in reading.faults), default=0)
    for fault in reading.faults:
        kind = "warn " if fault.warning else "error"
        lines.append(f"  {kind} {fault.code.name} {fault.place:{width}}  {fault.text}")
    errors, warnings = _counts(reading.faults)
    return [*lines, f"{count(errors, 'error')}, {count(warnings, 'warning')}."]


def _partners(files: Sequence[FileSummary]) -> str:
    systems, domains = sum(each.systems for each in files), sum(each.domains for each in files)
    where = files[0].path.name if len(files) == 1 else f"{files[0].path.parent.name}/ ({len(files)} files)"
    return f"{where}: {count(systems, 'partner')}, {count(domains, 'domain')}"


def _record(reading: Reading) -> dict[str, object]:
    errors, warnings = _counts(reading.faults)
    return {
        "good": reading.config is not None,
        "errors": errors,
        "warnings": warnings,
        "inside": _summary(reading.ours),
        "partners": [_summary(each) for each in reading.partners],
        "faults": [
            {
                "severity": "warning" if fault.warning else "error",
                "code": str(fault.code),
                "file": str(fault.file),
                "line": fault.line,
                "key": fault.key,
                "text": fault.text,
            }
            for fault in reading.faults
        ],
    }


def _summary(file: FileSummary) -> dict[str, object]:
    return {"file": str(file.path), "systems": file.systems, "domains": file.domains}


def _counts(faults: Sequence[Fault]) -> tuple[int, int]:
    warnings = sum(fault.warning for fault in faults)
    return len(faults) - warnings, warnings
