"""Identifiers: unique within a process, unpredictable where that matters, legal in SIP."""

import re
from itertools import count

from edge.identifiers import Identifiers

TOKEN = re.compile(r"[A-Za-z0-9.!%*_+`'~-]+")  # RFC 3261's token


def counted() -> Identifiers:
    numbers = count()
    return Identifiers(lambda: f"t{next(numbers)}", "node.example")


def test_branch_starts_with_the_magic_cookie_and_is_never_given_twice() -> None:
    identifiers = counted()
    branches = {identifiers.branch() for _ in range(1000)}
    assert len(branches) == 1000
    assert all(branch.startswith("z9hG4bK") and TOKEN.fullmatch(branch) for branch in branches)


def test_tag_and_call_id_are_fresh_tokens_each_time() -> None:
    identifiers = counted()
    assert (identifiers.tag(), identifiers.tag()) == ("t1", "t2")
    assert identifiers.call_id() == "t3@node.example"


def test_stanza_id_shares_no_number_with_a_branch() -> None:
    identifiers = counted()
    assert len({identifiers.stanza_id()[-1], identifiers.branch()[-1], identifiers.stanza_id()[-1]}) == 3


def test_identifiers_of_two_processes_differ_by_their_prefix() -> None:
    assert Identifiers(lambda: "a", "n").branch() != Identifiers(lambda: "b", "n").branch()
