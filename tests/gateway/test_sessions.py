"""Whether a contact is logged in: what his server says, what it does not say, and what that is worth."""

import pytest

from edge.gateway import sessions
from edge.gateway.pairs import Pair
from edge.gateway.presentities import Snapshot
from edge.gateway.sessions import ANSWER_SECONDS, KNOWN_SECONDS, QUIET_SECONDS, REFUSED_SECONDS, Sessions
from edge.xmpp.authorization import State
from edge.xmpp.jid import JID
from tests.gateway.bench import Bench, presence, sent_stanzas, spoken

HERE, GONE = "", "unavailable"


class Owner:
    """Whose `expire` a question that nobody answers is for."""


class Asking:
    """Sessions of their own on a bench, and a pair of Romeo and Juliet."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.node = self.bench.node
        self.sessions = Sessions(self.node, Owner())
        self.pair = self.pair_of("romeo@sip.example")

    def pair_of(self, user: str, contact: str = "juliet@xmpp.example") -> Pair:
        sip, _, xmpp, _ = self.node.directory.systems
        return Pair(self.node, JID.parse(user), JID.parse(contact), sip, xmpp)

    def of(self, pair: Pair | None = None, active_at: float | None = None) -> bool | None:
        return self.sessions.of(pair or self.pair, self.node.wheel.now if active_at is None else active_at)

    def says(self, type: str, from_: str = "juliet@xmpp.example/balcony") -> list[Pair]:
        return self.sessions.answered(presence(type, to="sip.example", from_=from_))

    def passes(self, seconds: float) -> list[list[Pair]]:
        """Time passes; the pairs whose question nobody answered."""
        return [self.sessions.unanswered(item[1]) for item in self.node.wheel.advance(self.node.wheel.now + seconds)
                if isinstance(item, tuple)]


@pytest.fixture
def asking() -> Asking:
    return Asking()


def test_question_goes_from_our_own_address(asking: Asking) -> None:
    """RFC 8048 §8.1."""
    assert asking.of() is None
    (probe,) = spoken(asking.sessions.ask(asking.pair, 60))
    assert (str(probe.from_), str(probe.to), probe.type) == ("sip.example", "juliet@xmpp.example", "probe")


def test_pairs_of_one_contact_share_a_question(asking: Asking) -> None:
    other = asking.pair_of("tybalt@sip.example")
    assert len(sent_stanzas(asking.sessions.ask(asking.pair, 60))) == 1
    assert asking.sessions.ask(other, 60) == []
    assert asking.says(HERE) == [asking.pair, other]
    assert asking.says(HERE) == []  # what nobody asked
    assert asking.passes(60) == []


@pytest.mark.parametrize(("type", "known"), [(HERE, True), (GONE, False)])
def test_answer_counts_for_a_while(asking: Asking, type: str, known: bool) -> None:
    asking.sessions.ask(asking.pair, 60)
    asking.says(type)
    assert asking.of() is asking.of(asking.pair_of("tybalt@sip.example")) is known
    asking.passes(KNOWN_SECONDS)
    assert asking.of() is None


@pytest.mark.parametrize("type", ["unsubscribed", "error"])
def test_server_that_refuses_strangers_is_not_asked_for_a_day(asking: Asking, type: str) -> None:
    """RFC 6121 §4.3.2; meanwhile the last sign of life counts."""
    asking.sessions.ask(asking.pair, 60)
    assert asking.says(type, "juliet@xmpp.example") == [asking.pair]
    nurse = asking.pair_of("romeo@sip.example", "nurse@xmpp.example")
    assert asking.of() is asking.of(nurse) is True
    assert asking.of(active_at=asking.node.wheel.now - QUIET_SECONDS) is False
    assert asking.of(asking.pair_of("romeo@sip.example", "paris@second.example")) is None
    asking.passes(REFUSED_SECONDS)
    assert asking.of() is None


def test_silence_is_as_a_refusal(asking: Asking) -> None:
    asking.sessions.ask(asking.pair, 60)
    assert asking.passes(ANSWER_SECONDS - 0.25) == []
    assert asking.passes(0.5) == [[asking.pair]]
    assert asking.of() is True


@pytest.mark.parametrize("left", [4.0, 0.0, -1.0])
def test_answer_is_waited_for_no_longer_than_half_of_what_is_left(asking: Asking, left: float) -> None:
    asking.sessions.ask(asking.pair, left)
    assert asking.passes(left / 2 + 0.25 if left > 0 else 0.25) == [[asking.pair]]


def test_pair_that_joins_in_a_hurry_makes_the_question_shorter(asking: Asking) -> None:
    hasty = asking.pair_of("tybalt@sip.example")
    asking.sessions.ask(asking.pair, 60)
    asking.sessions.ask(hasty, 4)
    asking.sessions.ask(asking.pair_of("mercutio@sip.example"), 60)
    (pairs,) = asking.passes(2.25)
    assert pairs[:2] == [asking.pair, hasty] and len(pairs) == 3
    assert asking.passes(60) == []


@pytest.mark.parametrize(("states", "alive"), [({"balcony": presence()}, True), ({}, False)])
def test_who_shows_his_presence_needs_no_question(
    asking: Asking, states: dict[str, object], alive: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class View:
        probe = None
        snapshot = Snapshot(states, 0.0)  # type: ignore[arg-type]

    asking.pair.view = View()  # type: ignore[assignment]
    assert asking.of() is None  # it may be what was shown before the permission was taken back
    asking.pair.state = State.BOTH
    assert asking.of() is alive


def test_that_nobody_can_know_is_no_logout(asking: Asking) -> None:
    """The server could not be heard: whoever takes that for a logout ends the subscriptions of all its users."""

    class View:
        probe = None
        snapshot = Snapshot({}, 0.0, "Presence is not known", known=False)

    asking.pair.view = View()  # type: ignore[assignment]
    asking.pair.state = State.BOTH
    assert asking.of() is None


@pytest.mark.parametrize(("states", "alive"), [({"balcony": presence()}, True), ({}, None)])
def test_answer_on_its_way_counts_for_more_than_what_was_shown(
    asking: Asking, states: dict[str, object], alive: bool | None
) -> None:
    """Nobody seemed there during an outage; it is over, and the probe is out."""

    class Probe:
        pass

    class View:
        snapshot = Snapshot({}, 0.0, "there is no connection")
        probe = Probe()

    View.probe.states = states  # type: ignore[attr-defined]
    asking.pair.view = View()  # type: ignore[assignment]
    asking.pair.state = State.BOTH
    assert asking.of() is alive


def test_memory_is_bounded(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MAX_KNOWN", 2)
    monkeypatch.setattr(sessions, "MAX_REFUSING", 2)
    for n in range(9):
        for type, contact in ((HERE, f"c{n}@xmpp.example"), ("unsubscribed", f"c@x{n}.example")):
            asking.sessions.ask(asking.pair_of("romeo@sip.example", contact), 60)
            asking.says(type, contact)
    kept = asking.sessions
    assert len(kept._known) <= 2 and len(kept._refusing) <= 2 and not kept._waiting
