"""A SIP partner with two servers behind its SRV record: the second takes over from the first, the first again when it
is back, and nothing is lost on the way. Two real Kamailios, a real dnsmasq, mutual TLS in both directions.

Users of the partner are logged in at both servers. Each message arrives exactly once at one of them, or its sender is
told that it did not: those are the few that were under way when a server died, and nobody can know about them.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from demo.authority import Authority
from tests.interop.dns import Dns, Service
from tests.interop.edge import Edge, System
from tests.interop.kamailio import Kamailio
from tests.interop.process import Addresses, wait_until
from tests.interop.prosody import Prosody
from tests.interop.sip_user import SipUser
from tests.interop.xmpp_user import XmppUser

pytestmark = pytest.mark.slow

CAPULET, MONTAGUE = "capulet.example", "montague.example"
FIRST, SECOND = f"one.{MONTAGUE}", f"two.{MONTAGUE}"
SECRET = "a secret"
NAMES = ("romeo", "mercutio", "benvolio")
COUNT = 90  # messages in one stream of traffic
PAUSE = 0.02  # seconds between two of them
KEEP_ALIVE = 2  # seconds
LOOKS = 1.0  # seconds between two looks whether the first server is back, and of silence on the link to the second

IMPATIENT = f"""
from edge.net import returning, sip_pool
from twisted.scripts.twistd import run
returning.FIRST = returning.LONGEST = {LOOKS}
sip_pool.ANSWERED = {LOOKS}
run()
"""


class ImpatientEdge(Edge):
    """It returns sooner than a real one; neither time is a setting."""

    @property
    def command(self) -> list[object]:
        return [sys.executable, "-c", IMPATIENT, *super().command[1:]]


class Listener(SipUser):
    """A user who keeps what he is told."""

    def bodies(self) -> list[str]:
        with self._changed:
            return [message.body for message in self._received if message.method == "MESSAGE"]


class Server:
    """One Kamailio of the domain and the users that are logged in there."""

    def __init__(self, name: str, folders: pytest.TempPathFactory, addresses: Addresses, authority: Authority) -> None:
        self.address = addresses.of("users")
        issued = authority.issue("", dns=[MONTAGUE, name])
        self.kamailio = Kamailio(folders.mktemp(name), addresses, MONTAGUE, issued, authority.pem)
        self.users: list[Listener] = []

    def start(self, stack: ExitStack, gateway: str) -> None:
        stack.enter_context(self.kamailio.start(gateway=gateway))
        proxy = self.kamailio.address, self.kamailio.local
        for name in NAMES:
            self.users.append(stack.enter_context(Listener(f"sip:{name}@{MONTAGUE}", self.address, proxy)))
        self.register()

    def again(self) -> None:
        """It is started once more, and its users come back."""
        self.kamailio.start(gateway=self.kamailio.gateway)
        for user in self.users:
            user.reconnect()
        self.register()

    def register(self) -> None:
        for user in self.users:
            assert user.register().status == 200

    def bodies(self) -> list[str]:
        return [body for user in self.users for body in user.bodies()]


class Verona:
    """Prosody with Juliet, the gateway, and both servers of the partner."""

    def __init__(
        self, stack: ExitStack, folders: pytest.TempPathFactory, authority: Authority, addresses: Addresses
    ) -> None:
        issued = authority.issue("", dns=[CAPULET])
        self.prosody = Prosody(folders.mktemp("prosody"), addresses, CAPULET, issued, authority.pem)
        self.one, self.two = (Server(name, folders, addresses, authority) for name in (FIRST, SECOND))
        self.edge = ImpatientEdge(folders.mktemp("edge"), addresses, authority)
        record = f"_sipfederationtls._tcp.{MONTAGUE}"
        services = [
            Service(record, FIRST, self.one.kamailio.tls, priority=1),
            Service(record, SECOND, self.two.kamailio.tls, priority=2),
        ]
        hosts = {FIRST: self.one.kamailio.address, SECOND: self.two.kamailio.address}
        dns = stack.enter_context(Dns(folders.mktemp("dns"), addresses, hosts, services).start())
        stack.enter_context(self.prosody.start(accounts={"juliet": "pencil"}, components={MONTAGUE: SECRET}))
        self.one.start(stack, self.edge.sip_address)
        self.two.start(stack, self.edge.sip_address)
        component = {"link": "component", "hosts": [f"{self.prosody.address}:{self.prosody.component}"]}
        inside = System("capulet", CAPULET, "xmpp", component, secret=SECRET)
        self.edge.configure([inside], [System("montague", MONTAGUE, "sip")], dns=dns.server)
        text = self.edge.file.read_text()
        self.edge.file.write_text(text.replace("[sip]\n", f"[sip]\nkeep_alive_seconds = {KEEP_ALIVE}\n"))
        stack.enter_context(self.edge.start())
        self.juliet = stack.enter_context(
            XmppUser(f"juliet@{CAPULET}", "pencil", self.prosody.address, self.prosody.c2s).log_in(),
        )
        self.edge.is_connected("capulet", MONTAGUE)
        self.number = 0

    def say(self) -> str:
        """One more message, to each user in turn."""
        self.number += 1
        text = f"message {self.number}"
        self.juliet.message(f"{NAMES[self.number % 3]}@{MONTAGUE}", text, id=text.replace(" ", "-"))
        return text

    def given_back(self) -> list[str]:
        """The messages that Juliet was told have failed, since this was asked last."""
        found = []
        while True:
            try:
                found.append(self.juliet.expect("message", type="error", seconds=0.0).get("id", "").replace("-", " "))
            except AssertionError:
                return found

    def traffic(self, happens: Callable[[], None]) -> tuple[Counter[str], list[str]]:
        """What arrived and what was given back of a stream of messages in whose midst something ``happens``."""
        said = []
        for number in range(COUNT):
            said.append(self.say())
            time.sleep(PAUSE)
            if number == COUNT // 3:
                happens()
        failed: list[str] = []

        def arrived() -> Counter[str]:
            return Counter(body for body in self.one.bodies() + self.two.bodies() if body in said)

        def ended() -> bool:
            failed.extend(self.given_back())
            return set(said) <= {*arrived(), *failed}

        wait_until(ended, "every message has arrived or is given back", 90)
        return arrived(), failed

    def arrives_at(self, server: Server) -> bool:
        text = self.say()
        wait_until(lambda: text in self.one.bodies() + self.two.bodies(), f"{text} has arrived", 90)
        return text in server.bodies()


@pytest.fixture(scope="module")
def verona(tmp_path_factory: pytest.TempPathFactory, authority: Authority, addresses: Addresses) -> Iterator[Verona]:
    with ExitStack() as stack:
        yield Verona(stack, tmp_path_factory, authority, addresses)


def test_first_target_is_used_and_both_may_come_to_us(verona: Verona) -> None:
    assert verona.arrives_at(verona.one)
    for server in (verona.one, verona.two):
        assert server.users[0].message(f"sip:juliet@{CAPULET}", f"by {server.kamailio.tls}").status == 200
        verona.juliet.expect("message", from_=f"romeo@{MONTAGUE}", body=f"by {server.kamailio.tls}")


def test_second_target_takes_over_when_the_first_dies(verona: Verona) -> None:
    arrived, failed = verona.traffic(verona.one.kamailio.kill)
    assert set(arrived.values()) == {1}, "nothing arrives twice"
    assert len(failed) <= len(NAMES), "no more than one message to each user can be under way"
    assert verona.arrives_at(verona.two)


def test_first_target_is_used_again_when_it_is_back_although_nothing_has_failed(verona: Verona) -> None:
    arrived, failed = verona.traffic(verona.one.again)
    assert set(arrived.values()) == {1} and failed == []
    wait_until(lambda: verona.arrives_at(verona.one), "the first is used", 90)
    for before, after in zip(verona.two.users, verona.one.users, strict=True):
        told = [int(body.split()[1]) for body in before.bodies() + after.bodies() if body in arrived]
        assert len(told) > COUNT / 4 and told == sorted(told), "each user is told in order, here and there"
    port = verona.two.kamailio.tls
    wait_until(lambda: verona.edge.says("link.down", f"peer_port={port}", "closed by us"), "the old link is closed", 60)


def test_frozen_target_is_found_out_and_left(verona: Verona) -> None:
    """It acknowledges what it is sent, takes new connections, and does nothing."""
    assert verona.arrives_at(verona.one)
    time.sleep(2 * KEEP_ALIVE)  # until it has been asked for a sign of life once
    verona.one.kamailio.freeze()
    try:
        wait_until(lambda: verona.edge.says("link.down EDGE-N03", "no sign of life"), "the link is given up", 60)
        assert verona.arrives_at(verona.two)
    finally:
        verona.one.kamailio.thaw()
