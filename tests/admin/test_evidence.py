"""The attempt that counts among several."""

from edge.codes import Code
from tests.admin.findings import facts, reach, system


def test_attempt_that_is_good_counts_before_all_others() -> None:
    bad, good = reach("cert", Code.C02), reach("done", address="203.0.113.18")
    assert facts(bad, good).best is good


def test_first_of_equals_counts() -> None:
    first, second = reach("done"), reach("done", address="203.0.113.18")
    assert facts(first, second).best is first


def test_without_a_good_one_that_counts_which_came_farthest() -> None:
    near, far = reach("tls", Code.T01), reach("cert", Code.C03, address="203.0.113.18")
    assert facts(near, far).best is far


def test_address_is_written_as_people_do() -> None:
    assert reach("done", address="2001:db8::5").where == "[2001:db8::5]:5061"


def test_nothing_that_was_tried_is_nothing() -> None:
    found = facts(of=system())
    found.reaches = []
    assert found.best is None
