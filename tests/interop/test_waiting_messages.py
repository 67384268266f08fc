"""Messages that wait in the gateway when it is killed, with a real Prosody behind a component link and a Kamailio.

The proxy is frozen, so that it answers nothing: one message is out, others wait behind it.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from demo.authority import Authority
from tests.interop.process import Addresses, wait_until
from tests.interop.sip_user import SipUser
from tests.interop.world import MONTAGUE, World
from tests.interop.xmpp_user import XmppUser

pytestmark = pytest.mark.slow

PATIENCE = 3  # seconds that a message waits
READ_WITHIN = 5.0  # seconds
SETTLED = 0.3  # seconds after which nothing is under way

ROMEO = f"romeo@{MONTAGUE}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, authority: Authority, addresses: Addresses) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(
            "prosody component", stack, tmp_path_factory, authority, addresses,
            names=["nurse"], crowd=False, patience=PATIENCE,
        )  # fmt: skip


@pytest.fixture
def nurse(world: World) -> Iterator[XmppUser]:
    with world.xmpp_user("nurse") as nurse:
        yield nurse.log_in()


@pytest.fixture
def romeo(world: World, nurse: XmppUser) -> Iterator[SipUser]:
    with world.sip_user("romeo") as romeo:
        romeo.register()
        nurse.message(ROMEO, "hello")
        romeo.expect("MESSAGE", body="hello")
        time.sleep(SETTLED)  # it waited for the link; now it is answered
        yield romeo


def killed_with_three(world: World, nurse: XmppUser, name: str) -> None:
    """The proxy has got the first of three, the gateway dies with the others, and then the proxy wakes up."""

    def read() -> int:
        return world.edge.log.read_text(errors="replace").count("<-- message chat")

    before = read()
    world.kamailio.freeze()
    for number in range(3):
        nurse.message(ROMEO, f"{name}{number}", id=f"{name}{number}")
    wait_until(lambda: read() == before + 3, "the gateway has read three messages", READ_WITHIN)
    time.sleep(SETTLED)  # what was read is in the store when its turn is over
    world.edge.kill()
    world.kamailio.thaw()


def test_they_arrive_once_the_gateway_is_back(world: World, nurse: XmppUser, romeo: SipUser) -> None:
    killed_with_three(world, nurse, "soon")
    world.edge.start()
    for number in range(3):
        romeo.expect("MESSAGE", body=f"soon{number}")
    romeo.expect_nothing("MESSAGE", seconds=0.5)
    nurse.expect_nothing("message", seconds=0.1, type="error")


def test_they_come_back_if_that_takes_too_long(world: World, nurse: XmppUser, romeo: SipUser) -> None:
    killed_with_three(world, nurse, "late")
    romeo.expect("MESSAGE", body="late0")
    time.sleep(PATIENCE)
    world.edge.start()
    for number in (1, 2):
        nurse.expect("message", type="error", id=f"late{number}")
    romeo.expect_nothing("MESSAGE", seconds=0.5)
