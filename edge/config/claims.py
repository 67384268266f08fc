"""Names and domains that systems claim: each belongs to one of them. Used by `edge.config.systems`."""

from edge.codes import Code
from edge.config.addresses import listed_name
from edge.config.places import KeyPath
from edge.config.schema import Blocked, Entry
from edge.config.tables import Document, quoted
from edge.domains import Domain, unicode
from edge.partners import Block


class Claims:
    """Everything claimed so far, in all files. What is claimed again is a fault that names both places."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}  # name -> where it was given
        self._domains: dict[str, tuple[Entry, bool, str]] = {}  # as written -> whose it is, and where that stands
        self._below: dict[str, list[str]] = {}  # name -> what is claimed below it, as written
        self._blocked: dict[str, str] = {}  # as written -> where that stands

    def name(self, document: Document, path: KeyPath, name: str) -> None:
        if not name:
            return  # noted already
        if name in self._names:
            place = self._names[name]
            document.error(Code.K02, (*path, "name"), f"the name {quoted(name)} is given twice (also in {place})")
        self._names.setdefault(name, document.place((*path, "name")))

    def domains(
        self, document: Document, path: KeyPath, entry: Entry, inside: bool
    ) -> tuple[tuple[Domain, ...], tuple[Domain, ...]]:
        """The domains of a system, and those below which every name is its own."""
        found: dict[bool, dict[Domain, None]] = {False: {}, True: {}}
        for text in entry.domains:
            try:
                name, is_wildcard = listed_name(text)
                if is_wildcard and inside:
                    raise ValueError("wildcards are for partners; list each domain of ours")
            except ValueError as error:
                document.error(Code.K02, (*path, "domains"), f"{quoted(text)}{document.owner(path)}: {error}")
                continue
            shown = _shown(name, is_wildcard)
            first = self._domains.get(shown)
            if first is not None:
                document.error(Code.K03, (*path, "domains"), _claimed_twice(shown, (entry, inside), first))
                continue
            self._domains[shown] = (entry, inside, document.place((*path, "domains")))
            found[is_wildcard][name] = None
            above = _above(name)
            for each in above:
                self._below.setdefault(each, []).append(shown)
            for block in (shown, *(_shown(Domain(each), True) for each in above)):
                if block in self._blocked and not inside:
                    self._warn_of_block(document, path, shown, block, entry, self._blocked[block])
        for name in found[True]:
            if name not in found[False] and _shown(name, False) not in self._domains:
                said = f"{quoted(_shown(name, True))} does not cover {quoted(_shown(name, False))} itself"
                document.warn(Code.K05, (*path, "domains"), said)
        return tuple(found[False]), tuple(found[True])

    def blocked(self, document: Document, path: KeyPath, entry: Blocked) -> Block:
        """What nobody is to have to do with. It may be a part of what a partner has, and then it wins."""
        found: dict[bool, dict[Domain, None]] = {False: {}, True: {}}
        for text in entry.domains:
            try:
                name, is_wildcard = listed_name(text)
            except ValueError as error:
                document.error(Code.K02, (*path, "domains"), f"{quoted(text)}{document.owner(path)}: {error}")
                continue
            shown = _shown(name, is_wildcard)
            for each in (shown, *(self._below.get(name, ()) if is_wildcard else ())):
                listed = self._domains.get(each)
                if listed is not None and listed[1]:
                    how = "is" if each == shown else f"covers {quoted(each)}, which is"
                    said = f"{quoted(shown)} {how} our own domain (also in {listed[2]})"
                    document.error(Code.K03, (*path, "domains"), said)
                elif listed is not None:
                    self._warn_of_block(document, path, each, shown, listed[0], listed[2])
            if shown in self._blocked:
                said = f"{quoted(shown)} is blocked twice (also in {self._blocked[shown]})"
                document.error(Code.K03, (*path, "domains"), said)
            self._blocked[shown] = document.place((*path, "domains"))
            found[is_wildcard][name] = None
        silent = entry.answer == "silent"
        return Block(tuple(found[False]), tuple(found[True]), entry.reason, silent, document.place(path))

    @staticmethod
    def _warn_of_block(
        document: Document, path: KeyPath, shown: str, block: str, partner: Entry, place: str
    ) -> None:
        by = "" if block == shown else f" by {quoted(block)}"
        said = f"{quoted(shown)} is blocked{by}, so that its place in {_called(partner, False)} has no effect"
        document.warn(Code.K03, (*path, "domains"), f"{said} (also in {place})")


# -- private ---------------------------------------------------------------------------------------------------------


def _shown(name: Domain, is_wildcard: bool) -> str:
    return f"*.{unicode(name)}" if is_wildcard else unicode(name)


def _above(name: Domain) -> list[str]:
    """Every name above ``name``: whose wildcards cover it."""
    labels = name.split(".")
    return [".".join(labels[number:]) for number in range(1, len(labels))]


def _claimed_twice(name: str, now: tuple[Entry, bool], first: tuple[Entry, bool, str]) -> str:
    entry, inside = now
    other, other_inside, place = first
    if other is entry:
        return f"{quoted(name)} is listed twice in {_called(entry, inside)}"
    if inside != other_inside:
        partner = other if inside else entry
        return f"{quoted(name)} is both our domain and a domain of {_called(partner, False)} (also in {place})"
    both = f"{_called(other, inside)} and {_called(entry, inside)}"
    return f"{quoted(name)} is a domain of both {both} (also in {place})"


def _called(entry: Entry, inside: bool) -> str:
    return f"{'inside' if inside else 'partner'} {quoted(entry.name)}"
