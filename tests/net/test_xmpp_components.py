"""The component connections that the partner list wants."""

from typing import Any

import pytest

from edge.codes import Code
from edge.domains import Domain
from edge.net.xmpp_components import Components
from edge.partners import Directory, System

OFFICE = System("office", True, "xmpp", (Domain("office.example"),), "component")
HOME = System("home", True, "xmpp", (Domain("home.example"),), "component")
ONE, TWO = Domain("one.example"), Domain("two.example")


def sip(*domains: Domain) -> System:
    return System("sip", False, "sip", domains, "tls")


class Route:
    def __init__(self, state: str = "idle") -> None:
        self.state = state
        self.sent = 0

    def send(self, data: bytes, token: object) -> None:
        self.sent += 1


@pytest.fixture
def route() -> Any:
    return Route()


def test_one_for_each_domain_of_others() -> None:
    components = Components(Directory([OFFICE, sip(ONE, TWO)]))
    assert list(components.wanted()) == [(ONE, OFFICE), (TWO, OFFICE)]
    assert components.ours == {"office": {ONE, TWO}}


def test_domain_that_is_gone_may_still_be_written_to() -> None:
    directory = Directory([OFFICE, sip(ONE, TWO)])
    components = Components(directory)
    directory.become(Directory([OFFICE, sip(ONE)]))
    components.count()
    assert components.ours == {"office": {ONE}} and components.had(OFFICE) == {ONE, TWO}


def test_strangers_are_answered_where_it_is_clear_which_server_has_asked(route: Any) -> None:
    components = Components(Directory([OFFICE, HOME, sip(ONE)]))
    assert components.of(ONE) == (Code.A01, Code.A01.sentence)
    components.add(ONE, OFFICE, route)
    assert components.of(ONE) is route and components.has(ONE, "office") and not components.has(TWO, "office")
    components.add(ONE, HOME, route)
    assert components.of(ONE) == (Code.A01, Code.A01.sentence)
    components.remove(ONE, "office")
    components.remove(TWO, "office")
    assert components.of(ONE) is route


@pytest.mark.parametrize(("state", "sent"), [("idle", 1), ("up", 0), ("connecting", 0), ("resting", 0)])
def test_connection_that_is_not_there_is_dialled(route: Any, state: str, sent: int) -> None:
    components = Components(Directory([OFFICE, sip(ONE)]))
    components.add(ONE, OFFICE, route)
    route.state = state
    components.connect()
    assert route.sent == sent
