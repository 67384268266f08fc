"""Stanzas: elements to values, values to bytes, and what never gets out."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.xmpp.conditions import STANZA_CONDITIONS, StreamError
from edge.xmpp.element import LANG, NS_CLIENT, NS_COMPONENT, NS_SERVER, Element
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import (
    Iq,
    Message,
    Presence,
    Stanza,
    StanzaError,
    error_bytes,
    message_bytes,
    parse_stanza,
)
from edge.xmpp.stream import StreamParser

NS_ERRORS = "urn:ietf:params:xml:ns:xmpp-stanzas"
ROMEO, JULIET = JID.parse("romeo@montague.example/orchard"), JID.parse("juliet@capulet.example/<'&\">")
NAMESPACES = [NS_SERVER, NS_CLIENT, NS_COMPONENT]


def read(text: str | bytes, namespace: str = NS_SERVER) -> Stanza:
    """The stanza that a stream of this content namespace takes ``text`` for."""
    header = f"<stream:stream xmlns='{namespace}' xmlns:stream='http://etherx.jabber.org/streams'>"
    _, element = StreamParser().feed(header.encode() + (text.encode() if isinstance(text, str) else text))
    assert isinstance(element, Element)
    return parse_stanza(element)


def from_juliet(name: str, attributes: str = "", content: str = "") -> str:
    return f"<{name} from='{JULIET.quoted}' to='{ROMEO.quoted}' {attributes}>{content}</{name}>"


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_message_has_its_parts_when_parsed(namespace: str) -> None:
    content = "<subject>s</subject><body>b</body><thread parent='p'>t</thread><x xmlns='urn:x'/><y/>"
    message = read(from_juliet("message", "id='1' type='chat' xml:lang='it'", content), namespace)
    assert message == Message(
        JULIET,
        ROMEO,
        "1",
        "chat",
        "it",
        None,
        (Element("x", "urn:x"), Element("y", namespace)),
        "b",
        (("", "b"),),
        "s",
        "t",
    )


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_stanza_is_the_same_in_every_content_namespace_when_written(namespace: str) -> None:
    stanza = read(from_juliet("message", "id='1'", "<body>b</body><x xmlns='urn:x'><body xmlns='jabber:client'/></x>"))
    again = read(stanza.to_bytes(), namespace)
    assert again == stanza
    assert stanza.to_bytes().startswith(b"<message from='juliet@capulet.example/&lt;")


@pytest.mark.parametrize("given_type", ["", "type='normal'", "type='shout'"])
def test_message_is_normal_when_its_type_is_unknown(given_type: str) -> None:
    assert read(from_juliet("message", given_type)).type == "normal"


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        ("", ""),
        ("<body/>", ""),
        ("<body xml:lang='de'>d</body>", "d"),
        ("<body xml:lang='de'>d</body><body>e</body>", "e"),
        ("<body xml:lang='de'>d</body><body xml:lang='fr'>f</body>", "d"),
        ("<body>a<i xmlns='urn:x'>no</i>b</body>", "ab"),
    ],
)
def test_message_has_the_body_without_a_language_when_there_are_several(bodies: str, expected: str) -> None:
    message = read(from_juliet("message", content=bodies))
    assert isinstance(message, Message)
    assert message.body == expected
    assert len(message.bodies) == bodies.count("<body")


@pytest.mark.parametrize("namespace", ["", NS_CLIENT, NS_COMPONENT])
def test_child_in_the_namespace_of_another_stream_is_no_part_of_a_stanza(namespace: str) -> None:
    """It would become one, if it were written into the other stream."""
    message = read(from_juliet("message", content=f"<body>real</body><body xmlns='{namespace}'>smuggled</body>"))
    assert isinstance(message, Message)
    assert message.bodies == (("", "real"),)
    assert b"smuggled" not in message.to_bytes()


def test_presence_has_its_parts_when_parsed() -> None:
    content = (
        "<show>away</show><status>s</status><status xml:lang='de'>d</status><priority>-7</priority><c xmlns='urn:c'/>"
    )
    assert read(from_juliet("presence", "id='1'", content)) == Presence(
        JULIET, ROMEO, "1", "", "", None, (Element("c", "urn:c"),), "away", "s", (("", "s"), ("de", "d")), -7
    )


def test_presence_type_is_kept_when_it_is_unknown() -> None:
    assert read(from_juliet("presence", "type='available'")).type == "available"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0), ("127", 127), ("-128", -128), ("+5", 5), (" 5\n", 5),
        ("128", 0), ("-129", 0), ("1.5", 0), ("", 0), ("-", 0), ("--1", 0), ("٣", 0), ("9" * 5000, 0),
    ],
)
def test_priority_is_zero_when_it_is_not_within_range(text: str, expected: int) -> None:
    presence = read(from_juliet("presence", content=f"<priority>{text}</priority>"))
    assert isinstance(presence, Presence)
    assert presence.priority == expected


@pytest.mark.parametrize("show", ["away", "chat", "dnd", "xa"])
def test_show_is_one_of_four(show: str) -> None:
    presence = read(from_juliet("presence", content=f"<show>{show}</show>"))
    assert isinstance(presence, Presence)
    assert presence.show == show
    odd = read(from_juliet("presence", content=f"<show>{show}!</show>"))
    assert isinstance(odd, Presence)
    assert odd.show == ""


def test_iq_has_a_payload_when_it_has_one_child() -> None:
    assert read(from_juliet("iq", "id='1' type='get'", "<ping xmlns='urn:xmpp:ping'/>")) == Iq(
        JULIET, ROMEO, "1", "get", payload=Element("ping", "urn:xmpp:ping")
    )


@pytest.mark.parametrize("content", ["", "text", "<a xmlns='urn:x'/><b xmlns='urn:x'/>"])
def test_iq_has_no_payload_when_it_has_not_one_child(content: str) -> None:
    iq = read(from_juliet("iq", "id='1' type='get'", content))
    assert isinstance(iq, Iq)
    assert iq.payload is None
    assert len(iq.extensions) == content.count("urn:x")


@pytest.mark.parametrize("name", ["message", "presence", "iq"])
@pytest.mark.parametrize("condition", [*STANZA_CONDITIONS, "payment-required"])
def test_error_has_condition_type_and_text_when_parsed(name: str, condition: str) -> None:
    content = f"<{condition} xmlns='{NS_ERRORS}'/><text xmlns='{NS_ERRORS}'>t</text><z xmlns='u'/>"
    stanza = read(from_juliet(name, "type='error'", f"<error type='wait' by='x'>{content}</error>"))
    known = condition if condition in STANZA_CONDITIONS else "undefined-condition"
    assert stanza.error == StanzaError(known, "wait", "t")
    assert read(stanza.to_bytes()) == stanza


@pytest.mark.parametrize("kind", ["", "type='loud'"])
def test_error_has_the_default_type_of_its_condition_when_its_own_is_unknown(kind: str) -> None:
    gone = f"<error {kind}><gone xmlns='{NS_ERRORS}'> xmpp:x </gone></error>"
    assert read(from_juliet("message", "type='error'", gone)).error == StanzaError("gone", "cancel", "", "xmpp:x")
    unknown = StanzaError("undefined-condition", "cancel")
    assert read(from_juliet("message", "type='error'", f"<error {kind}/>")).error == unknown


def test_error_child_is_no_error_when_the_type_is_not() -> None:
    assert read(from_juliet("message", "type='chat'", f"<error><gone xmlns='{NS_ERRORS}'/></error>")).error is None


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"from": "a@b.example"},
        {"to": "a@b.example"},
        {"from": "", "to": "a@b.example"},
        {"from": "a@b@c", "to": "d"},
    ],
)
@pytest.mark.parametrize("name", ["message", "presence", "iq", "other"])
def test_stanza_ends_the_stream_when_it_is_not_addressed(name: str, attributes: dict[str, str]) -> None:
    with pytest.raises(StreamError) as refused:
        parse_stanza(Element(name, NS_SERVER, attributes))
    assert refused.value.condition == "improper-addressing"


@pytest.mark.parametrize(
    ("name", "namespace"), [("messages", NS_SERVER), ("message", "urn:x"), ("result", "jabber:server:dialback")]
)
def test_element_ends_the_stream_when_it_is_no_stanza(name: str, namespace: str) -> None:
    with pytest.raises(StreamError) as refused:
        parse_stanza(Element(name, namespace, {"from": "a.example", "to": "b.example"}))
    assert refused.value.condition == "unsupported-stanza-type"


def test_message_bytes_are_those_of_the_message() -> None:
    made = message_bytes(ROMEO, JULIET, "a<b", id="i'&<\"", type="chat", subject="s>", thread="t&", lang="d'e")
    assert read(made) == Message(
        ROMEO, JULIET, "i'&<\"", "chat", "d'e", body="a<b", bodies=(("", "a<b"),), subject="s>", thread="t&"
    )
    plain = message_bytes(ROMEO, JULIET, "b", id="1", type="chat")
    assert plain == Message(ROMEO, JULIET, "1", "chat", body="b").to_bytes()


@given(st.text(), st.text(), st.text(), st.text(), st.text())
@settings(max_examples=200)
def test_nothing_illegal_gets_out_whatever_a_peer_puts_in(
    id: str, body: str, subject: str, thread: str, lang: str
) -> None:
    error = StanzaError("gone", "", body, subject)
    tree = (Element("x", "urn:x", {"a": id}, [body]),)
    for data in (
        message_bytes(ROMEO, JULIET, body, id=id, type="chat", subject=subject, thread=thread, lang=lang),
        Message(ROMEO, JULIET, id, lang, lang, error, tree, body, (), subject, thread).to_bytes(),
        Message(ROMEO, JULIET, id, "chat", lang, error, tree, "", ((lang, body),), subject, thread).to_bytes(),
        Presence(ROMEO, JULIET, id, "unavailable", lang, error, tree, "away", body, (), 5).to_bytes(),
        Presence(ROMEO, JULIET, id, lang, lang, None, (), subject, "", ((lang, body),)).to_bytes(),
        Iq(ROMEO, JULIET, id, "set", lang, payload=tree[0]).to_bytes(),
        error_bytes(Message(ROMEO, JULIET, id), "bad-request", body),
    ):
        assert read(data).from_ in (ROMEO, JULIET)


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\ud800", "\udfff", "\ufffe", "\uffff"])
def test_illegal_characters_are_replaced_in_the_fast_way_too(character: str) -> None:
    message = read(message_bytes(ROMEO, JULIET, f"ä{character}<ﾀ\ufffd", id=character, type="chat"))
    assert isinstance(message, Message)
    assert (message.body, message.id) == ("ä\ufffd<ﾀ\ufffd", "\ufffd")


def test_extreme_characters_are_kept_in_the_fast_way() -> None:
    text = "\t\n\r\x7f\ud7ff\ue000\uffc0\ufffd\U00010000\U0010ffff"
    message = read(message_bytes(ROMEO, JULIET, text, id="1", type="chat"))
    assert isinstance(message, Message)
    assert message.body == text


@pytest.mark.parametrize(
    "stanza", [Message(ROMEO, JULIET, "1", "chat"), Presence(ROMEO, JULIET, "1"), Iq(ROMEO, JULIET, "1", "set")]
)
def test_error_goes_back_with_the_same_id_and_swapped_addresses(stanza: Stanza) -> None:
    answer = read(error_bytes(stanza, "redirect", "why", address="xmpp:a@b.example"))
    assert type(answer) is type(stanza)
    assert (answer.from_, answer.to, answer.id, answer.type) == (JULIET, ROMEO, "1", "error")
    assert answer.error == StanzaError("redirect", "modify", "why", "xmpp:a@b.example")
    kept = read(error_bytes(stanza, "service-unavailable", "", "auth"))
    assert kept.error == StanzaError("service-unavailable", "auth")


@pytest.mark.parametrize("kind", [Message, Presence, Iq])
def test_error_is_never_answered_with_an_error(kind: type[Message] | type[Presence] | type[Iq]) -> None:
    assert error_bytes(kind(ROMEO, JULIET, type="error"), "bad-request", "why") == b""


def test_result_is_never_answered() -> None:
    assert error_bytes(Iq(ROMEO, JULIET, "1", "result"), "bad-request", "why") == b""


def test_language_of_a_stanza_is_written() -> None:
    presence = read(Presence(ROMEO, JULIET, lang="de", status="s").to_bytes())
    assert isinstance(presence, Presence)
    assert (presence.lang, presence.status) == ("de", "s")
    assert LANG not in [key for extension in presence.extensions for key in extension.attributes]
