"""The way back to a better server, over real TLS on loopback."""

from dataclasses import replace

from edge.codes import Code
from edge.domains import Domain
from edge.net import links, pending, race, returning, sip_link
from edge.net.locate import Candidate
from edge.partners import Changes, HostPort
from tests.net.loopback import LYNC, OTHER, Base, Creator, Far, Server, Setting, free_port, partner, request, response
from tests.net.test_sip_pool_places import offering


class Returning(Base):
    """Two servers of one partner. The first is down, so requests go to the second."""

    async def away(self, data: bytes = b"", *, ranks: tuple[int, int] | None = None, most: int = 4) -> Far:
        """The link to the second server, on which ``data`` is unanswered."""
        self.patch(returning, "FIRST", 0.1)
        self.patch(race, "REST", 0.05)
        self.port, self.second = free_port(), self.served()
        ports = (self.port, self.second.port)
        hosts = tuple(HostPort("127.0.0.1", port) for port in ports)
        found = None
        if ranks is not None:
            name = Domain("lync.example")
            listed = [Candidate(name, "127.0.0.1", port, rank=rank) for port, rank in zip(ports, ranks, strict=True)]
            found = {"lync.example": listed}
        system = partner(hosts=hosts if ranks is None else None, connections_out=most)
        self.sip = self.setting(system, found=found)
        self.sip.pool._retiring._quiet = 0.05
        self.sip.send("away", data or request())
        far = await self.second.met()
        await far.until(lambda: far.data)
        if not data:
            far.transport.write(response())
            await self.sip.sink.until(lambda: self.sip.sink.received)
        return far

    def back(self, creator: Creator | None = None) -> Server:
        """The first server is there again."""
        server = Server(creator or Creator(LYNC), self.port)
        self.addCleanup(server.close)
        return server

    def crowd(self, numbers: range) -> None:
        """So many requests, each to somebody else."""
        for number in numbers:
            self.sip.send(number, request(number).replace(b"sip:romeo@", b"sip:romeo%d@" % number))

    def ups(self, setting: Setting) -> int:
        return [name for name, _ in setting.sink.events].count("link.up")

    async def test_requests_go_to_the_first_host_again_and_the_old_link_is_closed(self) -> None:
        old = await self.away()
        first = self.back()
        far = await first.met()
        await self.sip.sink.until(lambda: self.ups(self.sip) == 2)
        self.sip.send("back", request(2))
        await far.until(lambda: far.data)
        await old.gone()
        assert (far.data, old.data) == (request(2), request())
        assert self.sip.sink.paths == [("up", "lync")], "the way was there all the time"
        assert self.sip.sink.back == []

    async def test_requests_go_to_the_target_of_better_priority_again(self) -> None:
        old = await self.away(ranks=(0, 1))
        far = await self.back().met()
        await old.gone()
        self.sip.send("back", request(2))
        await far.until(lambda: far.data == request(2))

    async def test_what_is_unanswered_is_answered_on_the_old_link(self) -> None:
        old = await self.away(request(1))
        first = self.back()
        await first.met()
        await self.sip.sink.until(lambda: self.ups(self.sip) == 2)
        await self.later(0.3)
        assert old.reason is None, "somebody waits for an answer there"
        old.transport.write(response(1))
        await old.gone()
        assert self.sip.sink.received and self.sip.sink.paths == [("up", "lync")]

    async def test_peer_that_goes_on_asking_on_the_old_link_is_heard(self) -> None:
        old = await self.away()
        self.back()
        await self.sip.sink.until(lambda: self.ups(self.sip) == 2)
        before = len(self.sip.sink.received)
        old.transport.write(request(7))
        await self.sip.sink.until(lambda: len(self.sip.sink.received) > before)
        self.sip.pool.respond(self.sip.sink.received[-1][0], response(7))
        await old.gone()
        assert old.data.endswith(response(7)), "the other server would not know what it is about"

    async def test_target_of_equal_priority_is_as_good(self) -> None:
        await self.away(ranks=(0, 0))
        first = self.back()
        await self.later(0.4)
        assert first.fars == []

    async def test_server_that_is_not_whom_we_want_is_not_returned_to(self) -> None:
        old = await self.away()
        first = self.back(Creator(OTHER))
        await self.sip.sink.until(lambda: Code.C03 in self.sip.sink.codes("link.refused"))
        self.sip.send("stays", request(2))
        await old.until(lambda: old.data.endswith(request(2)))
        assert all(far.data == b"" for far in first.fars)

    async def test_link_that_was_lost_meanwhile_needs_no_other(self) -> None:
        self.patch(links, "STEADY", 0.0)
        old = await self.away()
        old.transport.loseConnection()
        await self.sip.sink.until(lambda: self.sip.sink.lost)
        first = self.back()
        await self.later(0.4)
        assert first.fars == [], "nobody has anything to say"

    async def test_links_beside_the_old_one_go_as_well(self) -> None:
        self.patch(pending, "CROWD", 10)
        self.patch(pending, "SLOW", 0.0)
        old = await self.away(most=2)
        self.crowd(range(20))
        await self.sip.sink.until(lambda: self.ups(self.sip) == 2)
        for number in range(20):
            old.transport.write(response(number))
        first = self.back()
        far = await first.met()
        for each in self.second.fars:
            await each.gone()
        self.crowd(range(20, 40))
        await far.until(lambda: far.data.count(b"OPTIONS ") == 20)

    async def test_link_that_the_second_server_offered_is_used_until_its_owner_closes_it(self) -> None:
        self.patch(pending, "CROWD", 10)
        self.patch(pending, "SLOW", 0.0)
        old = await self.away(most=2)
        lent = await self.sip.connect(self.sip.listen(), Creator(LYNC))
        before = len(self.sip.sink.received)
        lent.transport.write(offering(self.second.port))
        await self.sip.sink.until(lambda: len(self.sip.sink.received) > before)
        self.crowd(range(20))
        await self.sip.sink.until(lambda: any(link.lent for link in self.sip.pool.links))
        self.crowd(range(20, 40))
        await lent.until(lambda: lent.data)
        for number in range(40):
            old.transport.write(response(number))
        first = self.back()
        await first.met()
        await old.gone()
        assert lent.reason is None, "it is not ours to close"
        await lent.close()
        self.crowd(range(40, 60))
        await self.sip.sink.until(lambda: len(self.sip.sink.sent) == 61)
        ids = [b"Call-ID: %d\r\n" % number for number in range(40, 60)]
        for _ in range(3000):
            if all(any(each in far.data for far in first.fars) for each in ids):
                return
            await self.later(0.02)
        raise AssertionError("what is said later goes to the first server")

    async def test_link_that_the_first_server_offers_is_as_good_as_one_to_it(self) -> None:
        old = await self.away()
        far = await self.sip.connect(self.sip.listen(), Creator(LYNC))
        far.transport.write(offering(self.port))
        await old.gone()
        self.sip.send("back", request(2))
        await far.until(lambda: far.data == request(2))

    async def test_server_that_is_no_longer_listed_is_not_returned_to(self) -> None:
        """The reload comes while its handshake is under way."""
        await self.away()
        self.patch(sip_link, "DIALLED", 60.0)
        silent = Server(None, self.port)
        self.addCleanup(silent.close)
        far = await silent.met()
        old = self.sip.systems["lync"]
        elsewhere = self.served()
        old.become(replace(old, hosts=(HostPort("127.0.0.1", elsewhere.port),)))
        self.sip.pool.relisted(Changes((), (), ((old, ("hosts",)),)))
        await far.gone()
        self.sip.send("there", request(3))
        await (await elsewhere.met()).until(lambda: elsewhere.fars[0].data == request(3))

    async def test_stop_ends_the_search(self) -> None:
        await self.away()
        await self.sip.pool.stop()
        first = self.back()
        await self.later(0.3)
        assert first.fars == []
