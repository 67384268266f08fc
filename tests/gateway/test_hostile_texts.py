"""Whatever a message says, on either side: one message goes on, or one failure comes back, and nothing beside it."""

import xml.etree.ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.mapping.extensions import NS_DELAY, NS_EME, NS_OOB
from edge.sip.framing import Framer
from edge.sip.message import Request
from edge.xmpp.element import Element
from edge.xmpp.stanzas import Message
from tests.gateway.bench import JULIET_JID, ROMEO_JID, Bench, reports, responses, sends, sent_stanzas, spoken

HEADERS = {
    "via", "max-forwards", "from", "to", "call-id", "cseq", "content-type", "content-length", "content-language",
    "subject", "date",
}
CHILDREN = {"body", "subject", "thread", "delay", "html", "request", "markable"}

evil = st.sampled_from(
    [
        "\r\n", "\n", "\r", "\r\nX-Evil: 1", "\r\n\r\nMESSAGE sip:x@y SIP/2.0\r\n", "\x00", "\x0b", "\x85", "\u2028",
        "\ufffe", "]]>", "<![CDATA[", "</body></message><message>", "&lt;", "&#0;", "'", '"', "\\", ";", ",", "<", ">",
        "\x1b", "\ufeff", "\u202e", "%0d%0a", "=0D=0A", "--b", "--b--", "ü", "👩\u200d👧", "x",
    ]
)
texts = st.one_of(st.lists(evil, max_size=6).map("".join), st.text(max_size=20))


def oob(url: str) -> Element:
    return Element("x", NS_OOB, {}, [Element("url", NS_OOB, {}, [url])])


def formatted(text: str, href: str) -> Element:
    link = Element("a", "http://www.w3.org/1999/xhtml", {"href": href, "style": text}, [text])
    body = Element("body", "http://www.w3.org/1999/xhtml", {}, [link])
    return Element("html", "http://jabber.org/protocol/xhtml-im", {}, [body])


@settings(max_examples=150, deadline=None)
@given(texts, texts, texts, texts, texts, texts)
def test_stanza_is_one_request_or_one_error(
    body: str, subject: str, thread: str, lang: str, url: str, other: str
) -> None:
    bench = Bench()
    more = (
        oob(url), formatted(other, url), Element("delay", NS_DELAY, {"stamp": other}),
        Element("encryption", NS_EME, {"namespace": other, "name": url}) if other.startswith("x") else oob(other),
    )
    stanza = Message(JULIET_JID, ROMEO_JID, other, "chat", lang, extensions=more, body=body)
    stanza.subject, stanza.thread = subject, thread
    effects = bench.stanzas(stanza)
    assert "internal.error" not in [report.event for report in reports(effects)]
    requests, stanzas = sends(effects), sent_stanzas(effects)
    assert len(requests) + len(stanzas) <= 1
    for sent in requests:
        (found,) = list(Framer().feed(sent.data))
        assert isinstance(found, Request) and found.method == "MESSAGE"
        assert {name.decode() for name in found.headers.index} <= HEADERS
        assert found.body.decode() and found.headers.get("content-type") == "text/plain;charset=UTF-8"
    for error in spoken(stanzas):
        assert isinstance(error, Message) and error.type == "error"


names = st.sampled_from(["Subject", "Content-Language", "Date", "Expires", "Content-Disposition", "Accept"])
media = st.sampled_from(
    [
        "text/plain", "text/html", "text/rtf", "message/cpim", "multipart/mixed;boundary=b", "application/xml",
        "multipart/alternative;boundary=b", "message/imdn+xml", "application/im-iscomposing+xml",
        "text/plain;charset={}", "image/{}", "multipart/{};boundary=b",
    ]
)
octets = st.lists(
    st.one_of(
        evil.map(lambda text: text.encode("utf-8", "replace")),
        st.sampled_from(
            [
                b"Content-Type: text/html\r\n\r\n", b"Content-Type: text/plain\r\n\r\n", b"\r\n--b\r\n", b"\r\n--b--",
                b"From: <im:romeo@sip.example>\r\n", b"Subject: ", b"{\\rtf1 ", b"}", b"<b>", b"<img alt='", b"\xff",
                b"Content-Transfer-Encoding: base64\r\n", b"Content-Type: message/cpim\r\n\r\n", b"{\\pict\\bin9 ",
                b"NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: ", b"<isComposing><state>", b"\\'ff",
            ]
        ),
    ),
    max_size=12,
).map(b"".join)


@settings(max_examples=250, deadline=None)
@given(media, st.lists(st.tuples(names, texts), max_size=3), texts, octets, st.sampled_from(["plain", "xhtml"]))
def test_request_is_one_stanza_or_one_failure(
    media: str, headers: list[tuple[str, str]], other: str, body: bytes, html: str
) -> None:
    bench = Bench()
    object.__setattr__(bench.node.directory.systems[0], "html", html)
    plain = "".join(filter(str.isalnum, other)) or "x"
    rows = [(name, " ".join(value.split())) for name, value in headers]  # as the framing lets them through
    page = bench._request("MESSAGE", (("Content-Type", media.format(plain)), *rows), body)
    effects = bench.sip(page)
    assert "internal.error" not in [report.event for report in reports(effects)]
    stanzas, answers = sent_stanzas(effects), responses(effects)
    assert len(stanzas) + len(answers) == 1
    for stanza in stanzas:
        root = ET.fromstring(stanza.data)
        assert root.tag == "message" and root.get("type") == "chat"
        assert {child.tag.rpartition("}")[2] for child in root} <= CHILDREN
        assert root.findtext("body") or root.findtext("subject")
    assert all(answer.status in (200, 400, 403, 413, 415, 480) for answer in answers)
