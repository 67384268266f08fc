"""What the administrator gets to read about certificates, by `edge test` and `edge cert list`: real handshakes."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edge.admin.cert_commands import list_lines
from edge.admin.certificates import listed
from edge.admin.evidence import Fault, Reach
from edge.admin.examining import examine
from edge.admin.probe_commands import report
from edge.admin.probes import shown_by
from edge.certificates.contexts import Contexts
from edge.certificates.examination import examine as examine_ours
from edge.certificates.identity import Identities, parse
from edge.certificates.trust import Trust
from edge.domains import Domain
from edge.partners import Directory, System
from tests.admin.findings import facts
from tests.certificates.made import CLIENT, DAY, NOW, SERVER, Made, authority, dns, make
from tests.certificates.shaking import dialled, somebody
from tests.symptoms.page import shows

ROOT = authority("Public Root", number=1)
STRANGER = authority("Contoso Root", number=2)
MIDDLE = authority("Public Intermediate", issuer=ROOT, number=3)
OLD = authority("Old Intermediate", issuer=ROOT, number=3, begins=NOW - 9 * DAY, ends=NOW - DAY)
EDGE = make(dns("edge.example.net"), number=8, issuer=ROOT)
NAME = "edge.contoso.com"
PARTNER = System("contoso", False, "sip", (Domain("contoso.com"),), place="partners.toml line 37")


def met(folder: Path, *chain: Made, trust: Trust = Trust(revocation="off")) -> Sequence[str]:  # noqa: B008  # a value
    """`edge test contoso`, whose server shows this chain."""
    bundle = folder / "ca.pem"
    bundle.write_bytes(ROOT.pem)
    partner = replace(PARTNER, ca=bundle, trust=trust, peer_names=frozenset({Domain(NAME)}))
    contexts = Contexts(parse(EDGE.pem, EDGE.key_pem), bundle, [partner])
    handshake = dialled(contexts, somebody(chain), partner, NAME)
    peer = contexts.sip_peer(Directory([partner]), handshake, partner, frozenset({Domain(NAME)}))
    assert peer.fault is not None
    fault = Fault(peer.fault, peer.fault.sentence)
    reach = Reach(NAME, "203.0.113.17", 5061, stage="cert", fault=fault, minded=fault, asked=True, expected=(NAME,))
    reach.tls_version, reach.cipher, reach.shown = handshake.tls_version, handshake.cipher, shown_by(handshake)
    steps = examine(facts(reach, of=partner, when=NOW.timestamp()))
    return report([{
        "partner": "contoso", "domain": "contoso.com", "how": "sip, DNS SRV, mutual TLS", "when": "", "late": False,
        "outcome": "FAIL", "steps": [step.as_json() for step in steps],
    }])


def ours(*chain: Made) -> list[str]:
    """`edge cert list`, when this is our certificate."""
    identities = Identities(parse(b"".join(each.pem for each in chain), chain[0].key_pem))
    return list_lines(listed(identities, examine_ours(identities, None, (), NOW), NOW))


def leaf(*names: str, issuer: Made = MIDDLE, **said: object) -> Made:
    return make(*map(dns, names or (NAME,)), subject=NAME, issuer=issuer, number=9, **said)  # type: ignore[arg-type]


def test_unknown_issuer_is_named_with_the_two_lines_that_would_accept_it(tmp_path: Path) -> None:
    shows("Their issuer is not known here", met(tmp_path, leaf(issuer=STRANGER), STRANGER))


def test_name_that_is_missing_is_shown_beside_those_there_are(tmp_path: Path) -> None:
    shows("Their certificate carries another name", met(tmp_path, leaf("sip.contoso.com"), MIDDLE))


def test_common_name_alone_is_told_with_the_setting_for_it(tmp_path: Path) -> None:
    alone = make(subject=NAME, issuer=MIDDLE, number=9)
    shows("Their certificate has its name as common name alone", met(tmp_path, alone, MIDDLE))


def test_certificate_for_clients_only_says_which_purpose_is_missing(tmp_path: Path) -> None:
    shows("Their certificate is not for servers", met(tmp_path, leaf(eku=(CLIENT,)), MIDDLE))


def test_our_certificate_for_servers_only_says_who_will_refuse_it() -> None:
    shows("Our certificate is for servers only", ours(leaf("edge.example.net", eku=(SERVER,)), MIDDLE))


def test_missing_intermediate_says_where_it_is_to_be_had(tmp_path: Path) -> None:
    lone = leaf(says_issuer=True, eku=(SERVER, CLIENT))
    shows("An intermediate certificate is missing", [*met(tmp_path, lone), *ours(lone)])


def test_certificate_that_has_ended_says_when_and_whose_it_is(tmp_path: Path) -> None:
    past = {"begins": NOW - 90 * DAY, "ends": NOW - DAY}
    soon = leaf("edge.example.net", ends=NOW + 6 * DAY, eku=(SERVER, CLIENT))
    shows("A certificate has ended", [*met(tmp_path, leaf(**past), MIDDLE), *ours(soon, MIDDLE)])


def test_issuer_that_has_ended_is_named(tmp_path: Path) -> None:
    said = [*met(tmp_path, leaf(issuer=OLD), OLD), *ours(leaf(issuer=OLD, eku=(SERVER, CLIENT)), OLD)]
    shows("A certificate further up in the chain has ended", said)


def test_certificate_before_its_time_is_told_with_the_time_here(tmp_path: Path) -> None:
    said = met(tmp_path, leaf(begins=NOW + DAY, ends=NOW + 9 * DAY), MIDDLE)
    shows("One of the two clocks is wrong", said)
