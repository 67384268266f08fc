"""What outlives what: authorizations outlive sessions, dialogs and the gateway, as real servers remember them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from demo.authority import Authority
from tests.interop.process import Addresses, wait_until
from tests.interop.sip_user import pidf
from tests.interop.world import BRISK, CAPULET, MONTAGUE, VERONA, World

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["prosody component", "prosody s2s"])
def world(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    authority: Authority,
    addresses: Addresses,
) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(request.param, stack, tmp_path_factory, authority, addresses, presence=BRISK)


def test_sip_watcher_sees_a_contact_go_and_come(world: World) -> None:
    with world.sip_user("benvolio") as benvolio:
        with world.xmpp_user("nurse").log_in() as nurse:
            benvolio.subscribe(f"sip:nurse@{CAPULET}")
            nurse.expect("presence", from_=f"benvolio@{MONTAGUE}", type="subscribe")
            nurse.presence(f"benvolio@{MONTAGUE}", type="subscribed")
            benvolio.expect("NOTIFY", subscription_state="active", body="<basic>open</basic>")
        benvolio.expect("NOTIFY", subscription_state="active", body="<basic>closed</basic>")
        with world.xmpp_user("nurse").log_in() as nurse:
            nurse.presence(show="xa", status="At the feast")
            benvolio.expect("NOTIFY", subscription_state="active", body="At the feast")


def test_sip_watcher_who_comes_back_is_authorized_still(world: World) -> None:
    with world.xmpp_user("rosaline").log_in() as rosaline, world.sip_user("romeo") as romeo:
        rosaline.presence(status="In church")
        _, dialog = romeo.subscribe(f"sip:rosaline@{CAPULET}")
        rosaline.expect("presence", from_=f"romeo@{MONTAGUE}", type="subscribe")
        rosaline.presence(f"romeo@{MONTAGUE}", type="subscribed")
        romeo.expect("NOTIFY", subscription_state="active", body="In church")
        romeo.resubscribe(dialog, expires=0)
        romeo.expect("NOTIFY", subscription_state="terminated")
        romeo.subscribe(f"sip:rosaline@{CAPULET}")
        romeo.expect("NOTIFY", subscription_state="active", body="In church")
        rosaline.expect_nothing("presence", seconds=0.3, type="subscribe")


def test_xmpp_watcher_who_logs_in_again_sees_the_contact(world: World) -> None:
    with world.sip_user("mercutio") as mercutio:
        jid = f"mercutio@{MONTAGUE}"
        mercutio.publish(pidf(mercutio.address_of_record, "open", "Dancing"))
        with world.xmpp_user("juliet").log_in() as juliet:
            juliet.presence(jid, type="subscribe")
            juliet.expect("presence", from_=f"{jid}/desk", type="", status="Dancing")
        with world.xmpp_user("juliet").log_in() as juliet:
            juliet.expect("presence", from_=f"{jid}/desk", type="", status="Dancing")
            mercutio.publish(pidf(mercutio.address_of_record, "open", "Wounded"))
            juliet.expect("presence", from_=f"{jid}/desk", type="", status="Wounded")


def test_subscriptions_survive_the_gateway(world: World) -> None:
    with world.sip_user("abram") as abram, world.xmpp_user("tybalt").log_in() as tybalt:
        jid = f"abram@{MONTAGUE}"
        abram.publish(pidf(abram.address_of_record, "open", "Biting my thumb"))
        tybalt.presence(jid, type="subscribe")
        tybalt.expect("presence", from_=f"{jid}/desk", type="", status="Biting my thumb")
        _, dialog = abram.subscribe(f"sip:tybalt@{CAPULET}")
        tybalt.expect("presence", from_=jid, type="subscribe")
        tybalt.presence(jid, type="subscribed")
        abram.expect("NOTIFY", subscription_state="active", body="<basic>open</basic>")
        world.edge.stop()
        world.start_edge()
        tybalt.presence(status="Prince of cats")
        abram.expect("NOTIFY", subscription_state="active", body="Prince of cats")
        assert abram.resubscribe(dialog, expires=600).status == 200
    with world.xmpp_user("tybalt").log_in() as tybalt:
        tybalt.expect("presence", from_=f"{jid}/desk", type="", status="Biting my thumb")


@pytest.mark.parametrize("world", ["prosody component"], indirect=True)
def test_sender_is_told_when_the_gateway_stops_with_his_message(world: World) -> None:
    with world.sip_user("potpan") as potpan, ThreadPoolExecutor() as pool:
        waiting = pool.submit(potpan.message, f"sip:peter@{VERONA}", "Where is he?")
        wait_until(lambda: world.edge.says("verona: message chat to peter@"), "the gateway has the message", 60)
        world.edge.stop()
        answer = waiting.result(60)
        assert answer.status >= 480 and "EDGE-M02" in answer.get("Warning")
        world.start_edge()
