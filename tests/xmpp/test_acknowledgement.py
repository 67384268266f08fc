"""The ping behind a batch as proof that the peer has processed it."""

from itertools import count

import pytest

from edge.identifiers import Identifiers
from edge.xmpp.acknowledgement import LIMIT, MIN_INTERVAL, Acknowledgement, ping_bytes
from edge.xmpp.element import Element
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Iq, parse_stanza
from edge.xmpp.stream import StreamParser


@pytest.fixture
def acknowledgement() -> Acknowledgement:
    tokens = count(1)
    return Acknowledgement(Identifiers(lambda: f"t{next(tokens)}", "node"))


def test_no_ping_is_due_when_nothing_was_sent(acknowledgement: Acknowledgement) -> None:
    assert acknowledgement.due(0.0) is None
    assert acknowledgement.waiting == 0


def test_batch_is_taken_in_order_when_its_ping_is_answered(acknowledgement: Acknowledgement) -> None:
    for token in "abc":
        acknowledgement.sent(token)
    id = acknowledgement.due(0.0)
    assert id is not None
    assert acknowledgement.waiting == 3
    assert acknowledgement.answered(id) == ["a", "b", "c"]
    assert acknowledgement.waiting == 0
    assert acknowledgement.due(1.0) is None


def test_what_was_sent_behind_a_ping_is_not_proven_by_its_answer(acknowledgement: Acknowledgement) -> None:
    acknowledgement.sent("a")
    first = acknowledgement.due(0.0)
    acknowledgement.sent("b")
    assert first is not None
    assert acknowledgement.answered(first) == ["a"]
    assert acknowledgement.waiting == 1
    second = acknowledgement.due(1.0)
    assert second is not None
    assert acknowledgement.answered(second) == ["b"]


def test_one_ping_is_out_at_a_time(acknowledgement: Acknowledgement) -> None:
    acknowledgement.sent("a")
    assert acknowledgement.due(0.0) is not None
    acknowledgement.sent("b")
    assert acknowledgement.due(10.0) is None


def test_pings_keep_their_distance(acknowledgement: Acknowledgement) -> None:
    acknowledgement.sent("a")
    id = acknowledgement.due(1.0)
    assert id is not None
    acknowledgement.answered(id)
    acknowledgement.sent("b")
    assert acknowledgement.due(1.0 + MIN_INTERVAL / 2) is None
    assert acknowledgement.due(1.0 + 2 * MIN_INTERVAL) is not None


def test_answer_is_ignored_when_it_is_none_of_ours_or_comes_again(acknowledgement: Acknowledgement) -> None:
    assert acknowledgement.answered("") == []
    acknowledgement.sent("a")
    id = acknowledgement.due(0.0)
    assert id is not None
    assert acknowledgement.answered("other") == []
    assert acknowledgement.answered("") == []
    assert acknowledgement.answered(id) == ["a"]
    acknowledgement.sent("b")
    assert acknowledgement.answered(id) == []
    assert acknowledgement.waiting == 1


def test_ping_id_does_not_follow_from_stanza_ids() -> None:
    """A user who sees the ids of our messages must not be able to answer for the server."""
    tokens = count(1)
    identifiers = Identifiers(lambda: f"t{next(tokens)}", "node")
    acknowledgement = Acknowledgement(identifiers)
    acknowledgement.sent("a")
    id = acknowledgement.due(0.0)
    assert id is not None
    assert id.split("-")[0] != identifiers.stanza_id().split("-")[0]


def test_answer_is_overdue_after_the_limit(acknowledgement: Acknowledgement) -> None:
    assert not acknowledgement.overdue(1e9)
    acknowledgement.sent("a")
    assert not acknowledgement.overdue(1e9)
    id = acknowledgement.due(100.0)
    assert id is not None
    assert not acknowledgement.overdue(100.0 + LIMIT - 0.1)
    assert acknowledgement.overdue(100.0 + LIMIT)
    acknowledgement.answered(id)
    assert not acknowledgement.overdue(1e9)


def test_everything_unproven_is_drained_in_order_when_the_link_is_lost(acknowledgement: Acknowledgement) -> None:
    acknowledgement.sent("a")
    id = acknowledgement.due(0.0)
    acknowledgement.sent("b")
    assert id is not None
    assert acknowledgement.drain() == ["a", "b"]
    assert acknowledgement.drain() == []
    assert acknowledgement.answered(id) == []
    assert not acknowledgement.overdue(1e9)


def test_ping_bytes_are_a_ping() -> None:
    edge, peer = JID.parse("sip.example"), JID.parse("xmpp.example")
    header = b"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>"
    _, element = StreamParser().feed(header + ping_bytes(edge, peer, "1"))
    assert isinstance(element, Element)
    assert parse_stanza(element) == Iq(edge, peer, "1", "get", payload=Element("ping", "urn:xmpp:ping"))
