"""What comes in on a stream: together what came together, in order, and nothing that the stream may not bring."""

from pathlib import Path

import pytest

from tests.net.cable import SIP, World, message, s2s


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, SIP, s2s())


def test_inbox_hands_over_together_what_came_together(world: World) -> None:
    far = world.come_in()
    far.says(message("a") + message("b"))
    far.says(message("c"))
    assert [[stanza.id for stanza in stanzas] for _, stanzas in world.sink.chunks] == [["a", "b"], ["c"]]
    assert [link.inbox.read for link in world.pool.links] == [3]


def test_inbox_gives_up_what_came_before_an_offence(world: World) -> None:
    far = world.come_in()
    far.says(message("a") + message("b", from_="evil@other.example") + message("c"))
    assert [stanza.id for stanza in world.sink.stanzas] == ["a"] and b"<invalid-from" in far.all


def test_inbox_notes_when_a_stanza_came(world: World) -> None:
    far = world.come_in()
    (link,) = world.pool.links
    assert not link.worked
    world.reactor.advance(5)
    far.says(message())
    assert link.worked and link.inbox.heard == world.reactor.seconds()
