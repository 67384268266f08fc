"""What a peer hears of its stanzas: when one counts, who is asked, and how often anything is said."""

import pytest
from twisted.internet.task import Clock

from edge.domains import Domain
from edge.net.turn import Turn
from edge.net.xmpp_answers import Answers, Ticket
from edge.xmpp.acknowledgement import MIN_INTERVAL
from edge.xmpp.initiating import Initiating
from edge.xmpp.jid import JID
from edge.xmpp.management import UNSETTLED, Received
from edge.xmpp.screening import Misaddressed
from edge.xmpp.stanzas import Iq, Message, Presence, Stanza

ROMEO, JULIET = JID.parse("romeo@xmpp.example"), JID.parse("juliet@sip.example")


class Conversation:
    """A managed stream, and what is written on it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.turn = Turn(self.clock)
        self.said: list[str] = []
        stream = Initiating(Domain("sip.example"), Domain("xmpp.example"))
        stream.received = Received()
        self.answers = Answers(self.clock, self.turn, self, stream)

    def write(self, data: bytes) -> None:
        self.said.append(data.decode())

    def message(self, *, held: bool = True) -> Ticket:
        stanza = Message(ROMEO, JULIET)
        self.answers.arrived(stanza)
        assert isinstance(stanza.ticket, Ticket)
        if held:
            stanza.ticket.hold()
        return stanza.ticket

    def asks(self) -> list[str]:
        """What is said by the end of the turn in which the peer asks."""
        self.turn.begin()
        self.answers.asked()
        return self.ends()

    def ends(self) -> list[str]:
        self.turn.flush()
        said, self.said = self.said, []
        return said


@pytest.fixture
def talk() -> Conversation:
    return Conversation()


def answer(h: int) -> list[str]:
    return [f"<a xmlns='urn:xmpp:sm:3' h='{h}'/>"]


@pytest.mark.parametrize(
    "stanza",
    [Message(ROMEO, JULIET), Presence(ROMEO, JULIET), Iq(ROMEO, JULIET), Misaddressed(ROMEO.host, JULIET.host, b"")],
)
def test_stanza_counts_when_nobody_holds_it(talk: Conversation, stanza: Stanza | Misaddressed) -> None:
    talk.answers.arrived(stanza)
    assert talk.asks() == answer(1)


def test_held_message_counts_when_it_is_released_and_what_is_behind_it_too(talk: Conversation) -> None:
    talk.answers.arrived(Presence(ROMEO, JULIET))
    first = talk.message()
    talk.answers.arrived(Presence(ROMEO, JULIET))
    assert talk.asks() == answer(1)
    talk.clock.advance(1)
    first.release()
    assert talk.ends() == answer(3), "without having been asked again"


def test_messages_released_in_another_order_count_in_theirs(talk: Conversation) -> None:
    first, second = talk.message(), talk.message()
    talk.asks()
    talk.clock.advance(1)
    second.release()
    assert talk.ends() == []
    first.release()
    assert talk.ends() == answer(2)


def test_request_is_answered_at_once_though_nothing_has_changed(talk: Conversation) -> None:
    talk.message()
    assert talk.asks() == answer(0)
    assert talk.asks() == answer(0)


def test_many_requests_of_one_chunk_get_one_answer(talk: Conversation) -> None:
    talk.message(held=False)
    talk.turn.begin()
    for _ in range(1000):
        talk.answers.asked()
    assert len(talk.turn._links) == 1
    assert talk.ends() == answer(1)


def test_nothing_is_said_that_was_not_asked_for(talk: Conversation) -> None:
    talk.message().release()
    assert talk.clock.getDelayedCalls() == [] and talk.ends() == []
    talk.message(held=False)
    assert talk.asks() == answer(2)
    talk.message().release()
    talk.clock.advance(1)
    assert talk.ends() == [], "the peer has not asked about the third"


def test_later_answers_keep_their_distance(talk: Conversation) -> None:
    held = [talk.message() for _ in range(3)]
    assert talk.asks() == answer(0)
    for ticket in held:
        ticket.release()
    assert talk.ends() == []
    talk.clock.advance(MIN_INTERVAL * 1.01)
    assert talk.ends() == answer(3)
    talk.clock.advance(1)
    assert talk.ends() == [] and talk.clock.getDelayedCalls() == []


def test_peer_that_does_not_read_gets_one_answer_when_it_does(talk: Conversation) -> None:
    talk.message(held=False)
    talk.answers.pause()
    for _ in range(100):
        assert talk.asks() == []
    talk.answers.resume()
    assert talk.ends() == answer(1)


def test_nothing_is_said_once_the_stream_is_over(talk: Conversation) -> None:
    first, second = talk.message(), talk.message()
    talk.asks()
    first.release()
    talk.answers.close()
    second.release()
    talk.clock.advance(1)
    assert talk.asks() == [] and talk.clock.getDelayedCalls() == []


def test_more_than_can_be_held_is_noticed(talk: Conversation) -> None:
    for _ in range(UNSETTLED):
        talk.message()
    assert not talk.answers.overfull
    talk.message()
    assert talk.answers.overfull
