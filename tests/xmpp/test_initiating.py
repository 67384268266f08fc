"""Conversations of the initiating entity, step by step and wrong at each step."""

import pytest

from edge.codes import Code
from edge.domains import Domain, domain
from edge.xmpp.element import Element
from edge.xmpp.initiating import STARTTLS, Initiating
from edge.xmpp.initiating_tables import State
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
    header_bytes,
)
from edge.xmpp.stream import StreamClosed, StreamOpened

US, THEM = Domain("sip.example"), Domain("xmpp.example")


def header(from_: str = THEM, version: str = "1.0") -> StreamOpened:
    return StreamOpened(from_, US, "id1", version, "", SERVER, False)


def features(*children: Element) -> Element:
    return Element("features", STREAMS, children=list(children))


def mechanisms(*names: str) -> Element:
    return Element("mechanisms", SASL, children=[Element("mechanism", SASL, children=[name]) for name in names])


OFFER_TLS = features(Element("starttls", TLS, children=[Element("required", TLS)]))
OFFER_EXTERNAL = features(mechanisms("EXTERNAL", "PLAIN"))
PROCEED = Element("proceed", TLS)
SUCCESS = Element("success", SASL)
MESSAGE = Element("message", SERVER, {"from": "a@xmpp.example", "to": "b@sip.example"})

# Every step of a good conversation: what comes in, what goes out.
HEADER = Write(header_bytes(SERVER, US, THEM))
PROVED = Proved(THEM, US, "external")
AUTH = Write(b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>c2lwLmV4YW1wbGU=</auth>")
STEPS: list[tuple[object, list[Output]]] = [
    ("start", [HEADER]),
    (header(), []),
    (OFFER_TLS, [Write(STARTTLS)]),
    (PROCEED, [Restart(), StartTLS()]),
    ("secured", [Verify(THEM, US)]),
    ("verified", [Restart(), HEADER]),
    (header(), []),
    (OFFER_EXTERNAL, [AUTH]),
    (SUCCESS, [Restart(), HEADER]),
    (header(), []),
    (features(), [PROVED, Ready()]),
]


def give(negotiation: Initiating, step: object) -> list[Output]:
    if step == "start":
        return negotiation.start()
    if step == "secured":
        return negotiation.secured()
    if step == "verified":
        return negotiation.verified(None)
    assert isinstance(step, StreamOpened | Element | StreamClosed)
    return negotiation.receive(step)


def after(steps: int) -> Initiating:
    """The initiating entity after that many good steps."""
    negotiation = Initiating(US, THEM)
    for step, _ in STEPS[:steps]:
        give(negotiation, step)
    return negotiation


def written(outputs: list[Output]) -> bytes:
    return b"".join(output.data for output in outputs if isinstance(output, Write))


def code_of(outputs: list[Output]) -> Code | None:
    end = outputs[-1]
    assert isinstance(end, End)
    return end.code


def test_initiating_reaches_ready_by_tls_and_external() -> None:
    negotiation = Initiating(US, THEM)
    for step, expected in STEPS:
        assert not negotiation.ready
        assert give(negotiation, step) == expected
    assert negotiation.ready and negotiation.state is State.READY


def test_initiating_writes_only_header_and_starttls_in_clear() -> None:
    negotiation = Initiating(US, THEM)
    clear = b"".join(written(give(negotiation, step)) for step, _ in STEPS[:4])
    assert clear == header_bytes(SERVER, US, THEM) + STARTTLS


def test_initiating_says_its_name_in_unicode_when_it_authenticates() -> None:
    negotiation = Initiating(domain("münchen.example"), THEM)
    for step, _ in STEPS[:7]:
        give(negotiation, step)
    assert b">bcO8bmNoZW4uZXhhbXBsZQ==<" in written(negotiation.receive(OFFER_EXTERNAL))


@pytest.mark.parametrize(
    "offer",
    [features(), features(mechanisms("EXTERNAL")), features(Element("starttls", "urn:other"))],
    ids=["nothing", "sasl before tls", "other namespace"],
)
def test_initiating_gives_up_when_tls_is_not_offered(offer: Element) -> None:
    outputs = after(2).receive(offer)
    assert code_of(outputs) is Code.T01
    assert b"auth" not in written(outputs).replace(b"xmpp.example", b"")
    assert written(outputs).endswith(CLOSE)


def test_initiating_gives_up_when_starttls_fails() -> None:
    negotiation = after(3)
    assert negotiation.receive(Element("failure", TLS)) == [
        Write(CLOSE),
        End(Code.T01, "the peer refused STARTTLS: without a reason"),
    ]


@pytest.mark.parametrize("version", ["", "0.9"])
def test_initiating_gives_up_when_the_header_has_no_version(version: str) -> None:
    outputs = after(1).receive(header(version=version))
    assert code_of(outputs) is Code.T01 and b"<unsupported-version" in written(outputs)


def test_initiating_says_why_when_the_certificate_is_refused() -> None:
    outputs = after(5).verified(Code.C03)
    assert code_of(outputs) is Code.C03
    assert b"EDGE-C03 the certificate does not carry the expected name" in written(outputs)
    assert b"<auth" not in written(outputs) and written(outputs).startswith(b"<?xml")


@pytest.mark.parametrize("offer", [features(), features(mechanisms("PLAIN")), features(mechanisms())])
def test_initiating_gives_up_when_external_is_not_offered(offer: Element) -> None:
    assert code_of(after(7).receive(offer)) is Code.A11


def test_initiating_reports_a_sasl_failure_in_the_peers_words() -> None:
    failure = Element("failure", SASL, children=[Element("not-authorized", SASL)])
    assert after(8).receive(failure) == [
        Write(CLOSE),
        End(Code.A11, "the peer refused SASL EXTERNAL: not-authorized"),
    ]


def test_initiating_keeps_whom_it_dialled_when_the_peer_says_another_name() -> None:
    negotiation = Initiating(US, THEM)
    for step, _ in STEPS[:4]:
        give(negotiation, header("evil.example") if isinstance(step, StreamOpened) else step)
    assert negotiation.secured() == [Verify(THEM, US)]
    assert negotiation.verified(None) == [Restart(), HEADER]
    assert negotiation.remote == THEM


@pytest.mark.parametrize("steps", range(1, len(STEPS) + 1))
def test_initiating_never_takes_a_stanza(steps: int) -> None:
    """Not before authentication, and not after it: the far end answers on a stream of its own."""
    negotiation = after(steps)
    outputs = negotiation.receive(MESSAGE)
    assert code_of(outputs) is Code.S01 and b"<not-authorized" in written(outputs)
    assert negotiation.ended and negotiation.receive(MESSAGE) == []


@pytest.mark.parametrize("steps", range(1, len(STEPS)))
def test_initiating_reports_a_stream_error_before_it_is_ready_as_a_refusal(steps: int) -> None:
    error = Element("error", STREAMS, children=[Element("policy-violation", "x")])
    outputs = after(steps).receive(error)
    assert outputs[-1] == End(Code.A11, "the peer ended the stream: policy-violation")
    assert b"<stream:error" not in written(outputs)


def test_initiating_reports_a_stream_error_after_it_was_ready_as_a_loss() -> None:
    error = Element("error", STREAMS, children=[Element("system-shutdown", "x")])
    assert after(len(STEPS)).receive(error) == [
        Write(CLOSE),
        End(Code.N03, "the peer ended the stream: system-shutdown"),
    ]


@pytest.mark.parametrize("steps", range(1, len(STEPS) + 1))
def test_initiating_answers_a_closing_tag(steps: int) -> None:
    outputs = after(steps).receive(StreamClosed())
    assert code_of(outputs) is (None if steps == len(STEPS) else Code.N03)


def test_initiating_takes_a_late_verdict_when_it_has_ended() -> None:
    negotiation = after(5)
    negotiation.fail(Code.X06)
    assert negotiation.verified(None) == [] and negotiation.verified(Code.C01) == []


# --- stream management (XEP-0198) -----------------------------------------------------------------------

OFFER = features(Element("sm", SM, children=[Element("optional", SM)]))


def managed() -> Initiating:
    """A stream on which the far end counts."""
    negotiation = after(len(STEPS) - 1)
    assert negotiation.receive(OFFER) == [Write(b"<enable xmlns='urn:xmpp:sm:3'/>")] and not negotiation.ready
    assert negotiation.receive(Element("enabled", SM)) == [Managed(), PROVED, Ready()] and negotiation.ready
    return negotiation


def test_initiating_is_managed_when_the_far_end_offers_it_and_says_so() -> None:
    assert managed().received is not None


def test_initiating_is_ready_all_the_same_when_management_fails() -> None:
    negotiation = after(len(STEPS) - 1)
    negotiation.receive(OFFER)
    assert negotiation.receive(Element("failed", SM)) == [PROVED, Ready()]
    assert negotiation.received is None


def test_initiating_asks_for_no_management_that_is_not_wanted_or_another() -> None:
    negotiation = Initiating(US, THEM, managed=False)
    for step, _ in STEPS[:-1]:
        give(negotiation, step)
    assert negotiation.receive(OFFER) == [PROVED, Ready()]
    assert after(len(STEPS) - 1).receive(features(Element("sm", "urn:xmpp:sm:2"))) == [PROVED, Ready()]


@pytest.mark.parametrize("steps", [2, 7])
def test_initiating_does_not_enable_management_before_it_is_authenticated(steps: int) -> None:
    good, expected = STEPS[steps]
    assert isinstance(good, Element)
    assert after(steps).receive(features(*good.elements(), *OFFER.elements())) == expected
    for element in ("enabled", "failed", "r", "a"):
        assert code_of(after(steps).receive(Element(element, SM))) is Code.S01


def test_initiating_takes_requests_and_acknowledgements() -> None:
    negotiation = managed()
    assert negotiation.receive(Element("r", SM)) == [Asked()]
    assert negotiation.receive(Element("a", SM, {"h": "4294967295"})) == [Counted(4294967295)]


@pytest.mark.parametrize("h", [None, "", "-1", "+1", "1.5", "4294967296", "99999999999", "٣", " 1"])
def test_initiating_ends_a_stream_with_an_acknowledgement_of_no_number(h: str | None) -> None:
    outputs = managed().receive(Element("a", SM, {} if h is None else {"h": h}))
    assert code_of(outputs) is Code.S01 and b"<bad-format" in written(outputs)


@pytest.mark.parametrize("name", ["r", "a"])
def test_initiating_knows_no_acknowledgement_without_management(name: str) -> None:
    outputs = after(len(STEPS)).receive(Element(name, SM, {"h": "0"}))
    assert code_of(outputs) is Code.S01 and b"<unsupported-stanza-type" in written(outputs)


@pytest.mark.parametrize("name", ["enabled", "failed", "enable", "resumed"])
def test_initiating_is_asked_once_only(name: str) -> None:
    assert code_of(managed().receive(Element(name, SM))) is Code.S01


def test_initiating_tells_a_far_end_that_it_has_counted_too_much() -> None:
    outputs = managed().overclaimed(10, 8)
    assert code_of(outputs) is Code.S01
    assert b"<undefined-condition" in written(outputs)
    assert b"<handled-count-too-high xmlns='urn:xmpp:sm:3' h='10' send-count='8'/></stream:error>" in written(outputs)
