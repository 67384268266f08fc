"""What all probes have in common: stages that end in time, and one outcome."""

from OpenSSL import SSL
from twisted.internet.error import ConnectionRefusedError
from twisted.python.failure import Failure

from edge.admin.probes import CONNECT, SHAKE, Dialling, Probe, shown_by
from edge.certificates.handshake import Handshake
from edge.codes import Code
from edge.partners import System
from tests.admin.wire import THEM, TLS, Bench
from tests.certificates.made import authority, dns, make

SYSTEM = System("contoso", False, "sip", (THEM,))


def test_address_nobody_listens_at() -> None:
    bench = Bench(Probe, SYSTEM)
    Dialling(bench.probe).clientConnectionFailed(None, Failure(ConnectionRefusedError()))  # type: ignore[arg-type]
    assert bench.ended == ("tcp", Code.N01) and bench.probe.settled


def test_connection_is_timed() -> None:
    bench = Bench(Probe, SYSTEM)
    bench.clock.advance(0.018)
    bench.connect()
    assert bench.reach.milliseconds == {"tcp": 18} and bench.reach.stage == "tls"


def test_server_that_is_silent_is_given_up_and_cut() -> None:
    bench = Bench(Probe, SYSTEM).connect()
    bench.clock.advance(SHAKE)
    assert bench.ended == ("tls", Code.N02)
    assert bench.reach.fault is not None and str(bench.reach.fault) == "the TLS handshake took too long"
    assert bench.wire.disconnecting and not bench.wire.aborted
    bench.clock.advance(CONNECT)
    assert bench.wire.aborted


def test_server_that_closes_early() -> None:
    assert Bench(Probe, SYSTEM).connect().lose().ended == ("tls", Code.N03)


def test_alert_is_told_where_tls_is_told_of() -> None:
    bench = Bench(Probe, SYSTEM).connect()
    bench.probe.enter("options")
    bench.lose(SSL.Error([("SSL routines", "", "tlsv1 alert unknown ca")]))
    assert bench.ended == ("tls", Code.T05)


def test_outcome_is_one() -> None:
    bench = Bench(Probe, SYSTEM).connect()
    bench.probe.end()
    bench.probe.end(Code.N03)
    bench.lose()
    assert bench.ended == ("done", None)
    assert bench.clock.getDelayedCalls() == []


def test_probe_can_be_given_up() -> None:
    bench = Bench(Probe, SYSTEM)
    bench.probe.done.cancel()
    assert bench.ended == ("tcp", Code.N02)


def test_certificate_is_told_with_its_chain() -> None:
    root = authority("Root", number=1)
    leaf = make(dns("b.example"), issuer=root, says_issuer=True)
    handshake = Handshake(leaf.certificate, (leaf.certificate, root.certificate), (), (), True)
    shown = shown_by(handshake)
    assert shown is not None
    assert (shown.subject, shown.issuer, shown.names) == ("CN=leaf", "CN=Root", ("b.example",))
    assert (shown.purposes, shown.issuer_at, shown.weak) == (("server",), "http://ca.example/i.cer", "")
    assert shown.chain[1].startswith("CN=Root, issued by CN=Root, ends ")
    assert shown_by(TLS) is None
