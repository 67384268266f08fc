"""Single connections to servers: direct TLS, and what is announced in it."""

from pathlib import Path

import pytest

from edge.codes import Code
from edge.net.locate import Candidate
from edge.net.xmpp_dialling import ALPN, Dial
from tests.net.cable import AUTH, HEADER, OFFER_EXTERNAL, SIP, SUCCESS, THEIRS, THEM, US, Far, World, message, s2s
from tests.net.loopback import PUBLIC, Creator


def answer(world: World, creator: Creator) -> Far:
    """Our dial gets through to a server where TLS comes first."""
    far = world.answer()
    hello, far.data, far.all = far.data, b"", b""
    far.secure(creator, client=False)
    far.transport.dataReceived(hello)
    return far


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, SIP, s2s())
    world.places.direct = True
    return world


def test_dial_begins_with_tls_where_the_record_says_so(world: World) -> None:
    world.send("token", message("out", f"juliet@{US}", f"romeo@{THEM}").encode())
    assert world.dials == [("192.0.2.2", 5269)]
    creator = Creator(THEIRS)
    seen: list[list[bytes]] = []
    creator.context.set_alpn_select_callback(lambda _, offered: seen.append(offered) or ALPN)
    far = answer(world, creator)
    assert far.hears().startswith(b"<?xml version='1.0'?><stream:stream")
    assert seen == [[ALPN]] and creator.made[0].get_servername() == THEM.encode()
    assert b"<auth" in far.says(HEADER + OFFER_EXTERNAL)
    far.says(SUCCESS)
    assert b"id='out'" in far.says(HEADER + "<stream:features/>")


def test_dial_trusts_nobody_more_for_direct_tls(world: World) -> None:
    world.send("token")
    far = answer(world, Creator(PUBLIC.issue(dns=["other.example"])))
    assert b"EDGE-C03" in far.hears()
    assert [(token, code) for token, code, _ in world.sink.back] == [("token", Code.C03)]


def test_dial_to_one_address_knows_how_it_begins() -> None:
    dial = Dial(US, THEM, s2s())
    assert dial.to(Candidate(THEM, "192.0.2.2", 5270, direct=True)).direct
    assert not dial.to(Candidate(THEM, "192.0.2.2", 5269)).direct and not dial.direct


# --- the same at our own door --------------------------------------------------------------------------


@pytest.mark.parametrize("alpn", [None, ALPN, b"h2"])
def test_door_takes_tls_that_comes_first(world: World, alpn: bytes | None) -> None:
    far = world.accept()
    creator = Creator(THEIRS)
    if alpn is not None:
        creator.context.set_alpn_protos([alpn])
    far.secure(creator, client=True)
    chosen = creator.made[0].get_alpn_proto_negotiated()
    assert chosen == (ALPN if alpn == ALPN else b"")
    answer = far.says(HEADER)
    assert b"<mechanism>EXTERNAL</mechanism>" in answer and b"<starttls" not in answer
    far.says(AUTH)
    far.says(HEADER)
    far.says(message())
    assert [stanza.id for stanza in world.sink.stanzas] == ["m1"]


def test_door_says_on_a_direct_stream_who_is_not_trusted(world: World) -> None:
    far = world.accept()
    far.secure(Creator(PUBLIC.issue(dns=["other.example"])), client=True)
    assert b"EDGE-C03" in far.says(HEADER) and world.sink.codes("link.refused") == [Code.C03]


@pytest.mark.parametrize("garbage", [b"\x16", b"\x16\x03\x01\x00\x05hello"])
def test_door_is_closed_to_what_only_looks_like_tls(world: World, garbage: bytes) -> None:
    world.pool.start()
    far = world.accept()
    far.says(garbage)
    world.wait(32, far.cable)
    assert far.reason is not None
    assert world.sink.codes("link.refused") in ([Code.T07], [Code.L04])


def test_door_takes_no_tls_behind_the_first_word(world: World) -> None:
    far = world.accept()
    far.says(" ")
    assert b"<not-well-formed" in far.says(b"\x16\x03\x01\x00\x05hello")
