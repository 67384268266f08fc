"""What one server does wrong is its own affair: it is told or dropped, with one event, and the others notice nothing.

Ten partners have a stream to us; one of them misbehaves.
"""

import re
from pathlib import Path

import pytest

from edge.domains import Domain
from tests.net.cable import HEADER, SIP, STARTTLS, THEM, US, Far, World, message, s2s
from tests.net.loopback import PUBLIC

NAMES = [f"p{number}.example" for number in range(10)]
BAD, *GOOD = NAMES
TO_US = f"from='romeo@{BAD}' to='juliet@{US}'"
BOMB = "<!DOCTYPE b [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]>"
UNASKED = f"<db:verify xmlns:db='jabber:server:dialback' id='1' type='valid' from='{BAD}' to='{US}'/>"
WRONGS = {
    "no XML": "<message><body></message>",
    "an entity bomb": BOMB,
    "an unknown entity": f"<message {TO_US}><body>&bomb;</body></message>",
    "a comment": "<!-- -->",
    "a processing instruction": "<?xml-stylesheet href='http://192.0.2.1/'?>",
    "a large stanza": f"<message {TO_US}><body>" + "x" * 300_000,
    "a large attribute": f"<message {TO_US} a='" + "x" * 300_000,
    "many attributes": f"<message {TO_US}" + "".join(f" a{number}='x'" for number in range(2000)) + "/>",
    "many namespaces": f"<message {TO_US}" + "".join(f" xmlns:a{number}='urn:x'" for number in range(2000)) + "/>",
    "a deep stanza": f"<message {TO_US}>" + "<a>" * 100_000,
    "many elements": f"<message {TO_US}>" + "<a/>" * 60_000,
    "no UTF-8": b"<message><body>\xc0\xaf</body></message>",
    "half a surrogate": b"<message><body>\xed\xa0\x80</body></message>",
    "a separator of namespaces": f"<message {TO_US}><a xmlns='urn:x\x0curn:y'/></message>",
    "an end of CDATA": f"<message {TO_US}><body>]]></body></message>",
    "a character that XML cannot hold": f"<message {TO_US}><body>&#x0;</body></message>",
    "the sender of another": message(from_=f"romeo@{GOOD[0]}"),
    "the sender of a domain that ends alike": message(from_=f"romeo@x{BAD}"),
    "the recipient of another": message(from_=f"romeo@{BAD}", to="juliet@elsewhere.example"),
    "no stanza": f"<letter {TO_US}/>",
    "compression": "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>",
    "a second authentication": "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>",
    "TLS within TLS": STARTTLS,
    "another stream": HEADER.replace(THEM, GOOD[0]),
    "answers that nobody asked for": f"{UNASKED}{UNASKED}",
    "too many requests to count": "<enable xmlns='urn:xmpp:sm:3'/>" * 10,
}
SAID = re.compile(rb"<stream:error><([a-z-]+)")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, SIP, *(s2s(name=name, domains=(Domain(name),)) for name in NAMES))


def stream_of(world: World, name: str) -> Far:
    """A stream that a partner has opened, and on which it may write."""
    return world.come_in(PUBLIC.issue(dns=[name]), HEADER.replace(THEM, name))


@pytest.mark.parametrize("wrong", WRONGS)
def test_one_bad_server_of_ten_is_told_once_and_the_others_go_on(world: World, wrong: str) -> None:
    bad, *good = [stream_of(world, name) for name in NAMES]
    world.sink.events.clear()
    heard = bad.says(WRONGS[wrong])
    assert SAID.search(heard) and heard.endswith(b"</stream:stream>") and bad.reason is not None
    ends = [fields for name, fields in world.sink.events if name in ("link.down", "link.refused")]
    assert len(ends) == 1 and ends[0]["code"] is not None and ends[0]["remote"] == BAD
    assert world.sink.stanzas == [], "nothing of it came through"
    for far, name in zip(good, GOOD, strict=True):
        far.says(message(id=name, from_=f"romeo@{name}"))
        assert far.reason is None
    assert [stanza.id for stanza in world.sink.stanzas] == GOOD


IN_CLEAR = [wrong for wrong in WRONGS if WRONGS[wrong] != STARTTLS]


@pytest.mark.parametrize("wrong", IN_CLEAR)
def test_stranger_in_clear_is_told_once_and_the_others_go_on(world: World, wrong: str) -> None:
    good = [stream_of(world, name) for name in GOOD]
    world.sink.events.clear()
    far = world.accept(host="203.0.113.1")
    assert b"compress" not in far.says(HEADER)
    heard = far.says(WRONGS[wrong])
    assert SAID.search(heard) and heard.endswith(b"</stream:stream>") and far.reason is not None
    assert [name for name, _ in world.sink.events] == ["link.refused"]
    for far, name in zip(good, GOOD, strict=True):
        far.says(message(id=name, from_=f"romeo@{name}"))
    assert [stanza.id for stanza in world.sink.stanzas] == GOOD


def test_stranger_cannot_make_us_read_more_than_a_negotiation_has(world: World) -> None:
    far = world.accept()
    far.says(HEADER)
    pieces = 0
    while not far.reason:
        pieces += 1
        far.says("<a b='" + "x" * 1000)
    assert pieces <= 10 and b"EDGE-L04" in far.all
