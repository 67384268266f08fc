"""Partners that stand for many: what has to be said of them."""

from pathlib import Path

import pytest

from tests.config.written import PARTNERS, Written

HUB = PARTNERS + """
[[partner]]
name = "hub"
kind = "clearinghouse"
domains = ["northwind.example", "adatum.example"]
via = "sip"
hosts = ["fed.hub.example:5061"]
identity = "as-asserted"
"""
NAMED = HUB + '[partner.tls]\npeer_names = ["fed.hub.example"]\n'


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


def test_a_clearing_house_speaks_for_its_domains_by_its_own_name(written: Written) -> None:
    config = written.write(None, NAMED).read().config
    assert config is not None
    hub = next(each for each in config.systems if each.name == "hub")
    assert (hub.kind, hub.peer_names, hub.identity) == ("clearinghouse", {"fed.hub.example"}, "as-asserted")


def test_a_clearing_house_without_a_name_of_its_own_is_a_fault(written: Written) -> None:
    assert written.faults(None, HUB) == [
        (
            "K02", "partners.toml line 14",
            'a clearing house is known by its own name: it needs "peer_names" in [partner.tls] in partner "hub"',
        )
    ]


def test_clearing_houses_speak_sip(written: Written) -> None:
    xmpp = NAMED.replace('via = "sip"\nhosts = ["fed.hub.example:5061"]\nidentity = "as-asserted"', 'via = "xmpp"')
    said = '"kind" in partner "hub" cannot be "clearinghouse": an XMPP server speaks for each domain by itself'
    assert ("K02", "partners.toml line 16", said) in written.faults(None, xmpp)
