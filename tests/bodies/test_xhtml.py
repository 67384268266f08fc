"""Tests of `edge.bodies.xhtml`."""

import contextlib
import time
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.bodies.html import MAX_LENGTH
from edge.bodies.xhtml import MAX_DEPTH, MAX_ELEMENTS, element, sanitised
from edge.errors import RemoteProtocolError

XHTML = "{http://www.w3.org/1999/xhtml}"
ELEMENTS = {"body", "a", "blockquote", "br", "cite", "em", "li", "ol", "p", "span", "strong", "ul"}  # XEP-0071 §7


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<b>a</b> <i>b</i>", "<strong>a</strong> <em>b</em>"),
        ("<u>c</u>", "<span style='text-decoration: underline'>c</span>"),
        ("<strong>a</strong><br>b", "<strong>a</strong><br/>b"),
        ('<a href="https://x.example/?a=1&amp;b">x</a>', "<a href='https://x.example/?a=1&amp;b'>x</a>"),
        ('<a href="javascript:x" onclick="y">x</a><b>y</b>', "x<strong>y</strong>"),
        ('<font color="#ff0000" face="x">a</font>', "<span style='color: #ff0000'>a</span>"),
        ("<div><b>a</b></div><div>b</div>", "<p><strong>a</strong></p><p>b</p>"),
        ("<div><b>a</b><div>b</div>c</div>", "<p><strong>a</strong><br/>b<br/>c</p>"),
        ("<p><b>a</b><p>b", "<p><strong>a</strong></p><p>b</p>"),
        ("<ul><li>a<li>b</ul>", "<ul><li>a</li><li>b</li></ul>"),
        ("<ol><li><ul><li>a</ul><li>b</ol>", "<ol><li><ul><li>a</li></ul></li><li>b</li></ol>"),
        ("<div><b>a<ul><li>b</ul>c</b></div>d", "<p><strong>a</strong></p><ul><li>b</li></ul>c<br/>d"),
        ("<ul><li><div>a<ol><li>b</ol>c</div>", "<ul><li><p>a</p><ol><li>b</li></ol>c</li></ul>"),
        ("<div><b>a</b><li>b<li>c</div>", "<p><strong>a</strong></p>b<br/>c"),
        ("<h1>a</h1>b", "<p style='font-weight: bold'>a</p>b"),
        ("<b>a<i>b</b>c</i>", "<strong>a<em>b</em></strong>c"),
        ("</b><b>a", "<strong>a</strong>"),
        ('<b>a</b><img src="http://spy.example/1.png" alt="pic">', "<strong>a</strong>pic"),
        ("<b>a</b><script>x</script><iframe src=x></iframe><object data=x>o</object>", "<strong>a</strong>o"),
        ("<em>a &lt;b&gt; &amp; c</em>", "<em>a &lt;b&gt; &amp; c</em>"),
        ("<b>a\x00b</b>", "<strong>a\ufffdb</strong>"),
    ],
)
def test_markup_is_written_anew(markup: str, expected: str) -> None:
    assert sanitised(markup) == expected


@pytest.mark.parametrize("markup", ["", "plain", "<p>a</p>", "a<br>b", "<html><body>x</body></html>", "<span>x</span>"])
def test_text_without_a_form_has_none(markup: str) -> None:
    assert sanitised(markup) == ""


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("color: red; font-weight:bold", "color: red; font-weight: bold"),
        ("COLOR:#ff0000;position:fixed;left:0", "color: #ff0000"),
        ("font-family: &quot;Segoe UI&quot;, sans-serif", "font-family: 'Segoe UI', sans-serif"),
        ("background-color: rgb(1, 2, 3)", "background-color: rgb(1, 2, 3)"),
        ("color: url(http://x)", ""),
        ("background-color: expression(alert(1))", ""),
        ("color: r\\65 d", ""),
        ("color: red!important/**/", ""),
        ("background: url(x)", ""),
        ("color", ""),
    ],
)
def test_style_has_the_listed_properties_with_plain_values(style: str, expected: str) -> None:
    root = ET.fromstring(element(sanitised(f'<b><span style="{style}">x</span></b>')))
    found = root.find(f".//{XHTML}span")
    assert (expected == "") is (found is None)
    assert found is None or found.get("style") == expected


def depth_of(root: ET.Element) -> int:
    return 1 + max((depth_of(child) for child in root), default=0)


@pytest.mark.parametrize("markup", ["<b>" * 5000 + "x", "<blockquote>" * 5000 + "x", "<ul><li>" * 2000 + "x"])
def test_nesting_is_bounded_and_the_text_stays(markup: str) -> None:
    root = ET.fromstring(element(sanitised(markup)))
    assert depth_of(root) <= MAX_DEPTH + 2
    assert "".join(root.itertext()) == "x"


def test_number_of_elements_is_bounded_and_the_text_stays() -> None:
    root = ET.fromstring(element(sanitised("<b>x</b><br>" * 2000)))
    assert len(list(root.iter())) <= MAX_ELEMENTS + 2
    assert "".join(root.itertext()).count("x") == 2000


PIECES = [
    "<b>", "</b>", "<i>", "<p>", "</p>", "<div>", "</div>", "<ul>", "<li>", "</ul>", "<a href='http://x'>", "</a>",
    "<a href=\"http://x'y\">", "<span style=\"color: red'><evil/>\">", "<blockquote>", "<font color='red'><evil>",
    "text", "&lt;", "&#0;", "]]>", "<img alt='<x>'>", "<tr>", "<", ">", "'", '"', "<!--", "-->", "\ufffe", "<pre>",
    "</li>", "<br>",
]


@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_result_is_well_formed_and_from_the_list(pieces: list[str]) -> None:
    root = ET.fromstring(element(sanitised("".join(pieces))))
    for found in root.iter():
        if found is not root:
            assert found.tag.removeprefix(XHTML) in ELEMENTS
            assert set(found.attrib) <= {"href", "style"}
            assert found.get("href", "http://x").startswith("http://x")
    inside = {part.tag.removeprefix(XHTML) for found in root.iter(f"{XHTML}p") for part in list(found.iter())[1:]}
    assert not inside & {"p", "ul", "ol", "li", "blockquote"}


@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_what_is_safe_stays_as_it_is(pieces: list[str]) -> None:
    """It may pass several gateways."""
    once = sanitised("".join(pieces))
    assert sanitised(once) == once


@pytest.mark.parametrize("piece", PIECES)
def test_every_document_takes_linear_time(piece: str) -> None:
    began = time.process_time()
    with contextlib.suppress(RemoteProtocolError):
        sanitised((piece * MAX_LENGTH)[:MAX_LENGTH])
    assert time.process_time() - began < 20  # seconds of CPU; one that is not linear takes minutes
