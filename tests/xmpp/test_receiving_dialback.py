"""The receiving entity where dialback counts: who is asked, what is believed, whose keys are ours, and both ways."""

import pytest

from edge.codes import Code
from edge.domains import Domain
from edge.xmpp.dialback import MAX_ASKED, Dialback, Keys
from edge.xmpp.element import Element
from edge.xmpp.negotiation import (
    Allowed,
    DialBack,
    End,
    Output,
    Proved,
    Ready,
    Restart,
    StartTLS,
    Unproved,
    Verify,
    Write,
)
from edge.xmpp.receiving import BOTH_WAYS, EXTERNAL, FEATURE, SUCCESS, Receiving
from tests.xmpp.test_dialback import reread
from tests.xmpp.test_receiving import MESSAGE, STEPS, auth, code_of, give, header, receiving, written

US, THEM, OTHER = Domain("sip.example"), Domain("xmpp.example"), Domain("other.example")
ALSO = Domain("also.example")  # another domain of theirs
ANY = Allowed(external=True, dialback=True)
CLAIM = Dialback("result", THEM, US, "their key")
KEYS = Keys(b"ours")


def offered(allowed: Allowed = ANY, fault: Code | None = Code.C01) -> Receiving:
    """A stream whose far end may prove who it is."""
    stream = receiving()
    for step in STEPS[:4]:
        give(stream, step)
    stream.verified(fault, allowed)
    return stream


def claimed(stream: Receiving, claim: Dialback = CLAIM) -> Dialback:
    """Somebody claims a domain; returns the question that this leads to."""
    (asked,) = stream.receive(reread(claim.to_bytes()))
    assert isinstance(asked, DialBack)
    return asked.question


def proved() -> Receiving:
    stream = offered()
    stream.answered(claimed(stream), "valid")
    assert stream.ready
    return stream


def notes(outputs: list[Output]) -> list[Unproved]:
    return [output for output in outputs if isinstance(output, Unproved)]


@pytest.mark.parametrize(
    ("allowed", "fault", "expected"),
    [
        (Allowed(), None, EXTERNAL),
        (ANY, None, EXTERNAL + FEATURE),
        (ANY, Code.C01, FEATURE),
        (Allowed(external=False, dialback=True), None, FEATURE),
        (Allowed(external=True, dialback=True, bidi=True), None, EXTERNAL + FEATURE + BOTH_WAYS),
    ],
)
def test_receiving_offers_what_can_succeed(allowed: Allowed, fault: Code | None, expected: bytes) -> None:
    stream = receiving()
    for step in STEPS[:4]:
        give(stream, step)
    answer = written(stream.verified(fault, allowed))
    assert answer.endswith(b"<stream:features>" + expected + b"</stream:features>")


def test_receiving_refuses_who_can_use_nothing() -> None:
    stream = receiving()
    for step in STEPS[:4]:
        give(stream, step)
    assert code_of(stream.verified(Code.C03)) is Code.C03


def test_receiving_asks_the_authoritative_server_and_tells_what_it_said() -> None:
    stream = offered()
    question = claimed(stream)
    assert question == Dialback("verify", US, THEM, "their key", "id3"), "with the id of the header behind TLS"
    assert code_of(offered().receive(MESSAGE)) is Code.X04, "no stanza before that"
    assert stream.answered(question, "valid") == [
        Write(CLAIM.answered("valid").to_bytes()),
        Proved(THEM, US, "dialback"),
        Ready(),
    ]
    assert stream.offence(THEM, US) is None and stream.ready


def test_receiving_disconnects_whose_key_is_not_confirmed() -> None:
    stream = offered()
    outputs = stream.answered(claimed(stream), "invalid")
    assert written(outputs).startswith(CLAIM.answered("invalid").to_bytes())
    assert code_of(outputs) is Code.X04 and b"<not-authorized" in written(outputs) and not stream.ready


@pytest.mark.parametrize("answer", ["remote-connection-failed", "remote-server-timeout", "not-authorized"])
def test_receiving_tells_an_error_without_closing(answer: str) -> None:
    stream = offered()
    outputs = stream.answered(claimed(stream), answer)
    assert outputs[0] == Write(CLAIM.answered(answer).to_bytes())
    assert len(outputs) == len(notes(outputs)) + 1 == 2 and not stream.ended and not stream.ready
    assert claimed(stream), "it may be tried again"


def test_receiving_serves_no_domain_but_ours() -> None:
    stream = offered()
    claim = Dialback("result", THEM, Domain("nobody.example"), "key")
    outputs = stream.receive(reread(claim.to_bytes()))
    assert outputs[0] == Write(claim.answered("item-not-found").to_bytes()) and not stream.ended


def test_receiving_asks_once_for_a_claim_that_is_repeated() -> None:
    stream = offered()
    question = claimed(stream)
    assert stream.receive(reread(CLAIM.to_bytes())) == []
    stream.answered(question, "valid")
    assert stream.receive(reread(CLAIM.to_bytes())) == [Write(CLAIM.answered("valid").to_bytes())]


def test_receiving_limits_what_waits_for_an_answer() -> None:
    stream = offered()
    for number in range(MAX_ASKED):
        claimed(stream, Dialback("result", Domain(f"d{number}.example"), US, "key"))
    outputs = stream.receive(reread(CLAIM.to_bytes()))
    assert outputs[0] == Write(CLAIM.answered("resource-constraint").to_bytes())


@pytest.mark.parametrize("by", ["dialback", "external"])
def test_receiving_wants_a_proof_of_its_own_for_each_pair(by: str) -> None:
    """CVE-2018-10847 and piggy-backing: what one pair has proved is nothing to another."""
    if by == "dialback":
        stream = proved()
    else:
        stream = offered(fault=None)
        stream.receive(auth())
        stream.receive(header())
    assert stream.offence(ALSO, US) is Code.X04 and stream.offence(THEM, OTHER) is Code.A06
    claim = Dialback("result", ALSO, OTHER, "another key")
    question = claimed(stream, claim)
    assert stream.offence(ALSO, OTHER) is Code.X04
    assert stream.answered(question, "valid") == [
        Write(claim.answered("valid").to_bytes()),
        Proved(ALSO, OTHER, "dialback"),
    ]
    assert stream.offence(ALSO, OTHER) is None
    assert stream.offence(ALSO, US) is Code.A06 and stream.offence(THEM, OTHER) is Code.A06
    false = Dialback("result", ALSO, US, "a false key")
    outputs = stream.answered(claimed(stream, false), "invalid")
    assert outputs[0] == Write(false.answered("forbidden").to_bytes())
    assert len(notes(outputs)) == 1 and not stream.ended, "the other pairs are nobody's fault"


@pytest.mark.parametrize("name", ["result", "verify"])
@pytest.mark.parametrize("when", ["offered", "asked", "proved"])
def test_receiving_believes_no_answer_on_the_stream_in_question(name: str, when: str) -> None:
    """CVE-2021-32919, CVE-2012-3525: ignored once, and the end the second time."""
    stream = proved() if when == "proved" else offered()
    if when == "asked":
        claimed(stream)
    was_ready = stream.ready
    answer = reread(Dialback(name, THEM, US, "", "id3", "valid").to_bytes())
    assert len(notes(stream.receive(answer))) == 1 and stream.ready is was_ready
    outputs = stream.receive(answer)
    assert code_of(outputs) is Code.X07 and b"<policy-violation" in written(outputs)


@pytest.mark.parametrize("steps", range(4))
def test_receiving_takes_no_dialback_before_it_is_offered(steps: int) -> None:
    stream = receiving()
    for step in STEPS[:steps]:
        give(stream, step)
    outputs = stream.receive(reread(CLAIM.to_bytes()))
    assert isinstance(outputs[-1], End) and b"<db:" not in written(outputs)


def test_receiving_ends_a_stream_with_a_dialback_of_nobody() -> None:
    outputs = offered().receive(Element("result", "jabber:server:dialback", {"from": THEM}, ["key"]))
    assert b"<improper-addressing" in written(outputs)


def test_receiving_takes_an_answer_that_comes_too_late() -> None:
    stream = offered()
    question = claimed(stream)
    stream.fail(Code.L04)
    assert stream.answered(question, "valid") == [] and not stream.ready


def test_receiving_lets_dialback_follow_a_certificate_that_failed() -> None:
    stream = offered(fault=None)
    outputs = stream.receive(auth("bm9ib2R5LmV4YW1wbGU="))
    assert b"<invalid-authzid/>" in written(outputs) and not stream.ended
    assert stream.answered(claimed(stream), "valid")[-1] == Ready()
    stream = offered(fault=None)
    for _ in range(2):
        outputs = stream.receive(auth("bm9ib2R5LmV4YW1wbGU="))
    assert code_of(outputs) is Code.X04, "not for ever"


def test_receiving_takes_both_proofs_at_once() -> None:
    stream = offered(fault=None)
    question = claimed(stream)
    assert stream.receive(auth()) == [Write(SUCCESS), Restart()]
    assert Ready() not in stream.answered(question, "valid") and not stream.ready
    assert stream.receive(header())[-1] == Ready()


@pytest.mark.parametrize("answer", ["valid", "invalid", "remote-server-timeout"])
def test_receiving_lets_the_certificate_count_whatever_dialback_says_later(answer: str) -> None:
    stream = offered(fault=None)
    question = claimed(stream)
    stream.receive(auth())
    stream.receive(header())
    assert stream.offence(THEM, US) is None
    outputs = stream.answered(question, answer)
    assert not any(isinstance(output, Proved | Ready | End) for output in outputs)
    assert written(outputs).startswith(b"<db:result ") and stream.offence(THEM, US) is None


def test_receiving_begins_with_tls_when_that_comes_first() -> None:
    stream = receiving()
    assert stream.direct() == [Restart(), StartTLS()]
    stream.secured()
    assert stream.receive(header()) == [Verify(THEM, US)]


# --- as the authoritative server -----------------------------------------------------------------------


@pytest.mark.parametrize("when", ["offered", "proved"])
def test_receiving_knows_which_keys_are_ours(when: str) -> None:
    stream = offered() if when == "offered" else proved()
    good = Dialback("verify", THEM, US, KEYS.key(THEM, US, "id9"), "id9")
    assert stream.receive(reread(good.to_bytes())) == [Write(good.answered("valid").to_bytes())]
    for bad in (
        Dialback("verify", THEM, US, good.key, "id8"),
        Dialback("verify", OTHER, US, good.key, "id9"),
        Dialback("verify", THEM, OTHER, good.key, "id9"),
        Dialback("verify", THEM, US, "x", "id9"),
    ):
        assert stream.receive(reread(bad.to_bytes())) == [Write(bad.answered("invalid").to_bytes())]
    assert stream.served


def test_receiving_knows_no_keys_of_domains_it_does_not_serve() -> None:
    question = Dialback("verify", THEM, Domain("nobody.example"), "key", "id9")
    assert offered().receive(reread(question.to_bytes())) == [Write(question.answered("item-not-found").to_bytes())]


# --- both ways (XEP-0288) -------------------------------------------------------------------------------

BIDI = Element("bidi", "urn:xmpp:bidi")
BOTH = Allowed(external=True, dialback=True, bidi=True)


def test_receiving_sends_back_where_both_want_it_and_the_name_is_proved() -> None:
    stream = offered(BOTH, None)
    assert stream.receive(BIDI) == [] and not stream.sends
    stream.receive(auth())
    assert not stream.sends
    stream.receive(header())
    assert stream.sends


def test_receiving_sends_back_between_the_names_of_the_header_only() -> None:
    stream = offered(BOTH)
    stream.receive(BIDI)
    stream.answered(claimed(stream, Dialback("result", ALSO, US, "key")), "valid")
    assert stream.ready and not stream.sends
    stream.answered(claimed(stream), "valid")
    assert stream.sends


@pytest.mark.parametrize("allowed", [ANY, BOTH])
def test_receiving_keeps_to_one_way(allowed: Allowed) -> None:
    stream = offered(allowed, None)
    if allowed is ANY:
        stream.receive(BIDI)
    stream.receive(auth())
    stream.receive(header())
    assert stream.ready and not stream.sends
