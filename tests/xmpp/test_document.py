"""Restricted XML and limits: what a peer may not send, and how little it can make us build."""

import gc
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.xmpp.conditions import StreamError, stream_error_bytes
from edge.xmpp.document import Document, Event, Limits, StreamClosed
from edge.xmpp.element import Element
from edge.xmpp.stream import StreamParser

HEADER = b"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>"
BOMB = (
    b"<!DOCTYPE s [<!ENTITY a 'lol'>"
    + b"".join(b"<!ENTITY %c '%s'>" % (c, b"&%c;" % (c - 1) * 10) for c in range(ord("b"), ord("k")))
    + b"]>"
)

# What follows the beginning of a document (before the header) or of a stream (behind it).
BEFORE = {
    "an entity bomb": (BOMB + HEADER + b"<a>&j;</a>", "restricted-xml"),
    "a DOCTYPE": (b"<!DOCTYPE stream>" + HEADER, "restricted-xml"),
    "a DOCTYPE behind a declaration": (b"<?xml version='1.0'?>\n<!DOCTYPE stream>" + HEADER, "restricted-xml"),
    "an external DTD": (b"<!DOCTYPE s SYSTEM 'http://x.example/'>" + HEADER, "restricted-xml"),
    "a parameter entity": (b"<!DOCTYPE s [<!ENTITY % e SYSTEM 'file:///etc/passwd'>%e;]>" + HEADER, "restricted-xml"),
    "a comment": (b"<!-- c -->" + HEADER, "restricted-xml"),
    "a processing instruction": (b"<?xml version='1.0'?><?php x?>" + HEADER, "restricted-xml"),
    "two declarations": (b"<?xml version='1.0'?>" * 2 + HEADER, "restricted-xml"),
    "Latin 1": (b"<?xml version='1.0' encoding='ISO-8859-1'?>" + HEADER, "unsupported-encoding"),
    "an unknown encoding": (b"<?xml version='1.0' encoding='x-none'?>" + HEADER, "unsupported-encoding"),
    "UTF-16": (HEADER.decode().encode("utf-16"), "unsupported-encoding"),
    "UTF-16 without a mark": (HEADER.decode().encode("utf-16-le"), "unsupported-encoding"),
    "UTF-32": (HEADER.decode().encode("utf-32-be"), "unsupported-encoding"),
    "a byte order mark": (b"\xef\xbb\xbf" + HEADER, "not-well-formed"),
    "text": (b"GET / HTTP/1.1\r\n\r\n", "not-well-formed"),
    "a TLS record": (b"\x16\x03\x01\x02\x00\x01", "not-well-formed"),
    "a header that never ends": (HEADER[:-1] + b" a='" + b"x" * 11_000, "policy-violation"),
    "a declaration that never ends": (b"<?xml " + b"x" * 11_000, "policy-violation"),
    "a header with too many attributes": (
        HEADER[:-1] + b"".join(b" a%d=''" % n for n in range(100)) + b">", "policy-violation",
    ),
}

BEHIND = {
    "a comment": (b"<a><!-- c --></a>", "restricted-xml"),
    "a comment between stanzas": (b"<!-- c --><a/>", "restricted-xml"),
    "a comment that never ends": (b"<a><!-- c", "restricted-xml"),
    "a processing instruction": (b"<a><?php x?></a>", "restricted-xml"),
    "a processing instruction that never ends": (b"<a><?php x", "restricted-xml"),
    "an XML declaration": (b"<?xml version='1.0'?><a/>", "restricted-xml"),
    "an undeclared entity": (b"<a>&lol;</a>", "restricted-xml"),
    "an undeclared entity in an attribute": (b"<a b='&lol;'/>", "restricted-xml"),
    "an entity that never ends": (b"<a>&loooooooooooooooooooooooooool", "restricted-xml"),
    "an end tag of another element": (b"<a></b>", "not-well-formed"),
    "a doubled attribute": (b"<a b='1' b='2'/>", "not-well-formed"),
    "an unbound prefix": (b"<p:a/>", "not-well-formed"),
    "invalid UTF-8": (b"<a>\xff</a>", "not-well-formed"),
    "overlong UTF-8": (b"<a>\xc0\xbc</a>", "not-well-formed"),
    "a surrogate": (b"<a>\xed\xa0\x80</a>", "not-well-formed"),
    "NUL": (b"<a>\x00</a>", "not-well-formed"),
    "a control": (b"<a>\x1f</a>", "not-well-formed"),
    "a control in a namespace": (b"<a xmlns='urn:x\x1fy'/>", "not-well-formed"),
    "a reference to a control": (b"<a>&#x1f;</a>", "not-well-formed"),
    "a reference to a control in a namespace": (b"<a xmlns='urn:x&#x1f;y'/>", "not-well-formed"),
    "the end of a CDATA section outside of one": (b"<a>]]></a>", "not-well-formed"),
    "a less-than sign in an attribute": (b"<a b='<'/>", "not-well-formed"),
    "text between stanzas": (b"<a/>text<b/>", "bad-format"),
    "text before the end": (b"text</stream:stream>", "bad-format"),
    "text between stanzas in CDATA": (b"<![CDATA[x]]><a/>", "bad-format"),
    "elements nested too deeply": (b"<a>" * 100 + b"</a>" * 100, "policy-violation"),
    "too many elements": (b"<a>" + b"<b/>" * 2001 + b"</a>", "policy-violation"),
    "too many attributes": (b"<a " + b"".join(b"a%d='' " % n for n in range(65)) + b"/>", "policy-violation"),
    "a stanza that is too large": (b"<a>" + b"x" * 10_000 + b"</a>", "policy-violation"),
    "a stanza of small parts that is too large": (b"<a>" + b"<b>xxxxxxxxxx</b>" * 800 + b"</a>", "policy-violation"),
    "an attribute that is too large": (b"<a b='" + b"x" * 11_000 + b"'/>", "policy-violation"),
    "a tag that never ends": (b"<a b='" + b">" * 11_000, "policy-violation"),
    "a name that never ends": (b"<" + b"a" * 11_000, "policy-violation"),
}

SIZES = [1, 3, 100, 1_000_000]


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def offence(parser: StreamParser, data: bytes, size: int) -> StreamError:
    with pytest.raises(StreamError) as refused:
        for piece in pieces(data, size):
            list(parser.feed(piece))
    return refused.value


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", BEFORE)
def test_document_is_refused_before_anything_when_it_begins_with(case: str, size: int) -> None:
    data, condition = BEFORE[case]
    parser = StreamParser()
    assert offence(parser, data, size).condition == condition
    assert list(parser.feed(HEADER + b"<a/>")) == []


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", BEHIND)
def test_stream_is_refused_when_it_has(case: str, size: int, fast: bool) -> None:
    data, condition = BEHIND[case]
    parser = StreamParser(max_elements=2000)
    assert len(list(parser.feed(HEADER))) == 1
    if fast:
        parser.raise_limit(10_000)
    assert offence(parser, data, size).condition == condition
    parser.reset()
    assert list(parser.feed(HEADER + b"<a/>")) == []


@pytest.mark.parametrize("case", BEHIND)
def test_parse_error_has_a_stream_error_to_be_sent(case: str) -> None:
    """Not only a closed connection: the peer is told why, in a stream that its own parser can read to the end."""
    parser, theirs = StreamParser(max_elements=2000), StreamParser()
    list(parser.feed(HEADER))
    list(theirs.feed(HEADER))
    error = offence(parser, BEHIND[case][0], 1_000_000)
    told, closed = theirs.feed(stream_error_bytes(error.condition, error.text))
    assert isinstance(told, Element)
    assert next(child.name for child in told.elements()) == BEHIND[case][1]
    assert isinstance(closed, StreamClosed)


@pytest.mark.parametrize("fast", [False, True])
def test_events_before_the_offence_are_told(fast: bool) -> None:
    parser = StreamParser()
    list(parser.feed(HEADER))
    if fast:
        parser.raise_limit(10_000)
    seen: list[Event] = []
    with pytest.raises(StreamError) as refused:
        for event in parser.feed(b"<a/><b/><!-- c -->"):
            seen.append(event)
    told = [*seen, *refused.value.events]
    assert [event.name for event in told if isinstance(event, Element)] == ["a", "b"]
    assert len(seen) == (0 if fast else 2)


@pytest.mark.parametrize("size", [1, 4096])
def test_entity_bomb_before_authentication_costs_nothing(size: int) -> None:
    """Nested internal entities: some 600 bytes would become gigabytes. They are not even shown to expat."""
    tracemalloc.start()
    try:
        assert offence(StreamParser(), b"<?xml version='1.0'?>" + BEFORE["an entity bomb"][0], size).condition == (
            "restricted-xml"
        )
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"", b"<a>"),
        (b"<a b='", b"x"),
        (b"<a ", b"b='' "),
        (b"<a><b ", b"xmlns:p='u' "),
        (b"<a>", b"<b c='d'/>"),
        (b"<a>", b"x"),
        (b"<", b"a"),
        (b"<a><![CDATA[", b"]"),
        (b"<a>", b"&amp;"),
        (b"<a>", "€".encode()),
    ],
)
@pytest.mark.parametrize("size", [1, 65_536])
def test_memory_and_appetite_are_bounded_before_authentication(begin: bytes, more: bytes, size: int) -> None:
    """Nested 100,000 deep, one attribute of 10 MB, a million attributes: refused after the first kilobytes."""
    parser = StreamParser()
    list(parser.feed(HEADER))
    data = begin + more * (131_072 // len(more))
    fed = 0
    tracemalloc.start()
    try:
        with pytest.raises(StreamError) as refused:
            for piece in pieces(data, size):
                fed += len(piece)
                list(parser.feed(piece))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refused.value.condition == "policy-violation"
    assert fed <= max(size, 10_001)
    assert peak < 3_000_000


def test_dropped_document_leaves_no_garbage() -> None:
    """A thousand refused connections do not wait for a collection."""
    gc.collect()
    gc.disable()
    try:
        document = Document(HEADER, Limits(10_000, 64, 64, 5000), [], announce=True)
        document.parse(b"<a>", False)
        document.drop()
        del document
        assert gc.collect() == 0
    finally:
        gc.enable()


@given(st.binary(max_size=200), st.integers(0, 120), st.integers(1, 50))
@settings(max_examples=200)
def test_only_a_stream_error_leaves_the_parser_whatever_comes(noise: bytes, at: int, size: int) -> None:
    good = HEADER + b"<message from='a@b.example' to='c@d.example'><body>x</body></message></stream:stream>"
    for data in (noise, good[:at] + noise + good[at:], good[:at] + good[at + 1 :]):
        parser = StreamParser()
        try:
            for piece in pieces(data, size):
                list(parser.feed(piece))
        except StreamError as error:
            assert error.condition
            assert list(parser.feed(good)) == []
