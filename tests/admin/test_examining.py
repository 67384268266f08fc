"""What the facts of a test mean: policy, DNS, TCP and the way back, and what is skipped when one of them fails."""

from dataclasses import replace

import pytest

from edge.admin.evidence import Arrival, Fault, Looked
from edge.admin.examining import LATELY, examine, outcome
from edge.codes import Code
from edge.partners import HostPort
from tests.admin.findings import EDGE, FEDERATION, NOW, facts, named, reach, system

HOUR = 3600.0


def test_partner_with_whom_all_is_well_is_good_in_seven_steps() -> None:
    steps = examine(facts())
    assert [step.name for step in steps] == ["policy", "dns", "tcp", "tls", "cert", "options", "inbound"]
    assert [step.status for step in steps] == ["ok"] * 6 + ["note"]
    assert outcome(steps) == "ok"
    said = named(steps)
    assert said["policy"].text == "listed, partners.toml line 37; both directions, im_mode auto"
    assert said["dns"].text == "edge.contoso.com -> 203.0.113.17 (static)"
    assert said["tcp"].text == "203.0.113.17:5061 in 18 ms"


# policy


def test_partner_whom_nothing_may_reach_is_not_dialled() -> None:
    no = Fault(Code.A02, "contoso.com is blocked (partners.toml line 50): ticket 4711")
    steps = examine(facts(outgoing=no, incoming=no))
    policy, *others = steps
    assert (policy.status, policy.fault) == ("FAIL", no)
    assert "ticket" in policy.text and "ticket" not in policy.outside
    assert policy.here == "take it out of [[blocked]]"
    assert {step.status for step in others} == {"skip"}


@pytest.mark.parametrize(("way", "said"), [("outgoing", "only incoming"), ("incoming", "only outgoing")])
def test_one_direction_is_worth_a_note(way: str, said: str) -> None:
    policy = named(examine(facts(**{way: Fault(Code.A03)})))["policy"]
    assert policy.status == "note" and said in policy.text and policy.here.startswith("change allow")


@pytest.mark.parametrize(
    ("setting", "code", "here", "outside"),
    [
        ({"traffic": "im-only"}, Code.A04, "change traffic of the partner", ", messages only"),
        ({"traffic": "presence-only"}, Code.A04, "change traffic of the partner", ", presence only"),
        ({"identity": "unverified"}, Code.A07, 'identity = "verified", if', "; a sender nobody vouches for reaches"),
        ({"traffic": "im-only", "identity": "unverified"}, Code.A04, "change traffic", ", messages only"),
    ],
)
def test_what_keeps_some_traffic_out_is_worth_a_note(
    setting: dict[str, str], code: Code, here: str, outside: str
) -> None:
    steps = examine(facts(of=system(**setting)))
    policy = named(steps)["policy"]
    assert policy.status == "note" and policy.fault is not None and policy.fault.code is code
    assert policy.here.startswith(here) and not policy.there
    assert all(f"{name} {value}" in policy.text for name, value in setting.items())
    assert policy.outside.startswith(f"contoso.com and xmpp.example may talk, both directions{outside}")
    assert outcome(steps) == "ok"


def test_what_the_partner_reads_of_the_policy_has_nothing_of_our_files() -> None:
    policy = named(examine(facts(of=system(traffic="im-only", direction="they-see-us"))))["policy"]
    assert "traffic im-only" in policy.text and "presence they-see-us" in policy.text
    assert policy.outside == "contoso.com and xmpp.example may talk, both directions, messages only"


# DNS


@pytest.mark.parametrize(
    ("code", "there"),
    [
        (Code.D01, "publish _sipfederationtls._tcp.contoso.com. 3600 IN SRV 0 0 5061 HOST.contoso.com."),
        (Code.D02, "give contoso.com an A or AAAA record"),
        (Code.D04, "publish a server name that lies directly in contoso.com"),
        (Code.D05, "publish public addresses only: inside and outside views of the zone are mixed up"),
        (Code.D06, "see that the name servers of contoso.com answer everybody"),
    ],
)
def test_way_that_dns_does_not_know_is_the_end(code: Code, there: str) -> None:
    found = facts(of=system(hosts=None), looked=Looked(Fault(code), {FEDERATION: None}), reaches=[])
    said = named(examine(found))
    assert (said["dns"].status, said["dns"].there) == ("FAIL", there)
    assert said["tcp"].status == said["options"].status == "skip" and said["inbound"].status == "note"


def test_server_outside_of_the_domain_is_named_in_the_cure() -> None:
    other = HostPort("sip.hoster.example", 5061)
    looked = Looked(Fault(Code.D04), {FEDERATION: (other,)})
    dns = named(examine(facts(of=system(hosts=None), looked=looked)))["dns"]
    assert dns.details == ["_sipfederationtls._tcp -> sip.hoster.example:5061"]
    assert 'hosts = ["sip.hoster.example:5061"]' in dns.here


def test_static_host_that_dns_knows_nothing_of_is_a_note() -> None:
    other = HostPort("sip.contoso.com", 5061)
    looked = Looked(None, {FEDERATION: (other,)}, {EDGE.host: ("203.0.113.17",), other.host: ("203.0.113.99",)})
    dns = named(examine(facts(looked=looked)))["dns"]
    assert dns.status == "note" and dns.fault is not None and dns.fault.code is Code.D03
    assert "SRV would be sip.contoso.com:5061" in dns.text


def test_static_host_under_another_name_is_the_same_server() -> None:
    other = HostPort("sip.contoso.com", 5061)
    looked = Looked(None, {FEDERATION: (other,)}, {EDGE.host: ("203.0.113.17",), other.host: ("203.0.113.17",)})
    assert named(examine(facts(looked=looked)))["dns"].status == "ok"


def test_host_with_public_and_private_addresses_is_a_warning() -> None:
    looked = Looked(None, {FEDERATION: (EDGE,)}, {EDGE.host: ("8.8.8.8", "10.0.0.8")})
    dns = named(examine(facts(of=system(hosts=None), looked=looked)))["dns"]
    assert dns.status == "warn" and dns.fault is not None and dns.fault.code is Code.D05
    assert "10.0.0.8" in " ".join(dns.details)


def test_resolver_that_says_otherwise_is_a_warning_and_one_that_agrees_a_word() -> None:
    looked = Looked(None, {FEDERATION: (EDGE,)}, {EDGE.host: ("203.0.113.17",)}, "9.9.9.9")
    dns = named(examine(facts(looked=looked)))["dns"]
    assert dns.status == "ok" and dns.details[-1] == "9.9.9.9 says the same"
    looked.otherwise = ("edge.contoso.com -> 10.0.0.8",)
    dns = named(examine(facts(looked=looked)))["dns"]
    assert (dns.status, dns.details[-1]) == ("warn", "9.9.9.9: edge.contoso.com -> 10.0.0.8")
    assert dns.fault is not None and dns.fault.code is Code.D03 and str(dns.fault) == "9.9.9.9 says otherwise"


def test_domain_without_records_is_reached_by_its_own_address() -> None:
    looked = Looked(None, {"_xmpps-server._tcp.": None, "_xmpp-server._tcp.": None}, {"contoso.com": ("8.8.8.8",)})
    dns = named(examine(facts(of=system("xmpp", hosts=None), looked=looked)))["dns"]
    assert dns.text == "no _xmpps-server._tcp and no _xmpp-server._tcp; the address of contoso.com itself counts"


# TCP


@pytest.mark.parametrize("code", [Code.N01, Code.N02, Code.N04])
def test_address_nobody_answers_at_is_the_end(code: Code) -> None:
    said = named(examine(facts(reach("tcp", code))))
    assert said["tcp"].status == "FAIL" and said["tcp"].text.startswith("203.0.113.17:5061: ")
    assert said["tls"].text == "not tried, because tcp failed"
    assert said["tcp"].here or said["tcp"].there


def test_second_address_that_is_down_is_a_warning() -> None:
    down = reach("tcp", Code.N02, address="2001:db8::17")
    said = named(examine(facts(down, reach(status=200))))
    assert said["tcp"].status == "warn" and said["options"].status == "ok"
    assert said["tcp"].details == ["[2001:db8::17]:5061: EDGE-N02 the connection attempt timed out"]


def test_second_address_that_ends_otherwise_is_named_where_it_ends() -> None:
    other = reach("cert", Code.C02, address="203.0.113.18")
    cert = named(examine(facts(reach(status=200), other)))["cert"]
    assert cert.status == "warn" and "203.0.113.18:5061: EDGE-C02 the certificate has expired" in cert.details
    assert cert.there == "renew the certificate"


def test_time_that_is_over_is_no_success() -> None:
    assert named(examine(facts(reaches=[])))["tcp"].status in ("FAIL", "skip")


# the way back

THEN = NOW.timestamp() - 3 * HOUR


def test_last_inbound_link_that_was_refused_is_a_warning() -> None:
    refused = Arrival(THEN, "203.0.113.17", Fault(Code.C03, "the certificate does not carry the expected name"))
    inbound = named(examine(facts(turned_away=refused)))["inbound"]
    assert inbound.status == "warn" and inbound.fault is not None and inbound.fault.code is Code.C03
    assert inbound.text.startswith("the last inbound link, 3 h 0 min ago, was refused: EDGE-C03")
    assert inbound.details == ["it came from 203.0.113.17, and nothing proves that it was this partner"]


def test_refusal_that_was_mended_is_none() -> None:
    refused = Arrival(THEN, "203.0.113.17", Fault(Code.C03))
    inbound = named(examine(facts(turned_away=refused, arrived=Arrival(THEN + 60, "203.0.113.17", None, "external"))))
    assert inbound["inbound"].text == "the last inbound link came 2 h 59 min ago, by SASL EXTERNAL"


def test_link_that_is_up_is_the_best_proof() -> None:
    assert named(examine(facts(links_in=2)))["inbound"].text == "2 links of theirs to us up now"


def test_nobody_who_came_is_a_note() -> None:
    inbound = named(examine(facts()))["inbound"]
    assert inbound.text == "nobody came from there since the gateway was started, 2 h 0 min ago"


def test_request_that_was_refused_is_a_note_beside_the_link_it_came_on() -> None:
    steps = examine(facts(links_in=1, denied=Arrival(THEN, "", Fault(Code.A05))))
    inbound = named(steps)["inbound"]
    assert inbound.status == "note" and inbound.fault is not None and inbound.fault.code is Code.A05
    told = f"the last request that was refused came 3 h 0 min ago: EDGE-A05 {Code.A05.sentence}"
    assert inbound.text == f"1 link of theirs to us up now; {told}"
    assert inbound.outside == f"1 link of yours to us up now; {told}"
    assert "whose certificate has the sender's domain" in inbound.there
    assert outcome(steps) == "ok"


def test_request_that_was_refused_long_ago_is_no_news() -> None:
    old = Arrival(NOW.timestamp() - LATELY - 1, "", Fault(Code.A05))
    assert named(examine(facts(links_in=1, denied=old)))["inbound"].status == "ok"


def test_link_that_was_refused_counts_more_than_a_request() -> None:
    link, request = Arrival(THEN, "203.0.113.17", Fault(Code.T04)), Arrival(THEN + 60, "", Fault(Code.A05))
    inbound = named(examine(facts(turned_away=link, denied=request)))["inbound"]
    assert inbound.status == "warn" and inbound.fault is not None and inbound.fault.code is Code.T04


def test_component_has_a_way_of_its_own() -> None:
    one = replace(system("xmpp"), link="component")
    steps = examine(facts(reach("done"), of=one))
    assert [step.name for step in steps] == ["policy", "dns", "tcp", "handshake", "inbound"]
    assert named(steps)["inbound"].status == "skip"
