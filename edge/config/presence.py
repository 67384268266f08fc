"""The presence tables of the configuration: what applies to all, what each system is told, and which way presence goes.

Called by `edge.config.loading` and `edge.config.systems`.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from edge.codes import Code
from edge.config.places import KeyPath
from edge.config.schema import Defaults, Entry, Presence, SystemPresence
from edge.config.tables import Document
from edge.gateway.settings import PresenceSettings
from edge.mapping.profile import DEFAULT, Profile

BOTH = "both"  # the `direction` of who says nothing
ASK = "ask-user"  # and the `subscribe`


def settings_of(table: Presence) -> PresenceSettings:
    """[presence], as the gateway uses it."""
    return PresenceSettings(
        expires=table.expires,
        shortest=table.min_expires,
        longest=table.max_expires,
        pace=table.pace_seconds,
        grace=table.grace_seconds,
    )


def with_good_rows(document: Document, defaults: Defaults) -> Defaults:
    """[defaults] without the rows of its map that are none; they are noted here once, and not for each partner."""
    rows = _good_rows(document, ("defaults", "presence", "map"), defaults.presence.map)
    return replace(defaults, presence=replace(defaults.presence, map=rows))


def profile_of(document: Document, path: KeyPath, table: SystemPresence, defaults: SystemPresence) -> Profile:
    """What the system at ``path`` is told. The rows of ``defaults`` are good ones, and stand behind its own."""
    rows = _good_rows(document, (*path, "presence", "map"), table.map)
    notes = defaults.notes if table.notes is None else table.notes
    own = Profile.build(
        outbound=table.outbound or defaults.outbound or DEFAULT.outbound,
        notes=DEFAULT.notes if notes is None else notes,
        rows=rows,
    )
    return own.over(Profile.build(rows=defaults.map))


def direction_of(document: Document, path: KeyPath, table: SystemPresence, defaults: SystemPresence) -> str:
    """Which way presence goes between us and the system at ``path``. Only a partner may say it."""
    if path[0] == "inside":
        if table.direction is not None:
            at: KeyPath = (*path, "presence")
            said = "is a key of partners: it says who of the two may see the other"
            document.error(Code.K02, (*at, "direction"), f'"direction"{document.owner(at)} {said}')
        return BOTH
    return table.direction or defaults.direction or BOTH


def subscribe_of(document: Document, path: KeyPath, entry: Entry, defaults: SystemPresence) -> str:
    """Whether the users of the partner at ``path`` may see ours: who decides it.

    "accept" can be said where we stand for the one who is to be seen. For a user of an XMPP server his server does.
    """
    at: KeyPath = (*path, "presence")
    said, inside = entry.presence.subscribe, path[0] == "inside"
    if said is not None and inside:
        why = "is a key of partners: it says whether their users may see ours"
        document.error(Code.K02, (*at, "subscribe"), f'"subscribe"{document.owner(at)} {why}')
    elif said == "accept" and entry.via == "sip":
        why = (
            'cannot be "accept": those whom its users see are users of XMPP servers, and only these servers can '
            'accept; possible are "ask-user" and "deny"'
        )
        document.error(Code.K02, (*at, "subscribe"), f'"subscribe"{document.owner(at)} {why}')
    chosen = said or defaults.subscribe or ASK
    return ASK if inside or (chosen == "accept" and entry.via == "sip") else chosen


# -- private ---------------------------------------------------------------------------------------------------------


def _good_rows(document: Document, path: KeyPath, rows: Mapping[str, str]) -> dict[str, str]:
    """The rows that `Profile` takes; each other one is noted at its line."""
    good = {}
    for key, value in rows.items():
        if _is_good(document, path, {key: value}, key):
            good[key] = value
    return good if _is_good(document, path, good) else {}


def _is_good(document: Document, path: KeyPath, rows: Mapping[str, str], *key: str) -> bool:
    try:
        Profile.build(rows=rows)
    except ValueError as error:
        said = str(error)
        said = said if said.isprintable() else ascii(said)[1:-1]
        document.error(Code.K02, (*path, *key), f"a row{document.owner(path)}: {said}")
        return False
    return True
