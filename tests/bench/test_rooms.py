"""Every module of the gateway has a room, and what is counted for each room adds up."""

from collections import Counter
from pathlib import Path

import pytest

from bench.profile import Profile, table
from bench.rooms import ROOMS, room_of

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
