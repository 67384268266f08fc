"""Who may talk through the gateway: everybody else reaches nobody and is told why, and partners notice nothing of it.

The partners are ``montague.example`` (SIP) and ``verona.example`` (an XMPP server by s2s), inside are
``capulet.example`` (Prosody by component link) and ``house.example`` (SIP).
"""

import select
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from demo.authority import Authority, Issued, self_signed
from tests.interop.by_hand import PATIENCE, Credentials, SipLink, XmppStream
from tests.interop.dns import Dns, Service
from tests.interop.edge import NAME, Edge, System
from tests.interop.process import Addresses, wait_until
from tests.interop.prosody import Prosody
from tests.interop.xmpp_user import XmppUser

pytestmark = pytest.mark.slow

CAPULET, HOUSE = "capulet.example", "house.example"
MONTAGUE, VERONA = "montague.example", "verona.example"
PADUA = "padua.example"  # which nobody has listed
MODERN = "modern.example"  # a SIP partner with min_version 1.3
IMPOSTORS = {"other authority": "mantua.example", "expired": "ferrara.example", "wrong name": "pisa.example"}
SECRET = "a secret"
TEXT = "{*}error/{urn:ietf:params:xml:ns:xmpp-stanzas}text"
NOW = datetime.now(UTC)
VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


class Verona:
    """A gateway with partners of every kind, and a user who can be reached by the good ones only."""

    def __init__(
        self, stack: ExitStack, folders: pytest.TempPathFactory, authority: Authority, addresses: Addresses
    ) -> None:
        self.authority = authority
        issued = authority.issue("", dns=[CAPULET])
        self.prosody = Prosody(folders.mktemp("prosody"), addresses, CAPULET, issued, authority.pem)
        components = {domain: SECRET for domain in (MONTAGUE, MODERN)}
        stack.enter_context(self.prosody.start(accounts={"juliet": "pencil"}, components=components))
        self.partner = stack.enter_context(socket.create_server((addresses.of("montague"), 0)))
        self.edge = Edge(folders.mktemp("edge"), addresses, authority, [HOUSE, CAPULET])
        self.servers = {}
        shown = {domain: authority.issue("", dns=[domain], eku=["server"]) for domain in (VERONA, PADUA)}
        for kind, domain in IMPOSTORS.items():
            impostor = bad(kind, domain, authority)
            assert impostor is not None
            shown[domain] = impostor
        for domain, issued in shown.items():
            self.servers[domain] = Prosody(folders.mktemp(domain), addresses, domain, issued, authority.pem)
        services = [Service(f"_xmpp-server._tcp.{HOUSE}", NAME, self.edge.xmpp)]
        dns = stack.enter_context(Dns(folders.mktemp("dns"), addresses, {NAME: self.edge.address}, services).start())
        for server in self.servers.values():
            stack.enter_context(server.start(accounts={"nurse": "pencil"}, dns=dns.server))
        self.house = stack.enter_context(socket.create_server((addresses.of("house"), 0)))
        component = {"link": "component", "hosts": [f"{self.prosody.address}:{self.prosody.component}"]}
        inside = [
            System("capulet", CAPULET, "xmpp", component, secret=SECRET),
            System("house", HOUSE, "sip", {"hosts": [written(self.house)]}, tls={"peer_names": [HOUSE]}),
        ]
        nowhere = [f"{addresses.of('nobody')}:5061"]
        servers = {name: {"hosts": [f"{server.address}:{server.s2s}"]} for name, server in self.servers.items()}
        partners = [
            System("montague", MONTAGUE, "sip", {"hosts": [written(self.partner)]}, tls={"peer_names": [MONTAGUE]}),
            *(System(domain, domain, "xmpp", servers[domain]) for domain in (VERONA, *IMPOSTORS.values())),
            System("modern", MODERN, "sip", {"hosts": nowhere}, tls={"peer_names": [MODERN], "min_version": "1.3"}),
        ]
        stack.enter_context(self.edge.configure(inside, partners).start())
        self.edge.is_connected("capulet", MONTAGUE, MODERN)
        self.juliet = stack.enter_context(
            XmppUser(f"juliet@{CAPULET}", "pencil", self.prosody.address, self.prosody.c2s).log_in(),
        )
        self.good = stack.enter_context(self.link(authority.issue("", dns=[MONTAGUE])))

    def credentials(self, issued: Issued | None) -> Credentials:
        return Credentials(self.edge.folder, issued, self.authority.pem)

    def link(self, issued: Issued | None, version: ssl.TLSVersion | None = None) -> SipLink:
        return SipLink.dial((self.edge.address, self.edge.sip), NAME, self.credentials(issued), version)

    def accept(self, issued: Issued | None, version: ssl.TLSVersion | None = None) -> SipLink:
        return SipLink.accept(self.partner, self.credentials(issued), version)

    def dials_or_returns(self, id: str) -> bool:
        """Wait until the gateway dials the SIP partner, or gives Juliet's message back (False)."""
        wait_until(lambda: self._is_dialled() or id in self.juliet.errors(), f"the fate of {id}", PATIENCE)
        return self._is_dialled()

    def _is_dialled(self) -> bool:
        return bool(select.select([self.partner], [], [], 0)[0])

    def stream(self, ours: str, theirs: str = HOUSE) -> XmppStream:
        return XmppStream((self.edge.address, self.edge.xmpp), ours, theirs)

    def link_of_house(self) -> SipLink:
        return self.link(self.authority.issue("", dns=[HOUSE]))

    def still_serves(self) -> None:
        """A partner's message arrives, and nothing before it did."""
        text = f"at {time.monotonic()}"
        assert self.good.message(f"sip:juliet@{CAPULET}", f"sip:romeo@{MONTAGUE}", text).status == 200
        self.juliet.expect("message", body=text)
        assert self.juliet.bodies() == []


def written(listener: socket.socket) -> str:
    host, port = listener.getsockname()
    return f"{host}:{port}"


@pytest.fixture(scope="module")
def verona(tmp_path_factory: pytest.TempPathFactory, authority: Authority, addresses: Addresses) -> Iterator[Verona]:
    with ExitStack() as stack:
        yield Verona(stack, tmp_path_factory, authority, addresses)


def bad(kind: str, name: str, authority: Authority) -> Issued | None:
    """A certificate that does not prove ``name``."""
    return {
        "none": lambda: None,
        "other authority": lambda: Authority("A stranger").issue("", dns=[name]),
        "self-signed": lambda: self_signed("", dns=[name]),
        "expired": lambda: authority.issue("", dns=[name], not_after=NOW - timedelta(hours=1)),
        "not yet valid": lambda: authority.issue("", dns=[name], not_before=NOW + timedelta(hours=1)),
        "wrong name": lambda: authority.issue("", dns=[PADUA]),
        "common name only": lambda: authority.issue(name),
        "a wildcard": lambda: authority.issue("", dns=["*.example"]),
        "client only": lambda: authority.issue("", dns=[name], eku=["client"]),
    }[kind]()


# what the gateway says of each
CODES = {
    "none": "EDGE-T04",
    "other authority": "EDGE-C01",
    "self-signed": "EDGE-C01",
    "expired": "EDGE-C02",
    "not yet valid": "EDGE-C09",
    "client only": "EDGE-C05",
}
# nobody was expected, so only the sender is wrong; but who would be somebody by his common name hears it
SIP_CODES = {**CODES, "wrong name": "EDGE-A05", "a wildcard": "EDGE-A05", "common name only": "EDGE-C04"}
XMPP_CODES = {**CODES, "wrong name": "EDGE-C03", "common name only": "EDGE-C04"}  # a wildcard is good for XMPP
DIALLED_CODES = {kind: code for kind, code in XMPP_CODES.items() if kind != "none"}  # a TLS server has one


# SIP


@pytest.mark.parametrize(("kind", "code"), SIP_CODES.items())
def test_sip_peer_with_a_bad_certificate_is_told_why(kind: str, code: str, verona: Verona) -> None:
    with verona.link(bad(kind, MONTAGUE, verona.authority)) as link:
        answer = link.message(f"sip:juliet@{CAPULET}", f"sip:romeo@{MONTAGUE}", "let me in")
    assert answer.status == 403 and code in answer.get("Warning"), answer
    logged = "EDGE-A01" if code == "EDGE-A05" else code
    assert verona.edge.says("link.refused", logged, "direction=in")
    verona.still_serves()


def test_sip_peer_that_is_not_listed_is_told_so(verona: Verona) -> None:
    with verona.link(verona.authority.issue("", dns=[PADUA])) as link:
        answer = link.message(f"sip:juliet@{CAPULET}", f"sip:petruchio@{PADUA}", "let me in")
    assert answer.status == 403 and "EDGE-A01" in answer.get("Warning")
    verona.still_serves()


def test_sip_partner_speaks_for_its_own_domain_only(verona: Verona) -> None:
    answer = verona.good.message(f"sip:juliet@{CAPULET}", f"sip:somebody@{MODERN}", "let me in")
    assert answer.status == 403 and "EDGE-A05" in answer.get("Warning")
    verona.still_serves()


@pytest.mark.parametrize("version", VERSIONS)
def test_sip_partner_may_use_either_version_of_tls_and_a_server_certificate(version: str, verona: Verona) -> None:
    issued = verona.authority.issue("", dns=[MONTAGUE], eku=["server"])
    with verona.link(issued, VERSIONS[version]) as link:
        assert link.wire.version() == version
        assert link.message(f"sip:juliet@{CAPULET}", f"sip:romeo@{MONTAGUE}", f"by {version}").status == 200
        verona.juliet.expect("message", body=f"by {version}")
    verona.juliet.message(f"romeo@{MONTAGUE}", f"back by {version}")
    with verona.accept(issued, VERSIONS[version]) as link:
        assert link.wire.version() == version
        assert link.serve("MESSAGE").body == f"back by {version}"
    wait_until(lambda: verona.edge.says("link.down", "partner=montague", "direction=out", version), "it is closed", 60)


def test_sip_partner_that_must_use_the_newer_version_cannot_use_the_older(verona: Verona) -> None:
    issued = verona.authority.issue("", dns=[MODERN])
    with verona.link(issued, ssl.TLSVersion.TLSv1_2) as link:
        answer = link.message(f"sip:juliet@{CAPULET}", f"sip:romeo@{MODERN}", "let me in")
        assert answer.status == 403 and "EDGE-T02" in answer.get("Warning")
    with verona.link(issued, ssl.TLSVersion.TLSv1_3) as link:
        assert link.message(f"sip:juliet@{CAPULET}", f"sip:romeo@{MODERN}", "good").status == 200
    verona.juliet.expect("message", body="good")


@pytest.mark.parametrize(("kind", "code"), DIALLED_CODES.items())
def test_sip_server_with_a_bad_certificate_gets_no_message(kind: str, code: str, verona: Verona) -> None:
    number = f"to {kind}"
    verona.juliet.message(f"romeo@{MONTAGUE}", "for his eyes only", id=number)
    issued = bad(kind, MONTAGUE, verona.authority)
    if not verona.dials_or_returns(number):  # it was still given to the link of the case before
        error = verona.juliet.expect("message", type="error", id=number)
        assert "EDGE-N03" in (error.findtext(TEXT) or "")
        verona.juliet.message(f"romeo@{MONTAGUE}", "for his eyes only", id=number)
    link = verona.accept(issued)
    deadline = time.monotonic() + PATIENCE
    with link:
        while link.read(deadline):
            pass
        assert link.closed and link.received == []
    error = verona.juliet.expect("message", type="error", id=number)
    assert code in (error.findtext(TEXT) or "")
    verona.still_serves()
    verona.juliet.message(f"romeo@{MONTAGUE}", "once more")
    with verona.accept(verona.authority.issue("", dns=[MONTAGUE])) as link:
        assert link.serve("MESSAGE").body == "once more"


# XMPP servers


@pytest.mark.parametrize(("kind", "code"), XMPP_CODES.items())
def test_xmpp_server_with_a_bad_certificate_is_told_why(kind: str, code: str, verona: Verona) -> None:
    with verona.stream(VERONA) as stream:
        assert not stream.authenticate(verona.credentials(bad(kind, VERONA, verona.authority)))
        assert "<stream:error>" in stream.text and code in stream.text, stream.text
    verona.still_serves()


@pytest.mark.parametrize("version", VERSIONS)
def test_xmpp_partner_may_use_either_version_of_tls_and_a_server_certificate(version: str, verona: Verona) -> None:
    issued = verona.authority.issue("", dns=[VERONA], eku=["server"])
    with verona.stream(VERONA) as stream:
        assert stream.authenticate(verona.credentials(issued), VERSIONS[version]), stream.text


def test_xmpp_server_that_is_not_listed_reaches_nobody(verona: Verona) -> None:
    server = verona.servers[PADUA]
    with XmppUser(f"nurse@{PADUA}", "pencil", server.address, server.c2s).log_in() as nurse:
        nurse.message(f"sampson@{HOUSE}", "let me in", id="m1")
        error = nurse.expect("message", type="error", id="m1")
    assert "EDGE-A01" in (error.findtext(TEXT) or "") + server.log.read_text()
    verona.still_serves()


def test_xmpp_partner_with_a_server_certificate_is_reached_and_heard(verona: Verona) -> None:
    server = verona.servers[VERONA]
    inside = verona.credentials(verona.authority.issue("", dns=[HOUSE]))
    with XmppUser(f"nurse@{VERONA}", "pencil", server.address, server.c2s).log_in() as nurse:
        nurse.message(f"sampson@{HOUSE}", "Peter, my fan")
        with SipLink.accept(verona.house, inside) as link:
            assert link.serve("MESSAGE").body == "Peter, my fan"
        with verona.link_of_house() as link:
            assert link.message(f"sip:nurse@{VERONA}", f"sip:sampson@{HOUSE}", "Anon").status == 200
        nurse.expect("message", from_=f"sampson@{HOUSE}", body="Anon")


@pytest.mark.parametrize("kind", IMPOSTORS)
def test_xmpp_server_with_a_bad_certificate_gets_no_message(kind: str, verona: Verona) -> None:
    server = verona.servers[IMPOSTORS[kind]]
    with XmppUser(f"nurse@{server.domain}", "pencil", server.address, server.c2s).log_in() as nurse:
        with verona.link_of_house() as link:
            answer = link.message(f"sip:nurse@{server.domain}", f"sip:sampson@{HOUSE}", "for her eyes only")
        assert answer.status >= 400 and XMPP_CODES[kind] in answer.get("Warning"), answer
        assert nurse.bodies() == []
    verona.still_serves()
