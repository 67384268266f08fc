"""The XMPP servers of the bench keep to the protocol that they play."""

from collections import deque
from typing import Any

import pytest

from bench.servers import REQUEST_EVERY, SM, Managed, ServerSide, walk
from tests.bench.far_sides import Wire

DOMAIN, EDGE = "xmpp.example", "sip.example"
HEADER = f"<?xml version='1.0'?><stream:stream from='{EDGE}' to='{DOMAIN}' version='1.0'>".encode()
ENABLE = b"<enable xmlns='%b'/>" % SM


class Server(ServerSide):
    """Without a listener."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.stanzas = self.heard.append
        home: Any = Wire()
        self.home = home
        self.wires = {EDGE: home}
        self._domain = DOMAIN.encode()

    def accept(self) -> Any:
        """The gateway's stream: give it to ``received``."""
        wire: Any = Wire()
        wire.received = walk(self._steps_in(), wire, lambda: self._received(wire))
        return wire


def opened(server: Server) -> Any:
    wire = server.accept()
    for data in (HEADER, b"<auth mechanism='EXTERNAL'>eA==</auth>", HEADER, ENABLE):
        wire.received(data)
    return wire


def test_negotiation_in_pieces() -> None:
    wire = Server().accept()
    for byte in HEADER + b"<auth mechanism='EXTERNAL'>eA==</auth>":
        wire.received(bytes([byte]))
    assert wire.written[0].count(b"<mechanism>EXTERNAL</mechanism>") == 1
    assert wire.written[1].startswith(b"<success")
    wire.received(HEADER)
    assert b"<sm xmlns=" in wire.written[2]
    wire.received(ENABLE)
    assert wire.written[3].startswith(b"<enabled")


def test_stanzas_are_counted_and_passed_on() -> None:
    server = Server()
    wire = opened(server)
    wire.written.clear()
    wire.received(b"<message from='a'><body>1</body></message><presence from='a'/><r xmlns='urn:xmpp:sm:3'/><mess")
    assert wire.written == [b"<a xmlns='urn:xmpp:sm:3' h='2'/>"]
    assert server.heard == [b"<message from='a'><body>1</body></message><presence from='a'/>"]
    wire.received(b"age from='a'><body>2</body></message><r xmlns='urn:xmpp:sm:3'/>")
    assert wire.written[1:] == [b"<a xmlns='urn:xmpp:sm:3' h='3'/>"]
    assert server.heard[1:] == [b"<message from='a'><body>2</body></message>"]


def test_a_ping_is_answered_on_the_servers_own_stream() -> None:
    server = Server()
    opened(server).received(
        f"<iq from='{EDGE}' to='{DOMAIN}' id='p1' type='get'><ping xmlns='urn:xmpp:ping'/></iq>".encode()
    )
    assert server.home.written == [f"<iq type='result' id='p1' from='{DOMAIN}' to='{EDGE}'/>".encode()]
    assert not server.heard


class Open(Managed):
    """Without a socket."""

    def __init__(self) -> None:
        loop: Any = type("Loop", (), {"dirty": []})()
        self._loop, self._out = loop, deque()
        self.count = 0


def test_the_gateway_is_asked_what_it_has_counted() -> None:
    wire = Open()
    for _ in range(REQUEST_EVERY):
        wire.write(b"<message/>")
    assert list(wire._out).count(b"<r xmlns='urn:xmpp:sm:3'/>") == 1
    wire.acknowledged(b"<a xmlns='urn:xmpp:sm:3' h='3'/>")
    with pytest.raises(AssertionError):
        wire.acknowledged(b"<a xmlns='urn:xmpp:sm:3' h='2'/>")
    with pytest.raises(AssertionError):
        wire.acknowledged(b"<a xmlns='urn:xmpp:sm:3' h='6'/>")
