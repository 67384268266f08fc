"""What a session makes of a request without an answer."""

import pytest

from edge.codes import Code
from tests.gateway.talking import Talk


@pytest.mark.parametrize(("left", "requests"), [(True, ["BYE", "INVITE"]), (False, [])])
def test_silence_ends_a_session_only_if_the_request_has_left(left: bool, requests: list[str]) -> None:
    talk = Talk()
    talk.meets()
    talk.says("one")
    sent = talk.asked("MESSAGE")
    if left:
        talk.passes(33)
    else:
        talk.fails(sent, Code.M02)
    assert [each.data.partition(b" ")[0].decode() for each in talk.requests] == requests


def test_sessions_are_counted_by_who_has_opened_them() -> None:
    talk = Talk()
    chats = talk.bench.gateway.chats
    assert chats.sessions() == {}
    talk.meets()
    assert chats.sessions() == {("sip", "in"): 1}
    other = Talk()
    other.says("one")
    assert other.bench.gateway.chats.sessions() == {("sip", "out"): 1}


def test_reason_is_that_of_the_request_that_failed_last() -> None:
    talk = Talk()
    talk.says("one")
    talk.fails(talk.asked("INVITE"), Code.D01)
    assert talk.hears() == ["one: remote-server-not-found"]
