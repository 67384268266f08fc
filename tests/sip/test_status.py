"""Tests of the status codes."""

import pytest

from edge.codes import Code
from edge.sip.status import REASONS, reason


def test_phrases_are_those_of_the_registry() -> None:
    assert (reason(200), reason(481), reason(513)) == ("OK", "Call/Transaction Does Not Exist", "Message Too Large")


def test_every_code_is_a_final_or_provisional_status_with_a_phrase() -> None:
    assert all(100 <= status <= 699 for status in REASONS)
    assert all(phrase.isascii() and phrase == phrase.strip() for phrase in REASONS.values())
    assert list(REASONS) == sorted(REASONS)


def test_every_status_of_our_reason_codes_has_its_phrase() -> None:
    assert {code.status for code in Code if code.status} <= set(REASONS)


@pytest.mark.parametrize(
    ("status", "words"),
    [(101, "Progress"), (299, "Success"), (499, "Client Error"), (699, "Failure"), (700, "Unknown")],
)
def test_unregistered_code_gets_the_name_of_its_class(status: int, words: str) -> None:
    assert reason(status) == words
