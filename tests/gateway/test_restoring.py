"""What the store has kept becomes what it was; what is of no use is forgotten, and nothing stops the start."""

import pytest

from edge.gateway.effects import Effect, Forget, Remember
from edge.gateway.records import (
    DialogRecord,
    Kind,
    NotificationRecord,
    PairRecord,
    WatchRecord,
    encode,
)
from edge.gateway.subscriber import Subscribers
from edge.xmpp.authorization import State
from tests.gateway.bench import JULIET_JID, ROMEO_JID, Bench, events, kinds, presence, reports, requested

PEOPLE = ROMEO_JID, JULIET_JID.bare()
ROMEO, JULIET = map(str, PEOPLE)
WALL = 1_700_000_000.0
DIALOG = DialogRecord("call", "ours", "theirs", f"<sip:{JULIET}>", f"<sip:{ROMEO}>", "sip:10.0.0.1", (), 3, 4)
WATCH = WatchRecord(False, ("orchard",), DIALOG, True, 3600, WALL + 1800)
PAIR = PairRecord(ROMEO, JULIET, State.BOTH, WALL - 100, WATCH)
TOLD = NotificationRecord(ROMEO, JULIET, DIALOG, "presence", True, WALL + 600)


def kept(*records: PairRecord | NotificationRecord | bytes) -> list[tuple[int, str, float, bytes]]:
    """As the store gives them back."""
    found = []
    for number, record in enumerate(records):
        kind = Kind.NOTIFICATION if isinstance(record, NotificationRecord) else Kind.PAIR
        found.append((int(kind), f"key{number}", 0.0, record if isinstance(record, bytes) else encode(record)))
    return found


def forgotten(effects: list[Effect]) -> list[str]:
    return [effect.key for effect in effects if isinstance(effect, Forget)]


@pytest.fixture
def bench() -> Bench:
    return Bench()


class TestGood:
    """Everything is as it was."""

    def test_pair_has_its_state_its_watch_and_its_dialogs(self, bench: Bench) -> None:
        effects = bench.gateway.restored(kept(PAIR, TOLD))
        pair = bench.gateway.pairs.get(*PEOPLE)
        assert pair is not None and (pair.state, pair.asked_at) == (State.BOTH, WALL - 100)
        assert pair.watch is not None and pair.watch.shown == ("orchard",)
        assert pair.view is not None and len(pair.view.notifications) == 1
        assert reports(effects)[-1].fields == {"pairs": 1, "dialogs": 1, "watches": 1, "messages": 0, "forgotten": 0}

    def test_dialog_may_come_before_its_pair(self, bench: Bench) -> None:
        bench.gateway.restored(kept(TOLD, PAIR))
        pair = bench.gateway.pairs.get(*PEOPLE)
        assert pair is not None and pair.user_sees and pair.view is not None and pair.view.notifications

    def test_same_address_is_the_same_object(self, bench: Bench) -> None:
        other = PairRecord("mercutio@sip.example", JULIET, State.TO, 0.0)
        bench.gateway.restored(kept(PAIR, other))
        one, two = bench.gateway.pairs
        assert one.contact is two.contact

    def test_what_is_taken_up_is_not_written_again(self, bench: Bench) -> None:
        effects = bench.gateway.restored(kept(PAIR, TOLD))
        assert not any(isinstance(effect, Remember) for effect in effects)

    def test_nothing_is_said_if_there_was_nothing(self, bench: Bench) -> None:
        assert bench.gateway.restored([]) == []

    def test_authorization_without_dialogs_counts_for_the_limits(self, bench: Bench) -> None:
        bench.gateway.restored(kept(PairRecord(ROMEO, JULIET, State.TO, 0.0)))
        pair = bench.gateway.pairs.get(*PEOPLE)
        assert pair is not None and pair.view is not None

    def test_state_is_that_of_each_half_alone(self, bench: Bench) -> None:
        """A watch belongs to who is allowed or has asked, whatever else the record says."""
        bench.gateway.restored(kept(PairRecord(ROMEO, JULIET, State.TO, 0.0, WATCH)))
        pair = bench.gateway.pairs.get(*PEOPLE)
        assert pair is not None and pair.watch is None


class TestUseless:
    """What belongs to nobody any more is forgotten by the store as well."""

    @pytest.mark.parametrize("record", [
        b"\x00", b"",
        PairRecord("romeo@unknown.example", JULIET, State.TO, 0.0),
        PairRecord(ROMEO, "juliet@unknown.example", State.TO, 0.0),
        PairRecord(JULIET, ROMEO, State.TO, 0.0),
        PairRecord(ROMEO, "paris@other.example", State.TO, 0.0),
        PairRecord("@", JULIET, State.TO, 0.0),
        PairRecord(ROMEO, JULIET, 9, 0.0),
        NotificationRecord("romeo@unknown.example", JULIET, DIALOG, "presence", True, WALL + 600),
        NotificationRecord(ROMEO, JULIET, DIALOG, "presence", True, WALL),
    ])
    def test_record_is_forgotten(self, bench: Bench, record: PairRecord | NotificationRecord | bytes) -> None:
        effects = bench.gateway.restored(kept(record))
        assert forgotten(effects) == ["key0"]
        assert reports(effects)[-1].fields == {"pairs": 0, "dialogs": 0, "watches": 0, "messages": 0, "forgotten": 1}

    def test_record_of_an_unknown_kind_is_forgotten(self, bench: Bench) -> None:
        effects = bench.gateway.restored([(7, "key", 0.0, b"")])
        assert [(effect.kind, effect.key) for effect in effects if isinstance(effect, Forget)] == [(7, "key")]

    def test_the_others_are_taken_up(self, bench: Bench) -> None:
        effects = bench.gateway.restored(kept(b"\x00", PAIR))
        assert forgotten(effects) == ["key0"] and len(bench.gateway.pairs) == 1

    def test_two_who_may_not_talk_any_more_are_forgotten(self, bench: Bench) -> None:
        object.__setattr__(bench.node.directory.systems[2], "inside", False)
        assert forgotten(bench.gateway.restored(kept(PAIR, TOLD))) == ["key0", "key1"]

    def test_dialog_that_has_expired_is_told_to_nobody(self, bench: Bench) -> None:
        """There may be thousands after a long rest, and their watchers have let them lapse as well."""
        late = NotificationRecord(ROMEO, JULIET, DIALOG, "presence", True, WALL - 1)
        bench.gateway.restored(kept(PairRecord(ROMEO, JULIET, State.TO, 0.0), late))
        assert requested(bench.passes(60)) == []

    def test_bug_costs_one_record_which_stays_where_it_is(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*arguments: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(Subscribers, "restore", broken)
        other = PairRecord("mercutio@sip.example", JULIET, State.TO, 0.0)
        effects = bench.gateway.restored(kept(PAIR, other))
        assert events(effects) == ["internal.error", "state.restored"]
        assert forgotten(effects) == []
        assert len(bench.gateway.pairs) == 2


class TestDirection:
    """What the partner list has allowed when it was written, and does not now."""

    def test_watch_is_revoked_and_its_dialog_ended(self, bench: Bench) -> None:
        sip = bench.node.directory.systems[0]
        object.__setattr__(sip, "direction", "they-see-us")
        bench.gateway.restored(kept(PAIR))
        for pair in bench.gateway.pairs:
            for path in pair.paths:
                bench.gateway.path_up(path)
        effects = bench.passes(1)
        assert kinds(effects) == ["unavailable", "unsubscribed"]
        assert [request.headers.get("expires") for request in requested(effects)] == ["0"]
        assert [pair.state for pair in bench.gateway.pairs] == [State.TO]

    def test_dialog_tells_nothing_more(self, bench: Bench) -> None:
        sip = bench.node.directory.systems[0]
        object.__setattr__(sip, "direction", "we-see-them")
        bench.gateway.restored(kept(PairRecord(ROMEO, JULIET, State.TO, 0.0), TOLD))
        for pair in bench.gateway.pairs:
            for path in pair.paths:
                bench.gateway.path_up(path)
        effects = bench.passes(5) + bench.stanzas(presence()) + bench.passes(60)
        bodies = [request.body for request in requested(effects, "NOTIFY")]
        assert [body for body in bodies if b"open" in body] == []
