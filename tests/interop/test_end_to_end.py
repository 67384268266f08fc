"""Users behind a real XMPP server and behind a real Kamailio: what they see of each other, and when one is down."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from xml.etree.ElementTree import Element

import pytest

from demo.authority import Authority
from tests.interop.process import Addresses
from tests.interop.sip_user import pidf
from tests.interop.world import BRISK, CAPULET, FERRARA, IMPATIENT, MANTUA, MONTAGUE, PATIENT, VERONA, World
from tests.interop.xmpp_user import XmppUser

pytestmark = pytest.mark.slow

SLOW = 15.0  # seconds that may go by elsewhere than in the gateway, and less than the 25 that it waits by default
KINDS = ["prosody component", "prosody s2s", "ejabberd component", "ejabberd s2s"]
by_component = pytest.mark.parametrize("world", ["prosody component", "ejabberd component"], indirect=True)
by_prosody = pytest.mark.parametrize("world", KINDS[:2], indirect=True)
by_prosody_component = pytest.mark.parametrize("world", KINDS[:1], indirect=True)


@pytest.fixture(scope="module", params=KINDS)
def world(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    authority: Authority,
    addresses: Addresses,
) -> Iterator[World]:
    with ExitStack() as stack:
        patience = IMPATIENT if request.param in KINDS[:2] else PATIENT
        yield World(
            request.param, stack, tmp_path_factory, authority, addresses, presence=BRISK, patience=patience
        )


def test_xmpp_user_watches_what_a_sip_user_publishes(world: World) -> None:
    with world.xmpp_user("juliet").log_in() as juliet, world.sip_user("romeo") as romeo:
        jid = f"romeo@{MONTAGUE}"
        assert romeo.publish(pidf(romeo.address_of_record, "open", "In the orchard")).status == 200
        juliet.presence(jid, type="subscribe")
        juliet.expect("presence", from_=jid, type="subscribed")
        juliet.expect("presence", from_=f"{jid}/desk", type="", status="In the orchard")
        romeo.publish(pidf(romeo.address_of_record, "open", "Climbing <the> wall & over"))
        juliet.expect("presence", from_=f"{jid}/desk", type="", status="Climbing <the> wall & over")
        romeo.publish(pidf(romeo.address_of_record, "closed"))
        juliet.expect("presence", from_=f"{jid}/desk", type="unavailable")
        romeo.publish(pidf(romeo.address_of_record, "open", "Back again"))
        juliet.expect("presence", from_=f"{jid}/desk", type="", status="Back again")
        juliet.presence(jid, type="unsubscribe")
        juliet.expect("presence", from_=f"{jid}/desk", type="unavailable")
        romeo.publish(pidf(romeo.address_of_record, "open", "Banished"))
        juliet.expect_nothing("presence", seconds=0.5, status="Banished")


def test_sip_user_watches_what_an_xmpp_user_shows(world: World) -> None:
    with world.xmpp_user("nurse").log_in() as nurse, world.sip_user("benvolio") as benvolio:
        jid = f"benvolio@{MONTAGUE}"
        nurse.presence(show="away", status="Fetching a ladder")
        answer, dialog = benvolio.subscribe(f"sip:nurse@{CAPULET}")
        assert answer.status in (200, 202)
        benvolio.expect("NOTIFY", subscription_state="pending")
        nurse.expect("presence", from_=jid, type="subscribe")
        nurse.presence(jid, type="subscribed")
        notify = benvolio.expect("NOTIFY", subscription_state="active", body="Fetching a ladder")
        assert notify.get("Content-Type") == "application/pidf+xml"
        assert "<basic>open</basic>" in notify.body and f"pres:nurse@{CAPULET}" in notify.body
        nurse.presence(show="dnd", status="Ancient lady; farewell")
        benvolio.expect("NOTIFY", subscription_state="active", body="Ancient lady; farewell")
        assert benvolio.resubscribe(dialog, expires=0).status in (200, 202)
        benvolio.expect("NOTIFY", subscription_state="terminated")
        nurse.presence(status="Alone")
        benvolio.expect_nothing("NOTIFY", seconds=0.5, body="Alone")


def test_sip_user_is_told_when_an_xmpp_user_refuses(world: World) -> None:
    with world.xmpp_user("rosaline").log_in() as rosaline, world.sip_user("mercutio") as mercutio:
        mercutio.subscribe(f"sip:rosaline@{CAPULET}")
        mercutio.expect("NOTIFY", subscription_state="pending")
        rosaline.expect("presence", from_=f"mercutio@{MONTAGUE}", type="subscribe")
        rosaline.presence(f"mercutio@{MONTAGUE}", type="unsubscribed")
        mercutio.expect("NOTIFY", subscription_state="terminated;reason=rejected")


@by_component
@pytest.mark.parametrize(
    ("name", "handling", "told"), [("paris", "allow", "subscribed"), ("peter", "block", "unsubscribed")]
)
def test_xmpp_user_is_told_what_a_sip_user_decides(name: str, handling: str, told: str, world: World) -> None:
    with world.xmpp_user(name).log_in() as watcher, world.sip_user("friar", FERRARA) as friar:
        jid = f"friar@{FERRARA}"
        friar.publish(pidf(friar.address_of_record, "open", "In my cell"))
        watcher.presence(jid, type="subscribe")
        watcher.expect_nothing("presence", seconds=0.5, from_=jid)
        world.strict.authorize(friar.address_of_record, f"sip:{name}@{CAPULET}", handling)
        watcher.expect("presence", from_=jid, type=told)
        if told == "subscribed":
            watcher.expect("presence", from_=f"{jid}/desk", type="", status="In my cell")


def test_messages_go_both_ways_in_order(world: World) -> None:
    texts = [f"{number}: <thou> & «thee» ♥" for number in range(5)]
    with world.xmpp_user("tybalt").log_in() as tybalt, world.sip_user("abram") as abram:
        abram.register()
        for text in texts:
            assert abram.message(f"sip:tybalt@{CAPULET}", text).status == 200
        for text in texts:
            stanza = tybalt.expect("message", from_=f"abram@{MONTAGUE}", type="chat")
            assert stanza.findtext("{*}body") == text
            tybalt.message(f"abram@{MONTAGUE}", text)
        for text in texts:
            request = abram.expect("MESSAGE")
            assert request.body == text and request.get("Content-Type").startswith("text/plain")
        tybalt.expect_nothing("message", seconds=0.2)


def test_burst_of_an_xmpp_user_arrives_whole_and_in_order(world: World) -> None:
    texts = [f"verse {number}" for number in range(200)]
    with world.xmpp_user("juliet").log_in() as juliet, world.sip_user("capulet") as capulet:
        capulet.register()
        for text in texts:
            juliet.message(f"capulet@{MONTAGUE}", text)
        assert [capulet.expect("MESSAGE").body for _ in texts] == texts
        juliet.expect_nothing("message", seconds=0.2)


def test_senders_are_told_when_the_other_server_refuses(world: World) -> None:
    with world.xmpp_user("paris").log_in() as paris, world.sip_user("gregory") as gregory:
        assert gregory.message(f"sip:nobody@{CAPULET}", "Are you there?").status in (404, 480)
        paris.message(f"nobody@{MONTAGUE}", "Are you there?", id="m1")
        error = paris.expect("message", from_=f"nobody@{MONTAGUE}", type="error", id="m1")
        assert error.find("{*}error/{urn:ietf:params:xml:ns:xmpp-stanzas}recipient-unavailable") is not None
        assert "EDGE-M03" in text_of(error)


def test_gateway_answers_what_clients_ask_of_its_domain_and_users(world: World) -> None:
    with world.xmpp_user("paris").log_in() as paris:
        assert ask(paris, MONTAGUE, "<ping xmlns='urn:xmpp:ping'/>").get("type") == "result"
        assert ask(paris, MONTAGUE, "<query xmlns='jabber:iq:version'/>").find("{*}query/{*}name") is not None
        for address in (MONTAGUE, f"sampson@{MONTAGUE}/desk"):
            info = ask(paris, address, "<query xmlns='http://jabber.org/protocol/disco#info'/>")
            assert info.find("{*}query/{*}identity") is not None
        card = ask(paris, f"sampson@{MONTAGUE}", "<vCard xmlns='vcard-temp'/>")
        assert card.find("{*}error/{*}service-unavailable") is not None


@by_prosody_component  # it waits half a minute, and never asks the XMPP server
def test_senders_are_told_in_time_when_nothing_is_configured_about_it(world: World) -> None:
    with world.xmpp_user("nurse").log_in() as nurse, world.sip_user("potpan") as potpan:
        begin = time.monotonic()
        world.strict.freeze()
        nurse.message(f"apothecary@{MANTUA}", "Poison?", id="down")
        nurse.message(f"friar@{FERRARA}", "Letters?", id="silent")
        answer = potpan.message(f"sip:peter@{VERONA}", "Where is he?")
        assert answer.status in (408, 480, 503, 504), answer  # 408 is Kamailio's own, which waits for 30 s itself
        down = nurse.expect("message", from_=f"apothecary@{MANTUA}", type="error", id="down", seconds=60)
        silent = nurse.expect("message", from_=f"friar@{FERRARA}", type="error", id="silent", seconds=60)
        assert "EDGE-N01" in text_of(down) and "EDGE-M02" in text_of(silent)
        assert time.monotonic() - begin < 31 + SLOW
        world.strict.thaw()


@by_prosody
def test_xmpp_user_gets_an_error_while_the_sip_edge_is_down(world: World) -> None:
    with world.xmpp_user("peter").log_in() as peter:
        world.kamailio.stop()
        begin = time.monotonic()
        peter.message(f"sampson@{MONTAGUE}", "Where?", id="down")
        error = peter.expect("message", type="error", id="down")
        assert time.monotonic() - begin <= IMPATIENT + SLOW
        assert "EDGE-N" in text_of(error)
        world.start_kamailio()
        with world.sip_user("sampson") as sampson:
            sampson.register()
            again(lambda: peter.message(f"sampson@{MONTAGUE}", "There!"), lambda: sampson.expect("MESSAGE", seconds=2))
            assert sampson.message(f"sip:peter@{CAPULET}", "Here!").status == 200
            peter.expect("message", body="Here!")


@by_prosody
def test_sip_user_gets_a_failure_while_the_xmpp_server_is_down(world: World) -> None:
    with world.sip_user("balthasar") as balthasar:
        world.server.stop()
        begin = time.monotonic()
        answer = balthasar.message(f"sip:peter@{CAPULET}", "Where?")
        assert answer.status in (480, 503, 504) and "EDGE-N" in answer.get("Warning"), answer
        assert time.monotonic() - begin <= IMPATIENT + SLOW
        world.start_server()
        with world.xmpp_user("peter").log_in() as peter:
            balthasar.register()

            def send() -> None:
                assert balthasar.message(f"sip:peter@{CAPULET}", "There!").status == 200

            again(send, lambda: peter.expect("message", body="There!", seconds=2))
            peter.message(f"balthasar@{MONTAGUE}", "Here!")
            balthasar.expect("MESSAGE", body="Here!")


def text_of(stanza: Element) -> str:
    return stanza.findtext("{*}error/{urn:ietf:params:xml:ns:xmpp-stanzas}text") or ""


def again(act: Callable[[], object], see: Callable[[], object], seconds: float = 120.0) -> None:
    """Repeat what is refused until the gateway has found its partner again."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            act()
            see()
            return
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def ask(user: XmppUser, address: str, query: str) -> Element:
    user.send(f"<iq type='get' to='{address}' id='q1'>{query}</iq>")
    return user.expect("iq", from_=address, id="q1")
