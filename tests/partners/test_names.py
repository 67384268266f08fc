"""Whose a domain is."""

import pytest

from edge.domains import Domain
from edge.partners.names import Names


def test_nothing_is_found_where_nothing_is() -> None:
    assert Names[str]().find(Domain("a.example")) is None


def test_exact_before_wildcard_and_the_longest_wildcard_before_others() -> None:
    names = Names[str]()
    names.add("all", (), [Domain("example")])
    names.add("west", (), [Domain("west.example")])
    names.add("one", [Domain("a.west.example")], ())
    found = [names.find(Domain(each)) for each in ("example", "b.example", "b.west.example", "a.west.example")]
    assert found == [None, "all", "west", "one"]


@pytest.mark.parametrize("wildcard", [False, True])
def test_a_name_of_two_owners_is_refused(wildcard: bool) -> None:
    names = Names[str]()
    mine: tuple[list[Domain], list[Domain]] = ([], [Domain("a.example")]) if wildcard else ([Domain("a.example")], [])
    names.add("one", *mine)
    names.add("one", *mine)
    with pytest.raises(ValueError, match=r"a\.example is claimed twice"):
        names.add("two", *mine)
