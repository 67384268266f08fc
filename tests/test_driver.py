"""The driver: one turn for each input, every effect performed in order, and kept before it is heard of."""

from collections.abc import Iterator

import pytest
from twisted.logger import LogEvent, LogLevel, formatEvent

from edge.codes import Code
from edge.domains import Domain
from edge.driver import COMMIT_PAUSE, LEAVE_SECONDS
from edge.gateway.effects import (
    Effect,
    Forget,
    Hold,
    Path,
    Reach,
    Release,
    Remember,
    RespondSip,
    SendSip,
    SendStanza,
)
from edge.gateway.records import Kind, PairRecord, encode
from edge.store import Record, StoreError
from edge.store.memory import MemoryStore
from edge.timers import TICK
from edge.xmpp.authorization import State
from tests.driving import Link, Scene, logged, scene
from tests.gateway.bench import message

__all__ = ["logged", "scene"]  # fixtures


DOMAINS = Domain("sip.example"), Domain("xmpp.example")


class Ticket:
    """That of one message."""

    def __init__(self, scene: Scene) -> None:
        self._done = scene.shells.done

    def hold(self) -> None:
        self._done.append(("hold",))

    def release(self) -> None:
        self._done.append(("release",))


class TestTurn:
    """Every input is bracketed, so that each link writes once."""

    def test_chunk_from_sip_is_one_turn(self, scene: Scene) -> None:
        pages = [scene.bench.page("one"), scene.bench.page("two")]
        scene.driver.sip_received(scene.bench.link, pages)
        assert scene.shells.names == ["begin", "stanza", "stanza", "flush"]

    def test_chunk_from_xmpp_is_one_turn(self, scene: Scene) -> None:
        scene.driver.stanzas_received(scene.bench.stream, [message(), message(to="mercutio@sip.example")])
        assert scene.shells.names == ["begin", "send", "send", "flush"]

    def test_batch_of_receipts_is_one_turn(self, scene: Scene) -> None:
        tokens = [scene.page()[4], scene.page()[4]]
        del scene.shells.done[:]
        scene.driver.taken(tokens)
        assert scene.shells.names == ["begin", "respond", "respond", "flush"]
        assert [entry[1] for entry in scene.shells.done[1:3]] == [scene.bench.link, scene.bench.link]

    def test_message_is_held_and_released_in_its_turn(self, scene: Scene) -> None:
        ticket = Ticket(scene)
        scene.bench.gateway.taken = lambda tokens: [Hold(ticket), SendStanza(*DOMAINS, b"<m/>"), Release(ticket)]
        scene.driver.taken([])
        assert scene.shells.names == ["begin", "hold", "stanza", "release", "flush"]

    def test_token_that_comes_back_is_one_turn(self, scene: Scene) -> None:
        token = scene.page()[4]
        del scene.shells.done[:]
        scene.driver.unsent(token, Code.N01, "refused")
        assert scene.shells.names == ["begin", "respond", "flush"]

    def test_lost_link_is_one_turn_and_fails_what_was_written_on_it(self, scene: Scene) -> None:
        scene.driver.stanzas_received(scene.bench.stream, [message()])
        token = scene.shells.done[-2][4]
        scene.driver.sip_sent(token, scene.bench.link)
        del scene.shells.done[:]
        scene.driver.sip_lost(scene.bench.link)
        assert scene.shells.names == ["begin", "stanza", "flush"]

    def test_effects_are_performed_in_order_with_all_they_carry(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench = scene.bench
        system = bench.node.directory.systems[0]
        token, us, them = object(), Domain("sip.example"), Domain("xmpp.example")
        effects = [
            SendStanza(us, them, b"a", token),
            RespondSip(bench.link, b"b"),
            SendSip(system, us, b"c", token),
            SendStanza(us, them, b"d"),
        ]
        monkeypatch.setattr(bench.gateway, "taken", lambda tokens: effects)
        scene.driver.taken([])
        assert scene.shells.done == [
            ("begin",),
            ("stanza", us, them, b"a", token),
            ("respond", bench.link, b"b"),
            ("send", system, us, b"c", token),
            ("stanza", us, them, b"d", None),
            ("flush",),
        ]


class TestTime:
    """The driver's ticks are the gateway's only clock."""

    def test_timers_fire_while_it_runs(self, scene: Scene) -> None:
        scene.start()
        scene.page()
        del scene.shells.done[:]
        for _ in range(round(32 / TICK)):
            scene.clock.advance(TICK)
        answers = [data for name, *rest in scene.shells.done if name == "respond" for data in rest[1:]]
        assert [bytes(data).split(b" ", 2)[1] for data in answers] == [b"100", b"504"]

    def test_every_tick_is_one_turn(self, scene: Scene) -> None:
        scene.start()
        del scene.shells.done[:]
        scene.clock.advance(TICK)
        assert scene.shells.names == ["begin", "flush"]

    def test_tick_brings_the_time_of_day(self, scene: Scene) -> None:
        scene.start()
        scene.wall += 60
        scene.clock.advance(TICK)
        assert scene.bench.node.wall == 1_700_000_060.0

    def test_input_between_two_ticks_has_the_exact_time(self, scene: Scene) -> None:
        scene.start()
        scene.clock.advance(TICK / 2)
        scene.page()
        assert scene.bench.wheel.now == 1000.0 + TICK / 2

    def test_nothing_is_left_in_the_reactor_once_it_is_stopped(self, scene: Scene) -> None:
        scene.start()
        scene.driver.stop()
        scene.driver.stop()
        assert scene.clock.getDelayedCalls() == []

    @pytest.mark.parametrize(("last", "seconds"), [(1.0, 1.0), (60.0, LEAVE_SECONDS)])
    def test_leaving_takes_as_long_as_sessions_last_but_not_for_ever(
        self, last: float, seconds: float, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        over = 1000.0 + last
        monkeypatch.setattr(type(scene.bench.gateway), "sessions", property(lambda _: scene.clock.seconds() < over))
        left: list[None] = []
        scene.start()
        scene.driver.leave().addCallback(left.append)
        while not left:
            scene.clock.advance(TICK)
        assert scene.clock.seconds() == 1000.0 + seconds

    def test_leaving_takes_no_time_without_sessions(self, scene: Scene) -> None:
        left: list[None] = []
        scene.driver.leave().addCallback(left.append)
        scene.start()
        scene.driver.leave().addCallback(left.append)
        assert left == [None, None]

    def test_stopping_before_starting_is_harmless(self, scene: Scene) -> None:
        scene.driver.stop()
        assert scene.clock.getDelayedCalls() == []


class TestStore:
    """What was said is kept before it leaves; and a store that fails does not make the gateway dumb."""

    RECORD = Record(1, "romeo juliet", 0.0, b"known")

    def turn(self, scene: Scene, *effects: Effect) -> None:
        """An input that has these effects."""
        scene.bench.gateway.taken = lambda tokens: list(effects)
        scene.driver.taken([])

    def kept(self, scene: Scene) -> list[Record]:
        return list(scene.store.load())

    def test_turn_is_committed_once_after_all_effects_and_before_the_flush(self, scene: Scene) -> None:
        scene.start()
        other = Remember(2, "dialog", 1.0, b"")
        self.turn(scene, Remember(*self.RECORD), RespondSip(scene.bench.link, b"x"), other, Forget(2, "dialog"))
        assert scene.shells.names == ["begin", "respond", "commit", "flush"]
        assert self.kept(scene) == [self.RECORD]

    def test_turn_with_nothing_to_keep_does_not_commit(self, scene: Scene) -> None:
        scene.start()
        self.turn(scene, RespondSip(scene.bench.link, b"x"))
        assert scene.shells.names == ["begin", "respond", "flush"]

    def test_input_that_an_effect_causes_is_of_the_same_turn(self, scene: Scene) -> None:
        """A pool that cannot take a message says so at once."""
        scene.start()
        shells = scene.shells

        def refused(link: Link, data: bytes) -> None:
            shells.done.append(("respond", link, data))
            self.turn(scene, Remember(*self.RECORD))

        shells.respond = refused
        self.turn(scene, RespondSip(scene.bench.link, b"x"))
        assert shells.names == ["begin", "respond", "begin", "commit", "flush"]

    def test_commit_that_fails_is_reported_as_grave_and_what_was_said_is_sent(
        self, scene: Scene, logged: list[LogEvent]
    ) -> None:
        scene.start()
        scene.store.fault = StoreError(Code.K12, "/var/lib/edge/state: the disk is full")
        self.turn(scene, Remember(*self.RECORD), RespondSip(scene.bench.link, b"x"))
        assert scene.shells.names == ["begin", "respond", "commit", "flush"]
        (event,) = logged
        assert event["log_level"] == LogLevel.error
        assert str(formatEvent(event)).startswith("store.failed EDGE-K12") and "disk is full" in str(formatEvent(event))

    def test_nothing_is_lost_by_a_commit_that_fails(self, scene: Scene) -> None:
        scene.start()
        scene.store.fault = StoreError(Code.K12, "locked")
        self.turn(scene, Remember(*self.RECORD))
        scene.store.fault = None
        self.turn(scene, Remember(1, "later", 1.0, b""))
        assert self.kept(scene) == []  # not yet: it has just failed
        scene.clock.advance(COMMIT_PAUSE)
        assert [record.key for record in self.kept(scene)] == [self.RECORD.key, "later"]

    def test_store_that_fails_is_tried_once_in_a_while_and_not_with_every_turn(self, scene: Scene) -> None:
        scene.start()
        scene.store.fault = StoreError(Code.K12, "locked")
        for _ in range(5):
            self.turn(scene, Remember(*self.RECORD))
        assert scene.shells.names.count("commit") == 1
        for _ in range(round(3 * COMMIT_PAUSE / TICK)):
            scene.clock.advance(TICK)
        assert scene.shells.names.count("commit") == 4

    def test_bug_in_the_store_costs_no_more_than_a_fault(self, scene: Scene, logged: list[LogEvent]) -> None:
        scene.start()
        scene.store.fault = ZeroDivisionError()
        self.turn(scene, Remember(*self.RECORD), RespondSip(scene.bench.link, b"x"))
        assert scene.shells.names[-1] == "flush"
        assert [event["log_level"] for event in logged] == [LogLevel.error]

    def test_start_takes_up_what_is_kept_and_dials_for_it(self, scene: Scene) -> None:
        record = PairRecord("romeo@sip.example", "juliet@xmpp.example", State.TO, 0.0)
        scene.store.remember(Record(Kind.PAIR, "key", 0.0, encode(record)))
        scene.store.remember(Record(Kind.PAIR, "bad", 0.0, b"?"))
        MemoryStore.commit(scene.store)
        scene.driver.start(scene.store)
        assert len(scene.bench.gateway.pairs) == 1
        assert [entry[1:] for entry in scene.shells.done if entry[0] == "reach"] == [
            ("sip", "sip.example"), ("sip.example", "xmpp.example"),
        ]
        assert [each.key for each in self.kept(scene)] == ["key"]
        assert scene.bench.node.wall == scene.wall

    def test_store_that_cannot_be_read_stops_the_start(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken() -> Iterator[Record]:
            raise StoreError(Code.K12, "malformed")
            yield

        monkeypatch.setattr(scene.store, "load", broken)
        with pytest.raises(StoreError):
            scene.driver.start(scene.store)
        assert scene.clock.getDelayedCalls() == []


class TestPaths:
    """What the links say of their ways, and what the gateway wants of them."""

    @pytest.mark.parametrize("said", ["lost", "failed", "up"])
    def test_path_is_handed_on_in_one_turn(self, scene: Scene, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
        sip, _, xmpp, _ = scene.bench.node.directory.systems
        seen: list[object] = []

        def heard(path: Path, *more: object) -> list[Effect]:
            seen.append((path, *more))
            return [Reach(path)]

        monkeypatch.setattr(scene.bench.gateway, f"path_{said}", heard)
        more = {"lost": (True,), "failed": (Code.N01, "refused"), "up": ()}[said]
        door = getattr(scene.driver, f"path_{said}")
        door(sip, None, None, *more)
        door(xmpp, Domain("sip.example"), None, *more)
        kept = more if said == "lost" else ()
        assert seen == [(Path(sip), *kept), (Path(xmpp, Domain("sip.example")), *kept)]
        assert [entry for entry in scene.shells.done if entry[0] != "begin"] == [
            ("reach", "sip", "sip.example"), ("flush",), ("reach", "sip.example", "xmpp.example"), ("flush",),
        ]
