"""Streams that are opened for a test, as they go on behind TLS; and the handshake of a component."""

import pytest

from edge.admin.probe_xmpp import ComponentProbe, StreamProbe
from edge.admin.probes import ANSWER
from edge.codes import Code
from edge.partners import HostPort, Streams, System
from edge.xmpp.component import handshake
from tests.admin.wire import THEM, US, Bench

SERVER = System("contoso", False, "xmpp", (THEM,), link="s2s", streams=Streams(dialback=True))
STRICT = System("contoso", False, "xmpp", (THEM,), link="s2s")
OURS = System("contoso", False, "xmpp", (THEM,), link="component", hosts=(HostPort("203.0.113.17", 5347),), secret="s")
HEADER = (
    "<stream:stream xmlns='{}' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback'"
    " id='i1' from='contoso.com' version='1.0'>"
)
OPEN = HEADER.format("jabber:server")
MECHANISMS = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>"
BIDI = "<bidi xmlns='urn:xmpp:features:bidi'/>"
SM = "<sm xmlns='urn:xmpp:sm:3'/>"
FEATURES = f"<stream:features>{MECHANISMS}{BIDI}</stream:features>"
SUCCESS = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
FAILURE = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>"


def stream(system: System = STRICT, fault: Code | None = None) -> Bench:
    """A probe whose TLS is done."""
    bench = Bench(StreamProbe, system).connect()
    bench.hear(OPEN + "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>")
    assert "<starttls" in bench.wire.taken()
    bench.probe._begin_tls = lambda: None
    bench.hear("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    return bench.secure(fault)


def test_stream_goes_through_tls_and_external_to_a_ping() -> None:
    bench = stream()
    bench.hear(OPEN + FEATURES)
    assert "mechanism='EXTERNAL'" in bench.wire.taken()
    bench.hear(SUCCESS)
    bench.hear(OPEN + f"<stream:features>{SM}</stream:features>")
    sent = bench.wire.taken()
    assert "<ping xmlns='urn:xmpp:ping'/>" in sent and "from='inside.example' to='contoso.com'" in sent
    assert bench.reach.stage == "ping" and bench.reach.proved == "external"
    assert (bench.reach.mechanisms, bench.reach.features) == (("EXTERNAL",), ("mechanisms", "bidi"))


def test_nothing_is_asked_for_by_which_others_would_send_here() -> None:
    bench = stream()
    sent = bench.hear(OPEN + FEATURES).wire.taken()
    sent += bench.hear(SUCCESS).hear(OPEN + f"<stream:features>{SM}</stream:features>").wire.taken()
    assert "bidi" not in sent and "urn:xmpp:sm" not in sent


def test_answer_comes_on_a_stream_of_theirs() -> None:
    bench = stream().hear(OPEN + FEATURES).hear(SUCCESS).hear(OPEN + "<stream:features/>")
    bench.clock.advance(0.012)
    (ping,) = bench.kit.pings._out
    bench.probe.answered(ping)
    assert bench.ended == ("done", None) and bench.reach.milliseconds["ping"] == 12
    assert bench.wire.taken().endswith("</stream:stream>") and not bench.kit.pings._out


def test_ping_without_an_answer_is_no_fault_of_the_stream() -> None:
    bench = stream().hear(OPEN + FEATURES).hear(SUCCESS).hear(OPEN + "<stream:features/>")
    bench.clock.advance(ANSWER)
    assert bench.ended == ("done", None) and "ping" not in bench.reach.milliseconds


def test_certificate_that_does_not_do_is_the_end_without_dialback() -> None:
    assert stream(fault=Code.C02).ended == ("cert", Code.C02)


def test_certificate_that_does_not_do_is_told_of_with_dialback() -> None:
    bench = stream(SERVER, Code.C02)
    bench.hear(OPEN + "<stream:features><dialback xmlns='urn:xmpp:features:dialback'/></stream:features>")
    assert "<db:result" in bench.wire.taken()
    bench.hear("<db:result from='contoso.com' to='inside.example' type='valid'/>")
    assert (bench.reach.proved, bench.reach.stage) == ("dialback", "ping")
    assert bench.reach.minded is not None and bench.reach.minded.code is Code.C02


def test_external_that_fails_is_remembered() -> None:
    offer = f"<stream:features>{MECHANISMS}<dialback xmlns='urn:xmpp:features:dialback'/></stream:features>"
    bench = stream(SERVER).hear(OPEN + offer).hear(FAILURE)
    assert "not-authorized" in bench.reach.fell_back and bench.probe.fell_back


@pytest.mark.parametrize(
    ("words", "stage", "code"),
    [
        (OPEN + "<stream:features/>", "auth", Code.A11),
        (OPEN + FEATURES + FAILURE, "auth", Code.A11),
        (OPEN + "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>", "stream",
         Code.A11),
        ("<not xml", "stream", None),
        (OPEN + "<!-- -->", "stream", Code.X02),
    ],
)
def test_stream_that_ends_says_where(words: str, stage: str, code: Code | None) -> None:
    bench = stream().hear(words)
    if code is None:
        bench.clock.advance(ANSWER)
        code = Code.X06
    assert bench.ended == (stage, code)


def test_server_without_tls_is_left_at_once() -> None:
    bench = Bench(StreamProbe, STRICT).connect().hear(OPEN + "<stream:features/>")
    assert bench.ended == ("tls", Code.T01)


# components


def test_component_shows_that_it_knows_the_secret() -> None:
    bench = Bench(ComponentProbe, OURS, in_use=False).connect()
    assert f"to='{US}'" in bench.wire.taken()
    bench.hear(HEADER.format("jabber:component:accept"))
    assert bench.wire.taken() == f"<handshake>{handshake('i1', 's')}</handshake>"
    bench.hear("<handshake/>")
    assert bench.ended == ("done", None)


def test_component_with_the_wrong_secret_is_refused() -> None:
    bench = Bench(ComponentProbe, OURS, in_use=False).connect().hear(HEADER.format("jabber:component:accept"))
    bench.hear("<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>")
    assert bench.ended == ("stream", Code.A11)


def test_component_that_is_up_is_left_alone() -> None:
    bench = Bench(ComponentProbe, OURS, in_use=True).connect()
    assert bench.ended == ("done", None) and bench.wire.taken() == ""
