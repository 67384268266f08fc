"""The state that the bench writes is one that the gateway takes up."""

from pathlib import Path

from bench.million import PARTNERS, SIP_DOMAINS, XMPP_DOMAINS, records, write
from edge.domains import domain
from edge.partners import Directory, System
from edge.store import open_store
from tests.gateway.bench import Bench

COUNT = 4 * PARTNERS * 100


def test_gateway_takes_up_what_was_written(tmp_path: Path) -> None:
    write(tmp_path / "edge.sqlite", COUNT)
    bench = Bench()
    bench.node.directory.become(Directory([
        *(System(name, False, "sip", (domain(name),), "tls") for name in SIP_DOMAINS),
        *(System(name, True, "xmpp", (domain(name),), "component") for name in XMPP_DOMAINS),
    ]))
    bench.node.wall = next(records(2)).due - 3600
    store = open_store(tmp_path / "edge.sqlite")
    bench.gateway.restored(store.load())
    store.close()
    assert sum(bench.gateway.subscriptions().values()) == COUNT
    assert len(bench.gateway.pairs) == len({str(pair.user) + str(pair.contact) for pair in bench.gateway.pairs})
    users = {pair.user for pair in bench.gateway.pairs}
    assert len(bench.gateway.pairs) == 10 * len(users) == COUNT // 2
