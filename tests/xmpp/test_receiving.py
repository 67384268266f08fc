"""Conversations of the receiving entity, step by step and wrong at each step."""

from base64 import b64encode
from itertools import count

import pytest

from edge.codes import Code
from edge.domains import Domain, domain
from edge.identifiers import Identifiers
from edge.xmpp.dialback import Keys
from edge.xmpp.element import Element
from edge.xmpp.management import SM
from edge.xmpp.negotiation import (
    CLOSE,
    SASL,
    SERVER,
    STREAMS,
    TLS,
    Asked,
    Counted,
    End,
    Managed,
    Output,
    Proved,
    Ready,
    Restart,
    StartTLS,
    Verify,
    Write,
)
from edge.xmpp.receiving import (
    EXTERNAL,
    FEATURES_LAST,
    FEATURES_TLS,
    PROCEED,
    REFUSALS,
    SUCCESS,
    Receiving,
)
from edge.xmpp.stream import StreamClosed, StreamOpened, StreamParser

NAME, US, THEM = Domain("edge.example.net"), Domain("sip.example"), Domain("xmpp.example")
SERVED = frozenset({US, Domain("other.example"), domain("münchen.example")})


def header(from_: str = THEM, to: str = US, version: str = "1.0", namespace: str = SERVER) -> StreamOpened:
    return StreamOpened(from_, to, "", version, "", namespace, False)


def auth(text: str = "=", mechanism: str = "EXTERNAL") -> Element:
    return Element("auth", SASL, {"mechanism": mechanism}, [text] if text else [])


STEPS: list[object] = [header(), Element("starttls", TLS), "secured", header(), "verified", auth(), header()]
MESSAGE = Element("message", SERVER, {"from": "a@xmpp.example", "to": "b@sip.example"})


def receiving() -> Receiving:
    tokens = count(1)
    return Receiving(NAME, SERVED, Identifiers(lambda: f"id{next(tokens)}", "node"), Keys(b"ours"))


def give(negotiation: Receiving, step: object) -> list[Output]:
    if step == "secured":
        return negotiation.secured()
    if step == "verified":
        return negotiation.verified(None)
    assert isinstance(step, StreamOpened | Element | StreamClosed)
    return negotiation.receive(step)


def after(steps: int) -> Receiving:
    """The receiving entity after that many good steps."""
    negotiation = receiving()
    for step in STEPS[:steps]:
        give(negotiation, step)
    return negotiation


def written(outputs: list[Output]) -> bytes:
    return b"".join(output.data for output in outputs if isinstance(output, Write))


def code_of(outputs: list[Output]) -> Code | None:
    end = outputs[-1]
    assert isinstance(end, End)
    return end.code


def opened(data: bytes) -> StreamOpened:
    event = next(iter(StreamParser().feed(data)))
    assert isinstance(event, StreamOpened)
    return event


def test_receiving_reaches_ready_by_tls_and_external() -> None:
    negotiation = receiving()
    ids = set()
    for steps, features in ((1, FEATURES_TLS), (5, EXTERNAL + b"</stream:features>"), (7, FEATURES_LAST)):
        negotiation = after(steps - 1)
        assert not negotiation.ready
        outputs = give(negotiation, STEPS[steps - 1])
        answer = opened(written(outputs))
        assert (answer.from_, answer.to, answer.version) == (US, THEM, "1.0")
        assert written(outputs).endswith(features)
        ids.add(answer.id)
    assert len(ids) == 3, "each document has an id of its own"
    assert outputs[1:] == [Proved(THEM, US, "external"), Ready()] and negotiation.ready
    assert (negotiation.local, negotiation.remote) == (US, THEM)


def test_receiving_asks_who_it_is_only_behind_tls() -> None:
    assert give(after(1), STEPS[1]) == [Write(PROCEED), Restart(), StartTLS()]
    assert give(after(2), STEPS[2]) == []
    assert give(after(3), STEPS[3]) == [Verify(THEM, US)]


def test_receiving_requires_tls_and_offers_nothing_else_in_clear() -> None:
    data = written(give(receiving(), header()))
    assert data.count(b"<starttls") == 1 and b"<required/>" in data and b"mechanism" not in data


@pytest.mark.parametrize(
    ("offence", "code", "condition"),
    [
        (header(namespace="jabber:client"), Code.X05, b"<invalid-namespace"),
        (header(namespace=""), Code.X05, b"<invalid-namespace"),
        (header(version=""), Code.T01, b"<unsupported-version"),
        (header(to="unknown.example"), Code.A06, b"<host-unknown"),
        (header(to=""), Code.A06, b"<host-unknown"),
        (header(to="user@sip.example"), Code.A06, b"<host-unknown"),
        (header(to="Sub.sip.example"), Code.A06, b"<host-unknown"),
    ],
)
@pytest.mark.parametrize("steps", [0, 3, 6])
def test_receiving_refuses_a_header_that_cannot_become_a_stream(
    steps: int, offence: StreamOpened, code: Code, condition: bytes
) -> None:
    outputs = give(after(steps), offence)
    assert code_of(outputs) is code
    answer = written(outputs)
    assert answer.startswith(b"<?xml") and condition in answer and f"EDGE-{code.name}".encode() in answer
    assert answer.endswith(CLOSE)


def test_receiving_answers_a_foreign_recipient_under_its_own_name() -> None:
    assert opened(written(give(receiving(), header(to="unknown.example")))).from_ == NAME


def test_receiving_lets_the_name_in_clear_be_missing_and_the_protected_one_not() -> None:
    assert code_of_or_none(give(receiving(), header(from_=""))) is None
    outputs = give(after(3), header(from_=""))
    assert code_of(outputs) is Code.X04 and b"<invalid-from" in written(outputs)


def code_of_or_none(outputs: list[Output]) -> Code | None:
    return next((output.code for output in outputs if isinstance(output, End)), None)


def test_receiving_goes_by_the_protected_name_not_by_the_one_in_clear() -> None:
    negotiation = receiving()
    for step in (header(from_="liar.example"), *STEPS[1:3]):
        give(negotiation, step)
    assert give(negotiation, header()) == [Verify(THEM, US)]


def test_receiving_takes_names_in_any_form_to_be_the_same() -> None:
    negotiation = receiving()
    for step in STEPS[:3]:
        give(negotiation, step)
    outputs = give(negotiation, header(from_="FASS.Example.", to="MÜNCHEN.example"))
    assert outputs == [Verify(domain("fass.example"), domain("münchen.example"))]


@pytest.mark.parametrize(
    ("code", "condition"),
    [(Code.A01, b"<policy-violation"), (Code.C03, b"<not-authorized"), (Code.T04, b"<not-authorized")],
)
def test_receiving_says_why_it_refuses_and_offers_nothing(code: Code, condition: bytes) -> None:
    outputs = after(4).verified(code)
    answer = written(outputs)
    assert condition in answer and f"EDGE-{code.name} {code.sentence}".encode() in answer
    assert b"mechanism" not in answer and code_of(outputs) is code


@pytest.mark.parametrize("text", ["", "=", " = ", "eG1wcC5leGFtcGxl", b64encode(b"XMPP.example").decode()])
def test_receiving_authenticates_whoever_claims_the_streams_name(text: str) -> None:
    assert after(5).receive(auth(text)) == [Write(SUCCESS), Restart()]


@pytest.mark.parametrize(
    ("offer", "condition"),
    [
        (auth(b64encode(b"other.example").decode()), b"<invalid-authzid/>"),
        (auth(b64encode(b"user@xmpp.example").decode()), b"<invalid-authzid/>"),
        (auth(b64encode(b"\xff\xfe").decode()), b"<incorrect-encoding/>"),
        (auth("not base64!"), b"<incorrect-encoding/>"),
        (auth(mechanism="PLAIN"), b"<invalid-mechanism/>"),
        (Element("auth", SASL), b"<invalid-mechanism/>"),
    ],
)
def test_receiving_fails_authentication_of_anything_else(offer: Element, condition: bytes) -> None:
    negotiation = after(5)
    outputs = negotiation.receive(offer)
    assert condition in written(outputs) and written(outputs).endswith(CLOSE)
    assert code_of(outputs) is Code.X04 and not negotiation.ready


@pytest.mark.parametrize(
    ("restart", "code", "condition"),
    [
        (header(from_="evil.example"), Code.X04, b"<not-authorized"),
        (header(to="other.example"), Code.A06, b"<host-unknown"),
    ],
)
def test_receiving_refuses_another_pair_of_names_after_authentication(
    restart: StreamOpened, code: Code, condition: bytes
) -> None:
    negotiation = after(6)
    outputs = give(negotiation, restart)
    assert code_of(outputs) is code and condition in written(outputs)
    assert not negotiation.ready and (negotiation.local, negotiation.remote) == (US, THEM)


def test_receiving_keeps_the_proved_name_when_the_last_header_has_none() -> None:
    negotiation = after(6)
    assert give(negotiation, header(from_=""))[-1] == Ready()
    assert negotiation.remote == THEM


@pytest.mark.parametrize("steps", range(len(STEPS)))
def test_receiving_takes_no_stanza_before_it_is_ready(steps: int) -> None:
    negotiation = after(steps)
    outputs = negotiation.receive(MESSAGE)
    assert code_of(outputs) in (Code.X04, Code.T01) and negotiation.ended
    assert negotiation.receive(MESSAGE) == []


@pytest.mark.parametrize("event", [Element("letter", SERVER), Element("bidi", "urn:xmpp:bidi"), header()])
def test_receiving_takes_nothing_but_stanzas_when_it_is_ready(event: Element | StreamOpened) -> None:
    outputs = after(len(STEPS)).receive(event)
    assert code_of(outputs) is Code.X01 and b"<unsupported-stanza-type" in written(outputs)


def test_receiving_refuses_authentication_in_clear() -> None:
    outputs = after(1).receive(auth())
    assert code_of(outputs) is Code.T01 and b"<policy-violation" in written(outputs)


@pytest.mark.parametrize("steps", range(1, len(STEPS) + 1))
def test_receiving_answers_a_closing_tag(steps: int) -> None:
    outputs = after(steps).receive(StreamClosed())
    assert code_of(outputs) is (None if steps == len(STEPS) else Code.N03)


def test_receiving_reports_a_stream_error() -> None:
    error = Element("error", STREAMS, children=[Element("reset", "x")])
    assert after(1).receive(error) == [Write(CLOSE), End(Code.A11, "the peer ended the stream: reset")]


# --- stream management (XEP-0198) -----------------------------------------------------------------------


def managed() -> Receiving:
    """A stream whose stanzas are counted."""
    negotiation = after(len(STEPS))
    assert negotiation.receive(Element("enable", SM)) == [Write(b"<enabled xmlns='urn:xmpp:sm:3'/>"), Managed()]
    return negotiation


def test_receiving_offers_management_only_behind_authentication() -> None:
    negotiation = receiving()
    offered = [SM.encode() in written(give(negotiation, step)) for step in STEPS]
    assert offered == [False] * (len(STEPS) - 1) + [True]


@pytest.mark.parametrize("name", ["enable", "resume", "r", "a"])
@pytest.mark.parametrize("steps", [step for step in range(len(STEPS)) if step != 3])
def test_receiving_refuses_management_before_authentication(steps: int, name: str) -> None:
    negotiation = after(steps)
    assert code_of(negotiation.receive(Element(name, SM))) in (Code.X04, Code.T01)
    assert negotiation.received is None


def test_receiving_promises_no_resumption() -> None:
    negotiation = after(len(STEPS))
    (enabled, _) = negotiation.receive(Element("enable", SM, {"resume": "true"}))
    assert enabled == Write(b"<enabled xmlns='urn:xmpp:sm:3'/>")


def test_receiving_fails_a_second_enable_and_goes_on_counting() -> None:
    negotiation = managed()
    received = negotiation.received
    outputs = negotiation.receive(Element("enable", SM))
    condition = "<unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
    assert outputs == [Write(f"<failed xmlns='urn:xmpp:sm:3'>{condition}</failed>".encode())]
    assert negotiation.received is received and not negotiation.ended


def test_receiving_knows_nothing_to_resume_and_may_be_asked_to_count_afterwards() -> None:
    negotiation = after(len(STEPS))
    assert b"<failed" in written(negotiation.receive(Element("resume", SM, {"previd": "x", "h": "0"})))
    assert Managed() in negotiation.receive(Element("enable", SM))


def test_receiving_ends_a_stream_that_does_nothing_but_ask_for_management() -> None:
    negotiation = managed()
    for _ in range(REFUSALS):
        assert not negotiation.ended
        negotiation.receive(Element("enable", SM))
    assert code_of(negotiation.receive(Element("resume", SM))) is Code.L01


def test_receiving_says_with_its_last_words_what_it_has() -> None:
    for end in ("closed", "finish"):
        negotiation = managed()
        assert negotiation.received is not None
        for _ in range(3):
            negotiation.received.arrived()
        negotiation.received.keep(3)
        outputs = negotiation.receive(StreamClosed()) if end == "closed" else negotiation.finish()
        assert written(outputs) == b"<a xmlns='urn:xmpp:sm:3' h='2'/></stream:stream>"


def test_receiving_takes_requests_and_acknowledgements() -> None:
    negotiation = managed()
    assert negotiation.receive(Element("r", SM)) == [Asked()]
    assert negotiation.receive(Element("a", SM, {"h": "0"})) == [Counted(0)]
    for name in ("r", "a"):
        assert code_of(after(len(STEPS)).receive(Element(name, SM, {"h": "0"}))) is Code.S01
