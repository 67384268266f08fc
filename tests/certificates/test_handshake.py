"""What is written down of a handshake."""

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from OpenSSL import SSL
from twisted.internet.defer import Deferred

from edge.certificates.contexts import Contexts
from edge.certificates.handshake import MAX_STAPLE, Handshake, Recorded
from edge.certificates.identity import parse
from edge.certificates.trust import Trust
from edge.codes import Code
from edge.domains import Domain
from edge.partners import System
from tests.certificates.made import CLIENT, SERVER, authority, dns, make
from tests.certificates.shaking import accepted, client_of, dialled, server_of, shake, somebody

ROOT = authority("Root", number=1)
OURS = make(dns("edge.example"), number=8, issuer=ROOT)
THEIRS = make(dns("b.example"), number=9, issuer=ROOT)

LATER = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER).public_bytes(Encoding.DER)


@pytest.fixture
def to(tmp_path: Path) -> System:
    (tmp_path / "ca.pem").write_bytes(ROOT.pem)
    return System(name="b", inside=False, protocol="sip", domains=(Domain("b.example"),), ca=tmp_path / "ca.pem")


@pytest.fixture
def ours(to: System) -> Contexts:
    return Contexts(parse(OURS.pem, OURS.key_pem), to.ca, [to])


def test_handshake_knows_its_direction_and_what_it_was_made_with(ours: Contexts, to: System) -> None:
    assert accepted(ours, somebody([THEIRS])).accepted
    seen = dialled(ours, somebody([THEIRS]), to)
    assert (seen.accepted, seen.ours) == (False, ours.identities.default)


def test_handshake_brings_the_stapled_response(ours: Contexts, to: System) -> None:
    assert dialled(ours, somebody([THEIRS], staple=LATER), to).staple == LATER
    assert dialled(ours, somebody([THEIRS]), to).staple == b""


def test_staple_is_bounded(ours: Contexts, to: System) -> None:
    client = client_of(ours, "b.example", to)
    shake(client, server_of(ours))
    client.staple = b"x" * (MAX_STAPLE + 1)  # type: ignore[attr-defined]
    assert len(Handshake.of(client).staple) == MAX_STAPLE


@pytest.mark.parametrize(
    ("eku", "accepting", "code"),
    [
        ("server", True, None), ("server", False, None),
        ("strict", True, Code.C05), ("strict", False, None),
        ("any", True, None), ("any", False, None),
    ],
)
def test_purpose_is_judged_by_the_part_that_the_peer_has(
    ours: Contexts, to: System, eku: str, accepting: bool, code: Code | None
) -> None:
    theirs = somebody([make(dns("b.example"), issuer=ROOT, eku=(SERVER,), number=9)])
    seen = accepted(ours, theirs) if accepting else dialled(ours, theirs, to)
    assert seen.fault_under(eku, pinned=False) is code


def test_strict_takes_a_client_certificate_from_a_client_only(ours: Contexts, to: System) -> None:
    theirs = somebody([make(dns("b.example"), issuer=ROOT, eku=(CLIENT,), number=9)])
    assert accepted(ours, theirs).fault_under("strict", pinned=False) is None
    assert dialled(ours, theirs, to).fault_under("strict", pinned=False) is Code.C05
    assert accepted(ours, theirs).fault is Code.C05


class Oracle:
    """Knows nothing, and will."""

    def fault(self, handshake: Handshake, policy: str) -> Code | None:
        return None

    def waiting(self, handshake: Handshake) -> "Deferred[None]":
        return Deferred()


def test_verdict_waits_where_somebody_wants_to_know_what_was_revoked(ours: Contexts, to: System) -> None:
    assert server_of(ours).waiting is None  # type: ignore[attr-defined]
    ours.consult(Oracle())
    for connection in (server_of(ours), client_of(ours, "b.example", to)):
        assert connection.waiting is not None  # type: ignore[attr-defined]
    assert isinstance(ours.waiting(accepted(ours, somebody([THEIRS]))), Deferred)
    ours.configure(ours.identities, to.ca, [replace(to, trust=Trust(revocation="off"))])
    assert server_of(ours).waiting is None  # type: ignore[attr-defined]


def test_verdict_on_a_chain_that_is_no_good_waits_for_nobody(ours: Contexts) -> None:
    """Whoever may write into a certificate what he likes does not make us fetch anything."""
    ours.consult(Oracle())
    assert ours.waiting(accepted(ours, somebody([make(dns("b.example"), number=9)]))) is None
    assert ours.waiting(accepted(ours, somebody([]))) is None


def test_name_that_cannot_be_read_makes_a_certificate_nobodys(ours: Contexts) -> None:
    """OpenSSL takes it; what reads it later must not stumble."""
    good = make(dns("b.example"), subject="name", number=7)
    der = good.certificate.public_bytes(Encoding.DER).replace(b"\x0c\x04name", b"\x03\x04\0bit")
    bad = replace(good, certificate=x509.load_der_x509_certificate(der))
    for chain in ([bad], [THEIRS, bad]):
        seen = accepted(ours, somebody(chain))
        assert (seen.readable, seen.leaf, seen.chain, seen.fault) == (False, None, (), Code.T07)


@pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
@pytest.mark.parametrize("asks", [True, False])
def test_connection_we_dial_knows_whether_our_certificate_was_asked_for(
    version: int, asks: bool, ours: Contexts, to: System
) -> None:
    theirs = somebody([THEIRS], version)
    if not asks:
        theirs.set_verify(SSL.VERIFY_NONE, lambda *_: True)
    client = client_of(ours, "b.example", to)
    shake(client, SSL.Connection(theirs, None))
    assert isinstance(client, Recorded)
    assert (client.shown, client.taken) == (asks, asks)


def test_good_chain_is_asked_about_whatever_its_purpose_and_a_bad_one_leads_nowhere(ours: Contexts, to: System) -> None:
    asked: list[Handshake] = []

    class Asked:
        def fault(self, handshake: Handshake, policy: str) -> None:
            """Nothing is known."""

        def waiting(self, handshake: Handshake) -> None:
            asked.append(handshake)

    ours.consult(Asked())
    for chain in ([THEIRS], [make(dns("b.example"), issuer=ROOT, eku=(CLIENT,), number=8)], [make(dns("b.example"))]):
        ours.waiting(dialled(ours, somebody(chain), to))
    assert [handshake.fault for handshake in asked] == [None, Code.C05]
