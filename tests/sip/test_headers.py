"""Tests of the header multimap: one pass, any spelling, any order, nothing lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.codes import Code
from edge.errors import RemoteProtocolError
from edge.sip import headers
from edge.sip.headers import COMPACT, MAX_HEADERS, MAX_LINE, REPEATED, REPEATED_LENGTH, REPEATING, Headers, spelled
from tests.sip.strategies import MANY

NAMES = st.sampled_from(["Via", "v", "VIA", "Supported", "k", "X-New", "Contact", "Subject", "s"])
ROWS = st.lists(st.tuples(NAMES, st.text("ab ,;\"<>\\=\u00fc", max_size=12).map(str.strip)), max_size=8)
CANONICAL = {"v": "via", "k": "supported", "s": "subject"}


def test_rows_keep_their_order_when_other_headers_stand_between() -> None:
    found = Headers.parse(b"Via: one\r\nFrom: x\r\nv: two\r\nMax-Forwards: 70\r\nVIA : three")
    assert list(found.raw(b"via")) == [b"one", b"two", b"three"]
    assert list(found.names()) == [b"via", b"from", b"max-forwards"]


@pytest.mark.parametrize("short", sorted(COMPACT))
def test_compact_form_is_the_long_name(short: bytes) -> None:
    for spelling in (short, short.upper()):
        assert list(Headers.parse(spelling + b": x").raw(COMPACT[short])) == [b"x"]


@pytest.mark.parametrize("line", [b"To:x", b"To: x", b"To :x", b"tO \t : \t x \t", b"t:x", b"T : x"])
def test_name_is_found_in_every_spelling(line: bytes) -> None:
    assert Headers.parse(line).one(b"to") == b"x"


@pytest.mark.parametrize(
    ("block", "row"),
    [
        (b"Subject: a\r\n b", b"a b"),
        (b"Subject:\r\n a", b"a"),
        (b"Subject: a \r\n\t\t b \r\n c", b"a  b c"),
        (b"Subject: a\r\n :b", b"a :b"),
        (b"Subject: a\r\n To: b", b"a To: b"),
        (b"Subject : a\r\n \r\n b", b"a  b"),
    ],
)
def test_folded_line_is_one_row(block: bytes, row: bytes) -> None:
    found = Headers.parse(b"Via: x\r\n" + block + b"\r\nTo: y")
    assert list(found.raw(b"subject")) == [row]
    assert list(found.names()) == [b"via", b"subject", b"to"]


@pytest.mark.parametrize(
    "block",
    [
        b"no colon", b": x", b" : x", b"a b: x", b"To\x01: x", b"To\x00: x", b"To\xc3\xbc: x", b"To[]: x", b" To: x",
        b"Via: x\r\n\r\nTo: y", b"Via: x\nTo: y", b"Via: x\rTo: y", b"Via: x\r\r\nTo: y", b"Via: x\r\n", b"To: x\n",
        b"To\t\x0b: x", b'"To": x', b"To\x7f: x", b"Via: x\r\nTo",
    ],
)
def test_block_is_refused_when_its_lines_are_no_headers(block: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        Headers.parse(block)
    assert caught.value.status == 400


def test_block_without_lines_has_no_headers() -> None:
    assert list(Headers.parse(b"").names()) == []


def test_malformed_value_of_a_header_that_nobody_needs_is_kept() -> None:
    found = Headers.parse(b'Via: x\r\nNonsense: "\\ <<;;,\x00\xff\r\nTo: y')
    assert found.one(b"to") == b"y"
    assert found.get("Nonsense") == '"\\ <<;;,\x00\ufffd'


def test_one_refuses_a_header_that_is_given_twice() -> None:
    found = Headers.parse(b"To: x\r\nt: y")
    with pytest.raises(RemoteProtocolError, match="the To header is given twice"):
        found.one(b"to")


def test_absent_header_has_no_rows() -> None:
    found = Headers.parse(b"To: x")
    assert (found.raw(b"from"), found.one(b"from"), found.get("From"), found.rows("From")) == ((), None, None, [])
    assert found.elements("From") == []
    assert b"to" in found and b"from" not in found


def test_text_is_utf8_and_says_where_it_was_not() -> None:
    found = Headers.parse(b"Subject: f\xc3\xbcr\r\nX: \xff\r\nx: b\r\nX: c")
    assert found.get("s") == "für"
    assert found.rows("X") == found.rows("session-expires") == ["\ufffd", "b", "c"]


def test_elements_are_those_of_all_rows() -> None:
    found = Headers.parse(b"Supported: a, b\r\nk: c\r\nSupported:\r\nSupported: ,d,")
    assert found.elements("Supported") == ["a", "b", "c", "d"]


def test_elements_bring_a_route_back_octet_for_octet() -> None:
    route = b'<sip:a.example;lr;x=\xff\xfe>;tag="\xc3\xbc,"'
    found = Headers.parse(b"Record-Route: " + route + b", <sip:b.example;lr>")
    first, second = found.elements("record-route")
    assert first.encode("utf-8", "surrogateescape") == route
    assert second == "<sip:b.example;lr>"


@pytest.mark.parametrize("row", [b"<sip:a\x00>", b'"a', b"<sip:a", b'"\\\x01"'])
def test_elements_are_refused_when_they_could_not_be_sent(row: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        Headers.parse(b"Route: " + row + b", x").elements("Route")


def test_too_many_lines_are_refused_as_too_large() -> None:
    Headers.parse(b"\r\n".join([b"Via: x"] * MAX_HEADERS))
    with pytest.raises(RemoteProtocolError) as caught:
        Headers.parse(b"\r\n".join([b"Via: x"] * (MAX_HEADERS + 1)))
    assert (caught.value.status, caught.value.code) == (513, Code.S09)


@pytest.mark.parametrize("block", [b"Via: " + b"x" * MAX_LINE, b"Via: x\r\n y\r\n " + b"z" * MAX_LINE])
def test_line_that_is_too_long_is_refused_as_too_large(block: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        Headers.parse(block)
    assert (caught.value.status, caught.value.code) == (513, Code.S09)


def test_folding_does_not_get_a_long_line_through() -> None:
    piece = b"x" * (MAX_LINE // 2)
    with pytest.raises(RemoteProtocolError) as caught:
        Headers.parse(b"Via: " + piece + b"\r\n " + piece)
    assert caught.value.code is Code.S09


def test_record_routes_of_microsoft_edges_fit() -> None:
    row = b"Record-Route: <sip:pool.sip.example:5061;transport=tls;lr;ms-route-sig=" + b"a" * 600 + b">"
    assert len(Headers.parse(b"\r\n".join([row] * 40)).elements("Record-Route")) == 40


def test_lines_that_repeat_are_remembered_within_bounds() -> None:
    for number in range(REPEATED + 10):
        Headers.parse(b"User-Agent: %d" % number)
    assert 0 < len(headers._REPEATED) <= REPEATED
    before = len(headers._REPEATED)
    Headers.parse(b"User-Agent: " + b"x" * REPEATED_LENGTH)
    Headers.parse(b"Via: not among those that repeat")
    assert len(headers._REPEATED) == before
    assert Headers.parse(b"User-Agent: 5").one(b"user-agent") == b"5"


def test_names_that_repeat_are_canonical() -> None:
    assert all(name == name.lower() and name not in COMPACT for name in REPEATING)


def test_unknown_spellings_are_remembered_within_bounds() -> None:
    for number in range(headers.SPELLINGS + 10):
        assert Headers.parse(b"X-%d: y" % number).one(b"x-%d" % number) == b"y"
    assert len(headers._SPELLINGS) <= headers.SPELLINGS


@pytest.mark.parametrize(("name", "spelling"), [(b"call-id", "Call-ID"), (b"cseq", "CSeq"), (b"x-new", "x-new")])
def test_spelled_is_what_the_standards_write(name: bytes, spelling: str) -> None:
    assert spelled(name) == spelling


def test_salvage_keeps_what_an_answer_needs() -> None:
    head = b"GARBAGE\r\nv: a\r\nno colon\r\nTo\r\nFrom: b\r\n c\r\nTo: \x00\r\nVia: d\r\nSubject: e\r\nTo\x01: f"
    found = Headers.salvage(head, frozenset({b"via", b"from", b"to"}))
    assert list(found.raw(b"via")) == [b"a", b"d"]
    assert list(found.raw(b"from")) == [b"b c"]
    assert list(found.names()) == [b"via", b"from"]


@given(ROWS)
@MANY
def test_rows_are_found_again_under_their_names(rows: list[tuple[str, str]]) -> None:
    found = Headers.parse("\r\n".join(f"{name}: {row}" for name, row in rows).encode())
    expected: dict[str, list[str]] = {}
    for name, row in rows:
        expected.setdefault(CANONICAL.get(name.lower(), name.lower()), []).append(row)
    assert {name.decode(): found.rows(name.decode()) for name in found.names()} == expected


@given(st.binary(max_size=80) | st.text("To: a\r\n \tvVia,;\0", max_size=60).map(str.encode))
@MANY
def test_headers_raise_nothing_but_protocol_errors(block: bytes) -> None:
    try:
        found = Headers.parse(block)
        for name in found.names():
            found.rows(name.decode())
            found.elements(name.decode())
    except RemoteProtocolError as error:
        assert error.status in (400, 513)
    Headers.salvage(block, frozenset({b"via", b"to"}))
