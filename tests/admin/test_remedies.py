"""What to do here and there: every code that a test can give has something to say."""

from collections import defaultdict

import pytest

from edge.admin.remedies import HERE, THERE, remedy
from edge.codes import Code

KINDS = "DNTCA"


@pytest.mark.parametrize("code", [code for code in Code if code.name[0] in KINDS])
def test_code_has_a_remedy_whose_words_are_all_filled_in(code: Code) -> None:
    words: dict[str, str] = defaultdict(lambda: "something")
    here, there = remedy(code, words)
    assert here or there
    assert "{" not in here + there


def test_what_is_to_be_done_there_names_nothing_of_our_files() -> None:
    for text in THERE.values():
        for ours in ("hosts", "[partner", "peer_names", "pin_spki", "[dns]", "edge "):
            assert ours not in text


def test_code_without_a_line_of_its_own_has_the_cure_of_its_page() -> None:
    assert Code.K08 not in HERE and remedy(Code.K08, {})[0].startswith("Another process listens there")
