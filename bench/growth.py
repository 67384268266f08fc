"""Whether a message costs more when there is more to look after: partners, links, subscriptions; and what s2s costs.

Gateways with little and with much run in turn on one core (`bench.rows`), and carry the same traffic: `TOGETHER`
messages on one link, and when these are through as many on the next one, until all links of all partners have had
their turn. So a read brings as much on a thousand links as on one, and what grows is what grows with their number.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from statistics import median

from bench.messages import Course, ToSip, ToXmpp, run
from bench.process import Measured
from bench.rows import Slice, in_turn
from bench.rows import some as some_messages
from bench.setting import Setting
from bench.standing import crowd
from bench.subscriptions import SipWatchers, XmppWatchers
from bench.wire import Loop

TOGETHER = 8  # messages at a time, on one link
SLICE = 8_000  # messages: each of a thousand links has its turn
PARTNERS = (1, 10, 100, 1000)
LINKS = ((1, 1), (10, 1), (25, 4), (250, 4))  # partners, and links that each has opened
SUBSCRIPTIONS = (10, 1_000, 100_000)
SUBSCRIBED = 50  # partners that have them
TURNS = 3


@dataclass(frozen=True)
class Grown:
    """Seconds of CPU for each message; ``ratio`` to the first of its row (the median of pairs)."""

    name: str
    cpu: float
    ratio: float


class InTurnToXmpp(ToXmpp):
    together = True
    stay = TOGETHER


class InTurnToSip(ToSip):
    together = True
    stay = TOGETHER


def run_partners(numbers: Sequence[int] = PARTNERS) -> Iterator[Grown]:
    """Each partner has a link to us, one from us, and a component stream."""
    loop = Loop()
    with ExitStack() as stack:
        sides = [started(stack, loop, number) for number in numbers]
        for name, prepare in (("SIP->XMPP", towards_xmpp), ("XMPP->SIP", towards_sip)):
            slices = [prepare(*side) for side in sides]
            yield from grown([f"{name}, {number} partners" for number in numbers], in_turn(slices, TURNS))


def run_links(numbers: Sequence[tuple[int, int]] = LINKS) -> Iterator[Grown]:
    """So many links of the SIP side."""
    loop = Loop()
    with ExitStack() as stack:
        slices = [towards_xmpp(*started(stack, loop, partners), each) for partners, each in numbers]
        names = [f"SIP->XMPP, {partners * each} links" for partners, each in numbers]
        yield from grown(names, in_turn(slices, TURNS))


def run_subscribed(numbers: Sequence[int] = SUBSCRIPTIONS) -> Iterator[Grown]:
    """So many active subscriptions, half of them each way; the messages are between users who have some."""
    loop = Loop()
    with ExitStack() as stack:
        sides = []
        for number in numbers:
            setting, measured = started(stack, loop, SUBSCRIBED)
            half, domains = number // 2, setting.sip_domains
            XmppWatchers(setting).go(half, crowd(domains, 0, False))
            SipWatchers(setting).go(half, crowd(domains, 0, True))
            setting.loop.rest(1.0)
            sides.append((setting, measured))
        for name, prepare in (("SIP->XMPP", towards_xmpp), ("XMPP->SIP", towards_sip)):
            slices = [prepare(*side) for side in sides]
            yield from grown([f"{name}, {number} subscriptions" for number in numbers], in_turn(slices, TURNS))


def run_s2s() -> Iterator[Grown]:
    """A component link, or s2s with TLS, SASL EXTERNAL, XEP-0198 and a stream for each direction: flat out."""
    loop = Loop()
    with ExitStack() as stack:
        kinds = {"component": ("component", True), "s2s": ("s2s", True), "s2s, a record each": ("s2s", False)}
        sides = [started(stack, loop, 1, *kind) for kind in kinds.values()]
        for name, way in (("SIP->XMPP", ToXmpp), ("XMPP->SIP", ToSip)):
            slices = [partial(some_messages, setting, measured, way) for setting, measured in sides]
            yield from grown([f"{name}, {kind}" for kind in kinds], in_turn(slices, TURNS))


def started(
    stack: ExitStack, loop: Loop, partners: int, link: str = "component", fills: bool = True
) -> tuple[Setting, Measured]:
    apart = link == "component"
    setting = stack.enter_context(Setting(partners=partners, link=link, apart=apart, loop=loop, fills=fills))
    return setting, stack.enter_context(setting.start())


def towards_xmpp(setting: Setting, measured: Measured, links: int = 1) -> Slice:
    places = [(wire, domain) for domain in setting.sip_domains for wire in setting.links(links, domain)]
    return partial(some, setting, measured, lambda setting: InTurnToXmpp(setting, places))


def towards_sip(setting: Setting, measured: Measured) -> Slice:
    places = [(setting.component.wires[domain], domain) for domain in setting.sip_domains]
    InTurnToSip(setting, places).go(TOGETHER * len(places), TOGETHER, 0.0)  # every link is dialled
    return partial(some, setting, measured, lambda setting: InTurnToSip(setting, places))


def some(setting: Setting, measured: Measured, way: Callable[[Setting], Course]) -> float:
    return run(setting, measured, way, SLICE, TOGETHER).cpu


def grown(names: Sequence[str], costs: Sequence[Sequence[float]]) -> Iterator[Grown]:
    for name, cost in zip(names, costs, strict=True):
        yield Grown(name, median(cost), median(now / first for now, first in zip(cost, costs[0], strict=True)))
