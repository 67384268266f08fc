"""How many messages pass on each link in a second: over the last minute, or for as long as it is there.

Links and their streams count what they read and write anyway; this looks at the counts of all of them now and then, and
keeps three looks. A SIP message is a request or a response, on XMPP it is a stanza. `edge links` shows it.
"""

from collections import deque
from collections.abc import Callable, Iterable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from edge.net.sip_link import SipLink
from edge.net.xmpp_link import XmppLink

LOOK_SECONDS = 20.0  # between two looks
LOOKS = 3  # that are kept, so that the oldest is 40 to 60 seconds old

Link = SipLink | XmppLink
Counts = dict[int, tuple[int, int]]  # by the number of a link: in and out


class Rates:
    """``links`` gives all that are open."""

    def __init__(self, reactor: IReactorTime, links: Callable[[], Iterable[Link]]) -> None:
        self._reactor, self._links = reactor, links
        self._looks: deque[tuple[float, Counts]] = deque(maxlen=LOOKS)
        self._next: IDelayedCall | None = None

    def start(self) -> None:
        """Begin to look."""
        self._next = self._reactor.callLater(LOOK_SECONDS, self._look)

    def stop(self) -> None:
        """Look no more."""
        if self._next is not None and self._next.active():
            self._next.cancel()

    def of(self, link: Link) -> tuple[float, float]:
        """Messages a second on this link, in and out."""
        when, taken, sent = link.since, 0, 0
        if len(self._looks) == LOOKS and link.number in self._looks[0][1]:  # else it is younger than the oldest look
            when, (taken, sent) = self._looks[0][0], self._looks[0][1][link.number]
        seconds = max(self._reactor.seconds() - when, 1.0)
        taken_now, sent_now = _counts(link)
        return round((taken_now - taken) / seconds, 2), round((sent_now - sent) / seconds, 2)

    # -- private -----------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        self.start()
        self._looks.append((self._reactor.seconds(), {link.number: _counts(link) for link in self._links()}))


def _counts(link: Link) -> tuple[int, int]:
    if isinstance(link, SipLink):
        return link.progress, link.written
    return link.inbox.read, link.outbox.written if link.outbox is not None else 0
