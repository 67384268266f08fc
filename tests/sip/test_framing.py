"""Tests of the stream: any chunks, any length, and where it must be given up."""

from itertools import pairwise
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.codes import Code
from edge.sip.framing import PING, Framed, Framer, Garbled, Ping
from edge.sip.headers import MAX_HEADERS, MAX_LINE
from edge.sip.message import Request, Response, UnreadRequest, UnreadResponse
from tests.sip.strategies import MANY

BASIC = (
    b"Via: SIP/2.0/TLS edge.sip.example:5061;branch=z9hG4bK1\r\n"
    b"From: <sip:romeo@sip.example>;tag=aa11\r\n"
    b"To: <sip:juliet@xmpp.example>\r\n"
    b"Call-ID: 3f1c\r\n"
    b"CSeq: 1 MESSAGE\r\n"
    b"Max-Forwards: 70\r\n"
)
START = b"MESSAGE sip:juliet@xmpp.example SIP/2.0\r\n"


def message(body: bytes = b"Hello", start: bytes = START, length: bytes | None = None, extra: bytes = b"") -> bytes:
    length = b"%d" % len(body) if length is None else length
    return start + BASIC + extra + b"Content-Length: " + length + b"\r\n\r\n" + body


RESPONSE = message(b"", b"SIP/2.0 200 OK\r\n")
PIECES = st.sampled_from([
    message(), message(b""), message(b"\r\n\r\nMESSAGE x SIP/2.0\r\n\r\n"), RESPONSE,
    b"\r\n", b"\r\n\r\n", b"\r\n\r\n\r\n",
    b"garbage\r\nContent-Length: 4\r\n\r\nbody", message(b"x", b"MESSAGE  sip:a SIP/2.0\r\n"), b"\r", b"\n", b"\0",
    message(b"x", length=b"-1"), message(b"x", extra=b"Via : a\r\n  b\r\n"),
    b"MESSAGE sip:a@b SIP/2.0\r\n\r\n", b"ACK x\r\n",
])


def outline(found: list[Framed]) -> list[object]:
    """What can be compared of what a framer returned."""
    return [
        (item.method, item.uri, list(item.headers.names()), item.body) if isinstance(item, Request)
        else (item.status, item.body) if isinstance(item, Response)
        else item
        for item in found
    ]


def only(found: list[Framed]) -> Framed:
    (item,) = found
    return item


def garbled(found: list[Framed]) -> Garbled:
    item = only(found)
    assert isinstance(item, Garbled)
    return item


def test_messages_of_one_chunk_come_in_order() -> None:
    framer = Framer()
    found = framer.feed(message(b"one") + RESPONSE + message(b"three") + message(b"")[:-1])
    assert [type(item) for item in found] == [UnreadRequest, UnreadResponse, UnreadRequest]
    assert [item.body for item in found if isinstance(item, Request)] == [b"one", b"three"]
    assert framer.buffered == len(message(b"")) - 1
    assert [item.body for item in framer.feed(b"\n") if isinstance(item, Request)] == [b""]
    assert framer.buffered == 0


@pytest.mark.parametrize("cut", range(1, len(message())))
def test_message_may_be_cut_anywhere(cut: int) -> None:
    framer = Framer()
    data = message()
    assert framer.feed(data[:cut]) == []
    assert outline(framer.feed(data[cut:] + data)) == outline(Framer().feed(data * 2))


def test_empty_chunk_is_nothing() -> None:
    assert Framer().feed(b"") == []


def test_body_may_be_binary_and_look_like_messages() -> None:
    body = b"\0\r\n\r\n" + message() + b"\xff"
    found = only(Framer().feed(message(body)))
    assert isinstance(found, Request) and found.body == body


@pytest.mark.parametrize("line", [b"l: 5", b"CONTENT-LENGTH :5", b"Content-Length:\r\n 5", b"Content-Length: 0005"])
def test_length_is_found_in_every_spelling(line: bytes) -> None:
    found = only(Framer().feed(START + BASIC + line + b"\r\n\r\nHello"))
    assert isinstance(found, Request) and found.body == b"Hello"


# --- keep-alives ---


@pytest.mark.parametrize(
    ("data", "pings"),
    [(b"\r\n", 0), (b"\r\n\r\n", 1), (b"\r\n" * 3, 1), (b"\r\n" * 4, 2), (b"\r", 0), (b"\r\n" + RESPONSE + b"\r\n", 0)],
)
def test_ping_is_two_empty_lines_between_messages(data: bytes, pings: int) -> None:
    for chunks in ([data], [data[octet : octet + 1] for octet in range(len(data))]):
        framer = Framer()
        found = [item for chunk in chunks for item in framer.feed(chunk)]
        assert found.count(PING) == pings
        assert not framer.closed


def test_ping_stands_between_the_messages_it_came_between() -> None:
    found = Framer().feed(b"\r\n" + message() + b"\r\n\r\n" + message() + b"\r\n")
    assert [type(item) for item in found] == [UnreadRequest, Ping, UnreadRequest]


def test_empty_lines_inside_a_body_are_no_ping() -> None:
    assert PING not in Framer().feed(message(b"\r\n\r\n\r\n\r\n"))


# --- what cannot be read ---


def test_garbled_request_is_answered_with_what_could_be_read() -> None:
    framer = Framer(name="edge.example.net")
    data = message(b"x", b"MESSAGE  sip:a@b SIP/2.0\r\n", extra=b"v: SIP/2.0/TLS two\r\n")
    item = garbled(framer.feed(data))
    assert item.answer is not None
    lines = item.answer.split(b"\r\n")
    assert lines[:6] == [
        b"SIP/2.0 400 Bad Request",
        b"Via: SIP/2.0/TLS edge.sip.example:5061;branch=z9hG4bK1",
        b"Via: SIP/2.0/TLS two",
        b"From: <sip:romeo@sip.example>;tag=aa11",
        lines[4],
        b"Call-ID: 3f1c",
    ]
    assert lines[4].startswith(b"To: <sip:juliet@xmpp.example>;tag=")
    assert lines[6:] == [
        b"CSeq: 1 MESSAGE",
        b'Warning: 399 edge.example.net "EDGE-S01 the start line is malformed"',
        b'ms-diagnostics-public: 90501;reason="EDGE-S01 the start line is malformed"',
        b"Content-Length: 0",
        b"",
        b"",
    ]
    assert (item.close, item.text, item.code) == (False, "the start line is malformed", Code.S01)


def test_answer_to_the_same_garbage_has_the_same_tag() -> None:
    data = message(b"", b"MESSAGE\r\n")
    first, second = Framer().feed(data * 2)
    assert isinstance(first, Garbled) and isinstance(second, Garbled)
    assert first.answer == second.answer


def test_stream_goes_on_behind_a_garbled_start_line() -> None:
    framer = Framer()
    found = framer.feed(message(b"skipped", b"MESSAGE\r\n") + message(b"next"))
    assert [type(item) for item in found] == [Garbled, UnreadRequest]
    assert not framer.closed


def test_body_of_a_garbled_message_is_skipped_over_chunks() -> None:
    framer = Framer()
    data = message(b"\r\n\r\n" + message(), b"MESSAGE\r\n")
    found = [item for octet in range(len(data)) for item in framer.feed(data[octet : octet + 1])]
    assert [type(item) for item in found] == [Garbled]
    assert framer.buffered == 0
    assert [type(item) for item in framer.feed(message())] == [UnreadRequest]


@pytest.mark.parametrize(
    "start", [b"SIP/2.0 9999 x\r\n", b"SIP/7.0 200 OK\r\n", b"ACK  sip:a@b SIP/2.0\r\n", b"sip/2.0 x\r\n"]
)
def test_responses_and_acks_are_never_answered(start: bytes) -> None:
    item = garbled(Framer().feed(message(b"", start)))
    assert (item.answer, item.close) == (None, False)
    item = garbled(Framer().feed(message(b"", start, length=b"x")))
    assert (item.answer, item.close) == (None, True)


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\0\1\2\r\n\r\n", b"\n\r\n\r\n", b"x\r\n\r\n"])
def test_what_is_no_sip_is_given_up_without_an_answer(data: bytes) -> None:
    framer = Framer()
    item = garbled(framer.feed(data))
    assert (item.answer, item.close, framer.closed) == (None, True, True)


@pytest.mark.parametrize(
    ("start", "status"), [(b"MESSAGE sip:a@b SIP/3.0\r\n", b"505"), (b"MESSAGE sip:a@b SIP/2\r\n", b"400")]
)
def test_other_version_is_told_so(start: bytes, status: bytes) -> None:
    item = garbled(Framer().feed(message(b"", start)))
    assert item.answer is not None and item.answer[8:11] == status
    assert not item.close


@pytest.mark.parametrize(
    "length", [b"", b"-1", b"+5", b"5 5", b"5, 5", b"0x5", b"5.0", b"five", b"5\0", b"5_0", b"\xd9\xa5"]
)
def test_length_that_is_no_number_ends_the_stream(length: bytes) -> None:
    framer = Framer()
    item = garbled(framer.feed(message(length=length)))
    assert item.answer is not None and item.answer.startswith(b"SIP/2.0 400 ")
    assert item.close and framer.closed
    assert framer.feed(message()) == [] and framer.buffered == 0


@pytest.mark.parametrize("extra", [b"Content-Length: 5\r\n", b"l: 13\r\n", b"Content-Length :\r\n 5\r\n"])
def test_length_that_is_given_twice_ends_the_stream(extra: bytes) -> None:
    item = garbled(Framer().feed(message(extra=extra)))
    assert item.answer is not None and item.answer.startswith(b"SIP/2.0 400 ")
    assert (item.close, item.text) == (True, "the Content-Length header is given twice")


def test_length_that_is_missing_ends_the_stream() -> None:
    item = garbled(Framer().feed(START + BASIC + b"\r\n" + message()))
    assert item.answer is not None and b"Warning: 399 edge" in item.answer
    assert (item.close, item.text) == (True, "the Content-Length header is missing")


@pytest.mark.parametrize("length", [b"1001", b"10000000000", b"9" * 400])
def test_body_that_is_too_large_is_not_waited_for(length: bytes) -> None:
    framer = Framer(max_body=1000)
    item = garbled(framer.feed(message(b"", length=length)))
    assert item.answer is not None and item.answer.startswith(b"SIP/2.0 513 ")
    assert (item.close, item.code, framer.buffered) == (True, Code.S09, 0)


def test_body_of_the_largest_size_is_taken() -> None:
    found = only(Framer(max_body=1000).feed(message(b"x" * 1000)))
    assert isinstance(found, Request) and len(found.body) == 1000


@pytest.mark.parametrize(
    "extra",
    [
        b"Subject: a\nFrom: <sip:victim@ok.test>\r\n", b"Subject: a\rFrom: x\r\n", b"no colon\r\n", b"To\x01: x\r\n",
        b"Content-Length\x00: 7\r\n", b"Content Length: 7\r\n", b": x\r\n", b"\r: x\r\n", b"To\r\n",
    ],
)
def test_header_lines_that_may_be_cut_elsewhere_end_the_stream(extra: bytes) -> None:
    """The next parser may see another From, or another end of the message."""
    framer = Framer()
    item = garbled(framer.feed(message(extra=extra) + message()))
    assert item.answer is not None and item.answer.startswith(b"SIP/2.0 400 ")
    assert item.close and framer.closed


def test_line_break_in_a_copied_header_does_not_get_into_the_answer() -> None:
    item = garbled(Framer().feed(message().replace(b"3f1c", b"3f1c\nEvil: yes")))
    assert item.answer is not None and b"Evil" not in item.answer and b"Call-ID" not in item.answer


@pytest.mark.parametrize(
    "extra", [b"X: x\r\n" * MAX_HEADERS, b"X: " + b"x" * MAX_LINE + b"\r\n", b"X: x\r\n" + b" y\r\n" * MAX_HEADERS]
)
def test_head_beyond_its_limits_is_answered_with_513(extra: bytes) -> None:
    item = garbled(Framer().feed(message(extra=extra)))
    assert item.answer is not None and item.answer.startswith(b"SIP/2.0 513 ")
    assert (item.close, item.code) == (True, Code.S09)


def test_head_that_does_not_end_is_given_up_at_its_limit() -> None:
    framer = Framer(max_head=2000)
    data = START + BASIC + b"X: y\r\n" * 1000
    found: list[Framed] = []
    for octet in range(0, len(data), 100):
        found += framer.feed(data[octet : octet + 100])
        assert framer.buffered <= 2100
    item = garbled(found)
    assert item.answer is not None and item.answer.startswith(b"SIP/2.0 513 ")
    assert framer.closed


def test_head_that_ends_beyond_its_limit_is_given_up() -> None:
    assert garbled(Framer(max_head=200).feed(message())).close
    assert isinstance(only(Framer(max_head=300).feed(message())), Request)


def test_start_line_that_does_not_end_is_given_up_early() -> None:
    framer = Framer()
    item = garbled(framer.feed(b"x" * (MAX_LINE + 1)))
    assert (item.answer, item.close, framer.buffered) == (None, True, 0)


def test_lone_cr_between_messages_is_given_up() -> None:
    framer = Framer()
    item = garbled(framer.feed(message() + b"\rX")[1:])
    assert item.close and framer.feed(message()) == []


def test_malformed_header_that_nobody_needs_gets_through() -> None:
    found = only(Framer().feed(message(extra=b'Date: yesterday\r\nContact: "<\r\nX-Y: \0\xff\r\n')))
    assert isinstance(found, Request)


# --- chunks ---


@given(st.lists(PIECES, max_size=5).map(b"".join), st.lists(st.integers(0, 2000), max_size=8))
@MANY
def test_chunks_make_no_difference(data: bytes, cuts: list[int]) -> None:
    whole = Framer()
    expected = outline(whole.feed(data))
    framer = Framer()
    found: list[Framed] = []
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for start, end in pairwise(edges):
        found += framer.feed(data[start:end])
    assert outline(found) == expected
    assert (framer.closed, framer.buffered) == (whole.closed, whole.buffered)


@given(st.lists(st.binary(max_size=40) | PIECES, max_size=6))
@MANY
def test_feed_raises_nothing_at_all(chunks: list[bytes]) -> None:
    framer = Framer(max_head=400, max_body=100)
    for chunk in chunks:
        for item in framer.feed(chunk):
            assert isinstance(item, Request | Response | Garbled | Ping)
            if isinstance(item, Garbled):
                assert item.close == framer.closed
                assert item.answer is None or item.answer.endswith(b"\r\n\r\n")
        assert framer.buffered <= 600


@pytest.mark.parametrize(
    "data",
    [
        START + b"X: y\r\n" * 10_000,
        START + (b"X: " + b"y" * 1000 + b"\r\n") * 60,
        message(b"x" * 200_000),
        b"\r\n" * 30_000,
        b"\r" + b"x" * 60_000,
        message(b"x" * 200_000, b"MESSAGE\r\n"),
    ],
)
def test_single_octets_take_linear_time(data: bytes) -> None:
    """Looking at everything again for each octet would take minutes."""
    framer = Framer()
    began = process_time()
    for octet in range(len(data)):
        framer.feed(data[octet : octet + 1])
    assert process_time() - began < 40.0


def test_many_messages_in_one_chunk_take_linear_time() -> None:
    """Copying what follows for each message would take minutes."""
    data = message(b"x") * 30_000
    began = process_time()
    assert len(Framer().feed(data)) == 30_000
    assert process_time() - began < 40.0
