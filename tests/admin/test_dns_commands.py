"""`edge dns`: the lines for the zone, and what is wrong with those that are there."""

import io
from argparse import Namespace
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from edge.admin import dns_commands
from edge.admin.dns_commands import dns_command, gather, local_domains, report, told, zone_lines
from edge.codes import Code
from edge.config import Config, load
from edge.domains import Domain
from edge.net.locate import FEDERATION
from edge.net.names import LocateError
from edge.net.published import Published
from edge.partners import HostPort
from tests.config.written import EDGE, PARTNERS, Written

DOMAIN = Domain("xmpp.example")
OURS = HostPort("edge.example.net", 5061)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(Written(tmp_path).write(EDGE, PARTNERS).edge)


class Locator:
    """DNS, as it is told."""

    def __init__(self, records: dict[str, list[HostPort]], fault: Code | None = None) -> None:
        self.records, self.fault = records, fault

    def services(self, name: str) -> "Deferred[list[HostPort] | None]":
        return fail(LocateError(self.fault)) if self.fault else succeed(self.records.get(name))

    def addresses(self, host: Domain) -> "Deferred[list[str]]":
        return succeed(["8.8.8.8"])


def test_server_of_another_name_needs_a_name_in_the_domain_for_sip() -> None:
    assert zone_lines(DOMAIN, "sip", OURS, ["8.8.8.8", "2606:4700::1111"]) == [
        "_sipfederationtls._tcp.xmpp.example. 3600 IN SRV 0 0 5061 sip.xmpp.example.",
        "_sips._tcp.xmpp.example. 3600 IN SRV 0 0 5061 sip.xmpp.example.",
        "sip.xmpp.example. 3600 IN A 8.8.8.8",
        "sip.xmpp.example. 3600 IN AAAA 2606:4700::1111",
    ]


def test_xmpp_servers_take_any_name_and_both_kinds_of_tls() -> None:
    lines = zone_lines(Domain("sip.example"), "xmpp", HostPort("edge.example.net", 5269), ["0.0.0.0"])
    assert lines[:2] == [
        "_xmpps-server._tcp.sip.example. 3600 IN SRV 0 0 5269 edge.example.net.",
        "_xmpp-server._tcp.sip.example. 3600 IN SRV 0 0 5269 edge.example.net.",
    ]
    assert lines[2].startswith("edge.example.net. 3600 IN A ADDRESS  ;")


def test_domain_of_an_xmpp_server_is_looked_up_by_sip_partners(config: Config) -> None:
    assert local_domains(config) == {DOMAIN: "sip"}


def test_record_that_is_missing_is_a_finding(config: Config) -> None:
    answer = told(config, Published(DOMAIN, {}, {}), DOMAIN, "sip")
    assert [finding["code"] for finding in answer["findings"]] == ["EDGE-D01"]
    text = "\n".join(report([answer]))
    assert text.startswith("xmpp.example  (for partners that speak SIP)\n  publish    _sipfederationtls._tcp.")
    assert "  published  nothing" in text and "  EDGE-D01   _sipfederationtls._tcp.xmpp.example is missing" in text


def test_record_that_is_there_is_shown_with_its_addresses(config: Config) -> None:
    here = HostPort("sip.xmpp.example", 5061)
    found = Published(DOMAIN, {FEDERATION: (here,)}, {here.host: ("8.8.8.8",)})
    answer = told(config, found, DOMAIN, "sip", ["sip.xmpp.example:5061"])
    assert answer["published"] == {
        "_sipfederationtls._tcp.xmpp.example": ["sip.xmpp.example:5061"],
        "_sips._tcp.xmpp.example": ["sip.xmpp.example:5061"],
        "sip.xmpp.example": ["8.8.8.8"],
    }


def asked(config: Config, locator: Locator) -> list[dict[str, object]]:
    found: list[list[dict[str, object]]] = []
    work = Deferred.fromCoroutine(gather(config, local_domains(config), locator))  # type: ignore[arg-type]
    work.addCallback(found.append)
    return found[0]


def test_dns_is_asked_for_every_record(config: Config) -> None:
    (answer,) = asked(config, Locator({f"{FEDERATION}{DOMAIN}": [HostPort("sip.elsewhere.example", 5061)]}))
    assert answer["published"] == {
        "_sipfederationtls._tcp.xmpp.example": ["sip.elsewhere.example:5061"], "sip.elsewhere.example": ["8.8.8.8"],
    }
    assert answer["findings"][0]["code"] == "EDGE-D04"  # type: ignore[index]


def test_dns_that_is_silent_is_the_finding(config: Config) -> None:
    (answer,) = asked(config, Locator({}, Code.D06))
    assert answer["findings"] == [{"code": "EDGE-D06", "text": Code.D06.sentence, "record": ""}]


def run(config: Config, monkeypatch: pytest.MonkeyPatch, domain: str | None) -> tuple[int, str]:
    monkeypatch.setattr(dns_commands, "_run", lambda config, domains: [
        told(config, Published(each, {}, {}), each, by) for each, by in domains.items()
    ])
    out = io.StringIO()
    status = dns_command(Namespace(config=config.path, domain=domain, json=False), out)
    return status, out.getvalue()


def test_one_domain_can_be_named(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(config, monkeypatch, "XMPP.example")[0] == 1
    assert run(config, monkeypatch, "strange.example") == (1, "strange.example is no domain of ours.\n")
    assert run(config, monkeypatch, "no domain")[0] == 1


def test_file_with_errors_is_not_looked_at(tmp_path: Path) -> None:
    out = io.StringIO()
    assert dns_command(Namespace(config=tmp_path / "edge.toml", domain=None, json=False), out) == 1
    assert "EDGE-K04" in out.getvalue()
