"""Every partner with a traffic light and a sentence, and who came without being one. For `edge partners`.

The light is made of the same rows that `edge links` shows, the sentence of the reason code of what is wrong.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from edge.admin.links import Row, rows_of
from edge.admin.local import Answer
from edge.admin.running import Running
from edge.admin.seen import Stranger
from edge.admin.shown import ago, count, stamp
from edge.codes import Code
from edge.domains import Domain, unicode
from edge.partners import Block, System

GREEN, YELLOW, RED, GREY = "green", "yellow", "red", "grey"
SOON = 14 * 86_400  # seconds before the end of a partner on probation that are worth a word

WHO = {"us": "we must act", "them": "they must act"}


def partners(running: Running, said: Mapping[str, str]) -> Answer:
    """All systems, ours first and those last who are on no list; and what is blocked."""
    directory = running.directory
    systems = sorted(directory.systems, key=lambda system: (not system.inside, system.name))
    systems += sorted(directory.discovered, key=lambda system: system.name)
    return {
        "partners": _all_told(running, systems),
        "blocked": [_told_of_block(block) for block in directory.blocks],
        "seen": len(_strangers(running)),
    }


def seen(running: Running, said: Mapping[str, str]) -> Answer:
    """Who came, was refused because nobody has listed it (EDGE-A01), and is not listed now; and who was discovered."""
    times = ("first_seen", "last_seen")
    told = [each.as_json() | {time: stamp(getattr(each, time)) for time in times} for each in _strangers(running)]
    return {"seen": told, "discovered": _all_told(running, running.directory.discovered)}


# -- private ---------------------------------------------------------------------------------------------------------


def _all_told(running: Running, systems: Iterable[System]) -> list[dict[str, Any]]:
    rows: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows_of(running):
        rows[row["partner"]].append(row)
    now = running.wall()
    return [_told(system, rows[system.name], now, _is_blocked(running, system)) for system in systems]


def _is_blocked(running: Running, system: System) -> bool:
    """Whether nothing that is listed of it can pass: a block wins."""
    directory = running.directory
    listed = system.domains and not system.wildcards
    return bool(listed) and all(
        directory.system_of(each) is None and directory.fault_of(each) is Code.A02 for each in system.domains
    )


def _strangers(running: Running) -> list[Stranger]:
    directory = running.directory

    def still(domain: Domain) -> bool:
        return directory.system_of(domain) is None and directory.fault_of(domain) is Code.A01

    return [each for each in running.seen.strangers() if not each.domain or still(Domain(each.domain))]


def _told(system: System, rows: Sequence[Row], now: float, blocked: bool) -> dict[str, Any]:
    light, sentence = (GREY, "all its domains are blocked (EDGE-A02)") if blocked else _light(system, rows, now)
    return {
        "name": system.name,
        "inside": system.inside,
        "discovered": system.discovered,
        "protocol": system.protocol,
        "domains": [*map(unicode, system.domains), *(f"*.{unicode(each)}" for each in system.wildcards)],
        "light": light,
        "said": sentence,
        "links": sum(row["state"] == "up" for row in rows),
        "waiting": sum(row["queue"] for row in rows),
        "expires": stamp(system.expires_at) if system.expires_at else "",
        "contact": system.contact,
        "notes": system.notes,
        "place": system.place,
    }


def _light(system: System, rows: Sequence[Row], now: float) -> tuple[str, str]:
    """The worst there is to say, in one sentence."""
    up = sum(row["state"] == "up" for row in rows)
    waiting = sum(row["queue"] for row in rows)
    held = f"; {count(waiting, 'message')} waiting" if waiting else ""
    failing = [row for row in rows if row["code"]]
    if failing:
        worst = max(failing, key=lambda row: row["failing_seconds"] or 0)
        since = f" for {ago(worst['failing_seconds'] or 0)}"
        where = f" on {count(len(failing), 'way')} of {len(rows)}" if up else ""
        said = f"{worst['text']} ({worst['code']}){where}{since}{held}; {WHO[worst['who']]}"
        return (YELLOW if up else RED), said
    if 0 < system.expires_at - now < SOON:
        return YELLOW, f"it is a partner for {ago(system.expires_at - now)} more{held}"
    if up:
        return GREEN, f"{count(up, 'link')}{held}"
    if any(row["state"] == "connecting" for row in rows):
        return YELLOW, f"it is being dialled{held}"
    return GREY, "there is no link, and nothing to send"


def _told_of_block(block: Block) -> dict[str, Any]:
    return {
        "domains": [*map(unicode, block.domains), *(f"*.{unicode(each)}" for each in block.wildcards)],
        "reason": block.reason,
        "silent": block.silent,
        "place": block.place,
    }
