"""With whom a message was lost: what the logs of Prosody and of the gateway say of one repetition of `kills`.

Prosody's log has what it reads and writes, with ids and, by `mod_stanza_debug`, bodies. The gateway's has one line for
each stanza, with the recipient; as each recipient has one sender only, whose messages stay in order, it says which
they were. A death parts the logs, and each part is a `Life`.
"""

import re
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from tests.interop.ledger import SIP, Said
from tests.interop.world import MONTAGUE

# Where a message was that is lost, and may be
IN_PROSODY = "in Prosody"  # which was killed with it after it had acknowledged it
IN_OPENING = "on a stream that Prosody was opening"  # on which it does not count yet
IN_BUFFER = "on the component connection"  # which the gateway had not read to its end

ID, TO, BODY = re.compile(r" id='([^']+)'"), re.compile(r" to='([^']+)'"), re.compile(r"<body>([^<]+)</body>")
READ = re.compile(r"<-- message chat to (\S+) -")


@dataclass
class Life:
    """The keys of what passed between two deaths. ``counts`` and ``there`` are how it began, and how it ended."""

    counts: bool  # Prosody has a stream to the gateway, and its stream management has begun
    there: bool  # the gateway is connected as a component
    known: set[str] = field(default_factory=set)  # Prosody had it in its hands
    accepted: set[str] = field(default_factory=set)  # and that from a user of its own
    written: dict[str, list[str]] = field(default_factory=dict)  # by recipient: it was sent on to the gateway
    uncounted: set[str] = field(default_factory=set)  # of those, what no acknowledgement would count
    read: set[str] = field(default_factory=set)  # the gateway had it

    def live(self, link: str, server: str, gateway: str) -> None:
        """Read both logs."""
        for line in server.splitlines():
            session, _, text = [*line.split(maxsplit=2), "", "", ""][:3]
            if text.startswith(("SEND: <message", "RECV: <message")):
                self.known.update(BODY.findall(text))
            elif text.startswith("Received[c2s]: <message"):
                self.accepted.update(ID.findall(text))
                if link == "component" and self.there:  # it writes at once what it reads
                    self._wrote(text)
            elif text.startswith("Sending[s2sout]: <message"):
                self._wrote(text)
                if not self.counts:
                    self.uncounted.update(ID.findall(text))
            elif text.startswith("Sending[s2sout]: <enable "):
                self.counts = True
            elif text.startswith("Destroying outgoing session"):
                self.counts = False
            elif text.startswith(f"component disconnected: {MONTAGUE}"):
                self.there = False
            elif "External component successfully authenticated" in text:
                self.there = True
            elif session == "startup" and "Hello" in text:
                self.counts = self.there = False
        seen = READ.findall(gateway)
        for recipient, keys in self.written.items():
            self.read.update(keys[: seen.count(recipient)])

    def _wrote(self, text: str) -> None:
        for recipient, key in zip(TO.findall(text), ID.findall(text), strict=True):
            self.written.setdefault(recipient, []).append(key)


class Evidence:
    """Of one repetition. To be made when everybody has reached everybody, so that all links are there."""

    def __init__(self, link: str, server: Path, gateway: Path) -> None:
        self._link = link
        self._logs = server, gateway
        self._marks = [self._sizes()]

    def death(self) -> None:
        """Somebody has been killed, and is not back yet."""
        self._marks.append(self._sizes())

    def of(self, said: Said, *, server: str, gateway: str) -> str:
        """Where a message was that is lost, if ``server`` or ``gateway`` was killed and may have lost it."""
        lives = self._lives()
        if said.way == SIP:
            known = said.status is not None and any(said.key in life.known for life in lives)
            return IN_PROSODY if known and said.victim == server else ""
        life = next((life for life in lives if said.key in life.accepted), None)
        if life is None or not said.accepted:
            return ""
        if said.victim == server:
            return "" if said.key in life.read else IN_PROSODY
        if said.victim == gateway and self._link == "s2s":
            return IN_OPENING if any(said.key in each.uncounted for each in lives) else ""
        if said.victim == gateway and said.key in life.written.get(said.recipient, ()):
            return "" if said.key in life.read else IN_BUFFER
        return ""

    def lines(self, said: Said) -> str:
        """What there is about a message, for whoever looks for the cause."""
        text = part(self._logs[0], self._marks[0][0], None)
        return "\n".join(line for line in text.splitlines() if f">{said.key}<" in line or f"'{said.key}'" in line)

    def _lives(self) -> list[Life]:
        """Those that a death has ended."""
        counts = there = True
        lives = []
        for start, end in pairwise(self._marks):
            server, gateway = (part(log, *ends) for log, *ends in zip(self._logs, start, end, strict=True))
            life = Life(counts, there)
            life.live(self._link, server, gateway)
            counts, there = life.counts, life.there
            lives.append(life)
        return lives

    def _sizes(self) -> tuple[int, int]:
        server, gateway = self._logs
        return server.stat().st_size, gateway.stat().st_size


def part(log: Path, start: int, end: int | None) -> str:
    with log.open("rb") as file:
        file.seek(start)
        return file.read(-1 if end is None else end - start).decode(errors="replace")
