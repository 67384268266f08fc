"""What goes on another stream than before stays behind what is under way on the one that was left."""

from pathlib import Path

import pytest

from edge.codes import Code
from edge.net.retiring import Retiring, Stream
from edge.net.xmpp_link import XmppLink
from edge.net.xmpp_route import LOOK, SETTLING
from tests.net.cable import SIP, THEM, US, World, message, pong, s2s
from tests.net.test_xmpp_pool_bidi import come_in as come_in_for_both


def words(id: str) -> bytes:
    return message(id, f"juliet@{US}", f"romeo@{THEM}").encode()


class Streams(World):
    """A server that has a message of ours, does not say so yet, and whose stream we have left."""

    def __init__(self, folder: Path, *, managed: bool = False, **keys: object) -> None:
        super().__init__(folder, SIP, s2s(**keys))
        self.send("one", words("one"))
        self.old, self.back = self.go_out(managed=managed), self.come_in()
        (self.link,) = (link for link in self.pool.links if link.outbox is not None)
        ((_, self.route),) = self.pool.routes
        self.leave(self.link)

    def leave(self, link: XmppLink) -> None:
        Retiring(self.reactor).retire(Stream(link))

    def look(self) -> None:
        self.reactor.advance(LOOK)


@pytest.fixture
def world(tmp_path: Path) -> Streams:
    return Streams(tmp_path)


def test_next_stream_is_opened_when_the_server_has_processed_what_it_was_sent(world: Streams) -> None:
    world.send("two", words("two"))
    world.send("three", words("three"))
    for _ in range(20):
        world.look()
    assert len(world.dials) == 1 and len(world.route) == 2
    world.back.says(pong(world.old))
    world.look()
    assert len(world.dials) == 2 and world.sink.done == ["one"]
    new = world.go_out()
    assert new.all.index(b"id='two'") < new.all.index(b"id='three'")
    assert b"id='two'" not in world.old.all and not world.sink.back


def test_acknowledgements_count_as_answers_do(tmp_path: Path) -> None:
    world = Streams(tmp_path, managed=True)
    world.send("two", words("two"))
    world.old.says("<a xmlns='urn:xmpp:sm:3' h='1'/>")
    world.back.says(pong(world.old))
    world.look()
    assert len(world.dials) == 2 and world.sink.done == ["one"]


def test_server_that_does_not_answer_is_waited_for_only_so_long(world: Streams) -> None:
    world.send("two", words("two"))
    world.reactor.pump([LOOK] * int(SETTLING / LOOK - 1))
    assert len(world.dials) == 1
    world.reactor.pump([LOOK] * 2)
    assert len(world.dials) == 2 and b"id='two'" in world.go_out().all
    world.back.says(pong(world.old))
    assert world.sink.done == ["one"] and not world.sink.back


def test_time_counts_from_the_leaving(world: Streams) -> None:
    world.reactor.advance(SETTLING)
    world.send("two", words("two"))
    assert len(world.dials) == 2


def test_what_was_on_a_stream_that_breaks_goes_back_before_the_next_is_opened(world: Streams) -> None:
    world.send("two", words("two"))
    world.old.cable.cut()
    assert [(token, code) for token, code, _ in world.sink.back] == [("one", Code.N03)] and len(world.dials) == 1
    world.look()
    assert len(world.dials) == 2 and b"id='two'" in world.go_out().all


def test_next_stream_is_opened_at_once_when_nothing_is_under_way(world: Streams) -> None:
    world.back.says(pong(world.old))
    world.send("two", words("two"))
    assert len(world.dials) == 2


def test_nobody_looks_while_nothing_waits(world: Streams) -> None:
    before = world.reactor.getDelayedCalls()
    assert not [call for call in before if call.getTime() <= world.reactor.seconds() + LOOK]


def test_each_stream_that_is_left_is_waited_for(world: Streams) -> None:
    world.back.says(pong(world.old))
    world.send("two", words("two"))
    second = world.go_out()
    (link,) = (link for link in world.pool.links if link.outbox is not None and link is not world.link)
    world.leave(link)
    world.leave(world.link)  # once more: it was left before
    world.send("three", words("three"))
    world.look()
    assert len(world.dials) == 2
    world.back.says(pong(second))
    world.look()
    assert len(world.dials) == 3 and b"id='three'" in world.go_out().all


def test_what_waits_goes_back_when_the_gateway_stops(world: Streams) -> None:
    world.send("two", words("two"))
    world.route.stop()
    assert [(token, code) for token, code, _ in world.sink.back] == [("two", Code.M02)]
    world.back.says(pong(world.old))
    world.reactor.advance(SETTLING)
    assert len(world.dials) == 1 and world.sink.done == ["one"]


def test_another_place_to_dial_is_no_reason_to_hurry(world: Streams) -> None:
    world.send("two", words("two"))
    world.route.redial()
    world.look()
    assert len(world.dials) == 1
    world.back.says(pong(world.old))
    world.look()
    assert len(world.dials) == 2 and b"id='two'" in world.go_out().all


def test_as_many_wait_as_during_a_dial_and_no_longer(tmp_path: Path) -> None:
    world = Streams(tmp_path, pending_messages=1, pending_seconds=1.0)
    world.send("two", words("two"))
    world.send("three", words("three"))
    assert [(token, code) for token, code, _ in world.sink.back] == [("three", Code.M01)]
    world.reactor.pump([1.0] * 2)
    assert [(token, code) for token, code, _ in world.sink.back[1:]] == [("two", Code.M02)]


# --- streams that carry both directions -----------------------------------------------------------------


def answer_old(world: Streams) -> None:
    world.back.says(pong(world.old))
    world.look()


def test_stream_that_comes_meanwhile_is_used_when_it_may_be(world: Streams) -> None:
    world.send("two", words("two"))
    far = come_in_for_both(world)
    world.look()
    assert b"id='two'" not in far.hears() and world.route.state == "connecting"
    answer_old(world)
    assert b"id='two'" in far.hears() and len(world.dials) == 1
    assert world.sink.paths[-1] == ("up", "montague", US, THEM)


def test_stream_that_comes_before_a_message_is_up_when_it_may_be_used(world: Streams) -> None:
    far = come_in_for_both(world)
    answer_old(world)
    assert world.sink.paths[-1] == ("up", "montague", US, THEM)
    world.send("two", words("two"))
    assert b"id='two'" in far.hears() and len(world.dials) == 1


def test_stream_that_has_come_stays_when_others_are_dialled_elsewhere(world: Streams) -> None:
    far = come_in_for_both(world)
    world.route.redial()
    answer_old(world)
    world.send("two", words("two"))
    assert b"id='two'" in far.hears() and len(world.dials) == 1


def test_stream_that_has_come_is_left_in_its_turn(world: Streams) -> None:
    far = come_in_for_both(world)
    answer_old(world)
    assert world.route.link is not None
    world.leave(world.route.link)
    world.send("two", words("two"))
    assert b"id='two'" not in far.hears() and len(world.dials) == 2


def test_no_stream_is_used_after_the_end(world: Streams) -> None:
    world.route.stop()
    assert not world.route.adopt(world.link)


def test_only_the_first_that_comes_is_used(world: Streams) -> None:
    first, second = come_in_for_both(world), come_in_for_both(world)
    world.send("two", words("two"))
    answer_old(world)
    assert b"id='two'" in first.hears() and b"id='two'" not in second.hears()


def test_stream_that_has_come_and_gone_is_replaced_by_our_own(world: Streams) -> None:
    come_in_for_both(world).cable.cut()
    world.send("two", words("two"))
    answer_old(world)
    assert len(world.dials) == 2 and b"id='two'" in world.go_out().all and not world.sink.back


def test_stream_that_comes_while_we_dial_is_not_waited_with(world: Streams) -> None:
    world.send("two", words("two"))
    answer_old(world)
    far = come_in_for_both(world)
    assert b"id='two'" in world.go_out().all and b"id='two'" not in far.all
