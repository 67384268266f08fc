"""What a stream sends: one write a turn, a ping behind each batch, and an answer for every token."""

from itertools import count

import pytest
from twisted.internet.task import Clock

from edge.domains import Domain
from edge.identifiers import Identifiers
from edge.net.outbox import KEEP_ALIVE, STALLED, WAITING_BYTES, Outbox
from edge.net.turn import Turn
from edge.xmpp.acknowledgement import LIMIT, MIN_INTERVAL
from edge.xmpp.management import REPEAT


class Setting:
    """An outbox that is open, and all that it wrote."""

    def __init__(self, *, managed: bool = False, trusting: bool = False) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.trusted: list[object] = []
        self.turn = Turn(self.clock)
        self.writes: list[bytes] = []
        self.pings: list[str] = []
        tokens = count(1)
        ids = Identifiers(lambda: f"t{next(tokens)}", "node")
        trust = self.trusted.extend if trusting else None
        self.outbox = Outbox(self.clock, self.turn, ids, self.pings.append, trust)
        self.outbox.open(self, Domain("sip.example"), Domain("xn--mnchen-3ya.example"), managed)

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
    assert setting.outbox.written == 5


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


def test_outbox_at_rest_is_let_alone_until_something_is_to_be_said_or_its_stream_is_no_longer_wanted(
    setting: Setting,
) -> None:
    now = setting.clock.seconds()
    setting.outbox.rest(now, now + 600)
    assert setting.outbox.calm_until == now + KEEP_ALIVE and setting.writes == []
    setting.clock.advance(KEEP_ALIVE)
    setting.outbox.rest(now + KEEP_ALIVE, now + 100)
    assert setting.outbox.calm_until == now + 100 and setting.writes == [b" "]


def test_outbox_is_looked_at_all_the_time_while_an_answer_is_owed(setting: Setting) -> None:
    now = setting.clock.seconds()
    setting.outbox.rest(now, now + 600)
    setting.send(1)
    assert setting.outbox.calm_until <= now, "as soon as something is asked"
    setting.outbox.rest(now, now + 600)
    assert setting.outbox.calm_until <= now
    assert setting.outbox.answered(setting.pings[0]) == [1]
    setting.send(2)  # about which nothing may be asked yet
    setting.outbox.rest(now, now + 600)
    assert setting.outbox.calm_until <= now
    setting.clock.advance(1)
    assert setting.outbox.answered(setting.pings[1]) == [2]
    setting.outbox.rest(now + 1, now + 600)
    assert setting.outbox.calm_until == setting.outbox.wrote + KEEP_ALIVE


def test_outbox_is_looked_at_all_the_time_while_nobody_reads(setting: Setting) -> None:
    now = setting.clock.seconds()
    setting.outbox.rest(now, now + 600)
    setting.outbox.pause()
    assert setting.outbox.calm_until <= now
    setting.outbox.rest(now, now + 600)
    assert setting.outbox.calm_until <= now


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


# --- with stream management -----------------------------------------------------------------------------

ASK = b"<r xmlns='urn:xmpp:sm:3'/>"


@pytest.fixture
def managed() -> Setting:
    return Setting(managed=True)


def believed(setting: Setting, h: int) -> list[object]:
    """What an acknowledgement proves that is believed at once."""
    assert setting.outbox.counted(h)
    setting.outbox.hold()
    return setting.outbox.answered("")


def test_managed_outbox_writes_a_batch_at_once_with_one_request_behind(managed: Setting) -> None:
    managed.send(1, None, 2)
    assert managed.writes == [b"<message/>" * 3 + ASK] and managed.pings == []
    managed.send(3)
    assert managed.writes[1:] == [b"<message/>"], "one question at a time"
    managed.clock.advance(1)
    assert believed(managed, 3) == [1, 2]
    managed.turn.flush()
    assert managed.writes[2:] == [ASK]
    assert believed(managed, 4) == [3]
    managed.clock.advance(1)
    assert managed.writes[3:] == [] and not managed.clock.getDelayedCalls()


def test_managed_outbox_says_nothing_until_it_is_told_to_believe(managed: Setting) -> None:
    managed.send(1)
    assert managed.outbox.counted(1) and managed.outbox.proved
    assert managed.outbox.answered("") == []
    managed.outbox.hold()
    assert managed.outbox.answered("") == [1] and not managed.outbox.proved


def test_managed_outbox_asks_a_little_later_when_the_answer_was_quick(managed: Setting) -> None:
    managed.send(1)
    assert believed(managed, 1) == [1]
    managed.send(2)
    assert managed.writes[-1] == b"<message/>"
    managed.clock.advance(MIN_INTERVAL * 1.01)
    assert managed.writes[-1] == ASK


def test_managed_outbox_asks_seldom_what_the_peer_cannot_say_yet(managed: Setting) -> None:
    managed.send(1)
    managed.outbox.counted(0)
    managed.turn.flush()
    managed.clock.advance(REPEAT / 2)
    assert len(managed.writes) == 1
    managed.send(2)
    assert managed.writes[1:] == [b"<message/>" + ASK], "but at once what is new"
    managed.outbox.counted(0)
    managed.turn.flush()
    managed.clock.advance(REPEAT * 1.01)
    assert managed.writes[2:] == [ASK]


def test_managed_outbox_does_not_let_a_late_question_delay_a_new_one(managed: Setting) -> None:
    managed.send(1)
    managed.outbox.counted(0)
    managed.turn.flush()  # it would ask again after a second
    managed.send(2)
    assert managed.writes[-1] == b"<message/>", "a question has just been asked"
    managed.clock.advance(MIN_INTERVAL * 1.01)
    assert managed.writes[-1] == ASK


def test_managed_outbox_notices_a_count_of_what_was_never_sent(managed: Setting) -> None:
    managed.send(1)
    assert not managed.outbox.counted(2) and managed.outbox.count == 1
    assert managed.outbox.drain() == [1]


def test_managed_outbox_counts_a_knock_like_any_stanza(managed: Setting) -> None:
    managed.send(1)
    ping = managed.outbox.knock()
    managed.turn.flush()
    assert managed.pings == [ping] and f"id='{ping}'".encode() in managed.writes[-1]
    assert managed.outbox.count == 2 and managed.outbox.counted(2)


def test_managed_outbox_is_overdue_when_the_answer_does_not_come(managed: Setting) -> None:
    managed.send(1)
    now = managed.clock.seconds()
    assert not managed.outbox.overdue(now + LIMIT - 1) and managed.outbox.overdue(now + LIMIT)


def test_unmanaged_outbox_has_nothing_that_could_be_counted(setting: Setting) -> None:
    setting.send(1)
    assert not setting.outbox.counted(0) and not setting.outbox.proved and setting.outbox.count == 0


# --- where what is written counts as taken --------------------------------------------------------------


def test_trusting_outbox_asks_nothing_and_tells_what_it_has_written() -> None:
    trusting = Setting(trusting=True)
    trusting.send(1, None, 2)
    assert trusting.writes == [b"<message/>" * 3]
    assert trusting.trusted == [1, 2] and trusting.outbox.drain() == []
    assert not trusting.outbox.overdue(1e9) and not trusting.clock.getDelayedCalls()


def test_trusting_outbox_vouches_for_nothing_that_the_peer_does_not_read() -> None:
    trusting = Setting(trusting=True)
    trusting.outbox.pause()
    trusting.send(1)
    assert trusting.trusted == []
    trusting.outbox.resume()
    trusting.outbox.pause()
    trusting.send(2)
    assert trusting.trusted == [1] and trusting.outbox.drain() == [2]
