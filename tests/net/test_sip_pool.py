"""SIP links that others open, over real TLS on loopback: who gets in, and what the others are told."""

from OpenSSL import SSL

from demo.authority import Issued
from edge.codes import Code
from edge.net import sip_link, sip_pool
from edge.net.sip_link import SipLink
from edge.sip.message import Request, Response, UnreadRequest, response_bytes
from tests.net.loopback import BAD, LYNC, OTHER, PUBLIC, Base, Creator, Far, Setting, partner, request, response


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
        for issued, code in [(None, Code.T04), *BAD]:
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
        assert [type(message) for message in setting.sink.received[0][1]] == [UnreadRequest]

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
        setting = self.setting(partner(connections_in=2))
        port = setting.listen()
        fars = [await setting.connect(port, Creator(LYNC)) for _ in range(3)]
        await setting.sink.until(lambda: Code.L03 in setting.sink.codes("link.refused"))
        await setting.sink.until(lambda: [name for name, _ in setting.sink.events].count("link.up") == 2)
        assert setting.sink.codes("limit.hit") == [Code.L03], "with a cure"
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
