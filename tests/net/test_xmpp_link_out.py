"""Streams that we open, over connections in memory with real TLS: whom we trust, and what becomes of what we send."""

from pathlib import Path

import pytest
from OpenSSL import SSL

from demo.authority import Issued
from edge.codes import Code
from edge.net import outbox, xmpp_link
from tests.net.cable import (
    BAD,
    GOOD,
    HEADER,
    OFFER_EXTERNAL,
    OFFER_TLS,
    PROCEED,
    THEIRS,
    THEM,
    US,
    World,
    message,
    refused,
)
from tests.net.loopback import PUBLIC, Creator


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# --- the initiating entity ----------------------------------------------------------------------------


def test_initiating_carries_what_waits_for_it(world: World) -> None:
    world.send("token", message("out", from_=f"juliet@{US}", to=f"romeo@{THEM}").encode())
    far = world.go_out()
    assert b"id='out'" in far.all and b"<auth" in far.all
    assert world.sink.events[0][0] == "link.up" and world.sink.events[0][1]["stream"] == "s2s out"


@pytest.mark.parametrize("issued", GOOD)
def test_initiating_trusts_a_good_certificate(world: World, issued: Issued) -> None:
    world.send(None)
    far = world.go_out(issued)
    assert b"<message/>" in far.all


@pytest.mark.parametrize(("issued", "code"), [case for case in BAD if case[0] is not None])
def test_initiating_sends_nothing_to_a_bad_certificate(world: World, issued: Issued, code: Code) -> None:
    world.send("token")
    far = world.go_out(issued)
    assert b"<message" not in far.all and b"<auth" not in far.all and f"{code} ".encode() in far.all
    assert refused(world) is code
    assert [(token, why) for token, why, _ in world.sink.back] == [("token", code)]


@pytest.mark.parametrize("offer", ["<stream:features/>", OFFER_EXTERNAL])
def test_initiating_writes_nothing_more_in_clear_when_tls_is_not_offered(world: World, offer: str) -> None:
    """Twisted 9206: leaving STARTTLS out of the features must not talk us out of it."""
    world.send("token")
    far = world.answer()
    header = far.hears()
    assert header.startswith(b"<?xml version='1.0'?><stream:stream") and header.count(b"<") == 2
    far.says(HEADER + offer)
    assert b"<auth" not in far.all and b"<message" not in far.all and b"EDGE-T01" in far.all
    assert refused(world) is Code.T01 and world.sink.back[0][:2] == ("token", Code.T01)


@pytest.mark.parametrize("more", [OFFER_EXTERNAL, HEADER + OFFER_EXTERNAL + "<success xmlns='x'/>", message()])
def test_initiating_forgets_what_came_behind_proceed(world: World, more: str) -> None:
    world.send(None)
    far = world.answer()
    far.says(HEADER + OFFER_TLS)
    far.proceed(Creator(THEIRS), more)
    assert b"<auth" not in far.hears(), "features in clear must not count"
    assert b"<auth" in far.says(HEADER + OFFER_EXTERNAL)
    assert world.sink.stanzas == []


def test_initiating_takes_the_peers_name_from_nobody_but_itself(world: World) -> None:
    world.send(None)
    far = world.answer()
    evil = HEADER.replace(THEM, "evil.example")
    far.says(evil + OFFER_TLS)
    far.proceed(Creator(PUBLIC.issue(dns=["evil.example"])))
    far.says(evil + OFFER_EXTERNAL)
    assert refused(world) is Code.C03 and b"<auth" not in far.all


def test_initiating_announces_the_domain_it_wants(world: World) -> None:
    world.send(None)
    far = world.answer()
    far.says(HEADER + OFFER_TLS)
    creator = Creator(THEIRS)
    far.proceed(creator)
    assert creator.made[0].get_servername() == THEM.encode()


def test_initiating_reports_that_our_certificate_was_refused(world: World) -> None:
    world.send("token")
    far = world.answer()
    far.says(HEADER + OFFER_TLS)
    creator = Creator(THEIRS)
    creator.context.set_verify(SSL.VERIFY_PEER, lambda *_: False)
    far.proceed(creator)
    assert refused(world) is Code.T05
    assert world.sink.back == [], "that may have been an accident, and there is time for another try"


def test_initiating_refuses_stanzas_on_a_stream_that_has_one_direction(world: World) -> None:
    world.send(None)
    far = world.go_out()
    assert b"<not-authorized" in far.says(message())
    assert world.sink.stanzas == [] and world.sink.codes("link.down") == [Code.S01]


@pytest.mark.parametrize("steps", range(4))
def test_initiating_gives_up_a_silent_server(world: World, steps: int) -> None:
    world.pool.start()
    world.send("token")
    far = world.answer()
    for step in (HEADER, OFFER_TLS, PROCEED)[:steps]:
        far.says(step)
    world.wait(xmpp_link.DIALLED + 2 + xmpp_link.CLOSING, far.cable)
    assert far.reason is not None and refused(world) is Code.X06
    world.wait(30.0)
    assert [(token, code) for token, code, _ in world.sink.back] == [("token", Code.X06)]


# --- what goes out ----------------------------------------------------------------------------------------


def test_link_writes_a_batch_and_its_ping_at_once(world: World) -> None:
    world.send("first")
    far = world.go_out()
    far.hears()
    before = len(far.cable.near.writes)
    for number in range(50):
        world.pool.send(US, THEM, f"<message id='{number}'/>".encode(), number)
    world.turn.flush()
    assert len(far.cable.near.writes) == before + 1


def test_link_gives_back_what_was_not_acknowledged_when_it_is_lost(world: World) -> None:
    world.send("one")
    far = world.go_out()
    world.send("two")
    world.send(None)
    far.cable.cut()
    assert [(token, code) for token, code, _ in world.sink.back] == [("one", Code.N03), ("two", Code.N03)]


def test_link_is_closed_when_an_acknowledgement_is_overdue(world: World) -> None:
    world.pool.start()
    world.send("one")
    far = world.go_out()
    world.wait(24, far.cable)
    assert world.sink.back == []
    world.wait(3, far.cable)
    assert b"<connection-timeout" in far.all and b"EDGE-M02" in far.all
    assert [(token, code) for token, code, _ in world.sink.back] == [("one", Code.M02)], "before the sender gives up"


def test_acknowledgement_is_overdue_as_soon_on_a_stream_that_was_silent(world: World) -> None:
    world.pool.start()
    world.send(None)
    far = world.go_out()
    world.wait(7, far.cable)
    world.send("one")
    world.wait(24, far.cable)
    assert world.sink.back == []
    world.wait(2, far.cable)
    assert [(token, code) for token, code, _ in world.sink.back] == [("one", Code.M02)]


def test_link_takes_the_last_answers_while_it_is_closing(world: World) -> None:
    world.send("one")
    far = world.go_out()
    ping = far.all.decode(errors="replace").rpartition("<iq ")[2].partition(" id='")[2].partition("'")[0]
    back = world.come_in()
    world.pool.stop()
    far.cable.pump()
    assert world.sink.back == []
    back.says(f"<iq from='{THEM}' to='{US}' id='{ping}' type='result'/>")
    far.says("</stream:stream>")
    assert world.sink.done == ["one"] and world.sink.back == []


def test_link_keeps_firewalls_awake(world: World) -> None:
    world.pool.start()
    world.send(None)
    far = world.go_out()
    far.hears()
    world.wait(outbox.KEEP_ALIVE + 1, far.cable)
    assert far.hears() == b" "
    world.wait(outbox.KEEP_ALIVE + 1, far.cable)
    assert far.hears() == b" "


def test_link_holds_what_a_slow_peer_does_not_read_and_then_drops_it(world: World) -> None:
    world.pool.start()
    world.send(None)
    far = world.go_out()
    far.hears()
    producer = far.cable.near.producer
    producer.pauseProducing()
    world.send("waits", b"<message id='waits'/>")
    assert far.hears() == b""
    producer.resumeProducing()
    assert far.hears().startswith(b"<message id='waits'/>")
    producer.pauseProducing()
    for _ in range(20):
        world.send(None, b"x" * 60_000)
    world.wait(2, far.cable)
    assert far.cable.near.aborted
    assert [(token, code) for token, code, _ in world.sink.back] == [("waits", Code.N03)]


def test_link_drops_a_peer_that_never_reads_again(world: World) -> None:
    world.pool.start()
    world.send(None)
    far = world.go_out()
    far.cable.near.producer.pauseProducing()
    world.wait(31, far.cable)
    assert far.cable.near.aborted and world.sink.codes("link.down") == [Code.N03]
