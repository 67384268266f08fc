"""What the two ends of a negotiation share: headers, names, versions, and how a stream ends."""

import pytest

from edge.codes import Code
from edge.domains import Domain, domain
from edge.xmpp.conditions import STREAM_CONDITIONS
from edge.xmpp.element import Element
from edge.xmpp.initiating import Initiating
from edge.xmpp.negotiation import (
    CLOSE,
    CONDITIONS,
    PEER_TEXT,
    SERVER,
    STREAMS,
    End,
    Write,
    error_text,
    header_bytes,
    is_version_1,
    stream_domain,
)
from edge.xmpp.stream import StreamClosed, StreamOpened, StreamParser

US, THEM = Domain("sip.example"), Domain("xmpp.example")


def reread(data: bytes) -> StreamOpened:
    event = next(iter(StreamParser().feed(data)))
    assert isinstance(event, StreamOpened)
    return event


def test_header_is_read_back_as_it_was_meant() -> None:
    header = reread(header_bytes(SERVER, US, THEM, "a'b<&>\"c"))
    assert (header.from_, header.to, header.id) == (US, THEM, "a'b<&>\"c")
    assert (header.default_namespace, header.version) == (SERVER, "1.0")


def test_header_leaves_out_what_is_not_known() -> None:
    header = header_bytes(SERVER, US, Domain(""))
    assert b" to=" not in header and b" id=" not in header


def test_header_has_domains_in_unicode() -> None:
    assert reread(header_bytes(SERVER, domain("münchen.example"), THEM)).from_ == "münchen.example"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("xmpp.example", "xmpp.example"),
        ("XMPP.Example.", "xmpp.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("", None),
        (None, None),
        ("user@xmpp.example", None),
        ("xmpp.example/resource", None),
        ("xmpp..example", None),
        ("a b", None),
    ],
)
def test_stream_domain_takes_only_what_can_be_a_domain(text: str | None, expected: str | None) -> None:
    assert stream_domain(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.0", True), ("1.1", True), ("2.0", True), ("01.0", True), ("9" * 5000 + ".0", True), ("0.9", False),
        ("", False), (None, False), ("1", False), ("00.9", False), ("-1.0", False), ("1." + "x" * 5000, False),
    ],
)
def test_is_version_1_reads_major_and_minor(text: str | None, expected: bool) -> None:
    assert is_version_1(text) is expected


def test_conditions_are_all_stream_conditions() -> None:
    assert set(CONDITIONS.values()) <= STREAM_CONDITIONS


def test_error_text_names_condition_and_words_and_is_bounded() -> None:
    error = Element("error", STREAMS, children=[Element("host-unknown", "x"), Element("text", "x", children=["who?"])])
    assert error_text(error) == "host-unknown (who?)"
    assert error_text(Element("error", STREAMS)) == "without a reason"
    assert error_text(StreamClosed()) == "without a reason"
    long = Element("error", STREAMS, children=[Element("reset", "x"), Element("text", "x", children=["y" * 10_000])])
    assert len(error_text(long)) == PEER_TEXT


def started() -> Initiating:
    negotiation = Initiating(US, THEM)
    negotiation.start()
    return negotiation


def test_fail_says_the_code_and_ends() -> None:
    error, end = started().fail(Code.A01)
    assert isinstance(error, Write) and error.data.startswith(b"<stream:error><policy-violation")
    assert b"EDGE-A01 the domain is not on the partner list" in error.data and error.data.endswith(CLOSE)
    assert end == End(Code.A01, Code.A01.sentence)


def test_fail_opens_the_stream_first_when_ours_is_not_open() -> None:
    error, _ = Initiating(US, THEM).fail(Code.C03)
    assert isinstance(error, Write) and error.data.startswith(b"<?xml version='1.0'?><stream:stream")
    assert b"<not-authorized" in error.data


def test_fail_says_nothing_more_when_it_has_ended_already() -> None:
    negotiation = started()
    negotiation.fail(Code.A01)
    assert negotiation.fail(Code.A01) == [] and negotiation.finish() == []


def test_finish_waits_for_the_other_closing_tag() -> None:
    negotiation = started()
    assert negotiation.finish() == [Write(CLOSE)]
    assert not negotiation.ended and negotiation.finish() == []
    assert negotiation.receive(StreamClosed()) == [End()]
    assert negotiation.ended


def test_finish_then_fail_writes_nothing_behind_the_closing_tag() -> None:
    negotiation = started()
    negotiation.finish()
    assert negotiation.fail(Code.X01) == [End(Code.X01, Code.X01.sentence)]


def test_finish_only_ends_when_no_header_is_out() -> None:
    assert Initiating(US, THEM).finish() == [End()]


@pytest.mark.parametrize(
    ("sender", "recipient", "expected"),
    [
        (THEM, US, None),
        (Domain("other.example"), US, Code.X04),
        (THEM, Domain("other.example"), Code.A06),
        (US, THEM, Code.X04),
        (Domain("sub.xmpp.example"), US, Code.X04),
    ],
)
def test_offence_covers_exactly_the_two_domains_of_the_stream(
    sender: Domain, recipient: Domain, expected: Code | None
) -> None:
    assert Initiating(US, THEM).offence(sender, recipient) == expected
