"""What the administrator gets to read where there is no link: TLS, DNS, and proofs that are not taken."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from OpenSSL import SSL
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from edge.admin.dns_commands import report as report_of_dns
from edge.admin.dns_commands import told
from edge.admin.evidence import Fault, Looked, Reach
from edge.admin.examining import examine
from edge.admin.probe_commands import report
from edge.certificates.contexts import Contexts
from edge.codes import Code
from edge.config import load
from edge.domains import Domain
from edge.net.links import Cause, cause_of
from edge.net.locate import FEDERATION
from edge.net.published import Published
from edge.net.tls import ChunkwiseTLS, ChunkwiseTLSFactory
from edge.partners import HostPort
from tests.admin.findings import facts, reach, system
from tests.config.written import Written
from tests.net.loopback import EDGE, LYNC, identity, partner
from tests.net.test_tls import Link, Links
from tests.symptoms.page import shows

WIRE = 1 << 16
OLD = SSL.TLS1_1_VERSION
SERVER = HostPort("edge.contoso.com", 5061)


class Lost(Link):
    """Remembers why it was lost."""

    cause: Cause | None = None

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.cause = cause_of(reason, self.transport)


def far(ciphers: bytes = b"ALL", highest: int = SSL.TLS1_2_VERSION, strict: bool = False) -> SSL.Connection:
    """A partner's server. ``strict``: it takes nobody's certificate."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_cipher_list(ciphers + b":@SECLEVEL=0")
    context.set_min_proto_version(SSL.TLS1_VERSION)
    context.set_max_proto_version(highest)
    theirs = identity(LYNC)
    context.use_certificate(theirs.leaf)
    context.use_privatekey(theirs.key)
    if strict:
        context.set_verify(SSL.VERIFY_PEER, lambda *_: False)
    else:
        context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    return SSL.Connection(context, None)


def cause(other: SSL.Connection, *, dialled: bool, silent: bool = False) -> Cause:
    """Shake hands in vain. ``silent``: the partner goes without a word when it has seen what we showed."""
    contexts, link, transport = Contexts(identity(EDGE), None, [partner()]), Lost(), StringTransport()
    creator = contexts.dialling("lync.example", partner()) if dialled else contexts.accepting()
    near = ChunkwiseTLSFactory(creator, dialled, Links(lambda: link), Clock()).buildProtocol(None)
    assert isinstance(near, ChunkwiseTLS)
    near.makeConnection(transport)
    (other.set_accept_state if dialled else other.set_connect_state)()
    for turn in range(4):
        with suppress(SSL.Error):
            other.do_handshake()
        with suppress(SSL.WantReadError):
            near.dataReceived(other.bio_read(WIRE))
        if transport.value() and not (silent and turn):
            other.bio_write(transport.value())
            transport.clear()
    near.connectionLost(Failure(ConnectionDone()))
    assert link.cause is not None
    return link.cause


def lines(*reaches: Reach, **said: object) -> list[str]:
    """`edge test contoso`."""
    steps = examine(facts(*reaches, of=system(hosts=None), **said))
    return report([{
        "partner": "contoso", "domain": "contoso.com", "how": "sip, DNS SRV, mutual TLS", "when": "", "late": False,
        "outcome": "FAIL", "steps": [step.as_json() for step in steps],
    }])


def failed(found: Cause) -> list[str]:
    """`edge test contoso`, where TLS has failed for this."""
    attempt = reach("tls", asked=found.code in (Code.T05, Code.T06))
    attempt.fault = Fault(found.code, found.text)
    return lines(attempt)


def logged(event: str, found: Cause) -> str:
    return f"{event} {found.code} ({found.code.sentence}) text={found.text}"


def test_alert_about_our_certificate_says_what_to_send_them() -> None:
    alert, silence = cause(far(strict=True), dialled=True), cause(far(), dialled=True, silent=True)
    shows("They do not take our certificate", [*failed(alert), *failed(silence)])


def test_what_both_offer_is_told_where_nothing_fits() -> None:
    old = cause(far(highest=OLD), dialled=False)
    odd = cause(far(b"AES128-SHA:ECDHE-ECDSA-AES128-SHA"), dialled=False)
    server = cause(far(highest=OLD), dialled=True)
    said = [logged("link.refused", old), logged("link.refused", odd), *failed(server)]
    shows("TLS finds no common version or cipher suite", said)


@pytest.fixture
def ours(tmp_path: Path) -> Callable[[Published], list[str]]:
    """`edge dns`, where this is published."""
    config = load(Written(tmp_path).edge)
    return lambda published: report_of_dns([told(config, published, published.domain, "sip")])


def test_record_that_is_missing_is_told_with_the_line_to_publish(ours: Callable[[Published], list[str]]) -> None:
    fault = Fault(Code.D01, Code.D01.sentence)
    theirs = lines(looked=Looked(fault, {FEDERATION: None, "_sips._tcp.": None}), reaches=[])
    shows("The SRV record is missing", [*theirs, *ours(Published(Domain("xmpp.example"), {}, {}))])


def test_server_in_another_domain_is_named_beside_the_domain(ours: Callable[[Published], list[str]]) -> None:
    other = HostPort("sip.hoster.example", 5061)
    theirs = lines(looked=Looked(Fault(Code.D04), {FEDERATION: (other,)}, {}), reaches=[])
    strange = Published(Domain("xmpp.example"), {FEDERATION: (other,)}, {other.host: ("8.8.8.8",)})
    shows("The SRV record leads into another domain", [*theirs, *ours(strange)])


def test_addresses_of_inside_and_outside_under_one_name_are_told() -> None:
    looked = Looked(None, {FEDERATION: (SERVER,)}, {SERVER.host: ("8.8.8.8", "10.0.0.8")})
    inside = Looked(None, {FEDERATION: (SERVER,)}, {SERVER.host: ("203.0.113.17",)}, "9.9.9.9")
    inside.otherwise = ("edge.contoso.com -> 10.0.0.8",)
    shows("One name has public and private addresses", [*lines(looked=looked), *lines(looked=inside)])


def test_refusal_of_options_says_that_they_must_let_us_in() -> None:
    attempt = reach("done", status=403, answer="403 Forbidden; ms-diagnostics: 1027;reason=\"Cannot route\"")
    shows("They refuse us", lines(attempt))
