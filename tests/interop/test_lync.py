"""People at Microsoft clients and people at a real XMPP server, with sessions, typing and presence between them.

Everything that the gateway says is judged by the strict edge on the other side; a fault there fails the test.
"""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from demo.authority import Authority
from tests.interop.lync_world import CONTOSO, STATES, Contoso, Couple
from tests.interop.process import Addresses, wait_until
from tests.sip import microsoft_samples as ms

pytestmark = pytest.mark.slow

LONG = 60.0  # seconds, for a hundred messages on a machine that does other things too


@pytest.fixture(scope="module")
def contoso(tmp_path_factory: pytest.TempPathFactory, authority: Authority, addresses: Addresses) -> Iterator[Contoso]:
    with ExitStack() as stack:
        yield Contoso(stack, tmp_path_factory, authority, addresses)


@pytest.fixture
def they(contoso: Contoso) -> Iterator[Couple]:
    """Two people who have not met."""
    with contoso.strict(), (people := contoso.couple()).juliet.log_in():
        yield people


# conversations


def test_lync_user_writes_first_and_is_heard_once(they: Couple) -> None:
    they.alice.write(they.for_alice, "hello", "are you there?")
    they.juliet_reads("hello", "are you there?")
    they.alice.has_delivered(they.for_alice, "hello", "are you there?")
    they.juliet_writes("I am")
    they.alice.reads(they.for_alice, "I am")
    they.juliet_reads_no_more()
    assert they.alice.window(they.for_alice).invited == 0


def test_xmpp_user_writes_first_and_waits_until_the_client_answers(they: Couple) -> None:
    they.alice.habits.answers_after = 1.0
    they.juliet_writes("one", "two", "three")
    they.alice.reads(they.for_alice, "one", "two", "three")
    they.alice.write(they.for_alice, "four")
    they.juliet_reads("four")
    they.alice.has_delivered(they.for_alice, "four")
    assert they.alice.window(they.for_alice).invited == 1


def test_hundred_messages_each_way_arrive_in_order(they: Couple) -> None:
    they.meet()
    there, back = ([f"{name} {number}" for number in range(100)] for name in ("there", "back"))
    for mine, hers in zip(there, back, strict=True):
        they.alice.write(they.for_alice, mine)
        they.juliet_writes(hers)
    they.alice.reads(they.for_alice, *back, seconds=LONG)
    they.juliet_reads(*there, seconds=LONG)
    they.alice.has_delivered(they.for_alice, "hello", *there)
    they.alice.reads_no_more(they.for_alice)


def test_hundred_messages_of_an_xmpp_user_go_into_one_session(they: Couple) -> None:
    texts = [f"line {number}" for number in range(100)]
    they.juliet_writes(*texts)
    they.alice.reads(they.for_alice, *texts, seconds=LONG)
    assert they.alice.window(they.for_alice).invited == 1


@pytest.mark.parametrize("rich", [False, True])
def test_text_is_delivered_as_it_was_written(rich: bool, they: Couple) -> None:
    they.alice.habits.rich = rich
    texts = ["<b>no tag</b> & \"so\"", "Grüße, Юлия 🌹", "two\nlines", " blanks  kept", ":)"]
    they.alice.write(they.for_alice, *texts)
    they.juliet_reads(*texts)
    they.juliet_writes(*texts)
    they.alice.reads(they.for_alice, *texts)


def test_typing_is_seen_on_both_sides(they: Couple) -> None:
    they.meet()
    they.alice.types(they.for_alice)
    they.juliet_sees("composing")
    they.alice.types(they.for_alice, "idle")
    they.juliet_sees("paused", "active")
    they.juliet.send(f"<message to='{they.for_juliet}' type='chat'><composing xmlns='{STATES}'/></message>")
    they.alice.sees_typing(they.for_alice)
    they.juliet.send(f"<message to='{they.for_juliet}' type='chat'><paused xmlns='{STATES}'/></message>")
    they.alice.sees_typing(they.for_alice, "idle")


def test_typing_opens_no_session(they: Couple) -> None:
    they.juliet.send(f"<message to='{they.for_juliet}' type='chat'><composing xmlns='{STATES}'/></message>")
    they.juliet_writes("now")
    they.alice.reads(they.for_alice, "now")
    assert they.alice.window(they.for_alice).told == []
    assert they.alice.window(they.for_alice).invited == 1


# sessions that end


@pytest.mark.parametrize("who", ["alice", "juliet"])
def test_next_message_opens_a_closed_session_again(who: str, they: Couple) -> None:
    they.meet()
    they.alice.closes(they.for_alice)
    they.alice.has_no_session(they.for_alice)
    if who == "alice":
        they.alice.write(they.for_alice, "one more thing")
        they.juliet_reads("one more thing")
    else:
        they.juliet_writes("one more thing")
        they.alice.reads(they.for_alice, "one more thing")
    they.juliet_reads_no_more()
    they.alice.reads_no_more(they.for_alice)


@pytest.mark.parametrize("number", [1, 5])
def test_messages_into_a_forgotten_session_are_said_in_a_new_one(number: int, they: Couple) -> None:
    they.meet()
    they.alice.forgets(they.for_alice)
    texts = [f"line {n}" for n in range(number)]
    they.juliet_writes(*texts)
    they.alice.reads(they.for_alice, *texts)
    they.alice.reads_no_more(they.for_alice)
    assert they.alice.window(they.for_alice).invited == 1


def test_nothing_is_lost_or_doubled_when_the_edge_restarts_between_two_messages(they: Couple) -> None:
    they.meet()
    they.lync_restarts()
    they.juliet_writes("are you back?", "and well?")
    they.alice.reads(they.for_alice, "are you back?", "and well?", seconds=LONG)
    they.alice.write(they.for_alice, "yes")
    they.juliet_reads("yes")
    they.lync_restarts()
    they.alice.write(they.for_alice, "and again")
    they.juliet_reads("and again")
    they.juliet_writes("and again")
    they.alice.reads(they.for_alice, "and again", seconds=LONG)
    they.juliet_reads_no_more()
    they.alice.reads_no_more(they.for_alice)


def test_each_message_is_shown_once_or_given_back_when_the_edge_restarts_amid_them(they: Couple) -> None:
    they.meet()
    they.alice.habits.takes_after = 0.05
    texts = [f"line {number}" for number in range(20)]
    they.juliet_writes(*texts)
    they.alice.reads(they.for_alice, *texts[:5])
    they.lync.restart()
    window = they.alice.window(they.for_alice)
    wait_until(lambda: {*window.lines[1:], *they.juliet.given_back()} == set(texts), "the fate of each text", LONG)
    failed = they.juliet.given_back()
    shown = [text for text in texts if text not in failed]
    assert window.lines[1:] == shown, window.lines


def test_conversation_goes_on_when_all_connections_are_cut(they: Couple) -> None:
    they.meet()
    they.lync.cut()
    wait_until(lambda: not they.lync.links, "no connections", LONG)
    they.juliet_writes("still there?")
    they.alice.reads(they.for_alice, "still there?", seconds=LONG)
    they.lync.cut()
    they.alice.write(they.for_alice, "of course")
    they.juliet_reads("of course")
    assert they.alice.window(they.for_alice).invited == 0


def test_conversation_goes_on_when_the_gateway_is_killed_and_started(they: Couple) -> None:
    before = they.edge.accepted()
    they.meet()
    wait_until(lambda: they.edge.accepted() > before, "its last answer", LONG)  # or it is said again after the start
    they.edge.kill()
    they.start_edge()
    they.alice.write(they.for_alice, "are you back?")
    they.juliet_reads("are you back?", seconds=LONG)
    they.juliet_writes("I am")
    they.alice.reads(they.for_alice, "I am")
    they.juliet_reads_no_more()


def test_invitations_that_cross_lose_nothing(they: Couple) -> None:
    they.lync.latency = 0.1  # so that each INVITE is on its way when the other one leaves
    for turn in range(3):
        mine, hers = [[f"{who} {turn} {number}" for number in range(3)] for who in ("mine", "hers")]
        they.alice.write(they.for_alice, *mine)
        they.juliet_writes(*hers)
        they.juliet_reads(*mine)
        they.alice.reads(they.for_alice, *hers)
        wait_until(lambda: not they.alice.window(they.for_alice).outbox, "all sent", LONG)
        they.alice.closes(they.for_alice)
    they.juliet_reads_no_more()
    they.alice.reads_no_more(they.for_alice)
    assert they.alice.window(they.for_alice).undelivered == []


@pytest.mark.parametrize(("status", "condition"), [(486, "recipient-unavailable"), (480, "recipient-unavailable")])
def test_xmpp_user_is_told_that_the_other_declines(status: int, condition: str, they: Couple) -> None:
    they.alice.habits.declines = status
    they.juliet_writes("busy?")
    error = they.juliet.expect("message", type="error", id="busy?")
    assert error.find(f"{{*}}error/{{urn:ietf:params:xml:ns:xmpp-stanzas}}{condition}") is not None


def test_user_who_is_not_there_is_reported(they: Couple) -> None:
    they.juliet.message(f"nobody@{CONTOSO}", "hello", id="m1")
    error = they.juliet.expect("message", type="error", id="m1")
    assert error.find("{*}error/{urn:ietf:params:xml:ns:xmpp-stanzas}item-not-found") is not None


@pytest.mark.parametrize("media", ["m=x-ms-message 5060 sip null", "m=message 5060 sip sip:juliet@capulet.example"])
def test_offer_of_an_older_client_is_taken(media: str, they: Couple) -> None:
    they.alice.habits.media = media
    they.meet()


# what is declined

OFFERS = {
    "a call": (ms.AUDIO_TYPE, ms.call()),
    "a file": (ms.FILE_TYPE, ms.file_transfer()),
    "a meeting": (ms.MEETING_TYPE, ms.meeting()),
    "the focus of a meeting": (ms.FOCUS_TYPE, ms.focus()),
    "other media": ("application/sdp", ms.offer(media="m=applicationsharing 1 TCP/RTP/SAVP 127")),
}


@pytest.mark.parametrize("what", OFFERS)
def test_invitation_is_declined_to(what: str, they: Couple) -> None:
    kind, body = OFFERS[what]
    answer, _ = they.alice.asks("INVITE", they.for_alice, [("Content-Type", kind)], body)
    assert answer.status == 488, answer
    they.juliet_reads_no_more()


def test_administrator_there_can_read_why_something_was_declined(they: Couple) -> None:
    kind, body = OFFERS["a call"]
    answer, _ = they.alice.asks("INVITE", they.for_alice, [("Content-Type", kind)], body)
    number, _, reason = answer.get("ms-diagnostics-public").partition(";")
    assert number.isdigit() and "reason=" in reason, answer


def test_multiparty_is_declined_by_its_option(they: Couple) -> None:
    rows = [("Require", "com.microsoft.rtc-multiparty"), ("Content-Type", "application/sdp")]
    answer, _ = they.alice.asks("INVITE", they.for_alice, rows, ms.offer())
    assert (answer.status, answer.values("Unsupported")) == (420, ["com.microsoft.rtc-multiparty"])


@pytest.mark.parametrize("within", [False, True])
def test_transfer_is_declined(within: bool, they: Couple) -> None:
    they.meet()
    rows = [("Refer-To", "<sip:bob@contoso.example>")]
    answer, _ = they.alice.asks("REFER", they.for_alice, rows, within=within)
    assert answer.status in (405, 603)
    they.juliet_writes("and on")
    they.alice.reads(they.for_alice, "and on")


@pytest.mark.parametrize("event", ["vnd-microsoft-roaming-self", "conference", "registration"])
def test_subscription_to_what_belongs_home_is_declined(event: str, they: Couple) -> None:
    answer, _ = they.alice.asks("SUBSCRIBE", they.for_alice, [("Event", event), ("Expires", "600")])
    assert (answer.status, answer.values("Allow-Events")) == (489, ["presence"])


@pytest.mark.parametrize("kind", ["application/xml+conversationinfo", "application/x-ms-mim", "application/csta+xml"])
def test_information_that_means_nothing_is_taken(kind: str, they: Couple) -> None:
    they.meet()
    answer, _ = they.alice.asks("INFO", they.for_alice, [("Content-Type", kind)], "<x/>", within=True)
    assert answer.status == 200
    they.juliet_reads_no_more()


def test_old_file_transfer_is_declined_and_the_session_goes_on(they: Couple) -> None:
    they.meet()
    body = "MIME-Version: 1.0\r\nInvitation-Command: INVITE\r\nApplication-File: letter.txt\r\n"
    kind = [("Content-Type", "text/x-msmsgsinvite; charset=UTF-8")]
    answer, _ = they.alice.asks("MESSAGE", they.for_alice, kind, body, within=True)
    assert answer.status == 415
    they.alice.write(they.for_alice, "never mind")
    they.juliet_reads("never mind")


def test_receipt_is_taken_and_shown_to_nobody(they: Couple) -> None:
    they.meet()
    body = '<imdn xmlns="urn:ietf:params:xml:ns:imdn"><message-id>1</message-id></imdn>'
    kind = [("Content-Type", "application/ms-imdn+xml")]
    answer, _ = they.alice.asks("MESSAGE", they.for_alice, kind, body, within=True)
    assert answer.status == 200
    they.juliet_reads_no_more()


# connections


def test_connections_stay_usable_after_compression_was_refused(they: Couple) -> None:
    they.meet()
    they.alice.write(they.for_alice, *"abcdefgh")
    they.juliet_reads(*"abcdefgh")
    dialled = [link for link in they.lync.links if link.dialled]
    assert all(link.negotiated >= 400 for link in dialled) and len(dialled) == 4


def test_compression_is_no_method_of_the_gateway(they: Couple) -> None:
    they.meet()
    assert {link.negotiated for link in they.lync.links if link.dialled} <= {405, 501}


# presence


def test_lync_user_sees_an_xmpp_contact(they: Couple) -> None:
    watch = they.alice.subscribes(they.for_alice)
    assert watch.status == 200
    they.juliet.expect("presence", type="subscribe", from_=they.for_juliet)
    they.juliet.presence(they.for_juliet, type="subscribed")
    they.alice.sees(they.for_alice, "online")
    for show, activity in (("dnd", "busy"), ("away", "away"), ("xa", "away"), ("chat", "online")):
        they.juliet.presence(show=show)
        they.alice.sees(they.for_alice, activity)
    they.juliet.presence(type="unavailable")
    they.alice.sees(they.for_alice, "offline")
    they.lync.do(watch.refresh)
    wait_until(lambda: watch.status == 200, "an answer to the refresh", LONG)
    they.lync.do(watch.stop)
    wait_until(lambda: bool(watch.ended), "the end", LONG)


def test_xmpp_user_sees_a_lync_contact(they: Couple) -> None:
    they.juliet.presence(they.for_juliet, type="subscribe")
    they.juliet.expect("presence", type="subscribed", from_=they.for_juliet)
    contact = they.for_juliet
    for activity, show in (("busy", "dnd"), ("away", "away"), ("online", "")):
        they.alice.shows(activity)
        wait_until(lambda show=show: show in {each for each, _ in they.juliet.sees(contact).values()}, show, LONG)
    they.alice.shows("offline")
    wait_until(lambda: not they.juliet.sees(contact), "nobody", LONG)
