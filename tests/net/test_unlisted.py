"""Who is on no list: over which links he comes, and how he is looked for."""

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from edge.codes import Code
from edge.domains import Domain
from edge.net import unlisted, xmpp_pool, xmpp_trust
from edge.net.locate import TARGETS, Candidate, identities
from edge.net.names import LocateError
from edge.net.unlisted import Lookups
from edge.partners import System
from tests.net.cable import HEADER, SIP, THEIRS, THEM, US, World, message, refused, s2s
from tests.net.loopback import LYNC, OTHER, PUBLIC, Base, Creator, Far, Setting, partner, request

TEMPLATE = System("", False, "sip", (), discovered=True, connections_in=2)
OFFICE = System("office", True, "xmpp", (Domain("montague.example"),), "component", secret="s")
STRANGER = System("stranger.example", False, "sip", (Domain("stranger.example"),), discovered=True)
HERS = b"<sip:alice@lync.example>"


def from_other(number: int = 1, host: bytes = b"other.example") -> bytes:
    return request(number, "MESSAGE", b"hi").replace(HERS, b"<sip:alice@" + host + b">")


# -- SIP -------------------------------------------------------------------------------------------------------------


class Coming(Base):
    """Links that strangers open."""

    async def come_in(self, setting: Setting | None = None, port: int = 0) -> tuple[Setting, Far]:
        setting = setting or self.setting(partner(), OFFICE, template=TEMPLATE)
        return setting, await setting.connect(port or setting.listen(), Creator(OTHER))

    async def test_stranger_is_a_partner_with_his_first_request(self) -> None:
        setting, far = await self.come_in()
        far.transport.write(b"".join(from_other(number) for number in range(20)))
        await setting.sink.until(lambda: sum(len(messages) for _, messages in setting.sink.received) == 20)
        link, _ = setting.sink.received[0]
        assert link.peer.systems == {"other.example"}
        event = setting.sink.event("link.up")
        assert event is not None and event["partner"] == "other.example"
        assert setting.sink.event("link.refused") is None
        (system,) = setting.directory.discovered
        assert setting.pool.holds(system)
        far.transport.loseConnection()
        await setting.sink.until(lambda: setting.sink.lost)
        assert not setting.pool.holds(system)

    async def test_stranger_who_says_he_is_somebody_else_stays_one(self) -> None:
        setting, far = await self.come_in()
        far.transport.write(from_other(host=b"lync.example") + from_other(2, b"[bad") + from_other(3, b"else.example"))
        await setting.sink.until(lambda: sum(len(messages) for _, messages in setting.sink.received) == 3)
        link, _ = setting.sink.received[0]
        assert link.peer.systems == frozenset() and len(setting.directory.discovered) == 0
        far.transport.loseConnection()
        await setting.sink.until(lambda: setting.sink.event("link.refused"))

    async def test_stranger_does_not_go_before_others(self) -> None:
        setting, far = await self.come_in()
        far.transport.write(from_other())
        await setting.sink.until(lambda: setting.sink.received)
        assert not setting.pool._entrance.knows("127.0.0.1")
        await setting.connect(setting.pool._ports[0].getHost().port, Creator(LYNC))
        await setting.sink.until(lambda: setting.pool._entrance.knows("127.0.0.1"))

    async def test_stranger_gets_only_so_many_connections(self) -> None:
        setting, first = await self.come_in()
        port = setting.pool._ports[0].getHost().port
        fars = [first, (await self.come_in(setting, port))[1], (await self.come_in(setting, port))[1]]
        for number, far in enumerate(fars):
            far.transport.write(from_other(number))
        await setting.sink.until(lambda: len(setting.sink.received) == 3)
        assert sorted(len(link.peer.systems) for link, _ in setting.sink.received) == [0, 1, 1]

    async def test_forgotten_stranger_leaves_nothing(self) -> None:
        found = {"stranger.example": [Candidate(Domain("sip.stranger.example"), "127.0.0.1", 1)]}
        setting = self.setting(partner(), OFFICE, template=TEMPLATE, found=found)
        system = setting.directory.discover(Domain("stranger.example"), Domain("montague.example"))
        assert system is not None
        setting.pool.send(system, system.domains[0], request(), "token")
        assert setting.pool.holds(system)
        setting.pool.forget(system)
        assert not setting.pool.holds(system) and setting.pool.routes == []


def test_stranger_must_carry_the_domain_itself_where_an_access_edge_need_not() -> None:
    domain = Domain("stranger.example")
    federated = Candidate(Domain("sip.stranger.example"), "192.0.2.1", 5061, federated=True)
    assert identities(STRANGER, domain, federated) == {domain}


# -- XMPP ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, SIP, template=TEMPLATE)
    world.pool.start()
    return world


def test_xmpp_server_of_a_stranger_is_let_in_by_its_certificate_alone(world: World) -> None:
    far = world.come_in()
    far.says(message())
    (stanza,) = world.sink.stanzas
    assert stanza.from_ is not None and stanza.from_.host == THEM
    (system,) = world.directory.discovered
    assert (system.name, system.link) == (THEM, "s2s") and world.pool.strangers.holds(system)


@pytest.mark.parametrize("host", ["other.example", "*.xmpp.example"])
def test_xmpp_server_with_another_name_is_not(world: World, host: str) -> None:
    far = world.accept()
    far.says(HEADER)
    far.says("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    far.secure(Creator(PUBLIC.issue(dns=[host])), client=True)
    assert b"EXTERNAL" not in far.says(HEADER)
    assert refused(world) is Code.C03 and len(world.directory.discovered) == 0


def test_xmpp_servers_of_strangers_have_half_of_all_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One certificate with a wildcard is good for as many domains as somebody wants."""
    monkeypatch.setattr(xmpp_trust, "STRANGERS", 1)
    strange = World(tmp_path, SIP, template=TEMPLATE)
    assert strange.come_in().reason is None
    assert strange.come_in().reason is not None and strange.sink.codes("link.refused") == [Code.L03]
    listed = World(tmp_path, SIP, s2s(), template=TEMPLATE)
    assert listed.come_in().reason is None and listed.come_in().reason is None


def test_xmpp_server_of_a_stranger_does_not_go_before_others(world: World) -> None:
    """It has proved its domain, but nobody here has listed that."""
    world.come_in()
    world.reactor.advance(1)
    for number in range(xmpp_pool.UNPROVED):
        assert world.accept(host=f"192.0.3.{number % 100}").reason is None
    assert world.accept().reason is not None


def test_xmpp_server_of_a_stranger_is_looked_up_with_care_and_has_to_take_our_certificate(world: World) -> None:
    world.directory.discover(Domain(THEM), US)
    world.send("token")
    assert world.places.public == [True]
    assert b"<message/>" in world.go_out(THEIRS).all and world.sink.back == []
    (system,) = world.directory.discovered
    assert world.pool.strangers.holds(system)
    world.pool.strangers.forget(system)
    assert world.pool.routes == []


def test_listed_servers_are_looked_up_as_ever(tmp_path: Path) -> None:
    world = World(tmp_path, SIP, s2s(), template=TEMPLATE)
    world.send("token")
    assert world.places.public == [False]


# -- look-ups --------------------------------------------------------------------------------------------------------


class Slow:
    """A `Locator` that answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[Deferred[list[Candidate]]] = []

    def sip(self, system: System, domain: Domain, *, public: bool = False) -> "Deferred[list[Candidate]]":
        assert public
        self.asked.append(Deferred())
        return self.asked[-1]


@pytest.fixture
def slow() -> Slow:
    return Slow()


def found(looked_up: "Deferred[list[Candidate]]") -> Any:
    outcome: list[Any] = []
    looked_up.addBoth(outcome.append)
    return outcome[0]


def test_what_is_not_there_is_not_asked_for_again_soon(slow: Slow) -> None:
    clock = Clock()
    lookups = Lookups(clock, slow)  # type: ignore[arg-type]  # what it needs of one
    first = lookups.find(STRANGER, STRANGER.domains[0])
    slow.asked[0].errback(LocateError(Code.D05))
    assert found(first).value.code is Code.D05
    assert found(lookups.find(STRANGER, STRANGER.domains[0])).value.code is Code.D05
    assert len(slow.asked) == 1
    clock.advance(unlisted.AGAIN)
    lookups.find(STRANGER, STRANGER.domains[0])
    assert len(slow.asked) == 2


def test_only_so_many_are_looked_up_at_a_time(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlisted, "AT_ONCE", 1)
    lookups = Lookups(Clock(), slow)  # type: ignore[arg-type]
    first = lookups.find(STRANGER, STRANGER.domains[0])
    assert found(lookups.find(STRANGER, Domain("second.example"))).value.code is Code.D06
    many = [Candidate(Domain("a.example"), f"192.0.2.{number}", 5061) for number in range(20)]
    slow.asked[0].callback(many)
    assert found(first) == many[:TARGETS]
    lookups.find(STRANGER, Domain("second.example"))
    assert len(slow.asked) == 2
