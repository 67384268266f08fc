"""Two user agents back to back: what one of our cores sends, the other understands. No sockets, no real time."""

from collections import deque

import pytest

from edge.sip.layer import Answer, Deliver, Failed, Send, TransactionLayer
from edge.sip.message import Request, Response
from edge.sip.notifier import Notifier
from edge.sip.subscriber import Subscriber
from edge.sip.subscription import (
    Active,
    Cause,
    Closed,
    Document,
    Ended,
    Granted,
    Left,
    Pending,
    Rearm,
    RefreshDue,
    Renewed,
    Reply,
    SendRequest,
    UserAgent,
    usage_key,
)
from edge.sip.subscription import Output as UsageOutput
from edge.timers import Slot, Wheel
from tests.sip.samples import JULIET, ROMEO, as_request, counted_ids, parsed

Usage = Subscriber | Notifier


class Agent:
    """A transaction layer with usages above it, and a wire to its peer."""

    def __init__(self, name: str) -> None:
        self.wheel: Wheel[object] = Wheel(1000.0)
        ids = counted_ids()
        self.layer = TransactionLayer(self.wheel, ids)
        self.agent = UserAgent(f"{name}.example:5061", f"<sip:{name}.example:5061;transport=tls>", ids)
        self.usages: dict[tuple[str, str], Usage] = {}
        self.slots: dict[Usage, Slot[object]] = {}
        self.wire: deque[bytes] = deque()
        self.told: list[UsageOutput] = []

    def perform(self, usage: Usage, outputs: list[UsageOutput], request: Deliver | None = None) -> None:
        for output in outputs:
            match output:
                case SendRequest(method, branch, call_id, data):
                    self.layer.open_client(method, branch, usage, call_id=call_id)
                    self.wire.append(data)
                case Reply(status, headers):
                    assert request is not None
                    for send in self.layer.respond(request.transaction, status, headers=headers):
                        assert isinstance(send, Send)
                        self.wire.append(send.data)
                case Rearm(seconds):
                    self.stop(usage)
                    self.slots[usage] = self.wheel.start(seconds, usage)
                case _:
                    self.told.append(output)
                    if isinstance(output, Ended | Closed):
                        self.stop(usage)
                        del self.usages[usage.key]

    def stop(self, usage: Usage) -> None:
        if usage in self.slots:
            Wheel.stop(self.slots.pop(usage), usage)

    def receive(self, message: Request | Response) -> None:
        if isinstance(message, Response):
            outputs = self.layer.receive_response(message)
        else:
            outputs = self.layer.receive_request("link", message)
        for output in outputs:
            if isinstance(output, Answer):
                usage = output.transaction.user
                assert isinstance(usage, Usage)
                self.perform(usage, usage.answered(output.response, self.wheel.now))
            elif isinstance(output, Deliver):
                self.request(output)

    def request(self, delivered: Deliver) -> None:
        request, now = delivered.transaction.request, self.wheel.now
        usage = self.usages.get(usage_key(request))
        if isinstance(usage, Subscriber):
            self.perform(usage, usage.notified(request, now), delivered)
        elif isinstance(usage, Notifier):
            self.perform(usage, usage.refreshed(request, now), delivered)
        else:
            created, outputs = Notifier.accept(self.agent, request, delivered.transaction.to_tag, now)
            self.usages[created.key] = created
            self.perform(created, outputs, delivered)

    def advance(self, now: float) -> None:
        for item in self.wheel.advance(now):
            if isinstance(item, Usage):
                self.perform(item, item.expire(now))
            else:
                for output in self.layer.expire(item):
                    assert isinstance(output, Failed)
                    usage = output.transaction.user
                    assert isinstance(usage, Usage)
                    self.perform(usage, usage.failed(output.transaction.key, output.status, now))

    def hear(self) -> list[UsageOutput]:
        """What its user was told since the last time."""
        told, self.told = self.told, []
        return told


class Pair:
    """Juliet's side watches, Romeo's is watched."""

    def __init__(self) -> None:
        self.juliet, self.romeo = Agent("capulet"), Agent("montague")
        self.subscriber = Subscriber.open(self.juliet.agent, JULIET, ROMEO, 600)
        self.juliet.usages[self.subscriber.key] = self.subscriber
        self.juliet.perform(self.subscriber, self.subscriber.subscribe(1000.0))
        self.is_cut = False

    def talk(self) -> None:
        """Carry what is on the wires until they are empty."""
        while self.juliet.wire or self.romeo.wire:
            for sender, receiver in ((self.juliet, self.romeo), (self.romeo, self.juliet)):
                if sender.wire:
                    message = parsed(sender.wire.popleft())
                    if not self.is_cut:
                        receiver.receive(message)

    def passes(self, seconds: float) -> None:
        now = self.juliet.wheel.now
        for step in range(1, int(seconds) + 1):
            self.juliet.advance(now + step)
            self.romeo.advance(now + step)
            self.talk()

    @property
    def notifier(self) -> Notifier:
        (notifier,) = self.romeo.usages.values()
        assert isinstance(notifier, Notifier)
        return notifier

    def notify(self, body: bytes = b"", *, active: bool = True) -> None:
        self.romeo.perform(self.notifier, self.notifier.notify(self.romeo.wheel.now, active=active, body=body))
        self.talk()

    def end(self, reason: str) -> None:
        self.romeo.perform(self.notifier, self.notifier.terminate(self.romeo.wheel.now, reason))
        self.talk()


@pytest.fixture
def pair() -> Pair:
    pair = Pair()
    pair.talk()
    assert pair.juliet.hear() == [Granted(600)]
    pair.notify(active=False)
    assert pair.juliet.hear() == [Pending()]
    pair.notify(b"<open/>")
    assert pair.juliet.hear() == [Active(first=True), Document("application/pidf+xml", b"<open/>")]
    return pair


def is_clean(pair: Pair) -> bool:
    sides = (pair.juliet, pair.romeo)
    return not any(side.usages or side.layer.clients or side.layer.servers or len(side.wheel) for side in sides)


def test_subscription_is_refreshed_and_ended_by_the_watcher(pair: Pair) -> None:
    pair.passes(560)
    assert pair.juliet.hear() == [RefreshDue()]
    pair.juliet.perform(pair.subscriber, pair.subscriber.refresh(pair.juliet.wheel.now))
    pair.talk()
    assert (pair.juliet.hear(), pair.romeo.hear()) == ([Granted(600)], [Renewed(600)])
    pair.notify(b"<busy/>")
    assert pair.juliet.hear() == [Active(first=False), Document("application/pidf+xml", b"<busy/>")]
    pair.juliet.perform(pair.subscriber, pair.subscriber.unsubscribe(pair.juliet.wheel.now))
    pair.talk()
    assert (pair.juliet.hear(), pair.romeo.hear()) == ([Granted(0)], [Left()])
    pair.end("timeout")
    assert pair.juliet.hear() == [Ended(Cause.NOTIFY, "timeout", 0, False, None)]
    assert pair.romeo.hear() == [Closed(0)]
    assert is_clean(pair)


def test_subscription_is_ended_by_the_notifier(pair: Pair) -> None:
    pair.end("rejected")
    assert pair.juliet.hear() == [Ended(Cause.NOTIFY, "rejected", 0, True, None)]
    assert is_clean(pair)


def test_subscription_ends_on_both_sides_when_nothing_comes_through(pair: Pair) -> None:
    pair.is_cut = True
    pair.passes(560)
    pair.juliet.perform(pair.subscriber, pair.subscriber.refresh(pair.juliet.wheel.now))
    pair.passes(700)
    assert pair.juliet.hear()[-1] == Ended(Cause.EXPIRY, "", 0, False, 300.0)
    assert pair.romeo.hear()[-1] == Closed(0)
    assert is_clean(pair)


def test_notify_for_a_subscription_that_is_forgotten_removes_it(pair: Pair) -> None:
    forgotten = pair.juliet.usages.pop(pair.subscriber.key)
    pair.juliet.stop(forgotten)
    data = pair.notifier.notify(pair.romeo.wheel.now, active=True)[0]
    assert isinstance(data, SendRequest)
    request = as_request(data.data)
    (delivered,) = pair.juliet.layer.receive_request("link", request)
    assert isinstance(delivered, Deliver)
    (send,) = pair.juliet.layer.respond(delivered.transaction, 481)
    assert isinstance(send, Send)
    refused = parsed(send.data)
    assert isinstance(refused, Response)
    assert pair.notifier.answered(refused, pair.romeo.wheel.now) == [Closed(481)]
