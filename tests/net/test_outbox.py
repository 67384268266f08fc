"""What a stream sends: one write a turn, a ping behind each batch, and an answer for every token."""

from itertools import count

import pytest
from twisted.internet.task import Clock

from edge.domains import Domain
from edge.identifiers import Identifiers
from edge.net.outbox import STALLED, WAITING_BYTES, Outbox
from edge.net.turn import Turn
from edge.xmpp.acknowledgement import LIMIT, MIN_INTERVAL


class Setting:
    """An outbox that is open, and all that it wrote."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.turn = Turn(self.clock)
        self.writes: list[bytes] = []
        self.pings: list[str] = []
        tokens = count(1)
        ids = Identifiers(lambda: f"t{next(tokens)}", "node")
        self.outbox = Outbox(self.clock, self.turn, ids, self.pings.append)
        self.outbox.open(self, Domain("sip.example"), Domain("xn--mnchen-3ya.example"))

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def send(self, *tokens: object) -> None:
        self.turn.begin()
        for token in tokens:
            self.outbox.send(b"<message/>", token)
        self.turn.flush()


@pytest.fixture
def setting() -> Setting:
    return Setting()


def test_outbox_writes_a_batch_at_once_with_one_ping_behind(setting: Setting) -> None:
    setting.send(1, 2, None, 3)
    (data,) = setting.writes
    (ping,) = setting.pings
    question = f"<iq from='sip.example' to='münchen.example' id='{ping}' type='get'><ping xmlns='urn:xmpp:ping'/></iq>"
    assert data == b"<message/>" * 4 + question.encode()
    assert setting.outbox.answered(ping) == [1, 2, 3]
    assert setting.outbox.drain() == []


def test_outbox_asks_nothing_when_nobody_waits(setting: Setting) -> None:
    setting.send(None, None)
    assert setting.writes == [b"<message/>" * 2] and setting.pings == []


def test_outbox_asks_again_behind_what_was_written_meanwhile(setting: Setting) -> None:
    setting.send(1)
    setting.send(2)
    assert len(setting.pings) == 1, "one question at a time"
    setting.clock.advance(1)
    assert setting.outbox.answered(setting.pings[0]) == [1]
    setting.turn.flush()
    assert len(setting.pings) == 2 and setting.writes[-1].startswith(b"<iq")
    assert setting.outbox.answered(setting.pings[1]) == [2]


def test_outbox_asks_a_little_later_when_the_answer_was_quick(setting: Setting) -> None:
    setting.send(1)
    assert setting.outbox.answered(setting.pings[0]) == [1]
    setting.send(2)
    assert len(setting.pings) == 1
    setting.clock.advance(MIN_INTERVAL * 1.01)
    assert len(setting.pings) == 2
    assert setting.outbox.answered(setting.pings[1]) == [2]
    assert not setting.clock.getDelayedCalls()


def test_outbox_takes_no_foreign_answer(setting: Setting) -> None:
    setting.send(1)
    assert setting.outbox.answered("other") == [] and setting.outbox.answered("") == []
    assert setting.outbox.drain() == [1]


def test_outbox_is_overdue_when_the_answer_does_not_come(setting: Setting) -> None:
    setting.send(1)
    now = setting.clock.seconds()
    assert not setting.outbox.overdue(now + LIMIT - 1)
    assert setting.outbox.overdue(now + LIMIT)


def test_outbox_holds_everything_while_it_is_paused(setting: Setting) -> None:
    setting.outbox.pause()
    setting.send(1, 2)
    setting.outbox.keep_alive(setting.clock.seconds())
    assert setting.writes == [] and setting.pings == []
    setting.outbox.resume()
    assert len(setting.writes) == 1 and setting.writes[0].startswith(b"<message/><message/><iq")


def test_outbox_is_stalled_by_time_and_by_size(setting: Setting) -> None:
    now = setting.clock.seconds()
    assert not setting.outbox.stalled(now + STALLED)
    setting.outbox.pause()
    assert not setting.outbox.stalled(now + STALLED - 1)
    assert setting.outbox.stalled(now + STALLED)
    setting.outbox.send(b"x" * WAITING_BYTES, None)
    assert not setting.outbox.stalled(now)
    setting.outbox.send(b"x", None)
    assert setting.outbox.stalled(now)
    setting.outbox.resume()
    assert not setting.outbox.stalled(now + STALLED)


def test_outbox_knows_stanzas_from_signs_of_life(setting: Setting) -> None:
    before = setting.outbox.used
    setting.clock.advance(60)
    setting.outbox.keep_alive(setting.clock.seconds())
    assert setting.writes == [b" "]
    assert (setting.outbox.used, setting.outbox.wrote) == (before, before + 60)


def test_outbox_writes_nothing_once_it_is_closed(setting: Setting) -> None:
    setting.send(1)
    setting.turn.begin()
    setting.outbox.answered(setting.pings[0])
    setting.send(2)
    assert setting.clock.getDelayedCalls(), "it would ask a little later"
    setting.outbox.close()
    assert not setting.clock.getDelayedCalls()
    before = list(setting.writes)
    setting.outbox.flush()
    assert setting.writes == before and setting.outbox.drain() == [2]
