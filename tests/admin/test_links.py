"""`edge links`: what there is to see of each link and each way, and what can be done to them."""

from pathlib import Path

import pytest
from twisted.internet.error import ConnectionRefusedError
from twisted.python.failure import Failure

from edge.admin import links
from edge.admin.local import Wrong
from tests.admin.office import PARTNERS, Office
from tests.config.written import EDGE, changed

COMPONENT = 'link = "component"\nhosts = ["127.0.0.1:5347"]\nsecret_file = "component.secret"\n'
S2S = changed(EDGE, COMPONENT, 'hosts = ["192.0.2.8:5269"]\n')


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def refuse(office: Office) -> None:
    """Who was dialled last does not listen."""
    _, _, factory, _, _ = office.reactor.tcpClients[-1]
    factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))


def test_without_a_link_there_is_nothing_to_show(office: Office) -> None:
    assert office.get("links") == {"links": [], "more": 0}


def test_way_that_is_down_says_why_since_when_and_what_waits(office: Office) -> None:
    route = office.way()
    route.send(b"x", None)
    refuse(office)
    (row,) = office.get("links")["links"]
    assert (row["partner"], row["protocol"], row["direction"], row["state"]) == ("contoso", "sip", "out", "resting")
    assert (row["code"], row["text"], row["who"]) == ("EDGE-N01", "the connection was refused", "them")
    assert (row["queue"], row["limit"], row["failing_seconds"], row["next_dial_seconds"]) == (1, 500, 0, 1)


def test_component_is_dialled_again_by_itself_and_nothing_waits_for_it(office: Office) -> None:
    office.running.xmpp._connect_components()
    office.running.xmpp._tick()
    refuse(office)
    row = next(row for row in office.get("links")["links"] if row["code"])
    assert (row["partner"], row["state"], row["queue"], row["next_dial_seconds"]) == ("office", "resting", 0, 1)
    office.reactor.advance(0.5)
    assert office.get("partners")["partners"][0]["waiting"] == 0


def test_link_that_came_in_says_how_it_is_protected(office: Office) -> None:
    office.link()
    office.reactor.advance(7.0)
    (row,) = office.get("links")["links"]
    assert (row["partner"], row["direction"], row["auth"]) == ("contoso", "in", "mTLS")
    assert row["peer"] == "203.0.113.17:49812"
    assert (row["tls_version"], row["cipher"], row["seconds"]) == ("TLSv1.3", "TLS_AES_256_GCM_SHA384", 7)


def test_link_of_a_way_is_one_row_with_it(office: Office) -> None:
    route, link = office.way(), office.link(outbound=True)
    route.state = "resting"
    assert route.adopt(link)
    (row,) = office.get("links")["links"]
    assert (row["partner"], row["direction"], row["state"], row["code"]) == ("contoso", "out", "up", "")


def test_half_open_links_come_last_and_are_nobodys(office: Office) -> None:
    office.link("")
    office.link()
    office.stream("strange.example", proved=False)
    rows = office.get("links")["links"]
    assert [(row["partner"], row["state"], row["auth"]) for row in rows] == [
        ("contoso", "up", "mTLS"), ("", "half-open", "none"), ("", "half-open", "none"),
    ]


def test_stream_says_between_whom_and_by_what_proof(tmp_path: Path) -> None:
    office = Office(tmp_path, edge=S2S)
    office.stream("xmpp.example")
    (row,) = office.get("links")["links"]
    assert (row["partner"], row["for"], row["direction"]) == ("office", "xmpp.example > contoso.com", "in")
    assert (row["peer"], row["auth"]) == ("[2001:db8::5]:40112", "EXTERNAL")


def test_stream_that_is_dialled_is_a_way(tmp_path: Path) -> None:
    office = Office(tmp_path, edge=S2S)
    office.running.xmpp.reach(office.system("contoso").domains[0], office.system("office").domains[0])
    (row,) = office.get("links", partner="office")["links"]
    assert (row["partner"], row["for"], row["state"]) == ("office", "contoso.com > xmpp.example", "connecting")


def test_links_of_one_partner_can_be_asked_for_by_name_or_domain(office: Office) -> None:
    office.link()
    office.link("fabrikam")
    assert [row["partner"] for row in office.get("links", partner="fabrikam")["links"]] == ["fabrikam"]
    with pytest.raises(Wrong, match=r'there is no partner "contos" \(did you mean contoso\?\)') as caught:
        office.get("links", partner="contos")
    assert caught.value.status == 404


def test_rows_are_bounded(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "MOST", 2)
    for port in range(3):
        office.link(port=port)
    answer = office.get("links")
    assert (len(answer["links"]), answer["more"]) == (2, 1)


def test_close_closes_the_links_of_one_partner_in_good_order(office: Office) -> None:
    ended: list[str] = []
    office.link(retire=lambda: ended.append("contoso"))
    office.link("fabrikam", retire=lambda: ended.append("fabrikam"))
    assert office.post("links/close", partner="contoso") == {"partner": "contoso", "closed": 1}
    assert ended == ["contoso"]


def test_close_closes_streams_too(tmp_path: Path) -> None:
    office = Office(tmp_path, edge=S2S)
    stream = office.stream("xmpp.example")
    ended: list[str] = []
    stream.close = lambda: ended.append("office")  # type: ignore[method-assign]
    assert office.post("links/close", partner="office")["closed"] == 1 and ended == ["office"]


def test_retry_dials_what_rests(office: Office) -> None:
    route = office.way()
    refuse(office)
    assert office.post("links/retry", partner="contoso.com") == {
        "partner": "contoso", "dialled": 1, "up": 0, "ways": 1,
    }
    assert route.state == "connecting" and len(office.reactor.tcpClients) == 2


def test_retry_makes_a_way_where_there_was_none(office: Office) -> None:
    assert office.post("links/retry", partner="contoso")["dialled"] == 1
    assert [where[:2] for where in office.reactor.tcpClients] == [("192.0.2.7", 5061)]


def test_retry_of_a_server_dials_the_first_pair(tmp_path: Path) -> None:
    office = Office(tmp_path, edge=S2S)
    assert office.post("links/retry", partner="office")["dialled"] == 1
    ((place, route),) = office.running.xmpp.routes
    assert place == ("contoso.com", "xmpp.example") and route.state == "connecting"


class TestRetryOfWildcards:
    """A partner that is listed by a wildcard alone names no domain that could be looked up."""

    SIP = changed(PARTNERS, '["contoso.com"]', '["*.contoso.com"]')
    BY_DNS = changed(SIP, 'hosts = ["192.0.2.7:5061"]\n', "")
    XMPP = 'version = 1\n[[partner]]\nname = "jabber"\nvia = "xmpp"\ndomains = ["*.jabber.example"]\n'
    XMPP += 'hosts = ["192.0.2.9:5269"]\n'
    OF_SIP = changed(S2S, 'via = "xmpp"\nhosts = ["192.0.2.8:5269"]', 'via = "sip"\nhosts = ["sip.xmpp.example:5061"]')

    def test_hosts_say_where_it_is(self, tmp_path: Path) -> None:
        office = Office(tmp_path, partners=self.SIP)
        assert office.post("links/retry", partner="contoso")["dialled"] == 1
        assert [where[:2] for where in office.reactor.tcpClients] == [("192.0.2.7", 5061)]

    def test_domain_that_is_named_is_dialled(self, tmp_path: Path) -> None:
        office = Office(tmp_path, partners=self.BY_DNS)
        with pytest.raises(Wrong, match="name one of its domains instead of contoso"):
            office.post("links/retry", partner="contoso")
        assert office.post("links/retry", partner="Chat.contoso.com")["ways"] == 1
        assert [place[:2] for place in office.running.sip.routes] == [("contoso", "chat.contoso.com")]

    def test_domain_of_a_server_is_dialled(self, tmp_path: Path) -> None:
        office = Office(tmp_path, edge=self.OF_SIP, partners=self.XMPP)
        with pytest.raises(Wrong, match="name one of its domains"):
            office.post("links/retry", partner="jabber")
        assert office.post("links/retry", partner="chat.jabber.example")["dialled"] == 1
        ((place, _),) = office.running.xmpp.routes
        assert place == ("xmpp.example", "chat.jabber.example")
