"""`edge status`: what the gateway is, and how it is. The same facts as in the metrics, for people."""

from collections import Counter
from collections.abc import Mapping

from twisted.internet.defer import Deferred

from edge import __version__
from edge.admin.disk import Disk
from edge.admin.local import Answer
from edge.admin.running import Running
from edge.admin.shown import stamp


def status(running: Running, disk: Disk, said: Mapping[str, str]) -> "Deferred[Answer]":
    """Version, age, configuration, links, subscriptions and messages; and whether the files say something else."""
    return disk.look().addCallback(
        lambda files: {**_now(running), "files": files, "certificate_files": disk.certificates()}
    )


# -- private ---------------------------------------------------------------------------------------------------------


def _now(running: Running) -> dict[str, object]:
    config, now = running.config, running.wall()
    results: Counter[str] = Counter()
    for (_, _, _, result), number in running.gateway.node.counters.messages.items():
        results[result] += number
    states: Counter[str] = Counter()
    for (_, direction, state), number in running.gateway.subscriptions().items():
        states[f"{direction} {state}"] += number
    ours = config.identities.default.not_after
    return {
        "name": str(config.name),
        "version": __version__,
        "started": stamp(running.started),
        "uptime_seconds": round(now - running.started),
        "config": str(config.path),
        "generation": running.reloading.generation,
        "inside": sum(system.inside for system in config.systems),
        "partners": sum(not system.inside for system in config.systems),
        "blocked": len(config.directory.blocks),
        "links": {"sip": len(running.sip.links), "xmpp": len(running.xmpp.links)},
        "subscriptions": dict(sorted(states.items())),
        "messages": dict(sorted(results.items())),
        "certificate_ends": stamp(ours.timestamp()),
        "certificate_days": int((ours.timestamp() - now) // 86_400),
        "warnings": [str(fault) for fault in config.warnings],
    }
