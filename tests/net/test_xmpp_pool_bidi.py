"""One stream for both directions (XEP-0288): who may use it, when, and what becomes of messages when it is gone."""

from dataclasses import replace
from pathlib import Path

import pytest

from edge.certificates.trust import Trust
from edge.domains import Domain
from edge.partners import Directory, Streams
from tests.net.cable import (
    AUTH,
    HEADER,
    OFFER_EXTERNAL,
    OFFER_TLS,
    SIP,
    STARTTLS,
    SUCCESS,
    THEIRS,
    THEM,
    US,
    Far,
    World,
    message,
    pong,
    s2s,
)
from tests.net.loopback import Creator

BIDI = "<bidi xmlns='urn:xmpp:bidi'/>"
OFFER_BOTH = OFFER_EXTERNAL.replace("</stream", "<bidi xmlns='urn:xmpp:features:bidi'/></stream")
OUT = message("out", f"juliet@{US}", f"romeo@{THEM}").encode()


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, SIP, s2s())
    world.pool.start()
    return world


def come_in(world: World, first: str = BIDI) -> Far:
    """A server opens a stream to us on which it takes stanzas as well."""
    far = world.accept()
    far.says(HEADER)
    far.says(STARTTLS)
    far.secure(Creator(THEIRS), client=True)
    assert b"<bidi xmlns='urn:xmpp:features:bidi'/>" in far.says(HEADER)
    far.says(first)
    far.says(AUTH)
    far.says(HEADER)
    return far


def go_out(world: World) -> Far:
    """A stream of ours to a server that offers both directions."""
    far = world.answer()
    far.says(HEADER)
    far.says(OFFER_TLS)
    far.proceed(Creator(THEIRS))
    assert BIDI.encode() + b"<auth" in far.says(HEADER + OFFER_BOTH)
    far.says(SUCCESS)
    far.says(HEADER + "<stream:features/>")
    return far


def test_stanzas_come_in_on_the_stream_that_we_have_opened(world: World) -> None:
    world.send("token", OUT)
    far = go_out(world)
    assert b"id='out'" in far.all
    far.says(message("in") + pong(far))
    assert [stanza.id for stanza in world.sink.stanzas] == ["in"] and world.sink.done == ["token"]
    assert b"<invalid-from" in far.says(message("bad", from_="evil@other.example"))


def test_stanzas_go_out_on_the_stream_that_has_come_in(world: World) -> None:
    far = come_in(world)
    world.send("token", OUT)
    assert world.dials == [] and b"id='out'" in far.hears()
    far.says(pong(far))
    assert world.sink.done == ["token"]
    assert world.sink.paths == [("up", "montague", US, THEM)]


def test_stanzas_that_wait_go_out_when_a_stream_comes_in(world: World) -> None:
    world.send("token", OUT)
    world.refuse()
    far = come_in(world)
    assert b"id='out'" in far.all and len(world.dials) == 1


def test_stream_of_ours_stays_in_use_when_another_comes_in(world: World) -> None:
    world.send("one", OUT)
    out = world.go_out()
    far = come_in(world)
    world.send("two", OUT.replace(b"'out'", b"'again'"))
    assert b"again" in out.hears() and b"again" not in far.hears()


def test_stream_that_was_not_asked_to_sends_nothing_back(world: World) -> None:
    far = come_in(world, first="")
    world.send("token", OUT)
    assert len(world.dials) == 1 and b"id='out'" not in far.hears()


def test_stream_that_comes_in_sends_nothing_back_before_it_is_authenticated(world: World) -> None:
    far = world.accept()
    far.says(HEADER)
    far.says(STARTTLS)
    far.secure(Creator(THEIRS), client=True)
    far.says(HEADER)
    far.says(BIDI)
    world.send("token", OUT)
    assert len(world.dials) == 1 and b"<message" not in far.hears()


def test_stream_carries_back_what_is_between_its_own_domains_only(world: World) -> None:
    come_in(world)
    world.send("token", OUT, sender=SIP.domains[1])
    assert len(world.dials) == 1


def test_message_on_a_stream_that_is_lost_goes_back_and_the_next_is_dialled(world: World) -> None:
    far = come_in(world)
    far.says(message())
    world.send("token", OUT)
    far.cable.cut()
    assert [token for token, _, _ in world.sink.back] == ["token"]
    world.send("next", OUT)
    assert len(world.dials) == 1


def test_management_on_a_stream_that_comes_in_counts_their_stanzas_and_ours_are_asked_about_by_pings(
    world: World,
) -> None:
    far = come_in(world)
    far.says("<enable xmlns='urn:xmpp:sm:3'/>")
    world.send("token", OUT)
    assert b"<ping" in far.hears()
    far.says("<a xmlns='urn:xmpp:sm:3' h='2'/>")
    assert world.sink.done == [] and far.reason is None
    assert b"h='1'" in far.says(message() + "<r xmlns='urn:xmpp:sm:3'/>")
    far.says(pong(far))
    assert world.sink.done == ["token"]


def test_both_ways_are_not_offered_where_that_is_not_wanted(tmp_path: Path) -> None:
    world = World(tmp_path, SIP, s2s(streams=Streams(bidi=False)))
    far = world.accept()
    far.says(HEADER)
    far.says(STARTTLS)
    far.secure(Creator(THEIRS), client=True)
    assert b"bidi" not in far.says(HEADER)
    world.send("token", OUT)
    out = world.answer()
    out.says(HEADER)
    out.says(OFFER_TLS)
    out.proceed(Creator(THEIRS))
    assert b"bidi" not in out.says(HEADER + OFFER_BOTH)


def test_stream_both_ways_is_closed_for_want_of_work_and_nobody_minds(world: World) -> None:
    far = come_in(world)
    world.wait(Streams().idle_seconds + 2, far.cable)
    assert far.all.endswith(b"</stream:stream>")
    far.says("</stream:stream>")
    assert world.sink.codes("link.down") == [None]
    assert world.sink.paths[-1] == ("lost", "montague", US, THEM, True)


def test_stream_that_carries_both_directions_goes_with_the_proof_of_its_own_two_domains(tmp_path: Path) -> None:
    """Another domain that it has proved besides does not keep it: what we send on it would be for the first."""
    other = Domain("other.example")
    world = World(tmp_path, SIP, s2s(), s2s(name="other", domains=(other,), streams=Streams(dialback=True)))
    far = come_in(world)
    (link,) = world.pool.links
    link.security.proofs[other, US] = "dialback"
    link.negotiation._pairs.proved.add((other, US))  # type: ignore[attr-defined]
    (montague,) = [system for system in world.directory.systems if system.name == "montague"]
    pinned = replace(montague, trust=Trust(pins=frozenset(("sha256/" + "A" * 43 + "=",))))
    systems = [pinned if system is montague else system for system in world.directory.systems]
    assert world.pool.relisted(world.directory.become(Directory(systems))) == 1
    assert far.hears().endswith(b"</stream:stream>")
