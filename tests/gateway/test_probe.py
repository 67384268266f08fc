"""The answer to a probe: what belongs to it, and how long it is waited for."""

import pytest

from edge.gateway import probe
from edge.gateway.effects import Effect
from edge.gateway.probe import PROBE_SECONDS, SETTLE_SECONDS, Probe
from edge.timers import TICK, Wheel
from tests.gateway.bench import presence


class Asked:
    """Stands for the notifiers and for the view: told when the answer is complete."""

    def __init__(self) -> None:
        self.done = 0
        self.wheel: Wheel[object] = Wheel(1000.0)
        self.probe = Probe(self, self, self.wheel)  # type: ignore[arg-type]

    def probed(self, view: object) -> list[Effect]:
        assert view is self
        self.done += 1
        return []

    def hears(self, resource: str = "a", type: str = "", **fields: str) -> None:
        at = f"juliet@xmpp.example/{resource}" if resource else "juliet@xmpp.example"
        self.probe.take(presence(type, from_=at, **fields), self.wheel)

    def passes(self, seconds: float) -> int:
        """How often the answer has become complete by then."""
        for item in self.wheel.advance(self.wheel.now + seconds + TICK):
            found, timer = item  # type: ignore[misc]
            assert found.expire(timer) == []
        return self.done


@pytest.fixture
def asked() -> Asked:
    return Asked()


def test_silence_is_an_answer_after_a_while(asked: Asked) -> None:
    assert (asked.passes(PROBE_SECONDS - 1), asked.passes(1)) == (0, 1)
    assert asked.probe.states == {} and not asked.probe.heard


def test_first_stanza_says_that_the_others_are_not_far(asked: Asked) -> None:
    asked.hears("a")
    asked.hears("b")
    assert asked.passes(SETTLE_SECONDS) == 1
    assert set(asked.probe.states) == {"a", "b"}
    assert asked.passes(PROBE_SECONDS) == 1


def test_resource_that_changes_all_the_time_does_not_put_off_the_end(asked: Asked) -> None:
    for _ in range(3):
        asked.hears("a", show="away")
        asked.hears("a", "unavailable")
        asked.passes(SETTLE_SECONDS / 2)
    assert asked.done == 1


def test_resource_that_goes_meanwhile_is_not_there(asked: Asked) -> None:
    asked.hears("a")
    asked.hears("b")
    asked.hears("a", "unavailable")
    assert set(asked.probe.states) == {"b"}


def test_unavailable_from_the_bare_address_is_nobody_and_may_say_why(asked: Asked) -> None:
    asked.hears("a")
    asked.hears("", "unavailable", status="Asleep")
    assert (asked.probe.states, asked.probe.note) == ({}, "Asleep")


def test_resource_past_the_limit_is_not_remembered_but_a_known_one_may_change(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "MAX_RESOURCES", 1)
    asked.hears("a")
    asked.hears("b")
    asked.hears("a", show="xa")
    assert {resource: stanza.show for resource, stanza in asked.probe.states.items()} == {"a": "xa"}


def test_answer_that_nobody_waits_for_leaves_no_timer(asked: Asked) -> None:
    asked.probe.stop()
    assert len(asked.wheel) == 0
    again = Asked()
    again.hears("a")
    again.probe.stop()
    assert len(again.wheel) == 0
