"""Domains, and wildcards for their sub-domains, that each belong to one owner. Used by `edge.partners.directory`."""

from collections.abc import Iterable
from typing import Generic, TypeVar

from edge.domains import Domain

T = TypeVar("T")


class Names(Generic[T]):
    """Finds whose a domain is: by its own name, else by the longest wildcard above it.

    A wildcard is kept without its ``*.``; it stands for the names below at any depth, and not for the domain itself.
    """

    def __init__(self) -> None:
        self._exact: dict[Domain, T] = {}
        self._below: dict[str, T] = {}

    def add(self, owner: T, domains: Iterable[Domain], wildcards: Iterable[Domain]) -> None:
        """Give names to ``owner``. `ValueError` if one is somebody else's."""
        for name in domains:
            if self._exact.setdefault(name, owner) is not owner:
                raise ValueError(f"{name} is claimed twice")
        for name in wildcards:
            if self._below.setdefault(name, owner) is not owner:
                raise ValueError(f"*.{name} is claimed twice")

    def find(self, domain: Domain) -> T | None:
        """The owner of ``domain``."""
        owner = self._exact.get(domain)
        if owner is not None or not self._below:
            return owner
        rest = domain.partition(".")[2]
        while rest:
            owner = self._below.get(rest)
            if owner is not None:
                return owner
            rest = rest.partition(".")[2]
        return None

    def covers(self, wildcard: str) -> bool:
        """Whether all names below ``wildcard`` have an owner."""
        while wildcard:
            if wildcard in self._below:
                return True
            wildcard = wildcard.partition(".")[2]
        return False
