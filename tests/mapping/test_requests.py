"""Tests of `edge.mapping.requests`."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.bodies.text import UnsupportedBody
from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.mapping.dates import date_of
from edge.mapping.payloads import TAKEN
from edge.mapping.requests import LATE, MessageFacts, read_request, write_request
from edge.mapping.said import Asked, Content, Receipt, Said, Typing
from edge.sip.message import Request, parse_message, request_bytes
from edge.xmpp.jid import JID

ROMEO = JID.parse("romeo@sip.example/orchard")
JULIET = JID.parse("juliet@xmpp.example/balcony")
PLAIN = "Content-Type: text/plain"
NOW = 1_289_690_940.0
ALL = frozenset(TAKEN)
KEYBOARD = frozenset(("text/plain", "application/xml"))


def request(body: bytes, *lines: str, method: str = "MESSAGE") -> Request:
    head = "\r\n".join(
        [
            f"{method} sip:juliet@xmpp.example SIP/2.0",
            "From: <sip:romeo@sip.example>;tag=1",
            "To: <sip:juliet@xmpp.example>",
            "Call-ID: c1",
            f"CSeq: 1 {method}",
            *lines,
        ]
    )
    parsed = parse_message(head.encode(), body)
    assert isinstance(parsed, Request)
    return parsed


def read(body: bytes, *lines: str, now: float = NOW) -> Said | None:
    return read_request(request(body, *lines), "sip.example", now)


def refusal(body: bytes, *lines: str) -> RemoteProtocolError:
    with pytest.raises(RemoteProtocolError) as caught:
        read(body, *lines)
    return caught.value


# --- reading ----------------------------------------------------------------------------------------------------------


def test_text_is_content_with_its_headers() -> None:
    said = read("ü\r\n".encode(), PLAIN, "Subject: s", "Content-Language: de")
    assert said == Content("ü\n", subject="s", thread="c1", lang="de")


def test_every_type_has_the_headers_of_its_request() -> None:
    said = read(b"<b>a</b>", "Content-Type: text/html", "Subject: s", "Content-Language: de")
    assert said == Content("a", "<strong>a</strong>", "s", "c1", "de")
    typing = b"<isComposing xmlns='urn:ietf:params:xml:ns:im-iscomposing'><state>idle</state></isComposing>"
    assert read(typing, "Content-Type: application/im-iscomposing+xml") == Typing("active", 0, "c1")


def test_body_has_the_encodings_that_its_headers_claim() -> None:
    assert read(b"Z3LDvG4=", PLAIN, "Content-Transfer-Encoding: base64") == Content("grün", thread="c1")
    assert refusal(b"no digits!", PLAIN, "Content-Transfer-Encoding: base64").status == 400
    assert isinstance(refusal(b"x", PLAIN, "Content-Encoding: gzip"), UnsupportedBody)
    assert read(b"x", PLAIN, "Content-Encoding: gzip", "Content-Disposition: x;handling=optional") is None


def test_keyboard_activity_is_read_from_an_info() -> None:
    body = b"<KeyboardActivity><status status='type'/></KeyboardActivity>"
    info = request(body, "Content-Type: application/xml", method="INFO")
    assert read_request(info, "sip.example") == Typing("composing", 0, "c1")


@pytest.mark.parametrize(
    ("age", "sent"), [(0, None), (LATE - 1, None), (LATE, NOW - LATE), (9e5, NOW - 9e5), (-9, None)]
)
def test_date_counts_when_it_was_a_while_ago(age: float, sent: float | None) -> None:
    assert read(b"hi", PLAIN, f"Date: {date_of(NOW - age)}") == Content("hi", thread="c1", sent=sent)


def test_date_that_is_none_is_ignored() -> None:
    assert read(b"hi", PLAIN, "Date: Fri, 01 Jan 2010 16:00:00 EST") == Content("hi", thread="c1")


@pytest.mark.parametrize(
    ("age", "seconds", "expires"),
    [(0, 60, NOW + 60), (50, 60, NOW + 10), (60, 60, None), (None, 60, NOW + 60), (None, 0, None)],
)
def test_message_that_has_expired_is_refused(age: float | None, seconds: int, expires: float | None) -> None:
    lines = [PLAIN, f"Expires: {seconds}", *([] if age is None else [f"Date: {date_of(NOW - age)}"])]
    if expires is None:
        error = refusal(b"hi", *lines)
        assert (error.status, error.code) == (480, Code.M02)
    else:
        assert read(b"hi", *lines) == Content("hi", thread="c1", expires=expires)


def test_no_times_are_read_without_a_clock() -> None:
    said = read(b"hi", PLAIN, "Expires: 60", f"Date: {date_of(1e9)}", now=0.0)
    assert said == Content("hi", thread="c1")


def test_subject_alone_is_content_and_nothing_is_nothing() -> None:
    assert read(b"", "Subject: s") == Content("", subject="s", thread="c1")
    assert read(b"") is None


# --- writing ----------------------------------------------------------------------------------------------------------


def write(said: Said, **options: Any) -> MessageFacts | None:
    return write_request(said, JULIET, ROMEO, **options)


def there_and_back(said: Said, **options: Any) -> Said | None:
    facts = write(said, id="r1", now=NOW, **options)
    assert facts is not None
    sent = request(facts.body, *(f"{name}: {value}" for name, value in facts.headers))
    return read_request(sent, "xmpp.example", NOW)


@pytest.mark.parametrize(
    "said",
    [
        Content("grün\n", "", "s", "c1", "de"),
        Content("hi", thread="c1", sent=NOW - 900, expires=NOW + 100),
        Content("hi", thread="c1", expires=NOW + 100),
        Content("hi", "<strong>hi</strong>", thread="c1"),
        Content("hi", thread="c1", asked=Asked("m1", True, True, True)),
        Content("hi", "<em>hi</em>", "s", "c1", "de", NOW - 900, None, Asked("m1", displayed=True)),
        Typing("active", 0, "c1"),
        Receipt("m1", "displayed", "c1"),
        Receipt("m1", "failed", "c1"),
    ],
)
def test_what_is_said_survives_the_way_there_and_back(said: Said) -> None:
    assert there_and_back(said, takes=ALL) == said


def test_composing_says_how_long_it_lasts() -> None:
    assert there_and_back(Typing("composing", 0, "c1"), takes=ALL) == Typing("composing", 90, "c1")


def test_peer_that_takes_plain_text_is_told_nothing_else() -> None:
    content = Content("hi", "<em>hi</em>", asked=Asked("m1", True), typing="active")
    assert write(content) == MessageFacts((("Content-Type", "text/plain;charset=UTF-8"),), b"hi", None)
    assert write(Typing("composing")) is None
    assert write(Receipt("1", "delivered"), id="r1", now=NOW) is None


def test_receipt_needs_a_name_and_a_time() -> None:
    assert write(Receipt("1", "delivered"), takes=ALL, now=NOW) is None
    assert write(Receipt("1", "delivered"), takes=ALL, id="r1") is None


def test_microsofts_clients_are_told_by_info() -> None:
    facts = write(Typing("composing"), takes=KEYBOARD)
    assert facts is not None
    assert (facts.method, facts.headers) == ("INFO", (("Content-Type", "application/xml"),))


def test_who_has_gone_is_told_by_no_message() -> None:
    assert write(Typing("gone"), takes=ALL) is None
    assert write(Content("")) is None


texts = st.text(max_size=30)


@settings(max_examples=200)
@given(texts, texts, texts, texts, texts, st.booleans())
def test_no_text_can_make_a_header(body: str, subject: str, thread: str, lang: str, id: str, rich: bool) -> None:
    lang = lang if lang.isalpha() and lang.isascii() and len(lang) < 9 else ""
    content = Content(body, "<em>x</em>" if rich else "", subject, thread, lang, 1e9, 1e9 + 5, Asked(id, True))
    facts = write(content, takes=ALL, now=NOW)
    if facts is None:
        assert not body
        return
    sent = [("Call-ID", facts.call_id or "x"), *facts.headers]
    head, _, rest = request_bytes("MESSAGE", "sip:romeo@sip.example", sent, facts.body).partition(b"\r\n\r\n")
    assert rest == facts.body
    assert len(head.split(b"\r\n")) == 1 + len(sent) + 1


@settings(max_examples=300)
@given(st.sampled_from(TAKEN), st.binary(max_size=200))
def test_every_body_is_read_or_refused(type: str, body: bytes) -> None:
    try:
        read(body, f"Content-Type: {type};boundary=b")
    except RemoteProtocolError as error:
        assert error.status in (400, 403, 413, 415)
