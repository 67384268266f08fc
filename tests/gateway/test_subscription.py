"""The dialogs in which SIP users are watched: kept alive, lost, made anew, and ended without a trace."""

from collections import Counter

import pytest

from edge.codes import Code
from edge.gateway import subscription
from edge.gateway.effects import Effect, Forget, Remember
from edge.gateway.records import WatchRecord, decode_pair
from edge.gateway.watch import NEXT
from edge.sip.subscription_tables import SubscriberState
from tests.gateway.bench import (
    Bench,
    conditions,
    events,
    kinds,
    presence,
    requested,
    sends,
    sent_stanzas,
    spoken,
    statuses,
)
from tests.gateway.watching import NOTHING, OPEN, Watching, document
from tests.sip.samples import as_request


@pytest.fixture
def watching() -> Watching:
    return Watching()


def until_asked(watching: Watching, step: float = 60) -> list[Effect]:
    """What happens when at last the session is asked for, or the refresh goes out."""
    effects: list[Effect] = []
    while not sends(effects) and not kinds(effects):
        effects = watching.bench.passes(step)
    return effects


class TestNotify:
    def test_one_before_the_answer_is_taken(self, watching: Watching) -> None:
        effects = watching.notify(body=OPEN)
        assert (statuses(effects), kinds(effects)) == ([200], ["subscribed", ""])
        assert kinds(watching.answer()) == []

    def test_one_from_another_tag_is_481_once_the_dialog_is_there(self, watching: Watching) -> None:
        watching.lives()
        stray = watching.bench.notify(watching.request, number=9, tag="second-fork")
        assert statuses(watching.bench.sip(stray)) == [481]

    def test_one_out_of_order_is_refused_and_changes_nothing(self, watching: Watching) -> None:
        watching.lives()
        effects = watching.bench.sip(watching.bench.notify(watching.request, body=OPEN, number=1))
        assert (statuses(effects), sent_stanzas(effects)) == ([500], [])

    def test_document_that_cannot_be_read_changes_nothing_and_is_reported(self, watching: Watching) -> None:
        watching.lives()
        effects = watching.notify(body=b"<presence")
        assert (statuses(effects), sent_stanzas(effects)) == ([400], [])
        assert events(effects) == ["presence.unreadable"]
        assert kinds(watching.says("probe")) == [""]  # what was known is still known

    def test_no_news_are_counted_and_not_told(self, watching: Watching) -> None:
        watching.lives()
        assert kinds(watching.notify(body=OPEN)) == []
        assert watching.bench.node.counters.suppressed == {("xmpp", "unchanged"): 1}


class TestRefresh:
    def test_it_stays_within_the_dialog(self, watching: Watching) -> None:
        first = watching.lives().request
        effects = until_asked(watching)
        assert 3540 * 0.9 <= watching.bench.wheel.now - 1000 < 3600
        refresh = watching.refreshes(effects).request
        assert (refresh.call_id, refresh.from_.tag, refresh.to.tag) == (first.call_id, first.from_.tag, "romeo1")
        assert refresh.cseq.number == first.cseq.number + 1
        assert refresh.branch != first.branch
        assert kinds(watching.answer()) == kinds(watching.notify(body=OPEN)) == []

    def test_dialog_that_the_partner_has_forgotten_is_opened_anew(self, watching: Watching) -> None:
        first = watching.lives().request
        watching.refreshes(until_asked(watching))
        (again,) = requested(watching.answer(481, ()), "SUBSCRIBE")
        assert again.call_id != first.call_id and again.to.tag == ""

    def test_answer_to_a_subscribe_before_the_last_changes_nothing(self, watching: Watching) -> None:
        old = watching.lives().send
        watching.bench.passes(20)
        watching.asked(watching.notify("terminated;reason=deactivated"))
        assert watching.bench.gateway.unsent(old.token, Code.N01, "") == []
        assert kinds(watching.answer()) == []

    @pytest.mark.parametrize("expires", [5, 10, 60])
    def test_short_subscription_lives_on_though_nobody_answers_for_the_session(
        self, watching: Watching, expires: int
    ) -> None:
        watching.lives(expires=expires)
        for _ in range(5):
            sent: list[Effect] = []
            while not sends(sent, "SUBSCRIBE"):
                sent += watching.bench.passes(0.25)
            assert "unavailable" not in kinds(sent)
            assert watching.asked(sent).request.to.tag == "romeo1", "it has expired, and a new one was opened"
            watching.answer(200, (("Expires", str(expires)),))
            watching.notify(f"active;expires={expires}", OPEN)


class TestTimers:
    """What fires in the same tick as the thing that stops it has not fired."""

    def test_timer_that_was_started_anew_in_the_tick_in_which_it_came(self, watching: Watching) -> None:
        watching.lives(20)
        watch, wheel = watching.watch, watching.bench.wheel
        assert watch.slot is not None
        before = watch.slot
        due = wheel.advance(wheel.now + 20)  # and it is in there, not yet given out
        watching.bench.gateway.subscribers._dialogs.resume(watch)
        assert (watch, NEXT) not in list(due)
        assert watch.slot is not None and watch.slot is not before
        assert watch.usage is not None and watch.usage.state is SubscriberState.ACTIVE

    def test_grace_counts_from_the_loss_and_a_new_confirmation_ends_it(self, watching: Watching) -> None:
        watching.lives(20)
        watching.notify("terminated;reason=probation;retry-after=30")
        effects = watching.bench.passes(50)  # asked at 36, no answer yet
        assert kinds(effects) == []
        watching.asked(effects).answer()
        assert kinds(watching.notify(body=OPEN)) == []
        assert kinds(watching.bench.passes(30)) == []  # the grace would have been over at 60
        watching.notify("terminated;reason=probation;retry-after=900")
        assert kinds(watching.bench.passes(59)) == []
        assert kinds(watching.bench.passes(2)) == ["unavailable"]
        assert kinds(watching.bench.passes(100)) == []

    def test_grace_is_not_begun_again_by_the_next_failure(self, watching: Watching) -> None:
        watching.lives(20)
        watching.asked(watching.notify("terminated;reason=deactivated"))
        watching.bench.passes(20)
        watching.answer(500, ())
        assert kinds(watching.bench.passes(39)) == []
        assert kinds(watching.bench.passes(2)) == ["unavailable"]

    def test_doubt_ends_when_the_partner_says_active_without_a_document(self, watching: Watching) -> None:
        watching.lives(20)
        watching.notify("pending;expires=3600")
        assert watching.watch.doubted_at
        assert kinds(watching.notify("active;expires=3600")) == []
        assert not watching.watch.doubted_at
        assert kinds(watching.bench.passes(70)) == []


class TestSession:
    """Who sleeps has no dialog, sees nothing, and loses nothing."""

    def sleeps(self, watching: Watching) -> None:
        effects = watching.bench.gateway.subscribers._dialogs.sleep(watching.watch)
        assert watching.asked(effects).request.expires == 0

    def test_what_comes_on_the_way_out_is_not_told(self, watching: Watching) -> None:
        self.sleeps(watching.lives(20))
        effects = watching.notify(body=document("desk"))
        assert (statuses(effects), kinds(effects)) == ([200], [])
        effects = watching.notify("terminated;reason=timeout", document("desk"))
        assert (statuses(effects), kinds(effects)) == ([200], [])
        assert watching.watch.asleep and watching.watch.usage is None

    def test_who_leaves_asleep_and_comes_back_sees_again(self, watching: Watching) -> None:
        self.sleeps(watching.lives(20))
        assert kinds(watching.says("unsubscribe")) == ["unsubscribed"]
        watching.asked(watching.says("subscribe"))
        watching.answer()
        assert kinds(watching.notify(body=OPEN)) == ["subscribed", ""]

    def test_last_word_is_forgotten_with_a_new_dialog(self, watching: Watching) -> None:
        watching.lives(20)
        watching.notify("terminated;reason=badfilter")
        watching.asked(watching.bench.gateway.subscribers._dialogs.resume(watching.watch))
        assert not watching.watch.done
        watching.answer(500, ())
        assert len(sends(watching.says("probe"), "SUBSCRIBE")) == 1


class TestEnd:
    """What ends leaves nothing behind."""

    def test_unsubscribing_ends_the_dialog(self, watching: Watching) -> None:
        watching.lives()
        effects = watching.says("unsubscribe")
        assert kinds(effects) == ["unavailable", "unsubscribed"]
        assert watching.asked(effects).request.expires == 0
        watching.answer(headers=(("Expires", "0"),))
        assert statuses(watching.notify("terminated;reason=timeout")) == [200]
        watching.bench.passes(40)
        assert watching.left == NOTHING

    def test_unsubscribing_though_the_last_notify_never_comes(self, watching: Watching) -> None:
        watching.lives().asked(watching.says("unsubscribe")).answer(headers=(("Expires", "0"),))
        assert kinds(watching.bench.passes(33)) == []
        assert watching.left == NOTHING

    def test_unsubscribing_while_it_waits_to_try_again(self, watching: Watching) -> None:
        effects = watching.bench.gateway.unsent(watching.send.token, Code.N01, "")
        assert events(effects) == ["subscription.failed", "sub.ended"]
        assert watching.left == (1, 1)  # the watch and the timer of its next try
        assert kinds(watching.says("unsubscribe")) == ["unsubscribed"]
        assert watching.left == NOTHING

    @pytest.mark.parametrize(("status", "told"), [(403, "unsubscribed"), (404, "error")])
    def test_refused_subscribe(self, watching: Watching, status: int, told: str) -> None:
        effects = watching.answer(status, ())
        assert kinds(effects) == [told]
        assert any(isinstance(effect, Forget) for effect in effects)
        assert watching.left == NOTHING
        assert len(watching.bench.gateway.pairs) == 0

    @pytest.mark.parametrize("status", [301, 302, 305, 401, 404, 405, 406, 407, 410, 415, 416, 420, 421, 501, 604])
    def test_fault_for_good_is_reported_once_and_only_to_who_was_never_told_subscribed(self, status: int) -> None:
        fresh = Watching()
        (condition,) = conditions(fresh.answer(status, ()))
        assert condition
        known = Watching(type="probe")
        assert kinds(known.answer(status, ())) == []
        assert len(known.bench.gateway.subscribers) == 1


class TestStore:
    """What is kept is what a later life needs."""

    def kept(self, effects: list[Effect]) -> WatchRecord:
        (record,) = [effect for effect in effects if isinstance(effect, Remember)]
        watch = decode_pair(record.data).watch
        assert watch is not None
        return watch

    def test_dialog_is_kept_once_it_is_one(self, watching: Watching) -> None:
        assert self.kept(watching.notify("pending;expires=3600")).active is False
        record = self.kept(watching.notify(body=OPEN))
        assert record.dialog is not None
        assert (record.active, record.shown, record.dialog.remote_tag) == (True, ("orchard",), "romeo1")
        assert record.dialog.local_cseq == 1 and record.expires == 3600

    def test_news_of_a_known_resource_are_not_written(self, watching: Watching) -> None:
        watching.lives()
        noted = OPEN.replace(b"</tuple>", b"<note>Sighs</note></tuple>")
        assert [type(effect) for effect in watching.notify(body=noted) if isinstance(effect, Remember)] == []

    def test_resource_that_comes_or_goes_is_written(self, watching: Watching) -> None:
        watching.lives()
        assert self.kept(watching.notify(body=document("desk"))).shown == ("desk",)

    def test_dialog_that_ends_is_not_kept(self, watching: Watching) -> None:
        watching.lives()
        assert any(isinstance(effect, Forget) for effect in watching.says("unsubscribe"))


class TestCrowd:
    """Many watches of one partner fail at once: it is asked at its pace, not in one burst."""

    CROWD = 2000  # with 200 a second: ten seconds

    def crowd(self) -> tuple[Bench, list[Watching]]:
        bench = Bench()
        return bench, [Watching(f"user{n}", bench) for n in range(self.CROWD)]

    def most_in_a_second(self, bench: Bench, seconds: int) -> int:
        sent: Counter[int] = Counter()
        for second in range(seconds):
            found = sends(bench.passes(1), "SUBSCRIBE")
            sent[second] += len(found)
            for send in found:
                bench.answer(send, 403)
        assert sent.total() == self.CROWD
        return max(sent.values())

    def test_failures_are_tried_again_in_turn(self) -> None:
        bench, all_of_them = self.crowd()
        for each in all_of_them:
            bench.gateway.unsent(each.send.token, Code.N01, "")
        assert self.most_in_a_second(bench, 45) < 1.5 * 200

    def test_partner_that_wants_to_rest_is_not_woken_by_all_at_once(self) -> None:
        bench, all_of_them = self.crowd()
        for each in all_of_them:
            each.answer(503, (("Retry-After", "60"),))
        assert self.most_in_a_second(bench, 80) < 1.5 * 200

    def test_partner_is_told_of_alone_by_its_own_crowd(self) -> None:
        bench, _ = self.crowd()
        other = presence("subscribe", to="tybalt@other.example", from_="nurse@xmpp.example")
        (send,) = sends(bench.stanzas(other))
        bench.gateway.unsent(send.token, Code.N01, "")
        found = [each for each in sends(bench.passes(36.5)) if b"tybalt" in each.data]
        assert len(found) == 1  # 30 to 36 seconds, however many watch others

    def test_who_has_left_is_not_waited_for(self) -> None:
        bench, all_of_them = self.crowd()
        for each in all_of_them[1:]:
            each.answer(403, ())
        bench.gateway.unsent(all_of_them[0].send.token, Code.N01, "")
        assert len(sends(bench.passes(36.5), "SUBSCRIBE")) == 1


class TestRest:
    """RFC 3261 §21.5.4: 503 with Retry-After speaks for the whole server."""

    def test_new_watch_waits_and_another_partner_is_asked(self, watching: Watching) -> None:
        watching.answer(503, (("Retry-After", "100"),))
        bench = watching.bench
        assert sends(bench.stanzas(presence("subscribe", to="mercutio@sip.example"))) == []
        assert len(sends(bench.stanzas(presence("subscribe", to="tybalt@other.example")))) == 1
        assert all(each.system.name == "other" for each in sends(bench.passes(99), "SUBSCRIBE"))
        assert len([each for each in sends(bench.passes(30), "SUBSCRIBE") if each.system.name == "sip"]) == 2

    def test_login_does_not_wake_it(self, watching: Watching) -> None:
        watching.answer(503, (("Retry-After", "100"),))
        assert sends(watching.says("probe")) == []


class TestBounds:
    def test_watch_past_the_limit_of_its_system_is_refused_until_there_is_room(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(subscription, "MAX_OF_OURS", 1)
        first = Watching("a")
        bench = first.bench
        nurse = presence("subscribe", to="a@sip.example", from_="nurse@xmpp.example")
        effects = bench.stanzas(nurse)
        assert (conditions(effects), sends(effects)) == (["policy-violation"], [])
        paris = presence("subscribe", to="a@sip.example", from_="paris@second.example")
        assert len(sends(bench.gateway.stanzas_received(bench.second, [paris]))) == 1
        first.answer(403)
        assert len(sends(bench.stanzas(nurse))) == 1

    def test_contact_hears_of_each_resource_once(self, watching: Watching) -> None:
        watching.lives()
        (news,) = spoken(watching.notify(body=document("orchard", "desk")))
        assert str(news.from_) == "romeo@sip.example/desk"
        assert as_request(watching.send.data).expires == 3600
