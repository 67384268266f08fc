"""The notifier as its user sees it: Romeo, at a SIP partner, watches Juliet on XMPP."""

import pytest

from edge.errors import RemoteProtocolError
from edge.sip.message import Request
from edge.sip.notifier import LEAVING_SECONDS, Notifier, document_type
from edge.sip.subscription import (
    REMOVING,
    Closed,
    Left,
    Missed,
    Output,
    Rearm,
    Renewed,
    Reply,
    SendRequest,
    UserAgent,
)
from edge.sip.subscription_tables import NotifierState
from tests.sip.samples import GRUU, JULIET, ROMEO, ROUTE, Rows, answer, as_request, counted_ids, request

OPEN = b"<presence>open</presence>"
CLOSED = b"<presence>closed</presence>"


def subscribe(
    expires: str = "3600", *, event: str = "presence", cseq: int = 1, to_tag: str = "", from_tag: str = "romeo1",
    contact: str = f"<{GRUU}>",
) -> Request:
    rows = [("Record-Route", ROUTE), ("Event", event)] if event else [("Record-Route", ROUTE)]
    rows += [("Contact", contact)] if contact else []
    rows += [("Expires", expires)] if expires else []
    return request(
        "SUBSCRIBE", from_=f'"Romeo" <{ROMEO}>;tag={from_tag};epid=01', cseq=f"{cseq} SUBSCRIBE",
        to=f"<{JULIET}>;tag={to_tag}" if to_tag else f"<{JULIET}>", headers=rows,
    )


class Service:
    """A notifier, what it sent, and a clock."""

    def __init__(self, first: Request | None = None) -> None:
        agent = UserAgent("edge.example.net:5061", "<sip:edge.example.net:5061;transport=tls>", counted_ids())
        self.now = 5000.0
        self.cseq = 1
        self.sent: list[SendRequest] = []
        self.notifier, self.opening = Notifier.accept(agent, first or subscribe(), "ours", self.now)

    def take(self, outputs: list[Output]) -> list[Output]:
        self.sent += [output for output in outputs if isinstance(output, SendRequest)]
        return [output for output in outputs if not isinstance(output, SendRequest)]

    def notify(self, body: bytes = b"", *, active: bool = True) -> list[Output]:
        return self.take(self.notifier.notify(self.now, active=active, body=body))

    def terminate(self, reason: str, **other: int | bytes) -> list[Output]:
        return self.take(self.notifier.terminate(self.now, reason, **other))  # type: ignore[arg-type]

    def refresh(self, expires: str = "3600", **other: str) -> list[Output]:
        self.cseq += 1
        return self.take(
            self.notifier.refreshed(subscribe(expires, **{"cseq": self.cseq, "to_tag": "ours", **other}), self.now)  # type: ignore[arg-type]
        )

    def answer(self, status: int = 200, headers: Rows = ()) -> list[Output]:
        return self.take(self.notifier.answered(answer(self.sent[-1].data, status, headers=headers), self.now))

    @property
    def last(self) -> Request:
        return as_request(self.sent[-1].data)

    @property
    def states(self) -> list[tuple[str, bytes]]:
        """Subscription-State and body of every NOTIFY."""
        messages = [as_request(each.data) for each in self.sent]
        return [(message.headers.get("subscription-state") or "", message.body) for message in messages]


@pytest.fixture
def service() -> Service:
    return Service()


class TestAccepting:
    """RFC 6665 §4.2.1."""

    def test_subscribe_is_answered_with_200_and_the_timer_armed(self, service: Service) -> None:
        reply, rearm = service.opening
        assert isinstance(reply, Reply)
        assert (reply.status, dict(reply.headers)["Expires"], rearm) == (200, "3600", Rearm(3600))
        assert service.notifier.state is NotifierState.PENDING
        assert service.notifier.key == ("call1", "ours")

    @pytest.mark.parametrize(("asked", "granted"), [("", "3600"), ("600", "600"), ("99999", "28800")])
    def test_interval_is_granted_or_shortened(self, asked: str, granted: str) -> None:
        reply = Service(subscribe(asked)).opening[0]
        assert isinstance(reply, Reply)
        assert dict(reply.headers)["Expires"] == granted

    def test_first_notify_goes_to_the_watcher_s_contact_over_the_route(self, service: Service) -> None:
        assert service.notify(active=False) == []
        notify = service.last
        assert (notify.method, notify.uri, str(notify.cseq)) == ("NOTIFY", GRUU, "1 NOTIFY")
        assert (notify.from_.uri, notify.from_.tag, notify.to.tag) == (JULIET, "ours", "romeo1")
        assert notify.to.parameter("epid") == "01"
        assert notify.headers.rows("route") == [ROUTE]
        assert notify.headers.get("event") == "presence"
        assert notify.headers.get("contact") == "<sip:edge.example.net:5061;transport=tls>"
        assert notify.branch == service.sent[0].branch
        assert service.states == [("pending;expires=3600", b"")]
        assert notify.content_type is None

    def test_document_has_its_type_and_the_time_that_is_left(self, service: Service) -> None:
        service.now += 99.5
        service.notify(OPEN)
        assert service.states == [("active;expires=3501", OPEN)]
        assert str(service.last.content_type) == "application/pidf+xml"

    def test_id_of_the_event_is_echoed(self) -> None:
        service = Service(subscribe(event="presence;id=42"))
        service.notify()
        assert service.last.headers.get("event") == "presence;id=42"
        assert service.refresh(event="presence;id=42")[1:] == [Rearm(3600), Renewed(3600)]

    def test_subscribe_without_contact_is_an_offence(self) -> None:
        with pytest.raises(RemoteProtocolError, match="Contact"):
            Service(subscribe(contact=""))

    def test_fetch_is_answered_and_wants_one_last_document(self) -> None:
        """RFC 6665 §4.4.3."""
        service = Service(subscribe("0"))
        reply, *others = service.opening
        assert isinstance(reply, Reply)
        assert (reply.status, dict(reply.headers)["Expires"]) == (200, "0")
        assert others == [Rearm(LEAVING_SECONDS), Left()]
        service.terminate("timeout", body=OPEN)
        assert service.states == [("terminated;reason=timeout", OPEN)]
        assert service.answer() == [Closed(0)]


class TestOneAtATime:
    """RFC 6665 §4.2.2: the latest state wins."""

    def test_documents_wait_for_the_answer_and_the_last_wins(self, service: Service) -> None:
        service.notify(active=False)
        service.notify(CLOSED)
        service.notify(OPEN)
        assert len(service.sent) == 1
        assert service.answer() == []
        assert service.states[1:] == [("active;expires=3600", OPEN)]
        assert str(service.last.cseq) == "2 NOTIFY"
        assert service.answer() == []
        assert len(service.sent) == 2

    def test_waiting_document_survives_a_refresh_that_knows_nothing(self, service: Service) -> None:
        service.notify(active=False)
        service.notify(OPEN)
        service.notify()
        service.answer()
        assert service.states[1:] == [("active;expires=3600", OPEN)]

    def test_termination_waits_its_turn_and_replaces_what_waits(self, service: Service) -> None:
        service.notify(OPEN)
        service.notify(CLOSED)
        service.terminate("rejected")
        assert service.notify(OPEN) == service.terminate("timeout") == []
        service.answer()
        assert service.states[1:] == [("terminated;reason=rejected", b"")]
        assert service.answer() == [Closed(0)]

    def test_provisional_answer_and_answer_to_something_else_change_nothing(self, service: Service) -> None:
        service.notify(OPEN)
        service.notify(CLOSED)
        assert service.answer(100) == []
        assert service.notifier.failed("z9hG4bKother", 408, service.now) == []
        assert len(service.sent) == 1


class TestFailures:
    """RFC 6665 §4.2.2."""

    @pytest.mark.parametrize("status", sorted(REMOVING))
    def test_failure_that_removes_the_subscription_closes_it(self, service: Service, status: int) -> None:
        service.notify(OPEN)
        service.notify(CLOSED)
        assert service.notifier.failed(service.sent[-1].branch, status, service.now) == [Closed(status)]
        assert service.notify(OPEN) == []
        assert len(service.sent) == 1

    @pytest.mark.parametrize(("status", "headers", "after"), [
        (500, (), None), (503, (("Retry-After", "30"),), 30), (400, (), None), (606, (), None),
    ])
    def test_other_failure_is_told_and_the_subscription_lives(
        self, service: Service, status: int, headers: Rows, after: int | None
    ) -> None:
        service.notify(OPEN)
        assert service.answer(status, headers) == [Missed(status, after)]
        service.notify(OPEN)
        assert len(service.sent) == 2

    def test_other_failure_is_not_told_when_something_newer_waits(self, service: Service) -> None:
        service.notify(OPEN)
        service.notify(CLOSED)
        assert service.answer(500) == []
        assert service.states[1:] == [("active;expires=3600", CLOSED)]

    @pytest.mark.parametrize("status", [200, 408, 481, 500])
    def test_last_notify_closes_in_good_order_whatever_comes_of_it(self, service: Service, status: int) -> None:
        service.terminate("rejected")
        assert service.notifier.failed(service.sent[-1].branch, status, service.now) == [Closed(0)]


class TestRefreshing:
    """RFC 6665 §4.2.1.1, §4.2.3."""

    def test_refresh_is_granted_and_wants_the_full_state(self, service: Service) -> None:
        service.now += 3000
        reply, *others = service.refresh("1800")
        assert isinstance(reply, Reply)
        assert (reply.status, others) == (200, [Rearm(1800), Renewed(1800)])
        service.notify(OPEN)
        assert service.states == [("active;expires=1800", OPEN)]

    @pytest.mark.parametrize(
        ("other", "status"),
        [
            ({"to_tag": "other"}, 481), ({"from_tag": "other"}, 481), ({"event": "dialog"}, 489), ({"event": ""}, 489),
            ({"event": "presence;id=1"}, 403), ({"cseq": 1}, 500), ({"expires": "10"}, 423),
        ],
    )
    def test_refresh_that_does_not_fit_is_refused_and_changes_nothing(
        self, service: Service, other: dict[str, str], status: int
    ) -> None:
        (reply,) = service.refresh(**other)
        assert isinstance(reply, Reply)
        assert reply.status == status
        assert service.notifier.expires_at == 5000 + 3600

    def test_malformed_refresh_raises_and_changes_nothing(self, service: Service) -> None:
        for other in ({"contact": "<sip:no end"}, {"expires": "soon"}, {"event": ";"}):
            with pytest.raises(RemoteProtocolError):
                service.refresh(**other)
        assert service.notifier.dialog.remote_cseq == 1

    def test_contact_of_the_refresh_is_the_new_target(self, service: Service) -> None:
        service.refresh(contact="<sip:romeo@192.0.2.7;transport=tls>")
        service.notify()
        assert service.last.uri == "sip:romeo@192.0.2.7;transport=tls"


class TestLeaving:
    """RFC 6665 §4.2.1.4, RFC 8048 §5.3.3."""

    def test_unsubscribing_wants_the_last_document(self, service: Service) -> None:
        service.notify(OPEN)
        service.answer()
        reply, *others = service.refresh("0")
        assert isinstance(reply, Reply)
        assert (dict(reply.headers)["Expires"], others) == ("0", [Rearm(LEAVING_SECONDS), Left()])
        assert service.notify(OPEN) == []
        assert service.refresh("3600") == [Reply(481)]
        service.terminate("timeout", body=CLOSED)
        assert service.states[1:] == [("terminated;reason=timeout", CLOSED)]
        assert service.answer() == [Closed(0)]
        assert service.refresh("3600") == [Reply(481)]

    def test_unsubscribing_forgets_what_waits(self, service: Service) -> None:
        service.notify(OPEN)
        service.notify(OPEN)
        service.refresh("0")
        assert service.answer() == []
        service.terminate("timeout", body=CLOSED)
        assert service.states[1:] == [("terminated;reason=timeout", CLOSED)]
        assert service.answer() == [Closed(0)]

    def test_subscription_that_is_not_refreshed_lapses(self, service: Service) -> None:
        service.now += 3600
        assert service.notifier.expire(service.now) == [Rearm(LEAVING_SECONDS), Left()]
        service.terminate("timeout", body=CLOSED)
        assert service.notifier.expire(service.now) == []
        assert service.answer() == [Closed(0)]

    def test_last_notify_goes_out_even_if_the_user_forgets_it(self, service: Service) -> None:
        service.refresh("0")
        service.now += LEAVING_SECONDS
        service.take(service.notifier.expire(service.now))
        assert service.states == [("terminated;reason=timeout", b"")]
        assert service.terminate("timeout", body=CLOSED) == []

    def test_reason_may_ask_for_a_pause(self, service: Service) -> None:
        service.terminate("probation", retry_after=60)
        assert service.states == [("terminated;reason=probation;retry-after=60", b"")]

    def test_everything_after_the_end_is_harmless(self, service: Service) -> None:
        service.terminate("noresource")
        service.answer()
        assert service.notify(OPEN) == service.terminate("timeout") == service.answer() == []
        assert service.notifier.expire(service.now) == []
        assert service.notifier.state is NotifierState.TERMINATED


OWN = "text/xml+msrtc.pidf"


class TestFormats:
    @pytest.mark.parametrize(
        ("accept", "found"),
        [
            ([], "application/pidf+xml"),
            (["application/pidf+xml"], "application/pidf+xml"),
            ([f"application/pidf+xml, {OWN.upper()};q=0.5"], OWN),
            (["application/xpidf+xml", OWN], OWN),
            (["*/*"], "application/pidf+xml"),
            (["application/*", "text/*"], "application/pidf+xml"),
            (["text/*"], ""),
            (["application/xpidf+xml"], ""),
        ],
    )
    def test_first_of_ours_that_is_listed_is_taken(self, accept: list[str], found: str) -> None:
        asked = request("SUBSCRIBE", headers=[("Accept", row) for row in accept])
        assert document_type(asked, (OWN, "application/pidf+xml")) == found

    def test_format_of_a_dialog_is_that_of_all_its_documents(self) -> None:
        service = Service()
        service.notifier.content_type = OWN
        service.notify(OPEN)
        assert service.last.headers.get("Content-Type") == OWN
        service.answer()
        other = request(
            "SUBSCRIBE", from_=f"<{ROMEO}>;tag=romeo1", to=f"<{JULIET}>;tag=ours", cseq="2 SUBSCRIBE",
            headers=[("Event", "presence"), ("Accept", "application/xpidf+xml"), ("Expires", "60")],
        )
        assert service.notifier.refreshed(other, service.now) == [Reply(406, (("Accept", OWN),))]


class TestPiggyback:
    def test_first_document_stands_in_the_200_and_the_next_in_the_second_notify(self) -> None:
        service = Service()
        reply = service.opening[0]
        assert isinstance(reply, Reply)
        answered = service.notifier.piggyback(reply, service.now, OPEN, "en")
        assert (answered.status, answered.body, answered.headers[: len(reply.headers)]) == (200, OPEN, reply.headers)
        assert answered.headers[len(reply.headers) :] == (
            ("Supported", "ms-piggyback-first-notify"), ("ms-piggyback-cseq", "1"),
            ("subscription-state", "active;expires=3600"), ("Content-Type", "application/pidf+xml"),
            ("Content-Language", "en"),
        )
        service.notify(CLOSED)
        assert (service.last.cseq.number, service.notifier.state) == (2, NotifierState.ACTIVE)
