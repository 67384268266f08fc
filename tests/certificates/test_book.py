"""Which certificates peers have shown, and which of them are new."""

import pytest

from edge.certificates.book import MAX_OF_ONE, MAX_REFUSED, SEEN_AGAIN, Changed, PeerBook, decode
from edge.certificates.trust import fingerprint_of, pin_of
from edge.codes import Code
from tests.certificates.made import DAY, NOW, authority, dns, make

ROOT, OTHER_ROOT = authority("Root", number=1), authority("Other Root", number=2)
ONE = make(dns("sip.contoso.com"), issuer=ROOT, number=3).certificate
RENEWED = make(dns("sip.contoso.com"), issuer=ROOT, number=3).certificate
FOREIGN = make(dns("sip.contoso.com"), issuer=OTHER_ROOT, number=4).certificate
THEN = NOW.timestamp()


def test_first_certificate_of_a_partner_is_no_change_and_neither_is_the_same_again() -> None:
    book = PeerBook()
    assert [book.saw("contoso", ONE, THEN + second) for second in range(3)] == [None] * 3
    (seen,) = book.accepted()
    assert (seen.system, seen.fingerprint, seen.pin) == ("contoso", fingerprint_of(ONE), pin_of(ONE))
    assert (seen.issuer, seen.names, seen.code) == ("CN=Root", ("sip.contoso.com",), "")
    assert (seen.first_seen, seen.last_seen, seen.not_after) == (THEN, THEN + 2, (NOW + 60 * DAY).timestamp())


@pytest.mark.parametrize(("certificate", "same_key", "same_issuer"), [(RENEWED, True, True), (FOREIGN, False, False)])
def test_another_certificate_is_a_change_once(certificate: object, same_key: bool, same_issuer: bool) -> None:
    book = PeerBook()
    book.saw("contoso", ONE, THEN)
    change = book.saw("contoso", certificate, THEN + 1)  # type: ignore[arg-type]
    assert isinstance(change, Changed) and change.old.fingerprint == fingerprint_of(ONE)
    assert (change.same_key, change.same_issuer) == (same_key, same_issuer)
    assert book.saw("contoso", ONE, THEN + 2) is None  # another server of it still has the old one
    assert book.saw("contoso", certificate, THEN + 3) is None  # type: ignore[arg-type]


def test_certificate_of_another_partner_is_no_change() -> None:
    book = PeerBook()
    assert (book.saw("contoso", ONE, THEN), book.saw("fabrikam", FOREIGN, THEN)) == (None, None)
    assert [seen.system for seen in book.accepted()] == ["contoso", "fabrikam"]


def test_certificate_in_use_is_the_one_shown_last() -> None:
    book = PeerBook()
    for certificate in (ONE, FOREIGN, ONE):
        book.saw("contoso", certificate, THEN)
    assert [(each.role, each.name, each.fingerprint) for each in book.endings()] == [
        ("peer", "contoso", fingerprint_of(ONE))
    ]
    assert book.endings()[0].not_after == NOW + 60 * DAY


def test_refused_certificates_are_kept_apart_with_the_reason() -> None:
    book = PeerBook()
    book.refused(ONE, Code.C02, THEN)
    book.refused(FOREIGN, Code.C01, THEN + 1)
    book.refused(ONE, Code.C10, THEN + 2)
    assert [(seen.fingerprint, seen.code, seen.first_seen, seen.last_seen) for seen in book.rejected()] == [
        (fingerprint_of(ONE), "EDGE-C10", THEN, THEN + 2),
        (fingerprint_of(FOREIGN), "EDGE-C01", THEN + 1, THEN + 1),
    ]
    assert list(book.accepted()) == [] and book.unsaved() == {}


def test_book_comes_back_from_the_store() -> None:
    book, again = PeerBook(), PeerBook()
    book.saw("contoso", ONE, THEN)
    book.saw("contoso", FOREIGN, THEN + 1)
    saved = book.unsaved()
    assert list(saved) == [f"contoso {fingerprint_of(each)}" for each in (ONE, FOREIGN)]
    for data in saved.values():
        assert data is not None
        again.restore(data)
    assert list(again.accepted()) == list(book.accepted())
    assert again.saw("contoso", ONE, THEN + 2) is None and again.unsaved() == {}
    assert book.unsaved() == {}


def test_last_seen_is_written_once_a_day() -> None:
    book = PeerBook()
    book.saw("contoso", ONE, THEN)
    book.unsaved()
    book.saw("contoso", ONE, THEN + 10)
    assert book.unsaved() == {}
    book.saw("contoso", ONE, THEN + 10 + SEEN_AGAIN)
    (data,) = book.unsaved().values()
    assert data is not None and decode(data).last_seen == THEN + 10 + SEEN_AGAIN


def test_partner_that_goes_is_forgotten() -> None:
    book = PeerBook()
    book.saw("contoso", ONE, THEN)
    book.unsaved()
    book.forget("contoso")
    assert list(book.accepted()) == [] and book.unsaved() == {f"contoso {fingerprint_of(ONE)}": None}
    assert book.saw("contoso", FOREIGN, THEN) is None


def test_book_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [make(number=5).certificate for _ in range(MAX_OF_ONE + 2)]
    book = PeerBook()
    for second, certificate in enumerate(many):
        book.saw("contoso", certificate, THEN + second)
    kept = [seen.fingerprint for seen in book.accepted()]
    assert kept == [fingerprint_of(each) for each in many[2:]]
    assert [data is None for data in book.unsaved().values()].count(True) == 2

    monkeypatch.setattr("edge.certificates.book.MAX_ACCEPTED", 2)
    book = PeerBook()
    for number in range(4):
        book.saw(f"partner{number}", ONE, THEN)
    assert [seen.system for seen in book.accepted()] == ["partner2", "partner3"]

    monkeypatch.setattr("edge.certificates.book.MAX_REFUSED", 2)
    assert MAX_REFUSED > 2
    for certificate in many[:4]:
        book.refused(certificate, Code.C01, THEN)
    assert [seen.fingerprint for seen in book.rejected()] == [fingerprint_of(each) for each in reversed(many[2:4])]
