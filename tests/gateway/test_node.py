"""What all parts say alike: refusals with a code, addresses of our own, text that no peer can break out of."""

import pytest

from edge.codes import Code
from edge.domains import domain
from edge.gateway.effects import RespondSip
from edge.gateway.node import ALLOW, performed, speaker, warning
from edge.sip.layer import Deliver, Send
from edge.sip.transaction import ServerTransaction
from tests.gateway.bench import Bench, Link, reports, responses


@pytest.fixture
def bench() -> Bench:
    return Bench()


def delivered(bench: Bench) -> ServerTransaction:
    (output,) = bench.layer.receive_request(bench.link, bench.page(), "")
    assert isinstance(output, Deliver)
    return output.transaction


def test_requests_of_ours_carry_the_name_and_port_of_the_edge(bench: Bench) -> None:
    agent = bench.node.agent
    assert agent.via("z9hG4bKx") == "SIP/2.0/TLS edge.example.net:5061;branch=z9hG4bKx"
    assert agent.contact == "<sip:edge.example.net:5061;transport=tls>"


def test_answer_goes_back_on_the_link_of_its_request(bench: Bench) -> None:
    transaction = delivered(bench)
    (effect,) = bench.node.respond(transaction, 202, [("Expires", "7")], reason="Taken")
    assert isinstance(effect, RespondSip) and effect.link is bench.link
    (answer,) = responses([effect])
    assert (answer.status, answer.reason, answer.headers.get("Expires")) == (202, "Taken", "7")


def test_refusal_is_an_answer_and_a_report_with_one_code(bench: Bench) -> None:
    effects = bench.node.refuse(delivered(bench), Code.A06, 404, [("Allow", ALLOW)], "nobody here")
    (answer,), (report,) = responses(effects), reports(effects)
    assert (answer.status, answer.headers.get("Allow")) == (404, ALLOW)
    assert answer.headers.get("Warning") == '399 edge "EDGE-A06 nobody here"'
    assert (report.event, report.code) == ("sip.refused", Code.A06)
    assert report.fields == {"method": "MESSAGE", "status": 404, "reason": "nobody here", "partner": "sip"}


def test_refusal_takes_status_and_sentence_from_its_code(bench: Bench) -> None:
    effects = bench.node.refuse(delivered(bench), Code.S09)
    (answer,), (report,) = responses(effects), reports(effects)
    assert (answer.status, report.fields["status"]) == (Code.S09.status, Code.S09.status)
    assert Code.S09.sentence in str(answer.headers.get("Warning"))
    assert report.fields["reason"] == Code.S09.sentence


def test_refusal_of_what_is_answered_already_is_not_sent(bench: Bench) -> None:
    transaction = delivered(bench)
    bench.node.respond(transaction, 200)
    assert responses(bench.node.refuse(transaction, Code.M02)) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('he said "no"', "he said 'no'"),
        ('\\" , 399 evil "x', "' , 399 evil 'x"),
        ("\\\\", ""),
    ],
)
def test_warning_text_stays_inside_its_quotes(text: str, said: str) -> None:
    assert warning(Code.S01, text) == ("Warning", f'399 edge "EDGE-S01 {said}"')


def test_warning_without_a_text_has_the_sentence_of_its_code() -> None:
    assert warning(Code.S02)[1] == f'399 edge "EDGE-S02 {Code.S02.sentence}"'


def test_only_what_is_sent_is_performed(bench: Bench) -> None:
    transaction = delivered(bench)
    effects = performed([Deliver(transaction), Send(bench.link, b"x")])
    assert effects == [RespondSip(bench.link, b"x")]


def test_speaker_names_every_system_of_the_link_in_order(bench: Bench) -> None:
    peer = bench.node.directory.identify("sip", frozenset({domain("sip.example"), domain("other.example")}))
    (output,) = bench.layer.receive_request(Link(peer), bench.page(), "")
    assert isinstance(output, Deliver)
    assert speaker(output.transaction) == "other,sip"
