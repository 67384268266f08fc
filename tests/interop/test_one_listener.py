"""ejabberd as its manual sets it up, with all components at one listener: what is for one SIP domain comes on any."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from demo.authority import Authority
from tests.interop.process import Addresses
from tests.interop.sip_user import pidf
from tests.interop.world import CAPULET, FERRARA, MONTAGUE, World

pytestmark = pytest.mark.slow

MANY = 12  # stanzas; that chance puts all of them on the right one of three connections is one in 500,000
both_domains = pytest.mark.parametrize("domain", [MONTAGUE, FERRARA])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, authority: Authority, addresses: Addresses) -> Iterator[World]:
    with ExitStack() as stack:
        made = World("ejabberd-by-the-manual component", stack, tmp_path_factory, authority, addresses)
        yield made
        assert made.edge.says("link.shared", "partner=capulet")
        assert not made.edge.says("EDGE-A06"), "no connection was closed for what came on it"


@both_domains
def test_messages_go_both_ways(domain: str, world: World) -> None:
    texts = {f"{number} to {domain}" for number in range(MANY)}
    with world.xmpp_user("juliet").log_in() as juliet, world.sip_user("romeo", domain) as romeo:
        romeo.register()
        for text in texts:
            juliet.message(f"romeo@{domain}", text)
        assert {romeo.expect("MESSAGE").body for _ in texts} == texts
        for text in texts:
            assert romeo.message(f"sip:juliet@{CAPULET}", text).status == 200
        assert {juliet.expect("message", type="chat").findtext("{*}body") for _ in texts} == texts


@both_domains
def test_presence_goes_both_ways(domain: str, world: World) -> None:
    jid = f"benvolio@{domain}"
    with world.xmpp_user("nurse").log_in() as nurse, world.sip_user("benvolio", domain) as benvolio:
        benvolio.publish(pidf(benvolio.address_of_record, "open", "In the orchard"))
        nurse.presence(jid, type="subscribe")
        if domain == FERRARA:
            nurse.expect_nothing("presence", seconds=0.5, from_=jid)
            world.strict.authorize(benvolio.address_of_record, f"sip:nurse@{CAPULET}", "allow")
        nurse.expect("presence", from_=jid, type="subscribed")
        nurse.expect("presence", from_=f"{jid}/desk", type="", status="In the orchard")

        nurse.presence(show="away", status="Fetching a ladder")
        benvolio.subscribe(f"sip:nurse@{CAPULET}")
        nurse.expect("presence", from_=jid, type="subscribe")
        nurse.presence(jid, type="subscribed")
        benvolio.expect("NOTIFY", subscription_state="active", body="Fetching a ladder")


@both_domains
def test_sender_is_told_of_every_message_to_nobody(domain: str, world: World) -> None:
    """The failure and the answer to the ping behind the message come on any two connections, in any order."""
    with world.sip_user("romeo", domain) as romeo:
        told = [romeo.message(f"sip:nobody@{CAPULET}", "Is she there?").status for _ in range(40)]
    assert set(told) == {480}
