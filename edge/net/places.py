"""How many places a pool sends to for one system, of which it makes a route for each domain.

Behind a wildcard anybody's users may name new ones, so there is a bound: for a new one another goes that is idle. One
that a partner has listed by name always has its place. Used by `edge.net.sip_pool` and `edge.net.xmpp_ways`.
"""

from collections.abc import Callable
from itertools import islice
from typing import TypeVar

from edge.codes import Code
from edge.net.links import Cause

PLACES = 5000  # of one system, each a few kilobytes; more than a hoster has customers who are talked to at a time
LOOKED_AT = 50  # of them, in search of one that is idle: a new one must not cost a look at all

FULL = Cause(Code.M01, "too many domains of this partner are being reached")

K = TypeVar("K")
P = TypeVar("P")


def made_room(places: dict[K, P], is_idle: Callable[[P], bool], forget: Callable[[P], object]) -> bool:
    """Whether there is room for one more, if need be because an idle one is forgotten."""
    if len(places) < PLACES:
        return True
    for key in tuple(islice(places, LOOKED_AT)):
        place = places.pop(key)
        if is_idle(place):
            forget(place)
            return True
        places[key] = place  # the next look begins with others
    return False
