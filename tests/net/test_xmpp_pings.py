"""Which answer is believed, and when, if the server may have sent a failure on another connection."""

import pytest
from twisted.internet.task import Clock

from edge.domains import Domain
from edge.net.xmpp_pings import AT_HOME, GRACE, LONGEST, Pings
from edge.partners import Peer
from edge.xmpp.component import Component
from edge.xmpp.initiating import Initiating
from edge.xmpp.jid import JID
from edge.xmpp.management import Received
from edge.xmpp.negotiation import Negotiation
from edge.xmpp.stanzas import Iq, Message
from tests.net.cable import SIP, THEM, US, Memory

SECOND = SIP.domains[1]
OURS = frozenset(SIP.domains)


class Link:
    """A component connection that remembers what it is told."""

    def __init__(self, local: Domain = US, system: str = "montague") -> None:
        self.peer = Peer("xmpp", frozenset((THEM,)), frozenset((system,)))
        self.negotiation: Negotiation = Component(local, THEM, "s3cret", OURS)
        self.told: list[str] = []
        self.knocks: list[str] = []
        self.pings: Pings | None = None

    def answered(self, ping: str) -> None:
        self.told.append(ping)

    def knock(self) -> str:
        self.knocks.append(f"knock{len(self.knocks)}")
        assert self.pings is not None
        self.pings.sent(self, self.knocks[-1])
        return self.knocks[-1]

    def facts(self) -> dict[str, object]:
        return {"partner": ",".join(self.peer.systems)}


class Conversation:
    """Two connections to one server."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.sink = Memory()
        self.pings = Pings(self.clock, self.sink)
        self.first, self.second = Link(), Link(SECOND)
        for link in (self.first, self.second):
            self.pings.component_up(link)

    def answer(self, on: Link, *, sender: str = THEM, ping: str = "p", asked: Link | None = None) -> bool:
        """The first connection asks, or ``asked``; whether what comes ``on`` another is taken for the answer."""
        self.pings.sent(asked or self.first, ping)
        settle = self.pings.answer(on, Iq(JID.parse(sender), JID.parse(US), ping, "result"))
        if settle is not None:
            settle()
        return settle is not None

    def stray(self, on: Link, type: str = "chat") -> None:
        """A stanza for the domain of another connection comes."""
        other = self.first if on is self.second else self.second
        self.pings.heard(
            on, Message(JID.parse(f"romeo@{THEM}"), JID.parse(f"juliet@{other.negotiation.local}"), type=type)
        )

    def settle_down(self) -> None:
        """The server keeps our connections apart for so long that it must mean it."""
        for _ in range(AT_HOME):
            self.answer(self.first)
            self.clock.advance(GRACE)
        self.first.told.clear()


@pytest.fixture
def talk() -> Conversation:
    return Conversation()


@pytest.mark.parametrize("where", ["first", "second"])
def test_answer_is_believed_on_either_connection_when_a_failure_would_have_come(talk: Conversation, where: str) -> None:
    assert talk.answer(getattr(talk, where))
    talk.clock.advance(GRACE - 0.01)
    assert talk.first.told == []
    talk.clock.advance(0.01)
    assert talk.first.told == ["p"] and talk.second.told == []


def test_answer_is_believed_at_once_where_there_is_one_connection_only(talk: Conversation) -> None:
    talk.pings.lost(talk.second)
    assert talk.answer(talk.first) and talk.first.told == ["p"]


def test_answer_is_believed_at_once_by_a_server_that_keeps_connections_apart(talk: Conversation) -> None:
    talk.settle_down()
    assert talk.answer(talk.first) and talk.first.told == ["p"]


def test_answer_that_comes_elsewhere_ends_that_confidence_for_good(talk: Conversation) -> None:
    talk.settle_down()
    talk.answer(talk.second)
    talk.clock.advance(GRACE)
    talk.settle_down()
    talk.answer(talk.first)
    assert talk.first.told == []


def test_stanza_that_comes_elsewhere_ends_that_confidence_for_good(talk: Conversation) -> None:
    talk.stray(talk.second)
    talk.settle_down()
    talk.answer(talk.first)
    assert talk.first.told == []


def test_log_knows_once_of_a_server_that_takes_any_connection(talk: Conversation) -> None:
    talk.answer(talk.second)
    talk.stray(talk.first)
    ((name, fields),) = talk.sink.events
    assert (name, fields["partner"]) == ("link.shared", "montague") and "overtake" in str(fields["text"])


def test_server_that_was_away_has_a_new_start(talk: Conversation) -> None:
    talk.stray(talk.second)
    for link in (talk.first, talk.second):
        talk.pings.lost(link)
    for link in (talk.first, talk.second):
        talk.pings.component_up(link)
    talk.settle_down()
    assert talk.answer(talk.first) and talk.first.told == ["p"]


def test_server_that_may_have_been_set_up_anew_has_to_earn_it_again(talk: Conversation) -> None:
    talk.settle_down()
    talk.pings.component_up(Link(SECOND))
    talk.answer(talk.first)
    assert talk.first.told == []


def test_answer_of_another_server_is_none(talk: Conversation) -> None:
    """A component connection carries every sender, also this one."""
    other = Link(SECOND, "capulet")
    talk.pings.component_up(other)
    assert not talk.answer(other)
    assert talk.answer(talk.second), "and it has done no harm"


@pytest.mark.parametrize("sender", ["other.example", f"romeo@{THEM}"])
def test_answer_of_somebody_else_is_none(talk: Conversation, sender: str) -> None:
    assert not talk.answer(talk.first, sender=sender)


def test_answer_is_not_believed_while_failures_come(talk: Conversation) -> None:
    talk.answer(talk.first)
    for _ in range(3):
        talk.clock.advance(GRACE * 0.9)
        talk.stray(talk.second, "error")
    talk.clock.advance(GRACE * 0.9)
    assert talk.first.told == []
    talk.clock.advance(GRACE * 0.2)
    assert talk.first.told == ["p"]


def test_answer_does_not_wait_for_other_stanzas_or_for_ever(talk: Conversation) -> None:
    talk.answer(talk.first)
    talk.clock.advance(GRACE * 0.9)
    talk.stray(talk.second)
    talk.clock.advance(GRACE * 0.2)
    assert talk.first.told == ["p"]
    talk.answer(talk.first)
    for _ in range(int((LONGEST + GRACE) / GRACE) + 1):
        talk.stray(talk.second, "error")
        talk.clock.advance(GRACE * 0.99)
    assert talk.first.told == ["p", "p"]


def test_settle_believes_once_and_early(talk: Conversation) -> None:
    talk.answer(talk.second)
    talk.pings.settle(talk.first)
    talk.pings.settle(talk.first)
    talk.clock.advance(1)
    assert talk.first.told == ["p"] and talk.clock.getDelayedCalls() == []


def test_lost_link_believes_what_was_answered_and_forgets_the_rest(talk: Conversation) -> None:
    talk.answer(talk.second)
    talk.pings.sent(talk.first, "another")
    talk.pings.lost(talk.first)
    assert talk.first.told == ["p"] and talk.clock.getDelayedCalls() == []
    assert talk.pings.answer(talk.second, Iq(JID.parse(THEM), JID.parse(US), "another", "result")) is None


# --- acknowledgements of XEP-0198 -----------------------------------------------------------------------


class Servers:
    """Our stream to another server; and those that it, or somebody else, opens to us."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.pings = Pings(self.clock, Memory())
        self.out = self.stream()

    def stream(self, local: Domain = US, remote: Domain = THEM) -> Link:
        link = Link(local)
        link.negotiation = Initiating(local, remote)
        link.negotiation.received = Received()
        link.pings = self.pings
        return link

    def is_answer(self, on: Link, ping: str) -> bool:
        return self.pings.answer(on, Iq(JID.parse(THEM), JID.parse(US), ping, "result")) is not None

    def answers(self, on: Link, ping: str) -> None:
        settle = self.pings.answer(on, Iq(JID.parse(THEM), JID.parse(US), ping, "result"))
        assert settle is not None
        settle()


@pytest.fixture
def servers() -> Servers:
    return Servers()


def test_acknowledgement_is_believed_when_the_ping_behind_it_is_answered(servers: Servers) -> None:
    assert servers.pings.counted(servers.out)
    assert (servers.out.knocks, servers.out.told) == (["knock0"], [])
    servers.clock.advance(GRACE * 2)
    assert servers.out.told == []
    servers.answers(servers.stream(), "knock0")
    assert servers.out.told == ["knock0"], "what failed came before this answer"
    servers.clock.advance(LONGEST)
    assert servers.out.told == ["knock0"] and servers.clock.getDelayedCalls() == []


def test_acknowledgement_is_believed_in_the_end_when_the_peer_cannot_open_a_stream(servers: Servers) -> None:
    servers.pings.counted(servers.out)
    servers.clock.advance(LONGEST - 0.1)
    assert servers.out.told == []
    servers.clock.advance(0.1)
    assert servers.out.told == ["knock0"]


def test_late_answer_proves_nothing_about_what_was_counted_after_it(servers: Servers) -> None:
    servers.pings.counted(servers.out)
    servers.clock.advance(LONGEST)
    servers.pings.counted(servers.out)
    back = servers.stream()
    assert not servers.is_answer(back, "knock0")
    assert servers.out.told == ["knock0"]
    servers.answers(back, "knock1")
    assert servers.out.told == ["knock0", "knock1"]


def test_one_acknowledgement_is_held_at_a_time(servers: Servers) -> None:
    assert servers.pings.counted(servers.out) and not servers.pings.counted(servers.out)
    servers.answers(servers.stream(), "knock0")
    assert servers.out.told == ["knock0"] and servers.pings.counted(servers.out)


def test_lost_stream_believes_what_the_peer_had_counted(servers: Servers) -> None:
    servers.pings.counted(servers.out)
    servers.pings.lost(servers.out)
    assert servers.out.told == ["knock0"] and servers.clock.getDelayedCalls() == []
