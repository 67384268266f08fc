"""What a partner is told of presence, and which rows of the default tables he has otherwise.

A value, made from the partner's `presence` keys by the configuration. `edge.mapping.presence` asks it what a watcher
may know and what a state is called. What it does is published in docs/mapping.md.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from edge.bodies.pidf import ACTIVITIES
from edge.mapping.activities import ACTIVITIES_OF_SHOW, SHOW_OF_ACTIVITY, SHOWS, show_of, words

OUTBOUND = ("full", "basic", "none")  # all that is known, online or offline only, nothing
SHOWN = ("available", *SHOWS, "unavailable")  # what a SIP activity can be shown as
TOLD = ("available", *SHOWS)  # the shows that a SIP watcher can be told otherwise; unavailable is closed, always

# What a show can be told as: the words of the standard, and those that somebody is known to read.
TOLD_AS = ("available", "idle", *sorted(ACTIVITIES | {word for _, row in SHOW_OF_ACTIVITY for word in row} - {"idle"}))

MAX_WORD = 64  # characters of an activity; those of peers are a word or two
MAX_TEXT = 200  # characters of a status text or note; more does not fit beside a contact's name


class Told(NamedTuple):
    """How a show is told in a document. ``show`` is for the `show` element, ``note`` for want of a status text."""

    show: str
    activities: tuple[str, ...]
    user_input: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a watcher's partner is told. Made by `build`; `DEFAULT` tells everything, by the default tables.

    ``outbound`` is one of `OUTBOUND`; without ``notes`` no text of anybody's goes out. ``sip`` are rows of (activity,
    show or `unavailable`, status text), ``xmpp`` of (show, activity, note), an empty show or activity being plainly
    available.
    """

    outbound: str = "full"
    notes: bool = True
    sip: tuple[tuple[str, str, str], ...] = ()
    xmpp: tuple[tuple[str, str, str], ...] = ()

    @classmethod
    def build(cls, *, outbound: str = "full", notes: bool = True, rows: Mapping[str, str] | None = None) -> "Profile":
        """Return the profile of some keys; `ValueError` with a sentence that names the bad one.

        ``rows`` have the forms ``"sip:<activity>" = "<show>[+<status text>]"``, how an activity is shown to XMPP
        watchers, and ``"xmpp:<show>" = "<activity>[+<note>]"``, how a show is told to SIP watchers.
        """
        if outbound not in OUTBOUND:
            raise ValueError(f'outbound = "{outbound}": it must be one of {", ".join(OUTBOUND)}')
        sip: list[tuple[str, str, str]] = []
        xmpp: list[tuple[str, str, str]] = []
        for key, value in (rows or {}).items():
            kind, _, name = key.partition(":")
            if kind == "sip":
                sip.append(_sip_row(key, name, value))
            elif kind == "xmpp":
                xmpp.append(_xmpp_row(key, name, value))
            else:
                raise _bad(key, value, "the key must be sip:<activity> or xmpp:<show>")
        for names in ([row[0] for row in sip], [row[0] for row in xmpp]):
            if twice := [name for name in names if names.count(name) > 1]:
                raise ValueError(f'there are two rows for "{twice[0]}"')
        return cls(outbound, notes, tuple(sip), tuple(xmpp))

    def over(self, other: "Profile") -> "Profile":
        """Return this profile with ``other``'s rows behind its own: the watcher's partner over the contact's."""
        return _over(self, other) if other.sip or other.xmpp else self

    def shown(self, activities: Iterable[str], *, idle: bool = False) -> tuple[str, str]:
        """Return what some activities are shown as: a show or `unavailable`, and a status text; each may be empty.

        The first row with one of the activities decides, then the default table, where the text is what the show
        cannot say.
        """
        said = words(activities, idle=idle)
        for activity, show, text in self.sip:
            if activity in said:
                return show, text
        show, word = show_of(said)
        return show, "" if word == show else word.replace("-", " ").capitalize()

    def told(self, show: str) -> Told:
        """Return what is told of an available resource with this show.

        A row leaves the show itself out of the document, where it would contradict the row.
        """
        show = show if show in SHOWS else ""
        for name, activity, note in self.xmpp:
            if name == show:
                idle = activity == "idle"  # no activity of the standard, which has user-input for it
                return Told("", () if idle or not activity else (activity,), "idle" if idle else "", note)
        return Told(show, *ACTIVITIES_OF_SHOW[show])


DEFAULT = Profile()


# --- private ----------------------------------------------------------------------------------------------------------


@lru_cache(1024)  # pairs of partners; the result is the same object each time, which makes it a cheap key
def _over(profile: Profile, other: Profile) -> Profile:
    own = {row[0] for row in profile.sip}, {row[0] for row in profile.xmpp}
    return Profile(
        profile.outbound,
        profile.notes,
        profile.sip + tuple(row for row in other.sip if row[0] not in own[0]),
        profile.xmpp + tuple(row for row in other.xmpp if row[0] not in own[1]),
    )


def _bad(key: str, value: str, sentence: str) -> ValueError:
    return ValueError(f'"{key}" = "{value}": {sentence}')


def _sip_row(key: str, name: str, value: str) -> tuple[str, str, str]:
    (activity,) = words([name])
    if not activity or len(activity) > MAX_WORD or not activity.isprintable():
        raise _bad(key, value, f"an activity must stand behind sip:, of at most {MAX_WORD} characters")
    show, text = _halves(key, value)
    if show not in SHOWN:
        raise _bad(key, value, f"what it is shown as must be one of {', '.join(SHOWN)}")
    return activity, "" if show == "available" else show, text


def _xmpp_row(key: str, name: str, value: str) -> tuple[str, str, str]:
    if name not in TOLD:
        raise _bad(key, value, f"the show behind xmpp: must be one of {', '.join(TOLD)}")
    activity, note = _halves(key, value)
    if activity not in TOLD_AS:
        raise _bad(key, value, f"what it is told as must be one of {', '.join(TOLD_AS)}")
    return "" if name == "available" else name, "" if activity == "available" else activity, note


def _halves(key: str, value: str) -> tuple[str, str]:
    first, plus, text = value.partition("+")
    text = text.strip()
    if (plus and not text) or len(text) > MAX_TEXT or not text.isprintable():
        raise _bad(key, value, f"the text behind the + must have one line of 1 to {MAX_TEXT} characters")
    return first.strip(), text
