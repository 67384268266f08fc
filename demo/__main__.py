"""``python -m demo [--once]``: start the gateway and two partners, let them talk, print the ladder, stay up.

Exit status 0 if everything came that had to, 1 if not. ``--once`` ends after the conversation, and keeps to a temporary
folder and to ports that are free.
"""

import argparse
import asyncio
import contextlib
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from demo.child import PATIENCE, Child, Missing
from demo.conversation import STEPS
from demo.setting import EDGE, SIP_DOMAIN, XMPP_DOMAIN, Setting, Unfit, standing, temporary

PRINTED = re.compile(r"\S+ \[stdout#info\] ")  # before what the gateway prints; the rest of its output is its log
SETTLED = 0.3  # seconds without a new arrow after which a step is over
LOG_LINES = 15  # of each process, shown when something is missing


class Stage:
    """The three processes, and the ladder between two pauses."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._last_arrow = 0.0
        self.children: list[Child] = []

    async def start(self) -> tuple[Child, Child]:
        """Start everything; returns the two partners once all three listen. Raises `Missing`."""
        python, ports = sys.executable, self._setting.ports
        twistd = str(Path(python).with_name("twistd"))
        configuration = str(self._setting.configuration)
        gateway = [twistd, "-n", "--pidfile=", "edge", "--config", configuration, "--ladder"]
        partner = {
            name: [python, "-m", f"demo.{name}", str(self._setting.folder), name, str(ports[name]), str(ports[side])]
            for name, side in (("contoso", "sip"), ("capulet", "xmpp"))
        }
        edge = await self._child("edge", gateway)
        contoso = await self._child("contoso", partner["contoso"])
        capulet = await self._child("capulet", partner["capulet"])
        await contoso.expect("ready")
        await capulet.expect("ready")
        await _listening(edge, ports["xmpp"])
        return contoso, capulet

    async def settle(self) -> None:
        """Wait until no more arrows come."""
        clock = asyncio.get_running_loop()
        begun = clock.time()
        while clock.time() - max(begun, self._last_arrow) < SETTLED:
            await asyncio.sleep(SETTLED / 3)

    async def stop(self) -> None:
        await asyncio.gather(*(child.stop() for child in self.children))

    async def _child(self, name: str, command: list[str]) -> Child:
        child = await Child.start(name, command, self._edge_line if name == "edge" else lambda line: None)
        self.children.append(child)
        return child

    def _edge_line(self, line: str) -> None:
        printed = PRINTED.match(line)
        if printed:
            self._last_arrow = asyncio.get_running_loop().time()
            print(f"  {line[printed.end() :]}", flush=True)


async def demo(setting: Setting, once: bool) -> int:
    """The whole of it; returns the exit status."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopped.set)
    stage = Stage(setting)
    talking = asyncio.create_task(_talk(stage))
    waiting = asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait((talking, waiting), return_when=asyncio.FIRST_COMPLETED)
        if not talking.done():
            talking.cancel()
            return 1
        talking.result()
        if not once:
            _say_that_it_stays(setting)
            await asyncio.wait((waiting, *(c.ended for c in stage.children)), return_when=asyncio.FIRST_COMPLETED)
            if not stopped.is_set():
                raise Missing("a process has ended by itself")
        return 0
    except Missing as missing:
        _report(stage, missing)
        return 1
    finally:
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError, Missing):
            await talking
        await stage.stop()
        if not once:
            print("\nstopped", flush=True)


async def _talk(stage: Stage) -> None:
    contoso, capulet = await stage.start()
    for number, (title, step) in enumerate(STEPS, 1):
        print(f"\n{number}. {title}\n", flush=True)
        await step(contoso, capulet)
        await stage.settle()


async def _listening(edge: Child, port: int) -> None:
    """Wait until the gateway accepts connections. Raises `Missing`, at once if it has ended."""
    async for _ in _ticks(PATIENCE):
        if edge.ended.done():
            raise Missing("the gateway has ended")
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
    raise Missing("the gateway does not listen")


async def _ticks(seconds: float) -> AsyncIterator[None]:
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        yield
        await asyncio.sleep(0.1)


def _say_that_it_stays(setting: Setting) -> None:
    addresses = {
        "SIP over mutual TLS": "sip",
        "XMPP between servers": "xmpp",
        f"contoso, the SIP partner of {SIP_DOMAIN}": "contoso",
        f"capulet, the XMPP server of {XMPP_DOMAIN}": "capulet",
    }
    print(f"\n{EDGE} stays up, and so do its partners:\n")
    for what, which in addresses.items():
        print(f"  {what:<45}127.0.0.1:{setting.ports[which]}")
    print("\nCtrl-C stops everything.", flush=True)


def _report(stage: Stage, missing: Missing) -> None:
    print(f"\nThe demo failed: {missing}", file=sys.stderr)
    for child in stage.children:
        print(f"\nlast lines of {child.name}:", file=sys.stderr)
        for line in list(child.lines)[-LOG_LINES:]:
            print(f"    {line}", file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo", description="A SIP and an XMPP user talk through the edge.")
    parser.add_argument("--once", action="store_true", help="end after the conversation")
    once = parser.parse_args().once
    try:
        if not once:
            return asyncio.run(demo(standing(), once))
        with tempfile.TemporaryDirectory(prefix="edge-demo-") as folder:
            return asyncio.run(demo(temporary(Path(folder)), once))
    except Unfit as error:
        print(f"The demo cannot begin: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
