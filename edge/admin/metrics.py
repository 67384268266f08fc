"""The gateway's numbers for Prometheus. They are asked for when somebody scrapes, and cost nothing until then.

Imported by `edge.service` only if [admin] has a listener; `edge.admin.http` serves what `registry_of` makes.
docs/configuration.md lists the metrics.
"""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client import ProcessCollector as Process
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector as Collecting

from edge import __version__
from edge.gateway.counters import Counts, Messages, Pairs, Subscriptions


def registry_of(counts: Callable[[], Counts]) -> CollectorRegistry:
    """Everything that /metrics tells: our own numbers, and the memory, CPU time and open files of the process."""
    registry = CollectorRegistry()
    registry.register(Collector(counts))
    Process(registry=registry)
    return registry


class Collector(Collecting):
    """Calls ``counts`` once for each scrape."""

    def __init__(self, counts: Callable[[], Counts]) -> None:
        self._counts = counts

    def describe(self) -> Iterator[Metric]:
        """The metrics without their numbers: a registry asks before there is a gateway to count."""
        return _families(Counts({}, {}, {}))

    def collect(self) -> Iterator[Metric]:
        """The metrics with the numbers of now."""
        return _families(self._counts())


def _families(counts: Counts) -> Iterator[Metric]:
    yield InfoMetricFamily("edge_build", "Which edge this is.", value={"version": __version__})
    subscriptions = GaugeMetricFamily(
        "edge_subscriptions",
        "Presence subscriptions: in, by users of the partner; out, to users of the partner.",
        labels=["partner", "direction", "state"],
    )
    updates = CounterMetricFamily(
        "edge_presence_updates",
        "Changes of presence: in, from the partner; out, told to the partner.",
        labels=["partner", "direction"],
    )
    suppressed = CounterMetricFamily(
        "edge_presence_suppressed",
        "Changes of presence that were not told: unchanged for the watcher, or coalesced with a later one.",
        labels=["partner", "reason"],
    )
    messages = CounterMetricFamily(
        "edge_messages",
        "Messages that have ended: delivered, failed (given back to the sender), or rejected (not taken); late are"
        " those that came back after they were counted as delivered.",
        labels=["partner", "from_protocol", "direction", "result"],
    )
    family: GaugeMetricFamily | CounterMetricFamily
    numbers: Pairs | Subscriptions | Messages
    for family, numbers in (
        (subscriptions, counts.subscriptions),
        (updates, counts.updates),
        (suppressed, counts.suppressed),
        (messages, counts.messages),
    ):
        for labels, number in sorted(numbers.items()):
            family.add_metric(labels, number)
        yield family
