"""The Microsoft edge of the tests against another one: what it says is what it takes, and it takes nothing else."""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise

import pytest

from demo.authority import Authority
from tests.interop.lync import LyncEdge
from tests.interop.lync_user import LyncUser
from tests.interop.lync_wire import Framer, Message, parsed, split, written
from tests.interop.process import Addresses, wait_until
from tests.sip import microsoft_samples as ms

ALICE, BOB = "sip:alice@contoso.example", "sip:bob@fabrikam.example"


class Pair:
    """Two edges, each the partner of the other, with one user each."""

    def __init__(
        self, stack: ExitStack, folders: pytest.TempPathFactory, authority: Authority, addresses: Addresses
    ) -> None:
        self.edges = []
        for name in ("sip.contoso.example", "sip.fabrikam.example"):
            issued = authority.issue("", dns=[name], key="rsa")
            port = addresses.port(name)
            edge = LyncEdge(folders.mktemp("lync"), addresses.of(name), port, name, issued, authority.pem)
            self.edges.append(stack.enter_context(edge.start()))
        for edge, other in (self.edges, self.edges[::-1]):
            edge.knows(other.name, (other.address, other.port))
        self.alice, self.bob = (edge.user(name) for edge, name in zip(self.edges, ("alice", "bob"), strict=True))


@pytest.fixture
def pair(tmp_path_factory: pytest.TempPathFactory, authority: Authority, addresses: Addresses) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(stack, tmp_path_factory, authority, addresses)


@pytest.fixture
def alice(pair: Pair) -> LyncUser:
    return pair.alice


@pytest.fixture
def bob(pair: Pair) -> LyncUser:
    return pair.bob


@pytest.mark.parametrize("claims", [True, False])
def test_first_text_is_shown_once(claims: bool, alice: LyncUser, bob: LyncUser) -> None:
    bob.habits.claims_first = claims
    alice.write(BOB, "hello", "how are you?")
    bob.reads(ALICE, "hello", "how are you?")
    alice.has_delivered(BOB, "hello", "how are you?")
    bob.reads_no_more(ALICE)


def test_texts_arrive_in_order_both_ways_at_once(alice: LyncUser, bob: LyncUser) -> None:
    alice.write(BOB, "hello")
    bob.reads(ALICE, "hello")
    alice.habits.rich = True
    there, back = ([f"{name} {number}" for number in range(40)] for name in ("there", "back"))
    alice.write(BOB, *there[:20])
    bob.write(ALICE, *back)
    alice.write(BOB, *there[20:])
    alice.reads(BOB, *back)
    bob.reads(ALICE, *there)
    alice.has_delivered(BOB, "hello", *there)
    assert (alice.window(BOB).invited, bob.window(ALICE).invited) == (0, 1)


def test_typing_is_seen_until_the_text_comes(alice: LyncUser, bob: LyncUser) -> None:
    alice.write(BOB, "hello")
    bob.has_session(ALICE)
    bob.types(ALICE)
    alice.sees_typing(BOB)
    bob.types(ALICE, "idle")
    alice.sees_typing(BOB, "idle")
    bob.write(ALICE, "well")
    alice.reads(BOB, "well")
    alice.sees_typing(BOB, "")


def test_next_text_opens_a_closed_session_again(alice: LyncUser, bob: LyncUser) -> None:
    alice.write(BOB, "hello")
    bob.reads(ALICE, "hello")
    alice.has_session(BOB)
    alice.closes(BOB)
    bob.has_no_session(ALICE)
    bob.write(ALICE, "still there?")
    alice.reads(BOB, "still there?")
    assert alice.window(BOB).invited == 1


def test_text_into_a_forgotten_session_is_sent_again_in_a_new_one(alice: LyncUser, bob: LyncUser) -> None:
    alice.write(BOB, "hello")
    bob.reads(ALICE, "hello")
    alice.has_session(BOB)
    bob.forgets(ALICE)
    alice.write(BOB, "one", "two")
    bob.reads(ALICE, "one", "two")
    alice.has_delivered(BOB, "hello", "one", "two")


@pytest.mark.parametrize("refuses", [True, False])
def test_invitations_that_cross_lose_nothing(refuses: bool, alice: LyncUser, bob: LyncUser) -> None:
    for user in (alice, bob):
        user.habits.refuses_crossing = refuses
        user.habits.answers_after = 0.1
    alice.write(BOB, "a1", "a2")
    bob.write(ALICE, "b1", "b2")
    alice.reads(BOB, "b1", "b2")
    bob.reads(ALICE, "a1", "a2")
    alice.has_delivered(BOB, "a1", "a2")
    bob.has_delivered(ALICE, "b1", "b2")
    alice.reads_no_more(BOB)


def test_second_invitation_of_one_conversation_is_refused(pair: Pair, alice: LyncUser, bob: LyncUser) -> None:
    alice.write(BOB, "hello")
    alice.has_session(BOB)
    session = alice.window(BOB).session
    assert session is not None
    again = [("Ms-Conversation-ID", session.conversation), ("Content-Type", "application/sdp")]
    answer, _ = alice.asks("INVITE", BOB, again, ms.offer())
    assert (answer.status, answer.get("Ms-client-diagnostics")[:5]) == (488, "52035")
    bob.has_session(ALICE)


def test_late_answer_comes_after_progress(alice: LyncUser, bob: LyncUser) -> None:
    bob.habits.answers_after = 0.2
    bob.habits.claims_first = False
    offered = [("Ms-Conversation-ID", "abc="), ("Content-Type", "application/sdp")]
    answer, progress = alice.asks("INVITE", BOB, offered, ms.offer())
    assert (answer.status, list(progress)) == (200, [100, 101, 180])
    assert "m=message 5060 sip sip:bob@fabrikam.example" in answer.body
    bob.wires.faults.clear()  # nobody has sent an ACK


def test_declined_text_is_given_back(alice: LyncUser, bob: LyncUser) -> None:
    bob.habits.declines = 486
    alice.write(BOB, "hello")
    assert alice.is_told_of_failure(BOB, "hello") == 486
    alice.write("sip:nobody@fabrikam.example", "hello")
    assert alice.is_told_of_failure("sip:nobody@fabrikam.example", "hello") == 404


def test_restart_leaves_nothing_and_the_next_text_begins_anew(pair: Pair, alice: LyncUser, bob: LyncUser) -> None:
    alice.write(BOB, "hello")
    bob.reads(ALICE, "hello")
    bob.has_session(ALICE)
    pair.edges[0].restart()
    bob.write(ALICE, "are you well?")
    alice.reads(BOB, "are you well?")
    alice.write(BOB, "yes")
    bob.reads(ALICE, "yes")


def test_conversation_goes_on_over_other_connections(pair: Pair, alice: LyncUser, bob: LyncUser) -> None:
    alice.write(BOB, "hello", *"abcdefgh")
    bob.reads(ALICE, "hello", *"abcdefgh")
    assert len({link for link in pair.edges[0].links if link.negotiated == 405}) == 4
    pair.edges[0].cut()
    wait_until(lambda: not pair.edges[0].links and not pair.edges[1].links, "all cut", 5)
    alice.write(BOB, "again")
    bob.reads(ALICE, "again")
    assert bob.window(ALICE).invited == 1


def test_idle_connections_carry_blank_lines(pair: Pair, alice: LyncUser) -> None:
    pair.edges[0].keep_alive = 0.05
    alice.write(BOB, "hello")
    alice.has_delivered(BOB, "hello")
    wait_until(lambda: any(link.pings > 2 for link in pair.edges[1].links), "blank lines", 5)


def test_presence_is_seen_with_its_changes_and_after_a_refresh(pair: Pair, alice: LyncUser, bob: LyncUser) -> None:
    bob.shows("busy")
    watch = alice.subscribes(BOB)
    alice.sees(BOB, "busy")
    assert (watch.status, watch.name, watch.granted) == (200, "Bob", 28367)
    for activity in ("away", "offline", "online"):
        bob.shows(activity)
        alice.sees(BOB, activity)
    pair.edges[0].do(watch.refresh)
    wait_until(lambda: bob.watchers[0].refreshed == 1, "a refresh", 5)
    pair.edges[0].do(watch.stop)
    wait_until(lambda: bool(watch.ended), "the end", 5)
    assert watch.ended.startswith("terminated") and not bob.watchers


def test_watcher_of_a_restarted_edge_has_to_subscribe_anew(pair: Pair, alice: LyncUser, bob: LyncUser) -> None:
    watch = alice.subscribes(BOB)
    alice.sees(BOB, "online")
    pair.edges[1].restart()
    pair.edges[0].do(watch.refresh)
    wait_until(lambda: watch.status == 481, "481", 5)
    alice.subscribes(BOB)
    alice.sees(BOB, "online")


BROKEN = {
    "a changed route": (lambda dialog: dialog.theirs.reverse(), 481, "1004"),
    "a shortened route": (lambda dialog: dialog.theirs.pop(), 481, "1004"),
    "another request URI": (lambda dialog: setattr(dialog, "target", BOB), 481, "1004"),
    "a CSeq that does not rise": (lambda dialog: setattr(dialog, "cseq", 0), 500, "Stale"),
    "no epid": (lambda dialog: setattr(dialog, "remote", dialog.remote.rpartition(";")[0]), 481, "2014"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_request_within_a_session_is_refused_for(what: str, alice: LyncUser, bob: LyncUser) -> None:
    breaks, status, why = BROKEN[what]
    alice.write(BOB, "hello")
    alice.has_delivered(BOB, "hello")
    session = alice.window(BOB).session
    assert session is not None
    breaks(session.dialog)
    answer, _ = alice.asks("INFO", BOB, body=ms.typing(), within=True)
    assert answer.status == status and why in answer.get("ms-diagnostics")
    assert [fault for fault in bob.wires.faults if f"refused with {status}" in fault]
    bob.wires.faults.clear()


def test_text_outside_a_session_is_a_fault(alice: LyncUser, bob: LyncUser) -> None:
    answer, _ = alice.asks("MESSAGE", BOB, [("Content-Type", "text/plain")], "hello")
    assert answer.status == 405 and "outside a session" in bob.wires.faults.pop()


def test_peer_with_another_name_gets_504_and_no_reason(pair: Pair, alice: LyncUser, bob: LyncUser) -> None:
    bob.wires.knows("sip.tailspin.example", ("127.0.0.1", 1))
    alice.write(BOB, "hello")
    assert alice.is_told_of_failure(BOB, "hello") == 504


# on the wire


def test_message_is_read_as_it_was_written() -> None:
    rows = [("From", '"Alice in Verona" <sip:a@b.example>;tag=1'), ("Via", "SIP/2.0/TLS a;x=\"1,2\"")]
    data = written("MESSAGE sip:b@c.example SIP/2.0", rows, "Grüße", folded=True)
    assert b'From: "Alice in Verona"\r\n <sip:a@b.example>;tag=1\r\n' in data
    framer = Framer()
    found = [message for octet in b"\r\n\r\n" + data for message in framer.feed(bytes([octet]))]
    assert [(each.start, each.body) for each in found] == [("MESSAGE sip:b@c.example SIP/2.0", "Grüße")]
    assert found[0].get("from") == rows[0][1] and found[0].values("Via") == [rows[1][1]]


@pytest.mark.parametrize("line", ["no colon", ": no name", "two words: x"])
def test_line_that_is_no_header_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="not a header"):
        parsed(f"SIP/2.0 200 OK\r\n{line}")


def test_list_is_split_at_its_own_commas() -> None:
    assert split('<sip:a,b>;x="c,d", "e, f" <sip:g>') == ['<sip:a,b>;x="c,d"', '"e, f" <sip:g>']


def test_invitation_has_the_shape_of_published_ones() -> None:
    head, _, body = ms.invite("good morrow").partition(b"\r\n\r\n")
    message = Message(parsed(head.decode()).start, parsed(head.decode()).rows, body.decode())
    names = [name for name, _ in message.rows]
    assert all(300 <= len(route) <= 600 for route in message.lines("Record-Route"))
    for name in ("Via", "Record-Route"):
        assert all(after - before > 1 for before, after in pairwise(n for n, each in enumerate(names) if each == name))
    assert "branch" not in message.lines("Via")[-1]
    assert len(message.lines("Supported")) > 10 and int(message.get("Content-Length")) == len(body)
