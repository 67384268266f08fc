"""OPTIONS, and what comes back."""

import pytest

from edge.admin.probe_sip import SipProbe
from edge.admin.probes import ANSWER
from edge.codes import Code
from edge.domains import Domain
from edge.partners import System
from tests.admin.wire import THEM, Bench

SYSTEM = System("contoso", False, "sip", (THEM,))


@pytest.fixture
def bench() -> Bench:
    return Bench(SipProbe, SYSTEM, frozenset((Domain("contoso.com"),))).connect()


def answer(request: str, status: str, *more: str) -> str:
    rows = [row for row in request.split("\r\n") if row.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq")]
    rows = [f"{row};tag=1" if row.startswith("To:") else row for row in rows]
    return "\r\n".join([f"SIP/2.0 {status}", *rows, *more, "Content-Length: 0", "", ""])


def test_server_is_asked_in_a_way_that_goes_no_farther(bench: Bench) -> None:
    request = bench.secure().wire.taken()
    assert request.startswith("OPTIONS sip:contoso.com SIP/2.0\r\n")
    for row in (
        "Via: SIP/2.0/TLS edge.example:5061;branch=z9hG4bK", "Max-Forwards: 0\r\n", "From: <sip:inside.example>;tag=",
        "To: <sip:contoso.com>\r\n", "CSeq: 1 OPTIONS\r\n", "Accept: application/sdp\r\n", "Content-Length: 0\r\n",
    ):
        assert row in request
    assert "Contact" not in request and "alias" not in request  # so that nobody uses this connection for requests


def test_answer_ends_the_test(bench: Bench) -> None:
    request = bench.secure().wire.taken()
    bench.clock.advance(0.02)
    bench.hear(answer(request, "200 OK", "Server: RTC/6.0"))
    assert bench.ended == ("done", None)
    assert (bench.reach.status, bench.reach.answer) == (200, "200 OK; server: RTC/6.0")
    assert bench.reach.milliseconds["options"] == 20 and bench.wire.disconnecting


def test_reason_of_a_refusal_is_kept(bench: Bench) -> None:
    request = bench.secure().wire.taken()
    bench.hear(answer(request, "403 Forbidden", 'ms-diagnostics-public: 1027;reason="Cannot route"'))
    assert bench.reach.answer == '403 Forbidden; ms-diagnostics-public: 1027;reason="Cannot route"'


def test_answer_to_somebody_else_is_none(bench: Bench) -> None:
    request = bench.secure().wire.taken()
    bench.hear(answer(request.replace("Call-ID: ", "Call-ID: x"), "200 OK"))
    bench.hear(answer(request, "100 Trying"))
    assert bench.outcome == []


def test_certificate_that_does_not_do_is_the_end(bench: Bench) -> None:
    bench.secure(Code.C03)
    assert bench.ended == ("cert", Code.C03) and bench.wire.taken() == ""


def test_server_that_does_not_answer_has_come_that_far(bench: Bench) -> None:
    bench.secure()
    bench.clock.advance(ANSWER)
    assert bench.ended == ("done", None) and bench.reach.status == 0


def test_request_of_theirs_is_sent_elsewhere(bench: Bench) -> None:
    bench.secure().wire.taken()
    rows = [
        "MESSAGE sip:a@inside.example SIP/2.0", "Via: SIP/2.0/TLS c.example;branch=z9hG4bK1", "From: <sip:b@c>;tag=1",
        "To: <sip:a@i>", "Call-ID: 1", "CSeq: 1 MESSAGE", "Max-Forwards: 70", "Content-Length: 0", "", "",
    ]
    bench.hear("\r\n".join(rows))
    assert bench.wire.taken().startswith("SIP/2.0 503 ")


def test_what_is_no_sip_is_a_fault(bench: Bench) -> None:
    bench.secure().hear("HTTP/1.1 400 Bad Request\r\n\r\n")
    assert bench.ended[1] is Code.S01
