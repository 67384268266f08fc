"""Handshakes in memory, without sockets, between contexts of ours and somebody else with whatever certificate."""

from collections.abc import Sequence
from contextlib import suppress

import pytest
from OpenSSL import SSL

from edge.certificates.contexts import Contexts
from edge.certificates.handshake import Handshake
from edge.partners import System
from tests.certificates.made import Made

WIRE = 65536


def somebody(chain: Sequence[Made] = (), version: int | None = None, staple: bytes = b"") -> SSL.Context:
    """A context of somebody else, who trusts everybody and has no scruples about ``chain``."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_cipher_list(b"DEFAULT:@SECLEVEL=0")
    if version is not None:
        context.set_max_proto_version(version)
    if chain:
        context.use_certificate(chain[0].certificate)
        context.use_privatekey(chain[0].key)
        for other in chain[1:]:
            context.add_extra_chain_cert(other.certificate)
    if staple:
        context.set_ocsp_server_callback(lambda connection, data: staple, None)
    context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    return context


def shake(client: SSL.Connection, server: SSL.Connection) -> None:
    """Carry bytes between the two until both are content. Raises `SSL.Error` if one of them is not."""
    client.set_connect_state()
    server.set_accept_state()
    done: set[SSL.Connection] = set()
    for _ in range(20):
        for one, other in ((client, server), (server, client)):
            try:
                one.do_handshake()
                done.add(one)
            except SSL.WantReadError:
                pass
            carry(one, other)
        if len(done) == 2:
            break
    # what comes after a TLS 1.3 handshake (tickets, alerts) is seen by reading
    for one in (client, server):
        with pytest.raises(SSL.WantReadError):
            one.recv(1)


def carry(one: SSL.Connection, other: SSL.Connection) -> None:
    with suppress(SSL.WantReadError):
        other.bio_write(one.bio_read(WIRE))


def server_of(ours: Contexts, name: str = "") -> SSL.Connection:
    return ours.accepting(name).serverConnectionForTLS(None)


def client_of(ours: Contexts, name: str, to: System) -> SSL.Connection:
    return ours.dialling(name, to).clientConnectionForTLS(None)


def accepted(ours: Contexts, theirs: SSL.Context) -> Handshake:
    """Somebody has connected to us."""
    server = server_of(ours)
    shake(SSL.Connection(theirs, None), server)
    return Handshake.of(server)


def dialled(ours: Contexts, theirs: SSL.Context, to: System, name: str = "wonderland.example") -> Handshake:
    """We have connected to somebody."""
    client = client_of(ours, name, to)
    shake(client, SSL.Connection(theirs, None))
    return Handshake.of(client)
