"""A test of a partner from its question to its answer, with a network that is not: who is dialled, and what is told."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from edge.admin import probing
from edge.admin.local import Wrong
from edge.admin.probing import AT_ONCE, LONGEST, OF_ONE, Probing
from edge.codes import Code
from edge.domains import Domain
from edge.gateway.effects import Report
from edge.net.locate import Candidate
from edge.net.names import LocateError
from edge.partners import HostPort, System
from tests.admin.office import PARTNERS, Office

ADDRESS = "203.0.113.17"
WILD = '\n[[partner]]\nname = "wild"\ndomains = ["*.wild.example"]\nvia = "sip"\n'


class Dns:
    """In the place of the locator. ``public`` is what was asked for last."""

    def __init__(self, *found: str, fault: Code | None = None, silent: bool = False) -> None:
        self.found, self.fault, self.silent, self.public = found or (ADDRESS,), fault, silent, False

    def sip(self, system: System, domain: Domain, *, public: bool = False) -> "Deferred[list[Candidate]]":
        self.public = public
        if self.silent:
            return Deferred()
        if self.fault:
            return fail(LocateError(self.fault))
        return succeed([Candidate(Domain(f"sip.{domain}"), each, 5061) for each in self.found])

    xmpp = sip

    def services(self, name: str) -> "Deferred[list[HostPort] | None]":
        return succeed(None)

    def addresses(self, host: Domain) -> "Deferred[list[str]]":
        return fail(LocateError(Code.D02)) if self.fault else succeed([*self.found])


class Other(Dns):
    """In the place of a locator for another resolver."""

    stopped = False

    def stop(self) -> None:
        self.stopped = True


class Trial:
    """One gateway, asked by `edge test`."""

    def __init__(self, folder: Path, dns: Dns, partners: str = PARTNERS) -> None:
        self.office = Office(folder, partners=partners)
        self.dns = dns
        running = replace(self.office.running, locator=dns)  # type: ignore[arg-type]
        self.probing = Probing(running)
        self.told: list[Any] = []

    def ask(self, partner: str = "") -> "Trial":
        self.probing.test({"partner": partner} if partner else {}).addCallback(self.told.append)
        return self

    @property
    def dialled(self) -> Sequence[Any]:
        return self.office.reactor.tcpClients

    def refuse(self) -> "Trial":
        for _, _, factory, _, _ in [*self.dialled]:
            factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        return self

    @property
    def test(self) -> dict[str, Any]:
        (answer,) = self.told
        (test,) = answer["tests"]
        return dict(test)

    def step(self, name: str) -> dict[str, Any]:
        return next(step for step in self.test["steps"] if step["step"] == name)


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial(tmp_path, Dns())


def test_answer_says_who_was_tested_and_when(trial: Trial) -> None:
    trial.ask("contoso").refuse()
    test = trial.test
    assert (test["partner"], test["domain"], test["how"]) == ("contoso", "contoso.com", "sip, static, mutual TLS")
    assert (test["ours"], test["local"], test["outcome"]) == ("edge.example.net", "xmpp.example", "FAIL")
    assert trial.step("tcp")["code"] == "EDGE-N01"


def test_partner_can_be_named_by_a_domain_of_its(trial: Trial) -> None:
    trial.ask("sub.fabrikam.com").refuse()
    assert (trial.test["partner"], trial.test["domain"]) == ("fabrikam", "sub.fabrikam.com")


def test_another_resolver_is_asked_and_let_go(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[list[HostPort], Other]] = []

    def locator(reactor: object, servers: list[HostPort], rng: object) -> Other:
        made.append((servers, Other("10.0.0.8")))
        return made[-1][1]

    monkeypatch.setattr(Probing, "locator", staticmethod(locator))
    trial.probing.test({"partner": "fabrikam", "resolver": "9.9.9.9"}).addCallback(trial.told.append)
    trial.refuse()
    ((servers, other),) = made
    assert servers == [HostPort("9.9.9.9", 53)] and other.stopped
    dns = trial.step("dns")
    assert (dns["status"], dns["code"]) == ("warn", "EDGE-D03")
    assert "9.9.9.9: sip.fabrikam.com -> 10.0.0.8" in dns["details"]


def test_resolver_is_an_address(trial: Trial) -> None:
    with pytest.raises(Wrong, match="given by its IP address"):
        trial.probing.test({"partner": "fabrikam", "resolver": "dns.example"})


def test_partner_nobody_has_listed_is_not_tested(trial: Trial) -> None:
    with pytest.raises(Wrong, match=r'there is no partner "nobody": `edge partners` lists them$'):
        trial.ask("nobody")


@pytest.mark.parametrize(
    ("domain", "said"),
    [
        ("strange.example", "EDGE-A01 strange.example is on no list. Fix here: edge allow strange.example"),
        ("contoso.co", "(did you mean contoso?). EDGE-A01 contoso.co is on no list. Fix here: edge allow contoso.co"),
        ("spam.example", "ticket 4711. Fix here: take it out of [[blocked]]"),
    ],
)
def test_domain_on_no_list_is_told_with_its_code_and_what_to_do(domain: str, said: str, trial: Trial) -> None:
    with pytest.raises(Wrong) as caught:
        trial.ask(domain)
    assert str(caught.value).endswith(said) and caught.value.status == 404
    assert str(caught.value).startswith(f'there is no partner "{domain}"')


def test_partner_behind_a_wildcard_has_to_be_named(tmp_path: Path) -> None:
    trial = Trial(tmp_path, Dns(), PARTNERS + WILD)
    with pytest.raises(Wrong, match="name one of its domains"):
        trial.ask("wild")
    trial.ask("some.wild.example").refuse()
    assert trial.test["domain"] == "some.wild.example"


def test_each_address_is_dialled_at_the_same_time(tmp_path: Path) -> None:
    trial = Trial(tmp_path, Dns("203.0.113.17", "203.0.113.18", "2001:db8::17")).ask("contoso")
    assert [where for where, *_ in trial.dialled] == ["203.0.113.17", "203.0.113.18", "2001:db8::17"]
    trial.refuse()
    assert "[2001:db8::17]:5061" in str(trial.step("tcp")["details"])


def test_way_that_dns_does_not_know_is_not_dialled(tmp_path: Path) -> None:
    trial = Trial(tmp_path, Dns(fault=Code.D01)).ask("fabrikam")
    assert trial.step("dns")["code"] == "EDGE-D01" and not trial.dialled


def test_blocked_partner_is_not_looked_for(tmp_path: Path) -> None:
    trial = Trial(tmp_path, Dns(), PARTNERS.replace("spam.example", "contoso.com")).ask("contoso")
    assert trial.step("policy")["code"] == "EDGE-A02" and "ticket 4711" in trial.step("policy")["text"]
    assert not trial.dialled


def test_test_has_an_end_whatever_happens(tmp_path: Path) -> None:
    trial = Trial(tmp_path, Dns(silent=True)).ask("fabrikam")
    trial.office.reactor.advance(LONGEST)
    assert trial.test["late"] and trial.step("dns")["code"] == "EDGE-D06"


def test_connection_that_is_under_way_is_given_up_with_the_test(trial: Trial) -> None:
    trial.ask("contoso")
    _, _, factory, _, _ = trial.dialled[0]
    tls = factory.buildProtocol(None)
    tls.makeConnection(StringTransport())
    trial.office.reactor.advance(LONGEST)
    assert trial.step("tls")["code"] == "EDGE-N02"


def several(*partners: tuple[str, int]) -> str:
    """Partners, each with a number of domains."""
    text = PARTNERS
    for name, number in partners:
        domains = [f"{name}{each}.example" for each in range(number)]
        text += f'\n[[partner]]\nname = "{name}"\ndomains = {domains}\nvia = "sip"\n'
    return text


def test_all_are_tested_a_few_at_a_time(tmp_path: Path) -> None:
    trial = Trial(tmp_path, Dns(), several(*((f"p{number}-", 1) for number in range(9)))).ask()
    assert len(trial.dialled) == AT_ONCE
    for each in range(12):  # ours and eleven partners
        _, _, factory, _, _ = trial.dialled[each]
        factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
    assert len(trial.told[0]["tests"]) == 12 and trial.told[0]["more"] == 0


def test_each_domain_of_each_partner_is_tested(tmp_path: Path) -> None:
    trial = Trial(tmp_path, Dns(), several(("p", 5)) + WILD).ask()
    assert len(trial.dialled) == 3 + OF_ONE, "ours, contoso, fabrikam, and not all of p at once"
    for each in range(8):
        _, _, factory, _, _ = trial.dialled[each]
        factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
    (answer,) = trial.told
    assert [test["domain"] for test in answer["tests"]][3:] == [f"p{number}.example" for number in range(5)]
    assert answer["more"] == 0 and answer["wildcards"] == ["wild"]


def test_partner_with_many_domains_does_not_push_out_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "MOST", 6)
    monkeypatch.setattr(probing, "DOMAINS", 3)
    trial = Trial(tmp_path, Dns(fault=Code.D01), several(("p", 5), ("q", 2))).ask().refuse()
    trial.office.reactor.advance(LONGEST)
    (answer,) = trial.told
    assert [test["domain"] for test in answer["tests"]][3:] == ["p0.example", "p1.example", "q0.example"]
    assert answer["left_out"] == {"p": 3, "q": 1} and answer["more"] == 4


def test_domains_of_one_partner_that_are_not_tested_are_counted(tmp_path: Path) -> None:
    trial = Trial(tmp_path, Dns(), several(("p", 3)))
    trial.ask("p").refuse().ask("p1.example").refuse()
    assert [answer["left_out"] for answer in trial.told] == [{"p": 2}, {}]


def test_component_that_is_down_is_dialled(trial: Trial) -> None:
    trial.ask("office")
    assert [where for where, *_ in trial.dialled] == [ADDRESS]
    trial.refuse()
    assert trial.test["how"] == "xmpp, component"


def test_links_that_are_up_are_told_of(trial: Trial) -> None:
    trial.office.link()
    trial.ask("contoso").refuse()
    assert trial.step("inbound")["text"] == "1 link of theirs to us up now"


def test_last_refusal_is_told_of(trial: Trial) -> None:
    sink = trial.office.running.driver
    sink.link_event("link.refused", code=Code.C02, direction="in", names="sip.contoso.com", peer_ip="203.0.113.9")
    trial.ask("contoso").refuse()
    assert (trial.step("inbound")["status"], trial.step("inbound")["code"]) == ("warn", "EDGE-C02")


def test_last_request_that_was_refused_is_told_of(trial: Trial) -> None:
    trial.office.running.arrivals.watch(Report("sip.refused", Code.A06, {"partner": "contoso"}))
    trial.ask("contoso").refuse()
    assert (trial.step("inbound")["status"], trial.step("inbound")["code"]) == ("note", "EDGE-A06")
