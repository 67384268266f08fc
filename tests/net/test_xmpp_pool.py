"""All XMPP links together: whom we dial and when, what acknowledges what, how many may come, and the end."""

from pathlib import Path

import pytest

from edge.codes import Code
from edge.domains import Domain
from edge.net import entrance, xmpp_link, xmpp_pool
from edge.partners import Streams
from tests.net.cable import (
    HEADER,
    OFFER_TLS,
    SIP,
    THEIRS,
    THEM,
    US,
    Cable,
    World,
    message,
    pong,
    refused,
    s2s,
)
from tests.net.loopback import PUBLIC

SECOND = SIP.domains[1]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# --- sending --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sender", "recipient", "code"),
    [
        (US, "stranger.example", Code.A01),
        (US, SECOND, Code.A01),
        ("stranger.example", THEM, Code.A08),
        (THEM, THEM, Code.A08),
    ],
)
def test_send_refuses_what_is_not_between_the_two_sides(world: World, sender: str, recipient: str, code: Code) -> None:
    world.pool.send(Domain(sender), Domain(recipient), b"<message/>", "token")
    world.pool.send(Domain(sender), Domain(recipient), b"<message/>", None)
    assert [(token, why) for token, why, _ in world.sink.back] == [("token", code)]
    assert world.dials == []


def test_send_uses_one_stream_for_each_pair_of_domains(world: World) -> None:
    for number in range(3):
        world.send(number)
    world.send("other", sender=SECOND)
    assert world.places.asked == [THEM, THEM] and len(world.dials) == 2
    first, second = world.answer(dial=0), world.answer(dial=1)
    assert f"from='{US}'".encode() in first.hears() and f"from='{SECOND}'".encode() in second.hears()


def test_send_tries_the_next_address_when_one_refuses(world: World) -> None:
    world.places.answer = ("192.0.2.7", "192.0.2.8", "192.0.2.9")
    world.send("token", message("m", f"a@{US}", f"b@{THEM}").encode())
    world.refuse()
    far = world.answer()
    far.says(HEADER + "<stream:features/>")
    assert world.dials == [("192.0.2.7", 5269), ("192.0.2.8", 5269), ("192.0.2.9", 5269)]
    assert b"id='m'" in world.go_out().all
    assert world.sink.codes("link.refused") == [Code.N01, Code.T01] and world.sink.back == []


def test_send_gives_back_when_every_address_failed_for_good(world: World) -> None:
    world.places.answer = ("192.0.2.7", "192.0.2.8")
    world.send("token")
    for _ in world.places.answer:
        world.go_out(PUBLIC.issue(dns=["other.example"]))
    assert [(token, code) for token, code, _ in world.sink.back] == [("token", Code.C03)]


def test_send_gives_back_at_once_when_the_domain_is_nowhere(world: World) -> None:
    world.places.answer = Code.D01
    world.send("token")
    assert [(token, code) for token, code, _ in world.sink.back] == [("token", Code.D01)]
    assert refused(world) is Code.D01


def test_send_tries_again_later_when_nobody_is_there(world: World) -> None:
    world.send("token", message("m", f"a@{US}", f"b@{THEM}").encode())
    world.refuse()
    assert world.sink.back == []
    world.wait(2)
    assert len(world.dials) == 2
    assert b"id='m'" in world.go_out().all and world.sink.back == []


def test_send_gives_back_within_half_a_minute_whatever_happens(world: World) -> None:
    world.places.answer = None
    world.send("token")
    world.wait(31)
    assert [token for token, _, _ in world.sink.back] == ["token"]


def test_dial_that_takes_too_long_is_ended_politely(world: World) -> None:
    """Three silent servers: ten seconds for each, but no more than the whole dial has."""
    world.places.answer = ("192.0.2.7", "192.0.2.8", "192.0.2.9")
    world.pool.start()
    world.send("token")
    fars = []
    for number in range(3):
        assert len(world.dials) == number + 1
        fars.append(world.answer(dial=number))
        world.wait(min(xmpp_link.DIALLED, xmpp_pool.DIAL - number * xmpp_link.DIALLED), *(far.cable for far in fars))
        assert b"<connection-timeout" in fars[-1].all
    assert world.sink.codes("link.refused") == [Code.X06] * 3


def test_stream_that_was_closed_is_opened_again(world: World) -> None:
    world.send(None)
    far = world.go_out()
    assert far.says("</stream:stream>").endswith(b"</stream:stream>")
    world.send("token", message("again", f"a@{US}", f"b@{THEM}").encode())
    world.wait(2)
    assert b"id='again'" in world.go_out().all and world.sink.back == []


def test_peer_that_comes_to_us_is_dialled_again_at_once(world: World) -> None:
    world.send("token", message("m", f"a@{US}", f"b@{THEM}").encode())
    world.refuse()
    now = world.reactor.seconds()
    world.come_in()
    assert world.reactor.seconds() - now < 0.5 and len(world.dials) == 2
    assert b"id='m'" in world.go_out().all and world.sink.back == []


# --- acknowledgements ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["result", "error"])
def test_ping_is_answered_on_the_peers_own_stream(world: World, kind: str) -> None:
    world.send("one")
    world.send("two")
    out = world.go_out()
    back = world.come_in()
    assert world.sink.done == []
    back.says(pong(out, kind=kind))
    assert world.sink.done == ["one", "two"] and world.sink.chunks == [], "the answer is nobody else's business"
    back.says(pong(out, kind=kind))
    assert world.sink.done == ["one", "two"] and len(world.sink.stanzas) == 1, "and the second is no answer"


def test_ping_stands_behind_the_error_that_came_before_its_answer(world: World) -> None:
    world.send("token")
    out = world.go_out()
    back = world.come_in()
    back.says(message("failure") + pong(out) + message("later"))
    assert world.sink.order == ["failure", "token", "later"]


def test_ping_is_answered_only_by_whom_it_asked(tmp_path: Path) -> None:
    capulet = s2s(name="capulet", domains=(Domain("capulet.example"),))
    world = World(tmp_path, SIP, s2s(), capulet)
    world.send("token")
    out = world.go_out()
    other = world.come_in(PUBLIC.issue(dns=["capulet.example"]), HEADER.replace(THEM, "capulet.example"))
    other.says(pong(out, from_="capulet.example"))
    world.come_in().says(pong(out, from_=f"user@{THEM}"))
    assert world.sink.done == [] and len(world.sink.stanzas) == 2
    world.come_in().says(pong(out))
    assert world.sink.done == ["token"]


def test_ping_of_a_lost_link_is_forgotten(world: World) -> None:
    world.send("token")
    out = world.go_out()
    out.cable.cut()
    world.come_in().says(pong(out))
    assert world.sink.done == [] and [token for token, _, _ in world.sink.back] == ["token"]


@pytest.mark.parametrize("bidi", [False, True])
def test_two_gateways_carry_messages_to_each_other(tmp_path: Path, bidi: bool) -> None:
    """Our initiating entity against our receiving entity, with an answered ping, on two streams or on one."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    streams = Streams(bidi=bidi)
    ours = World(tmp_path / "a", SIP, s2s(streams=streams), issued=PUBLIC.issue(dns=["sip.example"]))
    mirrored = s2s(name="mirror", domains=(US,), streams=streams)
    theirs = World(tmp_path / "b", SIP_OF_THEM, mirrored, issued=THEIRS)
    ours.send("token", message("over", f"juliet@{US}", f"romeo@{THEM}").encode())
    cables = [connect(ours, theirs)]
    (stanza,) = theirs.sink.stanzas[:1]
    assert stanza.id == "over"
    (ping,) = theirs.sink.stanzas[1:]
    theirs.pool.send(THEM, US, f"<iq from='{THEM}' to='{US}' id='{ping.id}' type='result'/>".encode(), None)
    if not bidi:
        cables.append(connect(theirs, ours))
    theirs.turn.flush()
    for cable in cables:
        cable.pump()
    assert ours.sink.done == ["token"] and len(theirs.dials) == (0 if bidi else 1)


SIP_OF_THEM = s2s(name="office of theirs", inside=True, protocol="sip", link="tls")


def connect(caller: World, called: World) -> Cable:
    """The newest dial of one arrives at the other."""
    if not called.reactor.adoptedPorts:
        called.pool.listen("127.0.0.1", 0)
    host, _, factory = caller.reactor.tcpClients[-1][:3]
    accepting = called.reactor.adoptedPorts[-1][2]
    address = Cable.address("192.0.2.1")
    return Cable(factory.buildProtocol(None), accepting.buildProtocol(address), far_host=host)


# --- how streams are protected ------------------------------------------------------------------------------


def test_security_of_every_stream_is_known_and_whether_its_certificate_is_a_new_one(world: World) -> None:
    world.come_in()
    (link,) = world.pool.links
    assert link.security.proofs == {(THEM, US): "external"} and link.security.fault is None
    assert link.security.tls_version == "TLSv1.3" and link.security.not_after is not None
    world.come_in()
    assert [each.security.changed_from for each in world.pool.links] == ["", ""]
    world.come_in(PUBLIC.issue(dns=["xmpp.example"]))
    assert sorted(each.security.changed_from for each in world.pool.links) == ["", "", link.security.fingerprint]


# --- limits and the end ------------------------------------------------------------------------------------


def test_accept_limits_what_has_not_authenticated(world: World) -> None:
    fars = [world.accept(host=f"192.0.2.{number % 100}") for number in range(xmpp_pool.UNPROVED + 50)]
    assert len([far for far in fars if far.reason is None]) == xmpp_pool.UNPROVED
    assert world.sink.codes("link.refused") == [Code.L03], "one line for all of them"
    fars[0].cable.cut()
    world.reactor.advance(1)
    assert world.accept().reason is None and world.accept().reason is not None


def test_accept_keeps_places_for_where_partners_have_proved_themselves(world: World) -> None:
    world.come_in()
    world.reactor.advance(1)
    for number in range(xmpp_pool.UNPROVED):
        assert world.accept(host=f"192.0.3.{number % 100}").reason is None
    assert world.accept(host="192.0.4.1").reason is not None
    assert world.come_in().reason is None


def test_accept_limits_how_many_streams_a_partner_has(tmp_path: Path) -> None:
    world = World(tmp_path, SIP, s2s(connections_in=2))
    fars = [world.come_in() for _ in range(2)]
    late = world.come_in()
    assert late.reason is not None
    assert world.sink.codes("link.refused") == world.sink.codes("limit.hit") == [Code.L03]
    fars[0].cable.cut()
    assert world.come_in().reason is None


def test_accept_limits_what_one_address_may_have(world: World) -> None:
    fars = [world.accept() for _ in range(entrance.FROM_ONE + 1)]
    assert fars[-1].reason is not None
    assert world.accept(host="192.0.2.77").reason is None
    fars[0].cable.cut()
    far = world.come_in()
    assert world.accept().reason is None, "who has authenticated does not count"
    assert far.reason is None


def test_stop_ends_every_stream_and_waits_for_it(world: World) -> None:
    world.pool.start()
    world.send("unanswered")
    out, back = world.go_out(), world.come_in()
    half = world.accept()
    done: list[object] = []
    world.pool.stop().addCallback(done.append)
    for far in (out, back, half):
        far.cable.pump()
    assert out.hears().endswith(b"</stream:stream>") and back.hears().endswith(b"</stream:stream>")
    assert half.reason is not None and done == []
    for far in (out, back):
        far.says("</stream:stream>")
    assert done == [None] and world.pool.links == frozenset()
    assert [token for token, _, _ in world.sink.back] == ["unanswered"]
    assert world.reactor.getDelayedCalls() == []


def test_stop_does_not_wait_for_ever(world: World) -> None:
    back = world.come_in()
    done: list[object] = []
    world.pool.stop().addCallback(done.append)
    world.wait(xmpp_pool.CLOSING + 1, back.cable)
    assert done == [None] and back.reason is not None


@pytest.mark.parametrize("got_through", [False, True])
def test_stop_ends_a_dial(world: World, got_through: bool) -> None:
    world.places.answer = ("192.0.2.7", "192.0.2.8")
    world.send("token")
    done: list[object] = []
    if got_through:
        far = world.answer()
        far.says(HEADER + OFFER_TLS)
    world.pool.stop().addCallback(done.append)
    if got_through:
        far.cable.pump()
        assert far.reason is not None
    assert done == [None] and len(world.dials) == 1
    assert [(token, code) for token, code, _ in world.sink.back] == [("token", Code.M02)]


def test_send_gives_back_once_the_pool_is_stopped(world: World) -> None:
    world.send(None)
    world.pool.stop()
    world.send("token")
    assert [token for token, _, _ in world.sink.back] == ["token"]
