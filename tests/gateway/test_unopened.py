"""What becomes of messages that wait for a session, when none comes about."""

import pytest

from edge.codes import Code
from edge.gateway.unopened import CROSSING_SECONDS
from tests.gateway.talking import HUNG_UP, Talk


def waiting(im_mode: str = "session") -> Talk:
    """Juliet has said two things, and Romeo is invited."""
    talk = Talk(im_mode)
    if im_mode == "auto":
        talk.meets()
        talk.inside("BYE")
        talk.answered()
    talk.says("one", "two")
    return talk


@pytest.mark.parametrize(("status", "condition"), [(404, "item-not-found"), (486, "recipient-unavailable")])
def test_refusal_is_told_to_all_who_wait(status: int, condition: str) -> None:
    talk = waiting()
    talk.answers(talk.asked("INVITE"), status)
    assert talk.hears() == [f"one: {condition}", f"two: {condition}"]
    talk.passes(35)
    talk.is_over()


def test_silence_is_told_too() -> None:
    talk = waiting()
    talk.fails(talk.asked("INVITE"), Code.D01)
    assert talk.hears() == ["one: remote-server-not-found", "two: remote-server-not-found"]
    talk.is_over()


@pytest.mark.parametrize("status", [405, 415, 488, 501])
def test_who_takes_no_sessions_gets_each_by_itself(status: int) -> None:
    talk = waiting("auto")
    talk.answers(talk.asked("INVITE"), status)
    assert talk.texts() == ["one"]  # the other one waits for the answer


def test_same_conversation_is_tried_again_later_and_once() -> None:
    talk = waiting()
    for _ in range(2):
        assert talk.hears() == []
        talk.answers(talk.asked("INVITE"), 488, HUNG_UP)
        assert not talk.requests
        talk.passes(CROSSING_SECONDS + 0.5)
    assert talk.hears() == ["one: not-acceptable", "two: not-acceptable"]


def test_488_for_another_reason_is_final() -> None:
    talk = waiting()
    talk.answers(talk.asked("INVITE"), 488, [("Ms-client-diagnostics", '52017;reason="Encryption levels dont match"')])
    assert talk.hears() == ["one: not-acceptable", "two: not-acceptable"]
