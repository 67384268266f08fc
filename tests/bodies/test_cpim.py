"""Tests of `edge.bodies.cpim`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.bodies import cpim
from edge.bodies.cpim import Address, Extension, Message
from edge.bodies.mime import Entity
from edge.errors import RemoteProtocolError

IMDN = "urn:ietf:params:imdn"
INNER = b"Content-type: text/plain; charset=utf-8\r\n\r\nhi"


def message(*lines: str) -> Message:
    return cpim.parse("\r\n".join([*lines, "", ""]).encode() + INNER)


def test_message_is_read() -> None:
    read = message(
        'From: "MR \\"SANDERS\\"" <im:piglet@100akerwood.com>',
        "To: Depressed Donkey <im:eeyore@100akerwood.com>",
        "To: <im:pooh@100akerwood.com>",
        "cc: <im:rabbit@100akerwood.com>",
        "DateTime: 2000-12-13T13:40:00-08:00",
        "Subject: the weather will be fine today",
        "Subject:;lang=fr beau temps pr\\u00e9vu",
        "NS: MyFeatures <mid:MessageFeatures@id.foo.com>",
        "Require: MyFeatures.VitalMessageOption",
        "MyFeatures.VitalMessageOption: Confirmation-requested",
        "MyFeatures.WackyMessageOption: Use-silly-font",
    )
    assert read.from_ == Address('MR "SANDERS"', "im:piglet@100akerwood.com")
    assert [(to.name, to.uri) for to in read.to] == [
        ("Depressed Donkey", "im:eeyore@100akerwood.com"),
        ("", "im:pooh@100akerwood.com"),
    ]
    assert read.date_time == "2000-12-13T13:40:00-08:00"
    assert read.subjects == (("", "the weather will be fine today"), ("fr", "beau temps prévu"))
    assert read.extension("mid:MessageFeatures@id.foo.com", "WackyMessageOption") == "Use-silly-font"
    assert read.unknown(IMDN) == ["mid:MessageFeatures@id.foo.com VitalMessageOption"]
    assert read.unknown("mid:MessageFeatures@id.foo.com") == []
    assert (read.content.type, read.content.body) == ("text/plain", b"hi")


def test_headers_are_told_apart_by_case() -> None:
    assert message("from: <im:a@b>").from_ is None
    assert message("Require: Subject, subject").unknown() == ["subject"]


def test_extension_without_a_namespace_is_nobodys() -> None:
    assert message("imdn.Message-ID: 1").extension(IMDN, "Message-ID") == ""
    assert message(f"NS: x <{IMDN}>", "x.Message-ID: 1").extension(IMDN, "Message-ID") == "1"


def test_message_is_read_as_phones_write_it() -> None:
    read = message("From:<sip:anonymous@anonymous.invalid>", f"NS: imdn<{IMDN}>", "imdn.Message-ID:Xd", "DateTime:  x")
    assert read.from_ == Address("", "sip:anonymous@anonymous.invalid")
    assert (read.extension(IMDN, "Message-ID"), read.date_time) == ("Xd", "x")


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("a\\\\b", "a\\b"), ("a\\tb\\n", "a\tb\n"), ("\\\"q\\\"", '"q"'), ("\\x", "x"), ("\\u00E9\\u20ac", "é€"),
        ("\\uD83C\\uDF89", "🎉"), ("\\ud83c!", "\ufffd!"), ("\\u12", "u12"),
    ],
)
def test_escapes_are_undone(written: str, text: str) -> None:
    assert message(f"Subject: {written}").subjects == (("", text),)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"From: <im:a@b>\r\n", b"\r\n\r\n" + INNER, b"no colon\r\n\r\n" + INNER,
        b"From: im:a@b\r\n\r\n" + INNER, b"From: <im:a@b>\r\nFrom: <im:c@d>\r\n\r\n" + INNER,
        b"From: <im:a@b> x\r\n\r\n" + INNER, b"Subject: a\r\n folded\r\n\r\n" + INNER,
        b"Subject: a\x00b\r\n\r\n" + INNER, b"Subject: \xff\r\n\r\n" + INNER, b"NS: nothing\r\n\r\n" + INNER,
        b"a.b.c: x\r\n\r\n" + INNER, b"From: <im:a@b>\r\n\r\nno inner type", b"From: <im:a@b>\r\n\r\n\r\nhi",
        b"X: y\r\n" * 100 + b"\r\n" + INNER, b"X: " + b"y" * cpim.MAX_HEAD + b"\r\n\r\n" + INNER,
    ],
)
def test_message_that_is_malformed_is_refused(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        cpim.parse(body)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("uri", "host", "expected"),
    [
        ("im:a@B.example", "b.example", True),
        ("sip:a@b.example:5061;transport=tls", "b.example", True),
        ("sip:b.example", "b.example", True),
        ("im:a@xn--strae-oqa.example", "straße.example", True),
        ("sip:anonymous@anonymous.invalid", "b.example", True),
        ("im:a@c.example", "b.example", False),
        ("im:a@b.example.c.example", "b.example", False),
        ("im:a@c.example?x=@b.example", "b.example", False),
        ("im:a@c.example;x=@b.example", "b.example", False),
        ("tel:+123", "b.example", False),
        ("", "b.example", False),
    ],
)
def test_agrees_compares_the_domain(uri: str, host: str, expected: bool) -> None:
    assert cpim.agrees(Address("", uri), host) is expected


def test_agrees_with_a_message_that_names_nobody() -> None:
    assert cpim.agrees(None, "b.example")


texts = st.text(max_size=20)


@given(texts, texts, texts, st.lists(st.tuples(st.sampled_from(["", "de", "x\r\ny"]), texts), max_size=3), texts)
def test_no_value_can_make_a_header(
    name: str, uri: str, time: str, subjects: list[tuple[str, str]], identifier: str
) -> None:
    sent = Message(
        Address(name, uri),
        (Address("", uri),),
        Entity("text/plain", {"charset": "UTF-8"}, b"body", id=identifier),
        time,
        tuple(subjects),
        extensions=(Extension(IMDN, "Message-ID", identifier),),
    )
    read = cpim.parse(cpim.render(sent))
    assert read.from_ is not None
    assert len(read.to) == 1 and len(read.extensions) == 1 and read.content.body == b"body"
    assert read.requires == ()
    assert [text.strip(" ") for _, text in subjects] == [text for _, text in read.subjects]
    assert read.extensions[0].value == identifier.strip(" ")


@given(st.binary(max_size=200))
def test_parse_reads_or_refuses_anything(octets: bytes) -> None:
    try:
        cpim.parse(b"Subject: x\r\n" + octets)
    except RemoteProtocolError as error:
        assert error.status == 400
