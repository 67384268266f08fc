"""The measurement of sessions notices a message that comes changed, twice, or through the wrong one."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from bench.sessions import Talk, ToSip, ToXmpp
from bench.setting import SIP_DOMAIN, XMPP_DOMAIN, sip_answer
from bench.subscriptions import Leg
from tests.bench.far_sides import Wire, setting

EDGE = b"sip:edge"


class Sessions:
    """Two sessions with a message in each, sent by a course of ``kind``."""

    def __init__(self, kind: type[ToSip] | type[ToXmpp]) -> None:
        self.setting = setting()
        talks = [Talk(n, Leg(EDGE, b"<sip:user%d@a>" % n, b"<sip:c%d@b>" % n, b"call%d" % n, 0)) for n in range(2)]
        far: Any = SimpleNamespace(
            setting=self.setting, talks={talk.leg.call_id: talk for talk in talks}, wire=Wire(),
            sip_user=lambda number: f"user{number}@{SIP_DOMAIN}",
        )
        self.course = kind(far, talks)
        for number in range(2):
            self.course.sent_at.append(0.0)
            self.course.send(number)
        self.sent = far.wire.written
        self.link: Any = Wire()


def message(session: int, text: bytes, number: int = 1) -> bytes:
    return b"MESSAGE sip:a SIP/2.0\r\nVia: x\r\nCall-ID: call%d\r\nCSeq: %d MESSAGE\r\n\r\n%b" % (session, number, text)


def stanza(session: int, text: bytes) -> bytes:
    ends = f"from='user{session}@{SIP_DOMAIN}' to='contact{session}@{XMPP_DOMAIN}/phone'"
    return f"<message {ends}><body>".encode() + text + b"</body></message>"


def text(number: int) -> bytes:
    return b"number %d " % number + b"x" * 200


def test_towards_sip() -> None:
    sessions = Sessions(ToSip)
    for number in range(2):
        sessions.course.request(sessions.link, message(number, text(number)))
    sessions.course.close()


@pytest.mark.parametrize(
    "damage",
    [
        lambda: message(1, text(0)),
        lambda: message(0, text(0).replace(b"xx", b"x")),
        lambda: message(0, b"something else"),
        lambda: message(0, text(0), number=0),
        lambda: message(0, text(0)).replace(b"MESSAGE sip", b"INFO sip"),
    ],
    ids=["through the other", "changed", "no text of ours", "an old CSeq", "no message"],
)
def test_damage_towards_sip(damage: Callable[[], bytes]) -> None:
    sessions = Sessions(ToSip)
    with pytest.raises(AssertionError):
        sessions.course.request(sessions.link, damage())


def test_lost_on_the_way_to_sip() -> None:
    sessions = Sessions(ToSip)
    sessions.course.request(sessions.link, message(0, text(0)))
    with pytest.raises(AssertionError, match="lost"):
        sessions.course.close()


def test_twice_on_the_way_to_sip() -> None:
    sessions = Sessions(ToSip)
    sessions.course.request(sessions.link, message(0, text(0)))
    with pytest.raises(AssertionError, match="twice"):
        sessions.course.request(sessions.link, message(0, text(0), number=2))


def test_towards_xmpp() -> None:
    sessions = Sessions(ToXmpp)
    sessions.course.stanzas(stanza(0, text(0)) + stanza(1, text(1)))
    for sent in sessions.sent:
        sessions.course.request(sessions.link, sip_answer(sent))
    sessions.course.close()


@pytest.mark.parametrize(
    "damage",
    [
        lambda: stanza(1, text(0)),
        lambda: stanza(0, text(0)[:-1]),
        lambda: stanza(0, text(0)) + stanza(0, text(0)),
        lambda: stanza(0, text(0)).replace(b"user0@", b"user1@"),
        lambda: stanza(0, text(0)) + b"<presence/>",
    ],
    ids=["through the other", "changed", "twice", "from another", "something else"],
)
def test_damage_towards_xmpp(damage: Callable[[], bytes]) -> None:
    sessions = Sessions(ToXmpp)
    with pytest.raises(AssertionError):
        sessions.course.stanzas(damage())


def test_an_answer_of_before() -> None:
    sessions = Sessions(ToXmpp)
    with pytest.raises(AssertionError, match="answered twice"):
        sessions.course.request(sessions.link, sip_answer(sessions.sent[0].replace(b" MESSAGE\r", b"0 MESSAGE\r")))
