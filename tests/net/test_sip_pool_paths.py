"""The path to a SIP system, over real TLS on loopback: when it is up, how it was lost, and how it is reached for."""

from collections.abc import Callable

from twisted.internet.task import deferLater

from edge.codes import Code
from edge.domains import Domain
from edge.net import links, sip_rounds
from edge.net.locate import Candidate
from edge.net.sip_link import PING, SipLink
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

UP, FAILED = ("up", "lync"), ("failed", "lync", Code.N01)


def lost(orderly: bool) -> tuple[object, ...]:
    return ("lost", "lync", orderly)


def ups(setting: Setting) -> int:
    """How many links were up, ever."""
    return [name for name, _ in setting.sink.events].count("link.up")


class Reaching(Base):
    """Links that are made because somebody wants them."""

    def reach(self, setting: Setting, domain: str = "lync.example") -> None:
        setting.pool.reach(setting.systems["lync"], Domain(domain))

    async def test_partner_of_whom_wildcards_alone_are_listed_is_reached_at_its_host(self) -> None:
        server = self.served(PUBLIC.issue(dns=["edge.hosting.example"]))
        names = frozenset((Domain("edge.hosting.example"),))
        setting = self.setting(
            partner(server.port, domains=(), wildcards=(Domain("lync.example"),), peer_names=names)
        )
        system = setting.systems["lync"]
        setting.pool.send(system, Domain("uk.lync.example"), request(1), "token")
        far = await server.met()
        await far.until(lambda: far.data == request(1))
        gone = SipLink(reactor, setting.pool, setting.sink, setting.turn)
        gone.peer = setting.directory.identify("sip", names)
        setting.pool.respond(gone, response(2))  # whose link is lost
        await far.until(lambda: far.data == request(1) + response(2))
        assert len(server.fars) == 1 and setting.sink.back == []

    async def test_path_is_up_without_a_message(self) -> None:
        server = self.served()
        setting = self.setting(partner(server.port))
        self.reach(setting)
        self.reach(setting)
        await setting.sink.until(lambda: setting.sink.paths)
        self.reach(setting)
        assert (setting.sink.paths, len(setting.pool.links), setting.sink.sent) == ([UP], 1, [])

    async def test_link_is_asked_for_a_sign_of_life_as_long_as_it_is_there(self) -> None:
        server = self.served()
        setting = self.setting(partner(server.port))
        self.patch(sip_rounds, "TICK", 0.002)  # now that it is settled how many there are
        self.reach(setting)
        far = await server.met()
        await far.until(lambda: far.data == PING)
        await far.until(lambda: far.data == 2 * PING)
        await far.close()
        await setting.sink.until(lambda: setting.sink.event("link.down"))  # nobody waits for a next one

    async def test_path_is_dialled_until_somebody_is_there(self) -> None:
        self.patch(links, "FIRST_PAUSE", 0.02)
        port = free_port()
        setting = self.setting(partner(port))
        self.reach(setting)
        await setting.sink.until(lambda: setting.sink.paths == [FAILED] * 3)
        server = Server(Creator(LYNC), port)
        self.addCleanup(server.close)
        await setting.sink.until(lambda: UP in setting.sink.paths)
        assert set(setting.sink.paths[:-1]) == {FAILED}

    async def test_path_comes_back_when_the_certificate_was_mended(self) -> None:
        self.patch(links, "LONGEST_PAUSE", 0.1)
        server = self.served(PUBLIC.issue(dns=["other.example"]))
        setting = self.setting(partner(server.port))
        self.reach(setting)
        await setting.sink.until(lambda: setting.sink.paths)
        server.creator.context = Creator(LYNC).context
        await setting.sink.until(lambda: UP in setting.sink.paths)
        assert set(setting.sink.paths[:-1]) == {("failed", "lync", Code.C03)}

    async def test_nothing_is_dialled_once_the_pool_has_stopped(self) -> None:
        server = self.served()
        setting = self.setting(partner(server.port))
        await setting.pool.stop()
        self.reach(setting)
        setting.send("token")
        assert setting.sink.back[0][:2] == ("token", Code.M02)
        await deferLater(reactor, 0.05, lambda: None)
        assert server.fars == [] and setting.sink.paths == []


class Losing(Base):
    """Links that were up."""

    async def made(self, data: bytes = b"") -> tuple[Setting, Server, Far]:
        """A link over which an answered request has gone, and perhaps ``data``, which nobody answers."""
        server = self.served()
        setting = self.setting(partner(server.port))
        setting.send("answered", request(1))
        far = await server.met()
        await far.until(lambda: far.data)
        far.transport.write(response(1))
        await setting.sink.until(lambda: setting.sink.received)
        if data:
            setting.send("unanswered", data)
            await far.until(lambda: far.data.endswith(data))
        return setting, server, far

    async def lose(self, how: Callable[[Far], object], data: bytes = b"") -> Setting:
        setting, _, far = await self.made(data)
        how(far)
        await setting.sink.until(lambda: setting.sink.lost)
        return setting

    async def test_peer_that_closes_has_closed_in_good_order(self) -> None:
        setting = await self.lose(lambda far: far.transport.loseConnection())
        assert setting.sink.paths == [UP, lost(True)]

    async def test_last_answer_may_come_with_the_close(self) -> None:
        setting, _, far = await self.made(request(2))
        far.transport.write(response(2))
        far.transport.loseConnection()
        await setting.sink.until(lambda: setting.sink.lost)
        assert setting.sink.paths == [UP, lost(True)]

    async def test_peer_that_closes_over_a_request_has_not(self) -> None:
        setting = await self.lose(lambda far: far.transport.loseConnection(), request(2))
        assert setting.sink.paths == [UP, lost(False)]

    async def test_end_of_the_connection_without_a_word_is_not_good_order(self) -> None:
        """Whoever can cut TCP could do that; close_notify is what he cannot make."""
        setting = await self.lose(lambda far: far.transport.transport.loseConnection())
        assert setting.sink.paths == [UP, lost(False)]

    async def test_reset_is_not_good_order(self) -> None:
        setting = await self.lose(lambda far: far.transport.abortConnection())
        assert setting.sink.paths == [UP, lost(False)]

    async def test_link_that_we_drop_for_its_garbage_is_not_good_order(self) -> None:
        endless = request(2).replace(b"Content-Length: 0\r\n", b"")
        setting = await self.lose(lambda far: far.transport.write(endless))
        assert setting.sink.paths == [UP, lost(False)]

    async def test_link_that_the_peer_opened_is_no_path(self) -> None:
        """Requests go out on links of our own, so what comes and goes beside them is no news."""
        setting, _, far = await self.made()
        incoming = await setting.connect(setting.listen(), Creator(LYNC))
        await setting.sink.until(lambda: ups(setting) == 2)
        await incoming.close()
        await setting.sink.until(lambda: setting.sink.lost)
        assert setting.sink.paths == [UP]
        assert far.reason is None

    async def test_stop_is_no_news(self) -> None:
        setting, _, far = await self.made()
        await setting.pool.stop()
        await far.gone()
        assert setting.sink.paths == [UP]


    async def test_what_is_tried_while_we_stop_is_no_news(self) -> None:
        """Who is given something back may try another way, which has not been stopped yet."""
        self.patch(links, "FIRST_PAUSE", 0.01)
        silent = Server(None)
        self.addCleanup(silent.close)
        names = (Domain("one.example"), Domain("two.example"))
        found = {"one.example": [Candidate(names[0], "127.0.0.1", silent.port)]}
        setting = self.setting(partner(hosts=None, domains=names), found=found)
        system = setting.systems["lync"]
        setting.pool.send(system, names[0], request(), "given back")
        setting.pool.send(system, names[1], request(), None)
        await silent.met()
        await deferLater(reactor, 0.05, lambda: None)
        told = len(setting.sink.paths)
        setting.sink.unsent = lambda token, code, text: setting.pool.reach(system, names[1])
        await setting.pool.stop()
        assert setting.sink.codes("link.refused").count(Code.D01) == 2, "it was tried"
        assert len(setting.sink.paths) == told == 1


class Several(Base):
    """A system that DNS finds, with a link to each of its domains: one path."""

    async def test_path_is_lost_with_the_last_link(self) -> None:
        one, two = self.served(PUBLIC.issue(dns=["one.example"])), self.served(PUBLIC.issue(dns=["two.example"]))
        names = (Domain("one.example"), Domain("two.example"), Domain("three.example"))
        found = {
            name: [Candidate(name, "127.0.0.1", server.port)]
            for name, server in zip(names, (one, two), strict=False)
        }
        setting = self.setting(partner(hosts=None, domains=names), found=found)
        for name in names:
            setting.pool.reach(setting.systems["lync"], name)
        first, second = await one.met(), await two.met()
        await setting.sink.until(lambda: ups(setting) == 2)
        await first.close()
        await setting.sink.until(lambda: len(setting.sink.lost) == 1)
        failed = ("failed", "lync", Code.D01)
        assert [event for event in setting.sink.paths if event != failed] == [UP]
        await second.close()
        await setting.sink.until(lambda: len(setting.sink.lost) == 2)
        assert [event for event in setting.sink.paths if event != failed] == [UP, lost(True)]
