"""After each conversation the subscriptions that are counted up and down must be those that there are."""

from collections import Counter
from collections.abc import Iterator

import pytest

from edge.gateway.core import Gateway
from edge.gateway.counters import IN, OUT
from edge.gateway.node import Node
from edge.xmpp.service import Service


@pytest.fixture(autouse=True)
def _counted_right(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made: list[Gateway] = []

    class Counted(Gateway):
        def __init__(self, node: Node, service: Service) -> None:
            super().__init__(node, service)
            made.append(self)

    monkeypatch.setattr("tests.gateway.bench.Gateway", Counted)
    yield
    for gateway in made:
        assert gateway.subscriptions() == recounted(gateway)


def recounted(gateway: Gateway) -> dict[tuple[str, str, str], int]:
    """What a look at all pairs finds."""
    found: Counter[tuple[str, str, str]] = Counter()
    for pair in gateway.pairs:
        if pair.watch is not None:
            state = "asleep" if pair.watch.usage is None else "active" if pair.contact_sees else "pending"
            found[pair.sip.name, OUT, state] += 1
        for _ in pair.view.notifications if pair.view is not None else ():
            found[pair.sip.name, IN, "active" if pair.user_sees else "pending"] += 1
    return dict(found)
