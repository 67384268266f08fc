"""The measurement of page-mode messages notices whatever a gateway could do to them."""

from collections.abc import Callable
from typing import Any

import pytest

from bench.messages import SIZE, ToSip, ToXmpp, said
from bench.setting import sip_answer
from tests.bench.far_sides import Wire, request, setting, stanza


class Course:
    """Two messages on their way: what arrives is up to the test."""

    def __init__(self, kind: type[ToXmpp] | type[ToSip]) -> None:
        self.setting = setting(links=1)
        self.course = kind(self.setting)
        for number in range(2):
            self.course.sent_at.append(0.0)
            self.course.send(number)
        wires = self.setting.links(1) if kind is ToXmpp else self.setting.component.wires.values()
        self.written = [data for wire in wires for data in wire.written]
        made = [(stanza if kind is ToXmpp else request)(data) for data in self.written]
        self.first, self.second = made
        self.link = Wire()

    def arrives(self, *data: bytes) -> None:
        for each in data:
            if isinstance(self.course, ToXmpp):
                self.setting.on_stanzas(each)
            else:
                self.setting.on_request(self.link, each)

    def end(self) -> None:
        if isinstance(self.course, ToXmpp):
            for data in self.written:
                self.setting.on_response(self.link, sip_answer(data))
        self.course.close()


@pytest.fixture(params=[ToXmpp, ToSip])
def course(request: pytest.FixtureRequest) -> Course:
    return Course(request.param)


def test_all_is_well(course: Course) -> None:
    course.arrives(course.first, course.second)
    course.end()
    assert course.course.ledger.arrived == course.course.done == 2


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (lambda first, second: (first, second.replace(b"xxx", b"xyx", 1)), "was changed"),
        (lambda first, second: (first.replace(b"from0@", b"from1@"), second), "was changed"),
        (lambda first, second: (first.replace(b"user0@", b"user1@"), second), "was changed"),
        (lambda first, second: (first,), "lost"),
        (lambda first, second: (first, second, second), "twice"),
        (lambda first, second: (second, first), "0 arrives behind 1"),
    ],
    ids=["changed", "from somebody else", "to somebody else", "lost", "doubled", "overtaken"],
)
def test_damage(course: Course, damage: Callable[[bytes, bytes], tuple[bytes, ...]], found: str) -> None:
    with pytest.raises(AssertionError, match=found):
        course.arrives(*damage(course.first, course.second))
        course.end()


def test_an_error_is_no_message() -> None:
    course = Course(ToSip)
    with pytest.raises(AssertionError, match="a stanza"):
        course.setting.on_stanzas(b"<message type='error' from='a' to='b'/>")


def test_an_answer_that_comes_twice() -> None:
    course = Course(ToXmpp)
    course.setting.on_response(course.link, sip_answer(course.written[0]))
    with pytest.raises(AssertionError, match="answered twice"):
        course.setting.on_response(course.link, sip_answer(course.written[0]))


def test_an_answer_that_is_a_refusal() -> None:
    course = Course(ToXmpp)
    with pytest.raises(AssertionError, match="503"):
        course.setting.on_response(course.link, sip_answer(course.written[0]).replace(b"200 OK", b"503 Busy"))


def test_no_answer() -> None:
    course = Course(ToXmpp)
    course.arrives(course.first, course.second)
    with pytest.raises(AssertionError, match="0 answers to 2 messages"):
        course.course.close()


def test_something_beside_the_messages() -> None:
    with pytest.raises(AssertionError):
        list(said(b"<presence from='a' to='b'/>"))
    with pytest.raises(AssertionError):
        list(said(b"<message from='a' to='b'><body>x</body></message><iq/>"))


def test_a_message_has_the_size_that_is_said() -> None:
    assert [len(data) for data in Course(ToXmpp).written] == [SIZE, SIZE]


def test_links_in_turn_and_each_sender_on_one_of_them() -> None:
    course: Any = ToXmpp(setting(links=2))
    for number in range(200):
        course.send(number)
    senders = [{stanza(data).split(b"'")[1] for data in wire.written} for wire, _ in course.places]
    assert senders[0].isdisjoint(senders[1])
