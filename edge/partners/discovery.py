"""Partners that are on no list: who they are as long as unlisted domains are discovered, and for how long they stay.

A discovered partner is a `System` made from a template, with one domain and the strictest rules there are. It is never
written down anywhere. There are only so many: for a new one another goes that nobody has a use for, the oldest first.
Used by `edge.partners.directory`; who has something to do with systems (links, subscriptions) is a `Holder`.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Protocol

from edge.domains import Domain
from edge.partners.system import System

MOST = 1000  # discovered partners; each costs a few kilobytes, and a stranger can have as many domains as he buys
LOOKED_AT = 50  # of them, in search of one that can go; to find out costs a look at all links

OTHER = {"sip": "xmpp", "xmpp": "sip"}
LINK = {"sip": "tls", "xmpp": "s2s"}


class Holder(Protocol):
    """Who may have a use for a discovered partner."""

    def holds(self, system: System) -> bool:
        """Whether there is a link, a subscription or a message for it."""

    def forget(self, system: System) -> None:
        """It is gone; nobody holds it."""


class Discovered:
    """``template`` is what every one of them is like, but for its domain and protocol; None: nobody is discovered."""

    def __init__(self, template: System | None, most: int = MOST) -> None:
        self.template = template
        self.holders: list[Holder] = []
        self._most = most
        self._found: dict[Domain, System] = {}  # who was found in use last is last

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[System]:
        return iter(tuple(self._found.values()))

    def get(self, domain: Domain) -> System | None:
        """The discovered partner that ``domain`` is."""
        return self._found.get(domain)

    def like(self, domain: Domain, protocol: str) -> System:
        """What ``domain`` would be. `LookupError` if nobody is discovered."""
        if self.template is None:
            raise LookupError(domain)
        return replace(
            self.template, name=str(domain), protocol=protocol, link=LINK[protocol], domains=(domain,),
            peer_names=frozenset(),
        )

    def add(self, domain: Domain, protocol: str) -> System | None:
        """Discover ``domain``; None if there are too many already, all of them in use."""
        if len(self._found) >= self._most and not self._made_room():
            return None
        system = self._found[domain] = self.like(domain, protocol)
        return system

    def drop(self, system: System) -> None:
        """It is a discovered partner no more."""
        del self._found[system.domains[0]]

    # --- private ----------------------------------------------------------------------------------------

    def _made_room(self) -> bool:
        for system in tuple(islice(self._found.values(), LOOKED_AT)):
            self.drop(system)
            if not any(holder.holds(system) for holder in self.holders):
                for holder in self.holders:
                    holder.forget(system)
                return True
            self._found[system.domains[0]] = system
        return False
