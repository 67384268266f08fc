"""Tests of `edge.mapping.messages`."""

import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.bodies.text import UnsupportedBody
from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.mapping.messages import ACCEPT, MAX_CALL_ID, MessageFacts, request_of, stanza_of
from edge.sip.message import Request, parse_message, request_bytes
from edge.xmpp.element import Element
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Message

ROMEO = JID.parse("romeo@sip.example/orchard")
JULIET = JID.parse("juliet@xmpp.example")
PLAIN = "Content-Type: text/plain"
UTF8 = ("Content-Type", "text/plain;charset=UTF-8")
LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def request(body: bytes, *lines: str, call_id: str = "abc@sip.example") -> Request:
    head = "\r\n".join(
        [
            "MESSAGE sip:juliet@xmpp.example SIP/2.0",
            "Via: SIP/2.0/TLS sip.example;branch=z9hG4bK1",
            "Max-Forwards: 70",
            "From: <sip:romeo@sip.example>;tag=1",
            "To: <sip:juliet@xmpp.example>",
            f"Call-ID: {call_id}",
            "CSeq: 1 MESSAGE",
            *lines,
        ]
    )
    parsed = parse_message(head.encode(), body)
    assert isinstance(parsed, Request)
    return parsed


def stanza(body: bytes, *lines: str, call_id: str = "abc@sip.example", **options: Any) -> ET.Element:
    data = stanza_of(request(body, *lines, call_id=call_id), ROMEO, JULIET, id="x-1", page_type="chat", **options)
    assert data is not None
    return ET.fromstring(data)


def text_of(element: ET.Element, name: str) -> str | None:
    child = element.find(name)
    return None if child is None else child.text


# --- MESSAGE to stanza: RFC 7572 §5 table 2 ---------------------------------------------------------------------------


def test_stanza_of_maps_every_row_of_the_table() -> None:
    element = stanza("Grüß Gott".encode(), PLAIN, "Subject: Hallo & <so>", "Content-Language: de, en")
    assert element.attrib == {"from": str(ROMEO), "to": str(JULIET), "id": "x-1", "type": "chat", LANG: "de"}
    assert {child.tag: child.text for child in element} == {
        "subject": "Hallo & <so>",
        "body": "Grüß Gott",
        "thread": "abc@sip.example",
    }


def test_stanza_of_has_only_body_and_thread_when_nothing_else_is_said() -> None:
    element = stanza(b"hi", PLAIN)
    assert [child.tag for child in element] == ["body", "thread"]
    assert LANG not in element.attrib


@pytest.mark.parametrize("page_type", ["chat", "normal"])
def test_stanza_of_has_the_type_of_the_recipient_system(page_type: str) -> None:
    data = stanza_of(request(b"hi", PLAIN), ROMEO, JULIET, id="1", page_type=page_type)
    assert data is not None
    assert ET.fromstring(data).get("type", "normal") == page_type


@pytest.mark.parametrize(
    ("line", "body", "expected"),
    [
        ("Content-Type: text/plain; charset=UTF-8", "ü".encode(), "ü"),
        ('c: Text/Plain ;charset="utf-8"', "ü".encode(), "ü"),
        ("Content-Type: text/plain;charset=ISO-8859-1", b"\xfc", "ü"),
        ("Content-Type: text/plain;charset=US-ASCII;format=flowed", b"a", "a"),
        (PLAIN, b"a\r\nb\rc\n", "a\nb\nc\n"),
        (PLAIN, b"a\x00b\x1fc\x0bd\x7f", "a\ufffdb\ufffdc\ufffdd\x7f"),
        (PLAIN, "a\ufffeb\U0001f389".encode(), "a\ufffdb\U0001f389"),
        (PLAIN, b"<b>&amp;</b>]]>'\"", "<b>&amp;</b>]]>'\""),
        (PLAIN, b"</body><body>x", "</body><body>x"),
    ],
)
def test_stanza_of_gives_the_text_of_the_body(line: str, body: bytes, expected: str) -> None:
    assert text_of(stanza(body, line), "body") == expected


FOREIGN = ["image/gif", "application/x-ms-ink", "text/x-msmsgsinvite", "text/plain2", "application/sdp"]


@pytest.mark.parametrize("media", FOREIGN)
def test_stanza_of_answers_415_when_the_type_is_no_text(media: str) -> None:
    with pytest.raises(UnsupportedBody) as caught:
        stanza(b"x", f"Content-Type: {media}")
    assert (caught.value.status, caught.value.code, caught.value.headers) == (415, Code.S04, (("Accept", ACCEPT),))
    with pytest.raises(UnsupportedBody):
        stanza(b"x", f"Content-Type: {media}", "Content-Disposition: render;handling=required")


@pytest.mark.parametrize("lines", [("Content-Type: image/gif",), (PLAIN, "Content-Encoding: gzip")])
def test_stanza_of_is_nothing_when_a_foreign_body_is_optional(lines: tuple[str, ...]) -> None:
    optional = request(b"x", *lines, "Content-Disposition: icon; Handling = optional")
    assert stanza_of(optional, ROMEO, JULIET, id="1", page_type="chat") is None


def test_stanza_of_answers_415_when_the_body_is_encoded() -> None:
    with pytest.raises(UnsupportedBody) as caught:
        stanza(b"\x1f\x8b", PLAIN, "Content-Encoding: gzip")
    assert caught.value.headers == (("Accept-Encoding", "identity"),)
    assert text_of(stanza(b"x", PLAIN, "Content-Encoding: Identity"), "body") == "x"


def test_stanza_of_answers_415_when_the_charset_is_unknown() -> None:
    with pytest.raises(UnsupportedBody) as caught:
        stanza(b"x", "Content-Type: text/plain;charset=x-klingon")
    assert caught.value.headers[0][0] == "Accept"


@pytest.mark.parametrize(
    ("body", "lines"),
    [(b"\xff", (PLAIN,)), (b"x", ()), (b"x", ("Content-Type: text",)), (b"x", (PLAIN, "Content-Type: text/html"))],
)
def test_stanza_of_answers_400_when_the_request_is_wrong(body: bytes, lines: tuple[str, ...]) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        stanza(body, *lines)
    assert caught.value.status == 400


def test_stanza_of_answers_413_when_the_stanza_is_too_large() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        stanza(b"<" * 300, PLAIN, limit=1000)  # each becomes four octets
    assert (caught.value.status, caught.value.code) == (413, Code.S09)
    assert text_of(stanza(b"a" * 300, PLAIN, limit=1000), "body") == "a" * 300


def test_stanza_of_is_nothing_when_the_message_is_empty() -> None:
    assert stanza_of(request(b""), ROMEO, JULIET, id="1", page_type="chat") is None


def test_stanza_of_keeps_a_subject_without_a_body() -> None:
    element = stanza(b"", "Subject: Are you there?")
    assert text_of(element, "subject") == "Are you there?"
    assert element.find("body") is None


@pytest.mark.parametrize("value", ["klingonese", "'><evil/>", "", "de_DE"])
def test_stanza_of_leaves_out_a_language_that_is_none(value: str) -> None:
    assert LANG not in stanza(b"x", PLAIN, f"Content-Language: {value}").attrib


def test_stanza_of_escapes_a_hostile_subject_and_call_id() -> None:
    element = stanza(b"x", PLAIN, "Subject: </subject><evil/>\x01", call_id="<evil>'\"@<x>")
    assert text_of(element, "subject") in ("</subject><evil/>\ufffd", "</subject><evil/>")
    assert text_of(element, "thread") == "<evil>'\"@<x>"


# --- stanza to MESSAGE: RFC 7572 §4 table 1 ---------------------------------------------------------------------------


def message(body: str = "hi", **fields: Any) -> Message:
    fields.setdefault("bodies", (("", body),) if body else ())
    return Message(JULIET, ROMEO, body=body, **fields)


def facts(stanza: Message) -> MessageFacts:
    found = request_of(stanza)
    assert found is not None
    return found


def test_request_of_maps_every_row_of_the_table() -> None:
    found = facts(message("Grüß\nGott", lang="de", subject="Hallo", thread="abc", type="chat", id="1"))
    assert list(found.headers) == [UTF8, ("Content-Language", "de"), ("Subject", "Hallo")]
    assert found.body == "Grüß\r\nGott".encode()
    assert found.call_id == "abc"


def test_request_of_has_only_the_body_when_nothing_else_is_said() -> None:
    assert facts(message()) == MessageFacts((UTF8,), b"hi", None)


@pytest.mark.parametrize("kind", ["normal", "chat", "headline"])
def test_request_of_sends_every_type_that_has_one_recipient(kind: str) -> None:
    assert facts(message(type=kind)).body == b"hi"


def test_request_of_refuses_groupchat() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        request_of(message(type="groupchat"))
    assert caught.value.condition == "service-unavailable"


def test_request_of_is_nothing_when_the_stanza_is_an_error() -> None:
    assert request_of(message(type="error")) is None


def test_request_of_is_nothing_when_there_is_no_body() -> None:
    assert request_of(message("")) is None
    assert request_of(message("", bodies=(("", ""),), subject="x")) is None


@pytest.mark.parametrize(
    ("lang", "bodies", "expected"),
    [
        ("de", (("en", "yes"), ("de", "ja")), ("de", "ja")),
        ("de", (("en", "yes"), ("", "ja")), ("de", "ja")),
        ("", (("en", "yes"), ("", "ja")), ("", "ja")),
        ("fr", (("en", "yes"), ("de", "ja")), ("en", "yes")),
        ("de", (("en", "yes"),), ("en", "yes")),
        ("de", (("de", "ja"), ("de", "jo")), ("de", "ja")),
    ],
)
def test_request_of_sends_one_body_of_several(
    lang: str, bodies: tuple[tuple[str, str], ...], expected: tuple[str, str]
) -> None:
    found = facts(message(bodies[0][1], bodies=bodies, lang=lang))
    assert (dict(found.headers).get("Content-Language", ""), found.body.decode()) == expected


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("two\r\nlines", "two lines"),
        ("x\r\nVia: evil", "x Via: evil"),
        ("  tab\there ", "tab here"),
        ("bell\x07\x7f\x85end", "bell end"),
        ("👨‍👩‍👧 family", "👨‍👩‍👧 family"),
        ("line\u2028separator", "line separator"),
    ],
)
def test_request_of_makes_the_subject_one_line(subject: str, expected: str) -> None:
    assert dict(facts(message(subject=subject)).headers)["Subject"] == expected


def test_request_of_leaves_out_an_empty_subject() -> None:
    assert facts(message(subject=" \r\n ")).headers == [UTF8]


@pytest.mark.parametrize("lang", ["x'y", "de\r\nVia: evil", "de_DE"])
def test_request_of_leaves_out_a_language_that_is_none(lang: str) -> None:
    assert list(facts(message(lang=lang)).headers) == [UTF8]


CALL_IDS = ["e0ffe42b28561960c6b12b944a092794b9683a38", "a@b", "7f3c-1", "x" * MAX_CALL_ID, "!%*_+`'~()<>:\\\"/[]?{}"]


@pytest.mark.parametrize("thread", CALL_IDS)
def test_request_of_uses_the_thread_as_call_id_when_it_is_one(thread: str) -> None:
    assert facts(message(thread=thread)).call_id == thread


NO_CALL_IDS = ["", "two words", "a@b@c", "@", "a@", "ü", "a;b", "a,b", "a\r\nVia: x", "a\n", "x" * (MAX_CALL_ID + 1)]


@pytest.mark.parametrize("thread", NO_CALL_IDS)
def test_request_of_has_no_call_id_when_the_thread_is_none(thread: str) -> None:
    assert facts(message(thread=thread)).call_id is None


@settings(max_examples=200)
@given(st.text(), st.text(), st.text(), st.text())
def test_no_stanza_can_make_a_header_or_break_a_request(body: str, subject: str, thread: str, lang: str) -> None:
    found = request_of(message(body, subject=subject, thread=thread, lang=lang))
    if found is None:
        assert not body
        return
    sent = [("Call-ID", found.call_id or "x"), *found.headers]
    data = request_bytes("MESSAGE", "sip:romeo@sip.example", sent, found.body)
    head, _, content = data.partition(b"\r\n\r\n")
    assert content == found.body
    assert len(head.split(b"\r\n")) == 1 + len(sent) + 1


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_every_body_becomes_a_well_formed_stanza_or_a_refusal(body: bytes) -> None:
    try:
        data = stanza_of(request(body, PLAIN), ROMEO, JULIET, id="1", page_type="chat")
    except RemoteProtocolError as error:
        assert error.status == 400
        return
    assert (data is None) == (body == b"")
    if data is not None:
        assert ET.fromstring(data).tag == "message"


def test_stanza_of_carries_formatted_text_as_text() -> None:
    element = stanza(b"<b>hi</b> you", "Content-Type: text/html")
    assert text_of(element, "body") == "hi you"
    assert not [child for child in element if child.tag.endswith("}html")]


@pytest.mark.parametrize(
    ("media", "body"),
    [
        (
            "application/im-iscomposing+xml",
            b"<isComposing xmlns='urn:ietf:params:xml:ns:im-iscomposing'><state>idle</state></isComposing>",
        ),
        ("application/xml", b"<KeyboardActivity><status status='type'/></KeyboardActivity>"),
    ],
)
def test_stanza_of_leaves_chat_states_out(media: str, body: bytes) -> None:
    assert stanza_of(request(body, f"Content-Type: {media}"), ROMEO, JULIET, id="1", page_type="chat") is None


def test_stanza_of_promises_no_receipt() -> None:
    body = (
        b"NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: 1\r\nimdn.Disposition-Notification: positive-delivery\r\n"
        b"\r\nContent-Type: text/plain\r\n\r\nhi"
    )
    assert [child.tag for child in stanza(body, "Content-Type: message/cpim")] == ["body", "thread"]


def test_stanza_of_says_when_an_old_message_was_written_and_refuses_an_expired_one() -> None:
    date, now = "Date: Sat, 13 Nov 2010 23:29:00 GMT", 1_289_690_940.0
    (delay,) = stanza(b"hi", PLAIN, date, now=now + 600).findall("{urn:xmpp:delay}delay")
    assert delay.attrib == {"from": "xmpp.example", "stamp": "2010-11-13T23:29:00Z"}
    with pytest.raises(RemoteProtocolError) as caught:
        stanza(b"hi", PLAIN, date, "Expires: 60", now=now + 600)
    assert caught.value.status == 480


def test_request_of_minds_what_stands_beside_the_text() -> None:
    file = Element("x", "jabber:x:oob", {}, [Element("url", "jabber:x:oob", {}, ["https://x.example/1"])])
    delay = Element("delay", "urn:xmpp:delay", {"stamp": "2010-11-13T23:29:00Z"})
    wanted = Element("request", "urn:xmpp:receipts")
    found = facts(message("look", extensions=(file, delay, wanted), id="1", thread="abc"))
    assert found.body == b"look\r\nhttps://x.example/1"
    assert list(found.headers) == [UTF8, ("Date", "Sat, 13 Nov 2010 23:29:00 GMT")]
    assert found.call_id == "abc"


def test_request_of_promises_no_receipt_and_sends_no_chat_state() -> None:
    wanted, state = Element("request", "urn:xmpp:receipts"), Element("active", "http://jabber.org/protocol/chatstates")
    takes = frozenset((*ACCEPT.split(", "),))
    found = request_of(message(extensions=(wanted, state), id="1"), takes=takes, now=1e9)
    assert found is not None and list(found.headers) == [UTF8]
    assert request_of(message("", extensions=(state,)), takes=takes, now=1e9) is None


@pytest.mark.parametrize("encrypted", ["fallback", "refuse"])
def test_request_of_refuses_what_nobody_could_read(encrypted: str) -> None:
    omemo = Element("encrypted", "eu.siacs.conversations.axolotl")
    omemo.children.append(Element("payload", "eu.siacs.conversations.axolotl"))
    with pytest.raises(RemoteProtocolError, match="OMEMO") as caught:
        request_of(message("", extensions=(omemo,)), encrypted=encrypted)
    assert caught.value.condition == "not-acceptable"
