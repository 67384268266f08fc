"""`edge status`: what the gateway is, and how it is."""

from pathlib import Path
from time import time

import pytest

from edge import __version__
from edge.gateway.counters import DELIVERED
from edge.partners import Admit
from edge.xmpp.authorization import State
from tests.admin.office import Office


def test_status_tells_what_there_is(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.link()
    office.gateway.node.counters.message("sip", Admit(office.system("contoso"), office.system("office")), DELIVERED)
    answer = office.get("status")
    assert (answer["name"], answer["version"]) == ("edge.example.net", __version__)
    assert (answer["inside"], answer["partners"], answer["blocked"], answer["generation"]) == (1, 2, 1, 1)
    assert answer["links"] == {"sip": 1, "xmpp": 0}
    assert (answer["subscriptions"], answer["messages"]) == ({}, {"delivered": 1})
    assert answer["certificate_days"] > 0 and answer["config"] == str(office.written.edge)
    assert answer["uptime_seconds"] == 0 and answer["started"].endswith("Z")


def test_status_counts_subscriptions_by_kind(tmp_path: Path) -> None:
    from edge.gateway.records import WatchRecord

    office = Office(tmp_path)
    office.gateway.subscribers.restore(office.pair(State.FROM), WatchRecord(True, ()))
    assert office.get("status")["subscriptions"] == {"out asleep": 1}


def test_gateway_is_as_old_as_it_is_and_not_as_whoever_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(tmp_path)
    monkeypatch.setattr("edge.service.time", lambda: time() + 100)
    assert office.service._running().started == office.running.started
