"""Tests of `edge.mapping.payloads`."""

import base64
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.bodies import imdn
from edge.bodies.mime import Entity, content_type
from edge.bodies.text import UnsupportedBody
from edge.bodies.xhtml import sanitised
from edge.errors import RemoteProtocolError
from edge.mapping import payloads
from edge.mapping.payloads import TAKEN, read
from edge.mapping.said import Asked, Content, Receipt, Said, Typing

HOST = "sip.example"
RTF = b"{\\rtf1 rich}"
COMPOSING = b"<isComposing xmlns='urn:ietf:params:xml:ns:im-iscomposing'><state>%b</state></isComposing>"
REPORT = imdn.render(imdn.Report("m1", "delivery", "delivered"))
CPIM = "From: <im:romeo@sip.example>\r\nTo: <im:juliet@xmpp.example>\r\n"
IMDN = "NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: m1\r\n"


def said(type: str, body: bytes, transfer: str = "", disposition: str = "") -> Said | None:
    media, parameters = content_type(type)
    return read(Entity(media, parameters, body, transfer, disposition), HOST)


def parts(kind: str, *entities: tuple[str, bytes]) -> tuple[str, bytes]:
    body = b"".join([b"--b\r\n" + f"Content-Type: {type}\r\n\r\n".encode() + data + b"\r\n" for type, data in entities])
    return f"multipart/{kind};boundary=b", body + b"--b--\r\n"


def cpim(head: str, type: str = "text/plain", body: bytes = b"hi") -> tuple[str, bytes]:
    return "message/cpim", f"{head}\r\nContent-Type: {type}\r\n\r\n".encode() + body


def status(type: str, body: bytes, transfer: str = "") -> int:
    with pytest.raises(RemoteProtocolError) as caught:
        said(type, body, transfer)
    return caught.value.status


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type", "body", "expected"),
    [
        ("text/plain", b"hi\r\n", Content("hi\n")),
        ("text/plain;charset=UTF-8;msgr=WABNAA", b"hi", Content("hi")),
        ("text/plain;charset=windows-1252", b"\x80", Content("€")),
        ("text/html", b"a<br>b", Content("a\nb")),
        ("text/html;charset=iso-8859-1", b"<b>\xfc</b>", Content("ü", "<strong>ü</strong>")),
        ("text/rtf", RTF, Content("rich")),
        ("application/im-iscomposing+xml", COMPOSING % b"active", Typing("composing", 120)),
        ("application/im-iscomposing+xml", COMPOSING % b"idle", Typing("active")),
        ("application/xml", b"<KeyboardActivity><status status='type'/></KeyboardActivity>", Typing("composing")),
        ("application/xml", b"<KeyboardActivity><status status='idle'/></KeyboardActivity>", Typing("active")),
        ("message/imdn+xml", REPORT, Receipt("m1", "delivered")),
    ],
)
def test_body_says_what_its_type_means(type: str, body: bytes, expected: Said) -> None:
    assert said(type, body) == expected


def test_body_is_read_through_its_transfer_encoding() -> None:
    assert said("text/plain", base64.b64encode("grün".encode()), "base64") == Content("grün")
    assert said("text/html", b"<b>gr=C3=BCn", "quoted-printable") == Content("grün", "<strong>grün</strong>")
    assert status("text/plain", b"not base64!", "base64") == 400


@pytest.mark.parametrize("report", [("processing", "stored"), ("delivery", "forbidden"), ("display", "error")])
def test_report_that_tells_people_nothing_is_nothing(report: tuple[str, str]) -> None:
    assert said("message/imdn+xml", imdn.render(imdn.Report("m1", *report))) is None


@pytest.mark.parametrize("type", ["image/gif", "application/sdp", "application/x-ms-ink", "text/x-msmsgsinvite"])
def test_body_of_another_type_is_refused_unless_optional(type: str) -> None:
    with pytest.raises(UnsupportedBody) as caught:
        said(type, b"x")
    assert caught.value.headers == (("Accept", ", ".join(TAKEN)),)
    assert said(type, b"x", disposition="icon;handling=optional") is None


@pytest.mark.parametrize(
    ("entities", "expected"),
    [
        ([("text/plain", b"a"), ("text/html", b"<b>a</b>")], Content("a", "<strong>a</strong>")),
        ([("text/html", b"<b>a</b>"), ("text/plain", b"b")], Content("b", "<strong>a</strong>")),
        ([("text/html", b"<b>a</b>"), ("text/rtf", RTF)], Content("rich", "<strong>a</strong>")),
        ([("text/plain", b"a"), ("image/gif", b"x")], Content("a")),
        ([("image/gif", b"x"), ("application/im-iscomposing+xml", COMPOSING % b"idle")], Typing("active")),
    ],
)
def test_alternative_gives_the_plain_text_and_its_form(entities: list[tuple[str, bytes]], expected: Said) -> None:
    assert said(*parts("alternative", *entities)) == expected


@pytest.mark.parametrize("kind", ["mixed", "signed", "report", "related"])
def test_mixed_gives_the_first_part_that_says_something(kind: str) -> None:
    assert said(*parts(kind, ("text/plain", b"a"), ("application/pkcs7-signature", b"\x00"))) == Content("a")
    if kind != "related":
        assert said(*parts(kind, ("image/gif", b"x"), ("text/plain", b"a"))) == Content("a")


@pytest.mark.parametrize("kind", ["alternative", "mixed", "signed", "related"])
def test_multipart_without_a_part_for_us_is_refused(kind: str) -> None:
    assert status(*parts(kind, ("image/gif", b"x"), ("image/png", b"x"))) == 415


def test_multipart_may_be_inside_another_but_not_too_often() -> None:
    nested = parts("mixed", parts("alternative", ("text/plain", b"a")))
    assert nested[1].count(b"--b\r\n") == 2
    inner = ("multipart/alternative;boundary=c", b"--c\r\n\r\na\r\n--c--")
    assert said(*parts("mixed", inner)) == Content("a")
    deep = "text/plain", b"a"
    for number in range(6):
        boundary = f"b{number}"
        body = f"--{boundary}\r\nContent-Type: {deep[0]}\r\n\r\n".encode() + deep[1] + f"\r\n--{boundary}--".encode()
        deep = f"multipart/mixed;boundary={boundary}", body
    assert status(*deep) == 413


def test_only_so_many_formatted_texts_are_read() -> None:
    """Each costs some hundredths of a second at most, and a body could hold hundreds."""
    rich = [("text/html", b"<b>a</b>"), ("text/rtf", RTF)] * 2
    assert said(*parts("alternative", *rich[:3])) == Content("a", "<strong>a</strong>")
    assert status(*parts("alternative", *rich)) == 413
    kind, body = parts("alternative", *rich)
    assert status("multipart/mixed;boundary=c", f"--c\r\nContent-Type: {kind}\r\n\r\n".encode() + body) == 413


def test_picture_in_html_is_no_message_and_the_next_best_part_is() -> None:
    assert status("text/html", b"<img src=x>") == 415
    assert said(*parts("alternative", ("text/html", b"<img src=x>"), ("text/rtf", RTF))) == Content("rich")


# --- CPIM and disposition notifications -------------------------------------------------------------------------------


def test_cpim_gives_its_content_subject_and_time() -> None:
    head = CPIM + "DateTime: 2010-11-13T23:29:00Z\r\nSubject:;lang=fr Bonjour\r\nSubject: Hello\r\n"
    assert said(*cpim(head)) == Content("hi", subject="Hello", sent=1_289_690_940.0)


def test_cpim_asks_for_receipts() -> None:
    head = f"{CPIM}{IMDN}imdn.Disposition-Notification: positive-delivery, display\r\n"
    assert said(*cpim(head)) == Content("hi", asked=Asked("m1", True, False, True))
    assert said(*cpim(CPIM + IMDN)) == Content("hi")


def test_cpim_carries_other_types() -> None:
    assert said(*cpim(CPIM, "message/imdn+xml", REPORT)) == Receipt("m1", "delivered")
    assert said(*cpim(CPIM, "application/im-iscomposing+xml", COMPOSING % b"idle")) == Typing("active")
    assert status(*cpim(CPIM, "image/gif")) == 415


def test_cpim_from_somebody_elses_domain_is_refused() -> None:
    assert status(*cpim("From: <im:mercutio@elsewhere.example>\r\n")) == 403
    assert said(*cpim("From: <sip:anonymous@anonymous.invalid>\r\n")) == Content("hi")


def test_cpim_that_requires_the_unknown_is_refused() -> None:
    assert status(*cpim(CPIM + "NS: x <urn:x>\r\nRequire: x.Vital\r\nx.Vital: y\r\n")) == 415
    assert said(*cpim(CPIM + IMDN + "Require: imdn.Message-ID, From\r\n")) == Content("hi")


# --- writing ----------------------------------------------------------------------------------------------------------

PEOPLE = "im:juliet@xmpp.example", "im:romeo@sip.example"


def test_content_is_written_plain_or_with_its_form() -> None:
    content = Content("ü\n", "<strong>ü</strong>")
    for takes in (set(), {"multipart/alternative"}):
        assert payloads.content_entity(content, takes)[:3:2] == ("text/plain", "ü\r\n".encode())
    assert payloads.content_entity(content._replace(xhtml=""), {*TAKEN}).type == "text/plain"
    beside, alone = payloads.content_entity(content, {*TAKEN}), payloads.content_entity(content, {"text/html"})
    assert (beside.type, alone.type) == ("multipart/alternative", "text/html")
    assert read(beside, HOST) == content
    assert read(alone, HOST) == content._replace(body="ü")


PLAIN_CHARACTERS = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff\ufeff")


@given(st.text(PLAIN_CHARACTERS, min_size=1), st.text())
def test_whatever_is_written_is_read_again(body: str, formatted: str) -> None:
    content = Content(body, sanitised(f"<b>{escape(formatted)}</b> "))
    for takes in (set(), {"text/html", "multipart/alternative"}):
        entity = payloads.content_entity(content, takes)
        assert read(entity, HOST) == (content if takes and content.xhtml else content._replace(xhtml=""))


def test_request_for_receipts_survives_writing_and_reading() -> None:
    content = Content("ü", asked=Asked("m1", True, True, True))
    entity = payloads.asking_entity(payloads.content_entity(content, set()), content, PEOPLE, 1e9)
    assert read(entity, "xmpp.example") == content._replace(sent=1e9)


@pytest.mark.parametrize("kind", ["delivered", "displayed", "failed"])
def test_receipt_survives_writing_and_reading(kind: str) -> None:
    entity = payloads.report_entity(Receipt("m1", kind), PEOPLE, "r1", 1e9)
    assert b"imdn.Message-ID: r1\r\n" in entity.body and b"Content-Disposition: notification\r\n" in entity.body
    assert b"Disposition-Notification" not in entity.body  # a report never asks for reports
    assert read(entity, "xmpp.example") == Receipt("m1", kind)


@pytest.mark.parametrize(
    ("state", "expected"),
    [("composing", "composing"), ("paused", "active"), ("active", "active"), ("inactive", "active")],
)
def test_chat_state_is_written_in_both_forms(state: str, expected: str) -> None:
    for entity in (payloads.typing_entity(Typing(state)), payloads.keyboard_entity(Typing(state))):
        found = read(entity, HOST)
        assert isinstance(found, Typing) and found.state == expected
