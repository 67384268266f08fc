"""The stream that asks the authoritative server about a key, and hears nobody but it."""

import pytest

from edge.codes import Code
from edge.domains import Domain
from edge.xmpp.dialback import Dialback
from edge.xmpp.element import Element
from edge.xmpp.negotiation import (
    CLOSE,
    STREAMS,
    Allowed,
    Answered,
    End,
    Restart,
    StartTLS,
    Unproved,
    Verify,
    Write,
)
from edge.xmpp.verifying import Verifying
from tests.xmpp.test_dialback import reread
from tests.xmpp.test_initiating import HEADER, OFFER_EXTERNAL, OFFER_TLS, PROCEED, code_of, features, header, written

US, THEM = Domain("sip.example"), Domain("xmpp.example")
QUESTION = Dialback("verify", US, THEM, "a key", "id7")


def asked(direct: bool = False) -> Verifying:
    """A stream on which the question is out."""
    stream = Verifying(US, THEM, "id7", "a key", direct)
    if direct:
        assert stream.start() == [StartTLS()]
    else:
        stream.start()
        for event in (header(), OFFER_TLS, PROCEED):
            stream.receive(event)
    assert stream.secured() == [Verify(THEM, US)]
    assert stream.verified(Code.C01, Allowed(dialback=True)) == [Restart(), HEADER]
    stream.receive(header())
    assert stream.receive(OFFER_EXTERNAL) == [Write(QUESTION.to_bytes())]
    return stream


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("answer", ["valid", "invalid", "item-not-found"])
def test_verifying_asks_one_question_and_takes_the_answer(answer: str, direct: bool) -> None:
    stream = asked(direct)
    outputs = stream.receive(reread(QUESTION.answered(answer).to_bytes()))
    assert outputs == [Answered(answer), Write(CLOSE), End()]
    assert not stream.ready and stream.receive(reread(QUESTION.answered("valid").to_bytes())) == []


def test_verifying_asks_without_any_offer_of_authentication() -> None:
    stream = Verifying(US, THEM, "id7", "a key", True)
    stream.start()
    stream.secured()
    stream.verified(None, Allowed(dialback=True))
    stream.receive(header())
    assert stream.receive(features()) == [Write(QUESTION.to_bytes())]


@pytest.mark.parametrize(
    "answer",
    [
        Dialback("verify", THEM, US, "", "id8", "valid"),
        Dialback("verify", Domain("evil.example"), US, "", "id7", "valid"),
        Dialback("verify", THEM, Domain("other.example"), "", "id7", "valid"),
        Dialback("result", THEM, US, "", "id7", "valid"),
        Dialback("verify", THEM, US, "a key", "id7"),
    ],
)
def test_verifying_believes_no_answer_to_another_question(answer: Dialback) -> None:
    """CVE-2012-3525; the second one ends the stream."""
    stream = asked()
    (noted,) = stream.receive(reread(answer.to_bytes()))
    assert isinstance(noted, Unproved) and noted.code is Code.X07
    assert code_of(stream.receive(reread(answer.to_bytes()))) is Code.X07


def test_verifying_believes_no_answer_that_comes_before_the_question() -> None:
    stream = Verifying(US, THEM, "id7", "a key", True)
    stream.start()
    stream.secured()
    stream.verified(None, Allowed(dialback=True))
    early = reread(QUESTION.answered("valid").to_bytes())
    assert all(isinstance(each, Unproved) for each in stream.receive(early))
    stream.receive(header())
    assert stream.receive(features()) == [Write(QUESTION.to_bytes())]


def test_verifying_is_refused_where_dialback_does_not_count() -> None:
    stream = Verifying(US, THEM, "id7", "a key", True)
    stream.start()
    stream.secured()
    assert code_of(stream.verified(Code.C01)) is Code.C01


def test_verifying_reports_a_stream_that_ends_without_an_answer() -> None:
    stream = asked()
    assert code_of(stream.receive(Element("error", STREAMS, children=[Element("host-unknown", "x")]))) is Code.A11
    assert b"<db:" not in written(stream.finish())
