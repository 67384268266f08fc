"""What is known about revocation, and what follows under each policy."""

from dataclasses import replace

import pytest

from edge.certificates.crl_files import lists_in
from edge.certificates.handshake import Handshake
from edge.certificates.peers import INVALID_PURPOSE
from edge.certificates.revocation import MAX_LIST, MAX_RESPONSE, MAX_STATEMENTS, Ledger, Query
from edge.certificates.statements import StatementError
from edge.codes import Code
from tests.certificates.issuing import CRL, OCSP, REVOKED, ROOT, STRANGER, answering, crl, leaf, listing, response
from tests.certificates.made import DAY, NOW, Made, authority, make

BOTH = leaf(answering(), listing())
SILENT = leaf()


def shown(*path: Made, staple: bytes = b"") -> Handshake:
    certificates = tuple(each.certificate for each in path)
    return Handshake(certificates[0], certificates[:-1], certificates, (), True, "TLSv1.3", "", staple=staple)


def ask(ledger: Ledger, handshake: Handshake) -> Query:
    (queries,) = ledger.unknown(handshake, NOW)
    return queries[0]


@pytest.mark.parametrize(("policy", "code"), [("off", None), ("soft", None), ("hard", Code.C08)])
def test_what_is_unknown_is_let_pass_unless_the_policy_is_hard(policy: str, code: Code | None) -> None:
    assert Ledger().fault(shown(BOTH, ROOT), policy, NOW) is code


@pytest.mark.parametrize(("policy", "code"), [("off", None), ("soft", Code.C10), ("hard", Code.C10)])
def test_what_is_revoked_is_refused_unless_the_policy_is_off(policy: str, code: Code | None) -> None:
    ledger, handshake = Ledger(), shown(BOTH, ROOT)
    ledger.learn(ask(ledger, handshake), response(BOTH, REVOKED), NOW)
    assert ledger.fault(handshake, policy, NOW) is code


def test_good_answer_holds_until_it_ends() -> None:
    ledger, handshake = Ledger(), shown(BOTH, ROOT)
    ledger.learn(ask(ledger, handshake), response(BOTH), NOW)
    assert ledger.fault(handshake, "hard", NOW) is None and ledger.unknown(handshake, NOW) == []
    assert ledger.fault(handshake, "hard", NOW + 2 * DAY) is Code.C08


def test_questions_go_to_the_responder_first_and_then_for_the_list() -> None:
    (queries,) = Ledger().unknown(shown(BOTH, ROOT), NOW)
    assert [(query.kind, query.url, query.limit) for query in queries] == [
        ("ocsp", OCSP, MAX_RESPONSE),
        ("crl", CRL, MAX_LIST),
    ]
    assert queries[0].body is not None and queries[1].body is None
    assert Ledger().unknown(shown(SILENT, ROOT), NOW) == []


def test_list_serves_every_certificate_of_its_issuer() -> None:
    one, other = leaf(listing()), leaf(listing())
    ledger = Ledger()
    ledger.learn(ask(ledger, shown(one, ROOT)), crl([other]), NOW)
    assert ledger.fault(shown(one, ROOT), "hard", NOW) is None
    assert ledger.fault(shown(other, ROOT), "soft", NOW) is Code.C10


def test_every_certificate_below_the_root_is_asked_for() -> None:
    middle = authority("Middle", issuer=ROOT, number=3, extensions=[listing()])
    low = leaf(answering(), issuer=middle)
    handshake, ledger = shown(low, middle, ROOT), Ledger()
    (first,), (second,) = ledger.unknown(handshake, NOW)
    ledger.learn(first, response(low, issuer=middle), NOW)
    assert ledger.fault(handshake, "hard", NOW) is Code.C08
    ledger.learn(second, crl([middle]), NOW)
    assert ledger.fault(handshake, "soft", NOW) is Code.C10


def test_revoked_in_the_list_outweighs_good_in_the_response() -> None:
    ledger, handshake = Ledger(), shown(BOTH, ROOT)
    (queries,) = ledger.unknown(handshake, NOW)
    for query, content in zip(queries, (response(BOTH), crl([BOTH])), strict=True):
        ledger.learn(query, content, NOW)
    assert ledger.fault(handshake, "soft", NOW) is Code.C10


def test_stapled_response_saves_the_question() -> None:
    handshake = shown(BOTH, ROOT, staple=response(BOTH))
    ledger = Ledger()
    assert ledger.fault(handshake, "hard", NOW) is None and ledger.unknown(handshake, NOW) == []
    assert [age.source for age in ledger.ages()] == ["staple"]
    assert Ledger().fault(shown(BOTH, ROOT, staple=response(BOTH, REVOKED)), "soft", NOW) is Code.C10


@pytest.mark.parametrize(
    "staple",
    [b"x", response(SILENT), response(BOTH, signer=STRANGER), response(BOTH, since=NOW - 3 * DAY, until=NOW - DAY)],
)
def test_staple_that_says_nothing_is_as_if_there_were_none(staple: bytes) -> None:
    assert Ledger().fault(shown(BOTH, ROOT, staple=staple), "hard", NOW) is Code.C08


def test_older_staple_does_not_take_back_what_is_known() -> None:
    ledger = Ledger()
    ledger.learn(ask(ledger, shown(BOTH, ROOT)), response(BOTH, REVOKED), NOW)
    old = shown(BOTH, ROOT, staple=response(BOTH, since=NOW - DAY, until=NOW + DAY))
    assert ledger.fault(old, "soft", NOW) is Code.C10


def test_list_from_a_file_serves_certificates_that_name_none() -> None:
    ledger, handshake = Ledger(), shown(SILENT, ROOT)
    ledger.use_files(lists_in(crl(issuer=STRANGER), "1"))
    assert ledger.fault(handshake, "hard", NOW) is Code.C08
    ledger.use_files(lists_in(crl([SILENT]), "2"))
    assert ledger.fault(handshake, "soft", NOW) is Code.C10
    assert [(age.source, age.url) for age in ledger.ages()] == [("crl", "2")]
    ledger.use_files(lists_in(crl(), "3"))
    assert ledger.fault(handshake, "hard", NOW) is None
    ledger.use_files(lists_in(crl(signer=STRANGER), "4"))
    assert ledger.fault(handshake, "hard", NOW) is Code.C08


def test_signatures_of_lists_from_files_are_remembered_of_some_issuers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.certificates.revocation.MAX_SIGNERS", 1)
    ledger = Ledger()
    ledger.use_files([*lists_in(crl([SILENT]), "1"), *lists_in(crl(issuer=STRANGER), "2")])
    other = leaf(issuer=STRANGER)
    for _ in range(2):
        assert ledger.fault(shown(SILENT, ROOT), "soft", NOW) is Code.C10
        assert ledger.fault(shown(other, STRANGER), "hard", NOW) is None
    assert len(ledger._signed) == 1


def test_what_is_revoked_stays_so_until_somebody_says_otherwise() -> None:
    ledger, handshake = Ledger(), shown(BOTH, ROOT)
    ledger.learn(ask(ledger, handshake), response(BOTH, REVOKED), NOW)
    later = NOW + 2 * DAY
    assert ledger.fault(handshake, "soft", later) is Code.C10
    (queries,) = ledger.unknown(handshake, later)
    ledger.learn(queries[0], response(BOTH, since=later, until=later + DAY), later)
    assert ledger.fault(handshake, "hard", later) is None, "it was on hold"


def test_answer_that_says_nothing_is_not_learnt() -> None:
    ledger, handshake = Ledger(), shown(BOTH, ROOT)
    with pytest.raises(StatementError):
        ledger.learn(ask(ledger, handshake), response(SILENT), NOW)
    assert ledger.ages() == []


def test_ages_are_told_oldest_first() -> None:
    ledger, handshake = Ledger(), shown(BOTH, ROOT)
    (queries,) = ledger.unknown(handshake, NOW)
    ledger.learn(queries[0], response(BOTH), NOW)
    ledger.learn(queries[1], crl(since=NOW - DAY / 2), NOW)
    assert [(age.source, age.url, age.issuer) for age in ledger.ages()] == [
        ("crl", CRL, "CN=Root"),
        ("ocsp", OCSP, "CN=Root"),
    ]


def test_ledger_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.certificates.revocation.MAX_STATEMENTS", 2)
    assert MAX_STATEMENTS > 2
    ledger, made = Ledger(), [leaf(answering()) for _ in range(4)]
    asked = [(ask(ledger, shown(each, ROOT)), response(each)) for each in made]
    for question, answer in (*asked[:3], asked[1], asked[3]):
        ledger.learn(question, answer, NOW)
    assert [ledger.fault(shown(each, ROOT), "hard", NOW) for each in made] == [Code.C08, None, Code.C08, None]


def test_certificate_that_signs_itself_has_nobody_to_revoke_it() -> None:
    assert Ledger().fault(shown(make(number=3)), "hard", NOW) is None
    assert Ledger().fault(shown(SILENT), "hard", NOW) is Code.C08, "its issuer could have"
    assert Ledger().fault(shown(SILENT), "soft", NOW) is None


def test_nobody_vouches_for_a_certificate_by_calling_himself_its_issuer() -> None:
    """The chain is good for another reason than who has signed it: a pin, or what the domain says elsewhere."""
    forger = authority("Root", number=4)
    forged = shown(BOTH, forger, staple=response(BOTH, issuer=forger))
    broken = replace(forged, errors=((0, 7),))
    ledger = Ledger()
    assert ledger.fault(broken, "hard", NOW) is Code.C08 and ledger.ages() == [] == ledger.unknown(broken, NOW)
    with_both = replace(broken, path=(*broken.path, ROOT.certificate))
    ledger.use_files(lists_in(crl([BOTH]), "1"))
    assert ledger.fault(with_both, "soft", NOW) is Code.C10


def test_purpose_that_openssl_misses_does_not_make_a_chain_another() -> None:
    handshake = replace(shown(BOTH, ROOT), errors=((0, INVALID_PURPOSE),))
    assert len(Ledger().unknown(handshake, NOW)) == 1
