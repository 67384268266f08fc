"""Kinds of traffic in slices that can be run in turn: two gateways at once, and what one minute of the machine is worth
falls on both.

`bench.compare` runs them on two revisions, `bench.growth` on one gateway with little and one with much to look after.
"""

from collections.abc import Callable, Sequence
from functools import partial

from bench import messages, presence, sessions
from bench.messages import OUTSTANDING, Course
from bench.process import Measured
from bench.setting import Setting

SLICE = 3_000  # messages
PACED, RATE = 1_000, 500.0
TURNS = 5  # there and back

Slice = Callable[[], float]
"""Runs one slice, and returns the seconds of CPU for each message."""

NAMES = (
    "to-xmpp", "to-sip", "to-xmpp-paced", "to-sip-paced", "session-to-xmpp", "session-to-sip", "notify-to-sip",
    "notify-to-xmpp",
)
USUAL = ("to-xmpp", "to-sip", "notify-to-sip")


def mode(name: str) -> str:
    """The ``im_mode`` of the `Setting` that a row needs."""
    return "session" if name.startswith("session") else "page"


def prepared(name: str, setting: Setting, measured: Measured) -> Slice:
    """Get ready for the row with ``name``, and return what runs a slice of it."""
    page = messages.ToXmpp if "to-xmpp" in name else messages.ToSip
    if name.startswith("session"):
        far = sessions.FarSide(setting)
        half = sessions.TALKS // 2
        talks = [*far.open(half, True), *far.open(half, False)]
        kind = sessions.ToXmpp if name == "session-to-xmpp" else sessions.ToSip
        return partial(some, setting, measured, lambda _: kind(far, talks))
    if name.startswith("notify"):
        return presence.rounds(setting, measured, presence.ToXmpp if name == "notify-to-xmpp" else presence.ToSip)
    if name.endswith("paced"):
        return partial(some, setting, measured, page, PACED, RATE)
    return partial(some, setting, measured, page)


def some(
    setting: Setting, measured: Measured, way: Callable[[Setting], Course], count: int = SLICE, rate: float = 0.0
) -> float:
    return messages.run(setting, measured, way, count, OUTSTANDING, rate).cpu


def in_turn(slices: Sequence[Slice], turns: int = TURNS) -> list[list[float]]:
    """Run each slice ``2 * turns`` times, there and back (A B B A); for each, what its runs have cost."""
    costs: list[list[float]] = [[] for _ in slices]
    for each in slices:
        each()  # links dialled, caches filled, code specialised
    for _ in range(turns):
        there = list(zip(slices, costs, strict=True))
        for run_slice, cost in [*there, *reversed(there)]:
            cost.append(run_slice())
    return costs
