"""Where the time of a message goes: microseconds of CPU in each room of the gateway, under full load.

`bench.launched` samples the process that does the work, so a room's part is that of the samples found in it, and its
microseconds are this part of what the kernel says a message costs. See there for what is counted where. With n samples
in all, a room with the part p is known to 2 * sqrt(p * (1 - p) / n), nineteen times of twenty: `Profile.error`.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import sqrt

from bench.messages import OUTSTANDING, ToSip, ToXmpp, run
from bench.presence import run_presence
from bench.rooms import BUDGET, ROOMS, room_of
from bench.sessions import run_messages
from bench.setting import Setting

MESSAGES = 60_000  # of each kind: some three seconds of CPU, 700 samples or more
ROUNDS = 60  # of a thousand NOTIFYs


@dataclass
class Profile:
    """What one kind of traffic costs. ``found`` is how often each function was at work, by (module, name)."""

    name: str
    cpu: float  # seconds for each message
    found: Counter[tuple[str, str]] = field(repr=False)

    @property
    def samples(self) -> int:
        return sum(self.found.values())

    def room(self, room: str) -> float:
        """Seconds for each message in ``room``."""
        there = sum(count for (module, function), count in self.found.items() if room_of(module, function) == room)
        return self.cpu * there / self.samples

    def error(self, room: str) -> float:
        """Of `room`, either way."""
        part = self.room(room) / self.cpu
        return self.cpu * 2 * sqrt(part * (1 - part) / self.samples)

    def is_over(self, room: str) -> bool:
        """Whether ``room`` uses more than its budget, by more than what is not known."""
        budget = BUDGET.get(self.name, {}).get(room)
        return budget is not None and self.room(room) - self.error(room) > budget * 1e-6

    def functions(self, room: str, most: int) -> list[tuple[str, float]]:
        """The functions that use most in ``room``, with their seconds for each message."""
        there = [(count, at) for at, count in self.found.items() if room_of(*at) == room]
        there.sort(reverse=True)
        return [(f"{module}.{name}", self.cpu * count / self.samples) for count, (module, name) in there[:most]]


def run_profile() -> Iterator[Profile]:
    """All kinds of traffic, one after the other."""
    with Setting(sampled=True) as setting, setting.start() as measured:
        for name, way in (("SIP>XMPP", ToXmpp), ("XMPP>SIP", ToSip)):
            cpu = run(setting, measured, way, MESSAGES, OUTSTANDING).cpu
            yield Profile(name, cpu, measured.found)
    with Setting(sampled=True, link="s2s") as setting, setting.start() as measured:
        for name, way in (("s2s >XMPP", ToXmpp), ("s2s >SIP", ToSip)):
            cpu = run(setting, measured, way, MESSAGES, OUTSTANDING).cpu
            yield Profile(name, cpu, measured.found)
    with Setting(sampled=True, im_mode="session") as setting, setting.start() as measured:
        for name, (_, figures) in zip(
            ("session >XMPP", "session >SIP"), run_messages(setting, measured, MESSAGES), strict=True
        ):
            yield Profile(name, figures.cpu, measured.found)
    with Setting(sampled=True) as setting, setting.start() as measured:
        for name, passed in zip(("NOTIFY out", "NOTIFY in"), run_presence(setting, measured, ROUNDS), strict=True):
            yield Profile(name, passed.cpu_each, measured.found)


def table(profiles: list[Profile]) -> str:
    """Rooms down, kinds of traffic across. "!": over its budget."""
    lines = [f"{'us for each message':22}" + "".join(f"{each.name:>16}" for each in profiles)]
    for room in ROOMS:
        cells = (
            f"{each.room(room) * 1e6:9.1f} ±{each.error(room) * 1e6:4.1f}{'!' if each.is_over(room) else ' '}"
            for each in profiles
        )
        lines.append(f"{room:22}" + "".join(cells))
    lines.append(f"{'together':22}" + "".join(f"{each.cpu * 1e6:10.1f}      " for each in profiles))
    lines.append(f"{'samples':22}" + "".join(f"{each.samples:10}      " for each in profiles))
    return "\n".join(line.rstrip() for line in lines)
