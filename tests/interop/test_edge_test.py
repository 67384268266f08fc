"""`edge test`: partners that are broken, one of each kind, and what it says of them; and of those that are good.

Inside are ``capulet.example`` (XMPP) and ``house.example`` (SIP), whose own servers are not there: what is tested is
the way to partners. All are tested by one command, the way an administrator does.
"""

import contextlib
import inspect
import io
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest

from demo.authority import Authority
from edge.admin.cli import main
from edge.codes import Code
from tests.certificates.issuing import ROOT
from tests.interop import broken
from tests.interop.dns import Dns, Service
from tests.interop.edge import NAME, Edge, Keys, System
from tests.interop.process import Addresses, wait_until
from tests.interop.prosody import Prosody
from tests.interop.street import MADE, STRANGER, Street, build, come

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")]

CAPULET, HOUSE, VERONA = "capulet.example", "house.example", "verona.example"


@dataclass(frozen=True)
class Case:
    """What `edge test` must say: in which step, with which code, and some words of the cure."""

    step: str
    code: str
    cure: str
    status: str = "FAIL"


CASES = {
    # DNS
    "no-srv": Case("dns", "EDGE-D01", "publish _sipfederationtls._tcp.no-srv.example."),
    "no-address": Case("dns", "EDGE-D02", "give sip.no-address.example an A or AAAA record"),
    "elsewhere": Case("dns", "EDGE-D03", "hosts counts", "note"),
    "outside": Case("dns", "EDGE-D04", "srv_targets_outside_domain"),
    "two-views": Case("dns", "EDGE-D05", "publish public addresses only", "warn"),
    "silent-dns": Case("dns", "EDGE-D06", "name servers"),
    # network
    "closed": Case("tcp", "EDGE-N01", "nothing listens on"),
    "hole": Case("tcp", "EDGE-N02", "firewall"),
    "goes": Case("tls", "EDGE-N03", "cuts connections"),
    "no-route": Case("tcp", "EDGE-N04", "network of this machine"),
    # TLS
    "clear": Case("tls", "EDGE-T01", "turn on TLS"),
    "old-tls": Case("tls", "EDGE-T02", "TLS 1.2 or 1.3"),
    "modern": Case("tls", "EDGE-T02", "TLS 1.2 or 1.3"),
    "other-cipher": Case("tls", "EDGE-T03", "ECDHE"),
    "minds-us": Case("tls", "EDGE-T05", "trust the issuer of our certificate"),
    "minds-us-12": Case("tls", "EDGE-T05", "trust the issuer of our certificate"),
    "goes-on-ours": Case("tls", "EDGE-T06", "edge cert chain"),
    "goes-on-ours-12": Case("tls", "EDGE-T06", "trust the issuer of our certificate"),
    "breaks-off": Case("tls", "EDGE-T07", "look in the log of the server"),
    "mute": Case("tls", "EDGE-N02", "does not shake hands"),
    # certificates
    "unknown-ca": Case("cert", "EDGE-C01", "pin_spki"),
    "expired": Case("cert", "EDGE-C02", "renew"),
    "ends-soon": Case("cert", "EDGE-C02", "renew", "warn"),
    "wrong-name": Case("cert", "EDGE-C03", 'peer_names = ["padua.example"]'),
    "cn-only": Case("cert", "EDGE-C04", "san-or-cn"),
    "client-only": Case("cert", "EDGE-C05", "serverAuth"),
    "no-intermediate": Case("cert", "EDGE-C06", "http://ca.example/i.cer"),
    "old-issuer": Case("cert", "EDGE-C07", "take the certificate that has ended out"),
    "unknowable": Case("cert", "EDGE-C08", 'revocation = "soft"'),
    "too-early": Case("cert", "EDGE-C09", "clock"),
    "revoked": Case("cert", "EDGE-C10", "replace"),
    "weak": Case("cert", "EDGE-C11", "2048"),
    "other-key": Case("cert", "EDGE-C12", "pin_spki"),
    # what they say
    "one-way": Case("policy", "EDGE-A03", "change allow", "note"),
    "talks-only": Case("policy", "EDGE-A04", "change traffic", "note"),
    "unvouched": Case("policy", "EDGE-A07", "adds the sender as a contact", "note"),
    "blocked": Case("policy", "EDGE-A02", "[[blocked]]"),
    "refuses": Case("options", "EDGE-A11", "let capulet.example in"),
    "x-no-tls": Case("tls", "EDGE-T01", "turn on TLS"),
    "x-no-proof": Case("auth", "EDGE-A11", "offer SASL EXTERNAL to house.example"),
    "x-stranger": Case("stream", "EDGE-A11", "let house.example in"),
    "x-goes": Case("tls", "EDGE-T06", "trust the issuer"),
    "x-wrong-name": Case("cert", "EDGE-C03", "re-issue"),
    "x-slow": Case("stream", "EDGE-X06", "stream was not set up in time"),
    "capulet": Case("tcp", "EDGE-N01", "nothing listens on"),
}

COMING = {  # who came to us; how far we come with them is another matter
    "bare": Case("inbound", "EDGE-T04", "send a certificate when the server connects", "warn"),
    "x-bare": Case("inbound", "EDGE-T04", "send a certificate when the server connects", "warn"),
    "x-stray": Case("inbound", "EDGE-A06", "look for a slip in the address", "warn"),
    "stray": Case("inbound", "EDGE-A06", "look for a slip in the address", "note"),
    "mouthpiece": Case("inbound", "EDGE-A05", "over a link whose certificate has the sender's domain", "note"),
    "unvouched": Case("inbound", "EDGE-A07", "adds the sender as a contact", "note"),
    "kin": Case("inbound", "EDGE-A08", "speaks the other protocol", "note"),
}


@dataclass
class Findings:
    """What `edge test --all` has said, and how to ask it again."""

    edge: Edge
    said: dict[str, Any]
    output: str
    status: int

    def step(self, name: str, step: str) -> dict[str, Any]:
        found = [each for each in self.said[name]["steps"] if each["step"] == step]
        assert found, f"{name} has no step {step}: {self.said[name]['steps']}"
        return dict(found[0])


def command(edge: Edge, *words: str) -> tuple[int, str]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = main([*words, "--config", str(edge.file)])
    return status, out.getvalue()


@pytest.fixture(scope="module")
def findings(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, addresses: Addresses
) -> Iterator[Findings]:
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("street")
        street = Street(stack, addresses, folder, authority)
        build(street)
        edge = Edge(tmp_path_factory.mktemp("edge"), addresses, authority, [HOUSE, CAPULET])
        (edge.folder / MADE).write_bytes(ROOT.pem)
        server = Prosody(tmp_path_factory.mktemp("verona"), addresses, VERONA, street.good("verona"), authority.pem)
        street.add("verona", hosts=[f"{server.address}:{server.s2s}"], via="xmpp")
        folder = tmp_path_factory.mktemp("padua")  # whose server trusts somebody else, and asks us by dialback
        other = Prosody(folder, addresses, "padua.example", street.good("padua"), STRANGER.pem)
        ways: Keys = {"auth": ["external", "dialback-tls"]}
        street.add("padua", hosts=[f"{other.address}:{other.s2s}"], via="xmpp", xmpp=ways)
        for name in ("no-srv", "no-address", "outside", "silent-dns"):
            street.add(name)
        street.add("elsewhere", broken.goes)
        street.add("two-views", broken.answering(street.context("two-views", street.good("two-views"))))
        mute = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        mute.bind((addresses.of("mute"), 0))
        services = [
            Service(f"_xmpp-server._tcp.{HOUSE}", NAME, edge.xmpp),
            Service("_sipfederationtls._tcp.no-address.example", "sip.no-address.example", 5061),
            Service("_sipfederationtls._tcp.outside.example", "sip.elsewhere.example", 5061),
            Service("_sipfederationtls._tcp.elsewhere.example", "sip.elsewhere.example", 5061),
            Service("_sipfederationtls._tcp.two-views.example", "sip.two-views.example", 5061),
        ]
        views = "10.0.0.8,2001:4860:4860::8888"  # looked up, and not dialled
        hosts = {NAME: edge.address, "sip.elsewhere.example": addresses.of("nowhere"), "sip.two-views.example": views}
        silent = "server=/silent-dns.example/{}#{}".format(*mute.getsockname())
        resolver = Dns(tmp_path_factory.mktemp("dns"), addresses, hosts, services, [silent])
        stack.enter_context(resolver.start())
        stack.enter_context(server.start(accounts={"nurse": "pencil"}, dns=resolver.server))
        stack.enter_context(other.start(accounts={}, dns=resolver.server, dialback=True, secure_auth=False))
        nobody = f"{addresses.of('closed')}:{addresses.port('closed')}"
        component: Keys = {"link": "component", "hosts": [nobody]}
        inside = [
            System("capulet", CAPULET, "xmpp", component, secret="a secret"),
            System("house", HOUSE, "sip", {"hosts": [nobody]}, tls={"peer_names": [HOUSE]}),
        ]
        block = '[[blocked]]\ndomains = ["blocked.example"]\nreason = "ticket 4711"\n'
        stack.enter_context(edge.configure(inside, street.partners, dns=resolver.server, more=block).start())
        come(street, edge)
        status, output = command(edge, "test", "--all", "--json")
        said = {each["partner"]: each for each in json.loads(output)["tests"]}
        yield Findings(edge, said, output, status)


@pytest.mark.parametrize(("name", "case"), CASES.items())
def test_broken_partner_is_given_its_code_and_its_cure(name: str, case: Case, findings: Findings) -> None:
    step = findings.step(name, case.step)
    assert (step["status"], step["code"]) == (case.status, case.code), step
    assert case.cure in f"{step['here']} {step['there']}", step
    steps = findings.said[name]["steps"]
    before = steps[: [each["step"] for each in steps].index(case.step)]
    assert {each["status"] for each in before} <= {"ok", "note", "skip"}, before


@pytest.mark.parametrize(("name", "case"), COMING.items())
def test_partner_who_comes_in_vain_is_given_his_code_and_the_cure(name: str, case: Case, findings: Findings) -> None:
    step = findings.step(name, case.step)
    assert (step["status"], step["code"]) == (case.status, case.code), step
    assert case.code in step["text"] and case.cure in f"{step['here']} {step['there']}", step


def test_finding_is_the_exit_status(findings: Findings) -> None:
    assert findings.status == 1


@pytest.mark.parametrize("name", ["good", "full", "verona", "padua"])
def test_good_partner_is_good_all_the_way(name: str, findings: Findings) -> None:
    assert findings.said[name]["outcome"] == "ok", findings.said[name]
    status, output = command(findings.edge, "test", name)
    assert status == 0 and "FAIL" not in output


def test_xmpp_partner_is_pinged_and_answers_on_a_stream_of_its_own(findings: Findings) -> None:
    assert "SASL EXTERNAL" in findings.step("verona", "auth")["text"]
    assert "answered in" in findings.step("verona", "ping")["text"]
    assert "1 link of theirs to us up now" in findings.step("verona", "inbound")["text"]


def test_xmpp_partner_that_does_not_trust_us_is_tested_by_dialback(findings: Findings) -> None:
    assert findings.said["padua"]["outcome"] == "ok", findings.said["padua"]
    assert findings.step("padua", "auth")["text"].startswith("dialback in ")
    assert "answered in" in findings.step("padua", "ping")["text"]


def test_partner_that_cannot_serve_is_a_warning(findings: Findings) -> None:
    step = findings.step("busy", "options")
    assert (step["status"], step["code"]) == ("warn", "") and "503" in step["text"]


def test_answer_that_refuses_us_is_shown(findings: Findings) -> None:
    assert "Cannot route this type" in " ".join(findings.step("refuses", "options")["details"])


def test_report_is_what_an_administrator_reads(findings: Findings) -> None:
    status, output = command(findings.edge, "test", "wrong-name")
    assert status == 1
    for words in (
        "wanted     wrong-name.example", "found      CN=padua.example  SAN=padua.example",
        'fix here   [partner.tls] peer_names = ["padua.example"]', "fix there  re-issue the certificate",
        "options   skip not tried, because cert failed", "mail this: edge test wrong-name --html",
    ):
        assert words in output, output


class Seen(HTMLParser):
    """The elements of a page, and what it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not {"src", "href", "style", "onload"} & {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_page_can_be_sent_to_the_partner(findings: Findings) -> None:
    _, output = command(findings.edge, "test", "wrong-name", "--html")
    ElementTree.fromstring(output.partition("\n")[2])  # every element is closed, every text escaped
    page = Seen()
    page.feed(output)
    assert page.tags.count("tr") == 1 + len(findings.said["wrong-name"]["steps"])
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert "EDGE-C03" in page.text and "re-issue the certificate with wrong-name.example" in page.text
    for ours in ("partners.toml", "line ", "peer_names", "im_mode"):
        assert ours not in page.text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["test", "stranger.example"],
            "EDGE-A01 stranger.example is on no list. Fix here: edge allow stranger.example",
        ),
        (["test", "nobody"], 'there is no partner "nobody"'),
    ],
)
def test_partner_nobody_has_listed_is_not_tested(
    words: list[str], said: str, findings: Findings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--config", str(findings.edge.file)]) == 1
    assert said in capsys.readouterr().err


def test_records_of_our_own_domains_are_judged_without_the_gateway(findings: Findings) -> None:
    status, output = command(findings.edge, "dns")
    assert status == 1
    port = findings.edge.sip
    missing = f"_sipfederationtls._tcp.{CAPULET}. 3600 IN SRV 0 0 {port} sip.{CAPULET}."
    for words in (
        f"EDGE-D01   _sipfederationtls._tcp.{CAPULET} is missing", f"publish {missing}",
        f"published  _xmpp-server._tcp.{HOUSE} -> {NAME}:{findings.edge.xmpp}", f"EDGE-D05   {NAME} has addresses",
    ):
        assert words in output, output


@pytest.mark.parametrize("name", ["goes-on-ours", "goes-on-ours-12", "x-goes"])
def test_link_that_carries_traffic_finds_the_same(name: str, findings: Findings) -> None:
    command(findings.edge, "link", "retry", name)

    def codes() -> set[str]:
        _, output = command(findings.edge, "links", name, "--json")
        return {row["code"] for row in json.loads(output)["links"]}

    wait_until(lambda: "EDGE-T06" in codes(), "the link says why", 10)


def test_gateway_has_not_suffered(findings: Findings) -> None:
    assert not findings.edge.says("internal.error")


ELSEWHERE = {  # what is met where there is no partner whose steps could be shown
    Code.A01: test_partner_nobody_has_listed_is_not_tested,
}


def test_each_code_of_a_partner_that_does_not_work_is_met_in_the_street() -> None:
    shown = {case.code for case in (*CASES.values(), *COMING.values())}
    wanted = {code for code in Code if code.name[0] in "DNTCA"}
    assert {str(code) for code in wanted - ELSEWHERE.keys()} <= shown
    assert not shown.intersection(map(str, ELSEWHERE)), "it is met here, and not elsewhere"
    for code, test in ELSEWHERE.items():
        marks = getattr(test, "pytestmark", [])
        assert str(code) in f"{inspect.getsource(test)} {[mark.args for mark in marks]}"
