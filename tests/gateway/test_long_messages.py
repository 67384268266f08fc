"""What is too long to go by itself: it opens a session where it may, in order with what stands around it."""

import pytest

from edge.gateway.modes import PAGE
from edge.xmpp.jid import JID
from edge.xmpp.stanzas import Message
from tests.gateway.bench import JULIET_JID, ROMEO_JID, Bench, responses
from tests.gateway.talking import Talk
from tests.sip.samples import as_request

LONG = "x" * 1300


@pytest.fixture
def talk() -> Talk:
    return Talk(im_mode="auto")


def test_long_text_waits_for_its_turn_and_opens_a_session(talk: Talk) -> None:
    talk.says("one", LONG, "three")
    first = talk.asked("MESSAGE")
    assert not talk.requests
    talk.answers(first)
    talk.opens()
    for expected in (LONG, "three"):
        sent = talk.asked("MESSAGE")
        assert as_request(sent.data).body.decode() == expected
        talk.answers(sent)
    assert talk.hears() == []


def test_long_text_does_not_make_a_user_of_sessions_of_somebody(talk: Talk) -> None:
    talk.says(LONG)
    talk.opens()
    talk.answers(talk.asked("MESSAGE"))
    talk.do(talk.gateway.chats.hang_up(ROMEO_JID, JULIET_JID.bare()))
    talk.answers(talk.asked("BYE"))
    assert talk.gateway.chats._modes.of(talk.bench.node.directory.systems[0], ROMEO_JID) == PAGE
    talk.says("short")
    assert as_request(talk.asked("MESSAGE").data).body == b"short"


def test_long_text_is_said_again_in_another_session_if_the_first_is_over(talk: Talk) -> None:
    talk.says(LONG)
    talk.opens()
    talk.answers(talk.asked("MESSAGE"), 481)
    talk.opens()
    talk.answers(talk.asked("MESSAGE"))
    assert talk.hears() == []


def test_long_text_comes_back_if_there_is_no_session_to_be_had_and_blocks_nobody(talk: Talk) -> None:
    talk.says(LONG, "short")
    talk.answers(talk.asked("INVITE"), 488)
    assert talk.hears() == [f"{LONG}: policy-violation"]
    sent = talk.asked("MESSAGE")
    assert as_request(sent.data).body == b"short"
    talk.answers(sent)
    talk.passes(200)
    talk.is_over()


@pytest.mark.parametrize(("status", "condition"), [(404, "item-not-found"), (480, "recipient-unavailable")])
def test_reason_of_a_refused_session_is_the_reason(talk: Talk, status: int, condition: str) -> None:
    talk.says(LONG)
    talk.answers(talk.asked("INVITE"), status)
    assert talk.hears() == [f"{LONG}: {condition}"]
    talk.passes(200)
    talk.is_over()


def test_pages_of_others_that_wait_behind_a_long_text_go_as_pages(talk: Talk) -> None:
    talk.says("one")
    first = talk.asked("MESSAGE")
    talk.says(LONG)
    nurse = JID.parse("nurse@xmpp.example")
    talk.do(talk.bench.stanzas(Message(nurse, ROMEO_JID, "two", "chat", body="two")))
    talk.answers(first)
    invite, page = talk.asked("INVITE"), talk.asked("MESSAGE")
    assert as_request(page.data).body == b"two"
    talk.answers(page)
    talk.answers(invite)
    talk.asked("ACK")
    assert as_request(talk.asked("MESSAGE").data).body.decode() == LONG


@pytest.mark.parametrize(("size", "status"), [(1300, None), (1301, 513)])
def test_long_message_from_a_sip_user_is_refused_by_its_body(size: int, status: int | None) -> None:
    effects = Bench().sip(Bench().page("x" * size))
    found = responses(effects)
    assert [each.status for each in found] == ([] if status is None else [status])
    if status is not None:
        assert found[0].headers.get("warning") == (
            '399 edge "EDGE-S09 the message has 1301 bytes, and 1300 are taken outside of a session"'
        )
