"""The whole gateway without sockets and with fake time: what a transcript (`tests.transcript`) is played on."""

import re
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock

from edge.codes import Code
from edge.domains import Domain, domain
from edge.driver import Driver
from edge.gateway.core import Gateway
from edge.gateway.effects import Path, Report, SipLink
from edge.gateway.node import Node
from edge.identifiers import Identifiers
from edge.mapping.profile import Profile
from edge.partners import Block, Directory, Peer, System
from edge.sip.framing import Framer
from edge.sip.layer import TransactionLayer
from edge.sip.message import Request
from edge.store.memory import MemoryStore
from edge.timers import TICK, Wheel
from edge.xmpp.service import Service

EDGE = domain("edge.example.net")
CODE = re.compile(rb"EDGE-([A-Z]\d\d) ")
REDIAL = 5.0  # seconds between two dials of somebody who is down


@dataclass(eq=False)
class Actor:
    """One system of the cast and what has arrived there."""

    name: str
    protocol: str
    peer: Peer
    system: System | None
    address: str = "192.0.2.1"
    down: bool = False
    silent: bool = False
    paused: bool = False
    unreached: list[tuple[System, Domain, bytes, object]] | None = None  # what waits for a link, if that is awaited
    inbox: deque[bytes] = field(default_factory=deque)
    requests: list[Request] = field(default_factory=list)
    last_sent: Request | None = None


class Stage:
    """The gateway with pretended pools; implements what `Driver.attach` wants."""

    def __init__(self, cast: Sequence[tuple[str, str, str, list[str], dict[str, str]]]) -> None:
        self.clock = Clock()
        self.clock.advance(1000.0)
        self.cast = {name: (kind, how, domains, settings) for name, kind, how, domains, settings in cast}
        self.blocked_partners: set[str] = set()
        self.systems = self.listed()
        self.directory = Directory(self.systems, self.blocked(), self.template())
        self.taken: list[object] = []
        self.told: Counter[str] = Counter()  # reason codes that peers were told
        self.logged: Counter[str] = Counter()  # and those that the log was
        self._answers: set[bytes] = set()
        self.dials: dict[Path, IDelayedCall] = {}  # what is wished for and not up
        by_name = {system.name: system for system in self.systems}
        self.actors = {}
        for name, _, how, domains, settings in cast:
            protocol = "sip" if how == "sip" else "xmpp"
            proved = settings["proved"].split(",") if "proved" in settings else domains
            peer = self.peer(name, frozenset(domain(each.removeprefix("*.")) for each in proved))
            self.actors[name] = Actor(name, protocol, peer, by_name.get(name))
        self.tokens = count(1)
        self.store = MemoryStore()
        self.birth()

    def listed(self) -> list[System]:
        """Who of the cast is on our list."""
        return [
            _system(name, *said) for name, said in self.cast.items()
            if said[0] in ("inside", "partner") or name in self.blocked_partners
        ]

    def template(self) -> System | None:
        """What discovered partners are like: as somebody says who is not listed."""
        for kind, how, _, settings in self.cast.values():
            if kind == "unlisted" and settings.get("unknown_domains") == "discover":
                return replace(_system("discovered", kind, how, [], settings), discovered=True)
        return None

    def peer(self, name: str, names: frozenset[Domain]) -> Peer:
        """What somebody proves to be, who shows a good certificate with these names."""
        kind, how, _, _ = self.cast[name]
        if kind == "unlisted" and self.template() is not None:
            proved = frozenset[str]() if how == "sip" else frozenset(map(str, names))
            return Peer("sip" if how == "sip" else "xmpp", names, proved, open=how == "sip")
        fault = Code.A01 if kind == "unlisted" and how != "sip" else None
        return self.directory.identify("sip" if how == "sip" else "xmpp", names, fault)

    def actor(self, system: System) -> Actor:
        """Who plays a system: a discovered one is called by his domain."""
        found = (name for name, (_, _, domains, _) in self.cast.items() if system.name in domains)
        return self.actors[next(found)] if system.discovered else self.actors[system.name]

    def blocked(self) -> list[Block]:
        return [
            Block(*_names(domains), reason="abuse", silent=settings.get("answer") == "silent")
            for kind, _, domains, settings in self.cast.values() if kind == "blocked"
        ]

    def relist(self, name: str, kind: str, settings: dict[str, str]) -> None:
        """The partner list is reloaded, with something else in it about ``name``."""
        was, how, domains, before = self.cast[name]
        if kind == "blocked" and was == "partner":
            self.blocked_partners.add(name)  # nobody has taken its entry away
        self.cast[name] = kind, how, domains, before | settings
        changes = self.directory.become(Directory(self.listed(), self.blocked(), self.template()))
        for actor in self.actors.values():
            actor.system = self.directory.named(actor.name)
            actor.peer = self.peer(actor.name, actor.peer.names)
        self.driver.reloaded(changes)

    def birth(self) -> None:
        """A gateway starts, with what the store has kept."""
        ids = Identifiers(lambda: f"token{next(self.tokens)}", EDGE)
        wheel: Wheel[object] = Wheel(self.clock.seconds())
        node = Node(EDGE, 5061, self.directory, ids, wheel, TransactionLayer(wheel, ids))
        self.gateway = Gateway(node, Service(EDGE, "0"))
        self.directory.discovered.holders.append(self.gateway.policy)
        self.driver = Driver(self.clock, self.gateway, wall=lambda: 1_700_000_000 + self.clock.seconds())
        self.driver.attach(self, XmppStage(self), self)
        self.driver._report = self._heard(self.driver._report)  # type: ignore[method-assign]
        self.driver.start(self.store)

    def _heard(self, report: Callable[[Report], None]) -> Callable[[Report], None]:
        """A bug of ours never hides behind the answer that its peer gets."""

        def heard(event: Report) -> None:
            assert event.event != "internal.error", f"a bug: {event.fields}"
            if event.code is not None:
                self.logged[event.code.name] += 1
            report(event)

        return heard

    def tells(self, data: bytes) -> None:
        """A refusal, perhaps: what its peer is told of why has to be in the log as well."""
        if (found := CODE.search(data)) is not None:
            self.told[found[1].decode()] += 1

    def killed(self, after: float = 0, without: str = "") -> None:
        """The gateway dies without a word: nothing but the store is left, and connections are lost.

        It starts again ``after`` some seconds; ``without`` is the system that is no longer configured then.
        """
        self.driver.stop()
        self.taken.clear()
        self.clock.advance(after)
        listed = [system for system in self.listed() if system.name != without]
        self.directory = Directory(listed, self.blocked(), self.template())
        for dial in self.dials.values():
            dial.cancel()
        self.dials.clear()
        for actor in self.actors.values():
            actor.requests.clear()
            if actor.unreached is not None:
                actor.unreached = []
        self.birth()

    # what becomes of a way
    def paths(self, actor: Actor) -> list[Path]:
        domains = self.cast[actor.name][2]
        system = actor.system or next((each for each in self.directory.discovered if each.name in domains), None)
        if system is None:
            return []
        if system.protocol == "sip":
            return [Path(system)]
        ours = self.directory.opposite(system)
        return list(dict.fromkeys(self.path(system, local, remote) for local in ours for remote in system.domains))

    def path(self, system: System, local: Domain, remote: Domain) -> Path:
        return Path(system, local) if system.link == "component" else Path(system, local, remote)

    def returns(self, path: Path, token: object) -> None:
        """What was sent to somebody who is down comes back after a dial for it has failed."""
        self.driver.path_failed(*path, Code.N01, Code.N01.sentence)
        if token is not None:
            self.driver.unsent(token, Code.N01, Code.N01.sentence)

    def dialled(self, path: Path, seconds: float = 0) -> None:
        """It takes a moment until a link is up, or until it is clear that there is none; then it is tried again."""
        if path not in self.dials:
            self.dials[path] = self.clock.callLater(seconds, self._dialled, path)

    def _dialled(self, path: Path) -> None:
        del self.dials[path]
        if self.actor(path.system).down:
            self.dialled(path, REDIAL)
            self.driver.path_failed(*path, Code.N01, Code.N01.sentence)
        else:
            self.driver.path_up(*path)

    def reach(self, system: System, name: Domain) -> None:
        self.dialled(Path(system))

    def goes(self, actor: Actor, down: bool) -> None:
        """A system is gone, or it is back and links to it are made again."""
        actor.down = down
        waiting, actor.unreached = actor.unreached or [], None
        for each in waiting:
            self.send(*each)
        for path in self.paths(actor):
            if down:
                self.driver.path_lost(*path, False)
            elif path in self.dials:
                self.dials[path].reset(0)
            else:
                self.driver.path_up(*path)

    def idles(self, actor: Actor) -> None:
        """The links to a system are closed in good order for want of work."""
        for path in self.paths(actor):
            self.driver.path_lost(*path, True)

    # SipPool and Turn
    def send(self, system: System, name: Domain, data: bytes, token: object) -> None:
        actor = self.actor(system)
        if actor.down:
            self.clock.callLater(0, self.returns, Path(system), token)
            return
        if actor.unreached is not None:
            actor.unreached.append((system, name, data, token))
            return
        actor.inbox.append(data)
        actor.requests.append(sip_message(data))
        self.driver.sip_sent(token, actor)

    def respond(self, link: SipLink, data: bytes) -> None:
        assert isinstance(link, Actor)
        link.inbox.append(data)
        if data not in self._answers:  # else it is sent once more
            self._answers.add(data)
            self.tells(data)

    def begin(self) -> None:
        pass

    def flush(self) -> None:
        if self.taken:
            taken, self.taken = self.taken, []
            self.clock.callLater(0, self.driver.taken, taken)

    def settle(self) -> None:
        """Let everything happen that happens at once."""
        for _ in range(10):
            self.clock.advance(0)

    def pass_time(self, seconds: float) -> None:
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            self.clock.advance(min(TICK, end - self.clock.seconds()))
        self.settle()


class XmppStage:
    """The XmppPool of a `Stage`."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def reach(self, local: Domain, remote: Domain) -> None:
        stage = self._stage
        system = stage.directory.system_of(remote)
        assert system is not None
        stage.dialled(stage.path(system, local, remote))

    def send(self, sender: Domain, recipient: Domain, data: bytes, token: object | None) -> None:
        stage = self._stage
        system = stage.directory.system_of(recipient)
        actor = stage.actor(system) if system is not None else None
        if actor is None:  # who is not listed (any more), or somebody behind a component
            domains = {each: stage.actors[name] for name, (_, _, said, _) in stage.cast.items() for each in said}
            actor = domains.get(str(recipient))
        if actor is None:
            actor = next(a for a in stage.actors.values() if a.protocol == "xmpp")
        if actor.down:
            assert system is not None
            stage.clock.callLater(0, stage.returns, stage.path(system, sender, recipient), token)
            return
        actor.inbox.append(data)
        stage.tells(data)
        if token is not None and not actor.silent:
            stage.taken.append(token)


def sip_message(data: bytes) -> Request:
    messages = Framer().feed(data)
    assert len(messages) == 1, f"not one SIP message: {data!r}"
    return messages[0]  # type: ignore[return-value]


def _names(domains: list[str]) -> tuple[tuple[Domain, ...], tuple[Domain, ...]]:
    """Domains, and what is below a ``*.``."""
    exact = tuple(domain(each) for each in domains if not each.startswith("*."))
    return exact, tuple(domain(each[2:]) for each in domains if each.startswith("*."))


def _system(name: str, kind: str, how: str, domains: list[str], settings: dict[str, str]) -> System:
    exact, wildcards = _names(domains)
    keys = "direction", "im_mode", "html", "encrypted", "allow", "traffic", "identity", "subscribe"
    plain = {key: settings[key] for key in keys if key in settings}
    return System(
        name=name,
        inside=kind == "inside",
        protocol="sip" if how == "sip" else "xmpp",
        domains=exact,
        wildcards=wildcards,
        link={"sip": "tls", "s2s": "s2s", "component": "component"}[how],
        presence=_profile(settings),
        presence_format=settings.get("format", "pidf"),
        piggyback=settings.get("piggyback") == "true",
        verification_marker=settings.get("verification_marker", "").replace("_", " "),
        resume_per_s=float(settings.get("resume_per_s", "200")),
        message_bytes=int(settings.get("message_bytes", "1300")),
        messages_per_s=float(settings.get("messages_per_s", "100")),
        burst=int(settings.get("burst", "500")),
        transit=settings.get("transit") == "true",
        local_users=int(settings.get("local_users", "1000")),
        suspicious_rate=float(settings.get("suspicious_rate", "1")),
        **plain,
    )


def _profile(settings: dict[str, str]) -> Profile:
    rows = {key[4:]: value.replace("_", " ") for key, value in settings.items() if key.startswith("map:")}
    return Profile.build(outbound=settings.get("outbound", "full"), notes=settings.get("notes") != "false", rows=rows)
