"""Links that are to be made anew are closed in a pause, and none before."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.task import Clock

from edge.certificates.handshake import Handshake
from edge.certificates.identity import parse
from edge.net.retiring import QUIET, Retiring, Stream, showing
from tests.certificates.issuing import leaf
from tests.net.cable import THEM, US, World, message, pong


class Link:
    def __init__(self) -> None:
        self.progress, self.pending, self.alive = 7, False, True
        self.told: list[str] = []

    def leave(self) -> None:
        self.told.append("leave")

    def close(self) -> None:
        self.told.append("close")


class Links:
    def __init__(self) -> None:
        self.clock = Clock()
        self.retiring = Retiring(self.clock)

    def retire(self) -> Any:
        link = Link()
        self.retiring.retire(link)
        return link


@pytest.fixture
def links() -> Links:
    return Links()


def test_quiet_link_is_closed_after_a_pause(links: Links) -> None:
    link = links.retire()
    assert link.told == ["leave"]
    links.clock.advance(QUIET)
    assert link.told == ["leave", "close"]
    assert not links.clock.getDelayedCalls() and not len(links.retiring)


def test_link_on_which_something_is_said_stays_until_nothing_is(links: Links) -> None:
    link = links.retire()
    for _ in range(1000):
        link.progress += 1
        links.clock.advance(QUIET)
    assert link.told == ["leave"] and len(links.retiring) == 1
    links.clock.advance(QUIET)
    assert link.told == ["leave", "close"]


def test_link_on_which_we_wait_for_an_answer_stays(links: Links) -> None:
    link = links.retire()
    link.pending = True
    links.clock.pump([QUIET] * 5)
    assert link.told == ["leave"]
    link.pending = False
    links.clock.advance(QUIET)
    assert link.told[-1] == "close"


def test_link_that_has_gone_by_itself_is_not_waited_for(links: Links) -> None:
    link = links.retire()
    link.alive, link.pending = False, True
    links.clock.advance(QUIET)
    assert not links.clock.getDelayedCalls()


def test_each_link_has_its_own_pause_and_one_clock_is_enough(links: Links) -> None:
    one, other = links.retire(), links.retire()
    other.progress += 1
    assert len(links.clock.getDelayedCalls()) == 1
    links.clock.advance(QUIET)
    assert (one.told, other.told) == (["leave", "close"], ["leave"])


def test_stop_leaves_the_others_as_they_are(links: Links) -> None:
    link = links.retire()
    links.retiring.stop()
    assert not links.clock.getDelayedCalls() and link.told == ["leave"]
    links.retiring.stop()


# --- XMPP -----------------------------------------------------------------------------------------------


def test_stream_waits_for_what_it_has_sent_and_the_next_goes_on_another(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.send("one")
    old, back = world.go_out(), world.come_in()
    (link,) = [each for each in world.pool.links if each.outbox is not None]
    retiring = Retiring(world.reactor)
    retiring.retire(Stream(link))
    world.reactor.pump([QUIET] * 3)
    world.send("two", message("two", f"juliet@{US}", f"romeo@{THEM}").encode())
    assert len(world.dials) == 2 and b"id='two'" in world.go_out().all
    assert not old.hears().endswith(b"</stream:stream>") and not world.sink.back
    back.says(pong(old))
    assert world.sink.done == ["one"]
    world.reactor.pump([QUIET] * 2)
    assert old.hears().endswith(b"</stream:stream>")


def test_stream_on_which_pings_are_answered_is_not_quiet(tmp_path: Path) -> None:
    """Nor is it idle: an answer that is lost with it holds up all that waits for it."""
    world = World(tmp_path)
    world.send("one")
    out, back = world.go_out(), world.come_in()
    (link,) = [each for each in world.pool.links if each.outbox is None]
    before = link.inbox.heard
    world.reactor.advance(1)
    back.says(pong(out))
    assert world.sink.done == ["one"] and link.inbox.heard > before


def test_stream_that_a_server_has_opened_is_closed_in_a_pause(tmp_path: Path) -> None:
    world = World(tmp_path)
    far = world.come_in()
    (link,) = world.pool.links
    retiring = Retiring(world.reactor)
    retiring.retire(Stream(link))
    for number in range(3):
        world.reactor.advance(QUIET / 2)
        far.says(message(f"m{number}"))
        world.reactor.advance(QUIET / 2)
        assert not far.hears()
    world.reactor.advance(QUIET)
    assert far.hears().endswith(b"</stream:stream>") and len(world.sink.stanzas) == 3


def test_each_link_tells_what_it_shows_of_us_and_is_retired_in_its_way(links: Links) -> None:
    made = leaf()
    ours = parse(made.pem, made.key_pem)
    shaken = Handshake(None, (), (), (), True, ours=ours)
    link, stream, shaking = Link(), Link(), Link()
    link.handshake, stream.handshake, shaking.handshake = shaken, shaken, None  # type: ignore[attr-defined]
    stream.key, stream.outbox, stream.inbox = None, None, SimpleNamespace(heard=1.0)  # type: ignore[attr-defined]
    shown = list(showing([link, shaking], [stream, shaking], links.retiring))  # type: ignore[list-item]
    assert [identity for identity, _ in shown] == [ours, ours]
    for _, retire in shown:
        retire()
    assert (link.told, stream.told) == (["leave"], []) and len(links.retiring) == 2
