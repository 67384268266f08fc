"""The paths to XMPP systems: one for each stream out, one for each component connection; up, lost and reached for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from edge.codes import Code
from edge.domains import Domain
from edge.partners import Streams
from tests.net.cable import HEADER, SIP, THEM, US, Far, World, component, message, s2s
from tests.net.loopback import PUBLIC

SECOND = SIP.domains[1]
STREAM_ERROR = "<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
UP = ("up", "montague", US, THEM)


def lost(orderly: bool) -> tuple[object, ...]:
    return ("lost", "montague", US, THEM, orderly)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# --- streams between servers --------------------------------------------------------------------------------


def test_path_is_up_without_a_stanza(world: World) -> None:
    world.pool.reach(US, THEM)
    world.pool.reach(US, THEM)
    world.go_out()
    world.pool.reach(US, THEM)
    assert (world.sink.paths, len(world.dials)) == ([UP], 1)


def test_path_is_dialled_until_somebody_is_there(world: World) -> None:
    world.pool.reach(US, THEM)
    for dials in range(2, 6):
        world.refuse()
        world.wait(2.0 ** (dials - 2))
        assert len(world.dials) == dials
    world.go_out()
    assert world.sink.paths == [*[("failed", "montague", US, THEM, Code.N01)] * 4, UP]


def test_path_comes_back_when_the_name_is_found_again(world: World) -> None:
    world.places.answer = Code.D01
    world.pool.reach(US, THEM)
    world.places.answer = ("192.0.2.2",)
    world.wait(44)
    assert world.dials == [], "a look-up that failed for good is not repeated at once"
    world.wait(17)
    world.go_out()
    assert world.sink.paths == [("failed", "montague", US, THEM, Code.D01), UP]


def test_path_comes_back_when_the_certificate_was_mended(world: World) -> None:
    world.pool.reach(US, THEM)
    world.go_out(PUBLIC.issue(dns=["other.example"]))
    world.wait(61)
    world.go_out()
    assert world.sink.paths == [("failed", "montague", US, THEM, Code.C03), UP]


def test_path_is_one_for_each_pair_of_domains(world: World) -> None:
    world.pool.reach(US, THEM)
    world.pool.reach(SECOND, THEM)
    first = world.answer(dial=0)
    world.refuse(1)
    first.cable.cut()
    assert world.sink.paths == [
        ("failed", "montague", SECOND, THEM, Code.N01),
        ("failed", "montague", US, THEM, Code.N03),
    ]


@pytest.mark.parametrize(
    ("how", "orderly"),
    [
        (lambda far: far.says("</stream:stream>"), True),
        (lambda far: far.says(STREAM_ERROR), False),
        (lambda far: far.says("</message>"), False),
        (lambda far: far.cable.cut(), False),
        (lambda far: far.transport.abortConnection() or far.hears(), False),
        (lambda far: far.transport.loseConnection() or far.hears(), False),
    ],
)
def test_path_is_lost_in_good_order_only_with_the_end_of_the_stream(
    world: World, how: Callable[[Far], object], orderly: bool
) -> None:
    world.send(None)
    how(world.go_out())
    assert world.sink.paths == [UP, lost(orderly)]


def test_path_whose_pings_are_not_answered_is_lost(world: World) -> None:
    world.pool.start()
    world.send("token")
    far = world.go_out()
    world.wait(60, far.cable)
    assert world.sink.paths == [UP, lost(False)]
    assert [token for token, _, _ in world.sink.back] == ["token"]


def test_path_that_nobody_uses_is_closed_in_good_order(world: World) -> None:
    world.pool.start()
    world.send(None)
    far = world.go_out()
    world.wait(Streams().idle_seconds + 2, far.cable)
    assert world.sink.paths == [UP, lost(True)]


def test_path_is_no_matter_of_the_stream_that_comes_in(world: World) -> None:
    far = world.come_in()
    far.says(message())
    far.cable.cut()
    assert world.sink.paths == []


def test_path_that_is_reached_for_is_dialled_at_once_when_the_peer_comes(world: World) -> None:
    world.pool.reach(US, THEM)
    for dials in range(2, 6):
        world.refuse()
        world.wait(2.0 ** (dials - 2))
        assert len(world.dials) == dials
    world.refuse()
    dials = len(world.dials)
    world.come_in()
    assert len(world.dials) == dials + 1


@pytest.mark.parametrize(("local", "remote"), [(US, "stranger.example"), (US, SECOND), (THEM, THEM)])
def test_path_that_must_not_be_is_not_dialled(world: World, local: str, remote: str) -> None:
    world.pool.reach(Domain(local), Domain(remote))
    assert world.dials == [] and world.sink.paths == []


def test_stop_is_no_news(world: World) -> None:
    world.send("unanswered")
    far = world.go_out()
    world.pool.reach(SECOND, THEM)
    world.pool.stop()
    far.cable.pump()
    far.says("</stream:stream>")
    assert world.sink.paths == [UP]


def test_what_is_tried_while_we_stop_is_no_news(world: World) -> None:
    """Who is given something back may try another way, which has not been stopped yet."""
    world.places.answer = None
    world.send("given back")
    world.places.answer = Code.D01
    world.send("other", sender=SECOND)
    world.wait(2)
    world.sink.paths.clear()
    world.sink.unsent = lambda token, code, text: world.pool.reach(SECOND, THEM)  # type: ignore[method-assign]
    world.pool.stop()
    assert world.places.asked == [THEM] * 3 and world.sink.paths == []


def test_nothing_is_dialled_once_the_pool_has_stopped(world: World) -> None:
    world.pool.stop()
    world.pool.reach(US, THEM)
    world.send("token")
    assert [(token, code) for token, code, _ in world.sink.back] == [("token", Code.M02)]
    assert world.dials == [] and world.sink.paths == []


# --- component connections ----------------------------------------------------------------------------------


def serve(world: World, dial: int) -> Far:
    """The server's part of one component connection."""
    far = world.answer(dial=dial)
    far.says(HEADER.replace("jabber:server", "jabber:component:accept").replace("to=", "id='i' to="))
    far.says("<handshake/>")
    return far


def test_component_is_one_path_for_each_domain_of_ours(tmp_path: Path) -> None:
    other = Domain("other.example")
    world = World(tmp_path, SIP, component(domains=(THEM, other)))
    world.pool.start()
    first, _ = serve(world, 0), serve(world, 1)
    first.cable.cut()
    ups = [("up", "montague", US, None), ("up", "montague", SECOND, None)]
    assert world.sink.paths == [*ups, ("lost", "montague", US, None, False)]
    world.pool.reach(US, other)
    world.wait(2)
    assert len(world.dials) == 3
    serve(world, 2)
    assert world.sink.paths[-1] == ups[0]
    world.pool.reach(US, THEM)
    world.pool.reach(SECOND, other)
    assert len(world.dials) == 3


def test_component_whose_secret_was_mended_comes_back(tmp_path: Path) -> None:
    world = World(tmp_path, s2s(name="office", inside=True, protocol="sip", link="tls", domains=(US,)), component())
    world.pool.start()
    far = world.answer()
    far.says(HEADER.replace("jabber:server", "jabber:component:accept").replace("to=", "id='i' to="))
    far.says("<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>")
    world.pool.reach(US, THEM)
    world.wait(3)
    serve(world, -1)
    assert world.sink.paths == [("failed", "montague", US, None, Code.A11), ("up", "montague", US, None)]
