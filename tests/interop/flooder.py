"""Somebody with ill intent, in a process of its own: ``python -m tests.interop.flooder``, see `main`.

It comes from many addresses of the loopback network, so that no limit for one address helps. Nothing of the product is
used here, and what it does is written for speed.
"""

import asyncio
import contextlib
import random
import select
import socket
import ssl
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable

HEADER = (
    b"<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'"
    b" from='verona.example' to='house.example' version='1.0'>"
)
STARTTLS = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
AT_A_TIME = 300  # connections that it opens at a time
WORKERS = 24  # threads of a flood
SHAKING = 20  # of which so many shake hands to the end; the others leave when they have asked for it
PATIENCE = 5.0  # seconds it waits for the gateway; then it stops where it is
ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: a close that leaves no port behind in TIME_WAIT

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Stage = Callable[[Wire], Awaitable[None]]


def context() -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def client_hello() -> bytes:
    into = ssl.MemoryBIO()
    shaking = context().wrap_bio(ssl.MemoryBIO(), into, server_hostname="edge.example")
    with contextlib.suppress(ssl.SSLWantReadError):
        shaking.do_handshake()
    return into.read()


HELLO = client_hello()
TLS = context()


def source() -> tuple[str, int]:
    return f"127.{random.randint(240, 250)}.{random.randint(1, 254)}.{random.randint(1, 254)}", 0


# --- stages at which a connection stops --------------------------------------------------------------------


async def nothing(wire: Wire) -> None:
    """TCP and no more."""


def says(*data: bytes) -> Stage:
    async def stage(wire: Wire) -> None:
        for each in data:
            wire[1].write(each)
            await wire[1].drain()

    return stage


def drips(data: bytes) -> Stage:
    async def stage(wire: Wire) -> None:
        for octet in data:
            wire[1].write(bytes((octet,)))
            await asyncio.sleep(1)
            await wire[1].drain()  # which tells if it was closed

    return stage


async def hears(wire: Wire, end: bytes) -> None:
    async with asyncio.timeout(PATIENCE):
        await wire[0].readuntil(end)


async def shakes(wire: Wire) -> None:
    async with asyncio.timeout(PATIENCE):
        await wire[1].start_tls(TLS, server_hostname="edge.example")


async def asks_for_tls(wire: Wire) -> None:
    wire[1].write(HEADER + STARTTLS)
    await hears(wire, b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")


async def has_tls(wire: Wire) -> None:
    await asks_for_tls(wire)
    await shakes(wire)


async def opens_behind_tls(wire: Wire) -> None:
    await has_tls(wire)
    wire[1].write(HEADER)


SIP: dict[str, Stage] = {
    "tcp": nothing,
    "half a hello": says(HELLO[: len(HELLO) // 2]),
    "a hello": says(HELLO),
    "tls": shakes,
    "a byte a second": drips(HELLO),
}
XMPP: dict[str, Stage] = {
    "tcp": nothing,
    "half a header": says(HEADER[: len(HEADER) // 2]),
    "a header": says(HEADER),
    "starttls": asks_for_tls,
    "half a hello": says(HEADER + STARTTLS, HELLO[: len(HELLO) // 2]),
    "tls": has_tls,
    "a header behind tls": opens_behind_tls,
    "direct tls": shakes,
    "a byte a second": drips(HEADER),
}


async def half_open(host: str, sip: int, xmpp: int, number: int) -> None:
    """Open so many, each to its stage; then stay until stdin is closed."""
    stages = [(sip, *each) for each in SIP.items()] + [(xmpp, *each) for each in XMPP.items()]
    gate = asyncio.Semaphore(AT_A_TIME)
    done: Counter[str] = Counter()
    wires: list[Wire] = []
    dripping: list[asyncio.Task[None]] = []

    async def one(index: int) -> None:
        port, name, stage = stages[index % len(stages)]
        async with gate:
            try:
                async with asyncio.timeout(PATIENCE):
                    wire = await asyncio.open_connection(host, port, local_addr=source())
            except (OSError, TimeoutError):
                done["not connected"] += 1
                return
            wires.append(wire)
            if name == "a byte a second":
                dripping.append(asyncio.ensure_future(_quietly(stage(wire))))
                return
            done["stopped" if await _quietly(stage(wire)) else "closed"] += 1

    await asyncio.gather(*(one(index) for index in range(number)))
    print(f"opened {dict(done)}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for each in dripping:
        each.cancel()
    for _, writer in wires:
        writer.transport.abort()


async def _quietly(work: Awaitable[None]) -> bool:
    try:
        await work
    except (OSError, TimeoutError, asyncio.IncompleteReadError, ssl.SSLError):
        return False
    return True


# --- as many as there is time for --------------------------------------------------------------------------


def flood(host: str, sip: int, xmpp: int, seconds: float) -> None:
    """Open TLS connections for so long, as fast as one core can do it."""
    until = time.monotonic() + seconds
    counts: Counter[str] = Counter()

    def work(first: int) -> None:
        number = first
        while time.monotonic() < until:
            number += 1
            with socket.socket() as wire:
                wire.settimeout(1.0)
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
                try:
                    wire.bind(source())
                    wire.connect((host, sip if number % 2 else xmpp))
                    counts["connected"] += 1
                    if first < SHAKING:
                        with TLS.wrap_socket(wire, server_hostname="edge.example"):
                            counts["handshakes"] += 1
                    else:
                        wire.sendall(HELLO)
                except (OSError, ssl.SSLError) as problem:
                    counts[type(problem).__name__] += 1

    threads = [threading.Thread(target=work, args=(first,)) for first in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"flooded {dict(counts)}", flush=True)


def volley(host: str, sip: int, number: int) -> None:
    """Take many places in silence, and then ask for all handshakes in one moment; again and again, until stdin ends."""
    rounds = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        wires = []
        for _ in range(number):
            wire = socket.socket()
            wire.bind(source())
            wire.connect((host, sip))
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
            wires.append(wire)
        time.sleep(1.0)
        for wire in wires:
            with contextlib.suppress(OSError):
                wire.sendall(HELLO)
        time.sleep(1.0)
        for wire in wires:
            wire.close()
        rounds += 1
    print(f"volleys {rounds}", flush=True)


def main(what: str, host: str, sip: str, xmpp: str, number: str) -> None:
    if what == "half-open":
        asyncio.run(half_open(host, int(sip), int(xmpp), int(number)))
    elif what == "volley":
        volley(host, int(sip), int(number))
    else:
        flood(host, int(sip), int(xmpp), float(number))


if __name__ == "__main__":
    main(*sys.argv[1:])
