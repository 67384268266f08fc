"""Records for im: and pres: URIs."""

from collections.abc import Mapping

from twisted.internet.defer import Deferred, succeed

from edge.domains import Domain
from edge.net.instant import servers
from edge.partners import HostPort

DOMAIN = Domain("montague.example")
ONE, TWO = HostPort("one.montague.example", 5061), HostPort("two.montague.example", 5269)


class Records:
    """DNS that is there already."""

    def __init__(self, **found: list[HostPort]) -> None:
        self.found = {f"_{name.replace('_', '._')}.{DOMAIN}": services for name, services in found.items()}
        self.asked: list[str] = []

    def services(self, name: str) -> Deferred[list[HostPort] | None]:
        self.asked.append(name)
        return succeed(self.found.get(name))


def found(records: Records, scheme: str) -> Mapping[str, list[HostPort]]:
    results: list[Mapping[str, list[HostPort]]] = []
    Deferred.fromCoroutine(servers(records, scheme, DOMAIN)).addCallback(results.append)
    return results[0]


def test_each_protocol_that_is_named_has_its_servers() -> None:
    assert found(Records(im_sip=[ONE], im_xmpp=[TWO]), "im") == {"sip": [ONE], "xmpp": [TWO]}


def test_schemes_have_records_of_their_own() -> None:
    records = Records(im_sip=[ONE], pres_xmpp=[TWO])
    assert found(records, "pres") == {"xmpp": [TWO]}
    assert records.asked == ["_pres._sip.montague.example", "_pres._xmpp.montague.example"]


def test_record_that_says_not_here_is_told_from_none() -> None:
    assert found(Records(im_sip=[]), "im") == {"sip": []}
    assert found(Records(), "im") == {}
