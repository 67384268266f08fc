"""Both records of an XMPP domain as one (XEP-0368): the order, what "." means, and what is left without them."""

import random
from typing import cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.names import dns

from edge.codes import Code
from edge.domains import Domain
from edge.net.locate import Candidate, Locator
from edge.net.names import LocateError, Names
from edge.partners import HostPort, Streams, System

THEM = Domain("xmpp.example")
PLAIN, DIRECT = f"_xmpp-server._tcp.{THEM}", f"_xmpps-server._tcp.{THEM}"


class Known:
    """In the place of `Names`: SRV records as (priority, port, target); every host has one address."""

    def __init__(self, **records: list[tuple[int, int, str]] | None) -> None:
        self.records = {PLAIN: records.get("plain", []), DIRECT: records.get("direct", [])}
        self.asked: list[str] = []

    async def ask(self, name: str, kind: int) -> list[dns.RRHeader]:
        self.asked.append(name)
        found = self.records[name]
        if found is None:
            raise LocateError(Code.D06)
        payloads = [dns.Record_SRV(priority, 0, port, target.encode()) for priority, port, target in found]
        return [dns.RRHeader(name.encode(), dns.SRV, payload=payload) for payload in payloads]

    async def addresses(self, host: HostPort) -> list[str]:
        return ["192.0.2.1"] if host.host == THEM else ["192.0.2.2"]


def look(known: Known, streams: Streams | None = None, hosts: tuple[HostPort, ...] | None = None) -> list[Candidate]:
    locator = Locator(Clock(), [], random.Random(1))
    locator._names = cast(Names, known)
    system = System("montague", False, "xmpp", (THEM,), link="s2s", hosts=hosts, streams=streams or Streams())
    done: list[list[Candidate]] = []
    failed: list[Code] = []
    found: Deferred[list[Candidate]] = locator.xmpp(system, THEM)
    found.addCallbacks(done.append, lambda failure: failed.append(failure.value.code))
    if failed:
        raise LocateError(failed[0])
    return done[0]


def places(candidates: list[Candidate]) -> list[tuple[str, int, bool]]:
    return [(each.host, each.port, each.direct) for each in candidates]


def test_records_of_both_kinds_are_one_set_by_priority() -> None:
    known = Known(plain=[(5, 5269, "a.example"), (20, 5269, "c.example")], direct=[(10, 443, "b.example")])
    assert places(look(known)) == [("a.example", 5269, False), ("b.example", 443, True), ("c.example", 5269, False)]


def test_of_equal_records_the_direct_one_comes_first() -> None:
    known = Known(plain=[(5, 5269, "a.example")], direct=[(5, 5270, "a.example")])
    assert places(look(known)) == [("a.example", 5270, True), ("a.example", 5269, False)]


def test_one_port_may_take_both() -> None:
    known = Known(plain=[(5, 5269, "a.example")], direct=[(5, 5269, "a.example")])
    assert places(look(known)) == [("a.example", 5269, True), ("a.example", 5269, False)]


def test_point_means_no_direct_tls_and_no_way_back_to_the_own_address() -> None:
    assert places(look(Known(plain=[(5, 5269, "a.example")], direct=[(0, 0, ".")]))) == [("a.example", 5269, False)]
    with pytest.raises(LocateError) as error:
        look(Known(direct=[(0, 0, ".")]))
    assert error.value.code is Code.D01


def test_domain_without_either_is_tried_at_its_own_address() -> None:
    assert places(look(Known())) == [(THEM, 5269, False)]


def test_silence_about_direct_tls_does_no_harm_and_about_the_other_it_does() -> None:
    assert places(look(Known(plain=[(5, 5269, "a.example")], direct=None))) == [("a.example", 5269, False)]
    with pytest.raises(LocateError) as error:
        look(Known(plain=None, direct=[(5, 443, "a.example")]))
    assert error.value.code is Code.D06


def test_partner_with_direct_tls_only_is_never_met_by_starttls() -> None:
    only = Streams(direct=True)
    known = Known(plain=[(1, 5269, "a.example")], direct=[(5, 443, "b.example")])
    assert places(look(known, only)) == [("b.example", 443, True)] and known.asked == [DIRECT]
    for known in (Known(plain=[(1, 5269, "a.example")]), Known(direct=None)):
        with pytest.raises(LocateError):
            look(known, only)
    assert places(look(Known(), only, (HostPort("c.example", 5223),))) == [("c.example", 5223, True)]


def test_configured_hosts_begin_in_clear_unless_they_are_said_not_to() -> None:
    assert places(look(Known(), None, (HostPort("c.example", 5269),))) == [("c.example", 5269, False)]
