"""Both sides of a subscription of ours, for the tests of the subscriber."""

from edge.sip.message import Request
from edge.sip.subscriber import Subscriber
from edge.sip.subscription import Output, Rearm, Reply, SendRequest, UserAgent
from tests.sip.samples import GRUU, JULIET, ROMEO, ROUTE, Rows, answer, as_request, counted_ids, request

PIDF = b"<presence/>"


class Watch:
    """A subscriber, the notifier's side of its dialog, and a clock."""

    def __init__(self, expires: int = 3600) -> None:
        agent = UserAgent("edge.example.net:5061", "<sip:edge.example.net:5061;transport=tls>", counted_ids())
        self.subscriber = Subscriber.open(agent, JULIET, ROMEO, expires)
        self.now = 5000.0
        self.cseq = 0
        self.sent: list[SendRequest] = []
        self.seconds: float | None = None  # what the timer was last armed with
        self.take(self.subscriber.subscribe(self.now))

    def take(self, outputs: list[Output]) -> list[Output]:
        """Perform what every user performs alike; return the rest."""
        self.sent += [output for output in outputs if isinstance(output, SendRequest)]
        for output in outputs:
            if isinstance(output, Rearm):
                self.seconds = output.seconds
        return [output for output in outputs if not isinstance(output, SendRequest | Rearm)]

    @property
    def last(self) -> Request:
        return as_request(self.sent[-1].data)

    def answer(self, status: int = 200, headers: Rows = (("Expires", "3600"),)) -> list[Output]:
        return self.take(self.subscriber.answered(answer(self.sent[-1].data, status, headers=headers), self.now))

    def fail(self, status: int = 408) -> list[Output]:
        return self.take(self.subscriber.failed(self.sent[-1].branch, status, self.now))

    def notice(
        self, state: str, body: bytes = b"", *, cseq: int = 0, tag: str = "romeo1", event: str = "presence",
        call_id: str = "", to: str = "", content: str = "application/pidf+xml",
    ) -> Request:
        self.cseq = cseq or self.cseq + 1
        rows = [("Record-Route", ROUTE), ("Contact", f"<{GRUU}>")]
        rows += [("Event", event)] if event else []
        rows += [("Subscription-State", state)] if state else []
        rows += [("Content-Type", content)] if body else []
        return request(
            "NOTIFY", from_=f"<{ROMEO}>;tag={tag};epid=01", cseq=f"{self.cseq} NOTIFY",
            to=f"<{JULIET}>;tag={to or self.subscriber.key[1]}", call_id=call_id or self.subscriber.key[0],
            headers=rows, body=body,
        )

    def notify(self, state: str, body: bytes = b"", **other: str | int) -> list[Output]:
        return self.take(self.subscriber.notified(self.notice(state, body, **other), self.now))  # type: ignore[arg-type]

    def fire(self) -> list[Output]:
        """The timer that was armed fires."""
        assert self.seconds is not None
        self.now += self.seconds
        self.seconds = None
        return self.take(self.subscriber.expire(self.now))

    def lives(self, seconds: float = 100.0) -> "Watch":
        """Active for some time."""
        self.answer()
        assert self.notify("active;expires=3600", PIDF)[0] == Reply(200)
        self.now += seconds
        return self
