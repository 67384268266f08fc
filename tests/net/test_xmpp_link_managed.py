"""Streams with stream management, over connections in memory with real TLS: what counts, and what a bad peer gets."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from edge.codes import Code
from edge.net.xmpp_answers import Ticket
from edge.net.xmpp_link import XmppLink
from edge.net.xmpp_pings import GRACE, LONGEST
from edge.xmpp import management
from edge.xmpp.management import STUCK
from edge.xmpp.stanzas import Message, Stanza
from tests.net.cable import (
    HEADER,
    OFFER_EXTERNAL,
    OFFER_MANAGEMENT,
    OFFER_TLS,
    SIP,
    SUCCESS,
    THEIRS,
    THEM,
    US,
    Far,
    World,
    component,
    message,
    ping_of,
    pong,
    s2s,
)
from tests.net.loopback import Creator

ENABLE, ASK = "<enable xmlns='urn:xmpp:sm:3'/>", "<r xmlns='urn:xmpp:sm:3'/>"
ERROR = f"<message type='error' from='nobody@{THEM}' to='juliet@{US}' id='first'><error type='cancel'/></message>"
SHUTDOWN = "<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"


def ack(h: int) -> str:
    return f"<a xmlns='urn:xmpp:sm:3' h='{h}'/>"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def out(world: World, *tokens: object) -> Far:
    """Our stream to a server that counts, with stanzas on it."""
    for token in tokens:
        world.send(token)
    far = world.go_out(managed=True)
    assert far.all.endswith(ASK.encode())
    return far


def offered(world: World) -> Far:
    """Our stream to a server that offers to count."""
    far = world.answer()
    far.says(HEADER + OFFER_TLS)
    far.proceed(Creator(THEIRS))
    far.says(HEADER + OFFER_EXTERNAL)
    far.says(SUCCESS)
    far.says(HEADER + OFFER_MANAGEMENT)
    return far


def held(world: World) -> list[Ticket]:
    """Every message that comes in from now on is held by the gateway; these are their tickets."""
    tickets: list[Ticket] = []
    deliver = world.sink.stanzas_received

    def received(link: XmppLink, stanzas: Sequence[Stanza]) -> None:
        deliver(link, stanzas)
        for stanza in stanzas:
            if isinstance(stanza, Message):
                assert isinstance(stanza.ticket, Ticket)
                stanza.ticket.hold()
                tickets.append(stanza.ticket)

    world.sink.stanzas_received = received  # type: ignore[method-assign]
    return tickets


# --- what we send -----------------------------------------------------------------------------------------


def test_batch_is_taken_when_the_ping_behind_its_acknowledgement_is_answered(world: World) -> None:
    back = world.come_in()
    far = out(world, "first", None, "second")
    far.says(ack(3))
    assert world.sink.done == []
    back.says(pong(far))
    assert world.sink.done == ["first", "second"]
    assert far.says(ack(4)) == b"", "the ping is a stanza too"
    world.wait(0.1)
    world.send("third")
    assert far.hears() == b"<message/>" + ASK.encode()


def test_failure_on_the_other_stream_comes_before_the_acknowledgement_that_overtook_it(world: World) -> None:
    back = world.come_in()
    far = out(world, "token")
    far.says(ack(1))
    back.says(ERROR)
    assert world.sink.done == []
    back.says(pong(far))
    assert world.sink.order == ["first", "token"]


def test_what_is_counted_while_another_count_is_not_believed_yet_has_its_own_time(world: World) -> None:
    back = world.come_in()
    far = out(world, "one", "two")
    far.says(ack(1))
    first = pong(far)
    far.says(ack(2))
    back.says(first)
    assert world.sink.done == ["one"]
    far.hears()
    back.says(pong(far))
    assert world.sink.done == ["one", "two"], "without having been asked for again"


def test_peer_without_a_stream_to_us_is_asked_to_open_one_and_says_there_what_failed(world: World) -> None:
    far = out(world, "token")
    far.says(ack(1))
    assert b"<ping" in far.all
    back = world.come_in()
    back.says(ERROR)
    assert world.sink.done == []
    back.says(pong(far))
    assert world.sink.order == ["first", "token"]
    assert far.says(ack(2)) == b"", "the ping is a stanza too"


def test_message_is_taken_though_the_peer_cannot_open_a_stream_to_us(world: World) -> None:
    far = out(world, "token")
    far.says(ack(1))
    world.wait(LONGEST - 0.5)
    assert world.sink.done == []
    world.wait(0.5)
    assert world.sink.done == ["token"] and world.sink.back == []


def test_failure_comes_before_the_last_acknowledgement_of_a_server_that_goes_down(world: World) -> None:
    back = world.come_in()
    far = out(world, "token")
    far.says(ack(1) + SHUTDOWN)
    back.says(ERROR + SHUTDOWN)
    world.wait(GRACE)
    assert world.sink.order == ["first", "token"]


def test_what_was_acknowledged_is_taken_and_the_rest_given_back_when_the_link_is_lost(world: World) -> None:
    world.come_in()
    far = out(world, "one", "two")
    far.says(ack(1))
    far.cable.cut()
    world.wait(GRACE)
    assert world.sink.done == ["one"]
    assert [(token, code) for token, code, _ in world.sink.back] == [("two", Code.N03)]


def test_last_acknowledgement_counts_while_the_link_is_closing(world: World) -> None:
    far = out(world, "one", "two")
    world.pool.stop()
    far.says(ack(1) + "</stream:stream>")
    assert world.sink.done == ["one"] and [token for token, *_ in world.sink.back] == ["two"]


@pytest.mark.parametrize("h", [2, 4294967295])
def test_peer_that_counts_what_was_never_sent_loses_its_stream(world: World, h: int) -> None:
    far = out(world, "one")
    heard = far.says(ack(h))
    assert b"<undefined-condition" in heard and heard.endswith(b"</stream:stream>")
    assert f"<handled-count-too-high xmlns='urn:xmpp:sm:3' h='{h}' send-count='1'/>".encode() in heard
    assert world.sink.done == [] and [token for token, *_ in world.sink.back] == ["one"]
    assert world.sink.codes("link.down") == [Code.S01]


def test_peer_that_never_counts_loses_its_stream(world: World) -> None:
    world.pool.start()
    far = out(world, "one")
    for _ in range(int(STUCK) - 1):
        far.says(ack(0))
        world.wait(1, far.cable)
    assert far.reason is None
    for _ in range(3):
        far.says(ack(0))
        world.wait(1, far.cable)
    assert b"<connection-timeout" in far.all and [token for token, *_ in world.sink.back] == ["one"]


def test_peer_that_never_answers_loses_its_stream_before_senders_give_up(world: World) -> None:
    world.pool.start()
    far = out(world, "one")
    world.wait(24, far.cable)
    assert world.sink.back == []
    world.wait(3, far.cable)
    assert [(token, code) for token, code, _ in world.sink.back] == [("one", Code.M02)]


def test_peer_that_asks_on_our_stream_hears_that_there_was_nothing(world: World) -> None:
    world.send(None)
    far = world.go_out(managed=True)
    far.hears()
    assert far.says(ASK * 50) == ack(0).encode()


def test_stanzas_go_out_on_a_stream_whose_peer_declines_to_count(world: World) -> None:
    world.come_in()
    world.send("token")
    far = offered(world)
    far.says("<failed xmlns='urn:xmpp:sm:3'><unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>")
    assert b"<message/><iq" in far.all and ASK.encode() not in far.all
    assert ping_of(far)


# --- where what is written counts as taken ------------------------------------------------------------------


def test_written_is_taken_by_setting_and_nothing_is_asked(tmp_path: Path) -> None:
    world = World(tmp_path, SIP, s2s(confirm="write"))
    world.send("waits")
    assert world.sink.done == [], "there is no stream yet"
    far = offered(world)
    assert world.sink.done == ["waits"]
    world.send("token")
    assert world.sink.done == ["waits", "token"]
    assert far.hears().endswith(b"<message/>") and b"<ping" not in far.all and b"<enable" not in far.all
    far.cable.cut()
    assert world.sink.back == []


def test_written_is_taken_by_setting_on_a_component_connection(tmp_path: Path) -> None:
    world = World(tmp_path, SIP, component(confirm="write"))
    world.pool.start()
    far = world.answer(dial=0)
    far.says("<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='1'>")
    far.says("<handshake/>")
    world.send("token")
    assert world.sink.done == ["token"] and b"<ping" not in far.all


# --- what comes in ------------------------------------------------------------------------------------------


def test_stanzas_count_from_the_moment_that_they_are_to_be_counted(world: World) -> None:
    far = world.come_in()
    assert far.says(message() + ENABLE) == b"<enabled xmlns='urn:xmpp:sm:3'/>"
    assert far.says(ASK) == ack(0).encode()
    presence = f"<presence from='romeo@{THEM}' to='juliet@{US}'/>"
    assert far.says(message() + presence + ASK + message()) == ack(3).encode()
    assert far.says(ASK) == ack(3).encode()


def test_one_who_asks_after_each_stanza_is_answered_once_and_cuts_nothing_apart(world: World) -> None:
    far = world.come_in()
    far.says(ENABLE)
    assert far.says(message("1") + ASK + message("2") + ASK + message("3")) == ack(3).encode()
    assert [[stanza.id for stanza in stanzas] for _, stanzas in world.sink.chunks] == [["1", "2", "3"]]


def test_one_who_asks_and_ends_the_stream_is_answered_before_its_end(world: World) -> None:
    far = world.come_in()
    far.says(ENABLE)
    assert far.says(message("1") + ASK + message("2") + "</stream:stream>") == ack(2).encode() + b"</stream:stream>"


def test_misaddressed_stanzas_and_answers_to_pings_count_too(world: World) -> None:
    far = world.come_in()
    far.says(ENABLE)
    world.send("token")
    asked = world.go_out()
    assert far.says(message(to=f"jul iet&lt;@{US}") + pong(asked) + ASK).endswith(ack(2).encode())
    assert world.sink.done == ["token"]


def test_message_counts_when_the_gateway_has_let_go_of_it(world: World) -> None:
    tickets = held(world)
    far = world.come_in()
    far.says(ENABLE)
    assert far.says(message("1") + message("2") + ASK) == ack(0).encode()
    world.wait(1)
    tickets[1].release()
    world.turn.flush()
    assert far.hears() == b""
    tickets[0].release()
    world.turn.flush()
    assert far.hears() == ack(2).encode()


def test_stream_ends_with_what_the_gateway_has(world: World) -> None:
    tickets = held(world)
    far = world.come_in()
    far.says(ENABLE + message("1") + message("2"))
    tickets[0].release()
    assert far.says("</stream:stream>") == ack(1).encode() + b"</stream:stream>"
    tickets[1].release()
    world.wait(1)
    assert far.hears() == b""


def test_gateway_that_stops_says_what_it_has(world: World) -> None:
    held(world)
    far = world.come_in()
    far.says(ENABLE + message("1"))
    world.pool.stop()
    assert far.hears() == ack(0).encode() + b"</stream:stream>"


def test_ticket_of_a_lost_stream_does_no_harm(world: World) -> None:
    tickets = held(world)
    far = world.come_in()
    far.says(ENABLE + message("1") + ASK)
    far.cable.cut()
    tickets[0].release()
    world.turn.flush()
    world.wait(1)


def test_messages_of_a_stream_without_management_have_no_ticket(world: World) -> None:
    far = world.come_in()
    far.says(message())
    (stanza,) = world.sink.stanzas
    assert isinstance(stanza, Message) and stanza.ticket is None


def test_peer_that_asks_and_does_not_read_fills_no_memory(world: World) -> None:
    far = world.come_in()
    far.says(ENABLE)
    producer = far.cable.near.producer
    producer.pauseProducing()
    before = len(far.cable.near.writes)
    for _ in range(100):
        far.says(ASK)
    assert len(far.cable.near.writes) == before
    producer.resumeProducing()
    assert far.hears() == ack(0).encode()


def test_stream_with_more_messages_than_can_be_held_ends(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(management, "UNSETTLED", 2)
    held(world)
    far = world.come_in()
    assert far.says(ENABLE + message() + message()) == b"<enabled xmlns='urn:xmpp:sm:3'/>"
    assert b"<policy-violation" in far.says(message())
    assert world.sink.codes("link.down") == [Code.L01]


def test_peer_that_acknowledges_what_we_never_send_loses_its_stream(world: World) -> None:
    far = world.come_in()
    assert far.says(ENABLE + ack(0)) == b"<enabled xmlns='urn:xmpp:sm:3'/>"
    assert b"<handled-count-too-high xmlns='urn:xmpp:sm:3' h='1' send-count='0'/>" in far.says(ack(1))
    assert world.sink.codes("link.down") == [Code.S01]


def test_peer_that_asks_for_management_again_and_again_loses_its_stream(world: World) -> None:
    far = world.come_in()
    heard = far.says(ENABLE * 100)
    assert heard.count(b"<failed") == 5 and b"<policy-violation" in heard
    assert world.sink.codes("link.down") == [Code.L01]
