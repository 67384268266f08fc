"""Who is on no list: looked up with care, because anybody's user may have us ask about any name; and let in.

`Lookups` is used by both pools for every dial. For listed partners it is the `Locator` itself. A discovered one is
never looked for at private addresses or our own, is not asked about again soon when nothing was found, and only so many
are looked up at a time; of what is found only the first addresses count.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from edge.codes import Code
from edge.domains import Domain
from edge.errors import RemoteProtocolError
from edge.net.locate import TARGETS, Candidate, Locator
from edge.net.names import LocateError
from edge.partners import Admit, Directory, Peer, System
from edge.sip.message import Request

if TYPE_CHECKING:
    from edge.net.xmpp_streams import Streams
    from edge.net.xmpp_ways import Ways

AT_ONCE = 50  # look-ups under way; each costs some twenty queries of ours, to name servers of a stranger's choice
AGAIN = 60.0  # seconds for which a domain without servers is not looked up once more
MOST = 5000  # such domains; when there are more all are forgotten


class Lookups:
    """``locator`` asks DNS."""

    def __init__(self, clock: IReactorTime, locator: Locator) -> None:
        self._clock = clock
        self._locator = locator
        self._under_way = 0
        self._failed: dict[tuple[str, Domain], tuple[float, Code, str]] = {}  # until when, and why

    def find(self, system: System, domain: Domain) -> "Deferred[list[Candidate]]":
        """Where to reach ``domain`` of ``system``; fails with `LocateError`."""
        if not system.discovered:
            return self._ask(system)(system, domain)
        key = system.protocol, domain
        until, code, text = self._failed.pop(key, (0.0, Code.D01, ""))
        if self._clock.seconds() < until:
            self._failed[key] = until, code, text
            return fail(LocateError(code, text))
        if self._under_way >= AT_ONCE:
            return fail(LocateError(Code.D06, "too many unlisted domains are being looked up"))
        self._under_way += 1
        asked = self._ask(system)(system, domain, public=True)
        return asked.addBoth(self._over).addCallbacks(_first, self._note, errbackArgs=(key,))

    # --- private ----------------------------------------------------------------------------------------

    def _ask(self, system: System) -> "Callable[..., Deferred[list[Candidate]]]":
        return self._locator.sip if system.protocol == "sip" else self._locator.xmpp

    def _over(self, result: object) -> object:
        self._under_way -= 1
        return result

    def _note(self, failure: Failure, key: tuple[str, Domain]) -> Failure:
        if isinstance(failure.value, LocateError):
            if len(self._failed) >= MOST:
                self._failed.clear()
            self._failed[key] = self._clock.seconds() + AGAIN, failure.value.code, str(failure.value)
        return failure


def _first(found: list[Candidate]) -> list[Candidate]:
    return found[:TARGETS]


class Strangers:
    """`edge.partners.discovery.Holder` for the streams that an `edge.net.xmpp_pool.XmppPool` has."""

    def __init__(self, links: "Streams", ways: "Ways") -> None:
        self._links = links
        self._ways = ways

    def holds(self, system: System) -> bool:
        """Whether there is a stream with it, or something that waits for one."""
        name, domain = system.name, system.domains[0]
        if any(way.route.state != "idle" for way in self._ways.of(name)):
            return True
        return any(name in each.peer.systems or each.negotiation.remote == domain for each in self._links.of(name))

    def forget(self, system: System) -> None:
        """Its ways are not needed any more."""
        self._ways.forget(system.name)


def discovered(directory: Directory, peer: Peer, request: Request) -> Peer:
    """Who a stranger that has proved his name (`Peer.open`) is because of a request: a partner, or still nobody."""
    try:
        sender = request.from_.sip_uri.host
        decision = directory.admit(peer, sender, request.request_uri.host)
    except RemoteProtocolError:
        return peer
    return replace(peer, systems=frozenset((decision.sender.name,))) if isinstance(decision, Admit) else peer
