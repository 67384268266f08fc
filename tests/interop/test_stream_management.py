"""Stream management with real servers: who counts what, and what becomes of messages when somebody is killed.

Prosody counts on streams between servers, ejabberd on those of clients only.
"""

import re
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from demo.authority import Authority
from tests.interop.process import Addresses, wait_until
from tests.interop.sip_user import SipMessage, SipUser
from tests.interop.test_end_to_end import again, text_of
from tests.interop.world import CAPULET, MONTAGUE, World
from tests.interop.xmpp_user import XmppUser

pytestmark = pytest.mark.slow

PATIENCE = 60.0  # seconds; nobody is left without an answer for longer than 36 on a machine that is not busy
AT_ONCE = 8  # messages on their way when somebody dies
SOON = 60.0  # seconds in which a server shows what it has heard from us, also where others need the processor


@pytest.fixture(autouse=True)
def nobody_stays_frozen(world: World) -> Iterator[None]:
    """What one test has failed of must not fail those behind it."""
    yield
    world.kamailio.thaw()
    world.server.thaw()


@pytest.fixture(scope="module", params=["prosody s2s", "ejabberd s2s"])
def world(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    authority: Authority,
    addresses: Addresses,
) -> Iterator[World]:
    with ExitStack() as stack:
        yield World(request.param, stack, tmp_path_factory, authority, addresses, crowd=False)


by_prosody = pytest.mark.parametrize("world", ["prosody s2s"], indirect=True)
by_ejabberd = pytest.mark.parametrize("world", ["ejabberd s2s"], indirect=True)


def log_of(world: World) -> str:
    return world.server.log.read_text(errors="replace")


def acknowledged_to_us(world: World) -> int:
    """The highest count in an answer of Prosody's to us."""
    return max(map(int, re.findall(r"Received ack request, acking for (\d+)", log_of(world))), default=0)


def unacknowledged_by_us(world: World) -> int:
    """How many stanzas of its queue Prosody has not seen counted, by our last answer."""
    counts = re.findall(r"#queue = (\d+) \(acked: \d+\)", log_of(world))
    return int(counts[-1]) if counts else -1


def all_are_counted(world: World) -> bool:
    """Whether our last answer counts everything that Prosody has sent on the stream to us."""
    _, enabled, text = log_of(world).rpartition("Sending[s2sout]: <enable ")
    sent = re.findall(r"Sending\[s2sout\]: <(?:message|presence|iq) ", text)
    counts = re.findall(r"Received\[s2sout\]: <a [^>]*h='(\d+)'", text)
    return bool(enabled) and len(sent) == int(counts[-1] if counts else 0)


def say(user: SipUser, text: str) -> SipMessage:
    return user.message(f"sip:paris@{CAPULET}", text)


def begin(world: World, talker: XmppUser, listener: SipUser) -> None:
    """Let Prosody have a stream to us that is counted: what it had to open the stream for is not."""
    for text in ("what opens it", "what is counted"):
        talker.message(listener.address_of_record.partition(":")[2], text)
        listener.expect("MESSAGE", body=text)
    wait_until(lambda: all_are_counted(world), "it is counted", SOON)


@by_prosody
def test_both_directions_are_counted(world: World) -> None:
    with world.xmpp_user("juliet").log_in() as juliet, world.sip_user("romeo") as romeo:
        romeo.register()
        begin(world, juliet, romeo)
        before = log_of(world).count("xmlns='urn:xmpp:ping'")
        for number in range(5):
            assert romeo.message(f"sip:juliet@{CAPULET}", f"{number}").status == 200
            juliet.expect("message", body=f"{number}")
            juliet.message(f"romeo@{MONTAGUE}", f"{number}, too")
            romeo.expect("MESSAGE", body=f"{number}, too")
        assert acknowledged_to_us(world) >= 5
        wait_until(lambda: all_are_counted(world), "everything is counted", SOON)
        assert log_of(world).count("xmlns='urn:xmpp:ping'") == before, "there is a better way to ask"


@by_prosody
def test_sender_is_told_of_a_failure_that_the_acknowledgement_overtakes(world: World) -> None:
    with world.sip_user("gregory") as gregory:
        answers = [gregory.message(f"sip:nobody{number}@{CAPULET}", "Are you there?") for number in range(10)]
        assert {answer.status for answer in answers} <= {404, 480}


@by_prosody
def test_message_is_not_counted_before_the_sip_side_has_answered(world: World) -> None:
    with world.xmpp_user("nurse").log_in() as nurse, world.sip_user("peter") as peter:
        peter.register()
        begin(world, nurse, peter)
        world.kamailio.freeze()
        nurse.message(f"peter@{MONTAGUE}", "My fan")
        wait_until(lambda: unacknowledged_by_us(world) == 1, "we have said that we have not got it", SOON)
        time.sleep(0.5)
        assert unacknowledged_by_us(world) == 1
        world.kamailio.thaw()
        peter.expect("MESSAGE", body="My fan")
        wait_until(lambda: unacknowledged_by_us(world) == 0, "it is counted", SOON)


@by_prosody
def test_xmpp_senders_are_told_when_the_gateway_is_killed_with_their_messages(world: World) -> None:
    with world.xmpp_user("tybalt").log_in() as tybalt, world.sip_user("abram") as abram:
        abram.register()
        begin(world, tybalt, abram)
        world.kamailio.freeze()
        for number in range(AT_ONCE):
            tybalt.message(f"abram@{MONTAGUE}", f"Bite {number} thumbs", id=f"thumb{number}")
        wait_until(lambda: unacknowledged_by_us(world) == AT_ONCE, "the gateway has them and says so", SOON)
        world.edge.kill()
        world.kamailio.thaw()
        for number in range(AT_ONCE):
            tybalt.expect("message", type="error", from_=f"abram@{MONTAGUE}", id=f"thumb{number}", seconds=PATIENCE)
        world.start_edge()
        again(
            lambda: tybalt.message(f"abram@{MONTAGUE}", "afterwards"),
            lambda: abram.expect("MESSAGE", body="afterwards", seconds=2),
        )


@by_prosody
def test_xmpp_senders_are_told_when_the_sip_edge_is_killed_with_their_messages(world: World) -> None:
    with world.xmpp_user("rosaline").log_in() as rosaline, world.sip_user("sampson") as sampson:
        sampson.register()
        begin(world, rosaline, sampson)
        world.kamailio.freeze()
        rosaline.message(f"sampson@{MONTAGUE}", "Part, fools", id="lost")
        wait_until(lambda: unacknowledged_by_us(world) == 1, "the gateway has it and says so", SOON)
        world.kamailio.kill()
        error = rosaline.expect("message", type="error", id="lost", seconds=PATIENCE)
        assert "EDGE-N" in text_of(error)
        wait_until(lambda: unacknowledged_by_us(world) == 0, "its sender knows", SOON)
        world.start_kamailio()


def test_sip_senders_are_told_when_the_xmpp_server_is_killed_with_their_messages(world: World) -> None:
    def said_to_paris() -> int:
        return world.edge.log.read_text(errors="replace").count("|--- message chat to paris@")

    with ExitStack() as stack:
        users = [stack.enter_context(world.sip_user(f"servant{number}")) for number in range(AT_ONCE)]
        assert users[0].message(f"sip:paris@{CAPULET}", "before").status in (200, 480)
        before = said_to_paris()
        world.server.freeze()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = [pool.submit(say, user, "Torches!") for user in users]
            wait_until(lambda: said_to_paris() == before + AT_ONCE, "the gateway has sent them", SOON)
            time.sleep(0.5)
            assert not any(answer.done() for answer in answers), "nobody has these"
            world.server.kill()
            told = [answer.result(PATIENCE) for answer in answers]
        assert all(answer.status >= 400 for answer in told), told
        world.start_server()
        with world.xmpp_user("paris").log_in() as paris:
            again(
                lambda: users[0].message(f"sip:paris@{CAPULET}", "More light"),
                lambda: paris.expect("message", body="More light", seconds=2),
            )
            paris.expect_nothing("message", seconds=0.5, body="Torches!")


@by_ejabberd
def test_server_that_does_not_count_is_asked_by_pings(world: World) -> None:
    with world.xmpp_user("juliet").log_in() as juliet, world.sip_user("romeo") as romeo:
        romeo.register()
        assert romeo.message(f"sip:juliet@{CAPULET}", "What light?").status == 200
        juliet.expect("message", body="What light?")
        juliet.message(f"romeo@{MONTAGUE}", "Ay me")
        romeo.expect("MESSAGE", body="Ay me")
        log = (world.server.folder / "ejabberd-own.log").read_text(errors="replace")
        assert "urn:xmpp:ping" in log and "<enable xmlns='urn:xmpp:sm:3'" not in log


def test_answer_comes_without_a_delay_that_anybody_would_see(world: World) -> None:
    with world.xmpp_user("juliet").log_in() as juliet, world.sip_user("romeo") as romeo:
        romeo.register()
        again(
            lambda: juliet.message(f"romeo@{MONTAGUE}", "Three words"),
            lambda: romeo.expect("MESSAGE", body="Three words", seconds=2),
        )
        times = []
        for number in range(20):
            asked = time.monotonic()
            assert romeo.message(f"sip:juliet@{CAPULET}", f"word {number}").status == 200
            times.append(time.monotonic() - asked)
        assert statistics.median(times) < 1.0, "no timer ends before"
