"""Whether the gateway is of use to whoever sends it somebody: what `/readyz` answers a load balancer.

It is when it listens, its certificate is valid, and some system of ours can be reached. Used by `edge.admin.http`, by
way of `edge.service`.
"""

from collections.abc import Iterator
from typing import Any

from edge.admin.gauges import ways
from edge.admin.running import Running
from edge.codes import Code

Readiness = dict[str, Any]


def readiness(running: Running, is_listening: bool) -> Readiness:
    """``ready``, and if it is not, why: all reasons there are, each with its code if it has one."""
    reasons = [{"code": code, "text": text} for code, text in _reasons(running, is_listening)]
    return {"ready": not reasons, "reasons": reasons}


# -- private ---------------------------------------------------------------------------------------------------------


def _reasons(running: Running, is_listening: bool) -> Iterator[tuple[str, str]]:
    if not is_listening:
        yield "", "the gateway does not listen"
    ours, now = running.contexts.identities.default, running.wall()
    if now >= ours.not_after.timestamp():
        yield str(Code.C02), "our certificate has expired"
    elif now < ours.leaf.not_valid_before_utc.timestamp():
        yield str(Code.C09), "our certificate is not valid yet"
    yield from _unreachable(running)


def _unreachable(running: Running) -> Iterator[tuple[str, str]]:
    """Why no system of ours can be reached; nothing if one can, or if nobody has tried yet and nobody need to.

    A component connection is always wanted. Others are made when there is something to say: one that is not there
    says nothing, one that has failed does.
    """
    inside = [system for system in running.gateway.node.directory.systems if system.inside]
    up = {name for link in running.sip.links if link.alive for name in link.peer.systems}
    up |= {name for link in running.xmpp.links if link.alive for name in link.peer.systems}
    if not inside or any(system.name in up for system in inside):
        return
    found: dict[str, tuple[str, str]] = {}
    for name, _, route in ways(running):
        if route.cause is not None:
            found.setdefault(name, (str(route.cause.code), route.cause.text))
    down = []
    for system in inside:
        code, text = found.get(system.name, ("", "there is no link yet"))
        if code or system.link == "component":
            down.append((code, f"{system.name} cannot be reached: {text}"))
    if len(down) == len(inside):
        yield from down
