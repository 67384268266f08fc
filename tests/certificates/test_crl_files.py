"""Lists from files: read, read again when they change and stand still, and never lost for a bad one."""

import os
from datetime import datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from edge.certificates.crl_files import MAX_FILE, MAX_IN_FILE, CrlFiles, lists_in
from edge.certificates.revocation import Ledger
from edge.certificates.statements import LONGEST, StatementError
from edge.codes import Code
from tests.certificates.issuing import ROOT, STRANGER, crl, leaf
from tests.certificates.made import DAY, NOW
from tests.certificates.test_revocation import shown

FIRST, SECOND = leaf(number=5), leaf(number=6)


class Files:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "r.crl"
        self.ledger = Ledger()
        self.told: list[tuple[str, Code, str]] = []
        self.files = CrlFiles(self.ledger, lambda *said: self.told.append(said))
        self.put(crl([FIRST]))
        self.files.become([self.path])

    def put(self, content: bytes) -> None:
        new = self.path.with_name("new")
        new.write_bytes(content)
        os.replace(new, self.path)

    def revoked(self, now: datetime = NOW) -> list[bool]:
        return [self.ledger.fault(shown(each, ROOT), "soft", now) is Code.C10 for each in (FIRST, SECOND)]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_changed_file_counts_when_it_has_stood_still(files: Files) -> None:
    assert files.revoked() == [True, False] and not files.files.look()
    files.put(crl([FIRST, SECOND]))
    assert not files.files.look() and files.revoked() == [True, False]
    assert files.files.look() and files.revoked() == [True, True]
    assert not files.files.look() and not files.told


@pytest.mark.parametrize("content", [b"", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", None])
def test_bad_file_leaves_what_was_known_and_is_told_once(files: Files, content: bytes | None) -> None:
    files.path.unlink() if content is None else files.put(content)
    assert [files.files.look() for _ in range(3)] == [False] * 3
    assert [(path, code) for path, code, _ in files.told] == [(str(files.path), Code.K04)]
    assert files.revoked() == [True, False]
    files.put(crl([SECOND]))
    assert [files.files.look() for _ in range(2)] == [False, True] and files.revoked() == [False, True]


def test_file_that_is_named_no_more_is_forgotten(files: Files) -> None:
    files.files.become([])
    assert files.revoked() == [False, False] and files.ledger.ages() == []


def test_file_may_hold_the_lists_of_several_issuers() -> None:
    content = crl([FIRST], encoding=Encoding.PEM) + b"and\n" + crl(issuer=STRANGER, encoding=Encoding.PEM)
    assert [each.list.list.issuer for each in lists_in(content, "")] == [
        ROOT.certificate.subject, STRANGER.certificate.subject,
    ]
    with pytest.raises(StatementError, match="more than"):
        lists_in(crl(encoding=Encoding.PEM) * (MAX_IN_FILE + 1), "")


def test_file_whose_last_list_is_cut_off_is_bad() -> None:
    content = crl(encoding=Encoding.PEM)
    with pytest.raises(StatementError, match="cut off"):
        lists_in(content + content[:-20], "")


def test_file_without_end_is_read_up_to_its_limit(files: Files) -> None:
    with files.path.open("wb") as stream:
        stream.truncate(MAX_FILE + 1)
    files.files.become([files.path])
    assert "more than" in files.told[0][2]


def test_list_whose_time_is_over_is_told_once_and_still_revokes(files: Files) -> None:
    files.files.tell_of_ends(NOW)
    assert not files.told
    for _ in range(2):
        files.files.tell_of_ends(NOW + 2 * DAY)
    ((path, code, text),) = files.told
    assert (path, code) == (str(files.path), Code.C08) and "CN=Root" in text
    assert files.revoked(NOW + 2 * DAY) == [True, False]
    assert files.ledger.fault(shown(SECOND, ROOT), "hard", NOW) is None
    assert files.ledger.fault(shown(SECOND, ROOT), "hard", NOW + 2 * DAY) is Code.C08


def test_list_from_a_file_holds_for_as_long_as_it_says() -> None:
    (found,) = lists_in(crl(until=NOW + 400 * DAY), "r.crl")
    assert found.list.until == NOW + 400 * DAY > NOW + LONGEST
