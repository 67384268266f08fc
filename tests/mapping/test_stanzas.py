"""Tests of `edge.mapping.stanzas`."""

import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import RemoteProtocolError
from edge.mapping.extensions import NS_DELAY, NS_EME, NS_OOB, NS_RECEIPTS, NS_STATES
from edge.mapping.said import Asked, Content, Receipt, Said, Typing
from edge.mapping.stanzas import chosen, read_stanza, write_stanza
from edge.xmpp.element import LANG, Element
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Message

ROMEO = JID.parse("romeo@sip.example/orchard")
JULIET = JID.parse("juliet@xmpp.example")
AXOLOTL = "eu.siacs.conversations.axolotl"
OMEMO = Element("encrypted", AXOLOTL, {}, [Element("payload", AXOLOTL, {}, ["AAAA"])])
KEYS = Element("encrypted", AXOLOTL, {}, [Element("header", AXOLOTL)])
OMEMO2 = Element("encrypted", "urn:xmpp:omemo:2", {}, [Element("payload", "urn:xmpp:omemo:2", {}, ["AAAA"])])
ACTIVE = Element("active", NS_STATES)


def message(body: str, *extensions: Element, **fields: Any) -> Message:
    return Message(JULIET, ROMEO, "1", "chat", extensions=extensions, body=body, **fields)


def oob(url: str) -> Element:
    return Element("x", NS_OOB, {}, [Element("url", NS_OOB, {}, [url])])


def formatted(markup: str) -> Element:
    root = ET.fromstring(f"<body xmlns='http://www.w3.org/1999/xhtml'>{markup}</body>")
    return Element("html", "http://jabber.org/protocol/xhtml-im", {}, [converted(root)])


def converted(found: ET.Element) -> Element:
    namespace, _, name = found.tag[1:].partition("}")
    children: list[Element | str] = [found.text or ""]
    for child in found:
        children += [converted(child), child.tail or ""]
    return Element(name, namespace, dict(found.attrib), [child for child in children if child != ""])


def written(said: Said, **options: Any) -> ET.Element:
    data = write_stanza(said, ROMEO, JULIET, id="x-1", **options)
    assert data is not None
    return ET.fromstring(data)


# --- reading ----------------------------------------------------------------------------------------------------------


def test_text_is_content_with_all_that_stands_beside_it() -> None:
    delay = Element("delay", NS_DELAY, {"stamp": "2010-11-13T23:29:00Z"})
    request = Element("request", NS_RECEIPTS)
    found = read_stanza(message("hi", ACTIVE, request, delay, lang="de", subject="s", thread="t"))
    assert found == Content("hi", "", "s", "t", "de", 1_289_690_940.0, None, Asked("1", True), "active")


@pytest.mark.parametrize("state", ["composing", "paused", "gone"])
def test_state_alone_is_typing(state: str) -> None:
    assert read_stanza(message("", Element(state, NS_STATES), thread="t")) == Typing(state, 0, "t")


def test_receipt_goes_before_a_state() -> None:
    received = Element("received", NS_RECEIPTS, {"id": "7"})
    assert read_stanza(message("", ACTIVE, received)) == Receipt("7", "delivered")


def test_nothing_for_sip_is_nothing() -> None:
    assert read_stanza(message("")) is None
    assert read_stanza(message("", Element("x", "urn:other"))) is None
    assert read_stanza(Message(JULIET, ROMEO, type="error", body="hi")) is None


def test_groupchat_is_refused() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        read_stanza(Message(JULIET, ROMEO, type="groupchat", body="hi"))
    assert caught.value.condition == "service-unavailable"


@pytest.mark.parametrize(
    ("body", "url", "expected"),
    [
        ("", "https://x.example/1", "https://x.example/1"),
        ("https://x.example/1", "https://x.example/1", "https://x.example/1"),
        ("look", "https://x.example/1", "look\nhttps://x.example/1"),
        ("look", "javascript:x", "look"),
    ],
)
def test_address_of_a_file_is_in_the_text(body: str, url: str, expected: str) -> None:
    found = read_stanza(message(body, oob(url)))
    assert isinstance(found, Content) and found.body == expected


def test_form_is_read_when_it_is_wanted() -> None:
    stanza = message("hi you", formatted("hi <strong style='color: red'>you</strong><script>x</script>"))
    found, rich = read_stanza(stanza), read_stanza(stanza, rich=True)
    assert isinstance(found, Content) and isinstance(rich, Content)
    assert (found.xhtml, rich.xhtml) == ("", "hi <strong style='color: red'>you</strong>")


def test_form_is_that_of_the_language_of_the_text() -> None:
    """There may be one in each language."""
    english, german = (formatted(f"<em>{word}</em>").children[0] for word in ("yes", "ja"))
    assert isinstance(german, Element)
    german.attributes[LANG] = "de"
    both = Element("html", "http://jabber.org/protocol/xhtml-im", {}, ["\n", english, german])
    for bodies, expected in (((("", "yes"), ("de", "ja")), "<em>yes</em>"), ((("de", "ja"),), "<em>ja</em>")):
        found = read_stanza(message(bodies[0][1], both, bodies=bodies), rich=True)
        assert isinstance(found, Content) and found.xhtml == expected
    nothing = read_stanza(message("hi", Element("html", "http://jabber.org/protocol/xhtml-im")), rich=True)
    assert nothing == Content("hi")


def test_form_without_a_text_is_reduced_to_one() -> None:
    found = read_stanza(message("", formatted("a<br/>b")))
    assert isinstance(found, Content) and found.body == "a\nb"


@pytest.mark.parametrize(
    ("body", "extensions", "encrypted", "expected"),
    [
        ("I sent you an OMEMO message", (OMEMO,), "fallback", "I sent you an OMEMO message"),
        ("I sent you an OMEMO message", (OMEMO,), "refuse", None),
        ("", (OMEMO,), "fallback", None),
        ("", (OMEMO,), "refuse", None),
        ("I sent you an OMEMO message", (OMEMO2,), "refuse", None),
        ("I am encrypted", (Element("x", "jabber:x:encrypted", {}, ["AAAA"]),), "refuse", None),
        ("I am encrypted", (Element("x", "jabber:x:encrypted", {}, ["AAAA"]),), "fallback", "I am encrypted"),
        ("I am encrypted", (Element("openpgp", "urn:xmpp:openpgp:0", {}, ["AAAA"]),), "refuse", None),
        ("hi", (Element("x", "jabber:x:signed", {}, ["AAAA"]),), "refuse", "hi"),
        ("hi", (KEYS,), "refuse", "hi"),
        ("", (Element("encryption", NS_EME, {"namespace": "urn:x"}),), "fallback", None),
        ("hi", (Element("encryption", NS_EME, {"namespace": "urn:x"}),), "refuse", None),
    ],
)
def test_encrypted_message_is_its_fallback_or_a_refusal(
    body: str, extensions: tuple[Element, ...], encrypted: str, expected: str | None
) -> None:
    if expected is None:
        with pytest.raises(RemoteProtocolError, match="encrypted with") as caught:
            read_stanza(message(body, *extensions), encrypted=encrypted)
        assert caught.value.condition == "not-acceptable"
    else:
        found = read_stanza(message(body, *extensions), encrypted=encrypted)
        assert isinstance(found, Content) and found.body == expected


def test_keys_alone_are_nothing() -> None:
    assert read_stanza(message("", KEYS, Element("encryption", NS_EME, {"namespace": AXOLOTL}))) is None


def test_chosen_is_the_text_in_the_language_of_the_stanza() -> None:
    bodies = (("en", "yes"), ("de", "ja"), ("", "si"))
    assert chosen(message("si", bodies=bodies, lang="de")) == ("de", "ja")
    assert chosen(message("si", bodies=bodies, lang="it")) == ("it", "si")
    assert chosen(message("yes", bodies=bodies[:1], lang="fr")) == ("en", "yes")


# --- writing ----------------------------------------------------------------------------------------------------------


def test_content_is_written_with_all_that_stands_beside_it() -> None:
    asked = Asked("m", True, True, True)
    content = Content("hi", "<em>hi</em>", "s", "t", "de", 1_289_690_940.0, None, asked, "active")
    element = written(content, type="normal")
    assert [child.tag.rpartition("}")[2] for child in element] == [
        "subject", "body", "thread", "request", "markable", "active", "delay", "html",
    ]
    assert element.get("type", "normal") == "normal"
    assert "".join(element[-1].itertext()) == "hi"


def test_content_that_is_empty_is_no_stanza() -> None:
    assert write_stanza(Content(""), ROMEO, JULIET, id="1") is None
    assert written(Content("", subject="s")).find("body") is None


def test_content_loses_its_form_before_it_is_refused() -> None:
    content = Content("hi", "<em>" + "x" * 500 + "</em>")
    assert len(written(content, limit=400)) == 1
    with pytest.raises(RemoteProtocolError) as caught:
        written(content._replace(body="x" * 500), limit=400)
    assert caught.value.status == 413


def test_state_is_written_as_chat_and_not_kept() -> None:
    element = written(Typing("composing", 120, "t"), type="normal")
    assert element.get("type") == "chat"
    assert [child.tag.rpartition("}")[2] for child in element] == ["thread", "composing", "no-store"]
    assert write_stanza(Typing("dancing"), ROMEO, JULIET, id="1") is None


def test_failed_delivery_is_an_error_about_the_message() -> None:
    element = written(Receipt("7", "failed"))
    assert (element.get("type"), element.get("id")) == ("error", "7")
    assert element[0].tag == "error"


texts = st.text(max_size=20)
said = st.one_of(
    st.builds(
        Content,
        texts,
        st.just(""),
        subject=texts,
        thread=texts,
        lang=st.sampled_from(["", "de", "x'y<"]),
        sent=st.none() | st.floats(0, 2e9),
        asked=st.none() | st.builds(Asked, texts, st.booleans(), st.booleans(), st.booleans()),
        typing=texts,
    ),
    st.builds(Typing, st.sampled_from(["active", "composing"]), thread=texts),
    st.builds(Receipt, texts, st.sampled_from(["delivered", "displayed", "failed"]), texts),
)


@given(said, texts)
def test_no_text_can_make_an_element(said: Said, id: str) -> None:
    data = write_stanza(said, ROMEO, JULIET, id=id)
    if data is None:
        assert isinstance(said, Content) and not (said.body or said.subject)
        return
    element = ET.fromstring(data)
    named = {child.tag.rpartition("}")[2] for child in element}
    assert named <= {
        "subject", "body", "thread", "request", "markable", "active", "delay", "composing", "no-store", "received",
        "displayed", "store", "error",
    }
    assert element.get("to") == str(JULIET)


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1))
def test_text_survives_the_way_there_and_back(body: str) -> None:
    data = write_stanza(Content(body, thread="t"), ROMEO, JULIET, id="1")
    assert data is not None
    root = ET.fromstring(data)
    assert read_stanza(message(root.findtext("body") or "", thread="t")) == Content(body, thread="t")
