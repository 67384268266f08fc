"""What the administrator gets to read of his own doings: the partner list, reloads, routes, clocks, revocation."""

from datetime import timedelta
from pathlib import Path

import pytest

from edge.admin.cert_commands import peers_lines
from edge.admin.certificates import peers
from edge.admin.evidence import Fault
from edge.admin.examining import examine
from edge.admin.probe_commands import report
from edge.certificates.book import PeerBook
from edge.certificates.revocation import Age
from edge.codes import Code
from edge.gateway.effects import Report
from edge.xmpp.initiating import Initiating
from edge.xmpp.negotiation import Unproved
from tests.admin.findings import NOW, facts, reach, system
from tests.admin.office import PARTNERS, Office
from tests.admin.shell import Shell
from tests.admin.test_examining_peer import STREAM
from tests.config.written import changed
from tests.symptoms.page import shows
from tests.xmpp.test_initiating_dialback import DIALBACK, FAILURE, features, mechanisms, secure

URL = "http://crl.ca.example/r1.crl"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def shown(verb: str, answer: object, *words: str) -> list[str]:
    """What the command prints for this answer of the gateway."""
    return Shell({verb: answer}).run(*words)[1].splitlines()


def reloaded(office: Office, partners: str) -> list[str]:
    """`edge reload`, after the partner file was edited."""
    office.written.write(partners=partners)
    outcome = office.service.reloading.attempt(office.service.reloading.read())
    return shown("reload", outcome.as_json(), "reload")


def test_stranger_is_listed_with_the_command_that_lets_him_in(office: Office) -> None:
    link = {
        "stream": "s2s in", "remote": "wingtip.example", "peer_ip": "198.51.100.9", "names": "wingtip.example",
        "cert_sha256": "da96f47772754b83", "cert_issuer": "CN=R11",
    }
    office.service._seen.watch(Report("link.refused", Code.A01, link))
    shows("Somebody is not on the partner list", shown("seen", office.get("seen"), "partners", "seen"))


def test_route_of_an_address_is_told_in_plain_names(office: Office) -> None:
    answer = office.get("explain", **{"from": "juliet@xmpp.example", "to": "romeo@contoso.com"})
    said = shown("explain", answer, "explain", "juliet@xmpp.example", "romeo@contoso.com")
    shows("Nobody knows which way a message takes", said)


def test_configuration_that_contradicts_itself_leaves_the_old_one_in_force(office: Office) -> None:
    before = office.service.reloading.config
    said = reloaded(office, changed(PARTNERS, '"fabrikam.com", "*.fabrikam.com"', '"contoso.com", "xmpp.example"'))
    assert office.service.reloading.config is before
    shows("A configuration is refused", said)


def test_change_of_one_partner_touches_no_link_of_another(office: Office) -> None:
    office.link()
    said = reloaded(office, changed(PARTNERS, '"*.fabrikam.com"', '"fabrikam.example"'))
    assert len(office.running.sip.links) == 1
    shows("A change has to be made while people talk", said)


def test_list_of_revoked_certificates_that_cannot_be_had_is_named(office: Office, logged: list[str]) -> None:
    office.service._upkeep._unanswered(URL, "TCP connection timed out")
    known = Age("CN=R11", "crl", URL, NOW - timedelta(days=2), NOW + timedelta(days=5))
    hard = reach("cert", Code.C08)
    hard.fault = Fault(Code.C08)
    steps = [step.as_json() for step in examine(facts(hard))]
    test = {"partner": "contoso", "domain": "contoso.com", "how": "", "when": "", "late": False, "outcome": "FAIL"}
    said = [*logged, *peers_lines(peers(PeerBook(), [known], NOW)), *report([{**test, "steps": steps}])]
    shows("It cannot be found out whether a certificate was revoked", said)


def test_server_that_does_not_take_our_certificate_is_told_although_dialback_goes_on() -> None:
    stream = secure()
    stream.receive(features(DIALBACK, mechanisms("EXTERNAL")))
    noted, _ = stream.receive(FAILURE)
    assert isinstance(stream, Initiating) and isinstance(noted, Unproved)
    attempt = reach(**{**STREAM, "proved": "dialback"}, fell_back=noted.text)
    steps = [step.as_json() for step in examine(facts(attempt, of=system("xmpp")))]
    test = {"partner": "contoso", "domain": "contoso.com", "how": "", "when": "", "late": False, "outcome": "warn"}
    shows("Their server takes dialback and not our certificate", report([{**test, "steps": steps}]))
