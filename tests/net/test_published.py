"""Our own records: what partners find by them, and what is wrong with that."""

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from edge.codes import Code
from edge.domains import Domain
from edge.net.locate import FEDERATION
from edge.net.names import LocateError
from edge.net.published import Published, judge, look_up
from edge.partners import HostPort

DOMAIN = Domain("capulet.example")
OURS = HostPort("edge.hosting.example", 5061)
SIP = HostPort("sip.capulet.example", 5061)
XMPP = HostPort("edge.hosting.example", 5269)
CERTIFIED = {Domain("edge.hosting.example"), Domain("sip.capulet.example")}
PUBLIC = ("8.8.8.8", "2606:4700::1111")
SERVER = "_xmpp-server._tcp."


def published(records: dict[str, tuple[HostPort, ...]], **addresses: tuple[str, ...]) -> Published:
    hosts = {server.host for servers in records.values() for server in servers}
    found = {host: addresses.get(host.partition(".")[0], PUBLIC) for host in hosts}
    return Published(DOMAIN, records, found)


def codes(found: Published, protocol: str = "sip", ours: HostPort = OURS) -> list[Code]:
    return [finding.code for finding in judge(found, protocol, ours, CERTIFIED)]


def test_record_that_keeps_to_all_rules_is_good() -> None:
    assert codes(published({FEDERATION: (SIP,)})) == []
    assert codes(published({SERVER: (XMPP,)}), "xmpp", XMPP) == []
    assert codes(published({"_xmpps-server._tcp.": (XMPP,)}), "xmpp", XMPP) == []


def test_record_that_is_missing_is_proposed() -> None:
    (finding,) = judge(published({}), "sip", OURS, CERTIFIED)
    assert (finding.code, finding.text) == (Code.D01, "_sipfederationtls._tcp.capulet.example is missing")
    assert finding.record == "_sipfederationtls._tcp.capulet.example. 3600 IN SRV 0 0 5061 sip.capulet.example."
    (finding,) = judge(published({}), "xmpp", XMPP, CERTIFIED)
    assert finding.record == "_xmpp-server._tcp.capulet.example. 3600 IN SRV 0 0 5269 edge.hosting.example."


def test_our_own_name_is_proposed_where_it_lies_in_the_domain() -> None:
    (finding,) = judge(published({}), "sip", HostPort("edge.capulet.example", 5062), CERTIFIED)
    assert finding.record.endswith(" 5062 edge.capulet.example.")


def test_record_that_says_not_here_keeps_everybody_away() -> None:
    (finding,) = judge(published({FEDERATION: ()}), "sip", OURS, CERTIFIED)
    assert (finding.code, "no such service" in finding.text) == (Code.D01, True)


@pytest.mark.parametrize("host", ["edge.hosting.example", "sip.uk.capulet.example", "capulet.example"])
def test_server_that_microsofts_edges_would_refuse_is_named(host: str) -> None:
    (finding,) = judge(published({FEDERATION: (HostPort(host, 5061),)}), "sip", OURS, CERTIFIED)
    assert finding.code is Code.D04 and host in finding.text
    assert finding.record.endswith(" sip.capulet.example.")


def test_server_that_our_certificate_does_not_name_is_named() -> None:
    (finding,) = judge(published({FEDERATION: (HostPort("im.capulet.example", 5061),)}), "sip", OURS, CERTIFIED)
    assert finding.code is Code.C03 and "im.capulet.example" in finding.text


def test_rules_of_microsofts_edges_are_none_for_xmpp() -> None:
    assert codes(published({SERVER: (HostPort("xmpp.elsewhere.example", 5269),)}), "xmpp", XMPP) == []


def test_server_without_an_address_or_with_a_private_one_is_named() -> None:
    assert codes(published({FEDERATION: (SIP,)}, sip=())) == [Code.D02]
    assert codes(published({FEDERATION: (SIP,)}, sip=("8.8.8.8", "10.0.0.1"))) == [Code.D05]


def test_records_for_im_and_pres_must_not_contradict() -> None:
    assert codes(published({FEDERATION: (SIP,), "_im._sip.": (SIP,), "_pres._xmpp.": (XMPP,)})) == []
    assert codes(published({FEDERATION: (SIP,), "_im._sip.": (OURS,)})) == [Code.D03]
    assert codes(published({SERVER: (XMPP,), "_pres._xmpp.": (SIP,)}), "xmpp", XMPP) == [Code.D03]


class Dns:
    """Records and addresses that are there already."""

    def __init__(self, silent: bool = False) -> None:
        self._silent = silent

    def services(self, name: str) -> Deferred[list[HostPort] | None]:
        found = {f"{FEDERATION}{DOMAIN}": [SIP], f"_im._sip.{DOMAIN}": [OURS, SIP], f"{SERVER}{DOMAIN}": []}
        return succeed(found.get(name))

    def addresses(self, host: Domain) -> Deferred[list[str]]:
        if self._silent:
            return fail(LocateError(Code.D06))
        return succeed(["8.8.8.8"]) if host == SIP.host else fail(LocateError(Code.D02))


def test_everything_by_which_a_partner_might_look_is_asked_for() -> None:
    results: list[Published] = []
    Deferred.fromCoroutine(look_up(Dns(), DOMAIN)).addCallback(results.append)
    assert results == [
        Published(
            DOMAIN,
            {FEDERATION: (SIP,), "_im._sip.": (OURS, SIP), SERVER: ()},
            {OURS.host: (), SIP.host: ("8.8.8.8",)},
        )
    ]


def test_silent_dns_is_no_finding() -> None:
    failed: list[object] = []
    Deferred.fromCoroutine(look_up(Dns(silent=True), DOMAIN)).addErrback(lambda failure: failed.append(failure.value))
    assert isinstance(failed[0], LocateError)
