"""Open federation with real servers: a Prosody and a Kamailio of ours, and one of each that only a real dnsmasq knows.

Addresses of this machine are never public, so the gateway of this test is told of two that are to count as public.
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from demo.authority import Authority
from tests.interop.dns import Dns, Service
from tests.interop.edge import NAME, Edge, System
from tests.interop.kamailio import Kamailio
from tests.interop.process import Addresses, wait_until
from tests.interop.prosody import Prosody
from tests.interop.sip_user import SipUser
from tests.interop.xmpp_user import XmppUser

pytestmark = pytest.mark.slow

CAPULET, MONTAGUE = "capulet.example", "montague.example"
MANTUA = "mantua.example"  # DNS leads into our own network
PADUA, VERONA = "padua.example", "verona.example"  # a SIP domain of ours, and an XMPP domain on no list
TEXT = "{*}error/{urn:ietf:params:xml:ns:xmpp-stanzas}text"
OPEN = '[defaults]\nunknown_domains = "discover"\n'
ALLOWING = (
    "from edge.net import locate; locate.is_public = {!r}.__contains__;"
    " from twisted.scripts.twistd import run; run()"
)


class Allowing(Edge):
    """For the gateway as it is run here the addresses in ``public`` are."""

    public: tuple[str, ...] = ()

    @property
    def command(self) -> list[object]:
        return [sys.executable, "-c", ALLOWING.format(self.public), *super().command[1:]]


class Tybalt:
    """Juliet and Katherina at home, Romeo and Valentine of whom no list knows."""

    def __init__(
        self, stack: ExitStack, folders: pytest.TempPathFactory, authority: Authority, addresses: Addresses
    ) -> None:
        def prosody(domain: str) -> Prosody:
            issued = authority.issue("", dns=[domain])
            return Prosody(folders.mktemp("prosody"), addresses, domain, issued, authority.pem)

        def kamailio(domain: str) -> Kamailio:
            issued = authority.issue("", dns=[domain])
            return Kamailio(folders.mktemp("kamailio"), addresses, domain, issued, authority.pem)

        ours, theirs = (prosody(CAPULET), kamailio(PADUA)), (prosody(VERONA), kamailio(MONTAGUE))
        self.edge = Allowing(folders.mktemp("edge"), addresses, authority, [MONTAGUE, MANTUA, PADUA])
        self.edge.public = tuple(each.address for each in theirs)
        hosts = {
            NAME: self.edge.address,
            f"sip.{MANTUA}": addresses.of("nobody"),
            **{f"host.{each.domain}": each.address for each in (*ours, *theirs)},
        }
        xmpp, sip = "_xmpp-server._tcp", "_sipfederationtls._tcp"
        services = [
            *(Service(f"{xmpp}.{domain}", NAME, self.edge.xmpp) for domain in (MONTAGUE, MANTUA, PADUA)),
            *(Service(f"{xmpp}.{each.domain}", f"host.{each.domain}", each.s2s) for each in (ours[0], theirs[0])),
            *(Service(f"{sip}.{each.domain}", f"host.{each.domain}", each.tls) for each in (ours[1], theirs[1])),
            Service(f"{sip}.{MANTUA}", f"sip.{MANTUA}", theirs[1].tls),
        ]
        self.dns = stack.enter_context(Dns(folders.mktemp("dns"), addresses, hosts, services).start())
        for server, user in ((ours[0], "juliet"), (theirs[0], "valentine")):
            stack.enter_context(server.start(accounts={user: "pencil"}, dns=self.dns.server))
        for proxy in (ours[1], theirs[1]):
            stack.enter_context(proxy.start(gateway=self.edge.sip_address))
        self.list(OPEN)
        stack.enter_context(self.edge.start())

        def xmpp_user(name: str, server: Prosody) -> XmppUser:
            user = XmppUser(f"{name}@{server.domain}", "pencil", server.address, server.c2s)
            return stack.enter_context(user.log_in())

        def sip_user(name: str, proxy: Kamailio) -> SipUser:
            aor = f"sip:{name}@{proxy.domain}"
            user = stack.enter_context(SipUser(aor, addresses.of("users"), (proxy.address, proxy.local)))
            user.register()
            return user

        self.juliet, self.valentine = xmpp_user("juliet", ours[0]), xmpp_user("valentine", theirs[0])
        self.katherina, self.romeo = sip_user("katherina", ours[1]), sip_user("romeo", theirs[1])

    def list(self, said: str) -> None:
        """A partner list on which nobody is."""
        ours = [System("capulet", CAPULET, "xmpp"), System("padua", PADUA, "sip")]
        self.edge.configure(ours, [], dns=self.dns.server, more=said)


@pytest.fixture(scope="module")
def tybalt(tmp_path_factory: pytest.TempPathFactory, authority: Authority, addresses: Addresses) -> Iterator[Tybalt]:
    with ExitStack() as stack:
        yield Tybalt(stack, tmp_path_factory, authority, addresses)


def test_whom_our_user_writes_to_is_found_and_proves_his_name(tybalt: Tybalt) -> None:
    tybalt.juliet.message(f"romeo@{MONTAGUE}", "Dost thou love me?")
    tybalt.romeo.expect("MESSAGE", body="Dost thou love me?")
    assert tybalt.edge.says("link.up", f"partner={MONTAGUE}", "direction=out")


def test_who_proves_his_name_is_let_in(tybalt: Tybalt) -> None:
    assert tybalt.romeo.message(f"sip:juliet@{CAPULET}", "Lady, by yonder moon").status == 200
    tybalt.juliet.expect("message", from_=f"romeo@{MONTAGUE}", body="Lady, by yonder moon")
    assert tybalt.edge.says("link.up", f"partner={MONTAGUE}", "direction=in")


def test_xmpp_server_on_no_list_is_found_and_let_in(tybalt: Tybalt) -> None:
    assert tybalt.katherina.message(f"sip:valentine@{VERONA}", "Of such a merry, nimble, stirring spirit").status == 200
    tybalt.valentine.expect("message", from_=f"katherina@{PADUA}", body="Of such a merry, nimble, stirring spirit")
    tybalt.valentine.message(f"katherina@{PADUA}", "Cease to persuade")
    tybalt.katherina.expect("MESSAGE", body="Cease to persuade")
    assert tybalt.edge.says("link.up", f"partner={VERONA}", "external")


def test_who_leads_us_into_our_own_network_is_not_followed(tybalt: Tybalt) -> None:
    tybalt.juliet.message(f"apothecary@{MANTUA}", "Poison?", id="m1")
    error = tybalt.juliet.expect("message", from_=f"apothecary@{MANTUA}", type="error", id="m1", seconds=60)
    assert "EDGE-D05" in (error.findtext(TEXT) or "")


def test_when_the_list_is_closed_he_is_a_stranger_again(tybalt: Tybalt) -> None:
    tybalt.list("")
    tybalt.edge.signal(signal.SIGHUP)
    wait_until(lambda: tybalt.edge.says("config.loaded", "- unlisted domains"), "a reload", 60)
    answer = tybalt.romeo.message(f"sip:juliet@{CAPULET}", "Art thou there?")
    assert answer.status == 403 and "EDGE-A01" in answer.get("Warning")
