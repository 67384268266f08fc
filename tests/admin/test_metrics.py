"""What Prometheus is told."""

from prometheus_client import CollectorRegistry, generate_latest

from edge import __version__
from edge.admin.metrics import Collector, registry_of
from edge.domains import domain
from edge.gateway.counters import COALESCED, FAILED, IN, OUT, UNCHANGED, Counters, Counts
from edge.partners import Admit, System

OURS = System("capulet", True, "xmpp", (domain("capulet.example"),))
THEIRS = System("contoso", False, "sip", (domain("contoso.example"),))


class Gateway:
    """Counts, and how often it was asked."""

    def __init__(self) -> None:
        self.counters = Counters()
        self.subscriptions: dict[tuple[str, str, str], int] = {}
        self.asked = 0

    def counts(self) -> Counts:
        self.asked += 1
        return self.counters.counts(self.subscriptions)


def told(registry: CollectorRegistry) -> list[str]:
    """The lines with numbers of our own."""
    return [line for line in generate_latest(registry).decode().splitlines() if line.startswith("edge_")]


def test_gateway_that_has_done_nothing_tells_its_version() -> None:
    assert told(registry_of(Gateway().counts)) == [f'edge_build_info{{version="{__version__}"}} 1.0']


def test_numbers_stand_under_their_names() -> None:
    gateway = Gateway()
    gateway.counters.updates["contoso", IN] += 2
    gateway.counters.updates["contoso", OUT] += 1
    gateway.counters.suppressed["contoso", UNCHANGED] += 5
    gateway.counters.suppressed["contoso", COALESCED] += 4
    for _ in range(6):
        gateway.counters.message("xmpp", Admit(OURS, THEIRS), FAILED)
    gateway.subscriptions["fabrikam", OUT, "pending"] = 0
    gateway.subscriptions["contoso", IN, "active"] = 3
    assert told(registry_of(gateway.counts))[1:] == [
        'edge_subscriptions{direction="in",partner="contoso",state="active"} 3.0',
        'edge_subscriptions{direction="out",partner="fabrikam",state="pending"} 0.0',
        'edge_presence_updates_total{direction="in",partner="contoso"} 2.0',
        'edge_presence_updates_total{direction="out",partner="contoso"} 1.0',
        'edge_presence_suppressed_total{partner="contoso",reason="coalesced"} 4.0',
        'edge_presence_suppressed_total{partner="contoso",reason="unchanged"} 5.0',
        'edge_messages_total{direction="out",from_protocol="xmpp",partner="contoso",result="failed"} 6.0',
    ]


def test_metrics_say_what_they_are() -> None:
    text = generate_latest(registry_of(Gateway().counts)).decode()
    for kind in ("edge_subscriptions gauge", "edge_presence_updates_total counter"):
        assert f"# TYPE {kind}\n" in text
    assert "# HELP edge_presence_suppressed_total Changes of presence that were not told" in text


def test_gateway_is_asked_once_a_scrape_and_never_before() -> None:
    gateway = Gateway()
    registry = registry_of(gateway.counts)
    assert gateway.asked == 0
    for scrapes in (1, 2):
        gateway.counters.updates["contoso", OUT] += 1
        assert f'edge_presence_updates_total{{direction="out",partner="contoso"}} {scrapes}.0' in told(registry)
        assert gateway.asked == scrapes


def test_registry_tells_of_the_process_too() -> None:
    assert b"\nprocess_resident_memory_bytes " in generate_latest(registry_of(Gateway().counts))


def test_two_gateways_have_nothing_in_common() -> None:
    one, other = Gateway(), Gateway()
    one.counters.updates["contoso", OUT] += 1
    registries = [registry_of(each.counts) for each in (one, other)]
    assert [len(told(each)) for each in registries] == [2, 1]


def test_collector_describes_what_it_collects() -> None:
    collector = Collector(Gateway().counts)
    assert [each.name for each in collector.describe()] == [each.name for each in collector.collect()]
