"""The subscriber as its user sees it: Juliet, on XMPP, watches Romeo at a SIP partner."""

import pytest

from edge.errors import LocalProtocolError, RemoteProtocolError
from edge.sip.subscriber import Timer
from edge.sip.subscription import (
    BACK_OFF,
    RARELY,
    SOON,
    TIMER_N,
    Active,
    Cause,
    Document,
    Ended,
    Granted,
    Pending,
    RefreshDue,
    Reply,
)
from edge.sip.subscription_tables import SubscriberState
from tests.sip.samples import GRUU, JULIET, ROMEO, ROUTE, Rows, answer, request
from tests.sip.watch import PIDF, Watch


@pytest.fixture
def watch() -> Watch:
    return Watch()


class TestSubscribing:
    """RFC 6665 §4.1.2.1, §4.1.2.4, RFC 8048 §5.2.1."""

    def test_first_subscribe_has_what_a_dialog_needs(self, watch: Watch) -> None:
        subscribe = watch.last
        assert (subscribe.method, subscribe.uri, str(subscribe.to)) == ("SUBSCRIBE", ROMEO, f"<{ROMEO}>")
        assert (subscribe.from_.uri, subscribe.from_.tag, subscribe.call_id) == (JULIET, *watch.subscriber.key[::-1])
        assert (str(subscribe.cseq), subscribe.max_forwards, subscribe.expires) == ("1 SUBSCRIBE", 70, 3600)
        assert subscribe.branch == watch.sent[0].branch
        assert {name: subscribe.headers.get(name) for name in ("Event", "Accept", "Allow-Events", "Contact")} == {
            "Event": "presence", "Accept": "application/pidf+xml", "Allow-Events": "presence",
            "Contact": "<sip:edge.example.net:5061;transport=tls>",
        }
        assert watch.seconds == TIMER_N

    @pytest.mark.parametrize("status", [200, 202])
    def test_success_says_nothing_about_the_state(self, watch: Watch, status: int) -> None:
        assert watch.answer(status, [("Expires", "1800")]) == [Granted(1800)]
        assert watch.subscriber.state is SubscriberState.NOTIFY_WAIT
        assert watch.seconds == TIMER_N

    def test_grant_longer_than_asked_is_not_believed(self, watch: Watch) -> None:
        assert watch.answer(200, [("Expires", "999999")]) == [Granted(3600)]

    def test_notify_longer_than_asked_is_not_believed(self, watch: Watch) -> None:
        watch.notify("active;expires=999999")
        assert watch.subscriber.expires_at == watch.now + 3600

    def test_provisional_answer_and_answer_to_something_else_change_nothing(self, watch: Watch) -> None:
        assert watch.answer(100) == []
        stranger = request("SUBSCRIBE", via="SIP/2.0/TLS edge.example.net:5061;branch=z9hG4bKother")
        head = "SUBSCRIBE sip:x SIP/2.0\r\n"
        rows = "".join(f"{name}: {stranger.headers.get(name)}\r\n" for name in ("Via", "From", "To", "Call-ID", "CSeq"))
        forged = answer((head + rows + "Max-Forwards: 70\r\n\r\n").encode(), 403)
        assert watch.subscriber.answered(forged, watch.now) == []
        assert watch.subscriber.failed("z9hG4bKother", 408, watch.now) == []
        assert watch.subscriber.state is SubscriberState.NOTIFY_WAIT

    def test_notify_before_the_success_makes_the_dialog(self, watch: Watch) -> None:
        assert watch.notify("active;expires=3000", PIDF) == [
            Reply(200), Active(first=True), Document("application/pidf+xml", PIDF),
        ]
        assert watch.answer() == [Granted(3600)]
        assert watch.subscriber.expires_at == watch.now + 3000  # RFC 6665 §4.1.3: the NOTIFY is the authority
        watch.take(watch.subscriber.refresh(watch.now))
        assert (watch.last.uri, watch.last.to.tag, str(watch.last.cseq)) == (GRUU, "romeo1", "2 SUBSCRIBE")
        assert watch.last.to.parameter("epid") == "01"
        assert watch.last.headers.rows("route") == [ROUTE]

    def test_no_notify_ends_it(self, watch: Watch) -> None:
        watch.answer()
        assert watch.fire() == [Ended(Cause.TIMER_N, "", 408, False, BACK_OFF)]
        assert watch.notify("active;expires=3600") == [Reply(481)]

    def test_subscribing_twice_is_a_local_error(self, watch: Watch) -> None:
        with pytest.raises(LocalProtocolError):
            watch.subscriber.subscribe(watch.now)


class TestNotified:
    """RFC 6665 §4.1.3, RFC 3856 §6.8, §6.9."""

    def test_pending_tells_nothing_and_active_the_first_time_is_marked(self, watch: Watch) -> None:
        assert watch.notify("pending;expires=3600", PIDF) == [Reply(200), Pending()]
        assert watch.notify("active;expires=3600", PIDF)[1] == Active(first=True)
        assert watch.notify("active;expires=3600", PIDF)[1] == Active(first=False)

    def test_first_notify_without_body_is_unknown_and_a_later_one_keeps_the_document(self, watch: Watch) -> None:
        assert watch.notify("active;expires=3600") == [Reply(200), Active(first=True), Document("", b"")]
        assert watch.notify("active;expires=3600") == [Reply(200), Active(first=False)]

    def test_active_may_become_pending_again(self, watch: Watch) -> None:
        watch.lives()
        assert watch.notify("pending;expires=600") == [Reply(200), Pending()]
        assert watch.subscriber.state is SubscriberState.PENDING

    def test_unknown_state_reveals_nothing(self, watch: Watch) -> None:
        assert watch.notify("maybe;expires=3600", PIDF) == [Reply(200), Pending()]

    @pytest.mark.parametrize(
        ("other", "status"),
        [
            ({"tag": "fork"}, 481), ({"cseq": 1}, 500), ({"event": "presence;id=1"}, 481), ({"event": "dialog"}, 489),
            ({"event": ""}, 489), ({"call_id": "other"}, 481), ({"to": "other"}, 481),
        ],
    )
    def test_notify_that_does_not_fit_is_refused_and_changes_nothing(
        self, watch: Watch, other: dict[str, str | int], status: int
    ) -> None:
        watch.lives()
        (reply,) = watch.notify("terminated;reason=rejected", **other)
        assert isinstance(reply, Reply)
        assert reply.status == status
        assert watch.subscriber.state is SubscriberState.ACTIVE
        assert watch.notify("active", cseq=9)[0] == Reply(200)

    @pytest.mark.parametrize("other", [{"call_id": "other"}, {"to": "other"}])
    def test_first_notify_with_other_ids_is_refused(self, watch: Watch, other: dict[str, str | int]) -> None:
        assert watch.notify("active", **other) == [Reply(481)]

    def test_notify_without_state_is_refused(self, watch: Watch) -> None:
        assert watch.notify("") == [Reply(400)]

    @pytest.mark.parametrize(
        ("state", "content"), [("active;expires=x", "application/pidf+xml"), ("active", "no type"), (";", "a/b")]
    )
    def test_malformed_notify_raises_and_changes_nothing(self, watch: Watch, state: str, content: str) -> None:
        with pytest.raises(RemoteProtocolError):
            watch.notify(state, PIDF, content=content)
        assert watch.subscriber.dialog.remote_cseq is None
        assert watch.subscriber.state is SubscriberState.NOTIFY_WAIT

    def test_first_notify_without_contact_raises_and_makes_no_dialog(self, watch: Watch) -> None:
        call_id, tag = watch.subscriber.key
        rows = [("Event", "presence"), ("Subscription-State", "active")]
        bare = request("NOTIFY", to=f"<{JULIET}>;tag={tag}", call_id=call_id, headers=rows)
        with pytest.raises(RemoteProtocolError, match="Contact"):
            watch.subscriber.notified(bare, watch.now)
        assert watch.subscriber.state is SubscriberState.NOTIFY_WAIT


class TestRefreshing:
    """RFC 6665 §4.1.2.2."""

    def test_refresh_is_asked_for_before_expiry_and_sent_within_the_dialog(self, watch: Watch) -> None:
        watch.lives(0)
        assert watch.seconds is not None
        assert 3540 * 0.9 <= watch.seconds <= 3540
        assert watch.fire() == [RefreshDue()]
        assert watch.take(watch.subscriber.refresh(watch.now)) == []
        assert (watch.last.expires, watch.last.headers.get("event"), watch.seconds) == (3600, "presence", TIMER_N)
        watch.answer()
        watch.notify("active;expires=3600", PIDF)
        assert watch.subscriber.expires_at == watch.now + 3600

    def test_short_grant_is_refreshed_at_half_time_but_not_oftener_than_every_two_seconds(self, watch: Watch) -> None:
        watch.notify("active;expires=60")
        assert watch.seconds is not None
        assert 27 <= watch.seconds <= 30
        watch.notify("active;expires=1")
        assert watch.seconds == 2

    def test_notify_that_counts_down_does_not_touch_the_timer(self, watch: Watch) -> None:
        watch.lives(100)
        watch.seconds = None
        watch.notify("active;expires=3500")
        watch.notify("active")
        assert watch.seconds is None
        watch.notify("active;expires=1000")
        assert watch.seconds is not None

    def test_subscription_that_is_not_refreshed_ends(self, watch: Watch) -> None:
        watch.lives(0)
        watch.fire()
        assert watch.fire() == [Ended(Cause.EXPIRY, "", 0, False, BACK_OFF)]

    def test_refresh_without_notify_ends(self, watch: Watch) -> None:
        watch.lives()
        watch.take(watch.subscriber.refresh(watch.now))
        watch.answer()
        assert watch.fire() == [Ended(Cause.TIMER_N, "", 408, False, BACK_OFF)]

    @pytest.mark.parametrize(
        ("status", "headers", "pause"),
        [
            (408, (), SOON), (500, (), SOON), (503, (("Retry-After", "120"),), 120), (600, (), BACK_OFF),
            (423, (), BACK_OFF),
        ],
    )
    def test_failure_that_leaves_the_dialog_alive_is_tried_again(
        self, watch: Watch, status: int, headers: Rows, pause: float
    ) -> None:
        watch.lives()
        watch.take(watch.subscriber.refresh(watch.now))
        assert watch.answer(status, headers) == []
        assert watch.subscriber.state is SubscriberState.ACTIVE
        assert watch.seconds == pause
        assert watch.fire() == [RefreshDue()]

    def test_same_failure_is_taken_once(self, watch: Watch) -> None:
        watch.lives()
        watch.take(watch.subscriber.refresh(watch.now))
        watch.fail(500)
        watch.seconds = None
        watch.fail(408)
        assert watch.seconds is None

    def test_answer_to_a_refresh_refreshes_the_target(self, watch: Watch) -> None:
        watch.lives()
        for _ in range(2):
            watch.take(watch.subscriber.refresh(watch.now))
            watch.answer(200, [("Contact", "<sip:romeo@192.0.2.7;transport=tls>")])
        assert watch.last.uri == "sip:romeo@192.0.2.7;transport=tls"

    def test_failure_without_time_to_try_again_leaves_it_to_expire(self, watch: Watch) -> None:
        watch.lives(3580)
        watch.take(watch.subscriber.refresh(watch.now))
        assert watch.fail(408) == []
        assert watch.seconds == 20
        assert watch.subscriber.timer is Timer.EXPIRY

    def test_timer_n_fires_after_timer_f(self) -> None:
        """So that a partner that is down counts as that, and not as one that has forgotten us."""
        assert TIMER_N >= 32.0 + 0.5

    def test_dialog_unknown_to_the_peer_is_made_afresh_at_once(self, watch: Watch) -> None:
        watch.lives()
        watch.take(watch.subscriber.refresh(watch.now))
        assert watch.answer(481) == [Ended(Cause.RESPONSE, "", 481, False, 0.0)]

    def test_refresh_can_be_postponed_but_not_past_the_end(self, watch: Watch) -> None:
        watch.lives(3000)
        assert watch.take(watch.subscriber.postpone(100, watch.now)) == []
        assert watch.seconds == 100
        assert watch.fire() == [RefreshDue()]
        assert watch.take(watch.subscriber.postpone(900, watch.now)) == []
        assert (watch.seconds, watch.subscriber.timer) == (500, Timer.EXPIRY)


class TestInterval:
    """RFC 6665 §4.1.2.1: 423."""

    def test_subscribe_is_repeated_with_the_interval_that_is_wanted(self, watch: Watch) -> None:
        first = watch.last
        assert watch.answer(423, [("Min-Expires", "7200")]) == []
        again = watch.last
        assert (again.expires, str(again.cseq)) == (7200, "2 SUBSCRIBE")
        assert (again.call_id, again.from_.tag) == (first.call_id, first.from_.tag)
        assert again.branch != first.branch

    @pytest.mark.parametrize("wanted", ["3600", "86401", "x", "9" * 40])
    def test_interval_that_makes_no_sense_ends_it(self, watch: Watch, wanted: str) -> None:
        assert watch.answer(423, [("Min-Expires", wanted)]) == [Ended(Cause.RESPONSE, "", 423, False, BACK_OFF)]

    def test_second_interval_is_not_followed(self, watch: Watch) -> None:
        watch.answer(423, [("Min-Expires", "7200")])
        assert watch.answer(423, [("Min-Expires", "7201")]) == [Ended(Cause.RESPONSE, "", 423, False, BACK_OFF)]


class TestEnd:
    """RFC 6665 §4.1.3, RFC 8048 §5.2.2, §5.2.3."""

    @pytest.mark.parametrize(
        ("status", "dead", "retry"),
        [(403, True, None), (603, True, None), (489, True, None), (404, False, RARELY), (501, False, RARELY),
         (480, False, BACK_OFF), (302, False, RARELY), (503, False, SOON), (606, False, BACK_OFF)],
    )
    def test_first_subscribe_that_fails_ends_it(
        self, watch: Watch, status: int, dead: bool, retry: float | None
    ) -> None:
        assert watch.answer(status, ()) == [Ended(Cause.RESPONSE, "", status, dead, retry)]

    def test_first_subscribe_without_answer_ends_it(self, watch: Watch) -> None:
        assert watch.fail(503) == [Ended(Cause.RESPONSE, "", 503, False, SOON)]

    def test_retry_after_is_heeded(self, watch: Watch) -> None:
        assert watch.answer(480, [("Retry-After", "900")]) == [Ended(Cause.RESPONSE, "", 480, False, 900)]

    @pytest.mark.parametrize(
        ("state", "reason", "dead", "retry"),
        [
            ("terminated;reason=deactivated", "deactivated", False, 0.0),
            ("terminated;reason=probation;retry-after=99", "probation", False, 99),
            ("terminated;reason=rejected", "rejected", True, None),
            ("terminated;reason=timeout;retry-after=99", "timeout", False, 0.0),
            ("terminated;reason=giveup", "giveup", False, BACK_OFF),
            ("terminated;reason=noresource", "noresource", True, None),
            ("terminated;reason=invariant;retry-after=99", "invariant", False, None),
            ("terminated;expires=0", "", False, BACK_OFF),
        ],
    )
    def test_terminating_notify_ends_it_for_its_reason(
        self, watch: Watch, state: str, reason: str, dead: bool, retry: float | None
    ) -> None:
        watch.lives()
        assert watch.notify(state) == [Reply(200), Ended(Cause.NOTIFY, reason, 0, dead, retry)]
        assert watch.notify("active;expires=3600") == [Reply(481)]

    def test_last_document_is_used(self, watch: Watch) -> None:
        watch.lives()
        assert watch.notify("terminated;reason=timeout", PIDF)[1] == Document("application/pidf+xml", PIDF)

    def test_unsubscribing_ends_with_the_last_notify(self, watch: Watch) -> None:
        watch.lives()
        assert watch.take(watch.subscriber.unsubscribe(watch.now)) == []
        assert (watch.last.expires, watch.last.to.tag, watch.seconds) == (0, "romeo1", TIMER_N)
        assert watch.answer() == [Granted(0)]
        assert watch.notify("active;expires=3000", PIDF) == [Reply(200)]  # was on its way
        ended = Ended(Cause.NOTIFY, "timeout", 0, False, None)
        assert watch.notify("terminated;reason=timeout", PIDF) == [Reply(200), ended]

    @pytest.mark.parametrize("status", [200, 481, 503])
    def test_unsubscribing_ends_without_the_last_notify_too(self, watch: Watch, status: int) -> None:
        watch.lives()
        watch.take(watch.subscriber.unsubscribe(watch.now))
        outputs = watch.answer(status, ())
        if status == 200:
            assert watch.fire() == [Ended(Cause.TIMER_N, "", 408, False, None)]
        else:
            assert outputs == [Ended(Cause.RESPONSE, "", status, False, None)]

    def test_unsubscribing_before_there_is_a_dialog_waits_for_it(self, watch: Watch) -> None:
        """RFC 6665 §4.4.1: only a NOTIFY makes it."""
        assert watch.take(watch.subscriber.unsubscribe(watch.now)) == []
        assert watch.answer() == []
        assert len(watch.sent) == 1
        assert watch.notify("active;expires=3600", PIDF) == [Reply(200)]
        assert (watch.last.expires, watch.last.to.tag) == (0, "romeo1")
        assert watch.notify("terminated;reason=timeout")[1] == Ended(Cause.NOTIFY, "timeout", 0, False, None)

    def test_everything_after_the_end_is_harmless(self, watch: Watch) -> None:
        watch.lives()
        watch.notify("terminated;reason=rejected")
        subscriber, now = watch.subscriber, watch.now
        assert subscriber.refresh(now) == subscriber.unsubscribe(now) == subscriber.expire(now) == []
        assert watch.answer(200) == watch.fail() == []


class TestFetch:
    """RFC 6665 §4.4.3, RFC 8048 §7."""

    def test_fetch_gives_a_document_and_ends(self) -> None:
        watch = Watch(expires=0)
        assert watch.last.expires == 0
        assert watch.answer(200, [("Expires", "0")]) == [Granted(0)]
        assert watch.notify("terminated;reason=timeout", PIDF) == [
            Reply(200), Document("application/pidf+xml", PIDF), Ended(Cause.NOTIFY, "timeout", 0, False, None),
        ]

    def test_fetch_takes_a_document_from_a_notifier_that_does_not_terminate(self) -> None:
        watch = Watch(expires=0)
        assert watch.notify("active;expires=0", PIDF)[1:] == [Document("application/pidf+xml", PIDF)]
        assert watch.fire() == [Ended(Cause.TIMER_N, "", 408, False, None)]

    def test_fetch_that_is_refused_ends(self) -> None:
        assert Watch(expires=0).answer(403, ()) == [Ended(Cause.RESPONSE, "", 403, True, None)]
