"""The driver: one turn for each input, every effect performed in order, a log that cannot be flooded."""

from collections.abc import Iterator

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher

from edge.codes import Code
from edge.domains import Domain
from edge.driver import PERIOD, REPEATS, Driver
from edge.gateway.effects import Report, RespondSip, SendSip, SendStanza
from edge.partners import System
from edge.sip.message import Request, Response
from edge.timers import TICK
from edge.xmpp.stanzas import Stanza
from tests.gateway.bench import Bench, Link, answer_to, message, sends


class Shells:
    """Both pools, the turn and a recorder in one, so that the order of everything is one list."""

    def __init__(self) -> None:
        self.done: list[tuple[object, ...]] = []

    @property
    def names(self) -> list[str]:
        return [str(name) for name, *_ in self.done]

    def begin(self) -> None:
        self.done.append(("begin",))

    def flush(self) -> None:
        self.done.append(("flush",))

    def respond(self, link: Link, data: bytes) -> None:
        self.done.append(("respond", link, data))

    def send(self, system: System, domain: Domain, data: bytes, token: object) -> None:
        self.done.append(("send", system, domain, data, token))


class Xmpp:
    """The XMPP pool, whose `send` has other arguments."""

    def __init__(self, shells: Shells) -> None:
        self._shells = shells

    def send(self, sender: Domain, recipient: Domain, data: bytes, token: object | None) -> None:
        self._shells.done.append(("stanza", sender, recipient, data, token))


class Recorder:
    """What passes."""

    def __init__(self) -> None:
        self.seen: list[tuple[object, ...]] = []

    def sip_in(self, link: Link, message: Request | Response) -> None:
        self.seen.append(("sip_in", link, message))

    def sip_out(self, peer: str, data: bytes) -> None:
        self.seen.append(("sip_out", peer, data))

    def xmpp_in(self, link: Link, stanza: Stanza) -> None:
        self.seen.append(("xmpp_in", link, stanza))

    def xmpp_out(self, sender: Domain, recipient: Domain, data: bytes) -> None:
        self.seen.append(("xmpp_out", sender, recipient, data))


class Scene:
    """A driver above a gateway that is real, with shells that are not."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.clock = Clock()
        self.clock.advance(1000.0)
        self.wall = 1_700_000_000.0
        self.shells = Shells()
        self.recorder = Recorder()
        self.driver = Driver(self.clock, self.bench.gateway, wall=lambda: self.wall)
        self.driver.attach(self.shells, Xmpp(self.shells), self.shells, self.recorder)

    def page(self) -> tuple[object, ...]:
        """A MESSAGE comes in; returns what became of it."""
        self.driver.sip_received(self.bench.link, [self.bench.page()])
        return self.shells.done[-2]


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def logged() -> Iterator[list[LogEvent]]:
    """The events of our log."""
    events: list[LogEvent] = []

    def observe(event: LogEvent) -> None:
        if str(event.get("log_namespace", "")).startswith("edge"):
            events.append(event)

    globalLogPublisher.addObserver(observe)
    yield events
    globalLogPublisher.removeObserver(observe)


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
        scene.driver.start()
        scene.page()
        del scene.shells.done[:]
        for _ in range(round(32 / TICK)):
            scene.clock.advance(TICK)
        answers = [data for name, *rest in scene.shells.done if name == "respond" for data in rest[1:]]
        assert [bytes(data).split(b" ", 2)[1] for data in answers] == [b"100", b"504"]

    def test_every_tick_is_one_turn(self, scene: Scene) -> None:
        scene.driver.start()
        del scene.shells.done[:]
        scene.clock.advance(TICK)
        assert scene.shells.names == ["begin", "flush"]

    def test_tick_brings_the_time_of_day(self, scene: Scene) -> None:
        scene.driver.start()
        scene.wall += 60
        scene.clock.advance(TICK)
        assert scene.bench.node.wall == 1_700_000_060.0

    def test_input_between_two_ticks_has_the_exact_time(self, scene: Scene) -> None:
        scene.driver.start()
        scene.clock.advance(TICK / 2)
        scene.page()
        assert scene.bench.wheel.now == 1000.0 + TICK / 2

    def test_nothing_is_left_in_the_reactor_once_it_is_stopped(self, scene: Scene) -> None:
        scene.driver.start()
        scene.driver.stop()
        scene.driver.stop()
        assert scene.clock.getDelayedCalls() == []

    def test_stopping_before_starting_is_harmless(self, scene: Scene) -> None:
        scene.driver.stop()
        assert scene.clock.getDelayedCalls() == []


class TestRecorder:
    """It sees everything, in order, before it is performed."""

    def test_message_from_sip_and_its_answer_are_seen(self, scene: Scene) -> None:
        page = scene.bench.page()
        scene.driver.sip_received(scene.bench.link, [page])
        scene.driver.taken([scene.shells.done[-2][4]])
        (came, stanza, answer) = scene.recorder.seen
        assert came == ("sip_in", scene.bench.link, page)
        assert stanza[:3] == ("xmpp_out", "sip.example", "xmpp.example")
        assert answer[:2] == ("sip_out", "sip") and bytes(answer[2]).startswith(b"SIP/2.0 200")

    def test_stanza_and_its_request_are_seen(self, scene: Scene) -> None:
        stanza = message()
        scene.driver.stanzas_received(scene.bench.stream, [stanza])
        assert [entry[:2] for entry in scene.recorder.seen] == [("xmpp_in", scene.bench.stream), ("sip_out", "sip")]
        assert bytes(scene.recorder.seen[1][2]).startswith(b"MESSAGE")

    def test_nobody_needs_to_look(self, scene: Scene) -> None:
        scene.driver.attach(scene.shells, Xmpp(scene.shells), scene.shells)
        scene.page()
        (send,) = sends(scene.bench.stanzas(message()))
        scene.driver.sip_received(scene.bench.link, [answer_to(send, 404)])
        assert scene.recorder.seen == []
        assert scene.shells.names == ["begin", "stanza", "flush", "begin", "stanza", "flush"]


class TestLog:
    """One line for each event, and a limit that an attacker cannot lift."""

    def events(self, scene: Scene, times: int, name: str = "link.refused", **fields: object) -> None:
        for _ in range(times):
            scene.driver.link_event(name, **{"code": Code.C03, "partner": "sip", **fields})

    def test_event_is_one_line_with_its_code_its_sentence_and_its_fields(
        self, scene: Scene, logged: list[LogEvent]
    ) -> None:
        self.events(scene, 1, peer_ip="192.0.2.7", empty="", nothing=None)
        (event,) = logged
        text = str(formatEvent(event))
        assert text == (
            f"link.refused EDGE-C03 ({Code.C03.sentence}) partner=sip peer_ip=192.0.2.7"
        )

    @pytest.mark.parametrize(
        ("name", "level"),
        [
            ("internal.error", LogLevel.error), ("link.refused", LogLevel.warn), ("link.down", LogLevel.warn),
            ("message.failed", LogLevel.warn), ("link.up", LogLevel.info),
        ],
    )
    def test_level_is_that_of_the_event(
        self, scene: Scene, logged: list[LogEvent], name: str, level: object
    ) -> None:
        self.events(scene, 1, name)
        assert [event["log_level"] for event in logged] == [level]

    def test_link_that_is_closed_in_good_order_is_no_failure(self, scene: Scene, logged: list[LogEvent]) -> None:
        scene.driver.link_event("link.down", code=None, partner="sip", text="closed by us")
        assert [event["log_level"] for event in logged] == [LogLevel.info]

    def test_report_of_the_gateway_is_logged_and_sent_nowhere(self, scene: Scene, logged: list[LogEvent]) -> None:
        scene.driver.sip_received(scene.bench.other, [scene.bench.page()])
        assert scene.shells.names == ["begin", "respond", "flush"]
        assert [event["event"] for event in logged] == ["sip.refused"]

    def test_equal_events_are_logged_a_few_times_only(self, scene: Scene, logged: list[LogEvent]) -> None:
        self.events(scene, REPEATS + 3)
        assert len(logged) == REPEATS

    def test_suppressed_events_are_counted_when_their_period_is_over(
        self, scene: Scene, logged: list[LogEvent]
    ) -> None:
        self.events(scene, REPEATS + 3)
        scene.clock.advance(PERIOD)
        self.events(scene, 1, "link.up")
        assert len(logged) == REPEATS + 2
        assert "link.refused EDGE-C03 sip: 3 more" in str(formatEvent(logged[REPEATS]))

    def test_no_count_is_logged_when_nothing_was_suppressed(self, scene: Scene, logged: list[LogEvent]) -> None:
        self.events(scene, REPEATS)
        scene.clock.advance(PERIOD)
        self.events(scene, 1)
        assert [event["log_level"] for event in logged] == [LogLevel.warn] * (REPEATS + 1)
        assert "more" not in str(formatEvent(logged[REPEATS]))

    def test_next_period_has_lines_of_its_own(self, scene: Scene, logged: list[LogEvent]) -> None:
        self.events(scene, REPEATS + 1)
        scene.clock.advance(PERIOD - 0.01)
        self.events(scene, 1)
        assert len(logged) == REPEATS
        scene.clock.advance(0.01)
        self.events(scene, 1)
        assert len(logged) == REPEATS + 2

    def test_event_of_another_kind_code_or_partner_has_lines_of_its_own(
        self, scene: Scene, logged: list[LogEvent]
    ) -> None:
        self.events(scene, REPEATS)
        self.events(scene, 1, "auth.failed")
        self.events(scene, 1, code=Code.C01)
        self.events(scene, 1, partner="other")
        assert len(logged) == REPEATS + 3

    def test_field_is_cut(self, scene: Scene, logged: list[LogEvent]) -> None:
        self.events(scene, 1, text="x" * 5000)
        assert str(formatEvent(logged[0])).endswith(f"text={'x' * 200}")

    def test_field_with_braces_is_no_format(self, scene: Scene, logged: list[LogEvent]) -> None:
        self.events(scene, 1, text="{log_source} {0}")
        assert str(formatEvent(logged[0])).endswith("text={log_source} {0}")

    def test_field_of_a_peer_makes_no_line_of_its_own(self, scene: Scene, logged: list[LogEvent]) -> None:
        self.events(scene, 1, text="gone\r\n2026-01-01 [edge] link.up all is well\x1b[0m")
        assert str(formatEvent(logged[0])).isprintable()

    def test_bug_in_a_pool_costs_one_effect_and_not_the_clock(
        self, scene: Scene, logged: list[LogEvent], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*arguments: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(scene.driver._sip, "send", broken)
        scene.driver.stanzas_received(scene.bench.stream, [message(), message(to="nobody@else.example")])
        assert [event["log_format"] for event in logged][:1] == ["internal.error performing {kind}"]
        assert "stanza" in scene.shells.names and scene.shells.names[-1] == "flush"

    def test_report_without_code_says_so(self, scene: Scene, logged: list[LogEvent]) -> None:
        scene.driver._report(Report("sub.active", None, {"partner": "sip"}))
        assert formatEvent(logged[0]) == "sub.active - partner=sip"
