"""Faults as people read them."""

from pathlib import Path

from edge.codes import Code
from edge.config.faults import ConfigurationError, Fault, in_order

EDGE, PARTNERS = Path("/etc/edge/edge.toml"), Path("/etc/edge/partners.toml")


def test_fault_names_its_place() -> None:
    assert str(Fault(Code.K01, 'unknown key "x"', EDGE, 3)) == 'edge.toml line 3: EDGE-K01 unknown key "x"'
    assert str(Fault(Code.K04, "the file does not exist", EDGE)) == "edge.toml: EDGE-K04 the file does not exist"


def test_error_lists_errors_and_keeps_warnings() -> None:
    warning = Fault(Code.C05, "two", EDGE, 2, warning=True)
    faults = (Fault(Code.K01, "one", EDGE, 1), warning, Fault(Code.K02, "3", EDGE))
    error = ConfigurationError(faults)
    assert str(error) == "edge.toml line 1: EDGE-K01 one\nedge.toml: EDGE-K02 3"
    assert error.faults == faults


def test_errors_come_first_then_files_as_read_then_lines() -> None:
    warning = Fault(Code.C05, "", EDGE, 1, warning=True)
    third, second = Fault(Code.K01, "", PARTNERS, 1), Fault(Code.K01, "", EDGE, 9)
    first, stranger = Fault(Code.K01, "", EDGE), Fault(Code.K01, "", Path("/x.toml"), 1)
    assert in_order([warning, stranger, third, second, first], [EDGE, PARTNERS]) == (
        first,
        second,
        third,
        stranger,
        warning,
    )
