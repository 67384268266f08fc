"""Closes links that are of use, but are to be made anew: when nobody says anything on them, and nobody waits.

A SIP peer cannot be told that a link is about to go, and what it sends meanwhile would be lost; an XMPP server answers
on other streams what it was sent on this one, perhaps after it is gone. So nothing of ours is sent any more on a link
that retires, and it is closed in the first pause in which all is answered; one without a pause stays as long. What is
sent on the next XMPP stream waits until it can overtake nothing on this one (`edge.net.xmpp_route`).
`edge.service` has those retired that show an old certificate of ours.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from edge.certificates.identity import Identity
from edge.net.sip_link import SipLink
from edge.net.xmpp_dialling import Dial
from edge.net.xmpp_link import XmppLink

QUIET = 2.0  # seconds without a message; whoever waits for an answer on the link has it by then


class Link(Protocol):
    """A `SipLink`, or a `Stream`."""

    @property
    def alive(self) -> bool:
        """Whether it is open."""

    @property
    def progress(self) -> object:
        """Another value for each message that came."""

    @property
    def pending(self) -> object:
        """Whether an answer is waited for."""

    def leave(self) -> None:
        """Send nothing more on it."""

    def close(self) -> None:
        """Close it in good order."""


class Stream:
    """An XMPP stream as such a link."""

    def __init__(self, link: XmppLink) -> None:
        self._link = link
        self.close = link.close

    @property
    def alive(self) -> bool:
        return self._link.alive

    @property
    def progress(self) -> object:
        return self._link.inbox.heard

    @property
    def pending(self) -> bool:
        return self._link.outbox is not None and self._link.outbox.waiting > 0

    def leave(self) -> None:
        dial = self._link.key
        if isinstance(dial, Dial) and dial.route is not None:
            dial.route.leave(self._link)


def showing(
    links: Iterable[SipLink], streams: Iterable[XmppLink], retiring: "Retiring"
) -> Iterator[tuple[Identity | None, Callable[[], None]]]:
    """Of each link which of our certificates it shows, and how it is made anew."""
    for link in links:
        if link.handshake is not None:
            yield link.handshake.ours, partial(retiring.retire, link)
    for stream in streams:
        if stream.handshake is not None:
            yield stream.handshake.ours, partial(retiring.retire, Stream(stream))


class Retiring:
    """All links that are to go."""

    def __init__(self, clock: IReactorTime, quiet: float = QUIET) -> None:
        self._clock = clock
        self._quiet = quiet
        self._links: dict[Link, object] = {}  # and how many messages it had when it was looked at last
        self._next: IDelayedCall | None = None

    def __len__(self) -> int:
        """How many still have to go."""
        return len(self._links)

    def retire(self, link: Link) -> None:
        """Close ``link`` in a pause."""
        link.leave()
        self._links[link] = link.progress
        self._expect()

    def stop(self) -> None:
        """Leave the others as they are."""
        self._links.clear()
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _expect(self) -> None:
        if self._next is None and self._links:
            self._next = self._clock.callLater(self._quiet, self._look)

    def _look(self) -> None:
        self._next = None
        for link, seen in list(self._links.items()):
            self._links[link] = link.progress
            if not link.alive or (link.progress == seen and not link.pending):
                del self._links[link]
                link.close()
        self._expect()
