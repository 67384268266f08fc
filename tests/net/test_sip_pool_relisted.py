"""Another partner list while SIP links are up, over real TLS on loopback: who stays, who goes, and what goes back."""

import dataclasses

from edge.codes import Code
from edge.domains import Domain
from edge.net import sip_link
from edge.net.locate import Candidate
from edge.partners import Block, Directory, HostPort, System
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
    request,
    response,
)

LYNC_NAME = Domain("lync.example")
SHARED = PUBLIC.issue(dns=["lync.example", "hosting.example"])


def relist(setting: Setting, *systems: System, block: str = "") -> int:
    """Reload, as `edge.service` does; returns how many links will close."""
    bundle = next(iter(setting.systems.values())).ca
    listed = [dataclasses.replace(system, ca=system.ca or bundle) for system in systems]
    blocks = [Block((Domain(block),))] if block else []
    setting.pool._contexts.configure(setting.pool._contexts.identities, bundle, listed)
    return setting.pool.relisted(setting.pool._directory.become(Directory(listed, blocks)))


def back(setting: Setting) -> list[tuple[object, Code]]:
    return [(token, code) for token, code, _ in setting.sink.back]


class Relisting(Base):
    async def sent(self, setting: Setting, server: Server, number: int = 1) -> Far:
        """A request is on its way, and not answered."""
        setting.send(number, request(number))
        far = await server.met()
        await far.until(lambda: request(number) in far.data)
        return far

    async def come_in(self, setting: Setting, issued: object = LYNC) -> Far:
        far = await setting.connect(setting.listen(), Creator(issued))
        await setting.sink.until(lambda: setting.sink.event("link.up"))
        return far

    async def test_partner_that_is_removed_hears_the_last_words_and_may_answer_them(self) -> None:
        server = self.served()
        setting = self.setting(partner(server.port))
        far = await self.sent(setting, server)
        setting.send("last", request(2))
        assert relist(setting, partner(name="other")) == 1
        await far.until(lambda: request(2) in far.data)
        assert far.reason is None, "the answer is waited for"
        far.transport.write(response(1) + response(2))
        await far.gone()
        await setting.sink.until(lambda: setting.sink.lost)
        assert [message.call_id for _, messages in setting.sink.received for message in messages] == ["1", "2"]
        event = setting.sink.event("link.down")
        assert event is not None and event["code"] is None, "closed in good order"
        assert setting.sink.paths == [("up", "lync")], "and nobody is to dial again"

    async def test_partner_that_is_removed_and_does_not_answer_is_closed_all_the_same(self) -> None:
        self.patch(sip_link, "TIMER_F", 0.1)
        server = self.served()
        setting = self.setting(partner(server.port))
        far = await self.sent(setting, server)
        relist(setting, partner(name="other"))
        await far.gone()

    async def test_what_waits_for_a_partner_that_is_removed_or_blocked_goes_back(self) -> None:
        for systems, block, code in (
            ([partner(name="other")], "", Code.A01),
            ([partner()], "lync.example", Code.A02),
        ):
            server = self.served(None)  # it never ends the handshake
            setting = self.setting(partner(server.port))
            setting.send("waiting")
            assert relist(setting, *systems, block=block) == 0
            assert back(setting) == [("waiting", code)]
            assert not setting.pool.routes and not setting.sink.paths

    async def test_partner_that_is_blocked_is_closed_and_told_so_when_it_comes_again(self) -> None:
        setting = self.setting(partner(), partner(name="other"))
        far = await self.come_in(setting)
        assert relist(setting, partner(), partner(name="other"), block="lync.example") == 1
        await far.gone()
        await setting.connect(setting.listen(), Creator(LYNC))
        await setting.sink.until(lambda: setting.sink.codes("link.refused"))
        assert setting.sink.codes("link.refused") == [Code.A02]

    async def test_links_of_others_are_not_touched(self) -> None:
        server = self.served()
        setting = self.setting(partner(server.port), partner(name="other"))
        far = await self.sent(setting, server)
        inbound = await self.come_in(setting)
        assert relist(setting, partner(server.port)) == 0
        assert relist(setting, partner(server.port), partner(name="third")) == 0
        assert relist(setting, partner(server.port, messages_per_s=7.0)) == 0
        far.transport.write(response(1))
        await setting.sink.until(lambda: setting.sink.received)
        setting.send(2, request(2))
        await far.until(lambda: request(2) in far.data)
        assert inbound.reason is None and len(server.fars) == 1

    async def test_partner_that_is_elsewhere_is_dialled_there_and_the_old_link_ends_when_it_is_answered(self) -> None:
        old, new = self.served(), self.served()
        setting = self.setting(partner(old.port))
        far = await self.sent(setting, old)
        assert relist(setting, partner(new.port)) == 1
        setting.send(2, request(2))
        there = await new.met()
        await there.until(lambda: there.data == request(2))
        assert far.reason is None
        far.transport.write(response(1))
        await far.gone()
        assert setting.sink.back == []

    async def test_partner_whose_place_was_wrong_is_dialled_at_once_when_it_is_mended(self) -> None:
        server = self.served()
        setting = self.setting(partner(free_port()))
        setting.send("waiting", request(7))
        await setting.sink.until(lambda: setting.sink.paths)
        relist(setting, partner(server.port))
        far = await server.met()
        await far.until(lambda: far.data == request(7))

    async def test_partner_whose_dial_is_under_way_is_dialled_where_it_is_now(self) -> None:
        silent, server = self.served(None), self.served()
        setting = self.setting(partner(silent.port))
        setting.send("waiting", request(7))
        lost = await silent.met()
        relist(setting, partner(server.port))
        far = await server.met()
        await far.until(lambda: far.data == request(7))
        await lost.gone()

    async def test_what_waits_for_a_partner_of_whom_a_domain_was_taken_goes_back(self) -> None:
        """It may be for the domain that is somebody else's now."""
        both = {"domains": (Domain("lync.example"), Domain("other.example")), "peer_names": frozenset((LYNC_NAME,))}
        for left, block in (({**both, "domains": (LYNC_NAME,)}, ""), (both, "other.example")):
            silent, server = self.served(None), self.served()
            setting = self.setting(partner(silent.port, **both))
            setting.send("waiting", request(7))
            await silent.met()
            relist(setting, partner(server.port, **left), block=block)
            assert back(setting) == [("waiting", Code.N03)]
            await server.met()  # somebody may still want to reach it
            setting.send("next", request(8))
            far = server.fars[0]
            await far.until(lambda far=far: far.data == request(8))

    async def test_what_waits_for_a_partner_whose_domains_stay_goes_on(self) -> None:
        server = self.served()
        setting = self.setting(partner(free_port()), partner(name="other"))
        setting.send("waiting", request(7))
        relist(setting, partner(server.port), partner(name="other", domains=(Domain("third.example"),)))
        far = await server.met()
        await far.until(lambda: far.data == request(7))

    async def test_partner_that_is_found_by_name_now_has_another_way(self) -> None:
        server = self.served()
        setting = self.setting(partner(server.port))
        far = await self.sent(setting, server)
        far.transport.write(response(1))
        await setting.sink.until(lambda: setting.sink.received)
        assert relist(setting, partner(hosts=None)) == 1
        await far.gone()
        assert not setting.pool.routes

    async def test_link_has_to_prove_what_is_asked_of_it_now(self) -> None:
        for names, closed in ((["lync.example", "new.example"], False), (["new.example"], True)):
            server = self.served()
            setting = self.setting(partner(server.port))
            inbound, far = await self.come_in(setting), await self.sent(setting, server)
            said = {"peer_names": frozenset(map(Domain, names)), "domains": (Domain(names[-1]),)}
            assert relist(setting, partner(server.port, **said)) == (2 if closed else 0)
            if closed:  # at once: nobody knows any more who that is
                await inbound.gone()
                await far.gone()
                await setting.sink.until(lambda setting=setting: len(setting.sink.lost) == 2)
                assert set(setting.sink.codes("link.down")) == {Code.A01, Code.C03}

    async def test_link_speaks_for_a_new_partner_of_the_same_hosting_service_at_once(self) -> None:
        setting = self.setting(partner())
        await self.come_in(setting, SHARED)
        (link,) = setting.pool.links
        hosted = partner(name="new", peer_names=frozenset((Domain("hosting.example"),)), connections_in=1)
        assert relist(setting, partner(), hosted) == 0
        assert link.peer.systems == {"lync", "new"}
        assert relist(setting, hosted) == 0
        assert link.peer.systems == {"new"}
        assert relist(setting, partner(name="third")) == 1

    async def test_system_of_the_same_name_that_is_another_one_now_has_links_of_its_own(self) -> None:
        server, ours = self.served(), self.served()
        setting = self.setting(partner(server.port))
        far = await self.sent(setting, server)
        far.transport.write(response(1))
        await setting.sink.until(lambda: setting.sink.received)
        inside = dataclasses.replace(partner(ours.port), inside=True)
        assert relist(setting, inside) == 1
        await far.gone()
        setting.systems["lync"] = setting.pool._directory.named("lync")
        setting.send(2, request(2))
        there = await ours.met()
        await there.until(lambda: there.data == request(2))

    async def test_domain_that_is_anothers_now_goes_the_way_of_that_one(self) -> None:
        """Both are found by DNS, each domain at its own place."""
        port, names = self.served(None).port, ("lync.example", "b.example")
        found = {name: [Candidate(Domain(name), "127.0.0.1", port)] for name in names}
        setting = self.setting(partner(hosts=None, domains=tuple(map(Domain, names))), found=found)
        lync = setting.systems["lync"]
        for domain in lync.domains:
            setting.pool.send(lync, domain, request(), str(domain))
        other = partner(name="other", hosts=(HostPort("127.0.0.1", 1),), domains=(Domain("b.example"),))
        relist(setting, partner(hosts=None), other)
        assert ("b.example", Code.N03) in back(setting)
        assert [(name, domain) for name, domain, _ in setting.pool.routes] == [("lync", "lync.example")]

    async def test_less_may_wait_from_now_on(self) -> None:
        setting = self.setting(partner(self.served(None).port))
        setting.send("one")
        relist(setting, partner(setting.systems["lync"].hosts[0].port, pending_messages=1))
        setting.send("two")
        assert back(setting) == [("two", Code.M01)]
