"""SIP links that we open, over real TLS on loopback: whom we talk to, and what becomes of messages."""

from OpenSSL import SSL
from twisted.internet.task import deferLater

from demo.authority import Authority
from edge.codes import Code
from edge.domains import Domain
from edge.net import links, places, sip_link
from edge.net.locate import Candidate
from edge.partners import HostPort
from edge.sip.message import Request, UnreadRequest, UnreadResponse, response_bytes
from tests.net.loopback import (
    BAD,
    LYNC,
    OTHER,
    PUBLIC,
    Base,
    Creator,
    Server,
    free_port,
    partner,
    reactor,
    request,
    response,
)


class Dialling(Base):
    """Links that we open."""

    async def test_request_is_sent_once_the_partner_is_proved(self) -> None:
        for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            server = self.served(version=version)
            setting = self.setting(partner(server.port))
            setting.send("token", request(5))
            far = await server.met()
            await far.until(lambda far=far: far.data == request(5))
            ((token, link),) = setting.sink.sent
            assert (token, link.peer.systems, link.outbound) == ("token", {"lync"}, True)
            assert server.creator.made[0].get_peer_certificate() is not None
            assert server.creator.made[0].get_servername() == b"lync.example"

    async def test_requests_of_one_turn_are_one_write(self) -> None:
        server = self.served()
        setting = self.setting(partner(server.port))
        for number in range(50):
            setting.send(number, request(number))
        far = await server.met()
        await far.until(lambda: far.data)
        assert far.data == b"".join(request(number) for number in range(50))
        assert [token for token, _ in setting.sink.sent] == list(range(50))

    async def test_one_link_serves_many_requests(self) -> None:
        server = self.served()
        setting = self.setting(partner(server.port))
        setting.send(1)
        far = await server.met()
        await far.until(lambda: far.data)
        setting.send(2)
        await far.until(lambda: far.data == request() * 2)
        assert len(server.fars) == 1

    async def test_partner_that_is_not_whom_we_wanted_gets_nothing(self) -> None:
        for issued, code in [*BAD, (OTHER, Code.C03)]:
            server = self.served(issued)
            setting = self.setting(partner(server.port))
            setting.send("token")
            await setting.sink.until(lambda setting=setting: setting.sink.back)
            assert setting.sink.back[0][:2] == ("token", code)
            assert setting.sink.codes("link.refused") == [code]
            assert setting.sink.sent == []
            far = await server.met()
            await far.gone()
            assert far.data == b""

    async def test_names_of_the_configuration_go_before_the_domain(self) -> None:
        server = self.served(OTHER)
        setting = self.setting(partner(server.port, peer_names=frozenset([Domain("other.example")])))
        setting.send("token")
        await setting.sink.until(lambda: setting.sink.sent)

    async def test_refused_connection_is_tried_again_and_then_given_back(self) -> None:
        setting = self.setting(partner(free_port(), pending_seconds=0.9))
        setting.send("token")
        await setting.sink.until(lambda: setting.sink.back)
        assert setting.sink.back[0][:2] == ("token", Code.N01)
        assert Code.N01 in setting.sink.codes("link.refused")

    async def test_partner_that_comes_back_is_dialled_again(self) -> None:
        self.patch(links, "FIRST_PAUSE", 0.05)
        port = free_port()
        setting = self.setting(partner(port))
        setting.send("token")
        await setting.sink.until(lambda: setting.sink.codes("link.refused"))
        server = Server(Creator(LYNC), port)
        self.addCleanup(server.close)
        await setting.sink.until(lambda: setting.sink.sent)
        assert setting.sink.back == []

    async def test_next_address_is_tried_when_one_fails(self) -> None:
        wrong, right = self.served(OTHER), self.served()
        ports = (free_port(), wrong.port, right.port)
        setting = self.setting(partner(hosts=tuple(HostPort("127.0.0.1", port) for port in ports)))
        setting.send("token")
        far = await right.met()
        await far.until(lambda: far.data)
        assert setting.sink.codes("link.refused") == [Code.N01, Code.C03]

    async def test_failure_that_may_pass_is_the_reason_when_all_addresses_fail(self) -> None:
        wrong = self.served(OTHER)
        hosts = (HostPort("127.0.0.1", free_port()), HostPort("127.0.0.1", wrong.port))
        setting = self.setting(partner(hosts=hosts, pending_seconds=0.5))
        setting.send("token")
        await setting.sink.until(lambda: setting.sink.back)
        assert setting.sink.back[0][:2] == ("token", Code.N01)

    async def test_peer_without_tls_is_named(self) -> None:
        server = Server(None)
        self.addCleanup(server.close)
        setting = self.setting(partner(server.port))
        setting.send("token")
        far = await server.met()
        far.transport.write(b"SIP/2.0 400 Bad Request\r\n\r\n")
        await setting.sink.until(lambda: setting.sink.back)
        assert setting.sink.back[0][:2] == ("token", Code.T01)

    async def test_peer_that_does_not_shake_hands_is_given_up(self) -> None:
        self.patch(sip_link, "DIALLED", 0.1)
        server = Server(None)
        self.addCleanup(server.close)
        setting = self.setting(partner(server.port, pending_seconds=0.5))
        setting.send("token")
        await setting.sink.until(lambda: setting.sink.back)
        assert setting.sink.back[0][:2] == ("token", Code.N02)

    async def test_alert_about_our_certificate_is_named_under_each_version(self) -> None:
        stranger = Authority("Nobody").issue(dns=["edge.example"])
        for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            server = self.served(version=version, strict=True)
            setting = self.setting(partner(server.port, pending_seconds=0.5), identity_of=stranger)
            setting.send("token")
            sink = setting.sink
            await sink.until(lambda sink=sink: Code.T05 in sink.codes("link.refused") + sink.codes("link.down"))
            await sink.until(lambda sink=sink: sink.back or sink.lost)  # nobody waits for what cannot come

    async def test_lost_link_is_reported_and_made_anew_on_demand(self) -> None:
        self.patch(links, "STEADY", 0.0)
        server = self.served()
        setting = self.setting(partner(server.port))
        setting.send(1)
        far = await server.met()
        await far.until(lambda: far.data)
        await far.close()
        await setting.sink.until(lambda: setting.sink.lost)
        assert setting.sink.lost == [setting.sink.sent[0][1]]
        assert setting.sink.codes("link.down") == [None], "an orderly close is no fault"
        setting.send(2)
        await setting.sink.until(lambda: len(setting.sink.sent) == 2)

    async def test_link_that_we_close_takes_nothing_more(self) -> None:
        """However long the peer takes to close its side."""
        server = self.served()
        setting = self.setting(partner(server.port))
        setting.send(1)
        far = await server.met()
        await far.until(lambda: far.data)
        far.transport.write(request(2).replace(b"Content-Length: 0\r\n", b""))  # no end to be found
        await setting.sink.until(lambda: setting.sink.codes("sip.garbled"))
        setting.send(3)
        await setting.sink.until(lambda: len(setting.sink.sent) == 2)
        assert setting.sink.sent[0][1] is not setting.sink.sent[1][1]

    async def test_request_of_the_partner_comes_in_on_our_link(self) -> None:
        server = self.served()
        setting = self.setting(partner(server.port))
        setting.send(1)
        far = await server.met()
        await far.until(lambda: far.data)
        far.transport.write(response(1) + request(2))
        await setting.sink.until(lambda: setting.sink.received)
        link, messages = setting.sink.received[0]
        assert [type(message) for message in messages] == [UnreadResponse, UnreadRequest]
        assert link.peer.systems == {"lync"}

    async def test_response_takes_our_own_link_when_that_of_the_request_is_gone(self) -> None:
        server = self.served()
        setting = self.setting(partner(server.port))
        incoming = await setting.connect(setting.listen(), Creator(LYNC))
        incoming.transport.write(request())
        await setting.sink.until(lambda: setting.sink.received)
        link, (asked,) = setting.sink.received[0]
        assert isinstance(asked, Request)
        await incoming.close()
        await setting.sink.until(lambda: setting.sink.lost)
        setting.pool.respond(link, response_bytes(asked, 200))
        far = await server.met()
        await far.until(lambda: far.data.startswith(b"SIP/2.0 200 OK"))
        assert setting.sink.sent == [], "nobody waits for a response to be sent"

    async def test_response_to_a_stranger_who_is_gone_is_dropped(self) -> None:
        setting = self.setting(partner(free_port()))
        stranger = await setting.connect(setting.listen(), Creator(OTHER))
        stranger.transport.write(request())
        await setting.sink.until(lambda: setting.sink.received)
        await stranger.close()
        await setting.sink.until(lambda: setting.sink.lost)
        setting.pool.respond(setting.sink.received[0][0], b"whatever")
        assert setting.sink.back == []

    async def test_stop_gives_back_what_waits(self) -> None:
        server = Server(None)
        self.addCleanup(server.close)
        setting = self.setting(partner(server.port))
        setting.send("token")
        far = await server.met()
        await setting.pool.stop()
        assert setting.sink.back[0][:2] == ("token", Code.M02)
        await far.gone()
        assert setting.pool.links == frozenset()


class Finding(Base):
    """Partners that DNS finds: each of their domains is another place."""

    async def test_each_domain_is_dialled_and_proved_by_itself(self) -> None:
        one, two = self.served(PUBLIC.issue(dns=["one.example"])), self.served(PUBLIC.issue(dns=["sip.two.example"]))
        names = (Domain("one.example"), Domain("two.example"), Domain("three.example"))
        found = {
            "one.example": [Candidate(Domain("host.elsewhere.example"), "127.0.0.1", one.port)],
            "two.example": [Candidate(Domain("sip.two.example"), "127.0.0.1", two.port, federated=True)],
        }
        setting = self.setting(partner(hosts=None, domains=names), found=found)
        for name in names:
            setting.pool.send(setting.systems["lync"], name, name.encode(), name)
        for name, server in zip(names, (one, two), strict=False):
            far = await server.met()
            await far.until(lambda far=far: far.data)
            assert far.data == name.encode()
            assert server.creator.made[0].get_servername() == name.encode()
        assert sorted(token for token, _ in setting.sink.sent) == sorted(names[:2])
        assert [(token, code) for token, code, _ in setting.sink.back] == [("three.example", Code.D01)]
        assert setting.sink.codes("link.refused") == [Code.D01]
        assert all(link.peer.systems == {"lync"} for _, link in setting.sink.sent)

    async def test_places_that_are_idle_are_forgotten_when_there_are_many(self) -> None:
        self.patch(places, "PLACES", 3)
        self.patch(links, "FIRST_PAUSE", 0.01)
        setting = self.setting(partner(hosts=None), found={})
        for number in range(20):
            name = Domain(f"user{number}.lync.example")
            setting.pool.send(setting.systems["lync"], name, request(), name)
            await setting.sink.until(lambda number=number: len(setting.sink.back) == number + 1)
            await deferLater(reactor, 0.02, lambda: None)
        assert len(setting.pool.routes) <= 3

    async def test_places_behind_a_wildcard_are_bounded_and_those_listed_by_name_are_not(self) -> None:
        self.patch(places, "PLACES", 3)
        setting = self.setting(partner(hosts=None, wildcards=(Domain("lync.example"),)), found={})
        for number in range(5):
            name = Domain(f"tenant{number}.lync.example")
            setting.pool.send(setting.systems["lync"], name, request(), number)
        setting.send("named")
        await setting.sink.until(lambda: len(setting.sink.back) == 6)
        refused = [(token, code) for token, code, _ in setting.sink.back if code is not Code.D01]
        assert refused == [(3, Code.M01), (4, Code.M01)]
        assert len(setting.pool.routes) == 4

    async def test_server_outside_the_domain_does_not_prove_it(self) -> None:
        server = self.served(PUBLIC.issue(dns=["host.elsewhere.example"]))
        found = {"lync.example": [Candidate(Domain("host.elsewhere.example"), "127.0.0.1", server.port)]}
        setting = self.setting(partner(hosts=None), found=found)
        setting.send("token")
        await setting.sink.until(lambda: setting.sink.back)
        assert setting.sink.back[0][:2] == ("token", Code.C03)
