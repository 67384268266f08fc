"""A baresip user behind real Kamailio and a slixmpp user behind real Prosody: what they say, page by page.

The gateway stands between Kamailio (mutual TLS) and Prosody (s2s). baresip 1.0 knows nothing of typing: it sends no
chat states and answers 415 to those that it gets. So its user has a second device in the tests of typing, a scripted
one at the same Kamailio.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from itertools import count

import pytest

from demo.authority import Authority
from tests.interop.baresip import Baresip
from tests.interop.lync_world import ACTIVE, STATES, Client
from tests.interop.process import Addresses, wait_until
from tests.interop.sip_user import SipUser
from tests.interop.world import BRISK, CAPULET, MONTAGUE, World

pytestmark = pytest.mark.slow

COUPLES = 20  # at most
WITHIN = 40.0  # seconds for whatever must come
PAUSE = 0.02  # seconds between two messages, so that some are sent in each state of those who restart
PUBLISHED = 1.0  # seconds; baresip publishes twice when it starts, 0.1 s apart
LONG = 90.0  # seconds, for a hundred messages, and for the fate of one whose answer was lost
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
TYPING = "application/im-iscomposing+xml"
COMPOSING = "<isComposing xmlns='urn:ietf:params:xml:ns:im-iscomposing'><state>{}</state></isComposing>"


class Couple:
    """Juliet at her XMPP client, Romeo at his phone."""

    def __init__(self, world: World, folders: pytest.TempPathFactory, number: int) -> None:
        self.world = world
        self.juliet_uri, self.romeo_jid = f"sip:juliet{number}@{CAPULET}", f"romeo{number}@{MONTAGUE}"
        self._name = f"juliet{number}"
        self.juliet = self._client()
        self._juliet_before: list[str] = []
        proxy = f"{world.kamailio.address}:{world.kamailio.local}"
        folder = folders.mktemp("baresip")
        self.romeo = Baresip(folder, world.addresses, f"romeo{number}", MONTAGUE, proxy, [self.juliet_uri])

    def tablet(self) -> SipUser:
        """A second device of his, registered. What Juliet says comes to both."""
        tablet = self.world.sip_user(self.romeo_jid.partition("@")[0])
        assert tablet.register().status == 200
        return tablet

    def juliet_writes(self, *texts: str, to: str = "", more: str = "") -> None:
        for text in texts:
            self.juliet.message(to or self.romeo_jid, text, id=text, more=more)

    def juliet_types(self) -> None:
        self.juliet.send(f"<message to='{self.romeo_jid}' type='chat'><composing xmlns='{STATES}'/></message>")

    def juliet_sees(self, state: str) -> None:
        """The last state that came is this one."""
        wait_until(lambda: self.juliet.states()[-1:] == [state], state, WITHIN)

    def juliet_is_told(self, words: str) -> None:
        """Her message has come back because the other one cannot be reached."""
        error = self.juliet.expect("message", type="error", id="Romeo?")
        assert error.find(f"{{*}}error/{STANZAS}recipient-unavailable") is not None
        text = error.findtext(f"{{*}}error/{STANZAS}text", "")
        assert "EDGE-M03" in text and words in text

    def romeo_writes(self, *texts: str) -> None:
        for text in texts:
            self.romeo.message(text)

    def juliet_has_read(self, *texts: str, seconds: float = WITHIN) -> None:
        """These are all that she has ever been shown."""
        same(self.juliet_texts, list(texts), seconds)

    def romeo_has_read(self, *texts: str, seconds: float = WITHIN) -> None:
        """These are all that he has ever been shown."""
        same(self.romeo_texts, list(texts), seconds)

    def nobody_was_told_of_failures(self) -> None:
        assert (self.juliet.given_back(), self.romeo.failures()) == ([], [])

    def edge_sent(self, method: str) -> int:
        """How many requests of a method the gateway has sent to him."""
        return self.world.edge.log.read_text().count(f"<-- {method} sip:{self.romeo_jid} ")

    def juliet_texts(self) -> list[str]:
        return self._juliet_before + self.juliet.texts()

    def romeo_texts(self) -> list[str]:
        return self.romeo.texts(self.juliet_uri)

    def romeo_is_reachable(self) -> None:
        """Wait until Kamailio knows where he is."""

        def known() -> bool:
            with suppress(AssertionError):
                return bool(self.world.kamailio.rpc("ul.lookup", "location", self.romeo_jid))
            return False

        wait_until(known, f"{self.romeo_jid} is registered", WITHIN)

    def romeo_has_published(self) -> None:
        """Wait until Kamailio knows how he is: its database refuses a SUBSCRIBE that comes together with a PUBLISH."""
        query = "select count(*) from presentity where username = ?"
        with closing(sqlite3.connect(self.world.kamailio.folder / "presence.sqlite")) as database:
            name = [self.romeo_jid.partition("@")[0]]
            wait_until(lambda: database.execute(query, name).fetchone() != (0,), "his presence is known", WITHIN)
        time.sleep(PUBLISHED)

    def juliet_logs_in_again(self) -> None:
        """Her server has gone and come back."""
        self.juliet.log_out()
        self._juliet_before += self.juliet.texts()
        self.juliet = self._client().log_in()

    def _client(self) -> Client:
        server = self.world.server
        return Client(f"{self._name}@{CAPULET}/balcony", "pencil", server.address, server.c2s)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, authority: Authority, addresses: Addresses) -> Iterator[World]:
    names = ["nurse", *(f"juliet{number}" for number in range(COUPLES))]
    with ExitStack() as stack:
        yield World(
            "prosody s2s", stack, tmp_path_factory, authority, addresses, names=names, presence=BRISK, crowd=False
        )


@pytest.fixture(scope="module")
def linked(world: World) -> None:
    """Prosody is linked already: while it opens a stream, it lets messages overtake those that wait for it."""
    with world.xmpp_user("nurse").log_in() as nurse:
        nurse.message(f"nobody@{MONTAGUE}", "Peter?", id="m1")
        nurse.expect("message", type="error", id="m1")


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return count()


@pytest.fixture
def they(world: World, tmp_path_factory: pytest.TempPathFactory, numbers: Iterator[int]) -> Iterator[Couple]:
    """Two people who have not met."""
    couple = Couple(world, tmp_path_factory, next(numbers))
    couple.juliet.log_in()
    with couple.romeo.start():
        yield couple
    couple.juliet.log_out()


# conversations


def test_first_message_of_the_phone_is_heard_once(they: Couple) -> None:
    they.romeo_writes("I take thee at thy word")
    they.juliet_has_read("I take thee at thy word")
    they.juliet_writes("What man art thou?")
    they.romeo_has_read("What man art thou?")
    they.juliet_has_read("I take thee at thy word")
    they.nobody_was_told_of_failures()


def test_first_message_to_the_phone_is_shown_once(they: Couple) -> None:
    they.juliet_writes("Ay me")
    they.romeo_has_read("Ay me")
    they.romeo_writes("She speaks")
    they.juliet_has_read("She speaks")
    they.romeo_has_read("Ay me")
    they.nobody_was_told_of_failures()


@pytest.mark.usefixtures("linked")
def test_hundred_messages_each_way_arrive_in_order(they: Couple) -> None:
    there, back = ([f"{name} {number}" for number in range(100)] for name in ("there", "back"))
    for his, hers in zip(there, back, strict=True):
        they.romeo_writes(his)
        they.juliet_writes(hers)
    they.juliet_has_read(*there, seconds=LONG)
    they.romeo_has_read(*back, seconds=LONG)
    they.nobody_was_told_of_failures()


@pytest.mark.usefixtures("linked")
def test_text_is_shown_as_it_was_written(they: Couple) -> None:
    texts = [
        "<b>no tag</b> & \"so\" or 'so' \\",
        "Grüße, Юлия 🌹👩‍👩‍👧",
        "two\n\nparts\nand lines",
        "blanks  kept",
        "%s ~ ${x}",
    ]
    they.romeo_writes(*texts)
    they.juliet_has_read(*texts)
    they.juliet_writes(*texts)
    they.romeo_has_read(*texts)
    they.nobody_was_told_of_failures()


# typing


def test_typing_is_seen_both_ways_at_a_device_that_knows_it(they: Couple) -> None:
    with they.tablet() as tablet:
        assert tablet.message(they.juliet_uri, "But soft").status == 200
        they.juliet_has_read("But soft")
        they.juliet_writes("Who's there?", more=ACTIVE)
        they.romeo_has_read("Who's there?")
        tablet.expect("MESSAGE", body="Who's there?")
        for state, seen in (("active", "composing"), ("idle", "active")):
            assert tablet.message(they.juliet_uri, COMPOSING.format(state), content_type=TYPING).status == 200
            they.juliet_sees(seen)
        they.juliet_types()
        tablet.expect("MESSAGE", body="<state>active</state>", content_type=TYPING)
        they.juliet_writes("Art thou not Romeo?", more=ACTIVE)
        they.romeo_has_read("Who's there?", "Art thou not Romeo?")
        tablet.expect("MESSAGE", body="Art thou not Romeo?")
    they.nobody_was_told_of_failures()


def test_typing_that_the_phone_refuses_is_no_failure_of_juliets(they: Couple) -> None:
    they.romeo_writes("But soft")
    they.juliet_has_read("But soft")
    they.juliet_types()
    they.juliet_writes("Who's there?", more=ACTIVE)
    they.romeo_has_read("Who's there?")
    assert they.edge_sent("MESSAGE") == 2  # the first, of typing, was refused with 415
    they.nobody_was_told_of_failures()


# those who are not there


def test_xmpp_user_is_told_that_there_is_no_such_sip_user(they: Couple) -> None:
    they.juliet_writes("Romeo?", to=f"nobody@{MONTAGUE}")
    they.juliet_is_told("480 Temporarily Unavailable")


def test_xmpp_user_is_told_that_the_phone_is_off(they: Couple) -> None:
    they.romeo.stop()
    they.juliet_writes("Romeo?")
    they.juliet_is_told("480 Temporarily Unavailable")


def test_xmpp_user_is_told_that_the_phone_is_dead(they: Couple) -> None:
    they.romeo.kill()
    they.juliet_writes("Romeo?")
    they.juliet_is_told("477 Unfortunately")  # Kamailio still has its registration


def test_phone_shows_that_an_xmpp_user_is_not_there(they: Couple) -> None:
    they.juliet.log_out()
    they.romeo_writes("Juliet?")
    same(they.romeo.failures, ["480 Temporarily Unavailable"], WITHIN)


# restarts


@pytest.mark.usefixtures("linked")
@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_each_message_is_shown_once_or_given_back_when_the_phone_restarts_amid_them(how: str, they: Couple) -> None:
    texts = [f"line {number}" for number in range(30)]
    for text in texts:
        if text == "line 10":
            they.romeo_has_read(*texts[:10])  # for an answer that it does not send any more, Kamailio waits 30 seconds
            they.romeo.stop() if how == "stopped" else they.romeo.kill()
        if text == "line 20":
            they.romeo.start()
        they.juliet_writes(text)
        time.sleep(PAUSE)
    once_or_given_back(texts, they.romeo_texts, they.juliet.given_back)
    assert they.romeo_texts()[-1] == "line 29"
    they.romeo_writes("Here I am")
    they.juliet_has_read("Here I am")


@pytest.mark.usefixtures("linked")
def test_each_message_is_shown_once_or_given_back_when_kamailio_restarts_amid_them(they: Couple) -> None:
    hers, his = ([f"{name} {number}" for number in range(30)] for name in ("hers", "his"))
    for number in range(30):
        they.juliet_writes(hers[number])
        they.romeo_writes(his[number])
        if number == 10:
            they.juliet_has_read(*his[:11])  # of what dies with the proxy the phone tells its user after 32 seconds
            they.world.kamailio.stop()
        if number == 20:
            they.world.start_kamailio()
        time.sleep(PAUSE)
    they.romeo_is_reachable()
    they.juliet_writes("hers at last")
    they.romeo_writes("his at last")
    once_or_given_back([*hers, "hers at last"], they.romeo_texts, they.juliet.given_back)
    once_or_refused([*his, "his at last"], they.juliet_texts, they.romeo.failures)
    assert (they.romeo_texts()[-1], they.juliet_texts()[-1]) == ("hers at last", "his at last")


def test_each_message_is_shown_once_or_refused_when_prosody_restarts_amid_them(they: Couple) -> None:
    they.juliet_writes("before")
    they.romeo_has_read("before")
    his = [f"his {number}" for number in range(30)]
    for number in range(30):
        they.romeo_writes(his[number])
        if number == 10:
            they.world.server.stop()
        if number == 20:
            they.world.start_server()
            they.juliet_logs_in_again()
        time.sleep(PAUSE)
    once_or_refused(his, they.juliet_texts, they.romeo.failures)
    assert they.juliet_texts()[-1] == "his 29"
    they.juliet_writes("after")
    they.romeo_has_read("before", "after")


# presence; baresip takes it as PIDF only


@pytest.mark.usefixtures("linked")
def test_phone_shows_what_an_xmpp_contact_does(they: Couple) -> None:
    they.juliet.expect("presence", type="subscribe", from_=they.romeo_jid)
    they.juliet.presence(they.romeo_jid, type="subscribed")
    for show, seen in (("", "Online"), ("dnd", "Busy"), ("away", "Offline"), ("chat", "Online")):
        they.juliet.presence(show=show)
        wait_until(lambda seen=seen: they.romeo.sees(they.juliet_uri) == seen, f"{show} as {seen}", WITHIN)
    they.juliet.log_out()
    wait_until(lambda: they.romeo.sees(they.juliet_uri) == "Offline", "logged out as Offline", WITHIN)


@pytest.mark.usefixtures("linked")
def test_xmpp_user_sees_what_the_phone_publishes(they: Couple) -> None:
    they.romeo_has_published()
    they.juliet.presence(they.romeo_jid, type="subscribe")
    they.juliet.expect("presence", type="subscribed", from_=they.romeo_jid)
    for online in (True, False, True):
        they.romeo.shows(online)
        wait_until(lambda online=online: bool(they.juliet.sees(they.romeo_jid)) == online, f"online {online}", WITHIN)
    they.romeo.stop()
    wait_until(lambda: not they.juliet.sees(they.romeo_jid), "gone with the phone", WITHIN)


def same(seen: Callable[[], list[str]], wanted: list[str], seconds: float) -> None:
    """Exactly these have been seen, all of them in time."""
    with suppress(AssertionError):
        wait_until(lambda: len(seen()) >= len(wanted), "", seconds)
    assert seen() == wanted


def once_or_given_back(
    sent: Sequence[str], shown: Callable[[], list[str]], given_back: Callable[[], list[str]]
) -> None:
    """No text is lost, none is shown twice or out of order. Of one that was under way both may be said."""
    with suppress(AssertionError):
        wait_until(lambda: {*shown(), *given_back()} == set(sent), "", LONG)
    assert {*shown(), *given_back()} == set(sent)
    assert shown() == [text for text in sent if text in shown()]
    assert len(set(given_back())) == len(given_back())
    assert len(shown()) + len(given_back()) <= len(sent) + 1


def once_or_refused(sent: Sequence[str], shown: Callable[[], list[str]], refusals: Callable[[], list[str]]) -> None:
    """The same where it is not said of which text a failure is."""
    with suppress(AssertionError):
        wait_until(lambda: len(shown()) + len(refusals()) >= len(sent), "", LONG)
    assert shown() == [text for text in sent if text in shown()]
    assert len(sent) <= len(shown()) + len(refusals()) <= len(sent) + 1, refusals()
