"""Certificates, asked of the running gateway."""

from pathlib import Path

import pytest
from cryptography import x509

from edge.codes import Code
from edge.partners import Peer
from tests.admin.office import TLS, Office
from tests.config.written import AUTHORITY


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def show(office: Office, systems: frozenset[str], fault: Code | None = None) -> None:
    """A handshake is over, and has shown a certificate."""
    from dataclasses import replace

    issued = AUTHORITY.issue(dns=["sip.contoso.com"])
    handshake = replace(TLS, leaf=x509.load_pem_x509_certificate(issued.chain))
    office.running.upkeep.saw(Peer("sip", frozenset(), systems, fault), handshake)


def test_ours_are_told_as_they_are_shown_and_theirs_as_they_were(office: Office) -> None:
    show(office, frozenset({"contoso"}))
    answer = office.get("certificates")
    assert [own["names"] for own in answer["own"]] == [["edge.example.net", "xmpp.example"]]
    assert [(each["partner"], each["names"]) for each in answer["peers"]] == [("contoso", ["sip.contoso.com"])]


def test_those_that_proved_nothing_are_told_apart(office: Office) -> None:
    show(office, frozenset({"contoso"}))
    show(office, frozenset(), Code.C01)
    (accepted,) = office.get("certificates/peers")["certificates"]
    (rejected,) = office.get("certificates/peers", rejected="true")["certificates"]
    assert (accepted["partner"], accepted["code"]) == ("contoso", "")
    assert (rejected["partner"], rejected["code"]) == ("", "EDGE-C01")


def test_reload_shows_what_is_new_and_is_noted(office: Office) -> None:
    assert office.post("certificates/reload") == {"accepted": True, "changes": [], "errors": []}
    certs = office.written.folder / "certs"
    AUTHORITY.issue("edge.example.net", dns=["edge.example.net", "xmpp.example"]).write(certs, "edge")
    answer = office.post("certificates/reload")
    assert answer["accepted"] and [line[:33] for line in answer["changes"]] == ["~ certificate edge.example.net, e"]
    (certs / "edge.key").write_text("nothing")
    answer = office.post("certificates/reload")
    assert not answer["accepted"] and "the old certificate is shown" in answer["errors"][0]
    entries = office.get("audit")["entries"]
    assert [("changes" in entry, "refused" in entry) for entry in entries] == [
        (False, False), (True, False), (False, True),
    ]
