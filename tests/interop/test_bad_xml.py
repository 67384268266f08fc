"""What is no XMPP, on a real TLS link to the gateway: the right stream error, and the end of that stream alone."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from demo.authority import Authority
from tests.interop.by_hand import Credentials, SipLink, XmppStream
from tests.interop.edge import Edge, System
from tests.interop.process import Addresses

pytestmark = pytest.mark.slow

HOUSE, VERONA = "house.example", "verona.example"
MIB = 1 << 20
ADDRESSED = f"from='nurse@{VERONA}' to='sampson@{HOUSE}'"

HEADER = "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'"
BOMB = (
    "<?xml version='1.0'?><!DOCTYPE b [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;'>"
    "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;'>]>"
)

BEFORE_TLS = {
    "not XML": ("GET / HTTP/1.1\r\nHost: edge.example\r\n\r\n", "not-well-formed", "EDGE-X01"),
    "an entity bomb": (BOMB, "restricted-xml", "EDGE-X02"),
    "a namespace of clients": (
        HEADER.replace("jabber:server", "jabber:client") + f" from='{VERONA}' to='{HOUSE}' version='1.0'>",
        "invalid-namespace",
        "EDGE-X05",
    ),
    "a host that is not here": (HEADER + f" from='{VERONA}' to='elsewhere.example' version='1.0'>", "host-unknown", ""),
    "too much": (HEADER + f" from='{VERONA}' to='{HOUSE}' version='1.0' more='{'x' * 20_000}'", "", "EDGE-L04"),
}

AUTHENTICATED = {
    "not well-formed": ("<message><body></message>", "not-well-formed", "EDGE-X01"),
    "a comment": ("<!-- what? -->", "restricted-xml", "EDGE-X02"),
    "a processing instruction": ("<?php what ?>", "restricted-xml", "EDGE-X02"),
    "an entity": (f"<message {ADDRESSED}><body>&unknown;</body></message>", "", "EDGE-X0"),
    "a deep stanza": (f"<message {ADDRESSED}>" + "<a>" * 5000, "policy-violation", "EDGE-X03"),
    "a large stanza": (f"<message {ADDRESSED}><body>" + "x" * MIB, "policy-violation", "EDGE-X03"),
    "a large attribute": (f"<message {ADDRESSED} more='" + "x" * MIB, "policy-violation", "EDGE-X03"),
    "another's sender": (
        f"<message from='tybalt@capulet.example' to='sampson@{HOUSE}'><body>me</body></message>",
        "invalid-from",
        "EDGE-X04",
    ),
    "no sender": (f"<message to='sampson@{HOUSE}'><body>me</body></message>", "improper-addressing", ""),
    "what is no stanza": (f"<letter {ADDRESSED}/>", "unsupported-stanza-type", "EDGE-X01"),
}


class House:
    """A gateway between a SIP system and an XMPP server, both driven by hand."""

    def __init__(self, stack: ExitStack, folder: Path, authority: Authority, addresses: Addresses) -> None:
        self.edge = Edge(folder, addresses, authority, [HOUSE])
        listener = stack.enter_context(socket.create_server((addresses.of("house"), 0)))
        host, port = listener.getsockname()
        inside = System("house", HOUSE, "sip", {"hosts": [f"{host}:{port}"]}, tls={"peer_names": [HOUSE]})
        partner = System("verona", VERONA, "xmpp", {"hosts": [f"{addresses.of('nobody')}:5269"]})
        stack.enter_context(self.edge.configure([inside], [partner]).start())
        self.server = Credentials(folder, authority.issue("", dns=[VERONA]), authority.pem)
        self.good = stack.enter_context(self.stream())
        assert self.good.authenticate(self.server)
        self.good.send(f"<message {ADDRESSED}><body>first</body></message>")
        credentials = Credentials(folder, authority.issue("", dns=[HOUSE]), authority.pem)
        self.sampson = stack.enter_context(SipLink.accept(listener, credentials))
        assert self.sampson.serve("MESSAGE").body == "first"

    def stream(self) -> XmppStream:
        return XmppStream((self.edge.address, self.edge.xmpp), VERONA, HOUSE)

    def still_serves(self, text: str) -> None:
        self.sampson.received.clear()
        self.good.send(f"<message {ADDRESSED}><body>{text}</body></message>")
        assert self.sampson.serve("MESSAGE").body == text


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, authority: Authority, addresses: Addresses) -> Iterator[House]:
    with ExitStack() as stack:
        yield House(stack, tmp_path_factory.mktemp("edge"), authority, addresses)


@pytest.mark.parametrize("kind", BEFORE_TLS)
def test_stranger_who_sends_no_xmpp_is_told_and_disconnected(kind: str, house: House) -> None:
    sent, condition, code = BEFORE_TLS[kind]
    with house.stream() as stream:
        stream.send(sent)
        stream.read_to_the_end()
        assert "<stream:error>" in stream.text and f"<{condition}" in stream.text and code in stream.text, stream.text
    house.still_serves(f"after {kind}")


@pytest.mark.parametrize("kind", AUTHENTICATED)
def test_partner_who_sends_no_xmpp_is_told_and_disconnected(kind: str, house: House) -> None:
    sent, condition, code = AUTHENTICATED[kind]
    with house.stream() as stream:
        assert stream.authenticate(house.server)
        stream.send(sent)
        stream.read_to_the_end()
        assert "<stream:error>" in stream.text and f"<{condition}" in stream.text and code in stream.text, stream.text
    house.still_serves(f"after {kind}")


def test_what_is_injected_before_tls_is_thrown_away(house: House) -> None:
    with house.stream() as stream:
        injected = f"<message {ADDRESSED}><body>injected</body></message>"
        assert stream.authenticate(house.server, behind_starttls=injected)
    house.still_serves("after an injection")
