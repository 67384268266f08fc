"""Tests of `edge.bodies.html`."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.bodies import html, text
from edge.bodies.html import MAX_LENGTH, Tag, attributes, link, text_of, tokens
from edge.bodies.text import UnsupportedBody
from edge.errors import RemoteProtocolError


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("plain", "plain"),
        ("<b>bold</b> and <i>so</i>", "bold and so"),
        ("one<br>two<BR/>three<br />four", "one\ntwo\nthree\nfour"),
        ("<p>one</p><p>two</p>", "one\ntwo"),
        ("<div>one<div>two</div></div>three", "one\ntwo\nthree"),
        ("<ul><li>one<li>two</ul>end", "one\ntwo\nend"),
        ("one<br><br>two", "one\n\ntwo"),
        ("<tr><td>a</td><td>b</td></tr><tr><td>c</td></tr>", "a b\nc"),
        ("  a \r\n\t b  <b> c</b>d ", "a b cd"),
        ("a&nbsp;&nbsp;b", "a b"),
        ("&lt;b&gt; &amp;amp; &quot;&#65;&#x42;&euro;", '<b> &amp; "AB€'),
        ("&#" + "9" * 5000 + ";x&#xD800;", "\ufffdx\ufffd"),
        ("a<!-- <b> -->b<!DOCTYPE x><?pi?></ >c", "abc"),
        ("<head><title>t</title><style>p{}</style></head><script>evil('<b>')</SCRIPT >text", "text"),
        ("<pre>a\r\n  b</pre>c", "a\n  b\nc"),
        ('<img src="x" alt="a picture">', "a picture"),
        ("1 < 2 <3 <> > 0", "1 < 2 <3 <> > 0"),
        ('<a title="a>b" class=c>d</a>', "d"),
        ("bell\x07end", "bell\ufffdend"),
        ("cut <b", "cut"),
        ("cut <!-- off", "cut"),
        ("cut <script> off", "cut"),
        ('cut <a href="off>', "cut"),
        ("", ""),
    ],
)
def test_text_is_what_a_reader_sees(markup: str, expected: str) -> None:
    assert text_of(markup) == expected


@pytest.mark.parametrize("markup", ["<img src=x>", "<p><IMG alt=' '></p>", "<video src=x></video>", "<svg><g/></svg>"])
def test_picture_alone_is_not_supported_and_beside_a_text_left_out(markup: str) -> None:
    with pytest.raises(UnsupportedBody):
        text_of(markup)
    assert text_of(f"look {markup}") == "look"


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ('<a href="https://x.example/">here</a>', "here <https://x.example/>"),
        ('<a href="https://x.example/">https://x.example/</a>', "https://x.example/"),
        ("<a href=https://x.example/?a=1&amp;b=2>here</a>!", "here <https://x.example/?a=1&b=2>!"),
        ('<a href="mailto:a@b.example">a@b.example</a>', "a@b.example"),
        ('<a href="javascript:alert(1)">here</a>', "here"),
        ('<a name="x">here</a></a>', "here"),
        ('<a href="https://x.example/">here', "here"),
    ],
)
def test_text_keeps_where_a_link_goes(markup: str, expected: str) -> None:
    assert text_of(markup) == expected


@pytest.mark.parametrize(
    "address", ["https://x.example/?a=b#c", "HTTP://x", "mailto:a@b", "xmpp:a@b?message", "sip:a@b", " https://x "]
)
def test_link_keeps_an_address_of_a_known_scheme(address: str) -> None:
    assert link(address) == address.strip()


@pytest.mark.parametrize(
    "address",
    [
        "", "javascript:alert(1)", "java\nscript:x", "data:text/html,x", "file:///etc/passwd", "//x", "/x", "x",
        "http:", "https://x y", "https://x\ny", "https://x\x00y", "https://x<y", "https://x'y", "https://x\u202ey",
        "vbscript:x", "https:" + "x" * 3000,
    ],
)
def test_link_is_none_for_everything_else(address: str) -> None:
    assert link(address) == ""


def test_attributes_are_read_in_every_form() -> None:
    tag = next(iter(tokens("<a HREF = \"x>&amp;\" b='c\"' d=e=f g h=\"1\" h=2/>")))
    assert isinstance(tag, Tag)
    assert attributes(tag) == {"href": "x>&", "b": 'c"', "d": "e=f", "g": "", "h": "1"}


def test_attributes_are_bounded() -> None:
    many = Tag("a", False, "".join(f" a{number}=1" for number in range(1000)))
    assert len(attributes(many)) == html.MAX_ATTRIBUTES


@pytest.mark.parametrize("markup", ["x" * (MAX_LENGTH + 1), "<b>" * 10_001, "a<b>" * 10_001])
def test_document_that_is_too_long_is_refused(markup: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        text_of(markup)
    assert caught.value.status == 413


PIECES = [
    "<", "<a ", "<a x='", "<a x=\"", "<a =", "</", "</a", "<!--", "<!-- --! -", "<!", "<?", "<![CDATA[", "&#", "&#9",
    "&notit;", "<script>", "<script></", "<style></style ", "<div>", "<b></i>", "<p><a href='http://x'>y", " ", "x",
    "<a " + "b=c " * 500, "<img alt='x'>", "<table><tr><td>", "<pre>\r\n", "<li><ul>", "\x00", "<a href='http://x'>y</a>",
]


@pytest.mark.parametrize("piece", PIECES)
def test_every_document_takes_linear_time(piece: str) -> None:
    began = time.process_time()
    with contextlib.suppress(RemoteProtocolError):
        text_of((piece * MAX_LENGTH)[:MAX_LENGTH])
    assert time.process_time() - began < 20  # seconds of CPU; one that is not linear takes minutes


@given(st.lists(st.sampled_from([*PIECES, ">", "</a>", "'", '"', "-->", "</p>", "é", "text "]), max_size=30))
def test_text_of_anything_is_legal_text(pieces: list[str]) -> None:
    found = text_of("".join(pieces))
    assert text.legal(found) == found
    assert "\r" not in found


@given(st.text(st.characters(exclude_characters="\xa0\x00", exclude_categories=["Cs"]), max_size=50))
def test_escaped_text_comes_back(content: str) -> None:
    markup = content.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    collapsed = html._SPACES.sub(" ", content).strip(" ")
    assert text_of(markup) == text.legal(collapsed)
