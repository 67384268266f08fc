"""What Prometheus is told."""

import re
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from edge import __version__
from edge.admin.gauges import Gauges
from edge.admin.metrics import AT_ONCE, Collector, pieces, registry_of
from edge.admin.tally import Tally
from edge.domains import domain
from edge.gateway.counters import COALESCED, DELIVERED, FAILED, IN, OUT, UNCHANGED, Counters, Counts
from edge.partners import Admit, System

OURS = System("capulet", True, "xmpp", (domain("capulet.example"),))
PROCESS = re.compile("^process_")  # which change meanwhile
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
    """The lines with numbers of our own, but for those that are always there."""
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if line.startswith("edge_") and not line.startswith("edge_config_")]


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
    collector = Collector(Gateway().counts, Gauges, Tally(bool, float), bool)
    assert [each.name for each in collector.describe()] == [each.name for each in collector.collect()]


def test_all_pieces_together_are_all_metrics_each_with_one_head() -> None:
    gateway = Gateway()
    for number in range(200):
        system = System(f"partner{number}", False, "sip", (domain("x.example"),))
        gateway.counters.message("sip", Admit(system, OURS), DELIVERED, 0.1)
    registry = registry_of(gateway.counts)
    parts = [part.decode() for part in pieces(registry)]
    lines = "".join(parts).splitlines()
    whole = dict.fromkeys(generate_latest(registry).decode().splitlines())  # where parts of one have a head each
    assert [line for line in lines if not PROCESS.search(line)] == [line for line in whole if not PROCESS.search(line)]
    assert len(lines) > 3000 and max(part.count("\n") for part in parts) < 2 * AT_ONCE
    assert gateway.asked == 2


def test_few_metrics_are_one_piece() -> None:
    assert len(list(pieces(registry_of(Gateway().counts)))) == 1


def test_duration_is_a_histogram() -> None:
    gateway = Gateway()
    for seconds in (0.004, 0.3, 40.0):
        gateway.counters.message("sip", Admit(THEIRS, OURS), DELIVERED, seconds)
    lines = [line for line in told(registry_of(gateway.counts)) if "duration" in line]
    name, who, partner = "edge_message_duration_seconds", 'direction="in",from_protocol="sip"', 'partner="contoso"'
    for bound, number in (("0.005", 1), ("0.25", 1), ("0.5", 2), ("+Inf", 3)):
        assert f'{name}_bucket{{{who},le="{bound}",{partner}}} {number}.0' in lines
    assert f"{name}_count{{{who},{partner}}} 3.0" in lines
    assert f"{name}_sum{{{who},{partner}}} 40.304" in lines


def test_partners_on_no_list_are_one() -> None:
    gateway = Gateway()
    for name in ("strange.example", "odd.example", "contoso"):
        system = System(name, False, "sip", (domain("x.example"),))
        gateway.counters.message("sip", Admit(system, OURS), DELIVERED, 0.1)
        gateway.counters.updates[name, IN] += 1
    lines = told(registry_of(gateway.counts, is_listed=lambda name: name == "contoso"))
    assert 'edge_messages_total{direction="in",from_protocol="sip",partner="_unlisted",result="delivered"} 2.0' in lines
    assert 'edge_presence_updates_total{direction="in",partner="_unlisted"} 2.0' in lines
    assert 'edge_message_duration_seconds_count{direction="in",from_protocol="sip",partner="_unlisted"} 2.0' in lines
    assert not any("example" in line for line in lines)


class TestDocuments:
    """What is written about metrics is true."""

    ROOT = Path(__file__).resolve().parents[2]
    SUFFIXES = ("_total", "_bucket", "_count", "_sum", "_info")

    def there_are(self) -> set[str]:
        return {each.name for each in Collector(Gateway().counts, Gauges, Tally(bool, float), bool).describe()}

    def named_in(self, text: str) -> set[str]:
        found = set()
        for name in re.findall(r"\bedge_[a-z_]+\b", text):
            found.add(next((name.removesuffix(each) for each in self.SUFFIXES if name.endswith(each)), name))
        return found

    def test_page_names_every_metric_and_no_other(self) -> None:
        assert self.named_in((self.ROOT / "docs" / "metrics.md").read_text()) == self.there_are()

    def test_alerts_are_about_metrics_that_exist(self) -> None:
        head, *rules = (self.ROOT / "contrib" / "alerts.yml").read_text().split("      - alert: ")
        assert head.endswith("groups:\n  - name: edge\n    rules:\n") and len(rules) > 8
        for rule in rules:
            lines = rule.splitlines()[1:]
            keys = [line.split(":")[0] for line in lines if not line.startswith(" " * 10)]
            assert [key.strip() for key in keys if key != "        for"] == ["expr", "labels", "annotations"], rule
            expression = lines[0].removeprefix("        expr: ")
            named = self.named_in(expression)
            assert named and named <= self.there_are(), rule
            assert [expression.count(each) for each in "([{"] == [expression.count(each) for each in ")]}"], rule
            assert re.search(r"severity: (page|warn|info)}", rule) and '          summary: "' in rule

    def test_labels_in_alerts_are_those_of_the_metrics(self) -> None:
        page = (self.ROOT / "docs" / "metrics.md").read_text()
        labels = {name: set(re.split(", *", said)) for name, said in re.findall(r"`(edge_\w+)\{([^}]*)\}`", page)}
        text = (self.ROOT / "contrib" / "alerts.yml").read_text()
        for name, said in re.findall(r"(edge_\w+)\{([^}]*)\}", text):
            used = set(re.findall(r"(\w+)\s*=", said))
            assert used <= labels[name], name
