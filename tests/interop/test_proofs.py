"""DANE and POSH (RFC 7712) with real servers, whose certificates are signed by nobody and carry their provider's name.

Inside is ``house.example`` (SIP, by hand). Each partner is a Prosody; they differ in what says that the certificate
is theirs: a web server, signed DNS, or nothing that we can believe.
"""

import contextlib
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from demo.authority import Authority, self_signed
from edge.admin.cli import main
from tests.interop.by_hand import Credentials, SipLink
from tests.interop.dns import Dns, Service
from tests.interop.edge import NAME, Edge, Keys, System
from tests.interop.elsewhere import Validator, Web, posh, tlsa
from tests.interop.house import House
from tests.interop.process import Addresses
from tests.interop.prosody import Prosody
from tests.interop.xmpp_user import XmppUser

pytestmark = pytest.mark.slow

HOUSE = "house.example"
BOTH: Keys = {"auth": ["external", "dane", "posh"]}
KINDS = ("web", "signed", "unsigned", "another", "forged")  # what says that the certificate is theirs
GOOD = {"web": "posh", "signed": "dane"}

Folders = pytest.TempPathFactory


class Hosted:
    """A gateway, and partners with certificates that prove nothing by themselves."""

    def __init__(
        self, stack: ExitStack, folders: Folders, authority: Authority, addresses: Addresses, patch: pytest.MonkeyPatch
    ) -> None:
        self.edge = Edge(folders.mktemp("edge"), addresses, authority, [HOUSE])
        issued = {kind: self_signed("", dns=["pool.example"]) for kind in KINDS}
        self.servers = {
            kind: Prosody(folders.mktemp(kind), addresses, f"{kind}.example", issued[kind], authority.pem)
            for kind in KINDS
        }
        hosts = {NAME: self.edge.address}
        services = [Service(f"_xmpp-server._tcp.{HOUSE}", NAME, self.edge.xmpp)]
        more = []
        for kind, server in self.servers.items():
            target = f"xmpp.{server.domain}"
            hosts[target] = server.address
            services.append(Service(f"_xmpp-server._tcp.{server.domain}", target, server.s2s))
            if kind in ("signed", "unsigned"):
                more.append(tlsa(target, server.s2s, issued[kind].chain))
        stranger = Authority("A stranger")
        webs = (("web", "web", authority), ("another", "web", authority), ("forged", "forged", stranger))
        for kind, shown, issuer in webs:
            domain, address = self.servers[kind].domain, addresses.of(f"web of {kind}")
            hosts[domain] = address
            files = issuer.issue("", dns=[domain]).write(folders.mktemp(f"web-{kind}"), "web")
            stack.enter_context(Web(address, files, posh(issued[shown].chain)))
        dns = stack.enter_context(Dns(folders.mktemp("dns"), addresses, hosts, services, more).start())
        validator = stack.enter_context(Validator(addresses, (dns.address, dns.port), (b"unsigned",)))
        pool = stack.enter_context(ThreadPoolExecutor(len(KINDS)))  # a peer ends with the thread that has started it
        servers = self.servers.values()
        for start in [pool.submit(each.start, accounts={"nurse": "pencil"}, dns=dns.server) for each in servers]:
            stack.enter_context(start.result())
        credentials = Credentials(self.edge.folder, authority.issue("", dns=[HOUSE]), authority.pem)
        self.house = stack.enter_context(House(addresses, credentials))
        inside = [System("house", HOUSE, "sip", {"hosts": [self.house.written]}, tls={"peer_names": [HOUSE]})]
        partners = [System(kind, server.domain, "xmpp", xmpp=BOTH) for kind, server in self.servers.items()]
        with patch.context() as environment:
            environment.setenv("SSL_CERT_FILE", str(self.edge.folder / "ca.pem"))  # the system's trust store
            gateway = self.edge.configure(inside, partners, dns=validator.server, dnssec=True).start()
        stack.enter_context(gateway)
        self.link = stack.enter_context(SipLink.dial((self.edge.address, self.edge.sip), NAME, credentials))

    def nurse(self, kind: str) -> XmppUser:
        server = self.servers[kind]
        return XmppUser(f"nurse@{server.domain}", "pencil", server.address, server.c2s)

    def send(self, kind: str, text: str) -> int:
        return self.link.message(f"sip:nurse@{self.servers[kind].domain}", f"sip:sampson@{HOUSE}", text).status


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: Folders, authority: Authority, addresses: Addresses) -> Iterator[Hosted]:
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        yield Hosted(stack, tmp_path_factory, authority, addresses, patch)


@pytest.mark.parametrize("kind", GOOD)
def test_messages_pass_both_ways_with_whom_the_domain_vouches_for(hosted: Hosted, kind: str) -> None:
    with hosted.nurse(kind).log_in() as nurse:
        assert hosted.send(kind, "Nurse!") == 200, hosted.edge.tail()
        nurse.expect("message", from_=f"sampson@{HOUSE}", body="Nurse!")
        nurse.message(f"sampson@{HOUSE}", f"Anon from {kind}")
        hosted.house.heard(f"Anon from {kind}")
    for direction in ("in", "out"):
        words = ("link.up", f"stream=s2s {direction} ", f"remote={kind}.example", f"auth={GOOD[kind]} ")
        assert hosted.edge.says(*words), hosted.edge.tail()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in GOOD])
def test_nobody_gets_in_for_whom_nothing_vouches_that_can_be_believed(hosted: Hosted, kind: str) -> None:
    with hosted.nurse(kind).log_in() as nurse:
        assert hosted.send(kind, "Nurse!") >= 400
        nurse.message(f"sampson@{HOUSE}", "Let me in")
        error = nurse.expect("message", from_=f"sampson@{HOUSE}", type="error")
        assert "EDGE-C01" in "".join(error.itertext()), "their server has heard why"
    assert not hosted.edge.says("link.up", f"remote={kind}.example")


@pytest.mark.parametrize("kind", GOOD)
def test_edge_test_says_what_makes_the_certificate_good(hosted: Hosted, kind: str) -> None:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        main(["test", kind, "--config", str(hosted.edge.file)])
    assert f"good by {GOOD[kind].upper()}" in out.getvalue(), out.getvalue()


def test_edge_links_shows_it(hosted: Hosted) -> None:
    hosted.send("web", "Are you there?")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        main(["links", "--config", str(hosted.edge.file)])
    assert [line for line in out.getvalue().splitlines() if " POSH " in line and "web" in line], out.getvalue()
