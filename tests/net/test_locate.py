"""SRV and address look-ups, against a real name server on loopback."""

import random
from collections import Counter
from collections.abc import Awaitable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.names import dns
from twisted.names.authority import FileAuthority
from twisted.names.server import DNSServerFactory
from twisted.trial.unittest import TestCase

from edge.codes import Code
from edge.domains import Domain
from edge.net import addresses, locate, names
from edge.net.locate import Candidate, Locator, identities, ordered
from edge.net.names import LocateError
from edge.partners import HostPort, System

SIP = b"_sipfederationtls._tcp."
SIPS = b"_sips._tcp."
XMPP = b"_xmpp-server._tcp."


def srv(priority: int, weight: int, port: int, target: str) -> dns.Record_SRV:
    return dns.Record_SRV(priority, weight, port, target.encode(), ttl=60)


def naptr(order: int, preference: int, service: str, replacement: str) -> dns.Record_NAPTR:
    return dns.Record_NAPTR(order, preference, b"s", service.encode(), b"", replacement.encode(), ttl=60)


def a(address: str) -> dns.Record_A:
    return dns.Record_A(address, ttl=60)


def aaaa(address: str) -> dns.Record_AAAA:
    return dns.Record_AAAA(address, ttl=60)


ZONE = {
    b"test": [dns.Record_SOA(b"ns.test", b"root.test", 1, 1, 1, 1, 1)],
    SIP + b"lync.test": [srv(10, 0, 5061, "sip.lync.test")],
    b"sip.lync.test": [a("192.0.2.1"), aaaa("2001:db8::1")],
    SIP + b"ordered.test": [
        srv(20, 0, 5062, "two.ordered.test"), srv(10, 0, 5061, "one.ordered.test"), srv(30, 0, 1, "gone.ordered.test")
    ],
    b"one.ordered.test": [a("192.0.2.11")],
    b"two.ordered.test": [aaaa("2001:db8::12")],
    SIP + b"hosted.test": [srv(1, 0, 5061, "edge.provider.test"), srv(2, 0, 5061, "sip.uk.hosted.test")],
    SIP + b"partly.test": [srv(1, 0, 5061, "edge.provider.test"), srv(2, 0, 5061, "sip.partly.test")],
    b"edge.provider.test": [a("192.0.2.13")],
    b"sip.uk.hosted.test": [a("192.0.2.14")],
    b"sip.partly.test": [a("192.0.2.15")],
    SIP + b"itself.test": [srv(0, 0, 5061, "itself.test")],
    b"itself.test": [a("192.0.2.16")],
    SIPS + b"plain.test": [srv(0, 0, 5061, "proxy.elsewhere.test")],
    b"proxy.elsewhere.test": [a("192.0.2.17")],
    b"pointed.test": [
        naptr(10, 10, "SIP+D2U", "_sip._udp.pointed.test"),
        naptr(50, 20, "sips+d2t", "_sips._tcp.second.test"),
        naptr(50, 10, "SIPS+D2T", "_sips._tcp.first.test"),
    ],
    SIPS + b"first.test": [srv(0, 0, 5061, "proxy.elsewhere.test")],
    SIPS + b"pointed.test": [srv(0, 0, 1, "never.pointed.test")],
    b"clear.test": [naptr(10, 10, "SIP+D2U", "_sip._udp.clear.test")],
    SIPS + b"clear.test": [srv(0, 0, 5061, "proxy.elsewhere.test")],
    SIP + b"trap.test": [srv(0, 0, 5061, "sip.trap.test"), srv(1, 0, 5061, "127.0.0.1")],
    b"sip.trap.test": [a("10.0.0.1"), a("169.254.169.254"), aaaa("::ffff:192.168.1.1")],
    SIP + b"half.test": [srv(0, 0, 5061, "sip.half.test")],
    b"sip.half.test": [a("10.0.0.1"), a("8.8.8.8")],
    SIP + b"absent.test": [srv(0, 0, 0, ".")],
    SIP + b"dangling.test": [srv(0, 0, 5061, "gone.dangling.test")],
    SIP + b"equal.test": [srv(5, 0, 5061, "one.ordered.test"), srv(5, 9, 5061, "two.ordered.test")],
    SIP + b"crowd.test": [srv(number, 0, 5061, f"h{number}.crowd.test") for number in range(40)],
    **{f"h{number}.crowd.test".encode(): [a(f"192.0.2.{number}")] for number in range(40)},
    SIP + b"many.test": [srv(0, 0, 5061, "host.many.test")],
    b"host.many.test": [a(f"192.0.2.{number}") for number in range(60)],
    b"capulet.test": [a("192.0.2.21")],
    XMPP + b"montague.test": [srv(0, 0, 5270, "xmpp.montague.test")],
    b"montague.test": [a("192.0.2.99")],
    b"xmpp.montague.test": [a("192.0.2.22")],
    XMPP + b"quiet.test": [srv(0, 0, 0, ".")],
    b"quiet.test": [a("192.0.2.23")],
    XMPP + b"unreachable.test": [srv(0, 0, 5269, "gone.test")],
    b"unreachable.test": [a("192.0.2.24")],
    b"pool.test": [a("192.0.2.31"), a("192.0.2.32")],
}


def system(
    domain: str, hosts: tuple[HostPort, ...] | None = None, peer_names: frozenset[Domain] = frozenset(), **keys: bool
) -> System:
    return System("it", False, "sip", (Domain(domain),), hosts=hosts, peer_names=peer_names, **keys)


class Zone(FileAuthority):
    """`ZONE`, without a file."""

    def loadFile(self, filename: None) -> None:
        self.soa = (b"test", ZONE[b"test"][0])
        self.records = ZONE


class Lookups(TestCase):
    """Every answer that DNS may give."""

    timeout = 20

    def both(self, protocol: dns.DNSDatagramProtocol, factory: DNSServerFactory) -> tuple[Any, Any]:
        """One number that is free for UDP and for TCP: somebody may have it for one of them."""
        for _ in range(20):
            stream = reactor.listenTCP(0, factory, interface="127.0.0.1")
            try:
                return reactor.listenUDP(stream.getHost().port, protocol, "127.0.0.1"), stream
            except CannotListenError:
                stream.stopListening()
        raise AssertionError("no port is free for both")

    def setUp(self) -> None:
        factory = DNSServerFactory(authorities=[Zone(None)])
        factory.noisy = False
        protocol = dns.DNSDatagramProtocol(factory)
        protocol.noisy = False
        port, stream = self.both(protocol, factory)
        self.addCleanup(port.stopListening)
        self.addCleanup(stream.stopListening)
        self.locator = Locator(reactor, [HostPort("127.0.0.1", port.getHost().port)], random.Random(1))
        self.addCleanup(self.locator.stop)
        self.patch(addresses, "source_of", lambda address: "192.0.2.200")

    async def sip(
        self, domain: str, hosts: tuple[HostPort, ...] | None = None, *, public: bool = False, outside: bool = False
    ) -> list[Candidate]:
        partner = system(domain, hosts, srv_targets_outside_domain=outside)
        return await self.locator.sip(partner, Domain(domain), public=public)

    async def xmpp(self, domain: str, hosts: tuple[HostPort, ...] | None = None) -> list[Candidate]:
        return await self.locator.xmpp(system(domain, hosts), Domain(domain))

    async def refused(self, work: Awaitable[list[Candidate]]) -> Code:
        try:
            found = await work
        except LocateError as problem:
            assert str(problem)
            return problem.code
        raise AssertionError(f"found {found}")

    async def test_sip_domain_is_found_by_its_federation_record(self) -> None:
        host = Domain("sip.lync.test")
        assert await self.sip("lync.test") == [
            Candidate(host, "2001:db8::1", 5061, True), Candidate(host, "192.0.2.1", 5061, True)
        ]

    async def test_targets_come_by_priority_and_those_without_address_are_left_out(self) -> None:
        found = [(each.address, each.port, each.rank) for each in await self.sip("ordered.test")]
        assert found == [("192.0.2.11", 5061, 0), ("2001:db8::12", 5062, 1)]

    async def test_equal_priority_is_equal_rank_and_configured_hosts_have_theirs_by_order(self) -> None:
        assert {each.rank for each in await self.sip("equal.test", outside=True)} == {0}
        hosts = (HostPort("192.0.2.1", 1), HostPort("192.0.2.2", 1))
        assert [each.rank for each in await self.sip("lync.test", hosts)] == [0, 1]

    async def test_sip_domain_without_record_is_refused_even_if_it_has_an_address(self) -> None:
        assert await self.refused(self.sip("capulet.test")) is Code.D01
        assert await self.refused(self.sip("unknown.test")) is Code.D01

    async def test_server_in_another_domain_is_refused_unless_the_configuration_allows_it(self) -> None:
        assert await self.refused(self.sip("hosted.test")) is Code.D04
        found = [each.address for each in await self.sip("hosted.test", outside=True)]
        assert found == ["192.0.2.13", "192.0.2.14"]

    async def test_server_in_the_domain_is_taken_although_the_record_names_another_first(self) -> None:
        assert [each.address for each in await self.sip("partly.test")] == ["192.0.2.15"]

    async def test_domain_may_be_a_server_itself(self) -> None:
        assert [each.address for each in await self.sip("itself.test")] == ["192.0.2.16"]

    async def test_sip_domain_without_a_federation_record_is_found_by_its_record_for_tls(self) -> None:
        """RFC 3263 knows no rule about where its servers are, and none of them may name itself alone."""
        found = Candidate(Domain("proxy.elsewhere.test"), "192.0.2.17", 5061, False)
        assert await self.sip("plain.test") == [found]

    async def test_record_that_naptr_names_goes_before_the_usual_one(self) -> None:
        assert [each.address for each in await self.sip("pointed.test")] == ["192.0.2.17"]

    async def test_domain_whose_naptr_records_know_no_tls_is_refused(self) -> None:
        assert await self.refused(self.sip("clear.test")) is Code.D01

    async def test_record_of_a_stranger_does_not_lead_inside(self) -> None:
        assert await self.refused(self.sip("trap.test", public=True, outside=True)) is Code.D05
        assert [each.address for each in await self.sip("half.test", public=True)] == ["8.8.8.8"]
        assert len(await self.sip("half.test")) == 2, "a partner that is listed may be anywhere"

    async def test_service_that_is_declared_absent_is_refused(self) -> None:
        assert await self.refused(self.sip("absent.test")) is Code.D01
        assert await self.refused(self.xmpp("quiet.test")) is Code.D01

    async def test_target_without_address_is_refused(self) -> None:
        assert await self.refused(self.sip("dangling.test")) is Code.D02

    async def test_no_more_targets_are_looked_at_than_allowed(self) -> None:
        assert len(await self.sip("crowd.test")) == locate.TARGETS

    async def test_large_answer_is_fetched_by_tcp_and_cut(self) -> None:
        assert len(await self.sip("many.test")) == names.ADDRESSES

    async def test_xmpp_domain_is_found_by_its_record(self) -> None:
        assert await self.xmpp("montague.test") == [Candidate(Domain("xmpp.montague.test"), "192.0.2.22", 5270)]

    async def test_xmpp_domain_without_record_is_found_by_its_own_address(self) -> None:
        assert await self.xmpp("capulet.test") == [Candidate(Domain("capulet.test"), "192.0.2.21", 5269)]

    async def test_xmpp_domain_without_record_and_address_is_refused(self) -> None:
        assert await self.refused(self.xmpp("unknown.test")) is Code.D01

    async def test_xmpp_record_leaves_no_way_back_to_the_own_address(self) -> None:
        assert await self.refused(self.xmpp("unreachable.test")) is Code.D02

    async def test_configured_hosts_are_taken_as_they_are_and_in_their_order(self) -> None:
        hosts = (HostPort("2001:db8::5", 5061), HostPort("pool.test", 5062), HostPort("192.0.2.5", 5063))
        expected = [
            ("2001:db8::5", "2001:db8::5", 5061),
            ("pool.test", "192.0.2.31", 5062),
            ("pool.test", "192.0.2.32", 5062),
            ("192.0.2.5", "192.0.2.5", 5063),
        ]
        assert [each[:3] for each in await self.sip("lync.test", hosts)] == expected
        assert [each[:3] for each in await self.xmpp("montague.test", hosts)] == expected

    async def test_configured_host_without_address_is_refused(self) -> None:
        assert await self.refused(self.sip("lync.test", (HostPort("gone.test", 5061),))) is Code.D02

    async def test_server_that_is_silent_is_told_apart(self) -> None:
        silent = reactor.listenUDP(0, Silence(), "127.0.0.1")
        self.addCleanup(silent.stopListening)
        self.patch(names, "TRIES", (0.05, 0.05))
        locator = Locator(reactor, [HostPort("127.0.0.1", silent.getHost().port)], random.Random(1))
        work = [locator.sip(system("lync.test"), Domain("lync.test"))]
        work.append(locator.sip(system("x", (HostPort("pool.test", 5061),)), Domain("lync.test")))
        work.append(locator.xmpp(system("x"), Domain("x.test")))
        assert [await self.refused(each) for each in work] == [Code.D06] * 3

    async def test_everything_together_has_a_limit(self) -> None:
        silent = reactor.listenUDP(0, Silence(), "127.0.0.1")
        self.addCleanup(silent.stopListening)
        self.patch(names, "TRIES", (0.3,))
        self.patch(locate, "LONGEST", 0.05)
        locator = Locator(reactor, [HostPort("127.0.0.1", silent.getHost().port)], random.Random(1))
        assert await self.refused(locator.sip(system("lync.test"), Domain("lync.test"))) is Code.D06
        settled: Deferred[None] = Deferred()
        reactor.callLater(0.4, settled.callback, None)  # the query's own timer
        await settled


class Silence(dns.DNSDatagramProtocol):
    """A name server that is up and says nothing."""

    noisy = False

    def __init__(self) -> None:
        super().__init__(None)

    def datagramReceived(self, data: bytes, addr: tuple[str, int]) -> None:
        pass


RECORDS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 65535)), max_size=12)


@settings(max_examples=200)
@given(RECORDS, st.randoms(use_true_random=False))
def test_order_keeps_all_records_and_their_priorities(records: list[tuple[int, int]], rng: random.Random) -> None:
    made = [srv(priority, weight, number, "x.test") for number, (priority, weight) in enumerate(records)]
    result = ordered(made, rng)
    assert sorted(record.port for record in result) == list(range(len(records)))
    assert [record.priority for record in result] == sorted(priority for priority, _ in records)


def test_order_among_equals_is_drawn_by_weight() -> None:
    rng = random.Random(3)
    records = [srv(0, 0, 1, "x.test"), srv(0, 20, 2, "x.test"), srv(0, 60, 3, "x.test")]
    first = Counter(ordered(records, rng)[0].port for _ in range(3000))
    assert 0.70 < first[3] / 3000 < 0.80
    assert 0.20 < first[2] / 3000 < 0.30
    assert first[1] < 150, "a record of weight 0 is hardly ever drawn first"


def test_no_more_records_are_drawn_from_than_a_service_needs_the_best_priorities_first() -> None:
    """Whoever writes them decides how many there are, and a draw looks at all that are left."""
    records = [srv(number % 2, 10, number, "x.test") for number in range(3000)]
    result = ordered(records, random.Random(3))
    assert len(result) == locate.RECORDS and {record.priority for record in result} == {0}
    result = ordered([*records[1::2], srv(0, 0, 9999, "x.test")], random.Random(3))
    assert result[0].port == 9999 and len(result) == locate.RECORDS


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("sip.lync.test", {"lync.test", "sip.lync.test"}),
        ("lync.test", {"lync.test"}),
        ("gw.sub.lync.test", {"lync.test"}),
        ("gw.other.test", {"lync.test"}),
        ("evil-lync.test", {"lync.test"}),
    ],
)
def test_identity_of_a_found_server_is_the_domain_or_its_own_name_directly_in_it(
    target: str, expected: set[str]
) -> None:
    candidate = Candidate(Domain(target), "192.0.2.1", 5061, federated=True)
    assert identities(system("lync.test"), Domain("lync.test"), candidate) == expected


def test_identity_of_a_server_that_rfc_3263_finds_is_the_domain_alone() -> None:
    candidate = Candidate(Domain("sip.lync.test"), "192.0.2.1", 5061)
    assert identities(system("lync.test"), Domain("lync.test"), candidate) == {"lync.test"}


def test_identity_is_the_domain_that_was_asked_for_when_the_partner_has_several() -> None:
    two = System("it", False, "sip", (Domain("one.test"), Domain("two.test")))
    candidate = Candidate(Domain("sip.one.test"), "192.0.2.1", 5061)
    assert identities(two, Domain("two.test"), candidate) == {"two.test"}


def test_identity_is_what_the_configuration_pins() -> None:
    pinned = system("lync.test", peer_names=frozenset([Domain("edge.other.test")]))
    candidate = Candidate(Domain("sip.lync.test"), "192.0.2.1", 5061)
    assert identities(pinned, Domain("lync.test"), candidate) == {"edge.other.test"}


def test_identity_of_configured_hosts_is_the_domain_or_the_host() -> None:
    fixed = system("lync.test", (HostPort("edge.other.test", 5061), HostPort("192.0.2.1", 5061)))
    candidate = Candidate(Domain("192.0.2.1"), "192.0.2.1", 5061)
    assert identities(fixed, Domain("lync.test"), candidate) == {"edge.other.test", "lync.test"}
