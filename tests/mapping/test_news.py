"""Tests of `edge.mapping.news`: who is described, and what all his watchers hear. What it means: test_presence*.py."""

import pytest

from edge.bodies.document import Document, Note, Tuple
from edge.bodies.pidf import parse, render
from edge.errors import RemoteProtocolError
from edge.mapping.news import about, learnt, stanzas_of, unpack, withdrawn
from edge.mapping.presence import settle
from edge.mapping.profile import DEFAULT
from edge.xmpp.jid import JID

JULIET = JID.parse("juliet@sip.example")  # the SIP user
ROMEO = JID.parse("romeo@xmpp.example")
BUSY = Document(
    "sip:juliet@sip.example",
    (Tuple("phone", "open", "", ("busy",), notes=(Note("secret"),)), Tuple("desk", "closed", notes=(Note("bye"),))),
)


@pytest.mark.parametrize(
    ("entity", "expected"),
    [
        ("sip:juliet@sip.example", True),
        ("pres:juliet@sip.example", True),
        ("SIP:Juliet@SIP.example:5061;transport=tls", True),
        ("sip:juliet@sip.example;gr=phone", True),
        ("juliet@sip.example", True),
        ("sip:nurse@sip.example", False),
        ("sip:juliet@evil.example", False),
        ("tel:+123", False),
        ("sip:", False),
        ("", False),
        ("sip:ju%00liet@sip.example", False),
    ],
)
def test_about_knows_whom_a_document_describes(entity: str, expected: bool) -> None:
    assert about(Document(entity), JULIET) is expected
    assert about(Document(entity), JID.parse("juliet@sip.example/phone")) is expected


def test_stanzas_of_refuses_a_document_about_somebody_else() -> None:
    with pytest.raises(RemoteProtocolError):
        stanzas_of(Document("sip:nurse@sip.example", (Tuple("a", "open"),)), None, JULIET, ROMEO)


def test_withdrawn_says_why() -> None:
    assert [stanza.to_bytes() for stanza in withdrawn(BUSY, JULIET, ROMEO, "no link")] == [
        b"<presence from='juliet@sip.example/phone' to='romeo@xmpp.example' type='unavailable'>"
        b"<status>no link</status></presence>"
    ]


def test_news_for_nobody_in_particular_are_the_same_for_each_watcher_but_for_his_address() -> None:
    watcher = JID.parse("benvolio@xmpp.example")
    found = learnt(parse(render(BUSY)), None, JULIET, "de", DEFAULT)
    assert [told.to(watcher) for told in found.news] == [
        stanza.to_bytes() for stanza in stanzas_of(BUSY, None, JULIET, watcher, lang="de")
    ]


def test_news_are_worked_out_once_for_all_watchers() -> None:
    learnt.cache_clear()
    body = render(BUSY)
    for number in range(50):
        watcher = JID.parse(f"user{number}@xmpp.example/home")
        (first, _) = stanzas_of(parse(body), None, JULIET, watcher)
        assert first.to == watcher.bare()
    assert learnt.cache_info().misses == 1
    learnt.cache_clear()


def test_what_is_kept_of_a_document_is_all_but_whom_it_is_about() -> None:
    kept = learnt(parse(render(BUSY)), None, JULIET, "", DEFAULT).kept
    assert unpack(kept, JULIET) == settle(parse(render(BUSY)), None)._replace(entity="sip:juliet@sip.example")
    assert b"juliet" not in kept and len(kept) < 150
