"""Another partner list while streams and component connections are up: who stays, who goes, and what goes back."""

import dataclasses
from pathlib import Path

import pytest

from edge.certificates.trust import Trust
from edge.codes import Code
from edge.domains import Domain
from edge.net.retiring import QUIET
from edge.net.xmpp_route import LOOK
from edge.partners import Block, Directory, HostPort, Streams, System
from edge.xmpp.dialback import Dialback
from tests.net.cable import (
    AUTH,
    HEADER,
    SIP,
    STARTTLS,
    SUCCESS,
    THEIRS,
    THEM,
    US,
    World,
    component,
    message,
    pong,
    s2s,
)
from tests.net.loopback import Creator
from tests.net.test_xmpp_pool_component import component_world, serve

THIRD = Domain("third.example")
WIDER = dataclasses.replace(SIP, domains=(*SIP.domains, THIRD))
PINNED = Trust(pins=frozenset(("sha256/" + "A" * 43 + "=",)))
NARROWER = dataclasses.replace(SIP, domains=(US,))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def relist(world: World, *systems: System, block: str = "") -> int:
    """Reload, as `edge.service` does; returns how many links will close."""
    bundle = next(system.ca for system in world.pool._directory.systems)
    listed = [dataclasses.replace(system, ca=system.ca or bundle) for system in systems]
    blocks = [Block((Domain(block),))] if block else []
    return world.pool.relisted(world.pool._directory.become(Directory(listed, blocks)))


def back(world: World) -> list[tuple[object, Code]]:
    return [(token, code) for token, code, _ in world.sink.back]


# --- servers --------------------------------------------------------------------------------------------


def test_partner_that_is_removed_hears_the_last_words_before_its_streams_close(world: World) -> None:
    world.send(None)
    out, back_ = world.go_out(), world.come_in()
    world.pool.send(US, THEM, message("last", f"juliet@{US}", f"romeo@{THEM}").encode(), None)
    assert relist(world, SIP) == 2
    heard = out.hears()
    assert heard.index(b"id='last'") < heard.index(b"</stream:stream>")
    assert back_.hears().endswith(b"</stream:stream>")
    for far in (out, back_):
        far.cable.cut()
    downs = [fields["partner"] for name, fields in world.sink.events if name == "link.down"]
    assert downs == ["montague"] * 2
    world.send("late")
    assert back(world) == [("late", Code.A01)]


def test_what_waits_for_a_partner_that_is_removed_goes_back(world: World) -> None:
    world.send("waiting")
    assert relist(world, SIP) == 0
    assert back(world) == [("waiting", Code.A01)]
    world.wait(100)
    assert len(world.dials) == 1 and not world.sink.paths


def test_partner_that_is_blocked_is_closed_and_heard_no_more(world: World) -> None:
    far = world.come_in()
    world.send("waiting")
    assert relist(world, SIP, s2s(), block=THEM) == 1
    assert far.hears().endswith(b"</stream:stream>")
    assert back(world) == [("waiting", Code.A02)]


def test_stream_of_somebody_else_is_not_touched(world: World) -> None:
    world.send(None)
    out = world.go_out()
    other = s2s(name="other", domains=(THIRD,))
    assert relist(world, SIP, s2s(), other) == 0
    assert relist(world, SIP, s2s()) == 0
    world.send(None, message("on", f"juliet@{US}", f"romeo@{THEM}").encode())
    assert b"id='on'" in out.hears() and len(world.dials) == 1


def test_partner_that_is_elsewhere_is_dialled_there(world: World) -> None:
    world.send(None)
    out = world.go_out()
    world.places.answer = ("192.0.2.9",)
    assert relist(world, SIP, s2s(hosts=(HostPort("192.0.2.9", 5269),))) == 1
    world.send("next")
    assert world.dials[-1] == ("192.0.2.9", 5269) and not world.sink.back
    world.reactor.pump([QUIET] * 2)
    assert out.hears().endswith(b"</stream:stream>")


def test_partner_that_is_elsewhere_has_processed_what_it_was_sent_where_it_was(world: World) -> None:
    world.send("one")
    old, back_ = world.go_out(), world.come_in()
    world.places.answer = ("192.0.2.9",)
    relist(world, SIP, s2s(hosts=(HostPort("192.0.2.9", 5269),)))
    world.send("two", message("two", f"juliet@{US}", f"romeo@{THEM}").encode())
    world.reactor.advance(LOOK)
    assert len(world.dials) == 1
    back_.says(pong(old))
    world.reactor.advance(LOOK)
    assert world.dials[-1] == ("192.0.2.9", 5269) and b"id='two'" in world.go_out().all
    assert world.sink.done == ["one"] and not world.sink.back


def test_partner_whose_place_was_wrong_is_dialled_at_once_when_it_is_mended(world: World) -> None:
    world.send("waiting", message("m", f"juliet@{US}", f"romeo@{THEM}").encode())
    for _ in range(3):
        world.refuse()
        dials = len(world.dials)
        while len(world.dials) == dials:
            world.wait(1)
    world.refuse()
    world.places.answer = ("192.0.2.9",)
    relist(world, SIP, s2s(hosts=(HostPort("192.0.2.9", 5269),)))
    assert world.dials[-1] == ("192.0.2.9", 5269)
    assert b"id='m'" in world.go_out().all and not world.sink.back


@pytest.mark.parametrize(
    ("said", "closed"),
    [
        ({"streams": Streams(external=False, dialback=True)}, False),
        ({"streams": Streams(dialback=True)}, False),
        ({"ca": Path("another.pem")}, True),
        ({"domains": (THIRD,)}, True),
    ],
)
def test_stream_has_to_prove_what_is_asked_of_it_now(world: World, said: dict[str, object], closed: bool) -> None:
    """A certificate that was good stays so when it is not asked for any more; under another authority it is none."""
    far = world.come_in()
    assert relist(world, SIP, s2s(**said)) == int(closed)
    assert far.hears().endswith(b"</stream:stream>") is closed


@pytest.mark.parametrize(
    ("after", "closed"),
    [((SIP,), 1), ((SIP, s2s(trust=PINNED)), 1), ((SIP, s2s(pending_messages=1)), 0)],
)
def test_stream_that_has_its_offer_and_has_not_taken_it_yet_is_made_anew(
    world: World, after: tuple[System, ...], closed: int
) -> None:
    """What was offered to it was offered by another list."""
    far = world.accept()
    far.says(HEADER)
    far.says(STARTTLS)
    far.secure(Creator(THEIRS), client=True)
    assert b"EXTERNAL" in far.says(HEADER)
    assert relist(world, *after) == closed
    assert (SUCCESS.encode() in far.says(AUTH)) == (not closed)
    if closed:
        assert far.reason is not None and not world.sink.codes("link.up")


def test_claim_that_is_settled_after_a_reload_counts_by_the_new_list(tmp_path: Path) -> None:
    world = World(tmp_path, SIP, s2s(domains=(THEM, THIRD), streams=Streams(dialback=True)))
    far = world.come_in(header=HEADER.replace(" from=", " xmlns:db='jabber:server:dialback' from="))
    claim = Dialback("result", THIRD, US, "key")
    far.says(claim.to_bytes())
    assert relist(world, SIP, s2s(domains=(THEM, THIRD))) == 0
    world.refuse()
    assert far.hears() == claim.answered("not-authorized").to_bytes()


def test_domain_that_a_stream_has_proved_besides_may_have_to_go_alone(tmp_path: Path) -> None:
    """One that a certificate has proved stays, one that dialback has proved goes with it."""
    also = s2s(domains=(THEM, THIRD), streams=Streams(dialback=True))
    world = World(tmp_path, SIP, also)
    far = world.come_in(header=HEADER.replace(" from=", " xmlns:db='jabber:server:dialback' from="))
    (link,) = world.pool.links
    far.says(Dialback("result", THIRD, US, "key").to_bytes())
    link.dialled_back(Dialback("verify", US, THIRD, "key", "id"), "valid")
    far.says(message("one", from_=f"romeo@{THIRD}"))
    assert [stanza.id for stanza in world.sink.stanzas] == ["one"]
    assert relist(world, SIP, s2s(domains=(THEM, THIRD))) == 0
    far.says(message("two"))
    assert b"<invalid-from " in far.says(message("three", from_=f"romeo@{THIRD}"))
    assert [stanza.id for stanza in world.sink.stanzas] == ["one", "two"]


def test_domain_that_is_anothers_now_is_reached_there(world: World) -> None:
    world.send(None)
    out = world.go_out()
    other = s2s(name="capulet", hosts=(HostPort("192.0.2.9", 5269),))
    assert relist(world, SIP, s2s(domains=(THIRD,)), other) == 1
    assert out.hears().endswith(b"</stream:stream>")
    world.send("next")
    assert world.pool.routes[-1][1].state == "connecting" and len(world.dials) == 2
    (way,) = world.pool._ways.of("capulet")
    assert way.place == (US, THEM)


def test_less_may_wait_from_now_on(world: World) -> None:
    world.send("one")
    relist(world, SIP, s2s(pending_messages=1))
    world.send("two")
    assert back(world) == [("two", Code.M01)] and len(world.dials) == 1


# --- component connections ------------------------------------------------------------------------------


def test_new_domain_gets_its_connection_and_the_others_stay(tmp_path: Path) -> None:
    world = component_world(tmp_path)
    first, second = serve(world, 0), serve(world, 1)
    assert relist(world, WIDER, component()) == 0
    world.wait(1)
    assert len(world.dials) == 3
    third = world.answer()
    assert f"to='{THIRD}'".encode() in third.hears()
    assert not first.reason and not second.reason
    first.says(message("crossed", to=f"juliet@{THIRD}"))
    assert [stanza.id for stanza in world.sink.stanzas] == ["crossed"], "a server may choose any of them"


def test_domain_that_is_gone_loses_its_connection(tmp_path: Path) -> None:
    world = component_world(tmp_path)
    first, second = serve(world, 0), serve(world, 1)
    assert relist(world, NARROWER, component()) == 1
    assert second.hears().endswith(b"</stream:stream>") and not first.hears()
    first.says(message("late", to=f"juliet@{SIP.domains[1]}"))
    assert [stanza.id for stanza in world.sink.stanzas] == ["late"], "it was under way: admission refuses it"
    assert not first.reason
    second.cable.cut()
    world.wait(100, first.cable)
    assert len(world.dials) == 2


def test_component_connection_carries_a_new_domain_of_its_server(tmp_path: Path) -> None:
    world = component_world(tmp_path)
    first, _ = serve(world, 0), serve(world, 1)
    assert relist(world, SIP, component(domains=(THEM, THIRD))) == 0
    first.says(message("m", from_=f"romeo@{THIRD}"))
    ((link, _),) = world.sink.chunks
    assert link.peer.names == {THEM, THIRD}


def test_component_connection_with_another_secret_is_made_again(tmp_path: Path) -> None:
    world = component_world(tmp_path)
    fars = serve(world, 0), serve(world, 1)
    assert relist(world, SIP, component(secret="other")) == 2
    for far in fars:
        assert far.hears().endswith(b"</stream:stream>")
        far.cable.cut()
    world.wait(2)
    assert len(world.dials) == 4
