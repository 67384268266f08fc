"""SIP links over real TLS on loopback: who gets in, who is dialled, and what becomes of messages."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from OpenSSL import SSL
from twisted.trial.unittest import TestCase

from demo.authority import Authority, Issued
from edge.codes import Code
from edge.domains import Domain
from edge.net import links, sip_link, sip_pool
from edge.net.sip_link import SipLink
from edge.partners import HostPort, System
from edge.sip.message import Request, Response, response_bytes
from tests.net.loopback import LYNC, PUBLIC, Creator, Far, Server, Setting, free_port, partner, request, response

LONG_AGO = datetime.now(UTC) - timedelta(days=30)
BAD = [
    (None, Code.T04),
    (PUBLIC.issue(dns=["lync.example"], not_after=LONG_AGO), Code.C02),
    (Authority("Nobody").issue(dns=["lync.example"]), Code.C01),
    (PUBLIC.issue(dns=["lync.example"], eku=["client"]), Code.C05),
]
OTHER = PUBLIC.issue(dns=["other.example"])


class Base(TestCase):
    """Makes settings and closes them."""

    timeout = 30

    def setting(self, *systems: System, **keys: object) -> Setting:
        made = Setting(Path(self.mktemp()), *systems, **keys)
        self.addCleanup(made.close)
        return made


class Accepting(Base):
    """Links that others open."""

    async def come_in(self, issued: Issued | None, version: int | None = None) -> tuple[Setting, Far]:
        setting = self.setting(partner())
        far = await setting.connect(setting.listen(), Creator(issued, version))
        return setting, far

    async def test_partner_is_let_in_under_each_version(self) -> None:
        for version, name in ((SSL.TLS1_2_VERSION, "TLSv1.2"), (SSL.TLS1_3_VERSION, "TLSv1.3")):
            setting, far = await self.come_in(LYNC, version)
            far.transport.write(request())
            await setting.sink.until(lambda setting=setting: setting.sink.received)
            link, messages = setting.sink.received[0]
            assert (link.peer.systems, link.peer.fault, link.address) == ({"lync"}, None, "127.0.0.1")
            assert [message.call_id for message in messages] == ["1"]
            event = setting.sink.event("link.up")
            assert event is not None
            assert (event["partner"], event["direction"], event["tls_version"]) == ("lync", "in", name)

    async def test_partner_with_a_server_certificate_is_let_in(self) -> None:
        setting, _ = await self.come_in(PUBLIC.issue(dns=["lync.example"], eku=["server"]))
        await setting.sink.until(lambda: setting.sink.event("link.up"))

    async def test_response_goes_back_on_the_link(self) -> None:
        setting, far = await self.come_in(LYNC)

        def answer(link: SipLink, message: Request | Response) -> None:
            assert isinstance(message, Request)
            setting.pool.respond(link, response_bytes(message, 200))

        setting.sink.answer = answer
        far.transport.write(request(7))
        await far.until(lambda: b"SIP/2.0 200 OK" in far.data and b"Call-ID: 7" in far.data)

    async def test_one_read_is_one_call(self) -> None:
        setting, far = await self.come_in(LYNC)
        await setting.sink.until(lambda: setting.sink.event("link.up"))
        for number in range(40):  # each in a TLS record of its own, all in one write to the socket
            far.transport._write(request(number))
        await setting.sink.until(lambda: sum(len(messages) for _, messages in setting.sink.received) == 40)
        assert len(setting.sink.received) == 1

    async def test_bad_certificate_reaches_nobody_and_is_told_why(self) -> None:
        for issued, code in BAD:
            setting, far = await self.come_in(issued)

            def answer(link: SipLink, message: Request | Response, setting: Setting = setting) -> None:
                assert isinstance(message, Request)
                assert link.peer.fault is not None
                setting.pool.respond(link, response_bytes(message, link.peer.fault.status))

            setting.sink.answer = answer
            far.transport.write(request())
            await far.until(lambda far=far: b"SIP/2.0 403 Forbidden" in far.data)
            link, _ = setting.sink.received[0]
            assert (link.peer.systems, link.peer.fault) == (frozenset(), code)
            assert setting.sink.codes("link.refused") == [code]
            assert setting.sink.event("link.up") is None

    async def test_unlisted_name_is_refused_as_unlisted(self) -> None:
        setting, far = await self.come_in(OTHER)
        far.transport.write(request())
        await setting.sink.until(lambda: setting.sink.received)
        link, _ = setting.sink.received[0]
        assert (link.peer.systems, link.peer.fault, link.peer.names) == (frozenset(), None, {"other.example"})
        assert setting.sink.codes("link.refused") == [Code.A01]

    async def test_unproved_peer_is_closed_after_a_few_requests(self) -> None:
        setting, far = await self.come_in(OTHER)
        far.transport.write(b"".join(request(number) for number in range(20)) + response())
        await far.gone()
        passed = [message for _, messages in setting.sink.received for message in messages]
        assert len(passed) == sip_link.REFUSALS
        assert all(isinstance(message, Request) for message in passed)
        await setting.sink.until(lambda: setting.sink.lost)
        assert setting.pool.links == frozenset()

    async def test_response_of_an_unproved_peer_is_not_passed_on(self) -> None:
        setting, far = await self.come_in(OTHER)
        far.transport.write(response() + request())
        await setting.sink.until(lambda: setting.sink.received)
        assert [type(message) for message in setting.sink.received[0][1]] == [Request]

    async def test_unproved_peer_is_closed_after_a_while(self) -> None:
        self.patch(sip_link, "UNPROVED", 0.1)
        _, far = await self.come_in(OTHER)
        await far.gone()

    async def test_unproved_peer_may_not_send_much(self) -> None:
        setting, far = await self.come_in(OTHER)
        far.transport.write(b"x" * (sip_link.UNPROVED_BYTES + 1))
        await far.gone()
        assert setting.sink.received == []

    async def test_peer_that_does_not_shake_hands_is_closed(self) -> None:
        self.patch(sip_link, "HANDSHAKE", 0.1)
        setting = self.setting(partner())
        far = await setting.connect(setting.listen(), None)
        await far.gone()
        assert setting.sink.codes("link.refused") == [Code.L04]

    async def test_peer_that_speaks_no_tls_is_named(self) -> None:
        setting = self.setting(partner())
        far = await setting.connect(setting.listen(), None)
        far.transport.write(request())
        await far.gone()
        assert setting.sink.codes("link.refused") == [Code.T01]

    async def test_partner_gets_only_so_many_connections(self) -> None:
        self.patch(sip_pool, "ACCEPTED_PROVED", 2)
        setting = self.setting(partner())
        port = setting.listen()
        fars = [await setting.connect(port, Creator(LYNC)) for _ in range(3)]
        await setting.sink.until(lambda: Code.L03 in setting.sink.codes("link.refused"))
        await setting.sink.until(lambda: [name for name, _ in setting.sink.events].count("link.up") == 2)
        up = next(link for link in setting.pool.links if link.peer.systems)
        up.close()
        await setting.sink.until(lambda: setting.sink.event("link.down"))
        again = await setting.connect(port, Creator(LYNC))
        await setting.sink.until(lambda: [name for name, _ in setting.sink.events].count("link.up") == 3)
        assert len({*fars, again}) == 4

    async def test_strangers_get_only_so_many_connections(self) -> None:
        self.patch(sip_pool, "ACCEPTED_UNPROVED", 2)
        setting = self.setting(partner())
        port = setting.listen()
        fars = [await setting.connect(port, Creator(OTHER)) for _ in range(4)]
        await fars[2].gone()
        await fars[3].gone()
        assert setting.sink.codes("link.refused").count(Code.L03) == 1, "one event, however many"

    async def test_stop_closes_what_was_accepted(self) -> None:
        setting, far = await self.come_in(LYNC)
        await setting.sink.until(lambda: setting.sink.event("link.up"))
        await setting.pool.stop()
        await far.gone()
        assert setting.pool.links == frozenset()


class Dialling(Base):
    """Links that we open."""

    def served(self, issued: Issued | None = LYNC, **keys: object) -> Server:
        server = Server(Creator(issued, **keys))
        self.addCleanup(server.close)
        return server

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
        wrong = [(issued, code) for issued, code in BAD if issued is not None] + [(OTHER, Code.C03)]
        for issued, code in wrong:
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
        self.patch(sip_link, "HANDSHAKE", 0.1)
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

    async def test_request_of_the_partner_comes_in_on_our_link(self) -> None:
        server = self.served()
        setting = self.setting(partner(server.port))
        setting.send(1)
        far = await server.met()
        await far.until(lambda: far.data)
        far.transport.write(response(1) + request(2))
        await setting.sink.until(lambda: setting.sink.received)
        link, messages = setting.sink.received[0]
        assert [type(message) for message in messages] == [Response, Request]
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
