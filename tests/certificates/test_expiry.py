"""The end of a certificate is told at each threshold, and once."""

from datetime import timedelta

import pytest

from edge.certificates.expiry import Ending, Expirations, ours
from edge.certificates.identity import Identities, parse
from edge.certificates.trust import fingerprint_of
from tests.certificates.made import DAY, NOW, dns, make


def ending(days: float, name: str = "contoso", fingerprint: str = "f") -> Ending:
    return Ending("peer", name, fingerprint, "CN=Root", NOW + days * DAY)


def told(expirations: Expirations, *endings: Ending, after: timedelta = 0 * DAY) -> list[tuple[str, int, int]]:
    due = expirations.due(endings, NOW + after)
    return [(each.ending.name, each.threshold, each.days) for each in due]


def test_every_threshold_is_told_once_on_the_way() -> None:
    expirations, one = Expirations(), ending(40)
    found = [told(expirations, one, after=day * DAY) for day in range(44)]
    assert [(day, each) for day, each in enumerate(found) if each] == [
        (10, [("contoso", 30, 30)]),
        (26, [("contoso", 14, 14)]),
        (33, [("contoso", 7, 7)]),
        (39, [("contoso", 1, 1)]),
        (40, [("contoso", 0, 0)]),
    ]


@pytest.mark.parametrize(("days", "threshold"), [(29.9, 30), (12, 14), (3, 7), (0.5, 1), (-3, 0)])
def test_first_look_tells_the_nearest_threshold_alone(days: float, threshold: int) -> None:
    expirations = Expirations()
    assert [each[1] for each in told(expirations, ending(days))] == [threshold]
    assert told(expirations, ending(days)) == []


def test_renewed_certificate_begins_anew_and_one_that_is_gone_is_forgotten() -> None:
    expirations = Expirations()
    assert len(told(expirations, ending(5))) == 1
    assert told(expirations, ending(90, fingerprint="g")) == []
    assert len(told(expirations, ending(5))) == 1


def test_certificates_do_not_get_in_each_others_way() -> None:
    expirations = Expirations()
    assert [each[0] for each in told(expirations, ending(5, "a"), ending(90, "b"), ending(13, "c"))] == ["a", "c"]
    assert told(expirations, ending(5, "a"), ending(90, "b"), ending(13, "c"), after=7 * DAY) == [
        ("a", 0, -2),
        ("c", 7, 6),
    ]


def test_our_own_are_called_by_their_first_name() -> None:
    one, other = make(dns("edge.example"), dns("b.example"), number=1), make(number=2)
    identities = Identities(parse(one.pem, one.key_pem), [parse(other.pem, other.key_pem)])
    found = ours(identities)
    assert [(each.role, each.name) for each in found] == [("own", "edge.example"), ("own", "")]
    assert found[0].fingerprint == fingerprint_of(one.certificate)
    assert found[0].not_after == one.certificate.not_valid_after_utc
