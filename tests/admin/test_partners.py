"""`edge partners`: the traffic light of each, and who came without being one."""

from pathlib import Path

import pytest
from twisted.internet.error import ConnectionRefusedError
from twisted.python.failure import Failure

from edge.codes import Code
from edge.domains import Domain
from edge.gateway.effects import Report
from tests.admin.office import PARTNERS, Office
from tests.config.written import changed


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def light(office: Office, name: str = "contoso") -> tuple[str, str]:
    (found,) = [each for each in office.get("partners")["partners"] if each["name"] == name]
    return found["light"], found["said"]


def test_ours_come_first_and_blocks_last(office: Office) -> None:
    answer = office.get("partners")
    assert [(each["name"], each["inside"]) for each in answer["partners"]] == [
        ("office", True), ("contoso", False), ("fabrikam", False),
    ]
    assert answer["partners"][2]["domains"] == ["fabrikam.com", "*.fabrikam.com"]
    assert answer["blocked"] == [
        {"domains": ["spam.example"], "reason": "ticket 4711", "silent": False, "place": "partners.toml line 16"}
    ]


def test_light_is_off_where_nothing_goes_on(office: Office) -> None:
    assert light(office) == ("grey", "there is no link, and nothing to send")


def test_partner_of_whom_everything_is_blocked_is_told_so(tmp_path: Path) -> None:
    office = Office(tmp_path, partners=changed(PARTNERS, '"spam.example"', '"contoso.com", "fabrikam.com"'))
    assert light(office) == ("grey", "all its domains are blocked (EDGE-A02)")
    assert light(office, "fabrikam") == ("grey", "there is no link, and nothing to send"), "others are not"


def test_light_is_green_with_a_link(office: Office) -> None:
    office.link()
    assert light(office) == ("green", "1 link")


def test_light_is_yellow_while_it_is_dialled(office: Office) -> None:
    office.way()
    assert light(office) == ("yellow", "it is being dialled")


def test_light_is_red_when_no_way_is_left_and_says_whose_turn_it_is(office: Office) -> None:
    office.way().send(b"x", None)
    office.reactor.tcpClients[-1][2].clientConnectionFailed(None, Failure(ConnectionRefusedError()))
    said = "the connection was refused (EDGE-N01) for 0 s; 1 message waiting; they must act"
    assert light(office) == ("red", said)
    office.link()
    colour, said = light(office)
    assert colour == "yellow" and "(EDGE-N01) on 1 way of 2 for 0 s" in said


def test_light_is_yellow_when_a_time_is_soon_over(tmp_path: Path) -> None:
    there = changed(PARTNERS, 'name = "fabrikam"', 'name = "fabrikam"\nexpires = 2999-12-31')
    office = Office(tmp_path, partners=there)
    office.link("fabrikam")
    assert light(office, "fabrikam")[0] == "green"
    object.__setattr__(office.system("fabrikam"), "expires_at", office.running.wall() + 3 * 86_400)
    assert light(office, "fabrikam") == ("yellow", "it is a partner for 3 d 0 h more")


def test_stranger_is_told_until_he_is_listed_or_blocked(office: Office) -> None:
    for name in ("strange.example", "fabrikam.com", "spam.example"):
        fields = {"stream": "s2s in", "remote": name, "peer_ip": "192.0.2.1"}
        office.running.seen.watch(Report("link.refused", Code.A01, fields))
    (stranger,) = office.get("seen")["seen"]
    assert office.get("partners")["seen"] == 1
    assert (stranger["domain"], stranger["links"], stranger["code"]) == ("strange.example", 1, "EDGE-A01")
    assert str(stranger["first_seen"]).endswith("Z")


def test_discovered_partner_is_told_and_can_be_listed_and_explained(tmp_path: Path) -> None:
    there = changed(PARTNERS, "  # ours\n", "\n[defaults]\nunknown_domains = 'discover'\n")
    office = Office(tmp_path, partners=there)
    assert office.running.directory.discover(Domain("strange.example"), Domain("xmpp.example")) is not None
    *_, found = office.get("partners")["partners"]
    assert (found["name"], found["discovered"], found["light"]) == ("strange.example", True, "grey")
    assert [each["name"] for each in office.get("seen")["discovered"]] == ["strange.example"]
    assert office.get("links", partner="strange.example") == {"links": [], "more": 0}
    answer = office.get("explain", **{"from": "x@strange.example"})
    assert (answer["text"], answer["code"]) == ("is on no list, and discovered (sip)", "")


def test_driver_tells_the_book(office: Office) -> None:
    office.service._driver.link_event("link.refused", code=Code.A01, stream="s2s in", remote="strange.example")
    assert office.get("partners")["seen"] == 1
