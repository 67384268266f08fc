"""The end of all sessions when the gateway stops."""

from dataclasses import replace

import pytest

from edge.gateway import farewell
from edge.gateway.conversation import Call
from edge.gateway.effects import Effect, Report
from edge.gateway.farewell import Farewell
from edge.timers import TICK
from tests.gateway.bench import requested
from tests.gateway.talking import Talk

STOPPING = "remote-server-timeout"


def open_sessions(talk: Talk, number: int) -> list[str]:
    for index in range(number):
        talk.says("hello", to=f"romeo{index}@sip.example")
        talk.opens()
        talk.answers(talk.asked("MESSAGE"))
    return [f"sip:romeo{index}@sip.example" for index in range(number)]


def told(effects: list[Effect]) -> list[str]:
    """Who gets a BYE."""
    return [request.to.uri for request in requested(effects, "BYE")]


def test_each_partner_is_told_at_the_pace_that_it_bears() -> None:
    talk = Talk()
    users = open_sessions(talk, 12)
    calls = list(talk.gateway.chats._all.calls.values())
    for call in calls:
        call.chat.sip = replace(call.chat.sip, resume_per_s=8.0)
    assert told(talk.gateway.leave()) == users[:-3:-1]
    assert told(talk.bench.passes(1)) == users[-3:-11:-1]
    assert told(talk.bench.passes(1)) == users[1::-1]
    assert told(talk.bench.passes(10)) == []


def test_no_tick_has_more_than_it_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(farewell, "MOST_AT_ONCE", 3)
    talk = Talk()
    open_sessions(talk, 7)
    assert [len(told(effects)) for effects in (talk.gateway.leave(), *(talk.bench.passes(TICK) for _ in "123"))] == [
        3, 3, 1, 0,
    ]


def test_slow_partner_is_told_all_the_same() -> None:
    talk = Talk()
    open_sessions(talk, 2)
    for call in talk.gateway.chats._all.calls.values():
        call.chat.sip = replace(call.chat.sip, resume_per_s=0.5)
    found = [bool(told(talk.gateway.leave()))] + [bool(told(talk.bench.passes(1))) for _ in range(5)]
    assert found == [False, False, True, False, True, False]


def test_bug_costs_one_session() -> None:
    talk = Talk()
    open_sessions(talk, 2)
    ended: list[Call] = []

    def leave(call: Call) -> list[Effect]:
        ended.append(call)
        if len(ended) == 1:
            raise KeyError
        return []

    (report,) = Farewell(talk.bench.node, talk.gateway.chats._all.calls.values(), leave).begin()
    assert isinstance(report, Report) and report.event == "internal.error" and len(ended) == 2


def test_what_waits_comes_back_and_nothing_begins_any_more() -> None:
    talk = Talk()
    answer = talk.meets()
    talk.says("under way", "waits")
    one = talk.asked("MESSAGE")
    talk.says("not opened", to="mercutio@sip.example")
    invite = talk.asked("INVITE")
    talk.answers(invite, 180)
    talk.do(talk.gateway.leave())
    assert talk.hears() == [f"waits: {STOPPING}", f"not opened: {STOPPING}"]
    cancel, bye = sorted((talk.requests.popleft() for _ in range(2)), key=lambda each: each.data.startswith(b"BYE"))
    assert (cancel.data[:7], bye.data[:4]) == (b"CANCEL ", b"BYE ")
    talk.answers(one)
    talk.answers(bye)
    talk.answers(invite, 487)
    assert talk.gateway.sessions == 0
    talk.says("too late")
    assert talk.hears() == [f"too late: {STOPPING}"] and not talk.requests
    assert talk.invites("another", "r2").status == 503
    talk.within(answer, "MESSAGE", b"still there?")
    assert talk.answered() == [481]
    talk.passes(40)
    talk.is_over()


def test_message_is_answered_in_a_session_that_has_not_ended_yet() -> None:
    talk = Talk()
    talk.meets()
    (call,) = talk.gateway.chats._all.calls.values()
    call.chat.sip = replace(call.chat.sip, resume_per_s=0.5)
    talk.do(talk.gateway.leave())
    talk.inside("MESSAGE", b"hi", (("Content-Type", "text/plain"),))
    assert talk.hears() == ["hi"] and talk.answered() == [200]
    talk.says("and you?")
    assert talk.texts() == ["and you?"]
