"""A world in which everybody talks while one of four processes is killed: the harness of `test_kills`.

Those who talk live in the test, those who listen in a process of their own, which is one of the four. All that they
know is in a `Ledger`. A message that nobody got and whose sender was not told is lost; `Evidence` says where.
"""

import asyncio
import contextlib
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from demo.authority import Authority
from tests.interop.edge import NAME
from tests.interop.evidence import Evidence
from tests.interop.kamailio import Kamailio
from tests.interop.ledger import SIP, XMPP, Ledger, Said
from tests.interop.process import Addresses, Process, half_closed, wait_until
from tests.interop.prosody import Prosody
from tests.interop.talkers import Element, SipTalker, XmppTalker
from tests.interop.world import CAPULET, MONTAGUE, World

PROXY, GATEWAY, SERVER, AGENT = VICTIMS = ("kamailio", "edge", "prosody", "user agent")
NOBODY = "nobody"
PAIRS = 5  # in each direction; each user talks to one other only, so that order is a number
BURST = 6  # messages at once, at most: they wait for each other in the gateway
GAP = 0.2  # seconds between two bursts of one user, at most
ALIVE = 0.6  # seconds of talk before somebody is killed, at most
DOWN = 0.05, 0.3  # seconds until he is started again; the others have read by then what he had written
AGAIN = 0.25  # how likely he is killed once more, while the links to him are being made
SOON = 0.15  # seconds until then, at most
READ_WITHIN = 10.0  # seconds
AFTER = 0.2  # seconds of talk when all are there again

PATIENCE = 2  # seconds that a message waits in the gateway for a server
PROXY_PATIENCE = 3000  # milliseconds that the proxy waits for an answer, and longer than the gateway, as by default
REPEAT = 0.3  # seconds until a SIP user says again what has failed
SETTLED_WITHIN = 60.0  # seconds: the proxy's patience twice, because of what is repeated, a pause, and a slow machine
EXPLAINED_AFTER = 4.0  # seconds after which what can be explained will not arrive any more
MEETS_WITHIN = 90.0  # seconds until everybody reaches everybody again, before the next repetition

ROOT = Path(__file__).resolve().parents[2]


class Agent(Process):
    """Those who listen, on both sides."""

    def __init__(self, world: World, folder: Path) -> None:
        super().__init__("agent", folder)
        self.record = folder / "record"
        self._ready = folder / "ready"
        specification = {
            "record": str(self.record),
            "ready": str(self._ready),
            "password": "pencil",
            "jids": [f"juliet{number}@{CAPULET}" for number in range(PAIRS)],
            "xmpp": (world.server.address, world.server.c2s),
            "addresses_of_record": [f"sip:romeo{number}@{MONTAGUE}" for number in range(PAIRS)],
            "sip": (world.kamailio.address, world.kamailio.local),
            "source": world.addresses.of("users"),
        }
        (folder / "specification.json").write_text(json.dumps(specification))

    def start(self) -> "Agent":
        self._ready.unlink(missing_ok=True)
        program = ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "tests.interop.talkers"]
        self.launch([*program, self.folder / "specification.json"], self._ready.exists)
        return self


class Kills(World):
    """``kind`` is "prosody s2s" or "prosody component"; to be used within one event loop."""

    def __init__(
        self, kind: str, stack: ExitStack, folders: pytest.TempPathFactory, authority: Authority, addresses: Addresses
    ) -> None:
        # a process gets a signal when the thread ends that started it, so that one has to live longer
        self._starter = stack.enter_context(ThreadPoolExecutor(1))
        names = [f"{name}{number}" for name in ("juliet", "nurse") for number in range(PAIRS)]
        super().__init__(kind, stack, folders, authority, addresses, names=names, crowd=False, patience=PATIENCE)
        self.link = kind.split()[1]
        self.agent = Agent(self, folders.mktemp("agent"))
        self.ledger = Ledger(self.agent.record)
        self.lost: Counter[str] = Counter()
        self.killed: Counter[str] = Counter()
        self.faults: list[str] = []
        stack.enter_context(self.agent.start())

    def start_server(self) -> Prosody:
        assert isinstance(self.server, Prosody)
        return self.server.start(
            accounts=dict.fromkeys(self._names, "pencil"),
            components=self._components,
            dns=self._dns,
            modules=["stanza_debug"],
            extra='modules_enabled = { "offline" }\n',
        )

    def start_kamailio(self) -> Kamailio:
        self.kamailio.start(gateway=self.edge.sip_address, extra=f'modparam("tm", "fr_timer", {PROXY_PATIENCE})\n')
        self.kamailio.resolves(NAME, self.edge.address)
        return self.kamailio

    async def run(self, seeds: Iterable[int]) -> None:
        """One repetition for each seed, with a line for each."""
        server, proxy = (self.server.address, self.server.c2s), (self.kamailio.address, self.kamailio.local)
        ledger = self.ledger
        self.nurses = [
            XmppTalker(f"nurse{number}@{CAPULET}", "pencil", server, self._returned, ledger.accepted)
            for number in range(PAIRS)
        ]
        self.tybalts = [
            SipTalker(
                f"sip:tybalt{number}@{MONTAGUE}",
                self.addresses.of("users"),
                proxy,
                lambda message: None,
                self._answered,
            )
            for number in range(PAIRS)
        ]
        talkers = [*self.nurses, *self.tybalts]
        for talker in talkers:
            talker.start()
        try:
            for seed in seeds:
                print(await self._repeat(seed), flush=True)
            self.ledger.open()
            self.faults += [
                f"seed {each.seed}, {each.victim} killed: twice: {each}" for each in self.ledger.doubles(AGENT, GATEWAY)
            ]
        finally:
            for talker in talkers:
                await talker.stop()

    def summary(self) -> str:
        """Numbers."""
        rows = [f"{self.link}, killed: {told(self.killed)}"]
        rows += [f"from {way}: {told(count)}" for way, count in self.ledger.counts().items()]
        return "\n".join([*rows, f"lost: {told(self.lost)}"])

    async def _repeat(self, seed: int) -> str:
        chance = random.Random(seed)
        victim = VICTIMS[seed % len(VICTIMS)]
        begun = time.monotonic()
        await self._meet(seed)
        evidence = Evidence(self.link, self.server.log, self.edge.log)
        talk = [
            asyncio.create_task(self._talk(way, number, seed, victim, random.Random(chance.random())))
            for way in (XMPP, SIP)
            for number in range(PAIRS)
        ]
        await asyncio.sleep(chance.uniform(0, ALIVE))
        await self._kill(victim, chance.uniform(*DOWN), evidence)
        if chance.random() < AGAIN:
            await asyncio.sleep(chance.uniform(0, SOON))
            await self._kill(victim, chance.uniform(*DOWN), evidence)
        await asyncio.sleep(AFTER)
        for each in talk:
            each.cancel()
        await asyncio.wait(talk)
        assert all(each.cancelled() for each in talk), talk
        lost = await self._settle(evidence)
        for said, why in lost:
            self.ledger.close(said)
            if why:
                self.lost[why] += 1
            else:
                self.faults.append(f"seed {seed}, {victim} killed: nobody has {said}\n{evidence.lines(said)}")
        counted = Counter(why or "LOST" for _, why in lost)
        return f"seed {seed}: {victim}, {time.monotonic() - begun:.1f} s, {dict(counted) or 'all is well'}"

    async def _kill(self, victim: str, pause: float, evidence: Evidence) -> None:
        processes: dict[str, tuple[Process, Callable[[], object]]] = {
            PROXY: (self.kamailio, self.start_kamailio),
            GATEWAY: (self.edge, self.edge.start),
            SERVER: (self.server, self.start_server),
            AGENT: (self.agent, self.agent.start),
        }
        process, start = processes[victim]
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._starter, process.kill)
        self.killed[victim] += 1
        await asyncio.sleep(pause)
        await loop.run_in_executor(self._starter, self._all_have_read)
        evidence.death()
        await loop.run_in_executor(self._starter, start)

    def _all_have_read(self) -> None:
        """Wait until the others have read what he had written, and closed their ends."""
        where = {each.address for each in (self.server, self.kamailio, self.edge)}
        with contextlib.suppress(AssertionError):  # then the logs may be parted too early: see what comes of it
            wait_until(lambda: not half_closed(where), "everything is read", READ_WITHIN)

    async def _meet(self, seed: int) -> None:
        """Everybody reaches everybody, so that all links are there: those that were killed are made anew by need."""
        strangers = [(way, number) for way in (XMPP, SIP) for number in range(PAIRS)]
        deadline = time.monotonic() + MEETS_WITHIN
        attempt = 0
        while strangers:
            assert time.monotonic() < deadline, f"seed {seed}: {strangers} do not reach each other any more"
            said = {
                (way, number): self._say(way, number, seed, NOBODY, [f"hello{attempt}"]) for way, number in strangers
            }
            attempt += 1
            while self.ledger.open() and time.monotonic() < deadline:
                await asyncio.sleep(0.01)
            strangers = [
                pair
                for pair, messages in said.items()
                if not messages or not all(each.arrived and not each.reported for each in messages)
            ]
            if strangers:
                await asyncio.sleep(0.1)

    async def _talk(self, way: str, number: int, seed: int, victim: str, chance: random.Random) -> None:
        count = 0
        while True:
            size = chance.randint(1, BURST)
            self._say(way, number, seed, victim, [f"{count + each}" for each in range(size)])
            count += size
            await asyncio.sleep(chance.uniform(0, GAP))

    def _say(self, way: str, number: int, seed: int, victim: str, words: list[str]) -> list[Said]:
        """Returns what was said: nothing if the user has no connection."""
        talker: XmppTalker | SipTalker = (self.nurses if way == XMPP else self.tybalts)[number]
        if not talker.ready.is_set():
            return []
        recipient = f"romeo{number}@{MONTAGUE}" if way == XMPP else f"juliet{number}@{CAPULET}"
        said = [Said(f"{way}-{seed}-{number}-{word}", way, recipient, seed, victim) for word in words]
        for each in said:
            self.ledger.say(each)
        talker.say(recipient if way == XMPP else f"sip:{recipient}", [each.key for each in said])
        return said

    def _returned(self, stanza: Element) -> None:
        if stanza.get("type") == "error":
            self.ledger.returned(stanza.get("id", ""), stanza.findtext("{*}error/{*}text", ""))

    def _answered(self, key: str, status: int) -> None:
        said = self.ledger.answered(key, status)
        if said.reported and not said.repeated and said.victim != NOBODY:
            self.ledger.repeat(said)
            self._say_again(said)

    def _say_again(self, said: Said) -> None:
        """After a while, when he can."""

        def again() -> None:
            if talker.ready.is_set():
                talker.say(f"sip:{said.recipient}", [said.key])
            else:
                self._say_again(said)

        talker = self.tybalts[int(said.key.split("-")[2])]
        asyncio.get_running_loop().call_later(REPEAT, again)

    async def _settle(self, evidence: Evidence) -> list[tuple[Said, str]]:
        """Wait for everything that is open; returns what stays so, and why that was to be expected, if it was."""
        where = partial(evidence.of, server=SERVER, gateway=GATEWAY)
        begun = time.monotonic()
        explain = begun + EXPLAINED_AFTER
        while (left := self.ledger.open()) and time.monotonic() < begun + SETTLED_WITHIN:
            await asyncio.sleep(0.02)
            if time.monotonic() > explain:
                if all(where(said) for said in left):
                    break
                explain += 1
        return [(said, where(said)) for said in left]


def told(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {what}" for what, number in counts.items() if number) or "nothing"
