"""The gateway's numbers for Prometheus. They are asked for when somebody scrapes, and cost nothing until then.

Imported by `edge.service` only if [admin] has a listener; `edge.admin.http` serves the `pieces` of what `registry_of`
makes.
docs/metrics.md lists the metrics.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client import ProcessCollector as Process
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector as Collecting

from edge import __version__
from edge.admin.gauges import Gauges
from edge.admin.tally import Tally
from edge.gateway.counters import BOUNDS, UNLISTED, Counts, Durations

BY_PARTNER = ["partner"]
AT_ONCE = 500  # lines that are made in one turn, some five milliseconds: a thousand partners have 43,000
ROWS = AT_ONCE // (len(BOUNDS) + 3)  # of the histogram, each a line for each bound, one more, their number and sum

Labelled = Mapping[Any, float]  # by a tuple of the values of the labels


def registry_of(
    counts: Callable[[], Counts],
    gauges: Callable[[], Gauges] = Gauges,
    tally: Tally | None = None,
    is_listed: Callable[[str], bool] = lambda name: True,
) -> CollectorRegistry:
    """Everything that /metrics tells: our own numbers, and the memory, CPU time and open files of the process."""
    registry = CollectorRegistry()
    registry.register(Collector(counts, gauges, tally or Tally(is_listed, lambda: 0.0), is_listed))
    Process(registry=registry)
    return registry


def pieces(registry: CollectorRegistry) -> Iterator[bytes]:
    """The text of all metrics. Between two pieces messages may go on."""
    text, lines, name = b"", 0, ""
    for metric in registry.collect():
        for start in range(0, len(metric.samples) or 1, AT_ONCE):
            part = Metric(metric.name, metric.documentation, metric.type, metric.unit)
            part.samples = metric.samples[start : start + AT_ONCE]
            told = generate_latest(_Of(part))
            text += told.split(b"\n", 2)[2] if metric.name == name else told  # it begins with two lines of what it is
            lines, name = lines + len(part.samples), metric.name
            if lines >= AT_ONCE:
                yield text
                text, lines = b"", 0
    yield text


class _Of(Collecting):
    """One metric."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterator[Metric]:
        yield self._metric


class Collector(Collecting):
    """Calls ``counts`` and ``gauges`` once for each scrape. Who is not listed is counted under one name."""

    def __init__(
        self, counts: Callable[[], Counts], gauges: Callable[[], Gauges], tally: Tally, is_listed: Callable[[str], bool]
    ) -> None:
        self._counts = counts
        self._gauges = gauges
        self._tally = tally
        self._is_listed = is_listed

    def describe(self) -> Iterator[Metric]:
        """The metrics without their numbers: a registry asks before there is a gateway to count."""
        yield from self._of_counts(Counts({}, {}, {}))
        yield from _of_events(Tally(self._is_listed, lambda: 0.0))
        yield from _of_gauges(Gauges())

    def collect(self) -> Iterator[Metric]:
        """The metrics with the numbers of now."""
        yield from self._of_counts(self._counts())
        yield from _of_events(self._tally)
        yield from _of_gauges(self._gauges())

    # --- private --------------------------------------------------------------------------------------

    def _of_counts(self, counts: Counts) -> Iterator[Metric]:
        yield InfoMetricFamily("edge_build", "Which edge this is.", value={"version": __version__})
        yield _gauge(
            "subscriptions", "Presence subscriptions: in, by users of the partner; out, to users of the partner.",
            ["partner", "direction", "state"], self._listed(counts.subscriptions),
        )
        yield _counter(
            "subscription_refresh", "Refreshes of subscriptions to users of the partner.", ["partner", "result"],
            self._listed(counts.refreshes),
        )
        yield _counter(
            "presence_updates", "Changes of presence: in, from the partner; out, told to the partner.",
            ["partner", "direction"], self._listed(counts.updates),
        )
        yield _counter(
            "presence_suppressed",
            "Changes of presence that were not told: unchanged for the watcher, or coalesced with a later one.",
            ["partner", "reason"], self._listed(counts.suppressed),
        )
        yield _counter(
            "messages",
            "Messages that have ended: delivered, failed (given back to the sender), or rejected (not taken); late are"
            " those that came back after they were counted as delivered.",
            ["partner", "from_protocol", "direction", "result"], self._listed(counts.messages),
        )
        yield from self._histogram(counts.durations)

    def _listed(self, numbers: Labelled) -> Labelled:
        found: dict[tuple[str, ...], float] = {}
        for (partner, *others), number in numbers.items():
            key = (partner if self._is_listed(partner) else UNLISTED, *others)
            found[key] = found.get(key, 0) + number
        return found

    def _histogram(self, durations: Durations) -> Iterator[Metric]:
        """In parts, of which there is one at least."""
        rows: dict[tuple[str, ...], list[float]] = {}
        for (partner, *others), (numbers, total) in durations.items():
            key = (partner if self._is_listed(partner) else UNLISTED, *others)
            row = [*numbers, total]
            rows[key] = [sum(both) for both in zip(rows[key], row, strict=True)] if key in rows else row
        left = iter(sorted(rows.items()))
        for _ in range(0, len(rows) or 1, ROWS):
            family = HistogramMetricFamily(
                "edge_message_duration_seconds", "How long messages took that were delivered.",
                labels=["partner", "from_protocol", "direction"],
            )
            for labels, row in islice(left, ROWS):
                buckets, so_far = [], 0.0
                for bound, number in zip([*map(str, BOUNDS), "+Inf"], row[:-1], strict=True):
                    so_far += number
                    buckets.append((bound, so_far))
                family.add_metric(list(labels), buckets, row[-1])
            yield family


# -- private ---------------------------------------------------------------------------------------------------------


def _of_events(tally: Tally) -> Iterator[Metric]:
    yield _counter(
        "link_attempts", "Links that came up (ok), or did not, and why.",
        ["partner", "protocol", "direction", "code"], tally.attempts,
    )
    yield _counter(
        "tls_handshakes", "TLS handshakes: what was agreed on, and what was wrong with them or with the certificate.",
        ["partner", "direction", "version", "cipher", "code"], tally.handshakes,
    )
    yield _counter(
        "auth", "Proofs of who the other side is: by mtls, external, dialback or a secret.",
        ["partner", "protocol", "method", "code"], tally.proofs,
    )
    yield _counter("policy_denied", "What the partner list did not allow.", ["partner", "code"], tally.denied)
    yield _counter("limited", "What was above a limit.", ["partner", "code"], tally.limited)
    yield _counter(
        "peer_certificate_changes", "How often a partner has shown another certificate.", BY_PARTNER,
        {(name,): number for name, number in tally.changed.items()},
    )
    yield _counter("unlisted_attempts", "What came from domains, or was for domains, on no list.", ["protocol"],
                   {(name,): number for name, number in tally.unlisted.items()})
    yield _counter("xml_rejected", "XML that was refused.", ["code"], {(name,): n for name, n in tally.xml.items()})
    yield _gauge("config_last_reload_success", "Whether the last reload has succeeded.", [], {(): float(tally.loaded)})
    yield _gauge(
        "config_last_reload_timestamp_seconds", "When the configuration that is in force was read.", [],
        {(): tally.loaded_at},
    )


def _of_gauges(gauges: Gauges) -> Iterator[Metric]:
    yield _gauge(
        "links", "Links that are up or closing, and ways without one: connecting, or resting after a failure.",
        ["partner", "protocol", "direction", "state"], gauges.links,
    )
    yield _gauge(
        "link_failing_seconds", "For how long the partner cannot be reached; 0 if nothing speaks against it.",
        ["partner", "protocol"], gauges.failing,
    )
    yield _gauge("queue_messages", "What waits for a link.", BY_PARTNER, _singles(gauges.queues))
    yield _gauge("queue_oldest_seconds", "For how long the oldest has waited.", BY_PARTNER, _singles(gauges.oldest))
    yield _gauge(
        "sessions", "Sessions of text: in, opened by the partner; out, by us.", ["partner", "direction"],
        gauges.sessions,
    )
    yield _gauge(
        "unauthenticated_links", "Connections whose far end has proved nothing yet.", ["protocol"],
        _singles(gauges.unauthenticated),
    )
    yield _gauge(
        "certificate_expiry_timestamp_seconds", "When a certificate ends: own, or the one that a peer has shown last.",
        ["role", "partner", "name"], {(*labels,): when for *labels, when in gauges.expiries},
    )
    yield _gauge(
        "crl_age_seconds", "How long ago a list of revoked certificates was signed that is in use.",
        ["issuer", "source"], gauges.crls,
    )
    yield _counter("dns_lookups", "Questions to name servers.", ["type", "result"], gauges.lookups)


def _singles(numbers: Mapping[str, float]) -> Labelled:
    return {(name,): number for name, number in numbers.items()}


def _gauge(name: str, help: str, labels: list[str], numbers: Labelled) -> Metric:
    return _filled(GaugeMetricFamily(f"edge_{name}", help, labels=labels), numbers)


def _counter(name: str, help: str, labels: list[str], numbers: Labelled) -> Metric:
    return _filled(CounterMetricFamily(f"edge_{name}", help, labels=labels), numbers)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, numbers: Labelled) -> Metric:
    for labels, number in sorted(numbers.items()):
        family.add_metric(labels, number)
    return family
