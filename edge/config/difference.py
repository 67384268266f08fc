"""What another configuration would change, in lines that an administrator can check before and after a reload.

``+`` is new, ``-`` is gone, ``~`` is said otherwise. What only a restart can change is told apart: a reload that would
need one is refused whole. Used by `edge.admin.reloading`.
"""

from dataclasses import dataclass
from pathlib import Path

from edge.config.discovery import changes_of
from edge.config.loading import Config
from edge.domains import unicode
from edge.partners import Block, System

FIXED = {  # of `Config`: what is built into the process when it starts -> what the administrator calls it
    "name": "[edge] name",
    "state": "[edge] state",
    "state_sync": "[edge] state_sync",
    "sip_listen": "[sip] listen",
    "sip_keep_alive": "[sip] keep_alive_seconds",
    "session_idle": "[sip] session_idle_seconds",
    "xmpp_listen": "[xmpp] listen",
    "dns_servers": "[dns] servers",
    "dnssec": "[dns] dnssec",
    "presence": "[presence]",
    "admin_listen": "[admin] listen",
    "admin_socket": "[admin] socket",
    "log": "[log]",
}

KEYS = {  # of `System`: the fields whose keys stand in tables below [[partner]], or have other names there
    "ca": "tls.ca",
    "peer_names": "tls.peer_names",
    "min_version": "tls.min_version",
    "trust": "tls",
    "streams": "xmpp",
    "secret": "secret_file",
    "wildcards": "domains",
    "expires_at": "expires",
    "presence_format": "presence.format",
    "direction": "presence.direction",
    "subscribe": "presence.subscribe",
    "piggyback": "presence.piggyback",
} | {
    limit: f"limits.{limit}"
    for limit in (
        "pending_messages", "pending_seconds", "stanza_bytes", "message_bytes", "resume_per_s", "messages_per_s",
        "burst", "connections_in", "connections_out",
    )
}


@dataclass(frozen=True, slots=True)
class Difference:
    """``lines`` can be applied while all goes on; for what is in ``fixed`` the gateway has to be started again."""

    lines: tuple[str, ...]
    fixed: tuple[str, ...]


def difference(old: Config, new: Config) -> Difference:
    """What ``new`` says otherwise than ``old``."""
    lines: list[str] = []
    if [each.chain for each in old.identities] != [each.chain for each in new.identities]:
        lines.append("~ certificates")
    if old.ca != new.ca:
        lines.append("~ tls.ca")
    if old.crls != new.crls:
        lines.append("~ tls.crl")
    lines += [f"~ the authorities in {bundle.name}" for bundle in renewed_bundles(old, new)]
    before = {system.name: system for system in old.systems}
    after = {system.name: system for system in new.systems}
    for name in sorted(before.keys() | after.keys()):
        lines += _of_system(before.get(name), after.get(name))
    lines += _of_those_over(old, new)
    lines += changes_of(old.directory.discovered.template, new.directory.discovered.template)
    were, are = set(old.directory.blocks), set(new.directory.blocks)
    lines += [f"- blocked {_names(each)}" for each in old.directory.blocks if each not in are]
    lines += [f"+ blocked {_names(each)}" for each in new.directory.blocks if each not in were]
    fixed = tuple(called for field, called in FIXED.items() if getattr(old, field) != getattr(new, field))
    return Difference(tuple(lines), fixed)


def renewed_bundles(old: Config, new: Config) -> list[Path]:
    """The trust bundles that are still named, and have other contents now."""
    return [bundle for bundle, was in sorted(old.bundles.items()) if new.bundles.get(bundle, was) != was]


def _of_system(old: System | None, new: System | None) -> list[str]:
    if new is None:
        assert old is not None
        return [f"- {_kind(old)} {old.name}"]
    if old is None:
        return [f"+ {_kind(new)} {new.name}"]
    if not old.is_same_kind(new):
        return [f"- {_kind(old)} {old.name}", f"+ {_kind(new)} {new.name}"]
    keys = sorted({KEYS.get(field, field) for field in old.differing(new)})
    return [f"~ {new.name}.{key}" for key in keys]


def _of_those_over(old: Config, new: Config) -> list[str]:
    """Entries that are of no use but to keep their domains from others; who has become one has left the list."""
    left = {each.name: each for each in old.systems}
    were, are = ({each.name: each for each in config.directory.over} for config in (old, new))
    back = {each.name for each in new.systems}
    gone = [f"- expired partner {name}" for name in sorted(were.keys() - are.keys() - back)]
    come = [f"+ expired partner {name}" for name in sorted(are.keys() - were.keys() - left.keys())]
    both = sorted(were.keys() & are.keys())
    return gone + come + [f"~ expired partner {name}" for name in both if were[name] != are[name]]


def _kind(system: System) -> str:
    return "inside" if system.inside else "partner"


def _names(block: Block) -> str:
    return ", ".join([*map(unicode, block.domains), *(f"*.{unicode(each)}" for each in block.wildcards)])
