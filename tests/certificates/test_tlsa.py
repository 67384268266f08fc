"""What a TLSA record proves, by its usage, selector and matching type."""

from hashlib import sha256, sha512

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edge.certificates import tlsa
from edge.certificates.tlsa import DANE_EE, DANE_TA, MAX_RECORDS, PKIX_EE, PKIX_TA, Record
from tests.certificates.made import DAY, NOW, Made, make

ROOT = make(subject="Root", is_authority=True, number=1)
MIDDLE = make(subject="Middle", issuer=ROOT, is_authority=True, number=2)
LEAF, ALONE = make(issuer=MIDDLE, number=3), make(number=4)
OLD = make(issuer=MIDDLE, number=5, begins=NOW - 9 * DAY, ends=NOW - DAY)
CHAIN = (LEAF, MIDDLE, ROOT)


def der(made: Made) -> bytes:
    return made.certificate.public_bytes(Encoding.DER)


def spki(made: Made) -> bytes:
    return made.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def about(made: Made, usage: int) -> Record:
    return Record(usage, 1, 1, sha256(spki(made)).digest())


def proves(record: Record, chain: tuple[Made, ...], issued: bool = False, named: bool = True) -> bool:
    certificates: list[x509.Certificate] = [each.certificate for each in chain]
    return tlsa.proves([record], certificates, well_issued=issued, well_named=named)


@pytest.mark.parametrize(
    ("selector", "matching", "data", "means"),
    [
        (0, 0, der(LEAF), True),
        (0, 1, sha256(der(LEAF)).digest(), True),
        (0, 2, sha512(der(LEAF)).digest(), True),
        (1, 0, spki(LEAF), True),
        (1, 1, sha256(spki(LEAF)).digest(), True),
        (1, 2, sha512(spki(LEAF)).digest(), True),
        (0, 1, sha256(spki(LEAF)).digest(), False),
        (1, 1, sha256(der(LEAF)).digest(), False),
        (1, 2, sha256(spki(LEAF)).digest(), False),
        (1, 1, sha256(spki(LEAF)).digest()[:16], False),
        (2, 1, sha256(spki(LEAF)).digest(), False),
        (1, 3, sha256(spki(LEAF)).digest(), False),
    ],
)
def test_record_means_the_certificate_that_it_describes(
    selector: int, matching: int, data: bytes, means: bool
) -> None:
    record = tlsa.read(bytes((DANE_EE, selector, matching)) + data)
    assert record is not None and record.means(LEAF.certificate) is means and not record.means(ALONE.certificate)


def test_too_short_a_record_is_none() -> None:
    assert tlsa.read(b"") is None and tlsa.read(b"\3\1\1") is None


@pytest.mark.parametrize(
    ("record", "chain", "issued", "named", "good"),
    [
        (about(LEAF, DANE_EE), CHAIN, False, False, True),
        (about(ALONE, DANE_EE), (ALONE,), False, False, True),
        (about(OLD, DANE_EE), (OLD,), False, False, True),
        (about(MIDDLE, DANE_EE), CHAIN, True, True, False),
        (about(MIDDLE, DANE_TA), CHAIN, False, True, True),
        (about(ROOT, DANE_TA), CHAIN, False, True, True),
        (about(MIDDLE, DANE_TA), CHAIN, True, False, False),
        (about(LEAF, DANE_TA), CHAIN, True, True, False),
        (about(MIDDLE, DANE_TA), (ALONE, MIDDLE), False, True, False),
        (about(MIDDLE, DANE_TA), (OLD, MIDDLE), False, True, False),
        (about(ALONE, DANE_TA), (LEAF, ALONE), False, True, False),
        (about(ROOT, DANE_TA), (LEAF, MIDDLE), False, True, False),
        (about(LEAF, PKIX_EE), CHAIN, True, True, True),
        (about(LEAF, PKIX_EE), CHAIN, False, True, False),
        (about(MIDDLE, PKIX_TA), CHAIN, True, True, True),
        (about(MIDDLE, PKIX_TA), CHAIN, False, True, False),
        (about(ROOT, PKIX_TA), (LEAF, MIDDLE), True, True, False),
        (about(ALONE, PKIX_TA), (LEAF, MIDDLE, ALONE), True, True, False),
        (about(MIDDLE, PKIX_TA), (ALONE, MIDDLE), True, True, False),
        (about(LEAF, 4), CHAIN, True, True, False),
        (about(LEAF, DANE_EE), (), True, True, False),
    ],
)
def test_usage_says_what_else_must_be_good(
    record: Record, chain: tuple[Made, ...], issued: bool, named: bool, good: bool
) -> None:
    assert proves(record, chain, issued, named) is good


@pytest.mark.parametrize(("usage", "good"), [(PKIX_TA, True), (DANE_TA, False)])
def test_root_that_was_not_sent_counts_if_it_is_trusted(usage: int, good: bool) -> None:
    """PKIX-TA names one of those whom we trust; with DANE-TA nobody need trust it, so it has to be shown."""
    chain, path = ([each.certificate for each in sent] for sent in (CHAIN[:2], CHAIN))
    assert tlsa.proves([about(ROOT, usage)], chain, well_issued=True, well_named=True, path=path) is good


def test_records_past_the_limit_do_not_count() -> None:
    listed = [about(ALONE, DANE_EE)] * MAX_RECORDS + [about(LEAF, DANE_EE)]
    assert not tlsa.proves(listed, [LEAF.certificate], well_issued=True, well_named=True)
