"""The dialogs of watchers: when they are told, what becomes of a NOTIFY that fails, what a dialog leaves behind."""

import pytest

from edge.codes import Code
from edge.gateway.counters import COALESCED, OUT, UNCHANGED
from edge.gateway.effects import Effect, Forget, Remember, SendSip
from edge.gateway.notification import LATE_SECONDS, LONGEST_MISSED, MISSED_SECONDS, UNSENT_SECONDS
from edge.gateway.presentities import Presentities
from edge.gateway.records import BLOCK, Kind, decode_notification
from edge.gateway.settings import PresenceSettings
from edge.partners import Directory
from edge.sip.notifier import LEAVING_SECONDS
from edge.sip.subscription import REMOVING
from edge.sip.transaction import ClientTransaction
from tests.gateway.bench import Bench, events, kinds, presence, reports, requested, responses, sends, statuses
from tests.gateway.watched import AUTHORIZATION, Watched, reason, state

PACE = 5.0


@pytest.fixture
def watched() -> Watched:
    """A watcher who was permitted, without pace."""
    return Watched().approved()


@pytest.fixture
def paced() -> Watched:
    return Watched(Bench(presence=PresenceSettings(pace=PACE))).approved()


def leaves(watched: Watched, send: SendSip) -> None:
    """The request is written on a link."""
    watched.bench.gateway.sip_sent(send.token, watched.bench.link)


def shows(effects: list[Effect]) -> list[str]:
    """The show of the document in each NOTIFY; "" if there is none."""
    bodies = [request.body for request in requested(effects, "NOTIFY")]
    return [next((show for show in ("xa", "dnd", "away") if f">{show}<".encode() in body), "") for body in bodies]


class TestPace:
    def test_first_goes_at_once_and_of_those_that_come_too_soon_the_last(self, paced: Watched) -> None:
        bench = paced.bench
        assert shows(paced.take(bench.stanzas(presence(show="away")))) == ["away"]
        assert sends(bench.stanzas(presence(show="dnd"), presence(), presence(show="xa"))) == []
        assert shows(paced.take(bench.passes(PACE + 0.5))) == ["xa"]
        assert sends(bench.passes(2 * PACE)) == []
        assert bench.node.counters.suppressed["sip", COALESCED] == 2
        assert bench.node.counters.updates["sip", OUT] == 2

    def test_change_that_is_taken_back_in_time_is_not_told(self, paced: Watched) -> None:
        paced.take(paced.bench.stanzas(presence(show="away")))
        assert sends(paced.bench.stanzas(presence(show="dnd"), presence(show="away"))) == []
        assert sends(paced.bench.passes(2 * PACE)) == []
        assert paced.bench.node.counters.suppressed["sip", UNCHANGED] == 2

    def test_refresh_is_answered_at_once_and_with_what_was_held_back(self, paced: Watched) -> None:
        paced.take(paced.bench.stanzas(presence(show="away")))
        assert sends(paced.bench.stanzas(presence(show="dnd"))) == []
        assert shows(paced.take(paced.bench.sip(paced.again(3600)))) == ["dnd"]
        assert sends(paced.bench.passes(2 * PACE)) == []
        assert paced.bench.node.counters.suppressed["sip", UNCHANGED] == 0

    def test_end_does_not_wait(self, paced: Watched) -> None:
        paced.take(paced.bench.stanzas(presence(show="away")))
        paced.bench.stanzas(presence(show="dnd"))
        assert paced.hears(paced.take(paced.bench.stanzas(presence("unsubscribed")))) == ["terminated"]

    def test_each_dialog_has_its_own_pace(self, paced: Watched) -> None:
        paced.take(paced.bench.stanzas(presence(show="away")))
        second = Watched(paced.bench)
        assert shows(second.first) == ["away"]


class TestOrder:
    def test_one_notify_is_under_way_and_the_last_state_follows_it(self, watched: Watched) -> None:
        (send,) = sends(watched.bench.stanzas(presence()))
        assert sends(watched.bench.stanzas(presence(show="away"), presence(), presence(show="xa"))) == []
        following = watched.bench.answer(send)
        assert shows(following) == ["xa"]
        assert sends(watched.take(following)[len(following):]) == []

    def test_numbers_rise(self, watched: Watched) -> None:
        effects = [watched.take(watched.bench.stanzas(presence(show=show))) for show in ("away", "dnd", "xa")]
        numbers = [request.cseq.number for each in effects for request in requested(each, "NOTIFY")]
        assert numbers == sorted(set(numbers)) and len(numbers) == 3

    def test_language_of_the_notes_is_that_of_the_body(self, watched: Watched) -> None:
        stanza = presence(status="Verliebt", lang="de")
        (notify,) = requested(watched.take(watched.bench.stanzas(stanza)), "NOTIFY")
        assert notify.headers.get("content-language") == "de"
        (notify,) = requested(watched.take(watched.bench.stanzas(presence())), "NOTIFY")
        assert notify.headers.get("content-language") is None


class TestWithin:
    """A SUBSCRIBE within the dialog."""

    def test_watcher_who_reads_no_documents_any_more_is_refused_and_keeps_what_he_had(self, watched: Watched) -> None:
        effects = watched.bench.sip(watched.again(3600, accept="text/plain"))
        (response,) = responses(effects)
        assert (response.status, response.headers.get("accept")) == (406, "application/pidf+xml")
        assert [report.code for report in reports(effects)] == [Code.S04]
        assert statuses(watched.take(watched.bench.sip(watched.again(3600)))) == [200]

    def test_watcher_who_reads_no_documents_may_leave(self, watched: Watched) -> None:
        assert statuses(watched.take(watched.bench.sip(watched.again(0, accept="text/plain")))) == [200]
        assert watched.left == AUTHORIZATION

    def test_old_number_is_refused_and_changes_nothing(self, watched: Watched) -> None:
        again = watched.again(3600)
        assert statuses(watched.take(watched.bench.sip(again))) == [200]
        watched.number -= 1
        assert statuses(watched.bench.sip(watched.again(0))) == [500]
        assert len(watched.bench.gateway.notifiers) == 1

    def test_other_tag_of_the_watcher_is_another_dialog(self, watched: Watched) -> None:
        assert statuses(watched.bench.sip(watched.again(0, from_="<sip:romeo@sip.example>;tag=other"))) == [481]
        assert len(watched.bench.gateway.notifiers) == 1


class TestFailures:
    """RFC 6665 §4.2.2: some end the subscription, the others are made good."""

    @pytest.mark.parametrize("status", sorted(REMOVING - {408}))
    def test_failure_that_ends_the_dialog_makes_the_user_unavailable(self, watched: Watched, status: int) -> None:
        (send,) = sends(watched.bench.stanzas(presence()))
        effects = watched.bench.answer(send, status)
        assert (sends(effects), kinds(effects)) == ([], ["unavailable"])
        assert watched.left == AUTHORIZATION

    def test_failure_of_one_of_two_dialogs_does_not(self, watched: Watched) -> None:
        second = Watched(watched.bench)
        watched.take(watched.bench.passes(11))
        first_send, send = sends(watched.bench.stanzas(presence()))
        watched.bench.answer(first_send)
        assert kinds(watched.bench.answer(send, 481)) == []
        assert kinds(second.take(watched.bench.sip(watched.again(0)))) == ["unavailable"]

    def test_failure_of_the_last_notify_makes_nobody_unavailable_twice(self, watched: Watched) -> None:
        (send,) = sends(watched.bench.stanzas(presence()))
        assert kinds(watched.bench.sip(watched.again(0))) == ["unavailable"]
        assert kinds(watched.bench.answer(send, 481)) == []
        assert watched.left == AUTHORIZATION

    def test_failure_before_the_permission_says_nothing_to_the_contact(self) -> None:
        bench = Bench()
        (send,) = sends(bench.sip(bench.subscribe()), "NOTIFY")
        assert kinds(bench.answer(send, 481)) == []
        gateway = bench.gateway
        assert (len(gateway.pairs), len(gateway.notifiers), bench.open - bench.layer.servers) == AUTHORIZATION

    @pytest.mark.parametrize("status", [400, 403, 500, 503, 600])
    def test_other_failure_is_made_good_with_the_newest_document(self, watched: Watched, status: int) -> None:
        (send,) = sends(watched.bench.stanzas(presence(show="away")))
        assert sends(watched.bench.answer(send, status)) == []
        assert shows(watched.take(watched.bench.passes(MISSED_SECONDS + 0.5))) == ["away"]
        assert sends(watched.bench.passes(2 * MISSED_SECONDS)) == []

    def test_news_goes_before_the_repetition_and_instead_of_it(self, watched: Watched) -> None:
        (send,) = sends(watched.bench.stanzas(presence(show="away")))
        watched.bench.answer(send, 500)
        assert shows(watched.take(watched.bench.stanzas(presence(show="dnd")))) == ["dnd"]
        assert sends(watched.bench.passes(2 * MISSED_SECONDS)) == []

    def test_watcher_who_names_a_time_is_left_alone_until_then(self, watched: Watched) -> None:
        (send,) = sends(watched.bench.stanzas(presence(show="away")))
        assert sends(watched.bench.answer(send, 503, [("Retry-After", "100")])) == []
        assert sends(watched.bench.stanzas(presence(show="dnd"))) == []
        assert sends(watched.bench.passes(99)) == []
        assert shows(watched.take(watched.bench.passes(2))) == ["dnd"]

    def test_watcher_who_names_a_year_is_asked_again_the_same_hour(self, watched: Watched) -> None:
        (send,) = sends(watched.bench.stanzas(presence(show="away")))
        watched.bench.answer(send, 503, [("Retry-After", "31536000")])
        assert shows(watched.take(watched.bench.passes(LONGEST_MISSED + 1))) == ["away"]

    def test_state_without_a_document_is_repeated_as_well(self) -> None:
        watched = Watched()
        (send,) = sends(watched.bench.stanzas(presence("subscribed")))
        watched.bench.answer(send, 500)
        assert watched.hears(watched.take(watched.bench.passes(MISSED_SECONDS + 0.5))) == ["active"]

    def test_silence_ends_the_dialog(self, watched: Watched) -> None:
        (send,) = sends(watched.bench.stanzas(presence()))
        leaves(watched, send)
        effects = watched.bench.passes(33)
        assert (events(effects), kinds(effects)) == (["subscription.failed"], ["unavailable"])
        assert watched.left == AUTHORIZATION

    @pytest.mark.parametrize("code", [Code.N01, Code.M01, Code.M02])
    def test_notify_that_does_not_leave_ends_nothing(self, watched: Watched, code: Code) -> None:
        (send,) = sends(watched.bench.stanzas(presence(show="away")))
        effects = watched.bench.gateway.unsent(send.token, code, "")
        assert (events(effects), kinds(effects)) == (["subscription.failed"], [])
        assert sends(watched.bench.passes(UNSENT_SECONDS - 1)) == []
        assert shows(watched.take(watched.bench.passes(2))) == ["away"]

    def test_what_did_not_leave_goes_when_the_way_is_up_again(self, watched: Watched) -> None:
        (send,) = sends(watched.bench.stanzas(presence(show="away")))
        watched.bench.gateway.unsent(send.token, Code.N01, "")
        (pair,) = watched.bench.gateway.pairs
        assert shows(watched.take(watched.bench.gateway.notifiers.repeat(pair))) == ["away"]
        assert watched.bench.gateway.notifiers.repeat(pair) == []
        assert sends(watched.bench.passes(2 * UNSENT_SECONDS)) == []

    def test_lost_link_does_not_end_the_dialog(self, watched: Watched) -> None:
        (send,) = sends(watched.bench.stanzas(presence(show="away")))
        leaves(watched, send)
        assert sends(watched.bench.gateway.sip_lost(watched.bench.link)) == []
        assert shows(watched.take(watched.bench.passes(MISSED_SECONDS + 0.5))) == ["away"]


class TestEnd:
    def test_dialog_that_ends_leaves_no_timer(self, paced: Watched) -> None:
        """Neither that of its expiry, nor of the pace, nor of a repetition."""
        paced.take(paced.bench.stanzas(presence(show="away")))
        paced.bench.stanzas(presence(show="dnd"))
        paced.leaves()
        assert paced.left == AUTHORIZATION

    def test_dialog_that_ends_while_its_last_document_was_missed_leaves_no_timer(self, watched: Watched) -> None:
        (send,) = sends(watched.bench.stanzas(presence()))
        watched.bench.answer(send, 503, [("Retry-After", "600")])
        watched.leaves()
        assert watched.left == AUTHORIZATION

    def test_end_that_the_partner_does_not_hear_ends_the_dialog(self, watched: Watched) -> None:
        (send,) = sends(watched.bench.sip(watched.again(0)), "NOTIFY")
        watched.bench.gateway.unsent(send.token, Code.N01, "")
        assert watched.left[:2] == AUTHORIZATION[:2]

    def test_expiry_while_a_notify_is_under_way_waits_for_its_answer(self, watched: Watched) -> None:
        watched.bench.passes(3590)
        (send,) = sends(watched.bench.stanzas(presence()))
        assert requested(watched.bench.passes(12), "NOTIFY") == []
        (last,) = requested(watched.bench.answer(send), "NOTIFY")
        assert (state(last), reason(last), b">closed<" in last.body) == ("terminated", "timeout", True)

    def test_bug_while_it_ends_does_not_keep_a_dialog_alive(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Presentities, "document", lambda *_: 1 // 0)
        effects = watched.bench.sip(watched.again(0))
        assert events(effects) == ["internal.error"]
        (last,) = requested(watched.take(watched.bench.passes(LEAVING_SECONDS + 1)), "NOTIFY")
        assert (state(last), last.body) == ("terminated", b"")
        assert watched.left == AUTHORIZATION


class TestStore:
    def test_dialog_is_remembered_and_forgotten(self, watched: Watched) -> None:
        bench = watched.bench
        (kept,) = [each for each in bench.sip(watched.again(1800)) if isinstance(each, Remember)]
        record = decode_notification(kept.data)
        assert (kept.kind, record.user, record.active) == (Kind.NOTIFICATION, "romeo@sip.example", True)
        assert kept.due == record.expires_at == bench.node.wall + 1800
        gone = [each for each in watched.leaves() if isinstance(each, Forget)]
        assert {(each.kind, each.key) for each in gone} == {(Kind.NOTIFICATION, kept.key)}

    def test_numbers_are_reserved_before_they_are_used(self, watched: Watched) -> None:
        reserved = 0
        for number in range(2 * BLOCK):
            effects = watched.take(watched.bench.stanzas(presence(status=f"{number}")))
            for record in [decode_notification(each.data) for each in effects if isinstance(each, Remember)]:
                reserved = record.dialog.local_cseq
            (notify,) = requested(effects, "NOTIFY")
            assert not reserved or notify.cseq.number <= reserved
        assert reserved


class TestRestored:
    """A dialog of an earlier life."""

    def reborn(self, watched: Watched, effects: list[Effect]) -> Watched:
        """The gateway is killed after ``effects``, and starts again with what the store has of them."""
        kept = {(each.kind, each.key): each for each in effects if isinstance(each, Remember)}
        watched.bench = Bench(presence=PresenceSettings(pace=0))
        watched.bench.gateway.restored([(each.kind, each.key, each.due, each.data) for each in kept.values()])
        return watched

    def test_dialog_goes_on_and_its_numbers_rise(self) -> None:
        watched = Watched()
        effects = watched.first + watched.take(watched.bench.stanzas(presence("subscribed")))
        number = max(request.cseq.number for request in requested(effects, "NOTIFY"))
        watched = self.reborn(watched, effects)
        (notify,) = requested(watched.take(watched.bench.sip(watched.again(3600))), "NOTIFY")
        assert (state(notify), notify.cseq.number > number) == ("active", True)

    def test_permission_is_written_once_and_counts_for_every_dialog(self) -> None:
        watched = Watched()
        allowed = watched.take(watched.bench.stanzas(presence("subscribed")))
        assert [each.kind for each in allowed if isinstance(each, Remember)] == [Kind.PAIR]
        watched = self.reborn(watched, watched.first + allowed)
        (notify,) = requested(watched.bench.stanzas(presence()), "NOTIFY")
        assert (state(notify), b">open<" in notify.body) == ("active", True)

    def test_refusal_without_a_request_does_not_end_the_dialog(self) -> None:
        """RFC 6121 §A.3.4: the record of the pair is lost, so nothing is known of a request."""
        watched = Watched()
        kept = [each for each in watched.first if isinstance(each, Remember) and each.kind == Kind.NOTIFICATION]
        watched = self.reborn(watched, list(kept))
        assert watched.bench.stanzas(presence("unsubscribed"), presence("subscribed")) == []
        assert len(watched.bench.gateway.notifiers) == 1

    def test_dialog_that_is_no_longer_allowed_tells_nothing_and_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        watched = Watched()
        effects = watched.first + watched.take(watched.bench.stanzas(presence("subscribed")))
        monkeypatch.setattr(Directory, "may_watch", staticmethod(lambda watcher, presentity: False))
        watched = self.reborn(watched, effects)
        assert sends(watched.bench.stanzas(presence(show="dnd"))) == []
        assert statuses(watched.bench.sip(watched.again(3600))) == [481]
        (last,) = requested(watched.take(watched.bench.passes(LATE_SECONDS + 1)), "NOTIFY")
        assert (state(last), last.body) == ("terminated", b"")
        assert len(watched.bench.gateway.notifiers) == 0


def test_every_notify_has_a_transaction_of_its_own(watched: Watched) -> None:
    (send,) = sends(watched.bench.stanzas(presence()))
    assert isinstance(send.token, ClientTransaction) and send.token.user is not None
