"""Tests of `edge.bodies.rtf`."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.bodies import rtf, text
from edge.bodies.text import UnsupportedBody
from edge.errors import RemoteProtocolError

LYNC = (
    b"{\\rtf1\\fbidis\\ansi\\ansicpg1252\\deff0\\nouicompat\\deflang1033{\\fonttbl{\\f0\\fnil\\fcharset0 Segoe UI;}}"
    b"{\\colortbl ;\\red0\\green0\\blue0;}\r\n{\\*\\generator Riched20 15.0.4420}{\\*\\mmathPr\\mwrapIndent1440}"
    b"\\viewkind4\\uc1 \r\n\\pard\\cf1\\embo\\f0\\fs20 Hello \\b you\\b0 , gr\\'fc\\'df\\par\r\n"
    b"second line\\par\r\n}\r\n\x00"
)


def test_text_of_a_message_is_found() -> None:
    assert rtf.text_of(LYNC) == "Hello you, grüß\nsecond line"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a\\par b\\line c\\tab d", "a\nb\nc\td"),
        (b"\\{\\}\\\\\\~\\_\\-", "{}\\\xa0\u2011"),
        (b"\\emdash\\ldblquote x\\rdblquote ", "—“x”"),
        (b"\\u252?\\u-10179?\\u-8717?", "ü🗳"),
        (b"\\u252\\'fc\\u8364 \\'80x", "ü€x"),
        (b"\\uc0\\u252 a", "üa"),
        (b"{\\uc2\\u252 ab}\\u252 cd", "üüd"),
        (b"\\uc2\\u252{}ab", "üab"),
        (b"a\r\nb\\\nc", "ab\nc"),
        (b"a{\\b b{\\i c}}d", "abcd"),
        (b"a{\\*\\unknown x{y}}b{\\pict 00ff}c{\\info{\\title t}}", "abc"),
        (b"{\\field{\\*\\fldinst HYPERLINK \"x\"}{\\fldrslt here}}", "here"),
        (b"a{\\pict\\bin3 }}}x}b", "ab"),
        (b"\\u55357?alone", "alone"),
        (b"\\u56397?alone", "\ufffdalone"),
        (b"\\'0", "0"),
        (b"\\'07", "\ufffd"),
    ],
)
def test_text_is_what_a_reader_sees(content: bytes, expected: str) -> None:
    assert rtf.text_of(b"{\\rtf1\\ansi " + content + b"}") == expected


@pytest.mark.parametrize(
    ("head", "octets", "expected"),
    [
        (b"\\ansicpg1251", b"\\'ef", "п"),
        (b"\\ansicpg932", b"\\'93\\'fa\\'96{", "日"),
        (b"\\ansicpg932", b"\\'93\\'fa\\'96\\'7b", "日本"),
        (b"\\ansicpg99999", b"\\'fc", "ü"),
        (b"\\mac", b"\\'8a", "ä"),
    ],
)
def test_octets_are_of_the_code_page(head: bytes, octets: bytes, expected: str) -> None:
    body = b"{\\rtf1" + head + b" " + octets + (b"}" if octets.endswith(b"{") else b"") + b"}"
    assert rtf.text_of(body).rstrip("\ufffd") == expected


FONTS = (
    b"{\\fonttbl{\\f0\\fnil\\fcharset0 Segoe UI;}{\\f1\\fswiss\\fcharset204{\\*\\panose 020b}Arial Cyr;}"
    b"{\\f2\\fcharset128 MS Gothic;}{\\f3\\fcharset1 X;}{\\f4\\cpg1253 Y;}{\\f5\\fcharset99 Z;}}"
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"\\f1 \\'ef\\f0 \\'fc", "пü"),
        (b"\\f0 \\'fc{\\f1 \\'ef}\\'fc", "üпü"),
        (b"{\\f2\\'93\\'fa\\'96\\'7b}\\f3\\'b1", "日本±"),
        (b"\\f4 \\'e1\\f5 \\'fc\\f9 \\'fc\\f \\'fc", "αüüü"),
        (b"\\f1 \\'ef\\u1103?\\'ef", "пяп".replace("я", "\u044f")),
    ],
)
def test_octets_are_of_the_code_page_of_their_font(content: bytes, expected: str) -> None:
    """As Communicator writes Cyrillic, Greek and Japanese."""
    assert rtf.text_of(b"{\\rtf1\\ansi\\ansicpg1252" + FONTS + content + b"}") == expected


def test_fonts_are_not_more_than_so_many() -> None:
    table = b"".join(b"{\\f%d\\fcharset204;}" % number for number in range(1000))
    assert rtf.text_of(b"{\\rtf1{\\fonttbl" + table + b"}\\f1 \\'ef\\f999 \\'fc}") == "пü"


PICTURES = [b"{\\pict\\wmetafile8 00ff}", b"{\\object{\\*\\objdata 00}}", b"{\\pict\\bin4 }}{{}"]


@pytest.mark.parametrize("picture", PICTURES)
def test_picture_alone_is_not_supported_and_beside_a_text_left_out(picture: bytes) -> None:
    with pytest.raises(UnsupportedBody):
        rtf.text_of(b"{\\rtf1 " + picture + b"}")
    assert rtf.text_of(b"{\\rtf1 " + picture + b"look}") == "look"
    assert rtf.text_of(b"{\\rtf1 }") == ""


@pytest.mark.parametrize("body", [b"", b"hi", b"<b>", b"\\rtf1", b"{\\rt", b"{\\urtf1}"])
def test_body_that_is_no_rich_text_is_not_supported(body: bytes) -> None:
    with pytest.raises(UnsupportedBody):
        rtf.text_of(body)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{\\rtf1 x", 400), (b"{\\rtf1 {x}", 400), (b"{\\rtf1\\bin999999 x}", 400), (b"{\\rtf1 \\", 400),
        (b"{\\rtf1 " + b"{" * 200 + b"}" * 201, 400), (b"{\\rtf1 " + b"\\par" * 60_000 + b"}", 413),
        (b"{\\rtf1 " + b"x" * rtf.MAX_BYTES + b"}", 413),
    ],
)
def test_body_that_is_malformed_or_too_long_is_refused(body: bytes, status: int) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        rtf.text_of(body)
    assert caught.value.status == status


def test_every_code_page_of_the_table_is_a_codec() -> None:
    for page, codec in rtf._PAGES.items():
        assert b"a".decode(codec) == "a", page


PIECES = [
    b"{", b"}", b"\\par ", b"\\u-1?", b"\\u55357", b"\\uc9", b"\\'", b"\\'ff", b"\\*", b"\\bin9 ", b"\\", b"x",
    b"\\ansicpg932 ", b"\\" + b"a" * 40, b"\\u99999999999", b"\\uc-5 ", b"{\\*\\x ", b"{\\pict ", b"\r\n", b"\xff",
    b"\x00", b"\\\r", b"\\ansicpg-1", b"{\\fonttbl", b"\\f1", b"\\fcharset204 ", b"\\f-99999999999 ",
]


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_anything_is_read_or_refused(pieces: list[bytes]) -> None:
    try:
        found = rtf.text_of(b"{\\rtf1 " + b"".join(pieces) + b"}")
    except RemoteProtocolError as error:
        assert error.status in (400, 413, 415)
    else:
        assert text.legal(found) == found


@pytest.mark.parametrize("piece", PIECES)
def test_every_document_takes_linear_time(piece: bytes) -> None:
    began = time.process_time()
    with contextlib.suppress(RemoteProtocolError):
        rtf.text_of((b"{\\rtf1 " + piece * rtf.MAX_BYTES)[: rtf.MAX_BYTES])
    assert time.process_time() - began < 20  # seconds of CPU; one that is not linear takes minutes
