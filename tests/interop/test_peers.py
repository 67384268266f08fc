"""The real peers by themselves: before the gateway stands between them they must do what the tests take for granted."""

import hashlib
import os
import re
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from twisted.names import dns as names

from demo.authority import Authority
from tests.interop.dns import SRV, Dns, Service, query
from tests.interop.ejabberd import Ejabberd
from tests.interop.kamailio import Kamailio
from tests.interop.process import Addresses, Process, wait_until
from tests.interop.prosody import Prosody
from tests.interop.sip_user import SipUser, pidf
from tests.interop.sipp import Counts, Stunnel, load
from tests.interop.xmpp_user import XmppUser

pytestmark = pytest.mark.slow

CAPULET, VERONA, PADUA, MONTAGUE = "capulet.example", "verona.example", "padua.example", "montague.example"
SECRET = "a secret"
Folders = pytest.TempPathFactory


class Verona:
    """Two XMPP servers that trust each other, one that nobody trusts, and the DNS that knows all three."""

    def __init__(self, stack: ExitStack, folders: Folders, authority: Authority, addresses: Addresses) -> None:
        self.servers = {}
        for domain in (CAPULET, VERONA, PADUA):
            issuer = Authority("A stranger") if domain == PADUA else authority
            certificate = issuer.issue("", dns=[domain])
            self.servers[domain] = Prosody(folders.mktemp(domain), addresses, domain, certificate, authority.pem)
        hosts = {f"xmpp.{domain}": server.address for domain, server in self.servers.items()}
        services = [
            Service(f"_xmpp-server._tcp.{domain}", f"xmpp.{domain}", server.s2s)
            for domain, server in self.servers.items()
        ]
        self.dns = stack.enter_context(Dns(folders.mktemp("dns"), addresses, hosts, services).start())
        for domain, server in self.servers.items():
            accounts = {"juliet": "pencil", "nurse": "pencil"}
            components = {MONTAGUE: SECRET} if domain == CAPULET else None
            stack.enter_context(server.start(accounts=accounts, components=components, dns=self.dns.server))

    def user(self, jid: str) -> XmppUser:
        server = self.servers[jid.partition("@")[2].partition("/")[0]]
        return XmppUser(jid, "pencil", server.address, server.c2s)


@pytest.fixture(scope="module")
def verona(tmp_path_factory: Folders, authority: Authority, addresses: Addresses) -> Iterator[Verona]:
    with ExitStack() as stack:
        yield Verona(stack, tmp_path_factory, authority, addresses)


@pytest.fixture(scope="module")
def kamailio(tmp_path_factory: Folders, authority: Authority, addresses: Addresses) -> Iterator[Kamailio]:
    certificate = authority.issue("", dns=[MONTAGUE])
    peer = Kamailio(tmp_path_factory.mktemp("kamailio"), addresses, MONTAGUE, certificate, authority.pem)
    with peer.start(gateway=f"{addresses.of('gateway')}:{addresses.port('gateway')}"):
        yield peer


def user(name: str, peer: Kamailio, addresses: Addresses) -> SipUser:
    return SipUser(f"sip:{name}@{peer.domain}", addresses.of("users"), (peer.address, peer.local))


# process


def test_process_leaves_nothing_behind_when_it_ignores_the_signal(tmp_path: Path) -> None:
    stubborn = "import os, signal, time; os.fork(); signal.signal(15, signal.SIG_IGN); "
    stubborn += "os.write(1, f'{os.getpid()}\\n'.encode()); time.sleep(600)"  # in one piece
    peer = Process("stubborn", tmp_path)
    peer.stops_within = 0.5  # it does not stop anyway
    peer.launch([sys.executable, "-c", stubborn], lambda: peer.log.read_text().count("\n") == 2)
    numbers = [int(line) for line in peer.log.read_text().split()]
    peer.stop()
    assert len(numbers) == 2
    for number in numbers:
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)


def test_process_tells_its_log_when_it_ends_instead_of_starting(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="out of tea"):
        Process("tea", tmp_path).launch(["sh", "-c", "echo out of tea; exit 1"], lambda: False)


# dnsmasq


def test_dns_answers_srv_and_knows_what_does_not_exist(verona: Verona) -> None:
    def ask(name: str) -> names.Message:
        answer = names.Message()
        answer.fromStr(query(verona.dns.address, verona.dns.port, name, SRV))
        return answer

    (record,) = ask(f"_xmpp-server._tcp.{CAPULET}").answers
    assert (str(record.payload.target), record.payload.port) == (f"xmpp.{CAPULET}", verona.servers[CAPULET].s2s)
    assert ask(f"_sipfederationtls._tcp.{CAPULET}").rCode == names.ENAME


# Prosody


def test_prosody_carries_presence_and_messages_between_its_users(verona: Verona) -> None:
    with verona.user(f"juliet@{CAPULET}/balcony").log_in() as juliet, verona.user(f"nurse@{CAPULET}").log_in() as nurse:
        juliet.presence(f"nurse@{CAPULET}", type="subscribe")
        nurse.expect("presence", type="subscribe", from_=f"juliet@{CAPULET}")
        nurse.presence(f"juliet@{CAPULET}", type="subscribed")
        nurse.presence(show="away", status="Fetching a ladder")
        juliet.expect("presence", from_=nurse.jid, show="away", status="Fetching a ladder")
        nurse.message(f"juliet@{CAPULET}", "Your love says, like an honest <gentleman> & courteous")
        juliet.expect("message", from_=nurse.jid, body="Your love says, like an honest <gentleman> & courteous")
        juliet.expect_nothing("message", seconds=0.2)


def test_prosody_reaches_another_by_srv_and_external(verona: Verona) -> None:
    with verona.user(f"juliet@{CAPULET}").log_in() as juliet, verona.user(f"nurse@{VERONA}").log_in() as nurse:
        juliet.message(f"nurse@{VERONA}", "over there?")
        nurse.expect("message", from_=juliet.jid, body="over there?")
        nurse.message(juliet.jid, "over here")
        juliet.expect("message", from_=nurse.jid, body="over here")
    log = verona.servers[VERONA].log.read_text()
    assert re.search(r"s2sin\w+ +debug\tReceived\[s2sin_unauthed\]: <auth .*mechanism='EXTERNAL'", log)
    assert "dialback" not in log


def test_prosody_refuses_another_whose_certificate_it_does_not_trust(verona: Verona) -> None:
    with verona.user(f"juliet@{PADUA}").log_in() as juliet:
        juliet.message(f"nurse@{CAPULET}", "over there?", id="m1")
        error = juliet.expect("message", type="error", id="m1").find("{*}error/{urn:ietf:params:xml:ns:xmpp-stanzas}*")
        assert error is not None and "remote-server-" in error.tag
    assert "certificate chain validation result: invalid" in verona.servers[CAPULET].log.read_text()


def test_prosody_lets_a_component_in_that_knows_the_secret(verona: Verona) -> None:
    server = verona.servers[CAPULET]
    with socket.create_connection((server.address, server.component), timeout=60) as component:

        def read_past(end: str) -> str:
            text = ""
            while end not in text:
                text += component.recv(4096).decode()
            return text

        component.sendall(
            b"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='%s'>"
            % MONTAGUE.encode()
        )
        (stream_id,) = re.findall(r" id='([^']+)'", read_past("jabber:component:accept"))
        component.sendall(f"<handshake>{hashlib.sha1((stream_id + SECRET).encode()).hexdigest()}</handshake>".encode())
        read_past("<handshake/>")
        with verona.user(f"juliet@{CAPULET}").log_in() as juliet:
            juliet.message(f"romeo@{MONTAGUE}", "wherefore?")
            assert "wherefore?" in read_past("</message>")
            answer = f"<message from='romeo@{MONTAGUE}/orchard' to='juliet@{CAPULET}'><body>ay me</body></message>"
            component.sendall(answer.encode())
            juliet.expect("message", from_=f"romeo@{MONTAGUE}/orchard", body="ay me")


# ejabberd


def test_ejabberd_keeps_accounts_and_contacts_when_it_is_started_again(
    tmp_path: Path, authority: Authority, addresses: Addresses
) -> None:
    peer = Ejabberd(tmp_path, addresses, CAPULET, authority.issue("", dns=[CAPULET]), authority.pem)

    def user(name: str) -> XmppUser:
        return XmppUser(f"{name}@{CAPULET}", "pencil", peer.address, peer.c2s)

    accounts = {"juliet": "pencil", "nurse": "pencil"}
    with peer.start(accounts=accounts), user("juliet").log_in() as juliet, user("nurse").log_in() as nurse:
        juliet.presence(nurse.jid, type="subscribe")
        nurse.expect("presence", type="subscribe", from_=f"juliet@{CAPULET}")
        nurse.presence(f"juliet@{CAPULET}", type="subscribed")
        juliet.expect("presence", from_=nurse.jid, type="")
    with peer.start(accounts=accounts), user("juliet").log_in() as juliet, user("nurse").log_in() as nurse:
        juliet.expect("presence", from_=nurse.jid, type="")


def test_ejabberd_leaves_nothing_behind_when_it_is_killed(
    tmp_path: Path, authority: Authority, addresses: Addresses
) -> None:
    def running() -> list[Path]:
        return [link for link in Path("/proc").glob("[0-9]*/cwd") if os.path.realpath(link) == str(tmp_path)]

    peer = Ejabberd(tmp_path, addresses, CAPULET, authority.issue("", dns=[CAPULET]), authority.pem)
    with peer.start(accounts={}):
        assert len(running()) > 1  # Erlang has helpers, each in a session of its own
        peer.signal(signal.SIGKILL)
        wait_until(lambda: not running(), "all of ejabberd has ended", 60)


# Kamailio


def test_kamailio_notifies_watchers_of_what_is_published(kamailio: Kamailio, addresses: Addresses) -> None:
    with user("romeo", kamailio, addresses) as romeo, user("benvolio", kamailio, addresses) as benvolio:
        assert romeo.publish(pidf(romeo.address_of_record, "open", "In the orchard")).status == 200
        answer, dialog = benvolio.subscribe(romeo.address_of_record)
        assert answer.status in (200, 202)
        notify = benvolio.expect("NOTIFY", body="In the orchard", subscription_state="active")
        assert notify.get("Content-Type") == "application/pidf+xml" and "<basic>open</basic>" in notify.body
        romeo.publish(pidf(romeo.address_of_record, "closed"))
        benvolio.expect("NOTIFY", body="<basic>closed</basic>")
        assert benvolio.resubscribe(dialog, expires=0).status in (200, 202)
        benvolio.expect("NOTIFY", subscription_state="terminated")


def test_kamailio_leaves_a_watcher_pending_until_it_is_told(
    tmp_path: Path, authority: Authority, addresses: Addresses
) -> None:
    domain = "mantua.example"
    peer = Kamailio(tmp_path, addresses, domain, authority.issue("", dns=[domain]), authority.pem)
    with peer.start(everybody_may_watch=False), user("romeo", peer, addresses) as romeo:
        romeo.publish(pidf(romeo.address_of_record))
        with user("benvolio", peer, addresses) as benvolio, user("tybalt", peer, addresses) as tybalt:
            decided = ((benvolio, "allow", "active"), (tybalt, "block", "terminated;reason=rejected"))
            for watcher, handling, state in decided:
                watcher.subscribe(romeo.address_of_record)
                watcher.expect("NOTIFY", subscription_state="pending")
                peer.authorize(romeo.address_of_record, watcher.address_of_record, handling)
                watcher.expect("NOTIFY", subscription_state=state)


def test_kamailio_delivers_messages_to_its_registered_users(kamailio: Kamailio, addresses: Addresses) -> None:
    with user("romeo", kamailio, addresses) as romeo, user("benvolio", kamailio, addresses) as benvolio:
        assert benvolio.message(romeo.address_of_record, "Good morrow, cousin").status == 480
        assert romeo.register().status == 200
        assert benvolio.message(romeo.address_of_record, "Good morrow, cousin").status == 200
        romeo.expect("MESSAGE", body="Good morrow, cousin", content_type="text/plain")
        romeo.answers["MESSAGE"] = 486
        assert benvolio.message(romeo.address_of_record, "Is the day so young?").status == 486
        romeo.register(expires=0)


def test_kamailio_sends_what_is_for_others_to_the_gateway_with_its_certificate(
    kamailio: Kamailio, authority: Authority, addresses: Addresses, tmp_path: Path
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority.issue("", dns=["edge.example"]).write(tmp_path, "edge"))
    context.load_verify_locations(cadata=authority.pem.decode())
    context.verify_mode = ssl.CERT_REQUIRED
    host, _, port = kamailio.gateway.partition(":")
    with (
        socket.create_server((host, int(port))) as listener,
        user("romeo", kamailio, addresses) as romeo,
        ExitStack() as stack,
    ):
        listener.settimeout(60)
        seen: list[tuple[object, str]] = []

        def answer() -> None:
            link = stack.enter_context(context.wrap_socket(listener.accept()[0], server_side=True))
            data = b""
            while not data.endswith(b"Art thou not Juliet?"):
                data += link.recv(65536)
            seen.append((link.getpeercert(), data.decode()))
            head = data.decode().partition("\r\n\r\n")[0].split("\r\n")
            kept = [row for row in head if row.startswith(("Via", "From", "To", "Call-ID", "CSeq"))]
            link.sendall("\r\n".join(["SIP/2.0 202 Accepted", *kept, "Content-Length: 0", "", ""]).encode())

        background = threading.Thread(target=answer, daemon=True)
        background.start()
        assert romeo.message(f"sip:juliet@{CAPULET}", "Art thou not Juliet?").status == 202
        background.join(60)
        ((certificate, request),) = seen
        assert isinstance(certificate, dict) and certificate["subjectAltName"] == (("DNS", MONTAGUE),)
        assert request.startswith(f"MESSAGE sip:juliet@{CAPULET} SIP/2.0\r\n") and "Via: SIP/2.0/TLS" in request


@pytest.mark.parametrize("issuer", ["nobody", "a stranger"])
def test_kamailio_refuses_a_partner_without_a_good_certificate(
    issuer: str, kamailio: Kamailio, authority: Authority, tmp_path: Path
) -> None:
    context = ssl.create_default_context(cadata=authority.pem.decode())
    if issuer == "a stranger":
        context.load_cert_chain(*Authority(issuer).issue("", dns=["edge.example"]).write(tmp_path, "edge"))
    with (
        socket.create_connection((kamailio.address, kamailio.tls), timeout=60) as plain,
        pytest.raises((ssl.SSLError, ConnectionError)),
        context.wrap_socket(plain, server_hostname=MONTAGUE) as link,
    ):
        link.sendall(b"OPTIONS sip:montague.example SIP/2.0\r\n\r\n")
        assert link.recv(1) != b"", "closed without an alert"


# SIPp and stunnel


def test_sipp_reaches_kamailio_through_stunnel(
    kamailio: Kamailio, authority: Authority, addresses: Addresses, tmp_path: Path
) -> None:
    certificate = authority.issue("", dns=["edge.example"])
    with Stunnel(tmp_path / "stunnel", addresses, certificate, authority.pem) as tunnel:
        tunnel.start(to=f"{kamailio.address}:{kamailio.tls}", name=MONTAGUE)
        counts = load(
            tmp_path / "sipp",
            to=(tunnel.address, tunnel.port),
            source=(addresses.of("sipp"), addresses.port("sipp")),
            method="OPTIONS",
            uri=f"sip:{MONTAGUE}",
            sender="sip:edge.example",
            count=200,
            rate=400,
        )
    assert counts == Counts(successful=200, failed=0)
