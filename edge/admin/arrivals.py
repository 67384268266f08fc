"""The last time that each partner has come to us, and what became of it: for `edge test`.

`edge.driver` tells it of every event (`Arrivals.watch`); one entry a partner. Who was turned away is taken for
the partner that his names point to: what he said he is, or what his certificate said, however little it was worth.
Who was let in may have asked for what he gets not: the last such refusal is kept too.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping

from edge.admin.evidence import Arrival, Fault
from edge.admin.shown import printable
from edge.codes import Code
from edge.domains import Domain
from edge.gateway.effects import Report
from edge.partners import Directory, System

SHOWN = 200  # characters of what a peer says
PARTNERS = 20_000  # of whom it is known; the list may have as many, and domains found by discovery come and go
ADDRESSES = 1000  # from which somebody came who had no name that points to a partner

DENIALS = frozenset({Code.A05, Code.A06, Code.A07, Code.A08})
"""Why a request is refused that came on a good link; what `allow` and `traffic` say is known before anybody comes."""

_EVENTS = frozenset({"link.up", "link.refused"})
_OF_REQUESTS = frozenset({"sip.refused", "policy.denied"})


class Arrivals:
    """``wall`` is the time of day, ``directory`` the partner list, which may become another one."""

    def __init__(self, directory: Directory, wall: Callable[[], float]) -> None:
        self._directory = directory
        self._wall = wall
        self._good: OrderedDict[str, Arrival] = OrderedDict()  # by partner
        self._bad: OrderedDict[str, Arrival] = OrderedDict()
        self._nameless: OrderedDict[str, Arrival] = OrderedDict()  # turned away, by address
        self._denied: OrderedDict[str, Arrival] = OrderedDict()  # requests, by partner

    def watch(self, report: Report) -> None:
        """For `edge.driver.Driver.watch`."""
        fields = report.fields
        if report.code in DENIALS and report.event in _OF_REQUESTS:
            for name in _words(fields, "partner"):
                _put(self._denied, name, Arrival(self._wall(), "", Fault(report.code)), PARTNERS)
            return
        if report.event not in _EVENTS or not _came_in(fields):
            return
        address = printable(str(fields.get("peer_ip", ""))[:SHOWN])
        if report.event == "link.up":
            how = printable(str(fields.get("auth") or "certificate")[:SHOWN])
            for name in _words(fields, "partner"):
                _put(self._good, name, Arrival(self._wall(), address, None, how), PARTNERS)
            return
        fault = Fault(report.code or Code.N03, printable(str(fields.get("text") or "")[:SHOWN]))
        arrival = Arrival(self._wall(), address, fault)
        names = self._partners(fields)
        for name in names:
            _put(self._bad, name, arrival, PARTNERS)
        if not names and address:
            _put(self._nameless, address, arrival, ADDRESSES)

    def good(self, system: System) -> Arrival | None:
        """The last that was let in."""
        return self._good.get(system.name)

    def bad(self, system: System, addresses: tuple[str, ...] = ()) -> Arrival | None:
        """The last that was not; ``addresses`` are those of its servers, from which he may have come without a name."""
        found = [self._bad.get(system.name), *(self._nameless.get(each) for each in addresses)]
        return max((each for each in found if each is not None), key=lambda each: each.when, default=None)

    def denied(self, system: System) -> Arrival | None:
        """The last request that was refused to who was let in."""
        return self._denied.get(system.name)

    def _partners(self, fields: Mapping[str, object]) -> list[str]:
        """Whom he may have meant to be."""
        named = [*_words(fields, "partner")]
        if named:
            return named
        domains = [Domain(each) for each in (*_words(fields, "remote"), *_words(fields, "names"))]
        systems = [self._directory.system_of(each) for each in domains]
        found = [each.name for each in systems if each is not None]
        found += [each.name for each in self._directory.systems if not each.peer_names.isdisjoint(domains)]
        return [*dict.fromkeys(found)]


# -- private ---------------------------------------------------------------------------------------------------------


def _came_in(fields: Mapping[str, object]) -> bool:
    if "stream" in fields:
        return fields["stream"] == "s2s in"
    return fields.get("direction") == "in"


def _put(book: OrderedDict[str, Arrival], key: str, arrival: Arrival, most: int) -> None:
    """The newest last; of too many the oldest goes."""
    book.pop(key, None)
    book[key] = arrival
    if len(book) > most:
        book.popitem(last=False)


def _words(fields: Mapping[str, object], name: str) -> list[str]:
    return [each for each in str(fields.get(name) or "").split(",") if each]
