"""Every module of the gateway has a room, and what is counted for each room adds up."""

import re
from collections import Counter
from pathlib import Path

import pytest

from bench.profile import Profile, table
from bench.rooms import BUDGET, ROOMS, room_of

ROOT = Path(__file__).resolve().parents[2]


def test_every_module_has_a_room() -> None:
    modules = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in (ROOT / "edge").rglob("*.py")]
    assert {room_of(module, "work") for module in modules} <= set(ROOMS)


@pytest.mark.parametrize(
    ("module", "function", "room"),
    [
        ("edge.sip.framing", "Framer.feed", "SIP framing"),
        ("edge.sip.addresses", "Via.of_element", "SIP parsing"),
        ("edge.sip.layer", "TransactionLayer.receive_request", "SIP transactions"),
        ("edge.xmpp.stanzas", "parse_stanza", "XML parsing"),
        ("edge.xmpp.stanzas", "message_bytes", "XMPP writing"),
        ("edge.xmpp.element", "Element.child", "XML parsing"),
        ("edge.xmpp.element", "escape_attribute", "XMPP writing"),
        ("edge.net.tls", "ChunkwiseTLS.dataReceived", "TLS"),
        ("edge.net.sip_link", "SipLink._take", "links"),
        ("OpenSSL.SSL", "Connection.recv", "TLS"),
        ("twisted.internet.tcp", "Connection.doRead", "sockets, reactor"),
        ("twisted.protocols.tls", "TLSMemoryBIOProtocol.write", "TLS"),
        ("edge.gateway.pager", "Pager.request", "gateway"),
        ("edge.gateway.policy", "Policy.request", "policy"),
        ("edge.driver", "Driver._perform", "driver, timers"),
        ("__main__", "collected", "collector"),
    ],
)
def test_rooms(module: str, function: str, room: str) -> None:
    assert room_of(module, function) == room


def test_rooms_add_up_to_what_a_message_costs() -> None:
    found = Counter({("edge.sip.framing", "feed"): 30, ("OpenSSL.SSL", "recv"): 50, ("edge.driver", "perform"): 20})
    profile = Profile("kind", 50e-6, found)
    assert profile.room("TLS") == pytest.approx(25e-6)
    assert sum(map(profile.room, ROOMS)) == pytest.approx(50e-6)
    assert profile.error("TLS") == pytest.approx(50e-6 * 2 * 0.05)
    ((name, seconds),) = profile.functions("TLS", 3)
    assert name == "OpenSSL.SSL.recv"
    assert seconds == pytest.approx(25e-6)
    assert "25.0 ± 5.0" in table([profile])


def test_the_budget_is_the_one_that_is_written_down() -> None:
    page = (ROOT / "docs" / "performance.md").read_text()
    for room in ROOMS:
        to_xmpp, to_sip = BUDGET["SIP>XMPP"][room], BUDGET["XMPP>SIP"][room]
        assert re.search(rf"^\| {room} \| {to_xmpp:g} \| [^|]* \| {to_sip:g} \| [^|]* \|$", page, re.M), room
    for name, together in (("SIP>XMPP", 48), ("XMPP>SIP", 38)):
        assert sum(BUDGET[name].values()) == pytest.approx(together)


def test_over_budget_by_more_than_the_error() -> None:
    many, few = Counter({("OpenSSL.SSL", "recv"): 500, ("edge.driver", "x"): 500}), Counter({("OpenSSL.SSL", "r"): 1})
    assert Profile("SIP>XMPP", 20e-6, many).is_over("TLS")
    assert not Profile("SIP>XMPP", 8e-6, many).is_over("TLS")
    assert not Profile("a kind without a budget", 1.0, few).is_over("TLS")
