"""TCP as all links use it: listening, the options of a connection, and writing without a detour.

Called by the pools (`listen`) and by the links as soon as they are connected (`tune`).
"""

import socket
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from twisted.internet import error
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort, IReactorSocket, IReactorTCP, IReactorTime
from twisted.internet.protocol import Factory, ServerFactory
from twisted.internet.tcp import Connection, Port

UNACKNOWLEDGED = 30_000  # milliseconds the kernel waits for the peer to acknowledge bytes; then the link is dead
BACKLOG = 512  # connections the kernel holds before we accept them; the whole Internet may come at once
ACCEPTED = 20  # connections that are accepted, or closed at once, before links have their turn again
QUIET = (60, 15, 4)  # TCP keep-alive on silent links: seconds until the first probe, between probes, and how many


class Reactor(IReactorTCP, IReactorTime, IReactorSocket):
    """What the pools need of Twisted's reactor."""


def tune(transport: object) -> None:
    """Set a TCP connection up for short messages and for peers that vanish.

    What is written goes to the kernel at once when nothing waits in front of it. Twisted's own `write` asks epoll
    first, which costs three system calls more for each message of a link that is not busy.
    """
    if not isinstance(transport, Connection):
        return
    transport.setTcpNoDelay(True)
    opened: socket.socket = transport.getHandle()
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in zip((socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT), QUIET, strict=True):
        opened.setsockopt(socket.IPPROTO_TCP, option, value)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED)
    transport.write = partial(_write_at_once, transport, transport.write)  # type: ignore[method-assign]  # see above


def listen(reactor: IReactorSocket, host: str, port: int, factory: "Factory[Any]") -> IListeningPort:
    """Listen on one address. ``::`` is IPv6 alone, so that it can stand beside ``0.0.0.0``.

    Raises `CannotListenError`.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            opened.bind((host, port))
            opened.listen(BACKLOG)
        except OSError as problem:
            raise error.CannotListenError(host, port, problem) from None  # type: ignore[no-untyped-call]  # so Twisted has it
        opened.setblocking(False)
        listening = reactor.adoptStreamPort(opened.fileno(), family, cast("ServerFactory[Any]", factory))
        if isinstance(listening, Port):
            listening.doRead = partial(_accept_some, listening, listening.doRead)  # type: ignore[method-assign]  # see there
        return listening


def stopped(port: IListeningPort) -> "Deferred[None]":
    """Accept nothing more on a port; fires when that is so."""
    return maybeDeferred(port.stopListening).addCallback(lambda _: None)


def _accept_some(listening: Port, accept: Callable[[], None]) -> None:
    """Twisted accepts the more at once the more there are, and all links wait meanwhile."""
    listening.numberAccepts = min(listening.numberAccepts, ACCEPTED)
    accept()


def _write_at_once(transport: Connection, later: Callable[[bytes], None], data: bytes) -> None:
    """Give ``data`` to the kernel; what it does not take, and what it refuses, goes Twisted's way (``later``)."""
    waiting = transport.dataBuffer or transport._tempDataBuffer
    if waiting or not transport.connected or transport._writeDisconnected:
        later(data)
        return
    taken = transport.writeSomeData(data)
    if isinstance(taken, BaseException) or taken < 0:
        later(data)  # and Twisted finds the connection lost when it tries
    elif taken < len(data):
        later(data[taken:])
