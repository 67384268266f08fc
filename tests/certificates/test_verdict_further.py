"""What a certificate must be besides, that DANE or POSH has tied to its name."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from edge.certificates import verdict
from edge.certificates.contexts import Contexts
from edge.certificates.identity import parse
from edge.certificates.trust import Trust, pin_of
from edge.codes import Code
from edge.domains import Domain
from edge.partners import Directory, Peer, System
from tests.certificates.made import DAY, MAIL, NOW, Made, authority, dns, make
from tests.certificates.shaking import accepted, somebody

NAME = Domain("b.example")
ROOT, PRETENDER = authority("Root", number=1), authority("Root", number=5)
OURS = make(dns("edge.example"), issuer=ROOT, number=2)
ALONE = make(dns("pool.example"), number=3)
ISSUED = make(dns("pool.example"), issuer=ROOT, number=4)
FORGED = make(dns("pool.example"), issuer=PRETENDER, number=6)
OLD = make(dns("pool.example"), number=7, begins=NOW - 9 * DAY, ends=NOW - DAY)
EARLY = make(dns("pool.example"), number=8, begins=NOW + DAY)
FOR_MAIL = make(dns("pool.example"), number=9, eku=(MAIL,))


def judged(
    chain: Sequence[Made], proof: str, folder: Path, trust: Trust = Trust(), min_version: str = "1.2"  # noqa: B008
) -> Peer:
    (folder / "ca.pem").write_bytes(ROOT.pem)
    system = System(
        "b", False, "xmpp", (NAME,), "s2s", ca=folder / "ca.pem", trust=trust, min_version=min_version,
    )
    contexts = Contexts(parse(OURS.pem, OURS.key_pem), system.ca, [system])
    return verdict.xmpp_peer(Directory([system]), accepted(contexts, somebody(chain)), contexts, NAME, proof)


@pytest.mark.parametrize(
    ("made", "posh", "dane"),
    [
        (ALONE, None, None),
        (ISSUED, None, None),
        (OLD, Code.C02, None),
        (EARLY, Code.C09, None),
        (FOR_MAIL, Code.C05, Code.C05),
    ],
)
def test_issuer_and_name_are_made_good_and_by_dns_the_dates(
    made: Made, posh: Code | None, dane: Code | None, tmp_path: Path
) -> None:
    assert judged([made], "", tmp_path).fault is not None
    for proof, fault in (("posh", posh), ("dane", dane)):
        peer = judged([made], proof, tmp_path)
        assert peer.fault is fault and peer.systems == (frozenset() if fault else {"b"})


def pins(made: Made) -> Trust:
    return Trust(pins=frozenset((pin_of(made.certificate),)))


@pytest.mark.parametrize(
    ("chain", "trust", "fault"),
    [
        ([ALONE], pins(ALONE), None),
        ([ALONE], pins(ISSUED), Code.C12),
        ([ISSUED], pins(ROOT), None),
        ([ALONE, ROOT], pins(ROOT), Code.C12),
        ([FORGED, ROOT], pins(ROOT), Code.C12),
        ([ALONE], Trust(revocation="hard"), Code.C08),
    ],
)
def test_pins_and_revocation_are_ours_to_say(
    chain: list[Made], trust: Trust, fault: Code | None, tmp_path: Path
) -> None:
    assert judged(chain, "posh", tmp_path, trust).fault is fault
    assert judged(chain, "dane", tmp_path, trust).fault is fault


def test_nobody_without_a_certificate_is_made_good(tmp_path: Path) -> None:
    assert judged([], "posh", tmp_path).fault is Code.T04
