"""The floor: the same bytes through Twisted's TLS and TCP, framed and nothing else.

No transactions, no policy, no XML parser, no state: what any gateway on Twisted pays before it begins its work.
Started by the bench as ``python -m bench.floor FOLDER SIP_PORT PARTNER_PORT COMPONENT_PORT``.
"""

import hashlib
import re
import sys
from pathlib import Path
from typing import cast

from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IOpenSSLServerConnectionCreator,
    ITCPTransport,
)
from twisted.internet.protocol import ClientFactory, Factory, Protocol, ServerFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from bench.messages import FROM
from bench.setting import ECHOED, SIP_DOMAIN, XMPP_DOMAIN
from bench.wire import SipFramer

BODY = re.compile(rb"<body>(.*?)</body>")
FIELD = re.compile(rb"\b(from|to)='([^'/]*)")
PING = f"<iq type='get' id='p' from='{SIP_DOMAIN}' to='{XMPP_DOMAIN}'><ping xmlns='urn:xmpp:ping'/></iq>".encode()


class Creator:
    """A pyOpenSSL connection for either side, with a client certificate and no checks beyond the chain."""

    def __init__(self, folder: Path) -> None:
        self.context = SSL.Context(SSL.TLS_METHOD)
        self.context.use_certificate_chain_file(str(folder / "edge.pem"))
        self.context.use_privatekey_file(str(folder / "edge.key"))
        self.context.load_verify_locations(str(folder / "ca.pem"))
        self.context.set_verify(SSL.VERIFY_PEER, lambda *facts: True)

    def __call__(self) -> SSL.Connection:
        return SSL.Connection(self.context, None)


@implementer(IOpenSSLServerConnectionCreator)
class Accepting:
    def __init__(self, creator: Creator) -> None:
        self._creator = creator

    def serverConnectionForTLS(self, protocol: object) -> SSL.Connection:
        return self._creator()


@implementer(IOpenSSLClientConnectionCreator)
class Dialling:
    def __init__(self, creator: Creator) -> None:
        self._creator = creator

    def clientConnectionForTLS(self, protocol: object) -> SSL.Connection:
        return self._creator()


class Floor:
    """Joins the SIP side and the component side."""

    def __init__(self) -> None:
        self.component: ComponentFloor | None = None
        self.sip_out: SipFloor | None = None
        self.waiting: list[tuple[SipFloor, bytes]] = []
        self.pinged: list[tuple[SipFloor, bytes]] = []

    def ping(self) -> None:
        if self.waiting and not self.pinged and self.component is not None:
            self.pinged, self.waiting = self.waiting, []
            self.component.transport.write(PING)

    def pong(self) -> None:
        answers: dict[SipFloor, list[bytes]] = {}
        for link, request in self.pinged:
            echoed = ECHOED.findall(request[: request.index(b"\r\n\r\n")])
            answer = b"SIP/2.0 200 OK\r\n" + b"\r\n".join(echoed) + b"\r\nContent-Length: 0\r\n\r\n"
            answers.setdefault(link, []).append(answer)
        for link, rows in answers.items():
            link.transport.write(b"".join(rows))
        self.pinged = []
        self.ping()


class SipFloor(Protocol):
    transport: ITCPTransport

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.framer = SipFramer()

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)

    def dataReceived(self, data: bytes) -> None:
        out = []
        for message in self.framer.feed(data):
            if not message.startswith(b"MESSAGE"):
                continue
            head, _, body = message.partition(b"\r\n\r\n")
            sender = FROM.search(head)
            out.append(
                b"<message from='%s' to='%s' type='chat'><body>%s</body></message>"
                % (sender[1] if sender else b"", head[12 : head.index(b" SIP/2.0")], body)
            )
            self.floor.waiting.append((self, message))
        if out and self.floor.component is not None:
            self.floor.component.transport.write(b"".join(out))
            self.floor.ping()


class ComponentFloor(Protocol):
    transport: ITCPTransport

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.rest = b""
        self.number = 0

    def connectionMade(self) -> None:
        secret = hashlib.sha1(b"benchbench-secret").hexdigest()
        self.transport.setTcpNoDelay(True)
        spaces = "xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'"
        self.transport.write(f"<stream:stream {spaces} to='{SIP_DOMAIN}'><handshake>{secret}</handshake>".encode())
        self.floor.component = self

    def dataReceived(self, data: bytes) -> None:
        data = self.rest + data
        end = data.rfind(b"</message>") + 10
        if end < 10:
            end = 0
        if b"type='result'" in data:
            self.floor.pong()
        self.rest = data[end:] if b"<message" in data[end:] else b""
        out = []
        for stanza in data[:end].split(b"</message>")[:-1]:
            fields = dict(FIELD.findall(stanza))
            body = BODY.search(stanza + b"</message>")
            self.number += 1
            text = body[1] if body else b""
            sender, recipient = fields[b"from"], fields[b"to"]
            out.append(
                b"MESSAGE sip:%s SIP/2.0\r\nVia: SIP/2.0/TLS e:5061;branch=z9hG4bK%d\r\nMax-Forwards: 70\r\n"
                b"From: <sip:%s>;tag=%d\r\nTo: <sip:%s>\r\nCall-ID: %d@e\r\nCSeq: 1 MESSAGE\r\n"
                b"Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s"
                % (recipient, self.number, sender, self.number, recipient, self.number, len(text), text)
            )
        if out and self.floor.sip_out is not None:
            self.floor.sip_out.transport.write(b"".join(out))


class Connecting(ClientFactory):
    noisy = False

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol

    def buildProtocol(self, address: object) -> Protocol:
        return self._protocol


def main(folder: Path, sip_port: int, partner_port: int, component_port: int) -> None:
    floor, creator = Floor(), Creator(folder)

    listening = Factory.forProtocol(lambda: SipFloor(floor))
    accepting = cast(ServerFactory, TLSMemoryBIOFactory(Accepting(creator), False, listening))
    reactor.listenTCP(sip_port, accepting, interface="127.0.0.1")
    floor.sip_out = SipFloor(floor)
    dialling = TLSMemoryBIOFactory(Dialling(creator), True, Connecting(floor.sip_out))
    reactor.connectTCP("127.0.0.1", partner_port, dialling)
    reactor.connectTCP("127.0.0.1", component_port, Connecting(ComponentFloor(floor)))
    reactor.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:5]))
