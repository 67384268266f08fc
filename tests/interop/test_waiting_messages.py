"""Messages that wait in the gateway when it is killed, with a real Prosody behind a component link and a Kamailio.

The proxy is frozen, so that it answers nothing: one message is out, others wait behind it.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from demo.authority import Authority
from edge.gateway.records import Kind
from tests.interop.process import Addresses, wait_until
from tests.interop.sip_user import SipUser
from tests.interop.world import MONTAGUE, World
from tests.interop.xmpp_user import XmppUser

pytestmark = pytest.mark.slow

PATIENCE = 3  # seconds that a message waits
READ_WITHIN = 40.0  # seconds

ROMEO = f"romeo@{MONTAGUE}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, authority: Authority, addresses: Addresses) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(
            "prosody component", stack, tmp_path_factory, authority, addresses,
            names=["nurse"], crowd=False, patience=PATIENCE,
        )


@pytest.fixture
def nurse(world: World) -> Iterator[XmppUser]:
    with world.xmpp_user("nurse") as nurse:
        yield nurse.log_in()


@pytest.fixture
def romeo(world: World, nurse: XmppUser) -> Iterator[SipUser]:
    with world.sip_user("romeo") as romeo:
        romeo.register()
        before = world.edge.accepted()
        nurse.message(ROMEO, "hello")
        romeo.expect("MESSAGE", body="hello")
        wait_until(lambda: world.edge.accepted() > before and kept(world) == 0, "it is answered", READ_WITHIN)
        yield romeo


def kept(world: World) -> int:
    """How many messages are in the gateway's store."""
    with closing(sqlite3.connect(world.edge.folder / "state" / "edge.sqlite")) as database:
        rows = database.execute("SELECT count(*) FROM record WHERE kind = ?", (Kind.MESSAGE,))
        return int(rows.fetchone()[0])


def killed_with_three(world: World, nurse: XmppUser, name: str) -> None:
    """The proxy has got the first of three, the gateway dies with the others, and then the proxy wakes up."""

    def read() -> int:
        return world.edge.log.read_text(errors="replace").count("<-- message chat")

    before = read()
    world.kamailio.freeze()
    for number in range(3):
        nurse.message(ROMEO, f"{name}{number}", id=f"{name}{number}")
    wait_until(lambda: read() == before + 3 and kept(world) == 2, "those that wait are in the store", READ_WITHIN)
    world.edge.kill()
    world.kamailio.thaw()


def test_they_arrive_once_the_gateway_is_back(world: World, nurse: XmppUser, romeo: SipUser) -> None:
    killed_with_three(world, nurse, "soon")
    world.start_edge()
    for number in range(3):
        romeo.expect("MESSAGE", body=f"soon{number}")
    romeo.expect_nothing("MESSAGE", seconds=0.5)
    nurse.expect_nothing("message", seconds=0.1, type="error")


def test_they_come_back_if_that_takes_too_long(world: World, nurse: XmppUser, romeo: SipUser) -> None:
    killed_with_three(world, nurse, "late")
    romeo.expect("MESSAGE", body="late0")
    time.sleep(PATIENCE)
    world.start_edge()
    for number in (1, 2):
        nurse.expect("message", type="error", id=f"late{number}")
    romeo.expect_nothing("MESSAGE", seconds=0.5)
