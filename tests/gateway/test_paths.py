"""Outages and their end: what is dialled, withdrawn and taken up, at which pace, and what a fault costs."""

import pytest

from edge.gateway import paths
from edge.gateway.effects import Effect, Path, Reach, SendSip, SendStanza
from edge.gateway.pairs import Pairs
from edge.gateway.records import Kind, PairRecord, WatchRecord, encode
from edge.timers import TICK
from edge.xmpp.authorization import State
from tests.gateway.bench import Bench, events, kinds, reports, requested, sends, sent_stanzas

JULIET = "juliet@xmpp.example"


def stored(number: int, watched: bool = True, sip: str = "sip.example") -> tuple[int, str, float, bytes]:
    """The pair of a SIP user and Juliet, who watches him or sleeps."""
    watch = WatchRecord(not watched, ("orchard",) if watched else ())
    record = PairRecord(f"user{number}@{sip}", JULIET, State.FROM, 0.0, watch)
    return int(Kind.PAIR), f"{sip} {number}", 0.0, encode(record)


class Scene:
    """A gateway that has just started with some pairs, Juliet watching all of them."""

    def __init__(self, many: int = 1, others: int = 0) -> None:
        self.bench = Bench()
        self.gateway = self.bench.gateway
        sip, other, xmpp, _ = self.bench.node.directory.systems
        self.sip, self.other, self.xmpp = Path(sip), Path(other), Path(xmpp, sip.domains[0])
        records = [stored(number) for number in range(many)]
        records += [stored(number, sip="other.example") for number in range(others)]
        self.started = self.gateway.restored(records)

    def pace(self, path: Path, per_second: float) -> None:
        object.__setattr__(path.system, "resume_per_s", per_second)

    def settled(self) -> None:
        """Everything is up, and everything is taken up."""
        self.gateway.path_up(self.xmpp)
        self.gateway.path_up(self.sip)
        for send in sends(self.bench.passes(60)):
            self.bench.answer(send)
            self.bench.sip(self.bench.notify(requested([send])[0]))

    def counted(self, seconds: float) -> list[int]:
        """How many SUBSCRIBEs leave in each second."""
        return [len(requested(self.bench.passes(1), "SUBSCRIBE")) for _ in range(round(seconds))]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def reached(effects: list[Effect]) -> list[Path]:
    return [effect.path for effect in effects if isinstance(effect, Reach)]


class TestReach:
    """Who is dialled, and when."""

    def test_start_dials_everybody_who_is_watched_once(self) -> None:
        scene = Scene(many=3)
        assert reached(scene.started) == [scene.sip, scene.xmpp]

    def test_start_without_pairs_dials_nobody(self) -> None:
        assert reached(Scene(many=0).started) == []

    def test_lost_path_is_dialled_at_once(self, scene: Scene) -> None:
        scene.settled()
        assert scene.gateway.path_lost(scene.sip, orderly=True) == [Reach(scene.sip)]

    def test_path_that_nobody_watches_over_is_left_alone(self, scene: Scene) -> None:
        for inputs in (scene.gateway.path_lost(scene.other, False), scene.gateway.path_failed(scene.other)):
            assert inputs == []
        assert scene.gateway.path_up(scene.other) == []

    def test_failed_dial_is_followed_by_no_more_than_one_wish(self, scene: Scene) -> None:
        assert scene.gateway.path_failed(scene.sip) == [Reach(scene.sip)]

    def test_nobody_is_dialled_for_who_has_gone_meanwhile(self, scene: Scene) -> None:
        scene.gateway.path_failed(scene.sip)
        (pair,) = scene.gateway.pairs
        pair.watched_by(None)
        pair.void()
        scene.gateway.pairs.release(pair)
        assert reached(scene.gateway.path_failed(scene.sip)) == []
        assert events(scene.bench.passes(61)) == []

    def test_failed_dial_looks_at_no_pair(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        """A partner that is down fails a dial every minute, and there may be a hundred thousand pairs."""
        monkeypatch.setattr(Pairs, "behind", None)
        for path in (scene.sip, scene.other):
            scene.gateway.path_failed(path)
            scene.gateway.path_lost(path, False)


class TestGrace:
    """From the first dial that fails."""

    def test_withdrawn_when_it_is_over_and_once(self, scene: Scene) -> None:
        scene.settled()
        scene.gateway.path_lost(scene.sip, False)
        scene.gateway.path_failed(scene.sip)
        assert kinds(scene.bench.passes(30)) == []
        scene.gateway.path_failed(scene.sip)
        effects = scene.bench.passes(31)
        assert kinds(effects) == ["unavailable"]
        (report,) = [each for each in reports(effects) if each.event.startswith("presence")]
        assert (report.event, str(report.code)) == ("presence.withdrawn", "EDGE-P03")
        assert report.fields == {"partner": "sip", "pairs": 1}
        scene.gateway.path_failed(scene.sip)
        assert kinds(scene.bench.passes(120)) == []

    def test_runs_also_after_a_start(self, scene: Scene) -> None:
        scene.gateway.path_failed(scene.sip)
        assert kinds(scene.bench.passes(61)) == ["unavailable"]

    def test_ends_with_the_outage(self, scene: Scene) -> None:
        scene.gateway.path_failed(scene.sip)
        scene.bench.passes(59)
        scene.gateway.path_up(scene.sip)
        assert "unavailable" not in kinds(scene.bench.passes(60))

    def test_begins_anew_with_the_next_outage(self, scene: Scene) -> None:
        for _ in range(2):
            scene.gateway.path_failed(scene.sip)
            scene.bench.passes(59)
            scene.gateway.path_up(scene.sip)
        assert "unavailable" not in kinds(scene.bench.passes(60))

    def test_many_are_withdrawn_a_few_in_each_tick(self) -> None:
        most = round(paths.MOST_AT_ONCE / paths.FAREWELL)
        scene = Scene(many=most + 10)
        scene.gateway.path_failed(scene.sip)
        scene.bench.passes(60)
        found = [len(sent_stanzas(scene.bench.passes(TICK))) for _ in range(4)]
        assert [number for number in found if number] == [most, 10]

    def test_farewell_that_has_not_been_said_when_it_is_over_is_not_said(self) -> None:
        scene = Scene(many=round(paths.MOST_AT_ONCE / paths.FAREWELL) * 3)
        scene.gateway.path_failed(scene.sip)
        said = 0
        while not said:
            said = len(sent_stanzas(scene.bench.passes(TICK)))
        scene.gateway.path_up(scene.sip)
        assert sent_stanzas(scene.bench.passes(5)) == []


class TestPace:
    """What a partner bears."""

    def test_so_many_requests_a_second_and_no_more(self) -> None:
        scene = Scene(many=30)
        scene.pace(scene.sip, 8)
        scene.gateway.path_up(scene.sip)
        assert scene.counted(5) == [8, 8, 8, 6, 0]

    def test_pace_below_one_in_a_tick(self) -> None:
        scene = Scene(many=4)
        scene.pace(scene.sip, 0.5)
        scene.gateway.path_up(scene.sip)
        assert scene.counted(9) == [0, 1, 0, 1, 0, 1, 0, 1, 0]

    def test_slower_of_the_two_systems_decides(self) -> None:
        scene = Scene(many=10)
        scene.pace(scene.xmpp, 4)
        scene.gateway.path_up(scene.sip)
        assert scene.counted(3) == [4, 4, 2]

    def test_slow_partner_does_not_hold_up_another(self) -> None:
        scene = Scene(many=20, others=20)
        scene.pace(scene.sip, 4)
        scene.pace(scene.other, 40)
        scene.pace(scene.xmpp, 1000)
        scene.gateway.path_up(scene.sip)
        scene.gateway.path_up(scene.other)
        found = requested(scene.bench.passes(1), "SUBSCRIBE")
        hosts = [str(request.to.sip_uri.host) for request in found]
        assert (hosts.count("sip.example"), hosts.count("other.example")) == (4, 20)

    def test_pairs_with_nothing_to_do_cost_no_time(self) -> None:
        scene = Scene(many=0)
        scene.gateway.restored([stored(number, watched=False) for number in range(300)] + [stored(300)])
        scene.pace(scene.sip, 4)
        scene.gateway.path_up(scene.sip)
        assert scene.counted(1) == [1]

    def test_all_systems_together_leave_room_for_messages(self) -> None:
        scene = Scene(many=paths.MOST_AT_ONCE + 5)
        for path in (scene.sip, scene.xmpp):
            scene.pace(path, 1e6)
        scene.gateway.path_up(scene.sip)
        scene.bench.passes(TICK)
        first, second = (len(requested(scene.bench.passes(TICK))) for _ in range(2))
        assert max(first, second) <= paths.MOST_AT_ONCE

    def test_what_expires_first_goes_first(self) -> None:
        scene = Scene(many=0)
        records = [stored(number) for number in (7, 3, 5)]
        scene.gateway.restored(records)
        scene.gateway.path_up(scene.sip)
        found = [request.to.sip_uri.user for request in requested(scene.bench.passes(1))]
        assert found == ["user7", "user3", "user5"]


class TestAgain:
    """A path that comes and goes."""

    def test_path_that_comes_up_twice_is_taken_up_once(self, scene: Scene) -> None:
        scene.gateway.path_up(scene.sip)
        scene.gateway.path_up(scene.sip)
        assert scene.counted(3) == [1, 0, 0]

    def test_work_begins_anew_and_is_not_done_twice(self) -> None:
        scene = Scene(many=20)
        scene.pace(scene.sip, 4)
        scene.gateway.path_up(scene.sip)
        scene.counted(2)
        scene.gateway.path_lost(scene.sip, False)
        scene.gateway.path_failed(scene.sip)
        assert scene.counted(2) == [0, 0], "nothing is sent where nobody is"
        scene.gateway.path_up(scene.sip)
        assert sum(scene.counted(10)) == 12, "eight are under way already"

    def test_orderly_end_of_a_stream_between_servers_is_no_outage(self, scene: Scene) -> None:
        scene.settled()
        path = Path(scene.xmpp.system, scene.xmpp.local, scene.xmpp.system.domains[0])
        object.__setattr__(scene.xmpp.system, "link", "s2s")
        scene.gateway.restored([stored(9)])  # so that the path matters to somebody
        scene.gateway.path_up(path)
        scene.bench.passes(30)
        assert scene.gateway.path_lost(path, orderly=True) == [Reach(path)]
        assert events(scene.gateway.path_up(path)) == []
        assert scene.gateway.path_lost(path, orderly=False) == [Reach(path)]
        assert events(scene.gateway.path_up(path)) == ["presence.resumed"]


class TestTurns:
    """What has its turn when there is more to do than one tick has room for."""

    @pytest.fixture
    def scene(self) -> Scene:
        """Two systems, each with work for two ticks of a gateway that does three things in one."""
        scene = Scene(many=6, others=6)
        for path in (scene.sip, scene.other, scene.xmpp):
            scene.pace(path, 1000)
        return scene

    @pytest.fixture(autouse=True)
    def _few_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(paths, "MOST_AT_ONCE", 3)

    def served(self, scene: Scene, ticks: int) -> list[str]:
        """Whose users were asked for in each tick."""
        found = [requested(scene.bench.passes(TICK), "SUBSCRIBE") for _ in range(ticks)]
        return ["+".join(sorted({str(each.to.sip_uri.host)[:3] for each in tick})) for tick in found]

    def test_goes_round(self, scene: Scene) -> None:
        scene.gateway.path_up(scene.sip)
        scene.gateway.path_up(scene.other)
        assert self.served(scene, 5) == ["sip", "oth", "sip", "oth", ""]

    def test_who_begins_anew_is_last(self, scene: Scene) -> None:
        scene.gateway.path_up(scene.sip)
        scene.gateway.path_up(scene.other)
        scene.gateway.path_failed(scene.sip)
        scene.gateway.path_up(scene.sip)
        assert self.served(scene, 2) == ["oth", "sip"]

    def test_what_is_given_up_leaves_the_others_their_turn(self, scene: Scene) -> None:
        scene.gateway.path_up(scene.other)
        scene.gateway.path_up(scene.sip)
        assert self.served(scene, 1) == ["oth"]
        scene.gateway.path_failed(scene.other)
        assert self.served(scene, 3) == ["sip", "sip", ""]

    def test_many_who_may_not_get_anything_yet_do_not_hold_up_the_rest(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(paths, "MOST_LOOKED_AT", 1)
        scene.pace(scene.sip, 0.01)
        scene.gateway.path_up(scene.sip)
        scene.gateway.path_up(scene.other)
        assert self.served(scene, 4) == ["", "oth", "", "oth"]

    def test_slow_system_gains_by_time_and_not_by_looks(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        """The others take all there is, so that nobody looks whether it may have something."""
        monkeypatch.setattr(paths, "MOST_AT_ONCE", 1)
        scene.pace(scene.sip, 1)
        scene.gateway.path_up(scene.other)
        scene.gateway.path_up(scene.sip)
        assert self.served(scene, 8) == ["oth", "oth", "oth", "sip", "oth", "oth", "oth", "sip"]


class TestBug:
    """One in a pair costs that pair."""

    @pytest.mark.parametrize(("up", "part", "name"), [
        (True, "subscribers", "resume"), (True, "notifiers", "repeat"), (False, "subscribers", "withdraw"),
    ])
    def test_others_are_served(
        self, monkeypatch: pytest.MonkeyPatch, up: bool, part: str, name: str
    ) -> None:
        scene = Scene(many=3)
        owner = getattr(scene.gateway, part)
        whole, calls = getattr(owner, name), []

        def broken(*arguments: object) -> object:
            calls.append(arguments)
            if len(calls) == 2:
                raise ZeroDivisionError
            return whole(*arguments)

        monkeypatch.setattr(owner, name, broken)
        if up:
            scene.gateway.path_up(scene.sip)
        else:
            scene.gateway.path_failed(scene.sip)
        effects = scene.bench.passes(62)
        assert len(calls) == 3
        assert events(effects).count("internal.error") == 1
        assert len([each for each in effects if isinstance(each, SendSip | SendStanza)]) >= 2

    def test_of_a_path_does_not_leave_the_gateway(self, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(scene.gateway.pairs, "behind", None)
        assert events(scene.gateway.path_up(scene.sip)) == ["internal.error"]
