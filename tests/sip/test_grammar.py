"""Tests of the scanners for lists, parameters and quoted strings."""

from contextlib import suppress
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import RemoteProtocolError
from edge.sip.grammar import (
    TOKEN,
    TOKEN_OCTETS,
    elements,
    is_token,
    other_parameters,
    parameters,
    parameters_text,
    quote,
    unquote,
    value_of,
)
from tests.sip.strategies import MANY, PARAMETERS


def test_token_octets_are_the_token_rule() -> None:
    for octet in range(256):
        assert (TOKEN.fullmatch(chr(octet)) is None) is (TOKEN_OCTETS.fullmatch(bytes([octet])) is None)


@pytest.mark.parametrize(
    ("text", "verdict"), [("a", True), ("a.b-c!%*_+`'~", True), ("", False), ("a b", False), ("é", False)]
)
def test_is_token_says_what_the_rule_says(text: str, verdict: bool) -> None:
    assert is_token(text) is verdict


@given(st.text(max_size=30))
@MANY
def test_unquote_reverses_quote(text: str) -> None:
    assert unquote(quote(text)) == text


def test_unquote_leaves_what_is_not_quoted() -> None:
    assert unquote("plain") == "plain"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [""]),
        ("a", ["a"]),
        (" a , b ", ["a", "b"]),
        ("a,,b,", ["a", "", "b", ""]),
        ('"x, y" <sip:a@b>, <sip:c,d@e>', ['"x, y" <sip:a@b>', "<sip:c,d@e>"]),
        ('a;p="1,\\"2", b', ['a;p="1,\\"2"', "b"]),
        ('"<" <sip:a@b>, c', ['"<" <sip:a@b>', "c"]),
    ],
)
def test_elements_are_split_outside_quotes_and_brackets(text: str, expected: list[str]) -> None:
    assert elements(text) == expected


@pytest.mark.parametrize("text", ['"a, b', '<sip:a, b', 'a, "b\\"', 'a, <b <c>'])
def test_elements_are_refused_when_something_is_not_closed(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        elements(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        (";a", (("a", None),)),
        (" ; A = b ;c", (("a", "b"), ("c", None))),
        (';a="x;y=\\"z";b=', (("a", '"x;y=\\"z"'), ("b", ""))),
        (";received=2001:db8::1", (("received", "2001:db8::1"),)),
        (";TAG=Ab", (("tag", "Ab"),)),
    ],
)
def test_parameters_are_read_with_names_in_lower_case_and_values_as_they_stand(
    text: str, expected: tuple[tuple[str, str | None], ...]
) -> None:
    assert parameters(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a", ";", ";;a", ";a;", ";=b", ";a b", ";a=b c", ';a="b', ';a="b"c', ';a="\0"', ";a=<b>", ";a=b,c", ";a;A=1",
        ";tag", ";tag=", ';tag="x"', ";tag=a=b", ";branch", ";branch=", ";branch=a/b", ";a=\u0435",
    ],
)
def test_parameters_are_refused_when_malformed(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        parameters(text)


@given(PARAMETERS)
@MANY
def test_parameters_survive_writing_and_reading(items: tuple[tuple[str, str | None], ...]) -> None:
    assert parameters(parameters_text(items)) == items


@given(PARAMETERS.filter(bool))
@MANY
def test_other_parameters_are_those_of_parameters(items: tuple[tuple[str, str | None], ...]) -> None:
    assert other_parameters(parameters_text(items)[1:].encode()) == items


@pytest.mark.parametrize("octets", [b"a;tag=1", b"branch=2"])
def test_other_parameters_leave_a_second_tag_or_branch_to_be_refused(octets: bytes) -> None:
    assert other_parameters(octets) is None


@given(st.text(max_size=60))
@MANY
def test_scanners_raise_nothing_but_protocol_errors(text: str) -> None:
    for scan in (elements, parameters):
        try:
            scan(text)
        except RemoteProtocolError as error:
            assert error.status == 400


@pytest.mark.parametrize("text", ['"', '"\\', "<", ";", '";', '<"', ",", " ", '"a\\b"', "a=b;"])
@pytest.mark.parametrize("end", ["", ",", '"', "\\", "\0"])
def test_scanners_take_linear_time(text: str, end: str) -> None:
    """Quadratic time would be minutes here."""
    began = process_time()
    for scan in (elements, parameters):
        with suppress(RemoteProtocolError):
            scan(";" + text * 50_000 + end)
    assert process_time() - began < 20.0


def test_value_of_is_none_for_what_is_absent() -> None:
    assert value_of((("a", "1"), ("b", None)), "a") == "1"
    assert value_of((("a", "1"), ("b", None)), "b") is None
    assert value_of((("a", "1"),), "c") is None
