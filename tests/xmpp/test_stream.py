"""The stream parser: restarts, injection, chunks of every size, and work in proportion to the bytes."""

import tracemalloc
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge.xmpp import stream as module
from edge.xmpp.conditions import StreamError
from edge.xmpp.document import Document
from edge.xmpp.element import NS_SERVER, Element
from edge.xmpp.markup import Tag
from edge.xmpp.stream import LONGEST_PART, MAX_NEGOTIATED, Event, StreamClosed, StreamOpened, StreamParser

HEADER = (
    b"<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback'"
    b" xmlns:stream='http://etherx.jabber.org/streams' to='a.example' from='b.example' id='x>y' version='1.0'"
    b" xml:lang='en'>"
)
OPENED = StreamOpened("b.example", "a.example", "x>y", "1.0", "en", NS_SERVER, True)
STARTTLS = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
MESSAGE = b"<message from='a@b.example' to='c@d.example'><body>one &amp; two</body></message>"


def negotiating() -> StreamParser:
    parser = StreamParser()
    assert list(parser.feed(HEADER)) == [OPENED]
    return parser


def authenticated(max_stanza: int = 262_144, parser: StreamParser | None = None) -> StreamParser:
    parser = parser or StreamParser()
    assert list(parser.feed(HEADER)) == [OPENED]
    parser.raise_limit(max_stanza)
    return parser


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def names(events: Iterable[Event]) -> list[str]:
    return [event.name if isinstance(event, Element) else type(event).__name__ for event in events]


# --- the header and its restart -------------------------------------------------------------------------


def test_header_is_told_in_full() -> None:
    assert list(StreamParser().feed(HEADER)) == [OPENED]


def test_header_without_anything_is_told_as_such() -> None:
    bare = b"<s:stream xmlns:s='http://etherx.jabber.org/streams'>"
    assert list(StreamParser().feed(bare)) == [StreamOpened("", "", "", "", "", "", False)]


def test_header_may_have_white_space_before_it() -> None:
    assert list(StreamParser().feed(b" \n" + HEADER)) == [OPENED]


@pytest.mark.parametrize(
    ("root", "condition"),
    [
        (b"<stream>", "invalid-namespace"),
        (b"<stream xmlns='http://etherx.jabber.org/stream'>", "invalid-namespace"),
        (b"<streams xmlns='http://etherx.jabber.org/streams'>", "bad-format"),
        (b"<stream:stream>", "not-well-formed"),
    ],
)
def test_header_is_refused_when_it_is_not_that_of_a_stream(root: bytes, condition: str) -> None:
    with pytest.raises(StreamError) as refused:
        list(StreamParser().feed(root))
    assert refused.value.condition == condition


def test_stream_ends_once_and_nothing_follows() -> None:
    parser = negotiating()
    assert names(parser.feed(b"<a/></stream:stream><b/><!-- x -->")) == ["a", "StreamClosed"]
    assert list(parser.feed(b"<c/>")) == []
    parser.reset()
    assert list(parser.feed(HEADER)) == []


def test_stream_that_is_one_empty_tag_opens_and_closes() -> None:
    assert list(StreamParser().feed(HEADER[:-1] + b"/><a/>")) == [OPENED, StreamClosed()]


def test_whatever_follows_starttls_in_the_same_chunk_is_never_parsed_when_reset() -> None:
    """STARTTLS injection: what came in clear must not count as protected."""
    parser = negotiating()
    seen = []
    for event in parser.feed(STARTTLS + MESSAGE + b"<message"):
        seen.append(event)
        parser.reset()
    assert names(seen) == ["starttls"]
    assert list(parser.feed(b"")) == []
    assert list(parser.feed(HEADER)) == [OPENED]
    assert names(parser.feed(b"<auth/>")) == ["auth"]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 50, 1000])
def test_nothing_before_a_reset_is_left_when_it_came_in_pieces(size: int) -> None:
    parser = negotiating()
    seen: list[Event] = []
    for piece in pieces(STARTTLS + MESSAGE + b"<message to='", size):
        for event in parser.feed(piece):
            seen.append(event)
            if names([event]) == ["starttls"]:
                parser.reset()
                break
        if seen:
            break
    assert names(seen) == ["starttls"]
    assert list(parser.feed(HEADER)) == [OPENED]


@pytest.mark.parametrize(
    "first", [b"<a/>", b"<a></a>", b"<a b='/>'>x/></a >", b"<a b='x'/>", b"<a><b/></a>", b"<a>/></a>"]
)
@pytest.mark.parametrize("second", [b"</stream:stream>", b"<b/>", b" <b/>", b"<b>/></b>"])
def test_parsing_goes_on_exactly_behind_each_element_while_negotiating(first: bytes, second: bytes) -> None:
    for cut in range(len(first)):
        parser = negotiating()
        before = list(parser.feed(first[:cut]))
        after = list(parser.feed(first[cut:] + second))
        assert before == []
        assert names(after) == ["a", "StreamClosed" if b"stream" in second else "b"]


def test_reset_works_behind_the_header_too() -> None:
    parser = StreamParser()
    for event in parser.feed(HEADER + b"<a/>"):
        assert event == OPENED
        parser.reset()
    assert list(parser.feed(HEADER)) == [OPENED]


def test_iterator_of_before_a_reset_is_finished_for_good() -> None:
    parser = negotiating()
    events = iter(parser.feed(STARTTLS + MESSAGE))
    assert names([next(events)]) == ["starttls"]
    parser.reset()
    assert list(parser.feed(HEADER)) == [OPENED]
    assert list(events) == []
    assert names(parser.feed(b"<a/>")) == ["a"]


def test_negotiation_is_refused_when_it_has_too_many_elements() -> None:
    parser = negotiating()
    with pytest.raises(StreamError) as refused:
        for _ in range(MAX_NEGOTIATED + 2):
            list(parser.feed(b"<a/>"))
    assert refused.value.condition == "policy-violation"


def test_authenticated_stream_gives_a_list_and_has_the_higher_limit() -> None:
    parser = authenticated(20_000)
    assert isinstance(parser.feed(b"<a/>"), list)
    assert names(parser.feed(b"<a>" + b"x" * 15_000 + b"</a><b/>")) == ["a", "b"]
    with pytest.raises(StreamError):
        parser.feed(b"<a>" + b"x" * 25_000 + b"</a>")


def test_limit_may_be_raised_between_two_events_of_a_chunk() -> None:
    parser = negotiating()
    seen = []
    for event in parser.feed(b"<handshake/>" + MESSAGE * 3 + b"<a"):
        seen.append(event)
        parser.raise_limit(20_000)
    assert names([*seen, *parser.feed(b"/>")]) == ["handshake", "message", "message", "message", "a"]


# --- chunks ---------------------------------------------------------------------------------------------

CONTENT = [
    MESSAGE,
    b"<a b='>' c=\"'>\"/>",
    b"<a><![CDATA[ <x> & it's ]] > ]]></a>",
    b"<a><![CDATA[]]></a>",
    "<a>ü€😀</a>".encode(),
    b"<a>&#x10FFFF;&#38;&lt;</a>",
    b"<a>]] ></a >",
    b"<a >'\"</a>",
    b" \n",
    b"<p:a xmlns:p='urn:p' p:b='1'><p:c/>\r\n</p:a>",
    b"</stream:stream>",
]


@given(st.lists(st.sampled_from(CONTENT), max_size=6), st.lists(st.integers(0, 500), max_size=12), st.booleans())
@example([CONTENT[2], CONTENT[0]], list(range(500)), True)
@settings(max_examples=200)
def test_events_are_the_same_however_the_bytes_are_cut(content: list[bytes], cuts: list[int], fast: bool) -> None:
    data = b"".join(content)
    whole = authenticated().feed(data)
    parser = authenticated() if fast else negotiating()
    seen: list[Event] = []
    at = 0
    for cut in [*sorted(cuts), len(data)]:
        seen += parser.feed(data[at : max(at, cut)])
        at = max(at, cut)
    assert seen == whole


@pytest.mark.parametrize("element", CONTENT)
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 11])
def test_stanza_is_told_as_soon_as_its_last_byte_is_there(element: bytes, size: int) -> None:
    """However the parts of expat delay: nothing is told late, and nothing early."""
    parser = authenticated()
    seen: list[Event] = []
    for piece in pieces(element, size):
        assert seen == []
        seen += parser.feed(piece)
    assert len(seen) == (0 if element.isspace() else 1)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Counts the octets that expat is shown, and those searched for the end of a tag."""
    counted = {"shown": 0, "searched": 0}
    show, end = Document._show, Tag.end

    def counted_show(document: Document, data: bytes) -> None:
        counted["shown"] += len(data)
        show(document, data)
        assert document._parser.CurrentByteIndex >= counted["shown"] - LONGEST_PART, "expat was shown a part of a tag"

    def counted_end(tag: Tag, data: bytes, position: int) -> int:
        found = end(tag, data, position)
        counted["searched"] += (found if found >= 0 else len(data)) - position
        return found

    monkeypatch.setattr(Document, "_show", counted_show)
    monkeypatch.setattr(Tag, "end", counted_end)
    return counted


@pytest.mark.parametrize(
    "stanza",
    [
        b"<a b='" + b"x" * 12_000 + b"'/>",
        b"<a b='" + b">" * 12_000 + b"'/>",
        b"<a " + b"".join(b"b%d='>' " % number for number in range(60)) + b"/>",
        b"<a>" + b"x" * 12_000 + b"</a>",
        b"<a>" + b"&amp;" * 3000 + b"</a>",
        b"<a><![CDATA[" + b"<" * 12_000 + b"]]></a>",
        b"<a><![CDATA[" + b"<'&" * 4000 + b"]]></a>",
        b"<a>" + b"]" * 12_000 + b"</a>",
        b"<a>" + b"<b/>" * 3000 + b"</a>",
        b"<a>" + "€".encode() * 4000 + b"</a>",
    ],
)
def test_work_is_in_proportion_to_the_bytes_when_they_come_one_by_one(stanza: bytes, work: dict[str, int]) -> None:
    """One big tag in small pieces: an expat that parses it anew for each piece takes quadratic time."""
    parser = authenticated()
    seen: list[Event] = []
    for piece in pieces(stanza, 1):
        seen += parser.feed(piece)
    assert names(seen) == ["a"]
    assert work["shown"] <= len(HEADER) + len(stanza)
    assert work["searched"] <= 5 * len(stanza)


def test_work_is_in_proportion_to_the_bytes_when_the_header_comes_one_by_one(work: dict[str, int]) -> None:
    header = HEADER[:-1] + b" a='" + b">" * 8000 + b"'>"
    parser = StreamParser()
    seen = [event for piece in pieces(header, 1) for event in parser.feed(piece)]
    assert seen == [OPENED]
    assert work["shown"] == len(header)
    assert work["searched"] <= 2 * len(header)


# --- a stream of months ---------------------------------------------------------------------------------


def test_memory_stays_bounded_when_a_peer_never_repeats_a_name() -> None:
    """Expat and its interning never forget a name of a document; a new one in time does."""
    parser = authenticated()
    chunks = 60  # of 16 kB each

    def chunk(number: int) -> bytes:
        return b"".join(b"<e%d-%d xmlns:p%d='u'/>" % (number, index, index + number * 500) for index in range(500))

    def growth(first: int, last: int) -> int:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(first, last):
            parser.feed(chunk(number))
        return tracemalloc.get_traced_memory()[0] - before

    tracemalloc.start()
    try:
        growth(0, chunks)
        assert growth(chunks, 3 * chunks) < 8_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [700, 5000, 16_384])
def test_stanzas_are_complete_and_in_order_when_parsers_take_over(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RENEW", 2000)
    parser = authenticated()
    data = b"".join(b"<a n='%d'><b>%d</b></a> " % (number, number) for number in range(3000))
    seen: list[Event] = []
    for piece in pieces(data, size):
        seen += parser.feed(piece)
    elements = [event for event in seen if isinstance(event, Element)]
    assert [element.attributes["n"] for element in elements] == [str(number) for number in range(3000)]
    assert {element.namespace for element in elements} == {NS_SERVER}
    assert len(elements) == len(seen)
