"""What the kernel says of the clock."""

import pytest

from edge.admin.clock import UNSYNCHRONISED, Timex, is_synchronised

PPS = 0x0100  # STA_PPSSIGNAL: no matter


@pytest.mark.parametrize(
    ("state", "status", "expected"),
    [(0, 0, True), (5, UNSYNCHRONISED, False), (5, UNSYNCHRONISED | PPS, False), (0, PPS, True), (-1, 0, None)],
)
def test_kernel_is_taken_at_its_word(state: int, status: int, expected: bool | None) -> None:
    def ask(answer: Timex) -> int:
        assert answer.modes == 0, "nothing is to be changed"
        answer.status = status
        return state

    assert is_synchronised(ask) is expected


@pytest.mark.parametrize("problem", [AttributeError("adjtimex"), OSError("no libc"), TypeError("no library")])
def test_system_without_the_question_is_unknown(problem: Exception) -> None:
    def ask(answer: Timex) -> int:
        raise problem

    assert is_synchronised(ask) is None


def test_this_system_is_asked_without_harm() -> None:
    assert is_synchronised() in (True, False, None)
