"""Times as text: the Date of SIP (RFC 3261 §20.17), and the stamps of XMPP and CPIM (RFC 3339) <-> seconds since 1970.

Called by the rest of `edge.mapping`. What is no time is None, because nothing depends on it that is worth a refusal.
"""

import re
from datetime import UTC, datetime
from functools import lru_cache

CACHE = 256  # times that are remembered: most messages are of the same few seconds
DATE_LENGTH = 29  # characters of every Date


def time_of_stamp(stamp: str) -> float | None:
    """Read a time of RFC 3339, as XEP-0082 has it; it must have its offset from UTC."""
    if _STAMP.fullmatch(stamp) is None:
        return None
    try:
        time = datetime.fromisoformat(stamp.upper()).timestamp()
    except ValueError:
        return None
    return time if 0 <= time < _END else None


def stamp_of(time: float) -> str:
    """Write a time of RFC 3339 in UTC, in whole seconds."""
    return _stamp_of(int(time))


def time_of_date(date: str) -> float | None:
    """Read a Date; SIP knows only GMT."""
    if len(date) != DATE_LENGTH:
        return None
    match = _DATE.fullmatch(date)
    if match is None:
        return None
    day, month, year, hour, minute, second = match.groups()
    try:
        time = datetime(int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), 0, UTC)
    except ValueError:
        return None
    return max(time.timestamp(), 0.0)


def date_of(time: float) -> str:
    """Write a Date."""
    when = datetime.fromtimestamp(time, UTC)
    return f"{_DAYS[when.weekday()]}, {when:%d} {_MONTHS[when.month - 1]} {when:%Y %H:%M:%S} GMT"


@lru_cache(CACHE)
def _stamp_of(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_END = datetime(9999, 12, 31, tzinfo=UTC).timestamp()  # with any offset still a year of four digits
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = re.compile(
    rf"(?:{'|'.join(_DAYS)}), ([0-9]{{2}}) ({'|'.join(_MONTHS)}) ([0-9]{{4}}) "
    "([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT"
)
_STAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
