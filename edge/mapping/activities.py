"""What a show is in RPID and what RPID is in shows: the default tables of presence (RFC 8048 §6 leaves them open).

Called by `edge.mapping.profile`, whose rows go before these tables. They are published in docs/mapping.md; the way back
is not the inverse of the way there.
"""

from collections.abc import Iterable, Mapping

SHOWS = ("chat", "away", "dnd", "xa")  # RFC 6121 §4.7.2.1

# What a show says in RPID (RFC 4480): the activities, and the person's user-input.
ACTIVITIES_OF_SHOW: Mapping[str, tuple[tuple[str, ...], str]] = {
    "": ((), ""),
    "chat": ((), ""),
    "away": (("away",), ""),
    "xa": (("away",), "idle"),
    "dnd": (("busy",), ""),
}

# What RPID says in shows; the first row with an activity of the document wins. A tuple's own `show` goes before all.
# COMPAT(lync): the second half of each row are tokens of Microsoft's, for whom an activity is free text; since 2007
SHOW_OF_ACTIVITY: tuple[tuple[str, frozenset[str]], ...] = (
    (
        "away",
        frozenset(
            {
                "away", "breakfast", "lunch", "dinner", "meal", "in-transit", "shopping",
                "idle", "be-right-back", "out-to-lunch",
            }
        ),
    ),
    (
        "xa",
        frozenset(
            {
                "vacation", "holiday", "permanent-absence", "sleeping", "travel",
                "out-of-office", "off-work",
            }
        ),
    ),
    (
        "dnd",
        frozenset(
            {
                "busy", "on-the-phone", "meeting", "appointment", "presentation", "performance", "steering", "worship",
                "busyidle", "do-not-disturb", "urgent-interruptions-only", "in-presentation",
                "in-a-call", "in-a-conference", "in-a-meeting",
            }
        ),
    ),
)


def words(activities: Iterable[str], *, idle: bool = False) -> tuple[str, ...]:
    """Return activities as the tables write them; somebody idle says ``idle`` too."""
    said = tuple("-".join(activity.lower().split()) for activity in activities)
    return (*said, "idle") if idle else said


def show_of(said: tuple[str, ...]) -> tuple[str, str]:
    """Return the show that some `words` mean, and the one of them that decided; both empty if none means any."""
    for show, members in SHOW_OF_ACTIVITY:
        for activity in said:
            if activity in members:
                return show, activity
    return "", ""
