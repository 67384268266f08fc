"""SIP users who watch XMPP users: what a watcher hears, what is asked of the contact, what stays when he has gone."""

import pytest

from edge.codes import Code
from edge.gateway import notification, notifier, probe
from edge.gateway.notifier import FETCH_SECONDS
from edge.gateway.probe import PROBE_SECONDS, SETTLE_SECONDS
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import StanzaError
from tests.gateway.bench import (
    Bench,
    Link,
    conditions,
    events,
    kinds,
    presence,
    reports,
    requested,
    sends,
    sent_stanzas,
    spoken,
    statuses,
)
from tests.gateway.watched import AUTHORIZATION, NOTHING, Watched, reason, state


@pytest.fixture
def watched() -> Watched:
    return Watched()


class TestSubscribe:
    def test_new_subscription_is_accepted_notified_and_asked_for(self, watched: Watched) -> None:
        assert statuses(watched.first) == [200]
        assert watched.hears(watched.first) == ["pending"]
        assert kinds(watched.first) == ["subscribe"]
        assert watched.answer.to.tag

    def test_second_device_is_told_but_the_contact_is_not_asked_again(self, watched: Watched) -> None:
        second = Watched(watched.bench)
        assert second.hears(second.first) == ["pending"]
        assert kinds(second.first) == []
        effects = watched.bench.stanzas(presence("subscribed"))
        assert watched.hears(effects) == ["active", "active"]

    def test_notify_goes_in_the_dialog_with_its_tags_and_target(self, watched: Watched) -> None:
        (notify,) = requested(watched.first, "NOTIFY")
        assert (notify.call_id, notify.from_.tag, notify.to.tag) == (
            watched.request.call_id, watched.answer.to.tag, "romeo1",
        )
        assert notify.uri == "sip:edge.sip.example:5061;transport=tls"

    def test_recipient_without_a_user_is_not_found(self) -> None:
        bench = Bench()
        assert statuses(bench.sip(bench.subscribe(uri="sip:xmpp.example"))) == [404]
        assert len(bench.gateway.notifiers) == 0

    def test_subscribe_from_another_partner_into_the_dialog_is_481(self, watched: Watched) -> None:
        other = watched.again(0, from_="<sip:tybalt@other.example>;tag=romeo1")
        effects = watched.bench.sip(other, link=watched.bench.other)
        assert statuses(effects) == [481]
        assert [report.code for report in reports(effects)] == [Code.S05]
        assert len(watched.bench.gateway.notifiers) == 1

    def test_subscribe_within_the_dialog_on_another_link_of_the_partner_is_taken(self, watched: Watched) -> None:
        assert statuses(watched.bench.sip(watched.again(3600), link=Link(watched.bench.link.peer))) == [200]

    def test_subscribe_for_a_dialog_that_does_not_exist_is_481(self, watched: Watched) -> None:
        assert statuses(watched.bench.sip(watched.again(3600, call_id="unheard"))) == [481]

    def test_refresh_is_answered_with_the_present_state_and_moves_the_expiry(self, watched: Watched) -> None:
        watched.approved()
        watched.take(watched.bench.stanzas(presence()))
        watched.take(watched.bench.passes(3000))
        effects = watched.take(watched.bench.sip(watched.again(3600)))
        assert (statuses(effects), watched.hears(effects)) == ([200], ["active+"])
        assert watched.hears(watched.bench.passes(3000)) == []
        assert watched.hears(watched.take(watched.bench.passes(700))) == ["terminated"]


class TestContact:
    """What the contact's side says."""

    def test_approval_is_told_once(self, watched: Watched) -> None:
        effects = watched.take(watched.bench.stanzas(presence("subscribed")))
        assert (watched.hears(effects), events(effects)) == (["active"], ["sub.active"])
        assert watched.bench.stanzas(presence("subscribed")) == []

    def test_approval_does_not_reach_a_dialog_that_is_about_to_end(self, watched: Watched) -> None:
        bench = watched.bench
        assert len(sends(bench.sip(bench.subscribe(0)))) == 1
        assert events(bench.stanzas(presence("subscribed"))) == ["sub.active"]

    def test_presence_before_the_approval_is_told_with_it(self, watched: Watched) -> None:
        assert watched.bench.stanzas(presence()) == []
        assert watched.hears(watched.take(watched.bench.stanzas(presence("subscribed")))) == ["active+"]

    def test_receipt_for_the_request_is_no_presence(self, watched: Watched) -> None:
        assert watched.bench.stanzas(presence("unavailable", from_="juliet@xmpp.example")) == []
        (notify,) = requested(watched.bench.stanzas(presence("subscribed")), "NOTIFY")
        assert notify.body == b""

    def test_presence_of_somebody_nobody_watches_is_dropped(self) -> None:
        assert Bench().stanzas(presence(), presence("subscribed"), presence("unavailable")) == []

    def test_change_is_told_to_every_device(self, watched: Watched) -> None:
        second = Watched(watched.bench)
        watched.approved()
        effects = watched.take(watched.bench.stanzas(presence()))
        assert second.hears(effects) == ["active+", "active+"]
        assert {request.call_id for request in requested(effects, "NOTIFY")} == {
            watched.request.call_id, second.request.call_id,
        }

    def test_denial_ends_every_dialog_and_leaves_nothing(self, watched: Watched) -> None:
        Watched(watched.bench)
        effects = watched.take(watched.bench.stanzas(presence("unsubscribed")))
        assert [reason(request) for request in requested(effects, "NOTIFY")] == ["rejected", "rejected"]
        assert watched.left == NOTHING

    def test_cancellation_ends_the_authorization_as_well(self, watched: Watched) -> None:
        watched.approved()
        effects = watched.take(watched.bench.stanzas(presence("unsubscribed")))
        assert [reason(request) for request in requested(effects, "NOTIFY")] == ["rejected"]
        assert watched.left == NOTHING
        assert kinds(Watched(watched.bench).first) == ["subscribe"]

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [("forbidden", "rejected"), ("item-not-found", "noresource"), ("remote-server-timeout", "probation")],
    )
    def test_error_for_the_question_ends_the_dialog_with_its_reason(
        self, watched: Watched, condition: str, expected: str
    ) -> None:
        error = presence("error", error=StanzaError(condition))
        effects = watched.take(watched.bench.stanzas(error))
        assert [reason(request) for request in requested(effects, "NOTIFY")] == [expected]
        assert watched.left == NOTHING

    def test_error_changes_nothing_once_there_is_an_authorization(self, watched: Watched) -> None:
        watched.approved()
        assert watched.bench.stanzas(presence("error", error=StanzaError("forbidden"))) == []
        assert len(watched.bench.gateway.notifiers) == 1


    def test_refusal_of_what_was_not_asked_for_ends_nothing(self) -> None:
        fetch = Watched(expires=0)
        assert fetch.bench.stanzas(presence("unsubscribed")) == []
        watcher = Bench()
        watcher.stanzas(presence("subscribe"))  # she watches him, he does not watch her
        assert watcher.stanzas(presence("unsubscribed"), presence("subscribed")) == []
        assert len(watcher.gateway.pairs) == 1

    def test_nothing_is_told_after_the_cancellation(self, watched: Watched) -> None:
        second = Watched(watched.bench)
        watched.approved()
        (send, other) = sends(watched.bench.stanzas(presence()))
        assert sends(watched.bench.stanzas(presence("unsubscribed"), presence(show="away"))) == []
        last = watched.bench.answer(send) + watched.bench.answer(other)
        assert second.hears(last) == ["terminated", "terminated"]
        assert watched.take(last)
        assert watched.bench.stanzas(presence(show="dnd")) == []


class TestProbe:
    """Whoever comes back gets the answer to a probe (RFC 8048 §5.3.2)."""

    def test_watcher_who_comes_back_needs_no_second_permission(self, watched: Watched) -> None:
        watched.approved()
        assert kinds(watched.leaves()) == ["unavailable"]
        back = Watched(watched.bench)
        assert (back.hears(back.first), kinds(back.first)) == (["active"], ["probe"])
        assert back.bench.stanzas(presence()) == []
        assert back.hears(back.bench.passes(SETTLE_SECONDS + 0.5)) == ["active+"]

    def test_second_question_is_not_asked_while_the_first_one_is_open(self, watched: Watched) -> None:
        watched.approved()
        watched.leaves()
        assert kinds(Watched(watched.bench).first) == ["probe"]
        assert kinds(Watched(watched.bench).first) == []

    def test_contact_who_does_not_answer_is_not_there(self, watched: Watched) -> None:
        watched.approved()
        watched.leaves()
        back = Watched(watched.bench)
        (notify,) = requested(back.bench.passes(PROBE_SECONDS + 0.5), "NOTIFY")
        assert (state(notify), b">closed<" in notify.body) == ("active", True)

    def test_answer_is_shown_as_a_whole(self, watched: Watched) -> None:
        watched.approved()
        watched.leaves()
        back = Watched(watched.bench)
        assert back.bench.stanzas(presence(from_="juliet@xmpp.example/a")) == []
        assert back.bench.stanzas(presence(from_="juliet@xmpp.example/b")) == []
        (notify,) = requested(back.bench.passes(SETTLE_SECONDS + 0.5), "NOTIFY")
        assert notify.body.count(b">open<") == 2

    def test_news_during_the_answer_is_not_lost(self, watched: Watched) -> None:
        watched.approved()
        watched.take(watched.bench.stanzas(presence(from_="juliet@xmpp.example/a")))
        (pair,) = watched.bench.gateway.pairs
        assert kinds(watched.bench.gateway.notifiers.resume(pair)) == ["probe"]
        a, b = "juliet@xmpp.example/a", "juliet@xmpp.example/b"
        answers = [presence(from_=a), presence(from_=b), presence("unavailable", from_=a), presence(from_=b, show="xa")]
        assert watched.bench.stanzas(*answers) == []
        (notify,) = requested(watched.bench.passes(SETTLE_SECONDS + 0.5), "NOTIFY")
        assert notify.body.count(b"<tuple") == 1 and b">xa<" in notify.body

    def test_what_the_last_to_go_said_is_told(self, watched: Watched) -> None:
        watched.approved()
        watched.leaves()
        back = Watched(watched.bench)
        assert back.bench.stanzas(presence("unavailable", from_="juliet@xmpp.example", status="Asleep")) == []
        (notify,) = requested(back.bench.passes(SETTLE_SECONDS + 0.5), "NOTIFY")
        assert b">closed<" in notify.body and b"<note>Asleep</note>" in notify.body

    def test_second_device_is_told_what_is_known_without_a_probe(self, watched: Watched) -> None:
        watched.approved()
        watched.take(watched.bench.stanzas(presence()))
        second = Watched(watched.bench)
        assert (second.hears(second.first), kinds(second.first)) == (["active+"], [])

    def test_only_the_last_device_that_leaves_makes_him_unavailable(self, watched: Watched) -> None:
        watched.approved()
        watched.take(watched.bench.stanzas(presence()))
        second = Watched(watched.bench)
        assert kinds(second.leaves()) == []
        assert kinds(watched.leaves()) == ["unavailable"]

    def test_what_was_known_is_not_told_to_somebody_who_comes_back_later(self, watched: Watched) -> None:
        watched.approved()
        watched.take(watched.bench.stanzas(presence()))
        watched.leaves()
        back = Watched(watched.bench)
        assert (back.hears(back.first), kinds(back.first)) == (["active"], ["probe"])

    def test_two_devices_that_leave_at_once_make_him_unavailable_once(self, watched: Watched) -> None:
        watched.approved()
        second = Watched(watched.bench)
        effects = watched.bench.sip(watched.again(0)) + watched.bench.sip(second.again(0))
        assert kinds(watched.take(effects)) == ["unavailable"]

    def test_fetch_waits_for_the_probe_and_ends_with_its_whole_answer(self, watched: Watched) -> None:
        watched.approved()
        watched.leaves()
        fetch = Watched(watched.bench, expires=0)
        assert (kinds(fetch.first), fetch.hears(fetch.first)) == (["probe"], [])
        for resource in ("a", "b"):
            assert fetch.bench.stanzas(presence(from_=f"juliet@xmpp.example/{resource}")) == []
        effects = fetch.take(fetch.bench.passes(SETTLE_SECONDS + 0.5))
        (notify,) = requested(effects, "NOTIFY")
        assert (state(notify), notify.body.count(b">open<"), kinds(effects)) == ("terminated", 2, [])
        assert fetch.left == AUTHORIZATION

    def test_fetch_is_answered_without_the_probe_when_that_takes_too_long(self, watched: Watched) -> None:
        watched.approved()
        watched.leaves()
        fetch = Watched(watched.bench, expires=0)
        effects = fetch.take(fetch.bench.passes(FETCH_SECONDS + 0.5))
        assert fetch.hears(effects) == ["terminated"]
        assert fetch.left == AUTHORIZATION

    def test_fetch_takes_what_has_come_when_its_time_is_over(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(probe, "SETTLE_SECONDS", 5.0)
        watched.approved()
        watched.leaves()
        fetch = Watched(watched.bench, expires=0)
        assert fetch.bench.stanzas(presence()) == []
        assert fetch.hears(fetch.take(fetch.bench.passes(FETCH_SECONDS + 0.5))) == ["terminated+"]
        assert fetch.left == AUTHORIZATION

    def test_fetch_of_what_is_known_ends_at_once(self, watched: Watched) -> None:
        watched.approved()
        watched.take(watched.bench.stanzas(presence()))
        fetch = Watched(watched.bench, expires=0)
        assert (fetch.hears(fetch.first), kinds(fetch.first)) == (["terminated+"], [])

    def test_fetch_without_permission_asks_nobody_and_leaves_nothing(self) -> None:
        fetch = Watched(expires=0)
        assert (statuses(fetch.first), fetch.hears(fetch.first)) == ([200], ["terminated"])
        assert kinds(fetch.first) == []
        assert fetch.left == NOTHING


class TestEnd:
    def test_subscription_ends_when_it_is_not_refreshed_and_the_authorization_stays(self, watched: Watched) -> None:
        watched.approved()
        effects = watched.take(watched.bench.passes(3601))
        (last,) = requested(effects, "NOTIFY")
        assert (state(last), reason(last), kinds(effects)) == ("terminated", "timeout", ["unavailable"])
        assert watched.left == AUTHORIZATION

    def test_pending_subscription_that_ends_keeps_its_open_question(self, watched: Watched) -> None:
        effects = watched.take(watched.bench.sip(watched.again(0)))
        assert watched.hears(effects) == ["terminated"]
        assert watched.left == AUTHORIZATION
        assert requested(watched.bench.stanzas(presence("unsubscribed"))) == []
        assert watched.left == NOTHING

    def test_request_that_an_outage_may_have_lost_is_repeated_and_no_other(self, watched: Watched) -> None:
        notifiers = watched.bench.gateway.notifiers
        (pair,) = watched.bench.gateway.pairs
        assert kinds(notifiers.resume(pair)) == ["subscribe"]  # never a probe: it would take the request back
        watched.leaves()
        assert notifiers.resume(pair) == []

    def test_contact_whose_server_is_out_of_reach_is_not_there(self, watched: Watched) -> None:
        watched.approved()
        watched.take(watched.bench.stanzas(presence()))
        (pair,) = watched.bench.gateway.pairs
        (notify,) = requested(watched.bench.gateway.notifiers.withdraw(pair, "no way"), "NOTIFY")
        assert b">closed<" in notify.body and b"<note>no way</note>" in notify.body

    def test_answer_that_the_outage_swallowed_is_not_waited_for(self, watched: Watched) -> None:
        watched.approved()
        (pair,) = watched.bench.gateway.pairs
        notifiers = watched.bench.gateway.notifiers
        assert kinds(notifiers.resume(pair)) == ["probe"]
        watched.take(notifiers.withdraw(pair, "no way"))
        assert requested(watched.bench.passes(PROBE_SECONDS + 1)) == []

    def test_request_is_repeated_only_after_a_long_time(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        watched.leaves()
        assert kinds(Watched(watched.bench).first) == []
        monkeypatch.setattr(notifier, "ASK_AGAIN", 60.0)
        watched.bench.passes(61)
        assert kinds(Watched(watched.bench).first) == ["subscribe"]


class TestBounds:
    def test_dialog_past_the_limit_is_refused_until_there_is_room(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(notifier, "MAX_DIALOGS", 2)
        Watched(watched.bench)
        effects = watched.bench.sip(watched.bench.subscribe())
        assert (statuses(effects), sends(effects)) == ([403], [])
        assert [report.code for report in reports(effects)] == [Code.L01]
        watched.take(watched.bench.sip(watched.again(0)))
        assert statuses(watched.bench.sip(watched.bench.subscribe())) == [200]

    def test_contact_past_the_limit_is_refused_until_there_is_room(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(notifier, "MAX_WATCHED", 1)
        nurse = {"uri": "sip:nurse@xmpp.example", "to": "<sip:nurse@xmpp.example>"}
        effects = watched.bench.sip(watched.bench.subscribe(**nurse))
        assert (statuses(effects), sends(effects), kinds(effects)) == ([403], [], [])
        assert statuses(Watched(watched.bench).first) == [200]  # of the same contact there is more
        tybalt = watched.bench.subscribe(from_="<sip:tybalt@sip.example>;tag=1")
        assert statuses(watched.bench.sip(tybalt)) == [200]  # the limit is for each watcher
        watched.take(watched.bench.stanzas(presence("unsubscribed")))
        assert statuses(watched.bench.sip(watched.bench.subscribe(**nurse))) == [200]

    def test_pair_past_the_limit_of_its_system_is_refused_until_there_is_room(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(notification, "MAX_OF_SYSTEM", 1)
        mercutio = {"from_": "<sip:mercutio@sip.example>;tag=1"}
        effects = watched.bench.sip(watched.bench.subscribe(**mercutio))
        assert (statuses(effects), sends(effects), kinds(effects)) == ([403], [], [])
        tybalt = watched.bench.subscribe(from_="<sip:tybalt@other.example>;tag=1")
        assert statuses(watched.bench.sip(tybalt, link=watched.bench.other)) == [200]
        watched.take(watched.bench.stanzas(presence("unsubscribed")))
        assert statuses(watched.bench.sip(watched.bench.subscribe(**mercutio))) == [200]


def test_stanzas_to_the_contact_come_from_the_watchers_bare_address() -> None:
    watched = Watched()
    (asked,) = spoken(watched.first)
    assert (asked.from_, asked.to) == (JID.parse("romeo@sip.example"), JID.parse("juliet@xmpp.example"))
    assert conditions(watched.first) == [] and len(sent_stanzas(watched.first)) == 1
