"""Conversations with a Microsoft edge that go crosswise: both invite at once, or it restarts with texts waiting."""

import pytest

from tests.interop.lync_world import Couple
from tests.interop.process import wait_until
from tests.interop.test_lync import LONG, contoso, they

__all__ = ["contoso", "they"]

pytestmark = pytest.mark.slow


def test_only_the_message_under_way_is_given_back_when_the_edge_restarts(they: Couple) -> None:
    they.meet()
    they.alice.habits.takes_after = 0.05
    texts = [f"line {number}" for number in range(20)]
    they.juliet_writes(*texts)
    they.alice.reads(they.for_alice, *texts[:5])
    they.lync.restart()
    window = they.alice.window(they.for_alice)
    wait_until(lambda: {*window.lines[1:], *they.juliet.given_back()} == set(texts), "the fate of each text", LONG)
    failed = they.juliet.given_back()
    assert len(failed) <= 1, failed
    shown = [text for text in texts if text not in failed]
    assert window.lines[1:] == shown, window.lines


def test_invitations_that_cross_and_are_both_accepted_lose_nothing(they: Couple) -> None:
    they.alice.habits.refuses_crossing = False
    they.lync.latency = 0.1  # so that each INVITE is on its way when the other one leaves
    for turn in range(3):
        mine, hers = [[f"{who} {turn} {number}" for number in range(3)] for who in ("mine", "hers")]
        they.alice.write(they.for_alice, *mine)
        they.juliet_writes(*hers)
        they.juliet_reads(*mine)
        they.alice.reads(they.for_alice, *hers)
        wait_until(lambda: not they.alice.window(they.for_alice).outbox, "all sent", LONG)
        they.alice.closes(they.for_alice)
    they.juliet_reads_no_more()
    they.alice.reads_no_more(they.for_alice)
    assert they.alice.window(they.for_alice).undelivered == []


def test_invitation_that_is_slow_to_cross_another_loses_nothing(they: Couple) -> None:
    they.alice.habits.invites_after = 0.5
    they.alice.write(they.for_alice, "mine")
    they.juliet_writes("hers")
    they.alice.reads(they.for_alice, "hers")
    they.juliet_reads("mine")
