"""Every XMPP link there is, found by whose it is: a partner has few of them, and all together there are many.

Kept by `edge.net.xmpp_pool`; asked by `edge.net.xmpp_trust` for how many a partner has, and by `edge.net.unlisted`.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge.net.xmpp_link import XmppLink


class Streams:
    """All links. ``strangers`` are those that discovered partners have opened."""

    def __init__(self) -> None:
        self._all: dict[XmppLink, tuple[str, ...]] = {}  # and under which names it is found
        self._of: dict[str, dict[XmppLink, None]] = {}
        self.strangers: set[XmppLink] = set()

    def __iter__(self) -> "Iterator[XmppLink]":
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def of(self, name: str) -> "Collection[XmppLink]":
        """Those that may be of a system, or talk to a domain: whoever asks sees for himself whether they still do."""
        return self._of.get(name, ())

    def add(self, link: "XmppLink") -> None:
        """There is one more."""
        self._all[link] = ()

    def meet(self, link: "XmppLink", names: Iterable[str]) -> None:
        """``link`` has to do with the systems or domains of these names."""
        if link not in self._all:
            return
        for name in names:
            if name not in self._all[link]:
                self._all[link] += (name,)
                self._of.setdefault(name, {})[link] = None

    def note(self, link: "XmppLink", stranger: bool) -> None:
        """Whether its peer is on no list."""
        (self.strangers.add if stranger else self.strangers.discard)(link)

    def discard(self, link: "XmppLink") -> None:
        """It is gone."""
        for name in self._all.pop(link, ()):
            links = self._of[name]
            del links[link]
            if not links:
                del self._of[name]
        self.strangers.discard(link)
