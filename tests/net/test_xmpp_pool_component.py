"""Component connections: one for each domain of the other side, to a server that may use any of them."""

from pathlib import Path

import pytest

from edge.codes import Code
from edge.domains import Domain
from edge.net.xmpp_pings import GRACE
from edge.xmpp.component import handshake
from tests.net.cable import SIP, THEM, US, Far, World, component, message, pong, s2s

SECOND = SIP.domains[1]
NS_STREAMS = "http://etherx.jabber.org/streams"


def component_world(folder: Path) -> World:
    made = World(folder, SIP, component())
    made.places.answer = ("127.0.0.1", "127.0.0.2")
    made.pool.start()
    return made


def serve(world: World, dial: int) -> Far:
    """The server's part of one component connection."""
    far = world.answer(dial=dial)
    opened = far.hears().decode()
    assert "xmlns='jabber:component:accept'" in opened
    header = f"<stream:stream xmlns='jabber:component:accept' xmlns:stream='{NS_STREAMS}' from='x' id='i-d'>"
    assert far.says(header).decode() == f"<handshake>{handshake('i-d', 's3cret')}</handshake>"
    far.says("<handshake/>")
    return far


def test_component_connects_at_once_for_each_domain_of_the_other_side(tmp_path: Path) -> None:
    world = component_world(tmp_path)
    assert world.dials == [("127.0.0.1", 5269), ("127.0.0.1", 5269)]
    serve(world, 0)
    far = world.answer(dial=1)
    assert f"to='{SECOND}'".encode() in far.hears()
    assert world.sink.events[0][0] == "link.up" and world.sink.events[0][1]["stream"] == "component"


def test_component_carries_messages_both_ways(tmp_path: Path) -> None:
    world = component_world(tmp_path)
    far = serve(world, 0)
    world.send("token", message("out", f"juliet@{US}", f"romeo@{THEM}").encode())
    assert b"id='out'" in far.hears() and b"<ping" in far.all
    far.says(message("in") + pong(far))
    ((link, stanzas),) = world.sink.chunks
    assert [stanza.id for stanza in stanzas] == ["in"] and world.sink.done == ["token"]
    assert (link.peer.systems, link.peer.names) == ({"montague"}, {THEM})


def test_component_leaves_foreign_senders_to_admission(tmp_path: Path) -> None:
    world = component_world(tmp_path)
    far = serve(world, 0)
    far.says(message("in", from_="somebody@else.example"))
    assert [stanza.id for stanza in world.sink.stanzas] == ["in"]
    refusal = message("no", f"juliet@{US}", "somebody@else.example", "error").encode()
    world.pool.send(US, Domain("else.example"), refusal, None)
    world.turn.flush()
    assert b"id='no'" in far.hears(), "the refusal goes back through the server that routed the stanza to us"
    world.pool.send(THEM, Domain("else.example"), refusal, "token")
    assert world.sink.back[-1][:2] == ("token", Code.A01)


def test_component_connection_is_made_again_when_it_is_lost(tmp_path: Path) -> None:
    world = component_world(tmp_path)
    far = serve(world, 0)
    world.wait(60, far.cable)
    far.cable.cut()
    dials = len(world.dials)
    world.wait(2)
    assert len(world.dials) == dials + 1
    serve(world, -1)


def test_component_with_a_wrong_secret_tries_ever_more_rarely(tmp_path: Path) -> None:
    world = World(tmp_path, SIP_ALONE, component())
    world.pool.start()
    for _ in range(200):
        if len(world.dials) > len(world.sink.codes("link.refused")):
            far = world.answer()
            far.says(f"<stream:stream xmlns='jabber:component:accept' xmlns:stream='{NS_STREAMS}' id='i'>")
            far.says("<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>")
        world.wait(1)
    assert set(world.sink.codes("link.refused")) == {Code.A11}
    assert 6 <= len(world.dials) <= 12
    assert "s3cret" not in str(world.sink.events)


SIP_ALONE = s2s(name="office", inside=True, protocol="sip", link="tls", domains=(US,))


# --- a server that takes any of them ---------------------------------------------------------------------------


def both(folder: Path) -> tuple[World, Far, Far]:
    world = component_world(folder)
    return world, serve(world, 0), serve(world, 1)


def test_component_takes_what_comes_on_another_connection_to_the_same_server(tmp_path: Path) -> None:
    world, first, second = both(tmp_path)
    first.says(message("crossed", to=f"mercutio@{SECOND}"))
    second.says(message("straight", to=f"mercutio@{SECOND}") + message("crossed too"))
    assert [stanza.id for stanza in world.sink.stanzas] == ["crossed", "straight", "crossed too"]
    assert not first.reason and not second.reason


@pytest.mark.parametrize("stranger", ["nowhere.example", "capulet.example", THEM])
def test_component_takes_nothing_for_domains_that_the_server_was_not_given(tmp_path: Path, stranger: str) -> None:
    partner = s2s(name="capulet", domains=(Domain("capulet.example"),))
    world = World(tmp_path, SIP, component(), partner)
    world.pool.start()
    far = serve(world, 0)
    assert b"<host-unknown" in far.says(message(to=f"juliet@{stranger}"))
    assert world.sink.stanzas == [] and world.sink.codes("link.down") == [Code.A06]


def test_ping_is_answered_on_another_connection_and_a_failure_comes_behind_the_answer(tmp_path: Path) -> None:
    world, first, second = both(tmp_path)
    world.send("token", message("out", f"juliet@{US}", f"nobody@{THEM}").encode())
    assert b"<ping" in first.hears()
    second.says(pong(first))
    first.says(message("failure"))
    assert world.sink.order == ["failure"]
    world.wait(GRACE)
    assert world.sink.order == ["failure", "token"] and world.sink.back == []


def test_ping_that_is_answered_is_not_lost_with_the_connection(tmp_path: Path) -> None:
    world, first, second = both(tmp_path)
    world.send("token", message("out", f"juliet@{US}", f"romeo@{THEM}").encode())
    first.hears()
    second.says(pong(first))
    first.cable.cut()
    world.wait(GRACE)
    assert world.sink.done == ["token"] and world.sink.back == []
