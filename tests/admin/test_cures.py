"""Each reason code has a cure, and the page of the codes is what the code says."""

from pathlib import Path

import pytest

from edge.admin.cures import CURES, KINDS, page, told
from edge.codes import Code

PAGE = Path(__file__).parents[2] / "docs" / "codes.md"


@pytest.mark.parametrize("code", Code, ids=str)
def test_code_has_a_cure(code: Code) -> None:
    cure = CURES[code]
    assert cure[0].isupper() and cure.endswith((".", "same.")) and len(cure) > 30, "a whole sentence"
    assert cure.count("`") % 2 == 0
    assert told(code)["cure"] == cure
    assert code.name[0] in KINDS


def test_no_cure_is_told_twice() -> None:
    assert len(set(CURES.values())) == len(CURES)


def test_page_is_in_step() -> None:
    assert PAGE.read_text() == page(), "make it anew: .venv/bin/edge code --page > docs/codes.md"
