"""What people say is taken out, and everything else stays."""

import pytest
from lxml import etree

from edge.admin.hiding import Hiding
from edge.sip.message import parse_message

NOTE = (
    '<presence xmlns="urn:ietf:params:xml:ns:pidf"><tuple id="a"><status><basic>open</basic></status>'
    "<note>At home</note></tuple></presence>"
)
ERROR = "<message type='error'><error><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>%s</text></error></message>"


def sip(kind: str, body: str, more: str = "") -> str:
    head = f"MESSAGE sip:a@b.example SIP/2.0\r\nContent-Type: {kind}\r\n{more}CSeq: 1 MESSAGE"
    return Hiding().sip(parse_message(head.encode(), body.encode()))


def stanza(text: str) -> str:
    return Hiding().stanza(etree.fromstring(text))


@pytest.mark.parametrize(
    ("kind", "body", "hidden"),
    [
        ("text/plain", "a secret", "text 1"),
        ("text/html", '<p>a secret<a href="https://x.test/secret">b</a></p>',
         '<p>text 1<a href="https://example.com/3">text 2</a></p>'),
        ("multipart/alternative; boundary=b", "--b\nContent-Type: text/plain\n\na secret\n--b--",
         "--b\nContent-Type: text/plain\n\ntext 1\n--b--"),
        ("message/cpim", "From: <im:a@b.example>\n\nContent-Type: text/plain\n\na secret",
         "From: <im:a@b.example>\n\nContent-Type: text/plain\n\ntext 1"),
        ("application/sdp", "v=0\ns=x", "v=0\ns=x"),
        ("application/octet-stream", "a secret", "text 1"),
        ("application/pidf+xml", NOTE, NOTE.replace("At home", "text 1")),
        ("application/pidf+xml", "<!DOCTYPE x [<!ENTITY e 'a secret'>]><x>&e;</x>", "text 1"),
        ("application/pidf+xml", "<x>a secret", "text 1"),
    ],
)
def test_body_has_nothing_of_what_people_say(kind: str, body: str, hidden: str) -> None:
    assert sip(kind, body).partition("\n\n")[2] == hidden


def test_header_in_which_somebody_writes_and_one_with_a_secret_are_hidden() -> None:
    more = "Subject: a secret\r\nms-text-format: text/plain;ms-body=c2VjcmV0\r\nAuthorization: pw\r\n"
    said = sip("text/plain", "", more)
    assert said.splitlines()[2:5] == ["Subject: text 1", "ms-text-format: text/plain", "Authorization: hidden"]


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("<message><body>a secret</body><thread>t</thread></message>",
         "<message><body>text 1</body><thread>t</thread></message>"),
        ("<message><html><p>see <b>a</b> secret</p></html></message>",
         "<message><html><p>text 1<b>text 2</b>text 3</p></html></message>"),
        ("<presence><show>dnd</show><status>a secret</status></presence>",
         "<presence><show>dnd</show><status>text 1</status></presence>"),
        ("<message><x><url>https://x.test/secret.jpg</url></x></message>",
         "<message><x><url>https://example.com/1</url></x></message>"),
        ("<message><a href='tel:0815' alt='secret'/></message>",
         '<message><a href="tel:example.com/1" alt="text 2"/></message>'),
        ("<presence><activity>lunch</activity><activity>a secret</activity></presence>",
         "<presence><activity>lunch</activity><activity>text 1</activity></presence>"),
    ],
)
def test_stanza_has_nothing_of_what_people_say(text: str, hidden: str) -> None:
    assert stanza(text) == hidden


def test_error_of_ours_says_why_and_that_of_others_does_not() -> None:
    assert "EDGE-M01 too many" in stanza(ERROR % "EDGE-M01 too many")
    assert "secret" not in stanza(ERROR % "a secret")


def test_same_text_has_the_same_number_and_a_long_one_its_length() -> None:
    hiding = Hiding()
    assert [hiding.text(each) for each in ("a", "b", " a\n", " ")] == ["text 1", "text 2", "text 1", " "]
    assert hiding.text("x" * 1400) == "text 3 (1400 B)"


def test_with_bodies_all_is_shown_but_credentials() -> None:
    head = b"MESSAGE sip:a@b SIP/2.0\r\nAuthorization: pw\r\nSubject: s\r\nContent-Type: text/html"
    message = parse_message(head, b"<b>x</b>")
    said = Hiding(bodies=True).sip(message)
    assert said.endswith("Authorization: hidden\nSubject: s\nContent-Type: text/html\n\n<b>x</b>")
