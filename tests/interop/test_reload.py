"""The configuration is read again while messages flow: nothing is lost, and others than those concerned see nothing.

`make reloads` lets 500 messages a second flow, the suite fewer.
"""

import contextlib
import io
import json
import os
import signal
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from socket import create_connection
from threading import Event

import pytest
from cryptography import x509

from demo.authority import Authority
from edge.admin.cli import main
from tests.interop import world as world_module
from tests.interop.edge import NAME, Edge, System
from tests.interop.kamailio import Kamailio
from tests.interop.process import Addresses, wait_until
from tests.interop.prosody import Prosody
from tests.interop.sip_user import SipUser, pidf
from tests.interop.sipp import Counts, load
from tests.interop.world import CAPULET, MONTAGUE, World
from tests.interop.xmpp_user import XmppUser

pytestmark = pytest.mark.slow

FERRARA, VERONA = "ferrara.example", "verona.example"
SECRET = "a secret"
RATE = int(os.environ.get("EDGE_RATE", "150"))  # messages a second
AT_ONCE = 3 * RATE  # of one run of the tool that sends them
SOON = 60.0  # seconds until something is in the log; the machine is busy

RUN = """
import sys
import edge.certificates.reload as reload
import edge.net.xmpp_route as route
reload.LOOK_SECONDS, reload.RETIRE_SECONDS = 0.3, 1.0  # a test has less time than a certificate
route.SETTLING = 20.0  # and a server on a busy machine more than another
from twisted.scripts.twistd import run
sys.argv = ["twistd", "--nodaemon", "--pidfile=", "edge", "--config", sys.argv[1]]
run()
"""


def count(edge: Edge, *words: str) -> int:
    """How many lines of the log have all ``words``."""
    lines = edge.log.read_text(errors="replace").splitlines()
    return sum(all(word in line for word in words) for line in lines)


def hang_up(edge: Edge, *words: str) -> None:
    """Send SIGHUP, and wait until the log has one more line with all ``words``."""
    before = count(edge, *words)
    edge.signal(signal.SIGHUP)
    wait_until(lambda: count(edge, *words) > before, f"the log says {words}", SOON)


class Brisk(Edge):
    """A gateway that looks at its certificates often, and has links made anew at once."""

    @property
    def command(self) -> list[object]:
        return [sys.executable, "-c", RUN, self.file]

    def administer(self, *words: str) -> str:
        """What a command of the administrator prints."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            main([*words, "--config", str(self.file)])
        return said.getvalue()

    def links(self, partner: str) -> list[tuple[str, str]]:
        """Direction and far end of each link with a partner."""
        answer = json.loads(self.administer("links", partner, "--json"))
        return sorted((link["direction"], link["peer"]) for link in answer["links"] if link["state"] == "up")

    def shows(self) -> int:
        """The serial number of the certificate that somebody sees who connects."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            create_connection((self.address, self.sip), timeout=30) as wire,
            context.wrap_socket(wire, server_hostname=NAME) as secured,
        ):
            shown = secured.getpeercert(binary_form=True)
        assert shown is not None
        return x509.load_der_x509_certificate(shown).serial_number


class House:
    """Kamailio A under load, Kamailio B that comes and goes, Prosody inside."""

    def __init__(self, folder: Path, authority: Authority, addresses: Addresses, stack: ExitStack) -> None:
        self._authority, self._addresses = authority, addresses
        self.prosody = Prosody(
            folder / "prosody", addresses, CAPULET, authority.issue("", dns=[CAPULET]), authority.pem
        )
        self.kamailios = {
            domain: Kamailio(folder / domain, addresses, domain, authority.issue("", dns=[domain]), authority.pem)
            for domain in (MONTAGUE, FERRARA)
        }
        self.edge = Brisk(folder / "edge", addresses, authority, [CAPULET, MONTAGUE])
        stack.enter_context(
            self.prosody.start(
                accounts=dict.fromkeys(("juliet", "nurse"), "pencil"),
                components=dict.fromkeys((MONTAGUE, FERRARA, VERONA), SECRET),
            )
        )
        for kamailio in self.kamailios.values():
            stack.enter_context(kamailio.start(gateway=self.edge.sip_address))
            kamailio.resolves(NAME, self.edge.address)
        hosts = [f"{self.prosody.address}:{self.prosody.component}"]
        self._inside = System("capulet", CAPULET, "xmpp", {"link": "component", "hosts": hosts}, secret=SECRET)
        much = {"messages_per_s": 10 * RATE, "burst": 10 * RATE}
        self.partners = {
            domain: System(
                domain.partition(".")[0],
                domain,
                "sip",
                {"hosts": [f"{kamailio.address}:{kamailio.tls}"]},
                tls={"peer_names": [domain]},
                limits=much,
            )
            for domain, kamailio in self.kamailios.items()
        }
        self.list(MONTAGUE, FERRARA)
        stack.enter_context(self.edge.start())
        self.edge.is_connected("capulet", MONTAGUE, FERRARA)

    def list(self, *domains: str, more: str = "") -> None:
        self.edge.configure([self._inside], [self.partners[domain] for domain in domains], more=more)

    def renew(self) -> int:
        issued = self._authority.issue("", dns=[NAME, CAPULET, MONTAGUE])
        issued.write(self.edge.folder, "edge")
        return x509.load_pem_x509_certificate(issued.chain).serial_number

    def sip_user(self, name: str, domain: str) -> SipUser:
        kamailio = self.kamailios[domain]
        proxy = kamailio.address, kamailio.local
        user = SipUser(f"sip:{name}@{domain}", self._addresses.of("users"), proxy)
        user.register()
        return user

    def xmpp_user(self, name: str) -> XmppUser:
        return XmppUser(f"{name}@{CAPULET}/balcony", "pencil", self.prosody.address, self.prosody.c2s).log_in()


def watch(watcher: SipUser, contact: XmppUser, *, again: bool = False) -> None:
    """A SIP user sees an XMPP user, whose server remembers whom she has allowed it."""
    jid = contact.jid.partition("/")[0]
    aor = watcher.address_of_record.removeprefix("sip:")
    watcher.subscribe(f"sip:{jid}")
    if not again:
        contact.expect("presence", from_=aor, type="subscribe")
        contact.presence(aor, type="subscribed")
    watcher.expect("NOTIFY", subscription_state="active", body="open")


def talk(folder: Path, kamailio: Kamailio, addresses: Addresses, over: Event) -> list[str]:
    """Mercutio says something `RATE` times a second, until it is ``over``. Returns what he has said."""
    said: list[str] = []
    while not over.is_set():
        begun = len(said)
        counts = load(
            folder / str(begun),
            to=(kamailio.address, kamailio.local),
            source=(addresses.of("sipp"), addresses.port("sipp")),
            method="MESSAGE",
            uri=f"sip:juliet@{CAPULET}",
            sender=f"sip:mercutio@{MONTAGUE}",
            body=f"Message {begun} and [call_number]",
            count=AT_ONCE,
            rate=RATE,
            outstanding=2 * RATE,
            transport="TCP",
        )
        assert counts == Counts(AT_ONCE, 0)
        said += [f"Message {begun} and {number}" for number in range(1, AT_ONCE + 1)]
    return said


def test_reloads_amid_traffic(tmp_path: Path, authority: Authority, addresses: Addresses) -> None:
    with ExitStack() as stack, ThreadPoolExecutor(1) as beside:
        house = House(tmp_path, authority, addresses, stack)
        edge, kamailio = house.edge, house.kamailios[MONTAGUE]
        juliet, nurse = (stack.enter_context(house.xmpp_user(name)) for name in ("juliet", "nurse"))
        romeo, benvolio = (
            stack.enter_context(house.sip_user(*who)) for who in (("romeo", MONTAGUE), ("benvolio", FERRARA))
        )
        watch(romeo, juliet)
        watch(benvolio, nurse)
        over = Event()
        stack.callback(over.set)
        traffic = beside.submit(talk, tmp_path / "sipp", kamailio, addresses, over)
        wait_until(lambda: len(juliet.bodies()) > RATE, "messages flow", SOON)
        before = edge.links("montague")
        assert [direction for direction, _ in before] == ["in", "out"]

        house.list(MONTAGUE)
        hang_up(edge, "config.loaded", "- partner ferrara")
        benvolio.expect("NOTIFY", subscription_state="terminated")
        wait_until(lambda: edge.says("link.down", "partner=ferrara"), "its links are closed", SOON)

        benvolios = replace(house.partners[FERRARA], limits={"burst": 7})
        house.partners[FERRARA] = benvolios
        house.list(MONTAGUE, FERRARA, more=f'[[partner]]\nname = "verona"\ndomains = ["{VERONA}"]\nvia = "sip"\n')
        hang_up(edge, "config.loaded", "+ partner ferrara; + partner verona")
        watch(benvolio, nurse, again=True)

        house.list(MONTAGUE, more="[[partner]]\nname = 7\n")
        hang_up(edge, "config.rejected", "EDGE-K", "partners.toml line")
        assert edge.administer("reload", "--dry-run").count("EDGE-K") >= 1
        assert "ferrara" in edge.administer("partners")

        house.partners[FERRARA] = replace(benvolios, limits={"burst": 8})
        house.list(MONTAGUE, FERRARA)
        lines = ["~ ferrara.limits.burst", "- partner verona"]
        for words in (["reload", "--dry-run"], ["reload"]):
            said = edge.administer(*words)
            assert all(line in said for line in lines), said
        assert not any(line in edge.administer("reload") for line in lines)
        assert edge.links("montague") == before, "none of that was about this partner"
        assert not count(edge, "link.down", "partner=montague")

        old = edge.shows()
        key = (edge.folder / "edge.key").read_bytes()
        serial = house.renew()
        (edge.folder / "edge.key").write_bytes(key)
        wait_until(lambda: edge.says("cert.kept", "EDGE-K06"), "the key is found to be another one", SOON)
        hang_up(edge, "config.rejected", "EDGE-K06")
        assert edge.shows() == old
        serial = house.renew()
        wait_until(lambda: edge.shows() == serial, "the certificate is taken up", SOON)  # and no handshake fails
        assert edge.says("cert.renewed")
        over.set()
        said = traffic.result(120)
        wait_until(lambda: len(juliet.bodies()) >= len(said), "all messages have arrived", SOON)
        assert [body.strip() for body in juliet.bodies()] == said

        down = "link.down", "partner=montague"
        wait_until(lambda: count(edge, *down) == 2, "links with the old certificate are closed", SOON)
        assert not count(edge, *down, "EDGE-"), "each of them in good order"
        juliet.presence(show="away")
        romeo.expect("NOTIFY", body="away", subscription_state="active")
        romeo.message(f"sip:juliet@{CAPULET}", "Is the day so young?")
        juliet.expect("message", body="Is the day so young?")
        assert len(edge.links("montague")) == 2


@pytest.mark.parametrize("kind", ["prosody s2s", "ejabberd s2s"])
def test_server_that_is_taken_off_the_list_and_comes_back(
    kind: str, tmp_path_factory: pytest.TempPathFactory, authority: Authority, addresses: Addresses
) -> None:
    with ExitStack() as stack:
        world = World(kind, stack, tmp_path_factory, authority, addresses, names=["juliet"])
        juliet = stack.enter_context(world.xmpp_user("juliet").log_in())
        romeo = stack.enter_context(world.sip_user("romeo"))
        romeo.register()
        romeo.publish(pidf(romeo.address_of_record, note="In the orchard"))
        there, back = f"romeo@{MONTAGUE}", f"sip:juliet@{CAPULET}"
        juliet.presence(there, type="subscribe")
        juliet.expect("presence", from_=there, type="subscribed")
        juliet.expect("presence", from_=there, status="In the orchard")
        assert romeo.message(back, "Good morrow").status == 200
        listed = world.edge.folder / "partners.toml"
        text = listed.read_text()

        listed.write_text("version = 1\n")
        hang_up(world.edge, "config.loaded", "- partner capulet")
        juliet.expect("presence", from_=there, type="unavailable")
        wait_until(lambda: world.edge.says("link.down", "partner=capulet"), "its streams are closed", SOON)
        assert romeo.message(back, "Art thou there?").status == 403
        if kind == "prosody s2s":  # ejabberd drops what is for a server that has just refused it
            juliet.message(there, "Art thou there?", id="lost")
            juliet.expect("message", type="error", id="lost")

        listed.write_text(text)
        hang_up(world.edge, "config.loaded", "+ partner capulet")
        assert romeo.message(back, "I am").status == 200
        juliet.expect("message", body="I am")
        juliet.message(there, "So am I")
        romeo.expect("MESSAGE", body="So am I")
        juliet.presence(there, type="probe")
        juliet.expect("presence", from_=there, status="In the orchard")


@pytest.mark.parametrize("kind", ["prosody s2s", "ejabberd s2s"])
def test_streams_are_made_anew_amid_traffic(
    kind: str,
    tmp_path_factory: pytest.TempPathFactory,
    authority: Authority,
    addresses: Addresses,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(world_module, "Edge", Brisk)
    with ExitStack() as stack, ThreadPoolExecutor(1) as beside:
        world = World(kind, stack, tmp_path_factory, authority, addresses, names=["juliet"], patience=20)
        juliet = stack.enter_context(world.xmpp_user("juliet").log_in())
        over = Event()
        stack.callback(over.set)
        traffic = beside.submit(talk, tmp_path_factory.mktemp("sipp"), world.kamailio, addresses, over)
        wait_until(lambda: len(juliet.bodies()) > RATE, "messages flow", SOON)
        authority.issue("", dns=[NAME, CAPULET, MONTAGUE]).write(world.edge.folder, "edge")
        wait_until(lambda: world.edge.says("cert.renewed"), "the certificate is taken up", SOON)
        down = "link.down", "partner=capulet", "stream=s2s out"
        wait_until(lambda: world.edge.says(*down), "the stream is closed", SOON)
        seen = len(juliet.bodies())
        wait_until(lambda: len(juliet.bodies()) > seen + RATE, "messages flow again", SOON)
        over.set()
        said = traffic.result(120)
        wait_until(lambda: len(juliet.bodies()) >= len(said), "all messages have arrived", SOON)
        assert [body.strip() for body in juliet.bodies()] == said, "in order, though on two streams"
        assert not world.edge.says(*down, "EDGE-"), "in good order"
