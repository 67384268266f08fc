"""What the driver says of what passes: a recorder that sees everything, a log that cannot be flooded."""

import pytest
from twisted.logger import LogEvent, LogLevel, formatEvent

from edge.codes import Code
from edge.driver import PERIOD, REPEATS
from edge.gateway.effects import Report
from edge.timers import TICK
from tests.driving import Scene, Xmpp, logged, scene
from tests.gateway.bench import answer_to, message, sends

__all__ = ["logged", "scene"]  # fixtures


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
            f"link.refused EDGE-C03 ({Code.C03.sentence}) protocol=xmpp direction=out partner=sip peer_ip=192.0.2.7"
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
        assert str(formatEvent(logged[0])).startswith("internal.error - doing=SendSip error=ZeroDivisionError where=")
        assert "stanza" in scene.shells.names and scene.shells.names[-1] == "flush"

    def test_suppressed_events_are_counted_although_nothing_else_happens(
        self, scene: Scene, logged: list[LogEvent]
    ) -> None:
        scene.start()
        self.events(scene, REPEATS + 3)
        scene.clock.advance(PERIOD + TICK)
        assert [event["facts"] for event in logged[REPEATS:]] == [
            {"partner": "sip", "suppressed": 3, "seconds": PERIOD}
        ]
        scene.clock.advance(2 * PERIOD)
        assert len(logged) == REPEATS + 1

    def test_message_that_has_arrived_is_an_event_for_who_wants_it(self, scene: Scene, logged: list[LogEvent]) -> None:
        for verbose in (False, True):
            scene.bench.node.verbose = verbose
            scene.page()
            scene.driver.taken([scene.shells.done[-2][4]])
            (send,) = sends(scene.bench.stanzas(message()))
            scene.driver.sip_received(scene.bench.link, [answer_to(send)])
            assert [event["event"] for event in logged] == ["message.ok", "message.ok"] * verbose
        assert [event["log_level"] for event in logged] == [LogLevel.debug] * 2
        first, second = [event["facts"] for event in logged]
        assert (first["from_domain"], second["from_domain"]) == ("sip.example", "xmpp.example")
        assert first["cid"] == second["cid"] and first["bytes"] > 0 and "duration_ms" in first

    def test_report_without_code_says_so(self, scene: Scene, logged: list[LogEvent]) -> None:
        scene.driver._report(Report("sub.active", None, {"partner": "sip"}))
        assert formatEvent(logged[0]) == "sub.active - partner=sip"


class TestWatching:
    """Somebody looks on: of everything, and at no risk."""

    def test_every_event_is_told_also_those_that_are_too_many_for_the_log(
        self, scene: Scene, logged: list[LogEvent]
    ) -> None:
        seen: list[Report] = []
        scene.driver.watch(seen.append)
        for _ in range(REPEATS + 7):
            scene.driver.link_event("link.refused", code=Code.A01, remote="strange.example")
        assert len(seen) == REPEATS + 7 and len(logged) == REPEATS
        assert seen[0] == Report("link.refused", Code.A01, {"remote": "strange.example"})

    def test_watcher_that_fails_costs_nothing_but_a_line(self, scene: Scene, logged: list[LogEvent]) -> None:
        def broken(report: Report) -> None:
            raise ZeroDivisionError

        scene.driver.watch(broken)
        scene.driver.link_event("link.up", partner="sip")
        assert [str(formatEvent(event)).split()[0] for event in logged] == ["internal.error", "link.up"]
