"""The change to TLS within a connection (RFC 6120 §5.4.3, XEP-0368 §3), for `edge.net.xmpp_link`."""

from typing import Protocol, cast

from twisted.internet.interfaces import IProtocol, IProtocolFactory, IReactorTime
from twisted.internet.protocol import Factory
from twisted.protocols.tls import TLSMemoryBIOFactory

from edge.certificates.contexts import Accepting, Dialling
from edge.net.pace import Paced
from edge.net.sip_owner import Transport
from edge.net.tls import ChunkwiseTLS

HANDSHAKE = b"\x16"  # the first octet of every TLS connection (RFC 8446 §5.1); no XML begins so


class Switchable(Transport, Protocol):
    """A connection under which the protocol can be exchanged, as TCP has it."""

    protocol: object


def begin_tls(
    tcp: Transport, link: IProtocol, creator: Accepting | Dialling | Paced, outbound: bool, clock: IReactorTime
) -> Transport:
    """Put TLS between ``tcp`` and ``link``; returns what is the transport of ``link`` from now on."""
    nobody = cast(IProtocolFactory, Factory())  # the protocol under it is there already
    factory = TLSMemoryBIOFactory(creator, outbound, nobody, clock)
    tls = ChunkwiseTLS(factory, link, False)  # type: ignore[no-untyped-call]  # so Twisted has it
    cast(Switchable, tcp).protocol = tls
    tls.makeConnection(tcp)
    return cast(Transport, tls)
