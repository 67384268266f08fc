"""Partners that are found by DNS: SRV records of a real dnsmasq, asked by the gateway as its only name server."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from demo.authority import Authority
from tests.interop.dns import Dns, Service
from tests.interop.edge import NAME, Edge, System
from tests.interop.kamailio import Kamailio
from tests.interop.process import Addresses
from tests.interop.prosody import Prosody
from tests.interop.sip_user import SipUser
from tests.interop.xmpp_user import XmppUser

pytestmark = pytest.mark.slow

CAPULET, MONTAGUE = "capulet.example", "montague.example"
PADUA, MANTUA = "padua.example", "mantua.example"  # an XMPP and a SIP domain that DNS does not know
TEXT = "{*}error/{urn:ietf:params:xml:ns:xmpp-stanzas}text"


class Veneto:
    """A SIP and an XMPP server behind SRV records. The first SIP target is one where nobody listens."""

    def __init__(
        self, stack: ExitStack, folders: pytest.TempPathFactory, authority: Authority, addresses: Addresses
    ) -> None:
        issued = {domain: authority.issue("", dns=[domain]) for domain in (CAPULET, MONTAGUE)}
        self.prosody = Prosody(folders.mktemp("prosody"), addresses, CAPULET, issued[CAPULET], authority.pem)
        self.kamailio = Kamailio(folders.mktemp("kamailio"), addresses, MONTAGUE, issued[MONTAGUE], authority.pem)
        self.edge = Edge(folders.mktemp("edge"), addresses, authority, [MONTAGUE, MANTUA])
        hosts = {
            NAME: self.edge.address,
            f"xmpp.{CAPULET}": self.prosody.address,
            "edge1.hosting.example": addresses.of("nobody"),
            "edge2.hosting.example": self.kamailio.address,
        }
        services = [
            *(Service(f"_xmpp-server._tcp.{domain}", NAME, self.edge.xmpp) for domain in (MONTAGUE, MANTUA)),
            Service(f"_xmpp-server._tcp.{CAPULET}", f"xmpp.{CAPULET}", self.prosody.s2s),
            Service(f"_sipfederationtls._tcp.{MONTAGUE}", "edge1.hosting.example", self.kamailio.tls, priority=1),
            Service(f"_sipfederationtls._tcp.{MONTAGUE}", "edge2.hosting.example", self.kamailio.tls, priority=2),
        ]
        self.dns = stack.enter_context(Dns(folders.mktemp("dns"), addresses, hosts, services).start())
        stack.enter_context(self.prosody.start(accounts={"juliet": "pencil"}, dns=self.dns.server))
        stack.enter_context(self.kamailio.start(gateway=self.edge.sip_address))
        inside = [System("capulet", CAPULET, "xmpp"), System("padua", PADUA, "xmpp")]
        elsewhere = {"srv_targets_outside_domain": True}
        partners = [System("montague", MONTAGUE, "sip", elsewhere), System("mantua", MANTUA, "sip")]
        stack.enter_context(self.edge.configure(inside, partners, dns=self.dns.server).start())
        self.juliet = stack.enter_context(
            XmppUser(f"juliet@{CAPULET}", "pencil", self.prosody.address, self.prosody.c2s).log_in(),
        )
        proxy = self.kamailio.address, self.kamailio.local
        self.romeo = stack.enter_context(SipUser(f"sip:romeo@{MONTAGUE}", addresses.of("users"), proxy))
        self.romeo.register()


@pytest.fixture(scope="module")
def veneto(tmp_path_factory: pytest.TempPathFactory, authority: Authority, addresses: Addresses) -> Iterator[Veneto]:
    with ExitStack() as stack:
        yield Veneto(stack, tmp_path_factory, authority, addresses)


def test_sip_partner_is_found_behind_a_target_that_is_down(veneto: Veneto) -> None:
    veneto.juliet.message(f"romeo@{MONTAGUE}", "Dost thou love me?")
    veneto.romeo.expect("MESSAGE", body="Dost thou love me?")
    assert veneto.edge.says("link.refused EDGE-N01", "partner=montague")
    assert f"query[SRV] _sipfederationtls._tcp.{MONTAGUE}" in veneto.dns.log.read_text()


def test_xmpp_server_is_found(veneto: Veneto) -> None:
    assert veneto.romeo.message(f"sip:juliet@{CAPULET}", "Lady, by yonder moon").status == 200
    veneto.juliet.expect("message", from_=f"romeo@{MONTAGUE}", body="Lady, by yonder moon")
    assert f"query[SRV] _xmpp-server._tcp.{CAPULET}" in veneto.dns.log.read_text()


def test_xmpp_user_is_told_that_a_domain_has_no_sip_service(veneto: Veneto) -> None:
    veneto.juliet.message(f"apothecary@{MANTUA}", "Poison?", id="m1")
    error = veneto.juliet.expect("message", from_=f"apothecary@{MANTUA}", type="error", id="m1", seconds=60)
    assert "EDGE-D01" in (error.findtext(TEXT) or "")


def test_sip_user_is_told_that_a_domain_has_no_xmpp_service(veneto: Veneto) -> None:
    answer = veneto.romeo.message(f"sip:katherina@{PADUA}", "Come, come")
    assert answer.status == 404 and "EDGE-D01" in answer.get("Warning")
