"""SIP users who watch XMPP users: what a watcher hears, what is asked of the contact, what stays when he has gone."""

import pytest

from edge.codes import Code
from edge.gateway import notifier
from edge.gateway.effects import Effect
from edge.sip.message import Request
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
    responses,
    sends,
    sent_stanzas,
    spoken,
    statuses,
)


def state(request: Request) -> str:
    told = request.subscription_state
    return told.state if told is not None else ""


def reason(request: Request) -> str:
    told = request.subscription_state
    return (told.reason or "") if told is not None else ""


class Watched:
    """Romeo subscribes to Juliet's presence, with one device or several."""

    def __init__(self, bench: Bench | None = None, expires: int = 3600, **changes: str) -> None:
        self.bench = bench or Bench()
        self.request = self.bench.subscribe(expires, **changes)
        effects = self.bench.sip(self.request)
        self.first = self.take(effects)
        self.answer = responses(effects)[0]
        self.number = self.request.cseq.number

    def take(self, effects: list[Effect]) -> list[Effect]:
        """Answer every NOTIFY among the effects with 200, and those that follow."""
        taken = list(effects)
        for send in sends(effects, "NOTIFY"):
            taken += self.take(self.bench.answer(send))
        return taken

    def approved(self) -> "Watched":
        self.take(self.bench.stanzas(presence("subscribed")))
        return self

    def again(self, expires: int, **changes: str) -> Request:
        """A SUBSCRIBE within the dialog."""
        self.number += 1
        within = {
            "call_id": self.request.call_id, "from_": str(self.request.from_), "to": str(self.answer.to),
            "cseq": f"{self.number} SUBSCRIBE", **changes,
        }
        return self.bench.subscribe(expires, **within)

    def hears(self, effects: list[Effect]) -> list[str]:
        """What the NOTIFYs say: their state, and "+" if there is a document with somebody available."""
        return [
            state(request) + ("+" if b">open<" in request.body else "") for request in requested(effects, "NOTIFY")
        ]

    @property
    def left(self) -> tuple[int, int, int, int]:
        """What is still remembered: pairs, dialogs, counts, transactions and timers."""
        notifiers = self.bench.gateway.notifiers
        return len(notifiers._pairs), len(notifiers), len(notifiers._watched), self.bench.open


NOTHING = (0, 0, 0, 0)


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

    def test_presence_before_the_approval_is_not_passed_on(self, watched: Watched) -> None:
        assert watched.bench.stanzas(presence()) == []
        assert watched.hears(watched.take(watched.bench.stanzas(presence("subscribed")))) == ["active"]

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

    def test_one_notify_is_under_way_and_the_last_state_follows_it(self, watched: Watched) -> None:
        watched.approved()
        (send,) = sends(watched.bench.stanzas(presence()))
        assert sends(watched.bench.stanzas(presence("unavailable"), presence(), presence("unavailable"))) == []
        (following,) = sends(watched.bench.answer(send))
        assert b">open<" not in following.data and b">closed<" in following.data
        assert sends(watched.bench.answer(following)) == []

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


class TestProbe:
    """Whoever comes back gets the answer to a probe (RFC 8048 §5.3.2)."""

    def leaves(self, watched: Watched) -> list[Effect]:
        return watched.take(watched.bench.sip(watched.again(0)))

    def test_watcher_who_comes_back_needs_no_second_permission(self, watched: Watched) -> None:
        watched.approved()
        assert kinds(self.leaves(watched)) == ["unavailable"]
        back = Watched(watched.bench)
        assert (back.hears(back.first), kinds(back.first)) == (["active"], ["probe"])
        assert back.hears(back.take(back.bench.stanzas(presence()))) == ["active+"]

    def test_second_device_is_told_what_is_known_without_a_probe(self, watched: Watched) -> None:
        watched.approved()
        watched.take(watched.bench.stanzas(presence()))
        second = Watched(watched.bench)
        assert (second.hears(second.first), kinds(second.first)) == (["active+"], [])

    def test_only_the_last_device_that_leaves_makes_him_unavailable(self, watched: Watched) -> None:
        watched.approved()
        watched.take(watched.bench.stanzas(presence()))
        second = Watched(watched.bench)
        assert kinds(self.leaves(second)) == []
        assert kinds(self.leaves(watched)) == ["unavailable"]

    def test_what_was_known_is_not_told_to_somebody_who_comes_back_later(self, watched: Watched) -> None:
        watched.approved()
        watched.take(watched.bench.stanzas(presence()))
        self.leaves(watched)
        back = Watched(watched.bench)
        assert (back.hears(back.first), kinds(back.first)) == (["active"], ["probe"])

    def test_fetch_waits_for_the_probe_and_ends_with_its_answer(self, watched: Watched) -> None:
        watched.approved()
        self.leaves(watched)
        fetch = Watched(watched.bench, expires=0)
        assert (kinds(fetch.first), fetch.hears(fetch.first)) == (["probe"], [])
        effects = fetch.take(fetch.bench.stanzas(presence()))
        assert fetch.hears(effects) == ["terminated+"]
        assert len(fetch.bench.gateway.notifiers) == 0 and fetch.bench.open == 0

    def test_fetch_is_answered_without_the_probe_when_that_takes_too_long(self, watched: Watched) -> None:
        watched.approved()
        self.leaves(watched)
        fetch = Watched(watched.bench, expires=0)
        effects = fetch.take(fetch.bench.passes(notifier.FETCH_SECONDS + 0.5))
        assert fetch.hears(effects) == ["terminated"]
        assert len(fetch.bench.gateway.notifiers) == 0 and fetch.bench.open == 0

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
        assert watched.left == (1, 0, 1, 0)

    def test_pending_subscription_that_ends_keeps_its_open_question(self, watched: Watched) -> None:
        effects = watched.take(watched.bench.sip(watched.again(0)))
        assert watched.hears(effects) == ["terminated"]
        assert watched.left == (1, 0, 1, 0)
        assert watched.take(watched.bench.stanzas(presence("unsubscribed"))) == []
        assert watched.left == NOTHING

    def test_partner_who_knows_no_dialog_ends_it(self, watched: Watched) -> None:
        watched.approved()
        (send,) = sends(watched.bench.stanzas(presence()))
        assert sends(watched.bench.answer(send, 481)) == []
        assert watched.left == (1, 0, 1, 0)

    def test_lost_link_does_not_end_the_dialog(self, watched: Watched) -> None:
        watched.approved()
        (send,) = sends(watched.bench.stanzas(presence()))
        effects = watched.bench.gateway.unsent(send.token, Code.N01, "")
        assert events(effects) == ["subscription.failed"]
        assert watched.hears(watched.take(watched.bench.stanzas(presence("unavailable")))) == ["active"]

    def test_silence_ends_the_dialog(self, watched: Watched) -> None:
        watched.approved()
        assert sends(watched.bench.stanzas(presence())) != []
        assert events(watched.bench.passes(33)) == ["subscription.failed"]
        assert watched.left == (1, 0, 1, 0)


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
        monkeypatch.setattr(notifier, "MAX_OF_SYSTEM", 1)
        mercutio = {"from_": "<sip:mercutio@sip.example>;tag=1"}
        effects = watched.bench.sip(watched.bench.subscribe(**mercutio))
        assert (statuses(effects), sends(effects), kinds(effects)) == ([403], [], [])
        tybalt = watched.bench.subscribe(from_="<sip:tybalt@other.example>;tag=1")
        assert statuses(watched.bench.sip(tybalt, link=watched.bench.other)) == [200]
        watched.take(watched.bench.stanzas(presence("unsubscribed")))
        assert statuses(watched.bench.sip(watched.bench.subscribe(**mercutio))) == [200]

    def test_resource_past_the_limit_is_not_remembered(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(notifier, "MAX_RESOURCES", 2)
        watched.approved()
        for resource in ("a", "b", "c", "d"):
            last = watched.take(watched.bench.stanzas(presence(from_=f"juliet@xmpp.example/{resource}")))
        (notify,) = requested(last, "NOTIFY")
        assert notify.body.count(b">open<") == 2
        change = presence(from_="juliet@xmpp.example/b", show="away")
        (notify,) = requested(watched.take(watched.bench.stanzas(change)), "NOTIFY")
        assert b"away" in notify.body  # one that is known may still change

    def test_resource_that_goes_makes_room_for_another(
        self, watched: Watched, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(notifier, "MAX_RESOURCES", 1)
        watched.approved()
        watched.take(watched.bench.stanzas(presence(from_="juliet@xmpp.example/a")))
        watched.take(watched.bench.stanzas(presence("unavailable", from_="juliet@xmpp.example/a")))
        effects = watched.take(watched.bench.stanzas(presence(from_="juliet@xmpp.example/b")))
        assert watched.hears(effects) == ["active+"]


def test_stanzas_to_the_contact_come_from_the_watchers_bare_address() -> None:
    watched = Watched()
    (asked,) = spoken(watched.first)
    assert (asked.from_, asked.to) == (JID.parse("romeo@sip.example"), JID.parse("juliet@xmpp.example"))
    assert conditions(watched.first) == [] and len(sent_stanzas(watched.first)) == 1
