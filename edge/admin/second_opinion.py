"""What another resolver says of a partner, beside what ours has said: for `edge test PARTNER --resolver ADDRESS`.

Where one name has different records inside and outside of a network, everything else looks good to whoever asks only
one side. Called by `edge.admin.probing`.
"""

from collections.abc import Iterable
from typing import Protocol

from twisted.internet.defer import Deferred

from edge.admin.evidence import Looked
from edge.codes import Code
from edge.domains import Domain
from edge.net.names import LocateError
from edge.partners import HostPort

SHOWN = 8  # servers or addresses of one answer


class Asker(Protocol):
    """An `edge.net.locate.Locator`."""

    def services(self, name: str) -> "Deferred[list[HostPort] | None]": ...
    def addresses(self, host: Domain) -> "Deferred[list[str]]": ...


async def differences(other: Asker, looked: Looked, domain: Domain) -> tuple[str, ...]:
    """Each answer that is another one, in the order in which ours came; a sentence if it does not answer at all."""
    found = []
    try:
        for label, servers in looked.records.items():
            theirs = await other.services(label + domain)
            if (servers is None) != (theirs is None) or set(theirs or ()) != set(servers or ()):
                found.append(_line(f"{label}{domain}", theirs))
        for host, addresses in looked.addresses.items():
            there = await _addresses(other, Domain(host))
            if set(there) != set(addresses):
                found.append(_line(host, there))
    except LocateError:
        return (Code.D06.sentence,)
    return tuple(found)


# -- private ---------------------------------------------------------------------------------------------------------


async def _addresses(other: Asker, host: Domain) -> list[str]:
    """None if the host does not exist. `LocateError` if nobody answers."""
    try:
        return await other.addresses(host)
    except LocateError as problem:
        if problem.code is Code.D06:
            raise
        return []


def _line(name: str, values: Iterable[object] | None) -> str:
    shown = [str(each) for each in values or ()][:SHOWN]
    return f"{name} -> {', '.join(shown) or 'nothing'}"
