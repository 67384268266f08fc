"""The reason codes: distinct, and each with answers that both protocols know."""

import re

import pytest

from edge.codes import Code
from edge.sip.status import REASONS
from edge.xmpp.conditions import STANZA_CONDITIONS, STREAM_CONDITIONS


def test_code_is_written_with_its_prefix() -> None:
    assert str(Code.A01) == "EDGE-A01"


def test_codes_are_no_aliases_of_each_other() -> None:
    assert len(Code.__members__) == len(list(Code)) == len({code.sentence for code in Code})


@pytest.mark.parametrize("code", Code, ids=str)
def test_code_has_one_sentence_and_an_answer_for_each_side(code: Code) -> None:
    assert re.fullmatch(r"(?:[a-z]|DNS ).*[^.]", code.sentence)
    assert code.who in {"us", "them"}
    if code.name.startswith("K"):
        assert (code.status, code.condition) == (0, "")
    else:
        assert code.status in REASONS and 400 <= code.status < 700
        assert code.condition in STANZA_CONDITIONS or code.condition in STREAM_CONDITIONS
