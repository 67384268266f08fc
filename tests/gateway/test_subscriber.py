"""XMPP users who watch SIP users: whose NOTIFY counts, what a watch leaves behind, how many there may be."""

import pytest

from edge.codes import Code
from edge.gateway import subscriber
from edge.gateway.effects import Effect
from edge.sip.message import Request
from edge.xmpp.jid import JID
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
from tests.sip.samples import as_request

OPEN = (
    b"<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='pres:romeo@sip.example'>"
    b"<tuple id='t1'><status><basic>open</basic></status></tuple></presence>"
)
GRANTED = (("Expires", "3600"), ("Contact", "<sip:romeo@edge.sip.example:5061;transport=tls>"))


class Watching:
    """Juliet asks to see Romeo's presence."""

    def __init__(self, to: str = "romeo@sip.example", bench: Bench | None = None, type: str = "subscribe") -> None:
        self.bench = bench or Bench()
        self.to = to
        self.number = 0
        self.asked(self.bench.stanzas(presence(type, to=to)))

    def asked(self, effects: list[Effect]) -> None:
        """The effects hold a SUBSCRIBE: from now on it is the one that is answered and notified."""
        (self.send,) = sends(effects, "SUBSCRIBE")
        if as_request(self.send.data).cseq.number == 1:
            self.number = 0

    @property
    def request(self) -> Request:
        return as_request(self.send.data)

    def answer(self, status: int = 200, headers: tuple[tuple[str, str], ...] = GRANTED) -> list[Effect]:
        return self.bench.answer(self.send, status, headers)

    def notify(self, state: str = "active;expires=3600", body: bytes = b"") -> list[Effect]:
        self.number += 1
        return self.bench.sip(self.bench.notify(self.request, state, body, self.number))

    def lives(self) -> "Watching":
        self.answer()
        assert kinds(self.notify(body=OPEN)) == ["subscribed", ""]
        return self

    def leaves(self) -> list[Effect]:
        effects = self.bench.stanzas(presence("unsubscribe", to=self.to))
        self.asked(effects)
        return effects

    @property
    def left(self) -> tuple[int, int, int, int]:
        """What is still remembered: watches, dialogs, counts, transactions and timers."""
        all_of_them = self.bench.gateway.subscribers
        return len(all_of_them), len(all_of_them._usages), len(all_of_them._watched), self.bench.open


NOTHING = (0, 0, 0, 0)


@pytest.fixture
def watching() -> Watching:
    return Watching()


class TestNotify:
    """RFC 6665 §4.1.3: a NOTIFY belongs to its dialog, and comes from the partner that was asked."""

    def test_notify_before_the_answer_is_taken(self, watching: Watching) -> None:
        effects = watching.notify(body=OPEN)
        assert statuses(effects) == [200]
        assert kinds(effects) == ["subscribed", ""]
        assert kinds(watching.answer()) == []

    def test_notify_from_a_link_of_another_partner_is_refused(self, watching: Watching) -> None:
        """Its sender must speak for a domain of its own, and then it is not the one that was asked."""
        forged = watching.bench.notify(watching.request, body=OPEN)
        assert statuses(watching.bench.sip(forged, link=watching.bench.other)) == [403]
        own = other_sender(watching.bench, watching.request)
        effects = watching.bench.sip(own, link=watching.bench.other)
        assert (statuses(effects), sent_stanzas(effects)) == ([481], [])
        assert [report.code for report in reports(effects)] == [Code.S05]
        assert kinds(watching.notify(body=OPEN)) == ["subscribed", ""]

    def test_notify_on_another_link_of_the_same_partner_is_taken(self, watching: Watching) -> None:
        other_link = type(watching.bench.link)(watching.bench.link.peer)
        effects = watching.bench.sip(watching.bench.notify(watching.request, body=OPEN), link=other_link)
        assert statuses(effects) == [200]

    def test_notify_of_a_dialog_that_does_not_exist_is_481(self, watching: Watching) -> None:
        ours = {"from_": "<sip:juliet@xmpp.example>;tag=t", "to": "<sip:romeo@sip.example>"}
        request = watching.bench.subscribe(call_id="unheard", **ours)
        assert statuses(watching.bench.sip(watching.bench.notify(request))) == [481]

    def test_notify_from_another_tag_is_481_once_the_dialog_is_there(self, watching: Watching) -> None:
        watching.lives()
        stray = watching.bench.notify(watching.request, number=9, tag="second-fork")
        assert statuses(watching.bench.sip(stray)) == [481]

    def test_notify_out_of_order_is_refused_and_changes_nothing(self, watching: Watching) -> None:
        watching.lives()
        effects = watching.bench.sip(watching.bench.notify(watching.request, body=OPEN, number=1))
        assert (statuses(effects), sent_stanzas(effects)) == ([500], [])

    def test_document_that_cannot_be_read_changes_nothing_and_is_reported(self, watching: Watching) -> None:
        watching.lives()
        effects = watching.notify(body=b"<presence")
        assert (statuses(effects), sent_stanzas(effects)) == ([200], [])
        assert events(effects) == ["presence.unreadable"]
        assert kinds(watching.bench.stanzas(presence("probe"))) == [""]  # what was known is still known


class TestAnswersFromMemory:
    """A watch that exists is not asked for again."""

    def test_second_subscribe_is_answered_and_asks_nobody(self, watching: Watching) -> None:
        watching.lives()
        effects = watching.bench.stanzas(presence("subscribe"))
        assert (kinds(effects), sends(effects)) == (["subscribed", ""], [])

    def test_second_subscribe_before_the_first_is_answered_asks_nobody(self, watching: Watching) -> None:
        assert watching.bench.stanzas(presence("subscribe")) == []

    def test_probe_is_answered_from_memory(self, watching: Watching) -> None:
        watching.lives()
        effects = watching.bench.stanzas(presence("probe"))
        (answer,) = spoken(effects)
        assert (answer.type, answer.to) == ("", JID.parse("juliet@xmpp.example"))
        assert sends(effects) == []

    def test_probe_for_a_contact_nobody_remembers_asks_again_but_tells_no_second_subscribed(self) -> None:
        watching = Watching(type="probe")
        watching.answer()
        assert kinds(watching.notify(body=OPEN)) == [""]


class TestEnd:
    """What ends leaves nothing behind."""

    def test_unsubscribing_ends_the_dialog_and_leaves_nothing(self, watching: Watching) -> None:
        watching.lives()
        effects = watching.leaves()
        assert kinds(effects) == ["unavailable", "unsubscribed"]
        assert requested(effects)[0].expires == 0
        watching.answer(headers=(("Expires", "0"),))
        assert statuses(watching.notify("terminated;reason=timeout")) == [200]
        assert watching.left == NOTHING

    def test_unsubscribing_leaves_nothing_though_the_last_notify_never_comes(self, watching: Watching) -> None:
        watching.lives().leaves()
        watching.answer(headers=(("Expires", "0"),))
        assert kinds(watching.bench.passes(33)) == []
        assert watching.left == NOTHING

    def test_unsubscribing_before_there_is_a_dialog_leaves_nothing(self, watching: Watching) -> None:
        effects = watching.bench.stanzas(presence("unsubscribe"))
        assert (kinds(effects), sends(effects)) == (["unsubscribed"], [])
        watching.answer()
        effects = watching.notify(body=OPEN)  # now there is one, and it can be ended
        assert kinds(effects) == []
        watching.asked(effects)
        assert watching.request.expires == 0
        watching.answer(headers=(("Expires", "0"),))
        watching.number = 1
        watching.notify("terminated;reason=timeout")
        assert watching.left == NOTHING

    def test_unsubscribing_from_nobody_is_confirmed(self) -> None:
        bench = Bench()
        assert kinds(bench.stanzas(presence("unsubscribe"))) == ["unsubscribed"]
        assert len(bench.gateway.subscribers) == 0

    def test_rejection_ends_the_authorization_and_leaves_nothing(self, watching: Watching) -> None:
        watching.lives()
        assert kinds(watching.notify("terminated;reason=rejected")) == ["unavailable", "unsubscribed"]
        assert watching.left == NOTHING

    def test_refused_subscribe_ends_the_authorization_and_leaves_nothing(self, watching: Watching) -> None:
        assert kinds(watching.answer(403)) == ["unsubscribed"]
        assert watching.left == NOTHING

    def test_unsubscribing_while_it_waits_to_try_again_leaves_nothing(self, watching: Watching) -> None:
        effects = watching.bench.gateway.unsent(watching.send.token, Code.N01, "")
        assert events(effects) == ["subscription.failed", "sub.ended"]
        assert watching.left == (1, 0, 1, 1)  # the watch and the timer of its next try
        assert kinds(watching.bench.stanzas(presence("unsubscribe"))) == ["unsubscribed"]
        assert watching.left == NOTHING

    def test_lost_dialog_is_opened_again_later_without_a_word_to_the_watcher(self, watching: Watching) -> None:
        watching.lives()
        assert kinds(watching.notify("terminated;reason=giveup;retry-after=60")) == ["unavailable"]
        assert sends(watching.bench.passes(59)) == []
        watching.asked(watching.bench.passes(2))
        watching.answer()
        assert kinds(watching.notify(body=OPEN)) == [""]

    def test_refresh_stays_within_the_dialog(self, watching: Watching) -> None:
        first = watching.lives().request
        effects: list[Effect] = []
        while not sends(effects):
            effects = watching.bench.passes(60)
        (refresh,) = requested(effects, "SUBSCRIBE")
        assert (refresh.call_id, refresh.from_.tag, refresh.to.tag) == (first.call_id, first.from_.tag, "romeo1")
        assert refresh.cseq.number == first.cseq.number + 1
        assert refresh.branch != first.branch
        assert watching.bench.wheel.now - 1000 < 3600
        watching.asked(effects)
        assert kinds(watching.answer()) == []
        assert kinds(watching.notify(body=OPEN)) == []
        assert watching.left[:3] == (1, 1, 1)

    def test_dialog_that_the_partner_has_forgotten_is_opened_anew(self, watching: Watching) -> None:
        first = watching.lives().request
        effects: list[Effect] = []
        while not sends(effects):
            effects = watching.bench.passes(60)
        watching.asked(effects)
        effects = watching.answer(481, ())
        (again,) = requested(effects, "SUBSCRIBE")
        assert again.call_id != first.call_id and again.to.tag == ""
        assert watching.left[:3] == (1, 1, 1)


class TestBounds:
    def test_contact_past_the_limit_is_refused_until_there_is_room(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(subscriber, "MAX_WATCHED", 2)
        first = Watching("a@sip.example")
        bench = first.bench
        Watching("b@sip.example", bench)
        effects = bench.stanzas(presence("subscribe", to="c@sip.example"))
        assert (conditions(effects), sends(effects)) == (["policy-violation"], [])
        nurse = presence("subscribe", to="c@sip.example", from_="nurse@xmpp.example")
        assert len(sends(bench.stanzas(nurse))) == 1  # the limit is for each watcher
        assert kinds(first.answer(403)) == ["unsubscribed"]
        assert len(sends(bench.stanzas(presence("subscribe", to="c@sip.example")))) == 1

    def test_watch_past_the_limit_of_its_system_is_refused_until_there_is_room(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(subscriber, "MAX_OF_SYSTEM", 1)
        first = Watching("a@sip.example")
        bench = first.bench
        nurse = presence("subscribe", to="a@sip.example", from_="nurse@xmpp.example")
        effects = bench.stanzas(nurse)
        assert (conditions(effects), sends(effects)) == (["policy-violation"], [])
        paris = presence("subscribe", to="a@sip.example", from_="paris@second.example")
        assert len(sends(bench.gateway.stanzas_received(bench.second, [paris]))) == 1
        first.answer(403)
        assert len(sends(bench.stanzas(nurse))) == 1

    def test_contact_without_a_user_cannot_be_watched(self) -> None:
        bench = Bench()
        effects = bench.stanzas(presence("subscribe", to="sip.example"))
        assert (kinds(effects), sends(effects)) == (["unsubscribed"], [])
        assert bench.stanzas(presence("probe", to="sip.example")) == []
        assert len(bench.gateway.subscribers) == 0

    def test_resources_of_one_watcher_share_a_dialog(self, watching: Watching) -> None:
        assert sends(watching.bench.stanzas(presence("probe", from_="juliet@xmpp.example/a"))) == []
        assert len(watching.bench.gateway.subscribers) == 1


def other_sender(bench: Bench, subscribe: Request) -> Request:
    """A NOTIFY in the dialog of ``subscribe``, but From a user of another partner."""
    notify = bench._request(
        "NOTIFY", (("Event", "presence"), ("Subscription-State", "active"), ("Contact", "<sip:x@other.example>")), OPEN,
        uri="sip:edge.example.net:5061", from_="<sip:tybalt@other.example>;tag=romeo1", to=str(subscribe.from_),
        call_id=subscribe.call_id, cseq="1 NOTIFY",
    )
    return notify
