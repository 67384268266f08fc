"""What there is at the moment of a scrape: links and ways, queues, sessions, certificates. Nothing is kept for it.

Used by `edge.admin.metrics` and `edge.admin.readiness`, by way of `edge.service`. Partners that are not listed are one.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edge.admin.running import Running
from edge.certificates.expiry import Ending
from edge.domains import Domain
from edge.gateway.counters import UNLISTED
from edge.net.links import Route
from edge.net.sip_link import SipLink
from edge.net.xmpp_link import XmppLink
from edge.partners import Directory


@dataclass(frozen=True, slots=True)
class Gauges:
    """The numbers of one moment."""

    links: Mapping[tuple[str, str, str, str], int] = field(default_factory=dict)  # partner, protocol, direction, state
    failing: Mapping[tuple[str, str], float] = field(default_factory=dict)  # partner, protocol: seconds of the longest
    queues: Mapping[str, int] = field(default_factory=dict)  # partner
    oldest: Mapping[str, float] = field(default_factory=dict)  # partner: seconds
    sessions: Mapping[tuple[str, str], int] = field(default_factory=dict)  # partner, direction
    unauthenticated: Mapping[str, int] = field(default_factory=dict)  # protocol
    expiries: tuple[tuple[str, str, str, float], ...] = ()  # role, partner, name, Unix epoch seconds
    lookups: Mapping[tuple[str, str], int] = field(default_factory=dict)  # type, result
    crls: Mapping[tuple[str, str], float] = field(default_factory=dict)  # issuer, where it is from: seconds


def gauges(running: Running, endings: Iterable[Ending], crls: Iterable[tuple[str, str, float]] = ()) -> Gauges:
    """Look at everything once. `edge.certificates.upkeep` knows the ``endings`` of all, and how old ``crls`` are."""
    links: Counter[tuple[str, str, str, str]] = Counter()
    unauthenticated = Counter({"sip": 0, "xmpp": 0})
    for one in running.sip.links:
        _count_sip(running, one, links, unauthenticated)
    for other in running.xmpp.links:
        _count_xmpp(running, other, links, unauthenticated)
    failing: dict[tuple[str, str], float] = {}
    queues: dict[str, int] = {}
    oldest: dict[str, float] = {}
    for name, protocol, route in ways(running):
        listed = listed_as(running, name)
        number, seconds = route.waiting
        queues[listed] = queues.get(listed, 0) + number
        oldest[listed] = max(oldest.get(listed, 0.0), seconds)
        if route.link is None:
            if route.state != "idle":
                links[listed, protocol, "out", route.state] += 1
            failing[listed, protocol] = max(failing.get((listed, protocol), 0.0), route.failing or 0.0)
        else:
            failing.setdefault((listed, protocol), 0.0)
    sessions: Counter[tuple[str, str]] = Counter()
    for (name, direction), number in running.gateway.chats.sessions().items():
        sessions[listed_as(running, name), direction] += number
    return Gauges(
        links, failing, queues, oldest, sessions, unauthenticated, tuple(_expiries(running, endings)),
        running.locator.lookups, {(issuer, source): age for issuer, source, age in crls},
    )


def ways(running: Running) -> list[tuple[str, str, Route[Any]]]:
    """Every way to a system: the system's name, the protocol, the route."""
    found: list[tuple[str, str, Route[Any]]] = [(name, "sip", route) for name, _, route in running.sip.routes]
    directory = running.gateway.node.directory
    for (_, remote), route in running.xmpp.routes:
        system = directory.named(remote) or directory.system_of(Domain(remote))
        found.append((system.name if system is not None else remote, "xmpp", route))
    return found


def listed_as(running: Running, name: str) -> str:
    """What the metrics call a system: those on no list have one name together."""
    return name if is_listed(running.gateway.node.directory, name) else UNLISTED


def is_listed(directory: Directory, name: str) -> bool:
    """Whether there is a system of that name in our files."""
    system = directory.named(name)
    return system is not None and not system.discovered


# -- private ---------------------------------------------------------------------------------------------------------


def _count_sip(
    running: Running, link: SipLink, links: Counter[tuple[str, str, str, str]], unauthenticated: Counter[str]
) -> None:
    direction = "out" if link.outbound else "in"
    if link.peer.systems:
        state = "up" if link.alive else "closing"
        for name in link.peer.systems:
            links[listed_as(running, name), "sip", direction, state] += 1
    elif not link.outbound:
        unauthenticated["sip"] += 1


def _count_xmpp(
    running: Running, link: XmppLink, links: Counter[tuple[str, str, str, str]], unauthenticated: Counter[str]
) -> None:
    accepted = link.negotiation.role == "s2s in"
    if link.alive:
        for name in link.peer.systems or {UNLISTED}:
            links[listed_as(running, name), "xmpp", "in" if accepted else "out", "up"] += 1
    elif accepted and not link.orderly:
        unauthenticated["xmpp"] += 1


def _expiries(running: Running, endings: Iterable[Ending]) -> list[tuple[str, str, str, float]]:
    found: dict[tuple[str, str, str], Ending] = {}
    for ending in endings:
        own = ending.role == "own"
        if not own and listed_as(running, ending.name) == UNLISTED:
            continue
        key = (ending.role, "" if own else ending.name, ending.name if own else "")
        if key not in found or ending.not_after < found[key].not_after:
            found[key] = ending
    return [(*key, ending.not_after.timestamp()) for key, ending in found.items()]
