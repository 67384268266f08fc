"""What both partners are: a process that takes orders on its standard input, and says there what has happened.

One order a line ("message juliet@xmpp.example Hello"), one event a line. When the input ends, so does the process: a
partner never outlives whoever started it.
"""

import random
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineReceiver

from edge.certificates.contexts import Contexts
from edge.certificates.identity import parse
from edge.codes import Code
from edge.domains import Domain
from edge.identifiers import Identifiers
from edge.net.locate import Locator
from edge.net.turn import Turn
from edge.partners import Directory, System


def say(event: str) -> None:
    """Tell whoever listens what has happened."""
    print(event, flush=True)


@dataclass
class Place:
    """Where a partner runs, from its arguments: FOLDER NAME PORT EDGE-PORT."""

    folder: Path
    name: str
    port: int
    edge_port: int

    @classmethod
    def of(cls, arguments: Sequence[str]) -> "Place":
        return cls(Path(arguments[0]), arguments[1], int(arguments[2]), int(arguments[3]))

    @property
    def ca(self) -> Path:
        """By whom the gateway's certificate must be issued."""
        return self.folder / "certs" / "ca.pem"


class Shells:
    """What the gateway's own pools are made of, here for a partner of the gateway."""

    def __init__(self, place: Place, systems: Sequence[System]) -> None:
        state = place.folder / "demo" / "state"
        certificate, key = (state / f"{place.name}{suffix}" for suffix in (".pem", ".key"))
        identity = parse(certificate.read_bytes(), key.read_bytes())
        self.rng = random.SystemRandom()
        self.turn = Turn(reactor)
        self.directory = Directory(systems)
        self.contexts = Contexts(identity, place.ca, systems)
        self.locator = Locator(reactor, (), self.rng)
        self.ids = Identifiers(lambda: secrets.token_hex(10), place.name)


class Quiet:
    """The half of `edge.net.sink.Sink` that neither partner cares about. What goes wrong is said all the same."""

    def taken(self, tokens: Sequence[object]) -> None:
        """Nobody waits for that here."""

    def sip_sent(self, token: object, link: object) -> None:
        """Nor for that."""

    def sip_lost(self, link: object) -> None:
        """Dialogs go on on another link."""

    def path_lost(self, system: System, local: Domain | None, remote: Domain | None, orderly: bool) -> None:
        """`link_event` says it."""

    def path_failed(self, system: System, local: Domain | None, remote: Domain | None, code: Code, text: str) -> None:
        """So it does of this."""

    def path_up(self, system: System, local: Domain | None, remote: Domain | None) -> None:
        """Nobody waits for that here."""

    def unsent(self, token: object, code: Code, text: str) -> None:
        say(f"unsent {code} {text}")

    def link_event(self, name: str, **fields: object) -> None:
        if name != "link.up":
            say(f"{name} {' '.join(f'{key}={value}' for key, value in fields.items())}")


class Orders(LineReceiver):
    """Standard input: calls ``act`` with the words of each line, and ``stop`` at the end."""

    delimiter = b"\n"

    def __init__(self, act: Callable[[str, str, str], None], stop: "Callable[[], Deferred[None]]") -> None:
        self._act = act
        self._stop = stop

    def lineReceived(self, line: bytes) -> None:
        order, _, rest = line.decode().partition(" ")
        who, _, text = rest.partition(" ")
        self._act(order, who, text)

    def connectionLost(self, reason: object = None) -> None:
        self._stop().addBoth(lambda _: reactor.stop() if reactor.running else None)


def run(act: Callable[[str, str, str], None], stop: "Callable[[], Deferred[None]]") -> None:
    """Take orders until there are no more."""
    StandardIO(Orders(act, stop))
    say("ready")
    reactor.run()
    sys.stdout.flush()
