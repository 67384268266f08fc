"""Tests of `edge.bodies.text`."""

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.bodies import text
from edge.codes import Code
from edge.errors import RemoteProtocolError

ILLEGAL = [*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0xD800, 0xDFFF, 0xFFFE, 0xFFFF]


@pytest.mark.parametrize(
    ("charset", "body", "expected"),
    [
        ("", "grüß".encode(), "grüß"),
        ("UTF-8", "grüß".encode(), "grüß"),
        ("us-ascii", b"plain", "plain"),
        ("ISO-8859-1", b"gr\xfc\xdf", "grüß"),
        ("windows-1252", b"\x80", "€"),
        ("iso-8859-15", b"\xa4", "€"),
        ("koi8-r", "привет".encode("koi8-r"), "привет"),
        ("Shift_JIS", "日本".encode("shift_jis"), "日本"),
        ("gb18030", "中文".encode("gb18030"), "中文"),
        ("UTF-16", "grüß".encode("utf-16"), "grüß"),
        ("UTF-16", "\ufeffgrüß".encode("utf-16-be"), "grüß"),
        ("UTF-32", "grüß".encode("utf-32"), "grüß"),
        ("UTF-32", "\ufeffgrüß".encode("utf-32-be"), "grüß"),
    ],
)
def test_decode_reads_declared_charset(charset: str, body: bytes, expected: str) -> None:
    assert text.decode(body, charset) == expected


@pytest.mark.parametrize(
    ("charset", "body", "expected"),
    [
        ("utf-16", "hi 日".encode("utf-16-be"), "hi 日"),
        ("utf-16", "hi 日".encode("utf-16-le"), "hi 日"),
        ("utf-16", "日本".encode("utf-16-be"), "日本"),
        ("utf-32", "hi 日".encode("utf-32-be"), "hi 日"),
        ("utf-32", "hi 日".encode("utf-32-le"), "hi 日"),
        ("us-ascii", "grüß".encode(), "grüß"),
        ("iso-8859-1", b"\x93a\x94 \x80", "“a” €"),
        ("iso-8859-1", b"\x81\xfc", "\x81ü"),
        ("iso-8859-1", b"a\tb\xfc", "a\tbü"),
        ("cp1252", b"\x80", "€"),
        ("x-sjis", "日本".encode("shift_jis"), "日本"),
    ],
)
def test_decode_reads_what_others_mean_by_a_charset(charset: str, body: bytes, expected: str) -> None:
    """Without the mark of its order, as its better half, or as what Windows has in its place."""
    assert text.decode(body, charset) == expected


NO_CHARSETS = ["x-unknown", "base64", "zip", "idna", "punycode", "unicode_escape", "rot13", "utf-7"]


@pytest.mark.parametrize("charset", NO_CHARSETS)
def test_decode_answers_415_when_charset_is_unknown_or_no_charset(charset: str) -> None:
    with pytest.raises(text.UnsupportedBody) as caught:
        text.decode(b"x", charset)
    assert (caught.value.status, caught.value.code) == (415, Code.S04)
    assert caught.value.headers[0][0] == "Accept"


@pytest.mark.parametrize(
    ("charset", "body"),
    [
        ("", b"\xff"), ("utf-8", b"\xc0\xaf"), ("utf-8", b"\xed\xa0\x80"), ("utf-8", "grüß".encode("latin-1")),
        ("us-ascii", b"\x80"), ("utf-16", b"x"), ("utf-16", b"\xfe\xff\xd8\x00"), ("utf-16le", b"\x00\xd8a\x00"),
        ("utf-32", b"\x00\x11\x00\x00"),
    ],
)
def test_decode_answers_400_when_octets_are_not_in_the_charset(charset: str, body: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        text.decode(body, charset)
    assert caught.value.status == 400


def test_every_charset_of_the_table_is_a_text_codec() -> None:
    for name, codec in text._CHARSETS.items():
        assert "a".encode(codec).decode(codec) == "a", name
        assert name == name.lower()
        assert codecs.lookup(codec)._is_text_encoding  # type: ignore[attr-defined]  # CPython's own flag


@pytest.mark.parametrize("body", [b"a\r\nb\r\n", b"a\nb\n", b"a\rb\r"])
def test_decode_gives_lf_for_every_line_end(body: bytes) -> None:
    assert text.decode(body) == "a\nb\n"


@pytest.mark.parametrize("content", ["a\nb\n", "a\r\nb\r\n", "a\rb\r"])
def test_encode_gives_crlf_for_every_line_end(content: str) -> None:
    assert text.encode(content) == b"a\r\nb\r\n"


def test_encode_gives_utf8() -> None:
    assert text.encode("grüß 🎉") == "grüß 🎉".encode()


@pytest.mark.parametrize("point", ILLEGAL)
def test_legal_replaces_characters_that_xml_cannot_carry(point: int) -> None:
    assert text.legal(f"a{chr(point)}b") == "a\ufffdb"


def test_legal_keeps_all_others() -> None:
    kept = "\t\n\r \x7f\x85\ud7ff\ue000\ufffd\U00010000\U0010ffff"
    assert text.legal(kept) == kept


@pytest.mark.parametrize("point", [point for point in ILLEGAL if point < 0xD800 or point > 0xDFFF])
def test_decode_replaces_characters_that_xml_cannot_carry(point: int) -> None:
    assert text.decode(f"a{chr(point)}b".encode()) == "a\ufffdb"


@settings(max_examples=200)
@given(st.text())
def test_decoded_text_is_legal_in_xml_and_survives_a_second_passage(content: str) -> None:
    once = text.decode(text.encode(content))
    assert text.legal(once) == once
    assert "\r" not in once
    assert text.decode(text.encode(once)) == once
