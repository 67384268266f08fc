"""Several links to one place, over real TLS on loopback: links that were lent to us, and links beside the first."""

from dataclasses import replace

from OpenSSL import SSL
from twisted.internet.task import deferLater

from edge.domains import Domain
from edge.net import links, pending, race, sip_link
from edge.net.locate import Candidate
from edge.partners import Changes, HostPort
from edge.sip.message import UnreadRequest, UnreadResponse
from tests.net.loopback import (
    LYNC,
    PUBLIC,
    Base,
    Creator,
    Far,
    Server,
    Setting,
    free_port,
    partner,
    reactor,
    request,
    response,
)

OFFER = b"SIP/2.0/TLS 127.0.0.1:%d;alias;branch="


def offering(port: int) -> bytes:
    """A request that offers its link to whoever wants to reach ``port``."""
    return request(1).replace(b"SIP/2.0/TLS lync.example;branch=", OFFER % port)


class Lending(Base):
    """RFC 5923: a link that the partner has opened carries our requests, if it offers that and could prove itself."""

    async def come_in(self, setting: Setting, data: bytes, issued: object = LYNC) -> Far:
        far = await setting.connect(setting.listen(), Creator(issued))
        far.transport.write(data)
        await setting.sink.until(lambda: setting.sink.received)
        return far

    async def test_request_goes_on_the_link_that_its_partner_offers(self) -> None:
        port = free_port()
        setting = self.setting(partner(port))
        far = await self.come_in(setting, offering(port))
        setting.send("token", request(2))
        await far.until(lambda: far.data == request(2))
        assert [token for token, _ in setting.sink.sent] == ["token"]
        assert setting.sink.paths == [("up", "lync")]

    async def test_lent_link_that_is_lost_is_lost_like_any_other(self) -> None:
        port = free_port()
        setting = self.setting(partner(port, pending_seconds=0.5))
        far = await self.come_in(setting, offering(port))
        setting.send("one", request(2))
        await far.until(lambda: far.data)
        far.transport.write(response(2))
        await setting.sink.until(lambda: len(setting.sink.received) == 2)
        await far.close()
        await setting.sink.until(lambda: setting.sink.lost)
        assert setting.sink.paths == [("up", "lync"), ("lost", "lync", True)]
        setting.send("two")
        await setting.sink.until(lambda: setting.sink.back)
        assert setting.sink.back[0][0] == "two"

    async def dials(self, server: Server, setting: Setting, data: bytes, issued: object = LYNC) -> None:
        """Whatever has come in, a request is sent on a link of our own."""
        far = await self.come_in(setting, data, issued)
        setting.send("token", request(2))
        own = await server.met()
        await own.until(lambda: own.data)
        assert far.data == b""

    async def test_link_that_nobody_offers_is_not_used(self) -> None:
        server = self.served()
        await self.dials(server, self.setting(partner(server.port)), request(1))

    async def test_link_from_another_port_or_address_is_not_used(self) -> None:
        server = self.served()
        await self.dials(server, self.setting(partner(server.port)), offering(free_port()))

    async def test_link_of_another_partner_is_not_used(self) -> None:
        server = self.served()
        other = partner(1, "other", hosts=(HostPort("127.0.0.2", 1),))
        setting = self.setting(partner(server.port), other)
        await self.dials(server, setting, offering(server.port), PUBLIC.issue(dns=["other.example"]))

    async def test_link_that_proves_another_domain_of_the_partner_is_not_used(self) -> None:
        server = self.served(PUBLIC.issue(dns=["two.example"]))
        names = (Domain("one.example"), Domain("two.example"))
        found = {names[1]: [Candidate(names[1], "127.0.0.1", server.port)]}
        setting = self.setting(partner(hosts=None, domains=names), found=found)
        far = await self.come_in(setting, offering(server.port), PUBLIC.issue(dns=["one.example"]))
        setting.pool.send(setting.systems["lync"], names[1], request(2), "token")
        own = await server.met()
        await own.until(lambda: own.data)
        assert far.data == b""

    async def test_offer_of_a_stranger_is_not_heard(self) -> None:
        server = self.served()
        stranger = PUBLIC.issue(dns=["other.example"])
        await self.dials(server, self.setting(partner(server.port)), offering(server.port), stranger)


class Offering(Base):
    """The other way round: our own link, for requests of the partner."""

    async def dialled(self, offer_alias: bool, **keys: object) -> tuple[Setting, Server, Far]:
        server = self.served()
        if keys:
            server.creator.context.set_verify(SSL.VERIFY_NONE)
        setting = self.setting(partner(server.port, offer_alias=offer_alias))
        setting.send("token", request(1))
        far = await server.met()
        await far.until(lambda: far.data)
        return setting, server, far

    async def test_link_is_offered_where_the_partner_is_to_have_it(self) -> None:
        setting, _, far = await self.dialled(True)
        assert b"Via: SIP/2.0/TLS lync.example;alias;branch=z9hG4bK1\r\n" in far.data
        far.transport.write(response(1) + request(7))
        await setting.sink.until(lambda: setting.sink.received)
        (link, messages) = setting.sink.received[0]
        assert [type(each) for each in messages] == [UnreadResponse, UnreadRequest] and link.outbound
        assert not link.pending, "the answer is known by its branch as before"
        setting.pool.respond(link, response(7))
        await far.until(lambda: far.data.endswith(response(7)))

    async def test_link_is_not_offered_otherwise(self) -> None:
        _, _, far = await self.dialled(False)
        assert far.data == request(1)

    async def test_link_is_not_offered_to_a_server_that_has_not_seen_our_certificate(self) -> None:
        _, _, far = await self.dialled(True, unasked=True)
        assert far.data == request(1)

    async def test_response_that_has_to_go_this_way_is_not_changed(self) -> None:
        setting, _, far = await self.dialled(True)
        setting.send(None, response(9))
        await far.until(lambda: far.data.endswith(response(9)))

    async def test_another_list_applies_to_links_that_are_up(self) -> None:
        setting, _, far = await self.dialled(False)
        old = setting.systems["lync"]
        old.become(replace(old, offer_alias=True))
        setting.pool.relisted(Changes((), (), ((old, ("offer_alias",)),)))
        setting.send("token", request(2))
        await far.until(lambda: b";alias;branch=z9hG4bK2\r\n" in far.data)


class Widening(Base):
    """More than one link, where one does not carry what is sent."""

    def crowd(self, setting: Setting, count: int) -> None:
        for number in range(count):
            setting.send(number, request(number).replace(b"sip:romeo@", b"sip:romeo%d@" % number))

    async def busy(self, most: int) -> tuple[Setting, Server]:
        self.patch(pending, "CROWD", 10)
        self.patch(pending, "SLOW", 0.0)
        server = self.served()
        setting = self.setting(partner(server.port, connections_out=most))
        self.crowd(setting, 20)
        far = await server.met()
        await far.until(lambda: far.data.count(b"OPTIONS ") == 20)
        return setting, server

    async def test_busy_link_gets_another_one_beside_it(self) -> None:
        setting, server = await self.busy(2)
        await setting.sink.until(lambda: [name for name, _ in setting.sink.events].count("link.up") == 2)
        assert setting.sink.paths == [("up", "lync")], "it is one way still"
        self.crowd(setting, 40)
        one, two = server.fars
        for _ in range(3000):
            if one.data.count(b"OPTIONS ") + two.data.count(b"OPTIONS ") == 60:
                break
            await deferLater(reactor, 0.02, lambda: None)
        assert two.data.count(b"OPTIONS ") > 10
        assert setting.sink.back == []

    async def test_what_goes_to_one_recipient_stays_on_one_link(self) -> None:
        setting, _ = await self.busy(2)
        await setting.sink.until(lambda: [name for name, _ in setting.sink.events].count("link.up") == 2)
        for number in range(10):
            setting.send(number, request(number, "MESSAGE" if number % 2 else "ACK"))
        await deferLater(reactor, 0, lambda: None)
        assert len({link for _, link in setting.sink.sent[-10:]}) == 1

    async def test_one_link_is_all_where_no_more_are_allowed(self) -> None:
        setting, server = await self.busy(1)
        self.crowd(setting, 20)
        far = server.fars[0]
        await far.until(lambda: far.data.count(b"OPTIONS ") == 40)
        assert len(server.fars) == 1

    async def test_link_that_is_left_takes_everything(self) -> None:
        setting, server = await self.busy(2)
        await setting.sink.until(lambda: [name for name, _ in setting.sink.events].count("link.up") == 2)
        one, two = server.fars
        one.transport.abortConnection()
        await setting.sink.until(lambda: setting.sink.lost)
        self.crowd(setting, 20)
        await two.until(lambda: two.data.count(b"OPTIONS ") == 20)
        assert setting.sink.paths == [("up", "lync")], "the way was never lost"
        assert len(server.fars) == 2


class FailingOver(Base):
    """Targets that fail rest, and what is on its way goes to the next one."""

    async def test_target_that_failed_is_tried_last_for_a_while(self) -> None:
        self.patch(links, "STEADY", 0.0)
        one, two = self.served(), self.served()
        hosts = (HostPort("127.0.0.1", one.port), HostPort("127.0.0.1", two.port))
        setting = self.setting(partner(hosts=hosts))
        setting.send(1)
        first = await one.met()
        await first.until(lambda: first.data)
        first.transport.abortConnection()
        await setting.sink.until(lambda: setting.sink.lost)
        setting.send(2)
        second = await two.met()
        await second.until(lambda: second.data)
        assert len(one.fars) == 1, "although it listens"

    async def test_target_is_the_first_again_when_it_has_rested(self) -> None:
        self.patch(links, "STEADY", 0.0)
        self.patch(race, "REST", 0.0)
        one, two = self.served(), self.served()
        hosts = (HostPort("127.0.0.1", one.port), HostPort("127.0.0.1", two.port))
        setting = self.setting(partner(hosts=hosts))
        setting.send(1)
        first = await one.met()
        await first.until(lambda: first.data)
        first.transport.abortConnection()
        await setting.sink.until(lambda: setting.sink.lost)
        setting.send(2)
        again = await one.met(2)
        await again.until(lambda: again.data)
        assert two.fars == []

    async def test_target_that_accepts_and_says_nothing_is_passed_over_in_time(self) -> None:
        self.patch(sip_link, "DIALLED", 0.1)
        frozen = Server(None)
        self.addCleanup(frozen.close)
        good = self.served()
        hosts = (HostPort("127.0.0.1", frozen.port), HostPort("127.0.0.1", good.port))
        setting = self.setting(partner(hosts=hosts))
        setting.send(1)
        far = await good.met()
        await far.until(lambda: far.data)
        assert setting.sink.back == []
