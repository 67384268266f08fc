"""The links there are, and the ways on which there is none: `edge links`, `edge link close`, `edge link retry`.

Every fact is one that the link or its route has anyway; RFC 7590 §3.6 asks for most of them. Used by
`edge.admin.verbs`; `edge.admin.partners` makes its traffic lights of the same rows.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from edge.admin.local import Answer, Wrong
from edge.admin.running import Running
from edge.domains import Domain, unicode
from edge.domains import domain as canonical
from edge.errors import RemoteProtocolError
from edge.net.links import Route
from edge.net.sip_link import SipLink
from edge.net.xmpp_link import XmppLink
from edge.partners import System

MOST = 500  # rows of one answer; a table that nobody can read any more

Row = dict[str, Any]


def links(running: Running, said: Mapping[str, str]) -> Answer:
    """All links, or those of one ``partner`` with its idle ways; ``more`` is how many there was no room for."""
    name = said.get("partner", "")
    if name:
        system_named(running, name)
    rows = [row for row in rows_of(running) if not name or row["partner"] == name]
    if not name:
        rows = [row for row in rows if row["state"] != "idle" or row["code"] or row["queue"]]
    rows.sort(key=lambda row: (row["state"] == "half-open", row["partner"], row["protocol"], row["state"] != "up"))
    return {"links": rows[:MOST], "more": max(0, len(rows) - MOST)}


def rows_of(running: Running) -> list[Row]:
    """One row for each link, and for each way to a partner without one."""
    return [*_sip_rows(running), *_xmpp_rows(running)]


def close(running: Running, said: Mapping[str, str]) -> Answer:
    """Close every link with a partner in good order; another one is made when it is needed."""
    system = system_named(running, said.get("partner", ""))
    sip = [link for link in running.sip.links if system.name in _systems_of(link)]
    xmpp = [link for link in running.xmpp.links if system.name in _systems_of(link)]
    for one in sip:
        one.retire()
    for other in xmpp:
        other.close()
    return {"partner": system.name, "closed": len(sip) + len(xmpp)}


def retry(running: Running, said: Mapping[str, str]) -> Answer:
    """Dial a partner now on every way that is down; if there was never anything to send, on one."""
    system = system_named(running, said.get("partner", ""))
    routes = _routes_to(running, system)
    if not routes:
        _make_way(running, system, _domain_in(running, system, said.get("partner", "")))
        routes = _routes_to(running, system)
        dialled = sum(route.state == "connecting" for route in routes)
    else:
        dialled = sum(route.retry() for route in routes)
    up = sum(route.state == "up" for route in routes)
    return {"partner": system.name, "dialled": dialled, "up": up, "ways": len(routes)}


def system_named(running: Running, name: str) -> System:
    """A system by its name, or the one that a domain belongs to. `Wrong` if there is none."""
    directory = running.directory
    system = directory.named(name)
    if system is None:
        try:
            system = directory.system_of(canonical(name))
        except RemoteProtocolError:
            system = None
    if system is None:
        near = get_close_matches(name, [each.name for each in directory.systems], n=1)
        hint = f" (did you mean {near[0]}?)" if near else ": `edge partners` lists them"
        raise Wrong(f'there is no partner "{name[:100]}"{hint}', 404)
    return system


# -- private ---------------------------------------------------------------------------------------------------------


def _sip_rows(running: Running) -> Iterator[Row]:
    used = set()
    for name, domain, route in running.sip.routes:
        if route.link is not None:
            used.add(route.link)
        yield _way(name, "sip", _shown(domain), route, _of_sip(running, route.link) if route.link is not None else {})
    for link in running.sip.links - used:
        if link.outbound and not link.peer.systems:
            continue  # it is being dialled, which the row of its route says
        row = _of_sip(running, link)
        yield row if link.peer.systems else {**row, "partner": "", "state": "half-open", "auth": "none"}


def _xmpp_rows(running: Running) -> Iterator[Row]:
    used = set()
    for (local, remote), route in running.xmpp.routes:
        system = running.directory.named(remote)
        component = system is not None and system.link == "component"
        if not component:
            system = running.directory.system_of(Domain(remote))
        if route.link is not None:
            used.add(route.link)
        of_link = _of_xmpp(running, route.link) if route.link is not None else {}
        pair = f"{_shown(local)} > {_shown(Domain(remote)) if not component else 'all'}"
        row = _way(system.name if system is not None else remote, "xmpp", pair, route, of_link)
        yield {**row, "next_dial_seconds": _rounded(route.rest)} if component else row  # it is always wanted
    for link in running.xmpp.links - used:
        if link.alive:
            yield _of_xmpp(running, link)
        elif link.negotiation.role == "s2s in":
            yield {**_of_xmpp(running, link), "partner": "", "state": "half-open", "auth": "none"}


def _way(name: str, protocol: str, pair: str, route: Route[Any], of_link: Row) -> Row:
    """A route, with the link that it has."""
    cause = route.cause if route.link is None else None
    row = of_link or _row(name, protocol, "out", pair, state=route.state)
    failing = route.failing
    return {
        **row,
        "partner": name,
        "for": pair,
        "queue": route.waiting[0],
        "limit": route.limit,
        "code": str(cause.code) if cause is not None else "",
        "text": cause.text if cause is not None else "",
        "who": cause.code.who if cause is not None else "",
        "failing_seconds": None if failing is None or cause is None else round(failing),
        "next_dial_seconds": _rounded(route.next_dial),
    }


def _rounded(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)


def _row(partner: str, protocol: str, direction: str, pair: str, **facts: object) -> Row:
    return {
        "partner": partner, "protocol": protocol, "direction": direction, "for": pair, "state": "up", "peer": "",
        "tls_version": "", "cipher": "", "auth": "", "seconds": None, "in_per_second": None, "out_per_second": None,
        "queue": 0, "limit": None, "code": "", "text": "", "who": "", "failing_seconds": None,
        "next_dial_seconds": None, **facts,
    }


def _of_sip(running: Running, link: SipLink) -> Row:
    facts = link.facts()
    direction = "out" if link.outbound else "bidi" if link.lent else "in"
    return _row(
        str(facts["partner"]), "sip", direction, "", **_pace(running, link), peer=_place(link.address, link.port),
        tls_version=facts["tls_version"], cipher=facts["cipher"], auth="mTLS",
        cert_sha256=facts["cert_sha256"], state="up" if link.alive else "closing",
    )


def _of_xmpp(running: Running, link: XmppLink) -> Row:
    facts, negotiation = link.facts(), link.negotiation
    component, direction = negotiation.role == "component", negotiation.role.removeprefix("s2s ")
    if component or (negotiation.receives if direction == "out" else negotiation.sends):
        direction = "bidi"
    auth = "secret" if component else str(facts["auth"])
    pair = [negotiation.local, negotiation.remote]
    if direction == "in":
        pair.reverse()
    return _row(
        str(facts["partner"]), "xmpp", direction, " > ".join(_shown(each) for each in pair if each),
        **_pace(running, link), peer=_place(link.address, link.port), tls_version=facts["tls_version"],
        cipher=facts["cipher"], auth=auth.upper() if auth in ("external", "dane", "posh") else auth,
        cert_sha256=facts["cert_sha256"], state="up" if link.alive else "closing",
    )


def _pace(running: Running, link: SipLink | XmppLink) -> Row:
    """How long it is there, and how much passes on it."""
    taken, sent = running.rates.of(link)
    seconds = round(running.reactor.seconds() - link.since)
    return {"seconds": seconds, "in_per_second": taken, "out_per_second": sent}


def _place(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}" if address else ""


def _shown(domain: Domain | None) -> str:
    return unicode(domain) if domain else ""


def _systems_of(link: SipLink | XmppLink) -> set[str]:
    """Whose link it is: who its far end has proved to be, or whom we have dialled."""
    dialled = getattr(link.key, "system", None)
    return set(link.peer.systems) | ({dialled.name} if isinstance(dialled, System) else set())


def _routes_to(running: Running, system: System) -> list[Route[Any]]:
    if system.protocol == "sip":
        return [route for name, _, route in running.sip.routes if name == system.name]
    directory = running.directory
    return [
        route for (_, remote), route in running.xmpp.routes
        if (directory.system_of(Domain(remote)) is system if system.link == "s2s" else remote == system.name)
    ]


def _domain_in(running: Running, system: System, text: str) -> Domain | None:
    """The domain by which a system was named."""
    try:
        domain = canonical(text)
    except RemoteProtocolError:
        return None
    return domain if running.directory.system_of(domain) is system else None


def _make_way(running: Running, system: System, domain: Domain | None) -> None:
    """Where nothing was ever sent there is no way yet; if no ``domain`` is named, the first one stands for all."""
    known = system.reached if system.protocol == "sip" else system.domains
    domain = domain or next(iter(known), None)
    if domain is None:
        raise Wrong(f"{system.name} is listed by wildcards alone: name one of its domains instead of {system.name}")
    if system.protocol == "sip":
        running.sip.reach(system, domain)
        return
    ours = running.directory.opposite(system)
    if ours:
        running.xmpp.reach(ours[0], domain)
