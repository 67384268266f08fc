"""What there is at the moment of a scrape."""

from datetime import UTC, datetime
from pathlib import Path

from edge.admin.gauges import Gauges, gauges, is_listed
from edge.certificates.expiry import Ending
from edge.gateway.counters import UNLISTED
from tests.admin.office import Office

END = datetime(2027, 1, 1, tzinfo=UTC)


def seen(office: Office, *endings: Ending) -> Gauges:
    return gauges(office.running, endings)


def ending(role: str, name: str, days: int = 0) -> Ending:
    return Ending(role, name, f"fingerprint {days}", "CN=CA", END.replace(day=1 + days))


def test_quiet_gateway_has_nothing_but_zeros(tmp_path: Path) -> None:
    found = seen(Office(tmp_path))
    assert (found.links, found.queues, found.sessions, found.expiries) == ({}, {}, {}, ())
    assert found.unauthenticated == {"sip": 0, "xmpp": 0}


def test_links_are_counted_by_partner_direction_and_state(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.link()
    office.link(port=2)
    office.link(port=3, alive=False)
    office.stream("xmpp.example")
    assert seen(office).links == {
        ("contoso", "sip", "in", "up"): 2, ("contoso", "sip", "in", "closing"): 1, ("office", "xmpp", "in", "up"): 1,
    }


def test_links_that_prove_nothing_are_counted_apart(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.link("")
    office.stream("strange.example", proved=False)
    found = seen(office)
    assert found.unauthenticated == {"sip": 1, "xmpp": 1} and found.links == {}


def test_way_without_a_link_tells_its_state_and_what_waits(tmp_path: Path) -> None:
    office = Office(tmp_path)
    route = office.way()
    route.send(b"", None)  # to have it dialled: nobody waits for that
    route.send(b"one", None)
    office.reactor.advance(2)
    route.send(b"two", None)
    found = seen(office)
    assert found.links == {("contoso", "sip", "out", "connecting"): 1}
    assert (found.queues, found.oldest) == ({"contoso": 2}, {"contoso": 2.0})
    assert found.failing == {("contoso", "sip"): 0.0}


def test_certificates_are_told_once_each_the_first_to_end(tmp_path: Path) -> None:
    endings = [ending("own", "edge.example.net", 3), ending("peer", "contoso", 2), ending("peer", "contoso", 1)]
    found = seen(Office(tmp_path), *endings, ending("peer", "strange.example"))
    assert {each[:3]: datetime.fromtimestamp(each[3], UTC).day for each in found.expiries} == {
        ("own", "", "edge.example.net"): 4, ("peer", "contoso", ""): 2,
    }


def test_who_is_not_listed_is_one_name(tmp_path: Path) -> None:
    directory = Office(tmp_path).gateway.node.directory
    assert is_listed(directory, "contoso") and not is_listed(directory, "strange.example")
    assert not is_listed(directory, UNLISTED)


def test_lists_of_revoked_certificates_are_as_old_as_they_are(tmp_path: Path) -> None:
    found = gauges(Office(tmp_path).running, (), [("CN=CA", "/etc/edge/r.crl", 90.0)])
    assert found.crls == {("CN=CA", "/etc/edge/r.crl"): 90.0}
