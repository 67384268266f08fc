"""Tests of `edge.bodies.document`."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.bodies.document import resource_of, tuple_id

NCNAME = set(string.ascii_letters + string.digits + ".-_")


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ("balcony", "ID-balcony"),
        ("", "ID-"),
        ("a b/c", "ID-a_x20_b_x2f_c"),
        ("über", "ID-_xfc_ber"),
        ("_x20_", "ID-_x5f_x20_"),
        ("a_b", "ID-a_b"),
        ("🎉", "ID-_x1f389_"),
    ],
)
def test_tuple_id_is_an_ncname(resource: str, expected: str) -> None:
    assert tuple_id(resource) == expected
    assert resource_of(expected) == resource


@settings(max_examples=200)
@given(st.one_of(st.text(max_size=20), st.text("_x2f0 5", max_size=12)))
def test_resource_of_undoes_tuple_id(resource: str) -> None:
    assert set(tuple_id(resource)) <= NCNAME
    assert resource_of(tuple_id(resource)) == resource


@pytest.mark.parametrize("identifier", ["0", "sg89ae", "id-x", "_x20_", "ID-_xzz_"])
def test_resource_of_leaves_foreign_ids_as_they_are(identifier: str) -> None:
    assert resource_of(identifier) == identifier.removeprefix("ID-")


@pytest.mark.parametrize("identifier", ["ID-_xd800_", "ID-_x110000_"])
def test_resource_of_makes_no_impossible_character(identifier: str) -> None:
    assert resource_of(identifier) == identifier[3:]
