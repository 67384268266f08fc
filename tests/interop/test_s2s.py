"""Streams with real servers: how each side proves who it is, direct TLS, and one stream for both directions.

Inside is ``house.example`` (SIP, by hand); each partner is a Prosody or an ejabberd that differs from the others in
what its certificate is worth, in what it asks of ours, and in what DNS says.
"""

import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from demo.authority import Authority, Issued
from tests.interop.by_hand import Credentials, SipLink
from tests.interop.dns import Dns, Service
from tests.interop.edge import NAME, Edge, Keys, System
from tests.interop.ejabberd import Ejabberd
from tests.interop.house import House
from tests.interop.process import Addresses
from tests.interop.prosody import Prosody
from tests.interop.xmpp_user import XmppUser

pytestmark = pytest.mark.slow

HOUSE, SHOP = "house.example", "shop.example"  # the second is served by a gateway whose certificate is for servers only
PADUA = "padua.example"  # what is in a certificate that names nobody here
ANY: Keys = {"auth": ["external", "dialback-tls"]}
WEAK: Keys = {"auth": ["dialback-tls"]}
NOW = datetime.now(UTC)
SECONDS = 40.0

Server = Prosody | Ejabberd
Folders = pytest.TempPathFactory


@dataclass(frozen=True)
class Kind:
    """A partner. ``fault`` is what is wrong with its certificate; ``ours``, ``theirs`` are how names are proved."""

    xmpp: Keys
    ours: str
    theirs: str
    fault: str = ""
    trusts_us: bool = True
    direct: bool = False
    reaches_us: bool = True
    bidi: bool = False


KINDS = {
    "certificate": Kind({}, "external", "external"),
    "unknown": Kind(ANY, "dialback", "dialback", "EDGE-C01", trusts_us=False),
    "expired": Kind(ANY, "external", "dialback", "EDGE-C02"),
    "misnamed": Kind(ANY, "external", "dialback", "EDGE-C03"),
    "dialback": Kind(WEAK, "dialback", "dialback"),
    "direct": Kind({}, "external", "external", direct=True),
    "worst": Kind(ANY, "dialback", "dialback", "EDGE-C01", trusts_us=False, direct=True),
    "both": Kind({}, "external", "external", reaches_us=False, bidi=True),
}
OF_PROSODY = tuple(kind for kind in KINDS if kind != "worst")
OF_EJABBERD = ("certificate", "worst")


class Streams:
    """A gateway and partners of these ``kinds``, all of one ``make``."""

    def __init__(
        self,
        make: str,
        kinds: tuple[str, ...],
        stack: ExitStack,
        folders: Folders,
        authority: Authority,
        addresses: Addresses,
    ) -> None:
        self._authority = authority
        self.edge = Edge(folders.mktemp("edge"), addresses, authority, [HOUSE])
        self.shop = Edge(folders.mktemp("shop"), addresses, authority, [SHOP])
        authority.issue("", dns=[NAME, SHOP], eku=["server"]).write(self.shop.folder, "edge")
        stranger = Authority("A stranger")
        trusted = authority.pem + stranger.pem
        self.servers: dict[str, Server] = {}
        for kind in kinds:
            domain, described = f"{kind}.{make}.example", KINDS[kind]
            issued = _issued(kind, domain, authority, stranger)
            ca = trusted if described.trusts_us else stranger.pem
            build = Prosody if make == "prosody" else Ejabberd
            self.servers[kind] = build(folders.mktemp(kind), addresses, domain, issued, ca)
        name = self.edge.address if make == "ejabberd" else NAME  # it asks the system for host names
        plain = [
            Service(f"_xmpp-server._tcp.{HOUSE}", name, self.edge.xmpp),
            Service(f"_xmpp-server._tcp.{SHOP}", name, self.shop.xmpp),
        ]
        direct = [Service(f"_xmpps-server._tcp.{HOUSE}", name, self.edge.xmpp)]
        direct += [
            Service(f"_xmpps-server._tcp.{server.domain}", f"xmpp.{server.domain}", server.direct)
            for kind, server in self.servers.items()
            if KINDS[kind].direct
        ]
        hosts = {NAME: self.edge.address, **{f"xmpp.{each.domain}": each.address for each in self.servers.values()}}
        self.dns, self.dns_of_direct, nothing = (
            stack.enter_context(Dns(folders.mktemp("dns"), addresses, hosts, services).start())
            for services in (plain, direct, [])
        )
        pool = stack.enter_context(ThreadPoolExecutor(4))  # a peer ends with the thread that has started it
        starts = []
        for kind, server in self.servers.items():
            described = KINDS[kind]
            dns = self.dns_of_direct if described.direct else self.dns if described.reaches_us else nothing
            starts.append(pool.submit(_start, server, described, dns.server))
        for start in starts:
            stack.enter_context(start.result())
        self.house = stack.enter_context(House(addresses, self._credentials(HOUSE)))
        inside = [System("house", HOUSE, "sip", {"hosts": [self.house.written]}, tls={"peer_names": [HOUSE]})]
        partners = [self._partner(kind) for kind in kinds]
        stack.enter_context(self.edge.configure(inside, partners, dns=self.dns_of_direct.server).start())
        inside = [System("shop", SHOP, "sip", {"hosts": [self.house.written]}, tls={"peer_names": [HOUSE]})]
        partners = [System("lenient", self.servers["certificate"].domain, "xmpp", self._hosts("certificate"), xmpp=ANY)]
        stack.enter_context(self.shop.configure(inside, partners).start())
        self.link = stack.enter_context(self._link(self.edge, HOUSE))

    def nurse(self, kind: str) -> XmppUser:
        server = self.servers[kind]
        return XmppUser(f"nurse@{server.domain}", "pencil", server.address, server.c2s)

    def send(self, kind: str, text: str) -> None:
        """Our user writes to the nurse."""
        answer = self.link.message(f"sip:nurse@{self.servers[kind].domain}", f"sip:sampson@{HOUSE}", text)
        assert answer.status == 200, answer

    def up(self, kind: str, direction: str, proof: str) -> bool:
        """Whether there was such a stream, and the log says what is wrong with the partner's certificate."""
        words = ("link.up", f"stream=s2s {direction} ", f"remote={self.servers[kind].domain} ", f"auth={proof} ")
        fault = KINDS[kind].fault
        lines = self.edge.log.read_text(errors="replace").splitlines()
        found = [line for line in lines if all(word in line for word in words)]
        assert all(f"cert_fault={fault}" in line if fault else "cert_fault" not in line for line in found), found
        assert all("tls_version=TLSv1.3" in line and "cert_sha256=" in line for line in found), found
        return bool(found)

    def shop_link(self) -> SipLink:
        return self._link(self.shop, HOUSE)

    def _credentials(self, name: str) -> Credentials:
        return Credentials(self.edge.folder, self._authority.issue("", dns=[name]), self._authority.pem)

    def _link(self, edge: Edge, name: str) -> SipLink:
        return SipLink.dial((edge.address, edge.sip), NAME, self._credentials(name))

    def _hosts(self, kind: str) -> Keys:
        return {"hosts": [f"{self.servers[kind].address}:{self.servers[kind].s2s}"]}

    def _partner(self, kind: str) -> System:
        described, domain = KINDS[kind], self.servers[kind].domain
        return System(kind, domain, "xmpp", {} if described.direct else self._hosts(kind), xmpp=described.xmpp)


def _issued(kind: str, domain: str, authority: Authority, stranger: Authority) -> Issued:
    if KINDS[kind].fault == "EDGE-C01":
        return stranger.issue("", dns=[domain])
    if kind == "expired":
        return authority.issue("", dns=[domain], not_after=NOW - timedelta(hours=1))
    return authority.issue("", dns=[PADUA if kind == "misnamed" else domain], eku=["server"])


def _start(server: Server, kind: Kind, dns: str) -> Server:
    accounts = {"nurse": "pencil"}
    if isinstance(server, Ejabberd):
        return server.start(accounts=accounts, dns=dns, dialback=True, direct=kind.direct)
    return server.start(
        accounts=accounts,
        dns=dns,
        dialback=True,
        secure_auth=False,
        direct=kind.direct,
        modules=["s2s_bidi"] if kind.bidi else [],
    )


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: Folders, authority: Authority, addresses: Addresses) -> Iterator[Callable[[str], Streams]]:
    with ExitStack() as stack:
        kinds = {"prosody": OF_PROSODY, "ejabberd": OF_EJABBERD}
        yield cache(lambda make: Streams(make, kinds[make], stack, tmp_path_factory, authority, addresses))


@pytest.fixture
def streams(make: str, worlds: Callable[[str], Streams]) -> Streams:
    return worlds(make)


def each(*kinds: str) -> pytest.MarkDecorator:
    """Each of these partners, of both makes where there is one."""
    cases = [("prosody", kind) for kind in OF_PROSODY] + [("ejabberd", kind) for kind in OF_EJABBERD]
    return pytest.mark.parametrize(("make", "kind"), [case for case in cases if case[1] in kinds])


by_prosody = pytest.mark.parametrize("make", ["prosody"])
by_ejabberd = pytest.mark.parametrize("make", ["ejabberd"])


@each(*KINDS)
def test_messages_pass_both_ways_whatever_proves_the_names(streams: Streams, kind: str) -> None:
    described = KINDS[kind]
    with streams.nurse(kind).log_in() as nurse:
        streams.send(kind, "Nurse!")
        nurse.expect("message", from_=f"sampson@{HOUSE}", body="Nurse!")
        nurse.message(f"sampson@{HOUSE}", f"Anon from {kind}")
        streams.house.heard(f"Anon from {kind}")
    assert streams.up(kind, "out", described.ours), streams.edge.tail()
    assert streams.up(kind, "in", described.theirs) is described.reaches_us, streams.edge.tail()


@by_prosody
def test_server_that_cannot_reach_us_answers_on_our_own_stream(streams: Streams) -> None:
    """XEP-0288, in spite of a firewall or DNS."""
    domain = streams.servers["both"].domain
    with streams.nurse("both").log_in() as nurse:
        streams.send("both", "Where's my man?")
        nurse.message(f"sampson@{HOUSE}", "Here")
        streams.house.heard("Here")
    assert not streams.edge.says("stream=s2s in", f"remote={domain}")


@each("direct", "worst")
def test_direct_tls_has_no_starttls_and_names_its_protocol(streams: Streams, kind: str) -> None:
    with streams.nurse(kind).log_in():
        streams.send(kind, "O, direct me")
    assert f"_xmpps-server._tcp.{HOUSE}" in streams.dns_of_direct.log.read_text()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["xmpp-server"])
    with (
        socket.create_connection((streams.edge.address, streams.edge.xmpp), timeout=SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=HOUSE) as wire,
    ):
        assert wire.selected_alpn_protocol() == "xmpp-server"


@by_ejabberd
def test_dialback_takes_the_place_of_a_certificate_that_strict_servers_refuse(streams: Streams) -> None:
    """ejabberd 23.01 offers EXTERNAL to a certificate for servers only, and then refuses it."""
    domain = streams.servers["certificate"].domain
    with streams.nurse("certificate").log_in() as nurse, streams.shop_link() as link:
        answer = link.message(f"sip:nurse@{domain}", f"sip:clerk@{SHOP}", "Sold out")
        assert answer.status == 200, answer
        nurse.expect("message", from_=f"clerk@{SHOP}", body="Sold out")
    assert streams.shop.says("auth.failed", "EDGE-A11", "SASL EXTERNAL"), streams.shop.tail()
    assert streams.shop.says("link.up", "stream=s2s out", "auth=dialback"), streams.shop.tail()
