"""What the transaction layer writes by itself: refusals with a code that no text can break, and ACK and CANCEL."""

import pytest

from edge.codes import Code
from edge.sip.answers import ack_of, cancel_of, reasons, refusal_bytes, warning
from tests.sip.samples import answer, as_request, as_response, request
from tests.sip.test_layer import INVITE


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


def test_reasons_are_for_everybody_and_for_microsoft() -> None:
    assert [name for name, _ in reasons(Code.L01)] == ["Warning", "ms-diagnostics-public"]
    assert all("EDGE-L01 not now" in value for _, value in reasons(Code.L01, "not now"))


def test_refusal_has_its_own_headers_and_a_code() -> None:
    data = refusal_bytes(request(), 503, Code.L01, to_tag="ours", headers=[("Retry-After", "32")], received="192.0.2.1")
    refusal = as_response(data)
    assert (refusal.status, refusal.to.tag, refusal.retry_after) == (503, "ours", 32)
    assert refusal.via.parameter("received") == "192.0.2.1"
    assert refusal.headers.rows("warning") == [f'399 edge "EDGE-L01 {Code.L01.sentence}"']


def test_ack_has_the_to_of_the_answer_and_cancel_that_of_the_invite() -> None:
    ack, cancel = as_request(ack_of(INVITE, answer(INVITE, 486))), as_request(cancel_of(INVITE))
    assert (ack.to.tag, str(ack.cseq)) == ("romeo1", "3 ACK")
    assert (cancel.to.tag, str(cancel.cseq)) == ("", "3 CANCEL")
    for each in (ack, cancel):
        assert (each.branch, each.from_.tag) == ("z9hG4bKi", "juliet1")
        assert each.headers.rows("route") == ["<sip:first.example;lr>", "<sip:second.example;lr>"]
        assert b"contact" not in each.headers and not each.body


def test_marker_before_via_is_in_both() -> None:
    """A header that its partner wants in every request."""
    marked = INVITE.replace(b"\r\nVia:", b"\r\nX-Verified: yes\r\nVia:", 1)
    for data in (ack_of(marked, answer(marked, 486)), cancel_of(marked)):
        assert as_request(data).headers.get("x-verified") == "yes"
