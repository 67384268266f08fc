"""XMPP users who watch SIP users: whom they may watch, what is answered from memory, how many there may be."""

import pytest

from edge.codes import Code
from edge.gateway import subscriber
from edge.gateway.effects import Path
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import StanzaError
from tests.gateway.bench import (
    Bench,
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
from tests.gateway.watching import NOTHING, OPEN, Watching, document
from tests.sip.samples import as_request


@pytest.fixture
def watching() -> Watching:
    return Watching()


class TestWhoseNotify:
    """RFC 6665 §4.1.3: a NOTIFY belongs to its dialog, and comes from the partner that was asked."""

    def test_one_from_a_link_of_another_partner_is_refused(self, watching: Watching) -> None:
        """Its sender must speak for a domain of its own, and then it is not the one that was asked."""
        bench, request = watching.bench, watching.request
        forged = bench.notify(request, body=OPEN)
        assert statuses(bench.sip(forged, link=bench.other)) == [403]
        own = bench._request(
            "NOTIFY", forged_rows(), OPEN, uri="sip:edge.example.net:5061", call_id=request.call_id, cseq="1 NOTIFY",
            from_="<sip:tybalt@other.example>;tag=romeo1", to=str(request.from_),
        )
        effects = bench.sip(own, link=bench.other)
        assert (statuses(effects), sent_stanzas(effects)) == ([481], [])
        assert [report.code for report in reports(effects)] == [Code.S05]
        assert kinds(watching.notify(body=OPEN)) == ["subscribed", ""]

    def test_one_on_another_link_of_the_same_partner_is_taken(self, watching: Watching) -> None:
        other_link = type(watching.bench.link)(watching.bench.link.peer)
        effects = watching.bench.sip(watching.bench.notify(watching.request, body=OPEN), link=other_link)
        assert statuses(effects) == [200]

    def test_one_for_a_dialog_that_does_not_exist_is_481(self, watching: Watching) -> None:
        ours, romeo = "<sip:juliet@xmpp.example>;tag=t", "<sip:romeo@sip.example>"
        request = watching.bench.subscribe(call_id="unheard", from_=ours, to=romeo)
        assert statuses(watching.bench.sip(watching.bench.notify(request))) == [481]


class TestMemory:
    """A watch that exists is not asked for again (RFC 8048 §7.1)."""

    def test_second_subscribe_is_answered_and_asks_nobody(self, watching: Watching) -> None:
        watching.lives()
        effects = watching.says("subscribe")
        assert (kinds(effects), sends(effects)) == (["subscribed", ""], [])

    def test_second_subscribe_before_anybody_decided_is_met_with_silence(self, watching: Watching) -> None:
        assert watching.says("subscribe") == []
        watching.answer()
        assert watching.says("subscribe") == []
        watching.notify("pending;expires=3600")
        assert watching.says("subscribe") == watching.says("probe") == []

    @pytest.mark.parametrize("asker", ["juliet@xmpp.example", "juliet@xmpp.example/balcony"])
    def test_probe_is_answered_to_whom_asks(self, watching: Watching, asker: str) -> None:
        watching.lives()
        effects = watching.says("probe", asker)
        (answer,) = spoken(effects)
        assert (answer.type, answer.to) == ("", JID.parse(asker))
        assert sends(effects) == []

    def test_probe_of_a_resource_is_answered_for_it_alone(self, watching: Watching) -> None:
        watching.lives()
        watching.notify(body=document("orchard", "desk"))
        for resource, type in (("desk", ""), ("tomb", "unavailable")):
            (answer,) = spoken(watching.bench.stanzas(presence("probe", to=f"romeo@sip.example/{resource}")))
            assert (str(answer.from_), answer.type) == (f"romeo@sip.example/{resource}", type)

    def test_probe_nobody_remembers_opens_a_subscription_but_tells_no_second_subscribed(self) -> None:
        watching = Watching(type="probe")
        watching.answer()
        assert kinds(watching.notify(body=OPEN)) == [""]

    def test_probe_after_a_restart_has_the_state_fetched_within_the_dialog(self, watching: Watching) -> None:
        """What was shown is stored, but not the document: `unavailable` would be wrong."""
        watching.lives()
        watching.watch.document = None
        effects = watching.says("probe")
        assert (kinds(effects), [request.method for request in requested(effects)]) == ([], ["SUBSCRIBE"])
        assert requested(watching.says("probe")) == []  # it is under way

    def test_malformed_notify_is_refused_and_is_no_bug(self, watching: Watching) -> None:
        effects = watching.notify("active;expires=x", OPEN)
        assert (statuses(effects), events(effects)) == ([400], ["sip.refused"])


class TestEnd:
    """What ends leaves nothing behind."""

    def test_unsubscribing_from_nobody_is_confirmed(self) -> None:
        bench = Bench()
        assert kinds(bench.stanzas(presence("unsubscribe"))) == ["unsubscribed"]
        assert len(bench.gateway.subscribers) == len(bench.gateway.pairs) == 0

    def test_user_who_does_not_exist_any_more_is_not_watched_for(self, watching: Watching) -> None:
        watching.lives()
        stanza = presence("error", from_="juliet@xmpp.example")
        stanza.error = StanzaError("resource-constraint", "wait")
        assert sends(watching.bench.stanzas(stanza)) == []
        stanza.error = StanzaError("item-not-found", "cancel")
        effects = watching.bench.stanzas(stanza)
        assert ([each.expires for each in requested(effects, "SUBSCRIBE")], kinds(effects)) == ([0], [])

    def test_end_of_a_session_ends_the_dialog_before_it_is_one(self, watching: Watching) -> None:
        """The timer of the SUBSCRIBE goes on: without a NOTIFY it is what cleans up."""
        dialogs = watching.bench.gateway.subscribers._dialogs
        assert dialogs.sleep(watching.watch) == []
        watching.answer()
        watching.bench.passes(40)
        assert (watching.watch.usage, watching.watch.asleep, watching.left) == (None, True, (1, 0))


class TestResuming:
    """A way is up again."""

    def up(self, watching: Watching) -> list[str]:
        """The SUBSCRIBEs that it makes, each with its To tag."""
        bench = watching.bench
        path = Path(bench.node.directory.systems[0])
        bench.gateway.path_failed(path)
        effects = bench.gateway.path_up(path) + bench.passes(1)
        return [f"{each.cseq.number} {each.to.tag}" for each in requested(effects, "SUBSCRIBE")]

    def test_dialog_that_lives_is_refreshed(self, watching: Watching) -> None:
        watching.lives(20)
        assert self.up(watching) == ["2 romeo1"]

    def test_refreshes_are_counted_by_how_they_end(self, watching: Watching) -> None:
        refreshes = watching.bench.node.counters.refreshes
        watching.lives(20)
        assert refreshes == {}  # the first request is none
        for status, expected in ((200, {"ok": 1}), (503, {"ok": 1, "failed": 1})):
            bench = watching.bench
            path = Path(bench.node.directory.systems[0])
            bench.gateway.path_failed(path)
            watching.asked(bench.gateway.path_up(path) + bench.passes(1))
            watching.answer(status)
            assert refreshes == {("sip", result): number for result, number in expected.items()}

    def test_subscribe_under_way_is_not_sent_twice(self, watching: Watching) -> None:
        assert self.up(watching) == []
        watching.answer()
        assert self.up(watching) == []  # the NOTIFY is waited for, with a timer
        watching.notify(body=OPEN)
        assert self.up(watching) == ["2 romeo1"]
        assert self.up(watching) == []

    def test_attempt_that_waits_is_made_now(self, watching: Watching) -> None:
        watching.answer(480, (("Retry-After", "900"),))
        assert self.up(watching) == ["1 "]

    def test_what_never_changes_is_not_asked_again(self, watching: Watching) -> None:
        watching.lives(20)
        watching.notify("terminated;reason=invariant")
        assert self.up(watching) == []
        assert kinds(watching.says("probe")) == [""]


class TestBounds:
    def test_contact_past_the_limit_is_refused_until_there_is_room(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(subscriber, "MAX_WATCHED", 2)
        first = Watching("a")
        bench = first.bench
        Watching("b", bench)
        effects = bench.stanzas(presence("subscribe", to="c@sip.example"))
        assert (conditions(effects), sends(effects)) == (["policy-violation"], [])
        assert [report.code for report in reports(effects)] == [Code.L01]
        nurse = presence("subscribe", to="c@sip.example", from_="nurse@xmpp.example")
        assert len(sends(bench.stanzas(nurse))) == 1  # the limit is for each watcher
        assert kinds(first.answer(403)) == ["unsubscribed"]
        assert len(sends(bench.stanzas(presence("subscribe", to="c@sip.example")))) == 1

    def test_contact_without_a_user_cannot_be_watched(self) -> None:
        bench = Bench()
        effects = bench.stanzas(presence("subscribe", to="sip.example"))
        assert (kinds(effects), sends(effects)) == (["unsubscribed"], [])
        assert bench.stanzas(presence("probe", to="sip.example")) == []
        assert len(bench.gateway.subscribers) == 0

    def test_resources_of_one_watcher_share_a_dialog(self, watching: Watching) -> None:
        assert sends(watching.says("probe", "juliet@xmpp.example/a")) == []
        assert len(watching.bench.gateway.subscribers) == 1

    def test_who_comes_back_counts_once(self, watching: Watching) -> None:
        watching.lives()
        watching.says("unsubscribe")
        watching.asked(watching.says("subscribe")).answer(403)
        watching.bench.passes(40)
        assert watching.left == NOTHING
        assert as_request(watching.send.data).cseq.number == 1


def forged_rows() -> tuple[tuple[str, str], ...]:
    return ("Event", "presence"), ("Subscription-State", "active"), ("Contact", "<sip:x@other.example>")
