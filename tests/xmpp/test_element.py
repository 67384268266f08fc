"""Elements: the tree, its escaping, its bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.xmpp.element import LANG, NS_CLIENT, NS_COMPONENT, NS_SERVER, Element, escape, escape_attribute, legal
from edge.xmpp.stream import StreamParser

HEADER = b"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>"


def reparsed(data: bytes) -> Element:
    _, element = StreamParser().feed(HEADER + data)
    assert isinstance(element, Element)
    return element


def test_escape_leaves_nothing_that_is_markup() -> None:
    assert escape("a<b>&c]]>\r\n'\"") == "a&lt;b&gt;&amp;c]]&gt;&#13;\n'\""


def test_escape_attribute_leaves_no_quotes_and_no_white_space_to_be_normalised() -> None:
    assert escape_attribute("a<b>&'\"\t\r\n") == "a&lt;b&gt;&amp;&apos;&quot;&#9;&#13;&#10;"


@pytest.mark.parametrize("character", ["\x00", "\x01", "\x08", "\x0b", "\x1f", "\ud800", "\udfff", "\ufffe", "\uffff"])
def test_legal_replaces_what_xml_cannot_hold(character: str) -> None:
    assert legal(f"a{character}b") == "a\ufffdb"


@pytest.mark.parametrize(
    "text", ["", "a", "\t\n\r", "\x7f\x85", "é\u200b\ufeff\ufffd", "\U0001f600\U0010ffff", "\ud7ff\ue000"]
)
def test_legal_leaves_what_xml_can_hold(text: str) -> None:
    assert legal(text) == text


def test_text_is_the_elements_own() -> None:
    assert Element("a").text == ""
    assert Element("a", children=["x"]).text == "x"
    assert Element("a", children=[Element("b", children=["y"])]).text == ""
    assert Element("a", children=["x", Element("b", children=["y"]), "z"]).text == "xz"


def test_child_is_found_by_name_and_namespace() -> None:
    first, second = Element("b", "urn:x"), Element("b", "urn:y")
    parent = Element("a", "urn:x", children=["t", first, second, Element("b", "urn:y")])
    assert parent.child("b", "urn:y") is second
    assert parent.child("c", "urn:y") is None
    assert [child.namespace for child in parent.elements()] == ["urn:x", "urn:y", "urn:y"]


def test_to_bytes_declares_a_namespace_only_where_it_changes() -> None:
    other = Element("c", "urn:y", children=[Element("d", "urn:x")])
    element = Element("a", "urn:x", children=[Element("b", "urn:x"), other])
    assert element.to_bytes() == b"<a xmlns='urn:x'><b/><c xmlns='urn:y'><d xmlns='urn:x'/></c></a>"
    assert element.to_bytes("urn:x") == b"<a><b/><c xmlns='urn:y'><d xmlns='urn:x'/></c></a>"


@pytest.mark.parametrize("scope", ["", NS_SERVER, NS_CLIENT, NS_COMPONENT])
@pytest.mark.parametrize("namespace", ["", NS_SERVER, NS_CLIENT, NS_COMPONENT])
def test_to_bytes_inherits_the_namespace_of_any_stream(scope: str, namespace: str) -> None:
    assert Element("message", namespace, children=[Element("x", "urn:x")]).to_bytes(scope) == (
        b"<message><x xmlns='urn:x'/></message>"
    )


def test_to_bytes_declares_the_namespace_of_a_stanza_inside_something_else() -> None:
    element = Element("forwarded", "urn:xmpp:forward:0", children=[Element("message", NS_CLIENT)])
    assert element.to_bytes() == b"<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'/></forwarded>"


def test_to_bytes_writes_namespaced_attributes() -> None:
    element = Element("a", "urn:x", {LANG: "de", "{urn:q}b": "1", "c": "<"})
    assert element.to_bytes() == b"<a xmlns='urn:x' xml:lang='de' xmlns:a1='urn:q' a1:b='1' c='&lt;'/>"
    assert reparsed(element.to_bytes()) == element


def test_to_bytes_lets_no_illegal_character_out() -> None:
    element = Element("a", "urn:\x01", {"b": "\x02"}, ["\x03\ud800"])
    assert element.to_bytes() == "<a xmlns='urn:\ufffd' b='\ufffd'>\ufffd\ufffd</a>".encode()


def test_elements_are_equal_when_their_trees_are() -> None:
    assert Element("a", "x", {"b": "c"}, ["d"]) == Element("a", "x", {"b": "c"}, ["d"])
    for other in (Element("b", "x", {"b": "c"}, ["d"]), Element("a", "y", {"b": "c"}, ["d"]), Element("a", "x"), "a"):
        assert Element("a", "x", {"b": "c"}, ["d"]) != other


names = st.from_regex(r"[a-z][a-z0-9.-]{0,5}", fullmatch=True)
characters = st.characters(codec="utf-8", exclude_characters="\ufffe\uffff", exclude_categories=["Cc", "Cs"])
texts = st.text(characters, min_size=1)
attributes = st.dictionaries(st.one_of(names, names.map("{{urn:q}}{}".format), st.just(LANG)), texts, max_size=3)
namespaces = st.sampled_from([NS_SERVER, "urn:x", "urn:y'&<"])
elements = st.recursive(
    st.builds(Element, names, namespaces, attributes),
    lambda inner: st.builds(
        lambda name, namespace, own, pairs: Element(name, namespace, own, [child for pair in pairs for child in pair]),
        names,
        namespaces,
        attributes,
        st.lists(st.tuples(texts.map(lambda text: text + "\r\n\t]]>"), inner), max_size=3),
    ),
    max_leaves=6,
)


@given(elements)
@settings(max_examples=200)
def test_element_is_itself_when_its_bytes_are_parsed(element: Element) -> None:
    assert reparsed(element.to_bytes(NS_SERVER)) == element
