"""Closes SIP links that are of use, but are to be made anew: when nobody says anything on them.

Nothing tells a SIP peer that a link is about to go, and what it sends meanwhile would be lost. So nothing of ours is
sent any more on a link that retires, and it is closed in the first pause; one without a pause stays as long.
`edge.service` has those retired that show an old certificate of ours. (For XMPP `XmppLink.close` is as gentle.)
"""

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from edge.net.sip_link import SipLink

QUIET = 2.0  # seconds without a message; whoever waits for an answer on the link has it by then


class Retiring:
    """All links that are to go."""

    def __init__(self, clock: IReactorTime, quiet: float = QUIET) -> None:
        self._clock = clock
        self._quiet = quiet
        self._links: dict[SipLink, int] = {}  # and how many messages it had when it was looked at last
        self._next: IDelayedCall | None = None

    def __len__(self) -> int:
        """How many still have to go."""
        return len(self._links)

    def retire(self, link: SipLink) -> None:
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
