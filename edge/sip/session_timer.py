"""Session timers, for peers that want them (RFC 4028): the headers, and who refreshes.

We never ask for a timer. Called by `edge.sip.session`.
"""

import re
from typing import Final, NamedTuple

from edge.sip.message import Message, Request, Response

SUPPORTED: Final = ("Supported", "timer")
"""In each request that could set a timer, although ours do not, and in its 2xx (RFC 4028 §7.1)."""

SHORTEST_INTERVAL = 90  # seconds; RFC 4028 §4. What is below it is as good as no timer

Headers = tuple[tuple[str, str], ...]


class Agreement(NamedTuple):
    """The session expires ``interval`` seconds from now, 0: never, unless it is refreshed, by us if ``ours``."""

    interval: int = 0
    ours: bool = False


def agree(request: Request) -> tuple[Agreement, Headers]:
    """As the server of an INVITE or UPDATE: what is agreed, and the headers of the 2xx that say so (RFC 4028 §9).

    Whoever may refresh, the peer does, if it can.
    """
    interval, refresher = _expires(request)
    if interval < SHORTEST_INTERVAL:
        return Agreement(), ()
    able = "timer" in words(request, "supported")
    ours = not able or refresher == "uas"
    value = f"{interval};refresher={'uas' if ours else 'uac'}"
    return Agreement(interval, ours), (("Session-Expires", value), *(() if ours else (("Require", "timer"),)))


def agreed(response: Response) -> Agreement:
    """As the client: what the 2xx to our INVITE or UPDATE says (RFC 4028 §7.2)."""
    interval, refresher = _expires(response)
    return Agreement() if interval < SHORTEST_INTERVAL else Agreement(interval, refresher != "uas")


def refresh(interval: int, shortest: int = 0) -> Headers:
    """The headers of the request by which we refresh (RFC 4028 §7.4); ``shortest``: what a 422 has asked for."""
    expires = "Session-Expires", f"{interval};refresher=uac"
    return (expires, ("Min-SE", str(shortest))) if shortest else (expires,)


def too_short(response: Response) -> int:
    """The interval that a 422 asks for at least; 0 if it does not say."""
    found = _EXPIRES.fullmatch(response.headers.get("min-se") or "")
    return int(found[1]) if found is not None else 0


def words(message: Message, name: str) -> set[str]:
    """The tokens of a header that lists them, in lower case; what is malformed in it is not found."""
    return {word.strip().lower() for row in message.headers.rows(name) for word in row.split(",")}


_EXPIRES: Final = re.compile(r"([0-9]{1,9})[ \t]*(?:;.*)?")
_REFRESHER: Final = re.compile(r";[ \t]*refresher[ \t]*=[ \t]*(uac|uas)[ \t]*(?:;|$)", re.IGNORECASE)


def _expires(message: Message) -> tuple[int, str]:
    """Seconds and refresher of the Session-Expires; 0 if there is none that can be read."""
    text = message.headers.get("session-expires") or ""
    found = _EXPIRES.fullmatch(text)
    if found is None:
        return 0, ""
    refresher = _REFRESHER.search(text)
    return int(found[1]), refresher[1].lower() if refresher else ""
